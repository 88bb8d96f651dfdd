"""How far two clouds of embeddings are apart, as normal distributions: for images, the Fréchet inception distance.

Here it is of samples of rows. Where means and covariances of all rows are kept, it is of those (:mod:`monitors.judge_vectors`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._threads import one_thread
from monitors.multivariate._types import Found, RowsCheck, Sides
from monitors.multivariate._vectors import distances_of_halves

_SPLITS = 32  # their standard deviation is then known as well as a normal distribution's tail needs it


def frechet_distance(base: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Return |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½) of two sets of rows (n, dimensions), from their means and covariances.

    The trace of the root is the sum of singular values of the product of the centred rows, which needs no root of a matrix (and no
    covariance where there are fewer rows than dimensions).
    """
    gap = base.mean(axis=0) - now.mean(axis=0)
    one, two = (
        (rows - rows.mean(axis=0)) / np.sqrt(max(len(rows) - 1, 1)) for rows in (base, now)
    )  # covariance is one.T @ one
    if one.shape[1] < min(len(one), len(two)):  # the same singular values, of a smaller product
        upper = [np.asarray(np.linalg.qr(side, mode="r")) for side in (one, two)]
        product = upper[0] @ upper[1].T
    else:
        product = one @ two.T
    shared = float(np.linalg.svd(product, compute_uv=False).sum())
    return float(gap @ gap + (one**2).sum() + (two**2).sum() - 2 * shared)


def _quick(base: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Return :func:`frechet_distance` by eigenvalues, a few times faster; close to 0 it is off by what 1e-7 of the variance is."""
    one, two = ((rows - rows.mean(axis=0)) / np.sqrt(max(len(rows) - 1, 1)) for rows in (base, now))
    gap = base.mean(axis=0) - now.mean(axis=0)
    if one.shape[1] < min(len(one), len(two)):
        variances, directions = np.linalg.eigh(one.T @ one)
        product = two @ (directions * np.sqrt(np.maximum(variances, 0.0)))
        gram = product.T @ product
    else:
        product = one @ two.T
        gram = product @ product.T if len(one) <= len(two) else product.T @ product
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0.0)).sum()
    return float(gap @ gap + (one**2).sum() + (two**2).sum() - 2 * shared)


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the distance, and what it is between rows that were dealt anew to sides of these sizes.

    It is above 0 between samples of one distribution, by more the fewer rows and the more dimensions there are (Chong and Forsyth 2020,
    Effectively unbiased FID): so the value alone says nothing. By chance it is a sum of squares: taken as the gamma distribution with the
    mean and the deviation of the deals, and what so few deals leave open of their mean is added.
    """
    del explain
    with one_thread():
        expected, sd = distances_of_halves(sides, _quick, rng, _SPLITS)
        value = frechet_distance(sides.reference, sides.current)
    return Found(value, expected, sd * float(np.sqrt(1 + 1 / _SPLITS)), 2 * sd / max(expected, sd))


CHECK = RowsCheck(
    name="frechet_distance",
    target="embedding",
    unit="distance",
    summary="Distance of the normal distributions that have the means and covariances of both sides; of Inception's features, the FID.",
    citation="Heusel et al. (2017), GANs trained by a two time-scale update rule converge to a local Nash equilibrium, NeurIPS 30",
    compare=compare,
    most=(600, 600),
    least=0.1,
    prior=0.1,
    relative=True,
    title="Fréchet distance",
    sums=True,
)
