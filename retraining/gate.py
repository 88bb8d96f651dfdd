"""The gate: challenger against champion on the same most recent labelled rows, in numbers and in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reference_data.schema import Task
from reference_data.training import MustNotRegress
from retraining.calibration import CurvePoint, curve
from retraining.gate_rules import judge_rule
from retraining.gate_words import sentence
from retraining.intervals import METHOD, blocks_of, jackknife
from retraining.scores import BIAS, CALIBRATION, Metric, metrics_for
from retraining.types import Predictions

Rows = NDArray[np.intp]
RowVerdict = Literal["pass", "warn", "fail", "info"]

#: A segment's value is judged from this many rows on; the most frequent ones of each segment are.
SEGMENT_ROWS, SEGMENT_VALUES = 30, 5
#: A simple model that saves less than this share more is not worth a warning.
_MATTERS = 0.005
_SLOWER, _SLOWER_MS, _LARGER = 2.0, 5.0, 10.0


class GateRow(TypedDict):
    """One line of the gate; None where there is no champion or no interval."""

    name: str
    champion: float | None
    challenger: float | None
    change: float | None
    lower: float | None
    upper: float | None
    allowed: str
    verdict: RowVerdict
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A version as the gate sees it. ``latency_ms``: time of single predictions, warm; ``size``: bytes of the artefact."""

    version: str
    predictions: Predictions
    latency_ms: NDArray[np.float64] | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Simple:
    """A simple model that was trained beside: its name in words, and its answers for the rows at these positions."""

    name: str
    predictions: Predictions
    rows: Rows


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """n labelled rows in order of event time that neither version has learned from.

    ``segments`` holds text (NaN where missing) of each declared segment. ``unit`` is the label's. ``baseline`` is what a
    model that knows no feature answers; ``baseline_name`` says what that is; ``simple`` are more models to beat. ``must``: declared rules.
    """

    task: Task
    label: NDArray[Any]
    times: pd.DatetimeIndex
    timezone: str
    segments: Mapping[str, NDArray[Any]]
    baseline: Predictions
    baseline_name: str
    unit: str = ""
    positive: str | None = None
    simple: tuple[Simple, ...] = ()
    must: tuple[MustNotRegress, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate found. ``method`` says how the intervals were made; ``calibration`` holds a curve for each version, by its name."""

    rows: tuple[GateRow, ...]
    verdict: Literal["passed", "warned", "failed"]
    sentence: str
    method: str
    calibration: Mapping[str, list[CurvePoint]] = field(default_factory=dict)
    challenger: str = ""
    champion: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as JSON-ready values."""
        return {
            "rows": list(self.rows), "verdict": self.verdict, "sentence": self.sentence, "method": self.method,
            "calibration": dict(self.calibration),
            "challenger": self.challenger,
            "champion": self.champion,
        }  # fmt: skip


def gate(held: HeldOut, challenger: Candidate, champion: Candidate | None) -> Gate:
    """Judge a challenger on held-out rows, against the champion if there is one, and against the baseline.

    Rules: the headline metric must be better, its interval without 0 (a warning when 0 is inside, a failure when worse for
    certain or by more than a tenth); nothing else and no segment may be worse by more than its allowance (a warning, and a
    failure when that is certain); declared rules are kept (:func:`retraining.gate_rules.judge_rule`); the challenger must beat
    the baseline, and is told when a simple model does as well; single predictions may take twice as long.
    Raises :class:`ValueError` without rows.
    """
    if not len(held.label):
        raise ValueError("the gate needs held-out rows and was given none")
    everything = np.arange(len(held.label), dtype=np.intp)
    blocks, what = blocks_of(held.times, held.timezone)
    headline, *others = metrics_for(held.task, held.positive, held.unit, probabilities=_answers(challenger, champion))
    judge = _Judge(held, challenger, champion, blocks)
    rows = [judge.headline(headline, everything)]
    rows += [judge.guard(metric, everything, metric.name) for metric in others]
    for segment, values in held.segments.items():
        rows += [
            judge.guard(headline, where, f"{headline.name}, {segment} = {value}") for value, where in _largest(values)
        ]
    rows += [judge_rule(rule, held, judge.measured, against=champion is not None) for rule in held.must]
    rows += [judge.baseline(headline, everything), *(judge.simple(headline, each) for each in held.simple)]
    rows += _cost(challenger, champion)
    verdicts = {row["verdict"] for row in rows}
    verdict: Literal["passed", "warned", "failed"] = (
        "failed" if "fail" in verdicts else "warned" if "warn" in verdicts else "passed"
    )
    words = sentence(held, challenger, champion, headline, rows)
    curves = {one.version: curve(held.label, one.predictions, held.positive) for one in (champion, challenger) if one}
    method = METHOD.format(blocks=what, freedom=int(blocks.max()))
    drawn = {name: points for name, points in curves.items() if points}
    return Gate(tuple(rows), verdict, words, method, drawn, challenger.version, champion.version if champion else None)


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    held: HeldOut
    challenger: Candidate
    champion: Candidate | None
    blocks: NDArray[np.int64]

    def headline(self, metric: Metric, rows: Rows) -> GateRow:
        """The one metric that has to be better."""
        row = self.measured(metric, rows, metric.name, "better, and the interval without 0")
        if row["change"] is None or row["champion"] is None:
            return row
        worse, surely_worse, surely_better = self._judged(metric, row)
        if surely_worse or worse > metric.allowance(row["champion"]):
            row["verdict"] = "fail"
        else:
            row["verdict"] = "pass" if surely_better else "warn"
        return row

    def guard(self, metric: Metric, rows: Rows, name: str) -> GateRow:
        """A metric, or a segment, that must not get worse by more than its allowance."""
        row = self.measured(metric, rows, name, metric.allowed)
        if row["change"] is None or row["champion"] is None:
            return row
        scale = self._scale(metric, rows) if metric.name == BIAS else row["champion"]
        worse, surely_worse, _ = self._judged(metric, row)
        over = worse > metric.allowance(scale)
        certain = (
            surely_worse and metric.name != CALIBRATION
        )  # which can be mended without training: a rule may make it fail
        row["verdict"] = ("fail" if certain else "warn") if over else "pass"
        return row

    def baseline(self, metric: Metric, rows: Rows) -> GateRow:
        """How much better than knowing no feature: the share of the baseline's distance to perfection that is saved."""
        row = self._improvement(metric, Simple(self.held.baseline_name, self.held.baseline, rows), rows)
        if row["challenger"] is not None:
            row["verdict"] = "pass" if row["challenger"] > 0 else "fail"
        return row

    def simple(self, metric: Metric, other: Simple) -> GateRow:
        """How much better than a simple model: a warning when that one is better for certain and by more than nothing, else a remark."""
        places = np.arange(len(other.rows), dtype=np.intp)
        row = self._improvement(metric, other, places)
        if row["challenger"] is None:
            return row
        interval = jackknife(
            lambda chosen: self._saved(metric, self.challenger, other, chosen), places, self.blocks[other.rows]
        )
        row["verdict"] = "pass" if row["challenger"] > 0 else "info"
        if interval is not None:
            row["allowed"] = f"not below 0; 95 % interval {interval[0] * 100:.3g} to {interval[1] * 100:.3g} %".replace(
                "-", "−"
            )
            if interval[0] <= 0:
                worse = interval[1] < 0 and row["challenger"] <= -_MATTERS
                row["verdict"] = "warn" if worse else "info"
        elif row["challenger"] < 0:
            row["verdict"] = "warn"
        return row

    def _improvement(self, metric: Metric, other: Simple, places: Rows) -> GateRow:
        ours = _finite(self._saved(metric, self.challenger, other, places))
        theirs = None if self.champion is None else _finite(self._saved(metric, self.champion, other, places))
        return GateRow(
            name=f"improvement on {other.name}",
            champion=theirs,
            challenger=ours,
            change=None if ours is None or theirs is None else ours - theirs,
            lower=None,
            upper=None,
            allowed="above 0",
            verdict="info",
            unit="share",
        )

    def _saved(self, metric: Metric, candidate: Candidate, other: Simple, places: Rows) -> float:
        """Return the share of the simple model's distance to perfection that a candidate saves; ``places`` are among its rows."""
        at = other.rows[places]
        base = metric.value(self.held.label[other.rows], other.predictions, places)
        left = metric.value(self.held.label, candidate.predictions, at)
        distance = base - metric.perfect
        return (base - left) / distance if distance else float("nan")

    def measured(self, metric: Metric, rows: Rows, name: str, allowed: str) -> GateRow:
        """Return a line without a verdict: both values, their difference, and its interval."""

        def value(candidate: Candidate, chosen: Rows) -> float:
            return metric.value(self.held.label, candidate.predictions, chosen)

        new = _finite(value(self.challenger, rows))
        row = GateRow(
            name=name,
            champion=None,
            challenger=new,
            change=None,
            lower=None,
            upper=None,
            allowed=allowed,
            verdict="info",
            unit=metric.unit,
        )
        champion = self.champion
        if champion is None or new is None or (old := _finite(value(champion, rows))) is None:
            return row
        row["champion"], row["change"] = old, new - old
        change: Callable[[Rows], float] = lambda chosen: value(self.challenger, chosen) - value(champion, chosen)  # noqa: E731
        interval = jackknife(change, rows, self.blocks)
        if interval is not None:
            row["lower"], row["upper"] = interval
        return row

    def _scale(self, metric: Metric, rows: Rows) -> float:
        """A bias is allowed a tenth of the champion's mean absolute error: a tenth of a bias near 0 is nothing."""
        assert self.champion is not None
        errors = self.champion.predictions.predicted[rows] - self.held.label[rows].astype(np.float64)
        return max(float(np.abs(errors).mean()), abs(metric.value(self.held.label, self.champion.predictions, rows)))

    @staticmethod
    def _judged(metric: Metric, row: GateRow) -> tuple[float, bool, bool]:
        """Return by how much it is worse, whether that is certain, and whether it is certainly better."""
        assert row["change"] is not None
        sign = -1 if metric.higher_is_better else 1
        if row["lower"] is None or row["upper"] is None:
            return sign * row["change"], False, False
        ends = sorted((sign * row["lower"], sign * row["upper"]))
        return sign * row["change"], ends[0] > 0, ends[1] < 0


def _answers(challenger: Candidate, champion: Candidate | None) -> bool:
    """Whether both give probabilities, so that metrics of probabilities can be compared."""
    return all(one.predictions.scores is not None for one in (challenger, champion) if one is not None)


def _largest(values: NDArray[Any]) -> list[tuple[str, Rows]]:
    """Return the most frequent values with the positions of their rows, where there are enough."""
    counts = pd.Series(values, dtype=object).value_counts()
    kept = sorted(((-int(n), str(value)) for value, n in counts.items() if n >= SEGMENT_ROWS))[:SEGMENT_VALUES]
    return [(value, np.flatnonzero(values == value)) for _, value in kept]


def _cost(challenger: Candidate, champion: Candidate | None) -> list[GateRow]:
    """What serving costs: time of a single prediction and bytes of the artefact."""
    rows = []
    if challenger.latency_ms is not None:
        theirs = champion.latency_ms if champion else None
        slow = theirs is not None and all(
            np.percentile(challenger.latency_ms, q) > _SLOWER * np.percentile(theirs, q) + _SLOWER_MS for q in (50, 99)
        )
        old = None if theirs is None else float(np.percentile(theirs, 99))
        new = float(np.percentile(challenger.latency_ms, 99))
        rows.append(
            _cost_row("time of a prediction, 99th percentile", old, new, "at most twice as long", "ms", slow=slow)
        )
    if challenger.size is not None:
        before = float(champion.size) if champion and champion.size is not None else None
        large = before is not None and challenger.size > _LARGER * before
        rows.append(
            _cost_row("size of the artefact", before, float(challenger.size), "at most ten times", "bytes", slow=large)
        )
    return rows


def _cost_row(name: str, old: float | None, new: float, allowed: str, unit: str, *, slow: bool) -> GateRow:
    return GateRow(
        name=name,
        champion=old,
        challenger=new,
        change=None if old is None else new - old,
        lower=None,
        upper=None,
        allowed=allowed,
        verdict="info" if old is None else "warn" if slow else "pass",
        unit=unit,
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
