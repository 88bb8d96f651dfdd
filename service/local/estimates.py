"""Performance estimated before labels come: a window's rows, what was learned of its reference, readings, and what came of them."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitors import explain
from monitors.blank import blank_reading
from monitors.calibration import windows_per_year
from monitors.estimates.judge import Judging, judge_estimates, surprise, unsaid
from monitors.evidence import levels
from monitors.judge_performance import single_window_level
from monitors.judge_run import LEAST_COVERAGE
from monitors.registry import headline_check, performance_checks, positive_class
from monitors.types import ESTIMATED
from reference_data.windows import Window, WindowSpec
from service.local import performance
from service.local.convert import iso, number, row_to_reading
from service.local.references import sample_path
from service.local.series import held_against, load_series
from storage.buckets import aware
from storage.due import profiled_at
from storage.names import EVENT_TIME
from storage.readings import current_readings
from storage.window_rows import window_rows

if TYPE_CHECKING:
    from monitors.baseline import Baseline
    from monitors.estimates.estimator import Estimator
    from monitors.types import Reading
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from service import outcome_views, views
    from service.local.core import Core
    from service.local.due import Stretch

_LOG = logging.getLogger("driftdeck.estimates")
SCOPE: Literal["estimate"] = "estimate"
MOST_ROWS = 6_000  # of a window that are looked at
_SAID = ("ok", "warning", "critical")  # verdicts of estimates that say something
_REMEMBERED = 8  # references that were learned, kept in memory; another is learned again from the same rows, and comes out the same


def stretch_readings(core: Core, spec: ModelSpec, stretch: Stretch) -> list[Reading]:
    """Return the estimates of every window of a stretch; none where the model wants none, or has no labels to learn from.

    A window that was estimated since its inputs last changed is not estimated again: its readings are given as they were.
    """
    reference = stretch.reference
    if (
        not spec.monitor.estimate
        or spec.task == "ranking"  # what a list is worth is no loss of its rows
        or reference.outcomes is None
        or not performance_checks(spec, reference.outcomes.layout)
    ):
        return []
    known = _known(core, spec, stretch)
    due = [window for window in stretch.windows if window not in known]
    found = [reading for readings in known.values() for reading in readings]
    if not due:
        return found
    rows = load_series(core, reference, "inputs", due, version=stretch.version).profile.rows
    for baseline, places in held_against(core, spec, reference, due):
        judging = _judging(core, spec, reference, baseline)
        for place in places:
            found += _window(core, spec, stretch, due[place], int(rows[place]), judging)
    return found


def _known(core: Core, spec: ModelSpec, stretch: Stretch) -> dict[Window, list[Reading]]:
    """Return the stored estimates, the latest of each window, where they came to be and inputs have not been profiled anew since."""
    first, last = stretch.windows[0].start, stretch.windows[-1].end
    with core.db.cursor() as cursor:
        stored = current_readings(
            cursor, spec.name, since=first, until=last, model_version=stretch.version,
            reference_version=stretch.reference.version, scope=SCOPE,
        )  # fmt: skip
        profiled = profiled_at(cursor, spec.name, stretch.reference.version, "inputs")
    every = core.window_spec(spec.name).bucket
    found: dict[Window, list[Reading]] = {}
    for row in stored:
        reading = row_to_reading(row)
        found.setdefault(reading.window, []).append(reading)
    known: dict[Window, list[Reading]] = {}
    for window in found.keys() & set(stretch.windows):
        computed = max(reading.computed_at for reading in found[window])
        latest = [reading for reading in found[window] if reading.computed_at == computed]
        changed = any(profiled.get(b.start, computed) > computed for b in every.between(window.start, window.end))
        if not changed and all(reading.verdict != "error" for reading in latest):
            known[window] = latest
    return known


def _judging(core: Core, spec: ModelSpec, reference: Reference, baseline: Baseline) -> Judging:
    assert reference.outcomes is not None
    layout = reference.outcomes.layout
    headline = headline_check(spec, layout)
    budget, names = spec.monitor.alert_budget, reference.inputs.layout.names
    context = len(spec.context.keys() & set(names))
    found = levels(
        windows_per_year(core.window_spec(spec.name)),
        len(names) - context,
        context,
        budget.pages_per_year,
        budget.warnings_per_year,
    )
    return Judging(
        checks=performance_checks(spec, layout),
        nulls=baseline.calibration.metrics,
        headline=None if headline is None else headline.name,
        levels=found,
        limit_level=single_window_level(found, baseline.calibration),
        tolerance=spec.monitor.performance_tolerance,
        min_rows=spec.monitor.min_rows,
    )


def _window(core: Core, spec: ModelSpec, stretch: Stretch, window: Window, n: int, judging: Judging) -> list[Reading]:
    reference = stretch.reference
    blank = blank_reading(spec.name, stretch.version, (reference.version, reference.rows), window, core.now(), SCOPE)
    if n < spec.monitor.min_rows:
        return unsaid(judging, f"{n} rows are too few, {spec.monitor.min_rows} are needed", n, blank)
    with core.db.cursor() as cursor:
        table = window_rows(cursor, spec, stretch.version, window, n, MOST_ROWS)
    try:
        estimator = estimator_of(core, spec, reference)
        if isinstance(estimator, str):
            return unsaid(judging, estimator, n, blank)
        return judge_estimates(judging, estimator(table, table.column(EVENT_TIME), n), blank)
    except ValueError as problem:
        return unsaid(judging, str(problem), n, blank)
    except Exception as problem:  # what is realised is judged all the same
        _LOG.exception("%s could not be estimated, window from %s", spec.name, window.start)
        words = f"Performance could not be estimated: {problem!r}."
        failed = unsaid(judging, words, n, blank)
        return [replace(reading, verdict="error", error=words, sentence=words) for reading in failed]


def estimator_of(core: Core, spec: ModelSpec, reference: Reference) -> Estimator | str:
    """Return what was learned of a reference's rows, or why there is nothing to learn from; learned once, and remembered."""
    path = sample_path(core, spec.name, reference.version)
    if not path.exists():
        return "the rows of the reference were not kept; freeze a new one"
    windows = core.window_spec(spec.name)
    asked = [spec.task, spec.positive, spec.features, spec.context, str(windows), windows.timezone, str(windows.anchor)]
    key = (spec.name, reference.version, path.stat().st_mtime_ns, json.dumps(asked))
    kept: dict[Any, Estimator | str] = core.db.memory.setdefault(("estimators", ""), {})
    if key not in kept:
        while len(kept) >= _REMEMBERED:
            del kept[next(iter(kept))]
        kept[key] = _learn(spec, reference, pq.read_table(path, partitioning=None), windows)
    return kept[key]


