"""Delivery of what stands in the outbox: attempts, waiting longer each time, and giving up aloud.

The store keeps the messages and the outcome of every attempt; this module only decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from monitors.channels import ChannelError


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of ``first``, twice that, four times that … but never more than ``longest``; dead after ``attempts``.

    Every wait is shortened by up to the share ``jitter``, so that what failed together does not come back together. By default the
    last attempt comes about a day after the first.
    """

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    attempts: int = 30
    jitter: float = 0.2

    def wait(self, attempt: int, key: str = "") -> timedelta | None:
        """Return how long to wait after attempt number ``attempt`` (from 1) of the message ``key`` has failed; None to give up."""
        if attempt >= self.attempts:
            return None
        doubled: timedelta = self.first * (1 << min(attempt - 1, 30))
        return min(doubled, self.longest) * (1 - self.jitter * _share(f"{key} {attempt}"))


def _share(text: str) -> float:
    """Return a number in [0, 1) that belongs to ``text``: chance enough to spread, and the same when it is asked again."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went. ``retry_at`` is set only for ``retry``; ``dead`` is never tried again by itself."""

    item_id: str
    number: int
    at: datetime
    outcome: Literal["sent", "retry", "dead"]
    error: str | None = None
    retry_at: datetime | None = None


def attempt(
    item_id: str, made: int, send: Callable[[], None], now: Callable[[], datetime], backoff: Backoff | None = None
) -> Attempt:
    """Try to send a message of which ``made`` attempts were made before, and say how that went. Never raises for what ``send`` raises."""
    number, rule = made + 1, backoff or Backoff()
    try:
        send()
    except Exception as problem:
        error = str(problem) if isinstance(problem, ChannelError) else f"{type(problem).__name__}: {problem}"
        at, wait = now(), rule.wait(number, item_id)
        if wait is None:
            return Attempt(item_id, number, at, "dead", error)
        return Attempt(item_id, number, at, "retry", error, at + wait)
    return Attempt(item_id, number, now(), "sent")
