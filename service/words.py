"""Numbers, times and names as people write them: one way for pages, reports and messages."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MISSING = "—"
UNITS_UNSAID = ("share", "area", "statistic")  # kinds of numbers, nothing to write behind them
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_DURATION = re.compile(r"(\d+)\s*([smhdw])")
_DAILY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* \*")
_OFTEN = re.compile(r"\*/(\d{1,2}) \* \* \* \*")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


def clean(value: object, limit: int = 80) -> str:
    """Return text on one line without control or direction marks, cut to ``limit`` characters."""
    words = _UNSEEN.sub(" ", str(value)).strip() or "(empty)"
    return words if len(words) <= limit else words[: limit - 1] + "…"


def number(value: float | None, unit: str = "", *, signed: bool = False) -> str:
    """Return three significant digits with the unit and a true minus; missing is a dash.

    >>> number(12.643, "min"), number(-0.00451), number(5991.6), number(None)
    ('12.6 min', '−0.00451', '5,992', '—')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if unit == "share":
        return number(100 * value, "%", signed=signed)
    unit = "" if unit in UNITS_UNSAID else unit
    size = abs(value)
    if size >= 100 or size == 0:
        words = f"{size:,.0f}"
    elif size >= 0.0001:
        size = float(f"{size:.3g}")  # 0.9999 must not become 1.000
        words = f"{size:.{max(0, 2 - math.floor(math.log10(size)))}f}"
    else:
        words = f"{size:.1e}"
    sign = "−" if value < 0 else "+" if signed else ""
    return f"{sign}{words}{' ' + unit if unit else ''}"


