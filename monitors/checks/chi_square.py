"""Two-sample chi-square statistic."""

from __future__ import annotations

from monitors.checks._cells import two_sample_chi_square
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def chi_square(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the homogeneity statistic of both samples over cells merged until each expects at least 5 rows.

    It grows with the number of rows: read it beside its p-value. NaN where either side has no value in a cell.
    """
    nominal = reference.entry.bins.kind == "nominal"
    return two_sample_chi_square(reference.cells, current.cells, nominal=nominal)[0]


CHECK = Check(
    name="chi_square",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="statistic",
    direction="higher_is_worse",
    summary="Pearson's chi-square for two samples: how unlikely their difference is if both came from one source.",
    citation="Cochran (1954), Some methods for strengthening the common chi-square tests, Biometrics 10(4).",
    column_function=chi_square,
    title="Chi-square statistic",
)
