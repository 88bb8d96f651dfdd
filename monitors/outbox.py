"""Delivery of what stands in the outbox: attempts, waiting longer each time, and giving up aloud.

The store keeps the items and the outcome of every attempt; this module only decides. An item is a mapping with ``id``,
``address``, ``message`` (the fields of :class:`monitors.channels.Message`; ``key`` defaults to the item's id) and
``attempts`` (made so far).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from monitors import channels
from monitors.channels import ChannelError, Message

Item = Mapping[str, Any]
Send = Callable[[str, Message], None]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of ``first``, twice that, four times that … but never more than ``longest``; dead after ``attempts``.

    By default the tenth and last attempt comes some three hours after the first.
    """

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    attempts: int = 10

    def wait(self, attempt: int) -> timedelta | None:
        """Return how long to wait after attempt number ``attempt`` (from 1) has failed; None to give up."""
        if attempt >= self.attempts:
            return None
        doubled: timedelta = self.first * (1 << min(attempt - 1, 30))
        return min(doubled, self.longest)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went. ``retry_at`` is set only for ``retry``; ``dead`` is never tried again by itself."""

    item_id: str
    number: int
    at: datetime
    outcome: Literal["sent", "retry", "dead"]
    error: str | None = None
    retry_at: datetime | None = None


def deliver(
    items: Iterable[Item],
    now: Callable[[], datetime],
    *,
    send: Send = channels.send,
    backoff: Backoff | None = None,
    record: Callable[[Attempt], None] | None = None,
) -> list[Attempt]:
    """Try to send every item that is due and return how it went, in order.

    ``record`` is called after each attempt, so that a crash in the middle loses at most the record of one: that one is sent
    again with the same key. One item's failure never keeps the others from being tried.
    """
    rule = backoff or Backoff()
    attempts: list[Attempt] = []
    for item in items:
        attempt = _try(item, now, send, rule)
        attempts.append(attempt)
        if record is not None:
            record(attempt)
    return attempts


def _try(item: Item, now: Callable[[], datetime], send: Send, rule: Backoff) -> Attempt:
    number, item_id = int(item.get("attempts", 0)) + 1, str(item["id"])
    try:
        send(str(item["address"]), _message(item))
    except Exception as problem:
        error = str(problem) if isinstance(problem, ChannelError) else f"{type(problem).__name__}: {problem}"
        at, wait = now(), rule.wait(number)
        if wait is None:
            return Attempt(item_id, number, at, "dead", error)
        return Attempt(item_id, number, at, "retry", error, at + wait)
    return Attempt(item_id, number, now(), "sent")


def _message(item: Item) -> Message:
    fields: Mapping[str, Any] = item["message"]
    return fields if isinstance(fields, Message) else Message(**{"key": str(item["id"]), **fields})
