"""How unlikely a window is, if only what already happened inside the reference is going on.

A :class:`ColumnNull` holds what a column does when nothing is wrong: sampling variation and the natural variation between the
reference's own windows. All functions are pure and vectorised over windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values, ratio, shares, two_sample_chi_square
from reference_data.profile import ColumnProfile

FINEST = 20  # groups of cells in the chi-square test of an ordered column: more only dilute it
SPEND = 0.6  # of the alert budget; the rest is margin
#: How what is spent on warnings is split: columns' distributions, their shares, and what is about the table as a whole.
DRIFT_SHARE, SHARES_SHARE, TABLE_SHARE = 0.75, 0.15, 0.1
SHARE_TESTS = 2  # of a column: missing values, and new or out-of-range ones
LARGEST_P = 0.05  # however large the budget
NOTICES = 0.02  # false notices a window, over all context columns


@dataclass(frozen=True, slots=True)
class ShareNull:
    """A share (missing, unseen, out of range) in the reference's windows: mean, variance between windows beyond sampling."""

    mean: float
    tau2: float
    freedom: float


@dataclass(frozen=True, slots=True, eq=False)
class ColumnNull:
    """What one column does when nothing is wrong. ``rows`` is the harmonic mean of the reference windows' sizes."""

    windows: int
    rows: float
    rest: float  # mean size of the reference without one window
    scores: Values | None  # location score of each cell; None for nominal columns
    score_variance: float
    location_tau2: float  # variance between windows beyond sampling, in score units
    location_freedom: float
    cell_effect: float  # design effect of the chi-square, at ``rows``
    cell_freedom: float
    divergence_excess: float  # squared Jensen-Shannon distance of a reference window beyond sampling
    shares: Mapping[str, ShareNull]
    bands: Mapping[str, tuple[float, float]]  # natural variation of each check


@dataclass(frozen=True, slots=True)
class Levels:
    """How many false alarms each question may raise a window, so that a year of windows keeps to the alert budget.

    ``warning`` is for one column whose drift can warn (feature, prediction, score), ``notice`` for one of context, which never does;
    ``table`` is for the checks of the table as a whole and of the team's own together; ``page`` is for performance.
    """

    warning: float
    notice: float
    table: float
    page: float

    def column(self, *, context: bool) -> float:
        """Return the level of a column's distribution, over all of its series and scales."""
        return DRIFT_SHARE * (self.notice if context else self.warning)

    def share(self, *, context: bool) -> float:
        """Return the level of one of a column's shares, over all of its scales."""
        return SHARES_SHARE / SHARE_TESTS * (self.notice if context else self.warning)


def levels(
    windows_per_year: float, warning_columns: int, notice_columns: int, pages_per_year: float, warnings_per_year: float
) -> Levels:
    """Split the budget evenly over a year's windows, and the warnings' part over the columns that can warn (Bonferroni).

    A fixed split, so that each reading's threshold follows from the declaration alone, whatever its neighbours do. Notices are not
    budgeted (they go to a digest): all context columns together get NOTICES false ones a window.
    """
    warning = SPEND * warnings_per_year / windows_per_year
    return Levels(
        warning=min(warning / max(warning_columns, 1), LARGEST_P),
        notice=NOTICES / max(notice_columns, 1),
        table=min(TABLE_SHARE * warning, LARGEST_P),
        page=min(SPEND * pages_per_year / windows_per_year, LARGEST_P),
    )


def normal_scores(cells: NDArray[np.int64]) -> Values:
    """Return the expected normal score of each cell, E[Z | cell], for reference counts (cells,).

    van der Waerden scores on grouped data: (phi(a) - phi(b)) / share between the cell's normal quantiles a and b. A cell that
    the reference left empty gets the quantile at its place, held inside half a row of either end.
    """
    n = max(float(cells.sum()), 1.0)
    share = cells / n
    upper = np.cumsum(share)
    low, high = special.ndtri(np.clip(upper - share, 0, 1)), special.ndtri(np.clip(upper, 0, 1))
    height = _density(low) - _density(high)
    place = special.ndtri(np.clip(upper - share / 2, 0.5 / n, 1 - 0.5 / n))
    return np.asarray(np.divide(height, share, out=np.asarray(place), where=share > 0), dtype=np.float64)


def _density(quantile: Values) -> Values:
    return np.asarray(np.exp(-0.5 * np.square(quantile)) / np.sqrt(2 * np.pi))


def location(scores: Values, cells: NDArray[np.int64]) -> Values:
    """Return the mean score of each profile, NaN for one without values."""
    return ratio((cells * scores).sum(axis=-1), cells.sum(axis=-1))


