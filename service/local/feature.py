"""Everything about one column in one window: how it was, how it is, how it moved, and what that does to the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from monitors import explain
from monitors.registry import DECIDING, column_checks
from reference_data.profile import ColumnProfile
from reference_data.quantiles import quantiles, rebin
from reference_data.windows import Window
from service.histograms import histogram
from service.local.convert import iso, number, reading_view, row_to_reading
from service.local.drift import (
    SHOWN_OUTCOMES,
    choose_window,
    deciding,
    judged_readings,
    reference_of,
    standing,
)
from service.local.heat import kind_of, state_of
from service.local.peer_rules import opinions
from service.local.performance import metric
from service.local.recall import recalled
from service.local.relation import by_value
from service.local.series import held_against, load_series
from service.words import plural
from service.workspace import NotFoundError
from storage.profile_store import Part
from storage.readings import current_readings

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from monitors.calibration import Calibration
    from monitors.types import Reading
    from reference_data.declaration import ModelSpec
    from service import column_views, views
    from service.local.core import Core

QS = (0.05, 0.25, 0.5, 0.75, 0.95)
PAIRED = (0.001, 0.005, 0.01, *(place / 40 for place in range(1, 40)), 0.99, 0.995, 0.999)


def feature(core: Core, model: str, column: str, window_start: datetime | None) -> views.FeatureView:
    """Return everything the feature page shows; raises :class:`NotFoundError` naming the columns there are."""
    view, window = _judged(core, model, column, window_start)
    view["error_by_value"] = _error_by_value(by_value(core, model, column, window, view["reference_version"]))
    return view


@recalled("judged")
def _judged(core: Core, model: str, column: str, window_start: datetime | None) -> tuple[views.FeatureView, Window]:
    """Return all of it that rests on what was judged, and the window."""
    spec, zone = core.spec(model), core.spec(model).zone
    readings = deciding(core, model)
    window = choose_window(core, model, readings, window_start)
    names = list(dict.fromkeys(reading.column or "" for reading in readings))
    if column not in names:
        raise NotFoundError(f"model {model!r} has no readings of a column {column!r}; it has: {', '.join(names)}")
    chosen = next((r for r in readings if r.column == column and r.window == window), None)
    if chosen is None:
        raise NotFoundError(f"{column!r} was not judged in the window from {iso(window.start, zone)}")
    told = next((r for r in standing(core, model, window.start) if r.column == column and r.window == window), chosen)
    reference = reference_of(core, chosen)
    ((held, _),) = held_against(core, spec, reference, [window])
    part: Part = "inputs" if column in reference.inputs.layout.names else "outcomes"
    against = held.reference
    whole = against.inputs if part == "inputs" or against.outcomes is None else against.outcomes
    base = whole.total().column(column)
    history = [reading for reading in readings if reading.column == column]
    series = load_series(core, reference, part, [reading.window for reading in history])
    steps = series.profile.column(column)
    now = load_series(core, reference, part, [window], version=chosen.model_version).profile[0].column(column)
    rows = judged_readings(core, model, column, window)
    at = names.index(column)
    view: views.FeatureView = {
        "column": column,
        "type": base.entry.column.type,
        "kind": kind_of(column, spec),
        "unit": base.entry.column.unit,
        "previous": names[at - 1] if at > 0 else None,
        "following": names[at + 1] if at + 1 < len(names) else None,
        "window_start": iso(window.start, zone),
        "window_end": iso(window.end, zone),
        "reference_start": iso(against.period.start, zone),
        "reference_end": iso(against.period.end, zone),
        "reference_version": reference.version,
        "state": state_of(told),
        "sentence": told.sentence,
        "threshold_origin": threshold_origin(spec, held.calibration, reference.inputs.layout.names),
        "gates": gates(core, told),
        "histogram": histogram(base, now),
        "quantiles": _quantiles(steps, series.windows, zone) if base.entry.ordered else [],
        "reference_quantiles": _reference_quantiles(base, against.period, zone) if base.entry.ordered else None,
        "shares": [] if base.entry.ordered else _shares(steps, series.windows, zone),
        "readings": [reading_view(row_to_reading(row), zone) for row in rows],
        "history": [reading_view(reading, zone) for reading in history],
        "error_by_value": [],
        "error_unit": spec.units.get(spec.label or "", "") if spec.task == "regression" else "share",
        "peers": [
            *_ours(rows, [r for r in readings if r.window == window]),
            *opinions(core, chosen, base, now),
        ],
        **_more(base, now, steps, series.windows, zone),  # type: ignore[typeddict-item]
    }
    return view, window


def _more(
    base: ColumnProfile, now: ColumnProfile, steps: ColumnProfile, windows: Sequence[Window], zone: ZoneInfo
) -> dict[str, Any]:
    """Return what only an ordered column has: paired quantiles, and its histogram window by window."""
    if not base.entry.ordered:
        return {}
    edges, shares = _ridge(base, steps, windows, zone)
    return {"pairs": _pairs(base, now), "ridge": shares, "ridge_edges": edges}


def _ridge(
    base: ColumnProfile, steps: ColumnProfile, windows: Sequence[Window], zone: ZoneInfo
) -> tuple[list[float], list[views.ShareStep]]:
    """Return bars that hold anything in any window, and their shares by window; neither where values have a bar each."""
    bars = rebin(base)
    if not bars.edges:
        return [], []
    held = (rebin(steps).shares > 0).any(axis=0) | (bars.shares > 0)
    filled = [place for place, some in enumerate(held) if some]
    if not filled:
        return [], []
    first, last = filled[0], filled[-1] + 1
    kept = _shares(steps, windows, zone)
    for step in kept:
        step["shares"] = [round(share, 5) for share in step["shares"][first:last]]
    return [float(edge) for edge in bars.edges[first : last + 1]], kept


def _ours(rows: Sequence[dict[str, Any]], judged: Sequence[Reading]) -> list[views.PeerOpinion]:
    """Return what was judged here, to stand before what others say."""
    ours = next((row for row in rows if row["check"] == DECIDING), None)
    if ours is None:
        return []
    inputs = [reading for reading in judged if reading.column not in SHOWN_OUTCOMES]
    scale = "" if ours["scale"] == 1 else f", {ours['scale']} windows together"
    return [
        {
            "rule": "Driftdeck",
            "statistic": "Jensen–Shannon",
            "value": number(ours["value"]),
            "threshold": f"{ours['threshold'] or 0:.3g} from budget{scale}",
            "verdict": "drift" if ours["verdict"] == "drift" else "no drift",
            "flagged": sum(reading.verdict == "drift" for reading in inputs),
            "columns": len(inputs),
        }
    ]


def _error_by_value(found: column_views.RelationView | None) -> list[views.ErrorByValue]:
    """Return the errors of a partial view; nothing where there is none, or for a task that has none of single rows."""
    bars = [] if found is None else found["bars"]
    return [
        {"label": bar["label"], "position": bar["position"], "n": bar["error"]["n"], "error": bar["error"]["value"]}
        for bar in bars
        if bar["place"] is not None and bar["error"]["n"]
    ]


def _pairs(base: ColumnProfile, now: ColumnProfile) -> list[views.QuantilePair]:
    """Return the same quantiles of both sides, for a plot of one against the other; nothing where a side is empty."""
    left, right = quantiles(base, PAIRED), quantiles(now, PAIRED)
    return [
        {"p": p, "reference": float(then), "current": float(later)}
        for p, then, later in zip(PAIRED, left, right, strict=True)
        if math.isfinite(then) and math.isfinite(later)
    ]


def threshold_origin(spec: ModelSpec, calibration: Calibration, names: Sequence[str]) -> str:
    """Say in a sentence where a threshold comes from; ``names``: what comes in, and prediction and score beside it."""
    budget = spec.monitor.alert_budget
    columns = [name for name in names if kind_of(name, spec) in ("feature", "context")]
    named = [plural(len(columns), "column"), *(f"the {name}" for name in names if name not in columns)]
    over = " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
    allowed = f"{_false(budget.pages_per_year, 'page')} and {_false(budget.warnings_per_year, 'warning')} a year"
    return f"Threshold {calibration.origin}, for a budget of {allowed} over {over}."


def _false(a_year: float, word: str) -> str:
    return f"{a_year:g} false {word}{'' if a_year == 1 else 's'}"


def gates(core: Core, reading: Reading) -> list[views.GateView]:
    """Return the three gates of a column's reading, with the numbers against their thresholds."""
    p = (
        "p unknown"
        if math.isnan(reading.p_value)
        else "p < 0.001"
        if reading.p_value < 0.001
        else f"p = {reading.p_value:.2g}"
    )
    together = f" of the latest {reading.scale} windows together" if reading.scale > 1 else ""
    harm, words = _harm(core, reading)
    return [
        {
            "name": "significant",
            "passed": reading.significant,
            "sentence": f"{_against(reading)}, {p} over {reading.n:,} rows{together}",
        },
        {
            "name": "material",
            "passed": reading.material,
            "sentence": _size(core, reading),
        },
        {"name": "harmful", "passed": harm, "sentence": words},
    ]


