"""Whether groups of people are treated alike: the widest gap of a metric between groups, told from chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy import special

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
    """The widest difference between two groups: ``high.value - low.value``, with a simultaneous 95 % interval over all pairs."""

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


def widest_gap(groups: Sequence[Group], least: int) -> Gap | None:
    """Return the pair of groups whose difference is the surest, of those with ``least`` rows or more; None with fewer than two.

    Each pair is a two-sided normal test; that it is the widest of many is paid for by Bonferroni's correction over the pairs, so that
    its interval holds for all of them together.
    """
    known = [g for g in groups if g.n >= least and math.isfinite(g.value) and math.isfinite(g.error)]
    pairs: list[tuple[Group, Group]] = list(combinations(known, 2))
    if not pairs:
        return None

    def surest(pair: tuple[Group, Group]) -> tuple[float, float]:
        gap, error = abs(pair[0].value - pair[1].value), math.hypot(pair[0].error, pair[1].error)
        return (gap / error if error > 0 else math.inf if gap else 0.0), gap

    best: tuple[Group, Group] = max(pairs, key=surest)
    low, high = sorted(best, key=lambda group: group.value)
    reach = float(-special.ndtri((1 - ALIKE) / 2 / len(pairs))) * math.hypot(low.error, high.error)
    gap = high.value - low.value
    return Gap(low, high, gap - reach, gap + reach)
