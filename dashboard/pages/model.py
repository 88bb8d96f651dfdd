"""One model: how it does, what moved, how much came, how many labels are in; and the drift table of a window."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import streamlit as st

from dashboard import registry, state, text, theme
from dashboard.charts import panels, series
from dashboard.components import (
    chart,
    drift_table,
    errors,
    export,
    header,
    health,
    rows,
    rows_as_whole,
    segments,
    tiles,
)
from dashboard.registry import Page
from service.views import DriftRow, ModelView, PerformancePoint, WindowView

REFRESH = 30.0
MOST_WINDOWS = 180  # what a chart can show and a page may weigh
_CELLS = (
    ":gray-badge[□ within natural variation] :gray-badge[▤ significant] :blue-badge[■ + material, harmless] "
    ":red-badge[▲ + harmful] :gray-badge[◔ insufficient] :small[:gray[blank = no data]]"
)


@st.fragment(run_every=REFRESH)
def render() -> None:
    """Draw the page."""
    with errors.in_words():
        _draw()


def _draw() -> None:
    model = state.require_model()
    _title(model)
    chosen = header.range_bar(model)
    windows = [w for w in state.workspace().windows(model["name"]) if chosen.touches(w["start"], w["end"])]
    if not windows:
        _nothing(model)
        return
    earlier = len(windows) - MOST_WINDOWS
    windows = windows[-MOST_WINDOWS:]
    window = _window(windows)
    chosen = replace(chosen, start=max(chosen.start, datetime.fromisoformat(windows[0]["start"])))
    history = state.workspace().performance(model["name"])
    points = [p for p in history if chosen.touches(p["start"], p["end"])]
    table = state.workspace().drift_table(model["name"], datetime.fromisoformat(window["start"]))
    _tiles(model, window, points, table)
    if earlier > 0:
        st.caption(
            f"The latest {MOST_WINDOWS} windows of this range; choose days of your own for the {earlier:,} before them."
        )
    _panels(model, windows, window, points, chosen, series.versions(history))
    _table(model, windows, window, table)


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
    if model["headline"]:
        st.markdown(text.plain(model["headline"], 400))


def _age(model: ModelView) -> str:
    if model["champion_since"] is None or model["data_until"] is None:
        return ""
    return f" · {text.length(model['champion_since'], model['data_until'])}"


def _data(model: ModelView) -> str:
    """Return the words of the link to the model's data: how complete its labels are, and whether rows were refused."""
    refused = model["rows"]["quarantined"]
    words = "" if model["label_coverage"] is None else f" · {text.share(model['label_coverage'])} labels"
    return f"Data{words}" + (f" · {text.short(refused)} refused" if refused else "")


def _nothing(model: ModelView) -> None:
    if model["rows"]["logs"] == 0:
        st.info("No prediction has been logged yet. Send some, then run the monitors:")
        st.code(f"driftdeck log {model['name']} predictions.csv\ndriftdeck run {model['name']}", language=None)
    elif state.workspace().windows(model["name"]):
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


def _tiles(model: ModelView, window: WindowView, points: list[PerformancePoint], table: list[DriftRow]) -> None:
    data = [row for row in table if row["kind"] in ("feature", "context")]
    when = text.in_window(window["start"], window["end"], model["timezone"])
    about = f"{when[0].upper()}{when[1:]}"
    predictions = [row for row in table if row["kind"] in ("prediction", "score")]
    shown = [_drift_tile(data, about), _rows_tile(model, window, about)]
    if predictions or model["task"] != "none":
        shown.insert(1, _kind_tile("Prediction drift", predictions, about))
    if model["task"] != "none":
        concept = [row for row in table if row["kind"] == "concept"]
        shown.insert(0, _metric_tile(model, window, points, about))
        shown.insert(3, _concept_tile(model, concept, window, about))
    tiles.row(shown, key="model_tiles")


def _metric_tile(model: ModelView, window: WindowView, points: list[PerformancePoint], about: str) -> tiles.Tile:
    metric = model["metric"]
    if metric is None:
        return {"label": "Realised performance", "value": text.MISSING, "remark": "no labels yet", "help": about}
    values = [p["value"] for p in points if p["start"] == window["start"] and p["role"] == "serving"]
    value = values[0] if values else None
    tile: tiles.Tile = {
        "label": f"Realised {text.plain(text.metric_name(metric['name']))}",
        "value": text.number(value, metric["unit"]),
        "remark": "no labels",
        "help": f"{about}, from labels that have arrived",
    }
    if value is not None and metric["reference"] is not None:
        change = value - metric["reference"]
        worse = change > 0 if metric["direction"] == "higher_is_worse" else change < 0
        tile["remark"] = f"{text.number(change, signed=True)} vs reference"
        tile["arrow"] = "up" if change > 0 else "down"
        tile["tone"] = "bad" if worse and _beyond(value, metric["threshold"], metric["direction"]) else "neutral"
    return tile


def _beyond(value: float, threshold: float | None, direction: str) -> bool:
    if threshold is None:
        return False
    return value > threshold if direction == "higher_is_worse" else value < threshold


def _drift_tile(table: list[DriftRow], about: str) -> tiles.Tile:
    moved = sum(row["state"] in ("significant", "material", "harmful") for row in table)
    material = sum(row["state"] in ("material", "harmful") for row in table)
    harmful = sum(row["state"] == "harmful" for row in table)
    remark = f"{harmful} harmful" if harmful else f"{material} material" if material else "none material"
    return {
        "label": "Data drift",
        "value": f"{moved} of {len(table)}",
        "remark": remark,
        "tone": "bad" if harmful else "neutral",
        "help": f"{about}, columns beyond their natural variation",
    }


