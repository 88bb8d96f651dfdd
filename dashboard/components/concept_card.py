"""Concept drift: the sequential test on the loss, since when it says so, and how the change came."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import evidence
from dashboard.components import chart, errors
from service.views import ModelView

_QUICK = ("adwin", "ddm", "eddm", "hddm_a", "hddm_w", "page_hinkley")
_SHAPES = {"sudden": "sudden", "gradual": "gradual", "passed": "passed again"}


def draw(model: ModelView) -> None:
    """Draw the test of the champion's loss in the order in which its labels came."""
    view = state.workspace().concept(model["name"])
    with st.container(border=True, height="stretch", key="concept_card"):
        st.markdown("**Has the rule changed?** :gray[evidence in the losses, label by label]")
        if view is None or not view["steps"]:
            needs = "○ No data: the test needs a reference with labels, and labels that came after it."
            lists = "Rankings are judged by window alone: what a list is worth is no loss of single rows."
            st.caption(lists if model["task"] == "ranking" else needs)
            return
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if view["alarmed_at"] is None:
                st.badge("✓ No alarm", color="green")
            else:
                st.badge(f"▲ Alarm {text.day(view['alarmed_at'], model['timezone'])}", color="red")
                if view["shape"]:
                    st.badge(_SHAPES.get(view["shape"], text.plain(view["shape"], 20)), color="gray")
        st.markdown(text.plain(view["sentence"], 500))
        chart.show(
            evidence.over_time(view, theme.palette(), timezone=model["timezone"]),
            alt=text.clean(view["sentence"], 300),
            key="concept_evidence",
        )
        often = text.count(view["average_run_length"])
        _detectors(model)
        st.caption(
            f"Without a change an alarm comes once in {often} steps or rarer. Each label counts once, when it comes; what was said is never restated."
        )


@st.fragment
def _detectors(model: ModelView) -> None:
    """Draw an expander with what river's detectors say of the same losses; they are run when it is opened, without KSWIN, which takes minutes."""
    panel = st.expander(
        "What river's detectors say", icon=":material/sensors:", key="detectors_panel", on_change="rerun"
    )
    if not panel.open:
        return
    with panel, errors.in_words():
        with st.spinner("Going through the losses, label by label …"):
            found = state.workspace().detectors(model["name"], _QUICK)
        if not found:
            st.caption("○ No data: no labels have come to go through.")
            return
        rows = [
            {
                "Detector": text.clean(each["detector"], 30),
                "Watches": text.clean(each["watches"], 60),
                "Labels": each["rows"],
                "Alarms": len(each["alarms"]),
                "First": text.moment(each["alarms"][0]["event_time"], model["timezone"]) if each["alarms"] else None,
                "Last": text.moment(each["alarms"][-1]["event_time"], model["timezone"]) if each["alarms"] else None,
            }
            for each in found
        ]
        st.dataframe(
            pd.DataFrame(rows), hide_index=True, height="content", placeholder=text.MISSING, key="detectors_table"
        )
        st.caption(
            "On their defaults, which know nothing of this reference's days: they fire often. Times are those of the rows that fired."
        )
