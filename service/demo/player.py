"""Replays the year: logs, labels, runs, retraining and deployments, all through the workspace's own calls."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

from service.demo.flights import FIRST_DAY, FIRST_MODEL, LAST_DAY, MODEL, STORY, ZONE, Flights, midnight, next_day
from service.local.convert import iso
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service import views
    from service.local import LocalWorkspace

Report = Callable[["views.DemoView"], None]
_CUT_OFF = frozenset({"failed", "cancelled", "lost"})
_POLL = 0.2
log = logging.getLogger(__name__)


def target(text: str) -> datetime:
    """Return the time to play to; raises :class:`WorkspaceError` for what is no date, or one on which no model serves yet."""
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError:
        raise WorkspaceError(f"{text!r} is no date; write one like 2013-10-01") from None
    if day < FIRST_MODEL:
        raise WorkspaceError(
            f"{day} is too early: the demo's first model is trained on the flights up to {FIRST_MODEL}; choose a day from "
            f"{FIRST_MODEL} to {LAST_DAY}"
        )
    return midnight(min(day, LAST_DAY))


class Player:
    """Moves one home's clock through 2013, a day a step, from wherever it stands.

    Everything it does can be done again: rows carry ids, trainings a key, and the clock is kept last, so a step that was cut
    off is simply repeated.
    """

    def __init__(self, workspace: LocalWorkspace, *, report: Report | None = None, speed: float | None = None) -> None:
        """Take up the year where ``workspace`` left it; ``report`` hears of every step.

        ``speed`` is in days a minute; None replays as fast as it goes.
        """
        self._ws = workspace
        self._report = report or (lambda _view: None)
        self._flights: Flights | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._until = self.clock
        self._from = self.clock
        self._started = time.monotonic()
        self._step = ""
        self._speed = speed

    @property
    def clock(self) -> datetime:
        """The demo's time: New Year 2013 before anything has been played."""
        return (self._ws.core.replayed or midnight(FIRST_DAY)).astimezone(ZONE)

    def state(self) -> views.DemoView:
        """Return where the year stands, how far the present replay is and how long it will take."""
        clock, total = self.clock, (self._until - self._from).total_seconds()
        done = (clock - self._from).total_seconds()
        share = 1.0 if total <= 0 else min(1.0, done / total)
        elapsed = time.monotonic() - self._started
        playing = self._thread is not None and self._thread.is_alive()
        return {
            "clock": iso(clock, ZONE),
            "until": iso(self._until, ZONE),
            "playing": playing,
            "progress": share,
            "eta_seconds": elapsed * (1 - share) / share if playing and share > 0 else None,
            "step": self._step,
            "end": iso(midnight(LAST_DAY), ZONE),
        }

    def play(self, until: str) -> None:
        """Play on to a date in the background; a replay that is under way is left alone."""
        self.start(target(until))

    def start(self, until: datetime, *, scripted: bool = False) -> None:
        """Play on to a time in the background; ``scripted`` retrains in June and rolls back in autumn."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._begin(until)
            self._thread = threading.Thread(target=self._play_aloud, args=(scripted,), name="demo-player", daemon=True)
            self._thread.start()

    def play_now(self, until: date, *, scripted: bool = False) -> None:
        """Play on to a date and return when it is reached; otherwise as :meth:`start`."""
        with self._lock:
            self._begin(midnight(until))
        self._play(scripted)

    def stop(self) -> None:
        """Stop after the present step."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=60)

    def _play_aloud(self, scripted: bool) -> None:  # noqa: FBT001
        try:
            self._play(scripted)
        except Exception as error:
            log.exception("the replay stopped")
            self._say(f"the replay stopped: {error}")

    def _begin(self, target: datetime) -> None:
        self._stop.clear()
        self._from, self._until, self._started = self.clock, target, time.monotonic()

    def _play(self, scripted: bool) -> None:  # noqa: FBT001
        flights = self._flights = self._flights or Flights()
        if MODEL not in {model["name"] for model in self._ws.models()}:
            self._ws.apply((files("service.demo") / "flights.toml").read_text("utf-8"), actor="demo")
        if not self._ws.core.roles(MODEL).champion:
            self._first_model(flights)
        while self.clock < self._until and not self._stop.is_set():
            began = time.monotonic()
            if scripted and self.clock == midnight(STORY) and self._first_serves():
                self._retrain("challenger")
            if not self._stop.is_set():
                self._day(flights)
            if scripted:
                self._roll_back_when_due()
            if self._speed:
                self._stop.wait(max(0.0, 60 / self._speed - (time.monotonic() - began)))
        self._say("the replay stands at " + self.clock.strftime("%-d %B %Y"))

    def _first_model(self, flights: Flights) -> None:
        """Collect nine weeks of flights and their air times, train on them, and let the model serve."""
        start, end = midnight(FIRST_DAY), midnight(FIRST_MODEL)
        self._say("collecting the first nine weeks")
        self._ws.core.set_clock(end)
        self._ws.log(MODEL, flights.departures(start, end))
        self._ws.label(MODEL, flights.landings(start, end))
        self._retrain("the first model", since=start)

    def _retrain(self, note: str, since: datetime | None = None) -> None:
        """Train and let the new version serve; a training that was begun before a restart is taken up, not repeated."""
        self._say(f"training: {note}")
        job = self._ws.retrain(MODEL, since=since, actor="demo", request_key=f"demo: {note}")
        if job["state"] in _CUT_OFF:
            job = self._ws.retrain(MODEL, since=since, actor="demo")
        while job["state"] in {"queued", "running"}:
            if self._stop.wait(_POLL):
                return
            job = self._ws.job(job["id"])
        if job["state"] != "succeeded" or job["version"] is None:
            raise WorkspaceError(f"the demo's training {job['state']}: {job['error'] or job['log'][-500:]}")
        self._ws.deploy(MODEL, job["version"], actor="demo")

    def _first_serves(self) -> bool:
        return self._ws.core.roles(MODEL).champion == next(iter(self._ws.core.versions(MODEL)), None)

    def _day(self, flights: Flights) -> None:
        """Play one day: a prediction for each departure, labels for what landed, then the scheduler's own run."""
        start = self.clock
        end = min(next_day(start), self._until)
        self._say("replaying " + start.strftime("%-d %B %Y"))
        departures = flights.departures(start, end)
        if len(departures):
            self._ws.predict_rows(MODEL, departures)
        landings = flights.landings(start, end)
        self._ws.core.replayed = end.astimezone(UTC)  # kept only when the day is whole
        if len(landings):
            self._ws.label(MODEL, landings)
        self._ws.run(MODEL, actor="demo")
        self._ws.core.set_clock(end)

    def _roll_back_when_due(self) -> None:
        """Roll back, as a careful person would, on the first page after the summer."""
        if self.clock < midnight(date(2013, 10, 10)) or self._first_serves():
            return
        pages = [a for a in self._ws.alerts(MODEL) if a["severity"] == "page" and a["state"] == "firing"]
        if pages:
            self._ws.rollback(MODEL, actor="demo")

    def _say(self, step: str) -> None:
        self._step = step
        self._report(self.state())
