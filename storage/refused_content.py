"""A refused row as it came, as text: kept so that somebody can repair it and send it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

MOST_CHARACTERS = 16_000  # a longer row is not kept: what is cut short cannot be repaired


def as_content(row: Mapping[str, Any]) -> str | None:
    """Return a row as JSON; None for an empty or overlong one, and for one that JSON cannot hold."""
    if not row:
        return None
    try:
        text = json.dumps(dict(row), ensure_ascii=False, default=_plain)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, numbers of thousands of digits, depths
        return None
    text = text.encode("utf-8", "backslashreplace").decode()  # half a character is written as JSON escapes it
    return text if len(text) <= MOST_CHARACTERS else None


def as_row(content: str | None) -> dict[str, Any] | None:
    """Return the row that :func:`as_content` wrote; None for a line of any other kind."""
    if content is None or not content.startswith("{"):
        return None
    try:
        row = json.loads(content)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)
