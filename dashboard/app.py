"""The frame of every page: navigation, theme, and one place where errors turn into words."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, state, text, theme
from dashboard.components import demo
from service.workspace import NotFoundError, WorkspaceError


def main(default: str = "overview") -> None:
    """Draw the page that the address asks for; ``default`` answers at ``/``."""
    st.set_page_config(page_title="Driftdeck", page_icon=str(theme.STATIC / "icon.png"), layout="wide")
    theme.style()
    st.logo(str(theme.STATIC / ("logo-dark.svg" if theme.palette().dark else "logo-light.svg")), size="medium")
    page = registry.navigation(default)
    state.restore(page.url_path)
    try:
        demo.player()
        page.run()
    except NotFoundError as error:
        st.warning(text.plain(error, 600), icon=":material/search_off:")
        registry.link("Go to the overview", "overview")
    except WorkspaceError as error:
        st.error(text.plain(error, 600), icon=":material/error:")
