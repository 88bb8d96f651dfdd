"""How good the model is: realised metrics by window, version and segment."""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitors.registry import headline_check, metric_checks, metric_intervals, metric_values, performance_checks
from reference_data.windows import Window, WindowSpec
from service.local.convert import iso, number
from service.local.maturity import FEW, maturity, told
from service.local.recall import recalled
from service.local.segment_sample import metric_by_segment
from service.local.series import load_segments, load_series
from service.local.span import span_of
from service.workspace import NotFoundError, WorkspaceError
from storage.readings import Restated, current_readings, restated
from storage.traffic import bucket_rows

if TYPE_CHECKING:
    from monitors.types import Check
    from reference_data.reference import Reference
    from service import views
    from service.local.core import Core

_MOMENT = timedelta(microseconds=1)
_NOWHERE = (math.nan, math.nan)


def metric(core: Core, model: str, name: str | None) -> tuple[Check, Reference] | None:
    """Return the check of a metric (default: the headline one) and the active reference; None without labels to judge by."""
    spec, reference = core.spec(model), core.active_reference(model)
    if reference is None or reference.outcomes is None:
        return None
    checks = metric_checks(spec, reference.outcomes.layout)
    if name is None:
        headline = headline_check(spec, reference.outcomes.layout)
        return None if headline is None else (headline, reference)
    if name not in checks:
        raise NotFoundError(f"model {model!r} has no metric {name!r}; it has: {', '.join(checks)}")
    return checks[name], reference


def metric_names(core: Core, model: str) -> list[str]:
    """Return the metrics that can be computed: the headline one, then those read in every window, then the rest."""
    found = metric(core, model, None)
    if found is None:
        return []
    headline, reference = found
    assert reference.outcomes is not None
    spec, layout = core.spec(model), reference.outcomes.layout
    return [*dict.fromkeys([headline.name, *performance_checks(spec, layout), *metric_checks(spec, layout)])]


class _Drawn(NamedTuple):
    """A point that labels to come may put another way; of ``window`` None: one of the reference's, which nothing changes."""

    point: views.PerformancePoint
    window: Window | None
    interval: tuple[float, float]
    judged: str | None  # what its reading says


def performance(
    core: Core, model: str, name: str | None = None, grain: str | None = None
) -> list[views.PerformancePoint]:
    """Return a metric for the reference's windows, then for each version that has labels, by window or by ``grain``.

    Windows between a version's first and last (the champion's: the last closed) that it has no labels in are there without a
    value: gaps stay gaps.
    """
    found = metric(core, model, name)
    if found is None:
        return []
    shown, span = _windows_of(core, model, grain), span_of(core, model)
    stretch = None
    if span is not None and shown.containing(span[0]).start < span[1]:
        stretch = Window(shown.containing(span[0]).start, shown.containing(span[1] - _MOMENT).end)
    drawn = _drawn(core, model, name, grain, stretch, shown.containing(core.now()).start)
    windows = list(dict.fromkeys(one.window for one in drawn if one.window is not None))
    mature = dict(zip(windows, maturity(core, model, windows), strict=True))
    for one in drawn:
        if one.window is not None:
            one.point["maturity"] = mature[one.window]
            one.point["sentence"] = _sentence(found[0], one.point, one.interval, one.judged)
    return [one.point for one in drawn]


def _windows_of(core: Core, model: str, grain: str | None) -> WindowSpec:
    every = core.window_spec(model)
    try:
        return WindowSpec.parse(grain, core.spec(model).timezone, every.anchor) if grain else every
    except ValueError as error:
        raise WorkspaceError(str(error)) from None


