"""Two periods, versions or segments of a model side by side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import registry, state, text, theme
from dashboard.charts import paired_metrics
from dashboard.components import chart, compared_table, export, health
from service.comparing_views import ComparedMetric, SliceComparison, SliceView
from service.slice_words import Parts, parse, parts_of
from service.views import ModelView, WindowView
from service.workspace import Workspace, WorkspaceError

_MOST_WINDOWS = 60
_LATEST = {"last:7d": "last 7 days", "last:28d": "last 28 days", "all": "everything logged"}
_OWN = "own"
_ANY = ""
_MEMORY = "compared_slices"


def draw() -> None:
    """Draw the choice of model and slices, and what was found."""
    ws = state.workspace()
    models = {model["name"]: model for model in ws.models()}
    if not models:
        st.info("There is no model yet, so there are no windows to compare. Two files can be compared without one.")
        return
    with_data = next((name for name, model in models.items() if model["data_until"]), next(iter(models)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        name = state.select("Model", "model", {each: text.clean(each, 60) for each in models}, with_data, width=260)
        shortcuts = st.container(horizontal=True, vertical_alignment="center", gap="small", key="slice_shortcuts")
    model = models[name]
    if not model["data_until"]:
        st.info(f"{text.plain(name)} has no rows yet, so there is nothing to compare.")
        return
    windows = [window for window in ws.windows(name) if window["rows"]]
    left, right = _slices(ws, model, windows)
    with shortcuts:
        _shortcuts(left, right, model)
    _result(model, _compared(ws, model, left, right))


def _compared(ws: Workspace, model: ModelView, left: str, right: str) -> SliceComparison:
    """Return the comparison, made once for two slices until more is logged or run."""
    asked = (model["name"], left, right, model["last_run"], model["data_until"])
    kept: tuple[object, SliceComparison] | None = st.session_state.get(_MEMORY)
    if kept is None or kept[0] != asked:
        with st.spinner(f"Adding up the profiles of both sides of {text.plain(model['name'])}…"):
            kept = asked, ws.compare_slices(model["name"], left, right)
        st.session_state[_MEMORY] = kept
    return kept[1]


# -- choosing ----------------------------------------------------------------------------------------------------------
def _slices(ws: Workspace, model: ModelView, windows: list[WindowView]) -> tuple[str, str]:
    """Draw both sides; return them as they are written in the address."""
    starts = [_period(window, model["timezone"]) for window in windows]
    usual = {"left": starts[-2] if len(starts) > 1 else "reference", "right": starts[-1] if starts else "all"}
    name = model["name"]
    versions = [version["version"] for version in ws.versions(name)]
    versions = list(
        dict.fromkeys([*versions, *(window["model_version"] for window in windows if window["model_version"])])
    )
    segments = ws.segment_names(name)
    chosen = {}
    with st.grid(2, min_column_width=420, gap="small", key="slices"):
        for side, words in (("left", "Reference: what normal is"), ("right", "Current: what is held against it")):
            with st.container(border=True, gap="xsmall", key=f"slice_{side}"):
                st.markdown(f"**{words}**")
                chosen[side] = _slice(side, usual[side], model, windows, versions, segments)
    return chosen["left"], chosen["right"]


def _slice(
    side: str, usual: str, model: ModelView, windows: list[WindowView], versions: list[str], segments: list[str]
) -> str:
    current = state.param(side) or usual
    parts = parts_of(current)
    zone = model["timezone"]
    periods = {"reference": "the reference", **_LATEST}
    for window in reversed(windows[-_MOST_WINDOWS:]):
        periods[_period(window, zone)] = text.window_name(window["start"], window["end"], zone)
    periods.setdefault(parts.period, parts.period)
    periods[_OWN] = "own days…"

    def put(**changed: str) -> None:
        state.set_params(**{side: Parts(**{**parts.__dict__, **changed}).text or None})

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _box(f"{side}: period", f"{side}_period", periods, parts.period, lambda value: put(period=value), 240)
        if parts.period == _OWN:
            _own_days(side, model, lambda value: put(period=value))
        if versions and not parts.period.startswith("reference"):
            names = {_ANY: "any version", **{f"version:{v}": f"version {text.clean(v, 30)}" for v in versions}}
            names.setdefault(parts.version, parts.version)
            _box(f"{side}: version", f"{side}_version", names, parts.version, lambda value: put(version=value), 170)
        if segments:
            names = {_ANY: "all rows", **{f"segment:{s}": text.clean(s, 40) for s in segments}}
            names.setdefault(parts.segment, parts.segment)
            _box(f"{side}: rows", f"{side}_segment", names, parts.segment, lambda value: put(segment=value), 170)
    return usual if parts.period == _OWN else current


def _shortcuts(left: str, right: str, model: ModelView) -> None:
    """Draw the comparisons that are asked for most, as buttons that write both sides into the address."""
    parts = parts_of(right)
    offers = {
        "Swap sides": (right, left),
        "Against the reference": (Parts("reference", segment=parts.segment).text, right),
    }
    try:
        asked = parse(parts.period, text.zone(model["timezone"]))
    except WorkspaceError:
        asked = None
    if asked is not None and asked.start and asked.end:
        days = [(moment - timedelta(weeks=4)).date().isoformat() for moment in (asked.start, asked.end)]
        earlier = Parts("..".join(days), parts.version, parts.role, parts.segment).text
        offers["Against four weeks earlier"] = (earlier, right)
    for label, (one, other) in offers.items():
        if one != left or other != right:
            st.button(label, key=f"shortcut_{label}", on_click=lambda a=one, b=other: state.set_params(left=a, right=b))


def _box(label: str, key: str, options: Mapping[str, str], current: str, changed: object, width: int) -> None:
    st.session_state[key] = current

    def picked() -> None:
        changed(st.session_state[key])  # type: ignore[operator]

    st.selectbox(
        label,
        list(options),
        format_func=lambda option: options[option],
        key=key,
        on_change=picked,
        label_visibility="collapsed",
        width=width,
    )


def _own_days(side: str, model: ModelView, put: object) -> None:
    last = text.local(model["data_until"] or "", model["timezone"]).date()

    def picked() -> None:
        days: tuple[date, ...] = st.session_state[f"{side}_days"]
        if len(days) == 2:
            put(f"{days[0].isoformat()}..{(days[1] + timedelta(days=1)).isoformat()}")  # type: ignore[operator]

    st.date_input(
        "First and last day",
        value=(last - timedelta(days=6), last),
        key=f"{side}_days",
        on_change=picked,
        format="YYYY-MM-DD",
        label_visibility="collapsed",
        width=230,
        help=f"Days of {model['timezone']}; the last one is included",
    )


def _period(window: WindowView, zone: str) -> str:
    """Return a window as a slice writes it: dates where it begins and ends at midnight."""
    ends = [text.local(window[end], zone) for end in ("start", "end")]
    if all((moment.hour, moment.minute) == (0, 0) for moment in ends):
        return "..".join(moment.date().isoformat() for moment in ends)
    return f"{window['start']}..{window['end']}"


# -- the answer --------------------------------------------------------------------------------------------------------
def _result(model: ModelView, found: SliceComparison) -> None:
    zone = model["timezone"]
    with st.container(border=True, gap="xsmall", key="compare_verdict"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            health.badge(compared_table.VERDICTS, found["verdict"])
            st.markdown(f"**{text.plain(found['sentence'], 600)}**", width="content")
        st.caption(" against ".join(_side(found[side], zone) for side in ("reference", "current")) + ".")
        st.caption(
            f"From profiles, in the cells of reference {found['reference_version']}; no row is read. Were nothing different, "
            f"1 comparison in {1 / found['alpha']:,.0f} would say that anything changed."
        )
        for note in found["notes"]:
            st.caption(text.plain(note, 300))
    if found["metrics"]:
        _metrics(found)
    names = _name(found["reference"], zone, legend=True), _name(found["current"], zone)
    compared_table.draw(found["columns"], sides=names, name=f"{found['model']}-compared", key="compared")
    registry.link(f"Open {text.plain(found['model'])}", "model", icon=":material/arrow_forward:", model=found["model"])


def _side(part: SliceView, zone: str) -> str:
    labels = f", {part['labelled']:,} with labels" if part["labelled"] != part["rows"] else ", all with labels"
    return f"{text.plain(_name(part, zone), 120)}: {text.plural(part['rows'], 'row')}{labels}"


def _name(part: SliceView, zone: str, *, legend: bool = False) -> str:
    """Return what a slice is called: its period in words, then version and segment; in a ``legend`` the word reference stands already."""
    period = text.period(part["start"], part["end"], zone, year=True)
    asked = parts_of(part["asked"])
    reference = asked.period.startswith("reference") and not legend
    beside = [f"{'reference ' if reference else ''}{period}"]
    if asked.version:
        beside.append(asked.version.replace("version:", "version ", 1))
    if part["segment"]:
        beside.append(part["segment"])
    return ", ".join(beside)


def _metrics(found: SliceComparison) -> None:
    rows = found["metrics"]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("## How well the model did :gray[95 % intervals]", width="content")
        st.space("stretch")
        export.table([dict(row) for row in rows], name=f"{found['model']}-metrics-compared", key="compared_metrics")
    with st.grid(2, min_column_width=480, gap="small", key="metrics_compared"):
        with st.container(border=True, height="stretch"):
            _drawn(rows)
        st.dataframe(
            pd.DataFrame([_cells(row) for row in rows]),
            hide_index=True,
            height="content",
            placeholder=text.MISSING,
            column_config={
                "metric": column_config.TextColumn("Metric", width=190),
                "reference": column_config.TextColumn("Reference", width=95),
                "current": column_config.TextColumn("Current", width=95),
                "difference": column_config.TextColumn("Difference, 95 %", width=210),
                "told": column_config.TextColumn("Beyond chance", width=120),
            },
            key="metrics_table",
            alt="Metrics of both sides with the difference",
        )


def _drawn(rows: list[ComparedMetric]) -> None:
    shown = [row for row in rows if row["reference"] is not None and row["current"] is not None]
    if not shown:
        st.caption("No metric can be computed on both sides.")
        return
    figure = paired_metrics.figure(shown, theme.palette())
    chart.show(figure, alt="Each metric on both sides, as a share of its value in the reference", key="metrics_drawn")
    st.caption("Each metric beside its own value in the reference (100 %), so that all fit on one axis.")


def _cells(row: ComparedMetric) -> dict[str, object]:
    unit = row["unit"]
    percent = unit == "share"
    tail = " %" if percent else f" {unit}" if text.suffix(unit) else ""

    def plain(value: float | None, *, signed: bool = False) -> str:
        return text.number(None if value is None else value * 100 if percent else value, signed=signed)

    between = ""
    if row["lower"] is not None and row["upper"] is not None:
        between = f" ({plain(row['lower'], signed=True)} to {plain(row['upper'], signed=True)})"
    ways = {"reference": "▼ worse", "current": "▲ better", None: "differs"}
    told = ways[row["better"]] if row["apart"] else "not told apart"
    return {
        "metric": row["label"],
        "reference": text.number(row["reference"], unit),
        "current": text.number(row["current"], unit),
        "difference": f"{plain(row['difference'], signed=True)}{between}{tail}",
        "told": told,
    }
