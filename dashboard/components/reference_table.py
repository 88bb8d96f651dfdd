"""References of a model as a table, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import text
from dashboard.components import export, health, numbers
from service.data_views import ReferenceDiffRow, ReferenceView

PAGE_SIZE = 25
#: What happened to a column between two references -> (words with their shape, colour).
CHANGE: dict[str, tuple[str, health.Colour]] = {
    "retyped": ("◆ Retyped", "orange"),
    "removed": ("− Removed", "orange"),
    "added": ("+ Added", "blue"),
    "shifted": ("■ Shifted", "blue"),
    "same": ("□ Same", "gray"),
}
_FORCE: dict[str, tuple[str, health.Colour]] = {"current": ("✓ In force", "blue"), "kept": ("kept", "gray")}
_ORDER = list(CHANGE)


def versions(found: Sequence[ReferenceView], zone: str) -> None:
    """Draw one row a reference, the latest first."""
    rows = [
        {
            "state": [health.words(_FORCE, "current" if view["current"] else "kept")],
            "version": view["version"],
            "period": period(view, zone),
            "rows": view["rows"],
            "labelled": numbers.percent(_labelled(view)),
            "columns": view["columns"],
            "used": ", ".join(text.clean(name, 30) for name in view["used_by"]) or "nobody",
            "source": text.clean(view["source"], 90),
            "made": text.day(view["created_at"], zone, year=True),
            "warnings": len(view["warnings"]) or None,
        }
        for view in found
    ]
    columns: Any = {
        "state": health.column("State", _FORCE, pinned=True),
        "version": column_config.NumberColumn("Reference", width=80),
        "period": column_config.TextColumn("Period", width=190),
        "rows": column_config.NumberColumn("Rows", format="localized", width=80),
        "labelled": numbers.share("Labelled", map(_labelled, found), width=80),
        "columns": column_config.NumberColumn("Columns", width=75),
        "used": column_config.TextColumn("Held against it", width=130, help="Model versions that are judged by it"),
        "source": column_config.TextColumn("Made from", width=330),
        "made": column_config.TextColumn("Made", width=110),
        "warnings": column_config.NumberColumn("Warnings", width=80),
    }
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        placeholder=text.MISSING,
        column_config=columns,
        key="reference_versions",
        alt="References, the latest first",
    )
    export.foot(found, name="references", key="references")


def _labelled(view: ReferenceView) -> float | None:
    return view["labelled"] / view["rows"] if view["rows"] else None


def period(view: ReferenceView, zone: str) -> str:
    """Return the days a reference covers; rows without times have none."""
    start, end = view["period"]
    return "no times" if start == end else text.period(start, end, zone, year=True)


def differences(found: Sequence[ReferenceDiffRow], pair: tuple[int, int]) -> None:
    """Draw one row a column, what changed first."""
    ordered = sorted(found, key=lambda row: (_ORDER.index(row["change"]), -(row["distance"] or 0.0)))
    pages = max(1, -(-len(ordered) // PAGE_SIZE))
    page = min(st.session_state.get("reference_diff_page", 1), pages)
    rows = [_cells(row) for row in ordered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
    before, after = pair
    missing = [share for row in ordered for share in row["missing"]]
    columns: Any = {
        "change": health.column("Change", CHANGE, pinned=True),
        "column": column_config.TextColumn("Column", width=150),
        "distance": numbers.column(
            "Distance", [row["distance"] for row in ordered], width=80, help="Jensen–Shannon distance, 0 to 1"
        ),
        "mean_before": numbers.mixed(f"Mean in {before}", width=100),
        "mean_after": numbers.mixed(f"Mean in {after}", width=100),
        "missing_before": numbers.share(f"Missing in {before}", missing, width=105),
        "missing_after": numbers.share(f"Missing in {after}", missing, width=105),
        "sentence": column_config.TextColumn("In words", width=470),
    }
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        placeholder=text.MISSING,
        column_config=columns,
        column_order=list(columns),
        key=f"reference_diff_{before}_{after}_{page}",
        alt=f"Columns of reference {before} and reference {after}, what changed first",
    )
    if pages > 1:
        st.pagination(pages, key="reference_diff_page")


def _cells(row: ReferenceDiffRow) -> dict[str, object]:
    before, after = _means(row)
    return {
        "change": [health.words(CHANGE, row["change"])],
        "column": text.clean(row["column"]),
        "sentence": text.clean(row["sentence"], 300),
        "distance": row["distance"],
        "mean_before": before,
        "mean_after": after,
        "missing_before": numbers.percent(row["missing"][0]),
        "missing_after": numbers.percent(row["missing"][1]),
    }


def _means(row: ReferenceDiffRow) -> list[str | None]:
    """Return the two means of a column with the same decimals: columns have units of their own, so each row has its own digits."""
    places = text.decimals(row["mean"])
    return [None if mean is None else f"{mean:,.{places}f}".replace("-", "−") for mean in row["mean"]]
