"""Refused rows on their way in after all: corrected in a table, taken together or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state, text
from service.data_views import QuarantineView, RepairedRow
from service.workspace import WorkspaceError

_WHY, _NESTED = "Why it was refused", ("features", "context")
_SEPARATOR = " › "


def button(found: Sequence[QuarantineView], model: str, zone: str) -> None:
    """Draw the button that opens the table of the rows on this page that can be repaired."""
    rows = repairable(found)
    why = state.why_not("operator")
    if not rows and why is None:
        why = "None of these rows was kept as a whole: correct them where they come from and send them again"
    if st.button("Repair…", icon=":material/build:", key="repair", disabled=why is not None, help=why):
        table(rows, model, zone)


def repairable(found: Sequence[QuarantineView]) -> list[QuarantineView]:
    """Return the rows that can be repaired together: those of the kind of the first one."""
    whole = [row for row in found if row["repairable"]]
    return [row for row in whole if row["kind"] == whole[0]["kind"]]


@st.dialog("Repair refused rows", width="large", icon=":material/build:")
def table(rows: Sequence[QuarantineView], model: str, zone: str) -> None:
    """Let somebody correct rows and take those that are ticked: all of them, or none while one is still wrong."""
    what = "predictions" if rows[0]["kind"] == "log" else "labels"
    st.markdown(
        f"{text.plural(len(rows), 'row')} of {what} for **{text.plain(model, 60)}**, as they came. Correct the values, take the ones that are "
        f"right now. Times without an offset are in {text.plain(zone)}."
    )
    sent = [json.loads(row["content"] or "{}") for row in rows]
    flat = [flattened(row) for row in sent]
    fields = list(dict.fromkeys(name for row in flat for name in row))
    cells = [
        {"Take": True, _WHY: text.clean(row["error"], 200)} | {name: _shown(values.get(name)) for name in fields}
        for row, values in zip(rows, flat, strict=True)
    ]
    edited = st.data_editor(
        pd.DataFrame(cells, columns=["Take", _WHY, *fields]).astype(dict.fromkeys(fields, "object")),
        hide_index=True,
        num_rows="fixed",
        disabled=[_WHY],
        key="repair_table",
        height=min(420, 80 + 35 * len(rows)),
        placeholder=text.MISSING,
    )
    chosen = [place for place in range(len(rows)) if bool(edited["Take"].iloc[place])]
    repairs: list[RepairedRow] = [
        {
            "ref": rows[place]["ref"],
            "row": restored(sent[place], flat[place], {name: edited[name].iloc[place] for name in fields}),
        }
        for place in chosen
    ]
    if st.button(f"Take {text.plural(len(chosen), 'row')}", type="primary", disabled=not chosen, key="repair_confirm"):
        _take(model, repairs, chosen)


def _take(model: str, repairs: list[RepairedRow], chosen: Sequence[int]) -> None:
    try:
        done = state.workspace().repair(model, repairs, actor=state.actor())
    except WorkspaceError as error:
        st.error(text.plain(error, 600), icon=":material/error:")
        return
    if done["rejected"]:
        lines = [
            f"- row {chosen[entry['row']] + 1}: {text.plain(entry['error'], 300)}" for entry in done["rejected"][:10]
        ]
        st.error("Nothing was taken, for these are still wrong:\n" + "\n".join(lines), icon=":material/error:")
        return
    st.toast(
        f"{text.plural(done['accepted'], 'row')} taken, {done['duplicates']:,} were there already.",
        icon=":material/check:",
    )
    st.rerun()


def flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row by name; inputs that came in an object of their own have its name before theirs."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name in _NESTED and isinstance(value, Mapping):
            flat |= {f"{name}{_SEPARATOR}{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    return flat


def restored(sent: Mapping[str, Any], flat: Mapping[str, Any], edited: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row in the form in which it was sent, with the values that were changed; what was emptied is null."""
    row: dict[str, Any] = {
        name: dict(value) if name in _NESTED and isinstance(value, Mapping) else value for name, value in sent.items()
    }
    for name, value in edited.items():
        if value == _shown(flat.get(name)) or (_empty(value) and flat.get(name) is None):
            continue
        outer, separator, inner = name.partition(_SEPARATOR)
        holder = row[outer] if separator and isinstance(row.get(outer), dict) else row
        holder[inner if holder is not row else name] = None if _empty(value) else _typed(str(value), flat.get(name))
    return row


def _shown(value: object) -> str | None:
    """Return a value as text to be edited: what is no text is written as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _empty(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def _typed(value: str, before: object) -> object:
    """Return what was typed in the type that the value had, where it still has one; text stays text, for the door casts it."""
    if before is None or isinstance(before, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
