"""How fast something gets done, so that whoever has to wait can be told for how long."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable

_SPAN = 10.0  # seconds looked back upon
_LONGEST = 60  # more is not asked of anybody: by then much may have changed


class Pace:
    """Counts what was done over the last ten seconds; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._done: deque[tuple[float, float]] = deque()

    def did(self, amount: float) -> None:
        """Say that so much was done just now."""
        with self._lock:
            self._done.append((self._clock(), amount))
            self._forget()

    def seconds_for(self, amount: float) -> int:
        """Return how many whole seconds so much will take: at least 1, at most 60."""
        with self._lock:
            self._forget()
            done = sum(part for _, part in self._done)
            since = self._clock() - self._done[0][0] if self._done else _SPAN
        return max(1, min(_LONGEST, math.ceil(amount * max(since, 1.0) / done))) if done else _LONGEST

    def _forget(self) -> None:
        while self._done and self._done[0][0] < self._clock() - _SPAN:
            self._done.popleft()
