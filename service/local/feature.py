"""Everything about one column in one window: how it was, how it is, how it moved, and what that does to the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scipy import special

from monitors import explain
from monitors.registry import DECIDING, column_checks
from reference_data.profile import BinnedColumn, ColumnProfile
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
from service.local.performance import metric
from service.local.series import held_against, load_series
from service.workspace import NotFoundError
from storage.error_bars import error_bars
from storage.profile_store import Part
from storage.readings import current_readings
from storage.row_source import logged_window

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from monitors.calibration import Calibration
    from monitors.types import Reading
    from reference_data.declaration import ModelSpec
    from service import views
    from service.local.core import Core

QS = (0.05, 0.25, 0.5, 0.75, 0.95)


def feature(core: Core, model: str, column: str, window_start: datetime | None) -> views.FeatureView:
    """Return everything the feature page shows; raises :class:`NotFoundError` naming the columns there are."""
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
    return {
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
        "threshold_origin": threshold_origin(spec, held.calibration, len(reference.inputs.layout.columns)),
        "gates": gates(core, told),
        "histogram": histogram(base, now),
        "quantiles": _quantiles(steps, series.windows, zone) if base.entry.ordered else [],
        "reference_quantiles": _reference_quantiles(base, against.period, zone) if base.entry.ordered else None,
        "shares": [] if base.entry.ordered else _shares(steps, series.windows, zone),
        "readings": [reading_view(row_to_reading(row), zone) for row in rows],
        "history": [reading_view(reading, zone) for reading in history],
        "error_by_value": _error_by_value(core, spec, whole.layout.entry(column), window) if part == "inputs" else [],
        "error_unit": spec.units.get(spec.label or "", "") if spec.task == "regression" else "share",
        "peers": peers(base, now, rows),
    }


def _error_by_value(core: Core, spec: ModelSpec, entry: BinnedColumn, window: Window) -> list[views.ErrorByValue]:
    if spec.task not in ("regression", "binary", "multiclass"):
        return []
    with core.db.cursor() as cursor:
        bars = error_bars(logged_window(cursor, spec, window), entry, numeric=spec.task == "regression")
    return [{"label": bar.label, "position": bar.position, "n": bar.rows, "error": number(bar.error)} for bar in bars]


def threshold_origin(spec: ModelSpec, calibration: Calibration, columns: int) -> str:
    """Say in a sentence where a threshold comes from."""
    budget = spec.monitor.alert_budget
    return (
        f"Threshold {calibration.origin}, for a budget of {budget.pages_per_year:g} false page and "
        f"{budget.warnings_per_year:g} false warning a year over {columns} columns."
    )


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
        {"name": "significant", "passed": reading.significant, "sentence": f"{p} over {reading.n:,} rows{together}"},
        {
            "name": "material",
            "passed": reading.material,
            "sentence": _against(reading),
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


def peers(base: ColumnProfile, now: ColumnProfile, rows: Sequence[dict[str, Any]]) -> list[views.PeerOpinion]:
    """Return what textbook rules with fixed thresholds would say of the same rows."""
    values = {row["check"]: row for row in rows}
    ours = values.get(DECIDING)
    found: list[views.PeerOpinion] = []
    if ours is not None:
        found.append(
            _opinion(
                "Driftdeck",
                "Jensen–Shannon",
                ours["value"],
                f"{ours['threshold'] or 0:.3g} from budget",
                ours["verdict"] == "drift",
            )
        )
    if "psi" in values:
        psi = values["psi"]["value"]
        found.append(_opinion("PSI > 0.2", "PSI", psi, "0.2", psi is not None and psi > 0.2))
    n, m = int(base.valid), int(now.valid)
    if "kolmogorov_smirnov" in values and n and m:
        d = values["kolmogorov_smirnov"]["value"]
        p = float(special.kolmogorov(d * math.sqrt(n * m / (n + m)))) if d is not None else math.nan
        found.append(_opinion("KS p < 0.05", "KS p-value", p, "0.05", p < 0.05))
    if "wasserstein" in values:
        distance = values["wasserstein"]["value"]
        found.append(
            _opinion(
                "Evidently, over 1,000 rows",
                "Wasserstein / std",
                distance,
                "0.1",
                distance is not None and distance >= 0.1,
            )
        )
    elif ours is not None and ours["value"] is not None:
        natural = ours["value"] * math.sqrt(math.log(2))  # the distance with natural logarithms
        found.append(_opinion("Evidently, over 1,000 rows", "Jensen–Shannon (nats)", natural, "0.1", natural >= 0.1))
    return found


def _opinion(rule: str, statistic: str, value: float | None, threshold: str, drift: bool) -> views.PeerOpinion:  # noqa: FBT001
    return {
        "rule": rule,
        "statistic": statistic,
        "value": number(value),
        "threshold": threshold,
        "verdict": "drift" if drift else "no drift",
    }