def _worst(table: list[DriftRow]) -> DriftRow | None:
    return drift_table.by_trouble(table)[0] if table else None


def _kind_tile(label: str, table: list[DriftRow], about: str) -> tiles.Tile:
    worst = _worst(table)
    if worst is None:
        return {"label": label, "value": text.MISSING, "remark": "not monitored", "help": about}
    value, threshold = text.number(worst["value"]), text.number(worst["threshold"])
    return {
        "label": label,
        "value": health.words(health.DRIFT, worst["state"]),
        "remark": f"{text.plain(text.metric_name(worst['check']))} {value} / {threshold}",
        "tone": "bad" if worst["state"] == "harmful" else "neutral",
        "help": about,
    }


def _concept_tile(model: ModelView, table: list[DriftRow], window: WindowView, about: str) -> tiles.Tile:
    tile = _kind_tile("Concept drift", table, about)
    lag = "" if model["label_lag_hours"] is None else f" · lag {text.hours(model['label_lag_hours'])}"
    tile["tone"] = "neutral"
    tile["remark"] = f"{text.share(window['coverage'])} labels{lag}"
    if not table and not window["labels"]:
        tile["remark"] = "no labels"
    tile["help"] = (
        f"{about}: has the rule from inputs to label changed? Beside it, how many labels are in and how late they come."
    )
    return tile


def _rows_tile(model: ModelView, window: WindowView, about: str) -> tiles.Tile:
    tile: tiles.Tile = {
        "label": f"Rows / {text.window_word(model['window'])}",
        "value": text.count(window["rows"]),
        "help": about,
    }
    typical = _typical(model)
    if typical:
        tile["remark"] = f"{text.change(window['rows'], typical)} vs reference"
    return tile


def _typical(model: ModelView) -> float | None:
    """Return the reference's rows in a span as long as a window."""
    period, length = model["reference_period"], text.window_length(model["window"])
    if not period or not model["reference_rows"] or length is None:
        return None
    span = datetime.fromisoformat(period[1]) - datetime.fromisoformat(period[0])
    return model["reference_rows"] * (length / span) if span else None


def _panels(
    model: ModelView,
    windows: list[WindowView],
    window: WindowView,
    points: list[PerformancePoint],
    chosen: state.TimeRange,
    versions: list[str],
) -> None:
    metric = model["metric"]
    ws = state.workspace()
    linked = panels.linked(
        series.of_performance(points),
        ws.heatmap(model["name"]),
        windows,
        theme.palette(),
        metric=text.metric_name(metric["name"]) if metric else "performance",
        unit=metric["unit"] if metric else "",
        timezone=model["timezone"],
        markers=[m for m in ws.markers(model["name"]) if chosen.touches(m["at"], m["at"]) or chosen.holds(m["at"])],
        reference_period=state.clipped(model["reference_period"], windows),
        zero=metric is None or metric["direction"] == "higher_is_worse",
        chosen=window["start"],
        versions=versions,
    )

    def clicked(curve: int, index: int) -> None:
        meaning = linked.clicks.get(curve, [])
        if index < len(meaning):
            column, start = meaning[index]
            if column is None:
                state.set_params(window=start)
            else:
                st.session_state["_open_column"] = (column, start)

    with st.container(border=True, gap="xsmall"):
        st.markdown(_CELLS)
        chart.clickable(linked.figure, clicked, alt=_alt(model, windows), key="model_panels")
        more = (
            f" The {text.plural(linked.hidden, 'quietest column')} stand in the table below." if linked.hidden else ""
        )
        st.caption(f"Click a cell for that column and window, a point or a bar for that window's table.{more}")
    if "_open_column" in st.session_state:
        column, start = st.session_state.pop("_open_column")
        registry.go("feature", model=model["name"], column=column, window=start)


def _alt(model: ModelView, windows: list[WindowView]) -> str:
    span = text.period(windows[0]["start"], windows[-1]["end"], model["timezone"], year=True)
    return f"{text.clean(model['name'])}, {span}: performance, drift by column, rows and labels on one time axis"


def _table(model: ModelView, windows: list[WindowView], window: WindowView, table: list[DriftRow]) -> None:
    zone = model["timezone"]
    names = {w["start"]: text.window_name(w["start"], w["end"], zone) for w in reversed(windows)}
    name, start, ws = names[window["start"]], datetime.fromisoformat(window["start"]), state.workspace()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"Drift, {name}", anchor=False, width="content")
        st.space("stretch")
        segment = segments.picker(ws.segment_names(model["name"]))
        state.select("Window", "window", names, window["start"])
        export.downloads(table, name=f"drift-{window['start'][:10]}", key="drift")
        export.evidently(model["name"], window["start"], key="drift")
    if segment is not None:
        kinds = {row["column"]: row["kind"] for row in table}
        table = segments.as_rows(ws.segment_drift(model["name"], start, segment=segment), kinds)
        st.caption(f"Only the rows of {text.plain(segment, 60)}, held against the same rows of the reference.")
    if table:
        drift_table.draw(table, model=model["name"], window=window["start"], key="drift_rows")
    else:
        st.info("This window has not been judged: it is still open, or too few rows came.")
    segments.ranked(model["name"], window["start"], name)
    rows_as_whole.card(ws.multivariate(model["name"]), window["start"], f"the {name}")
    rows.behind(model["name"], window["start"], window["end"], f"the {name}", key="window_rows")


PAGE = Page(
    name="model",
    title="Model",
    icon=":material/deployed_code:",
    url_path="model",
    order=31,
    visible=False,
    render=render,
)
