"""The verdict on one column of a one-off comparison: its distribution, its missing values, its new categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from monitors.checks._cells import shares
from monitors.compare_checks import check_values
from monitors.compare_inputs import Pair
from monitors.compare_profile import Newcomer
from monitors.compare_result import ColumnComparison, Lacking
from monitors.evidence import DRIFT_SHARE, share_p_values
from monitors.fisher import fisher_p
from monitors.judge_shares import SHARE_LIMITS
from monitors.registry import DECIDING, column_checks
from monitors.two_sample import distance_that_matters, shift_between, two_sample_p
from reference_data.profile import ColumnProfile
from reference_data.schema import Column

if TYPE_CHECKING:
    from monitors.compare_days import DayFinding

MIN_ROWS = 10  # values on either side below which no verdict is given
FEW_ROWS = 30  # below which the answer warns that only large changes can be seen
TOLERANCE = 0.05  # shift, in standard deviations, below which drift is immaterial
_BARS = 24
_A_LOT = 0.05  # share of rows by which a cell moves for certain, whatever its days do
_NAME = 40  # characters of a new value that are shown


@dataclass(frozen=True, slots=True)
class Result:
    """A column before the correction for the number of columns.

    ``decisive`` is the p-value of what is material, ``moved`` that of the distribution alone, 1 where that is immaterial.
    """

    comparison: ColumnComparison
    decisive: float = 1.0
    moved: float = 1.0


def failed(pair: Pair, error: str | None) -> Result:
    """Return the result of a column that cannot be compared."""

    def missing(values: pa.ChunkedArray | None) -> float:
        return values.null_count / len(values) if values is not None and len(values) else np.nan

    return Result(
        ColumnComparison(
            column=pair.name,
            type=pair.column.type,
            error=error,
            notes=pair.notes,
            missing_reference=missing(pair.reference),
            missing_current=missing(pair.current),
        )
    )


def judge_column(
    pair: Pair,
    shown: tuple[ColumnProfile, ColumnProfile],
    evidence: tuple[ColumnProfile, ColumnProfile],
    natural: DayFinding | None,
    once: int,
    newcomer: Newcomer | None,
    checks: Sequence[str] | None,
    notes: tuple[str, ...],
    exact: Mapping[str, tuple[float, float]] | None = None,
) -> Result:
    """Judge one column by its distribution, its missing values and its new categories, each by a test of its own.

    ``shown`` and ``evidence`` are (reference, current) on cells frozen in the reference, and on those that the test takes;
    the reference without leading axis, the current side (1,). ``natural``: what the reference's own days say, if known.
    ``once``: values that occur once in the reference; ``newcomer``: the most frequent one that it lacks. ``notes`` are added to the column's own.
    ``exact``: values and p-values of checks that were computed from rows.
    """
    base, now = evidence
    tests = [
        _distribution(natural, base, now),
        _missing(natural, *shown),
        *([] if base.entry.ordered else [_unseen(once, *shown), _single(newcomer, *shown)]),
    ]
    counted = [test for test in tests if not np.isnan(test.p)]
    material = [test for test in counted if test.material]
    best = min(material or counted, key=lambda test: test.p, default=_Test("", np.nan, np.nan, False, ""))
    own_notes, lacking = _size_notes(*shown)
    moved = [test.p for test in material if test.name == "distribution"]
    comparison = ColumnComparison(
        column=pair.name,
        type=pair.column.type,
        p_value=np.nan if lacking == "no_data" else min((test.p for test in counted), default=np.nan),
        effect=best.effect,
        lacking=lacking,
        checks=check_values(shown, checks, _thresholds(*shown, once), exact),
        missing_reference=_absent(shown[0]),
        missing_current=_absent(shown[1]),
        unseen=0.0 if base.entry.ordered else _unseen_share(shown[1]),
        reasons=tuple(test.words for test in material),
        notes=(*pair.notes, *_type_notes(pair.column, *shown), *own_notes, *notes),
        bars=_bars(shown[0], shown[1]),
        shown=shown,
    )
    if lacking or not material:
        return Result(comparison)
    return Result(comparison, best.p, min(moved, default=1.0))


@dataclass(frozen=True, slots=True)
class _Test:
    """One test of one column; ``p`` is weighted already, so that the smallest of the column's can be taken as it is."""

    name: str
    p: float
    effect: float
    material: bool
    words: str


