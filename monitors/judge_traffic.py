"""Readings of rows and their arrival: how many there are, how many have a label, whether they came as they usually do, and once each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors import explain
from monitors.checks._cells import Values
from monitors.evidence import levels
from monitors.judge_run import LEAST_COVERAGE, Run
from monitors.reading_blocks import Block, Column, Readings
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


def traffic_readings(run: Run, rows: NDArray[np.int64], *, labelled: bool) -> Readings:
    """Return how many rows each window has, and how many of them have a label."""
    least, usual = run.spec.monitor.min_rows, run.calibration.median_rows

    def counted(i: int) -> str:
        if rows[i] == 0:
            return f"No rows arrived in this window; a window of the reference has {usual:,.0f}."
        return f"{int(rows[i]):,} rows, where a window of the reference has {usual:,.0f}."

    fields: dict[str, Column] = {
        "scope": "traffic",
        "value": rows.astype(np.float64),
        "reference_value": usual,
        "threshold": float(least),
        "verdict": ["no_data" if n == 0 else "insufficient" if n < least else "ok" for n in rows.tolist()],
    }
    found = Readings([run.readings(_ROWS, None, rows, fields, counted)])
    some = np.flatnonzero(rows > 0)
    if not labelled or not len(some):
        return found
    n, coverage = rows[some], run.coverage[some]
    low = (n < least) | (coverage < LEAST_COVERAGE)
    own: dict[str, Column] = {
        "check": _COVERAGE.name,
        "scope": "traffic",
        "column": None,
        "unit": _COVERAGE.unit,
        "n": n,
        "value": coverage,
        "reference_value": 1.0,
        "threshold": LEAST_COVERAGE,
        "verdict": [
            "no_data" if share == 0 else "insufficient" if few else "ok"
            for share, few in zip(coverage.tolist(), low.tolist(), strict=True)
        ],
    }

    def labels(i: int) -> str:
        return f"Labels have arrived for {explain.number(float(coverage[i]), 'share')} of rows."

    found += Block(run.blank, [run.windows[i] for i in some.tolist()], own, labels)
    return found


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
    """A reading of one window: the fields that are its own, and its sentence, made when somebody looks at it."""

    window: Window
    fields: dict[str, Any]
    words: Callable[[], str]


def _block(blank: Reading, check: str, unit: str, found: Sequence[_Own]) -> Block:
    """Return the readings of one check as columns; a field that a window leaves out is as in ``blank``."""
    shared: dict[str, Column] = {"check": check, "scope": "traffic", "column": None, "unit": unit}
    names = dict.fromkeys(name for own in found for name in own.fields)
    columns = {name: [own.fields.get(name, shared.get(name, getattr(blank, name))) for own in found] for name in names}
    return Block(blank, [own.window for own in found], shared | columns, lambda i: found[i].words())


def arrival_readings(
    spec: ModelSpec,
    window_spec: WindowSpec,
    blank: Reading,
    traffic: Traffic,
    judged: Collection[Window],
    level: float,
) -> Readings:
    """Return row volume, freshness and repeated rows of the ``judged`` windows of ``traffic``.

    ``level``: the largest significant p-value of a table-level question, of which each takes its part. ``blank`` has the fields that are
    the same in every reading.
    """
    places = [place for place, window in enumerate(traffic.windows) if window in judged]
    if not places:
        return Readings()
    season = season_of(window_spec)
    before = with_reference(traffic.rows, traffic.reference, traffic.gap, season)
    expected = _expected(traffic, before, season, places[0])
    silences = np.asarray([_silence(traffic, place) for place in range(len(traffic.windows))])
    volume = [
        _volume(spec, window_spec, traffic, place, expected[place - places[0]], VOLUME * level, len(before))
        for place in places
    ]
    fresh = [_freshness(traffic, silences, place, season, FRESHNESS * level) for place in places]
    again = [_repeated(traffic, place) for place in places]
    kinds = (("row_volume", "rows", volume), ("freshness", "hours", fresh), ("repeated_rows", "share", again))
    return Readings(
        _block(blank, check, unit, [own for own in every if own is not None]) for check, unit, every in kinds
    )


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
    spec: ModelSpec,
    window_spec: WindowSpec,
    traffic: Traffic,
    place: int,
    expected: Expected,
    level: float,
    reference: int,
) -> _Own:
    window, rows = traffic.windows[place], int(traffic.rows[place])
    fields: dict[str, Any] = {"n": rows, "value": float(rows)}
    if not expected.known:
        few: Verdict = "no_data" if rows == 0 else "insufficient"
        words = f"{rows:,} rows. How many are usual cannot be said yet: too few windows were before."
        return _Own(window, fields | {"verdict": few}, lambda: words)
    gone = expected.rows - rows
    ratio = rows / expected.rows if expected.rows > 0 else np.inf if rows else 1.0
    significant = expected.p_value < level
    material = (ratio <= HARMFUL_DROP or ratio >= HARMFUL_SURGE) and abs(gone) >= spec.monitor.min_rows
    broken = significant and material and rows > 0
    verdict: Verdict = "no_data" if rows == 0 else "warning" if broken else "ok"
    fields |= {
        "reference_value": expected.rows,
        "threshold": expected.lower if gone > 0 else expected.upper,
        "lower": expected.lower,
        "upper": expected.upper,
        "p_value": expected.p_value,
        "effect": abs(gone) / max(expected.rows, 1.0),
        "verdict": verdict,
        "significant": significant,
        "material": material,
    }

    def sentence() -> str:
        source = _source(season_of(window_spec), place, reference)
        return f"{_of_volume(rows, expected, _name(window, window_spec), broken=broken)} Judged by {source}."

    return _Own(window, fields, sentence)


def _of_volume(rows: int, expected: Expected, name: str, *, broken: bool) -> str:
    gone = expected.rows - rows
    usual = f"about {expected.rows:,.0f} were to be expected{name}"
    if rows == 0:
        return (
            f"No rows arrived, as is usual{name}."
            if expected.rows < USUALLY_EMPTY
            else f"No rows arrived, where {usual}."
        )
    if not broken:
        return f"{rows:,} rows, where {usual}; {expected.lower:,.0f} to {expected.upper:,.0f} is usual."
    change = explain.number(abs(gone) / expected.rows, "share") if expected.rows > 0 else ""
    return f"{rows:,} rows, where {usual}: {change} {'fewer' if gone > 0 else 'more'}, beyond what chance and habit explain."


def _name(window: Window, window_spec: WindowSpec) -> str:
    """Name the kind of window, where weekdays or hours have habits: " on a Tuesday"."""
    local = window.start.astimezone(ZoneInfo(window_spec.timezone))
    if window_spec.unit == "d" and window_spec.length == 1:
        return f" on a {_DAYS[local.weekday()]}"
    return f" on a {_DAYS[local.weekday()]} at {local:%H:%M}" if window_spec.unit == "h" else ""


def _freshness(traffic: Traffic, silences: Values, place: int, season: Season, level: float) -> _Own | None:
    """Judge how long it was silent at a window's end. Silences between rows of a steady stream are exponential: F with 2 and 2k.

    ``silences`` are of all windows in hours, NaN where there was no row yet.
    """
    silence, own = float(silences[place]), traffic.windows[place]
    if np.isnan(silence):
        return None
    fields: dict[str, Any] = {"n": int(traffic.rows[place]), "value": silence}
    if not traffic.rows[place]:
        return _Own(
            own,
            fields | {"verdict": "no_data"},
            lambda: f"The latest row is {_ago(silence)} older than the window's end; none arrived in it.",
        )
    earlier = slice(max(place - season.reach, 0), place)
    hours = silences[earlier][(traffic.rows[earlier] > 0) & ~np.isnan(silences[earlier])]
    if len(hours) < max(season.least, 6):
        return _Own(
            own,
            fields | {"verdict": "insufficient"},
            lambda: (
                f"The latest row came {_ago(silence)} before the window's end; too few windows were before to say what is usual."
            ),
        )
    mean, longest = float(hours.mean()), float(hours.max())
    window = (own.end - own.start) / timedelta(hours=1)
    p = float(special.fdtrc(2, 2 * len(hours), silence / mean)) if mean > 0 else float(silence <= 0)
    limit = max(STALE_TIMES * longest, STALE_SHARE * window)
    significant, material = p < level, silence > limit
    stale = significant and material
    fields |= {
        "reference_value": mean,
        "threshold": limit,
        "lower": 0.0,
        "upper": longest,
        "p_value": p,
        "effect": silence / window,
        "verdict": "warning" if stale else "ok",
        "significant": significant,
        "material": material,
    }

    def sentence() -> str:
        usual = f"up to {explain.number(longest)} hours was usual in the {len(hours)} windows before"
        tail = f"; {usual}." if not stale else f", where {usual}: rows seem to have stopped coming."
        return f"The latest row came {_ago(silence)} before the window's end{tail}"

    return _Own(own, fields, sentence)


def _silence(traffic: Traffic, place: int) -> float:
    """Return the hours from the latest row to a window's end, NaN where there was no row yet."""
    window = traffic.windows[place]
    latest = traffic.latest.get(window.start)
    return np.nan if latest is None else max(window.end - latest, timedelta(0)) / timedelta(hours=1)


