"""An e-detector on the mean loss of steps, with a guaranteed average run length.

Shin, Ramdas and Rinaldo (2023), "E-detectors: a nonparametric framework for sequential change detection", New England Journal of
Statistics in Data Science: a sum over all possible starts of a change of e-processes (Shiryaev-Roberts) is, without a change, no larger
on average than the number of steps; stopped when it reaches 1 / alpha it runs for 1 / alpha steps on average, and the chance
that it stops within n steps is at most n * alpha. The e-process of a start is a likelihood ratio, mixed over sizes of the change. What the reference
leaves open (mean, spread and memory of the steps) is averaged over what the reference and the steps say of it, in numerator and
denominator alike, with the right Haar prior that makes such a ratio an e-process whatever mean and spread are (Pérez-Ortiz, Lardy, de Heide and
Grünwald 2024, "E-statistics, group invariance and anytime-valid testing", Annals of Statistics).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitors.checks._cells import Values
from monitors.sequence.baseline import LossBaseline

#: Sizes of a change, in scales of a step, and their weights: large ones are found at once whatever they weigh, small ones have to add up.
SIZES = {
    0.5: 0.12,
    1.0: 0.24,
    2.0: 0.24,
    4.0: 0.16,
    8.0: 0.1,
    20.0: 0.06,
    50.0: 0.05,
    130.0: 0.02,
    350.0: 0.007,
    1000.0: 0.003,
}
TAILS = (
    5.0  # degrees of freedom of a step's noise: one wild day is no change; for normal noise the ratio stays within 2 %
)
MEMORY = ((0.0, 0.35), (0.25, 0.3), (0.5, 0.2), (0.75, 0.15))  # autocorrelations of steps, and their prior weights
ENOUGH = 3  # reference windows from which their spread is measured rather than assumed
PRIOR_SPREAD = 0.1  # assumed standard deviation between windows, relative to the loss
PRIOR_FREEDOM = 30.0
NORMAL_SCALE = 0.857  # scale of the t distribution that is nearest to the standard normal one
LASTING = 3  # steps that a rise beyond the tolerance lasts, where the evidence of a smaller one was there before
_POWER = (TAILS + 1) / 2  # 3: ratios of densities are cubes
_SIZES, _WEIGHTS = (np.asarray([*of]).reshape(-1, 1, 1, 1) for of in (SIZES.keys(), SIZES.values()))
_MEANS, _SPREADS = 61, 16
_MOST = 1e100


@dataclass(frozen=True, slots=True)
class Step:
    """The labels of one step: how many, and their mean loss."""

    n: int
    loss: float


@dataclass(frozen=True, slots=True)
class Found:
    """What the detector says at the end of a step.

    ``evidence`` is how many times likelier a change makes the steps, summed over when it began: an alarm at the threshold. ``mean``, ``since``: mean loss
    since the likeliest start, and that start's place among the steps. ``alarm``: it has fired and the loss is not back yet;
    ``first``: the place of the step in which it fired (that is kept in the step in which the loss is back); ``began``: that of the first step since the evidence was started anew.
    """

    evidence: float
    alarm: bool
    material: bool
    mean: float
    since: int
    first: int | None
    began: int


class EDetector:
    """The evidence that the mean loss has gone up, step by step."""

    def __init__(self, baseline: LossBaseline) -> None:
        """Learn from the reference's windows what is usual."""
        self._usual = baseline.usual_rows
        self._before: Values | None = None
        self._weights = self._grid(baseline)
        self._learn(baseline)
        self._prior = self._weights
        self.restart()

    def restart(self) -> None:
        """Forget all steps."""
        self._weights, self._before = self._prior, None
        self._sums = np.zeros((len(SIZES), *self._weights.shape))

    def add(self, n: float, loss: float) -> float:
        """Take one step's rows and mean loss; return the evidence."""
        here, narrow = self._take(n, loss)
        fits = 1 + here**2 / TAILS
        begins = _cubed(fits / (1 + (here - _SIZES / narrow) ** 2 / TAILS))
        goes_on = _cubed(fits / (1 + (here - _SIZES * (1 - self._memory) / narrow) ** 2 / TAILS))
        self._sums = np.minimum(self._sums * goes_on + begins, _MOST)
        chance = np.exp(self._weights - self._weights.max())
        return float(((self._sums * _WEIGHTS).sum(axis=0) * chance).sum() / chance.sum())

    def _take(self, n: float, loss: float) -> tuple[Values, Values]:
        """Weigh every mean, spread and memory by how well it explains a step; return by how many scales of its own the step is off, and these."""
        width = self._spread * np.sqrt(max(self._usual / n, 1.0))
        off = (loss - self._mean) / width
        narrow = np.ones_like(self._memory)
        here = off
        if self._before is not None:
            narrow = np.sqrt(1 - self._memory**2)
            here = (off - self._memory * self._before) / narrow
        self._before = off
        self._weights = self._weights - _POWER * np.log1p(here**2 / TAILS) - np.log(width * narrow)
        return here, narrow

    def _grid(self, baseline: LossBaseline) -> Values:
        """Lay a grid over what mean, scale and memory of the steps may be, dense where the reference puts them; return its prior weights."""
        k = len(baseline.means)
        measured = k >= ENOUGH
        apart = (
            float(baseline.means.std(ddof=1))
            if measured
            else np.hypot(baseline.sampling, PRIOR_SPREAD * baseline.scale)
        )
        least = max(baseline.sampling, 1e-9 * max(abs(baseline.mean), 1e-9))
        apart = max(apart, least)
        freedom = k - 1.0 if measured else PRIOR_FREEDOM
        low, high = np.exp(np.array([-3.0, 4.5]) / np.sqrt(2 * freedom)) * apart
        spread = NORMAL_SCALE * np.geomspace(max(low, least), max(high, 1.5 * least), _SPREADS)
        reach = 10 * apart / np.sqrt(k) * (1 + 4 / k)
        u = np.linspace(-2, 2, _MEANS)
        mean = baseline.mean + reach * np.sinh(u) / np.sinh(2)
        memory = np.array([value for value, _ in MEMORY])
        self._mean, self._spread, self._memory = (
            mean.reshape(-1, 1, 1),
            spread.reshape(1, -1, 1),
            memory.reshape(1, 1, -1),
        )
        prior = np.log(np.cosh(u)).reshape(-1, 1, 1) + np.log([weight for _, weight in MEMORY]).reshape(1, 1, -1)
        usual = NORMAL_SCALE * apart
        known = 0.0 if measured else -PRIOR_FREEDOM * (np.log(self._spread / usual) + (usual / self._spread) ** 2 / 2)
        return np.asarray(prior + known + np.zeros_like(self._spread))

    def _learn(self, baseline: LossBaseline) -> None:
        for mean, rows in zip(baseline.means.tolist(), baseline.rows.tolist(), strict=True):
            self._take(rows, mean)


