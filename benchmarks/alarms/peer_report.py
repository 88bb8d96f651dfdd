"""The tables of other tools beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.alarms.report import table

Row = Mapping[str, Any]


def null_table(rows: Sequence[Row]) -> str:
    """Return what a week without drift costs on defaults, cell by cell; what is tuned costs what it was tuned to."""
    heads = (
        "rows a day", "jitter", "tool", "model-weeks", "column alerts a week", "days with some", "alerts a week", "× our column alerts, at least",
    )  # fmt: skip
    return table(
        heads,
        [
            (
                f"{row['rows']:,}",
                f"{row['jitter']:g}",
                row["tool"],
                f"{row['model_weeks']:,.0f}",
                _figure(row["column_alerts_a_week"]),
                f"{row['days_with_some']:.1%}" if row["days_with_some"] < 0.1 else f"{row['days_with_some']:.0%}",
                _figure(row["alerts_a_week"]),
                _times(row),
            )
            for row in sorted(rows, key=lambda row: (row["rows"], row["jitter"]))
            if row["setting"] == "default"
        ],
    )


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}" if value >= 1 else f"{value:.3f}" if value else "0"


def _times(row: Row) -> str:
    if "times_ours" not in row:
        return f"1 (at most {row['columns_at_most']:.3f} a week)"
    times = row["times_ours"]
    return "-" if not times else f"{times:,.0f}" if times >= 1 else f"{times:.1g}"


def delay_table(rows: Sequence[Row]) -> str:
    """Return median days to the alert, without jitter and with it, a column for each drift."""
    drifts = list(dict.fromkeys(row["drift"] for row in sorted(rows, key=lambda row: _thousands(row["drift"]))))
    tools = list(dict.fromkeys((row["tool"], row["setting"]) for row in rows))
    held = {(row["tool"], row["setting"], row["drift"], row["jitter"]): row for row in rows}
    jitters = sorted({row["jitter"] for row in rows})
    lines = []
    for tool, setting in sorted(tools, key=lambda pair: pair[1] != "default"):
        cells = [" / ".join(_days(held.get((tool, setting, drift, jitter))) for jitter in jitters) for drift in drifts]
        lines.append((tool, setting, *cells))
    return table(("tool", "setting", *drifts), lines)


def _thousands(drift: str) -> int:
    return int(drift.rsplit(", ", 1)[1].removesuffix(" rows").replace(",", ""))


def _days(row: Row | None) -> str:
    if row is None:
        return "-"
    days = "never" if row["days"] is None else f"{row['days']:g}"
    return days if row["found"] == 1 else f"{days} ({row['found']:.0%})"


def limits_words(rows: Sequence[Row]) -> list[str]:
    """Return the limits that tuning found, a line a cell and tool."""
    return [
        f"{row['tool']}, {row['rows']:,} rows, jitter {row['jitter']:g}: {row['setting'].split(': ', 1)[1]}"
        for row in rows
        if row["setting"].startswith("tuned: ")
    ]
