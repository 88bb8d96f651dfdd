"""Ids that sort by the time they were made, even when the clock steps back."""

from __future__ import annotations

import secrets
import threading
from datetime import datetime
from uuid import UUID

_COUNTER_BITS = 74  # what RFC 9562 leaves beside 48 bits of milliseconds, 4 of version and 2 of variant
_lock = threading.Lock()
_last = (0, 0)  # milliseconds, counter


def new_ids(count: int, at: datetime) -> list[str]:
    """Return ``count`` ascending ids, each above all that this process made before.

    UUIDs of version 7 (RFC 9562, section 6.2, method 2: the random bits are a counter with a random start). A clock that stands
    behind the last id is not followed: the last id's time is counted on.
    """
    global _last
    with _lock:
        now = int(at.timestamp() * 1000)
        if now > _last[0]:
            milliseconds, counter = now, secrets.randbits(_COUNTER_BITS - 2)
        else:
            milliseconds, counter = _last[0], _last[1] + 1
        ids = []
        for value in range(counter, counter + count):
            over, low = divmod(value, 1 << _COUNTER_BITS)
            ids.append(_uuid7(milliseconds + over, low))
        over, low = divmod(counter + max(count, 1) - 1, 1 << _COUNTER_BITS)
        _last = (milliseconds + over, low)
        return ids


def _uuid7(milliseconds: int, counter: int) -> str:
    high, low = counter >> 62, counter & ((1 << 62) - 1)
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
