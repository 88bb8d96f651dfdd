"""The two threads behind a client: one that brings rows into order and onto disk, one that sends them.

They are apart so that a server that hangs never keeps rows from the disk. Both are daemons; the process's end closes them.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from driftdeck_client.records import encode
from driftdeck_client.transport import Outcome, Transport, deliver
from driftdeck_client.waiting import Batch, Lane, Waiting, told

if TYPE_CHECKING:
    from driftdeck_client.spill import Spill

_everyone: weakref.WeakSet[Delivery] = weakref.WeakSet()
_running: set[Delivery] = set()


class Delivery:
    """Carries rows from a queue to a server. ``connect`` makes the sender's own connection."""

    def __init__(
        self, waiting: Waiting, connect: Callable[[], Transport], spill: Spill | None, flush_seconds: float
    ) -> None:
        self.waiting, self._connect, self._spill, self._flush_seconds = waiting, connect, spill, flush_seconds
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        _everyone.add(self)

    # -- from start to end ---------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start the threads unless they run; while the interpreter shuts down it may be too late for that."""
        if self._threads:
            return
        with self._starting:
            if self._threads or self.waiting.closed:
                return
            threads = [
                threading.Thread(target=target, name=f"driftdeck {name}", daemon=True)
                for target, name in ((self._keep, "keeper"), (self._send, "sender"))
            ]
            try:
                for thread in threads:
                    thread.start()
            except RuntimeError as error:
                self.waiting.failed_inside(error)
                return
            self._threads = threads
            _running.add(self)

    def after_fork(self) -> None:
        """Begin anew in a forked child: no threads, no rows and no files of the parent's."""
        self.waiting.reset()
        if self._spill is not None:
            self._spill.forget()
        self._starting = threading.Lock()
        self._threads = []

    def close(self, seconds: float) -> None:
        """Send what waits, unless the server is away, put the rest on disk, and count as dropped what has no place there."""
        if not self.waiting.close():
            return
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self.waiting.stop()
        self._gather()
        self._store(everything=True)
        self.waiting.abandon()
        if self._spill is not None:
            self._spill.close()
        _running.discard(self)

    # -- the keeper ----------------------------------------------------------------------------------------------------
    def _keep(self) -> None:
        self._adopt()
        closed = False
        while not closed:
            self.waiting.wait_for_rows(self._flush_seconds)
            closed = self.waiting.closed  # what came before is gathered once more
            self._gather()
            self._store()

    def _gather(self) -> None:
        lanes: dict[Lane, list[str]] = {}
        for lane, row in self.waiting.take():
            try:
                line = encode(row)
            except Exception as error:
                self.waiting.unreadable(error)
            else:
                lanes.setdefault(lane, []).append(line)
        for lane, lines in lanes.items():
            self.waiting.add(lane, lines)

    def _store(self, *, everything: bool = False) -> None:
        if self._spill is None:
            return
        for batch in self.waiting.for_disk(everything=everything):
            if self.waiting.claim(batch, even_busy=everything):
                rows = 0
                try:
                    rows = self._spill.store(batch)
                except Exception as error:
                    self.waiting.failed_inside(error)
                finally:
                    self.waiting.stored(batch, rows)

    def _adopt(self) -> None:
        if self._spill is None:
            return
        for found in self._spill.adopt():
            if isinstance(found, Exception):
                self.waiting.failed_inside(found)
            else:
                self.waiting.adopt(found)

    # -- the sender ----------------------------------------------------------------------------------------------------
    def _send(self) -> None:
        transport = self._connect()
        while (picked := self.waiting.next()) is not None:
            batch = picked.batch
            try:
                lines = [line.encode() for line in picked.lines]
                if self._spill is not None and picked.size:
                    lines = self._spill.read(batch, picked.size) + lines
                found = deliver(transport, batch.lane, batch.key, lines)
                if found.later:
                    self._later(batch, found)
                elif self.waiting.settle(batch, found.sent, found.rejected, found.error) and self._spill:
                    self._spill.remove(batch)
            except Exception as error:  # a file that cannot be read, say: the other models go on
                self.waiting.failed_inside(error)
                self.waiting.postpone(batch, told(error), 0.0, lane_only=True)
        transport.close()

    def _later(self, batch: Batch, found: Outcome) -> None:
        """Keep a batch, and warn once when nothing but somebody's hand will get it in."""
        fresh = self.waiting.postpone(batch, found.error or "", found.retry_after, lane_only=found.lane_only)
        if fresh and found.refused:
            import logging  # here: importing the client stays quick

            words = (
                "%s; rows are kept and sent again until they are taken (%d wait), within the limits of buffer and spill"
            )
            logging.getLogger("driftdeck_client").warning(words, found.error, self.waiting.stats().queued)


def _close_everyone() -> None:
    for delivery in list(_running):
        delivery.close(_AT_EXIT)


def _after_fork() -> None:
    _running.clear()
    for delivery in list(_everyone):
        delivery.after_fork()


_AT_EXIT = 5.0  # seconds that the end of the process waits for a server that answers slowly
atexit.register(_close_everyone)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
