"""Twenty features of mixed type: what they are distributed as, and how a shift of a day moves them.

Shifts are in standard deviations. Normal and heavy-tailed numbers move additively; skewed and bounded ones through the normal variable
they are made of, so that prices stay positive and shares below one (or, as a stress, additively all the same: then values leave the
range they had). Poisson counts move by their rate, categories by the logarithm of their share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = NDArray[np.float64]
Family = Literal["normal", "lognormal", "student", "uniform", "exponential", "poisson", "boolean", "levels"]

DEGREES = 3.0  # of freedom of the heavy-tailed family
RELATIVE = 2.0  # a category's share moves by this part of itself times the day effect: 10 % for a jitter of 0.05
MOST_RELATIVE = 10.0  # bursty categories move by the standard deviation of their share, rare ones by this part at most
NEW = "new"  # the category that new_category drift brings


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. ``size``: sigma of the lognormal, rate of the Poisson, share of true, number of levels.

    ``additive``: shifts are added to the values of a skewed or bounded feature too. ``bursty``: rare categories come and go.
    """

    name: str
    family: Family
    size: float = 1.0
    missing: float = 0.0
    additive: bool = False
    bursty: bool = False

    @property
    def latent(self) -> bool:
        """Whether shifts move the normal variable behind the values."""
        return self.family in ("lognormal", "uniform", "exponential") and not self.additive

    @property
    def type(self) -> Literal["numeric", "categorical", "boolean"]:
        """Column type as it is declared."""
        return {"boolean": "boolean", "levels": "categorical"}.get(self.family, "numeric")  # type: ignore[return-value]

    @property
    def effects(self) -> int:
        """Number of day effects: one, or one a level."""
        return int(self.size) if self.family == "levels" else 1

    @property
    def sd(self) -> float:
        """Standard deviation of the values."""
        match self.family:
            case "lognormal":
                return float(np.sqrt((np.exp(self.size**2) - 1) * np.exp(self.size**2)))
            case "student":
                return float(np.sqrt(DEGREES / (DEGREES - 2)))
            case "uniform":
                return float(np.sqrt(1 / 12))
            case "poisson":
                return float(np.sqrt(self.size))
            case "boolean":
                return float(np.sqrt(self.size * (1 - self.size)))
            case _:
                return 1.0

    @property
    def middle(self) -> float:
        """The point about which dispersion grows: the median."""
        return {"uniform": 0.5, "exponential": float(np.log(2)), "lognormal": 1.0}.get(self.family, 0.0)

    @property
    def names(self) -> list[str]:
        """The categories of a boolean or nominal feature, most frequent first."""
        if self.family == "boolean":
            return ["false", "true"]
        return [f"level {index:02d}" for index in range(int(self.size))]

    def shares(self) -> Values:
        """Return the usual share of each category (Zipf with exponent 1)."""
        if self.family == "boolean":
            return np.array([1 - self.size, self.size])
        weights = 1 / np.arange(1, int(self.size) + 1)
        return np.asarray(weights / weights.sum())


_MIX: tuple[Feature, ...] = (
    Feature("normal_a", "normal"),
    Feature("normal_b", "normal"),
    Feature("normal_gaps", "normal", missing=0.02),
    Feature("price", "lognormal", 0.8),
    Feature("income", "lognormal", 1.2, missing=0.02),
    Feature("return_a", "student"),
    Feature("return_b", "student"),
    Feature("uniform_a", "uniform"),
    Feature("uniform_b", "uniform"),
    Feature("waiting", "exponential", missing=0.1),
    Feature("rare_count", "poisson", 0.5),
    Feature("count", "poisson", 3.0),
    Feature("large_count", "poisson", 40.0),
    Feature("flag", "boolean", 0.5),
    Feature("rare_flag", "boolean", 0.05),
    Feature("plan", "levels", 3, missing=0.02),
    Feature("region", "levels", 6),
    Feature("channel", "levels", 12),
    Feature("product", "levels", 25),
    Feature("city", "levels", 50),
)
PAIR = ("normal_a", "normal_b")  # correlated within a day; a correlation flip turns the sign


def features(columns: int = 20, *, additive: bool = False, bursty: bool = False) -> tuple[Feature, ...]:
    """Return ``columns`` features: the twenty, repeated under numbered names."""
    found = []
    for index in range(columns):
        again, place = divmod(index, len(_MIX))
        feature = replace(_MIX[place], additive=additive, bursty=bursty)
        found.append(feature if again == 0 else replace(feature, name=f"{feature.name}_{again + 1}"))
    return tuple(found)


