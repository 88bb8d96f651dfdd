"""What a comparison found in its columns: a table with small histograms, and one column of it at length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text, theme
from dashboard.charts import categories, distribution
from dashboard.components import chart, export, health, numbers, paging, svg
from service.comparing_views import ComparedColumn

PAGE_SIZE = 25
#: verdict of a column -> (words with their shape, colour)
VERDICTS: dict[str, tuple[str, health.Colour]] = {
    "drift": ("■ Changed", "blue"),
    "ok": ("□ As before", "gray"),
    "insufficient": ("◔ Insufficient", "gray"),
    "no_data": ("○ No data", "gray"),
    "error": ("✕ Unreadable", "orange"),
}
_NOMINAL = ("categorical", "boolean")
_SHAPES = {"histogram": "Histogram", "cdf": "Cumulative"}
_BULLET = {"drift": "material", "ok": "within"}


def draw(columns: Sequence[ComparedColumn], *, sides: tuple[str, str], name: str, key: str) -> None:
    """Draw search, verdict filter, table and the chosen column. ``sides`` name what is compared, ``name`` the exported file."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        counts = {verdict: sum(column["verdict"] == verdict for column in columns) for verdict in VERDICTS}
        options = {"": f"All {len(columns):,}"} | {
            verdict: f"{VERDICTS[verdict][0]} {number:,}" for verdict, number in counts.items() if number
        }
        verdict = state.choice("Verdict", "verdict", options, "", resets=("page",), key=f"{key}_verdict")
        wanted = state.search("Search columns", "q").casefold()
        st.space("stretch")
        export.table([_flat(column) for column in columns], name=name, key=key)
    shown = [
        column for column in columns if verdict in ("", column["verdict"]) and wanted in column["column"].casefold()
    ]
    if not shown:
        st.caption("No column fits the filter. Clear the search, or show all verdicts.")
        return
    chosen = _table(shown, key)
    _chosen(columns, chosen, sides, key)


