"""Two versions on the same traffic: a shadow on the very same rows, a canary beside the champion; and what each does for the business."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from monitors import explain
from monitors.own_sql import Sums, ratios, sums_sql, title
from monitors.registry import label_unit, positive_class
from monitors.version_scores import FEWEST_CLUSTERS, SCORES, TERMS, Difference, differences
from service.local.convert import iso, number
from service.local.recall import recalled
from service.workspace import NotFoundError, WorkspaceError
from storage.ratio_sums import ratio_sums
from storage.traffic import event_span
from storage.version_sums import version_sums

if TYPE_CHECKING:
    from datetime import datetime

    from reference_data.declaration import ModelSpec
    from reference_data.windows import Window
    from service import outcome_views
    from service.local.core import Core

_Z95 = 1.959964


@recalled("rows")
def compare_versions(
    core: Core, model: str, version: str, other: str, since: datetime | None, until: datetime | None
) -> outcome_views.VersionComparison:
    """Compare two versions on labelled rows; raises :class:`NotFoundError` naming the versions there are."""
    spec, windows = _asked(core, model, version, other, since, until)
    if spec.task not in SCORES:
        raise WorkspaceError(
            f"versions of a model of task {spec.task!r} cannot be compared row by row; it can be of {', '.join(SCORES)}"
        )
    reference = core.reference_for(model, version) or core.active_reference(model)
    layout = None if reference is None or reference.outcomes is None else reference.outcomes.layout
    positive = None if layout is None else positive_class(spec, layout)
    with core.db.cursor() as cursor:
        sums = version_sums(
            cursor, spec, (version, other), windows, TERMS[spec.task], positive,
            least=spec.monitor.min_rows, fewest=FEWEST_CLUSTERS,
        )  # fmt: skip
    found = [] if sums is None else differences(spec.task, sums.mine, sums.other)
    n = 0 if sums is None else int(sums.mine[:, 0].sum())
    unit = label_unit(spec, layout)
    start, end = (windows[0].start, windows[-1].end) if windows else (core.now(), core.now())
    return {
        "model": model,
        "version": version,
        "other": other,
        "start": iso(start, spec.zone),
        "end": iso(end, spec.zone),
        "n": n,
        "paired": sums is not None and sums.paired,
        "metrics": [_view(each, version, other, unit) for each in found],
        "sentence": _sentence(found, version, other, n, unit, paired=sums is not None and sums.paired),
    }


def _asked(
    core: Core, model: str, version: str, other: str, since: datetime | None, until: datetime | None
) -> tuple[ModelSpec, list[Window]]:
    """Return the model and the buckets that are asked for; refuses versions that never were."""
    spec = core.spec(model)
    with core.db.cursor() as cursor:
        seen = {
            row[0]
            for row in cursor.execute("SELECT DISTINCT model_version FROM profile WHERE model = ?", [model]).fetchall()
        }
        span = event_span(cursor, model, core.now())
    known = seen | core.versions(model).keys()
    for name in (version, other):
        if name not in known:
            raise NotFoundError(
                f"model {model!r} has no version {name!r}; it has: {', '.join(sorted(known)) or 'none'}"
            )
    if version == other:
        raise WorkspaceError(f"version {version!r} cannot be compared with itself; name two")
    if span is None:
        return spec, []
    every = core.window_spec(model).bucket
    before = span[1] if until is None else until - timedelta(microseconds=1)  # the end of a period is not in it
    first, last = max(since or span[0], span[0]), min(before, span[1])
    if first > last:
        return spec, []
    return spec, list(every.between(every.containing(first).start, every.containing(last).end))


def _view(found: Difference, version: str, other: str, unit: str) -> outcome_views.VersionDifference:
    better = {True: version, False: other, None: None}[found.better]
    return {
        "metric": found.score.name,
        "label": explain.metric_label(found.score.name),
        "unit": unit if found.score.unit == "label" else found.score.unit,
        "value": number(found.value),
        "other": number(found.other),
        "difference": number(found.value - found.other),
        "lower": number(found.lower),
        "upper": number(found.upper),
        "better": better,
    }


def _sentence(found: list[Difference], version: str, other: str, n: int, unit: str, *, paired: bool) -> str:
    if not found:
        return (
            f"No labelled row was answered by {version} and by {other} over the same time, so they cannot be compared."
        )
    first = found[0]
    rows = f"On {n:,} rows that both answered" if paired else f"On rows of the same time, {n:,} of them by {version}"
    mine, theirs = (
        explain.number(value, unit if first.score.unit == "label" else first.score.unit)
        for value in (first.value, first.other)
    )
    told = {True: "better", False: "worse", None: "not told apart by it"}[first.better]
    if math.isnan(first.lower):
        told = "too few days to say more"
    return f"{rows}, {explain.inside(explain.metric_label(first.score.name))} is {mine} for {version} and {theirs} for {other}: {told}."


@recalled("rows")
def business_lift(core: Core, model: str, version: str, other: str) -> list[outcome_views.BusinessLift]:
    """Return each declared ratio of one version against another's, over the buckets in which both answered."""
    spec, windows = _asked(core, model, version, other, None, None)
    declared = ratios(spec)
    if not declared or not windows:
        return []
    with core.db.cursor() as cursor:
        aggregates = {name: sums_sql(metric) for name, metric in declared.items()}
        summed = ratio_sums(cursor, spec, aggregates, (version, other), windows)
    found = {key: Sums(*values) for key, values in summed.items()}
    lifts: list[outcome_views.BusinessLift] = []
    for name, metric in declared.items():
        mine, theirs = found.get((name, version)), found.get((name, other))
        if (
            mine is None
            or theirs is None
            or not (math.isfinite(mine.value) and math.isfinite(theirs.value))
            or not theirs.value
        ):
            continue
        label = title(name, metric)
        lift = mine.value / theirs.value - 1
        low, high = _interval(mine, theirs)
        apart = low is not None and high is not None and not low <= 0 <= high
        words = f"{label}: {explain.number(mine.value, metric.unit)} with {version}, {explain.number(theirs.value, metric.unit)} with {other}"
        way = f"{explain.number(abs(lift), 'share')} {'more' if lift > 0 else 'less'}"
        lifts.append(
            {
                "metric": name,
                "label": label,
                "unit": metric.unit,
                "version": version,
                "other": other,
                "value": mine.value,
                "other_value": theirs.value,
                "lift": lift,
                "lower": low,
                "upper": high,
                "n": int(mine.n),
                "other_n": int(theirs.n),
                "sentence": f"{words}, {way}{'' if apart else ', which chance alone can give'}.",
            }
        )
    return lifts


def _interval(mine: Sums, other: Sums) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the lift: of the ratio of two ratios in logarithms, taking the two for independent."""
    if mine.value / other.value <= 0 or not (math.isfinite(mine.error) and math.isfinite(other.error)):
        return None, None
    reach = _Z95 * math.hypot(mine.error / mine.value, other.error / other.value)
    ratio = mine.value / other.value
    return ratio * math.exp(-reach) - 1, ratio * math.exp(min(reach, 700.0)) - 1
