"""The table of sources: state, lag, latest and next run, a button that runs one now, and its latest runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text
from dashboard.components import data_words, errors, export, health, source_runs
from service.data_views import SourceRunView, SourceView

PAGE_SIZE = 20
RUNS = 12
ALL_RUNS = 10_000  # in a file
WHILE_RUNNING = 2.0  # seconds between two looks at sources of which one runs
_WIDTHS = [1.15, 3.3, 1.45, 2.6, 1.25, 1.25]
_HEADS = ("State", "Source", "Lag", "Last run", "Next run", "")
_LINE = '<div style="border-top: 1px solid; opacity: 0.15"></div>'
_PAGE, _ORDERED = "sources_page", "_sources_ordered"
_ORDER = list(data_words.SOURCE)


def draw(sources: Sequence[SourceView], zones: Mapping[str, str]) -> None:
    """Draw the table; while a source runs, the table alone is drawn anew. ``zones``: time zones of the models."""
    names = [view["name"] for view in sources]
    running = any(view["state"] == "running" or source_runs.busy(view["name"]) for view in sources)
    every = WHILE_RUNNING if running else None
    st.fragment(_live, run_every=every)(_marks(sources), names, dict(zones))


def _marks(sources: Sequence[SourceView]) -> list[tuple[str, str, int, bool]]:
    """Return what makes the rest of the page out of date when it changes."""
    return [
        (view["name"], view["state"], source_runs.number(view["name"]), source_runs.busy(view["name"]))
        for view in sources
    ]


def _live(drawn: list[tuple[str, str, int, bool]], names: list[str], zones: dict[str, str]) -> None:
    with errors.in_words():
        ws = state.workspace()
        sources = [view for view in ws.sources() if view["name"] in names]
        if _marks(sources) != drawn:
            st.rerun()
        now = data_words.clock(ws)
        ordered = _ordered(sources)
        pages = max(1, -(-len(ordered) // PAGE_SIZE))
        number = min(st.session_state.get(_PAGE, 1), pages)
        shown = ordered[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        with st.container(border=True, gap="xsmall", key="sources"):
            for cell, head in zip(st.columns(_WIDTHS, wrap=False), _HEADS, strict=True):
                cell.caption(head)
            for position, view in enumerate(shown):
                st.html(_LINE)
                with st.container(gap="xsmall", key=f"source_{position}"):
                    _source(view, now, zones.get(view["model"], "UTC"))
        if pages > 1:
            st.pagination(pages, key=_PAGE)


def _ordered(sources: list[SourceView]) -> list[SourceView]:
    """Return sources, failing ones first as they were when the page was opened: a row must not move under a click."""
    kept: list[str] = st.session_state.get(_ORDERED, [])
    if sorted(kept) != sorted(view["name"] for view in sources):
        first = sorted(sources, key=lambda view: (_ORDER.index(_state(view)), view["model"], view["name"]))
        kept = st.session_state[_ORDERED] = [view["name"] for view in first]
    return sorted(sources, key=lambda view: kept.index(view["name"]))


def _state(view: SourceView) -> str:
    if source_runs.busy(view["name"]):
        return "running"
    return view["state"] if view["state"] in data_words.SOURCE else "waiting"


def _source(view: SourceView, now: str | None, zone: str) -> None:
    condition = _state(view)  # once: drawing the button changes what it would be
    badge, who, lag, last, upcoming, act = st.columns(_WIDTHS, wrap=False)
    with badge:
        health.badge(data_words.SOURCE, condition)
    with who:
        _who(view)
    lag.markdown(data_words.lag(view["lag_seconds"]))
    with last:
        _last(view, now, zone)
    soon = data_words.until(view["next_run"], now, zone)
    upcoming.markdown(f"{soon}  \n{_small(text.plain(text.schedule(view['schedule']), 40))}")
    with act:
        _button(view["name"], running=condition == "running")
    if condition != "running":
        _said(view)
    _runs(view, zone)


def _small(words: str) -> str:
    """Return Markdown for a second line; ``words`` are escaped already."""
    return f":small[:gray[{words}]]"


def _who(view: SourceView) -> None:
    name, model = text.plain(view["name"], 60), text.plain(view["model"], 60)
    kind, into = data_words.KIND.get(view["kind"], text.plain(view["kind"], 20)), data_words.INTO.get(view["into"], "")
    st.markdown(f"**{name}** {kind} → {into} of {model}  \n{_small(text.plain(view['place'], 120))}")


def _last(view: SourceView, now: str | None, zone: str) -> None:
    run = view["last_run"]
    if run is None:
        st.markdown("never yet")
        return
    if run["state"] == "running":
        so_far = _small(f"{text.plural(run['rows'], 'row')} so far")
        st.markdown(f"since {text.moment(run['started_at'], zone)}  \n{so_far}")
        return
    words = "no row" if run["state"] == "failed" and not run["rows"] else data_words.outcome(run)
    ended = data_words.ago(run["ended_at"] or run["started_at"], now, zone)
    took = data_words.seconds(run["seconds"])
    st.markdown(f"{ended}  \n{_small(f'{words}, in {took}')}")


def _button(name: str, *, running: bool) -> None:
    """Draw the button; its key carries the number of the click, so a late one lands on a button that is gone."""
    number = source_runs.number(name)
    st.button(
        "Running" if running else "Run now",
        icon=":material/hourglass_top:" if running else ":material/play_arrow:",
        **state.barred(
            "operator",
            disabled=running,
            why="It is being read; wait until it is done." if running else "Read now what is new",
        ),
        on_click=source_runs.start,
        args=(name, number),
        key=f"run_{name}_{number}",
        width="stretch",
    )
    source_runs.shown(name)


def _said(view: SourceView) -> None:
    """Draw what came of the latest run in words: an error always, a success when it was asked for here."""
    run = view["last_run"]
    attempt = source_runs.result(view["name"], run["run_id"] if run else None)
    if attempt is not None and attempt.error:
        st.warning(text.plain(attempt.error, 600), icon=":material/error:")
    elif run is not None and run["error"] and run["state"] == "failed":
        st.error(text.plain(run["error"], 600), icon=":material/error:")
    elif attempt is not None and attempt.run is not None and attempt.run["state"] == "done":
        took = data_words.seconds(attempt.run["seconds"])
        st.success(f"Done: {data_words.outcome(attempt.run)}, in {took}.", icon=":material/check:")


def _runs(view: SourceView, zone: str) -> None:
    name = view["name"]
    panel = st.expander("Latest runs", type="compact", key=f"runs_{name}", on_change="rerun")
    if not panel.open:
        return
    with panel, errors.in_words():
        runs = state.workspace().source_runs(name, limit=RUNS)
        if not runs:
            st.caption("It has not run yet. Its first run is the next one on its schedule, or the one you start.")
            return
        st.dataframe(
            pd.DataFrame([_cells(run, zone) for run in runs]),
            hide_index=True,
            height="content",
            placeholder=text.MISSING,
            key=f"runs_table_{name}",
            alt=f"Latest runs of {text.clean(name)}, newest first",
            column_config={
                "State": health.column("State", data_words.SOURCE, pinned=True),
                "Rows": column_config.NumberColumn("Rows", format="localized", width=80),
                "Taken": column_config.NumberColumn("Taken", format="localized", width=80),
                "Were there": column_config.NumberColumn("Were there", format="localized", width=90),
                "Refused": column_config.NumberColumn("Refused", format="localized", width=80),
                "Seconds": column_config.NumberColumn("Seconds", format="%.2f", width=80),
                "Read up to": column_config.TextColumn("Read up to", width=200),
                "Error": column_config.TextColumn("Error", width=320),
            },
        )
        ws = state.workspace()  # a file is made after the page, when nobody looks at it
        export.foot(
            lambda: ws.source_runs(name, limit=ALL_RUNS),
            name=f"runs-{name}",
            key=f"runs_rows_{name}",
            words=f"Times in {text.plain(zone)}.",
        )


def _cells(run: SourceRunView, zone: str) -> dict[str, object]:
    return {
        "State": [health.words(data_words.SOURCE, run["state"])],
        "Started": text.moment(run["started_at"], zone),
        "By": "hand" if run["trigger"] == "manual" else run["trigger"],
        "Rows": run["rows"],
        "Taken": run["accepted"],
        "Were there": run["duplicates"],
        "Refused": run["rejected"],
        "Seconds": run["seconds"],
        "Read up to": text.clean(run["position"], 200) if run["position"] else None,
        "Error": text.clean(run["error"], 400) if run["error"] else None,
    }
