"""What the keyboard needs beyond Streamlit: passing a table with Tab chooses nothing in it, Enter goes in."""

from __future__ import annotations

import streamlit as st

from dashboard.components import browser_side


def tables() -> None:
    """Let tables wait for Enter when they are reached by Tab; called once, by the frame of all pages."""
    with st.container(key="keyboard"):
        browser_side.component("keyboard")(key="keyboard_component")
