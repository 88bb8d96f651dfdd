"""How bad, since when, and where: the evidence of an alert in charts, whatever it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import plotly.graph_objects as go
import streamlit as st

from dashboard import registry, text, theme
from dashboard.charts import base, categories, distribution, dumbbell, multiples, series, spans, traffic
from dashboard.components import alert_about, alert_tiles, alert_words, chart, column_plots
from dashboard.components.alert_about import About
from service.views import AlertView, Marker, ModelView, PerformancePoint, SegmentError
from service.workspace import NotFoundError, Workspace

MOST_SEGMENTS = 8
LEAST = 3  # windows that make a course over time


def draw(ws: Workspace, alert: AlertView, model: ModelView, points: Sequence[PerformancePoint], about: About) -> None:
    """Draw what the alert is about first, what it did to performance next, then where it is worst."""
    outcome = alert["kind"] in alert_words.OUTCOMES and not alert.get("limit")
    if alert["kind"] == "no_data":
        _traffic(ws, model)
        return
    if outcome:
        _performance(ws, alert, model, points, "How bad, and since when")
        _errors_by_segment(ws, alert, model)
        return
    _course(ws, alert, model, about)
    _compared(ws, alert, model, about)
    if alert["column"] and alert["kind"] in ("data_drift", "prediction_drift"):
        _drift_by_segment(ws, alert, about)
    if alert["kind"] not in ("business", "latency"):
        _performance(ws, alert, model, points, "Did it do harm?")


# -- in time -------------------------------------------------------------------------------------------------------


def _course(ws: Workspace, alert: AlertView, model: ModelView, about: About) -> None:
    name, readings = alert_about.course(ws, alert, about)
    if alert["column"] and len(readings) < LEAST:  # the plot of its values says more
        return
    with st.container(border=True, key="alert_course"):
        st.markdown("## How bad, and since when", anchors=False)
        if not readings:
            st.markdown(text.plain(alert["message"], 600))
            st.caption("Of what it speaks of, no course over time is kept.")
            return
        kept = "; only windows in which it is wrong are kept" if alert["segment"] else ""
        st.caption(f"{text.plain(name)[:1].upper()}{text.plain(name)[1:]}, one point a window{kept}.")
        points = series.of_readings(readings)
        past = "page" if alert["severity"] == "page" else "material_mark"
        unit = readings[-1]["unit"]
        figure = series.over_time(
            points,
            theme.palette(),
            name=text.figure(name),
            unit="" if unit in ("distance", "nats") else unit,
            timezone=model["timezone"],
            markers=_markers(ws, alert),
            letters=base.HALF,
            height=270,
            past_role=past,
            zero=not any((p.value or 0.0) < 0 for p in points),
        )
        if alert["segment"]:  # between them it was as in the reference: no line leads over that
            figure.update_traces(mode="markers", selector={"mode": "lines+markers"})
        _shade(figure, alert, model, [p.end for p in points])
        last = readings[-1]
        alt = f"{text.clean(name)} by window, threshold {text.number(last['threshold'])}, latest {text.number(last['value'])}"
        chart.show(figure, alt=alt, key="alert_course_chart")


def _performance(
    ws: Workspace, alert: AlertView, model: ModelView, points: Sequence[PerformancePoint], title: str
) -> None:
    with st.container(border=True, key="how_bad"):
        st.markdown(f"## {title}", anchors=False)
        metric = model["metric"]
        if metric is None or not any(point["value"] is not None for point in points):
            st.badge("○ No labels", color="gray")
            st.markdown(
                "Performance cannot be judged until labels arrive. "
                f"The statistic behind this alert: {text.plain(alert['message'], 400)}"
            )
            return
        palette = theme.palette()
        figure = series.over_time(
            series.of_performance(points),
            palette,
            name=text.metric_name(metric["name"]),
            unit=metric["unit"],
            timezone=model["timezone"],
            markers=_markers(ws, alert),
            reference_period=model["reference_period"],
            zero=metric["direction"] == "higher_is_worse",
            letters=base.HALF,
            height=300,
            missing="no labels",
        )
        _shade(figure, alert, model, [point["end"] for point in points])
        worst_of = max if metric["direction"] == "higher_is_worse" else min
        values = [p["value"] or 0.0 for p in alert_tiles.judged(alert_tiles.during(points, alert))]
        worst = text.number(worst_of(values, default=None), metric["unit"])
        chart.show(
            figure,
            alt=f"{text.metric_name(metric['name'])} by {text.window_word(model['window'])}, threshold {text.number(metric['threshold'], metric['unit'])}, worst while firing {worst}",
            key="how_bad_chart",
        )


def _shade(figure: go.Figure, alert: AlertView, model: ModelView, ends: Sequence[str]) -> None:
    """Shade while the alert lasts: in the colour of a page only where a page is what it is."""
    end = alert["resolved_at"] or max(ends, key=datetime.fromisoformat)
    palette, zone = theme.palette(), model["timezone"]
    if alert["severity"] == "page":
        spans.firing(figure, alert["window_start"], end, palette, zone)
        return
    first, last = base.at(alert["window_start"], zone), base.at(end, zone)
    figure.add_shape(
        type="rect", x0=first, x1=last, y0=0, y1=1, yref="paper", fillcolor=palette.shade, line_width=0, layer="below"
    )


def _markers(ws: Workspace, alert: AlertView) -> list[Marker]:
    """Return this alert and what was deployed; other alerts have pages of their own."""
    kind = "alert" if alert["severity"] == "page" else "warning"
    own: Marker = {"at": alert["window_start"], "kind": kind, "label": "alert", "until": alert["resolved_at"]}
    return [own, *(marker for marker in ws.markers(alert["model"]) if marker["kind"] not in ("alert", "warning"))]


def _traffic(ws: Workspace, model: ModelView) -> None:
    with st.container(border=True, key="alert_traffic"):
        st.markdown("## When rows came", anchors=False)
        windows = ws.windows(model["name"])
        if not windows:
            st.caption("No row has ever come.")
            return
        figure = traffic.by_window(windows, theme.palette(), timezone=model["timezone"])
        last = next((w for w in reversed(windows) if w["rows"]), None)
        until = text.moment(model["data_until"], model["timezone"], year=True)
        chart.show(figure, alt=f"Rows by window; the latest row is of {until}", key="alert_traffic_chart")
        usual = f", {text.plural(last['rows'], 'row')} in the latest window that has any" if last else ""
        st.caption(f"The latest row is of {until}{usual}. Nothing can be judged until rows come again.")
        registry.link("Sources and their runs", "data", icon=":material/arrow_forward:", model=model["name"])


# -- what moved ----------------------------------------------------------------------------------------------------


def _compared(ws: Workspace, alert: AlertView, model: ModelView, about: About) -> None:
    """Draw the alert's column, reference against current, in the window that shows it best: one click less."""
    column = alert["column"]
    if column is None or alert["kind"] not in ("data_drift", "prediction_drift", "data_quality"):
        return
    window = about.window(column, alert)
    try:
        view = ws.feature(model["name"], column, datetime.fromisoformat(window))
    except NotFoundError:
        return
    reference, current = column_plots.periods(model, view)
    bars, palette = view["histogram"], theme.palette()
    with st.container(border=True, key="alert_compared"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"## {text.plain(column)} :gray[reference against current]", anchors=False, width="content")
            st.space("stretch")
            registry.link("Open the column ›", "feature", model=model["name"], column=column, window=window)
        if view["sentence"] not in alert_about.lead(alert["message"])[0]:  # which stands at the top of the page
            st.markdown(text.plain(view["sentence"], 300))
        if not bars["reference"]:
            return
        if column_plots.nominal(view):
            figure = categories.compare(
                categories.rows_of(bars), bars, palette, reference_period=reference, current_period=current
            )
        else:
            figure = distribution.compare(
                bars,
                palette,
                reference_period=reference,
                current_period=current,
                unit=view["unit"] or "",
                state=view["state"],
                height=260,
            )
        alt = f"{text.clean(column)}: reference {reference} against {current} on the same bars"
        chart.show(figure, alt=alt, key="alert_compared_chart")


