"""How much data is enough: the declared trainer on more and more rows, judged on the same later ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retraining.fitted import FittedModel
from retraining.stretches import Answers, Stretches, finite
from retraining.types import FitResult, Report, TrainingError, TrainRequest

#: Each size is half of the next; the smallest has at least so many rows.
LEAST_ROWS, MOST_SIZES = 100, 9
#: Seconds after which no further fit is begun that would not end in time.
BUDGET = 900.0


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    rows: int
    answers: Answers
    seconds: float


def sizes(rows: int) -> list[int]:
    """Return the numbers of rows to try, ascending: all, half of them, a quarter…"""
    found = [rows]
    while len(found) < MOST_SIZES and found[-1] // 2 >= LEAST_ROWS:
        found.append(found[-1] // 2)
    return found[::-1]


def by_hash(ids: pd.Series[Any], rows: NDArray[np.intp], size: int | None) -> NDArray[np.intp]:
    """Return ``size`` of the positions ``rows``, ascending: those whose ids hash lowest; all of them when there are no more.

    The choice is random within the period, and not of the latest rows: what is asked is how many rows are enough, and the
    latest ones would differ in their times as well. Those of a smaller size are among those of a larger one.
    """
    if size is None or size >= len(rows):
        return rows
    hashes = pd.util.hash_array(ids.iloc[rows].astype(str).to_numpy(dtype=object))
    return np.sort(rows[np.argsort(hashes, kind="stable")[:size]])


def learning_curve(
    everything: TrainRequest,
    train: NDArray[np.intp],
    held: NDArray[np.intp],
    fit: Callable[[TrainRequest], FitResult],
    *,
    positive: str | None = None,
    unit: str = "",
    total: int | None = None,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.monotonic,
    report: Report = lambda _done, _message: None,
) -> dict[str, Any]:
    """Fit to growing parts of the rows at ``train`` and judge each on those at ``held``.

    ``everything.frame`` has ``_id``. ``total``: labelled rows of the period, where these are a sample of them. ``clock`` gives seconds. Keys of what is
    returned: ``metric``, ``unit``, ``direction``, ``points`` (``rows``, ``value``, ``lower``, ``upper``, ``seconds``),
    ``levels_off`` (the fewest rows from which on no size is worse than the largest, but for noise or a hundredth; None: it
    still rises), ``sentence``. Intervals: :func:`retraining.intervals.jackknife`, by day, of the paired change. Raises
    :class:`TrainingError` as ``fit`` does for the largest size, and without rows to judge by.
    """
    if not len(held):
        raise TrainingError("a learning curve needs later rows to judge by; set retrain.holdout")
    later, ids = everything.part(held), everything.frame["_id"]
    tried: list[_Tried] = []
    begun, planned = clock(), sizes(len(train))
    stopped = False
    for place, size in enumerate(planned):
        if tried and clock() - begun + _next_cost(tried, size) > budget:
            stopped = True
            break
        report(sum(planned[:place]) / sum(planned), f"fitting {size:,} of {len(train):,} rows")
        start = clock()
        try:
            found = fit(everything.part(by_hash(ids, train, size)))
        except TrainingError:
            if size == planned[-1]:
                raise
            continue  # so few rows may lack a class
        seconds = clock() - start
        model = FittedModel(found.estimator, found.features, everything.task)
        tried.append(_Tried(size, {0: model.predict(later.frame)}, seconds))
    on = Stretches.of(
        later.label, later.times, (0, len(held)), everything.timezone, task=everything.task, positive=positive, unit=unit,
        probabilities=all(one.answers[0].scores is not None for one in tried),
    )  # fmt: skip
    levels = _levels_off(tried, on)
    return {
        "metric": on.key,
        "unit": unit if everything.task == "regression" else "share",
        "direction": on.direction,
        "points": [_point(one, on) for one in tried],
        "levels_off": levels,
        "sentence": _sentence(tried, levels, on, total or len(train), stopped=stopped),
    }


def _next_cost(tried: list[_Tried], size: int) -> float:
    return tried[-1].seconds * size / tried[-1].rows


def _levels_off(tried: list[_Tried], on: Stretches) -> int | None:
    """Go down from the largest size for as long as nothing is lost."""
    *smaller, largest = tried
    matters, levels = on.matters(on.value(largest.answers)), None
    for one in reversed(smaller):
        change = on.change(one.answers, largest.answers)
        if change is None or not change.negligible(matters):
            break
        levels = one.rows
    return levels


def _point(one: _Tried, on: Stretches) -> dict[str, Any]:
    lower, upper = on.interval(one.answers) or (None, None)
    value = on.value(one.answers)
    if not np.isfinite(value):
        raise TrainingError("the later rows to judge by have one class only; lengthen retrain.holdout")
    return {
        "rows": one.rows,
        "value": float(value),
        "lower": finite(lower),
        "upper": finite(upper),
        "seconds": round(one.seconds, 3),
    }


def _sentence(tried: list[_Tried], levels: int | None, on: Stretches, total: int, *, stopped: bool) -> str:
    largest = tried[-1]
    best = on.words(on.value(largest.answers))
    everyone = f"all {largest.rows:,}" if largest.rows == total else f"{largest.rows:,} of {total:,}"
    late = " Larger sizes were left out: they would have taken too long." if stopped else ""
    if levels is not None:
        value = next(on.value(one.answers) for one in tried if one.rows == levels)
        return f"{levels:,} rows are as good as {everyone}: {on.words(value)} against {best}, which is noise or too little to matter.{late}"
    if len(tried) < 2:
        return f"{largest.rows:,} rows are too few to learn from less: {best}.{late}"
    half = tried[-2]
    return (
        f"More rows still help, or may: {best} with {everyone} rows, {on.words(on.value(half.answers))} with "
        f"{half.rows:,}.{late}"
    )
