"""Profiles, references and windows made with NumPy from columns of values: the profile's definition, without a database."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from reference_data.binning import MAX_DISTINCT, QUANTILES, nominal_bins, ordered_bins, rank_bins, score_bins
from reference_data.bins import Bins
from reference_data.declaration import ModelSpec
from reference_data.profile import CELLS, RESERVED, SUMMED, BinnedColumn, Layout, Profile, stack
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window, WindowSpec

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
NOW = datetime(2027, 1, 1, tzinfo=UTC)
DAILY = WindowSpec.parse("1d")
ROLES = {"prediction": "prediction", "score": "score", "label": "label"}
OUTCOMES = {name: derive for name, derive in RESERVED.items() if derive != "value"}
#: Columns of one class's scores, as :mod:`storage.outcome_parts` calls them.
OF_CLASS = re.compile(r"score of (.*) (where it is the label|elsewhere)")

Values = Mapping[str, Sequence[Any] | np.ndarray]


def is_number(values: Any) -> bool:
    return np.asarray(values).dtype.kind in "fiu"


def layout_of(columns: Values) -> Layout:
    """Freeze cells for columns of values: numbers become ordered, anything else nominal; reserved names get their roles."""
    entries = []
    for name, values in columns.items():
        array = np.asarray(values)
        part = OF_CLASS.fullmatch(name)
        derive = OUTCOMES.get(name, "value")
        if part:
            derive = "score_positive" if part[2] != "elsewhere" else "score_negative"
        role = "outcome" if derive != "value" else ROLES.get(name, "feature")
        kind = "numeric" if is_number(array) else "categorical"
        column = Column(name, kind, role)  # type: ignore[arg-type]
        entries.append(BinnedColumn(column, _bins(name, array), derive, (part[1],) if part else ()))  # type: ignore[arg-type]
    return Layout(tuple(entries))


def _bins(name: str, array: np.ndarray) -> Any:
    if name == "score" or name.startswith("score of"):
        return score_bins()
    if OUTCOMES.get(name) in SUMMED:
        return Bins("ordered")
    if name == "label rank":
        return rank_bins()
    if not is_number(array):
        values, counts = np.unique(array[array != ""], return_counts=True)
        return nominal_bins([str(v) for v in values[np.argsort(-counts, kind="stable")]])
    finite = array[np.isfinite(array)].astype(float)
    if not len(finite):
        return ordered_bins(None, None, [])
    distinct = np.unique(finite)
    few = [float(v) for v in distinct] if len(distinct) <= MAX_DISTINCT else None
    return ordered_bins(
        float(distinct[0]), float(distinct[-1]), [float(q) for q in np.quantile(finite, QUANTILES)], few
    )


def profile_of(layout: Layout, columns: Values, rows: int | None = None) -> Profile:
    """Profile one window; NaN and the empty string are missing."""
    n = len(next(iter(columns.values()))) if rows is None else rows
    profile = layout.empty()
    profile.counts[0] = n
    for entry in layout.columns:
        name = entry.column.name
        array = np.asarray(columns[name])
        where = layout.count_slice(name)
        counts = profile.counts[where]
        if not entry.ordered:
            listed = {category: i for i, category in enumerate(entry.bins.categories)}
            other, unseen = len(listed), len(listed) + 1
            known = set(entry.bins.known)
            held = [v for v in array.tolist() if v != ""]
            cells = [listed.get(v, other if v in known else unseen) for v in held]
            counts[CELLS:] = np.bincount(np.asarray(cells, dtype=int), minlength=entry.bins.size)
            counts[0] = n - len(held)
            continue
        finite = array[np.isfinite(array)].astype(float)
        counts[0], counts[2] = np.isnan(array).sum(), np.isinf(array).sum()
        cells = np.searchsorted(np.asarray(entry.bins.edges), finite, side="left")
        counts[CELLS:] = np.bincount(cells, minlength=entry.bins.size)
        if len(finite):
            profile.moments[layout.moment_slice(name)] = [
                finite.mean(),
                ((finite - finite.mean()) ** 2).sum(),
                finite.min(),
                finite.max(),
            ]
    return profile


def profiles_of(layout: Layout, windows: Sequence[Values]) -> Profile:
    """Profile several windows, stacked along a first axis."""
    return stack([profile_of(layout, window) for window in windows])


def together(windows: Sequence[Values]) -> dict[str, np.ndarray]:
    """Put the rows of several windows one after another."""
    return {name: np.concatenate([np.asarray(window[name]) for window in windows]) for name in windows[0]}


def days(count: int, first: int = 0) -> list[Window]:
    """Return consecutive days."""
    return [Window(START + timedelta(days=i), START + timedelta(days=i + 1)) for i in range(first, first + count)]


def reference_of(inputs: Sequence[Values], outcomes: Sequence[Values] | None = None, model: str = "m") -> Reference:
    """Freeze a reference whose buckets are the given days."""
    windows = days(len(inputs))
    return Reference(
        model=model,
        version=1,
        created_at=windows[-1].end,
        source="test",
        period=Window(windows[0].start, windows[-1].end),
        buckets=tuple(window.start for window in windows),
        inputs=profiles_of(layout_of(together(inputs)), inputs),
        outcomes=None if outcomes is None else profiles_of(layout_of(together(outcomes)), outcomes),
    )


def regression_outcomes(prediction: np.ndarray, label: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outcome columns of a regression."""
    label = np.asarray(label, dtype=float)
    error = np.asarray(prediction, dtype=float) - label
    share = np.divide(np.abs(error), np.abs(label), out=np.full(label.shape, np.nan), where=label != 0)
    sizes = {"absolute error": np.abs(error), "squared error": error**2, "percentage error": share}
    return {"label": label, "error given inputs": error, **sizes}


