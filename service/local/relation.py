"""The partial view of a column: what the model predicts and how wrong it is by its value, reference against current."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from monitors.registry import label_unit, positive_class
from reference_data.declaration import ModelSpec
from reference_data.profile import BinnedColumn
from reference_data.reference import Reference
from reference_data.windows import Window
from service.local.convert import iso, number
from service.local.drift import choose_window, deciding
from service.local.recall import recalled
from service.local.references import file_stamp, sample_path
from service.local.segment_sample import sample_rows
from service.local.series import held_against
from service.workspace import NotFoundError
from storage.names import EVENT_TIME, literal
from storage.row_source import RowSource, logged_window
from storage.value_bars import MISSING, Mean, ValueBar, bars_of, value_bars

if TYPE_CHECKING:
    from datetime import datetime

    from service import column_views
    from service.local.core import Core

_OUTCOMES = ("prediction", "score", "label")
_Z = 1.959964  # 97.5 % quantile of the standard normal


@dataclass(frozen=True, slots=True)
class Measured:
    """What is averaged by bar: SQL over the logical ``prediction``, ``score`` and ``label``; a ``share`` is of ones among zeros."""

    prediction: str | None
    prediction_name: str | None
    prediction_unit: str
    prediction_share: bool
    error: str | None
    error_name: str | None
    error_unit: str


def relation(core: Core, model: str, column: str, window_start: datetime | None) -> column_views.RelationView | None:
    """Return prediction and error by value of a column; raises :class:`NotFoundError` for a column without readings."""
    return by_value(core, model, column, *_judged(core, model, column, window_start))


@recalled("judged")
def _judged(core: Core, model: str, column: str, window_start: datetime | None) -> tuple[Window, int]:
    """Return the window that is meant and the version of the reference that it was held against."""
    spec = core.spec(model)
    readings = deciding(core, model)
    window = choose_window(core, model, readings, window_start)
    chosen = next((r for r in readings if r.column == column and r.window == window), None)
    if chosen is None:
        names = ", ".join(dict.fromkeys(reading.column or "" for reading in readings))
        raise NotFoundError(
            f"{column!r} was not judged in the window from {iso(window.start, spec.zone)}; of {model!r} are judged: {names}"
        )
    return window, chosen.reference_version


def by_value(
    core: Core, model: str, column: str, window: Window, reference_version: int
) -> column_views.RelationView | None:
    """Return the same of a judged window; None for a column of which the reference counts no inputs."""
    if column not in core.control.reference(model, reference_version).inputs.layout.names:
        return None
    rolling = core.spec(model).reference.kind == "rolling"
    before = _period_before(core, model, window, reference_version) if rolling else None
    return _by_value(core, model, column, window, before, reference_version)


@recalled("judged")
def _period_before(core: Core, model: str, window: Window, reference_version: int) -> Window:
    reference = core.control.reference(model, reference_version)
    ((held, _),) = held_against(core, core.spec(model), reference, [window])
    return held.reference.period


@recalled("window")
def _by_value(
    core: Core, model: str, column: str, window: Window, before: Window | None, reference_version: int
) -> column_views.RelationView:
    """``before``: the stretch of the log that it is held against; None: the rows kept of the reference."""
    spec, reference = core.spec(model), core.control.reference(model, reference_version)
    entry, path = reference.inputs.layout.entry(column), sample_path(core, model, reference_version)
    measured, positive = _measured(spec, reference), positive_of(spec, reference)
    with core.db.cursor() as cursor:
        now = _bars(logged_window(cursor, spec, window), entry, measured, positive)
        if before is not None:
            then = _bars(logged_window(cursor, spec, before), entry, measured, positive)
    if before is None:
        then = _of_sample(path, file_stamp(path), spec.model_dump_json(), reference, column)
    return _view(spec, entry, window, measured, now, then)


@lru_cache(maxsize=256)
def _of_sample(
    path: Path,
    written: tuple[int, int],  # noqa: ARG001  (a deletion writes the file anew)
    declared: str,
    reference: Reference,
    column: str,
) -> list[ValueBar]:
    """References never change, so the rows kept of one are read once for a column; nothing where none were kept."""
    spec = ModelSpec.model_validate_json(declared)
    if not path.exists():
        return []
    with sample_rows(path, {column, EVENT_TIME, *_OUTCOMES}) as rows:
        entry = reference.inputs.layout.entry(column)
        return _bars(rows, entry, _measured(spec, reference), positive_of(spec, reference))


def positive_of(spec: ModelSpec, reference: Reference) -> str | None:
    """Return the class that a binary model's score is the probability of."""
    return None if reference.outcomes is None else positive_class(spec, reference.outcomes.layout)


