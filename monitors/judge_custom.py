"""Verdicts on a team's own checks: by what the value does in windows in which nothing was wrong, or by limits that were declared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors import explain
from monitors.checks._cells import Values
from monitors.judge_run import LEAST_COVERAGE
from monitors.types import Direction, Reading, Verdict
from reference_data.windows import Window, WindowSpec
from storage.custom_checks import CustomValue

ENOUGH = 5  # windows from which on natural variation is measured
FIRST = 14  # windows of the log that stand in for a reference whose rows are not known
CHANGED = 0.05  # part of the usual value by which it must change to matter
FARTHER = 2.0  # times the farthest that any window of these was away, from which on a value is unusual
_STILL = 1e-9  # of the mean: less is rounding
_SEASON_P = 0.01  # from which on weekdays are taken to have habits of their own


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """What is known of a check: ``limited``: it has limits, which then are all it is judged by."""

    name: str
    unit: str
    direction: Direction
    column: str | None = None
    limited: bool = False
    title: str = ""  # what people call it; the name where left out
    changed: float | None = None  # part of the usual value by which it must change to matter; None: :data:`CHANGED`


@dataclass(frozen=True, slots=True, eq=False)
class Variation:
    """A check's values in the windows that say what is usual, in order; ``source`` names them.

    ``logged``: they are the log's own, of which none up to the last is judged by the others: it would depend on when it was looked at.
    """

    starts: tuple[datetime, ...]
    values: Values
    rows: NDArray[np.int64]
    source: str
    logged: bool = False


def usable(value: CustomValue, least: int) -> bool:
    """Whether a value may say what is usual: it is one, of rows enough, and of labels enough where it reads them."""
    return value.error is None and math.isfinite(value.value) and value.rows >= least and not few_labels(value)


def few_labels(value: CustomValue) -> bool:
    """Whether a value that reads labels rests on too small a part of the rows."""
    return value.every is not None and value.rows < LEAST_COVERAGE * value.every


@dataclass(frozen=True, slots=True)
class _Usual:
    mean: float
    sd: float  # of one more window
    freedom: float
    rows: float
    most: float  # that any of the windows was away from what is usual


def custom_readings(
    check: OwnCheck,
    windows: Sequence[Window],
    values: Sequence[CustomValue],
    variation: Variation | None,
    window_spec: WindowSpec,
    blank: Reading,
    *,
    level: float,
    least: int,
) -> list[Reading]:
    """Return one reading a window. ``level``: the largest significant p-value; ``least``: rows a window needs."""
    base = replace(blank, check=check.name, scope="custom", column=check.column, unit=check.unit)
    zone = ZoneInfo(window_spec.timezone)
    known = _known(variation)
    logs = None
    if known is not None and (known.values > 0).all():
        logs = replace(known, values=np.log(known.values))
    daily = window_spec.unit == "d" and window_spec.length == 1
    found = []
    for window, value in zip(windows, values, strict=True):
        made = replace(base, window=window, value=value.value, n=value.rows)
        within = known is not None and known.logged and window.start <= known.starts[-1]
        usual, in_logs = (None if within else _usual(part, window, zone, daily=daily) for part in (known, logs))
        found.append(_reading(check, made, value, usual, in_logs, known, level, least))
    return found


def _known(variation: Variation | None) -> Variation | None:
    if variation is None:
        return None
    held = np.isfinite(variation.values)
    if int(held.sum()) < ENOUGH:
        return None
    starts = tuple(start for start, keep in zip(variation.starts, held.tolist(), strict=True) if keep)
    return replace(variation, starts=starts, values=variation.values[held], rows=variation.rows[held])


def _usual(known: Variation | None, window: Window, zone: ZoneInfo, *, daily: bool) -> _Usual | None:
    """Return what is usual for a window: of its weekday, if weekdays explain what windows differ by (one-way analysis of variance)."""
    if known is None:
        return None
    x, k = known.values, len(known.values)
    rows = float(np.median(known.rows)) if len(known.rows) else math.nan
    if daily and k >= FIRST:
        days = np.asarray([start.astimezone(zone).weekday() for start in known.starts])
        groups = [x[days == day] for day in range(7)]
        if all(len(group) > 1 for group in groups):
            within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
            between = float(((x - x.mean()) ** 2).sum()) - within
            ratio = (between / 6) / (within / (k - 7)) if within > 0 else math.inf if between > 0 else 0.0
            if float(special.fdtrc(6, k - 7, ratio)) < _SEASON_P:
                own = groups[window.start.astimezone(zone).weekday()]
                sd = math.sqrt(within / (k - 7) * (1 + 1 / len(own)))
                most = max(float(np.abs(group - group.mean()).max()) for group in groups)
                return _Usual(float(own.mean()), sd, float(k - 7), rows, most)
    sd = math.sqrt(float(x.var(ddof=1)) * (1 + 1 / k))
    return _Usual(float(x.mean()), sd, float(k - 1), rows, float(np.abs(x - x.mean()).max()))


def _spread(usual: _Usual, rows: int) -> float:
    """Return the standard deviation of one more window, wider for one of fewer rows."""
    return usual.sd * math.sqrt(max(usual.rows / max(rows, 1), 1.0))


def _p_value(usual: _Usual, value: float, rows: int, k: int) -> float:
    """Return the chance of one more window so far away; of ``k`` that were all the same, one more differs once in k + 1 times."""
    sd = _spread(usual, rows)
    if sd <= _STILL * abs(usual.mean):
        return 1 / (k + 1)
    return 2 * float(special.stdtr(usual.freedom, -abs(value - usual.mean) / sd))


def _limits(
    usual: _Usual, in_logs: _Usual | None, rows: int, k: int, level: float, changed: float
) -> tuple[float, float]:
    """Return the values between which one more window is usual: those beyond which it would be told; NaN where that cannot be said."""
    sd, mean = _spread(usual, rows), usual.mean
    reach = 0.0
    if sd > _STILL * abs(mean):
        reach = -float(special.stdtrit(usual.freedom, level / 2)) * sd
    elif 1 / (k + 1) >= level:
        return math.nan, math.nan
    reach = max(reach, changed * abs(mean), FARTHER * usual.most)
    low, high = mean - reach, mean + reach
    if in_logs is not None:
        far = -float(special.stdtrit(in_logs.freedom, level / 2)) * _spread(in_logs, rows)
        if low > 0:
            low = min(low, math.exp(in_logs.mean - far))
        high = max(high, math.exp(min(in_logs.mean + far, 700.0)))
    return low, high


def _band(usual: _Usual, rows: int) -> tuple[float, float]:
    """Return the 95 % prediction band of one more window; NaN where windows were all the same."""
    sd = _spread(usual, rows)
    reach = float(special.stdtrit(usual.freedom, 0.975)) * sd if sd > 0 else math.nan
    return usual.mean - reach, usual.mean + reach


def _possible(check: OwnCheck, low: float, high: float) -> tuple[float, float]:
    """Return limits of a share within 0 and 1."""
    return (max(low, 0.0), min(high, 1.0)) if check.unit == "share" else (low, high)


def _limit(check: OwnCheck, gap: float, low: float, high: float) -> float:
    """Return the limit on the side that is worse, or if both are on the side of the value."""
    if check.direction == "both":
        return high if gap >= 0 else low
    return high if check.direction == "higher_is_worse" else low


def _deaf(check: OwnCheck, low: float, high: float) -> bool:
    """Whether no share there can be is unusual: what is known of it is too little."""
    worse = {"higher_is_worse": high >= 1, "lower_is_worse": low <= 0, "both": low <= 0 and high >= 1}
    return check.unit == "share" and worse[check.direction]


def _reading(
    check: OwnCheck,
    blank: Reading,
    value: CustomValue,
    usual: _Usual | None,
    in_logs: _Usual | None,
    known: Variation | None,
    level: float,
    least: int,
) -> Reading:
    name = (check.title or check.name) if check.column is None else f"{check.name} of {check.column}"
    shown = explain.number(value.value, check.unit)
    if value.error is not None:
        return replace(blank, verdict="error", error=value.error, sentence=f"{name} {value.error}.")
    rows = value.rows if value.every is None else value.every
    if value.rows < least or math.isnan(value.value) or few_labels(value):
        state: Verdict = "no_data" if rows == 0 else "insufficient"
        words = f"No rows arrived in this window, so {name} cannot be said."
        if few_labels(value):
            words = f"Only {value.rows:,} of {rows:,} rows have a label, so {name} cannot be said yet."
        elif rows:
            words = (
                explain.too_few(value.rows, least, explain.inside(name))
                if value.rows < least
                else f"{name} gave no number."
            )
        return replace(blank, verdict=state, sentence=words)
    if usual is None or known is None:
        if check.limited:
            return replace(blank, sentence=f"{name} is {shown}.")
        held = "the reference has too few windows"
        if check.column is None:  # the same words before and after these windows are there
            held = f"the reference's rows are not known, so the log's own first {FIRST} windows with rows enough are to say it"
        return replace(
            blank, verdict="insufficient", sentence=f"{name} is {shown}; what is usual cannot be said: {held}."
        )
    p = _p_value(usual, value.value, value.rows, len(known.values))
    if (
        in_logs is not None and value.value > 0
    ):  # what is positive is often skewed: the larger of the two holds for both
        p = max(p, _p_value(in_logs, math.log(value.value), value.rows, len(known.values)))
    gap = value.value - usual.mean
    changed = CHANGED if check.changed is None else check.changed
    low, high = _limits(usual, in_logs, value.rows, len(known.values), level, changed)
    low, high = _possible(check, low, high)
    lower, upper = _possible(check, *_band(usual, value.rows))
    worse = {"higher_is_worse": gap > 0, "lower_is_worse": gap < 0, "both": True}[check.direction]
    significant = p < level and abs(gap) > FARTHER * usual.most  # what mostly is 0 is no normal distribution
    material = worse and abs(gap) > changed * abs(usual.mean)
    broken = significant and material and not check.limited
    shown, lowest, highest = explain.apart(value.value, low, high, check.unit)
    bands = {
        "higher_is_worse": f"up to {highest}",
        "lower_is_worse": f"{lowest} or more",
        "both": f"{lowest} to {highest}",
    }
    band = f"{bands[check.direction]} is usual, by {known.source}"
    if math.isnan(low):
        always = explain.number(usual.mean, check.unit)
        band = f"it was {always} throughout, by {known.source}, which is too few to say what else is usual"
    deaf = _deaf(check, low, high)
    if deaf:
        band = f"{explain.number(usual.mean, check.unit)} is usual, and {known.source} are too few to say what is not"
    words = (
        f"{name} is {shown}, where {explain.number(usual.mean, check.unit)} is to be expected: {band}."
        if broken
        else f"{name} is {shown}; {band}."
    )
    return replace(
        blank, reference_value=usual.mean, threshold=math.nan if deaf else _limit(check, gap, low, high), lower=lower, upper=upper, p_value=p,
        effect=abs(gap), n_reference=len(known.values), significant=significant, material=material,
        verdict="warning" if broken else "ok", sentence=words,
    )  # fmt: skip
