"""One model: how it does, what moved, how much came, how fast, how many labels are in; and the drift table of a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import streamlit as st

from dashboard import registry, state, text, theme
from dashboard.charts import heat, panels, series
from dashboard.components import (
    chart,
    drift_detail,
    drift_table,
    errors,
    export,
    header,
    health,
    model_tiles,
    paging,
    rows,
    rows_as_whole,
    segments,
    zoomed,
)
from dashboard.registry import Page
from service.outcome_views import EstimatePoint
from service.views import DriftRow, HeatCell, ModelView, PerformancePoint, WindowView

REFRESH = 30.0
MOST_WINDOWS = 180  # what a chart can show and a page may weigh
DRIFT_ANCHOR = "drift-table"
_CELLS = (
    ":gray-badge[□ within natural variation] :gray-badge[▤ significant] :blue-badge[■ + material, harmless] "
    ":red-badge[▲ + harmful] :gray-badge[◔ insufficient] :small[:gray[blank = no data]]"
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the range bar leaves to be drawn."""

    chosen: state.TimeRange
    windows: list[WindowView]
    window: WindowView  # whose table stands below
    points: list[PerformancePoint]
    estimates: list[EstimatePoint]
    versions: list[str]  # in the order in which they came to serve, over all of time


@st.fragment(run_every=REFRESH)
def render() -> None:
    """Draw the page."""
    with errors.in_words():
        _draw()


def _draw() -> None:
    model = state.require_model()
    _title(model)
    chosen = header.range_bar(model)
    every = state.workspace().windows(model["name"])
    windows = [w for w in every if chosen.touches(w["start"], w["end"])]
    if not windows:
        _nothing(model, judged=bool(every))
        return
    earlier = len(windows) - MOST_WINDOWS
    shown = _shown(model, chosen, windows[-MOST_WINDOWS:])
    table = state.workspace().drift_table(model["name"], datetime.fromisoformat(shown.window["start"]))
    ratios = state.workspace().business(model["name"])
    model_tiles.draw(model, shown.window, shown.points, table, shown.estimates, ratios)
    if earlier > 0:
        st.caption(
            f"The latest {MOST_WINDOWS} windows of this range; choose days of your own for the {earlier:,} before them."
        )
    _panels(model, shown)
    _table(model, shown, table)


def _shown(model: ModelView, chosen: state.TimeRange, windows: list[WindowView]) -> _Shown:
    chosen = replace(chosen, start=max(chosen.start, datetime.fromisoformat(windows[0]["start"])))
    ws = state.workspace()
    history = ws.performance(model["name"])
    return _Shown(
        chosen,
        windows,
        _window(windows),
        [p for p in history if chosen.touches(p["start"], p["end"])],
        [p for p in ws.estimates(model["name"]) if chosen.touches(p["start"], p["end"])],
        series.versions(history),
    )


def _title(model: ModelView) -> None:
    def badges() -> None:
        since = f" since {text.day(model['since'], model['timezone'])}" if model["since"] else ""
        health.badge(health.HEALTH, model["health"], since)
        st.badge(text.plain(model["task"]), color="gray")
        if model["champion"]:
            st.badge(f"champion {text.plain(model['champion'], 30)}{_age(model)}", color="gray")
        if model["declared_in"] == "file":
            st.badge(
                "from file", icon=":material/lock:", color="gray", help="Declared in driftdeck.toml: change it there"
            )

    def actions() -> None:
        with st.container(horizontal=True, width="content", gap="small", key="model_links"):
            registry.link(_data(model), "data", icon=":material/database:", model=model["name"])
            registry.link("Performance", "performance", icon=":material/show_chart:", model=model["name"])
            registry.link("Monitor", "monitor", icon=":material/tune:", model=model["name"])
            if registry.exists("references"):
                registry.link("References", "references", icon=":material/ac_unit:", model=model["name"])
            if registry.exists("retrain"):
                registry.link("Retrain", "retrain", icon=":material/model_training:", model=model["name"])

    header.title(model["name"], badges, actions)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="model_headline"):
        st.markdown(text.plain(model["headline"] or "No alert is open on this model.", 400), width="stretch")
        if model["data_until"] is not None:
            st.markdown(f"[Drift table ↓](#{DRIFT_ANCHOR})", width="content")


def _age(model: ModelView) -> str:
    if model["champion_since"] is None or model["data_until"] is None:
        return ""
    return f" · {text.length(model['champion_since'], model['data_until'])}"


def _data(model: ModelView) -> str:
    """Return the words of the link to the model's data: how complete its labels are, and whether rows were refused."""
    refused = model["rows"]["quarantined"]
    words = "" if model["label_coverage"] is None else f" · {text.share(model['label_coverage'])} labels"
    return f"Data{words}" + (f" · {text.short(refused)} refused" if refused else "")


def _nothing(model: ModelView, *, judged: bool) -> None:
    if model["rows"]["logs"] == 0:
        st.info("No prediction has been logged yet. Send some, then run the monitors:")
        st.code(f"driftdeck log {model['name']} predictions.csv\ndriftdeck run {model['name']}", language=None)
    elif judged:
        st.info("No window lies in this time range. Choose a longer one.")
    else:
        st.info("Rows are in, but no window has been judged yet. A reference and a run are needed:")
        st.code(f"driftdeck reference {model['name']} training.csv\ndriftdeck run {model['name']}", language=None)


def _window(windows: list[WindowView]) -> WindowView:
    """Return the window the address names, or the latest closed one that has rows."""
    named = state.param("window")
    for window in windows:
        if window["start"] == named:
            return window
    closed = [window for window in windows if window["closed"]]
    filled = [window for window in closed if window["rows"]]
    return (filled or closed or windows)[-1]


