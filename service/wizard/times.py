"""Times in a stranger's column: ISO 8601 with and without offsets, dates as people write them, seconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

Form = Literal["naive", "aware", "mixed", "epoch_s", "epoch_ms", "epoch_us"]

_US = pa.timestamp("us")
_EPOCHS: tuple[tuple[Form, int], ...] = (("epoch_s", 1_000_000), ("epoch_ms", 1000), ("epoch_us", 1))
_EARLIEST, _LATEST = 631_152_000, 4_102_444_800  # 1990 and 2100, in seconds
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d|[+-]\d\d)\s*$")
_NAMED = re.compile(r"time|date|datum|zeit|stamp|epoch|_at$|^ts$|_ts$|day|when", re.IGNORECASE)
_MOST_HOURS = 40_000

#: The zone in which most people have these two offsets, or this one; the first of a pair is that of winter.
_ZONES = {
    ("-05:00", "-04:00"): "America/New_York",
    ("-06:00", "-05:00"): "America/Chicago",
    ("-07:00", "-06:00"): "America/Denver",
    ("-08:00", "-07:00"): "America/Los_Angeles",
    ("+00:00", "+01:00"): "Europe/London",
    ("+01:00", "+02:00"): "Europe/Berlin",
    ("+02:00", "+03:00"): "Europe/Helsinki",
    ("+10:00", "+11:00"): "Australia/Sydney",
    ("+05:30",): "Asia/Kolkata",
    ("+08:00",): "Asia/Shanghai",
    ("+09:00",): "Asia/Tokyo",
    ("+01:00",): "Europe/Berlin",
    ("+02:00",): "Europe/Berlin",
    ("-05:00",): "America/New_York",
    ("-04:00",): "America/New_York",
    ("-08:00",): "America/Los_Angeles",
}


class TimeFacts(TypedDict):
    """Times of one column. Moments of ``naive`` ones are local, all others UTC; ``counts`` are rows by hour since 1970."""

    form: Form
    first: str
    last: str
    offsets: list[str]
    zone: str | None  # that the offsets point to
    rising: float  # share of rows that are no earlier than the row before
    dates: bool  # days, without a time of day
    hours: list[int]
    counts: list[float]
    unreadable: float  # share of rows with a value


class Parsed(TypedDict):
    """Times as naive microseconds; see :class:`TimeFacts`."""

    form: Form
    times: pa.Array
    held: int


def read_times(values: pa.ChunkedArray, name: str) -> Parsed | None:
    """Return the times in a column, None if it holds none."""
    kind = values.type
    held = len(values) - values.null_count
    if pa.types.is_timestamp(kind):
        form: Form = "naive" if kind.tz is None else "aware"
        return {"form": form, "times": pc.cast(values, _US, safe=False).combine_chunks(), "held": held}
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _epochs(values, name, held)
    if pa.types.is_string(kind) and held:
        return _texts(values, held)
    return None


def _epochs(values: pa.ChunkedArray, name: str, held: int) -> Parsed | None:
    """Whole numbers that would all lie between 1990 and 2100, in a column that is called after time or whose values hardly repeat."""
    numbers = values.drop_null().to_numpy().astype(float)
    if not len(numbers) or not np.all(np.isfinite(numbers)):
        return None
    for form, factor in _EPOCHS:
        seconds = numbers * factor / 1e6
        if seconds.min() >= _EARLIEST and seconds.max() < _LATEST:
            if not _NAMED.search(name) and len(np.unique(numbers)) < 0.5 * len(numbers):
                return None
            scaled = pc.cast(pc.round(pc.multiply(pc.cast(values, pa.float64()), float(factor))), pa.int64())
            return {"form": form, "times": pc.cast(scaled, _US).combine_chunks(), "held": held}
    return None


def _texts(values: pa.ChunkedArray, held: int) -> Parsed | None:
    """Texts of which nearly all are times, some with an offset and some without; the latter are taken to be UTC."""
    probe = values.drop_null().slice(0, 200).to_pylist()
    if sum(_moment(text) is not None for text in probe) < 0.9 * len(probe):
        return None
    encoded = values.combine_chunks().dictionary_encode()
    found = [None if text is None else _moment(text) for text in encoded.dictionary.to_pylist()]
    times = pa.array([None if at is None else at[0] for at in found], _US).take(encoded.indices)
    aware = {at[1] for at in found if at is not None}
    form: Form = "mixed" if len(aware) == 2 else "aware" if True in aware else "naive"
    return {"form": form, "times": times, "held": held}


def _moment(text: str) -> tuple[datetime, bool] | None:
    """Return a time as naive UTC or local, and whether it had an offset."""
    text = text.strip()
    if len(text) < 8 or not text[0].isdigit() or text.isdigit():
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at, False) if at.tzinfo is None else (at.astimezone(UTC).replace(tzinfo=None), True)


def time_facts(parsed: Parsed, scale: float, written: pa.ChunkedArray | None) -> TimeFacts | None:
    """Return facts of times; counts are multiplied by ``scale``, and ``written`` is what stands in the file."""
    held = parsed["times"].drop_null()
    if not len(held):
        return None
    micros = held.cast(pa.int64()).to_numpy()
    hours, counts = np.unique(micros // 3_600_000_000, return_counts=True)
    if len(hours) > _MOST_HOURS:
        days, place = np.unique(hours // 24 * 24, return_inverse=True)
        hours, counts = days, np.bincount(place, counts).astype(np.int64)
    offsets = _offsets(written)
    first, last = (datetime(1970, 1, 1) + np.timedelta64(int(at), "us").item() for at in (micros.min(), micros.max()))  # noqa: DTZ001
    return {
        "form": parsed["form"],
        "first": first.isoformat(),
        "last": last.isoformat(),
        "offsets": offsets,
        "zone": zone_of(offsets),
        "rising": float(np.mean(np.diff(micros) >= 0)) if len(micros) > 1 else 1.0,
        "dates": bool(np.all(micros % 86_400_000_000 == 0)),
        "hours": hours.tolist(),
        "counts": [float(count * scale) for count in counts],
        "unreadable": 1 - len(held) / max(1, parsed["held"]),
    }


def _offsets(written: pa.ChunkedArray | None) -> list[str]:
    if written is None:
        return []
    found = set()
    for text in pc.unique(written.drop_null()).slice(0, 50_000).to_pylist():
        match = _OFFSET.search(text)
        if match is not None:
            found.add("+00:00" if match[1] == "Z" else f"{match[1][:3]}:{match[1][-2:] if len(match[1]) > 3 else '00'}")
    return sorted(found)[:12]


def zone_of(offsets: list[str]) -> str | None:
    """Return the zone that a column's offsets point to, None when they point nowhere.

    >>> zone_of(["-04:00", "-05:00"]), zone_of(["+00:00"]), zone_of(["-05:00", "+09:00"])
    ('America/New_York', 'UTC', None)
    """
    if offsets == ["+00:00"]:
        return "UTC"
    return next((zone for pair, zone in _ZONES.items() if set(pair) == set(offsets)), None)


def to_utc(parsed: Parsed, timezone: str) -> pa.Array:
    """Return times as timestamps in UTC; naive ones are wall times of ``timezone``."""
    times = parsed["times"]
    if parsed["form"] == "naive":
        ZoneInfo(timezone)
        return pc.assume_timezone(times, timezone, ambiguous="earliest", nonexistent="latest").cast(
            pa.timestamp("us", "UTC")
        )
    return times.cast(pa.timestamp("us", "UTC"))
