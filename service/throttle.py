"""Tries that fail make the next one wait, longer and longer: guessing passwords takes centuries, a slip of the finger seconds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from service.workspace import WorkspaceError

GUESSABLE = 20  # characters of a secret below which it can be found by trying
_MOST_KEYS = 20_000  # that are remembered; the oldest are forgotten first


class TooManyTriesError(WorkspaceError):
    """Too many tries have failed: ``wait`` seconds have to pass before the next is looked at."""

    def __init__(self, wait: float) -> None:
        seconds = int(wait) + 1
        super().__init__(
            f"Too many tries have failed. Wait {seconds} second{'s' if seconds > 1 else ''}, then try again."
        )
        self.wait = wait


@dataclass(slots=True)
class _Tries:
    failed: int
    until: float  # no try before
    forget: float


class Throttle:
    """Counts tries by key. ``free`` may fail at once, then each doubles the wait, from a second up to ``longest`` seconds."""

    def __init__(self, free: int, longest: float, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds that are never put back."""
        self._free, self._longest, self._clock = free, longest, clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Return how many seconds a try has to wait; 0: it may be made, and counts as failed until :meth:`passed` takes it back."""
        with self._lock:
            now = self._clock()
            tries = self._tries.pop(key, None)
            if tries is None or tries.forget <= now:
                tries = _Tries(0, now, now)
            if tries.until > now:
                self._tries[key] = tries
                return tries.until - now
            tries.failed += 1
            over = tries.failed - self._free
            pause = 0.0 if over < 0 else min(2.0 ** min(over, 30), self._longest)
            tries.until, tries.forget = now + pause, now + pause + 2 * self._longest
            self._tries[key] = tries
            while len(self._tries) > _MOST_KEYS:
                self._tries.popitem(last=False)
            return 0.0

    def waiting(self, key: str) -> float:
        """Return for how many seconds no try under a key is looked at; asking is no try."""
        with self._lock:
            tries = self._tries.get(key)
            return 0.0 if tries is None else max(0.0, tries.until - self._clock())

    def passed(self, key: str) -> None:
        """Forget what failed under a key."""
        with self._lock:
            self._tries.pop(key, None)
