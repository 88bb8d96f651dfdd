"""Downloads of what a page shows, and the ways to its reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import streamlit as st

from service import exporting

Rows = Sequence[Mapping[str, Any]]
#: Name, media type, and the function that writes a file when somebody takes it.
File = tuple[str, str, Callable[[], str | bytes]]
_FORMS = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}


def table(rows: Rows | Callable[[], Rows], *, name: str, key: str) -> None:
    """Draw one button that offers rows as CSV, Parquet and JSON.

    ``rows``: what the table shows, with unrounded numbers, or a function that fetches all of it when a table is paged; it
    is called by the click, never before. ``name``: of the file, without its ending; what users named may be in it.
    """
    if not callable(rows) and not rows:
        return
    made = {
        label: (f"{exporting.safe_name(name)}.{form}", exporting.MEDIA[form], _writer(rows, form))
        for form, label in _FORMS.items()
    }
    files(made, key=key, about="This table as a file")


def foot(rows: Rows | Callable[[], Rows], *, name: str, key: str, words: str = "") -> None:
    """Draw the line under a table: a remark (Markdown), and at the right the button of :func:`table`."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_foot"):
        if words:
            st.caption(words, width="content")
        st.space("stretch")
        table(rows, name=name, key=key)


def files(made: Mapping[str, File], *, key: str, about: str = "This report as a file") -> None:
    """Draw one button that offers files: by label, the name, the media type, and what writes it once it is asked for."""
    with st.popover("Export", icon=":material/download:", type="tertiary", help=about, key=f"{key}_export"):
        for label, (name, media, write) in made.items():
            st.download_button(
                label,
                data=write,
                file_name=name,
                mime=media,
                width="stretch",
                key=f"{key}_{label.lower()}",
                on_click="ignore",
            )


def _writer(rows: Rows | Callable[[], Rows], form: str) -> Callable[[], str | bytes]:
    return lambda: exporting.written(rows() if callable(rows) else rows, form)


def evidently_address(model: str, window: str) -> str:
    """Return the route that serves Evidently's report of a window in a sandbox."""
    return f"/reports/evidently/{quote(model, safe='')}/{quote(window, safe='')}"


def report_address(model: str, **period: str) -> str:
    """Return the route that serves our own report as a page, of a ``window`` or from ``since`` to ``until``."""
    return f"/api/v1/models/{quote(model, safe='')}/report?{urlencode({**period, 'format': 'html'})}"
