"""One row of the drift table, opened: what moved, drawn larger, in words and numbers, with the way to its page."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, state, text, theme
from dashboard.charts import base, distribution
from dashboard.components import chart, health
from service.views import DriftRow, ModelView, WindowView

HEIGHT = 270
_LABELS = 10  # that have room side by side


def card(row: DriftRow, model: ModelView, window: WindowView) -> None:
    """Draw the opened row."""
    zone, bars = model["timezone"], row["histogram"]
    with st.container(border=True, gap="small", key="drift_detail"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{text.plain(row['column'], 60)}**", width="content")
            health.badge(health.DRIFT, row["state"])
            st.badge(text.plain(" · ".join(filter(None, [row["kind"], row["type"]]))), color="gray")
            st.space("stretch")
            st.button(
                "Close",
                icon=":material/close:",
                type="tertiary",
                key="drift_detail_close",
                on_click=state.set_params,
                kwargs={"open": None},
            )
        st.markdown(text.plain(row["sentence"], 400))
        if bars["reference"]:
            period = model["reference_period"] or []
            figure = distribution.compare(
                bars,
                theme.palette(),
                reference_period=text.period(period[0], period[1], zone) if len(period) == 2 else "",
                current_period=text.period(window["start"], window["end"], zone),
                unit=row["unit"] or "",
                state=row["state"],
                height=HEIGHT,
            )
            if len(bars["labels"]) > _LABELS:  # names of so many values would lie on one another
                every = -(-len(bars["labels"]) // _LABELS)
                axis = figure.layout.xaxis
                base.lay(figure, xaxis={"tickvals": axis.tickvals[::every], "ticktext": axis.ticktext[::every]})
            chart.show(figure, alt=_alt(row), key="drift_detail_chart")
        st.caption(" · ".join(facts(row)))
        registry.link("Open its page ›", "feature", model=model["name"], column=row["column"], window=window["start"])


def facts(row: DriftRow) -> list[str]:
    """Return value and threshold, rows, and what is missing, unseen or outside of the reference, in words."""
    bars = row["histogram"]
    value, threshold = text.number(row["value"]), text.number(row["threshold"])
    told = [
        f"{text.plain(text.metric_name(row['check']))} {value} against {threshold}",
        f"{bars['n_current']:,} rows against {bars['n_reference']:,}",
    ]
    if bars["missing_current"] or bars["missing_reference"]:
        told.append(
            f"missing {text.share(bars['missing_current'])}, in the reference {text.share(bars['missing_reference'])}"
        )
    else:
        told.append("none missing")
    if bars["unseen_current"]:
        told.append(f"unseen values {text.share(bars['unseen_current'])}")
    outside = bars["below_current"] + bars["above_current"]
    if outside:
        told.append(f"outside of the reference's range {text.share(outside)}")
    return told


def _alt(row: DriftRow) -> str:
    return f"{text.clean(row['column'])}: share of rows by value, reference against this window"
