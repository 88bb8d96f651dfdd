"""Rows that wait to be sent: in memory within a bound, in batches by model, with the tally of what became of the others."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

FIRST_PAUSE = 0.5  # seconds after the first failure; twice as long after each further one
LONGEST_PAUSE = 30.0
LONGEST_ASKED = 600.0  # a server's Retry-After is followed this far

Lane = tuple[str, str]  # kind ("logs" or "labels"), model


class Stats(NamedTuple):
    """What became of the rows given to a client: each is counted in ``queued``, ``sent``, ``rejected`` or ``dropped``.

    ``queued`` rows wait, ``spilled`` of them on disk. ``sent`` rows were answered for by the server. ``rejected`` ones it refused,
    and ``dropped`` ones found buffer and disk full, or the client closed. ``errors`` counts failures inside the client itself
    (a disk that cannot be written, an ``extract`` that raises); ``last_error`` tells the latest of any kind in words.
    """

    queued: int
    sent: int
    rejected: int
    dropped: int
    spilled: int
    errors: int
    last_error: str | None


class Batch:
    """Rows of one lane that go to the server together, under one key: first those in the file, then ``lines``."""

    __slots__ = ("busy", "folder", "key", "lane", "lines", "path", "sealed", "size", "stored")

    def __init__(self, key: str, lane: Lane) -> None:
        self.key, self.lane = key, lane
        self.lines: list[str] = []
        self.path: Path | None = None
        self.folder: Any = None
        self.stored = self.size = 0  # rows and bytes in the file
        self.sealed = False  # has been sent: what belongs to the key is settled
        self.busy = False  # one thread is at it

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.stored + len(self.lines)


class Picked(NamedTuple):
    """A batch to send, as it stood when it was picked: so many bytes of its file, then these lines."""

    batch: Batch
    size: int
    lines: list[str]


class _Pause:
    """How long to leave the server alone: doubling, capped, with jitter, and no shorter than it asked for."""

    def __init__(self) -> None:
        self.failures = 0
        self.until = self.asked_until = 0.0
        self.error: str | None = None

    def fail(self, now: float, asked: float) -> None:
        self.until = now + pause(self.failures)
        self.asked_until = now + min(asked, LONGEST_ASKED)
        self.failures += 1

    def clear(self) -> None:
        self.failures, self.until, self.asked_until, self.error = 0, 0.0, 0.0, None

    def end(self) -> float:
        return max(self.until, self.asked_until)


def pause(failures: int) -> float:
    """Return the seconds to wait after ``failures`` earlier failures in a row: half to all of the doubled time."""
    whole = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 30))
    return whole * (0.5 + int.from_bytes(os.urandom(2), "big") / 0x1FFFE)


class Waiting:
    """The queue between the callers, the thread that keeps and the thread that sends. ``changed`` guards all of it."""

    def __init__(self, buffer_rows: int, batch_rows: int) -> None:
        self.buffer_rows = buffer_rows
        self.batch_rows = max(1, min(batch_rows, buffer_rows // 2))
        self.reset()

    def reset(self) -> None:
        """Start from nothing, as a forked child does: what its parent had queued is the parent's to send."""
        # reentrant: a signal handler may log while its thread is inside
        self.changed = threading.Condition(threading.RLock())
        self.incoming: deque[tuple[Lane, dict[str, Any]]] = deque()
        self.lanes: dict[Lane, deque[Batch]] = {}
        self.in_memory = self.on_disk = 0
        self.sent = self.rejected = self.dropped = self.errors = 0
        self.last_error: str | None = None
        self.hurried = self.closed = self.stopped = False
        self.server = _Pause()
        self.pauses: dict[Lane, _Pause] = {}
        self._made, self._latest = 0, 0

    # -- the caller's side ---------------------------------------------------------------------------------------------
    def put(self, kind: str, model: str, row: dict[str, Any]) -> None:
        """Queue a row, or count it as dropped when no more fit."""
        with self.changed:
            lane = (kind, model)
            # a model that waits for itself alone leaves half of the buffer to the others
            room = self.buffer_rows // 2 if lane in self.pauses else self.buffer_rows
            if self.closed or self.in_memory >= room:
                self.dropped += 1
                self.last_error = "the client is closed" if self.closed else self._full(lane, room)
                return
            self.incoming.append((lane, row))
            self.in_memory += 1
            if len(self.incoming) == self.batch_rows:
                self.changed.notify_all()

    def _full(self, lane: Lane, room: int) -> str:
        if room == self.buffer_rows:
            return f"the buffer of {room} rows is full"
        return f"model {lane[1]!r} is not taken now, and {room} rows wait: half of the buffer is kept for other models"

    def stats(self) -> Stats:
        """Return the tally."""
        with self.changed:
            return Stats(
                self.in_memory + self.on_disk,
                self.sent,
                self.rejected,
                self.dropped,
                self.on_disk,
                self.errors,
                self.last_error,
            )

    def failed_inside(self, error: object) -> None:
        """Count an error of the client's own."""
        with self.changed:
            self.errors += 1
            self.last_error = told(error)

    def wait_until_empty(self, seconds: float) -> bool:
        """Have everything sent now, and return whether it was within ``seconds``."""
        with self.changed:
            self.hurried = True
            for each in (self.server, *self.pauses.values()):
                each.until = 0.0  # a pause that the server asked for stays
            self.changed.notify_all()
            return self.changed.wait_for(lambda: not self.in_memory + self.on_disk, seconds)

    # -- the keeper's side ---------------------------------------------------------------------------------------------
    def wait_for_rows(self, seconds: float) -> None:
        """Wait for a batch to be full, a flush or the end, ``seconds`` at most."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.hurried or len(self.incoming) >= self.batch_rows, seconds)

    def take(self) -> list[tuple[Lane, dict[str, Any]]]:
        """Return the rows that came in since, still counted as waiting."""
        with self.changed:
            rows = list(self.incoming)
            self.incoming.clear()
            self.hurried = False
            return rows

    def add(self, lane: Lane, lines: list[str]) -> None:
        """Put encoded rows, one at least, behind those of their lane."""
        with self.changed:
            batches = self.lanes.setdefault(lane, deque())
            while lines:
                if not batches or batches[-1].sealed or len(batches[-1]) >= self.batch_rows:
                    batches.append(Batch(self._new_key(), lane))
                room = self.batch_rows - len(batches[-1])
                batches[-1].lines += lines[:room]
                lines = lines[room:]
            self.changed.notify_all()

    def adopt(self, batch: Batch) -> None:
        """Put a batch that an earlier process left on disk behind those of its lane."""
        with self.changed:
            self.lanes.setdefault(batch.lane, deque()).append(batch)
            self.on_disk += batch.stored
            self.changed.notify_all()

    def unreadable(self, error: object) -> None:
        """Count a row that cannot be written as JSON as rejected."""
        with self.changed:
            self.in_memory -= 1
            self.rejected += 1
            self.last_error = told(error)
            self.changed.notify_all()

    def for_disk(self, *, everything: bool = False) -> list[Batch]:
        """Return the batches to be written to disk: those for a server that is away, or all when half the buffer is full."""
        with self.changed:
            all_of_them = everything or self.in_memory > self.buffer_rows // 2 or self.server.failures > 0
            lanes = self.lanes.items()
            return [
                batch
                for lane, batches in lanes
                if all_of_them or lane in self.pauses
                for batch in batches
                if batch.lines
            ]

    def claim(self, batch: Batch, *, even_busy: bool = False) -> bool:
        """Return whether a batch may be written now; :meth:`stored` must follow."""
        with self.changed:
            if not batch.lines or (batch.busy and not even_busy):
                return False
            batch.busy = True
            return True

    def stored(self, batch: Batch, rows: int) -> None:
        """Take note that the first ``rows`` lines of a claimed batch are in its file now."""
        with self.changed:
            batch.busy = False
            self.changed.notify_all()
            if batch in self.lanes.get(batch.lane, ()):  # or its answer came at the last moment
                batch.lines = batch.lines[rows:]
                batch.stored += rows
                self.in_memory -= rows
                self.on_disk += rows

    def close(self) -> bool:
        """Take no more rows and give the server one last chance; False when that was done before."""
        with self.changed:
            if self.closed:
                return False
            self.closed = True
            self.server.until, self.pauses = 0.0, {}
            self.changed.notify_all()
            return True

    def stop(self) -> None:
        """Have no further batch sent."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

    def abandon(self) -> None:
        """Count what is still in memory as dropped; the end."""
        with self.changed:
            if self.in_memory:
                self.dropped += self.in_memory
                self.last_error = self.last_error or "the client was closed before its rows could be sent"
            self.in_memory = 0
            self.lanes.clear()

    # -- the sender's side ---------------------------------------------------------------------------------------------
    def next(self) -> Picked | None:
        """Wait for a batch to send and return it, sealed; None once the client is closed and nothing more can go out."""
        with self.changed:
            while not self.stopped:
                batch, seconds = self._due(time.monotonic())
                if batch is not None:
                    batch.sealed = batch.busy = True
                    return Picked(batch, batch.size, batch.lines)
                if self.closed and (seconds is not None or not self.in_memory + self.on_disk):
                    break
                self.changed.wait(seconds)
            return None

    def _due(self, now: float) -> tuple[Batch | None, float | None]:
        """Return the oldest batch that may go out now, or how long until one may."""
        if not self.lanes:
            return None, None
        if self.server.end() > now:
            return None, self.server.end() - now
        heads = [batches[0] for batches in self.lanes.values() if not batches[0].busy]
        due = [batch for batch in heads if (held := self.pauses.get(batch.lane)) is None or held.end() <= now]
        if due:
            return min(due, key=lambda batch: batch.key), None
        ends = [self.pauses[batch.lane].end() for batch in heads]
        return None, min(ends) - now if ends else None

    def settle(self, batch: Batch, sent: int, rejected: int, error: str | None) -> bool:
        """Take an answered batch out; False when it was given up meanwhile."""
        with self.changed:
            self.server.clear()
            self.pauses.pop(batch.lane, None)
            batches = self.lanes.get(batch.lane)
            if not batches or batches[0] is not batch:
                return False
            batches.popleft()
            if not batches:
                del self.lanes[batch.lane]
            self.in_memory -= len(batch.lines)
            self.on_disk -= batch.stored
            self.sent += sent
            self.rejected += rejected
            torn = len(batch) - sent - rejected
            self.dropped += torn
            self.last_error = error or (f"{torn} rows could not be read back from disk" if torn else self.last_error)
            self.changed.notify_all()
            return True

    def postpone(self, batch: Batch, error: str, asked: float, *, lane_only: bool) -> bool:
        """Keep a batch whose answer did not come, or was "later", at the head of its lane; say whether that is news."""
        with self.changed:
            held = self.pauses.setdefault(batch.lane, _Pause()) if lane_only else self.server
            if lane_only:
                self.server.clear()  # it answers, only not to this
            held.fail(time.monotonic(), asked)
            batch.busy = False
            fresh = held.error != error
            held.error = self.last_error = error
            self.changed.notify_all()
            return fresh

    def _new_key(self) -> str:
        """Return a key that sorts behind all earlier ones of this process: it names the batch's file too."""
        self._latest = max(self._latest, time.time_ns() // 1_000_000)
        self._made += 1
        return f"{self._latest:014d}-{self._made:010d}-{os.urandom(8).hex()}"


def told(error: object) -> str:
    """Return an error in words."""
    return f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error)