def _ago(silence: float) -> str:
    return f"{explain.number(silence)} hours"


def _repeated(traffic: Traffic, place: int) -> _Own | None:
    """Judge the share of rows that came under an id that was known; nothing where none did.

    The same rows sent once more do no harm, and are told only when it is a storm. Other rows under a known id are lost.
    """
    window = traffic.windows[place]
    again, others = traffic.repeats.get(window.start, (0, 0))
    if not again:
        return None
    arrived = again + int(traffic.rows[place])
    share = again / arrived
    earlier = [_share_repeated(traffic, i) for i in range(max(place - 28, 0), place)]
    usual = float(np.median(earlier)) if len(earlier) >= 7 else 0.0
    limit = REPEATED_SHARE if others / arrived >= REPEATED_SHARE else STORM_SHARE
    most = max(limit, min(REPEATED_TIMES * usual, (1 + usual) / 2))
    warns = share >= most and again >= REPEATED_ROWS
    fields: dict[str, Any] = {
        "value": share,
        "reference_value": usual,
        "threshold": most,
        "effect": share,
        "n": arrived,
        "significant": warns,
        "material": warns,
        "verdict": "warning" if warns else "ok",
    }

    def sentence() -> str:
        before = f"; {explain.number(usual, 'share')} is usual" if usual else ""
        lost = (
            f" {others:,} of them were of another time than the row that was kept: other rows under the same ids are lost."
            if others
            else ""
        )
        return (
            f"{again:,} of {arrived:,} rows had an id that was known already ({explain.number(share, 'share')}){before}. "
            f"They were left out.{lost}"
        )

    return _Own(window, fields, sentence)


def _share_repeated(traffic: Traffic, place: int) -> float:
    again, _ = traffic.repeats.get(traffic.windows[place].start, (0, 0))
    return again / max(int(traffic.rows[place]) + again, 1)
