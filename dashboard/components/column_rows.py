"""The rows behind a bar of a column, or behind a whole window: chosen by a click on the plot or from a list, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state, text
from dashboard.charts import categories
from dashboard.components import column_plots, errors, export, rows
from service.views import FeatureView, RowPage

_ALL = "all values"
_AT_ONCE, _MOST = 1000, 100_000  # rows that are asked for in one call, and that one file holds


def options(view: FeatureView) -> dict[str, str]:
    """Return the bars whose rows can be looked at: value of the address -> words."""
    bars, first = view["histogram"], view["histogram"].get("first", 0)
    words = {"other": "rarer ones", "unseen": "never seen before"} if column_plots.nominal(view) else {}
    unit = f" {view['unit']}" if view["unit"] and not bars["labels"] else ""
    edges = bars["edges"]
    names = bars["labels"] or [f"{edges[i]:g} to {edges[i + 1]:g}{unit}" for i in range(len(edges) - 1)]
    found = {_ALL: "All values"}
    for place, (name, share) in enumerate(zip(names, bars["current"], strict=True)):
        found[str(first + place)] = f"{text.clean(words.get(name, name), 40)} ({text.share(share)})"
    found["missing"] = f"Missing ({text.share(bars['missing_current'])})"
    return found


def card(model: str, view: FeatureView, name: str) -> None:
    """Draw the choice of a bar and an expander with its rows; nothing is read while it is closed."""
    offered = options(view)
    asked = state.param("bar", _ALL, offered)
    with st.container(key="feature_rows_card"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**Rows** :gray[whose {text.plain(view['column'])} is]", width="content")
            state.select("Rows whose value is", "bar", offered, _ALL, width=260)
        if asked == _ALL:
            rows.behind(model, view["window_start"], view["window_end"], name, key="feature_rows")
            return
        _of_bar(model, view, asked, offered[asked])


@st.fragment
def _of_bar(model: str, view: FeatureView, asked: str, label: str) -> None:
    place = column_plots.place_chosen()
    since, until = (datetime.fromisoformat(view[end]) for end in ("window_start", "window_end"))
    key = f"bar_rows_{asked}_{view['window_start']}"
    number = st.session_state.get(f"{key}_page", 1)

    def page(limit: int, offset: int) -> RowPage:
        return state.workspace().column_rows(
            model,
            view["column"],
            since,
            until,
            place=None if place == categories.MISSING else place,
            limit=limit,
            offset=offset,
        )

    def every() -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while len(found) < _MOST:
            more = page(_AT_ONCE, len(found))["rows"]
            found += more
            if len(more) < _AT_ONCE:
                break
        return found

    with errors.in_words():
        shown = page(rows.PAGE_SIZE, (number - 1) * rows.PAGE_SIZE)
        if not shown["total"]:
            st.write(f"No row of this window lies in {text.plain(label)}.")
            return
        frame = pd.DataFrame(shown["rows"], columns=shown["columns"])
        alt = f"Rows whose {text.clean(view['column'])} is {text.clean(label)}"
        st.dataframe(frame, hide_index=True, height="content", placeholder=text.MISSING, key=f"{key}_table", alt=alt)
        with st.container(horizontal=True, vertical_alignment="center"):
            first, last = shown["offset"] + 1, shown["offset"] + len(shown["rows"])
            st.caption(f"{first:,} to {last:,} of {text.plural(shown['total'], 'row')}", width="content")
            export.table(every, name=f"{model}_{view['column']}_{asked}", key=key)
            st.space("stretch")
            st.pagination(-(-shown["total"] // rows.PAGE_SIZE), key=f"{key}_page")
