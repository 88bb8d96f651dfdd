"""Downloads of what a page shows, and the ways to its reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import streamlit as st

from service import exporting

Rows = Sequence[Mapping[str, Any]]
_FORMS = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}


def table(rows: Rows | Callable[[], Rows], *, name: str, key: str) -> None:
    """Draw one button that offers rows as CSV, Parquet and JSON.

    ``rows``: what the table shows, with unrounded numbers, or a function that fetches all of it when a table is paged; it
    is called by the click, never before. ``name``: of the file, without its ending; what users named may be in it.
    """
    if not callable(rows) and not rows:
        return
    with st.popover(
        "Export",
        icon=":material/download:",
        type="tertiary",
        width="content",
        help="This table as a file",
        key=f"{key}_export",
    ):
        for form, label in _FORMS.items():
            st.download_button(
                label,
                data=_writer(rows, form),
                file_name=f"{exporting.safe_name(name)}.{form}",
                mime=exporting.MEDIA[form],
                width="stretch",
                key=f"{key}_{form}",
                on_click="ignore",
            )


def _writer(rows: Rows | Callable[[], Rows], form: str) -> Callable[[], str | bytes]:
    return lambda: exporting.written(rows() if callable(rows) else rows, form)


def downloads(rows: Sequence[Mapping[str, object]], *, name: str, key: str) -> None:
    """Draw the button of :func:`table`."""
    table(rows, name=name, key=key)


def evidently_address(model: str, window: str) -> str:
    """Return the route that serves Evidently's report of a window in a sandbox."""
    return f"/reports/evidently/{quote(model, safe='')}/{quote(window, safe='')}"


def evidently(model: str, window: str, *, key: str) -> None:
    """Draw the button that opens Evidently's report in a tab of its own."""
    st.link_button(
        "Evidently report",
        evidently_address(model, window),
        icon=":material/open_in_new:",
        help="The whole report of this window, made by Evidently. Opens in a new tab; the first time takes a while.",
        key=f"{key}_evidently",
    )
