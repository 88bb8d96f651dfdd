"""Data: is it coming in, is it complete, what was refused, and what can be done."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, state, text, theme
from dashboard.charts import arrivals
from dashboard.components import (
    chart,
    data_steps,
    data_words,
    errors,
    export,
    first_steps,
    header,
    model_data,
    quarantine,
    source_table,
    tiles,
)
from dashboard.registry import Page
from service.data_views import LabelSummary, LabelWindow
from service.views import ModelView

REFRESH = 30.0
MOST_WINDOWS = 180


def render() -> None:
    """Draw the page."""
    if not state.workspace().models():
        st.title("No data yet", anchor=False)
        first_steps.draw()
        return
    _live()


@st.fragment(run_every=REFRESH)
def _live() -> None:
    with errors.in_words():
        _draw()


def _draw() -> None:
    ws = state.workspace()
    models = ws.models()
    if not models:
        st.rerun()
    seen, place = data_words.State(known=False), st.container()
    with errors.in_words():
        seen = data_words.survey(ws, models)
    model = _chosen(models, seen)
    place.title(data_words.title(seen), anchor=False)
    if seen.known:
        st.markdown(data_words.sentence(seen, model["timezone"], data_words.clock(ws)))
        if seen.sources:
            _sources(seen, models)
    _about(model, models)
    if seen.known and not seen.sources:  # how to declare one is to be copied once; what has come is looked at every day
        _no_source(model)
    with st.expander("More ways in, to copy", icon=":material/input:", key="ways", expanded=not model["rows"]["logs"]):
        data_steps.ways(model["name"])


def _sources(seen: data_words.State, models: list[ModelView]) -> None:
    st.header("Sources", anchor=False)
    source_table.draw(seen.sources, {view["name"]: view["timezone"] for view in models})


def _no_source(model: ModelView) -> None:
    st.header("Sources", anchor=False)
    st.markdown("None is declared. A source is read by itself, on its own schedule; this goes into `driftdeck.toml`:")
    data_steps.source(model["name"])


def _chosen(models: list[ModelView], seen: data_words.State) -> ModelView:
    """Return the model that the address names; else one with trouble, else the first."""
    name = state.param("model")
    if name:
        return next((view for view in models if view["name"] == name), None) or state.workspace().model(name)
    failing = {view["model"] for view, _ in seen.failing}
    return min(models, key=lambda view: (view["name"] not in failing, not view["rows"]["quarantined"]))


def _about(model: ModelView, models: list[ModelView]) -> None:
    def actions() -> None:
        registry.link("Open the model ›", "model", model=model["name"])

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(f"Data of {text.plain(model['name'])}", anchor=False, width="content")
        st.space("stretch")
        actions()
    chosen = header.range_bar(model, extra=lambda: _picker(model, models))
    with errors.in_words():
        summary = state.workspace().labels(model["name"], windows=MOST_WINDOWS)
        windows = [w for w in summary["windows"] if chosen.touches(w["start"], w["end"])]
        _tiles(model, summary)
        _arrivals(model, windows)
    with errors.in_words():
        quarantine.draw(model)
    with st.grid(2, min_column_width=400, gap="medium", key="data_columns"):
        with st.container(), errors.in_words():
            model_data.schema(model)
        with st.container(), errors.in_words():
            model_data.storage(model)


def _picker(model: ModelView, models: list[ModelView]) -> None:
    names = {view["name"]: text.clean(view["name"], 60) for view in models}
    state.select("Model", "model", names, model["name"])


def _tiles(model: ModelView, summary: LabelSummary) -> None:
    logs, refused = model["rows"]["logs"], model["rows"]["quarantined"]
    share = summary["labelled"] / logs if logs else None
    latest = next((w for w in reversed(summary["windows"]) if w["mature"]), None)
    lag = (
        "" if model["label_lag_hours"] is None else f"Half of them come within {text.hours(model['label_lag_hours'])}. "
    )
    whole = "" if latest is None else f"{text.share(latest['coverage'])} in the latest window that is complete."
    tiles.row(
        [
            {
                "label": "Predictions logged",
                "value": text.count(logs),
                "remark": f"to {text.moment(model['data_until'], model['timezone'])}" if logs else "none yet",
                "help": "What was answered; what shadows said beside it counts in the storage below",
            },
            {
                "label": "With label",
                "value": text.count(summary["labelled"]),
                "remark": f"{text.share(share)} of all",
                "help": f"{lag}{whole} Counted by the latest run of the monitors.".strip(),
            },
            {
                "label": "Labels corrected",
                "value": text.count(summary["corrected"]),
                "remark": "the latest counts",
                "help": "Predictions whose label was changed at least once. Earlier labels are kept; readings are restated.",
            },
            {
                "label": "Orphan labels",
                "value": text.count(summary["orphans"]),
                "remark": "kept until it comes" if summary["orphans"] else "none",
                "help": "Their prediction has not come. They are joined when it does; many of them mean that ids do not match.",
            },
            {
                "label": "Rows refused",
                "value": text.count(refused),
                "remark": "listed below" if refused else "none",
                "tone": "bad" if refused else "neutral",
            },
        ],
        key="data_tiles",
    )


def _arrivals(model: ModelView, windows: list[LabelWindow]) -> None:
    name = text.plain(model["name"])
    if not windows:
        st.info(
            "No window lies in this time range. Choose a longer one."
            if model["rows"]["logs"]
            else f"No prediction of {name} has come yet. The ways in stand at the end of this page."
        )
        return
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**Rows and labels** by {text.window_word(model['window'])}")
        figure = arrivals.over_time(windows, theme.palette(), timezone=model["timezone"])
        chart.show(figure, alt=_alt(model, windows), key="arrivals")
        words = model_data.maturity(windows, model["timezone"])
        export.foot(windows, name=f"labels-{model['name']}", key="arrivals_rows", words=words)


def _alt(model: ModelView, windows: list[LabelWindow]) -> str:
    span = text.period(windows[0]["start"], windows[-1]["end"], model["timezone"], year=True)
    return f"{text.clean(model['name'])}, {span}: rows of each window, and how many have their label"


PAGE = Page(
    name="data",
    title="Data",
    icon=":material/database:",
    url_path="data",
    order=35,
    visible=True,
    render=render,
)
