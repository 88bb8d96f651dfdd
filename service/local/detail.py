"""What stands behind the metrics of a period, from stored profiles: intervals, confusion, calibration, errors by range of the label."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from monitors.metrics._confusion import confusion_counts
from monitors.metrics._intervals import wilson
from monitors.metrics._scores import Split, answers_split, calibration_curve
from monitors.registry import headline_check, metric_checks, metric_intervals, metric_values
from reference_data.profile import Profile
from reference_data.windows import Window
from service.local.convert import iso, number
from service.local.maturity import maturity
from service.local.series import load_series
from service.workspace import NotFoundError, WorkspaceError
from storage.traffic import bucket_rows

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from service import outcome_views
    from service.local.core import Core

_MOST_CLASSES = 31  # whose pairs are all counted


def performance_detail(
    core: Core, model: str, since: datetime, until: datetime, version: str | None
) -> outcome_views.DetailView:
    """Return every metric of the buckets that begin in [since, until), of what ``version`` answered (default: whoever answered most).

    What it served counts, or if it served nothing then what it answered as a shadow. Raises :class:`NotFoundError` for a version that never
    answered, :class:`WorkspaceError` for a period that ends before it begins and for a model without labels to judge by.
    """
    if until <= since:
        raise WorkspaceError(f"the period ends ({until.isoformat()}) before it begins ({since.isoformat()})")
    spec, window = core.spec(model), Window(since, until)
    active = core.active_reference(model)
    if active is None:
        raise WorkspaceError(f"model {model!r} has no reference; freeze one: `driftdeck reference {model} DATA`")
    chosen, role = _answering(core, active, window, version)
    reference = core.reference_for(model, chosen) or active
    if reference.outcomes is None:
        raise WorkspaceError(
            f"reference {reference.version} of model {model!r} holds no labels, so there is nothing to judge by; freeze one from labelled rows"
        )
    current = load_series(core, reference, "outcomes", [window], version=chosen, role=role).profile[0]
    rows = int(load_series(core, reference, "inputs", [window], version=chosen, role=role).profile.rows[0])
    total = reference.outcomes.total()
    classes, confusion = _confusion(current)
    return {
        "model": model,
        "model_version": chosen,
        "start": iso(since, spec.zone),
        "end": iso(until, spec.zone),
        "n": int(current.rows),
        "coverage": int(current.rows) / rows if rows else None,
        "maturity": maturity(core, model, [window])[0],
        "metrics": _metrics(spec, current, total),
        "classes": classes,
        "confusion": confusion,
        "calibration": _calibration(current, total),
        "by_range": _by_range(current, total),
    }


def _answering(core: Core, reference: Reference, window: Window, version: str | None) -> tuple[str, str]:
    """Return the version that is meant, and in which role its answers count."""
    with core.db.cursor() as cursor:
        every = bucket_rows(cursor, reference.model, reference.version, "outcomes")
    known = list(dict.fromkeys(row.model_version for row in every))
    if version is not None and version not in known:
        names = ", ".join(filter(None, known)) or "none yet"
        raise NotFoundError(
            f"version {version!r} of model {reference.model!r} has no labels; versions that have: {names}"
        )
    rows: dict[tuple[str, str], int] = {}
    for row in every:
        if window.start <= row.start < window.end and version in (None, row.model_version):
            key = (row.model_version, row.role)
            rows[key] = rows.get(key, 0) + row.rows
    served = {key: n for key, n in rows.items() if key[1] == "serving"} or rows
    if served:
        return max(served, key=lambda key: served[key])
    return version or core.roles(reference.model).champion or (known[-1] if known else ""), "serving"


def _metrics(spec: ModelSpec, current: Profile, total: Profile) -> list[outcome_views.MetricDetail]:
    headline = headline_check(spec, total.layout)
    checks = metric_checks(spec, total.layout).values()
    found: list[outcome_views.MetricDetail] = []
    for check in sorted(checks, key=lambda check: (headline is None or check.name != headline.name, not check.shown)):
        value, before = (number(float(metric_values(spec, check, profile))) for profile in (current, total))
        if value is None and before is None:
            continue  # as calibration of scores that are no probabilities
        low, high = metric_intervals(spec, check, current)
        found.append(
            {
                "name": check.name,
                "label": check.label,
                "unit": check.unit,
                "direction": check.direction,
                "value": value,
                "lower": number(float(low)),
                "upper": number(float(high)),
                "reference": before,
            }
        )
    return found


def _confusion(current: Profile) -> tuple[list[str], list[list[int]]]:
    if "confusion" not in current.layout.names:
        return [], []
    classes, counts = confusion_counts(current)
    return ([*classes], counts.tolist()) if len(classes) <= _MOST_CLASSES else ([], [])


def _calibration(current: Profile, total: Profile) -> list[outcome_views.CalibrationBin]:
    try:
        now, before = answers_split(current), answers_split(total)
    except KeyError:  # no scores, or a reference from before they were kept
        return []
    if not now.shares:
        return []
    curve = calibration_curve(now)
    usual, _ = _observed(before)
    observed, (low, high) = _observed(now)
    return [
        {
            "lower": float(curve.lower[place]),
            "upper": float(curve.upper[place]),
            "predicted": float(curve.predicted[place] / n),
            "observed": float(observed[place]),
            "observed_lower": float(low[place]),
            "observed_upper": float(high[place]),
            "n": int(n),
            "reference": number(float(usual[place])),
        }
        for place, n in enumerate(curve.rows)
        if n
    ]


def _observed(split: Split) -> tuple[np.typing.NDArray[np.float64], tuple[np.typing.NDArray[np.float64], ...]]:
    curve = calibration_curve(split)
    share = np.divide(curve.hits, curve.rows, out=np.full(curve.rows.shape, np.nan), where=curve.rows > 0)
    return share, wilson(curve.hits, curve.rows)


def _by_range(current: Profile, total: Profile) -> list[outcome_views.RangeError]:
    sizes = [entry for entry in total.layout.columns if entry.of and entry.derive == "abs_error"]
    plain = {entry.of: entry for entry in total.layout.columns if entry.of and entry.derive == "error"}
    if not sizes:
        return []
    ends = [profile.column("label") for profile in (current, total)]
    lowest = min(float(np.asarray(column.minimum)) for column in ends)
    highest = max(float(np.asarray(column.maximum)) for column in ends)
    found: list[outcome_views.RangeError] = []
    for entry in sizes:
        low, high = (float(limit) for limit in entry.of)
        size, before = current.column(entry.column.name), total.column(entry.column.name)
        error = current.column(plain[entry.of].column.name)
        n = int(size.valid)
        found.append(
            {
                "lower": max(low, lowest),
                "upper": min(high, highest),
                "n": n,
                "mae": float(np.asarray(size.mean)) if n else None,
                "bias": float(np.asarray(error.mean)) if n else None,
                "reference_mae": float(np.asarray(before.mean)) if before.valid else None,
            }
        )
    return found
