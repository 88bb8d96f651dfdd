"""Compare: any two files, windows or versions, held against each other without declaring anything."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.components import compare_files, compare_slices, errors, header
from dashboard.registry import Page

_WHAT = {"files": "Files", "slices": "Windows & versions"}
_SAYS = {
    "files": "Drop two files and read what changed between them, column by column. Nothing has to be declared, and nothing is kept.",
    "slices": "Hold any two periods, versions or segments of a model against each other: what came in, what it answered, how well it did.",
}


def render() -> None:
    """Draw the page."""

    def what() -> None:
        state.choice("What is compared", "what", _WHAT, "files", resets=("column", "page", "q", "verdict", "shape"))

    header.title("Compare", badges=what)
    chosen = state.param("what", "files", _WHAT)
    st.markdown(_SAYS[chosen])
    with errors.in_words():
        if chosen == "files":
            compare_files.draw()
        else:
            compare_slices.draw()


PAGE = Page(
    name="compare",
    title="Compare",
    icon=":material/compare_arrows:",
    url_path="compare",
    order=31,
    visible=True,
    render=render,
)
