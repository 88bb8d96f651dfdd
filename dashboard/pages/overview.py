"""Overview: is any model in trouble, since when, how bad, what changed."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.registry import Page


def render() -> None:
    """Draw the page."""
    st.title(f"{len(state.workspace().models())} models", anchor=False)


PAGE = Page(
    name="overview",
    title="Overview",
    icon=":material/monitoring:",
    url_path="overview",
    order=10,
    visible=True,
    render=render,
)
