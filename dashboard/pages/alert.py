"""One alert: how bad, since when, where, why, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import registry, state, text, theme
from dashboard.charts import dumbbell, series, spans
from dashboard.components import (
    alert_care,
    alert_tiles,
    alert_words,
    chart,
    confirm,
    gates,
    header,
    health,
    job_panel,
    rollout_words,
    silence,
    why,
)
from dashboard.registry import Page
from service.views import (
    AlertView,
    JobView,
    Marker,
    ModelView,
    PerformancePoint,
    ReadingView,
    SegmentError,
    VersionView,
)
from service.workspace import Workspace, WorkspaceError

MOST_SEGMENTS = 8
OF_DRIFTDECK = (
    "job",
    "watchdog",
)  # kinds of alerts about sources, trainings, runs and messages: no window is behind them


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
    if alert["kind"] in OF_DRIFTDECK:
        alert_care.deliveries(alert, model)
        alert_care.history(alert, model)
        return
    points = ws.performance(alert["model"])
    alert_tiles.draw(ws, alert, model, points)
    left, right = st.columns([3, 2], gap="small")
    with left:
        _how_bad(ws, alert, model, points)
        _where(ws, alert, model)
    with right:
        _why(alert)
        _gates(ws, alert, model)
        alert_care.deliveries(alert, model)
        alert_care.history(alert, model)
    if alert["kind"] in ("performance", "concept_drift"):  # last, for it takes seconds
        why.draw(model, alert["window_start"], alert_words.end(alert, model), key="alert_why", expanded=True)


def _filters() -> dict[str, str]:
    return {name: state.param(name) for name in ("show", "model") if state.param(name)}


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
        st.badge(text.plain(_monitor(alert), 60), color="gray")
        if model["declared_in"] == "file":
            st.badge("from file", icon=":material/lock:", color="gray")
    if alert["message"] and alert["message"] != alert["headline"]:
        st.markdown(text.plain(alert["message"], 900))


def _monitor(alert: AlertView) -> str:
    kind = alert_words.kinds(alert, health.KIND)
    place = f" of {alert['column']}" if alert["column"] else ""
    return f"{kind}{place}" + (f", {alert['segment']}" if alert["segment"] else "")


def _actions(ws: Workspace, alert: AlertView, model: ModelView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alert_actions"):
        taken = _cannot_acknowledge(alert, model)
        if st.button(
            "Acknowledge",
            type="primary",
            icon=":material/front_hand:",
            disabled=bool(taken),
            help=taken,
            key="alert_ack",
        ):
            confirm.acknowledge(alert)
        quiet = _cannot_silence(alert, model)
        if st.button(
            "Silence…", icon=":material/notifications_paused:", disabled=bool(quiet), help=quiet, key="alert_silence"
        ):
            silence.of_alert(alert, model["timezone"])
        if st.button("Owner…", icon=":material/person:", key="alert_assign"):
            alert_care.assign(alert)
        if alert["kind"] in OF_DRIFTDECK:
            _where_to_mend(alert, model)
        else:
            _mend(ws, alert, model)


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


def _mend(ws: Workspace, alert: AlertView, model: ModelView) -> None:
    """Offer another version, trained now or served before."""
    job = rollout_words.active(ws.jobs(model["name"]))
    versions = ws.versions(model["name"])
    target = rollout_words.former_champion(versions, model)
    busy = "A training job is under way: see Retrain" if job else None
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
    label = f"Roll back to {text.plain(target['version'])}…" if target else "Roll back…"
    if st.button(label, icon=":material/undo:", disabled=target is None, help=first, key="alert_rollback") and target:
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


# -- evidence ------------------------------------------------------------------------------------------------------


def _how_bad(ws: Workspace, alert: AlertView, model: ModelView, points: Sequence[PerformancePoint]) -> None:
    with st.container(border=True, key="how_bad"):
        st.markdown("#### How bad, and since when", anchors=False)
        metric = model["metric"]
        if metric is None or not any(point["value"] is not None for point in points):
            st.badge("○ No labels", color="gray")
            st.markdown(
                "Performance cannot be judged until labels arrive. "
                f"The statistic behind this alert: {text.plain(alert['message'], 400)}"
            )
            return
        palette = theme.palette()
        figure = series.over_time(
            series.of_performance(points),
            palette,
            name=text.metric_name(metric["name"]),
            unit=metric["unit"],
            timezone=model["timezone"],
            markers=_markers(ws, alert),
            reference_period=model["reference_period"],
            zero=metric["direction"] == "higher_is_worse",
            height=300,
            missing="no labels",
        )
        end = alert["resolved_at"] or max((point["end"] for point in points), key=datetime.fromisoformat)
        spans.firing(figure, alert["window_start"], end, palette, model["timezone"])
        worst_of = max if metric["direction"] == "higher_is_worse" else min
        values = [p["value"] or 0.0 for p in alert_tiles.judged(alert_tiles.during(points, alert))]
        worst = text.number(worst_of(values, default=None), metric["unit"])
        chart.show(
            figure,
            alt=f"{text.metric_name(metric['name'])} by {text.window_word(model['window'])}, threshold {text.number(metric['threshold'], metric['unit'])}, worst while firing {worst}",
            key="how_bad_chart",
        )


def _markers(ws: Workspace, alert: AlertView) -> list[Marker]:
    """Return this alert and what was deployed; other alerts have pages of their own."""
    own: Marker = {"at": alert["window_start"], "kind": "alert", "label": "alert", "until": alert["resolved_at"]}
    return [own, *(marker for marker in ws.markers(alert["model"]) if marker["kind"] not in ("alert", "warning"))]


def _where(ws: Workspace, alert: AlertView, model: ModelView) -> None:
    since = datetime.fromisoformat(alert["window_start"])
    end = alert_words.end(alert, model)
    found = ws.segment_errors(model["name"], since, datetime.fromisoformat(end), limit=MOST_SEGMENTS)
    rows: list[SegmentError] = [row for row in found if row["current"] is not None]
    with st.container(border=True, key="where_worst"):
        metric = model["metric"]
        unit = metric["unit"] if metric else ""
        name = text.metric_name(metric["name"]) if metric else "error"
        st.markdown(f"#### Where it is worst :gray[reference → now, {text.plain(name)}]", anchors=False)
        if not rows:
            st.caption(
                'No segment has labels in this period, or none is declared. Declare some with `segments = ["…"]`.'
            )
            return
        zone = model["timezone"]
        figure = dumbbell.figure(
            rows,
            theme.palette(),
            unit=unit,
            now=text.period(alert["window_start"], end, zone),
            zero=metric is None or metric["direction"] == "higher_is_worse",
        )
        worst = rows[0]
        alt = f"Worst: {worst['segment']} {worst['value']}, {text.number(worst['reference'], unit)} in the reference, {text.number(worst['current'], unit)} now"
        chart.show(figure, alt=text.clean(alt, 200), key="where_worst_chart")


def _why(alert: AlertView) -> None:
    with st.container(border=True, key="why"):
        st.markdown("#### Why", anchors=False)
        if not alert["causes"]:
            st.caption("No cause stands out: nothing else moved in these windows.")
        for place, cause in enumerate(alert["causes"], start=1):
            share = min(1.0, max(0.0, cause["score"]))
            with st.container(gap="xsmall"):
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    st.markdown(f"**{place}. {text.plain(alert_words.cause_words(cause))}**", width="content")
                    st.space("stretch")
                    st.badge(f"{alert_words.cause_kind(cause)} · {text.share(cause['score'])}", color="gray")
                st.progress(share, text=text.plain(cause["sentence"], 400))
                about = cause["column"] or alert["column"] or next(iter(alert["members"]), None)
                column = None if cause.get("kind") == "event" else about
                if column:
                    label = f"{text.plain(column)}: reference against current"
                    registry.link(
                        label,
                        "feature",
                        icon=":material/bar_chart:",
                        model=alert["model"],
                        column=column,
                        window=alert["window_start"],
                    )
        named = {alert["column"], *alert["members"][:1], *(cause["column"] for cause in alert["causes"])}
        of_columns = (
            alert["kind"] not in ("data_quality", "business", "latency") or alert["column"]
        )  # else they are checks
        others = [name for name in alert["members"] if name not in named] if of_columns else []
        if others:
            st.caption("Drifted together:")
            with st.container(horizontal=True, gap="small"):
                for name in others[:12]:
                    registry.link(
                        text.plain(name, 40), "feature", model=alert["model"], column=name, window=alert["window_start"]
                    )


def _gates(ws: Workspace, alert: AlertView, model: ModelView) -> None:
    since, until = (datetime.fromisoformat(alert[end]) for end in ("window_start", "window_end"))
    found: list[ReadingView] = []
    try:
        found = ws.readings(alert["model"], since=since, until=until)
    except WorkspaceError as error:
        st.caption(text.plain(error, 300))
    with st.container(border=True, key="alert_gates"):
        st.markdown("#### Three gates", anchors=False)
        gates.rows(alert_words.judged(alert, found, model["metric"]["name"] if model["metric"] else None))
        st.caption("All three must open before a person is woken.")


PAGE = Page(
    name="alert",
    title="Alert",
    icon=":material/notification_important:",
    url_path="alert",
    order=21,
    visible=False,
    render=render,
)