@recalled("judged")
def _drawn(
    core: Core, model: str, name: str | None, grain: str | None, stretch: Window | None, under_way: datetime
) -> list[_Drawn]:
    """Return the points of a stretch in order of time; windows that end by ``under_way`` are closed."""
    found = metric(core, model, name)
    assert found is not None
    check, active = found
    spec, window_spec, shown = core.spec(model), core.window_spec(model), _windows_of(core, model, grain)
    first = _first_reference(core, model, active)
    points = [_Drawn(point, None, _NOWHERE, None) for point in _reference_points(core, check, first, shown)]
    if stretch is None:
        return points
    windows = list(shown.between(stretch.start, stretch.end))
    judged = _judged(core, model, check.name) if str(shown) == str(window_spec) else {}
    earlier = _restated(core, model, check.name) if judged else {}
    champion, logged = core.roles(model).champion, _logged(core, active, windows)
    closed = sum(window.end <= under_way for window in windows) - 1
    for version, role in _versions(core, model, active):
        reference = core.reference_for(model, version)
        if reference is None or reference.outcomes is None:
            continue
        series = load_series(core, reference, "outcomes", windows, version=version, role=role)
        values = metric_values(spec, check, series.profile)
        low, high = metric_intervals(spec, check, series.profile)
        values[series.profile.rows == 0] = math.nan
        if role == "serving":  # a version that answered less than half of a window is not what was served in it
            values[series.profile.rows * 2 < _served(core, reference, windows)] = math.nan
        answered = np.flatnonzero(~np.isnan(values))
        last = closed if role == "serving" and version == champion else -1
        for place in range(answered[0], max(answered[-1], last) + 1) if answered.size else ():
            reading = judged.get((version, windows[place].start)) if role == "serving" else None
            n = int(series.profile.rows[place])
            point = _point(core, model, windows[place], version, role, values[place], n, reading)
            rows = logged.get((version, role), {}).get(place, 0)
            point["coverage"] = n / rows if rows else None
            interval = (float(low[place]), float(high[place]))
            _add_interval(point, check, *interval)
            before = earlier.get((version, reading["reference_version"], windows[place].start)) if reading else None
            if before is not None:
                point["first_value"], point["restated"] = before
            points.append(_Drawn(point, windows[place], interval, reading["sentence"] if reading else None))
    return sorted(points, key=lambda one: datetime.fromisoformat(one.point["start"]))


def _add_interval(point: views.PerformancePoint, check: Check, low: float, high: float) -> None:
    """Add the unit and the interval."""
    point["unit"] = check.unit
    known = point["value"] is not None
    point["ci_lower"], point["ci_upper"] = (number(low), number(high)) if known else (None, None)


def _sentence(check: Check, point: views.PerformancePoint, interval: tuple[float, float], judged: str | None) -> str:
    """Return what a point's reading says, unless labels are few and all fast ones."""
    value, mature = math.nan if point["value"] is None else point["value"], point.get("maturity")
    words = told(check, value, interval, point["n"], point.get("coverage"), mature)
    return words if mature is not None and mature < FEW else judged or words


def _logged(core: Core, reference: Reference, windows: list[Window]) -> dict[tuple[str, str], dict[int, int]]:
    """Return how many rows each (version, role) answered, by the place of the window."""
    starts = [window.start for window in windows]
    found: dict[tuple[str, str], dict[int, int]] = {}
    with core.db.cursor() as cursor:
        for bucket in bucket_rows(cursor, reference.model, reference.version, "inputs"):
            place, rows = (
                bisect_right(starts, bucket.start) - 1,
                found.setdefault((bucket.model_version, bucket.role), {}),
            )
            rows[place] = rows.get(place, 0) + bucket.rows
    return found


def _served(core: Core, reference: Reference, windows: list[Window]) -> NDArray[np.int64]:
    """Return how many labelled rows were served in each window, whoever answered."""
    starts = [window.start for window in windows]
    rows = np.zeros(len(windows), dtype=np.int64)
    with core.db.cursor() as cursor:
        for bucket in bucket_rows(cursor, reference.model, reference.version, "outcomes"):
            place = bisect_right(starts, bucket.start) - 1
            if bucket.role == "serving" and place >= 0:
                rows[place] += bucket.rows
    return rows


def _versions(core: Core, model: str, active: Reference) -> list[tuple[str, str]]:
    """Return every (version, role) that answered labelled rows, in order of appearance."""
    with core.db.cursor() as cursor:
        rows = bucket_rows(cursor, model, active.version, "outcomes")
    return list(dict.fromkeys((row.model_version, row.role) for row in rows))


