"""What one model's data went through: labels on their way, columns that changed, rows that left the log."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import state, text
from dashboard.components import data_words, health
from service.data_views import LabelWindow, SchemaEvent, StorageView
from service.views import ModelView

MOST_EVENTS = 12


def maturity(windows: Sequence[LabelWindow], zone: str) -> str:
    """Return in words how complete the labels of the latest windows are."""
    waiting = [window for window in windows if not window["mature"]]
    if not any(window["labelled"] for window in windows):
        return "No label has come for these windows yet."
    if not waiting:
        return "All labels that are worth waiting for are in."
    window = waiting[-1]
    name = text.window_name(window["start"], window["end"], zone)
    said = f"{'The ' if name.startswith('week') else ''}{name} has {text.share(window['coverage'])} of its labels"
    usual, now = window["expected_coverage"], window["coverage"]
    if usual is None or now is None:
        return f"{said}; more are to come."
    behind = usual - now > 0.1
    return f"{said}; {text.share(usual)} is usual at this age{', so they are late' if behind else ''}."


def schema(model: ModelView) -> None:
    """Draw columns that came otherwise than declared."""
    st.subheader("Columns that changed", anchor=False)
    events = sorted(state.workspace().schema_events(model["name"]), key=lambda event: event["seen_at"], reverse=True)
    with st.container(border=True, gap="xsmall", key="schema"):
        if not events:
            st.caption("None: every column has come as it was declared.")
        for event in events[:MOST_EVENTS]:
            _event(event, model["timezone"])
        if len(events) > MOST_EVENTS:
            st.caption(f"The latest {MOST_EVENTS} of {len(events):,}.")


def _event(event: SchemaEvent, zone: str) -> None:
    with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="top"):
        st.markdown(f":gray[{text.day(event['seen_at'], zone)}]", width=52)
        with st.container(width=116):
            health.badge(data_words.SCHEMA, event["event"])
        rows = f" :gray[{text.plural(event['rows'], 'row')}]" if event["rows"] else ""
        st.markdown(f"{text.plain(event['words'], 300)}{rows}", width="stretch")


def storage(model: ModelView) -> None:
    """Draw what the model occupies, how long rows stay, and what was deleted on request."""
    st.subheader("Storage", anchor=False)
    ws = state.workspace()
    held, receipts = ws.storage(model["name"]), ws.erasures(model["name"])
    zone = model["timezone"]
    with st.container(border=True, gap="xsmall", key="storage"):
        for line in (_held(held), _retention(held, zone), _erased(len(receipts))):
            st.markdown(line)
        if receipts:
            latest = max(receipts, key=lambda receipt: receipt["requested_at"])
            deleted = ", ".join(f"{count:,} {text.plain(place, 30)}" for place, count in latest["deleted"].items())
            st.caption(
                f"The latest on {text.day(latest['requested_at'], zone, year=True)}: {deleted or 'nothing was found'}."
            )


def _held(held: StorageView) -> str:
    words = f"**{held['rows']:,}** rows in the log"
    if held["archived_rows"]:
        words += (
            f", **{held['archived_rows']:,}** in archives that queries reach ({data_words.size(held['archive_bytes'])})"
        )
    if held["dropped_rows"]:
        words += f", **{held['dropped_rows']:,}** dropped"
    return words + "."


def _retention(held: StorageView, zone: str) -> str:
    oldest = f" The oldest is of {text.day(held['oldest'], zone, year=True)}." if held["oldest"] else ""
    if held["keep"] is None:
        return f'Rows are kept for good; `retention = {{ keep = "400d" }}` would bound them.{oldest}'
    then = "go to the archive" if held["then"] == "archive" else "are dropped"
    cut = f" The next cut is at {text.day(held['next_cut'], zone, year=True)}." if held["next_cut"] else ""
    return f"Rows older than **{text.plain(text.duration(held['keep']))}** {then}; profiles and readings stay.{oldest}{cut}"


def _erased(receipts: int) -> str:
    if receipts == 0:
        return "Nobody's rows have been deleted on request."
    return f"**{text.plural(receipts, 'person', 'people')}** had their rows deleted on request, each with a receipt."
