"""How a slice of a model is written: ``2013-05-01..2013-05-08``, ``version:v2``, ``reference``, ``segment:carrier=AA``, with commas between."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.workspace import WorkspaceError

GRAMMAR = (
    "2013-05-01..2013-05-08 (days, the end excluded), 2013-05-01 (a day), 2013-05 (a month), last:7d, version:NAME, role:serving or "
    "role:shadow, reference or reference:2, and as the last part segment:COLUMN=VALUE; parts have commas between them"
)
_SEGMENT = re.compile(r"(?:^|,)\s*segment:", re.IGNORECASE)
_LAST = re.compile(r"(\d{1,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_ROLES = ("serving", "shadow")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a slice asks for. Times are aware; ``reference``: -1 for the one in force, 0 for none, else its number."""

    text: str
    start: datetime | None = None
    end: datetime | None = None
    last: timedelta | None = None
    version: str | None = None
    role: str | None = None
    reference: int = 0
    segment: str | None = None


def parse(text: str, zone: ZoneInfo) -> Asked:
    """Read a slice; times without an offset are in ``zone``. Raises :class:`WorkspaceError` with what can be written."""
    asked, rest = Asked(text), text
    found = _SEGMENT.search(text)
    if found:  # its value may hold anything, a comma too
        asked, rest = replace(asked, segment=text[found.end() :].strip()), text[: found.start()]
    for part in filter(None, (each.strip() for each in rest.split(","))):
        asked = _with(asked, part, zone)
    if asked.reference and (asked.start or asked.end or asked.last or asked.version or asked.role):
        raise WorkspaceError(
            f"slice {text!r}: a reference is whole, or of a segment; it has no period and no version to choose"
        )
    if asked.last and (asked.start or asked.end):
        raise WorkspaceError(f"slice {text!r} names two periods; name one")
    if asked.start and asked.end and asked.start >= asked.end:
        raise WorkspaceError(
            f"slice {text!r} ends before it begins; the end is excluded, so a day is 2013-05-01..2013-05-02"
        )
    return asked


def _with(asked: Asked, part: str, zone: ZoneInfo) -> Asked:
    name, colon, value = part.partition(":")
    word, value = name.strip().lower(), value.strip()
    if word == "reference" and (not colon or value.isdecimal()):
        return replace(asked, reference=int(value) if colon else -1)
    if word == "version" and value:
        return replace(asked, version=value)
    if word == "role" and value in _ROLES:
        return replace(asked, role=value)
    if word == "last" and (length := _LAST.fullmatch(value)) and int(length[1]):
        return replace(asked, last=timedelta(**{_UNITS[length[2]]: int(length[1])}))
    if word == "all" and not colon:
        return asked
    if asked.start or asked.end:
        raise WorkspaceError(f"slice {asked.text!r} names two periods; name one")
    start, dots, end = part.partition("..")
    try:
        if dots and (start or end):
            first, last = (_edge(edge.strip(), zone) if edge.strip() else None for edge in (start, end))
            return replace(asked, start=first, end=last)
        if not dots:
            return replace(asked, start=_edge(part, zone), end=_edge(part, zone, after=True))
    except (ValueError, OverflowError):
        pass
    raise WorkspaceError(f"slice {asked.text!r}: {part!r} is not understood; write {GRAMMAR}")


def _edge(text: str, zone: ZoneInfo, *, after: bool = False) -> datetime:
    """Return a moment; ``after``: the end of the day or month that is written."""
    month = re.fullmatch(r"(\d{4})-(\d{2})", text)
    if month:
        first = date(int(month[1]), int(month[2]), 1)
        return _midnight((first + timedelta(days=31)).replace(day=1) if after else first, zone)
    if len(text) == 10:
        return _midnight(date.fromisoformat(text) + timedelta(days=int(after)), zone)
    if after:
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


@dataclass(frozen=True)
class Parts:
    """The written parts of a slice, for those who put one together: each as it is written, empty if it is not there."""

    period: str = "all"
    version: str = ""
    role: str = ""
    segment: str = ""

    @property
    def text(self) -> str:
        """The slice as it is written; a reference is of no version."""
        whole = self.period.startswith("reference")
        named = (self.period, *(() if whole else (self.version, self.role)), self.segment)
        return ",".join(part for part in named if part)


def parts_of(text: str) -> Parts:
    """Take a slice apart without judging it."""
    found = _SEGMENT.search(text)
    segment, rest = ("", text) if found is None else (f"segment:{text[found.end() :].strip()}", text[: found.start()])
    parts = Parts(segment=segment)
    for part in filter(None, (each.strip() for each in rest.split(","))):
        word = part.partition(":")[0].strip().lower()
        parts = replace(parts, **{word if word in ("version", "role") else "period": part})
    return parts
