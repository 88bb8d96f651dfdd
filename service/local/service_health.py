"""The service around a model: latency and throughput of the log, and what its processes report of themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from monitors.judge_custom import FIRST, OwnCheck, Variation, custom_readings
from monitors.own_sql import JUDGED_LATENCY
from service.local.convert import aware, iso, number
from service.workspace import WorkspaceError
from storage.custom_checks import CustomValue
from storage.readings import current_readings
from storage.service_reports import Reported, append_reports, report_span, reported
from storage.traffic import BucketRows, bucket_rows

if TYPE_CHECKING:
    from monitors.types import Reading
    from reference_data.declaration import ModelSpec
    from reference_data.windows import Window
    from service import outcome_views
    from service.local.core import Core

ERRORS = "error_share"
_COUNTS, _AMOUNTS = ("requests", "errors"), ("cpu_seconds", "memory_bytes")
_FIELDS = ("until", "seconds", "process", "model_version", *_COUNTS, *_AMOUNTS)
MOST = 10_000  # reports of one call
_LONGEST = 31 * 86_400  # seconds of one report
_AHEAD, _BACK = timedelta(days=31), timedelta(days=3660)  # of now: windows in between are gone through one by one


def report_service(core: Core, model: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Take in reports of serving processes; raises :class:`WorkspaceError` naming the row and the field that is wrong."""
    spec = core.spec(model)
    if len(rows) > MOST:
        raise WorkspaceError(f"{len(rows):,} reports came at once; send at most {MOST:,}")
    checked = [_checked(core, spec, place, row) for place, row in enumerate(rows)]
    return append_reports(core.db, model, checked, core.now())


