"""What the keyboard needs beyond Streamlit: passing a table with Tab chooses nothing in it, Enter goes in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


def tables() -> None:
    """Let tables wait for Enter when they are reached by Tab; called once, by the frame of all pages."""
    with st.container(key="keyboard"):
        _component()(key="keyboard_component")


@cache
def _component() -> Any:
    """Return what mounts the component: registered once, and not before there is a page."""
    here = Path(__file__).parent
    return st.components.v2.component(
        "driftdeck_keyboard",
        js=(here / "keyboard.js").read_text(encoding="utf-8"),
        css=(here / "keyboard.css").read_text(encoding="utf-8"),
        isolate_styles=False,
    )
