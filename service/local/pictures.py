"""The chart of an alert as a picture: what it is about over time, its limits, and the span of the alert. Read from stored readings."""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitors.registry import DECIDING
from service.local import chart_image, performance
from service.local.convert import row_to_alert
from service.workspace import NotFoundError
from storage.errors import MissingRecordError
from storage.readings import current_readings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitors.types import Alert
    from service.local.core import Core

_LOG = logging.getLogger(__name__)
_PAST = ("drift", "warning", "critical")
_OF_OUTCOMES = ("performance", "concept_drift")
_BEFORE = 40  # windows before the alert that are drawn
_AFTER = 12
_FEWEST = 3  # windows of a segment that make a line; below, all rows are drawn
_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Line:
    """Which readings are drawn, and what they are called."""

    check: str
    column: str | None
    segment: str | None
    rows: Sequence[_Row]


def alert_picture(core: Core, alert_id: str) -> bytes:
    """Return the chart of what an alert is about, as PNG; raises :class:`NotFoundError` where there is nothing to draw."""
    try:
        alert = row_to_alert({k: v for k, v in core.control.alert(alert_id).items() if k != "history"})
    except MissingRecordError as error:
        raise NotFoundError(str(error)) from None
    chart = _chart(core, alert)
    if chart is None:
        raise NotFoundError(f"alert {alert_id} is about nothing that was read over time, so there is no chart of it")
    return chart_image.draw(chart)


def safely(core: Core, alert_id: str) -> bytes | None:
    """Return the chart of an alert, None where there is none or it cannot be drawn: a message is sent all the same."""
    try:
        return alert_picture(core, alert_id)
    except NotFoundError:
        return None
    except Exception:
        _LOG.exception("the chart of alert %s could not be drawn; its message is sent without", alert_id)
        return None


def _chart(core: Core, alert: Alert) -> chart_image.Chart | None:
    length = alert.window.end - alert.window.start
    until = _end(alert) + _AFTER * length
    since = alert.window.start - _BEFORE * length
    if alert.kind in _OF_OUTCOMES and alert.segment is None and alert.limit is None:
        chart = _of_metric(core, alert, since, until)
        if chart is not None:
            return chart
    line = _line(core, alert, since, until)
    if line is None:
        return None
    points = [_point(row) for row in line.rows if row["window_start"] < until]
    return _titled(core, alert, _subtitle(line), points)


def _subtitle(line: _Line) -> str:
    of_column = f" of {line.column}" if line.column else ""
    inside = f" inside {line.segment}" if line.segment else ""
    if line.check == DECIDING:
        return f"How far the values{of_column}{inside} are from the reference's (Jensen-Shannon distance)"
    return f"{line.check.replace('_', ' ').capitalize()}{of_column}{inside}, {line.rows[-1]['unit']}"


def _of_metric(core: Core, alert: Alert, since: datetime, until: datetime) -> chart_image.Chart | None:
    """Return the model's headline metric: in the reference's own windows, then in those that were served."""
    found = performance.metric(core, alert.model, None)
    if found is None:
        return None
    every = performance.performance(core, alert.model, found[0].name)
    points = [
        chart_image.Point(
            _middle(datetime.fromisoformat(point["start"]), datetime.fromisoformat(point["end"])),
            point["value"],
            point["threshold"],
            point["lower"],
            point["upper"],
            past=point["verdict"] in _PAST,
            reference=point["role"] == "reference",
        )
        for point in every
        if point["role"] != "shadow"
        and (point["verdict"] or point["role"] == "reference")  # none yet: the window still goes on, on few rows
        and since <= datetime.fromisoformat(point["start"]) < until
    ]
    unit = next((point.get("unit", "") for point in every), "")
    return _titled(core, alert, f"{found[0].label}, {unit}", points) if points else None


def _titled(core: Core, alert: Alert, subtitle: str, points: list[chart_image.Point]) -> chart_image.Chart:
    ended = None if alert.state != "resolved" else _end(alert)
    return chart_image.Chart(
        title=alert.headline,
        subtitle=subtitle,
        footer=f"{alert.model} · {alert.severity} · {alert.state}",
        points=sorted(points, key=lambda point: point.at),
        span=(alert.window.start, ended),
        severity=alert.severity,
        zone=core.spec(alert.model).zone,
    )


def _line(core: Core, alert: Alert, since: datetime, until: datetime) -> _Line | None:
    """Return the readings that say most about an alert."""
    with core.db.cursor() as cursor:
        rows = current_readings(cursor, alert.model, since=since, until=until, segment=alert.segment)
        if alert.segment is not None and len({row["window_start"] for row in rows}) < _FEWEST:
            rows = current_readings(cursor, alert.model, since=since, until=until)
    ended = _end(alert)
    within = [row for row in rows if alert.window.start <= row["window_start"] < ended and row["verdict"] in _PAST]
    named = Counter((row["check"], row["column"], row["segment"]) for row in within)
    if not named:
        named = Counter((row["check"], row["column"], row["segment"]) for row in rows if _might(alert, row))
    if not named:
        return None
    check, column, segment = max(named, key=lambda key: (_fit(alert, key[0], key[1]), named[key], key[0]))
    drawn = [row for row in rows if (row["check"], row["column"], row["segment"]) == (check, column, segment)]
    return _Line(check, column, segment, drawn)


def _might(alert: Alert, row: _Row) -> bool:
    """Whether a reading in which nothing is wrong is what an alert is about: rows that do not come, or the column it names."""
    if alert.kind == "no_data":
        return bool(row["check"] == "row_count")
    return alert.column is not None and row["column"] == alert.column and row["check"] == DECIDING


def _fit(alert: Alert, check: str, column: str | None) -> tuple[bool, ...]:
    """Return how well a reading tells of an alert, the weightiest first."""
    drift = alert.kind.endswith("_drift")
    return (
        check == alert.limit,
        column is not None and column == alert.column,
        column in alert.members,
        drift == (check == DECIDING),
        check == "row_count" and alert.kind == "no_data",
    )


def _end(alert: Alert) -> datetime:
    return max(alert.judged_to or alert.window.end, alert.window.end)


def _point(row: _Row) -> chart_image.Point:
    value, threshold, lower, upper = (
        number if number is not None and math.isfinite(number) else None
        for number in (row["value"], row["threshold"], row["lower"], row["upper"])
    )
    at = _middle(row["window_start"], row["window_end"])
    return chart_image.Point(at, value, threshold, lower, upper, past=row["verdict"] in _PAST)


def _middle(start: datetime, end: datetime) -> datetime:
    half: timedelta = (end - start) / 2
    return start + half
