"""Alerts: which need somebody, since when, how bad; then all others, and a diary of what is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import registry, state, text
from dashboard.components import alert_words, header, health, silence, timeline
from dashboard.registry import Page
from service.views import AlertView, ModelView, TimelineItem

#: key in the address -> (label, which alerts it keeps)
FILTERS: dict[str, tuple[str, Callable[[AlertView], bool]]] = {
    "open": ("Open", alert_words.is_open),
    "page": ("▲ Page", lambda alert: alert_words.is_open(alert) and alert["severity"] == "page"),
    "warning": ("◆ Warning", lambda alert: alert_words.is_open(alert) and alert["severity"] == "warning"),
    "notice": ("● Notice", lambda alert: alert_words.is_open(alert) and alert["severity"] == "notice"),
    "acknowledged": ("Acknowledged", lambda alert: alert["state"] == "acknowledged"),
    "silenced": ("Silenced", lambda alert: alert["state"] == "silenced"),
    "resolved": ("✓ Resolved", lambda alert: not alert_words.is_open(alert)),
    "all": ("All", lambda _alert: True),
}
DIARY_LENGTH = 30
MOST_SILENCES = 20


def render() -> None:
    """Draw the page."""
    ws = state.workspace()
    models = {model["name"]: model for model in ws.models()}
    alerts = sorted((alert for alert in ws.alerts() if alert["model"] in models), key=alert_words.rank)
    header.title(alert_words.count_sentence(alerts), actions=lambda: _silence(list(models.values())))
    if not models:
        st.write("There is no model yet, so nothing can alert. The overview shows how to begin.")
        registry.link("Go to the overview", "overview")
        return
    _lead(alerts, models)
    alerts = _of_model(alerts)
    shown = state.choice("State and severity", "show", _options(alerts), "open")
    listed = [alert for alert in alerts if FILTERS[shown][1](alert)]
    if listed:
        _table(listed, models)
    else:
        st.info(_nothing(shown, alerts), icon=":material/notifications_off:")
    _silences(models)
    over = [alert for alert in alerts if alert["resolved_at"] is not None]
    if over and shown in ("open", "page", "warning", "notice", "acknowledged", "silenced"):
        _diary(over, models)


def _silence(models: Sequence[ModelView]) -> None:
    if models and st.button("Silence…", icon=":material/notifications_paused:", key="silence_many"):
        silence.of_many(models)


def _silences(models: Mapping[str, ModelView]) -> None:
    found = state.workspace().silences()
    active = [view for view in found if view["state"] == "active"]
    if not found:
        return
    label = f"Silences: {len(active)} active"
    with st.expander(
        label, icon=":material/notifications_paused:", key=f"silences_panel_{bool(active)}", expanded=bool(active)
    ):
        silence.listed(found[:MOST_SILENCES], {name: model["timezone"] for name, model in models.items()})


def _lead(alerts: Sequence[AlertView], models: Mapping[str, ModelView]) -> None:
    """Say who is in trouble and since when, each with a link, then what else is open."""
    for alert in [alert for alert in alerts if alert_words.needs_you(alert)][:3]:
        model = models[alert["model"]]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            health.badge(health.HEALTH, alert["severity"])
            registry.link(f"**{text.plain(alert['headline'], 120)}**", "alert", alert=alert["id"])
            since = alert_words.weekday(alert["window_start"], model["timezone"])
            lasting = alert_words.duration(alert, model)
            st.markdown(f"{text.plain(alert['model'])}, since **{since}** ({lasting})", width="content")
    rest = alert_words.rest_sentence(alerts)
    if rest:
        st.caption(rest)


def _of_model(alerts: list[AlertView]) -> list[AlertView]:
    """Let the visitor choose one model when several have alerts; the choice stands in the address."""
    names = sorted({alert["model"] for alert in alerts})
    if len(names) < 2 and state.param("model") in ("", *names):
        return alerts
    options = {"": "All models", **{name: text.clean(name) for name in names}}
    chosen = state.select("Model", "model", options, "")
    return [alert for alert in alerts if chosen in ("", alert["model"])]


def _options(alerts: Sequence[AlertView]) -> dict[str, str]:
    return {name: f"{label} {sum(map(keeps, alerts))}" for name, (label, keeps) in FILTERS.items()}


def _nothing(shown: str, alerts: Sequence[AlertView]) -> str:
    if not alerts:
        return "No alert has ever opened. Monitors go on judging every window as it closes."
    if shown == "open":
        return "Nothing is open. What was open before stands below."
    return f"No alert is in “{FILTERS[shown][0]}”. “All” shows the other {len(alerts)}."


def _table(alerts: Sequence[AlertView], models: Mapping[str, ModelView]) -> None:
    rows = [_row(alert, models[alert["model"]]) for alert in alerts]
    event = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        row_height=36,
        placeholder=text.MISSING,
        on_select="rerun",
        selection_mode="single-cell",
        key=f"alerts_{state.param('show', 'open')}",
        alt=f"{text.plural(len(alerts), 'alert')}, firing first. A click opens one.",
        column_config={
            "Severity": health.column("Severity", health.HEALTH, pinned=True),
            "State": health.column("State", health.ALERT_STATE),
            "Alert": column_config.TextColumn("Alert", width=250),
            "Kind": column_config.TextColumn("Kind", width=130),
            "Since": column_config.TextColumn("Since", width=92),
            "For": column_config.TextColumn("For", width=66),
            "Gates": column_config.MultiselectColumn(
                "Gates open", options=list(alert_words.GATES), color=["gray", "blue", "red"], width=210
            ),
        },
    )
    cells = event["selection"].get("cells", [])
    if cells:
        kept = {name: state.param(name) or None for name in ("show", "model")}  # so that Back finds them in the address
        registry.go("alert", alert=alerts[cells[0][0]]["id"], **kept)
    st.caption("Firing first. A click opens the alert.")


def _row(alert: AlertView, model: ModelView) -> dict[str, Any]:
    return {
        "Severity": [health.words(health.HEALTH, alert["severity"])],
        "State": [health.words(health.ALERT_STATE, alert["state"])],
        "Alert": text.clean(alert["headline"], 200) + (" (follows another)" if alert.get("inhibited_by") else ""),
        "Since": text.day(alert["window_start"], model["timezone"], year=True),
        "For": alert_words.duration(alert, model),
        "Gates": [name for name, open_ in alert_words.passed(alert).items() if open_],
        "Model": text.clean(alert["model"]),
        "Kind": alert_words.kinds(alert, health.KIND),
        "Owner": text.clean(alert["owner"] or model["owner"]) if alert["owner"] or model["owner"] else None,
    }


def _diary(over: Sequence[AlertView], models: Mapping[str, ModelView]) -> None:
    st.subheader("What is over", anchor=False)
    newest = sorted(over, key=_ended, reverse=True)[:DIARY_LENGTH]
    zones = {name: model["timezone"] for name, model in models.items()}
    timeline.draw([_item(alert, models[alert["model"]]) for alert in newest], zones, key="alerts_diary")
    if len(over) > DIARY_LENGTH:
        st.caption(f"The latest {DIARY_LENGTH} of {len(over)}; “Resolved” lists them all.")


def _ended(alert: AlertView) -> datetime:
    return datetime.fromisoformat(alert["resolved_at"] or alert["changed_at"])


def _item(alert: AlertView, model: ModelView) -> TimelineItem:
    lasted = alert_words.duration(alert, model)
    began = text.day(alert["window_start"], model["timezone"])
    return {
        "at": alert["resolved_at"] or alert["changed_at"],
        "kind": "resolved",
        "model": alert["model"],
        "sentence": f"{alert['headline']} ({alert['severity']}, from {began}, {lasted})",
        "alert_id": alert["id"],
        "version": None,
    }


PAGE = Page(
    name="alerts",
    title="Alerts",
    icon=":material/notifications:",
    url_path="alerts",
    order=20,
    visible=True,
    render=render,
)