def _against(reading: Reading) -> str:
    """Return a check's value against its limit, or that there is none to speak of."""
    check = column_checks().get(reading.check)
    label = "Jensen–Shannon" if reading.check == DECIDING or check is None else check.label
    if math.isnan(reading.value):
        return f"{label} unknown: too few values in this window"
    limit = "no limit" if math.isnan(reading.threshold) else explain.number(reading.threshold, reading.unit)
    return f"{label} {explain.number(reading.value, reading.unit)} against {limit}"


def _size(core: Core, reading: Reading) -> str:
    """Say how large the change is beside the smallest that matters; of a check beside the deciding one, its value and limit."""
    if reading.check != DECIDING or math.isnan(reading.effect):
        return _against(reading)
    tolerance = core.spec(reading.model).monitor.tolerance
    return f"a shift of {reading.effect:.3g} standard deviations; up to {tolerance:g} does not matter"


def _harm(core: Core, reading: Reading) -> tuple[bool, str]:
    """Say whether the model got worse in the reading's window."""
    found = metric(core, reading.model, None)
    if found is None:
        return False, "no labels to tell by"
    check, _ = found
    with core.db.cursor() as cursor:
        rows = current_readings(
            cursor, reading.model, check=check.name, since=reading.window.start, until=reading.window.end
        )
    rows = [
        r for r in rows if r["window_start"] == reading.window.start and r["model_version"] == reading.model_version
    ]
    if not rows or rows[0]["verdict"] in ("insufficient", "no_data"):
        return False, "labels have not arrived yet"
    row = rows[0]
    words = f"{check.label} {row['value']:.3g} {check.unit} of {row['threshold']:.3g} allowed".replace("  ", " ")
    if not row["harmful"] or reading.harmful or reading.column in SHOWN_OUTCOMES:
        return bool(row["harmful"]), words
    if reading.column in core.spec(reading.model).context:
        return False, f"not a model input; {words} has another cause"
    return False, f"not shown to be the cause; {words}"


