"""P(X) against P(Y|X): how much of a change of the loss other inputs account for, and how much a changed rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitors.why.fit import CLIP, LEAST, density_ratios, expected_loss
from monitors.why.rows import Rows, Values
from reference_data.profile import BinnedColumn

WIDTH = 1.96  # 95 %
LOW = 0.2  # overlap below which the split is a guess


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    error: float

    @property
    def lower(self) -> float:
        """Lower end."""
        return self.value - WIDTH * self.error

    @property
    def upper(self) -> float:
        """Upper end."""
        return self.value + WIDTH * self.error

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return abs(self.value) > WIDTH * self.error > 0 or (self.error == 0 and self.value != 0)


@dataclass(frozen=True, slots=True)
class Parts:
    """A change of the mean loss, taken apart. ``inputs`` and ``rule`` add up to ``change``.

    ``overlap``: effective share of the reference's rows once they are weighted like the current ones, times the share of current rows
    whose like the reference holds. ``context``: of ``rule``, what context columns that the model does not see account for beside its
    own inputs; None without such columns, or where they left the reference (``context_overlap`` below :data:`LOW`).
    """

    reference: float
    current: float
    change: Estimate
    inputs: Estimate
    rule: Estimate
    overlap: float
    context: Estimate | None
    context_overlap: float | None
    n_reference: int
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """The reference's rule on the current inputs: mean loss, with what each row adds to its error.

    ``of_reference`` (n,) and ``of_current`` (m,): influence of each row, both of mean zero. ``expected``: loss that each current row would have
    had; ``ratio``: how much likelier it is now than in the reference.
    """

    value: float
    of_reference: Values
    of_current: Values
    overlap: float
    expected: Values
    ratio: Values


def crossing(entries: Sequence[BinnedColumn], reference: Rows, current: Rows) -> Crossing:
    """Estimate the mean loss of the reference's rule on the current inputs, doubly robust.

    mean over current rows of m(x) + weighted mean over reference rows of (loss - m(x)), with m the reference's expected loss and
    weights the density ratios, both cross-fitted: right where either is (Robins, Rotnitzky, Zhao 1994; for covariate shift Chernozhukov et al.
    2018, "Double/debiased machine learning", and Reddi, Póczos, Smola 2015, "Doubly robust covariate shift correction").
    """
    inside, outside = expected_loss(entries, reference, current)
    then, now = density_ratios(entries, reference, current)
    weights = np.minimum(then, CLIP)
    effective = float(weights.sum() ** 2 / (len(weights) * (weights**2).sum()))
    covered = float(np.mean(now <= CLIP))
    weights = weights / weights.mean()
    left_over = weights * (reference.loss - inside)
    correction = float(left_over.mean())
    return Crossing(
        float(outside.mean()) + correction,
        left_over - weights * correction,
        outside - outside.mean(),
        min(1.0, effective * covered),
        outside,
        now,
    )


def change_parts(
    features: Sequence[BinnedColumn], context: Sequence[BinnedColumn], reference: Rows, current: Rows
) -> tuple[Parts, Crossing] | None:
    """Take the change of the mean loss apart; None below 100 rows on either side.

    X are the model's ``features``: a rule that changed for reasons the model cannot see is a changed rule to it. Intervals are of sampling
    alone, by influence functions, rows taken as independent.
    """
    if min(len(reference), len(current)) < LEAST:
        return None
    cross = crossing(features, reference, current)
    before, after = float(reference.loss.mean()), float(current.loss.mean())
    base, now = reference.loss - before, current.loss - after
    beside = overlap = None
    if context:
        both = crossing([*features, *context], reference, current)
        overlap = both.overlap
        if overlap >= LOW:
            beside = _estimate(
                both.value - cross.value, both.of_reference - cross.of_reference, both.of_current - cross.of_current
            )
    parts = Parts(
        reference=before,
        current=after,
        change=_estimate(after - before, base, now),
        inputs=_estimate(cross.value - before, cross.of_reference - base, cross.of_current),
        rule=_estimate(after - cross.value, cross.of_reference, now - cross.of_current),
        overlap=cross.overlap,
        context=beside,
        context_overlap=overlap,
        n_reference=len(reference),
        n=len(current),
    )
    return parts, cross


def _estimate(value: float, of_reference: NDArray[np.float64], of_current: NDArray[np.float64]) -> Estimate:
    error = math.sqrt(float(np.mean(of_reference**2)) / len(of_reference) + float(np.var(of_current)) / len(of_current))
    return Estimate(float(value), error)