def decimals(values: Iterable[float | None]) -> int:
    """Return with how many decimals numbers are written that stand below each other.

    Three significant digits in the largest and two in the smaller ones (a tenth may be smaller still), but at most four decimals
    and five digits in all.

    >>> decimals([0.155, 0.0278, 0.4, None]), decimals([7.9, 12.3]), decimals([1200.0, 150.0]), decimals([])
    (3, 1, 0, 0)
    """
    sizes = sorted(abs(value) for value in values if value and math.isfinite(value))
    if not sizes:
        return 0
    low, high = (math.floor(math.log10(size)) for size in (sizes[len(sizes) // 10], sizes[-1]))
    return max(0, min(max(1 - low, 2 - high), 4, 4 - high))


def count(value: float | None) -> str:
    """Return a whole number with commas."""
    return MISSING if value is None else f"{value:,.0f}"


def short(value: float | None) -> str:
    """Return a whole number in thousands or millions: 6.4K."""
    if value is None:
        return MISSING
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.1f}{letter}" if scaled < 10 else f"{scaled:.0f}{letter}"
    return f"{value:.0f}"


def share(value: float | None) -> str:
    """Return a share as per cent, without rounding a rare thing to nothing or a near-whole one to all."""
    if value is None or math.isnan(value):
        return MISSING
    percent = value * 100
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %" if percent < 10 and percent != round(percent) else f"{percent:.0f} %"


def hours(value: float | None) -> str:
    """Return a duration given in hours as people say it: 35 min, 4.2 h, 3.1 days."""
    if value is None or math.isnan(value):
        return MISSING
    if value < 1:
        return f"{value * 60:.0f} min"
    return f"{value:.1f} h" if value < 48 else f"{value / 24:.1f} days"


def change(now: float, before: float) -> str:
    """Return a relative change in per cent, signed: −6 %."""
    percent = (now / before - 1) * 100
    return f"{'−' if percent < 0 else '+'}{abs(percent):.0f} %"


def plural(amount: int, one: str, many: str | None = None) -> str:
    """Return a counted noun: 1 row, 2 rows."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def zone(name: str) -> ZoneInfo:
    """Return a time zone, UTC when the name is unknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local(iso: str, timezone: str) -> datetime:
    """Return an ISO time as the naive wall time of a zone, which is what axes and people read."""
    at = datetime.fromisoformat(iso)
    return at if at.tzinfo is None else at.astimezone(zone(timezone)).replace(tzinfo=None)


def day(iso: str | None, timezone: str = "UTC", *, year: bool = False) -> str:
    """Return 30 Apr, or 30 Apr 2013."""
    if iso is None:
        return MISSING
    at = local(iso, timezone)
    return f"{at.day} {at:%b %Y}" if year else f"{at.day} {at:%b}"


def moment(iso: str | None, timezone: str = "UTC", *, year: bool = False) -> str:
    """Return 30 Apr 07:00, or 30 Apr 2013 07:00."""
    return MISSING if iso is None else f"{day(iso, timezone, year=year)} {local(iso, timezone):%H:%M}"


def period(start: str, end: str, timezone: str = "UTC", *, year: bool = False) -> str:
    """Return the days of a half-open span, last day included: 30 Apr – 6 May."""
    first, last = local(start, timezone), local(end, timezone)
    if last - first < timedelta(days=1):
        return f"{first.day} {first:%b} {first:%H:%M}–{last:%H:%M}"
    last -= timedelta(microseconds=1)
    tail = f" {last:%Y}" if year else ""
    if first.date() == last.date():
        return f"{first.day} {first:%b}{tail}"
    return f"{first.day} {first:%b} – {last.day} {last:%b}{tail}"


def window_name(start: str, end: str, timezone: str = "UTC", *, year: bool = True) -> str:
    """Return what people call a window: week of 30 Apr 2013, 30 Apr 2013, 30 Apr 2013 07:00."""
    length = local(end, timezone) - local(start, timezone)
    if timedelta(days=6, hours=22) <= length <= timedelta(days=7, hours=2):
        return f"week of {day(start, timezone, year=year)}"
    if timedelta(hours=22) <= length <= timedelta(hours=26):
        return day(start, timezone, year=year)
    if length < timedelta(hours=22):
        return moment(start, timezone, year=year)
    return period(start, end, timezone, year=year)


def in_window(start: str, end: str, timezone: str = "UTC") -> str:
    """Return when something was: in the week of 30 Apr 2013, on 30 Apr 2013, in the window of 30 Apr 2013 07:00."""
    name = window_name(start, end, timezone)
    if name.startswith("week"):
        return f"in the {name}"
    return f"on {name}" if name == day(start, timezone, year=True) else f"in the window of {name}"


def length(start: str, end: str) -> str:
    """Return how long something lasts: 35 days, 7 h; a day that summer time makes an hour shorter is a day."""
    span = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    if (days := (span + timedelta(hours=1)).days) >= 2:
        return plural(days, "day")
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} h" if hours >= 1 else f"{max(0, hours * 60):.0f} min"


_METRICS = {
    "ndcg": "NDCG",
    "mae": "MAE",
    "rmse": "RMSE",
    "bias": "bias",
    "roc_auc": "ROC-AUC",
    "f1": "F1",
    "log_loss": "log loss",
    "psi": "PSI",
    "jensen_shannon": "Jensen–Shannon",
    "kolmogorov_smirnov": "Kolmogorov–Smirnov",
    "chi_square": "chi-square",
    "wasserstein": "Wasserstein",
}


def metric_name(name: str) -> str:
    """Return a check's name as people write it."""
    return _METRICS.get(name, name.replace("_", " "))


def duration(declared: str) -> str:
    """Return a declared duration in words, as it is where it is none.

    >>> duration("15m"), duration("1w"), duration("6h"), duration("soon")
    ('15 minutes', '1 week', '6 hours', 'soon')
    """
    found = _DURATION.fullmatch(declared.strip())
    return declared if found is None else plural(int(found[1]), _UNITS[found[2]])


def schedule(declared: str) -> str:
    """Return a declared schedule in words; a cron line of more than a daily time or some minutes stays one.

    >>> schedule("every 15m"), schedule("every 1h"), schedule("0 2 * * *"), schedule("0 6 * * 1"), schedule("every 500 rows")
    ('every 15 minutes', 'every hour', 'daily at 02:00', '0 6 * * 1', 'every 500 rows')
    """
    often = _OFTEN.fullmatch(declared.strip())
    if often is not None and int(often[1]) and 60 % int(often[1]) == 0:  # else the hour begins anew in between
        declared = f"every {int(often[1])}m"
    if declared.startswith("every "):
        return f"every {duration(declared.removeprefix('every ')).removeprefix('1 ')}"
    daily = _DAILY.fullmatch(declared.strip())
    return declared if daily is None else f"daily at {int(daily[2]):02}:{int(daily[1]):02}"


def window_word(window: str) -> str:
    """Return what a window length is called in a heading: week, day, hour, 6 hours."""
    return duration(window).removeprefix("1 ")


def a_window(window: str) -> str:
    """Return a window length with its article: a week, an hour, 6 hours."""
    word = window_word(window)
    return word if word[:1].isdigit() else f"{'an' if word == 'hour' else 'a'} {word}"


def window_length(window: str) -> timedelta | None:
    """Return how long a declared window is; None when it counts rows or is unknown."""
    units = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
    amount, unit = window[:-1], window[-1:]
    return int(amount) * units[unit] if amount.isdigit() and unit in units else None