def _distribution(natural: DayFinding | None, base: ColumnProfile, now: ColumnProfile) -> _Test:
    """Test the distribution by what days do, where they are known, else by chance alone.

    Of a reference that holds one value its days say nothing: no variation between them was seen, and none is to be excused. Where
    nearly all rows hold one value they say nothing either, and rare values come in bursts: so some value has to move a lot.
    """
    told = natural is not None and natural.told and np.isfinite(natural.p)
    if natural is not None and told and not _constant(base):
        p, shift = natural.p, abs(natural.shift)
        last = int(natural.scale)
        days = "day" if last == 1 else f"{last} days"
        words = _movement(base, now) + (f" (clearest in the last {days})" if last < natural.current else "")
        return _Test("distribution", min(1.0, p / DRIFT_SHARE), shift, shift > TOLERANCE, words)
    distance = column_checks()[DECIDING].column_function
    assert distance is not None
    p = float(two_sample_p(base, now)[0])
    shift = float(shift_between(base, now, distance(base, now))[0])
    material = shift > TOLERANCE
    if natural is not None and not told and not _constant(base):
        material = material and float(np.abs(shares(now.cells)[0] - shares(base.cells)).max()) > _A_LOT
    return _Test("distribution", min(1.0, p / DRIFT_SHARE), shift, material, _movement(base, now))


def _constant(base: ColumnProfile) -> bool:
    if base.minimum is not None and base.maximum is not None:
        return bool(base.minimum == base.maximum)
    return int(np.count_nonzero(base.cells)) <= 1


def _movement(base: ColumnProfile, now: ColumnProfile) -> str:
    if base.mean is not None and now.mean is not None and base.entry.derive != "epoch" and int(now.valid[0]):
        what = "mean length" if base.entry.derive == "length" else "mean"
        return f"{what} {told_apart(float(base.mean), float(now.mean[0]))}"
    if base.mean is not None or not int(now.valid[0]) or not int(base.valid):
        return "distribution changed"
    before, after = shares(base.cells), shares(now.cells)[0]
    cell = int(np.abs(after - before).argmax())
    return f"share of {base.entry.bins.labels[cell]!r} {before[cell]:.1%} → {after[cell]:.1%}"


def told_apart(before: float, after: float) -> str:
    """Return two numbers with an arrow, in four digits or as many more as it takes to tell them apart."""
    digits = next((n for n in range(4, 12) if f"{before:.{n}g}" != f"{after:.{n}g}"), 4)
    return f"{before:.{digits}g} → {after:.{digits}g}"


def _missing(natural: DayFinding | None, base: ColumnProfile, now: ColumnProfile) -> _Test:
    before, after = _absent(base), _absent(now)
    n, m = int(base.rows), int(now.rows[0])
    p = fisher_p(round(before * n), n, round(after * m), m)
    if natural is not None:
        widened = share_p_values(natural.missing, np.array([after]), now.rows, float(n), natural.days)
        p = max(p, float(widened[0]))
    limit, _ = SHARE_LIMITS["missing_share"]
    gap = abs(after - before)
    return _Test(
        "missing", min(1.0, 2 * p / (1 - DRIFT_SHARE)), gap, gap > limit, f"missing {before:.1%} → {after:.1%}"
    )


def _unseen(once: int, base: ColumnProfile, now: ColumnProfile) -> _Test:
    """Test the share of values that the reference never held against what is to be expected of rare values.

    Good (1953): the chance that the next value is new is about the share of values seen once. New values come in clumps when
    the current side is the larger one, so it counts for no more rows than the reference.
    """
    n, m = int(base.valid), int(now.valid[0])
    if not n or not m:
        return _Test("unseen", np.nan, np.nan, False, "")
    share = _unseen_share(now)
    clump = 1 + m / n
    p = fisher_p(once, n, round(share * m / clump), max(round(m / clump), 1))
    limit, _ = SHARE_LIMITS["unseen_share"]
    rise = share - once / n
    return _Test("unseen", min(1.0, 4 * p / (1 - DRIFT_SHARE)), max(rise, 0.0), rise > limit, f"new values {share:.1%}")


