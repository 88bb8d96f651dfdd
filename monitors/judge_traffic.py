"""Readings of rows and their arrival: how many there are, how many have a label, whether they came as they usually do, and once each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors import explain
from monitors.evidence import levels
from monitors.judge_run import LEAST_COVERAGE, Run
from monitors.types import Check, Reading, Verdict
from monitors.volume import (
    CONFIRMED,
    HARMFUL_DROP,
    HARMFUL_SURGE,
    UNKNOWN,
    USUALLY_EMPTY,
    Expected,
    Season,
    expectations,
    season_of,
    with_reference,
)
from reference_data.declaration import ModelSpec
from reference_data.profile import Profile
from reference_data.windows import Window, WindowSpec

_ROWS = Check("row_count", "column", frozenset(), "rows", "both", "Rows in the window.", "", title="Rows")
_COVERAGE = Check("label_coverage", "column", frozenset(), "share", "lower_is_worse", "Share of rows with a label.", "")

#: How the table's part of the warnings' budget is split between the questions asked of every window.
VOLUME, FRESHNESS, COLUMNS, CUSTOM = 0.5, 0.1, 0.2, 0.2
STALE_TIMES, STALE_SHARE = 3.0, 0.1  # of the longest silence before, and of the window, from which on silence matters
STORM_SHARE = 0.6  # of rows that came again from which on they are a warning: more than everything once more
REPEATED_SHARE, REPEATED_ROWS = 0.05, 10  # the same where they are other rows, which are lost; and how many it must be
REPEATED_TIMES = 3.0  # times what is usual
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def table_level(spec: ModelSpec, windows_per_year: float) -> float:
    """Return the largest p-value that is significant in one window, for all of :data:`VOLUME` … :data:`CUSTOM` together."""
    budget = spec.monitor.alert_budget
    return levels(windows_per_year, 1, 1, budget.pages_per_year, budget.warnings_per_year).table


def traffic_readings(run: Run, inputs: Profile, *, labelled: bool) -> Iterator[Reading]:
    """Yield how many rows each window has, and how many of them have a label."""
    least, usual = run.spec.monitor.min_rows, run.calibration.median_rows
    for window, rows, coverage in zip(run.windows, inputs.rows.tolist(), run.coverage.tolist(), strict=True):
        verdict: Verdict = "no_data" if rows == 0 else "insufficient" if rows < least else "ok"
        few = rows < least
        sentence = f"{rows:,} rows, where a window of the reference has {usual:,.0f}."
        if rows == 0:
            sentence = f"No rows arrived in this window; a window of the reference has {usual:,.0f}."
        yield replace(
            run.blank, check=_ROWS.name, scope="traffic", window=window, value=float(rows), reference_value=usual,
            threshold=float(least), n=rows, verdict=verdict, unit=_ROWS.unit, sentence=sentence,
        )  # fmt: skip
        if labelled and rows > 0:
            low = few or coverage < LEAST_COVERAGE
            yield replace(
                run.blank, check=_COVERAGE.name, scope="traffic", window=window, value=coverage, reference_value=1.0,
                threshold=LEAST_COVERAGE, n=rows, unit=_COVERAGE.unit,
                verdict="no_data" if coverage == 0 else "insufficient" if low else "ok",
                sentence=f"Labels have arrived for {explain.number(coverage, 'share')} of rows.",
            )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """What arrived in consecutive windows, whatever version served it: those to be judged last, those before them first.

    ``reference`` holds the rows of the reference's own consecutive windows, where it has any beside the log, and ``gap`` the windows between
    its end and the first of ``windows``. ``latest`` is the latest event time up to a window's end, by the start of the window; ``repeats``
    the rows that came again, and how many of these had another event time than the row that was kept.
    """

    windows: Sequence[Window]
    rows: NDArray[np.int64]
    reference: NDArray[np.int64]
    gap: int
    latest: Mapping[datetime, datetime]
    repeats: Mapping[datetime, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Own:
    """What the readings of one window have in common; each of them is made at once, with all that is its own."""

    blank: Reading
    window: Window
    rows: int

    def reading(self, **fields: Any) -> Reading:
        shared: dict[str, Any] = {
            "scope": "traffic",
            "window": self.window,
            "n": self.rows,
            "unit": "rows",
            "effect": np.nan,
        }
        return replace(self.blank, **(shared | fields))


def arrival_readings(
    spec: ModelSpec, window_spec: WindowSpec, blank: Reading, traffic: Traffic, first: int, level: float
) -> list[Reading]:
    """Return row volume, freshness and repeated rows of the windows from place ``first`` of ``traffic`` on.

    ``level``: the largest significant p-value of a table-level question, of which each takes its part. ``blank`` has the fields that are
    the same in every reading.
    """
    season = season_of(window_spec)
    before = with_reference(traffic.rows, traffic.reference, traffic.gap, season)
    expected = _expected(traffic, before, season, first)
    silences = [_silence(traffic, place) for place in range(len(traffic.windows))]
    found = []
    for place, window in enumerate(traffic.windows[first:], first):
        own = _Own(blank, window, int(traffic.rows[place]))
        source = _source(season, place, len(before))
        found.append(_volume(spec, window_spec, own, expected[place - first], VOLUME * level, source))
        fresh = _freshness(own, traffic, silences, place, season, FRESHNESS * level)
        found += [fresh] if fresh is not None else []
        repeated = _repeated(own, traffic, place)
        found += [repeated] if repeated is not None else []
    return found


def _expected(traffic: Traffic, before: NDArray[np.int64], season: Season, first: int) -> list[Expected]:
    """Return what windows are held against: with the reference's volume only until the log has enough of its own."""
    alone = max(_alone(season), first) if len(before) else first
    own = expectations(traffic.rows, season, alone)
    if alone == first:
        return own
    every = np.concatenate([before, traffic.rows])[: len(before) + alone]
    held = expectations(every, season, len(before) + first)
    # what the reference says of volume is known by the log's first windows, not for them
    return [UNKNOWN if place < CONFIRMED else each for place, each in enumerate(held, first)] + own