def _table(shown: Sequence[ComparedColumn], key: str) -> ComparedColumn:
    """Draw one page of the table; return the column that is chosen, the first unless another is."""
    pages = -(-len(shown) // PAGE_SIZE)
    page = paging.number("page", pages)
    first = (page - 1) * PAGE_SIZE
    part = shown[first : first + PAGE_SIZE]
    palette = theme.palette()

    def clicked() -> None:
        cells = st.session_state[f"{key}_table_{page}"]["selection"].get("cells", [])
        if cells and cells[0][0] < len(part):
            state.set_params(column=part[cells[0][0]]["column"])

    st.dataframe(
        pd.DataFrame(_alike([_cells(column, palette) for column in part], part)),
        hide_index=True,
        height="content",
        row_height=40,
        placeholder=text.MISSING,
        on_select=clicked,
        selection_mode="single-cell",
        column_config=_config(part),
        key=f"{key}_table_{page}",
        alt="Compared columns, what moved most first",
    )
    paging.draw("page", page, pages, f"{first + 1:,} to {first + len(part):,} of {text.plural(len(shown), 'column')}")
    named = state.param("column")
    return next((column for column in shown if column["column"] == named), part[0])


def _cells(column: ComparedColumn, palette: theme.Palette) -> dict[str, object]:
    bars = column["histogram"]
    known = column["verdict"] in ("drift", "ok")
    return {
        "verdict": [health.words(VERDICTS, column["verdict"])],
        "column": text.clean(column["column"]),
        "type": column["type"] if column["kind"] == "column" else column["kind"],
        "histogram": svg.histogram(bars["reference"], bars["current"], palette) if bars and known else None,
        "effect": column["effect"],
        "p": numbers.chance(column["p_value"]),
        "value": column["value"],
        "threshold": column["threshold"],
        "bullet": svg.bullet(
            column["value"], column["threshold"], palette, state=_BULLET.get(column["verdict"], "within")
        )
        if known
        else None,
        "missing": _change(column["missing_reference"], column["missing_current"]),
        "unseen": text.share(column["unseen"]) if column["unseen"] else None,
    }


def _alike(cells: list[dict[str, object]], part: Sequence[ComparedColumn]) -> list[dict[str, Any]]:
    """Return the cells; where each row has a statistic of its own, with digits of its own too."""
    one = len({column["check"] for column in part if column["check"]}) <= 1
    return cells if one else numbers.each_its_own(cells, "value", "threshold")


def _change(before: float | None, after: float | None) -> str | None:
    if not before and not after:
        return None
    return f"{text.share(before)} → {text.share(after)}"


def _config(part: Sequence[ComparedColumn]) -> Any:
    statistics = {text.metric_name(column["check"]) for column in part if column["check"]}
    values = [number for column in part for number in (column["value"], column["threshold"])]
    one = len(statistics) <= 1
    statistic = statistics.pop() if len(statistics) == 1 else "Value"
    return {
        "verdict": health.column("Verdict", VERDICTS, pinned=True),
        "column": column_config.TextColumn("Column", width=160),
        "type": column_config.TextColumn("Type", width=95),
        "histogram": column_config.ImageColumn("Reference (grey), current", width=170),
        "effect": numbers.column(
            "Shift, sd",
            [column["effect"] for column in part],
            width=75,
            help="How far it moved, in standard deviations of the reference",
        ),
        "p": numbers.mixed("p", width=75, help="Of this column alone, before correction"),
        "value": numbers.column(statistic, values, width=125) if one else numbers.mixed(statistic, width=125),
        "threshold": numbers.column("Threshold", values, width=85) if one else numbers.mixed("Threshold", width=85),
        "bullet": column_config.ImageColumn(
            "Value / threshold",
            width=170,
            help="The tick is the threshold, the arrow more than twice; none where days vary as much by themselves",
        ),
        "missing": column_config.TextColumn("Missing", width=120),
        "unseen": column_config.TextColumn("New values", width=90, help="Share of values the reference never held"),
    }


def _chosen(columns: Sequence[ComparedColumn], column: ComparedColumn, sides: tuple[str, str], key: str) -> None:
    """Draw one column at length: both distributions, the sentence, and what others say."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"## {text.plain(column['column'])}", width="content")
        health.badge(VERDICTS, column["verdict"])
        st.badge(text.plain(column["type"], 20), color="gray")
        st.space("stretch")
        names = {each["column"]: text.clean(each["column"], 60) for each in columns}
        _select(names, column["column"])
    with st.grid(2, min_column_width=480, gap="small", key=f"{key}_detail"):
        with st.container(border=True, height="stretch"):
            _drawing(column, sides, key)
        with st.container(border=True, height="stretch", gap="small"):
            st.markdown(f"**{text.plain(column['sentence'], 500)}**")
            for note in column["notes"]:
                st.caption(text.plain(note, 300))
            _others(column, key)
            _checks(column, key)


def _select(names: dict[str, str], current: str) -> None:
    """Draw the choice of a column for those who do not click: it stands in the address."""
    st.session_state["select_column"] = current

    def changed() -> None:
        state.set_params(column=st.session_state["select_column"])

    st.selectbox(
        "Column",
        list(names),
        format_func=lambda name: names[name],
        key="select_column",
        on_change=changed,
        label_visibility="collapsed",
        width=240,
    )


def _drawing(column: ComparedColumn, sides: tuple[str, str], key: str) -> None:
    bars = column["histogram"]
    if bars is None or not bars["reference"]:
        st.markdown("**Reference against current**")
        st.caption("There is nothing to draw: the sentence beside says why.")
        return
    shape = "histogram"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Reference against current**", width="content")
        st.space("stretch")
        if bars["edges"] and not bars["labels"]:
            shape = state.choice("Shape", "shape", _SHAPES, "histogram", key=f"{key}_shape")
    before, after = text.figure(sides[0], 34), text.figure(sides[1], 34)
    rest = ""
    if column["type"] in _NOMINAL and column["verdict"] != "insufficient":
        rows = categories.rows_of(bars)
        figure = categories.compare(rows, bars, theme.palette(), reference_period=before, current_period=after)
        rest = categories.left_out(bars, rows)
    else:
        figure = distribution.compare(
            bars,
            theme.palette(),
            reference_period=before,
            current_period=after,
            unit=column["unit"],
            state=column["verdict"],
            cumulative=shape == "cdf",
        )
    alt = f"{text.clean(column['column'])}: {text.clean(sides[0])} against {text.clean(sides[1])} on the same bars"
    chart.show(figure, alt=alt, key=f"{key}_distribution")
    outside = (
        f"new values {text.share(bars['unseen_current'])}"
        if bars["labels"]
        else f"below the reference {text.share(bars['below_current'])}, above it {text.share(bars['above_current'])}"
    )
    st.caption(
        f"Same bars for both; share of values. Missing {text.share(bars['missing_reference'])} → "
        f"{text.share(bars['missing_current'])}, {outside}. {rest}"
    )


def _others(column: ComparedColumn, key: str) -> None:
    if not column["others"]:
        return
    st.markdown("**What others would say** :gray[same rows, textbook thresholds]")
    rows = [
        {
            "rule": other["rule"],
            "statistic": f"{other['statistic']} {text.number(other['value'])}",
            "threshold": other["threshold"],
            "verdict": other["verdict"],
        }
        for other in column["others"]
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        placeholder=text.MISSING,
        column_config={name: column_config.Column(name.capitalize()) for name in rows[0]},
        key=f"{key}_others",
    )


def _checks(column: ComparedColumn, key: str) -> None:
    if not column["checks"]:
        return
    st.markdown("**Every check** :gray[threshold: what chance alone exceeds once in a hundred times]")
    rows = [
        {
            "check": text.metric_name(check["check"]),
            "value": check["value"],
            "threshold": check["threshold"],
            "p": numbers.chance(check["p_value"]),
        }
        for check in column["checks"]
    ]
    config: Any = {
        "check": column_config.TextColumn("Check"),
        "value": numbers.mixed("Value"),
        "threshold": numbers.mixed("Threshold"),
        "p": numbers.mixed("p"),
    }
    st.dataframe(
        pd.DataFrame(numbers.each_its_own(rows, "value", "threshold")),
        hide_index=True,
        height="content",
        placeholder=text.MISSING,
        column_config=config,
        key=f"{key}_checks",
    )


def _flat(column: ComparedColumn) -> dict[str, object]:
    """Return a column as a line of a file: everything but what is drawn, each statistic under its name."""
    kept = {
        name: value
        for name, value in column.items()
        if name not in ("histogram", "checks", "others", "notes", "check", "value", "threshold", "unit")
    }
    return {
        **kept,
        "notes": "; ".join(column["notes"]),
        **{check["check"]: check["value"] for check in column["checks"]},
    }
