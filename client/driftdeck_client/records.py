"""Rows as JSON lines, ids that sort by time, and the clock."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits, so also a forked child's are its own."""
    noise = int.from_bytes(os.urandom(10), "big")
    value = (
        (time.time_ns() // 1_000_000) << 80
        | 0x7 << 76
        | (noise >> 64 & 0xFFF) << 64
        | 0b10 << 62
        | noise & (1 << 62) - 1
    )
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def encode(row: Mapping[str, Any]) -> str:
    """Return a row as one line of JSON.

    NaN, infinities and the missing values of pandas become null, scalars of numpy plain numbers, aware times UTC; naive times
    stay naive, which the server reads in the model's time zone. What JSON has no word for becomes its text.
    """
    try:
        return json.dumps(row, allow_nan=False, default=_plain, separators=(",", ":"))
    except (TypeError, ValueError):  # a NaN somewhere, or a key that is no text
        return json.dumps(_clean(row), allow_nan=False, separators=(",", ":"))


def is_json(line: bytes) -> bool:
    """Return whether a line read back from disk is whole."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _plain(value: Any) -> Any:
    if type(value).__name__ in {"NaTType", "NAType"}:
        return None
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if type(value).__name__ == "Decimal":
        return float(value)
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "size", 1) == 1:
        found = item()
        return str(found) if isinstance(found, type(value)) else found
    to_list = getattr(value, "tolist", None)
    return to_list() if callable(to_list) else str(value)


def _clean(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return _clean(_plain(value))
