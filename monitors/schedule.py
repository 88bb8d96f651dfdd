"""When things are due: APScheduler, used as a clock and nothing else.

What has to be done at a tick is read off the data by whoever is called, so nothing is lost when a tick is: the job store is in
memory, and a restart simply ticks again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from reference_data.section import parse_duration

_LOG = logging.getLogger(__name__)
_ALLOWED = "write a cron line of five fields such as '*/15 * * * *', or 'every 15m'"
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")  # cron counts from Sunday, and knows it as 7 too
_APART = "apart"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def parse_schedule(text: str, timezone: str = "UTC") -> Any:
    """Read ``"*/15 * * * *"`` (in ``timezone``) or ``"every 15m"`` and return APScheduler's trigger.

    Weekdays count as in cron (0 and 7 are Sunday), not as in APScheduler. Raises :class:`ValueError` naming what is allowed.
    """
    words = text.strip().lower().split()
    if words[:1] == ["every"]:
        return _interval(text, " ".join(words[1:]))
    if len(words) != 5:
        raise ValueError(f"schedule {text!r} is not understood; {_ALLOWED}")
    minute, hour, day, month, weekday = words
    if day != "*" and weekday != "*":
        raise ValueError(f"schedule {text!r} names both a day of the month and a weekday; name one of them")
    try:
        trigger = CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=_weekdays(weekday), timezone=timezone
        )
        never = trigger.get_next_fire_time(None, _EPOCH) is None
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"schedule {text!r} is not understood ({error}); {_ALLOWED}") from None
    if never:
        raise ValueError(f"schedule {text!r} names a date that never comes; {_ALLOWED}")
    return trigger


def missed(schedule: str, timezone: str, since: datetime, now: datetime) -> bool:
    """Whether something that was begun at ``since`` has been due again before ``now``."""
    due = parse_schedule(schedule, timezone).get_next_fire_time(since, since)
    return due is not None and bool(due <= now)


def _interval(text: str, length: str) -> IntervalTrigger:
    try:
        duration = parse_duration(length)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"schedule {text!r} is not understood ({error}); {_ALLOWED}") from None
    if not 1 <= duration.total_seconds() <= 366 * 86400:
        raise ValueError(f"schedule {text!r} must lie between 'every 1s' and 'every 366d'")
    return IntervalTrigger(seconds=int(duration.total_seconds()), timezone="UTC")


def _weekdays(field: str) -> str:
    """Return cron's weekday field as a list of names, which mean the same everywhere."""
    if field == "*":
        return field
    chosen: list[str] = []
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "-", "6") if span == "*" else span.partition("-")
        low = _weekday(first)
        high = _weekday(last) if last else (6 if step else low)
        if low > high and high == 0:
            high = 7  # fri-sun
        if low > high:
            raise ValueError(f"the weekdays {span!r} run backwards")
        chosen += _WEEKDAYS[low : high + 1 : int(step or 1)]
    return ",".join(dict.fromkeys(chosen))


def _weekday(text: str) -> int:
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    if text.isdecimal() and int(text) <= 7:
        return int(text)
    raise ValueError(f"{text!r} is not a weekday; they are 0-7 or sun-sat")


@dataclass(frozen=True, slots=True)
class Tick:
    """How the latest run of a job went; ``error`` is None if well."""

    started_at: datetime
    ended_at: datetime
    error: str | None


class Scheduler:
    """Calls ``tick(name)`` when the schedule of ``name`` says so, in a worker thread, never twice at once for one name.

    ``now`` stamps what happened. A tick that raises is recorded and logged; the next comes as planned. Jobs that are set ``apart`` have
    threads of their own, so that what waits for others' servers keeps nothing else waiting.
    """

    def __init__(
        self, now: Callable[[], datetime], tick: Callable[[str], None], *, timezone: str = "UTC", threads: int = 4
    ) -> None:
        self._now, self._tick, self._timezone = now, tick, timezone
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(threads), _APART: ThreadPoolExecutor(2 * threads)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 300},
        )
        self._lock = threading.Lock()
        self._schedules: dict[str, tuple[str, str]] = {}
        self._apart: frozenset[str] = frozenset()
        self._running: set[str] = set()
        self._last: dict[str, Tick] = {}

    def start(self) -> None:
        """Start the clock's thread."""
        self._scheduler.start()

    def stop(self, *, wait: bool = True) -> None:
        """Stop the clock; with ``wait``, let running ticks end first. Stopping twice does no harm."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=wait)

    @property
    def alive(self) -> bool:
        """Whether the clock's thread runs."""
        thread = getattr(self._scheduler, "_thread", None)
        return bool(self._scheduler.running and thread is not None and thread.is_alive())

    def set_jobs(
        self,
        schedules: Mapping[str, str],
        *,
        timezones: Mapping[str, str] | None = None,
        apart: Collection[str] = (),
    ) -> None:
        """Make these, by name, the only jobs; jobs whose schedule stays the same keep their next run.

        Raises :class:`ValueError` for a schedule that is not understood, before anything is changed.
        """
        zones = timezones or {}
        wanted = {name: (text, zones.get(name, self._timezone)) for name, text in schedules.items()}
        triggers = {name: parse_schedule(*entry) for name, entry in wanted.items()}
        with self._lock:
            for name in self._schedules.keys() - wanted.keys():
                self._scheduler.remove_job(name)
            for name, trigger in triggers.items():
                if self._schedules.get(name) != wanted[name]:
                    pool = _APART if name in apart else "default"
                    self._scheduler.add_job(
                        self._run, trigger, args=[name], id=name, name=name, executor=pool, replace_existing=True
                    )
            self._schedules, self._apart = wanted, frozenset(apart)

    def next_runs(self) -> dict[str, datetime | None]:
        """Return when each job is due next, in UTC; None before the start."""
        due = {job.id: getattr(job, "next_run_time", None) for job in self._scheduler.get_jobs()}
        with self._lock:
            names = list(self._schedules)
        return {name: moment.astimezone(UTC) if (moment := due.get(name)) else None for name in names}

    def last_runs(self) -> dict[str, Tick]:
        """Return how the latest run of each job went."""
        with self._lock:
            return dict(self._last)

    def last_errors(self) -> dict[str, str]:
        """Return the error of each job whose latest run failed."""
        return {name: tick.error for name, tick in self.last_runs().items() if tick.error is not None}

    def run_now(self, name: str) -> bool:
        """Run a job once, at once, in a worker thread; False if it is running already.

        Raises :class:`KeyError` naming the jobs there are.
        """
        with self._lock:
            if name not in self._schedules:
                known = ", ".join(map(repr, sorted(self._schedules))) or "none"
                raise KeyError(f"no job {name!r}; there are {known}")
            if name in self._running:
                return False
            pool = _APART if name in self._apart else "default"
        self._scheduler.add_job(
            self._run, args=[name], id=f"{name} now", executor=pool, misfire_grace_time=None, replace_existing=True
        )
        return True

    def _run(self, name: str) -> None:
        with self._lock:
            if name in self._running:
                return
            self._running.add(name)
        started, error = self._now(), None
        try:
            self._tick(name)
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
            _LOG.exception("the scheduled job %r failed", name)
        finally:
            with self._lock:
                self._running.discard(name)
                self._last[name] = Tick(started, self._now(), error)
