"""Runs every model and every source by its declared schedule, and looks after what is periodic, for as long as the process serves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from monitors.schedule import Scheduler, missed
from reference_data.declaration import Declaration
from reference_data.section import parse_rows
from service.declaration_file import parse
from service.local import LocalWorkspace, attend, declare, timetable
from service.workspace import ConflictError, Workspace

_log = logging.getLogger(__name__)
#: The jobs that take up changed declarations, count rows that came, and look after alerts; no model can be called so.
_KEEPER, _ROWS, _ATTEND = "declarations", "rows", "attend"
_KEEPING = dict.fromkeys((_KEEPER, _ROWS, _ATTEND), "every 10s")
_MODEL, _SOURCE = "model ", "source "


class Schedules:
    """The scheduler of a workspace: a context manager that starts and stops it."""

    def __init__(self, workspace: Workspace, now: Callable[[], datetime]) -> None:
        self._workspace, self._now = workspace, now
        self._core = workspace.core if isinstance(workspace, LocalWorkspace) else None
        self._scheduler = Scheduler(now, self.tick)
        self._why: dict[str, str] = {}  # what brought about the next run of a model, where that is not its schedule

    def __enter__(self) -> Self:
        try:
            declared = self.take_up()
        except Exception:  # the dashboard and the API are worth having even so; the keeper tries again
            _log.exception("the declared schedules could not be read")
            self._scheduler.set_jobs(_KEEPING, keeping=_KEEPING)
            declared = Declaration()
        if self._core is not None:
            self._core.next_run, self._core.next_source_run = self.next_run, self.next_source_run
            self._core.awake_since = lambda: self._scheduler.awake_since
            self._core.well = lambda: self.alive
        self._scheduler.start()
        self._catch_up(declared)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.stop()
        if self._core is not None:
            self._core.awake_since = lambda: None

    @property
    def alive(self) -> bool:
        """Whether schedules are being kept."""
        return self._scheduler.alive

    def pulse(self) -> None:
        """Look once at what is due, as the clock's thread does twice a second."""
        self._scheduler.pulse()

    def next_run(self, model: str) -> datetime | None:
        """Return when a model is looked at next; None for one that waits for rows."""
        return self._scheduler.next_runs().get(_MODEL + model)

    def next_source_run(self, source: str) -> datetime | None:
        """Return when a source is read next."""
        return self._scheduler.next_runs().get(_SOURCE + source)

    def last_errors(self) -> dict[str, str]:
        """Return what went wrong in the latest run of each model."""
        return {name.removeprefix(_MODEL): error for name, error in self._scheduler.last_errors().items()}

    def tick(self, name: str) -> None:
        """Do what a job is for."""
        if name == _KEEPER:
            self.take_up()
        elif name == _ROWS:
            self._look_for_rows()
        elif name == _ATTEND:
            if self._core is not None:
                attend.attend(self._core)
        elif name.startswith(_SOURCE):
            with suppress(ConflictError):  # somebody reads it by hand just now
                self._workspace.run_source(name.removeprefix(_SOURCE), actor="schedule", trigger="schedule")
        else:
            self._judge(name.removeprefix(_MODEL), self._why.pop(name, "schedule"))

    def _judge(self, model: str, trigger: str) -> None:
        try:
            if (
                self._core is None or model not in self._core.runs
            ):  # what comes while one is under way is due the next time
                self._workspace.run(model, actor="schedule", trigger=trigger)
        finally:
            if self._core is not None:
                self._core.catching_up.discard(model)

    def take_up(self) -> Declaration:
        """Take up what is declared now."""
        declared = self._declared()
        models, sources = declared.models, declared.sources
        by_time = {name: spec for name, spec in models.items() if parse_rows(spec.monitor.schedule) is None}
        schedules = {_MODEL + name: spec.monitor.schedule for name, spec in by_time.items()}
        zones = {_MODEL + name: spec.timezone for name, spec in models.items()}
        schedules |= {_SOURCE + name: source.schedule for name, source in sources.items()}
        zones |= {_SOURCE + name: models[source.model].timezone for name, source in sources.items()}
        self._scheduler.set_jobs(
            _KEEPING | schedules,
            timezones=zones,
            apart=[_SOURCE + name for name in sources],
            keeping=_KEEPING,
            on_demand=[_MODEL + name for name in models.keys() - by_time.keys()],
        )
        return declared

    def _declared(self) -> Declaration:
        """Return what is declared; where the stores are at hand not by way of TOML, which takes a second for ten thousand columns."""
        core = self._core
        return parse(self._workspace.export(), None) if core is None else declare.declaration(core)

    def _look_for_rows(self) -> None:
        """Run the models whose schedule is a number of rows, where as many have come."""
        for model in timetable.due_by_rows(self._core) if self._core is not None else ():
            self._run_now(model, "rows")

    def _run_now(self, model: str, trigger: str) -> None:
        name = _MODEL + model
        self._why.setdefault(name, trigger)
        try:
            begun = self._scheduler.run_now(name)
        except KeyError:  # declared this moment: the keeper has not taken it up
            begun = False
        if not begun:
            self._why.pop(name, None)
            if self._core is not None:
                self._core.catching_up.discard(model)

    def _catch_up(self, declared: Declaration) -> None:
        """Do at once what was due while nothing ran here: what is done every night need not wait for another night."""
        now = self._now()
        try:
            views = self._workspace.sources() if declared.sources else []
            for view in views:
                last, zone = view["last_run"], declared.models[view["model"]].timezone
                if last is not None and missed(view["schedule"], zone, _moment(last["started_at"]), now):
                    self._scheduler.run_now(_SOURCE + view["name"])
            for name, spec in declared.models.items() if self._core is not None else ():
                last_run = next(iter(self._workspace.runs(name, limit=1)), None)
                by_time = parse_rows(spec.monitor.schedule) is None
                if last_run is not None and (
                    last_run["state"] == "lost"
                    or (by_time and missed(spec.monitor.schedule, spec.timezone, _moment(last_run["started_at"]), now))
                ):
                    if self._core is not None:
                        self._core.catching_up.add(name)
                    self._run_now(name, "catch_up")
        except Exception:
            _log.exception("what was due while nothing ran could not be found out")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
