"""What the sequential test found, as readings: one a step, in words that a product manager can act on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import log10
from zoneinfo import ZoneInfo

from monitors import explain
from monitors.sequence.baseline import LossBaseline
from monitors.sequence.change_point import Shape
from monitors.sequence.detector import Found, Step
from monitors.types import Reading, Verdict
from reference_data.windows import Window

CHECK = "sequential_loss"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the loss in event time: when it began, with a 95 % interval, how it came, and the mean loss since (or during it)."""

    onset: datetime
    lower: datetime
    upper: datetime
    shape: Shape
    over: datetime | None  # when a passed one was
    mean: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What the words of a test need: its baseline and level, the declared tolerance and ``min_rows``, the zone of its dates."""

    baseline: LossBaseline
    level: float
    tolerance: float
    least: int
    zone: ZoneInfo
    hourly: bool = False

    @property
    def threshold(self) -> float:
        """Evidence at which it fires: the average run length without a change is at least so many steps."""
        return 1 / self.level


def step_reading(
    blank: Reading, window: Window, step: Step, found: Found, change: Change | None, terms: Terms
) -> Reading:
    """Return the reading of a window: ``step`` holds its labels, ``found`` is of its last step that matters. Its value is the decimal logarithm of one plus the evidence, so is its threshold."""
    baseline = terms.baseline
    few = step.n < terms.least and not found.alarm
    verdict: Verdict = "critical" if found.alarm else ("insufficient" if few else "ok")
    return replace(
        blank,
        check=CHECK,
        scope="sequence",
        window=window,
        value=log10(1 + found.evidence),
        threshold=log10(1 + terms.threshold),
        effect=(found.mean - baseline.mean) / baseline.scale if baseline.scale > 0 else float("nan"),
        n=step.n,
        n_reference=int(baseline.rows.sum()),
        verdict=verdict,
        significant=found.evidence >= terms.threshold,
        material=found.alarm,
        harmful=found.alarm,
        unit="evidence",
        sentence=sentence(step, found, change, terms),
    )


def sentence(step: Step, found: Found, change: Change | None, terms: Terms) -> str:
    """Say what the test found up to a step."""
    baseline, alarm_at = terms.baseline, times(terms.threshold)
    if found.alarm:
        return f"{change_sentence(found, change, terms)} The evidence is {times(found.evidence)} times what chance gives; the alarm is at {alarm_at}."
    if step.n < terms.least:
        few = explain.too_few(step.n, terms.least, "the loss")
        return f"{few} They count with those that come next."
    now, usual = explain.number(step.loss, baseline.unit), explain.number(baseline.mean, baseline.unit)
    if found.first is not None:
        return f"{_name(baseline)} is back within the tolerance: {now} against {usual} in the reference."
    if found.evidence >= terms.threshold:
        share = explain.number(terms.tolerance, "share")
        return f"{_name(baseline)} is higher than in the reference beyond chance ({now} against {usual}), but not by more than the tolerance of {share}."
    evidence = explain.number(found.evidence) if found.evidence < terms.threshold / 2 else times(found.evidence)
    return f"{_name(baseline)} is {now} against {usual} in the reference. The evidence of a lasting rise is {evidence}; the alarm is at {alarm_at}."


def change_sentence(found: Found, change: Change | None, terms: Terms) -> str:
    """Say since when the loss is up, by how much, and how it came."""
    baseline = terms.baseline
    mean = found.mean if change is None else change.mean
    usual, now = explain.number(baseline.mean, baseline.unit), explain.number(mean, baseline.unit)
    more = _more(baseline, mean - baseline.mean)
    if change is None:
        return f"{more[0].upper()}{more[1:]} ({now} against {usual} in the reference)."
    on = day(change.onset, terms)
    if change.shape == "passed" and change.over is not None:
        return f"From about {on} to {day(change.over, terms)} {more} ({now} against {usual} in the reference), a change that passed."
    came = "all at once" if change.shape == "sudden" else "little by little"
    return f"Since about {on} {more} ({now} against {usual} in the reference); it came {came}."


def day(moment: datetime, terms: Terms) -> str:
    """Return a date as people say it, with the hour where windows are hours."""
    local = moment.astimezone(terms.zone)
    return f"{local.day} {local:%B %Y}" + (f" {local:%H:%M}" if terms.hourly else "")


def times(evidence: float) -> str:
    """Return how many times, without digits that say nothing."""
    return f"{evidence:,.0f}" if evidence < 1e6 else explain.number(evidence)


def _name(baseline: LossBaseline) -> str:
    return {"absolute error": "The mean absolute error", "log loss": "The mean log loss"}.get(
        baseline.loss, "The error rate"
    )


def _more(baseline: LossBaseline, size: float) -> str:
    by = explain.number(abs(size), baseline.unit)
    more = "more" if size >= 0 else "less"
    if baseline.loss == "absolute error":
        return f"each prediction misses by {by} {more}"
    if baseline.loss == "log loss":
        return f"the log loss is {by} {'higher' if size >= 0 else 'lower'}"
    return f"{by.replace(' %', ' points')} {more} of the predictions are wrong"