def _alone(season: Season) -> int:
    """Return from which window on the log is enough by itself."""
    return 4 * season.cycle if season.cycle > 1 else season.reach


def _source(season: Season, own: int, reference: int) -> str:
    """Say by which windows a window is judged."""
    beside = f" and {reference:,} windows of the reference" if reference and own < _alone(season) else ""
    return f"the log's own {own:,} {'window' if own == 1 else 'windows'} before it{beside}"


def _volume(
    spec: ModelSpec, window_spec: WindowSpec, own: _Own, expected: Expected, level: float, source: str
) -> Reading:
    rows, name = own.rows, _name(own.window, window_spec)
    if not expected.known:
        words = f"{rows:,} rows. How many are usual cannot be said yet: too few windows were before."
        few: Verdict = "no_data" if rows == 0 else "insufficient"
        return own.reading(check="row_volume", value=float(rows), verdict=few, sentence=words)
    gone = expected.rows - rows
    ratio = rows / expected.rows if expected.rows > 0 else np.inf if rows else 1.0
    significant = expected.p_value < level
    material = (ratio <= HARMFUL_DROP or ratio >= HARMFUL_SURGE) and abs(gone) >= spec.monitor.min_rows
    broken = significant and material and rows > 0
    verdict: Verdict = "no_data" if rows == 0 else "warning" if broken else "ok"
    usual = f"about {expected.rows:,.0f} were to be expected{name}"
    if rows == 0 and expected.rows < USUALLY_EMPTY:
        words = f"No rows arrived, as is usual{name}."
    elif rows == 0:
        words = f"No rows arrived, where {usual}."
    elif broken:
        change = explain.number(abs(gone) / expected.rows, "share") if expected.rows > 0 else ""
        words = f"{rows:,} rows, where {usual}: {change} {'fewer' if gone > 0 else 'more'}, beyond what chance and habit explain."
    else:
        words = f"{rows:,} rows, where {usual}; {expected.lower:,.0f} to {expected.upper:,.0f} is usual."
    return own.reading(
        check="row_volume", value=float(rows), reference_value=expected.rows, threshold=expected.lower if gone > 0 else expected.upper,
        lower=expected.lower, upper=expected.upper, p_value=expected.p_value,
        effect=abs(gone) / max(expected.rows, 1.0), verdict=verdict, significant=significant, material=material,
        sentence=f"{words} Judged by {source}.",
    )  # fmt: skip


