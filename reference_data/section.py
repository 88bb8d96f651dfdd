"""What every table of a declaration has in common."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["notice", "warning", "page"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_ROWS = re.compile(r"every\s+(\S+)\s+rows?", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """Read ``"90s"``, ``"15m"``, ``"6h"``, ``"2d"``, ``"1w"``; raises :class:`ValueError` naming what is allowed."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"duration {text!r} is not understood; write a number and s, m, h, d or w, such as '6h'")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise ValueError(f"duration {text!r} is longer than time itself; write a shorter one, such as '6h'") from None


def parse_rows(text: str) -> int | None:
    """Read ``"every 500 rows"``; None for a schedule by time. Raises :class:`ValueError` for a number of rows that cannot be."""
    match = _ROWS.fullmatch(text.strip())
    if match is None:
        return None
    number = match[1].replace("_", "")
    if not number.isdecimal() or not 1 <= int(number) <= 10**12:
        raise ValueError(f"schedule {text!r} is not understood; write for example 'every 500 rows'")
    return int(number)


class Section(BaseModel):
    """A table of a declaration: unknown keys are refused, values stay as they were read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
