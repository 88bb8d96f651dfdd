"""Changing a monitor here: its budget, what is immaterial, when it runs; and who owns its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import state, text
from service.alert_views import DeclaredObject
from service.views import ModelView
from service.workspace import WorkspaceError

_FIELDS = ("schedule", "grace", "min_rows", "resolve_after", "tolerance", "performance_tolerance")


def declared(model: ModelView) -> DeclaredObject | None:
    """Return the model's declaration with its owner; None when it is not to be had."""
    found = state.workspace().declared()
    return next((view for view in found if view["kind"] == "model" and view["name"] == model["name"]), None)


def button(view: DeclaredObject) -> None:
    """Draw the button that opens the form, and who owns what it changes."""
    if view["declared_in"] == "file":
        st.badge("from file", icon=":material/lock:", color="gray")
    if st.button("Change…", icon=":material/edit:", key="monitor_edit"):
        form(view)


def keep_budget(view: DeclaredObject, warnings: float) -> None:
    """Draw the button that makes a budget the one in force: at once where this dashboard owns the declaration, else as words for the file."""
    if view["declared_in"] == "file":
        st.caption("A file declares this model. To keep this budget, write there:")
        words = f"[models.{view['name']}.monitor]\nalert_budget = {{ warnings_per_year = {warnings:g} }}"
        st.code(words, language=None)
        return
    why = state.why_not("operator")
    if st.button(
        "Keep this budget",
        type="primary",
        icon=":material/check:",
        key="budget_keep",
        disabled=why is not None,
        help=why,
    ):
        change = {"monitor.alert_budget.warnings_per_year": warnings}
        state.workspace().edit("model", view["name"], change, actor=state.actor())
        state.set_params(budget=None)
        st.toast(f"From now on {warnings:g} false warnings a year are acceptable.", icon=":material/check:")
        st.rerun()


@st.dialog("Change the monitor", width="medium", icon=":material/tune:")
def form(view: DeclaredObject) -> None:
    """Ask for new values and apply those that differ."""
    monitor: Mapping[str, Any] = view["values"]["monitor"]
    budget = monitor["alert_budget"]
    left, right = st.columns(2)
    pages = left.number_input(
        "False pages a year", 0.01, 1000.0, float(budget["pages_per_year"]), key="edit_pages", format="%.3g"
    )
    warnings = right.number_input(
        "False warnings a year", 0.01, 1000.0, float(budget["warnings_per_year"]), key="edit_warnings", format="%.3g"
    )
    schedule = left.text_input(
        "Schedule", monitor["schedule"], key="edit_schedule", help="A cron line, 'every 15m' or 'every 500 rows'"
    )
    grace = right.text_input(
        "Wait for late rows", monitor["grace"], key="edit_grace", help="After a window's end, such as 6h"
    )
    rows = left.number_input("Rows a window needs", 1, 10**9, int(monitor["min_rows"]), key="edit_min_rows")
    quiet = right.number_input("Quiet windows that resolve", 1, 1000, int(monitor["resolve_after"]), key="edit_resolve")
    drift = left.number_input(
        "Immaterial drift (standard deviations)",
        0.0,
        9.99,
        float(monitor["tolerance"]),
        key="edit_tolerance",
        format="%.3g",
    )
    loss = right.number_input(
        "Immaterial loss of performance (share)",
        0.0,
        1000.0,
        float(monitor["performance_tolerance"]),
        key="edit_loss",
        format="%.3g",
    )
    given = {
        "schedule": schedule,
        "grace": grace,
        "min_rows": rows,
        "resolve_after": quiet,
        "tolerance": drift,
        "performance_tolerance": loss,
    }
    changes: dict[str, Any] = {f"monitor.{name}": given[name] for name in _FIELDS if given[name] != monitor[name]}
    wanted = {"pages_per_year": pages, "warnings_per_year": warnings}
    changes |= {f"monitor.alert_budget.{name}": value for name, value in wanted.items() if value != budget[name]}
    taken = view["declared_in"] != "file"
    if not taken:
        st.info(
            "A file declares this model. Change it there; or take it over: then it is changed here, and the file is refused until it is "
            "applied with --take-over.",
            icon=":material/lock:",
        )
        taken = st.checkbox("Take it over", key="edit_take_over")
    if st.button("Apply", type="primary", disabled=not (changes and taken), key="edit_confirm"):
        try:
            state.workspace().edit(
                "model", view["name"], changes, take_over=view["declared_in"] == "file", actor=state.actor()
            )
        except WorkspaceError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
        else:
            st.rerun()
