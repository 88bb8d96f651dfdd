"""Overview: is any model in trouble, since when, how bad, what changed, what can be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import (
    alert_words,
    budget,
    data_words,
    errors,
    export,
    first_steps,
    health,
    model_table,
    standing,
    timeline,
)
from dashboard.registry import Page
from service.views import AlertView, ModelView

REFRESH = 30.0


def render() -> None:
    """Draw the page."""
    _live()


@st.fragment(run_every=REFRESH)
def _live() -> None:
    with errors.in_words():
        _draw()


def _draw() -> None:
    models = model_table.by_trouble(state.workspace().models())
    if not models:
        st.title("No model yet", anchor=False)
        first_steps.draw()
        return
    now = data_words.clock(state.workspace())
    needy = [model for model in models if model["health"] in ("page", "warning")]
    st.title(standing.nothing_judged(models) or _headline(len(needy), len(models)), anchor=False)
    alerts = [alert for alert in state.workspace().alerts() if alert["state"] != "resolved"]
    for model in needy[:1] or models[:1]:
        _sentence(model, _worst(alerts, model))
    _data(models, now)
    found = model_table.filters(models)
    if found:
        model_table.draw(found, key="overview_models", now=now)
    with st.container(horizontal=True, vertical_alignment="center", key="overview_legend"):
        st.caption(
            "Sorted by trouble. ↓ lower is better, ↑ higher is better. Click a row to open the model.", width="content"
        )
        st.space("stretch")
        export.table(model_table.plain_rows(found), name="models", key="overview")
    _below(models, alerts)


def _worst(alerts: Sequence[AlertView], model: ModelView) -> AlertView | None:
    """Return the open alert that a model's health comes from."""
    return next((a for a in alerts if a["model"] == model["name"] and a["severity"] == model["health"]), None)


def _below(models: Sequence[ModelView], alerts: Sequence[AlertView]) -> None:
    """Draw what happened lately, and beside it what of alerts was allowed and what is open."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        zones = {model["name"]: model["timezone"] for model in models}
        timeline.draw(timeline.filtered(zones), zones, key="timeline")
    with right:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alerts_bar"):
            st.header("Open alerts", anchor=False, width="content")
            st.space("stretch")
            registry.link("All alerts ›", "alerts")
        _alerts(alerts)
        st.header("Alert budget", anchor=False)
        budget.draw(models)
        with st.expander("Another model?", icon=":material/add:"):
            first_steps.button("another_model", primary=False)
            st.code(first_steps.DECLARE, language=None)


def _headline(needy: int, total: int) -> str:
    if needy == 0:
        return "No model needs you" if total > 1 else "The model is fine"
    if total == 1:
        return "The model needs you"
    verb = "needs" if needy == 1 else "need"
    return f"{needy} of {text.plural(total, 'model')} {verb} you"


def _sentence(model: ModelView, alert: AlertView | None) -> None:
    """Say who, how bad, since when, likely cause; links open the alert and the model."""
    headline = model["headline"]
    after = ":" if headline and not headline.startswith(model["name"]) else ""  # else the name begins the sentence
    words = f"**{text.plain(model['name'], 60)}**{after} {text.plain(standing.words(model), 400)}.{_measured(model)}"
    if model["since"] is not None and model["data_until"] is not None:
        since = text.day(model["since"], model["timezone"], year=True)
        words += f" Since **{since}** ({text.length(model['since'], alert_words.now(model) or model['data_until'])})."
    with st.container(horizontal=True, wrap=False, gap="small", key="lead"):
        st.markdown(f"{health.inline(health.HEALTH, model['health'])} {words}", width="stretch")
        if alert is not None:
            registry.link("Open the alert ›", "alert", alert=alert["id"])
        registry.link("Open the model ›", "model", model=model["name"])


def _measured(model: ModelView) -> str:
    """Return the metric against its reference, where the headline is about something else; it says how bad it is."""
    metric = model["metric"]
    if metric is None or metric["value"] is None:
        return ""
    now, before = text.number(metric["value"], metric["unit"]), text.number(metric["reference"])
    if not model["headline"] or text.number(metric["value"]) in model["headline"]:
        return ""
    return f" {text.metric_name(metric['name'])} is **{text.plain(now)}**, in the reference {before}."


def _data(models: Sequence[ModelView], now: str | None) -> None:
    """Say it when data does not come in as it should: a source fails, or rows are refused these days."""
    seen = data_words.survey(state.workspace(), models)
    if not seen.failing and seen.refused.today == 0:
        return
    with st.container(horizontal=True, wrap=False, gap="small", key="data_trouble"):
        words = data_words.sentence(replace(seen, silent=[]), models[0]["timezone"], now)
        st.markdown(f"{health.inline(health.HEALTH, 'warning')} **Data**: {words}", width="stretch")
        registry.link("Open data ›", "data")


def _alerts(alerts: Sequence[AlertView]) -> None:
    counts = Counter(alert["severity"] for alert in alerts)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if not alerts:
            st.markdown("No alert is open.", width="content")
        else:
            badges = " ".join(
                health.inline(health.HEALTH, severity, f" {counts[severity]}")
                for severity in ("page", "warning", "notice")
                if counts[severity]
            )
            st.markdown(f"**{text.plural(len(alerts), 'open alert')}** {badges}", width="content")


PAGE = Page(
    name="overview",
    title="Overview",
    icon=":material/monitoring:",
    url_path="overview",
    order=10,
    visible=True,
    render=render,
)
