"""When a check on rows has found something: chance, and what the reference's own windows do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import special, stats

from monitors.multivariate._types import Found, Rows, RowsCheck, Sides

ENOUGH = 3  # reference windows from which natural variation is measured rather than assumed
MOST_WINDOWS = 12  # reference windows that are held against the rest
LEVEL = 0.001  # false notices of one check a window
_PRIOR_FREEDOM = 30.0


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


def natural_variation(
    check: RowsCheck, pieces: Sequence[Rows], names: tuple[str, ...], groups: Any, seed: Sequence[int]
) -> Natural:
    """Hold up to twelve of the reference's windows, evenly spaced, each against the rest without it.

    ``pieces``: the rows of each window. Windows that the check cannot use are left out; with fewer than three nothing was measured.
    """
    chosen = sorted({int(place) for place in np.linspace(0, len(pieces) - 1, MOST_WINDOWS)}) if pieces else []
    excess: list[float] = []
    chance: list[float] = []
    for place in chosen if len(pieces) >= ENOUGH else []:
        rng = np.random.default_rng([*seed, place])
        window = pieces[place][: check.most[1]]
        rest = spread([p for i, p in enumerate(pieces) if i != place], beside(check, len(window)), rng)
        try:
            found = check.compare(Sides(rest, window, names, groups), rng, False)
        except ValueError:
            continue
        scale = abs(found.expected) if check.relative else 1.0
        excess.append((found.value - found.expected) / max(scale, 1e-12))
        chance.append((found.sd / max(scale, 1e-12)) ** 2)
    if len(excess) < ENOUGH:
        return Natural(0, 0.0, check.prior**2, 0.0)
    chance2 = float(np.mean(chance))
    return Natural(len(excess), float(np.mean(excess)), max(float(np.var(excess, ddof=1)) - chance2, 0.0), chance2)


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
    """Return the p-value of a finding: Student's t with K - 1 degrees of freedom for K reference windows, or the skewed null of chance
    where that reaches further.

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
    sides = 2 if check.two_sided else 1
    p = min(1.0, sides * max(float(stats.t.sf(abs(z) if sides == 2 else z, freedom)), _skewed_tail(z, found.skew)))
    reach = max(float(stats.t.isf(level / sides, freedom)), _skewed_reach(level / sides, found.skew)) * sd
    matter = check.least * scale
    lower = usual - reach if sides == 2 else -np.inf
    upper = usual + reach
    low_side = sides == 2 and found.value < usual
    threshold = usual - max(reach, matter) if low_side else usual + max(reach, matter)
    return Judgement(
        p, usual, lower, upper, threshold, p < level, abs(found.value - usual) > matter and (sides == 2 or z > 0)
    )


def _skewed_tail(z: float, skew: float) -> float:
    """Return the upper tail of a standardised gamma distribution (Pearson's type III) of this skewness, 0 without one."""
    if skew < 1e-3:
        return 0.0
    shape = 4 / skew**2
    return float(special.gammaincc(shape, max(shape + z * np.sqrt(shape), 0.0)))


def _skewed_reach(level: float, skew: float) -> float:
    if skew < 1e-3:
        return 0.0
    shape = 4 / skew**2
    return float((special.gammainccinv(shape, level) - shape) / np.sqrt(shape))