def column_p_values(null: ColumnNull, reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the p-value of each window: twice the smaller of the location test and the chi-square test (Bonferroni).

    The reference has no leading axis, the current column (windows,). NaN for a window without values. Sources: Rao and Scott
    (1981) for the design effect; the degrees of freedom of natural variation follow Smyth (2004), see calibration.
    """
    nominal = null.scores is None
    chi = _cells_p(null, reference, current, nominal=nominal)
    if null.scores is None or null.score_variance <= 0:
        return chi
    both = np.fmin(chi, _location_p(null, reference, current))
    return np.asarray(np.minimum(1.0, 2 * both))


def _location_p(null: ColumnNull, reference: ColumnProfile, current: ColumnProfile) -> Values:
    assert null.scores is not None
    shift = location(null.scores, current.cells) - location(null.scores, reference.cells)
    sampling = null.score_variance * (ratio(np.ones(()), current.valid) + ratio(np.ones(()), reference.valid))
    variance = sampling + null.location_tau2 * (1 + 1 / null.windows)
    t = np.abs(shift) / np.sqrt(variance)
    return np.asarray(2 * special.stdtr(null.location_freedom, -t))


def _cells_p(null: ColumnNull, reference: ColumnProfile, current: ColumnProfile, *, nominal: bool) -> Values:
    statistic, freedom = two_sample_chi_square(
        reference.cells, current.cells, nominal=nominal, finest=None if nominal else FINEST
    )
    effect = 1 + (null.cell_effect - 1) * _pair_size(current.valid, reference.valid) / _pair_size(null.rows, null.rest)
    # Satterthwaite, as if all natural variation went one way (a shift of location): few degrees of freedom, heavy tail
    excess = 1 + (effect - 1) * freedom
    numerator = (freedom * effect) ** 2 / np.maximum(freedom - 1 + excess**2, 1e-12)
    some = freedom > 0
    f = ratio(np.where(some, statistic, 0.0), np.where(some, freedom * effect, 1.0))
    p = special.fdtrc(np.where(some, np.maximum(numerator, 1.0), 1.0), null.cell_freedom, f)
    return np.asarray(np.where(np.isnan(statistic), np.nan, np.where(some, p, 1.0)))


def _pair_size(n: NDArray[np.int64] | float, m: NDArray[np.int64] | float) -> Values:
    """Return 1 / (1/n + 1/m), the size that a two-sample statistic grows with."""
    product, total = np.multiply(n, m, dtype=np.float64), np.add(n, m, dtype=np.float64)
    return np.asarray(np.divide(product, np.maximum(total, 1.0)))


def share_p_values(
    null: ShareNull,
    share: Values,
    n: NDArray[np.int64],
    n_reference: float,
    windows: int,
    tau2: float | None = None,
) -> Values:
    """Return two-sided p-values of a share against the reference's: two proportions, widened by natural variation.

    Where only a few rows are concerned the normal approximation is far too sure of itself: the p-value is never below twice
    the binomial tail, at the reference's share with one more such row (Agresti and Coull 1998). ``tau2``: the variance between means over
    as many windows as ``n`` is of, where that is not one.
    """
    pooled = ratio(share * n + null.mean * n_reference, n + n_reference)
    sampling = pooled * (1 - pooled) * (ratio(np.ones(()), n) + 1 / max(n_reference, 1.0))
    deviation = np.sqrt(np.maximum(sampling + (null.tau2 if tau2 is None else tau2) + null.tau2 / windows, 0.0))
    gap = np.abs(share - null.mean)
    t = np.divide(gap, deviation, out=np.where(gap > 0, np.inf, 0.0), where=deviation > 0)
    approximate = 2 * special.stdtr(null.freedom, -t)
    usual = (null.mean * n_reference + 1) / (n_reference + 2)
    concerned = np.rint(np.nan_to_num(share) * n)
    tail = np.where(share > usual, 2 * special.bdtrc(concerned - 1, n, usual), 0.0)
    return np.asarray(np.where(np.isnan(share), np.nan, np.fmax(approximate, tail)))


def sampling_divergence(reference_cells: NDArray[np.int64], n: NDArray[Any], n_reference: NDArray[Any]) -> Values:
    """Return the squared Jensen-Shannon distance that chance alone gives between samples of ``n`` and ``n_reference`` rows.

    (1/n + 1/m) times the sum of (1 - p) / (8 ln 2), after the second-order expansion of the divergence (Lin 1991); a
    cell too rare for it counts at most half of its share, its value when one side is empty.
    """
    p = np.nan_to_num(shares(reference_cells))
    noise = np.nan_to_num(ratio(np.ones(()), n) + ratio(np.ones(()), n_reference))
    per_cell = np.minimum((1 - p) * noise[..., None] / (8 * np.log(2)), p / 2)
    return np.asarray(per_cell.sum(axis=-1))


def divergence_beyond(null: ColumnNull, reference: ColumnProfile, current: ColumnProfile, distance: Values) -> Values:
    """Return the Jensen-Shannon distance that sampling and natural variation do not account for; never below 0."""
    expected = sampling_divergence(reference.cells, current.valid, reference.valid) + null.divergence_excess
    return np.asarray(np.sqrt(np.maximum(distance**2 - expected, 0.0)))


def divergence_threshold(
    null: ColumnNull, reference: ColumnProfile, current: ColumnProfile, tolerance: float
) -> Values:
    """Return the Jensen-Shannon distance above which a window differs materially.

    The larger of the tolerance on top of what is expected by chance and nature, and the end of the natural-variation band,
    both widened for windows smaller than the reference's.
    """
    sampling = sampling_divergence(reference.cells, current.valid, reference.valid)
    usual = sampling_divergence(reference.cells, np.asarray(null.rows), np.asarray(null.rest))
    upper = np.nan_to_num(null.bands.get("jensen_shannon", (0.0, 0.0))[1])
    natural = upper**2 + np.maximum(sampling - usual, 0.0)
    return np.asarray(np.sqrt(np.maximum(sampling + null.divergence_excess + tolerance**2, natural)))
