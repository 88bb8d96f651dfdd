"""Two-sample chi-square statistic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitors.checks._cells import Paired, merge_each, merged_chi_square, two_sample_chi_square
from monitors.checks._chance import ONCE_IN
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def _statistic(reference: ColumnProfile, current: ColumnProfile) -> tuple[Values, Values]:
    nominal = reference.entry.bins.kind == "nominal"
    return two_sample_chi_square(reference.cells, current.cells, nominal=nominal)


def chi_square(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the homogeneity statistic of both samples over cells merged until each expects at least 5 rows.

    It grows with the number of rows: read it beside its p-value. NaN where either side has no value in a cell.
    """
    return _statistic(reference, current)[0]


def chi_squares(reference: Sequence[ColumnProfile], current: Sequence[ColumnProfile]) -> list[Values]:
    """Return :func:`chi_square` of several columns in the same windows, whose cells are merged together."""
    paired = [
        Paired.of(base.cells, now.cells, nominal=base.entry.bins.kind == "nominal")
        for base, now in zip(reference, current, strict=True)
    ]
    groups = merge_each([one.expected for one in paired], [one.least for one in paired])
    return [
        merged_chi_square(*one.grouped(own))[0].reshape(now.rows.shape)
        for one, own, now in zip(paired, groups, current, strict=True)
    ]


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
    name="chi_square",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="statistic",
    direction="higher_is_worse",
    summary="Pearson's chi-square for two samples: how unlikely their difference is if both came from one source.",
    citation="Cochran (1954), Some methods for strengthening the common chi-square tests, Biometrics 10(4).",
    column_function=chi_square,
    columns_function=chi_squares,
    p_function=p_value,
    level_function=level,
    approximate="exact on the reference's cells, merged until each expects 5 rows",
    title="Chi-square statistic",
)
