"""Overview: is any model in trouble, since when, how bad, what changed, what can be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import data_words, errors, first_steps, health, model_table, timeline
from dashboard.registry import Page
from service.views import ModelView

REFRESH = 30.0


def render() -> None:
    """Draw the page."""
    if not state.workspace().models():
        st.title("No model yet", anchor=False)
        first_steps.draw()
        return
    _live()


@st.fragment(run_every=REFRESH)
def _live() -> None:
    with errors.in_words():
        _draw()


def _draw() -> None:
    models = model_table.by_trouble(state.workspace().models())
    needy = [model for model in models if model["health"] in ("page", "warning")]
    st.title(_headline(len(needy), len(models)), anchor=False)
    for model in needy[:1] or models[:1]:
        _sentence(model)
    _data(models)
    model_table.draw(_filters(models), key="overview_models")
    st.caption("Sorted by trouble. ↓ lower is better, ↑ higher is better. Click a row to open the model.")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader("What happened", anchor=False)
        zones = {model["name"]: model["timezone"] for model in models}
        timeline.draw(state.workspace().timeline(12), zones, key="timeline")
    with right:
        st.subheader("Alerts", anchor=False)
        _alerts()
        st.subheader("Another model?", anchor=False)
        with st.container(border=True):
            st.code(first_steps.DECLARE, language=None)


def _headline(needy: int, total: int) -> str:
    if needy == 0:
        return "No model needs you" if total > 1 else "The model is fine"
    if total == 1:
        return "The model needs you"
    verb = "needs" if needy == 1 else "need"
    return f"{needy} of {text.plural(total, 'model')} {verb} you"


def _sentence(model: ModelView) -> None:
    """Say who, how bad, since when, likely cause; the link opens the model."""
    headline = (model["headline"] or "is within its natural variation: nothing to do.").removeprefix(model["name"])
    words = f"**{text.plain(model['name'], 60)}** {text.plain(headline.strip(' :.'), 400)}."
    if model["since"] is not None and model["data_until"] is not None:
        since = text.day(model["since"], model["timezone"], year=True)
        words += f" Since **{since}** ({text.length(model['since'], model['data_until'])})."
    with st.container(horizontal=True, wrap=False, gap="small", key="lead"):
        st.markdown(f"{health.inline(health.HEALTH, model['health'])} {words}", width="stretch")
        registry.link("Open the model ›", "model", model=model["name"])


def _data(models: Sequence[ModelView]) -> None:
    """Say it when data does not come in as it should: a source fails, or rows are refused these days."""
    ws = state.workspace()
    seen = data_words.survey(ws, models)
    if not seen.failing and seen.refused.today == 0:
        return
    with st.container(horizontal=True, wrap=False, gap="small", key="data_trouble"):
        words = data_words.sentence(replace(seen, silent=[]), models[0]["timezone"], data_words.clock(ws))
        st.markdown(f"{health.inline(health.HEALTH, 'warning')} **Data**: {words}", width="stretch")
        registry.link("Open data ›", "data")


def _filters(models: Sequence[ModelView]) -> list[ModelView]:
    counts = Counter(model["health"] for model in models)
    options = {"all": f"All {len(models)}"}
    options |= {key: f"{words} {counts[key]}" for key, (words, _) in health.HEALTH.items() if counts[key]}  # type: ignore[index]
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = state.choice("Health", "health", options, "all")
        st.space("stretch")
        wanted = state.search("Model or owner", "q").casefold()
    kept = [model for model in models if chosen in ("all", model["health"])]
    found = [m for m in kept if wanted in m["name"].casefold() or wanted in (m["owner"] or "").casefold()]
    if not found:
        st.info("No model matches. Clear the search or choose All.")
    return found


def _alerts() -> None:
    alerts = [alert for alert in state.workspace().alerts() if alert["state"] != "resolved"]
    counts = Counter(alert["severity"] for alert in alerts)
    with st.container(border=True):
        if not alerts:
            st.write("No alert is open.")
        else:
            badges = " ".join(
                health.inline(health.HEALTH, severity, f" {counts[severity]}")
                for severity in ("page", "warning", "notice")
                if counts[severity]
            )
            st.markdown(f"**{text.plural(len(alerts), 'open alert')}** {badges}")
        st.caption(
            "Budget: one false page and one false warning a model and year, unless declared otherwise. Thresholds follow "
            "from it, the size of the window and the natural variation of the reference."
        )
        if registry.exists("alerts"):
            registry.link("All alerts ›", "alerts")


PAGE = Page(
    name="overview",
    title="Overview",
    icon=":material/monitoring:",
    url_path="overview",
    order=10,
    visible=True,
    render=render,
)
