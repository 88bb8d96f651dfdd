"""A model in one row: health, since when, how bad, how much data, who serves."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np

from monitors.registry import DECIDING
from monitors.shown import silenced
from reference_data import lags
from reference_data.profile import RESERVED
from reference_data.section import parse_duration
from reference_data.windows import Window
from service.local import performance
from service.local.convert import iso, number, numbers, row_to_alert
from service.local.drift import deciding
from service.local.heat import state_of
from service.local.recall import recalled
from service.local.span import span_of
from storage.labels import load_progress
from storage.logs import count_rows
from storage.readings import current_readings, latest_window
from storage.traffic import bucket_rows, label_lag

if TYPE_CHECKING:
    from monitors.types import Alert
    from service import views
    from service.local.core import Core

RANK = {"page": 0, "warning": 1, "notice": 2, "no_data": 3, "insufficient": 4, "ok": 5}
SPARK = 30
YEAR = timedelta(days=365)
_NOT_BUDGETED = ("no_data", "job", "watchdog")
OPEN = ("firing", "acknowledged", "recovering")  # beneath a silence


def models(core: Core) -> list[views.ModelView]:
    """Return every model, the one in most trouble first."""
    core.recall.looked = time.monotonic()
    return sorted((model(core, name) for name in core.control.model_records()), key=trouble)


def trouble(row: views.ModelView) -> tuple[int, str, str]:
    """Return by what models are sorted: the one in most trouble first."""
    return RANK[row["health"]], row["since"] or "", row["name"]


def model(core: Core, name: str) -> views.ModelView:
    """Return one model's row."""
    record = core.record(name)
    spec, zone = record.spec, record.spec.zone
    roles, seen = core.roles(name), _seen(core, name)
    span, states = seen.span, seen.states
    alerts = [row_to_alert(row) for row in core.control.open_alerts(name) if row["state"] in OPEN]
    quiet = sum(silenced(alert, core.now()) for alert in alerts)
    heard = [alert for alert in alerts if alert.inhibited_by is None and not silenced(alert, core.now())]
    worst = min(heard, key=lambda alert: (RANK[alert.severity], alert.window.start), default=None)
    last_run = core.last_run(name)
    next_run = None if core.replayed else core.next_run(name)  # a replay's clock is not the scheduler's
    return {
        "name": name,
        "task": spec.task,
        "owner": spec.owner,
        "timezone": spec.timezone,
        "window": spec.monitor.window,
        "health": _health(worst, states, span),
        "since": iso(worst.window.start, zone) if worst else None,
        "headline": worst.headline if worst else None,
        "silenced": quiet,
        **seen.shown,
        **_counted(states),
        "champion": roles.champion,
        "rollback_to": roles.former[-1] if roles.former else None,
        "champion_since": iso(roles.champion_since, zone) if roles.champion_since else None,
        "data_until": iso(span[1], zone) if span else None,
        "last_run": iso(last_run, zone) if last_run else None,
        "next_run": iso(next_run, zone) if next_run else None,
        "declared_in": record.declared_in,
        "budget": _budget(core, name, span),
    }


class _Judged(TypedDict):
    """Fields of a model's view that a run changes."""

    metric: views.MetricView | None
    sparkline: list[float | None]
    label_coverage: float | None
    rows_per_window: int | None
    reference_version: int | None
    reference_period: list[str] | None
    reference_rows: int | None


class _Shown(_Judged):
    """Fields of a model's view that rest on what was observed."""

    label_lag_hours: float | None
    rows: views.RowCounts


class _Seen(NamedTuple):
    """What was observed of a model, as far as its row tells of it."""

    span: tuple[datetime, datetime] | None
    states: dict[str, str]  # of each column in the latest judged window
    shown: _Shown


def _seen(core: Core, name: str) -> _Seen:
    span = span_of(core, name)
    latest = _latest_window(core, name, span)
    states, known = _known(core, name, latest)
    shown: _Shown = {**known, "label_lag_hours": _lag(core, name, latest), "rows": _rows(core, name)}
    return _Seen(span, states, shown)


