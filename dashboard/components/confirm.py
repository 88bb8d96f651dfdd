"""Dialogs before anything is done: acknowledge, retrain, promote, roll back. Each opening acts once at most.

They stay on their page: leaving it from here (``st.switch_page``) while a timed fragment is on it can blank the browser,
because a refresh that was sent for the old page then arrives on the new one.
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import streamlit as st

from dashboard import state, text
from dashboard.components import rollout_words
from service.views import AlertView, ModelView, VersionView
from service.workspace import WorkspaceError

_KEY = "_request_key"
AFTER = {
    "manual": "Nothing is promoted without you.",
    "shadow": "Unless it fails its gate, it then runs beside the champion as a shadow, which answers nobody; to promote it is up to you.",
    "canary": '**If it passes its gate, it then answers a part of the predictions without asking you**: the model declares `promote = "canary"`.',
    "auto": '**If it passes its gate, it then becomes the champion without asking you**: the model declares `promote = "auto"`.',
}


def opening() -> None:
    """Remember a new key for the dialog about to open; use as ``on_click`` of the button that opens it."""
    st.session_state[_KEY] = uuid4().hex


def _failed(error: WorkspaceError) -> None:
    st.error(text.plain(error, 600), icon=":material/error:")


@st.dialog("Acknowledge this alert", icon=":material/front_hand:")
def acknowledge(alert: AlertView) -> None:
    """Ask for an optional comment, then acknowledge."""
    st.markdown("It stays open and goes on being judged; others see that somebody has it in hand.")
    comment = st.text_input(
        "Comment (optional)", key="ack_comment", max_chars=500, placeholder="What you found, what you do"
    )
    if st.button("Acknowledge", type="primary", key="ack_confirm"):
        try:
            state.workspace().acknowledge(alert["id"], actor=state.actor(), comment=comment)
        except WorkspaceError as error:
            _failed(error)
        else:
            st.rerun()


@st.dialog("Train a challenger", width="medium", icon=":material/model_training:")
def retrain(model: ModelView, alert: AlertView | None) -> None:
    """State which rows will be learned from and why, then start one job and show it."""
    ws = state.workspace()
    offered = rollout_words.spans(ws.windows(model["name"]), alert, model["data_until"])
    if not offered:
        st.info(
            "No window has labels yet, so there is nothing to learn from. Send labels, then come back.",
            icon=":material/label_off:",
        )
        return
    zone = model["timezone"]
    options = {
        span.name: f"**{span.name}**: {text.period(span.since, span.until, zone, year=True)}, {text.plural(span.labels, 'labelled row')}"
        for span in offered
    }
    chosen = st.radio(
        "Learn from",
        list(options),
        format_func=lambda name: options[name],
        captions=[text.plain(span.why, 200) for span in offered],
        key="retrain_span",
    )
    span = next(span for span in offered if span.name == chosen)
    champion = model["champion"]
    stays = f" {text.plain(champion)} goes on serving meanwhile." if champion else ""
    st.markdown(
        f"The latest part of these rows is kept apart: on it the challenger is held against the champion.{stays} {_after(model)}"
    )
    if st.button("Start training", type="primary", icon=":material/play_arrow:", key="retrain_confirm"):
        try:
            ws.retrain(
                model["name"],
                since=datetime.fromisoformat(span.since),
                alert_id=alert["id"] if alert else None,
                actor=state.actor(),
                request_key=st.session_state.get(_KEY),
            )
        except WorkspaceError as error:
            _failed(error)
        else:
            st.rerun()


def _after(model: ModelView) -> str:
    """Say what becomes of a version that passes its gate, as the model declares it (``promote`` of its ``retrain``)."""
    declared = (each for each in state.workspace().declared() if each["kind"] == "model")
    values = next((each["values"] for each in declared if each["name"] == model["name"]), {})
    return AFTER.get(values.get("retrain", {}).get("promote", "manual"), AFTER["manual"])


@st.dialog("Promote to champion", width="medium", icon=":material/rocket_launch:")
def promote(model: ModelView, version: VersionView) -> None:
    """Say what changes for whom, then promote."""
    name, champion = text.plain(version["version"]), model["champion"]
    if version["gate_sentence"]:
        st.markdown(text.plain(version["gate_sentence"], 1500))
    if version["gate_verdict"] == "failed":
        st.warning("The gate failed. Promote only if you know better than these rows.", icon=":material/warning:")
    after = (
        f" {text.plain(champion)} goes on beside it as a shadow, so that one click brings it back." if champion else ""
    )
    st.markdown(f"From now on **{name}** answers every prediction of {text.plain(model['name'])}.{after}")
    if st.button(f"Promote {name}", type="primary", icon=":material/rocket_launch:", key="promote_confirm"):
        try:
            state.workspace().deploy(model["name"], version["version"], role="champion", actor=state.actor())
        except WorkspaceError as error:
            _failed(error)
        else:
            st.rerun()


@st.dialog("Roll back", width="medium", icon=":material/undo:")
def roll_back(model: ModelView, target: VersionView) -> None:
    """Say which version comes back, then roll back."""
    name = text.plain(target["version"])
    trained = rollout_words.trained_on(target, model["timezone"])
    st.markdown(
        f"**{name}** (trained on {trained}) answers again from now on; {text.plain(model['champion'])} goes on beside it as a "
        "shadow. Nothing is deleted, and both stay comparable week by week."
    )
    if st.button(f"Roll back to {name}", type="primary", icon=":material/undo:", key="rollback_confirm"):
        try:
            state.workspace().rollback(model["name"], actor=state.actor())
        except WorkspaceError as error:
            _failed(error)
        else:
            st.rerun()
