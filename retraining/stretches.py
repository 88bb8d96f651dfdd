"""Judging several ways of learning on the same later stretches of time: values, changes, and intervals of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reference_data.schema import Task
from retraining.intervals import blocks_of, jackknife
from retraining.scores import Metric, metrics_for
from retraining.types import Predictions

#: What a model answers to the rows of each stretch that it was judged on, by the stretch's number.
Answers = Mapping[int, Predictions]
#: A difference below this share of the value (of errors), or below this (of shares), matters to nobody.
SHARE_MATTERS, POINTS_MATTER = 0.01, 0.005
_HIDDEN = 3  # too few rows to judge by prove nothing
_KEYS = {"mean absolute error": "mae", "ROC AUC": "roc_auc", "accuracy": "accuracy"}
_WORDS = {"mae": "MAE", "roc_auc": "ROC AUC", "accuracy": "accuracy"}


@dataclass(frozen=True, slots=True)
class Change:
    """How much worse one is than another (negative: better), with a 95 % interval where it can be had."""

    worse: float
    lower: float | None
    upper: float | None

    def surely(self, matters: float = 0.0) -> bool:
        """Whether it is worse for certain, and by as much as ``matters``."""
        return self.lower is not None and self.lower > 0 and self.worse >= matters

    def negligible(self, matters: float) -> bool:
        """Whether it is worse by less than ``matters``: for certain, or within a noise that hides no more than three times that."""
        if self.lower is None or self.upper is None or self.worse >= matters:
            return False
        return self.upper < matters or (self.lower <= 0 and self.upper < _HIDDEN * matters)


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """n judged rows in order of event time, in stretches that follow one another.

    ``edges`` are the positions at which the stretches begin, and n; ``blocks`` number the rows by day
    (:func:`retraining.intervals.blocks_of`).
    """

    label: NDArray[Any]
    edges: tuple[int, ...]
    blocks: NDArray[np.int64]
    metric: Metric

    @classmethod
    def of(
        cls,
        label: NDArray[Any],
        times: pd.DatetimeIndex,
        edges: tuple[int, ...],
        timezone: str,
        *,
        task: Task,
        positive: str | None,
        unit: str,
        probabilities: bool,
    ) -> Stretches:
        """Judge by a task's headline metric."""
        return cls(
            label,
            edges,
            blocks_of(times, timezone)[0],
            metrics_for(task, positive, unit, probabilities=probabilities)[0],
        )

    @property
    def key(self) -> str:
        """The metric's name among the checks."""
        return _KEYS[self.metric.name]

    @property
    def direction(self) -> str:
        """Which way is worse, as checks say it."""
        return "lower_is_worse" if self.metric.higher_is_better else "higher_is_worse"

    def rows_of(self, *answers: Answers) -> NDArray[np.intp]:
        """Return the positions of the rows in stretches that all of these were judged on."""
        common = set.intersection(*(set(one) for one in answers))
        parts = [np.arange(self.edges[n], self.edges[n + 1], dtype=np.intp) for n in sorted(common)]
        return np.concatenate(parts) if parts else np.array([], dtype=np.intp)

    def value(self, answers: Answers, rows: NDArray[np.intp] | None = None) -> float:
        """Return the metric's mean over the stretches, weighted by their rows; NaN where it is not defined."""
        rows = self.rows_of(answers) if rows is None else rows
        total, count = 0.0, 0
        for number, found in answers.items():
            first, end = self.edges[number], self.edges[number + 1]
            chosen = rows[(rows >= first) & (rows < end)]
            if len(chosen):
                total += len(chosen) * self.metric.value(self.label[first:end], found, chosen - first)
                count += len(chosen)
        return total / count if count else float("nan")

    def interval(self, answers: Answers) -> tuple[float, float] | None:
        """Return the 95 % interval of :meth:`value`."""
        return jackknife(lambda rows: self.value(answers, rows), self.rows_of(answers), self.blocks)

    def change(self, one: Answers, other: Answers) -> Change | None:
        """Return how much worse ``one`` is than ``other`` on the rows that both were judged on, None without any."""
        rows = self.rows_of(one, other)
        sign = -1.0 if self.metric.higher_is_better else 1.0

        def worse(chosen: NDArray[np.intp]) -> float:
            return sign * (self.value(one, chosen) - self.value(other, chosen))

        if not len(rows) or not np.isfinite(middle := worse(rows)):
            return None
        found = jackknife(worse, rows, self.blocks)
        return Change(float(middle), *(found or (None, None)))

    def matters(self, value: float) -> float:
        """Return the least difference from ``value`` that is worth anything."""
        return POINTS_MATTER if self.metric.higher_is_better else SHARE_MATTERS * abs(value)

    def words(self, value: float) -> str:
        """Return a value with the metric's name and unit: ``MAE 8.82 min``."""
        unit = self.metric.unit if self.metric.unit not in {"", "share"} else ""
        return f"{_WORDS[self.key]} {figure(value)}{' ' if unit else ''}{unit}"


def figure(value: float) -> str:
    """Return a number with three digits or so."""
    size = abs(value)
    return (f"{value:,.0f}" if size >= 1000 else f"{value:.3g}").replace("-", "−")


def finite(value: float | None) -> float | None:
    """Return a number that JSON can hold, None for any other."""
    return float(value) if value is not None and np.isfinite(value) else None
