"""Runs every model by its declared schedule, for as long as the process serves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from monitors.schedule import Scheduler
from service.declaration_file import parse
from service.workspace import Workspace

_log = logging.getLogger(__name__)
#: The job that takes up changed declarations; no model can be called so.
_KEEPER, _KEEPER_SCHEDULE = "declarations", "every 10s"
_MODEL = "model "


class Schedules:
    """The scheduler of a workspace: a context manager that starts and stops it."""

    def __init__(self, workspace: Workspace, now: Callable[[], datetime]) -> None:
        self._workspace = workspace
        self._scheduler = Scheduler(now, self._tick)

    def __enter__(self) -> Self:
        try:
            self._take_up()
        except Exception:  # the dashboard and the API are worth having even so; the keeper tries again
            _log.exception("the declared schedules could not be read")
            self._scheduler.set_jobs({_KEEPER: _KEEPER_SCHEDULE})
        self._scheduler.start()
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

    def last_errors(self) -> dict[str, str]:
        """Return what went wrong in the latest run of each model."""
        return {name.removeprefix(_MODEL): error for name, error in self._scheduler.last_errors().items()}

    def _tick(self, name: str) -> None:
        if name == _KEEPER:
            self._take_up()
        else:
            self._workspace.run(name.removeprefix(_MODEL))

    def _take_up(self) -> None:
        models = parse(self._workspace.export(), None).models
        schedules = {_MODEL + name: spec.monitor.schedule for name, spec in models.items()}
        zones = {_MODEL + name: spec.timezone for name, spec in models.items()}
        self._scheduler.set_jobs({_KEEPER: _KEEPER_SCHEDULE, **schedules}, timezones=zones)
