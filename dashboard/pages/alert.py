"""One alert: what, since when, how bad, where, why, who is on it, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import (
    alert_about,
    alert_care,
    alert_evidence,
    alert_own,
    alert_tiles,
    alert_why,
    alert_words,
    confirm,
    header,
    health,
    job_panel,
    rollout_words,
    silence,
    why,
)
from dashboard.registry import Page
from service.views import AlertView, JobView, ModelView, VersionView
from service.workspace import Workspace

FILTERS = ("show", "model", "severity", "kind", "owner", "q", "at")  # of the list, kept for the way back


def render() -> None:
    """Draw the page."""
    ws = state.workspace()
    asked = state.param("alert")
    if not asked:
        st.info("No alert is chosen.")
        registry.link("Go to the alerts", "alerts")
        return
    alert = ws.alert(asked)
    model = ws.model(alert["model"])
    header.crumbs(
        ("Alerts", "alerts", _filters()),
        (alert["model"], "model", {"model": alert["model"]}),
        (f"#{alert['id']}", None, {}),
    )
    _headline(alert, model)
    _actions(ws, alert, model)
    alert_care.standing(alert, model)
    rest = alert_about.lead(alert["message"])[1]
    if rest:
        with st.expander("All that was found", icon=":material/notes:", key="alert_message"):
            st.markdown(text.plain(rest, 4000))
    if alert["kind"] in alert_about.OF_DRIFTDECK:
        _of_driftdeck(ws, alert, model)
        return
    points = ws.performance(alert["model"])
    about = alert_about.of(ws, alert, model)
    alert_tiles.draw(ws, alert, model, points)
    left, right = st.columns([3, 2], gap="small")
    with left:
        alert_evidence.draw(ws, alert, model, points, about)
    with right:
        alert_why.why(alert, about)
        alert_why.three_gates(alert, model, about)
        alert_care.deliveries(alert, model)
        alert_care.history(alert, model)
    if alert["kind"] in ("performance", "concept_drift"):  # last, for it takes seconds
        why.draw(model, alert["window_start"], alert_words.judged_until(alert, points), key="alert_why", expanded=True)


def _of_driftdeck(ws: Workspace, alert: AlertView, model: ModelView) -> None:
    """Draw an alert about Driftdeck itself or what feeds it: no window is behind it, but runs are."""
    left, right = st.columns([3, 2], gap="small")
    with left:
        alert_own.draw(ws, alert, model)
    with right:
        alert_care.deliveries(alert, model)
        alert_care.history(alert, model)


def _filters() -> dict[str, str]:
    return {name: state.param(name) for name in FILTERS if state.param(name)}


# -- top -----------------------------------------------------------------------------------------------------------


def _headline(alert: AlertView, model: ModelView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alert_headline"):
        words = health.words(health.ALERT_STATE, alert["state"]).lstrip("✓ ")
        severity = alert["severity"] if alert["state"] != "resolved" else "ok"
        shape = (
            health.words(health.HEALTH, alert["severity"]) if alert["state"] != "resolved" else "✓ " + alert["severity"]
        )
        st.badge(f"{shape} · {words}", color=health.HEALTH.get(severity, ("", "gray"))[1])
        st.title(text.plain(alert["headline"], 160), anchor=False, width="content")
    zone = model["timezone"]
    owner = alert["owner"] or model["owner"]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="alert_facts"):
        lasting = alert_words.duration(alert, model)
        verb = (
            f"Lasted from **{alert_words.weekday(alert['window_start'], zone)}**"
            if alert["resolved_at"]
            else (f"Since **{alert_words.weekday(alert['window_start'], zone)}**")
        )
        seen = text.moment(alert["opened_at"], zone)
        who = f"owner **{text.plain(owner)}**" if owner else ":gray[owner] **nobody**"
        st.markdown(f"{verb} ({lasting}) · alert opened {seen} · {who} · monitor", width="content")
        st.badge(text.plain(alert_about.monitor(alert), 60), color="gray")
        if model["declared_in"] == "file":
            st.badge("from file", icon=":material/lock:", color="gray")
    if alert["message"] and alert["message"] != alert["headline"]:
        st.markdown(text.plain(alert_about.lead(alert["message"])[0], 900))


def _actions(ws: Workspace, alert: AlertView, model: ModelView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alert_actions"):
        barred = state.why_not("operator")
        taken = barred or _cannot_acknowledge(alert, model)
        if st.button(
            "Acknowledge",
            type="primary",
            icon=":material/front_hand:",
            disabled=bool(taken),
            help=taken,
            key="alert_ack",
        ):
            confirm.acknowledge(alert)
        quiet = barred or _cannot_silence(alert, model)
        if st.button(
            "Silence…", icon=":material/notifications_paused:", disabled=bool(quiet), help=quiet, key="alert_silence"
        ):
            silence.of_alert(alert, model["timezone"])
        if st.button("Owner…", icon=":material/person:", key="alert_assign", disabled=bool(barred), help=barred):
            alert_care.assign(alert)
        if alert["kind"] in alert_about.OF_DRIFTDECK:
            _where_to_mend(alert, model)
        else:
            _mend(ws, alert, model, barred)
            registry.link(
                "Report", "report", icon=":material/description:", model=model["name"], window=alert["window_start"]
            )


def _where_to_mend(alert: AlertView, model: ModelView) -> None:
    """Lead to the page that shows what an alert about Driftdeck itself is about."""
    go = ":material/arrow_forward:"
    if alert["kind"] == "watchdog":
        registry.link("Runs and their times", "schedule", icon=go)
        registry.link("Channels", "settings", icon=go)
    elif alert.get("source"):
        registry.link("Sources", "data", icon=go, model=model["name"])
    else:
        registry.link("Trainings", "retrain", icon=go, model=model["name"])


def _mend(ws: Workspace, alert: AlertView, model: ModelView, barred: str | None) -> None:
    """Offer another version, trained now or served before."""
    job = rollout_words.active(ws.jobs(model["name"]))
    versions = ws.versions(model["name"])
    target = rollout_words.former_champion(versions, model)
    busy = barred or ("A training job is under way: see Retrain" if job else None)
    if st.button(
        "Retrain…",
        icon=":material/model_training:",
        disabled=bool(busy),
        help=busy,
        on_click=confirm.opening,
        key="alert_retrain",
    ):
        confirm.retrain(model, alert)
    first = (
        None
        if target
        else f"{text.plain(model['champion'])} is the first champion: there is nothing to roll back to"
        if model["champion"]
        else "No version serves"
    )
    first = barred or first
    label = f"Roll back to {text.plain(target['version'])}…" if target else "Roll back…"
    if st.button(label, icon=":material/undo:", disabled=bool(first), help=first, key="alert_rollback") and target:
        confirm.roll_back(model, target)
    _under_way(model, alert, versions, job)


def _under_way(model: ModelView, alert: AlertView, versions: Sequence[VersionView], job: JobView | None) -> None:
    """Say what is being done already, and lead to it."""
    ready = rollout_words.waiting(versions, model)
    if job is not None:
        st.markdown(
            f"{health.inline(job_panel.JOB_STATES, job['state'])} A challenger is being trained.", width="content"
        )
    elif ready is not None:
        st.markdown(f":violet-badge[◇ challenger] {text.plain(ready['version'])} is trained.", width="content")
    label = "Follow it" if job else "Compare and promote" if ready else "Retrain and rollout"
    registry.link(label, "retrain", icon=":material/arrow_forward:", model=model["name"], alert=alert["id"])


def _cannot_acknowledge(alert: AlertView, model: ModelView) -> str | None:
    if alert["state"] == "acknowledged":
        last = next((event for event in reversed(alert["history"]) if event["state"] == "acknowledged"), None)
        if last is None:
            return "Acknowledged already"
        return f"Acknowledged by {text.plain(last['actor'])}, {text.moment(last['at'], model['timezone'])}"
    if alert["state"] == "resolved":
        return f"Resolved {text.moment(alert['resolved_at'], model['timezone'])}: nobody has to look any more"
    return None


def _cannot_silence(alert: AlertView, model: ModelView) -> str | None:
    if alert["state"] == "resolved":
        return "Resolved: nobody is told any more"
    if alert["state"] == "silenced":
        return f"Silenced until {text.moment(alert.get('silenced_until'), model['timezone'])}"
    return None


PAGE = Page(
    name="alert",
    title="Alert",
    icon=":material/notification_important:",
    url_path="alert",
    order=21,
    visible=False,
    render=render,
)
