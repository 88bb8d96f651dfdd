"""From which evidence on a series of a column has moved: its critical values, over all series, scales and windows of a budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from monitors.checks._cells import Values
from monitors.drift_null import DriftNull
from monitors.drift_scores import Integers

_OF_LENGTH = 0.57  # episodes of false alarm that further scales add, by the logarithm of the longest: those in between see what others see


def all_episodes(null: DriftNull) -> float:
    """Return how many false episodes a window has over all of a null's scales, as :func:`monitors.drift.episodes` of one."""
    return 1 + _OF_LENGTH * float(np.log(null.scales[-1]))


def critical_values(null: DriftNull, levels: Values, scales: Sequence[int]) -> Values:
    """Return the z that each series must exceed at each scale: (scales, series)."""
    p = levels[null.scores.column] * null.scores.weight / all_episodes(null)
    found = np.empty((len(scales), len(p)))
    known: dict[bytes, Values] = {}  # all scales but the first have the same tails
    for place, scale in enumerate(scales):
        tail = null.tail_freedom(scale)
        if tail.tobytes() not in known:
            known[tail.tobytes()] = _critical(null, p, tail)
        found[place] = known[tail.tobytes()]
    return found


def _critical(null: DriftNull, p: Values, tail: Values) -> Values:
    (level, freedom, heavy, natural), where = _distinct(np.stack([p, null.freedom, tail, null.natural]))
    own = -special.stdtrit(freedom, level / 2)
    bounded = np.where(np.isfinite(heavy), heavy, 1e6)
    heavier = -special.stdtrit(bounded, level / 2) * np.sqrt((bounded - 2) / bounded) * natural
    return np.asarray(np.maximum(own, heavier)[where])


def _distinct(rows: Values) -> tuple[Values, Integers]:
    """Return the distinct columns of a few rows, and which of them each column is."""
    order = np.lexsort(rows)
    ordered = rows[:, order]
    new = np.append(True, (ordered[:, 1:] != ordered[:, :-1]).any(axis=0))[: len(order)]
    where = np.empty(len(order), dtype=np.int64)
    where[order] = np.cumsum(new) - 1
    return ordered[:, new], where