def _panels(model: ModelView, shown: _Shown) -> None:
    metric, ws, chosen = model["metric"], state.workspace(), shown.chosen
    with st.container(border=True, gap="xsmall", key="model_card"):
        cells, page = _cells(ws.heatmap(model["name"]), shown.windows)
        linked = panels.linked(
            series.of_performance(shown.points),
            cells,
            shown.windows,
            theme.palette(),
            metric=text.metric_name(metric["name"]) if metric else "performance",
            unit=metric["unit"] if metric else "",
            timezone=model["timezone"],
            markers=[m for m in ws.markers(model["name"]) if chosen.touches(m["at"], m["at"]) or chosen.holds(m["at"])],
            reference_period=state.clipped(model["reference_period"], shown.windows),
            zero=metric is None or metric["direction"] == "higher_is_worse",
            chosen=shown.window["start"],
            versions=shown.versions,
            estimates=shown.estimates,
            page=page,
            keep=f"{model['name']} {chosen.preset} {shown.windows[0]['start']}",
        )

        def clicked(curve: int, index: int) -> None:
            meaning = linked.clicks.get(curve, [])
            if index < len(meaning):
                column, start = meaning[index]
                if column is None:
                    state.set_params(window=start)
                else:
                    st.session_state["_open_column"] = (column, start)

        chart.clickable(linked.figure, clicked, alt=_alt(model, shown.windows), key="model_panels")
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, key="model_hint"):
            st.caption(
                "Drag sideways to zoom all panels, double-click to come back. Click a cell for that column and window, a point "
                "or a bar for that window's table; from the keyboard, choose both below.",
                width="stretch",
            )
            zoomed.button("model_panels", linked.figure.layout.xaxis.range, key="model_zoomed")
    if "_open_column" in st.session_state:
        column, start = st.session_state.pop("_open_column")
        registry.go("feature", model=model["name"], column=column, window=start)


def _cells(cells: Sequence[HeatCell], windows: Sequence[WindowView]) -> tuple[list[HeatCell], int]:
    """Draw the legend of cells, and of many columns the search and the page; return the cells that match, and the page."""
    starts = {window["start"] for window in windows}
    inside = [cell for cell in cells if cell["start"] in starts]
    total, at_once = len({cell["column"] for cell in inside}), heat.room(len(windows))
    if total <= at_once:
        st.markdown(_CELLS)
        return inside, 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="heat_bar"):
        st.markdown(_CELLS, width="content")
        st.space("stretch")
        find = state.search("Columns of the map", "columns", width=200).casefold()
        found = [cell for cell in inside if find in cell["column"].casefold()]
        left = len({cell["column"] for cell in found})
        if find and not left:
            st.caption(f"no column matches: all {total} are shown", width="content")
            found, left = inside, total
    pages = max(1, -(-left // at_once))
    page = paging.number("map", pages)
    first, last = (page - 1) * at_once + 1, min(left, page * at_once)
    paging.draw("map", page, pages, f"Columns {first} to {last} of {left:,}, the most troubled first")
    return found, page


def _alt(model: ModelView, windows: list[WindowView]) -> str:
    span = text.period(windows[0]["start"], windows[-1]["end"], model["timezone"], year=True)
    return (
        f"{text.clean(model['name'])}, {span}: performance, drift by column, rows, latency and labels on one time axis"
    )


def _table(model: ModelView, shown: _Shown, table: list[DriftRow]) -> None:
    zone, window = model["timezone"], shown.window
    names = {w["start"]: text.window_name(w["start"], w["end"], zone) for w in reversed(shown.windows)}
    name, start, ws = names[window["start"]], datetime.fromisoformat(window["start"]), state.workspace()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(f"Drift, {name}", anchor=DRIFT_ANCHOR, width="content")
        st.space("stretch")
        segment = segments.picker(ws.segment_names(model["name"]))
        state.select("Window", "window", names, window["start"], width=190)
        export.table(table, name=f"drift-{window['start'][:10]}", key="drift")
        registry.link("Report", "report", icon=":material/summarize:", model=model["name"], window=window["start"])
    if segment is not None:
        kinds = {row["column"]: row["kind"] for row in table}
        table = segments.as_rows(ws.segment_drift(model["name"], start, segment=segment), kinds)
        st.caption(f"Only the rows of {text.plain(segment, 60)}, held against the same rows of the reference.")
    if table:
        _rows(model, window, table)
    else:
        st.info("This window has not been judged: it is still open, or too few rows came.")
    segments.ranked(model["name"], window["start"], name)
    rows_as_whole.card(ws.multivariate(model["name"]), window["start"], f"the {name}")
    rows.behind(model["name"], window["start"], window["end"], f"the {name}", key="window_rows")


def _rows(model: ModelView, window: WindowView, table: list[DriftRow]) -> None:
    """Draw the table, and beside it the row that is opened."""
    found = drift_table.filters(table)
    opened = next((row for row in table if row["column"] == state.param("open")), None)
    if len(found) == 1 < len(table):  # the way in from the keyboard
        name = found[0]["column"]
        registry.link(
            f"Open {text.plain(name, 40)} ›", "feature", model=model["name"], column=name, window=window["start"]
        )
    if not found:
        st.info("No column matches. Clear the search, or choose All.")
    elif opened is None:
        drift_table.draw(found, key="drift_rows")
        st.caption("Choose a cell to open its row: the drawing, its sentence, what is missing, and its page.")
    else:
        left, right = st.columns([10, 9], gap="small")
        with left:
            drift_table.draw(found, key="drift_rows", beside=True)
        with right:
            drift_detail.card(opened, model, window)


PAGE = Page(
    name="model",
    title="Model",
    icon=":material/deployed_code:",
    url_path="model",
    order=31,
    visible=False,
    render=render,
)
