"""Rows with a model's answers and the truth: inputs that shift while the rule stays, and a rule that changes while inputs stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
NUMBERS = [f"x{place}" for place in range(6)]
SHIFTS = ("none", "location", "several", "scale", "group", "unused")
WINDOWS, ROWS = 20, 500  # of the reference and of what comes after it


@dataclass(frozen=True)
class Case:
    """``reference`` and ``current``: inputs, prediction, score (binary) or one column a class ``score_<class>``, label, window.

    ``concept``: whether the rule changes, which no estimate can see.
    """

    name: str
    task: Literal["binary", "multiclass", "regression"]
    numeric: list[str]
    categorical: list[str]
    reference: pd.DataFrame
    current: pd.DataFrame
    classes: tuple[str, ...] = ()
    concept: bool = False


def generated(seeds: int, first: int = 0, every: int = 1) -> Iterator[Case]:
    """Yield every shift for a linear and a boosted model of each task; the rule never changes but in the case ``concept``.

    ``every``: which of the windows after the reference are kept; all rows are drawn whatever it is.
    """
    for seed in range(first, first + seeds):
        for task in ("binary", "regression"):
            for kind in ("linear", "boosted"):
                model = _trained(task, kind, np.random.default_rng(1000 + seed))
                for shift in (*SHIFTS, "concept"):
                    rng = np.random.default_rng(2000 + seed)
                    frames = [_answered(task, model, rng, "none", 0.0, window) for window in range(WINDOWS)]
                    current = [
                        _answered(task, model, rng, shift, (window + 1) / WINDOWS, window) for window in range(WINDOWS)
                    ]
                    yield Case(
                        f"{task}, {kind}, {shift}, seed {seed}",
                        task,
                        NUMBERS,
                        ["kind"],
                        pd.concat(frames, ignore_index=True),
                        pd.concat(current[every - 1 :: every], ignore_index=True),
                        ("0", "1") if task == "binary" else (),
                        concept=shift == "concept",
                    )


def _inputs(rng: np.random.Generator, rows: int, shift: str, size: float) -> tuple[Numbers, NDArray[Any]]:
    x = rng.normal(size=(rows, len(NUMBERS)))
    share = np.array([0.5, 0.3, 0.2])
    if shift == "location":
        x[:, 0] += 1.2 * size
    elif shift == "several":
        x[:, :3] += 0.8 * size
    elif shift == "scale":
        x[:, 1] *= 1 + size
    elif shift == "group":  # a group on which the model is worse grows
        inside = rng.random(rows) < 0.4 * size
        x[inside, 4] = 1 + np.abs(x[inside, 4])
        share = np.array([0.5 - 0.4 * size, 0.3, 0.2 + 0.4 * size])
    elif shift == "unused":
        x[:, 5] += 1.5 * size
    return x, rng.choice(np.array(["a", "b", "c"]), rows, p=share)


def _signal(x: Numbers, kind: NDArray[Any]) -> Numbers:
    bent = 0.8 * x[:, 1] * x[:, 2] + 0.5 * np.sin(2 * x[:, 3]) + 0.7 * (x[:, 4] > 1) * x[:, 0]
    return np.asarray(0.8 * x[:, 0] + bent + 0.6 * (kind == "c") - 0.5)


def _labels(task: str, rng: np.random.Generator, x: Numbers, kind: NDArray[Any], changed: float) -> NDArray[Any]:
    signal = _signal(x, kind) - changed * 1.6 * x[:, 0]
    if task == "binary":
        return np.asarray(rng.random(len(x)) < 1 / (1 + np.exp(-1.5 * signal))).astype(int)
    return np.asarray(10 + 3 * signal + (0.5 + 0.7 * np.abs(x[:, 0])) * rng.normal(size=len(x)))


def _matrix(x: Numbers, kind: NDArray[Any]) -> Numbers:
    return np.column_stack([x, kind == "b", kind == "c"])


def _trained(task: str, kind: str, rng: np.random.Generator) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression

    x, group = _inputs(rng, 8000, "none", 0.0)
    y = _labels(task, rng, x, group, 0.0)
    if task == "binary":
        model: Any = LogisticRegression() if kind == "linear" else HistGradientBoostingClassifier(max_iter=60)
    else:
        model = LinearRegression() if kind == "linear" else HistGradientBoostingRegressor(max_iter=60)
    return model.fit(_matrix(x, group), y)


def _answered(task: str, model: Any, rng: np.random.Generator, shift: str, size: float, window: int) -> pd.DataFrame:
    x, kind = _inputs(rng, ROWS, shift, size)
    label = _labels(task, rng, x, kind, size if shift == "concept" else 0.0)
    frame = pd.DataFrame(x, columns=NUMBERS).assign(kind=kind, window=window)
    if task == "regression":
        return frame.assign(prediction=model.predict(_matrix(x, kind)), label=label)
    score = model.predict_proba(_matrix(x, kind))[:, 1]
    return frame.assign(score=score, prediction=(score > 0.5).astype(int), label=label)
