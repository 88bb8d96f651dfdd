"""Changing and making declared things here, as the TOML that a file would hold: what differs is sent, key by key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import state, text
from service.alert_views import DeclaredObject
from service.workspace import WorkspaceError

SECTIONS = {"model": "models", "channel": "channels", "source": "sources", "maintenance": "maintenance"}
#: what can be made here, with what to begin from
NEW = {
    "channel": '[channels.team]\nurl = "slack://TokenA/TokenB/TokenC/#models"\nseverity = ["page", "warning"]\ndigest = "weekly"\n',
    "maintenance": '[maintenance.nightly]\nmodels = ["*"]\nschedule = "0 2 * * *"\nlasts = "2h"\ncomment = "The warehouse is rebuilt"\n',
}
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class _NotOneThingError(ValueError):
    """The text is no TOML, or declares something else than was asked for."""


@st.dialog("Change what is declared", width="large", icon=":material/edit_note:")
def change(view: DeclaredObject) -> None:
    """Show one thing as TOML and apply what is changed in it."""
    words = st.text_area("TOML", view["toml"].strip(), height=360, key="declared_text")
    taken = view["declared_in"] != "file"
    if not taken:
        st.info(
            "A file declares this. Change it there; or take it over: then it is changed here, and applying the file says so.",
            icon=":material/lock:",
        )
        taken = st.checkbox("Take it over", key="declared_take_over")
    if st.button("Apply", type="primary", key="declared_apply", disabled=not taken):
        try:
            changes = differences(
                only(view["toml"], view["kind"], view["name"]), only(words, view["kind"], view["name"])
            )
        except _NotOneThingError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
            return
        _send(view["kind"], view["name"], changes, take_over=view["declared_in"] == "file")


@st.dialog("Declare something new", width="large", icon=":material/add:")
def make(kind: str) -> None:
    """Begin from an example; its name is the name in the heading."""
    words = st.text_area("TOML", NEW[kind], height=220, key="declared_new")
    if st.button("Declare it", type="primary", key="declared_make"):
        try:
            found = _read(words).get(SECTIONS[kind])
            if not isinstance(found, dict) or len(found) != 1:
                raise _NotOneThingError(f"Write one table, headed [{SECTIONS[kind]}.name].")
        except _NotOneThingError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
            return
        ((name, values),) = found.items()
        _send(kind, name, differences({}, values), take_over=False)


def remove(view: DeclaredObject) -> None:
    """Take back a channel, a maintenance or a source; use as ``on_click``."""
    try:
        state.workspace().remove(view["kind"], view["name"], actor=state.actor())
    except WorkspaceError as error:
        st.toast(text.plain(error, 400), icon=":material/error:")


def _send(kind: str, name: str, changes: Mapping[str, Any], *, take_over: bool) -> None:
    try:
        state.workspace().edit(kind, name, changes, take_over=take_over, actor=state.actor())
    except WorkspaceError as error:
        st.error(text.plain(error, 900), icon=":material/error:")
    else:
        st.rerun()


def _read(words: str) -> dict[str, Any]:
    try:
        return tomllib.loads(words)
    except tomllib.TOMLDecodeError as error:
        raise _NotOneThingError(f"This is no TOML: {error}.") from None


def only(words: str, kind: str, name: str) -> dict[str, Any]:
    """Return the values of one thing; raises :class:`ValueError` in words when the text holds another, or more."""
    found = _read(words)
    inside = found.get(SECTIONS[kind])
    if set(found) != {SECTIONS[kind]} or not isinstance(inside, dict) or set(inside) != {name}:
        raise _NotOneThingError(f"Here is the place of [{SECTIONS[kind]}.{name}] and nothing else.")
    values: dict[str, Any] = inside[name]
    return values


def differences(before: Mapping[str, Any], after: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """Return dotted keys with their new values, None for those that are gone; lists count as one value."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys([*before, *after]):
        name = place + (key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False))
        old, new = before.get(key), after.get(key)
        if isinstance(new, dict) and (isinstance(old, dict) or old is None) and new:
            found |= differences(old or {}, new, f"{name}.")
        elif old != new or key not in after:
            found[name] = new
    return found
