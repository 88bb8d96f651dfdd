"""When things are due: APScheduler's calendar, a table of times that a clock may not confuse, and a thread that looks at it.

What has to be done at a tick is read off the data by whoever is called, so nothing is lost when a tick is: the table is in memory,
and a restart simply ticks again. APScheduler's own loop is not used: it stands still for as long as the clock was put back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from reference_data.section import parse_duration

_LOG = logging.getLogger(__name__)
_ALLOWED = "write a cron line of five fields such as '*/15 * * * *', or 'every 15m'"
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")  # cron counts from Sunday, and knows it as 7 too
_DEFAULT, _APART, _KEEPING = "monitors", "apart", "keeping"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
STEP = timedelta(seconds=1)  # a clock that is put back by less was only corrected
BREAK = timedelta(minutes=1)  # nobody looked for so long: the machine slept, or the clock was put forward
PULSE = 0.5  # seconds between two looks
STALLED = 60.0  # seconds without a look after which the clock is called dead


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
        fields = {"minute": minute, "hour": hour, "day": day, "month": month, "day_of_week": _weekdays(weekday)}
        trigger = _Cron(fields, timezone)
        never = trigger.get_next_fire_time(None, _EPOCH) is None
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"schedule {text!r} is not understood ({error}); {_ALLOWED}") from None
    if never:
        raise ValueError(f"schedule {text!r} names a date that never comes; {_ALLOWED}")
    return trigger


class _Cron:
    """APScheduler's trigger of a cron line, and what it passes over.

    Where clocks are put forward before the next time, it reckons that hour twice (3.11), and leaves out a time in the hour after
    midnight: the night after, or the whole of a month. So the clock on the wall is asked too, and the earlier time counts.
    """

    def __init__(self, fields: Mapping[str, str], timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._there, self._on_the_wall = (CronTrigger(**fields, timezone=zone) for zone in (self._zone, UTC))

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the first time from ``now`` on, or after ``previous`` where that is earlier; None if there is none."""
        start = (now if previous is None else min(now.astimezone(UTC), previous.astimezone(UTC) + MOMENT)).astimezone(
            UTC
        )
        found: datetime | None = self._there.get_next_fire_time(None, start)
        wall: datetime | None = self._on_the_wall.get_next_fire_time(
            None, start.astimezone(self._zone).replace(tzinfo=UTC, fold=0)
        )
        times = [each.astimezone(UTC) for each in (found, wall and wall.replace(tzinfo=self._zone)) if each is not None]
        first = min((each for each in times if each >= start), default=None)
        return None if first is None else first.astimezone(self._zone)


def next_time(schedule: str, timezone: str, after: datetime) -> datetime:
    """Return the first time after a moment (aware) at which a schedule by time is due, in UTC; of an interval: as long after it."""
    return _following(_known(schedule, timezone), after)


@lru_cache(maxsize=1024)
def _known(schedule: str, timezone: str) -> Any:
    """What is declared is asked again and again, for each of many models; triggers remember nothing."""
    return parse_schedule(schedule, timezone)


def missed(schedule: str, timezone: str, since: datetime, now: datetime) -> bool:
    """Whether something that was begun at ``since`` has been due again before ``now``."""
    return next_time(schedule, timezone, since) <= now


def _following(trigger: Any, after: datetime) -> datetime:
    if isinstance(trigger, IntervalTrigger):
        length: timedelta = trigger.interval
        return after + length
    found: datetime | None = trigger.get_next_fire_time(None, after.astimezone(UTC) + MOMENT)
    if found is None:
        raise ValueError(f"{trigger} is never due after {after.isoformat()}")
    return found.astimezone(UTC)


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


@dataclass(slots=True)
class _Job:
    schedule: tuple[str, str]  # and its time zone
    trigger: Any
    due: datetime