@recalled("judged")
def _known(core: Core, name: str, latest: Window | None) -> tuple[dict[str, str], _Judged]:
    """Return the states of the columns, and what else runs left to be shown."""
    zone, reference = core.spec(name).zone, core.active_reference(name)
    metric, spark = _metric(core, name)
    rows, labelled = performance.coverage(core, reference, [latest]) if reference and latest else ([0], [0])
    judged: _Judged = {
        "metric": metric,
        "sparkline": spark,
        "label_coverage": labelled[0] / rows[0] if rows[0] and reference and reference.outcomes is not None else None,
        "rows_per_window": rows[0] if latest else None,
        "reference_version": reference.version if reference else None,
        "reference_period": [iso(reference.period.start, zone), iso(reference.period.end, zone)] if reference else None,
        "reference_rows": reference.rows if reference else None,
    }
    return _states(core, name), judged


@recalled("rows")
def _rows(core: Core, name: str) -> views.RowCounts:
    with core.db.cursor() as cursor:
        counts = count_rows(cursor, core.spec(name))
    return {"logs": counts.logs, "labels": counts.labels, "quarantined": counts.quarantined}


def _budget(core: Core, name: str, span: tuple[datetime, datetime] | None) -> views.BudgetView:
    """Return what the model's alert budget allows, and the alerts of its latest year of data."""
    allowed = core.spec(name).monitor.alert_budget
    since = None if span is None else max(span[0], span[1] - YEAR)
    raised = [
        row["severity"]
        for row in core.control.alerts(name)
        if row["kind"] not in _NOT_BUDGETED
        and not row.get("rule")
        and not row.get("inhibited_by")
        and (since is None or datetime.fromisoformat(row["window_start"]) >= since)
    ]
    return {
        "pages_per_year": allowed.pages_per_year,
        "warnings_per_year": allowed.warnings_per_year,
        "days": 0.0 if span is None or since is None else (span[1] - since) / timedelta(days=1),
        "pages": raised.count("page"),
        "warnings": raised.count("warning"),
    }


class _Counted(TypedDict):
    """How many columns of a model moved far enough to matter: what comes in is counted, what goes out is named."""

    drifted: int
    columns: int
    drifted_beside: list[str]


def _counted(states: dict[str, str]) -> _Counted:
    moved = [column for column, state in states.items() if state in ("material", "harmful")]
    return {
        "drifted": sum(column not in RESERVED for column in moved),
        "columns": sum(column not in RESERVED for column in states),
        "drifted_beside": [column for column in moved if column in RESERVED],
    }


def _health(worst: Alert | None, states: dict[str, str], span: tuple[datetime, datetime] | None) -> views.Health:
    if worst is not None and worst.kind == "no_data":
        return "no_data"
    if worst is not None:
        return worst.severity
    if span is None or not states or set(states.values()) == {"no_data"}:
        return "no_data"
    return "insufficient" if set(states.values()) <= {"insufficient", "no_data"} else "ok"


def _states(core: Core, name: str) -> dict[str, str]:
    """Return the state of every column in the latest judged window."""
    with core.db.cursor() as cursor:
        latest = latest_window(cursor, name, DECIDING)
    readings = deciding(core, name, latest) if latest else []
    return {reading.column or "": state_of(reading) for reading in readings}


def _metric(core: Core, name: str) -> tuple[views.MetricView | None, list[float | None]]:
    found = performance.metric(core, name, None)
    if found is None:
        return None, []
    check, _ = found
    with core.db.cursor() as cursor:
        rows = [
            r for r in current_readings(cursor, name, check=check.name, scope="performance") if r["segment"] is None
        ]
    by_window: dict[datetime, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["computed_at"]):
        by_window[row["window_start"]] = row
    ordered = [by_window[start] for start in sorted(by_window)]
    judged = [row for row in ordered if row["verdict"] not in ("no_data", "insufficient", "error")]
    last = judged[-1] if judged else None
    view: views.MetricView = {
        "name": check.name,
        "unit": check.unit,
        "direction": check.direction,
        "value": number(last["value"]) if last else None,
        "reference": number(last["reference_value"]) if last else None,
        "threshold": number(last["threshold"]) if last else None,
        "lower": number(last["lower"]) if last else None,
        "upper": number(last["upper"]) if last else None,
    }
    return view, numbers(row["value"] for row in ordered[-SPARK:])


