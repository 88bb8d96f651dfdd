"""Quantile losses, from the mean error and the mean absolute error."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.metrics._moments import centre_of_cells, error_of_mean, mean_of, ordered_column
from reference_data.profile import Profile


def pinball(outcomes: Profile, share: float) -> Values:
    """Return the mean of max(share · (label - prediction), (1 - share) · (prediction - label)) per window; exact.

    With e = prediction - label that is (|e| + (1 - 2 share) e) / 2.
    """
    return np.asarray(
        (mean_of(outcomes, "absolute error") + (1 - 2 * share) * mean_of(outcomes, "error given inputs")) / 2
    )


def pinball_error(outcomes: Profile, share: float) -> Values:
    """Return the standard error of :func:`pinball`; the covariance of e and |e| is read off the cells of e."""
    column, tilt = ordered_column(outcomes, "error given inputs"), 1 - 2 * share
    middles = centre_of_cells(column)
    signed = ratio((column.cells * middles * np.abs(middles)).sum(axis=-1), column.valid)
    covariance = signed - mean_of(outcomes, "absolute error") * mean_of(outcomes, "error given inputs")
    size, plain = error_of_mean(outcomes, "absolute error"), error_of_mean(outcomes, "error given inputs")
    shared = np.clip(ratio(covariance, column.valid), -size * plain, size * plain)
    return np.asarray(np.sqrt(np.maximum(size**2 + tilt**2 * plain**2 + 2 * tilt * shared, 0.0)) / 2)
