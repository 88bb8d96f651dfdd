"""Means and spreads of outcome columns, NaN where a window has no rows."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.metrics._intervals import Interval, of_mean
from reference_data.profile import ColumnProfile, Profile

TRUTH = frozenset({"true", "1", "yes", "correct"})


def ordered_column(outcomes: Profile, name: str) -> ColumnProfile:
    """Return an ordered column; raises :class:`KeyError` where there is none."""
    column = outcomes.column(name)
    if column.mean is None:
        raise KeyError(f"column {name!r} is counted in categories, so it has no mean")
    return column


def mean_of(outcomes: Profile, name: str) -> Values:
    """Return the mean of an ordered column per window; raises :class:`KeyError` where there is none."""
    column = ordered_column(outcomes, name)
    return np.asarray(np.where(column.valid > 0, np.asarray(column.mean), np.nan), dtype=np.float64)


def mean_square_of(outcomes: Profile, name: str) -> Values:
    """Return the mean of the squares, mean² + M2 / n, per window; raises :class:`KeyError` where there is none."""
    column = ordered_column(outcomes, name)
    return np.asarray(mean_of(outcomes, name) ** 2 + ratio(np.asarray(column.m2), column.valid))


def error_of_mean(outcomes: Profile, name: str) -> Values:
    """Return the standard error of the mean of an ordered column, s / sqrt(n), per window; NaN below two rows."""
    column = ordered_column(outcomes, name)
    return np.asarray(ratio(column.std, np.sqrt(column.valid)))


def interval_of_mean(outcomes: Profile, name: str) -> Interval:
    """Return the interval of the mean of an ordered column per window by Student's t."""
    return of_mean(mean_of(outcomes, name), error_of_mean(outcomes, name), ordered_column(outcomes, name).valid)


def centre_of_cells(column: ColumnProfile) -> Values:
    """Return a value for each cell that its rows may be taken to have: its middle, or the value itself where it has only one.

    Shape (..., cells). The cells beyond the outermost edges lie between these and the smallest or largest value there is.
    """
    edges = np.asarray(column.entry.bins.edges, dtype=np.float64)
    low, high = np.asarray(column.minimum)[..., None], np.asarray(column.maximum)[..., None]
    if not len(edges):
        return np.where(np.isfinite(low + high), (low + high) / 2, 0.0)
    inner = edges[1:] if column.entry.bins.discrete else (edges[1:] + edges[:-1]) / 2
    first = np.where(np.isfinite(low), (np.minimum(low, edges[0]) + edges[0]) / 2, edges[0])
    last = np.where(np.isfinite(high), (np.maximum(high, edges[-1]) + edges[-1]) / 2, edges[-1])
    return np.concatenate([first, np.broadcast_to(inner, (*first.shape[:-1], len(inner))), last], axis=-1)


def error_of_squares(outcomes: Profile) -> Values:
    """Return the standard error of the mean squared error per window; from the cells of the error where its squares were not kept."""
    if "squared error" in outcomes.layout.names:
        return error_of_mean(outcomes, "squared error")
    column = ordered_column(outcomes, "error given inputs")
    fourth = ratio((column.cells * centre_of_cells(column) ** 4).sum(axis=-1), column.valid)
    variance = np.maximum(fourth - mean_square_of(outcomes, "error given inputs") ** 2, 0.0)
    return np.asarray(np.sqrt(ratio(variance, column.valid)))


def true_rows(outcomes: Profile, name: str) -> tuple[Values, Values]:
    """Return in how many rows a yes-or-no column is true, and of how many; raises :class:`KeyError` where there is none."""
    column = outcomes.column(name)
    if column.mean is not None:
        return np.asarray(mean_of(outcomes, name) * column.valid), column.valid.astype(np.float64)
    truth = np.asarray([category.lower() in TRUTH for category in column.entry.bins.categories], dtype=bool)
    cells = column.cells[..., : len(truth)]
    return cells[..., truth].sum(axis=-1).astype(np.float64), column.valid.astype(np.float64)


def share_true(outcomes: Profile, name: str) -> Values:
    """Return the share of rows in which a yes-or-no column is true; raises :class:`KeyError` where there is none."""
    return ratio(*true_rows(outcomes, name))
