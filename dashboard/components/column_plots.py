"""The plots of one column: reference against current, how it moved, its statistic, its error and prediction by value, and by segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import base, categories, distribution, movement, multiples, paired, partial, ridge, series
from dashboard.components import chart, errors
from service.column_views import RelationView
from service.views import FeatureView, Marker, ModelView, QuantileStep, ShareStep

NOMINAL = ("categorical", "boolean")  # types whose values have no order
_SHAPES = {"histogram": "Histogram", "quantiles": "Quantiles", "cdf": "CDF"}
_WAYS = {"quantiles": "Quantiles", "ridge": "Ridge", "missing": "Missing"}
_HEIGHT = 320


def nominal(view: FeatureView) -> bool:
    """Say whether a column's values are names without an order."""
    return view["type"] in NOMINAL


def periods(model: ModelView, view: FeatureView) -> tuple[str, str]:
    """Return the days of the reference and of the window."""
    zone = model["timezone"]
    return (
        text.period(view["reference_start"], view["reference_end"], zone),
        text.period(view["window_start"], view["window_end"], zone),
    )


def place_chosen() -> int | None:
    """Return the place of the bar whose rows the address asks for; ``categories.MISSING``: rows without a value, None: all."""
    asked = state.param("bar")
    if asked == "missing":
        return categories.MISSING
    return int(asked) if asked.isdecimal() else None


def choose(place: int | None) -> None:
    """Write the bar whose rows are looked at into the address."""
    state.set_params(bar=None if place is None else "missing" if place == categories.MISSING else str(place))


# -- reference against current -------------------------------------------------------------------------------------