def _measured(spec: ModelSpec, reference: Reference) -> Measured:
    """Return what can be averaged for a task: a number, a probability, or how often the most usual answer is given."""
    layout = reference.inputs.layout
    if spec.task in ("regression", "ranking"):
        unit = label_unit(spec, None if reference.outcomes is None else reference.outcomes.layout)
        rows = spec.task == "regression"  # of a ranking it is lists that are right or wrong
        wrong, name = ("abs({prediction} - {label})", "mean absolute error") if rows else (None, None)
        return Measured("{prediction}", "mean prediction", unit, False, wrong, name, unit)
    told = spec.task != "none"
    wrong, name = ("({prediction} <> {label})::INTEGER", "share of wrong answers") if told else (None, None)
    if "score" in layout.names:
        return Measured("{score}", "mean score", "", False, wrong, name, "share")
    answers = layout.entry("prediction").bins.categories if "prediction" in layout.names else ()
    answer = positive_of(spec, reference) or next(iter(answers), None)
    if answer is None:
        return Measured(None, None, "", True, wrong, name, "share")
    sql = f"({{prediction}}::VARCHAR = {literal(answer).replace('{', '{{').replace('}', '}}')})::INTEGER"
    return Measured(sql, f"share predicted {answer}", "share", True, wrong, name, "share")


def _bars(source: RowSource, entry: BinnedColumn, measured: Measured, positive: str | None) -> list[ValueBar]:
    known = source.expressions

    def over(sql: str | None) -> str | None:
        names = [name for name in _OUTCOMES if sql is not None and f"{{{name}}}" in sql]
        if sql is None or any(name not in known for name in names):
            return None
        return sql.format(**{name: f"({known[name]})" for name in names})

    try:
        return value_bars(
            source, entry, prediction=over(measured.prediction), error=over(measured.error), positive=positive
        )
    except KeyError:  # the rows that were kept of an older reference do not hold the column
        return []


def _view(
    spec: ModelSpec,
    entry: BinnedColumn,
    window: Window,
    measured: Measured,
    now: Sequence[ValueBar],
    before: Sequence[ValueBar],
) -> column_views.RelationView:
    current, reference = {bar.place: bar for bar in now}, {bar.place: bar for bar in before}
    names = bars_of(entry.bins)
    places: list[int | None] = [place for place in range(len(names)) if place in current or place in reference]
    places += [None] if None in current or None in reference else []
    error_share = measured.error_unit == "share"
    bars: list[column_views.RelationBar] = []
    for place in places:
        bar = None if place is None else names[place]
        own, old = current.get(place, _NONE), reference.get(place, _NONE)
        bars.append(
            {
                "place": place,
                "label": MISSING if bar is None else bar.label,
                "low": None if bar is None else bar.low,
                "high": None if bar is None else bar.high,
                "position": None if bar is None else bar.position,
                "n": own.rows,
                "n_reference": old.rows,
                "prediction": estimate(own.prediction, share=measured.prediction_share),
                "prediction_reference": estimate(old.prediction, share=measured.prediction_share),
                "error": _not_below_nothing(estimate(own.error, share=error_share)),
                "error_reference": _not_below_nothing(estimate(old.error, share=error_share)),
            }
        )
    return {
        "column": entry.column.name,
        "window_start": iso(window.start, spec.zone),
        "window_end": iso(window.end, spec.zone),
        "prediction_name": measured.prediction_name,
        "prediction_unit": measured.prediction_unit,
        "error_name": measured.error_name,
        "error_unit": measured.error_unit,
        "bars": bars,
        "n": sum(bar.rows for bar in now),
        "n_reference": sum(bar.rows for bar in before),
    }


def _not_below_nothing(error: column_views.Estimate) -> column_views.Estimate:
    """Return the interval of an error cut off at zero, where no absolute error lies beneath."""
    return {**error, "lower": None if error["lower"] is None else max(0.0, error["lower"])}


_NONE = ValueBar(None, 0, Mean(0, None, None), Mean(0, None, None))


def estimate(mean: Mean, *, share: bool) -> column_views.Estimate:
    """Return a mean with its 95 % interval: Student's for numbers, Wilson's (1927) for shares; no interval below two rows."""
    n, value = mean.rows, number(mean.mean)
    if value is None:
        return {"n": n, "value": None, "lower": None, "upper": None}
    if share:
        centre = (value + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * math.sqrt(value * (1 - value) / n + _Z**2 / (4 * n * n))
        return {"n": n, "value": value, "lower": max(0.0, centre - half), "upper": min(1.0, centre + half)}
    if n < 2 or mean.deviation is None:
        return {"n": n, "value": value, "lower": None, "upper": None}
    from scipy import special  # two hundredths of a second that a start without pages need not wait for

    half = float(special.stdtrit(n - 1, 0.975)) * mean.deviation / math.sqrt(n)
    return {"n": n, "value": value, "lower": number(value - half), "upper": number(value + half)}