def _cubed(x: Values) -> Values:
    return x * x * x


class SequentialTest:
    """The test over steps, one after the other.

    ``level`` is alpha, ``tolerance`` the relative change that is immaterial: beside the evidence, the mean loss since the change
    has to be beyond it. Steps of fewer than ``least`` rows wait for the next. Once it has fired it stays in alarm, with its highest evidence, until the loss is
    back: until the mean of the latest ``quiet`` steps is within the tolerance, and nearer to the reference than to what it was when it
    fired. Then the evidence starts anew.
    """

    def __init__(self, baseline: LossBaseline, level: float, tolerance: float, *, least: int, quiet: int) -> None:
        self._baseline, self._threshold, self._least, self._quiet = baseline, 1 / level, least, quiet
        self._most = baseline.most
        self._limit = baseline.mean + tolerance * baseline.scale
        self._detector = EDetector(baseline)
        self._steps: list[Step] = []
        self._waiting, self._total = 0, 0.0
        self._begin(0)

    def _begin(self, place: int) -> None:
        self._began, self._evidence, self._back = place, 0.0, self._limit
        self._first: int | None = None
        self._rise = _Rise((self._baseline.mean + self._limit) / 2, self._baseline.usual_rows)

    def add(self, step: Step) -> Found:
        """Take the next step; return what is found at its end."""
        place, step = len(self._steps), Step(step.n, min(step.loss, self._most))
        self._steps.append(step)
        self._rise.add(place, step)
        before = self._evidence
        self._gather(step)
        rise, material = self._rise, self._rise.mean > self._limit
        over = (
            self._first is not None
            and place - self._first >= self._quiet
            and _mean(self._steps[-self._quiet :]) <= self._back
        )
        # a small change that lasts, and one day of chance on top of it, is none
        told = before < self._threshold or place - rise.since >= LASTING - 1
        if self._first is None and self._evidence >= self._threshold and material and told:
            self._first, self._back = place, min(self._limit, (self._baseline.mean + rise.mean) / 2)
        alarm = self._first is not None and not over
        found = Found(self._evidence, alarm, material, rise.mean, rise.since, self._first, self._began)
        if over:
            self._detector.restart()
            self._begin(place + 1)
        return found

    def _gather(self, step: Step) -> None:
        self._waiting, self._total = self._waiting + step.n, self._total + step.n * step.loss
        if self._waiting >= self._least:
            now = self._detector.add(self._waiting, self._total / self._waiting)
            self._evidence = now if self._first is None else max(now, self._evidence)
            self._waiting, self._total = 0, 0.0


def detect(
    baseline: LossBaseline, steps: Sequence[Step], level: float, tolerance: float, *, least: int, quiet: int
) -> list[Found]:
    """Run :class:`SequentialTest` over steps in order; one result a step."""
    test = SequentialTest(baseline, level, tolerance, least=least, quiet=quiet)
    return [test.add(step) for step in steps]


def _mean(steps: Sequence[Step]) -> float:
    return sum(step.n * step.loss for step in steps) / max(sum(step.n for step in steps), 1)


class _Rise:
    """Where the cumulated excess of the loss over ``level`` rises from (Page 1954), and the mean loss since."""

    def __init__(self, level: float, usual_rows: float) -> None:
        self.level, self._usual = level, usual_rows
        self.since, self._height, self._rows, self._total = 0, 0.0, 0, 0.0

    def add(self, place: int, step: Step) -> None:
        if self._height <= 0:
            self.since, self._height, self._rows, self._total = place, 0.0, 0, 0.0
        self._height += (step.loss - self.level) * min(step.n / self._usual, 1.0)
        self._rows += step.n
        self._total += step.n * step.loss

    @property
    def mean(self) -> float:
        return self._total / self._rows if self._rows else float("nan")
