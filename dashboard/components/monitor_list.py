"""Every model's monitor in one row: its budget, when it runs, and the way to its page, where the budget is a slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import registry, state, text
from dashboard.components import first_steps
from service.alert_views import DeclaredObject
from service.views import ModelView

_OWNERS = {"file": "a file", "dashboard": "this dashboard"}


def draw() -> None:
    """Draw the table; a click opens a monitor, as the select box above it does."""
    models = sorted(state.workspace().models(), key=lambda model: model["name"].casefold())
    if not models:
        st.markdown("No model is declared yet, so nothing is monitored. A file of predictions is enough to begin.")
        first_steps.button("settings_setup")
        return
    declared = {view["name"]: view for view in state.workspace().declared() if view["kind"] == "model"}
    st.caption(
        "One knob a model: how many false warnings a year are acceptable. Its page shows which shifts are caught for that, played on the "
        "model's own reference."
    )
    _choose(models)
    runs = {entry["model"]: entry["schedule"] for entry in state.workspace().schedule() if entry["kind"] == "monitor"}
    event = st.dataframe(
        pd.DataFrame([_row(model, declared.get(model["name"]), runs.get(model["name"])) for model in models]),
        hide_index=True,
        height="content" if len(models) <= 25 else 920,
        row_height=36,
        placeholder=text.MISSING,
        on_select="rerun",
        selection_mode="single-cell",
        key="monitors",
        alt="Monitors, one a model",
        column_config=_columns(),
    )
    cells = event["selection"].get("cells", [])
    if cells:
        registry.go("monitor", model=models[cells[0][0]]["name"])


def _choose(models: Sequence[ModelView]) -> None:
    names = [model["name"] for model in models]
    picked = st.selectbox(
        "Open a monitor",
        names,
        index=None,
        format_func=text.clean,
        placeholder="Open a monitor",
        label_visibility="collapsed",
        key="monitor_choice",
        width=280,
    )
    if picked is not None:
        registry.go("monitor", model=picked)


def _row(model: ModelView, declared: DeclaredObject | None, schedule: str | None) -> dict[str, object]:
    monitor: Mapping[str, Any] = {} if declared is None else declared["values"].get("monitor", {})
    budget: Mapping[str, Any] = monitor.get("alert_budget", {})
    allowed: Mapping[str, Any] = model.get("budget", {})  # what a declaration leaves out is in force too
    reference = model["reference_version"]
    return {
        "model": text.clean(model["name"]),
        "warnings": budget.get("warnings_per_year", allowed.get("warnings_per_year")),
        "pages": budget.get("pages_per_year", allowed.get("pages_per_year")),
        "window": text.window_word(model["window"]),
        "schedule": None
        if schedule is None
        else text.schedule(schedule),  # what a declaration leaves out is in force too
        "rules": len(monitor.get("rules") or ()) or None,
        "reference": None if reference is None else f"{reference} · {text.count(model['reference_rows'])} rows",
        "next": text.moment(model["next_run"], model["timezone"]) if model["next_run"] else None,
        "owner": _OWNERS.get(model["declared_in"]),
    }


def _columns() -> Any:
    return {
        "model": column_config.TextColumn("Model", width=220),
        "warnings": column_config.NumberColumn("False warnings / year", format="%.3g", width=140),
        "pages": column_config.NumberColumn("False pages / year", format="%.3g", width=130),
        "window": column_config.TextColumn("Window", width=70),
        "schedule": column_config.TextColumn("Schedule", width=130),
        "rules": column_config.NumberColumn("Own rules", width=80),
        "reference": column_config.TextColumn("Reference", width=140),
        "next": column_config.TextColumn("Next run", width=110),
        "owner": column_config.TextColumn("Declared in", width=110),
    }