def _quantiles(steps: ColumnProfile, windows: Sequence[Window], zone: ZoneInfo) -> list[views.QuantileStep]:
    values = quantiles(steps, QS)
    return [_step(values[i], windows[i], zone, int(steps.valid[i]), _missing(steps, i)) for i in range(len(windows))]


def _reference_quantiles(base: ColumnProfile, period: Window, zone: ZoneInfo) -> views.QuantileStep:
    missing = float(base.missing) / max(int(base.rows), 1)
    return _step(quantiles(base, QS), period, zone, int(base.valid), missing)


def _step(values: Any, window: Window, zone: ZoneInfo, n: int, missing: float) -> views.QuantileStep:
    q05, q25, q50, q75, q95 = (number(value) for value in values)
    start, end = iso(window.start, zone), iso(window.end, zone)
    return {
        "start": start,
        "end": end,
        "q05": q05,
        "q25": q25,
        "q50": q50,
        "q75": q75,
        "q95": q95,
        "n": n,
        "missing": missing,
    }


def _missing(steps: ColumnProfile, place: int) -> float:
    return float(steps.missing[place]) / max(int(steps.rows[place]), 1)


def _shares(steps: ColumnProfile, windows: Sequence[Window], zone: ZoneInfo) -> list[views.ShareStep]:
    shares = rebin(steps).shares
    return [
        {
            "start": iso(window.start, zone),
            "end": iso(window.end, zone),
            "shares": [float(share) for share in shares[i]],
            "n": int(steps.valid[i]),
            "missing": _missing(steps, i),
        }
        for i, window in enumerate(windows)
    ]