class Timetable:
    """What is due when. Pure but for its memory: the clock's time is given with every call, and may be any.

    A time that was slept through comes once, late; a clock that is put back does not keep anything waiting for it to get there again.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._seen: datetime | None = None
        self._awake_since: datetime | None = None

    @property
    def awake_since(self) -> datetime | None:
        """Since when somebody has looked without a break, on a clock that was not put back; None before the first look."""
        return self._awake_since

    @property
    def times(self) -> dict[str, datetime]:
        """When each job is due."""
        return {name: job.due for name, job in self._jobs.items()}

    def set(self, wanted: Mapping[str, tuple[str, str]], now: datetime) -> None:
        """Make these schedules (with their time zones), by name, the only ones; who keeps its schedule keeps its time.

        Raises :class:`ValueError` for a schedule that is not understood, before anything is changed.
        """
        jobs: dict[str, _Job] = {}
        for name, schedule in wanted.items():
            known = self._jobs.get(name)
            if known is not None and known.schedule == schedule:
                jobs[name] = known
            else:
                trigger = parse_schedule(*schedule)
                jobs[name] = _Job(schedule, trigger, _following(trigger, now))
        self._jobs = jobs

    def due(self, now: datetime) -> list[str]:
        """Return what is due; all of it is then due again at its next time after ``now``."""
        back = self._seen is not None and now < self._seen - STEP
        if self._seen is None or back or now > self._seen + BREAK:
            self._awake_since = now
        self._seen = now
        found = []
        for name, job in self._jobs.items():
            if job.due <= now:
                found.append(name)
                job.due = _following(job.trigger, now)
            elif back:
                job.due = min(job.due, _following(job.trigger, now))
        return found


@dataclass(frozen=True, slots=True)
class Tick:
    """How the latest run of a job went; ``error`` is None if well."""

    started_at: datetime
    ended_at: datetime
    error: str | None


class Scheduler:
    """Calls ``tick(name)`` when the schedule of ``name`` says so, in a worker thread, never twice at once for one name.

    ``now`` says what time it is. A tick that raises is recorded and logged; the next comes as planned. Jobs that are set ``apart`` have
    threads of their own, so that what waits for others' servers keeps nothing else waiting, and so have those that do the ``keeping``.
    """

    def __init__(
        self, now: Callable[[], datetime], tick: Callable[[str], None], *, timezone: str = "UTC", threads: int = 4
    ) -> None:
        self._now, self._tick, self._timezone = now, tick, timezone
        sizes = {_DEFAULT: threads, _APART: 2 * threads, _KEEPING: 4}
        self._pools = {name: ThreadPoolExecutor(size, f"driftdeck-{name}") for name, size in sizes.items()}
        self._table = Timetable()
        self._lock = threading.RLock()
        self._names: frozenset[str] = frozenset()
        self._apart: frozenset[str] = frozenset()
        self._keeping: frozenset[str] = frozenset()
        self._running: set[str] = set()
        self._last: dict[str, Tick] = {}
        self._stopping = threading.Event()
        self._looked = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the clock's thread."""
        self._looked = time.monotonic()
        self._look()
        self._thread = threading.Thread(target=self._keep_looking, name="driftdeck-clock", daemon=True)
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """Stop the clock; with ``wait``, let running ticks end first. Stopping twice does no harm."""
        self._stopping.set()
        if self._thread is not None and wait:
            self._thread.join()
        for pool in self._pools.values():
            pool.shutdown(wait=wait, cancel_futures=True)

    @property
    def alive(self) -> bool:
        """Whether the clock's thread runs, and has looked lately."""
        running = self._thread is not None and self._thread.is_alive() and not self._stopping.is_set()
        return running and time.monotonic() - self._looked < STALLED

    @property
    def awake_since(self) -> datetime | None:
        """Since when times have been kept without a break."""
        return self._table.awake_since

    def set_jobs(
        self,
        schedules: Mapping[str, str],
        *,
        timezones: Mapping[str, str] | None = None,
        apart: Collection[str] = (),
        keeping: Collection[str] = (),
        on_demand: Collection[str] = (),
    ) -> None:
        """Make these, by name, the only jobs; jobs whose schedule stays the same keep their next run.

        ``on_demand`` jobs have no schedule: :meth:`run_now` runs them. Raises :class:`ValueError` for a schedule that is not
        understood, before anything is changed.
        """
        zones = timezones or {}
        with self._lock:
            self._table.set(
                {name: (text, zones.get(name, self._timezone)) for name, text in schedules.items()}, self._now()
            )
            self._names = frozenset(schedules) | frozenset(on_demand)
            self._apart, self._keeping = frozenset(apart), frozenset(keeping)

    def pulse(self) -> None:
        """Look once at what is due, and set it going."""
        with self._lock:
            for name in self._table.due(self._now()):
                self._set_going(name)
        self._looked = time.monotonic()

    def next_runs(self) -> dict[str, datetime | None]:
        """Return when each job with a schedule is due next, in UTC; None before the start."""
        with self._lock:
            return {name: due if self._thread is not None else None for name, due in self._table.times.items()}

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
            if name not in self._names:
                known = ", ".join(map(repr, sorted(self._names))) or "none"
                raise KeyError(f"no job {name!r}; there are {known}")
            return self._set_going(name)

    def _keep_looking(self) -> None:
        while not self._stopping.wait(PULSE):
            self._look()

    def _look(self) -> None:
        try:
            self.pulse()
        except Exception:
            _LOG.exception("the clock could not be looked at; it is tried again")

    def _set_going(self, name: str) -> bool:
        """Give a job to a worker, unless it is with one; called with the lock held."""
        if name in self._running or self._stopping.is_set():
            return False
        self._running.add(name)
        pool = _KEEPING if name in self._keeping else _APART if name in self._apart else _DEFAULT
        self._pools[pool].submit(self._run, name)
        return True

    def _run(self, name: str) -> None:
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
