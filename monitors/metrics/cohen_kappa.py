"""Cohen's kappa."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio
from monitors.metrics._confusion import Confusion
from monitors.metrics._intervals import Interval, by_fisher
from monitors.types import Check, Values
from reference_data.profile import Profile


def cohen_kappa(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return (agreement - chance) / (1 - chance) of labels and predictions; NaN where chance alone agrees always. Exact on listed pairs."""
    agreed, chance = _shares(Confusion(outcomes))
    return ratio(agreed - chance, 1 - chance)


def _shares(table: Confusion) -> tuple[Values, Values]:
    agreed = ratio(table.hits.sum(axis=-1), table.rows)
    return agreed, ratio((table.actual * table.predicted).sum(axis=-1), table.rows**2)


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of Fleiss, Cohen and Everitt (1969), Psychol. Bull. 72(5): the delta method."""
    table = Confusion(outcomes)
    agreed, chance = (share[..., None, None] for share in _shares(table))
    n = table.rows[..., None, None]
    opposite = ratio(table.predicted[..., :, None] + table.actual[..., None, :], n)
    slope = np.eye(len(table.classes)) * (1 - chance) - (1 - agreed) * opposite
    gradient = ratio(ratio(slope, (1 - chance) ** 2), n)
    return np.where(np.isnan(gradient).any(axis=(-2, -1)), np.nan, table.error(np.nan_to_num(gradient)))


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return the interval that is symmetric in artanh."""
    return by_fisher(cohen_kappa(outcomes, positive), error(outcomes, positive))


CHECK = Check(
    name="cohen_kappa",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="statistic",
    direction="lower_is_worse",
    summary="Agreement of labels and predictions beyond that of chance: 1 all right, 0 no better than chance.",
    citation="Cohen (1960), A coefficient of agreement for nominal scales, Educ. Psychol. Meas. 20(1).",
    outcome_function=cohen_kappa,
    error_function=error,
    interval_function=interval,
    shown=False,
    title="Cohen's kappa",
)
