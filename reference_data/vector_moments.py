"""Count, mean and scatter of vectors: sums that merge exactly, of which a window's mean and covariance are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

MOST_DIMENSIONS = 512  # a covariance of so many numbers is a megabyte


@dataclass(frozen=True, slots=True, eq=False)
class VectorMoments:
    """``n`` vectors of ``d`` finite numbers: their mean (d,), and ``scatter`` (d, d), the sum of outer products of deviations from it.

    ``others`` had another length, ``broken`` held values that are no finite numbers: these are counted, and in no sum.
    """

    n: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    others: int = 0
    broken: int = 0

    @classmethod
    def of_rows(cls, rows: NDArray[np.float64], others: int = 0) -> VectorMoments:
        """Sum up vectors of one length, shape (rows, d); those that are not finite count as broken."""
        finite = np.isfinite(rows).all(axis=1)
        kept = rows if finite.all() else rows[finite]
        mean = kept.mean(axis=0) if len(kept) else np.zeros(rows.shape[1])
        centred = kept - mean
        return cls(len(kept), mean, centred.T @ centred, others, len(rows) - len(kept))

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        return len(self.mean)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance (d, d) with n - 1 below the line; zeros of one vector."""
        return self.scatter / max(self.n - 1, 1)

    def plus(self, other: VectorMoments) -> VectorMoments:
        """Return the moments of both together (Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm).

        Raises :class:`ValueError` when their vectors differ in length.
        """
        if other.dimensions != self.dimensions:
            raise ValueError(f"vectors of {other.dimensions} numbers cannot be added to those of {self.dimensions}")
        n, gap = self.n + other.n, other.mean - self.mean
        share = other.n / n if n else 0.0
        scatter = self.scatter + other.scatter + np.outer(gap, gap) * (self.n * share)
        return VectorMoments(
            n, self.mean + gap * share, scatter, self.others + other.others, self.broken + other.broken
        )

    def minus(self, part: VectorMoments) -> VectorMoments:
        """Return the moments of what is left without a part that was added before: :meth:`plus`, solved for its left side."""
        n = self.n - part.n
        if n <= 0:
            zeros = np.zeros(self.dimensions)
            return VectorMoments(0, zeros, np.outer(zeros, zeros))
        mean = self.mean + (self.mean - part.mean) * (part.n / n)
        gap = part.mean - mean
        scatter = self.scatter - part.scatter - np.outer(gap, gap) * (n * part.n / self.n)
        return VectorMoments(n, mean, scatter, self.others - part.others, self.broken - part.broken)

    def to_bytes(self) -> bytes:
        """Return mean and the upper triangle of the scatter by rows, as little-endian float64."""
        upper = self.scatter[np.triu_indices(self.dimensions)]
        return np.concatenate([self.mean, upper]).astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, dimensions: int, n: int, others: int, broken: int) -> VectorMoments:
        """Rebuild from :meth:`to_bytes`; raises :class:`ValueError` when there are not as many numbers as there must be."""
        if len(data) != packed_size(dimensions):
            raise ValueError(
                f"{len(data)} bytes are no moments of {dimensions} numbers; {packed_size(dimensions)} would be"
            )
        numbers = np.frombuffer(data, dtype="<f8").astype(np.float64)
        scatter = np.zeros((dimensions, dimensions))
        scatter[np.triu_indices(dimensions)] = numbers[dimensions:]
        return cls(n, numbers[:dimensions], scatter + scatter.T - np.diag(np.diag(scatter)), others, broken)


def packed_size(dimensions: int) -> int:
    """Return how many bytes :meth:`VectorMoments.to_bytes` gives."""
    return 8 * (dimensions + dimensions * (dimensions + 1) // 2)


def merged(moments: Iterable[VectorMoments]) -> VectorMoments | None:
    """Return the moments of all together, None of none."""
    found = list(moments)
    return reduce(VectorMoments.plus, found) if found else None
