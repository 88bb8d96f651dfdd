"""A small search for parameters: every combination, or as many as are allowed, judged on later rows than it was fitted to."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from sklearn.model_selection import TimeSeriesSplit

from retraining.fitted import FittedModel
from retraining.types import FitResult, TrainingError, TrainRequest
from retraining.validation import row_loss

#: Splits in time: each is fitted to what came before.
SPLITS = 3
#: Rows beyond so many are thinned, evenly over time: a search compares, and what it finds is fitted to all rows.
MOST_ROWS = 50_000
_LARGEST_GRID = 10_000


def combinations(values: dict[str, list[Any]], most: int, seed: int) -> list[dict[str, Any]]:
    """Return the combinations to try: all of them, or ``most`` drawn from them without repetition, in the order of the grid.

    Raises :class:`TrainingError` for a grid that is too large to be drawn from.
    """
    size = math.prod(len(tried) for tried in values.values())
    if size > _LARGEST_GRID:
        raise TrainingError(f"retrain.search has {size:,} combinations; name fewer values: at most {_LARGEST_GRID:,}")
    grid = [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
    if len(grid) <= most:
        return grid
    chosen = np.sort(np.random.default_rng(seed).choice(len(grid), most, replace=False))
    return [grid[place] for place in chosen]


def search(
    request: TrainRequest, fit: Callable[[TrainRequest, dict[str, Any]], FitResult]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the combination with the least mean loss on later rows, and what each one lost: ``params``, ``loss``.

    Raises :class:`TrainingError` for fewer rows than splits need, and as ``fit`` does.
    """
    tried = combinations(request.training.search, request.training.candidates, request.seed)
    if len(request.label) < 10 * (SPLITS + 1):
        raise TrainingError(f"{len(request.label)} labelled rows are too few to search parameters on; leave search out")
    rows = np.linspace(0, len(request.label) - 1, min(len(request.label), MOST_ROWS)).astype(np.intp)
    part = request.part(rows)
    splits = list(TimeSeriesSplit(SPLITS).split(rows))
    table: list[dict[str, Any]] = []
    for params in tried:
        losses = []
        for before, after in splits:
            earlier, later = part.part(before), part.part(after)
            if request.task != "regression" and len(np.unique(earlier.label)) < 2:
                continue  # a stretch of one class teaches no classifier
            found = fit(earlier, params)
            model = FittedModel(found.estimator, found.features, request.task)
            losses.append(float(row_loss(later.label, model.predict(later.frame)).mean()))
        if not losses:
            raise TrainingError("no stretch of the rows has two classes to search parameters on; leave search out")
        table.append({"params": params, "loss": float(np.mean(losses))})
    best = min(table, key=lambda line: line["loss"])
    return dict(best["params"]), table
