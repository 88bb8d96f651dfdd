"""Rows that could not be taken: why, since when, the rows themselves by pages, and how they get in after all."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text
from dashboard.components import data_words, errors, export, repair
from service.data_views import QuarantineGroup, QuarantineView
from service.views import ModelView

PAGE_SIZE = 20
MOST_GROUPS = 50
_PARAM = "refused"  # the page of the table, in the address


def draw(model: ModelView) -> None:
    """Draw the section of one model."""
    st.subheader("What was refused", anchor=False)
    if not model["rows"]["quarantined"]:
        st.caption("Nothing: every row that came was taken. A row that cannot be read would wait here with its reason.")
        return
    groups = state.workspace().quarantine_groups(model["name"])
    total = max(model["rows"]["quarantined"], sum(group["rows"] for group in groups))
    st.markdown(_lead(groups, total, model["timezone"]))
    _groups(groups, model["timezone"])
    rows(model["name"], model["timezone"], total)
    _way_out(model["name"])


def _lead(groups: Sequence[QuarantineGroup], total: int, zone: str) -> str:
    if not groups:
        return f"{text.plural(total, 'row')} could not be taken. The others of their batches were."
    worst = max(groups, key=lambda group: group["rows"])
    field = f"column **{text.plain(worst['field'])}**" if worst["field"] else "the row as a whole"
    reasons = "for one reason" if len(groups) == 1 else f"for {len(groups)} reasons"
    return (
        f"**{text.plural(total, 'row')}** could not be taken, {reasons}; most often {field} "
        f"({worst['rows']:,}, the latest {text.moment(worst['last_seen'], zone)}). The good rows of the same batches were taken."
    )


def _groups(groups: Sequence[QuarantineGroup], zone: str) -> None:
    ordered = sorted(groups, key=lambda group: -group["rows"])[:MOST_GROUPS]
    if not ordered:
        return
    cells = [
        {
            "Rows": group["rows"],
            "Column": text.clean(group["field"]) if group["field"] else None,
            "Why": text.clean(group["error"], 300),
            "From": data_words.origin(group["origin"]),
            "First": text.moment(group["first_seen"], zone),
            "Latest": text.moment(group["last_seen"], zone),
        }
        for group in ordered
    ]
    st.dataframe(
        pd.DataFrame(cells),
        hide_index=True,
        height="content",
        placeholder=text.MISSING,
        key="quarantine_groups",
        alt="Reasons for which rows were refused, most frequent first",
        column_config={
            "Rows": column_config.NumberColumn("Rows", format="localized", width=70),
            "Column": column_config.TextColumn("Column", width=110),
            "Why": column_config.TextColumn("Why", width=420),
            "From": column_config.TextColumn("From", width=250),
            "First": column_config.TextColumn("First", width=105),
            "Latest": column_config.TextColumn("Latest", width=105),
        },
    )
    words = f"The {MOST_GROUPS} most frequent of {len(groups):,} reasons." if len(groups) > MOST_GROUPS else ""
    export.foot(groups, name="refused-reasons", key="refused_reasons", words=words)


@st.fragment
def rows(model: str, zone: str, total: int) -> None:
    """Draw one page of the refused rows, latest first; the page's number is in the address."""
    with errors.in_words():
        pages = max(1, -(-total // PAGE_SIZE))
        number = _number(pages)
        ws = state.workspace()  # a file is made after the page, when nobody looks at it
        found = ws.quarantine(model, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**The latest of them**")
            st.space("stretch")
            repair.button(found, model, zone)
            export.table(lambda: ws.quarantine(model, limit=total), name=f"refused-{model}", key="refused")
        _table(found, zone)
        with st.container(horizontal=True, vertical_alignment="center"):
            first = (number - 1) * PAGE_SIZE
            st.caption(
                f"{first + 1:,} to {first + len(found):,} of {text.plural(total, 'row')}, latest first", width="content"
            )
            st.space("stretch")
            if pages > 1:
                _pager(pages, number)


def _number(pages: int) -> int:
    given = state.param(_PARAM, "1")
    return min(max(1, int(given)), pages) if given.isascii() and given.isdigit() and len(given) < 10 else 1


def _pager(pages: int, number: int) -> None:
    key = f"refused_page_{number}"  # the address knows the page, not the widget: Back moves it too

    def changed() -> None:
        chosen = st.session_state[key]
        state.set_params(**{_PARAM: None if chosen == 1 else str(chosen)})

    st.pagination(pages, default=number, key=key, on_change=changed)


def _table(found: Sequence[QuarantineView], zone: str) -> None:
    cells = [
        {
            "When": text.moment(row["arrival_time"], zone),
            "From": data_words.origin(row["origin"]),
            "Where": f"row {row['row']:,}" if row["line"] is None else f"line {row['line']:,}",
            "Column": text.clean(row["field"]) if row["field"] else None,
            "Value": text.clean(row["value"], 120) if row["value"] is not None else None,
            "Expected": text.clean(row["expected"], 120) if row["expected"] else None,
            "Why": text.clean(row["error"], 300),
            "The row": text.clean(row["content"], 300) if row["content"] else None,
        }
        for row in found
    ]
    widths = {"When": 105, "From": 215, "Where": 70, "Column": 100, "Value": 120, "Expected": 100, "Why": 330}
    st.dataframe(
        pd.DataFrame(cells),
        hide_index=True,
        height="content",
        placeholder=text.MISSING,
        key="refused_rows",
        alt="Rows that were refused, latest first",
        column_config={name: column_config.Column(name, width=width) for name, width in widths.items()},
    )


def _way_out(model: str) -> None:
    with st.expander("How to get them in after all", icon=":material/build:", key="way_out"):
        st.markdown(
            "1. **A few values are wrong:** press Repair, correct them in the table, and take the rows.\n"
            "2. **The data is wrong:** correct the lines at their origin and send the same file or batch again. Rows that are in "
            "already count as duplicates and change nothing, so nobody has to cut the good ones out.\n"
            "3. **The declaration is wrong:** change the column's type in `driftdeck.toml`, apply it, and send again.\n"
            "4. **A source brings them:** let its `transform` repair them on the way, then run it again."
        )
        st.code(
            f"driftdeck log {model} corrected.csv\ndriftdeck apply driftdeck.toml\ndriftdeck quarantine {model}",
            language=None,
        )
        st.caption(
            "What is repaired here waits no longer. What is sent again from elsewhere stays listed, as a record."
        )
