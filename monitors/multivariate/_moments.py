"""The Fréchet distance of means and covariances of all rows, and what it is by chance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reference_data.vector_moments import VectorMoments

_DRAWS = 32
_GRID = 4  # sizes are rounded to this many steps a doubling, and the rest is scaled
MOST_SKEW = 2.0  # an exponential distribution's
_NOTHING = 1e-12  # of the largest eigenvalue: below it a direction holds no variance
_SEED = 20_250_102


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The reference's covariance by its principal directions: variances (d,) in descending order, and the directions as columns (d, d)."""

    variances: NDArray[np.float64]
    directions: NDArray[np.float64]

    @classmethod
    def of(cls, moments: VectorMoments) -> Spread:
        """Decompose a covariance."""
        variances, directions = np.linalg.eigh(moments.covariance)
        return cls(np.maximum(variances[::-1], 0.0), directions[:, ::-1])

    @property
    def total(self) -> float:
        """Sum of the variances."""
        return float(self.variances.sum())

    @property
    def root(self) -> NDArray[np.float64]:
        """A factor F (d, d) of the covariance F Fᵀ."""
        return np.asarray(self.directions * np.sqrt(self.variances))


def distance(base: VectorMoments, now: VectorMoments, base_spread: Spread | None = None) -> float:
    """Return |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½), the squared Fréchet distance of two normal distributions (Dowson and Landau 1982).

    With C = F Fᵀ the trace of the root is the sum of the singular values of F1ᵀ F2, which needs no root of a matrix.
    """
    one, two = base_spread or Spread.of(base), Spread.of(now)
    gap = base.mean - now.mean
    shared = float(np.linalg.svd(one.root.T @ two.root, compute_uv=False).sum())
    return float(gap @ gap + one.total + two.total - 2 * shared)


@dataclass(frozen=True, slots=True)
class Tails:
    """How vectors differ from a normal distribution's: by how much more the distance is by chance, and variance and third cumulant of what one row adds."""

    heavier: float = 1.0
    variance: float = 0.0
    third: float = 0.0

    @classmethod
    def of(cls, rows: NDArray[np.float64], mean: NDArray[np.float64], spread: Spread) -> Tails:
        """Learn from rows (n, d).

        To second order the distance is the squared length of a mean of independent rows: of y in principal directions with the variances v, and of
        y_i y_j / (2 (v_i + v_j))^½. Var(y_i y_j) is v_i v_j of a normal distribution, and twice that for i = j. A row's own squared length is what it adds
        alone, divided by n²: rows that add much make the distance vary by more, and to the right.
        """
        kept = spread.variances > _NOTHING * max(float(spread.variances[0]), 1e-300)
        v = spread.variances[kept]
        if not len(v):
            return cls()
        y = (rows - mean) @ spread.directions[:, kept]
        squares, both = y**2, v[:, None] + v[None, :]
        observed = squares.T @ squares / len(y) - (y.T @ y / len(y)) ** 2
        normal = np.outer(v, v) * (1 + np.eye(len(v)))
        half = (observed / both).sum() / 2, (normal / both).sum() / 2
        adds = squares.sum(axis=1) + ((squares @ (1 / both)) * squares).sum(axis=1) / 2
        off = adds - adds.mean()
        return cls(float((v.sum() + half[0]) / (v.sum() + half[1])), float((off**2).mean()), float((off**3).mean()))


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """Mean, standard deviation and skewness of the distance between samples of one distribution with these variances.

    It grows with one over the rows and with the dimensions (Chong and Forsyth 2020, Effectively unbiased FID), and where there are fewer rows than
    dimensions by no simple rule: so covariances are drawn (Wishart; Odell and Feiveson 1966), and ``tails`` correct for rows that are not normal.
    """

    variances: NDArray[np.float64]
    tails: Tails = Tails()
    _known: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)

    def __call__(self, base: int, now: int) -> tuple[float, float, float]:
        """Return these for samples of two sizes. The skewness is a gamma distribution's, as of a sum of squares, and what single rows add."""
        steps = _step(base), _step(now)
        if steps not in self._known:
            self._known[steps] = self._drawn(*(_size(step) for step in steps))
        tails, scale = self.tails, (1 / base + 1 / now) / sum(1 / _size(step) for step in steps)
        mean, plain = (part * tails.heavier * scale for part in self._known[steps])
        variance = plain**2 + tails.variance * (1 / base**3 + 1 / now**3)
        third = 2 * plain**4 / max(mean, 1e-300) + tails.third * (1 / base**5 + 1 / now**5)
        return mean, float(np.sqrt(variance)), float(np.clip(third / max(variance, 1e-300) ** 1.5, 0.0, MOST_SKEW))

    def _drawn(self, base: int, now: int) -> tuple[float, float]:
        rng = np.random.default_rng([_SEED, base, now])
        root = np.sqrt(self.variances)
        found = []
        for _ in range(_DRAWS):
            one, two = (root[:, None] * _wishart_root(rng, n - 1, len(root)) / np.sqrt(n - 1) for n in (base, now))
            product = one.T @ two
            gram = product @ product.T if product.shape[0] <= product.shape[1] else product.T @ product
            shared = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0.0)).sum()
            gap = (rng.standard_normal(len(root)) ** 2 * self.variances).sum() * (1 / base + 1 / now)
            found.append(gap + (one**2).sum() + (two**2).sum() - 2 * shared)
        return float(np.mean(found)), float(np.std(found, ddof=1))


def _wishart_root(rng: np.random.Generator, freedom: int, d: int) -> NDArray[np.float64]:
    """Return A (d, columns) with A Aᵀ of a Wishart distribution of the identity: Bartlett's triangle, or the rows themselves where they are fewer."""
    if freedom < d:
        return rng.standard_normal((d, freedom))
    lower = np.tril(rng.standard_normal((d, d)), -1)
    return np.asarray(lower + np.diag(np.sqrt(rng.chisquare(freedom - np.arange(d)))))


def _step(n: int) -> int:
    return round(_GRID * float(np.log2(max(n, 2))))


def _size(step: int) -> int:
    return max(2, round(2 ** (step / _GRID)))
