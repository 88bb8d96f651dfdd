"""Everything that ``/metrics`` tells of a home, read in few queries whatever the number of models."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from monitors.shown import shown_state
from service.local.convert import row_to_alert
from service.local.reading_board import UNSAID, ReadingBoard, Shown
from service.measures import Measures
from storage.logs import count_rows
from storage.traffic import event_span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitors.types import Alert
    from service.local.core import Core
    from storage.control import ModelRecord
    from storage.log_queries import RowCount

_AGED = 60.0  # seconds after which rows are counted again
_SPENT = (
    0.02  # seconds that one look may spend on that: of many models some at a time, those of the oldest counts first
)
_WORST = {"page": 0, "warning": 1, "notice": 2}
_OPEN = ("firing", "acknowledged", "recovering", "silenced")


class Counted(NamedTuple):
    """The rows of a model, and when they were counted on the monotonic clock."""

    at: float
    rows: RowCount
    until: datetime | None


@dataclass(slots=True)
class Figures:
    """What is remembered from one look to the next."""

    board: ReadingBoard = field(default_factory=ReadingBoard)
    counted: dict[str, Counted] = field(default_factory=dict)
    headlines: dict[str, tuple[object, tuple[str, str] | None]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def measures(core: Core, readings: int) -> Measures:
    """Return what is known now; at most so many readings, shared out evenly among the models."""
    found, records = Measures(), core.control.model_records()
    found.add("driftdeck_models", len(records))
    alerts = [row_to_alert(row) for row in core.control.every_open_alert()]
    with core.figures.lock, core.db.cursor() as cursor:
        champions = {name: core.roles(name).champion for name in records}
        each = readings // max(1, len(records))
        shown = core.figures.board.of(cursor, champions, each)
        _count(core, cursor, records, found)
    for name, record in records.items():
        spec = record.spec
        found.add("driftdeck_model_info", 1, name, spec.task, champions[name], spec.owner, spec.monitor.window)
        mine = [alert for alert in alerts if alert.model == name]
        found.add("driftdeck_model_health", 1, name, _health(mine, shown.get(name)))
        if name in shown:
            _tell_readings(core, name, shown[name], found)
    _tell_alerts(core, alerts, found)
    _tell_work(core, records, found)
    return found


def _count(core: Core, cursor: Any, records: Mapping[str, ModelRecord], found: Measures) -> None:
    counted, started = core.figures.counted, time.monotonic()
    due = sorted(records, key=lambda name: counted[name].at if name in counted else -math.inf)
    for name in due:
        old = counted.get(name)
        if old is not None and (started - old.at < _AGED or time.monotonic() - started > _SPENT):
            break
        span = event_span(cursor, name, core.now())
        counted[name] = Counted(time.monotonic(), count_rows(cursor, records[name].spec), span[1] if span else None)
    for name in counted.keys() - records.keys():
        del counted[name]
    for name in records:
        rows, until = counted[name].rows, counted[name].until
        for kind in ("logs", "labels", "quarantined"):
            found.add("driftdeck_rows", getattr(rows, kind), name, kind)
        found.add("driftdeck_data_until_timestamp_seconds", until.timestamp() if until else None, name)
    for (model, kind, outcome), number in sorted(core.ingested.rows().items()):
        found.add("driftdeck_ingested_rows_total", number, model, kind, outcome)
    found.add("driftdeck_write_queue_length", core.db.waiting)


def _tell_readings(core: Core, name: str, shown: Shown, found: Measures) -> None:
    for metric, lines in shown.lines.items():
        found.lines.setdefault(metric, []).extend(lines)
    found.add("driftdeck_readings_left_out", shown.left_out, name)
    for scope, end in sorted(shown.ends.items()):
        found.add("driftdeck_reading_window_end_timestamp_seconds", end, name, scope)
    found.add("driftdeck_drifted_columns", shown.drifted, name)
    headline = _headline(core, name, shown)
    if headline is not None:
        metric, unit = headline
        row = shown.find(metric)
        if row is not None:
            found.add("driftdeck_performance", row.value, name, metric, unit)
            found.add("driftdeck_performance_threshold", row.threshold, name, metric, unit)
            found.add("driftdeck_label_coverage_ratio", row.coverage, name)


def _headline(core: Core, name: str, shown: Shown) -> tuple[str, str] | None:
    """Return name and unit of the metric a model is judged by; looked up once for each set of readings."""
    from service.local.performance import metric

    known = core.figures.headlines.get(name)
    if known is None or known[0] is not shown:
        check = metric(core, name, None)
        known = core.figures.headlines[name] = (shown, None if check is None else (check[0].name, check[0].unit))
    return known[1]


def _health(alerts: list[Alert], shown: Shown | None) -> str:
    """Return the health of a model as the overview has it."""
    open_ones = [alert for alert in alerts if alert.state in _OPEN]
    if open_ones:
        worst = min(open_ones, key=lambda alert: (_WORST[alert.severity], alert.window.start))
        return "no_data" if worst.kind == "no_data" else worst.severity
    verdicts = shown.verdicts if shown else frozenset()
    if not verdicts or verdicts == {"no_data"}:
        return "no_data"
    return "insufficient" if verdicts <= UNSAID else "ok"


def _tell_alerts(core: Core, alerts: list[Alert], found: Measures) -> None:
    for model, kind, severity, number in core.control.resolved_alerts():
        found.add("driftdeck_alerts", number, model, kind, severity, "resolved")
    now = core.now()
    found.count("driftdeck_alerts", ((a.model, a.kind, a.severity, shown_state(a, now)) for a in alerts))


def _tell_work(core: Core, records: Mapping[str, ModelRecord], found: Measures) -> None:
    """Tell of runs, jobs, sources and messages."""
    runs = core.control.latest_runs()
    for name in records:
        run = runs.get(name)
        last = datetime.fromisoformat(run["ended_at"]) if run and run["ended_at"] else core.last_run(name)
        found.add("driftdeck_last_run_timestamp_seconds", last.timestamp() if last else None, name)
        if run:
            found.add("driftdeck_last_run_duration_seconds", run["seconds"], name)
            found.add("driftdeck_last_run_state", 1, name, run["state"])
    for model, state, number in core.control.job_counts():
        found.add("driftdeck_jobs", number, model, state)
    for channel, state, number in core.control.message_counts():
        found.add("driftdeck_outbox", number, channel, state)
    for name, record in core.control.source_records().items():
        _tell_source(core, name, record.spec.model, found)


def _tell_source(core: Core, name: str, model: str, found: Measures) -> None:
    last = next(iter(core.control.source_runs(name, 1)), None)
    found.add("driftdeck_source_up", 0 if last and last["state"] == "failed" else 1, model, name)
    if last is None:
        return
    began = datetime.fromisoformat(last["started_at"])
    found.add("driftdeck_source_last_run_timestamp_seconds", began.timestamp(), model, name)
    if last["latest_event"]:
        lag = (core.now() - datetime.fromisoformat(last["latest_event"])).total_seconds()
        found.add("driftdeck_source_lag_seconds", max(0.0, lag), model, name)
