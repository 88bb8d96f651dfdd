"""Components of our own that run in the browser: a script and a style sheet beside this file, registered once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent


@cache
def component(name: str) -> Any:
    """Return what mounts the component of ``name.js`` and ``name.css``: registered at its first use, not before there is a page."""
    return st.components.v2.component(
        f"driftdeck_{name}",
        js=(_HERE / f"{name}.js").read_text(encoding="utf-8"),
        css=(_HERE / f"{name}.css").read_text(encoding="utf-8"),
        isolate_styles=False,
    )
