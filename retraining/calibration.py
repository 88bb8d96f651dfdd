"""Whether a model's numbers come true: scores of calibration, and the curve that shows where they do not."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from retraining.types import Predictions

_BINS = 10
_LEAST_IN_BIN = 10
_LEVEL = 0.975


class CurvePoint(TypedDict):
    """One bin: the mean of what was predicted, and of what came true with its 95 % interval."""

    predicted: float
    actual: float
    lower: float
    upper: float
    rows: int


def brier(label: NDArray[Any], found: Predictions, positive: str | None) -> float:
    """Return the mean squared distance of probabilities from what came true (Brier 1950), as the monitors' ``brier``.

    Two classes: of the positive one's, 0 to 1. Several: summed over the classes, 0 to 2. NaN without probabilities.
    """
    if found.scores is None:
        return float("nan")
    if positive is not None:
        score, came = _of_positive(label, found, positive)
        return float(((score - came) ** 2).mean())
    hit = label[:, np.newaxis] == np.array(found.classes, dtype=object)
    unknown = ~hit.any(axis=1)  # a class that the model does not have: its 1 is missed whole
    return float((((found.scores - hit) ** 2).sum(axis=1) + unknown).mean())


def calibration_error(label: NDArray[Any], found: Predictions, positive: str | None) -> float:
    """Return the mean gap between probability and share over ten even bins (Naeini et al. 2015), as the monitors' ``ece``.

    Two classes: of the positive one. Several: the highest probability and how often the answer is right. NaN without probabilities.
    """
    if found.scores is None or not len(label):
        return float("nan")
    score, came = _judged(label, found, positive)
    place = np.minimum((score * _BINS).astype(np.intp), _BINS - 1)
    gaps = np.bincount(place, weights=score - came, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(label))


def curve(label: NDArray[Any], found: Predictions, positive: str | None) -> list[CurvePoint]:
    """Return at most ten bins of equally many rows, ascending in what was predicted; empty where there is nothing to draw.

    Classification: probability and the share that came true, Wilson's interval (1927). Regression: prediction and label, Student's
    interval of the mean. Rows of equal prediction stay together; bins of fewer than ten rows are left out.
    """
    regression = found.predicted.dtype != object
    if not regression and found.scores is None:
        return []
    said, came = (
        (found.predicted.astype(np.float64), label.astype(np.float64))
        if regression
        else _judged(label, found, positive)
    )
    edges = np.unique(np.quantile(said, np.arange(1, _BINS) / _BINS))
    place = np.searchsorted(edges, said, side="left")
    points = []
    for number in range(len(edges) + 1):
        rows = place == number
        if int(rows.sum()) < _LEAST_IN_BIN:
            continue
        lower, upper = _student(came[rows]) if regression else _wilson(came[rows])
        points.append(CurvePoint(
            predicted=float(said[rows].mean()), actual=float(came[rows].mean()), lower=lower, upper=upper, rows=int(rows.sum()),
        ))  # fmt: skip
    return points


def _judged(label: NDArray[Any], found: Predictions, positive: str | None) -> tuple[NDArray[Any], NDArray[Any]]:
    if positive is not None:
        return _of_positive(label, found, positive)
    assert found.scores is not None
    top = found.scores.argmax(axis=1)
    answered = np.array(found.classes, dtype=object)[top]
    return found.scores[np.arange(len(label)), top], (answered == label).astype(np.float64)


def _of_positive(label: NDArray[Any], found: Predictions, positive: str) -> tuple[NDArray[Any], NDArray[Any]]:
    given = found.score_of(positive) if positive in found.classes else None
    score = np.zeros(len(label)) if given is None else np.clip(given, 0.0, 1.0)
    return score, (label == positive).astype(np.float64)


def _wilson(came: NDArray[Any]) -> tuple[float, float]:
    interval = stats.binomtest(int(came.sum()), len(came)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _student(came: NDArray[Any]) -> tuple[float, float]:
    reach = float(stats.t.ppf(_LEVEL, len(came) - 1) * came.std(ddof=1) / np.sqrt(len(came)))
    middle = float(came.mean())
    return middle - reach, middle + reach
