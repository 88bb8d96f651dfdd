"""Harmful against harmless: pages are for harm alone. Classifiers whose labels come at once, in part or late, and changes whose cost is known.

What pages is what pages in a workspace: the headline metric at all scales, the same inside segments, and the sequential test on the
loss. Estimates without labels are left out: their figures are of ``benchmarks.estimates``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.alarms.days import Cell
from benchmarks.alarms.generator import REFERENCE_DAYS
from benchmarks.alarms.harms import (
    ARRIVED,
    CHANGED,
    CHANGES,
    IMPORTANCE,
    QUIET,
    SEGMENTS,
    Change,
    Harmed,
    Labels,
    harmed,
    outcomes,
)
from benchmarks.alarms.ours import DAILY, follow
from benchmarks.alarms.simulate import Workers
from monitors.baseline import Baseline, Baselines
from monitors.blank import blank_of
from monitors.evidence import levels
from monitors.harm import harm_scales
from monitors.harm_segments import LONGEST, judge_segment_harm, segment_nulls, segment_reading
from monitors.judge import judge
from monitors.judge_run import LEAST_COVERAGE
from monitors.metric_null import MetricNull
from monitors.registry import headline_check
from monitors.sequence.baseline import loss_baseline
from monitors.sequence.detector import Step, detect
from monitors.sequence.readings import Terms, step_reading
from monitors.types import Check, Reading

WITHIN = 7  # days of labels
SIZES = (100, 1000, 5000)
A_YEAR = 365.25
_LEAD = 28  # days before one that is judged


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is worked out once a model."""

    baseline: Baseline
    check: Check
    nulls: dict[str, MetricNull]

    @classmethod
    def of(cls, model: Harmed) -> _Known:
        baseline = Baselines(model.spec, model.reference, DAILY).whole
        assert model.reference.outcomes is not None
        check = headline_check(model.spec, model.reference.outcomes.layout)
        assert check is not None
        past = outcomes(model.right[:, :REFERENCE_DAYS], model.rows[:, :REFERENCE_DAYS])
        names = [f"segment=s{place}" for place in range(SEGMENTS)]
        whole = baseline.calibration.metrics[check.name]
        return cls(baseline, check, segment_nulls(model.spec, check, whole, names, past))


def readings_of(model: Harmed) -> list[Reading]:
    """Return the readings of every day, each judged when half of its labels are there."""
    known = _Known.of(model)
    days = len(model.windows)
    if model.labels != "late":
        every = model.known(None)
        found = _read(model, known, every, 0, np.arange(days))
        return found + _sequence(model, [Step(int(n), float(loss)) for n, loss in _losses(model, None)])
    first = next(age for age, share in enumerate(ARRIVED) if share >= LEAST_COVERAGE)
    found = []
    for day in range(days - first):
        lead = max(day - _LEAD + 1, 0)
        found += _read(model, known, model.known(day + first), lead, np.asarray([day]))
    steps = [_news(model, day) for day in range(days)]
    return found + _sequence(model, steps)


def _losses(model: Harmed, day: int | None) -> Iterator[tuple[int, float]]:
    known = model.known(day)
    rows, right = known.rows.sum(axis=0), known.counts[..., 4].sum(axis=0)
    for n, good in zip(rows.tolist(), right.tolist(), strict=True):
        yield n, 1 - good / max(n, 1)


def _news(model: Harmed, day: int) -> Step:
    """Return the step of the labels that came on a day, whatever day their rows are of."""
    now, before = model.known(day), model.known(day - 1) if day else None
    rows, wrong = int(now.rows.sum()), int(now.counts[..., 5].sum())
    if before is not None:
        rows, wrong = rows - int(before.rows.sum()), wrong - int(before.counts[..., 5].sum())
    return Step(rows, wrong / max(rows, 1))


def _read(model: Harmed, known: _Known, every: Any, lead: int, judged: Any) -> list[Reading]:
    """Judge some days with those before them from ``lead`` on; ``every``: outcomes by segment and day that are known."""
    last = int(judged[-1]) + 1
    windows, inputs = model.windows[lead:last], model.inputs[lead:last]
    by_segment = every[:, lead:last]
    whole = outcomes(by_segment.counts[..., 4].sum(axis=0), by_segment.rows.sum(axis=0))
    places, now = judged - lead, windows[-1].end
    calibration, reference = known.baseline.calibration, known.baseline.reference
    found = judge(
        spec=model.spec, reference=reference, calibration=calibration, windows=windows, inputs=inputs, outcomes=whole,
        labels_expected=None, model_version="v1", importance=IMPORTANCE, now=now, judged=places,
    )  # fmt: skip
    coverage = whole.rows / np.maximum(inputs.rows, 1)
    assert calibration.outcomes is not None
    scales = [scale for scale in harm_scales(calibration.outcomes.scales, 1) if scale <= LONGEST]
    parts = {name: by_segment[int(name.removeprefix("segment=s"))] for name in known.nulls}
    metric = calibration.metrics[known.check.name]
    for part in judge_segment_harm(
        model.spec, known.check, metric, known.nulls, windows, parts, whole.rows, coverage >= LEAST_COVERAGE,
        _levels(model).page_segments, scales, places,
    ):  # fmt: skip
        for place in np.flatnonzero(part.found).tolist():
            blank = replace(blank_of(model.reference, "v1", now), window=windows[places[place]])
            found.append(segment_reading(model.spec, part, place, known.check, blank, "", float(coverage[place])))
    return found