def class_outcomes(prediction: Any, label: Any, score: Any = None, positive: str = "yes") -> dict[str, Any]:
    """Return the outcome columns of a classification; ``score`` is the probability of ``positive``."""
    guess, truth = np.asarray(prediction), np.asarray(label)
    pairs = np.asarray([f"{a} → {b}" for a, b in zip(truth, guess, strict=True)])
    found = {"label": truth, "correct": np.where(guess == truth, "true", "false"), "confusion": pairs}
    if score is not None:
        score = np.asarray(score, dtype=float)
        given = np.clip(np.where(truth == positive, score, 1 - score), 1e-15, 1 - 1e-15)
        found["log loss"] = -np.log(given)
        found["score of positives"] = np.where(truth == positive, score, np.nan)
        found["score of negatives"] = np.where(truth == positive, np.nan, score)
    return found


def scored_outcomes(prediction: Any, label: Any, scores: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Return the outcome columns of several classes with scores, shape (rows, classes); ``classes`` in the order of the alphabet."""
    found, truth = class_outcomes(prediction, label), np.asarray(label)
    aims = truth[:, None] == np.asarray(classes)
    given = scores[aims]
    place = np.argmax(aims, axis=1)[:, None]
    ahead = (scores > given[:, None]) | ((scores == given[:, None]) & (np.arange(len(classes)) > place))
    right, top = np.asarray(prediction) == truth, scores.max(axis=1)
    found["log loss"] = -np.log(np.clip(given, 2.0**-52, 1 - 2.0**-52))
    found["score error"] = ((scores - aims) ** 2).sum(axis=1)
    found["label rank"] = 1.0 + ahead.sum(axis=1)
    found["score of right answers"] = np.where(right, top, np.nan)
    found["score of wrong answers"] = np.where(right, np.nan, top)
    for index, name in enumerate(classes):
        found[f"score of {name} where it is the label"] = np.where(aims[:, index], scores[:, index], np.nan)
        found[f"score of {name} elsewhere"] = np.where(aims[:, index], np.nan, scores[:, index])
    return found


def spec_of(task: str = "regression", **changes: Any) -> ModelSpec:
    """Return a declaration with daily windows."""
    return ModelSpec(name="m", task=task, **changes)
