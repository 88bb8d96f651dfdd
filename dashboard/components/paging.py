"""Pages of a long table: which one is in the address."""

from __future__ import annotations

import streamlit as st

from dashboard import state


def number(name: str, pages: int) -> int:
    """Return the page that the query parameter ``name`` asks for, within 1 to ``pages``."""
    asked = state.param(name, "1")
    return min(max(1, int(asked)), pages) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1


def draw(name: str, current: int, pages: int, words: str) -> None:
    """Draw ``words`` and the choice of a page; nothing when there is only one."""
    if pages < 2:
        return
    key = f"paging_{name}"
    st.session_state[key] = current

    def changed() -> None:
        chosen = st.session_state[key]
        state.set_params(**{name: None if chosen == 1 else str(chosen)})

    with st.container(horizontal=True, vertical_alignment="center", key=f"pages_of_{name}"):
        st.caption(words, width="content")
        st.space("stretch")
        st.pagination(pages, key=key, on_change=changed)
