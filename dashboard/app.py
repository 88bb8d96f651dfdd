"""The frame of every page: navigation, theme, the demo's player, errors in words."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, state, theme
from dashboard.components import account, chart, demo, errors, keyboard


def main(default: str = "overview") -> None:
    """Draw the page that the address asks for; ``default`` answers at ``/``."""
    st.set_page_config(page_title="Driftdeck", page_icon=str(theme.STATIC / "icon.png"), layout="wide")
    theme.style()
    st.logo(str(theme.STATIC / ("logo-dark.svg" if theme.palette().dark else "logo-light.svg")), size="medium")
    page = registry.navigation(default)
    account.menu()
    state.restore(page.url_path)
    chart.exports()
    keyboard.tables()
    with errors.in_words():
        demo.player()
        page.run()
