"""Metrics by group of people, from the profiles by segment that are stored anyway."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from monitors import explain
from monitors.fairness import BY_TASK, SELECTION, Group, sure_error, widest_gap
from monitors.metrics._intervals import share_error, wilson
from monitors.registry import label_unit, metric_checks, metric_errors, metric_intervals, metric_values, positive_class
from reference_data.profile import stack
from reference_data.windows import Window
from service.local.convert import iso, number
from service.local.segment_profiles import frozen_segments, segment_series
from service.local.series import load_segments
from storage.traffic import event_span

if TYPE_CHECKING:
    from monitors.fairness import Gap
    from monitors.types import Check
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from service import outcome_views
    from service.local.core import Core

_LABELS = {SELECTION: "Selection rate"}


def fairness(
    core: Core, model: str, since: datetime | None, until: datetime | None
) -> list[outcome_views.FairnessView]:
    """Return one view a declared column, of what was served between two event times (default: of all that was)."""
    spec, reference = core.spec(model), core.active_reference(model)
    with core.db.cursor() as cursor:
        span = event_span(cursor, model, core.now())
    if not spec.fairness or reference is None or span is None or spec.task not in BY_TASK:
        return []
    every = core.window_spec(model).bucket
    before = span[1] if until is None else until - timedelta(microseconds=1)  # the end of a period is not in it
    first, last = max(since or span[0], span[0]), min(before, span[1])
    if first > last:
        return []
    window = Window(every.containing(first).start, every.containing(last).end)
    found = _selected(core, spec, reference, window) | _realised(core, spec, reference, window)
    unit = label_unit(spec, reference.outcomes.layout if reference.outcomes else None)
    views = [_column(spec, column, window, found, unit) for column in spec.fairness]
    return [view for view in views if view["groups"]]


Found = dict[
    tuple[str, str], list[tuple[str, Group, float, float, str]]
]  # (column, metric): value, group, interval, unit


def _realised(core: Core, spec: ModelSpec, reference: Reference, window: Window) -> Found:
    """Return the metrics that need labels."""
    if reference.outcomes is None:
        return {}
    profiles = load_segments(core, reference, window)
    groups = _values(core, spec, reference)
    kept = [name for name in profiles if name in groups]
    if not kept:
        return {}
    series = stack([profiles[name] for name in kept])
    checks = metric_checks(spec, series.layout)
    found: Found = {}
    for metric in BY_TASK[spec.task]:
        check: Check | None = checks.get(metric)
        if check is None:
            continue
        values, errors = metric_values(spec, check, series), metric_errors(spec, check, series)
        low, high = metric_intervals(spec, check, series)
        for place, name in enumerate(kept):
            column, value = groups[name]
            error = float(errors[place])
            if check.unit == "share":
                error = sure_error(error, float(low[place]), float(high[place]))
            group = Group(value, float(values[place]), error, int(series.rows[place]))
            each = (check.label, group, float(low[place]), float(high[place]), check.unit)
            found.setdefault((column, metric), []).append(each)
    return found


def _selected(core: Core, spec: ModelSpec, reference: Reference, window: Window) -> Found:
    """Return the share of each group's rows that get the positive class, whether labels have come or not."""
    frozen = frozen_segments(core, reference)
    outcomes = reference.outcomes
    if spec.task != "binary" or frozen is None:
        return {}
    series = segment_series(core, reference, frozen, [window], None)
    if "prediction" not in series.layout.names:
        return {}
    column = series.column("prediction")
    positive = spec.positive if outcomes is None else positive_class(spec, outcomes.layout)
    if positive is None or positive not in column.entry.bins.categories:
        return {}
    chosen = column.cells[:, 0, column.entry.bins.categories.index(positive)]
    found: Found = {}
    groups = _values(core, spec, reference)
    for place, name in enumerate(frozen.names):
        n = int(column.valid[place, 0])
        if name not in groups or n == 0:
            continue
        declared, value = groups[name]
        hits, rows = np.asarray(chosen[place], dtype=np.float64), np.asarray(float(n))
        low, high = (float(end) for end in wilson(hits, rows))
        error = sure_error(float(share_error(hits, rows)), low, high)
        group = Group(value, float(hits / rows), error, n)
        found.setdefault((declared, SELECTION), []).append((_LABELS[SELECTION], group, low, high, "share"))
    return found


def _values(core: Core, spec: ModelSpec, reference: Reference) -> dict[str, tuple[str, str]]:
    """Return the column and the value that each segment's name stands for, of columns declared for fairness."""
    frozen = frozen_segments(core, reference)
    members = [] if frozen is None else frozen.members
    return {space.text(code): (space.name, space.value(code)) for space, code in members if space.name in spec.fairness}


def _column(spec: ModelSpec, column: str, window: Window, found: Found, unit: str) -> outcome_views.FairnessView:
    groups: list[outcome_views.GroupMetric] = []
    gaps: list[outcome_views.GroupGap] = []
    for metric in BY_TASK[spec.task]:
        each = found.get((column, metric), [])
        for label, group, low, high, _ in each:
            few = group.n < spec.monitor.min_rows
            groups.append(
                {
                    "group": group.name,
                    "metric": metric,
                    "label": label,
                    "value": None if few else number(group.value),
                    "lower": None if few else number(low),
                    "upper": None if few else number(high),
                    "n": group.n,
                }
            )
        gap = widest_gap([group for _, group, *_ in each], spec.monitor.min_rows)
        if gap is not None:
            gaps.append(_gap(metric, each[0][0], gap, unit if each[0][4] == "label" else each[0][4]))
    zone = spec.zone
    return {
        "column": column,
        "start": iso(window.start, zone),
        "end": iso(window.end, zone),
        "groups": groups,
        "gaps": gaps,
    }


def _gap(metric: str, label: str, gap: Gap, unit: str) -> outcome_views.GroupGap:
    worse_low = metric not in ("mae", "bias")
    worst, best = (gap.low, gap.high) if worse_low else (gap.high, gap.low)
    ratio = gap.ratio if worse_low else None
    said = [explain.number(group.value, unit) for group in (worst, best)]
    words = f"{label} is {said[0]} for {worst.name} and {said[1]} for {best.name}"
    if not gap.significant:
        words += ", no more apart than chance makes the widest of these pairs"
    elif metric == SELECTION and ratio is not None:
        words += f": {ratio:.2f} of it, {'below' if ratio < 0.8 else 'within'} the four-fifths rule"
    return {
        "metric": metric,
        "label": label,
        "best": best.name,
        "worst": worst.name,
        "difference": gap.difference,
        "lower": gap.lower,
        "upper": gap.upper,
        "ratio": ratio,
        "significant": gap.significant,
        "sentence": f"{words}.",
    }
