"""Threads that deliver: one a channel, so that a receiver that hangs keeps no other channel waiting, and no run."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beat:
    """When a channel was last called to say that all is well, and what went wrong, if anything."""

    at: datetime
    error: str | None = None


@dataclass(slots=True)
class Postman:
    """Who is at work for which channel; at most one thread each."""

    beats: dict[str, Beat] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _at_work: dict[str, threading.Thread] = field(default_factory=dict)

    def start(self, name: str, work: Callable[[], None]) -> bool:
        """Do ``work`` in a thread of its own; False, and nothing is done, while ``name`` has one at work."""
        with self._lock:
            if name in self._at_work:
                return False
            thread = threading.Thread(target=self._do, args=(name, work), name=f"deliver {name}", daemon=True)
            thread.start()  # first of all: whoever waits can only join what was started, and a machine out of threads says so here
            self._at_work[name] = thread
        return True

    def busy(self, name: str) -> bool:
        """Whether somebody is at work for ``name``."""
        with self._lock:
            return name in self._at_work

    def wait(self, seconds: float, name: str | None = None) -> bool:
        """Wait for those at work (or for one of them) to end, for so long at most; whether they have."""
        until = time.monotonic() + seconds
        with self._lock:
            threads = [thread for each, thread in self._at_work.items() if name in (None, each)]
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _do(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as problem:
            # no trace: it would show the address, and with it what is secret
            _LOG.error("delivery by %s was cut short (%s); it goes on later", name, type(problem).__name__)
        finally:
            with self._lock:
                self._at_work.pop(name, None)
