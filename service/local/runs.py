"""Runs of monitors: one at a time of each model, so many at once, each recorded from its beginning to its end.

A run that is cancelled, takes too long or dies with its process has judged whole windows; the next one goes on from there.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from reference_data.section import parse_duration
from service.local import attend, jobs, timetable, unmoved
from service.local.convert import iso
from service.local.monitoring import Course, looked, run_model
from service.workspace import ConflictError
from storage.privacy import HIDDEN, keeps_words
from storage.transform import shortened

if TYPE_CHECKING:
    from service import views
    from service.alert_views import ModelRunView
    from service.local.core import Core

_LOG = logging.getLogger(__name__)
_SAID = 10.0  # seconds between two records of how far a run is
_PATIENCE = 10.0  # seconds that whoever cancels waits for the end
_PAUSE = 0.2  # seconds after which a run that waits looks whether it is still wanted
_GOES_ON = "the next run goes on from there"
_ENDED = f"ended with its process; what it had judged is kept, and {_GOES_ON}"


@dataclass(slots=True)
class Run:
    """A run that is under way. ``slot``: it is one of those that may work; without, it waits for its turn."""

    record: dict[str, Any]
    course: Course = field(default_factory=Course)
    slot: bool = False
    cancelled_by: str | None = None
    ended: threading.Event = field(default_factory=threading.Event)


# -- one run -----------------------------------------------------------------------------------------------------------
def run(
    core: Core,
    model: str,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    actor: str = "cli",
    trigger: str = "manual",
) -> views.RunView:
    """Judge what is due of a model, now; waits while another run of it is under way. What goes wrong is recorded, and raised."""
    core.record(model)
    while (under_way := _begin(core, model, actor, trigger))[1] is False:
        under_way[0].ended.wait(_PAUSE)
    mine = under_way[0]
    started = time.monotonic()
    _work(core, mine, since, until)
    return {
        "model": model,
        "windows": mine.course.windows_done,
        "readings": mine.course.readings,
        "alerts_opened": mine.course.opened,
        "alerts_resolved": mine.course.resolved,
        "seconds": time.monotonic() - started,
        "state": mine.record["state"],
    }


def start(core: Core, model: str, actor: str, trigger: str = "manual") -> ModelRunView:
    """Begin a run in a thread of its own; while one is under way, that one is returned."""
    zone = core.spec(model).zone
    found, mine = _begin(core, model, actor, trigger)
    if mine:
        thread = threading.Thread(target=_beside, args=(core, found), name=f"run {model}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # a machine out of threads: nothing may wait for a run that nobody does
            _end(core, found, "failed", f"it could not be begun: {error}", 0.0)
            raise
        if trigger == "manual":
            core.control.append_audit(actor, "run", model, {"run_id": found.record["run_id"]}, "workspace", core.now())
    return _view(found.record, zone, found)


def cancel(core: Core, model: str, actor: str) -> ModelRunView:
    """End the run of a model after the windows it is at; raises :class:`ConflictError` when none is under way."""
    zone = core.spec(model).zone
    found = core.runs.get(model)
    if found is None:
        raise ConflictError(f"no run of model {model!r} is under way; `driftdeck runs {model}` lists those there were")
    found.cancelled_by = actor
    core.control.append_audit(actor, "cancel run", model, {"run_id": found.record["run_id"]}, "workspace", core.now())
    found.ended.wait(_PATIENCE)
    return _view(found.record, zone, found)


def _begin(core: Core, model: str, actor: str, trigger: str) -> tuple[Run, bool]:
    """Return the run of a model that is under way, and whether it is a new one."""
    with core.running:
        if model in core.runs:
            return core.runs[model], False
        if core.closing.is_set():
            raise ConflictError("the service is about to end; nothing is begun any more")
        record = {
            "run_id": uuid4().hex,
            "model": model,
            "state": "running",
            "trigger": trigger,
            "actor": actor,
            "started_at": core.system_now().isoformat(),
            "ended_at": None,
            "seconds": None,
            "windows_done": 0,
            "windows_total": None,
            "readings": 0,
            "rows": 0,
            "alerts_opened": 0,
            "error": None,
        }
        core.control.append_model_run(record)
        begun = core.runs[model] = Run(record)
        return begun, True


def _beside(core: Core, mine: Run) -> None:
    try:
        _work(core, mine, None, None)
    except Exception as error:
        _LOG.warning("the run of %s failed: %s", mine.record["model"], type(error).__name__)
    else:
        if not core.closing.is_set():
            attend.attend(core)


def _work(core: Core, mine: Run, since: datetime | None, until: datetime | None) -> None:
    """Do a run that was begun, and record its end, whatever it is."""
    started, model = time.monotonic(), mine.record["model"]
    ended: tuple[str, str | None] = ("cancelled", f"interrupted; {_GOES_ON}")
    try:
        limit = parse_duration(core.spec(model).monitor.timeout).total_seconds()
        if _has_slot(core, mine):
            jobs.settle(core, model)
            timetable.note_rows(core, core.spec(model))
            mine.course = Course(
                stop=lambda: _why(core, mine, limit) is not None, told=_teller(core, mine), began=time.monotonic()
            )
            _look(core, mine, since, until)
        ended = ("done", None) if mine.course.whole else _why(core, mine, limit) or ended
    except Exception as error:
        ended = ("failed", _words(core, model, error))
        raise
    finally:
        _count(mine)
        _end(core, mine, *ended, time.monotonic() - started)


def _look(core: Core, mine: Run, since: datetime | None, until: datetime | None) -> None:
    """Judge what is due; when nothing can be that was not due the last time, and no person asks, without looking for it."""
    model, course = mine.record["model"], mine.course
    if since is None and until is None and mine.record["trigger"] != "manual" and unmoved.holds(core, model):
        course.windows_total = 0
        looked(core, model, course)
        return
    before = unmoved.now(core, model)
    run_model(core, model, since, until, course)
    if since is None and until is None:
        unmoved.keep(core, model, before, course)


def _end(core: Core, mine: Run, state: str, words: str | None, seconds: float) -> None:
    """Record how a run ended, and let others begin."""
    ended_at = core.system_now().isoformat()
    mine.record |= {"state": state, "error": words, "ended_at": ended_at, "seconds": round(seconds, 3)}
    with core.running:
        mine.slot = False
        try:
            core.control.append_model_run(dict(mine.record))
        finally:
            del core.runs[mine.record["model"]]
            mine.ended.set()
            core.running.notify_all()


def _has_slot(core: Core, mine: Run) -> bool:
    """Wait until one run less than there may be is at work; False if this one is not wanted any more."""
    with core.running:
        while sum(other.slot for other in core.runs.values()) >= core.max_runs:
            core.running.wait(_PAUSE)
            if mine.cancelled_by is not None or core.closing.is_set():
                return False
        mine.slot = True
    return True


def _why(core: Core, mine: Run, limit: float) -> tuple[str, str] | None:
    """Return the state and the words of a run that is to end now, None while it may go on."""
    if mine.cancelled_by is not None:
        return "cancelled", f"cancelled by {mine.cancelled_by}; {_GOES_ON}"
    if core.closing.is_set():
        return "cancelled", f"the service was stopped; {_GOES_ON}"
    if mine.course.began is not None and time.monotonic() - mine.course.began > limit:
        return "timed_out", f"took longer than {limit:g} s (monitor.timeout); {_GOES_ON}"
    return None


def _teller(core: Core, mine: Run) -> Any:
    """Return what is called after every block: it records now and then how far the run is."""
    said = [time.monotonic()]

    def told() -> None:
        _count(mine)
        if time.monotonic() - said[0] >= _SAID:
            said[0] = time.monotonic()
            core.control.append_model_run(dict(mine.record))

    return told


def _count(mine: Run) -> None:
    course = mine.course
    mine.record |= {
        "windows_done": course.windows_done,
        "windows_total": course.windows_total,
        "readings": course.readings,
        "rows": course.rows,
        "alerts_opened": len(course.opened),
    }


def _words(core: Core, model: str, error: Exception) -> str:
    """Say what went wrong; of a model of persons nothing that may be a value of a row."""
    told = keeps_words(core.spec(model))
    return f"{type(error).__name__}: {shortened(' '.join(str(error).split())) if told else HIDDEN}"


# -- views -------------------------------------------------------------------------------------------------------------
def runs(core: Core, model: str | None, limit: int) -> list[ModelRunView]:
    """Return runs, those that began last first; of one that is under way how far it is now."""
    if model is not None:
        core.record(model)
    zones = {name: record.spec.zone for name, record in core.control.model_records().items()}
    live = {found.record["run_id"]: found for found in list(core.runs.values())}
    records = core.control.model_runs(model, limit)
    return [_view(record, zones[record["model"]], live.get(record["run_id"])) for record in records]


def _view(record: dict[str, Any], zone: Any, live: Run | None) -> ModelRunView:
    if live is not None:
        _count(live)
        record = live.record
    view = {**record, "remaining_seconds": None if live is None else _remaining(live)}
    for name in ("started_at", "ended_at"):
        view[name] = (
            None if view[name] is None else iso(datetime.fromisoformat(view[name]).replace(microsecond=0), zone)
        )
    return cast("ModelRunView", view)


def _remaining(live: Run) -> float | None:
    """Return the seconds that the windows left will take, as long as those done have taken; None before the first."""
    course = live.course
    if live.ended.is_set() or not course.windows_done or course.windows_total is None or course.judging is None:
        return None
    spent = time.monotonic() - course.judging
    return round(spent / course.windows_done * (course.windows_total - course.windows_done), 1)


# -- opening and closing -----------------------------------------------------------------------------------------------
def lose_runs(core: Core) -> None:
    """On opening a home: whatever ran when its process ended does not run any more."""
    for record in core.control.unfinished_model_runs():
        core.control.append_model_run(
            record | {"state": "lost", "error": _ENDED, "ended_at": core.system_now().isoformat()}
        )


def end_all(core: Core, seconds: float = 120.0) -> None:
    """Before a home is closed: let runs end after the windows they are at."""
    core.closing.set()
    with core.running:
        core.running.wait_for(lambda: not core.runs, seconds)
