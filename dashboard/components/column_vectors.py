"""A column that has no bars: what embeddings and texts hold, window by window, and what drives it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import base, series
from dashboard.components import chart, export, health, numbers
from service.views import Marker, ModelView, RowsReading


def readings_of(model: str, column: str) -> list[RowsReading]:
    """Return the readings of one text or embedding column, by window."""
    return [row for row in state.workspace().multivariate(model) if row["column"] == column]


def draw(
    model: ModelView, found: Sequence[RowsReading], chosen: state.TimeRange, markers: Sequence[Marker], window: str
) -> None:
    """Draw a chart a check, and what it says of the chosen window with the words or parts that drive it."""
    names = list(dict.fromkeys(row["check"] for row in found))
    with st.grid(2, min_column_width=520, gap="small", key="vector_checks"):
        for name in names:
            own = [r for r in found if r["check"] == name and chosen.touches(r["window_start"], r["window_end"])]
            _check(model, name, own, markers, window)
    rows = [_row(model, row) for row in reversed(found) if chosen.touches(row["window_start"], row["window_end"])]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("## Window by window", width="content")
        st.space("stretch")
        export.table(rows, name=f"{model['name']}_{found[0]['column']}", key="vector_rows")
    values = [number for row in found for number in (row["value"], row["threshold"])]
    st.dataframe(
        pd.DataFrame(rows[:100]),
        hide_index=True,
        height="content",
        placeholder=text.MISSING,
        key="vector_table",
        alt="Readings of this column by window, the latest first",
        column_config={
            "verdict": health.column("Verdict", health.DRIFT, pinned=True),
            "value": numbers.column("value", values),
            "threshold": numbers.column("threshold", values),
            "rows": st.column_config.NumberColumn("rows", format="localized"),
        },
    )
    if len(rows) > 100:
        st.caption(f"The latest 100 of {len(rows):,} readings; the export has them all.")


def _check(model: ModelView, name: str, own: Sequence[RowsReading], markers: Sequence[Marker], window: str) -> None:
    with st.container(border=True, height="stretch", key=f"vectors_{name}"):
        label = own[0]["label"] if own else text.metric_name(name)
        st.markdown(f"**{text.plain(label)}**")
        if not own:
            st.caption("No reading lies in this time range.")
            return
        at = next((r for r in own if r["window_start"] == window), own[-1])
        st.markdown(text.plain(at["error"] or at["sentence"], 400))
        points = [_point(row) for row in own]
        figure = series.over_time(
            points,
            theme.palette(),
            name=text.figure(label),
            unit="",
            timezone=model["timezone"],
            markers=markers,
            letters=base.HALF,
            height=260,
            past_role="material_mark",
        )

        def clicked(curve: int, index: int) -> None:
            starts = series.clicks(points).get(curve, [])
            if index < len(starts):
                state.set_params(window=starts[index][1])

        chart.clickable(figure, clicked, alt=f"{text.clean(label)} by window with its threshold", key=f"vector_{name}")
        if at["drivers"]:
            said = ", ".join(f"{text.plain(d['column'], 30)} {text.share(d['share'])}" for d in at["drivers"][:6])
            st.caption(f"Driven by {said}.")


def _point(row: RowsReading) -> series.Point:
    return series.Point(
        row["window_start"],
        row["window_end"],
        "value",
        serving=True,
        value=row["value"],
        n=row["n"],
        threshold=row["threshold"],
        lower=None,
        upper=None,
        past=row["verdict"] in ("drift", "warning", "critical"),
        verdict=row["verdict"],
    )


def _row(model: ModelView, row: RowsReading) -> dict[str, object]:
    return {
        "verdict": [health.words(health.DRIFT, health.state_of(row["verdict"]))],
        "window": text.window_name(row["window_start"], row["window_end"], model["timezone"]),
        "check": text.clean(row["label"], 60),
        "value": row["value"],
        "threshold": row["threshold"],
        "rows": row["n"],
        "in words": text.clean(row["error"] or row["sentence"], 300),
    }
