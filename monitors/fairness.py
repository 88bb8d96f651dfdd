"""Whether groups of people are treated alike: the widest gap of a metric between groups, told from chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy import special

from monitors.metrics._intervals import Z

#: The metrics that are told by group, by task: rates of what is decided, and of mistakes. ``selection_rate`` needs no labels.
BY_TASK: dict[str, tuple[str, ...]] = {
    "binary": ("selection_rate", "recall", "specificity", "precision", "accuracy"),
    "multiclass": ("accuracy",),
    "regression": ("mae", "bias"),
}
SELECTION = "selection_rate"
ALIKE = 0.95  # chance that no gap is told among groups that are alike


@dataclass(frozen=True, slots=True)
class Group:
    """A metric of one group, with its standard error; ``n`` are the rows it rests on."""

    name: str
    value: float
    error: float
    n: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between two groups: ``high.value - low.value``, with a simultaneous 95 % interval over all pairs."""

    low: Group
    high: Group
    lower: float
    upper: float

    @property
    def difference(self) -> float:
        """How far the two are apart, never below 0."""
        return self.high.value - self.low.value

    @property
    def ratio(self) -> float | None:
        """The smaller over the larger, as the four-fifths rule has it; None where that means nothing."""
        return self.low.value / self.high.value if self.low.value >= 0 and self.high.value > 0 else None

    @property
    def significant(self) -> bool:
        """Whether chance alone does not give so wide a gap."""
        return self.lower > 0


def sure_error(error: float, low: float, high: float) -> float:
    """Return the standard error of a share, no less than its 95 % score interval (Wilson 1927) implies.

    The plain one is 0 where nobody of a group, or everybody, is concerned: any gap would be beyond chance then (Newcombe 1998, Statistics in
    Medicine 17).
    """
    return max(error, (high - low) / (2 * Z)) if math.isfinite(high - low) else error


def widest_gap(groups: Sequence[Group], least: int) -> Gap | None:
    """Return the widest difference that chance alone does not give, among groups with ``least`` rows or more; None with fewer than two.

    Where there is none, the one that is nearest to it. Each pair is a two-sided normal test; that it is one of many is paid for by Bonferroni's correction over the pairs, so that all
    intervals hold together.
    """
    known = [g for g in groups if g.n >= least and math.isfinite(g.value) and math.isfinite(g.error)]
    pairs: list[tuple[Group, Group]] = list(combinations(known, 2))
    if not pairs:
        return None

    z = float(-special.ndtri((1 - ALIKE) / 2 / len(pairs)))
    gaps = [_gap(one, two, z) for one, two in pairs]
    told = [gap for gap in gaps if gap.significant]
    return max(told, key=lambda gap: gap.difference) if told else max(gaps, key=lambda gap: gap.lower)


def _gap(one: Group, two: Group, z: float) -> Gap:
    low, high = sorted((one, two), key=lambda group: group.value)
    reach = z * math.hypot(low.error, high.error)
    gap = high.value - low.value
    return Gap(low, high, gap - reach, gap + reach)
