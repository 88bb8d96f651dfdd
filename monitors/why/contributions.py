"""Column by column: what each column's own shift adds to the mean loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitors.why.rows import Grouping, Rows, Values

_FEWEST = 20  # rows of the reference from which its loss in a group is known
_RARE = 0.002  # and this share of its rows
_FURTHEST = 20.0  # a group may become so many times as frequent


@dataclass(frozen=True, slots=True)
class Contribution:
    """What the shift of one column adds to the mean loss, with its standard error; the group that adds most, in words."""

    column: str
    value: float
    error: float
    foremost: str
    before: float  # share of the foremost group in the reference
    now: float
    new: bool  # whether the reference hardly held that group

    @property
    def safe(self) -> float:
        """What is left of the value after a standard error."""
        return max(0.0, self.value - self.error)


def contributions(groupings: Sequence[Grouping], reference: Rows, current: Rows) -> list[Contribution]:
    """Return what each column's own shift adds, in the order of ``groupings``.

    Where the reference holds enough rows of a group, its loss there tells: rows weighted by the ratio of shares of that column alone. Where
    it holds hardly any (new categories, a range never seen, values missing for the first time), the group's present loss is held against that of the
    other current rows, so that a loss that rose everywhere is not put down to what is new.
    """
    return [_contribution(one, reference, current) for one in groupings]


def _contribution(grouping: Grouping, reference: Rows, current: Rows) -> Contribution:
    size = len(grouping.labels)
    then, now = grouping.codes(reference), grouping.codes(current)
    n, m = len(reference), len(current)
    held, came = np.bincount(then, minlength=size), np.bincount(now, minlength=size)
    before, after = held / n, came / m
    known = (held >= max(_FEWEST, _RARE * n)) & (after <= _FURTHEST * before)
    mean = float(reference.loss[known[then]].mean()) if known.any() else float(reference.loss.mean())
    loss = _means(then, reference.loss, held)
    parts = np.where(known, (after - before) * (loss - mean), 0.0)
    variance = _weighted_variance(reference.loss - mean, (after / np.maximum(before, 1 / n))[then] - 1, known[then])
    variance += float(np.var(np.where(known[now], loss[now] - mean, 0.0))) / m
    others = current.loss[known[now]]
    if len(others) >= _FEWEST:
        present = _means(now, current.loss, came)
        fresh = ~known & (came >= _FEWEST)
        parts = np.where(fresh, np.maximum(after - before, 0) * (present - others.mean()), parts)
        variance += float(np.var(current.loss[fresh[now]])) * float(after[fresh].sum()) / m if fresh.any() else 0.0
    top = int(np.argmax(parts))
    return Contribution(
        grouping.name, float(parts.sum()), math.sqrt(variance), grouping.words(top), float(before[top]),
        float(after[top]), not bool(known[top]),
    )  # fmt: skip


def _means(codes: np.ndarray, loss: Values, counts: np.ndarray) -> Values:
    sums = np.bincount(codes, weights=loss, minlength=len(counts))
    return np.asarray(sums / np.maximum(counts, 1))


def _weighted_variance(loss: Values, weights: Values, kept: np.ndarray) -> float:
    return float(np.mean(np.where(kept, weights * loss, 0.0) ** 2)) / len(loss)