def _learn(spec: ModelSpec, reference: Reference, table: pa.Table, windows: WindowSpec) -> Estimator | str:
    from monitors.estimates.estimator import fit

    if "label" not in table.column_names or "prediction" not in table.column_names:
        return "the rows kept of the reference hold no labels or no predictions; freeze a new one that has both"
    assert reference.outcomes is not None
    times = table.column(EVENT_TIME) if EVENT_TIME in table.column_names else None
    try:
        return fit(
            spec, positive_class(spec, reference.outcomes.layout), table, times, _places(times, table.num_rows, windows)
        )
    except ValueError as problem:
        return str(problem)


def _places(times: pa.ChunkedArray | None, n: int, windows: WindowSpec) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the place of each row's window, -1 without a time."""
    places = np.full(n, -1, dtype=np.intp)
    if times is None:
        return places
    at = times.cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
    order = np.argsort(at, kind="stable")
    order = order[~np.isnat(at[order])]
    first = number_of = 0
    while first < len(order):
        window = windows.containing(aware(at[order[first]].item()))
        end = np.datetime64(window.end.replace(tzinfo=None), "us")
        last = max(int(np.searchsorted(at[order], end, side="left")), first + 1)
        places[order[first:last]] = number_of
        first, number_of = last, number_of + 1
    return places


# -- what the pages show -----------------------------------------------------------------------------------------------
def estimates(core: Core, model: str, metric: str | None = None) -> list[outcome_views.EstimatePoint]:
    """Return the estimates of a metric (default: the headline one) by window and version, beside what came of them.

    Raises :class:`NotFoundError` for a metric that the model does not have.
    """
    found = performance.metric(core, model, metric)
    if found is None:
        return []
    name = found[0].name
    with core.db.cursor() as cursor:
        stored = current_readings(cursor, model, check=f"{ESTIMATED}{name}", scope=SCOPE)
    readings = [row_to_reading(row) for row in stored]
    latest = {(reading.window, reading.model_version): reading for reading in readings}  # of the newest reference
    came = {
        (datetime.fromisoformat(point["start"]), point["model_version"]): point
        for point in (performance.performance(core, model, name) if latest else [])
        if point["role"] == "serving"
    }
    return [
        _point(core, reading, came.get((reading.window.start, reading.model_version))) for reading in latest.values()
    ]


def _point(core: Core, reading: Reading, came: views.PerformancePoint | None) -> outcome_views.EstimatePoint:
    zone = core.spec(reading.model).zone
    value = None if came is None else came["value"]
    coverage = None if came is None else came.get("coverage")
    gap = None if value is None or not math.isfinite(reading.value) else value - reading.value
    beyond = False
    if (
        gap is not None
        and value is not None
        and coverage is not None
        and coverage >= LEAST_COVERAGE
        and reading.verdict in _SAID
    ):
        beyond = surprise(reading.value, reading.ci_lower, reading.ci_upper, value, coverage)
    sentence = reading.sentence
    if beyond and gap is not None:
        way = "higher" if gap > 0 else "lower"
        told = explain.number(abs(gap), reading.unit)
        sentence += f" It turned out {told} {way}, which the inputs do not explain: a sign of concept drift."
    return {
        "start": iso(reading.window.start, zone),
        "end": iso(reading.window.end, zone),
        "model_version": reading.model_version,
        "metric": reading.check.removeprefix(ESTIMATED),
        "method": reading.drivers[0][0] if reading.drivers else "",
        "value": number(reading.value),
        "lower": number(reading.ci_lower),
        "upper": number(reading.ci_upper),
        "threshold": number(reading.threshold),
        "realised": value,
        "coverage": coverage,
        "gap": gap,
        "gap_significant": beyond,
        "n": reading.n,
        "verdict": reading.verdict,
        "sentence": sentence,
    }
