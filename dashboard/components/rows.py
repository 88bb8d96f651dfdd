"""The rows behind a window: one page of them at a time, asked of the server."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import state, text
from dashboard.components import errors

PAGE_SIZE = 20


@st.fragment
def behind(model: str, since: str, until: str, title: str, *, key: str, expanded: bool = False) -> None:
    """Draw an expander with the logged rows of a span; nothing is read while it is closed."""
    panel = st.expander(
        f"Rows behind {title}", icon=":material/table_rows:", expanded=expanded, key=f"{key}_panel", on_change="rerun"
    )
    if not panel.open:
        return
    with panel, errors.in_words():
        number = st.session_state.get(f"{key}_page", 1)
        page = state.workspace().rows(
            model,
            datetime.fromisoformat(since),
            datetime.fromisoformat(until),
            limit=PAGE_SIZE,
            offset=(number - 1) * PAGE_SIZE,
        )
        if page["total"] == 0:
            st.write("No rows were logged in this span.")
            return
        frame = pd.DataFrame(page["rows"], columns=page["columns"])
        st.dataframe(frame, hide_index=True, height="content", placeholder=text.MISSING, key=f"{key}_table")
        with st.container(horizontal=True, vertical_alignment="center"):
            first, last = page["offset"] + 1, page["offset"] + len(page["rows"])
            st.caption(f"{first:,} to {last:,} of {text.plural(page['total'], 'row')}", width="content")
            st.space("stretch")
            st.pagination(-(-page["total"] // PAGE_SIZE), key=f"{key}_page")
