"""Two samples of rows, nothing known of days: is what differs more than chance, and how much is it in standard deviations?"""

from __future__ import annotations

import numpy as np
from scipy import special

from monitors.checks._cells import Values, ratio, two_sample_chi_square
from monitors.drift_scores import FINEST, normal_scores
from monitors.evidence import DISTANCE_OF_SHIFT, sampling_divergence
from reference_data.profile import ColumnProfile


def two_sample_p(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the p-value of each window: twice the smaller of a rank test of location and of chi-square (Bonferroni).

    The reference has no leading axis, the current column (windows,). NaN for a window without values. The rank test is van der Waerden's
    on grouped data; chi-square is the two-sample one over merged cells (:func:`monitors.checks._cells.two_sample_chi_square`).
    """
    ordered = reference.entry.ordered
    statistic, freedom = two_sample_chi_square(
        reference.cells, current.cells, nominal=not ordered, finest=FINEST if ordered else None
    )
    some = freedom > 0
    p = special.chdtrc(np.where(some, freedom, 1.0), np.where(some, statistic, 0.0))
    chi = np.asarray(np.where(np.isnan(statistic), np.nan, p))
    shift = location_shift(reference, current)
    if shift is None:
        return chi
    z = np.abs(shift) / np.sqrt(ratio(np.ones(()), current.valid) + ratio(np.ones(()), reference.valid))
    return np.asarray(np.minimum(1.0, 2 * np.fmin(chi, 2 * special.ndtr(-z))))


def location_shift(reference: ColumnProfile, current: ColumnProfile) -> Values | None:
    """Return by how many standard deviations each window's normal scores differ; None where there is no order or no spread."""
    if not reference.entry.ordered:
        return None
    scores = normal_scores(reference.cells)
    before, now = (
        ratio((cells * scores).sum(axis=-1), cells.sum(axis=-1)) for cells in (reference.cells, current.cells)
    )
    square = ratio((reference.cells * scores**2).sum(axis=-1), reference.cells.sum(axis=-1))
    variance = float(np.nan_to_num(square - before**2))
    return np.asarray((now - before) / np.sqrt(variance)) if variance > 0 else None


def shift_between(reference: ColumnProfile, current: ColumnProfile, distance: Values) -> Values:
    """Return how far apart two samples are in standard deviations, beyond chance where it is not the location.

    The larger of the shift of location and of the one that would lead to the same Jensen-Shannon ``distance``, less what chance gives.
    """
    chance = sampling_divergence(reference.cells, current.valid, reference.valid)
    alike = np.sqrt(np.maximum(distance**2 - chance, 0.0) / DISTANCE_OF_SHIFT)
    shift = location_shift(reference, current)
    return np.asarray(alike if shift is None else np.fmax(alike, np.abs(shift)))


def distance_that_matters(reference: ColumnProfile, current: ColumnProfile, tolerance: float) -> Values:
    """Return the Jensen-Shannon distance from which on a difference is more than ``tolerance`` standard deviations beyond chance."""
    chance = sampling_divergence(reference.cells, current.valid, reference.valid)
    return np.asarray(np.sqrt(chance + DISTANCE_OF_SHIFT * tolerance**2))
