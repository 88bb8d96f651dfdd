"""Who is signed in, at the right of the navigation, and the way out. Where sign-in is off there is nothing to see."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboard import state, text, theme

_MEANS = {
    "viewer": "You may look at everything and change nothing.",
    "operator": "You may act on alerts, runs, models and data.",
    "admin": "You may do everything, and say who may do what.",
}


def menu() -> None:
    """Draw the menu when somebody is signed in; nothing otherwise."""
    who = state.identity()
    if who.how == "open":
        return
    st.html(_style())
    with (
        st.container(key="account_menu", width="content"),
        st.popover(text.plain(who.name, 40), icon=":material/account_circle:", type="tertiary", key="account"),
    ):
        st.markdown(f"**{text.plain(who.name, 80)}** · {who.role}")
        st.caption(_MEANS[who.role])
        if who.how == "session":
            st.html(_form(theme.palette()))


def _form(colours: theme.Palette) -> str:
    """Return a button that is a form of its own: signing out is a request to the server, not a run of the page."""
    look = (
        f"font:inherit;font-weight:500;cursor:pointer;width:100%;padding:.4rem .75rem;border-radius:6px;background:none;"
        f"color:{escape(colours.text)};border:1px solid {escape(colours.border)}"
    )
    links = f'<p style="margin:0 0 .6rem"><a style="color:{escape(colours.accent)}" href="/sign-in/password" target="_self">Change password</a></p>'
    return f'{links}<form method="post" action="/sign-out" target="_self"><button type="submit" style="{look}">Sign out</button></form>'


def _style() -> str:
    return (
        "<style>.st-key-account_menu {position: fixed; top: .8rem; right: 4.2rem; z-index: 999991; width: auto}"
        ".st-key-account_menu button {min-height: 2rem}"
        ".st-key-account_menu button p {max-width: 14rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap}"
        "@media (max-width: 1100px) {.st-key-account_menu button p {max-width: 3.5rem}}</style>"
    )
