"""Retrain and rollout: what serves, what waits, what a job is doing, and who would have been right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import registry, state, text, theme
from dashboard.charts import versions as versions_chart
from dashboard.components import (
    alert_words,
    chart,
    confirm,
    export,
    gate_table,
    header,
    health,
    job_panel,
    lineage,
    role_history,
    rollout_words,
    studies,
    version_card,
)
from dashboard.components.health import Colour
from dashboard.components.role_history import ROLES
from dashboard.registry import Page
from service.views import AlertView, JobView, ModelView, VersionView
from service.workspace import Workspace


def render() -> None:
    """Draw the page."""
    ws = state.workspace()
    models = {model["name"]: model for model in ws.models()}
    if not models:
        state.require_model()  # says how to begin, and stops
    with st.container(horizontal=True, vertical_alignment="center", key="retrain_top"):
        place = st.container()
        model = _model(ws, models)
    name = model["name"]
    jobs = ws.jobs(name)  # before the versions: what a job that has ended made must be among them
    versions = rollout_words.by_age(ws.versions(name))
    alert = rollout_words.harmful_alert(ws.alerts(name), state.param("alert"))
    version = _chosen(versions, model)
    deployments = ws.deployments(name)
    back = rollout_words.rolled_back(deployments)
    last = version["version"] if version else "first training"
    with place:
        header.crumbs((name, "model", {"model": name}), ("Retrain and rollout", None, {}), (last, None, {}))
    header.title(
        rollout_words.headline(model, versions, jobs),
        actions=lambda: _actions(model, versions, jobs, alert, version, back),
    )
    _why_and_when(model, jobs, alert, version, back)
    _steps(model, jobs, version, back)
    for trigger in ws.triggers(name):
        held = f" Held back: {text.plain(trigger['held_back'], 160)}." if trigger["held_back"] else ""
        st.caption(f":material/bolt: By itself: {text.plain(trigger['sentence'], 240)}{held}")
    with st.container(key="retrain_halves"):  # one above the other where the page is narrow: see theme.style
        left, right = st.columns([3, 2], gap="small")
    with left:
        _gate(model, version)
        role_history.draw(model, deployments)
    with right:
        job_panel.draw(rollout_words.shown(jobs, version))
        _versions(model, versions)
        if version is not None:
            lineage.draw(model, version)
    studies.draw(model, busy=rollout_words.active(jobs) is not None)
    _both(ws, model, versions, version)


def _model(ws: Workspace, models: Mapping[str, ModelView]) -> ModelView:
    """Return the model in the address, else the one most in need; let the visitor choose another."""
    asked = state.param("model")
    if asked and asked not in models:
        return ws.model(asked)
    worst = min(models.values(), key=lambda model: list(health.HEALTH).index(model["health"]))["name"]
    if len(models) == 1:
        return models[worst]
    return models[state.select("Model", "model", {name: text.clean(name) for name in models}, worst)]


def _chosen(versions: Sequence[VersionView], model: ModelView) -> VersionView | None:
    """Return the version looked at: the one in the address, else the one that waits, else the champion."""
    named = {version["version"]: version for version in versions}
    asked = named.get(state.param("version"))
    waiting = rollout_words.waiting(versions, model)
    return asked or waiting or named.get(model["champion"] or "") or next(iter(versions), None)


# -- top -----------------------------------------------------------------------------------------------------------


def _actions(
    model: ModelView,
    versions: Sequence[VersionView],
    jobs: Sequence[JobView],
    alert: AlertView | None,
    version: VersionView | None,
    back: Mapping[str, str],
) -> None:
    ready = version if version and version["version"] != model["champion"] else None
    busy = rollout_words.active(jobs) is not None
    unrivalled = model["champion"] is None and ready is not None and ready["gate_verdict"] == "none"
    against = rollout_words.reservation(ready, back, model["timezone"]) if ready and not unrivalled else None
    set_aside = ready is not None and (ready["version"] in back or ready["gate_verdict"] == "failed")
    with st.container(
        horizontal=True, width="content", gap="small", key="retrain_actions"
    ):  # one line on a narrow page too
        if ready or not rollout_words.in_vain(jobs):
            _promote(model, ready, against, recommended=ready is not None and against is None and not busy)
        if st.button(
            "Retrain…",
            type="secondary" if ready and not set_aside else "primary",
            icon=":material/model_training:",
            **state.barred(
                "operator", disabled=busy, why="A training job is under way; cancel it or wait" if busy else None
            ),
            on_click=confirm.opening,
            key="retrain",
        ):
            confirm.retrain(model, alert)
        target = rollout_words.former_champion(versions, model)
        first = f"{text.plain(model['champion'])} is the first champion: there is nothing to roll back to"
        label = f"Roll back to {text.plain(target['version'])}…" if target else "Roll back…"
        reason = None if target else first if model["champion"] else "No version serves yet"
        if (
            st.button(
                label,
                icon=":material/undo:",
                key="roll_back",
                **state.barred("operator", disabled=target is None, why=reason),
            )
            and target
        ):
            confirm.roll_back(model, target)


def _promote(model: ModelView, ready: VersionView | None, against: str | None, *, recommended: bool) -> None:
    """Draw the button; it stands out only where the gate recommends the version and nobody took it back."""
    label = f"Promote {text.plain(ready['version'])} to champion…" if ready else "Promote to champion…"
    if against and against.startswith("rolled back"):
        label = f"Promote {text.plain(ready['version'])} again…" if ready else label
    why = f"Not recommended: {against}" if against else None
    if ready is None:
        why = "Nothing waits: train a challenger first, or choose another version below"
    clicked = st.button(
        label,
        type="primary" if recommended else "secondary",
        icon=":material/rocket_launch:",
        key="promote",
        **state.barred("operator", disabled=ready is None, why=why),
    )
    if clicked and ready:
        confirm.promote(model, ready)


def _why_and_when(
    model: ModelView,
    jobs: Sequence[JobView],
    alert: AlertView | None,
    version: VersionView | None,
    back: Mapping[str, str],
) -> None:
    zone, job = model["timezone"], rollout_words.active(jobs)
    if job is not None:
        period = rollout_words.days(job["period"], zone) or "rows being chosen"
        said = [f"Learning from **{period}**"]
        said += [text.plain(job["reason"], 300)] if job["reason"] else []
        said.append(f"started by {text.plain(job['requested_by'])}, {text.moment(job['created_at'], zone)}")
    elif version is not None:
        name, period = text.plain(version["version"]), rollout_words.trained_on(version, zone)
        said = [
            f"{name} was trained on **{period}** ({text.plural(version['rows'], 'row')})",
            f"by {text.plain(version['created_by'])}, {text.moment(version['created_at'], zone)}",
        ]
        if version["version"] == model["champion"] and model["champion_since"]:
            said.append(f"champion since {text.day(model['champion_since'], zone, year=True)}")
        elif against := rollout_words.reservation(version, back, zone):
            said.append(f"**{against}**")
    else:
        said = ["Nothing has been trained here yet. A training needs labelled rows."]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="why_and_when"):
        st.markdown(" · ".join(said), width="content")
        because = job["alert_id"] if job else version["alert_id"] if version else None
        if because:
            st.markdown("· because of", width="content")
            registry.link("this alert", "alert", alert=because)
    if alert is not None and alert["state"] != "resolved" and alert["id"] != because:
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="asks"):
            health.badge(health.HEALTH, alert["severity"])
            registry.link(text.plain(alert["headline"], 120), "alert", alert=alert["id"])
            lasting = alert_words.duration(alert, model)
            since = text.day(alert["window_start"], zone, year=True)
            st.markdown(
                f"since **{since}** ({lasting}): a version trained on rows since then may mend it.", width="content"
            )


def _steps(model: ModelView, jobs: Sequence[JobView], version: VersionView | None, back: Mapping[str, str]) -> None:
    """Draw the five steps, each with a shape, a word and what is known of it."""
    zone, job = model["timezone"], rollout_words.active(jobs)
    failed = rollout_words.latest(jobs)
    steps: list[tuple[str, Colour, str]] = []
    if job is not None:
        words = job["step"] or job["state"]
        steps.append(("▷ 1 Train", "blue", f"{text.share(job['progress'])} · {text.plain(words, 60)}"))
        version = None
    elif version is None and failed is not None and failed["state"] in ("failed", "lost"):
        steps.append(("▲ 1 Train", "red", "the last job failed: see its log"))
    elif version is None:
        steps.append(("○ 1 Train", "gray", "not begun"))
    else:
        steps.append(
            ("✓ 1 Train", "green", f"{text.day(version['created_at'], zone)} · {text.plural(version['rows'], 'row')}")
        )
    shapes: dict[str, tuple[str, Colour]] = {
        "passed": ("✓", "green"),
        "warned": ("◆", "orange"),
        "failed": ("▲", "red"),
    }
    shape, colour = shapes.get(version["gate_verdict"] if version else "", ("○", "gray"))
    steps.append((f"{shape} 2 Gate", colour, rollout_words.gate_counts(version) if version else "after training"))
    role = version["role"] if version else ""
    steps.append(
        ("▷ 3 Shadow", "blue", "answers beside, unseen") if role == "shadow" else ("○ 3 Shadow", "gray", "optional")
    )
    share = text.share(version["share"]) if version and version["share"] is not None else ""
    steps.append(
        (f"▷ 4 Canary {share}", "blue", "answers for a share")
        if role == "canary"
        else ("○ 4 Canary", "gray", "optional")
    )
    if role == "champion":
        steps.append(("✓ 5 Champion", "green", f"since {text.day(model['champion_since'], zone)}"))
    elif version is not None and version["version"] in back:
        steps.append(("↩ 5 Champion", "orange", f"rolled back {text.day(back[version['version']], zone)}"))
    else:
        steps.append(("○ 5 Champion", "gray", "needs your word"))
    with st.grid(len(steps), min_column_width=150, gap="small", key="steps"):
        for label, colour, words in steps:
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.badge(label.strip(), color=colour)
                st.caption(words)


# -- evidence ------------------------------------------------------------------------------------------------------


def _gate(model: ModelView, version: VersionView | None) -> None:
    with st.container(border=True, key="gate"):
        if version is None or not version["gate"]:
            st.markdown("## Gate", anchors=False)
            st.caption("The gate holds a challenger against the champion on the same rows, once one is trained.")
            return
        gate_table.draw(version, model["timezone"])


def _versions(model: ModelView, versions: Sequence[VersionView]) -> None:
    with st.container(border=True, key="versions"):
        st.markdown("## Versions", anchors=False)
        if not versions:
            st.caption("None yet. The first training registers v1.")
            return
        named = next((version["gate"][0]["name"] for version in versions if version["gate"]), "metric")
        rows = [
            {
                "Version": text.clean(version["version"]),
                "Role": [health.words(ROLES, version["role"])],
                "Trained on": rollout_words.trained_on(version, model["timezone"]),
                "Rows": text.count(version["rows"]),
                "Measured": rollout_words.headline_value(version),
            }
            for version in versions
        ]
        event = st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height="content" if len(rows) <= 12 else 460,
            row_height=36,
            placeholder=text.MISSING,
            on_select="rerun",
            selection_mode="single-cell",
            key=f"versions_{state.param('version')}",
            alt=f"{len(rows)} versions, the newest first",
            column_config={
                "Role": gate_table.badges("Role", ROLES, 110),
                "Measured": column_config.TextColumn(
                    text.clean(named, 40), alignment="right", help="On the rows kept apart when it was trained"
                ),
                "Rows": column_config.TextColumn("Rows", alignment="right"),
            },
        )
        cells = event["selection"].get("cells", [])
        if cells and versions[cells[0][0]]["version"] != state.param("version"):
            state.set_params(version=versions[cells[0][0]]["version"])
            st.rerun()
        export.foot(
            versions,
            name=f"versions-{model['name']}",
            key="version_rows",
            words="A click looks at a version: its gate above, its period below.",
        )


def _both(ws: Workspace, model: ModelView, versions: Sequence[VersionView], version: VersionView | None) -> None:
    points = ws.performance(model["name"])
    with st.container(border=True, key="both"):
        word = text.window_word(model["window"])
        seen = {
            point["model_version"] for point in points if point["role"] != "reference" and point["value"] is not None
        }
        what = "All versions on the same rows" if len(seen) > 1 else "The champion so far"
        st.markdown(f"## {what}, {word} by {word}", anchors=False)
        metric = model["metric"]
        if metric is None or not any(point["value"] is not None for point in points):
            st.badge("○ No data", color="gray")
            st.caption("No window has labels yet, so no version can be judged.")
            return
        figure = versions_chart.figure(
            points,
            versions,
            theme.palette(),
            unit=metric["unit"],
            timezone=model["timezone"],
            shaded=version,
            markers=[marker for marker in ws.markers(model["name"]) if marker["kind"] not in ("alert", "warning")],
            zero=metric["direction"] == "higher_is_worse",
        )
        alt = f"{text.metric_name(metric['name'])} by {word}, one line for each of {', '.join(sorted(map(text.clean, seen)))}"
        chart.show(figure, alt=alt, key="both_chart")
    if version is not None and version["version"] in seen:
        former = rollout_words.former_champion(versions, model)
        rivals = [former["version"] if former else None, model["champion"], *(v["version"] for v in reversed(versions))]
        other = next((name for name in rivals if name in seen and name != version["version"]), None)
        if other is not None:
            version_card.draw(model, version["version"], other)


PAGE = Page(
    name="retrain",
    title="Retrain",
    icon=":material/model_training:",
    url_path="retrain",
    order=40,
    visible=True,
    render=render,
)
