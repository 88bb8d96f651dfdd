"""The range that somebody has zoomed into on a chart, put into the address when they ask for it.

Zooming is done by the browser alone, at once and in all panels; the server does not hear of it. This button tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import state


def button(chart: str, shown: Sequence[str], *, key: str) -> None:
    """Draw a button that stays hidden until the chart of key ``chart`` shows another range than ``shown`` (first and last, as on its axis)."""

    def chosen() -> None:
        found = st.session_state[key]["range"]
        if found:
            first, last = found
            state.set_custom_range(first, last)

    _component()(data={"chart": chart, "range": list(shown)}, key=key, on_range_change=chosen, width="content")


@cache
def _component() -> Any:
    """Return what mounts the component: registered once, and not before there is a page."""
    here = Path(__file__).parent
    return st.components.v2.component(
        "driftdeck_zoomed",
        js=(here / "zoomed.js").read_text(encoding="utf-8"),
        css=(here / "zoomed.css").read_text(encoding="utf-8"),
        isolate_styles=False,
    )
