"""The sequential test beside river's own detectors, on the losses of a fixed model over river's streams with a known change.

A model learns the first days and is never trained again. The next ones are the reference; then come days without a change, on which every alarm is
false, and the change. river's detectors see the losses one by one from the reference's first row on, so that they are warm. They are run on their defaults, and
tuned: the least strict setting of a ladder that gives no more false alarms over all streams than the test does.

``python -m benchmarks.alarms.loss_streams --seeds 5``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.alarms.river_streams import STREAMS
from benchmarks.alarms.streams import learner
from monitors.evidence import levels
from monitors.sequence.baseline import LossBaseline
from monitors.sequence.detector import Step, detect
from monitors.sequence.river_detectors import DETECTORS, StreamDetector, chosen, fired

LEARNING, REFERENCE, QUIET, AFTER = 10, 30, 60, 14  # days
ROWS = 100  # a day
LARGE = 0.8  # quantile of the reference's losses beyond which one is an error, for detectors of errors
TOLERANCE, LEAST = 0.1, 30
#: From lax to strict: what each detector is tuned by.
LADDERS: Mapping[str, tuple[str, Sequence[float]]] = {
    "adwin": ("delta", (0.002, 1e-4, 1e-6, 1e-9, 1e-12, 1e-18)),
    "kswin": ("alpha", (0.005, 1e-6, 1e-9)),  # it is slow
    "page_hinkley": ("threshold", (50, 100, 200, 400, 800, 1600)),
    "ddm": ("drift_threshold", (3, 3.5, 4, 5, 6, 8)),
    "eddm": ("beta", (0.9, 0.8, 0.7, 0.6, 0.4, 0.2)),
    "hddm_a": ("drift_confidence", (1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 1e-14)),
    "hddm_w": ("drift_confidence", (1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 1e-14)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """The losses of one stream from the reference's first row on, (days · rows,), and whether each answer was wrong."""

    stream: str
    loss: NDArray[np.float64]
    wrong: NDArray[np.bool_]

    @property
    def change(self) -> int:
        """Place of the first row after the change."""
        return (REFERENCE + QUIET) * ROWS

    @property
    def watched(self) -> int:
        """Place of the first row after the reference."""
        return REFERENCE * ROWS


@dataclass(frozen=True, slots=True)
class Outcome:
    """Alarms before the change, and rows from the change to the first one after it (None: none)."""

    false: int
    delay: int | None


def losses(stream: str, seed: int, *, varying: bool) -> Losses:
    """Make one stream's losses. ``varying``: days differ by themselves, as those of any real service do: in some a few more answers are wrong."""
    task, before, after = STREAMS[stream]
    quiet = (LEARNING + REFERENCE + QUIET) * ROWS
    pairs = [*islice(iter(before(seed)), quiet), *islice(iter(after(seed)), AFTER * ROWS)]
    x = np.asarray([[float(value) for value in row.values()] for row, _ in pairs])
    y = np.asarray([label if task == "regression" else str(label) for _, label in pairs])
    learned = LEARNING * ROWS
    answers = learner(task).fit(x[:learned], y[:learned]).predict(x[learned:])
    rng = np.random.default_rng([seed, sum(map(ord, stream))])
    day = np.arange(len(answers)) // ROWS
    effect = rng.standard_normal(day[-1] + 1)[day] if varying else np.zeros(len(day))
    if task == "regression":
        loss = np.abs(answers - y[learned:]) * np.exp(0.1 * effect)
        return Losses(stream, loss, loss > np.quantile(loss[: REFERENCE * ROWS], LARGE))
    wrong = (answers != y[learned:]) | (rng.random(len(day)) < np.maximum(0.03 + 0.02 * effect, 0) * varying)
    return Losses(stream, wrong.astype(np.float64), wrong)


def ours(stream: Losses) -> Outcome:
    """Run the sequential test over days, at the level that the default budget gives it."""
    level = levels(365.25, 1, 1, 1.0, 1.0).page_sequence
    days = stream.loss.reshape(-1, ROWS)
    held = days[:REFERENCE]
    means = held.mean(axis=1)
    error = STREAMS[stream.stream][0] != "regression"
    baseline = LossBaseline(
        loss="error" if error else "absolute error",
        unit="",
        mean=float(means.mean()),
        scale=max(float(means.mean()), 0.1) if error else float(means.mean()),
        means=means,
        rows=np.full(REFERENCE, float(ROWS)),
        row_variance=float(held.var(axis=1, ddof=1).mean()),
    )
    steps = [Step(ROWS, float(mean)) for mean in days[REFERENCE:].mean(axis=1)]
    found = detect(baseline, steps, level, TOLERANCE, least=LEAST, quiet=2)
    firsts = sorted({step.first for step in found if step.first is not None})
    after = next((place for place, step in enumerate(found) if place >= QUIET and step.alarm), None)
    return Outcome(sum(first < QUIET for first in firsts), None if after is None else (after - QUIET + 1) * ROWS)


def theirs(stream: Losses, detector: StreamDetector, **settings: Any) -> Outcome:
    """Run one of river's detectors over the same losses."""
    values = stream.loss if detector.watches == "loss" else stream.wrong
    places = fired(detector, values, **settings)
    after = next((place for place in places if place >= stream.change), None)
    false = sum(stream.watched <= place < stream.change for place in places)
    return Outcome(false, None if after is None else after - stream.change + 1)


def table(every: Sequence[Losses], names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the rows: who, setting, false alarms in 100 days, median rows to the alarm by stream (— for never)."""
    budget = [ours(stream) for stream in every]
    yield _row("**the sequential test**", "default budget", every, budget)
    for detector in chosen(names):
        name = detector.name
        yield _row(name, "default", every, [theirs(stream, detector) for stream in every])
        setting, ladder = LADDERS[name]
        found, value = [], ladder[-1]
        for value in ladder:
            found = [theirs(stream, detector, **{setting: value}) for stream in every]
            if sum(one.false for one in found) <= sum(one.false for one in budget):
                break
        yield _row(name, f"{setting} {value:g}", every, found)


def _row(who: str, setting: str, every: Sequence[Losses], found: Sequence[Outcome]) -> list[str]:
    days = len(every) * QUIET
    cells = [who, setting, f"{100 * sum(one.false for one in found) / days:.2f}"]
    for name in STREAMS:
        delays = sorted(
            float("inf") if one.delay is None else float(one.delay)
            for stream, one in zip(every, found, strict=True)
            if stream.stream == name
        )
        middle = delays[(len(delays) - 1) // 2]
        cells.append("—" if middle == float("inf") else f"{middle:.0f}")
    return cells


def main() -> None:
    """Print both tables as Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--detectors", nargs="+", default=[*DETECTORS], help="kswin takes most of the time")
    asked = parser.parse_args()
    for varying in (False, True):
        every = [losses(name, seed, varying=varying) for name in STREAMS for seed in range(asked.seeds)]
        print(
            f"\n{'Days that vary by themselves' if varying else 'Days that are alike'}, {asked.seeds} seeds a stream:\n"
        )
        print("| | setting | false alarms in 100 days | " + " | ".join(STREAMS) + " |")
        print("| --- " * (3 + len(STREAMS)) + "|")
        for cells in table(every, asked.detectors):
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
