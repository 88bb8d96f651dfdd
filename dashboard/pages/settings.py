"""Settings: monitors, channels with a test button, what is declared and who owns it, and who did what."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import state, text
from dashboard.components import (
    channel_list,
    declared_edit,
    declared_list,
    errors,
    export,
    header,
    monitor_list,
    tokens,
    users,
)
from dashboard.registry import Page

SECTIONS = {
    "monitors": "Monitors",
    "channels": "Channels",
    "declared": "Declarations",
    "users": "Users",
    "tokens": "Tokens",
    "audit": "Audit",
}
MOST_ENTRIES = 1_000_000  # in a file of the whole log
LATEST = 200  # entries of the audit log
_EXAMPLE = """[channels.team]
url = "slack://${SLACK_TOKEN}/#models"
severity = ["page", "warning"]
digest = "weekly"        # of notices"""


def render() -> None:
    """Draw the page."""
    header.title("Settings")
    shown = state.choice("Section", "section", SECTIONS, "monitors")
    with errors.in_words():
        {
            "monitors": monitor_list.draw,
            "channels": _channels,
            "declared": _declared,
            "users": users.draw,
            "tokens": tokens.draw,
            "audit": _audit,
        }[shown]()


def _new(kind: str, label: str) -> None:
    needs = state.barred("admin" if kind == "channel" else "operator")
    if st.button(label, icon=":material/add:", key=f"new_{kind}", **needs):
        declared_edit.make(kind)


def _channels() -> None:
    found = state.workspace().channels()
    _new("channel", "Add a channel…")
    if found:
        st.caption(
            "Messages are kept until they are delivered: at least once, each with a key that stays the same. Times are in UTC."
        )
        channel_list.draw(found)
        return
    st.markdown("No channel is declared, so alerts reach nobody but this page. This goes into `driftdeck.toml`:")
    st.code(_EXAMPLE, language=None)
    st.markdown(
        "then `driftdeck apply driftdeck.toml`. E-mail, Slack, Teams, PagerDuty, Telegram, webhooks and many more."
    )


def _declared() -> None:
    found = state.workspace().declared()
    if not found:
        st.markdown("Nothing is declared yet. The overview shows how to begin.")
        return
    st.caption("Each thing has one owner. What a file declares is changed in that file; here it can be taken over.")
    with st.container(horizontal=True, gap="small"):
        _new("channel", "Add a channel…")
        _new("maintenance", "Add maintenance…")
    declared_list.draw(found)


def _told(detail: object) -> str:
    """Write what an entry holds as words: names and values, without those that are empty."""
    if isinstance(detail, dict):
        return " · ".join(f"{name} {_told(value)}" for name, value in detail.items() if value not in (None, "", [], {}))
    if isinstance(detail, list | tuple):
        return ", ".join(_told(each) for each in detail)
    return "" if detail is None else str(detail)


def _audit() -> None:
    found = state.workspace().audit(LATEST)
    rows = [
        {
            "When": text.moment(entry["at"], year=True),
            "Who": text.clean(entry["actor"]),
            "Did": text.clean(entry["action"]),
            "To": text.clean(entry["object"]),
            "Detail": text.clean(_told(entry["detail"]), 300),
        }
        for entry in found
    ]
    st.caption("Every entry carries the hash of the one before: nothing is taken out unseen. Times are in UTC.")
    st.dataframe(
        pd.DataFrame(rows, columns=["When", "Who", "Did", "To", "Detail"]),
        hide_index=True,
        row_height=36,
        height="content" if len(rows) <= 20 else 36 * 20 + 37 + 18,  # half a row says that there are more
        placeholder=text.MISSING,
        key="audit",
        alt=f"The latest {text.plural(len(rows), 'entry', 'entries')} of the audit log",
    )
    ws = state.workspace()  # the file is made after the page, when nobody looks at it
    export.foot(lambda: ws.audit(MOST_ENTRIES), name="audit", key="audit_rows")


PAGE = Page(
    name="settings",
    title="Settings",
    icon=":material/settings:",
    url_path="settings",
    order=90,
    visible=True,
    render=render,
)
