"""Runs every model and every source by its declared schedule, for as long as the process serves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from monitors.schedule import Scheduler, missed
from reference_data.declaration import Declaration
from service.declaration_file import parse
from service.workspace import ConflictError, Workspace

_log = logging.getLogger(__name__)
#: The job that takes up changed declarations; no model can be called so.
_KEEPER, _KEEPER_SCHEDULE = "declarations", "every 10s"
_MODEL, _SOURCE = "model ", "source "


class Schedules:
    """The scheduler of a workspace: a context manager that starts and stops it."""

    def __init__(self, workspace: Workspace, now: Callable[[], datetime]) -> None:
        self._workspace, self._now = workspace, now
        self._scheduler = Scheduler(now, self._tick)

    def __enter__(self) -> Self:
        try:
            declared = self._take_up()
        except Exception:  # the dashboard and the API are worth having even so; the keeper tries again
            _log.exception("the declared schedules could not be read")
            self._scheduler.set_jobs({_KEEPER: _KEEPER_SCHEDULE})
            declared = Declaration()
        self._scheduler.start()
        self._catch_up(declared)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.stop()

    @property
    def alive(self) -> bool:
        """Whether schedules are being kept."""
        return self._scheduler.alive

    def next_run(self, model: str) -> datetime | None:
        """Return when a model is looked at next."""
        return self._scheduler.next_runs().get(_MODEL + model)

    def next_source_run(self, source: str) -> datetime | None:
        """Return when a source is read next."""
        return self._scheduler.next_runs().get(_SOURCE + source)

    def last_errors(self) -> dict[str, str]:
        """Return what went wrong in the latest run of each model."""
        return {name.removeprefix(_MODEL): error for name, error in self._scheduler.last_errors().items()}

    def _tick(self, name: str) -> None:
        if name == _KEEPER:
            self._take_up()
        elif name.startswith(_SOURCE):
            with suppress(ConflictError):  # somebody reads it by hand just now
                self._workspace.run_source(name.removeprefix(_SOURCE), actor="schedule", trigger="schedule")
        else:
            self._workspace.run(name.removeprefix(_MODEL))

    def _take_up(self) -> Declaration:
        declared = parse(self._workspace.export(), None)
        models, sources = declared.models, declared.sources
        schedules = {_MODEL + name: spec.monitor.schedule for name, spec in models.items()}
        zones = {_MODEL + name: spec.timezone for name, spec in models.items()}
        schedules |= {_SOURCE + name: source.schedule for name, source in sources.items()}
        zones |= {_SOURCE + name: models[source.model].timezone for name, source in sources.items()}
        apart = [_SOURCE + name for name in sources]
        self._scheduler.set_jobs({_KEEPER: _KEEPER_SCHEDULE, **schedules}, timezones=zones, apart=apart)
        return declared

    def _catch_up(self, declared: Declaration) -> None:
        """Read at once the sources that were due while nothing ran here: a nightly one need not wait for another night."""
        try:
            views = self._workspace.sources() if declared.sources else []
        except Exception:
            _log.exception("whether sources were due could not be found out")
            return
        for view in views:
            last, zone = view["last_run"], declared.models[view["model"]].timezone
            if last is None:
                continue
            began = datetime.fromisoformat(last["started_at"]).astimezone(UTC)
            if missed(view["schedule"], zone, began, self._now()):
                self._scheduler.run_now(_SOURCE + view["name"])
