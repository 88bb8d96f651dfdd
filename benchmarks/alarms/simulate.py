"""Runs the product over many models: the null table and the delay table, in as many processes as asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import inf
from multiprocessing import get_context
from typing import Any

import numpy as np
from scipy import special

from benchmarks.alarms.days import Cell
from benchmarks.alarms.generator import make
from benchmarks.alarms.ours import episodes, found_after
from benchmarks.alarms.protocol import DRIFT_DAYS, GOAL, JITTER, Delay


def lower_bound(events: int, weeks: float) -> float:
    """Return the one-sided 95 % lower bound of a Poisson rate (Garwood 1936)."""
    return float(special.gammaincinv(events, 0.05)) / weeks if events else 0.0


def settled(events: int, weeks: float) -> bool | None:
    """Return whether a rate keeps to the goal: None while there are too few weeks to say."""
    if upper_bound(events, weeks) <= GOAL:
        return True
    return False if lower_bound(events, weeks) > GOAL else None


def upper_bound(events: int, weeks: float) -> float:
    """Return the one-sided 95 % upper bound of a Poisson rate (Garwood 1936)."""
    return float(special.gammaincinv(events + 1, 0.95)) / weeks


class Workers:
    """Runs a function over items, in order, in ``jobs`` processes that live as long as this one."""

    def __init__(self, jobs: int) -> None:
        self._pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) if jobs > 1 else None

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Yield what the function makes of each item, in their order."""
        return map(function, items) if self._pool is None else self._pool.map(function, items)


def _false_alerts(cell: Cell, weeks: int, seed: int) -> list[tuple[str, str, bool]]:
    """Return of every alert of one model in which nothing drifts its kind, its first column, and whether it is an earlier one again."""
    model = make(cell, seed, 7 * weeks)
    return [(episode.kind, next(iter(episode.columns), ""), episode.reopened) for episode in episodes(model)]


def null_row(cell: Cell, seeds: Sequence[int], weeks: int, workers: Workers) -> dict[str, Any]:
    """Return one row of the null table."""
    found = list(workers.map(partial(_false_alerts, cell, weeks), seeds))
    every = [alert for model in found for alert in model]
    alerts = [(kind, column) for kind, column, again in every if not again]
    model_weeks = len(seeds) * weeks
    bound = upper_bound(len(alerts), model_weeks)
    return {
        "cell": cell.name,
        "rows": cell.rows,
        "columns": cell.columns,
        "model_weeks": model_weeks,
        "alerts": len(alerts),
        "reopened": len(every) - len(alerts),
        "models_with_alerts": sum(bool(model) for model in found),
        "a_week": len(alerts) / model_weeks,
        "upper": bound,
        "met": settled(len(alerts), model_weeks),
        "kinds": dict(Counter(kind for kind, _ in alerts)),
        "foremost": dict(Counter(column for _, column in alerts).most_common(5)),
    }


def _days_to_alert(case: Delay, cell: Cell, seed: int) -> float:
    model = make(cell, seed, case.drift.start + DRIFT_DAYS, case.drift)
    return found_after(episodes(model), case.drift.column, case.drift.start)


def delay_row(case: Delay, columns: int, seeds: Sequence[int], workers: Workers) -> dict[str, Any]:
    """Return one row of the delay table: median days without and with jitter, infinite where half were never told."""
    row: dict[str, Any] = {
        "drift": case.words, "change": case.drift.change, "column": case.drift.column, "size": case.drift.size,
        "rows": case.rows, "columns": columns, "models": len(seeds),
    }  # fmt: skip
    factor = 2.0 if columns > 20 else 1.0
    goals = (None, None) if case.goals is None else tuple(goal * factor for goal in case.goals)
    for word, jitter, goal in zip(("plain", "jitter"), (0.0, JITTER), goals, strict=True):
        cell = Cell(f"{case.rows} rows, jitter {jitter:g}, {columns} columns", case.rows, jitter, columns=columns)
        days = np.array(list(workers.map(partial(_days_to_alert, case, cell), seeds)))
        median = float(np.quantile(days, 0.5, method="inverted_cdf"))
        row |= {
            f"{word}_days": None if median == inf else median,
            f"{word}_found": float(np.isfinite(days).mean()),
            f"{word}_goal": goal,
            f"{word}_met": None if goal is None else median <= goal,
        }
    return row