def _levels(model: Harmed) -> Any:
    budget = model.spec.monitor.alert_budget
    return levels(A_YEAR, 1, 0, budget.pages_per_year, budget.warnings_per_year)


def _sequence(model: Harmed, steps: list[Step]) -> list[Reading]:
    base = loss_baseline(model.reference, model.spec.task, DAILY)
    assert base is not None
    monitor = model.spec.monitor
    level = _levels(model).page_sequence
    terms = Terms(base, level, monitor.performance_tolerance, monitor.min_rows, model.spec.zone)
    quiet = monitor.resolve_after
    found = detect(base, steps, level, monitor.performance_tolerance, least=monitor.min_rows, quiet=quiet)
    blank = blank_of(model.reference, "v1", model.windows[-1].end)
    return [
        step_reading(blank, window, step, each, None, terms)
        for window, step, each in zip(model.windows, steps, found, strict=False)
    ]


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of the matrix."""

    rows: int
    jitter: float
    labels: Labels = "complete"


def pages(change: Change, case: Case, seed: int) -> list[tuple[int, str | None]]:
    """Return the day of every page of one model (0: the first after the reference), and the segment it named first."""
    model = harmed(change, case.rows, case.jitter, seed, labels=case.labels)
    return _pages(model)


def _pages(model: Harmed) -> list[tuple[int, str | None]]:
    named: list[tuple[int, str | None]] = []
    for episode in follow(model, readings_of(model), IMPORTANCE):
        if episode.kind in ("performance", "concept_drift"):
            inside = episode.message.split(":")[0] if episode.message.startswith("segment = ") else None
            named.append((episode.day, inside))
    return named


def quiet_pages(cell: Cell, days: int, seed: int) -> int:
    """Return how many pages a model sends in so many days in which nothing happens."""
    return len(_pages(harmed(CHANGES[0], cell.rows, cell.jitter, seed, days=days, cell=cell)))


def matters_rows(seeds: range, workers: Workers, jitter: float) -> list[dict[str, Any]]:
    """Return one row a change and case, and precision and recall of pages over each case; then pages a year when nothing happens."""
    cases = [Case(rows, jitter) for rows in SIZES]
    cases += [Case(1000, jitter, labels) for labels in ("part", "late")]
    found: list[dict[str, Any]] = []
    for case in cases:
        found += _case_rows(case, seeds, workers)
    stress = (
        [Cell("1000 rows", 1000, 0.0)]
        if not jitter
        else [
            Cell("1000 rows", 1000, jitter),
            Cell("100 rows", 100, jitter),
            Cell("weekday cycle", 1000, jitter, weekday=0.1),
            Cell("AR(1) 0.5", 1000, jitter, memory=0.5),
            Cell("weekend traffic 0.4", 1000, jitter, weekend=0.4),
            Cell("t4 days", 1000, jitter, tails="t4"),
        ]
    )
    for cell in stress:
        sent = list(workers.map(partial(quiet_pages, cell, 364), seeds))
        found.append(
            {
                "change": f"nothing for a year: {cell.name}", "rows": cell.rows, "jitter": jitter, "labels": "complete",
                "harmful": False, "models": len(sent), "paged": sum(sent) / len(sent), "named": None,
            }
        )  # fmt: skip
    return found


def _case_rows(case: Case, seeds: range, workers: Workers) -> list[dict[str, Any]]:
    """Return one row a change, then what they come to: a model that is paged for nothing counts against precision, whenever it is."""
    rows: list[dict[str, Any]] = []
    common = {"rows": case.rows, "jitter": case.jitter, "labels": case.labels}
    caught = wanted = for_nothing = before = models = 0
    for change in CHANGES:
        sent = list(workers.map(partial(pages, change, case), seeds))
        last = QUIET + (WITHIN if change.harmful else CHANGED)
        hit = [[page for page in model if QUIET <= page[0] < last] for model in sent]
        paged = sum(map(bool, hit))
        models, before = models + len(sent), before + sum(day < QUIET for model in sent for day, _ in model)
        if change.harmful:
            wanted, caught = wanted + len(sent), caught + paged
        else:
            for_nothing += paged
        named = sum(any(inside == "segment = s0" for _, inside in model) for model in hit) / len(sent)
        rows.append(
            {"change": change.words, **common, "harmful": change.harmful, "models": len(sent), "paged": paged / len(sent),
             "named": named if change.inside else None}
        )  # fmt: skip
    figures = {
        "precision of pages": (caught + for_nothing, caught / max(caught + for_nothing, 1)),
        "recall of harm within 7 days": (wanted, caught / wanted),
        "pages a year in the quiet days before": (models, before * A_YEAR / (models * QUIET)),
    }
    rows += [
        {"change": words, **common, "harmful": None, "models": n, "paged": figure, "named": None}
        for words, (n, figure) in figures.items()
    ]
    return rows
