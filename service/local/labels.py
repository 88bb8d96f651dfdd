"""Labels as they come in: coverage, maturity and lag by window, one prediction's ledger, feedback, restated readings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from reference_data import lags
from reference_data.windows import Window
from service.local.convert import aware, iso, number, reading_view, row_to_reading
from service.workspace import NotFoundError
from storage.labels import (
    Progress,
    count_orphans,
    feedback_by_window,
    label_entries,
    load_progress,
    match_labels,
    measure_progress,
)
from storage.privacy import Door
from storage.readings import all_readings

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service import data_views, views
    from service.local.core import Core

_MATURE = 0.99  # of the labels that ever come
_SHOWN = 60  # windows of feedback


def bring_up(core: Core, spec: ModelSpec) -> None:
    """Match labels with predictions that came apart, and measure what has changed; each run begins with it."""
    bucket = core.window_spec(spec.name).bucket
    match_labels(core.db, spec, core.now(), bucket)
    measure_progress(core.db, spec, bucket)


# -- all labels --------------------------------------------------------------------------------------------------------
def summary(core: Core, model: str, windows: int) -> data_views.LabelSummary:
    """Return the latest windows with rows, as the last run found them, and the totals.

    ``expected_coverage`` of a window is what :class:`reference_data.lags.Arrivals`, made from the windows before it, gives for the present
    ages of its buckets, weighted by their rows; ages and delays count from the start of a bucket, so labels that are brought once a
    night are expected once a night. It is not said while those windows have fewer than the model's ``min_rows`` rows. A window is mature when its last
    bucket has the age at which 99 % of the labels that come at all have come.
    """
    spec = core.spec(model)
    with core.db.cursor() as cursor:
        buckets = load_progress(cursor, model)
        orphans = count_orphans(cursor, model)
    grouped = _by_window(core, model, buckets)
    now = core.now().timestamp()
    waiting = [_waiting(parts, now) for _, parts in grouped]
    delays = [_total([part.delays for part in parts]) for _, parts in grouped]
    everything = lags.Arrivals(_total(delays), _total(waiting))
    views_: list[data_views.LabelWindow] = []
    past = [np.zeros(lags.SIZE, dtype=np.int64), np.zeros(lags.SIZE, dtype=np.int64)]
    for place, (window, parts) in enumerate(grouped):
        earlier = lags.Arrivals(*past)
        expected = _expected(earlier, parts, now) if earlier.rows >= spec.monitor.min_rows else None
        views_.append(_window(spec, window, parts, expected, _mature(everything, window, parts, now)))
        past = [past[0] + delays[place], past[1] + waiting[place]]
    return {
        "labelled": sum(part.labelled for part in buckets),
        "corrected": sum(part.corrected for part in buckets),
        "orphans": orphans,
        "windows": views_[-windows:],
    }


def _by_window(core: Core, model: str, buckets: Sequence[Progress]) -> list[tuple[Window, list[Progress]]]:
    spec = core.window_spec(model)
    found: dict[Window, list[Progress]] = {}
    for part in buckets:
        found.setdefault(spec.containing(part.window.start), []).append(part)
    return list(found.items())


def _total(parts: Sequence[lags.Counts]) -> lags.Counts:
    return sum(parts, np.zeros(lags.SIZE, dtype=np.int64))


def _ages(parts: Sequence[Progress], now: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([now - part.window.start.timestamp() for part in parts])


def _waiting(parts: Sequence[Progress], now: float) -> lags.Counts:
    """Return the unlabelled rows of a window by the cell of their bucket's age."""
    counts = np.zeros(lags.SIZE, dtype=np.int64)
    np.add.at(counts, lags.cell(_ages(parts, now)), [part.rows - part.labelled for part in parts])
    return counts


def _expected(arrivals: lags.Arrivals, parts: Sequence[Progress], now: float) -> float:
    rows = np.array([part.rows for part in parts])
    return float(np.average(arrivals.at(_ages(parts, now)), weights=rows))


def _mature(arrivals: lags.Arrivals, window: Window, parts: Sequence[Progress], now: float) -> bool:
    if all(part.labelled == part.rows for part in parts) and window.end.timestamp() <= now:
        return True
    youngest = arrivals.at(_ages(parts[-1:], now))[0]
    return window.end.timestamp() <= now and arrivals.final > 0 and bool(youngest >= _MATURE * arrivals.final)


