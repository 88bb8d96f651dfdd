"""The proposal of a set-up, to look at and to change: columns, model, windows, budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text, theme
from dashboard.charts import slots
from dashboard.components import chart, setup_choices
from service.setting_up_views import ROLES, ColumnChoice, Note, Proposal

TYPES = ("numeric", "categorical", "boolean", "datetime", "text", "embedding")
TASKS = {
    "binary": "Binary: one of two classes",
    "multiclass": "Multiclass: one of several",
    "regression": "Regression: a number",
    "ranking": "Ranking: lists in an order",
    "none": "None: watch the data only",
}
TIMES = {"column": "A column says when", "order": "The order of rows", "none": "None: all rows are the reference"}
WINDOWS = ("1h", "2h", "3h", "6h", "12h", "1d", "1w", "4w", "13w", "52w")
BUDGETS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 12.0, 52.0)
_NOTE = {
    "impossible": (":material/error:", "red"),
    "doubtful": (":material/help:", "orange"),
    "note": (":material/info:", "gray"),
}
_EDITED = ("role", "type", "segment", "score_of")


def notes(found: list[Note]) -> None:
    """List what is doubtful or impossible, each with its way on."""
    if not found:
        return
    with st.container(border=True, gap="xsmall", key="setup_notes"):
        for note in found:
            icon, colour = _NOTE[note["level"]]
            words = {"impossible": "Settle this first", "doubtful": "Look at this", "note": "Good to know"}[
                note["level"]
            ]
            st.markdown(f":{colour}[{icon} **{words}**] {_code(note['words'])}; {_code(note['way_on'])}.")


def _code(words: str) -> str:
    """Return words, escaped, in which `names` are bold."""
    parts = words.split("`")
    if len(parts) % 2 == 0:  # a name that has such a sign itself
        return text.plain(words, 500)
    return "".join(f"**{text.plain(part)}**" if place % 2 else _kept(part) for place, part in enumerate(parts))


def _kept(part: str) -> str:
    """Return a part of a sentence, escaped, with the spaces at its ends."""
    if not part.strip():
        return part
    before, after = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
    return f"{before}{text.plain(part, 500)}{after}"


def _quoted(words: str) -> str:
    """Return words for a table, where nothing is bold."""
    return text.clean(words.replace("`", "'"), 200)


# -- columns -----------------------------------------------------------------------------------------------------------
def columns(proposal: Proposal) -> None:
    """Draw the table of columns; a change of role, type, segment or class is noted at once."""
    scores = sum(column["role"] == "score" for column in proposal["columns"])
    rows = [
        {
            "name": text.clean(column["name"]),
            "role": column["role"],
            "type": column["type"],
            "segment": column["segment"],
            "score_of": column["score_of"],
            "why": _quoted(("not sure: " if column["sure"] == "doubtful" else "") + column["why"]),
            "missing": column["missing"],
            "distinct": column["distinct"],
            "examples": text.clean(", ".join(column["examples"]), 80),
        }
        for column in proposal["columns"]
    ]
    shown = [
        "name",
        "role",
        "type",
        "segment",
        *(["score_of"] if scores > 1 else []),
        "why",
        "missing",
        "distinct",
        "examples",
    ]
    config: Any = {
        "name": column_config.TextColumn("Column", disabled=True, pinned=True, width=150),
        "role": column_config.SelectboxColumn("Role", options=list(ROLES), required=True, width=110),
        "type": column_config.SelectboxColumn("Type", options=list(TYPES), required=True, width=110),
        "segment": column_config.CheckboxColumn("Segment", width=75, help="Looked at by each of its values too"),
        "score_of": column_config.SelectboxColumn(
            "Class", options=proposal["classes"], width=110, help="Whose score it is"
        ),
        "why": column_config.TextColumn("Why", disabled=True, width=420),
        "missing": column_config.NumberColumn("Missing", disabled=True, format="percent", width=75),
        "distinct": column_config.NumberColumn("Distinct", disabled=True, format="localized", width=80),
        "examples": column_config.TextColumn("Such as", disabled=True, width=260),
    }
    key = f"setup_columns_{abs(hash((proposal['upload'], state.param(setup_choices.COLUMNS))))}"

    def changed() -> None:
        edits: Mapping[int, Mapping[str, Any]] = st.session_state[key]["edited_rows"]
        for place, edit in edits.items():
            wanted = {name: value for name, value in edit.items() if name in _EDITED}
            setup_choices.change_column(proposal["columns"][int(place)]["name"], cast("ColumnChoice", wanted))

    st.data_editor(
        pd.DataFrame(rows),
        hide_index=True,
        column_order=shown,
        column_config=config,
        num_rows="fixed",
        height="content" if len(rows) <= 14 else 520,
        key=key,
        on_change=changed,
        disabled=not state.may("operator"),
    )


def preview(proposal: Proposal) -> None:
    """Draw the first rows, as they were read."""
    with st.expander("The first five rows", icon=":material/table_rows:"):
        frame = pd.DataFrame(proposal["preview"]).rename(columns=text.clean)
        st.dataframe(
            frame, hide_index=True, placeholder=text.MISSING, key="setup_preview", alt="The first rows of the file"
        )


# -- one choice --------------------------------------------------------------------------------------------------------
def _select(label: str, param: str, options: Mapping[str, str], current: str, why: str) -> None:
    """Draw a select box of a guess; what is chosen goes into the address."""
    key = f"setup_{param}"
    offered = dict(options) if current in options else {current: current, **options}
    st.session_state[key] = current

    def changed() -> None:
        state.set_params(**{param: st.session_state[key]})

    with st.container(gap="xxsmall"):
        st.selectbox(label, list(offered), format_func=lambda option: offered[option], key=key, on_change=changed)
        if why:
            st.caption(_code(why[:1].upper() + why[1:]) + ".")


def _name(proposal: Proposal) -> None:
    st.session_state["setup_name"] = proposal["name"]

    def changed() -> None:
        state.set_params(name=st.session_state["setup_name"].strip() or None)

    with st.container(gap="xxsmall"):
        st.text_input("Name", key="setup_name", on_change=changed, max_chars=63)
        st.caption("Small letters, digits, - and \\_; it stays.")


def model(proposal: Proposal) -> None:
    """Draw what the model is: name, task, positive class, times and zone."""
    with st.grid(4, min_column_width=230, gap="small", key="setup_model"):
        _name(proposal)
        _select("Task", "task", TASKS, proposal["task"], proposal["task_why"])
        if proposal["task"] == "binary":
            classes = {each: text.clean(each) for each in proposal["classes"]}
            _select("Positive class", "positive", classes, proposal["positive"] or "", proposal["positive_why"])
        able = any(column["role"] == "time" for column in proposal["columns"])
        times = {key: words for key, words in TIMES.items() if able or key != "column"}
        _select("Event time", "times", times, proposal["times"], proposal["times_why"])
        if proposal["times"] == "column":
            _select("Time zone", "zone", _zones(proposal["timezone"]), proposal["timezone"], proposal["timezone_why"])


def _zones(current: str) -> dict[str, str]:
    """Return time zones, the current one and that of the browser first."""
    mine = st.context.timezone or "UTC"
    first = dict.fromkeys([current, mine, "UTC"])
    named = [
        zone
        for zone in sorted(available_timezones())
        if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "US/"))
    ]
    words = {zone: zone for zone in [*first, *named]}
    if mine != "UTC":
        words[mine] = f"{mine} (your browser's)"
    return words


# -- windows and budget ------------------------------------------------------------------------------------------------
def monitor(proposal: Proposal) -> None:
    """Draw windows, the reference and the budget, with what they come to."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        if proposal["windows"]:
            cut = len(proposal["windows"]) < proposal["windows_in_all"]
            chart.show(
                slots.figure(proposal["windows"], theme.palette(), timezone=proposal["timezone"], height=210),
                alt="Rows of each window of the file, those of the reference in grey",
                key="setup_slots",
            )
            if cut:
                st.caption(f"The latest {len(proposal['windows'])} of {proposal['windows_in_all']:,} windows.")
        else:
            st.info(
                "Every row is the reference. Windows begin with the rows that you send from now on.",
                icon=":material/inbox:",
            )
        _learn(proposal)
    with right:
        if proposal["times"] == "column":
            _select("Window", "window", {each: text.window_word(each).capitalize() for each in WINDOWS}, proposal["window"], proposal["window_why"])  # fmt: skip
        _budget(proposal)