def _single(newcomer: Newcomer | None, base: ColumnProfile, now: ColumnProfile) -> _Test:
    """Test the most frequent new value by itself: many rare values are no excuse for one that is frequent.

    Given how often each value occurs on both sides together, chance leaves one of ``rivals`` out of the reference with at most
    their number times Fisher's probability.
    """
    n, m = int(base.valid), int(now.valid[0])
    if newcomer is None or newcomer.usual or not n or not m:
        return _Test("newcomer", np.nan, np.nan, False, "")
    p = min(1.0, newcomer.rivals * fisher_p(0, n, newcomer.rows, m))
    limit, _ = SHARE_LIMITS["unseen_share"]
    share = newcomer.rows / m
    words = f"new value {newcomer.value[:_NAME]!r} {share:.1%}"
    return _Test("newcomer", min(1.0, 4 * p / (1 - DRIFT_SHARE)), share, share > limit, words)


def _absent(column: ColumnProfile) -> float:
    rows = int(np.sum(column.rows))
    return float(np.sum(column.missing + column.nan + column.inf)) / rows if rows else np.nan


def _unseen_share(now: ColumnProfile) -> float:
    valid = int(np.sum(now.valid))
    return float(np.sum(now.cells[..., -1])) / valid if valid else 0.0


def _size_notes(base: ColumnProfile, now: ColumnProfile) -> tuple[list[str], Lacking]:
    """Say if there are few rows, and what is lacking for a verdict."""
    least = min(int(base.rows), int(now.rows[0]))
    if least < MIN_ROWS:
        return [
            f"only {least} {'row' if least == 1 else 'rows'} on one side, too few for a verdict: {MIN_ROWS} are needed"
        ], "insufficient"
    held = int(base.valid), int(now.valid[0])
    if not any(held):
        return ["no values on either side"], "no_data"
    if min(held) < FEW_ROWS:
        return [f"{min(held)} values on one side: only large changes can be seen"], ""
    return [], ""


def _type_notes(column: Column, base: ColumnProfile, now: ColumnProfile) -> list[str]:
    if column.type == "text":
        return ["text is compared by its length"]
    if column.type == "datetime" and base.maximum is not None and now.minimum is not None:
        apart = now.minimum[0] > base.maximum or (now.maximum is not None and now.maximum[0] < base.minimum)
        if apart and int(base.valid) and int(now.valid[0]):
            return ["the times do not overlap; if this is the time of the rows, name it as the timestamp"]
    return []


def _thresholds(base: ColumnProfile, now: ColumnProfile, once: int) -> dict[str, float]:
    """Return what the verdict holds the deciding distance and the shares against: what a value must exceed to matter."""
    n = int(base.valid)
    usual = {"missing_share": _absent(base), "unseen_share": once / n if n else 0.0}
    found = {name: float(usual.get(name, 0.0) + limit) for name, (limit, _) in SHARE_LIMITS.items()}
    held = bool(n and int(now.valid[0]))
    return found | {DECIDING: float(distance_that_matters(base, now, TOLERANCE)[0]) if held else np.nan}


def _bars(base: ColumnProfile, now: ColumnProfile) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return both sides' shares in at most 24 bars: between display edges, or of the most frequent categories."""
    bins = base.entry.bins
    if bins.kind == "ordered":
        place = np.searchsorted(np.asarray(bins.display), np.asarray([*bins.edges, np.inf]))
        groups = np.minimum(place, len(bins.display))
    else:
        groups = np.minimum(np.arange(bins.size), _BARS - 1)

    def grouped(column: ColumnProfile) -> tuple[float, ...]:
        cells = np.nan_to_num(shares(column.cells.reshape(-1)))
        return tuple(np.bincount(groups, cells, minlength=int(groups.max()) + 1).tolist())

    return grouped(base), grouped(now)
