"""How unlikely a window is, if only what already happened inside the reference is going on.

How the alert budget is split, and the tests of shares; the distributions of columns are :mod:`monitors.drift`'s. All functions are pure
and vectorised over windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values, ratio

SPEND = 0.6  # of the alert budget; the rest is margin
#: How what is spent on warnings is split: columns' distributions, their shares, and what is about the table as a whole.
DRIFT_SHARE, SHARES_SHARE, TABLE_SHARE = 0.75, 0.15, 0.1
SHARE_TESTS = 2  # of a column: missing values, and new or out-of-range ones
#: How what is spent on pages is split: the headline metric over all rows at its scales, the same inside segments, the sequential
#: test on the loss, and estimates without labels. All ask whether the model got worse, so at most one alert of them is open at a time.
PAGE_WINDOWS, PAGE_SEGMENTS, PAGE_SEQUENCE, PAGE_ESTIMATE = 0.5, 0.2, 0.2, 0.1
LARGEST_P = 0.05  # however large the budget
#: Squared Jensen-Shannon distance of a shift by one standard deviation, for small ones: the information of a normal's location.
DISTANCE_OF_SHIFT = 1 / (8 * np.log(2))
NOTICES = 0.02  # false notices a window, over all context columns


@dataclass(frozen=True, slots=True)
class ShareNull:
    """A share (missing, unseen, out of range) in the reference's windows: mean, variance between windows beyond sampling."""

    mean: float
    tau2: float
    freedom: float


@dataclass(frozen=True, slots=True, eq=False)
class ShareNulls:
    """The same of several columns, each (columns, 1)."""

    mean: Values
    tau2: Values
    freedom: Values


@dataclass(frozen=True, slots=True, eq=False)
class ColumnNull:
    """What is shown beside one column's verdict, and what its shares do; the verdict's own null is a :class:`~monitors.drift_null.DriftNull`."""

    windows: int
    shares: Mapping[str, ShareNull]
    bands: Mapping[str, tuple[float, float]]  # natural variation of each check


@dataclass(frozen=True, slots=True)
class Levels:
    """How many false alarms each question may raise a window, so that a year of windows keeps to the alert budget.

    ``warning`` is for one column whose drift can warn (feature, prediction, score), ``notice`` for one of context, which never does;
    ``table`` is for the checks of the table as a whole and of the team's own together; ``page`` is for harm, all ways to find it
    together, and is split over these ways.
    """

    warning: float
    notice: float
    table: float
    page: float

    @property
    def page_windows(self) -> float:
        """False pages a window from the headline metric over all rows, over all of its scales."""
        return PAGE_WINDOWS * self.page

    @property
    def page_segments(self) -> float:
        """False pages a window from the headline metric inside segments, over all segments and scales."""
        return PAGE_SEGMENTS * self.page

    @property
    def page_sequence(self) -> float:
        """False pages a window (a step) from the sequential test: its average run length is at least 1 / this many steps."""
        return PAGE_SEQUENCE * self.page

    @property
    def page_estimate(self) -> float:
        """False pages a window from performance estimated without labels."""
        return PAGE_ESTIMATE * self.page

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


def share_p_values(
    null: ShareNull | ShareNulls,
    share: Values,
    n: NDArray[np.int64],
    n_reference: float | Values,
    windows: int | Values,
    tau2: float | Values | None = None,
) -> Values:
    """Return two-sided p-values of a share against the reference's: two proportions, widened by natural variation.

    Where only a few rows are concerned the normal approximation is far too sure of itself: the p-value is never below twice
    the binomial tail, at the reference's share with one more such row (Agresti and Coull 1998). ``tau2``: the variance between means over
    as many windows as ``n`` is of, where that is not one. Shapes broadcast: one column's windows, or (columns, windows).
    """
    pooled = ratio(share * n + null.mean * n_reference, n + n_reference)
    sampling = pooled * (1 - pooled) * (ratio(np.ones(()), n) + 1 / np.maximum(n_reference, 1.0))
    deviation = np.sqrt(np.maximum(sampling + (null.tau2 if tau2 is None else tau2) + null.tau2 / windows, 0.0))
    gap = np.abs(share - null.mean)
    t = np.divide(gap, deviation, out=np.where(gap > 0, np.inf, 0.0), where=deviation > 0)
    approximate = 2 * special.stdtr(null.freedom, -t)
    usual = (null.mean * n_reference + 1) / (n_reference + 2)
    concerned = np.rint(np.nan_to_num(share) * n)
    tail = np.zeros(np.shape(share))
    more = share > usual
    if more.any():
        many, of, rate = (part[more] for part in np.broadcast_arrays(concerned, n, usual))
        tail[more] = 2 * special.bdtrc(many - 1, of, rate)
    return np.asarray(np.where(np.isnan(share), np.nan, np.fmax(approximate, tail)))


def sampling_divergence(reference_cells: NDArray[np.int64], n: NDArray[Any], n_reference: NDArray[Any]) -> Values:
    """Return the squared Jensen-Shannon distance that chance alone gives between samples of ``n`` and ``n_reference`` rows.

    (1/n + 1/m) times the sum of (1 - p) / (8 ln 2), after the second-order expansion of the divergence (Lin 1991); a
    cell too rare for it counts at most half of its share, its value when one side is empty.
    """
    p = reference_cells / np.maximum(reference_cells.sum(axis=-1, keepdims=True), 1)
    noise = np.where((n > 0) & (n_reference > 0), 1 / np.maximum(n, 1) + 1 / np.maximum(n_reference, 1), 0.0)
    per_cell = np.minimum((1 - p) * noise[..., None] / (8 * np.log(2)), p / 2)
    return np.asarray(per_cell.sum(axis=-1))
