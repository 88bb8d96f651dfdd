"""What a model does for the business: declared ratios over time, and the lift of one version over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import intervals, series
from dashboard.components import chart, errors, export, header, health
from dashboard.registry import Page
from service.outcome_views import BusinessLift, BusinessPoint
from service.views import Marker, ModelView

REFRESH = 30.0
_EXAMPLE = """[models.{model}.monitor.business.click_through]
numerator = "clicked"          # SQL over a row's inputs, prediction, score and label
denominator = "1"              # left out: a mean a row
unit = "share\""""


@st.fragment(run_every=REFRESH)
def render() -> None:
    """Draw the page."""
    with errors.in_words():
        _draw()


def _draw() -> None:
    model = state.require_model()
    ws = state.workspace()
    chosen = header.opening(model, "business")
    every = ws.business(model["name"])
    if not every:
        st.info("No ratio of the business is declared for this model, or none has been measured. Declare what counts:")
        st.code(_EXAMPLE.format(model=model["name"]), language="toml")
        return
    points = [p for p in every if chosen.touches(p["start"], p["end"])]
    if not points:
        st.info("No window lies in this time range. Choose a longer one.")
        return
    markers = [m for m in ws.markers(model["name"]) if chosen.holds(m["at"])]
    names = list(dict.fromkeys(p["metric"] for p in points))
    with st.grid(2 if len(names) > 1 else 1, min_column_width=520, gap="small"):
        for name in names:
            _metric(model, name, [p for p in points if p["metric"] == name], markers)
    _lift(model, list(dict.fromkeys(p["model_version"] for p in points)))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("The numbers behind the charts", width="content")
        st.space("stretch")
        export.table(points, name="business", key="business")


def _metric(model: ModelView, name: str, points: Sequence[BusinessPoint], markers: Sequence[Marker]) -> None:
    last = next((p for p in reversed(points) if p["role"] == "serving"), points[-1])
    unit = "%" if last["unit"] == "share" else last["unit"]
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{text.plain(last['label'])}**", width="content")
            st.space("stretch")
            health.badge(health.DRIFT, health.state_of(last["verdict"]))
        st.markdown(text.plain(last["sentence"], 300))
        figure = series.over_time(
            with_gaps(of_business(points)),
            theme.palette(),
            name="",
            unit=unit,
            timezone=model["timezone"],
            markers=markers,
            zero=False,
            height=260,
        )
        chart.show(figure, alt=f"{text.clean(last['label'])} by window and version", key=f"business_{text.clean(name)}")


def of_business(points: Sequence[BusinessPoint]) -> list[series.Point]:
    """Return one ratio's points as points of lines, one line a version."""
    return [
        series.Point(
            p["start"],
            p["end"],
            p["model_version"],
            serving=p["role"] == "serving",
            value=_drawn(p, p["value"]),
            n=p["n"],
            threshold=_drawn(p, p["threshold"]),
            lower=_drawn(p, p["usual_lower"]),
            upper=_drawn(p, p["usual_upper"]),
            past=p["verdict"] in ("warning", "critical"),
            verdict=p["verdict"],
            ci_lower=_drawn(p, p["lower"]),
            ci_upper=_drawn(p, p["upper"]),
        )
        for p in points
    ]


def with_gaps(points: Sequence[series.Point]) -> list[series.Point]:
    """Return the points with one without a value for each window in which a version did not serve: gaps stay gaps."""
    windows = {point.start: point for point in points}
    found = list(points)
    for line in dict.fromkeys(point.line for point in points):
        own = [point.start for point in points if point.line == line]
        places = [start for start in windows if own[0] < start < own[-1] and start not in own]
        found += [
            replace(windows[at], line=line, value=None, threshold=None, lower=None, upper=None, past=False)
            for at in places
        ]
    return sorted(found, key=lambda point: point.start)


def _drawn(point: BusinessPoint, value: float | None) -> float | None:
    """Return shares in per cent."""
    return 100 * value if value is not None and point["unit"] == "share" else value


def _lift(model: ModelView, versions: Sequence[str]) -> None:
    if len(versions) < 2:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Lift** :gray[over the time in which both answered]", width="content")
            st.space("stretch")
            options = {name: text.clean(name, 30) for name in versions}
            new = state.select("Version", "version", options, versions[-1], width=130)
            old = state.select("against", "other", options, versions[0], width=130)
        if new == old:
            st.caption("Choose two versions.")
            return
        found = state.workspace().business_lift(model["name"], new, old)
        if not found:
            st.caption("The two never answered over the same time.")
            return
        for lift in found:
            st.markdown(text.plain(lift["sentence"], 300))
        rows = [_row(lift) for lift in found]
        chart.show(
            intervals.figure(rows, theme.palette(), unit="%", bars=True, signed=True),
            alt="; ".join(text.clean(lift["sentence"], 120) for lift in found),
            key="business_lift",
        )
        export.foot(found, name=f"lift-{new}-{old}", key="lift")


def _row(lift: BusinessLift) -> intervals.Row:
    low, high = lift["lower"], lift["upper"]
    return intervals.Row(
        lift["label"],
        100 * lift["lift"],
        None if low is None else 100 * low,
        None if high is None else 100 * high,
        f"{text.number(lift['value'])} against {text.number(lift['other_value'])}",
    )


PAGE = Page(
    name="business",
    title="Business",
    icon=":material/payments:",
    url_path="business",
    order=33,
    visible=False,
    render=render,
)
