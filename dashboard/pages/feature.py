"""One column: what moved, how, whether it matters, and what a textbook rule would say."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import registry, state, text, theme
from dashboard.charts import distribution, effect, movement, series
from dashboard.components import chart, gates, header, health, rows
from dashboard.registry import Page
from service.views import FeatureView, Marker, ModelView

_KINDS = {
    "feature": "model input",
    "context": "context: not a model input",
    "prediction": "prediction",
    "score": "score",
    "concept": "concept: the rule from inputs to label",
}
_SHAPES = {"histogram": "Histogram", "cdf": "Cumulative"}


def render() -> None:
    """Draw the page."""
    model = state.require_model()
    column = state.param("column")
    if not column:
        st.info("No column is chosen. Click a cell or a row on the model's page.")
        registry.link("Open the model", "model", model=model["name"])
        return
    named = state.param("window")
    view = state.workspace().feature(model["name"], column, datetime.fromisoformat(named) if named else None)
    _title(model, view)

    def choose_window() -> None:
        zone = model["timezone"]
        names = {
            h["window_start"]: text.window_name(h["window_start"], h["window_end"], zone)
            for h in reversed(view["history"])
        }
        names.setdefault(view["window_start"], text.window_name(view["window_start"], view["window_end"], zone))
        state.select("Window", "window", names, view["window_start"])

    chosen = header.range_bar(model, extra=choose_window)
    markers = [m for m in state.workspace().markers(model["name"]) if chosen.holds(m["at"])]
    _verdict(view)
    with st.grid(2, min_column_width=520, gap="small", key="plots"):
        _distribution(model, view)
        _movement(model, view, chosen, markers)
        _statistic(model, view, chosen, markers)
        _relation(view)
    _numbers(model, view)
    name = text.window_name(view["window_start"], view["window_end"], model["timezone"])
    rows.behind(model["name"], view["window_start"], view["window_end"], f"the {name}", key="feature_rows")


def _title(model: ModelView, view: FeatureView) -> None:
    name = model["name"]
    header.crumbs((name, "model", {"model": name, "window": view["window_start"]}), (view["column"], None, {}))

    def badges() -> None:
        unit = f", {text.plain(view['unit'], 20)}" if view["unit"] else ""
        st.badge(f"{text.plain(view['type'])}{unit}", color="gray")
        st.badge(_KINDS.get(view["kind"], text.plain(view["kind"])), color="gray")
        if view["state"] == "material":
            st.badge("■ Moved, harmless", color="blue")
        else:
            health.badge(health.DRIFT, view["state"])

    def neighbours() -> None:
        for other, before, after in ((view["previous"], "‹ ", ""), (view["following"], "", " ›")):
            if other:
                label = f"{before}{text.plain(other, 24)}{after}"
                registry.link(label, "feature", model=name, column=other, window=view["window_start"])

    header.title(view["column"], badges, neighbours)


def _verdict(view: FeatureView) -> None:
    with st.container(border=True):
        st.markdown(f"**{text.plain(view['sentence'], 400)}**")
        if view["state"] == "insufficient":
            rows_in = text.plural(view["histogram"]["n_current"], "row")
            st.caption(
                f"{rows_in} are too few to say anything, so there is no verdict and no alert. Counts, not shares."
            )
        elif view["gates"] and view["state"] != "no_data":
            gates.columns(view["gates"], view["threshold_origin"])


def _periods(model: ModelView, view: FeatureView) -> tuple[str, str]:
    zone = model["timezone"]
    return (
        text.period(view["reference_start"], view["reference_end"], zone),
        text.period(view["window_start"], view["window_end"], zone),
    )


def _distribution(model: ModelView, view: FeatureView) -> None:
    reference, current = _periods(model, view)
    bars = view["histogram"]
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Reference against current**", width="content")
            st.space("stretch")
            shape = "histogram"
            if bars["edges"] and view["state"] != "insufficient":
                shape = state.choice("Shape", "shape", _SHAPES, "histogram")
        if not bars["reference"]:
            st.caption("The reference holds no bars for this column.")
            return
        chart.show(
            distribution.compare(
                bars,
                theme.palette(),
                reference_period=reference,
                current_period=current,
                unit=view["unit"] or "",
                state=view["state"],
                cumulative=shape == "cdf",
            ),
            alt=f"{text.clean(view['column'])}: reference {reference} against current {current} on the same bars",
            key="distribution",
        )
        st.caption(
            f"Same bars, frozen in reference {view['reference_version']}; share of rows. "
            f"Missing {text.share(bars['missing_reference'])} → {text.share(bars['missing_current'])}, "
            f"{_outside(view)}."
        )


def _outside(view: FeatureView) -> str:
    bars = view["histogram"]
    if bars["labels"]:
        return f"never seen in the reference {text.share(bars['unseen_current'])}"
    return f"below the reference {text.share(bars['below_current'])}, above it {text.share(bars['above_current'])}"


def _movement(model: ModelView, view: FeatureView, chosen: state.TimeRange, markers: list[Marker]) -> None:
    zone = model["timezone"]
    with st.container(border=True, height="stretch"):
        if view["shares"]:
            st.markdown("**Over time** :gray[change of share against the reference, percentage points]")
            steps = [s for s in view["shares"] if chosen.touches(s["start"], s["end"])]
            bars = view["histogram"]
            figure = movement.shares(
                steps, bars["labels"], bars["reference"], theme.palette(), timezone=zone, markers=markers
            )
            caption = "The categories that moved most. Steps, never smoothed: one column is one window."
        else:
            st.markdown("**Over time**")
            inside = [s for s in view["quantiles"] if chosen.touches(s["start"], s["end"])]
            figure = movement.quantiles(
                inside,
                view["reference_quantiles"],
                theme.palette(),
                unit=view["unit"] or "",
                timezone=zone,
                markers=markers,
            )
            caption = "Steps, never smoothed: one step is one window."
        chart.show(figure, alt=f"{text.clean(view['column'])} by window", key="movement")
        st.caption(caption)


def _statistic(model: ModelView, view: FeatureView, chosen: state.TimeRange, markers: list[Marker]) -> None:
    history = [r for r in view["history"] if chosen.touches(r["window_start"], r["window_end"])]
    with st.container(border=True, height="stretch"):
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
            height=250,
            past_role="page" if view["kind"] == "concept" else "material_mark",
        )
        chart.clickable(figure, clicked, alt=f"{name} by window with its threshold", key="statistic")


def _relation(view: FeatureView) -> None:
    with st.container(border=True, height="stretch"):
        st.markdown("**Relation to the error** :gray[does the model do worse where this moved to?]")
        if any(value["error"] is not None for value in view["error_by_value"]):
            figure = effect.relation(
                view["error_by_value"],
                theme.palette(),
                unit=view["error_unit"],
                value_unit=view["unit"] or "",
                height=250,
            )
            chart.show(figure, alt=f"Mean error by value of {text.clean(view['column'])}", key="relation")
        else:
            st.badge("○ No labels in this window", color="gray")
            st.caption("Once the truth arrives, the error by value stands here.")


def _numbers(model: ModelView, view: FeatureView) -> None:
    """Every check of the window with both row counts, and what textbook rules would say of the same rows."""
    reference, current = _periods(model, view)
    with st.grid(2, min_column_width=520, gap="small", key="numbers"):
        _checks(view, reference, current)
        _peers(view)


def _checks(view: FeatureView, reference: str, current: str) -> None:
    with st.container():
        st.markdown(f"#### Every check :gray[reference {reference} against {current}]")
        checks = [
            {
                "verdict": [health.words(health.DRIFT, _state(r["verdict"], r["harmful"], r["material"]))],
                "check": text.metric_name(r["check"]),
                "value": r["value"],
                "threshold": r["threshold"],
                "p": r["p_value"],
                "rows": r["n"],
                "reference rows": r["n_reference"],
            }
            for r in view["readings"]
        ]
        config = {
            "verdict": health.column("Verdict", health.DRIFT),
            "value": st.column_config.NumberColumn("value", format="%.3g"),
            "threshold": st.column_config.NumberColumn("threshold", format="%.3g"),
            "p": st.column_config.NumberColumn("p", format="%.2g"),
            "rows": st.column_config.NumberColumn("rows", format="localized"),
            "reference rows": st.column_config.NumberColumn("reference rows", format="localized"),
        }
        st.dataframe(
            pd.DataFrame(checks),
            hide_index=True,
            height="content",
            placeholder=text.MISSING,
            column_config=config,
            key="checks",
        )


def _peers(view: FeatureView) -> None:
    with st.container():
        st.markdown("#### What others would say :gray[same rows, textbook thresholds]")
        others = [
            {"rule": p["rule"], "statistic": f"{p['statistic']} {text.number(p['value'])}", "verdict": p["verdict"]}
            for p in view["peers"]
        ]
        st.dataframe(pd.DataFrame(others), hide_index=True, height="content", placeholder=text.MISSING, key="peers")


def _state(verdict: str, harmful: bool, material: bool) -> str:  # noqa: FBT001
    if verdict in ("insufficient", "no_data"):
        return verdict
    if verdict == "ok":
        return "within"
    return "harmful" if harmful else "material" if material else "significant"


PAGE = Page(
    name="feature",
    title="Column",
    icon=":material/bar_chart:",
    url_path="feature",
    order=33,
    visible=False,
    render=render,
)
