"""Why an alert came about: causes ranked with their share, each with a way to see it; and the gates it passed."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, text
from dashboard.components import alert_words, gates
from dashboard.components.alert_about import About
from service.views import AlertView, CauseView, ModelView

_MOST = 12  # columns beside the causes


def why(alert: AlertView, about: About) -> None:
    """Draw the ranked causes; of a fixed limit and of silence, what they mean instead."""
    with st.container(border=True, key="why"):
        st.markdown("## Why", anchors=False)
        if not alert["causes"]:
            st.markdown(_no_cause(alert, about))
        for place, cause in enumerate(alert["causes"], start=1):
            _cause(alert, about, place, cause)
        if not alert["causes"] and alert["column"]:
            _plot(alert, about, alert["column"])
        _others(alert, about)


def _no_cause(alert: AlertView, about: About) -> str:
    """Say in one sentence why there is no list of causes."""
    limit = alert.get("limit")
    if limit:
        passed = [r for r in about.readings if r["check"] == limit and r["threshold"] is not None]
        value = f" of {text.number(passed[0]['threshold'])}" if passed else ""
        name = text.plain(text.metric_name(limit))
        return (
            f"{name[:1].upper()}{name[1:]} passed the fixed limit{value} that is declared for it. A limit asks "
            "for no cause: it holds whatever the reason."
        )
    if alert.get("rule"):
        return f"The team's own rule {text.plain(alert['rule'], 60)} holds. A rule asks for no cause."
    if alert["kind"] == "no_data":
        return "No rows came, so there is nothing to compare. Look at the source, or at whoever sends the rows."
    if alert["kind"] in ("latency", "business"):
        return "Causes are sought for what comes in and what goes out of a model, not for how fast or how dear it is."
    if alert["segment"]:
        return f"It shows inside {text.plain(alert['segment'], 60)}; nothing else moved with it there."
    if alert["kind"] == "data_quality":
        return "What is wrong is with the values themselves; nothing else moved in these windows."
    return "Nothing else moved in these windows."


def _cause(alert: AlertView, about: About, place: int, cause: CauseView) -> None:
    share = min(1.0, max(0.0, cause["score"]))
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{place}. {text.plain(alert_words.cause_words(cause))}**", width="content")
            st.space("stretch")
            st.badge(f"{alert_words.cause_kind(cause)} · {text.share(cause['score'])}", color="gray")
        st.progress(share, text=text.plain(cause["sentence"], 400))
        about_column = cause["column"] or alert["column"] or next(iter(alert["members"]), None)
        if about_column and cause.get("kind") != "event":
            _plot(alert, about, about_column)


def _plot(alert: AlertView, about: About, column: str) -> None:
    registry.link(
        f"{text.plain(column)}: reference against current",
        "feature",
        icon=":material/bar_chart:",
        model=alert["model"],
        column=column,
        window=about.window(column, alert),
    )


def _others(alert: AlertView, about: About) -> None:
    """Link what drifted together; of some kinds members are checks, which have no page."""
    named = {alert["column"], *alert["members"][:1], *(cause["column"] for cause in alert["causes"])}
    if alert["kind"] in ("data_quality", "business", "latency") and not alert["column"]:
        return
    others = [name for name in alert["members"] if name not in named]
    if not others:
        return
    st.caption("Drifted together:" if alert["kind"] != "data_quality" else "The same of:")
    with st.container(horizontal=True, gap="small"):
        for name in others[:_MOST]:
            registry.link(
                text.plain(name, 40), "feature", model=alert["model"], column=name, window=about.window(name, alert)
            )
    if len(others) > _MOST:
        st.caption(f"and {len(others) - _MOST} more: the model's page lists all.")


def three_gates(alert: AlertView, model: ModelView, about: About) -> None:
    """Draw the gates with their sentences; silence and limits have none to pass."""
    if alert["kind"] == "no_data":
        return
    with st.container(border=True, key="alert_gates"):
        st.markdown("## Three gates", anchors=False)
        gates.rows(alert_words.judged(alert, about.first, model["metric"]["name"] if model["metric"] else None))
        if alert.get("limit"):
            st.caption("A fixed limit wakes as it was declared: the gates are not asked.")
        else:
            st.caption("All three must open before a person is woken.")
