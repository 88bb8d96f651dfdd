"""The findings as Markdown: what is met and what is not, in the same voice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def null_table(rows: Sequence[Row]) -> str:
    """Return the null table."""
    heads = ("nothing drifts", "model-weeks", "alerts", "a model-week", "95 % at most", "goal 0.03")
    return table(
        heads,
        [
            (
                row["cell"],
                f"{row['model_weeks']:,}",
                _kinds(row),
                f"{row['a_week']:.3f}",
                f"{row['upper']:.3f}",
                {True: "met", False: "**missed**", None: "too few weeks"}[row["met"]],
            )
            for row in rows
        ],
    )


def _kinds(row: Row) -> str:
    kinds = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in sorted(row["kinds"].items()))
    again = f", {row['reopened']} came back" if row.get("reopened") else ""
    return f"{row['alerts']} ({kinds}{again})" if row["alerts"] else "0"


def delay_table(rows: Sequence[Row]) -> str:
    """Return the delay table."""
    heads = (
        "one column changes",
        "rows a day",
        "columns",
        "days, no jitter",
        "days, jitter 0.05",
        "found in 28 days",
        "goal",
    )
    return table(
        heads,
        [
            (
                row["drift"],
                f"{row['rows']:,}",
                str(row["columns"]),
                _days(row, "plain"),
                _days(row, "jitter"),
                f"{row['plain_found']:.0%} / {row['jitter_found']:.0%}",
                "-" if row["plain_goal"] is None else f"{row['plain_goal']:g} / {row['jitter_goal']:g}",
            )
            for row in rows
        ],
    )


def _days(row: Row, word: str) -> str:
    days = "never" if row[f"{word}_days"] is None else f"{row[f'{word}_days']:g}"
    return f"**{days}**" if row[f"{word}_met"] is False else days


def simple_table(rows: Sequence[Row]) -> str:
    """Return a table of whatever the rows hold, in the order of the first row's keys."""
    if not rows:
        return "Nothing was run."
    heads = [head for head in rows[0] if not isinstance(rows[0][head], dict | list)]
    return table(
        [head.replace("_", " ") for head in heads], [[_plain(row.get(head)) for head in heads] for row in rows]
    )


def _plain(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _peers(rows: Sequence[Row]) -> str:
    from benchmarks.alarms.peer_report import limits_words, null_table

    return "\n\n".join([null_table(rows), "Limits:", "\n".join(f"- {line}" for line in limits_words(rows))])


def _peer_delays(rows: Sequence[Row]) -> str:
    from benchmarks.alarms.peer_report import delay_table

    return delay_table(rows)


TABLES: dict[str, tuple[str, Callable[[Sequence[Row]], str]]] = {
    "null": ("False alerts when nothing drifts", null_table),
    "delay": ("Days from a change to its alert, median over models", delay_table),
    "wide": ("The same among 200 columns", delay_table),
    "agree": ("A workspace fed with the rows, against the profiles", simple_table),
    "real": ("Real tables, shuffled: nothing drifts", null_table),
    "flights": ("A year of flights in its order", simple_table),
    "streams": ("Streams with a known change point", simple_table),
    "matters": ("Harmful against harmless changes", simple_table),
    "peers": ("Other tools when nothing drifts", _peers),
    "peer_delays": ("Other tools: median days to the alert, without and with jitter", _peer_delays),
}


def markdown(found: Mapping[str, Any]) -> str:
    """Return the whole document."""
    parts = [f"`{found['command']}`, {found['date']}, seeds `{found['seeds']}`."]
    for name, (title, make) in TABLES.items():
        if name in found["parts"]:
            parts += [f"### {title}", make(found["parts"][name])]
    parts += [f"- {note}" for note in found["notes"]]
    return "\n\n".join(parts) + "\n"
