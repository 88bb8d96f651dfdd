"""When a check on rows has found something: chance, and what the reference's own windows do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import special

from monitors.multivariate._types import Found, Rows, RowsCheck, Sides

ENOUGH = 3  # reference windows from which natural variation is measured rather than assumed
MOST_WINDOWS = 12  # reference windows that are held against the rest
LEVEL = 0.001  # false notices of one check a window
_PRIOR_FREEDOM = 30.0
_MOST_SKEW = 2.0  # an exponential distribution's
_AT_MOST = {"AUC": 0.999}  # a limit beyond which nothing could be told would switch a check off


@dataclass(frozen=True, slots=True)
class Natural:
    """What a check does between the reference's own windows: how many there were, their mean excess over what is expected by chance,
    the variance beyond chance, and that of chance itself.
    """

    windows: int
    bias: float
    tau2: float
    chance2: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)


#: (place of a window, a seeded generator) -> the rest of the reference and that window, in a form that nothing of the window has shaped
HeldOut = Callable[[int, np.random.Generator], Sides]


def natural_variation(check: RowsCheck, windows: int, held_out: HeldOut, seed: Sequence[int]) -> Natural:
    """Hold up to twelve of the reference's windows, evenly spaced, each against the rest without it.

    Windows that the check cannot use are left out; with fewer than three nothing was measured.
    """
    findings: list[Found] = []
    for place in spaced(windows):
        rng = np.random.default_rng([*seed, place])
        try:
            findings.append(check.compare(held_out(place, rng), rng, False))
        except ValueError:
            continue
    return natural_of(check, findings)


def spaced(windows: int) -> list[int]:
    """Return the places of the windows that are held against the rest: evenly spaced, none of too few."""
    if windows < ENOUGH:
        return []
    return sorted({int(place) for place in np.linspace(0, windows - 1, MOST_WINDOWS)})


def natural_of(check: RowsCheck, findings: Sequence[Found]) -> Natural:
    """Return the natural variation that findings between the reference's own windows show; assumed from fewer than three."""
    excess: list[float] = []
    chance: list[float] = []
    for found in findings:
        scale = abs(found.expected) if check.relative else 1.0
        excess.append((found.value - found.expected) / max(scale, 1e-12))
        chance.append((found.sd / max(scale, 1e-12)) ** 2)
    if len(excess) < ENOUGH:
        return Natural(0, 0.0, check.prior**2, 0.0)
    chance2 = float(np.mean(chance))
    return Natural(len(excess), float(np.mean(excess)), max(float(np.var(excess, ddof=1)) - chance2, 0.0), chance2)


def among(check: RowsCheck, pieces: Sequence[Rows]) -> HeldOut:
    """Return how each piece is held against the others, where their form depends on no other row."""

    def sides(place: int, rng: np.random.Generator) -> Sides:
        window = pieces[place][: check.most[1]]
        return Sides(spread([p for i, p in enumerate(pieces) if i != place], beside(check, len(window)), rng), window)

    return sides


def beside(check: RowsCheck, n: int) -> int:
    """Return how many reference rows are looked at beside ``n`` current ones: five times as many tell nearly all that more would."""
    return min(check.most[0], max(5 * n, 200))


def spread(pieces: Sequence[Rows], most: int, rng: np.random.Generator) -> Rows:
    """Return at most so many rows of all pieces together, each with the same chance, in random order."""
    rows = np.concatenate(list(pieces))
    return np.asarray(rows[rng.permutation(len(rows))[:most]])


@dataclass(frozen=True, slots=True)
class Judgement:
    """One finding against its null: ``usual`` is the middle of what is usual, ``lower`` and ``upper`` its ends."""

    p_value: float
    usual: float
    lower: float
    upper: float
    threshold: float
    significant: bool
    material: bool

    @property
    def drifted(self) -> bool:
        """Whether the change is beyond chance and nature, and large enough to matter."""
        return self.significant and self.material


def judge_found(check: RowsCheck, found: Found, natural: Natural, level: float = LEVEL) -> Judgement:
    """Return the p-value of a finding: Student's t with K - 1 degrees of freedom for K reference windows, on normal scores of a skewed null.

    The variance is that of chance in this window, plus the variance between windows, plus what their mean is uncertain by.
    """
    scale = abs(found.expected) if check.relative else 1.0
    chance = (found.sd / max(scale, 1e-12)) ** 2
    k = natural.windows
    freedom = float(k - 1) if k >= ENOUGH else _PRIOR_FREEDOM
    own = (natural.tau2 + natural.chance2) / k if k else 0.0
    sd = float(np.sqrt(chance + natural.tau2 + own)) * scale
    usual = found.expected + natural.bias * scale
    z = (found.value - usual) / max(sd, 1e-300)
    sides, skew = (2, 0.0) if check.two_sided else (1, _skew(found.skew, chance, natural))
    p = min(1.0, sides * float(special.stdtr(freedom, -(abs(z) if sides == 2 else _normal_score(z, skew)))))
    reach = _from_normal_score(float(-special.stdtrit(freedom, level / sides)), skew) * sd
    matter = check.least * scale
    least = max(reach, matter)
    lower, upper = usual - least if sides == 2 else -np.inf, usual + least
    capped = upper > _AT_MOST.get(check.unit, np.inf)
    if capped:
        upper = _AT_MOST[check.unit]
    threshold = lower if sides == 2 and found.value < usual else upper
    material = abs(found.value - usual) > matter and (sides == 2 or z > 0)
    beyond = capped and found.value > upper
    return Judgement(p, usual, lower, upper, threshold, p < level or beyond, material or beyond)


def _skew(own: float, chance: float, natural: Natural) -> float:
    """Return the skewness of the null: of chance in this window, and of a gamma distribution with the mean and variance of natural excess.

    Values that grow with the square of a shift are skewed to the right: so much the more, the fewer columns the shift is spread over.
    """
    tau = float(np.sqrt(natural.tau2))
    between = min(_MOST_SKEW, 2 * tau / natural.bias) if natural.bias > 0 else 0.0
    return float((own * chance**1.5 + between * tau**3) / max((chance + natural.tau2) ** 1.5, 1e-300))


def _normal_score(z: float, skew: float) -> float:
    """Return the standard normal quantile as unlikely as ``z`` of a standardised gamma distribution (Pearson's type III) of this skewness."""
    if skew < 1e-3:
        return z
    shape = 4 / skew**2
    tail = special.gammaincc(shape, max(shape + z * np.sqrt(shape), 0.0))
    return float(-special.ndtri(np.clip(tail, 1e-300, 1 - 1e-16)))


def _from_normal_score(score: float, skew: float) -> float:
    if skew < 1e-3:
        return score
    shape = 4 / skew**2
    return float((special.gammainccinv(shape, float(special.ndtr(-score))) - shape) / np.sqrt(shape))