def below(feature: Feature, x: Values, shift: Values, spread: Values) -> Values:
    """Return P(value <= x) for edges ``x`` (cells,) on days of ``shift`` and ``spread`` (days,): shape (days, cells)."""
    if feature.family == "poisson":
        rate = poisson_rate(feature, shift)[:, None]
        whole = np.floor(x)[None, :]
        return np.asarray(np.where(whole < 0, 0.0, special.pdtr(np.maximum(whole, 0), rate)))
    centre = feature.middle
    moved = 0.0 if feature.latent else (shift * feature.sd)[:, None]
    upto = _cdf(feature, (x[None, :] - centre - moved) / spread[:, None] + centre)
    return np.asarray(special.ndtr(special.ndtri(upto) - shift[:, None])) if feature.latent else upto


def poisson_rate(feature: Feature, shift: Values) -> Values:
    """Return the rate on days of ``shift`` standard deviations."""
    return np.asarray(np.maximum(feature.size + shift * np.sqrt(feature.size), 1e-3))


def _cdf(feature: Feature, x: Values) -> Values:
    positive = np.maximum(x, 1e-300)
    match feature.family:
        case "normal":
            return np.asarray(special.ndtr(x))
        case "lognormal":
            return np.where(x <= 0, 0.0, special.ndtr(np.log(positive) / feature.size))
        case "student":
            return np.asarray(special.stdtr(DEGREES, x))
        case "uniform":
            return np.clip(x, 0.0, 1.0)
        case "exponential":
            return np.asarray(-np.expm1(-np.maximum(x, 0.0)))
        case _:
            raise ValueError(f"feature {feature.name!r} of family {feature.family!r} has no order")


def quantile(feature: Feature, u: Values, shift: float, spread: float) -> Values:
    """Return the values at probabilities ``u`` on one day: the inverse of :func:`below`."""
    u = np.clip(u, 1e-15, 1 - 1e-15)
    if feature.latent:
        u, shift = np.clip(special.ndtr(special.ndtri(u) + shift), 1e-15, 1 - 1e-15), 0.0
    if feature.family == "poisson":
        rate = float(poisson_rate(feature, np.array([shift]))[0])
        table = special.pdtr(np.arange(int(rate + 12 * np.sqrt(rate) + 20)), rate)
        return np.asarray(np.searchsorted(table, u), dtype=np.float64)
    match feature.family:
        case "normal":
            base = special.ndtri(u)
        case "lognormal":
            base = np.exp(feature.size * special.ndtri(u))
        case "student":
            base = np.asarray(special.stdtrit(DEGREES, u), dtype=np.float64)
        case "uniform":
            base = u
        case "exponential":
            base = -np.log1p(-u)
        case _:
            raise ValueError(f"feature {feature.name!r} of family {feature.family!r} has no order")
    return np.asarray(feature.middle + spread * (base - feature.middle) + shift * feature.sd)


def draw(feature: Feature, rng: np.random.Generator, n: int, shift: float, spread: float = 1.0) -> Values:
    """Draw ``n`` numbers of one day."""
    if feature.latent:
        return quantile(feature, special.ndtr(rng.standard_normal(n)), shift, spread)
    match feature.family:
        case "normal":
            base = rng.standard_normal(n)
        case "lognormal":
            base = np.exp(feature.size * rng.standard_normal(n))
        case "student":
            base = rng.standard_t(DEGREES, n)
        case "uniform":
            base = rng.random(n)
        case "exponential":
            base = rng.exponential(size=n)
        case _:
            return rng.poisson(float(poisson_rate(feature, np.array([shift]))[0]), n).astype(np.float64)
    return np.asarray(feature.middle + spread * (base - feature.middle) + shift * feature.sd)


def level_shares(feature: Feature, effects: Values) -> Values:
    """Return the share of each category a day, shape (days, levels), for day effects of shape (days, feature.effects).

    Effects move the logarithms of the shares, alike for all categories, or for a bursty feature by sqrt((1 - p) / p), which makes the
    standard deviation of a share that of a row times the effect. The share of a flag moves by its own standard deviation.
    """
    p = feature.shares()
    if feature.family == "boolean":
        true = np.clip(p[1] + effects[:, 0] * feature.sd, 0.0, 1.0)
        return np.column_stack([1 - true, true])
    relative = np.minimum(np.sqrt((1 - p) / p), MOST_RELATIVE) if feature.bursty else np.full(len(p), RELATIVE)
    weights = p * np.exp(np.clip(effects * relative, -3, 3))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
