"""Before a retrain: how much data is enough, and which period to learn from."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text, theme
from dashboard.charts import curve
from dashboard.components import chart, errors, export
from service.training_views import BacktestRow, BacktestView, CurveView
from service.views import ModelView
from service.workspace import WorkspaceError


def draw(model: ModelView, *, busy: bool) -> None:
    """Draw both studies side by side; ``busy``: a job is under way, so none can be started."""
    ws, name = state.workspace(), model["name"]
    with errors.in_words():
        found, tried = ws.learning_curve(name), ws.backtest(name)
        beside = 2 if (found is None) == (tried is None) else 1  # beside a drawn one, one not made yet would be a hole
        with st.grid(beside, min_column_width=480, gap="small", key="studies"):
            with st.container(border=True, height="stretch", key="study_curve"):
                _head("How much data is enough", "learning_curve", name, made=found is not None, busy=busy)
                _curve(found)
            with st.container(border=True, height="stretch", key="study_backtest"):
                _head("Which period to learn from", "backtest", name, made=tried is not None, busy=busy)
                _backtest(tried, model["timezone"])


def _head(title: str, kind: str, model: str, *, made: bool, busy: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"## {title}", anchors=False, width="content")
        st.space("stretch")
        st.button(
            "Again" if made else "Find out",
            icon=":material/science:",
            **state.barred(
                "operator",
                disabled=busy,
                why="A job is under way; wait or cancel it" if busy else "Starts a job; nothing that serves is touched",
            ),
            key=f"study_{kind}_start",
            on_click=_start,
            args=(model, kind),
        )


def _start(model: str, kind: str) -> None:
    try:
        state.workspace().study(
            model, "learning_curve" if kind == "learning_curve" else "backtest", actor=state.actor()
        )
    except WorkspaceError as error:
        st.toast(text.plain(error, 300), icon=":material/error:")


def _curve(found: CurveView | None) -> None:
    if found is None:
        st.caption(
            "Models are trained on more and more rows and judged on the same later ones. Where the curve levels off, more rows only cost time."
        )
        return
    st.markdown(text.plain(found["sentence"], 700))
    chart.show(curve.figure(found, theme.palette()), alt=text.clean(found["sentence"], 300), key="curve_chart")
    export.foot(found["points"], name="learning-curve", key="curve")


def _backtest(found: BacktestView | None, zone: str) -> None:
    if found is None:
        st.caption(
            "Every way to choose rows (all, the latest weeks, since the change, weighted by age) is tried on past weeks, each judged on the week that followed."
        )
        return
    st.markdown(text.plain(found["sentence"], 700))
    rows = [_row(row, found, zone) for row in found["rows"]]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        row_height=36,
        placeholder=text.MISSING,
        key="backtest_table",
        alt=text.clean(found["sentence"], 300),
        column_config={
            "Learned from": column_config.TextColumn("Learned from", width=300),
            **{
                name: column_config.TextColumn(name, alignment="right")
                for name in ("Rows", text.metric_name(found["metric"]), "Against the best")
            },
            "Take": column_config.TextColumn(
                "Take",
                width=60,
                help="★ what to take: the simplest of those that differ from the best by no more than noise",
            ),
        },
    )
    export.foot(found["rows"], name="backtest", key="backtest")


def _behind(change: float | None, unit: str) -> str | None:
    """Return how far a way is behind the best; the best itself is named."""
    return None if change is None else text.number(change, unit, signed=True) if change else "the best"


def _row(row: BacktestRow, found: BacktestView, zone: str) -> dict[str, object]:
    unit = found["unit"]
    interval = "" if row["lower"] is None else f" ({text.number(row['lower'])} to {text.number(row['upper'])})"
    since = f", from {text.day(row['since'], zone)}" if row["since"] else ""
    return {
        "Take": "★" if row["name"] == found["best"] else "",
        "Learned from": text.clean(row["words"], 120) + since,
        "Rows": text.count(row["rows"]),
        text.metric_name(found["metric"]): f"{text.number(row['value'], unit)}{interval}",
        "Against the best": _behind(row["change"], unit),
        "Folds": row["folds"],
    }
