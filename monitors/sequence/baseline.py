"""What the loss does when nothing is wrong: its mean in each of the reference's own windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.schema import Task
from reference_data.windows import WindowSpec

Loss = Literal["absolute error", "log loss", "error"]

#: Windows of less than the first share of the median one's labels are cut-off days, if they are no more than the second of all windows.
_SMALLEST, _FEW = 0.2, 0.1
_FARTHEST = 1e6  # scales from the mean beyond which a loss is no larger: one absurd prediction must not end a test whose sums have no number then
_LEAST_SCALE = 0.1  # error rate that a relative change of it is held to at least, as for the accuracy


@dataclass(frozen=True, slots=True, eq=False)
class LossBaseline:
    """The loss in the reference: mean, ``means`` and ``rows`` of its windows, variance between ``row_variance`` rows.

    ``scale`` is what a relative change is relative to; ``unit`` is the label's, or empty.
    """

    loss: Loss
    unit: str
    mean: float
    scale: float
    means: Values
    rows: Values
    row_variance: float

    @property
    def usual_rows(self) -> float:
        """Harmonic mean of the labelled rows a window."""
        return float(len(self.rows) / (1 / self.rows).sum())

    @property
    def most(self) -> float:
        """The largest mean loss that is told from larger ones."""
        return self.mean + _FARTHEST * (max(self.scale, self.sampling) or 1.0)

    @property
    def sampling(self) -> float:
        """Standard deviation of a window's mean by chance alone: days may vary by more, never by less."""
        variance = self.row_variance
        if self.loss == "error":  # a reference without a wrong answer may have had one
            rows = float(self.rows.sum())
            rate = (self.mean * rows + 0.5) / (rows + 1)
            variance = max(variance, rate * (1 - rate))
        return float(np.sqrt(variance / self.usual_rows))


def loss_of(reference: Reference, task: Task) -> Loss | None:
    """Return which loss a reference can say: the absolute error, the log loss where scores are logged, else whether an answer is wrong."""
    if reference.outcomes is None:
        return None
    names = reference.outcomes.layout.names
    if task == "regression":
        return "absolute error" if "absolute error" in names else None
    if task not in ("binary", "multiclass"):
        return None
    if "log loss" in names:
        return "log loss"
    return "error" if "correct" in names else None


def loss_sums(profile: Profile, loss: Loss) -> tuple[NDArray[np.int64], Values, Values]:
    """Return rows, mean and sum of squared deviations of a loss, with the profile's leading axes; the mean is NaN without rows."""
    column = profile.column("correct" if loss == "error" else loss)
    n = column.valid
    if loss != "error":
        assert column.mean is not None
        assert column.m2 is not None
        return n, np.where(n > 0, column.mean, np.nan), column.m2
    place = list(column.entry.bins.categories)
    wrong = n - (column.cells[..., place.index("true")] if "true" in place else 0)
    share = np.divide(wrong, n, out=np.full(n.shape, np.nan), where=n > 0)
    return n, share, np.nan_to_num(n * share * (1 - share))


def loss_baseline(reference: Reference, task: Task, window_spec: WindowSpec) -> LossBaseline | None:
    """Measure the loss in a reference's own windows; None when it has no labels to say it by."""
    loss = loss_of(reference, task)
    if loss is None:
        return None
    _, _, outcomes = reference.windows(window_spec)
    assert outcomes is not None
    n, means, squares = loss_sums(outcomes, loss)
    held = (n > 0) & np.isfinite(means) & np.isfinite(squares)
    if not held.any():
        return None
    cut_off = held & (n < _SMALLEST * np.median(n[held]))
    if cut_off.sum() <= _FEW * held.sum():  # a day in part says little, and would make all days look as uncertain
        held &= ~cut_off
    n, means, squares = n[held], means[held], squares[held]
    mean = float(means.mean())
    entry = outcomes.layout.entry("correct" if loss == "error" else loss)
    return LossBaseline(
        loss=loss,
        unit=(entry.column.unit or "") if loss != "error" else "share",
        mean=mean,
        scale=max(mean, _LEAST_SCALE) if loss == "error" else abs(mean),
        means=np.asarray(means, dtype=np.float64),
        rows=np.asarray(n, dtype=np.float64),
        row_variance=max(float(squares.sum()) / max(int(n.sum()) - len(n), 1), 0.0),
    )
