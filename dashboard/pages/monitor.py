"""The monitor of one model: what a quiet year would bring, how small a change is found, and what a larger budget would buy."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard import state, text
from dashboard.components import errors, header, monitor_edit, replay, rule_trial
from dashboard.registry import Page
from service.alert_views import DeclaredObject
from service.views import ReplayView

#: false warnings a year that one may choose, from few to many
BUDGETS = {
    "0.2": "1 in five years",
    "0.5": "1 in two years",
    "1": "1 a year",
    "2": "2 a year",
    "4": "4 a year",
    "12": "1 a month",
    "26": "2 a month",
    "52": "1 a week",
}


def render() -> None:
    """Draw the page."""
    with errors.in_words():
        _draw()


def _draw() -> None:
    model = state.require_model()
    name = model["name"]
    header.crumbs((name, "model", {"model": name}), ("Monitor", None, {}))
    declared = monitor_edit.declared(model)
    header.title("Monitor", actions=None if declared is None else lambda: monitor_edit.button(declared))
    if not model["reference_rows"]:
        st.info("A monitor needs a reference to hold windows against:")
        st.code(f"driftdeck reference {name} training.parquet", language=None)
        return
    word = {"1h": "hour", "1d": "day", "1w": "week"}.get(model["window"], "window")
    with st.spinner("Playing the reference through its own monitor…"):
        kept = state.workspace().replay(name)
    view = _budget(name, kept, word, declared)
    replay.expected(view, word)
    replay.advice(view)
    replay.alerts(view["alerts"], model["timezone"])
    replay.power(view["sensitivity"], word)
    st.header("Rules of your own", anchor=False)
    if declared is not None:
        rule_trial.declared(declared["values"]["monitor"])
    rule_trial.attempt(model)


def _budget(name: str, kept: ReplayView, word: str, declared: DeclaredObject | None) -> ReplayView:
    """Draw the one knob, and what it buys; return the replay under the chosen budget."""
    allowed = kept["budget_warnings_per_year"]
    steps = {float(step): words for step, words in BUDGETS.items()}
    steps.setdefault(allowed, f"{allowed:g} a year")
    steps = dict(sorted(steps.items()))
    with st.container(border=True, gap="small"):
        left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
        with left:
            chosen = _slider(steps, allowed)
        view = kept
        if chosen != allowed:
            with st.spinner("Playing the reference under this budget…"):
                view = state.workspace().replay(name, warnings_per_year=chosen)
        with right:
            st.markdown(_sentence(view, word))
            if chosen != allowed:
                st.markdown(_difference(kept, view, word))
                if declared is not None:
                    monitor_edit.keep_budget(declared, chosen)
    return view


def _slider(steps: Mapping[float, str], allowed: float) -> float:
    """Draw the slider, bound to the address, and return the false warnings a year that it says."""
    given = {f"{step:g}": step for step in steps}
    st.session_state["budget_slider"] = given.get(state.param("budget"), allowed)

    def changed() -> None:
        picked = st.session_state["budget_slider"]
        state.set_params(budget=None if picked == allowed else f"{picked:g}")

    return float(
        st.select_slider(
            "False warnings that are acceptable",
            list(steps),
            format_func=lambda step: steps[step] + (" (now)" if step == allowed else ""),
            key="budget_slider",
            on_change=changed,
            help="Fewer false warnings mean that a change must be larger, or last longer, before it is told",
        )
    )


def _sentence(view: ReplayView, word: str) -> str:
    """Say what to expect, in words."""
    warnings, budget = view["expected_warnings_per_year"], view["budget_warnings_per_year"]
    words = f"In a year in which nothing changes, expect **{warnings:.2g}** false warnings, of {budget:g} allowed."
    seen = replay.typical(view)
    if seen is not None:
        column, shift = seen
        words += f" Within one {word}, a shift of **{text.number(shift)}** standard deviations in {text.plain(column, 40)} is found half of the time."
    return words


def _difference(kept: ReplayView, view: ReplayView, word: str) -> str:
    """Say what the chosen budget changes against the one in force."""
    before, after = replay.typical(kept), replay.typical(view)
    if before is None or after is None:
        return ""
    return (
        f"With the budget in force it takes **{text.number(before[1])}** within one {word}: "
        f"{'smaller' if after[1] < before[1] else 'larger'} changes are found with this one, for "
        f"{view['budget_warnings_per_year']:g} instead of {kept['budget_warnings_per_year']:g} false warnings a year."
    )


PAGE = Page(
    name="monitor",
    title="Monitor",
    icon=":material/tune:",
    url_path="monitor",
    order=37,
    visible=False,
    render=render,
)
