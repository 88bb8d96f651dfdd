"""G statistic: the likelihood-ratio test of homogeneity."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import expected_counts, merged_counts
from monitors.checks._chance import ONCE_IN
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def _statistic(reference: ColumnProfile, current: ColumnProfile) -> tuple[Values, Values]:
    """Return the statistic and its degrees of freedom, shape (...), over the cells that chi-square merges."""
    lead = np.broadcast_shapes(reference.cells.shape, current.cells.shape)[:-1]
    observed = merged_counts(reference.cells, current.cells, nominal=reference.entry.bins.kind == "nominal")
    statistic = np.zeros(len(observed[0]))
    for counts, expected in zip(observed, expected_counts(*observed), strict=True):
        quotient = np.divide(counts, expected, out=np.ones_like(counts), where=(counts > 0) & (expected > 0))
        statistic += 2 * (counts * np.log(quotient)).sum(axis=1)
    left, right = observed
    freedom = np.maximum(((left + right) > 0).sum(axis=1) - 1.0, 0.0)
    empty = (left.sum(axis=1) == 0) | (right.sum(axis=1) == 0)
    statistic[empty] = freedom[empty] = np.nan
    return np.maximum(statistic, 0.0).reshape(lead), freedom.reshape(lead)


def g_test(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return twice the log of the likelihood ratio, over cells merged until each expects at least 5 rows.

    It grows with the number of rows: read it beside its p-value. NaN where either side has no value in a cell.
    """
    return _statistic(reference, current)[0]


def p_value(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the upper tail of the chi-square distribution; 1 where one group of cells is left."""
    from scipy import special

    statistic, freedom = _statistic(reference, current)
    return np.asarray(np.where(freedom == 0, 1.0, special.chdtrc(freedom, statistic)))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the 99 % quantile of the chi-square distribution; NaN where one group of cells is left."""
    from scipy import special

    freedom = _statistic(reference, current)[1]
    return np.asarray(np.where(freedom > 0, special.chdtri(np.maximum(freedom, 1.0), ONCE_IN), np.nan))


CHECK = Check(
    name="g_test",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="statistic",
    direction="higher_is_worse",
    summary="The likelihood-ratio test for two samples: how unlikely their difference is if both came from one source.",
    citation="Woolf (1957), The log likelihood ratio test (the G-test), Annals of Human Genetics 21(4).",
    column_function=g_test,
    p_function=p_value,
    level_function=level,
    approximate="exact on the reference's cells, merged until each expects 5 rows",
    title="G statistic",
)
