"""Maximum mean discrepancy with a Gaussian kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._threads import one_thread
from monitors.multivariate._types import Found

SHUFFLES = 100

Matrix = NDArray[np.float64]


def squared_distances(rows: Matrix) -> Matrix:
    """Return the squared Euclidean distance of every pair of rows."""
    square = (rows**2).sum(axis=1)
    found = square[:, None] + square[None, :] - 2 * rows @ rows.T
    return np.asarray(np.maximum(found, 0.0))


def bandwidth(distances: Matrix) -> float:
    """Return the median of the squared distances between different rows: the median heuristic of Gretton et al. (2012)."""
    upper = distances[np.triu_indices(len(distances), 1)]
    positive = upper[upper > 0]
    return float(np.median(positive)) if positive.size else 1.0


def unbiased(kernel: Matrix, m: int) -> float:
    """Return the unbiased estimate of the squared discrepancy (their equation 3); the first ``m`` rows are the reference."""
    n = len(kernel) - m
    xx, yy, xy = kernel[:m, :m], kernel[m:, m:], kernel[:m, m:]
    within = (xx.sum() - np.trace(xx)) / (m * (m - 1)) + (yy.sum() - np.trace(yy)) / (n * (n - 1))
    return float(within - 2 * xy.mean())


def shuffled(kernel: Matrix, m: int, rng: np.random.Generator) -> Matrix:
    """Return the estimate for random divisions of the same rows: what chance alone makes of it."""
    total = len(kernel)
    n = total - m
    sides = np.zeros((total, SHUFFLES))
    for k in range(SHUFFLES):
        sides[rng.permutation(total)[:m], k] = 1.0
    diagonal = np.diag(kernel)
    whole, ones = kernel.sum(), kernel @ sides
    xx = (sides * ones).sum(axis=0)
    xy = ones.sum(axis=0) - xx
    yy = whole - xx - 2 * xy
    trace = diagonal @ sides
    within = (xx - trace) / (m * (m - 1)) + (yy - (diagonal.sum() - trace)) / (n * (n - 1))
    return np.asarray(within - 2 * xy / (m * n))


def discrepancy(reference: Matrix, current: Matrix, rng: np.random.Generator) -> tuple[Found, Matrix, float]:
    """Return the squared discrepancy with its permutation null, the squared distances, and the bandwidth (of the reference alone).

    Raises :class:`ValueError` with fewer than two rows on a side.
    """
    m, n = len(reference), len(current)
    if min(m, n) < 2:
        raise ValueError("a discrepancy needs two rows on either side")
    with one_thread():
        distances = squared_distances(np.concatenate([reference, current]))
        width = bandwidth(distances[:m, :m])
        kernel = np.exp(-distances / width)
        null = shuffled(kernel, m, rng)
    sd = float(null.std(ddof=1))
    skew = float(((null - null.mean()) ** 3).mean() / sd**3) if sd > 0 else 0.0
    return Found(unbiased(kernel, m), 0.0, max(sd, 1e-12), max(skew, 0.0)), distances, width