def reference_and_current(model: ModelView, view: FeatureView) -> None:
    """Draw both distributions as bars, as quantiles of one against the other, or cumulated; a click on a bar leads to its rows."""
    few, bars = view["state"] == "insufficient", view["histogram"]
    with st.container(border=True, height="stretch", key="reference_and_current"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Reference against current**", width="content")
            st.space("stretch")
            shape = "histogram"
            if not nominal(view) and not few and bars["reference"]:
                shape = state.choice("Shape", "shape", _SHAPES, "histogram")
        if not bars["reference"]:
            st.caption("The reference holds no bars for this column.")
            return
        _distribution(model, view, shape)
        st.caption(_beneath(view, shape))


def _distribution(model: ModelView, view: FeatureView, shape: str) -> None:
    reference, current = periods(model, view)
    bars, palette, unit = view["histogram"], theme.palette(), view["unit"] or ""
    name = text.clean(view["column"])
    if shape == "quantiles":
        pairs = view.get("pairs", [])
        if not pairs:
            st.caption("One side holds no value, so there are no quantiles to pair.")
            return
        alt = f"{name}: quantiles of {current} against those of the reference {reference}"
        chart.show(paired.quantiles(pairs, palette, unit=unit, height=_HEIGHT), alt=alt, key="quantile_plot")
        return
    alt = f"{name}: reference {reference} against current {current} on the same bars"
    chosen = place_chosen()
    if nominal(view) and view["state"] != "insufficient":
        rows = categories.rows_of(bars)
        figure = categories.compare(
            rows, bars, palette, reference_period=reference, current_period=current, chosen=chosen
        )
        places = [row.place for row in rows]
    else:
        figure = distribution.compare(
            bars,
            palette,
            reference_period=reference,
            current_period=current,
            unit=unit,
            state=view["state"],
            cumulative=shape == "cdf",
            height=_HEIGHT,
        )
        first = bars.get("first", 0)
        places = [first + place for place in range(len(bars["current"]))]
    if shape == "cdf":
        chart.show(figure, alt=alt, key="distribution_cdf")
        return

    def clicked(_curve: int, index: int) -> None:
        if index < len(places) and places[index] is not None:
            choose(places[index])

    chart.clickable(figure, clicked, alt=alt, key="distribution")


def _beneath(view: FeatureView, shape: str) -> str:
    bars = view["histogram"]
    missing = f"missing {text.share(bars['missing_reference'])} → {text.share(bars['missing_current'])}"
    if shape == "quantiles":
        return "On the diagonal nothing moved; above it values rose. " + missing.capitalize() + "."
    if nominal(view):
        rest = categories.left_out(bars, categories.rows_of(bars))
        return (
            f"Share of rows with a value; missing: share of all rows. Frozen in reference {view['reference_version']}. "
            f"{rest} A click on a bar shows its rows."
        )
    outside = f"below the reference {text.share(bars['below_current'])}, above it {text.share(bars['above_current'])}"
    rows = "" if shape == "cdf" else " A click on a bar shows its rows."
    return (
        f"Same bars, frozen in reference {view['reference_version']}; share of rows. "
        f"{missing.capitalize()}, {outside}.{rows}"
    )


# -- over time -----------------------------------------------------------------------------------------------------


def over_time(model: ModelView, view: FeatureView, chosen: state.TimeRange, markers: Sequence[Marker]) -> None:
    """Draw how the column moved: quantiles or ridges, shares of categories, or the share of missing values."""
    ordered = bool(view["quantiles"])
    ways = dict(_WAYS) if ordered else {"quantiles": "Shares", "missing": "Missing"}
    if not view.get("ridge"):
        ways.pop("ridge", None)
    with st.container(border=True, height="stretch", key="over_time"):
        with st.container(horizontal=True, vertical_alignment="center"):
            said = "" if ordered else " :gray[change of share against the reference, points]"
            st.markdown(f"**Over time**{said}", width="content")
            st.space("stretch")
            way = state.choice("Way", "over", ways, "quantiles")
        caption = _movement(model, view, chosen, markers, way)
        st.caption(caption)


def _movement(model: ModelView, view: FeatureView, chosen: state.TimeRange, markers: Sequence[Marker], way: str) -> str:
    zone, palette, unit = model["timezone"], theme.palette(), view["unit"] or ""
    name = text.clean(view["column"])
    steps: list[QuantileStep | ShareStep] = [
        s for s in view["quantiles"] or view["shares"] if chosen.touches(s["start"], s["end"])
    ]
    if not steps:
        return "No window lies in this time range."
    if way == "missing":
        figure = movement.missing(
            steps, view["histogram"]["missing_reference"], palette, timezone=zone, markers=markers
        )
        chart.clickable(
            figure, _to_window([s["start"] for s in steps]), alt=f"Missing share of {name} by window", key="missing"
        )
        return "Share of rows without a value, window by window; dotted: the reference. A click chooses a window."
    if way == "ridge":
        windows = [s for s in view.get("ridge", []) if chosen.touches(s["start"], s["end"])]
        shown = ridge.shown(windows, view["window_start"])
        figure = ridge.figure(
            shown, view.get("ridge_edges", []), _on(view), palette, unit=unit, timezone=zone, chosen=view["window_start"]
        )  # fmt: skip
        chart.show(figure, alt=f"{name}: histogram by window, the latest on top", key="ridge")
        left_out = f" {len(shown)} of {len(windows)} windows, evenly spaced." if len(shown) < len(windows) else ""
        return f"One ridge a window, the latest on top, the chosen one in colour; never smoothed.{left_out}"
    if view["shares"]:
        bars = view["histogram"]
        inside = [s for s in view["shares"] if chosen.touches(s["start"], s["end"])]
        figure = movement.shares(inside, bars["labels"], bars["reference"], palette, timezone=zone, markers=markers)
        chart.show(figure, alt=f"{name}: change of shares by window", key="movement")
        return "The categories that moved most. One column is one window."
    inside_q = [s for s in view["quantiles"] if chosen.touches(s["start"], s["end"])]
    figure = movement.quantiles(
        inside_q, view["reference_quantiles"], palette, unit=unit, timezone=zone, markers=markers, height=_HEIGHT
    )
    known = movement.runs(inside_q)

    def clicked(curve: int, index: int) -> None:
        start = movement.start_of(figure, known, curve, index)
        if start is not None:
            state.set_params(window=start)

    chart.clickable(figure, clicked, alt=f"{name} by window: median and quantiles", key="movement")
    return "Steps, never smoothed: one step is one window. A click on the median chooses a window."


def _on(view: FeatureView) -> list[float]:
    """Return the reference's shares on the bars of the ridges, which reach further than those of one window."""
    bars, edges = view["histogram"], view.get("ridge_edges", [])
    known = dict(zip(bars["edges"][:-1], bars["reference"], strict=False))
    return [known.get(edge, 0.0) for edge in edges[:-1]]


def _to_window(starts: Sequence[str]) -> Callable[[int, int], None]:
    def clicked(_curve: int, index: int) -> None:
        if index < len(starts):
            state.set_params(window=starts[index])

    return clicked


def statistic(model: ModelView, view: FeatureView, chosen: state.TimeRange, markers: Sequence[Marker]) -> None:
    """Draw the deciding statistic by window with band, threshold and marks; a click chooses a window."""
    history = [r for r in view["history"] if chosen.touches(r["window_start"], r["window_end"])]
    with st.container(border=True, height="stretch", key="statistic_card"):
        if not history:
            st.markdown("**Statistic against threshold**")
            st.caption("No reading lies in this time range.")
            return
        name = text.metric_name(history[-1]["check"])
        st.markdown(f"**Statistic against threshold** :gray[{text.plain(name)}, one point a window]")
        points = series.of_readings(history)

        def clicked(curve: int, index: int) -> None:
            starts = series.clicks(points).get(curve, [])
            if index < len(starts):
                state.set_params(window=starts[index][1])

        figure = series.over_time(
            points,
            theme.palette(),
            name=name,
            unit="",
            timezone=model["timezone"],
            markers=markers,
            letters=base.HALF,
            height=280,
            past_role="page" if view["kind"] == "concept" else "material_mark",
        )
        chart.clickable(figure, clicked, alt=f"{name} by window with its threshold", key="statistic")
        st.caption("A click on a point chooses its window; its rows stand at the end of the page.")


# -- what the model does with it -----------------------------------------------------------------------------------


def relations(view: FeatureView, found: RelationView | None) -> None:
    """Draw prediction and error by value of the column, each reference against current with intervals."""
    if found is None:
        return
    if view["kind"] not in ("prediction", "score"):
        _relation(
            view, found, "prediction", "Relation to the prediction", "does the model answer these values as it did?"
        )
    _relation(view, found, "error", "Relation to the error", "does it do worse where this moved to?")


def _relation(view: FeatureView, found: RelationView, kind: partial.Kind, title: str, question: str) -> None:
    name = found["prediction_name"] if kind == "prediction" else found["error_name"]
    unit = found["prediction_unit"] if kind == "prediction" else found["error_unit"]
    with st.container(border=True, height="stretch", key=f"relation_{kind}"):
        st.markdown(f"**{title}** :gray[{question}]")
        if name is None:
            st.caption("This kind of task has none of single rows." if kind == "error" else "Its answers have no mean.")
            return
        if not any(bar[kind]["n"] for bar in found["bars"]):
            words = "○ No labels in this window" if kind == "error" else "○ No predictions in this window"
            st.badge(words, color="gray")
            st.caption("Once the truth arrives, the error by value stands here." if kind == "error" else "")
            return
        figure = partial.figure(
            found["bars"],
            theme.palette(),
            kind=kind,
            unit=unit,
            value_unit=view["unit"] or "",
            ordered=not nominal(view),
            chosen=place_chosen(),
        )
        chart.show(
            figure, alt=f"{text.clean(name)} by value of {text.clean(view['column'])}", key=f"relation_{kind}_plot"
        )
        kept = text.plural(found["n_reference"], "row")
        st.caption(
            f"{text.plain(name).capitalize()} with 95 % intervals; hollow: fewer than {partial.FEW} rows. "
            f"Beneath: rows now. Reference: {kept} that were kept of it."
            if found["n_reference"]
            else f"{text.plain(name).capitalize()} with 95 % intervals. Of this reference no rows were kept to compare with."
        )


# -- by segment ----------------------------------------------------------------------------------------------------


def by_segment(model: ModelView, view: FeatureView) -> None:
    """Draw the same column inside each declared segment, worst first."""
    with st.container(border=True, height="stretch", key="by_segment"), errors.in_words():
        st.markdown("**By segment** :gray[each against itself in the reference, worst first]")
        found = state.workspace().segment_drift(
            model["name"], datetime.fromisoformat(view["window_start"]), column=view["column"], limit=200
        )
        if not found:
            st.caption('No segment is judged for this column. Declare some with `segments = ["carrier"]`.')
            return
        worst = [row for row in found if row["verdict"] == "drift"]
        first = found[0]
        if worst:
            said = first["sentence"].removeprefix(f"In {first['segment']}: ")
            st.markdown(f"Most in **{text.plain(first['segment'], 60)}**: {text.plain(said, 240)}")
        else:
            st.markdown("Inside every segment it is within its natural variation, or too few rows came to tell.")
        figure = multiples.figure(found, theme.palette(), unit=view["unit"] or "")
        alt = f"{text.clean(view['column'])} inside {len(found)} segments, worst {text.clean(first['segment'], 60)}"
        chart.show(figure, alt=alt, key="segments_plot")
        if len(found) > multiples.MOST:
            st.caption(f"The first {multiples.MOST} of {len(found)}; the model's page ranks all of them.")
