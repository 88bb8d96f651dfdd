"""The monitor of one model: what a quiet year would bring, how small a change is found, and what a larger budget would buy."""

from __future__ import annotations

import streamlit as st

from dashboard import state, text
from dashboard.components import errors, header, monitor_edit, replay, rule_trial
from dashboard.registry import Page
from service.views import ReplayView

_BUDGETS = {
    "declared": "Budget as declared",
    "0.2": "1 false warning in five years",
    "1": "1 false warning a year",
    "4": "4 false warnings a year",
    "12": "1 false warning a month",
    "52": "1 false warning a week",
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
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = state.select("False warnings that are acceptable", "budget", _BUDGETS, "declared", width=260)
    view = state.workspace().replay(name, warnings_per_year=None if chosen == "declared" else float(chosen))
    st.markdown(_sentence(view, word))
    replay.expected(view, word)
    replay.advice(view)
    replay.alerts(view["alerts"], model["timezone"])
    replay.power(view["sensitivity"], word)
    if chosen != "declared":
        _how(name, chosen)
    st.subheader("Rules of your own", anchor=False)
    if declared is not None:
        rule_trial.declared(declared["values"]["monitor"])
    rule_trial.attempt(model)


def _sentence(view: ReplayView, word: str) -> str:
    """Say what to expect, in words."""
    warnings, budget = view["expected_warnings_per_year"], view["budget_warnings_per_year"]
    words = f"In a year in which nothing changes, expect **{warnings:.2g}** false warnings, of {budget:g} allowed."
    seen = [
        (row["shifts"][0], row["column"]) for row in view["sensitivity"] if row["unit"] != "share" and row["shifts"]
    ]
    if seen:
        shift, column = sorted(seen)[len(seen) // 2]
        words += f" Within one {word}, a shift of **{text.number(shift)}** standard deviations in {text.plain(column, 40)} is found half of the time."
    return words


def _how(name: str, budget: str) -> None:
    st.caption("To keep this budget, write into driftdeck.toml and `driftdeck apply` it:")
    st.code(f"[models.{name}.monitor]\nalert_budget = {{ warnings_per_year = {budget} }}", language="toml")


PAGE = Page(
    name="monitor",
    title="Monitor",
    icon=":material/tune:",
    url_path="monitor",
    order=37,
    visible=False,
    render=render,
)
