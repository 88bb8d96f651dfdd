"""The range that somebody has zoomed into on a chart, put into the address when they ask for it.

Zooming is done by the browser alone, at once and in all panels; the server does not hear of it. This button tells it.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components import browser_side


def button(chart: str, shown: Sequence[str], *, key: str) -> None:
    """Draw a button that stays hidden until the chart of key ``chart`` shows another range than ``shown`` (first and last, as on its axis)."""

    def chosen() -> None:
        found = st.session_state[key]["range"]
        if found:
            first, last = found
            state.set_custom_range(first, last)

    browser_side.component("zoomed")(
        data={"chart": chart, "range": list(shown)}, key=key, on_range_change=chosen, width="content"
    )
