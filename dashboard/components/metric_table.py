"""Every metric of a period with its interval, and what stands behind them: confusion, calibration, errors by range."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text, theme
from dashboard.charts import behind
from dashboard.components import chart, export
from service.outcome_views import DetailView, MetricDetail
from service.views import ModelView, PerformancePoint

_MOST_ROWS = 14


def draw(model: ModelView, point: PerformancePoint) -> None:
    """Draw the metrics of a window beside what stands behind them."""
    span = datetime.fromisoformat(point["start"]), datetime.fromisoformat(point["end"])
    found = state.workspace().performance_detail(model["name"], *span, version=point["model_version"] or None)
    name = text.window_name(point["start"], point["end"], model["timezone"])
    with st.grid(2, min_column_width=520, gap="small"):
        _metrics(found, name)
        _behind(found, name)


def _metrics(found: DetailView, name: str) -> None:
    with st.container(border=True, height="stretch", key="metric_table_card"):
        st.markdown(f"**Every metric** :gray[{name}, with 95 % intervals]")
        if not found["metrics"]:
            st.caption("○ No data: no label of this window has come.")
            return
        rows = [_cells(metric) for metric in found["metrics"]]
        settings: Any = {
            "Metric": column_config.TextColumn("Metric", width=170),
            "Now": column_config.TextColumn("Now", width=84, alignment="right"),
            "95 %": column_config.TextColumn("95 %", width=120, alignment="right"),
            "Reference": column_config.TextColumn("Reference", width=84, alignment="right"),
            "Against it": column_config.TextColumn("Against it", width=86),
        }
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height="content" if len(rows) <= _MOST_ROWS else 36 * (_MOST_ROWS + 1),
            row_height=36,
            column_config=settings,
            key="metric_table",
        )
        export.foot(found["metrics"], name=f"metrics-{found['start'][:10]}", key="metrics", words=_stands_on(found))


def _cells(metric: MetricDetail) -> dict[str, str]:
    unit = text.clean(metric["unit"], 12) if metric["unit"] else ""
    said = "" if unit in ("share", "area", "statistic", "") else unit

    def words(value: float | None) -> str:
        return text.share(value) if unit == "share" else text.number(value, said)

    span = text.MISSING
    if metric["lower"] is not None and metric["upper"] is not None:
        span = f"{text.number(metric['lower'])} – {text.number(metric['upper'])}"
        if unit == "share":
            span = f"{text.share(metric['lower'])} – {text.share(metric['upper'])}"
    return {
        "Metric": text.clean(metric["label"], 40),
        "Now": words(metric["value"]),
        "95 %": span,
        "Reference": words(metric["reference"]),
        "Against it": _way(metric),
    }


def _way(metric: MetricDetail) -> str:
    """Say better or worse where the interval leaves the reference's value out."""
    low, high, before = metric["lower"], metric["upper"], metric["reference"]
    if low is None or high is None or before is None or low <= before <= high or metric["direction"] == "both":
        return ""
    higher = low > before
    return "▲ worse" if higher == (metric["direction"] == "higher_is_worse") else "✓ better"


def _stands_on(found: DetailView) -> str:
    words = text.plural(found["n"], "labelled row")
    if found["coverage"] is not None:
        words += f", {text.share(found['coverage'])} of all"
    if found["maturity"] is not None and found["maturity"] < 0.95:
        words += f"; by now {text.share(found['maturity'])} were to be expected, so more will come"
    return f"{words}."


def _behind(found: DetailView, name: str) -> None:
    palette = theme.palette()
    unit = next((metric["unit"] for metric in found["metrics"] if metric["name"] == "mae"), "")
    with st.container(border=True, height="stretch", key="behind_card"):
        if found["classes"]:
            st.markdown(f"**Which class is taken for which** :gray[{name}]")
            chart.show(
                behind.confusion(found["classes"], found["confusion"], palette),
                alt="Confusion matrix: rows are labels, columns are predictions",
                key="confusion",
            )
        if found["calibration"]:
            st.markdown("**Do scores come true?** :gray[share of positives by predicted score]")
            chart.show(
                behind.calibration(found["calibration"], palette),
                alt="Observed share against predicted score, with the reference and the diagonal",
                key="calibration",
            )
        if found["by_range"]:
            said = f" in {text.plain(unit)}" if unit else ""
            st.markdown(f"**By how much, by range of the label{said}** :gray[mean absolute error, {name}]")
            chart.show(
                behind.by_range(found["by_range"], palette, unit=unit),
                alt="Mean absolute error by range of the label, now and in the reference",
                key="by_range",
            )
        if not (found["classes"] or found["calibration"] or found["by_range"]):
            words = (
                "no label of this window has come."
                if not found["n"]
                else "these metrics have no counts behind them to draw."
            )
            st.caption(f"○ No data: {words}")
