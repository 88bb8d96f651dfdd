"""Tokens: what programs show to be let in; the secret of a new one is shown once."""

from __future__ import annotations

import streamlit as st

from dashboard import state, text
from dashboard.components import export
from service.access_views import TokenView
from service.identity import SCOPES
from service.workspace import WorkspaceError

_MEANS = {
    "read": "what viewers see",
    "log": "send predictions and labels, ask for predictions",
    "act": "what operators do",
    "admin": "everything; of all models",
}
_LIVES = {"30 days": 30, "90 days": 90, "1 year": 365, "until it is revoked": None}
_STATES = {"active": "✓ active", "expired": "○ expired", "revoked": "○ revoked"}
_MADE = "_new_token"


def draw() -> None:
    """Draw the list, those in use first."""
    found = sorted(state.workspace().tokens(), key=lambda view: (view["state"] != "active", view["name"]))
    st.caption(
        "A program sends its token as `Authorization: Bearer …`. Here is what a token is for, never the token. Times are in UTC."
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button("Create a token…", icon=":material/vpn_key:", key="new_token"):
            st.session_state.pop(_MADE, None)
            create([model["name"] for model in state.workspace().models()])
        export.table(found, name="tokens", key="tokens")
    if not found:
        st.markdown(
            "There is no token yet. One that can do little is better than one that can do all: to send rows, the scope is log."
        )
        st.code("driftdeck token create nightly-job --scope log --model MODEL --days 365", language=None)
        return
    for position, view in enumerate(found):
        with st.container(
            border=True, horizontal=True, vertical_alignment="center", gap="small", key=f"token_{position}"
        ):
            _token(view, position)


def _token(view: TokenView, position: int) -> None:
    st.markdown(f"**{text.plain(view['name'], 60)}**", width="content")
    st.badge(_STATES[view["state"]], color="green" if view["state"] == "active" else "gray")
    models = "all models" if view["models"] is None else ", ".join(text.plain(name, 40) for name in view["models"])
    st.markdown(f":gray[{', '.join(view['scopes'])} · {models}]", width="content")
    used = f"last used {text.moment(view['used_at'], year=True)}" if view["used_at"] else "not used yet"
    ends = f" · ends {text.moment(view['expires_at'], year=True)}" if view["expires_at"] else ""
    st.caption(f"{used}{ends} · made by {text.plain(view['created_by'], 40)}", width="content")
    st.space("stretch")
    if view["state"] == "active" and st.button(
        "Revoke…", key=f"revoke_{position}", help=f"Take {text.plain(view['name'])} away"
    ):
        revoke(view)


@st.dialog("Create a token", width="medium", icon=":material/vpn_key:")
def create(models: list[str]) -> None:
    """Ask what it is for, make it, and show its secret, this once."""
    made: tuple[str, str] | None = st.session_state.get(_MADE)
    if made is not None:
        name, secret = made
        st.success(
            f"**{text.plain(name)}** is made. Copy it now: it is kept nowhere, and not shown again.",
            icon=":material/check:",
        )
        st.code(secret, language=None)
        if st.button("I have it", type="primary", key="token_done"):
            st.session_state.pop(_MADE, None)
            st.rerun()
        return
    name = st.text_input("Name", key="token_name", max_chars=60, placeholder="nightly-job")
    scopes = st.multiselect(
        "What it opens",
        SCOPES,
        default=["log"],
        format_func=lambda scope: f"{scope}: {_MEANS[scope]}",
        key="token_scopes",
    )
    chosen = st.multiselect("Models (none chosen: all)", models, format_func=text.clean, key="token_models")
    lives = st.selectbox("It lives", list(_LIVES), index=1, key="token_days")
    if st.button("Create", type="primary", key="token_confirm", disabled=not (name.strip() and scopes)):
        try:
            answer = state.workspace().create_token(
                name, scopes=scopes, models=chosen or None, days=_LIVES[lives], actor=state.actor()
            )
        except WorkspaceError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
        else:
            st.session_state[_MADE] = (answer["token"]["name"], answer["secret"])
            st.rerun(scope="fragment")


@st.dialog("Revoke this token", icon=":material/block:")
def revoke(view: TokenView) -> None:
    """Say what it means, then revoke."""
    st.markdown(f"Whatever shows **{text.plain(view['name'])}** is turned away from now on. This cannot be undone.")
    if st.button("Revoke", type="primary", key="revoke_confirm"):
        try:
            state.workspace().revoke_token(view["name"], actor=state.actor())
        except WorkspaceError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
        else:
            st.rerun()
