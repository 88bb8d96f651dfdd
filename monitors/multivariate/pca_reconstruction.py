"""How badly the reference's principal components rebuild current rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._threads import one_thread
from monitors.multivariate._types import Driver, Found, RowsCheck, Sides, shares_of

_FOLDS = 4
KEPT = 0.65  # share of the variance that the components hold, as NannyML has it


def components(
    reference: NDArray[np.float64], kept: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean, spread and the principal directions (columns, kept) that hold :data:`KEPT` of the variance, but never all of them.

    ``kept``: how many instead.
    """
    mean, spread = reference.mean(axis=0), reference.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    scaled = (reference - mean) / spread
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    held = np.cumsum(values[::-1]) / max(float(values.sum()), 1e-300)
    kept = min(int(np.searchsorted(held, KEPT)) + 1, len(values) - 1) if kept is None else kept
    return mean, spread, vectors[:, ::-1][:, :kept]


def residuals(
    rows: NDArray[np.float64], fitted: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return what the components leave of standardised rows, shape (rows, columns)."""
    mean, spread, directions = fitted
    scaled = (rows - mean) / spread
    return np.asarray(scaled - (scaled @ directions) @ directions.T)


def _held_out(reference: NDArray[np.float64], kept: int) -> NDArray[np.float64]:
    """Return what is left of the reference's rows by components of the other rows: their own would flatter them."""
    fold = np.arange(len(reference)) % _FOLDS
    found = np.zeros_like(reference)
    for k in range(_FOLDS):
        found[fold == k] = residuals(reference[fold == k], components(reference[fold != k], kept))
    return found


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the mean Euclidean length of what is left; drivers are the inputs in which the squared rest changed most."""
    del rng
    assert sides.groups is not None
    if sides.current.shape[1] < 2:
        raise ValueError(
            "fewer than two columns vary in the reference, so nothing is said about how they belong together"
        )
    with one_thread():
        fitted = components(sides.reference)
        before, after = _held_out(sides.reference, fitted[2].shape[1]), residuals(sides.current, fitted)
    base, now = np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1)
    sd = float(base.std(ddof=1) * np.sqrt(1 / len(base) + 1 / len(now)))
    drivers: tuple[Driver, ...] = ()
    if explain:
        change = (after**2).mean(axis=0) - (before**2).mean(axis=0)
        drivers = shares_of(sides.names, np.abs(np.bincount(sides.groups, change, minlength=len(sides.names))))
    return Found(float(now.mean()), float(base.mean()), sd, drivers=drivers)


CHECK = RowsCheck(
    name="pca_reconstruction",
    target="rows",
    unit="distance",
    summary="Mean distance of rows from what the reference's principal components rebuild of them: it changes when columns no longer belong together as they did.",
    citation="Jackson and Mudholkar (1979), Control Procedures for Residuals Associated With Principal Component Analysis, Technometrics 21",
    compare=compare,
    most=(5000, 1000),
    least=0.03,
    prior=0.03,
    two_sided=True,
    relative=True,
    title="PCA reconstruction error",
)
