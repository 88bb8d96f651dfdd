"""Alerts: which need somebody, since when, how bad; then all others, and a diary of what is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import alert_filters, alert_table, alert_words, first_steps, header, health, silence, timeline
from dashboard.registry import Page
from service.views import AlertView, ModelView, TimelineItem

DIARY_LENGTH = 30
MOST_SILENCES = 20
MOST_LEADING = 3  # alerts that the page opens with


def render() -> None:
    """Draw the page."""
    ws = state.workspace()
    models = {model["name"]: model for model in ws.models()}
    alerts = sorted((alert for alert in ws.alerts() if alert["model"] in models), key=alert_words.rank)
    header.title(alert_words.count_sentence(alerts), actions=lambda: _silence(list(models.values())))
    if not models:
        st.write("There is no model yet, so nothing can alert. A file of predictions is enough to begin.")
        first_steps.button("alerts_setup")
        return
    _lead(alerts, models)
    alerts = alert_filters.bar(alerts, models)
    shown, listed = alert_filters.states(alerts)
    if listed:
        alert_table.draw(listed, models)
    else:
        st.info(_nothing(shown, alerts), icon=":material/notifications_off:")
    _silences(models)
    over = [alert for alert in alerts if alert["resolved_at"] is not None]
    if over and shown not in ("resolved", "all"):
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
    waiting = [alert for alert in alerts if alert_words.needs_you(alert)]
    for alert in waiting[:MOST_LEADING]:
        model = models[alert["model"]]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            health.badge(health.HEALTH, alert["severity"])
            registry.link(f"**{text.plain(alert['headline'], 120)}**", "alert", alert=alert["id"])
            since = alert_words.weekday(alert["window_start"], model["timezone"])
            lasting = alert_words.duration(alert, model)
            st.markdown(f"{text.plain(alert['model'])}, since **{since}** ({lasting})", width="content")
    more = len(waiting) - MOST_LEADING
    rest = alert_words.rest_sentence(alerts)
    if more > 0:
        rest = f"{more} more {'needs' if more == 1 else 'need'} you. {rest}"
    if rest:
        st.caption(rest)


def _nothing(shown: str, alerts: Sequence[AlertView]) -> str:
    if not alerts and any(state.param(name) for name in alert_filters.NAMES):
        return "No alert passes these filters. “Clear” takes them away."
    if not alerts:
        return "No alert has ever opened. Monitors go on judging every window as it closes."
    if shown == "open":
        return "Nothing is open. What was open before stands below."
    return f"No alert is in “{alert_filters.STATES[shown][0]}”. “All” shows the other {len(alerts)}."


def _diary(over: Sequence[AlertView], models: Mapping[str, ModelView]) -> None:
    st.header("What is over", anchor=False)
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
