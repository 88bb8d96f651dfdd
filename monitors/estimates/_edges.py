"""How losses grow past the edges of what was learned from: trees say of such rows what they learned at the edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
OUTERMOST = (0.005, 0.995)  # quantiles of the reference beyond which hardly anything was learned
_PEELED = 0.05  # rows peeled off a side, at most, where the growth is measured
_WITHIN = 0.5  # share of rows within all inner edges
_LEAST_PAST = 50  # rows past an edge, to measure by


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Quantiles of numbers in a reference. ``at``: places of the inputs; ``scale``: the distance between their quartiles."""

    at: NDArray[np.intp]
    low: Numbers
    high: Numbers
    scale: Numbers

    def past(self, inputs: Numbers) -> Numbers:
        """Return how far rows (n, inputs) lie below and above the edges, in scales, of shape (n, 2 · edges); 0 for what is missing."""
        held = inputs[:, self.at]
        with np.errstate(invalid="ignore"):
            below, above = (self.low - held) / self.scale, (held - self.high) / self.scale
        return np.nan_to_num(np.maximum(np.hstack([below, above]), 0.0), nan=0.0)


def peeled(edges: int) -> tuple[float, float]:
    """Return the quantiles of inner edges, which stand for the outermost where the growth is measured: about half of the rows lie within."""
    share = min(_PEELED, (1 - _WITHIN ** (1 / max(edges, 1))) / 2)
    return share, 1 - share


def edges_of(inputs: Numbers, nominal: list[bool], relied: NDArray[np.bool_], quantiles: tuple[float, float]) -> Edges:
    """Return the edges of those numbers of ``inputs`` (n, inputs) that the losses turn on and that vary between their quartiles."""
    at = np.flatnonzero(relied & ~np.asarray(nominal, dtype=bool) & ~np.isnan(inputs).all(axis=0))
    quartile, low, high, other = (np.nanquantile(inputs[:, at], share, axis=0) for share in (0.25, *quantiles, 0.75))
    kept = other > quartile
    return Edges(at[kept], low[kept], high[kept], (other - quartile)[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """By how much of itself a loss grows with each scale past each edge, its standard error; measured up to ``most`` scales past it."""

    edges: Edges
    slope: Numbers
    error: Numbers
    most: Numbers

    def __call__(self, inputs: Numbers) -> Numbers:
        """Return the factors (n,), 1 and more, by which the losses of rows (n, inputs) are larger than at the edge.

        No row is taken for farther out than rows were when it was measured.
        """
        return np.asarray(1 + self._measured(inputs) @ self.slope)

    def unsure(self, inputs: Numbers, expected: Numbers) -> float:
        """Return the standard error of the factors of rows (n, inputs), as part of their mean ``expected`` loss (n,)."""
        share = expected @ self._measured(inputs) / max(float(expected.sum()), 1e-300)
        return float(np.sqrt(((share * self.error) ** 2).sum()))

    def farther(self, inputs: Numbers) -> float:
        """Return the share of rows (n, inputs) that lie farther past some edge than rows did when the growth was measured."""
        return float((self.edges.past(inputs) > self.most).any(axis=1).mean())

    def _measured(self, inputs: Numbers) -> Numbers:
        return np.minimum(self.edges.past(inputs), self.most)


def growth_of(loss: Numbers, expected: Numbers, distances: Numbers, edges: Edges) -> Growth:
    """Measure the growth by rows past inner edges: ``distances`` (n, 2 · edges), ``expected`` (n,) what rows within say of all.

    Least squares of what a loss is above the expected, by the expected times the distances; shrunk by how sure it is, and to none where it
    is within a standard error (James and Stein 1961, Estimation with quadratic loss; the positive part).
    """
    slope, error = np.zeros((2, distances.shape[1]))
    used = np.flatnonzero((distances > 0).sum(axis=0) >= _LEAST_PAST)
    if used.size:
        x = distances[:, used] * expected[:, None]
        inverse = np.linalg.pinv(x.T @ x)
        found = inverse @ (x.T @ (loss - expected))
        left = x * (loss - expected - x @ found)[:, None]
        error[used] = np.sqrt(
            np.diag(inverse @ (left.T @ left) @ inverse)
        )  # White (1980): whatever the spread of losses
        slope[used] = np.maximum(found - error[used] ** 2 / np.where(found > 0, found, np.inf), 0.0)
    return Growth(edges, slope, error, np.quantile(distances, 0.995, axis=0))