def _window(
    spec: ModelSpec,
    window: Window,
    parts: Sequence[Progress],
    expected: float | None,
    mature: bool,  # noqa: FBT001
) -> data_views.LabelWindow:
    rows, labelled = sum(part.rows for part in parts), sum(part.labelled for part in parts)
    counts = _total([part.lags for part in parts])
    low, middle, high = (number(lags.hours(lags.quantile(counts, share))) for share in (0.1, 0.5, 0.9))
    return {
        "start": iso(window.start, spec.zone),
        "end": iso(window.end, spec.zone),
        "rows": rows,
        "labelled": labelled,
        "coverage": labelled / rows if rows else None,
        "corrected": sum(part.corrected for part in parts),
        "lag_p10": low,
        "lag_p50": middle,
        "lag_p90": high,
        "expected_coverage": expected,
        "mature": mature,
    }


# -- one prediction ----------------------------------------------------------------------------------------------------
def history(core: Core, model: str, prediction_id: str) -> list[data_views.LabelEntry]:
    """Return a prediction's ledger, oldest entry first, then its feedback by kind; nothing for an id without any."""
    spec = core.spec(model)
    hidden = Door(spec, core.privacy_key(spec)).hide(spec.id or "prediction_id", pa.array([prediction_id]))
    with core.db.cursor() as cursor:
        entries = label_entries(cursor, spec, hidden[0].as_py())
    return [
        {
            "prediction_id": prediction_id,
            "kind": entry.kind,
            "value": entry.value if entry.kind == "label" else _value(spec, entry.kind, entry.value),
            "label_time": iso(entry.label_time, spec.zone),
            "arrival_time": iso(entry.arrival_time, spec.zone),
            "current": entry.current,
        }
        for entry in entries
    ]


def _value(spec: ModelSpec, kind: str, text: str) -> Any:
    """Return feedback as it was meant; what is no longer declared stays text."""
    declared = spec.feedback.get(kind)
    if declared == "boolean":
        return text == "true"
    return float(text) if declared == "numeric" else text


# -- feedback ----------------------------------------------------------------------------------------------------------
def feedback(core: Core, model: str, kind: str | None) -> list[data_views.FeedbackPoint]:
    """Return feedback in force by kind and window, of the latest 60 windows; raises :class:`NotFoundError` for an undeclared kind."""
    spec = core.spec(model)
    if kind is not None and kind not in spec.feedback:
        known = ", ".join(spec.feedback) or f"none yet; declare it under [models.{model}.feedback]"
        raise NotFoundError(f"model {model!r} has no feedback {kind!r}; it has: {known}")
    if not spec.feedback:
        return []
    with core.db.cursor() as cursor:
        grouped = _by_window(core, model, load_progress(cursor, model))[-_SHOWN:]
        rows = {window: sum(part.rows for part in parts) for window, parts in grouped}
        found = feedback_by_window(cursor, model, list(rows), kind)
    values: dict[tuple[str, Window], dict[str, int]] = {}
    for name, window, value, n in found:
        values.setdefault((name, window), {})[value] = n
    return [
        _feedback_point(spec, name, window, counts, rows[window])
        for (name, window), counts in values.items()
        if name in spec.feedback
    ]


def _feedback_point(
    spec: ModelSpec, kind: str, window: Window, counts: dict[str, int], rows: int
) -> data_views.FeedbackPoint:
    n, numeric = sum(counts.values()), spec.feedback[kind] == "numeric"
    if spec.feedback[kind] == "boolean":
        counts = {"true": counts.get("true", 0)}
    return {
        "kind": kind,
        "start": iso(window.start, spec.zone),
        "end": iso(window.end, spec.zone),
        "n": n,
        "coverage": n / rows if rows else None,
        "mean": number(sum(float(value) * count for value, count in counts.items()) / n) if numeric else None,
        "shares": {} if numeric else {value: count / n for value, count in counts.items()},
    }


# -- what labels restated ----------------------------------------------------------------------------------------------
def reading_history(
    core: Core, model: str, check: str, window_start: datetime, column: str | None
) -> list[views.ReadingView]:
    """Return every value that was computed of a reading, oldest first, whatever version or reference it was of."""
    zone = core.spec(model).zone
    with core.db.cursor() as cursor:
        found = all_readings(cursor, model, check, aware(window_start, zone), column)
    return [reading_view(row_to_reading(row), zone) for row in found]
