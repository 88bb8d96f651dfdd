"""Two files dropped into the browser, or one cut in time, held against each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from io import BytesIO
from typing import Any

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import compared_table, errors, health, setup_choices
from service.comparing_example import example_files
from service.comparing_report import page
from service.comparing_views import FileComparison, GivenFile
from service.workspace import WorkspaceError

_KNOWN = "CSV, TSV, JSON lines, Parquet or Arrow, plain or gzipped"
_HOW = {"two": "Two files", "one": "One file, cut in time"}
_ALPHAS = {"0.001": "1 in 1,000", "0.01": "1 in 100", "0.05": "1 in 20"}
_PRESETS = {"": "Driftdeck", "evidently": "Evidently's defaults", "nannyml": "NannyML's defaults"}
_NAMED = 5  # columns that are named as left out
_AUTO, _NONE = "", "-"
_MEMORY = "compared_files"
_CARRIED = "compared_carried"  # the upload that the wizard opens


def draw() -> None:
    """Draw the drop zones, and what was found once there is something in them."""
    files = _given()
    if files is None:
        return
    options = _options(one="current" not in files)
    found = _compared(files, options)
    if found is not None:
        _result(found, files)


# -- files -------------------------------------------------------------------------------------------------------------
def _given() -> dict[str, GivenFile] | None:
    """Draw the drop zones; return the files, None until there are enough."""
    limit = state.workspace().upload_limit()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        how = state.choice("Files", "files", _HOW, "two", resets=("split",))
        st.space("stretch")
        if how == "two" and state.param("example") != "flights":
            _example_button()
    if how == "two" and state.param("example") == "flights":
        return _example()
    most = max(1, limit // 2**20)
    if how == "one":
        dropped = st.file_uploader("The file", max_upload_size=most, key="compare_one")
        _accepted(most)
        return None if dropped is None else {"reference": GivenFile(dropped.name, dropped.getvalue())}
    with st.grid(2, min_column_width=360, gap="small", key="drop_zones"):
        before = st.file_uploader("Reference: what normal is", max_upload_size=most, key="compare_before")
        after = st.file_uploader("Current: what is held against it", max_upload_size=most, key="compare_after")
    _accepted(most)
    if before is None or after is None:
        if before is not None or after is not None:
            st.info(
                "One file more, then the answer is here. Of one file alone, the earlier and the later half can be compared: choose “One file, cut in time”."
            )
        return None
    return {"reference": GivenFile(before.name, before.getvalue()), "current": GivenFile(after.name, after.getvalue())}


def _accepted(most: int) -> None:
    st.caption(
        f"{_KNOWN}; {most:,} MiB together. A process of its own reads them, with limits on memory and time, and nothing of them is kept."
    )


def _example_button() -> None:
    if st.button("Try it with two months of flights", icon=":material/flight_takeoff:", key="try_example"):
        state.set_params(example="flights")
        st.rerun()


def _example() -> dict[str, GivenFile]:
    before, after = example_files()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", border=True):
        st.markdown(
            f":material/description: {text.plain(before.name)} against :material/description: {text.plain(after.name)} "
            ":gray[flights that left New York in 2013]",
            width="content",
        )
        st.space("stretch")
        if st.button("Use your own files", icon=":material/upload_file:", key="own_files"):
            state.set_params(example=None, column=None)
            st.rerun()
    return {"reference": before, "current": after}


# -- options -----------------------------------------------------------------------------------------------------------
def _options(*, one: bool) -> dict[str, Any]:
    """Draw what can be said about how to compare; return it as arguments."""
    known: list[str] = st.session_state.get("compared_times", [])
    times = {_AUTO: "Time column: found by itself", **({} if one else {_NONE: "No time column"})}
    named = state.param("time")
    times |= {
        name: f"Time column: {text.clean(name, 30)}"
        for name in dict.fromkeys([*known, *([named] if named else [])])
        if name not in times
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="compare_options"):
        timestamp = state.select("Time column", "time", times, _AUTO, width=240)
        preset = state.select("Decides", "preset", {k: f"Decides: {v}" for k, v in _PRESETS.items()}, "", width=230)
        alpha = "0.01"
        together = False
        if not preset:
            alpha = state.select(
                "False alarm", "alpha", {k: f"False alarm: {v}" for k, v in _ALPHAS.items()}, "0.01", width=200
            )
            together = _checkbox()
        split = _split() if one else None
    return {
        "timestamp": None if timestamp == _AUTO else "" if timestamp == _NONE else timestamp,
        "split": split,
        "alpha": float(alpha),
        "preset": preset or None,
        "together": together,
        "ids": state.param("ids") == "1",
    }


def _checkbox() -> bool:
    st.session_state["compare_together"] = state.param("together") == "1"

    def changed() -> None:
        state.set_params(together="1" if st.session_state["compare_together"] else None)

    return st.checkbox(
        "All columns together too",
        key="compare_together",
        on_change=changed,
        help="A classifier, a reconstruction and a kernel test on samples of 5,000 rows: finds changes of how columns go together. Takes some seconds more.",
    )


def _split() -> str | None:
    try:
        chosen: date | None = date.fromisoformat(state.param("split"))
    except ValueError:
        chosen = None
    st.session_state["compare_split"] = chosen

    def changed() -> None:
        picked: date | None = st.session_state["compare_split"]
        state.set_params(split=picked.isoformat() if picked else None)

    st.date_input(
        "Current begins on", key="compare_split", on_change=changed, format="YYYY-MM-DD", label_visibility="collapsed",
        width=160, min_value=date(1900, 1, 1), max_value=date(2200, 1, 1), help="Where the file is cut; empty: in the middle of its rows",
    )  # fmt: skip
    st.caption("cut at this day; empty: in the middle", width="content")
    return chosen.isoformat() if chosen else None


# -- the answer --------------------------------------------------------------------------------------------------------
def _compared(files: Mapping[str, GivenFile], options: Mapping[str, Any]) -> FileComparison | None:
    """Return the comparison, made once for each set of files and options; None after words on why there is none."""
    digests = tuple(hashlib.sha256(file.data).hexdigest() for file in files.values())
    asked = (digests, tuple(file.name for file in files.values()), tuple(sorted(options.items(), key=str)))
    kept = st.session_state.get(_MEMORY)
    if kept is not None and kept[0] == asked:
        return kept[1]  # type: ignore[no-any-return]
    names = " and ".join(text.plain(file.name, 40) for file in files.values())
    size = sum(len(file.data) for file in files.values()) / 2**20
    found: FileComparison | None = None
    with errors.in_words(), st.spinner(f"Reading {names} ({size:.1f} MiB), and comparing every column…"):
        found = state.workspace().compare_files(files["reference"], files.get("current"), **options)
        st.session_state[_MEMORY] = (asked, found)
        if found["times"] != st.session_state.get("compared_times"):
            st.session_state["compared_times"] = found["times"]
            st.rerun()
    return found


def _result(found: FileComparison, files: Mapping[str, GivenFile]) -> None:
    sides = found["reference"], found["current"]
    with st.container(border=True, gap="xsmall", key="compare_verdict"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            health.badge(compared_table.VERDICTS, found["verdict"])
            st.markdown(f"**{text.plain(found['sentence'], 500)}**", width="content")
        st.caption(" against ".join(_side(side) for side in sides) + f". {_sure(found)}")
        _left_out(found)
        for note in found["notes"]:
            st.caption(text.plain(note, 300))
        for each in found["together"]:
            st.markdown(f"{'■' if each['drift'] else '□'} {text.plain(each['sentence'], 400)}")
    names = _names(found)
    compared_table.draw(found["columns"], sides=names, name=f"{names[0]}-against-{names[1]}", key="compared")
    _next(found, files.get("current") or files["reference"])


def _left_out(found: FileComparison) -> None:
    """Name the columns that were taken for ids, and let them be compared all the same; or the way back."""
    asked = state.param("ids") == "1"
    if not asked and not found["left_out"]:
        return
    listed = [
        f"{text.plain(each['column'], 40)} ({text.plain(each['why'], 80)})" for each in found["left_out"][:_NAMED]
    ]
    more = len(found["left_out"]) - len(listed)
    words = f"Not compared, as ids tell rows apart and nothing else: {', '.join(listed)}{f' and {more} more' if more > 0 else ''}."
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="compare_ids"):
        st.caption("Ids and keys are compared too." if asked else words, width="content")
        label = "Leave them out" if asked else "Compare it too" if len(found["left_out"]) == 1 else "Compare them too"
        st.button(label, type="tertiary", key="ids", on_click=state.set_params, kwargs={"ids": None if asked else "1"})


def _names(found: FileComparison) -> tuple[str, str]:
    if found["split"] is None:
        return found["reference"]["name"], found["current"]["name"]
    day = found["split"].removesuffix("T00:00:00").replace("T", " ")[:16]
    return f"before {day}", f"from {day}"


def _side(side: Any) -> str:
    words = f"{text.plain(side['name'], 60)}: {text.plural(side['rows'], 'row')}"
    if not side["start"]:
        return words
    return f"{words}, {text.plain(side['start'][:16].replace('T', ' '))} to {text.plain(side['end'][:16].replace('T', ' '))}"


def _sure(found: FileComparison) -> str:
    if found["preset"]:
        return "Decided by another tool's defaults; ours stand below each column."
    clock = found["timestamp"]
    days = f" What days of {text.plain(clock, 40)} vary by themselves is not taken for a change." if clock else ""
    return f"Were nothing different, 1 comparison in {1 / found['alpha']:,.0f} would say that anything changed.{days}"


def _next(found: FileComparison, latest: GivenFile) -> None:
    """Draw what can be done next; the wizard takes the file with the latest rows, which need not be dropped again."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="compare_next"):
        if registry.exists("setup"):
            st.button(
                f"Set up a model from {text.plain(latest.name, 40)}",
                icon=":material/add_circle:",
                key="compare_setup",
                on_click=_carry,
                args=(latest,),
                **state.barred(
                    "operator", why="The next page shows what is recognised; nothing is set up before you say so"
                ),
            )
            if st.session_state.get(_CARRIED):
                registry.go("setup", **{setup_choices.UPLOAD: st.session_state.pop(_CARRIED)})
        st.download_button(
            "Report",
            data=lambda: page(found),
            file_name="comparison.html",
            mime="text/html",
            icon=":material/description:",
            key="compare_report",
            on_click="ignore",
            help="This comparison as one HTML file, with every histogram and no script",
        )
        st.caption("Or on the command line: `driftdeck compare REFERENCE CURRENT`", width="content")


def _carry(file: GivenFile) -> None:
    """Hand a file on to the wizard."""
    try:
        kept = state.workspace().keep_upload(BytesIO(file.data), name=file.name, actor=state.actor())
    except WorkspaceError as error:
        st.toast(text.plain(error, 300), icon=":material/error:")
        return
    setup_choices.forget()
    st.session_state[_CARRIED] = kept["id"]