def _first_reference(core: Core, model: str, active: Reference) -> Reference:
    versions = core.control.reference_versions(model)
    return core.control.reference(model, versions[0]) if versions else active


def _reference_points(
    core: Core, check: Check, reference: Reference, shown: WindowSpec
) -> list[views.PerformancePoint]:
    windows, _, outcomes = reference.windows(shown)
    if outcomes is None or len(windows) < 2:
        return []
    spec = core.spec(reference.model)
    values, (low, high) = metric_values(spec, check, outcomes), metric_intervals(spec, check, outcomes)
    points = [
        _point(core, reference.model, window, "", "reference", values[place], int(outcomes.rows[place]), None)
        for place, window in enumerate(windows)
    ]
    for place, point in enumerate(points):
        interval = (float(low[place]), float(high[place]))
        _add_interval(point, check, *interval)
        point["sentence"] = _sentence(check, point, interval, None)
    return points


def _point(
    core: Core,
    model: str,
    window: Window,
    version: str,
    role: str,
    value: float,
    n: int,
    reading: dict[str, Any] | None,
) -> views.PerformancePoint:
    zone = core.spec(model).zone
    judged = reading or {}
    return {
        "start": iso(window.start, zone),
        "end": iso(window.end, zone),
        "model_version": version,
        "role": role,
        "value": number(value),
        "n": n,
        "threshold": number(judged.get("threshold")),
        "lower": number(judged.get("lower")),
        "upper": number(judged.get("upper")),
        "verdict": judged.get("verdict", ""),
    }


def _judged(core: Core, model: str, check: str) -> dict[tuple[str, datetime], dict[str, Any]]:
    with core.db.cursor() as cursor:
        rows = current_readings(cursor, model, check=check, scope="performance")
    return {(row["model_version"], row["window_start"]): row for row in rows if row["segment"] is None}


def _restated(core: Core, model: str, check: str) -> dict[tuple[str, int, datetime], Restated]:
    with core.db.cursor() as cursor:
        return restated(cursor, model, check)


def segment_errors(core: Core, model: str, since: datetime, until: datetime, limit: int) -> list[views.SegmentError]:
    """Return the headline metric by value of each declared segment, in the reference and between two event times.

    Ranked by how much was lost; segments below the model's ``min_rows`` are left out.
    """
    found = metric(core, model, None)
    spec = core.spec(model)
    if found is None or not spec.segments:
        return []
    version = core.roles(model).champion
    reference = core.reference_for(model, version) or found[1]
    # segments are kept on fewer columns: what needs the others is not said of them
    check = None if reference.outcomes is None else headline_check(spec, reference.outcomes.layout.narrow())
    if check is None:
        return []
    before = metric_by_segment(core, reference, check)
    now = load_segments(core, reference, Window(since, until))
    worse = 1.0 if check.direction == "higher_is_worse" else -1.0
    found_rows: list[views.SegmentError] = []
    for part, reference_value in before.items():
        profile = now.get(part.name)
        n = 0 if profile is None else int(profile.rows)
        current = math.nan if profile is None else float(metric_values(spec, check, profile))
        if n >= spec.monitor.min_rows and not math.isnan(current):
            found_rows.append(
                {
                    "segment": part.space,
                    "value": part.value,
                    "reference": number(reference_value),
                    "current": current,
                    "n": n,
                }
            )
    return sorted(found_rows, key=lambda row: worse * ((row["reference"] or 0.0) - (row["current"] or 0.0)))[:limit]


def coverage(core: Core, reference: Reference, windows: list[Window]) -> tuple[list[int], list[int]]:
    """Return serving rows and labelled rows of each window."""
    inputs = load_series(core, reference, "inputs", windows).profile.rows
    if reference.outcomes is None:
        return [int(n) for n in inputs], [0] * len(windows)
    outcomes = load_series(core, reference, "outcomes", windows).profile
    labelled = outcomes.column("label").valid if "label" in outcomes.layout.names else np.zeros_like(inputs)
    return [int(n) for n in inputs], [int(n) for n in labelled]
