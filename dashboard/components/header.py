"""The top of a page: crumbs, title, badges, buttons, and the bar that sets time range and grain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import streamlit as st

from dashboard import registry, state, text
from service.views import ModelView

GRAINS = {"1d": "Day", "1w": "Week"}


def crumbs(*steps: tuple[str, str | None, dict[str, str]]) -> None:
    """Draw where a page stands: (label, page or None, query parameters); labels are escaped here."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", key="crumbs"):
        for position, (label, page, params) in enumerate(steps):
            if position:
                st.caption("›", width="content")
            if page is None:
                st.caption(text.plain(label), width="content")
            else:
                registry.link(text.plain(label), page, **params)


#: pages about how well a model does, in the order in which they are offered
FAMILY = {
    "performance": (":material/show_chart:", "Performance"),
    "business": (":material/payments:", "Business"),
    "service": (":material/speed:", "Service"),
    "fairness": (":material/balance:", "Fairness"),
}


def family(model: ModelView, here: str) -> None:
    """Draw links to the sibling pages of a page about performance."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="family"):
        for name, (icon, label) in FAMILY.items():
            if name == here:
                st.markdown(f"{icon} **{label}**", width="content")
            else:
                registry.link(label, name, icon=icon, model=model["name"])


def opening(model: ModelView, here: str) -> state.TimeRange:
    """Draw the top of a page of the family: crumbs, title, its siblings, and the range; return the chosen span."""
    label = FAMILY[here][1]
    crumbs((model["name"], "model", {"model": model["name"]}), (label, None, {}))
    title(label)
    family(model, here)
    return range_bar(model)


def title(words: str, badges: Callable[[], None] | None = None, actions: Callable[[], None] | None = None) -> None:
    """Draw the title (escaped here), badges beside it, and actions at the right."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(text.plain(words), anchor=False, width="content")
        if badges is not None:
            badges()
        if actions is not None:
            st.space("stretch")
            actions()


def range_bar(
    model: ModelView, *, extra: Callable[[], None] | None = None, grains: Sequence[str] = ()
) -> state.TimeRange:
    """Draw range presets, own dates, grain and ``extra`` filters; return the chosen span."""
    chosen = state.time_range(model)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="range_bar"):
        _presets(chosen)
        _custom(model, chosen)
        if grains:
            state.choice("Grain", "grain", {name: GRAINS.get(name, name) for name in grains}, grains[-1])
        if extra is not None:
            extra()
        st.space("stretch")
        until = text.moment(model["data_until"], model["timezone"], year=True)
        run = text.moment(model["last_run"], model["timezone"])
        st.caption(f"{text.plain(model['timezone'])} · data to {until} · last run {run}", width="content")
    return chosen


def _presets(chosen: state.TimeRange) -> None:
    options = state.RANGES if chosen.preset != "custom" else {**state.RANGES, "custom": "Custom"}
    st.session_state["choice_range"] = chosen.preset

    def changed() -> None:
        picked = st.session_state["choice_range"]
        if picked != "custom":
            state.set_params(**{"from": None, "to": None, "range": None if picked == "all" else picked})

    st.segmented_control(
        "Time range",
        list(options),
        format_func=lambda option: options[option],
        required=True,
        key="choice_range",
        on_change=changed,
        label_visibility="collapsed",
    )


def _custom(model: ModelView, chosen: state.TimeRange) -> None:
    label = "Custom"
    if chosen.preset == "custom":
        label = text.period(chosen.start.isoformat(), chosen.end.isoformat(), model["timezone"], year=True)

    def changed() -> None:
        dates = st.session_state["custom_dates"]
        if len(dates) == 2:
            state.set_custom_range(dates[0].isoformat(), dates[1].isoformat())

    with st.popover(label, icon=":material/calendar_today:"):
        if model["data_until"] is None:
            st.write("No data yet.")
            return
        last = text.local(model["data_until"], model["timezone"]).date()
        value = (last, last)
        if chosen.preset == "custom":
            value = (date.fromisoformat(state.param("from")[:10]), date.fromisoformat(state.param("to")[:10]))
        st.date_input(
            "First and last day",
            value=value,
            key="custom_dates",
            on_change=changed,
            format="YYYY-MM-DD",
            max_value=max(last, *value),
        )
        st.caption(f"Days of {text.plain(model['timezone'])}; the last day is included.")
