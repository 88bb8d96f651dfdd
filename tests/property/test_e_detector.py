"""What the sequential test promises: without a change, its evidence is no more on average than there were steps."""

from __future__ import annotations

import numpy as np
import pytest

from monitors.sequence.baseline import LossBaseline
from monitors.sequence.detector import EDetector

STEPS, SERIES = 20, 40


def series(kind: str, seed: int, windows: int) -> tuple[LossBaseline, np.ndarray]:
    """Return a reference of some windows and the steps after it, of one and the same making."""
    rng = np.random.default_rng([seed, windows, sum(map(ord, kind))])
    count = windows + STEPS
    if kind == "memory":
        noise = rng.standard_normal(count)
        for place in range(1, count):
            noise[place] = 0.5 * noise[place - 1] + np.sqrt(0.75) * noise[place]
    elif kind == "heavy tails":
        noise = rng.standard_t(4, count) / np.sqrt(2)
    elif kind == "few wrong answers":
        noise = (rng.binomial(40, 0.1, count) / 40 - 0.1) / 0.05
    else:
        noise = rng.standard_normal(count)
    values = 1 + 0.05 * noise
    means = values[:windows]
    held = LossBaseline("error", "share", float(means.mean()), 1.0, means, np.full(windows, 100.0), 0.1)
    return held, values[windows:]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "memory", "heavy tails", "few wrong answers"])
@pytest.mark.parametrize("windows", [6, 30])
def test_alarms_without_a_change_stay_within_the_promise(kind: str, windows: int) -> None:
    """The chance of ever reaching 1 / alpha within n steps is at most n alpha: here a fifth; and no more evidence than steps on average."""
    alpha = 0.01
    fired, last = 0, []
    for seed in range(SERIES):
        held, steps = series(kind, seed, windows)
        detector = EDetector(held)
        evidence = [detector.add(100, float(value)) for value in steps]
        fired += max(evidence) >= 1 / alpha
        last.append(min(evidence[-1], 1000.0))
    bound = STEPS * alpha
    assert fired / SERIES <= bound + 3 * np.sqrt(bound * (1 - bound) / SERIES)
    assert np.mean(last) <= 2 * STEPS
