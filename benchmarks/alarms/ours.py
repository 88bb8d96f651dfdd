"""What the product makes of a model: its own calibration, readings, conditions and lifecycle, day by day, as a workspace runs them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from math import inf
from typing import Protocol

import numpy as np

from benchmarks.alarms.generator import Model
from monitors.baseline import Baselines
from monitors.judge import judge
from monitors.lifecycle import advance
from monitors.types import Alert, Reading
from reference_data.declaration import ModelSpec
from reference_data.windows import Window, WindowSpec

DAILY = WindowSpec.parse("1d")
LOUD = ("warning", "page")


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert of warning or above: when it became one, of what kind, the day it named each column, and the day it was over.

    ``reopened``: the product's own word for an alert that comes back with the same columns within 28 windows; it is the same alert.
    """

    day: int
    kind: str
    columns: Mapping[str, int]
    over: float
    message: str
    reopened: bool = False


def read(model: Model) -> list[Reading]:
    """Return the readings of all days of a model, every column taken as one that it leans on."""
    baselines = Baselines(model.spec, model.reference, DAILY)
    found: list[Reading] = []
    for baseline, places in baselines.groups(model.windows):
        found += judge(
            spec=model.spec,
            reference=baseline.reference,
            calibration=baseline.calibration,
            windows=[model.windows[place] for place in places],
            inputs=model.current[np.asarray(places)],
            outcomes=None,
            labels_expected=None,
            model_version="v1",
            importance=None,
            now=model.windows[-1].end,
        )
    return found


def episodes(model: Model) -> list[Episode]:
    """Return the alerts of warning or above of a model, in the order of days."""
    return follow(model, read(model))


class Watched(Protocol):
    """What has a declaration and windows."""

    @property
    def spec(self) -> ModelSpec: ...
    @property
    def windows(self) -> list[Window]: ...


def follow(model: Watched, readings: Sequence[Reading], importance: Mapping[str, float] | None = None) -> list[Episode]:
    """Let alerts live through the days, as the product does once a window has closed."""
    by_window: dict[Window, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_window[reading.window].append(reading)
    numbers, alerts = count(), dict[str, Alert]()
    told: list[tuple[Alert, int, dict[str, int], bool]] = []
    going: dict[str, int] = {}  # alert -> its place in `told` while it is open and loud
    over: dict[int, int] = {}
    for day, window in enumerate(model.windows):
        now = window.end + timedelta(hours=6)
        changes = advance(
            list(alerts.values()), by_window[window], model.spec, now, importance, lambda: f"{next(numbers):06d}"
        )
        for alert, _ in changes:
            alerts[alert.id] = alert
            if alert.state == "resolved":
                if alert.id in going:
                    over[going.pop(alert.id)] = day
                continue
            if alert.severity in LOUD and alert.state != "pending" and alert.id not in going:
                before = any(known.id == alert.id for known, *_ in told)
                going[alert.id] = len(told)
                told.append((alert, day, {}, before))
            if alert.id in going:
                for column in alert.members:
                    told[going[alert.id]][2].setdefault(column, day)
    return [
        Episode(day, alert.kind, named, over.get(place, inf), alert.message, reopened=again)
        for place, (alert, day, named, again) in enumerate(told)
    ]


def found_after(episodes: Sequence[Episode], column: str, start: int) -> float:
    """Return how many days after its start (1: on the first) a change of ``column`` was told; infinite if never.

    An alert that names the column and is still open at the start counts as told on the first day.
    """
    days = [
        max(episode.day, episode.columns[column], start)
        for episode in episodes
        if column in episode.columns and episode.over > start
    ]
    return float(min(days) - start + 1) if days else inf