def _learn(proposal: Proposal) -> None:
    count = proposal["windows_in_all"]
    if count < 2:
        return
    key = "setup_learn"
    st.session_state[key] = proposal["reference_windows"]

    def changed() -> None:
        state.set_params(learn=str(st.session_state[key]))

    st.slider("Windows of the reference: what normal is", 1, count, key=key, on_change=changed)
    st.caption(
        f"{_code(proposal['reference_why'][:1].upper() + proposal['reference_why'][1:])}: {proposal['reference_rows']:,} rows."
    )


def _budget(proposal: Proposal) -> None:
    key = "setup_warnings"
    options = sorted({*BUDGETS, proposal["warnings_per_year"]})
    st.session_state[key] = proposal["warnings_per_year"]

    def changed() -> None:
        state.set_params(warnings=f"{st.session_state[key]:g}")

    st.select_slider("False warnings a year that you accept", options, format_func=_often, key=key, on_change=changed)
    shift = proposal["smallest_shift"]
    if shift is not None:
        st.caption(
            f"A mean that moves by **{text.number(shift)} standard deviations** would then be seen in one window of "
            f"{proposal['rows_per_window']:,} rows half of the time, and a smaller one after several. That is what sampling alone "
            "allows; how much windows vary by themselves is measured when the reference is frozen, and shown then."
        )


def _often(value: float) -> str:
    if value < 1:
        return f"1 in {1 / value:g} years"
    return {1.0: "1 a year", 12.0: "1 a month", 52.0: "1 a week"}.get(value, f"{value:g} a year")