def _latest_window(core: Core, name: str, span: tuple[datetime, datetime] | None) -> Window | None:
    """Return the latest closed window, or the one under way when none has closed."""
    if span is None:
        return None
    window_spec = core.window_spec(name)
    closed = core.now() - parse_duration(core.spec(name).monitor.grace)
    window = window_spec.containing(min(span[1], closed))
    return window if window.end <= closed else window_spec.containing(window.start - timedelta(microseconds=1))


@recalled("window")
def _lag(core: Core, name: str, window: Window | None) -> float | None:
    if window is None:
        return None
    with core.db.cursor() as cursor:
        lag = label_lag(cursor, name, window)
        if lag is None and (told := load_progress(cursor, name)):  # its labels are still to come: what all so far took
            lag = lags.quantile(sum((bucket.lags for bucket in told), np.zeros(lags.SIZE, dtype=np.int64)), 0.5)
    return None if lag is None else lag / 3600


def windows(core: Core, name: str) -> list[views.WindowView]:
    """Return traffic and label coverage of every window."""
    span, every = span_of(core, name), core.window_spec(name)
    if span is None:
        return []
    return _windows(core, name, Window(every.containing(span[0]).start, every.containing(span[1]).end))


@recalled("judged")
def _windows(core: Core, name: str, stretch: Window) -> list[views.WindowView]:
    spec, reference = core.spec(name), core.active_reference(name)
    if reference is None:
        return []
    every = list(core.window_spec(name).between(stretch.start, stretch.end))
    rows, labelled = performance.coverage(core, reference, every)
    closed = core.now() - parse_duration(spec.monitor.grace)
    serving, latency = _serving(core, name, reference.version), _latency(core, name)
    return [
        {
            "start": iso(window.start, spec.zone),
            "end": iso(window.end, spec.zone),
            "rows": rows[place],
            "labels": labelled[place],
            "coverage": labelled[place] / rows[place] if rows[place] else None,
            "model_version": serving.get(window, ""),
            "closed": window.end <= closed,
            "latency_p50": latency.get(window.start, {}).get("latency_p50"),
            "latency_p95": latency.get(window.start, {}).get("latency_p95"),
        }
        for place, window in enumerate(every)
    ]


def _latency(core: Core, name: str) -> dict[datetime, dict[str, float | None]]:
    """Return within how many milliseconds half, and 95 of 100, answers came, by start of the window; nothing where it was not logged."""
    with core.db.cursor() as cursor:
        rows = current_readings(cursor, name, scope="service")
    found: dict[datetime, dict[str, float | None]] = {}
    for row in rows:
        if row["check"] in ("latency_p50", "latency_p95"):
            found.setdefault(row["window_start"], {})[row["check"]] = number(row["value"])
    return found


def _serving(core: Core, name: str, reference_version: int) -> dict[Window, str]:
    window_spec = core.window_spec(name)
    most: dict[Window, tuple[int, str]] = {}
    totals: dict[tuple[Window, str], int] = {}
    with core.db.cursor() as cursor:
        rows = bucket_rows(cursor, name, reference_version, "inputs")
    for row in rows:
        if row.role != "serving":
            continue
        key = (window_spec.containing(row.start), row.model_version)
        totals[key] = totals.get(key, 0) + row.rows
        most[key[0]] = max(most.get(key[0], (0, "")), (totals[key], row.model_version))
    return {window: version for window, (_, version) in most.items()}
