"""The drift table of one window: a row a column, the worst first, searched, filtered and sorted by the address; a click opens a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text, theme
from dashboard.components import health, numbers, paging, svg
from service.views import DriftRow

PAGE_SIZE = 15
SORTS: dict[str, str] = {
    "trouble": "Worst first",
    "ratio": "Value / threshold",
    "name": "Name",
    "moved": "Moved most lately",
}
_ORDER = list(health.DRIFT)
_IN_LABEL_UNITS = ("mae", "rmse", "bias")
#: What a narrow page has room for comes first.
_FULL = ("verdict", "column", "histogram", "value", "threshold", "bullet", "trend", "statistic", "kind", "type")
_BESIDE = ("verdict", "column", "bullet", "value", "threshold", "histogram", "trend")  # what is left of a narrow table


def by_trouble(rows: Sequence[DriftRow]) -> list[DriftRow]:
    """Return rows with the worst verdict first, then those furthest beyond their threshold."""
    return sorted(rows, key=lambda row: (_ORDER.index(row["state"]), -_reach(row)))


def arranged(
    rows: Sequence[DriftRow], *, verdict: str = "all", kind: str = "all", find: str = "", sort: str = "trouble"
) -> list[DriftRow]:
    """Return the rows that match, in the order asked for.

    ``verdict``: a state or "all"; ``kind``: the type of a column (numeric, …), what it is (feature, context, …) or "all"; ``find``: a
    part of its name, in any case; ``sort``: a key of :data:`SORTS`.
    """
    kept = [
        row
        for row in by_trouble(rows)
        if verdict in ("all", row["state"])
        and kind in ("all", row["type"], row["kind"])
        and find.casefold() in row["column"].casefold()
    ]
    keys: dict[str, Callable[[DriftRow], Any]] = {
        "ratio": lambda row: -_reach(row),
        "name": lambda row: row["column"].casefold(),
        "moved": lambda row: -_lately(row),
    }
    return sorted(kept, key=keys[sort]) if sort in keys else kept


def _reach(row: DriftRow) -> float:
    if row["value"] is None or not row["threshold"]:
        return 0.0
    return abs(row["value"] / row["threshold"])


def _lately(row: DriftRow) -> float:
    """Return how far the value rose above its median before, in thresholds."""
    known = sorted(value for value in row["trend"][:-1] if value is not None)
    if not known or row["value"] is None or not row["threshold"]:
        return 0.0
    return (row["value"] - known[len(known) // 2]) / abs(row["threshold"])


def filters(rows: Sequence[DriftRow]) -> list[DriftRow]:
    """Draw verdicts with their counts, types, order and search, all of them in the address; return the rows to be shown."""
    counts = Counter(row["state"] for row in rows)
    verdicts = {"all": f"All {len(rows)}"}
    verdicts |= {key: f"{words} {counts[key]}" for key, (words, _) in health.DRIFT.items() if counts[key]}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="drift_filters"):
        verdict = state.choice("Verdict", "verdict", verdicts, "all", resets=("page",))
        kind = state.select("Type of column", "type", _kinds(rows), "all", width=170)
        sort = state.select("Order", "sort", SORTS, "trouble", width=190)
        st.space("stretch")
        find = state.search("Find a column", "find")
    return arranged(rows, verdict=verdict, kind=kind, find=find, sort=sort)


def _kinds(rows: Sequence[DriftRow]) -> Mapping[str, str]:
    types = dict.fromkeys(row["type"] for row in rows if row["type"])
    kinds = dict.fromkeys(row["kind"] for row in rows)
    return {"all": "All types"} | {name: text.clean(name) for name in [*types, *kinds]}


def draw(rows: Sequence[DriftRow], *, key: str, beside: bool = False) -> None:
    """Draw one page of the table; choosing a cell opens its row (``open`` in the address). ``beside``: only part of the width is there."""
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    number = paging.number("page", pages)
    shown = rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    widget = f"{key}_{number}"

    def chosen() -> None:
        cells = st.session_state[widget]["selection"].get("cells", [])
        state.set_params(open=shown[cells[0][0]]["column"] if cells and cells[0][0] < len(shown) else None)

    palette = theme.palette()
    columns: Any = _columns(shown)
    cells = [_cells(row, palette) for row in shown]
    st.dataframe(
        pd.DataFrame(cells if _one_statistic(shown) else numbers.each_its_own(cells, "value", "threshold")),
        hide_index=True,
        height="content",
        row_height=40,
        placeholder=text.MISSING,
        on_select=chosen,
        selection_mode="single-cell",
        column_config=columns,
        column_order=_BESIDE if beside else _FULL,
        key=widget,
        alt="Drift by column, worst first",
    )
    paging.draw("page", number, pages, f"{len(rows):,} columns")


def _cells(row: DriftRow, palette: theme.Palette) -> dict[str, object]:
    known = row["state"] not in ("insufficient", "no_data")
    bars = row["histogram"]
    return {
        "verdict": [health.words(health.DRIFT, row["state"])],
        "column": text.clean(row["column"], 120),
        "kind": row["kind"],
        "type": row["type"] or None,
        "histogram": svg.histogram(bars["reference"], bars["current"], palette) if known else None,
        "statistic": _statistic(row),
        "value": row["value"],
        "threshold": row["threshold"],
        "bullet": svg.bullet(row["value"], row["threshold"], palette, state=row["state"]),
        "trend": svg.sparkline(
            row["trend"], palette, lower=0.0, upper=row["threshold"], alarm=row["state"] == "harmful"
        ),
    }


def _statistic(row: DriftRow) -> str:
    unit = f" {row['unit']}" if row["unit"] and row["check"] in _IN_LABEL_UNITS else ""
    return text.metric_name(row["check"]) + unit


def _one_statistic(shown: Sequence[DriftRow]) -> bool:
    return len({_statistic(row) for row in shown if row["value"] is not None}) <= 1


def _columns(shown: Sequence[DriftRow]) -> dict[str, object]:
    trend = max((len(row["trend"]) for row in shown), default=0)
    values = [number for row in shown for number in (row["value"], row["threshold"])]
    one = _one_statistic(shown)
    return {
        "verdict": health.column("Verdict", health.DRIFT, pinned=True),
        "column": column_config.TextColumn("Column", width=150),
        "kind": column_config.TextColumn("Kind", width=80),
        "type": column_config.TextColumn("Type", width=90),
        "histogram": column_config.ImageColumn("Reference (grey), current", width=170),
        "statistic": column_config.TextColumn("Statistic", width=130),
        "value": numbers.column("Value", values, width=75) if one else numbers.mixed("Value", width=75),
        "threshold": numbers.column("Threshold", values, width=80) if one else numbers.mixed("Threshold", width=80),
        "bullet": column_config.ImageColumn(
            "Value / threshold", width=170, help="The tick is the threshold; the arrow says more than twice"
        ),
        "trend": column_config.ImageColumn(f"{trend} windows", width=170, help="Grey: up to the threshold"),
    }
