"""Matthews correlation coefficient."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio
from monitors.metrics._confusion import Confusion
from monitors.metrics._intervals import Interval, by_fisher
from monitors.types import Check, Values
from reference_data.profile import Profile


def mcc(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the correlation of labels and predictions; 0 where either is always the same, as in scikit-learn. Exact on listed pairs."""
    table = Confusion(outcomes)
    above, label, guess = _parts(table)
    value = np.nan_to_num(ratio(above, np.sqrt(label * guess)))
    return np.where(table.rows > 0, value, np.nan)


def _parts(table: Confusion) -> tuple[Values, Values, Values]:
    """Return n · hits - sum(t p), n² - sum(t²) and n² - sum(p²), for labels t and predictions p."""
    n = table.rows
    above = n * table.hits.sum(axis=-1) - (table.actual * table.predicted).sum(axis=-1)
    return above, n**2 - (table.actual**2).sum(axis=-1), n**2 - (table.predicted**2).sum(axis=-1)


def error(outcomes: Profile, positive: str | None) -> Values:
    """Return the standard error by the delta method."""
    table = Confusion(outcomes)
    _, label, guess = (part[..., None, None] for part in _parts(table))
    n, hits = table.rows[..., None, None], table.hits.sum(axis=-1)[..., None, None]
    actual, predicted = table.actual[..., :, None], table.predicted[..., None, :]
    opposite = table.predicted[..., :, None] + table.actual[..., None, :]  # of the count (i, j): p_i + t_j
    slope = hits + n * np.eye(len(table.classes)) - opposite
    gradient = ratio(slope, np.sqrt(label * guess))
    gradient -= mcc(outcomes, positive)[..., None, None] * (ratio(n - actual, label) + ratio(n - predicted, guess))
    return np.where(np.isnan(gradient).any(axis=(-2, -1)), np.nan, table.error(np.nan_to_num(gradient)))


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return the interval that is symmetric in artanh."""
    return by_fisher(mcc(outcomes, positive), error(outcomes, positive))


CHECK = Check(
    name="mcc",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="statistic",
    direction="lower_is_worse",
    summary="Correlation of labels and predictions: 1 all right, 0 no better than chance.",
    citation="Gorodkin (2004), Comparing two K-category assignments by a K-category correlation coefficient, Comput. Biol. Chem. 28.",
    outcome_function=mcc,
    error_function=error,
    interval_function=interval,
    shown=False,
    title="Matthews correlation",
)