def _checked(core: Core, spec: ModelSpec, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(row.keys() - set(_FIELDS))
    if unknown:
        raise WorkspaceError(f"report {place}: field {unknown[0]!r} is not known; there are {', '.join(_FIELDS)}")
    found: dict[str, Any] = {"process": str(row.get("process") or ""), "model_version": row.get("model_version")}
    found["until"] = _moment(core, spec, place, row.get("until"))
    found["seconds"] = _amount(place, "seconds", row.get("seconds"), least=1e-3)
    if found["seconds"] is None:
        raise WorkspaceError(f"report {place}: seconds is missing; say how long a span the report is about, such as 60")
    if found["seconds"] > _LONGEST:
        raise WorkspaceError(f"report {place}: seconds is {found['seconds']:g}; send reports of at most {_LONGEST:,} s")
    for name in (*_COUNTS, *_AMOUNTS):
        value = _amount(place, name, row.get(name))
        if name in _COUNTS and value is not None and value != int(value):
            raise WorkspaceError(f"report {place}: {name} is {value!r}; send a whole number")
        found[name] = int(value) if name in _COUNTS and value is not None else value
    if (found["errors"] or 0) > (found["requests"] if found["requests"] is not None else math.inf):
        raise WorkspaceError(
            f"report {place}: errors is {found['errors']}, of {found['requests']} requests; count failed requests as requests too"
        )
    return found


def _moment(core: Core, spec: ModelSpec, place: int, value: object) -> datetime:
    if value is None:
        return core.now()
    try:
        found = aware(value if isinstance(value, datetime) else str(value), spec.zone)
    except WorkspaceError as error:
        raise WorkspaceError(f"report {place}: until: {error}; or leave it out for now") from None
    now = core.now()
    if not now - _BACK <= found <= now + _AHEAD:
        raise WorkspaceError(
            f"report {place}: until is {iso(found, spec.zone)}, and it is {iso(now, spec.zone)}; send a time of the last ten years"
        )
    return found


def _amount(place: int, name: str, value: object, least: float = 0.0) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 1e18:
        raise WorkspaceError(f"report {place}: {name} is {value!r}; send a number of at least {least:g}")
    return float(value)


def error_readings(
    core: Core, spec: ModelSpec, windows: Sequence[Window], blank: Reading, level: float
) -> list[Reading]:
    """Return the share of requests that failed, in the windows that were reported, held against the first that were."""
    window_spec = core.window_spec(spec.name)
    with core.db.cursor() as cursor:
        span = report_span(cursor, spec.name)
        if span is None:
            return []
        first = list(window_spec.between(window_spec.containing(span[0]).start, windows[-1].end))
        known = reported(cursor, spec.name, first)
    usual = [
        (w, known[w.start])
        for w in first
        if w.start in known and _told(known[w.start]) and (known[w.start].requests or 0) >= spec.monitor.min_rows
    ]
    variation = None
    if len(usual) >= FIRST:
        kept = usual[:FIRST]
        variation = Variation(
            tuple(window.start for window, _ in kept),
            np.asarray([_share(report) for _, report in kept], dtype=np.float64),
            np.asarray([report.requests or 0 for _, report in kept], dtype=np.int64),
            f"the first {FIRST} windows that were reported",
            logged=True,
        )
    seen = [window for window in windows if window.start in known and _told(known[window.start])]
    values = [CustomValue(_share(known[window.start]), known[window.start].requests or 0) for window in seen]
    check = OwnCheck(ERRORS, "share", "higher_is_worse", changed=0.2, title="The share of requests that fail")
    found = custom_readings(
        check, seen, values, variation, window_spec, blank, level=level, least=spec.monitor.min_rows
    )
    return [replace(reading, scope="service") for reading in found]


def _told(report: Reported) -> bool:
    """Whether there were requests, and it was said how many failed."""
    return bool(report.requests) and report.errors is not None


def _share(report: Reported) -> float:
    return (report.errors or 0) / report.requests if report.requests and report.errors is not None else math.nan


def service_points(core: Core, model: str) -> list[outcome_views.ServicePoint]:
    """Return what is known of the service in each window that has rows or reports."""
    spec, window_spec = core.spec(model), core.window_spec(model)
    active = core.active_reference(model)
    with core.db.cursor() as cursor:
        rows = (
            []
            if active is None
            else [r for r in bucket_rows(cursor, model, active.version, "inputs") if r.role == "serving"]
        )
        readings = current_readings(cursor, model, scope="service")
        span = report_span(cursor, model)
        moments = [row.start for row in rows] + list(span or ())
        if not moments:
            return []
        windows = list(
            window_spec.between(window_spec.containing(min(moments)).start, window_spec.containing(max(moments)).end)
        )
        known = reported(cursor, model, windows)
    served: dict[datetime, list[BucketRows]] = {}
    for row in rows:
        served.setdefault(window_spec.containing(row.start).start, []).append(row)
    by_window: dict[datetime, list[dict[str, Any]]] = {}
    for reading in readings:
        by_window.setdefault(reading["window_start"], []).append(reading)
    nothing = Reported(None, None, None, None)
    return [
        _point(
            spec,
            window,
            served.get(window.start, []),
            by_window.get(window.start, []),
            known.get(window.start, nothing),
        )
        for window in windows
        if window.start in served or window.start in known
    ]


def _point(
    spec: ModelSpec, window: Window, rows: Sequence[BucketRows], readings: Sequence[Mapping[str, Any]], report: Reported
) -> outcome_views.ServicePoint:
    n = sum(row.rows for row in rows)
    seconds = (window.end - window.start).total_seconds()
    values = {reading["check"]: reading["value"] for reading in readings}
    wrong = [reading for reading in readings if reading["verdict"] in ("warning", "critical")]
    told = [reading for reading in readings if reading["check"] in (JUDGED_LATENCY, ERRORS)]
    verdicts = {reading["verdict"] for reading in told}
    version = max(rows, key=lambda row: row.rows).model_version if rows else ""
    words = " ".join(reading["sentence"] for reading in wrong or told)
    return {
        "start": iso(window.start, spec.zone),
        "end": iso(window.end, spec.zone),
        "model_version": version,
        "rows": n,
        "rows_per_second": n / seconds if rows else None,
        "latency_p50": number(values.get("latency_p50")),
        "latency_p95": number(values.get("latency_p95")),
        "latency_p99": number(values.get("latency_p99")),
        "requests": report.requests,
        "error_share": number(_share(report)),
        "cpu": number(report.cpu),
        "memory": number(report.memory),
        "verdict": wrong[0]["verdict"]
        if wrong
        else "ok"
        if "ok" in verdicts
        else "insufficient"
        if told
        else "no_data",
        "sentence": words or f"{n:,} rows were answered, none with a latency.",
    }
