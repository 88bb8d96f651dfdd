"""Rules of the team's own: those there are, and a place to hold one against history before it is declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import trial
from dashboard.components import chart, errors, export, health
from service.alert_views import RuleTrial
from service.views import ModelView

MOST_TERMS = 400
_WINDOWS = {
    "1 of 1": "in one window",
    "2 of 2": "in two windows in a row",
    "2 of 3": "in 2 of 3 windows",
    "3 of 5": "in 3 of 5 windows",
}


def declared(monitor: Mapping[str, Any]) -> None:
    """Draw the rules and overrides that are declared."""
    rules: Mapping[str, Any] = monitor.get("rules") or {}
    overrides: list[Mapping[str, Any]] = list(monitor.get("overrides") or [])
    if not rules and not overrides:
        st.caption(
            "None is declared: the calibrated verdicts need none. Try one below, to alert on what only your team knows."
        )
    for name, rule in rules.items():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            health.badge(health.HEALTH, rule.get("severity", "warning"))
            words = _WINDOWS.get(rule.get("windows", "1 of 1"), f"in {text.plain(rule.get('windows'))} windows")
            words += f", until `{_code(rule['clear'])}`" if rule.get("clear") else ""
            st.markdown(
                f"**{text.plain(rule.get('title') or name, 80)}** when `{_code(rule['when'])}` {words}", width="content"
            )
    for override in overrides:
        which = [
            f"{key} {text.plain(override[key], 60)}"
            for key in ("check", "column", "segment", "kind")
            if override.get(key) not in (None, "*")
        ]
        what = [
            f"{key} {text.plain(override[key], 60)}"
            for key in ("severity", "windows", "resolve_after", "owner", "runbook")
            if override.get(key)
        ]
        st.markdown(f"Override: {', '.join(which) or 'everything'} → {', '.join(what) or 'as it is'}")


def _code(words: str) -> str:
    """Return an expression to stand between backticks."""
    return text.clean(words, 200).replace("`", "'")


def attempt(model: ModelView) -> None:
    """Ask for an expression and show when it would have fired; it stands in the address."""
    ws, name = state.workspace(), model["name"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=520):
            st.session_state["rule_when"] = state.param("rule")
            st.text_input(
                "Rule",
                key="rule_when",
                max_chars=2000,
                placeholder="mae > 12 and drifted >= 2",
                on_change=lambda: state.set_params(rule=st.session_state["rule_when"].strip() or None),
            )
        windows = state.select("Windows", "rule_windows", _WINDOWS, "1 of 1", width=220)
    panel = st.expander(
        "What a rule may speak of", icon=":material/menu_book:", type="compact", key="rule_terms", on_change="rerun"
    )
    if panel.open:
        with panel, errors.in_words():
            _terms(name)
    when = state.param("rule")
    if not when:
        return
    with errors.in_words():
        found = ws.try_rule(name, when, windows=windows)
        _shown(found, model, windows)


def _terms(model: str) -> None:
    found = state.workspace().rule_terms(model)
    rows = [
        {
            "Term": text.clean(term["term"], 120),
            "Meaning": text.clean(term["meaning"], 200),
            "Latest": text.number(term["latest"], term["unit"]),
        }
        for term in found[:MOST_TERMS]
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        row_height=36,
        key="rule_terms_table",
        alt="Terms of rules with their latest value",
    )
    export.foot(found, name=f"terms-{model}", key="rule_term_rows")
    st.caption("Compare with < <= > >= == !=, join with and, or, not; + - * /, abs, min, max and parentheses work.")


def _shown(found: RuleTrial, model: ModelView, windows: str) -> None:
    st.markdown(f"**{text.plain(found['sentence'], 400)}**")
    zone = model["timezone"]
    if found["points"]:
        figure = trial.figure(found["points"], found["firings"], theme.palette(), timezone=zone)
        chart.show(figure, alt=text.clean(found["sentence"], 300), key="rule_chart")
        export.foot(found["points"], name=f"rule-{found['model']}", key="rule_points")
    for firing in found["firings"]:
        st.markdown(f"- {text.plain(firing['sentence'], 400)}")
    if found["judged"] < found["windows"]:
        st.caption(f"{found['windows'] - found['judged']} of {found['windows']} windows could not be judged by it.")
    said = found["when"].replace("\\", "\\\\").replace('"', '\\"')
    more = "" if windows == "1 of 1" else f'\nwindows = "{windows}"'
    st.caption("To keep it, write into driftdeck.toml and `driftdeck apply` it:")
    st.code(f'[models.{model["name"]}.monitor.rules.mine]\nwhen = "{said}"\nseverity = "warning"{more}', language=None)
