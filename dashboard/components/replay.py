"""The replay of a reference through its own monitor: what to expect of a quiet year, and how small a change is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import text, theme
from dashboard.charts import sensitivity
from dashboard.components import chart, export, health, numbers, tiles
from service.views import ReplayAlert, ReplayView, Sensitivity

PAGE_SIZE = 25
_UNITS = {"standard deviations": "Numbers", "share": "Categories"}


def typical(view: ReplayView) -> tuple[str, float] | None:
    """Return the column in the middle, and the shift of it (standard deviations) that one window shows half of the time."""
    seen = [
        (row["shifts"][0], row["column"]) for row in view["sensitivity"] if row["unit"] != "share" and row["shifts"]
    ]
    if not seen:
        return None
    shift, column = sorted(seen)[len(seen) // 2]
    return column, shift


def expected(view: ReplayView, word: str) -> None:
    """Draw what a year in which nothing is wrong would bring, beside the budget."""
    fired = len(view["alerts"])
    tiles.row(
        [
            {
                "label": "False warnings",
                "value": f"{view['expected_warnings_per_year']:.2g}",
                "remark": f"a year, budget {view['budget_warnings_per_year']:g}",
                "help": "Expected when nothing changes; notices go to the digest and are not counted",
            },
            {
                "label": "False pages",
                "value": f"{view['expected_pages_per_year']:.2g}",
                "remark": f"a year, budget {view['budget_pages_per_year']:g}",
                "help": "Pages are for harm: they need labels, or estimates",
            },
            {
                "label": "Replayed",
                "value": text.count(view["windows"]),
                "remark": f"{word}s of reference {view['reference_version']}",
                "help": "Each window of the reference, judged against the reference without it",
            },
            {
                "label": "Alerts in the replay",
                "value": text.count(fired),
                "remark": "the reference is quiet" if not fired else "listed below",
                "tone": "neutral" if not fired else "bad",
            },
            {
                "label": f"Rows / {word}",
                "value": text.count(view["rows_per_window"]),
                "remark": "median of the reference",
            },
        ],
        key="replay_tiles",
    )


def advice(view: ReplayView) -> None:
    """List what would make the monitor better."""
    if view["advice"]:
        with st.container(border=True, gap="xsmall"):
            st.markdown("**What would help**")
            st.markdown("\n".join(f"- {text.plain(words, 400)}" for words in view["advice"]))


def alerts(found: Sequence[ReplayAlert], timezone: str) -> None:
    """Draw the windows of the reference that would have raised an alert."""
    if not found:
        return
    st.header("What would have been raised", anchor=False)
    rows = [
        {
            "severity": [health.words(health.HEALTH, alert["severity"])],
            "window": text.window_name(alert["window_start"], alert["window_end"], timezone),
            "column": text.clean(alert["column"]) if alert["column"] else None,
            "sentence": text.clean(alert["sentence"], 300),
        }
        for alert in found[:PAGE_SIZE]
    ]
    columns: Any = {
        "severity": health.column("Severity", health.HEALTH, pinned=True),
        "window": column_config.TextColumn("Window", width=190),
        "column": column_config.TextColumn("Column", width=150),
        "sentence": column_config.TextColumn("In words", width=700),
    }
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config=columns,
        placeholder=text.MISSING,
        key="replay_alerts",
        alt="Alerts that the reference itself would have raised",
    )
    words = f"The first {PAGE_SIZE} of {len(found):,}." if len(found) > PAGE_SIZE else ""
    export.foot(found, name="alerts-of-the-reference", key="replay_alert_rows", words=words)


def power(found: Sequence[Sensitivity], word: str) -> None:
    """Draw how small a change is found, and after how many windows."""
    st.header("How small a change is found", anchor=False)
    st.caption(
        f"The shift of a column that is found half of the time, by how many {word}s it has lasted. "
        "Smaller is better; more rows, a steadier reference or a larger budget bring it down."
    )
    units = [unit for unit in _UNITS if any(row["unit"] == unit and row["windows"] for row in found)]
    if not units:
        st.info("Nothing can be said yet: the reference holds no windows to measure variation by.")
        return
    with st.grid(len(units), min_column_width=420, gap="medium", key="replay_power"):
        for unit in units:
            mine = [row for row in found if row["unit"] == unit]
            with st.container(gap="xsmall"):
                what = "in standard deviations" if unit != "share" else "in points of the largest category's share"
                st.markdown(f"**{_UNITS[unit]}** :gray[{what}]")
                chart.show(
                    sensitivity.by_windows(mine, theme.palette(), word=word),
                    alt=f"{_UNITS[unit]}: shift found half of the time, by number of {word}s",
                    key=f"replay_power_{unit}",
                )
    with st.expander("By column", icon=":material/table_rows:"):
        _table(found, word)


def _table(found: Sequence[Sensitivity], word: str) -> None:
    steps = sorted({number for row in found for number in row["windows"]})
    rows = [
        {"column": text.clean(row["column"]), "unit": "share" if row["unit"] == "share" else "sd"}
        | {str(number): shift for number, shift in zip(row["windows"], row["shifts"], strict=True)}
        for row in found
    ]
    shifts = [shift for row in found for shift in row["shifts"]]
    columns: Any = {
        "column": column_config.TextColumn("Column", pinned=True, width=170),
        "unit": column_config.TextColumn("Unit", width=70),
    } | {str(number): numbers.column(text.plural(number, word), shifts, width=85) for number in steps}
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content" if len(rows) <= PAGE_SIZE else 600,
        placeholder=text.MISSING,
        column_config=columns,
        key="replay_table",
        alt="Shift found half of the time, by column and number of windows",
    )
    export.foot(rows, name="sensitivity", key="sensitivity")
