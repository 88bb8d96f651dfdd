"""Downloads of what a page shows, and Evidently's report of the same window."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import streamlit as st

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows as CSV; text that a spreadsheet would run as a formula gets an apostrophe before it."""
    target = io.StringIO()
    if rows:
        writer = csv.DictWriter(target, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _safe(value) for name, value in row.items()})
    return target.getvalue()


def _safe(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def downloads(rows: Sequence[Mapping[str, object]], *, name: str, key: str) -> None:
    """Draw two buttons: the same rows as CSV and as JSON."""
    st.download_button(
        "CSV",
        data=lambda: as_csv(rows),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key=f"{key}_csv",
        on_click="ignore",
    )
    st.download_button(
        "JSON",
        data=lambda: json.dumps(rows, indent=2, ensure_ascii=False),
        file_name=f"{name}.json",
        mime="application/json",
        icon=":material/download:",
        key=f"{key}_json",
        on_click="ignore",
    )


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
