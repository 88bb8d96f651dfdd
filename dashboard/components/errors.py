"""Errors of the workspace in words; a fragment that runs alone needs this as much as the page around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard import registry, text
from service.workspace import NotFoundError, WorkspaceError


@contextmanager
def in_words() -> Iterator[None]:
    """Turn a WorkspaceError of the block into a message; everything else passes."""
    try:
        yield
    except NotFoundError as error:
        st.warning(text.plain(error, 600), icon=":material/search_off:")
        registry.link("Go to the overview", "overview")
    except WorkspaceError as error:
        st.error(text.plain(error, 600), icon=":material/error:")
