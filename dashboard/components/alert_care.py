"""Who is on an alert, what was said about it, whom it reached, and what keeps it quiet."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import errors, health
from service.alert_views import DeliveryView
from service.views import AlertView, ModelView
from service.workspace import WorkspaceError

_DELIVERY: dict[str, tuple[str, health.Colour]] = {
    "waiting": ("○ waiting", "gray"),
    "sent": ("✓ sent", "green"),
    "failed": ("▲ given up", "red"),
}
_DONE = {
    "comment": "commented",
    "owner": "owner",
    "silence": "silenced",
    "unsilence": "silence over",
    "inhibit": "follows another alert",
    "release": "stands by itself",
    "renotify": "told again",
    "news": "news",
}


@st.dialog("Who is on it", icon=":material/person:")
def assign(alert: AlertView) -> None:
    """Ask for a name, then make that person the owner."""
    name = st.text_input(
        "Owner", value=alert["owner"] or "", key="assign_owner", max_chars=120, placeholder="ana@example.com"
    )
    if st.button("Assign" if name.strip() else "Nobody", type="primary", key="assign_confirm"):
        try:
            state.workspace().assign(alert["id"], name.strip() or None, actor=state.actor())
        except WorkspaceError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
        else:
            st.rerun()


def standing(alert: AlertView, model: ModelView) -> None:
    """Say what keeps an alert quiet or brings it about, how often it came back, and where its runbook lies."""
    silenced, other = alert.get("silenced_until"), alert.get("inhibited_by")
    if alert["state"] == "silenced" and silenced:
        until = text.moment(silenced, model["timezone"], year=True)
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alert_silenced"):
            st.info(
                f"Silenced until {until}: nobody is told, and it goes on being judged.",
                icon=":material/notifications_paused:",
            )
            silence = alert.get("silence_id")
            if silence:
                st.button(
                    "End the silence",
                    key="alert_unsilence",
                    on_click=_unsilence,
                    args=(silence,),
                    **state.barred("operator"),
                )
    if other and alert["state"] != "resolved":
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alert_inhibited"):
            st.markdown(
                ":gray-badge[◌ follows another] Brought about by another alert; nobody is told of both.",
                width="content",
            )
            registry.link(f"Open #{text.plain(other)}", "alert", alert=other)
    notes = []
    if returns := alert.get("returns", 0):
        notes.append(
            f"It came back {text.plural(returns, 'time')} after it was resolved: that is told once, not every time."
        )
    if rule := alert.get("rule"):
        notes.append(f"Raised by **{text.plain(rule, 60)}**.")
    if source := alert.get("source"):
        notes.append(f"About the source **{text.plain(source, 60)}**.")
    if notes:
        st.markdown(" ".join(notes))
    if runbook := alert.get("runbook"):
        st.link_button("Runbook", runbook, icon=":material/menu_book:")


def _unsilence(silence_id: str) -> None:
    try:
        state.workspace().unsilence(silence_id, actor=state.actor())
    except WorkspaceError as error:
        st.toast(text.plain(error, 300), icon=":material/error:")


def history(alert: AlertView, model: ModelView) -> None:
    """Draw what happened to an alert, and a line to add to it."""
    with st.container(border=True, key="alert_history", gap="xsmall"):
        st.markdown("## History", anchors=False)
        for event in alert["history"]:
            with st.container(horizontal=True, gap="small", wrap=False):
                st.markdown(f":gray[{text.moment(event['at'], model['timezone'])}]", width=96)
                who = "" if event["actor"] in ("monitor", "driftdeck", "") else f" by {text.plain(event['actor'])}"
                said = f": {text.plain(event['comment'], 300)}" if event["comment"] else ""
                done = _DONE.get(event.get("action", ""), text.plain(event["state"]))
                st.markdown(f"{done}{who}{said}")
        with st.form("alert_comment", clear_on_submit=True, border=False):
            words = st.text_input(
                "Comment",
                key="comment_text",
                max_chars=1000,
                placeholder="What you found",
                label_visibility="collapsed",
            )
            if (
                st.form_submit_button("Add comment", icon=":material/add_comment:", **state.barred("operator"))
                and words.strip()
            ):
                with errors.in_words():
                    state.workspace().comment(alert["id"], words.strip(), actor=state.actor())
                    st.rerun()


def deliveries(alert: AlertView, model: ModelView) -> None:
    """Draw whom an alert reached, attempt by attempt."""
    found = state.workspace().deliveries(alert_id=alert["id"])
    with st.container(border=True, key="alert_deliveries", gap="xsmall"):
        st.markdown("## Who was told", anchors=False)
        if not found:
            st.caption(_nobody(alert))
        for view in found:
            message(view, model["timezone"], key="alert")


def _nobody(alert: AlertView) -> str:
    if alert["severity"] == "notice":
        return "Nobody at once: a notice goes into the digest of the channels that have one."
    return "Nobody: no channel takes this. Channels are declared under Settings, or in the file as `[channels.team]`."


def message(view: DeliveryView, zone: str, *, key: str) -> None:
    """Draw one message with what came of it, and a way to send it again when it was given up."""
    last = view["attempts"][-1] if view["attempts"] else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        badge = health.inline(_DELIVERY, view["state"])
        when = text.moment((last or {"at": view["created_at"]})["at"], zone)
        tries = f", {text.plural(len(view['attempts']), 'attempt')}" if len(view["attempts"]) > 1 else ""
        title = text.plain(view["title"], 120)
        st.markdown(f"{badge} **{text.plain(view['channel'], 60)}** {when}{tries} :gray[{title}]", width="content")
        if view["state"] == "failed":
            st.button(
                "Send again",
                key=f"redeliver_{key}_{view['id']}",
                on_click=_again,
                args=(view["id"],),
                **state.barred("operator"),
            )
    if last is not None and last["error"] and view["state"] != "sent":
        due = f" Next attempt {text.moment(view['next_attempt'], zone)}." if view["next_attempt"] else ""
        st.caption(f"{text.plain(last['error'], 300)}.{due}")


def _again(delivery_id: str) -> None:
    try:
        state.workspace().redeliver(delivery_id, actor=state.actor())
    except WorkspaceError as error:
        st.toast(text.plain(error, 300), icon=":material/error:")
