"""Performance: a realised metric by version, where it is worst, and how many labels stand behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import dumbbell, estimated, series
from dashboard.components import chart, concept_card, errors, export, header, label_card, metric_table, rows, why
from dashboard.registry import Page
from service.views import MetricView, ModelView, PerformancePoint, WindowView

REFRESH = 30.0


@st.fragment(run_every=REFRESH)
def render() -> None:
    """Draw the page."""
    with errors.in_words():
        _draw()


_UNSAID = ("insufficient", "no_data")  # verdicts of windows that are too early or too small to judge


def no_metric(model: ModelView) -> str:
    """Say why there is no metric, and the way on."""
    if model["task"] == "none":
        return "This model has no labels to be held against (its task is none), so nothing measures how well it does."
    if not model["rows"]["labels"]:
        return "No label has come yet. Send the truth as it becomes known: `driftdeck label MODEL truth.csv`, or over HTTP (see Data)."
    return "Nothing has been measured yet: the reference needs rows with both a prediction and a label; then run the monitor."


def _draw() -> None:
    model = state.require_model()
    ws = state.workspace()
    metrics = ws.metric_names(model["name"])
    header.crumbs((model["name"], "model", {"model": model["name"]}), ("Performance", None, {}))
    header.title("Performance")
    header.family(model, "performance")
    if not metrics:
        st.info(no_metric(model))
        label_card.feedback(model, state.time_range(model))
        return
    grains = ["1d", "1w"] if model["window"] == "1w" else ["1d"]
    metric = _headline(model, metrics)

    def choose_metric() -> None:
        state.select("Metric", "metric", {name: text.metric_name(name) for name in metrics}, metric, width=170)

    chosen = header.range_bar(model, grains=grains if len(grains) > 1 else (), extra=choose_metric)
    metric = state.param("metric", metric, metrics)
    grain = state.param("grain", grains[-1], grains)
    history = ws.performance(model["name"], metric=metric, grain=None if grain == model["window"] else grain)
    points = [p for p in history if chosen.touches(p["start"], p["end"])]
    windows = [w for w in ws.windows(model["name"]) if chosen.touches(w["start"], w["end"])]
    found, labelled = label_card.summary(model, chosen)
    if not points:
        _nothing(model, windows)
        label_card.draw(model, found, labelled)
        label_card.feedback(model, chosen)
        return
    unit = _unit(history, model, metric)
    st.markdown(_sentence(model, metric, points, unit))
    _over_time(model, metric, unit, points, windows, chosen, series.versions(history))
    label_card.restated(model, points, metric, unit)
    picked = _picked(points)
    if picked is not None:
        why.draw(model, picked["start"], picked["end"], key="performance_why")
    with st.grid(2, min_column_width=520, gap="small"):
        concept_card.draw(model)
        _segments(model, picked)
    if picked is not None:
        metric_table.draw(model, picked)
    label_card.draw(model, found, labelled)
    label_card.feedback(model, chosen)
    _table(points, metric)


def _headline(model: ModelView, metrics: Sequence[str]) -> str:
    metric = model["metric"]
    return metric["name"] if metric and metric["name"] in metrics else metrics[0]


def _unit(history: Sequence[PerformancePoint], model: ModelView, metric: str) -> str:
    """Return the metric's own unit; of a server that does not tell it, the headline's if it is that one."""
    told = next((point["unit"] for point in history if "unit" in point), None)
    headline: MetricView | None = model["metric"]
    return told if told is not None else headline["unit"] if headline and metric == headline["name"] else ""


def _nothing(model: ModelView, windows: Sequence[WindowView]) -> None:
    if windows and not any(window["labels"] for window in windows):
        st.info("No labels lie in this time range, so performance cannot be said. Send them when they are known:")
        st.code(f"driftdeck label {model['name']} truth.csv", language=None)
    else:
        st.info("No window lies in this time range. Choose a longer one.")


def _sentence(model: ModelView, metric: str, points: Sequence[PerformancePoint], unit: str) -> str:
    """Say the latest value, against what, and how often the threshold was passed."""
    serving = [p for p in points if p["role"] == "serving" and p["value"] is not None]
    if not serving:
        return "No labels have arrived for this time range: nothing can be said yet."
    judged, last = _judged(serving), _latest(serving)
    unit_words = text.plain(unit) if unit else ""
    when = text.in_window(last["start"], last["end"], model["timezone"])
    words = f"{text.plain(text.metric_name(metric))} was **{text.number(last['value'], unit_words)}** {when}"
    if last["threshold"] is not None:
        past = sum(p["verdict"] in ("critical", "warning", "drift") for p in judged)
        words += f", threshold {text.number(last['threshold'], unit_words)}; past it in {past} of {len(judged)} windows"
    return f"{words}."


def _over_time(
    model: ModelView,
    metric: str,
    unit: str,
    points: Sequence[PerformancePoint],
    windows: Sequence[WindowView],
    chosen: state.TimeRange,
    versions: Sequence[str],
) -> None:
    lines = series.of_performance(points)
    figure = series.over_time(
        lines,
        theme.palette(),
        name=f"realised {text.metric_name(metric)}",
        unit=unit,
        timezone=model["timezone"],
        markers=[m for m in state.workspace().markers(model["name"]) if chosen.holds(m["at"])],
        reference_period=state.clipped(model["reference_period"], windows),
        zero=metric in ("mae", "rmse", "log_loss"),
        height=340,
        missing="no labels",
        order=versions,
    )
    estimates = [e for e in state.workspace().estimates(model["name"], metric) if chosen.touches(e["start"], e["end"])]
    estimated.add(figure, estimates, theme.palette(), unit=unit, timezone=model["timezone"])
    drawn = series.clicks(lines, versions)

    def clicked(curve: int, index: int) -> None:
        starts = drawn.get(curve, [])
        if index < len(starts):
            state.set_params(window=starts[index][1])

    with st.container(border=True, gap="xsmall"):
        st.markdown(
            f"**{text.plain(text.metric_name(metric))} over time** :gray[one line a version; dotted: not serving]"
        )
        chart.clickable(figure, clicked, alt=f"{metric} over time", key=f"performance_{metric}")
        if estimates:
            st.caption(text.plain(estimates[-1]["sentence"], 400))
        picked = state.param("window")
        point = next((p for p in points if p["start"] == picked and p["role"] == "serving"), None)
        if point is None:
            st.caption("Click a point for the rows behind it.")
        else:
            name = text.window_name(point["start"], point["end"], model["timezone"])
            before = label_card.earlier(model, point, metric, unit)
            if before is not None:
                st.caption(f"The {name}. {before}")
            rows.behind(
                model["name"], point["start"], point["end"], f"the {name}", key="performance_rows", expanded=True
            )


def _picked(points: Sequence[PerformancePoint]) -> PerformancePoint | None:
    """Return the window the address names, or the one that the sentence at the top is about, if there is one."""
    serving = [p for p in points if p["role"] == "serving" and p["value"] is not None]
    return next((p for p in serving if p["start"] == state.param("window")), _latest(serving) if serving else None)


def _judged(serving: Sequence[PerformancePoint]) -> list[PerformancePoint]:
    return [p for p in serving if p["threshold"] is not None and p["verdict"] not in _UNSAID]


def _latest(serving: Sequence[PerformancePoint]) -> PerformancePoint:
    """Return the latest window that was judged; where none was, the latest with labels enough, or with any."""
    return (_judged(serving) or [p for p in serving if p["verdict"] not in _UNSAID] or serving)[-1]


def _segments(model: ModelView, picked: PerformancePoint | None) -> None:
    with st.container(border=True, height="stretch"):
        if picked is None:
            st.markdown("**Where it is worst**")
            st.caption("Needs labels.")
            return
        period = text.period(picked["start"], picked["end"], model["timezone"])
        found = state.workspace().segment_errors(
            model["name"], datetime.fromisoformat(picked["start"]), datetime.fromisoformat(picked["end"]), limit=40
        )
        headline: MetricView | None = model["metric"]
        lower_is_worse = headline is not None and headline["direction"] == "lower_is_worse"
        found = sorted(found, key=lambda s: s["current"] or 0.0, reverse=not lower_is_worse)
        kinds = dict.fromkeys(segment["segment"] for segment in found)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Where it is worst** :gray[reference → {period}]", width="content")
            st.space("stretch")
            if len(kinds) > 1:
                by = state.select(
                    "Segment", "segment", {"all": "All segments", **{k: k for k in kinds}}, "all", width=150
                )
                found = [segment for segment in found if by in ("all", segment["segment"])]
        if not found:
            if state.workspace().segment_names(model["name"]):
                st.caption("No segment has labels enough here to say how good the model is inside of it.")
            else:
                st.caption('No segment is declared: `segments = ["carrier"]` in driftdeck.toml.')
            return
        chart.show(
            dumbbell.figure(found[:12], theme.palette(), unit=headline["unit"] if headline else "", now=period),
            alt="Performance by segment, reference against now, worst first",
            key="segments",
        )


def _table(points: Sequence[PerformancePoint], metric: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("The numbers behind the chart", width="content")
        st.space("stretch")
        export.table(points, name=f"performance-{metric}", key="performance")


PAGE = Page(
    name="performance",
    title="Performance",
    icon=":material/show_chart:",
    url_path="performance",
    order=32,
    visible=False,
    render=render,
)