def _name(window: Window, window_spec: WindowSpec) -> str:
    """Name the kind of window, where weekdays or hours have habits: " on a Tuesday"."""
    local = window.start.astimezone(ZoneInfo(window_spec.timezone))
    if window_spec.unit == "d" and window_spec.length == 1:
        return f" on a {_DAYS[local.weekday()]}"
    return f" on a {_DAYS[local.weekday()]} at {local:%H:%M}" if window_spec.unit == "h" else ""


def _freshness(
    own: _Own, traffic: Traffic, silences: Sequence[float | None], place: int, season: Season, level: float
) -> Reading | None:
    """Judge how long it was silent at a window's end. Silences between rows of a steady stream are exponential: F with 2 and 2k."""
    silence = silences[place]
    if silence is None:
        return None
    blank: dict[str, Any] = {"check": "freshness", "unit": "hours", "value": silence}
    if not traffic.rows[place]:
        words = f"The latest row is {_ago(silence)} older than the window's end; none arrived in it."
        return own.reading(**blank, verdict="no_data", sentence=words)
    since = max(place - season.reach, 0)
    known = [s for i in range(since, place) if traffic.rows[i] and (s := silences[i]) is not None]
    if len(known) < max(season.least, 6):
        words = f"The latest row came {_ago(silence)} before the window's end; too few windows were before to say what is usual."
        return own.reading(**blank, verdict="insufficient", sentence=words)
    hours = np.asarray(known)
    mean, longest = float(hours.mean()), float(hours.max())
    window = (own.window.end - own.window.start) / timedelta(hours=1)
    p = float(special.fdtrc(2, 2 * len(hours), silence / mean)) if mean > 0 else float(silence <= 0)
    limit = max(STALE_TIMES * longest, STALE_SHARE * window)
    significant, material = p < level, silence > limit
    stale = significant and material
    usual = f"up to {explain.number(longest)} hours was usual in the {len(known)} windows before"
    tail = f"; {usual}." if not stale else f", where {usual}: rows seem to have stopped coming."
    return own.reading(
        **blank, reference_value=mean, threshold=limit, lower=0.0, upper=longest, p_value=p, effect=silence / window,
        verdict="warning" if stale else "ok", significant=significant, material=material,
        sentence=f"The latest row came {_ago(silence)} before the window's end{tail}",
    )  # fmt: skip


def _silence(traffic: Traffic, place: int) -> float | None:
    """Return the hours from the latest row to a window's end, None where there was no row yet."""
    window = traffic.windows[place]
    latest = traffic.latest.get(window.start)
    return None if latest is None else max(window.end - latest, timedelta(0)) / timedelta(hours=1)


def _ago(silence: float) -> str:
    return f"{explain.number(silence)} hours"


def _repeated(own: _Own, traffic: Traffic, place: int) -> Reading | None:
    """Judge the share of rows that came under an id that was known; nothing where none did.

    The same rows sent once more do no harm, and are told only when it is a storm. Other rows under a known id are lost.
    """
    again, others = traffic.repeats.get(own.window.start, (0, 0))
    if not again:
        return None
    arrived = again + own.rows
    share = again / arrived
    earlier = [_share_repeated(traffic, i) for i in range(max(place - 28, 0), place)]
    usual = float(np.median(earlier)) if len(earlier) >= 7 else 0.0
    limit = REPEATED_SHARE if others / arrived >= REPEATED_SHARE else STORM_SHARE
    most = max(limit, min(REPEATED_TIMES * usual, (1 + usual) / 2))
    warns = share >= most and again >= REPEATED_ROWS
    before = f"; {explain.number(usual, 'share')} is usual" if usual else ""
    lost = (
        f" {others:,} of them were of another time than the row that was kept: other rows under the same ids are lost."
        if others
        else ""
    )
    return own.reading(
        check="repeated_rows", unit="share", value=share, reference_value=usual, threshold=most, effect=share, n=arrived,
        significant=warns, material=warns, verdict="warning" if warns else "ok",
        sentence=f"{again:,} of {arrived:,} rows had an id that was known already ({explain.number(share, 'share')}){before}. "
        f"They were left out.{lost}",
    )  # fmt: skip


def _share_repeated(traffic: Traffic, place: int) -> float:
    again, _ = traffic.repeats.get(traffic.windows[place].start, (0, 0))
    return again / max(int(traffic.rows[place]) + again, 1)