# -- where ---------------------------------------------------------------------------------------------------------


def _errors_by_segment(ws: Workspace, alert: AlertView, model: ModelView) -> None:
    since = datetime.fromisoformat(alert["window_start"])
    end = alert_words.end(alert, model)
    found = ws.segment_errors(model["name"], since, datetime.fromisoformat(end), limit=MOST_SEGMENTS)
    rows: list[SegmentError] = [row for row in found if row["current"] is not None]
    with st.container(border=True, key="where_worst"):
        metric = model["metric"]
        unit = metric["unit"] if metric else ""
        name = text.metric_name(metric["name"]) if metric else "error"
        st.markdown(f"## Where it is worst :gray[reference → now, {text.plain(name)}]", anchors=False)
        if not rows:
            st.caption(
                'No segment has labels in this period, or none is declared. Declare some with `segments = ["…"]`.'
            )
            return
        zone = model["timezone"]
        figure = dumbbell.figure(
            rows,
            theme.palette(),
            unit=unit,
            now=text.period(alert["window_start"], end, zone),
            zero=metric is None or metric["direction"] == "higher_is_worse",
        )
        worst = rows[0]
        alt = f"Worst: {worst['segment']} {worst['value']}, {text.number(worst['reference'], unit)} in the reference, {text.number(worst['current'], unit)} now"
        chart.show(figure, alt=text.clean(alt, 200), key="where_worst_chart")


def _drift_by_segment(ws: Workspace, alert: AlertView, about: About) -> None:
    column = alert["column"]
    assert column is not None
    try:
        window = datetime.fromisoformat(about.window(column, alert))
        found = ws.segment_drift(alert["model"], window, column=column, limit=50)
    except NotFoundError:
        found = []
    if not found:
        return
    with st.container(border=True, key="where_moved"):
        st.markdown("## Where it moved most :gray[each segment against itself in the reference]", anchors=False)
        worst = [row for row in found if row["verdict"] == "drift"]
        if worst:
            st.markdown(text.plain(worst[0]["sentence"], 300))
        figure = multiples.figure(found, theme.palette(), unit="")
        alt = f"{text.clean(column)} inside segments, worst {text.clean(found[0]['segment'], 60)}"
        chart.show(figure, alt=alt, key="where_moved_chart")
