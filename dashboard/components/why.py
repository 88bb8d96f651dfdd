"""Why performance changed: other inputs or another rule, the slices that lost most, and rows that stand for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text, theme
from dashboard.charts import intervals
from dashboard.components import chart, errors, numbers
from service.outcome_views import ChangeParts, RowExample, SliceView
from service.views import ModelView

_MOST_SLICES, _MOST_ROWS, _MOST_COLUMNS = 8, 10, 8
_ROWS_MATTER = 0.2  # share of the reference that must count after weighting; below it the parts are uncertain


@st.fragment
def draw(model: ModelView, since: str, until: str, *, key: str, expanded: bool = False) -> None:
    """Draw an expander that takes a change apart; nothing is computed while it is closed, and nothing twice."""
    panel = st.expander(
        "Other inputs, or another rule? And where",
        icon=":material/troubleshoot:",
        expanded=expanded,
        key=f"{key}_panel",
        on_change="rerun",
    )
    if not panel.open:
        return
    with panel, errors.in_words():
        with st.spinner("Weighing the reference's rows by today's inputs …"):
            parts, slices, rows = _found(model, since, until)
        _parts(parts, key)
        _slices(slices, key)
        _rows(rows, model, key)


def _found(model: ModelView, since: str, until: str) -> tuple[ChangeParts | None, list[SliceView], list[RowExample]]:
    """Ask once a visitor, span and run: classifiers are trained for it."""
    asked = (model["name"], since, until, model["last_run"])
    kept: tuple[Any, Any] | None = st.session_state.get("why_found")
    if kept is not None and kept[0] == asked:
        found: tuple[ChangeParts | None, list[SliceView], list[RowExample]] = kept[1]
        return found
    ws, span = state.workspace(), (datetime.fromisoformat(since), datetime.fromisoformat(until))
    found = (
        ws.change_parts(model["name"], *span),
        ws.slices(model["name"], *span, limit=_MOST_SLICES),
        ws.examples(model["name"], *span, limit=_MOST_ROWS),
    )
    st.session_state["why_found"] = (asked, found)
    return found


def _parts(parts: ChangeParts | None, key: str) -> None:
    if parts is None:
        st.caption("The change cannot be taken apart: that needs labelled rows here and in the reference.")
        return
    st.markdown(text.plain(parts["sentence"], 500))
    rows = [
        intervals.Row("change of the loss", parts["change"], parts["lower"], parts["upper"], role="muted"),
        intervals.Row("by other inputs, P(X)", parts["inputs"], parts["inputs_lower"], parts["inputs_upper"]),
        intervals.Row("by another rule, P(Y|X)", parts["rule"], parts["rule_lower"], parts["rule_upper"], role="page"),
    ]
    chart.show(
        intervals.figure(rows, theme.palette(), unit=parts["unit"], bars=True),
        alt=text.clean(parts["sentence"], 300),
        key=f"{key}_parts",
    )
    words = f"{text.plain(parts['loss'])} of {parts['n']:,} rows against {parts['n_reference']:,} of the reference; whiskers are 95 % intervals."
    if parts["overlap"] < _ROWS_MATTER:
        words += f" ◔ Only {text.share(parts['overlap'])} of the reference look like today's inputs: take the split with care."
    st.caption(words)


def _slices(slices: Sequence[SliceView], key: str) -> None:
    st.markdown("**Slices that lost most** :gray[found on one half of the rows, confirmed on the other]")
    if not slices:
        st.caption("No part of the rows lost more than the whole did, beyond chance.")
        return
    measured = [number for s in slices for number in (s["reference"], s["current"], s["shrunk"])]
    unit_free: Any = {
        "slice": column_config.TextColumn("Slice", width="large"),
        "share": numbers.share("Share of rows", [s["share"] for s in slices], width=92),
        "n": column_config.NumberColumn("Rows", format="localized", width=76),
        "reference": numbers.column("Reference", measured, width=84),
        "current": numbers.column("Now", measured, width=72),
        "shrunk": numbers.column("Loss, shrunk", measured, width=92, help="Towards the whole: a small slice is not believed at once"),
        "p": numbers.mixed("p, held out", width=84),
    }  # fmt: skip
    frame = pd.DataFrame(
        {
            "slice": [text.clean(s["name"], 90) for s in slices],
            "share": [numbers.percent(s["share"]) for s in slices],
            "n": [s["n"] for s in slices],
            "reference": [s["reference"] for s in slices],
            "current": [s["current"] for s in slices],
            "shrunk": [s["shrunk"] for s in slices],
            "p": [numbers.chance(s["p_value"]) for s in slices],
        }
    )
    st.dataframe(
        frame, hide_index=True, height="content", placeholder=text.MISSING, column_config=unit_free, key=f"{key}_slices"
    )


def _rows(rows: Sequence[RowExample], model: ModelView, key: str) -> None:
    if not rows:
        return
    st.markdown("**Rows that stand for it**")
    names = list(dict.fromkeys(name for row in rows for name in row["values"]))[:_MOST_COLUMNS]
    frame = pd.DataFrame(
        [
            {
                "id": text.clean(row["id"], 40),
                "at": text.moment(row["at"], model["timezone"]),
                "prediction": _said(row["prediction"]),
                "label": _said(row["label"]),
                "loss": row["loss"],
                **{text.clean(name, 40): _said(row["values"].get(name)) for name in names},
            }
            for row in rows
        ]
    )
    settings: Any = {"loss": numbers.column("loss", [row["loss"] for row in rows])}
    settings |= {
        text.clean(name, 40): numbers.mixed(text.clean(name, 40))
        for name in names
        if all(isinstance(row["values"].get(name), int | float | None) for row in rows)
    }
    settings |= {name: numbers.mixed(name) for name in ("prediction", "label") if isinstance(rows[0][name], float)}
    st.dataframe(
        frame, hide_index=True, height="content", placeholder=text.MISSING, column_config=settings, key=f"{key}_rows"
    )


def _said(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, float):
        return f"{value:.0f}".replace("-", "−") if value.is_integer() and abs(value) < 1e6 else text.number(value)
    return text.clean(value, 60)
