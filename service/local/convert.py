"""Between what the layers below speak (dataclasses, arrays, UTC) and what a workspace answers (JSON-ready views)."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from monitors.reading_blocks import Readings
from monitors.types import Alert, AlertEvent, Cause, Reading
from reference_data.windows import Window
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    from service import views

_INNER = (
    "quiet",
    "judged_to",
    "strength",
    "held",
    "needs",
    "resolve_after",
)  # of an alert, that nobody reads but the lifecycle
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # as for rows
MIN_TIME = datetime(1, 1, 2, tzinfo=UTC)


def number(value: Any) -> float | None:
    """Return a float that JSON can hold, None for what cannot be said (NaN, infinities)."""
    return None if value is None or not math.isfinite(value) else float(value)


def numbers(values: Iterable[Any]) -> list[float | None]:
    """Apply :func:`number` to each."""
    return [number(value) for value in values]


def iso(moment: datetime, zone: ZoneInfo) -> str:
    """Return ISO 8601 text with the offset of the model's time zone."""
    return moment.astimezone(zone).isoformat()


def aware(moment: datetime | str, zone: ZoneInfo) -> datetime:
    """Return an aware UTC time; naive ones are in ``zone``. Raises :class:`WorkspaceError` for what cannot be an event's time."""
    try:
        value = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        value = (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise WorkspaceError(f"{str(moment)!r} is no time; write one like 2013-06-04T12:00") from None
    if not _FIRST_YEAR <= value.year < _LAST_YEAR:
        raise WorkspaceError(f"the time {value.isoformat()} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return value


_READING_FIELDS = [f.name for f in fields(Reading) if f.name != "window"]


def reading_columns(readings: Sequence[Reading]) -> dict[str, list[Any]]:
    """Return readings as columns of the ``reading`` table."""
    kept = Readings.of(readings)
    columns = {name: kept.values(name) for name in _READING_FIELDS}
    columns["drivers"] = [json.dumps(told, ensure_ascii=False) if told else None for told in columns["drivers"]]
    windows = kept.values("window")
    columns["window_start"] = [window.start for window in windows]
    columns["window_end"] = [window.end for window in windows]
    return columns


def row_to_reading(row: dict[str, Any]) -> Reading:
    """Rebuild a reading from its row."""
    values = {name: row[name] for name in _READING_FIELDS}
    for name, value in values.items():
        if value is None and name in _FLOATS:
            values[name] = math.nan
    told = row["drivers"] or "[]"  # hardly ever anything: a table reads tens of thousands of these
    values["drivers"] = () if told == "[]" else tuple((name, share) for name, share in json.loads(told))
    return Reading(window=Window(row["window_start"], row["window_end"]), **values)


_FLOATS = frozenset(
    {"value", "reference_value", "threshold", "lower", "upper", "p_value", "effect", "ci_lower", "ci_upper", "coverage"}
)


def reading_view(reading: Reading, zone: ZoneInfo) -> views.ReadingView:
    """Return a reading as it is shown."""
    return {
        "check": reading.check,
        "scope": reading.scope,
        "column": reading.column,
        "segment": reading.segment,
        "window_start": iso(reading.window.start, zone),
        "window_end": iso(reading.window.end, zone),
        "reference_version": reading.reference_version,
        "model_version": reading.model_version,
        "value": number(reading.value),
        "reference_value": number(reading.reference_value),
        "threshold": number(reading.threshold),
        "lower": number(reading.lower),
        "upper": number(reading.upper),
        "p_value": number(reading.p_value),
        "effect": number(reading.effect),
        "n": reading.n,
        "n_reference": reading.n_reference,
        "verdict": reading.verdict,
        "significant": reading.significant,
        "material": reading.material,
        "harmful": reading.harmful,
        "unit": reading.unit,
        "sentence": reading.sentence,
        "scale": reading.scale,
        "ci_lower": number(reading.ci_lower),
        "ci_upper": number(reading.ci_upper),
        "coverage": number(reading.coverage),
        "error": reading.error,
        "computed_at": iso(reading.computed_at, zone),
    }


def alert_to_row(alert: Alert) -> dict[str, Any]:
    """Return an alert's state as the JSON document that its event keeps (history apart: it is the events)."""
    return {
        "id": alert.id,
        "model": alert.model,
        "kind": alert.kind,
        "severity": alert.severity,
        "state": alert.state,
        "column": alert.column,
        "segment": alert.segment,
        "window_start": alert.window.start.isoformat(),
        "window_end": alert.window.end.isoformat(),
        "opened_at": alert.opened_at.isoformat(),
        "changed_at": alert.changed_at.isoformat(),
        "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
        "significant": alert.significant,
        "material": alert.material,
        "harmful": alert.harmful,
        "causes": [
            {"column": c.column, "score": c.score, "sentence": c.sentence} | ({"kind": c.kind} if c.kind else {})
            for c in alert.causes
        ],
        "members": list(alert.members),
        "message": alert.message,
        "headline": alert.headline,
        "owner": alert.owner,
        "quiet": alert.quiet,
        "model_version": alert.model_version,
        "judged_to": alert.judged_to.isoformat() if alert.judged_to else None,
        "limit": alert.limit,
        "strength": alert.strength,
        "silenced_until": alert.silenced_until.isoformat() if alert.silenced_until else None,
        "silence_id": alert.silence_id,
        "inhibited_by": alert.inhibited_by,
        "needs": list(alert.needs),
        "held": alert.held,
        "returns": alert.returns,
        "resolve_after": alert.resolve_after,
        "runbook": alert.runbook,
        "rule": alert.rule,
        "source": alert.source,
    }


def row_to_alert(row: dict[str, Any]) -> Alert:
    """Rebuild an alert from its document."""
    values = {k: v for k, v in row.items() if k not in {"window_start", "window_end", "history"}}
    for name in ("opened_at", "changed_at", "resolved_at", "judged_to", "silenced_until"):
        values[name] = datetime.fromisoformat(row[name]) if row.get(name) else None
    values["window"] = Window(datetime.fromisoformat(row["window_start"]), datetime.fromisoformat(row["window_end"]))
    values["causes"] = tuple(Cause(**cause) for cause in row["causes"])
    values["members"] = tuple(row["members"])
    values["needs"] = tuple(row.get("needs", (1, 1)))
    return Alert(**values)


def event_to_row(event: AlertEvent) -> dict[str, Any]:
    """Return an alert event as a JSON document."""
    return {
        "alert_id": event.alert_id,
        "at": event.at.isoformat(),
        "state": event.state,
        "actor": event.actor,
        "comment": event.comment,
        "action": event.action,
    }


def alert_view(row: dict[str, Any], zone: ZoneInfo) -> views.AlertView:
    """Return an alert's document as it is shown."""
    shown: dict[str, Any] = {key: value for key, value in row.items() if key not in _INNER}
    for name in ("window_start", "window_end", "opened_at", "changed_at", "resolved_at", "silenced_until"):
        shown[name] = iso(datetime.fromisoformat(row[name]), zone) if row.get(name) else None
    shown["history"] = [
        {
            "at": iso(datetime.fromisoformat(event["at"]), zone),
            "state": event["state"],
            "actor": event["actor"],
            "comment": event["comment"],
            "action": event.get("action", ""),
        }
        for event in row.get("history", [])
    ]
    return shown  # type: ignore[return-value]
