"""A one-off comparison of two tables: no workspace, no history, a verdict for every column.

The rows are profiled exactly as a workspace does it, on cells frozen in the reference. Without a history there is no natural
variation to measure, so the null is sampling variation alone, unless ``timestamp`` names a column that splits the reference into
days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from scipy import special, stats

from monitors.calibration import ENOUGH, calibrate
from monitors.checks._cells import shares, two_sample_chi_square
from monitors.compare_inputs import CompareError, Pair, pair_columns, to_table
from monitors.compare_result import CheckValue, ColumnComparison, Comparison
from monitors.evidence import (
    DRIFT_SHARE,
    FINEST,
    ColumnNull,
    column_p_values,
    divergence_beyond,
    divergence_threshold,
    normal_scores,
    share_p_values,
)
from monitors.judge_columns import SHARE_LIMITS
from monitors.registry import DECIDING, column_checks
from reference_data.declaration import ModelSpec
from reference_data.profile import ColumnProfile, Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window, WindowSpec
from storage.memory import distinct_days, in_memory, singletons
from storage.names import quote
from storage.profiler import freeze_layout, profile_rows

__all__ = ["CompareError", "Comparison", "compare"]

MIN_ROWS = 10  # values on either side below which no verdict is given
FEW_ROWS = 30  # below which the answer warns that only large changes can be seen
TOLERANCE = (
    0.05  # Jensen-Shannon distance beyond chance that is immaterial: a shift of an eighth of a standard deviation
)
_KNOWN = 1e9  # degrees of freedom of a variance that is not estimated
_BARS = 24


def compare(
    reference: Any,
    current: Any,
    *,
    checks: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    timestamp: str | None = None,
    alpha: float = 0.01,
    engine: Literal["duckdb", "spark"] = "duckdb",
) -> Comparison:
    """Compare ``current`` with ``reference``, column by column.

    Args:
        reference: What normal is: pandas, Polars or Arrow data, a DuckDB relation, or the path of a file.
        current: What is held against it, in any of these forms.
        checks: Names of the checks to report; all by default. They do not change the verdict.
        columns: Names of the columns to compare; all by default.
        timestamp: A column of dates or times. It is not compared, but splits both sides into days, so that the variation between
            the reference's own days is not taken for drift.
        alpha: Probability that anything at all is flagged when nothing has changed (Holm 1979 over the columns).
        engine: ``duckdb``.

    A column drifts if the change is significant *and* material. A column that cannot be compared carries an ``error`` in
    words. Raises :class:`CompareError` for arguments that make no sense and :class:`storage.files.FileError` for files that
    cannot be read.
    """
    _validate(checks, alpha, engine)
    left, left_notes = to_table(reference, "the reference")
    right, right_notes = to_table(current, "the current data")
    names = _chosen(left, right, columns, timestamp)
    pairs = pair_columns(left, right, [name for name in names if name != timestamp])
    days = None if timestamp is None else _time(pair_columns(left, right, [timestamp])[0])
    found = _Comparing(pairs, days, len(left), len(right), checks).results()
    notes = [*left_notes, *(note for note in right_notes if note not in left_notes)]
    if timestamp is not None:
        notes.append(f"column {timestamp!r} is taken as the time of the rows and not compared")
    results = [found[pair.name] for pair in pairs]
    return Comparison(len(left), len(right), tuple(_decide(results, alpha)), alpha, tuple(notes))


def _validate(checks: Sequence[str] | None, alpha: float, engine: str) -> None:
    if engine == "spark":
        raise CompareError("engine 'spark' needs PySpark and a cluster, which this installation lacks; use 'duckdb'")
    if engine != "duckdb":
        raise CompareError(f"engine {engine!r} is not known; it is 'duckdb' or 'spark'")
    if not 0 < alpha < 1:
        raise CompareError(f"alpha {alpha!r} is not a probability; give a number between 0 and 1, such as 0.01")
    unknown = [name for name in checks or () if name not in column_checks()]
    if unknown:
        raise CompareError(f"checks {unknown} are not known; there are {', '.join(column_checks())}")


def _chosen(left: pa.Table, right: pa.Table, columns: Sequence[str] | None, timestamp: str | None) -> list[str]:
    names = list(dict.fromkeys([*left.column_names, *right.column_names]))
    if not names:
        raise CompareError("neither side has any columns; give tables with named columns")
    asked = [*(columns or ()), *([timestamp] if timestamp is not None else [])]
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise CompareError(f"columns {unknown} are on neither side; there are {', '.join(map(repr, names))}")
    return names if columns is None else [name for name in names if name in columns]


def _time(pair: Pair) -> Pair:
    if pair.error is not None:
        raise CompareError(f"timestamp column {pair.name!r}: {pair.error}")
    if pair.column.type != "datetime":
        raise CompareError(
            f"timestamp column {pair.name!r} is {pair.column.type}; name a column of dates or times such as 2024-05-01 12:00"
        )
    return pair


@dataclass(frozen=True, slots=True)
class _Result:
    """A column before the correction for the number of columns: ``decisive`` is the p-value of what is material."""

    comparison: ColumnComparison
    decisive: float = 1.0


class _Comparing:
    """The comparable columns of both sides, under harmless names, in a database in memory."""

    def __init__(
        self, pairs: list[Pair], days: Pair | None, n_left: int, n_right: int, checks: Sequence[str] | None
    ) -> None:
        self._pairs, self._days, self._checks = pairs, days, checks
        self._empty = [side for side, n in (("the reference", n_left), ("the current data", n_right)) if n == 0]

    def results(self) -> dict[str, _Result]:
        """Return the result of every column; if they cannot be profiled together, one by one."""
        found = {p.name: _failed(p, p.error) for p in self._pairs if p.error is not None}
        rest = [pair for pair in self._pairs if pair.error is None]
        if self._empty:
            why = f"{' and '.join(self._empty)} {'has' if len(self._empty) == 1 else 'have'} no rows"
            return found | {pair.name: _failed(pair, why) for pair in rest}
        for group in (rest[i : i + 200] for i in range(0, len(rest), 200)):
            try:
                found |= self._profiled(group)
            except Exception:
                for pair in group:
                    try:
                        found |= self._profiled([pair])
                    except Exception as problem:
                        found[pair.name] = _failed(pair, f"cannot be compared: {' '.join(str(problem).split())[:300]}")
        return found

    def _profiled(self, pairs: list[Pair]) -> dict[str, _Result]:
        columns = [pair.column for pair in pairs]
        expressions = {pair.name: quote(f"c{index}") for index, pair in enumerate(pairs)}
        sides = {
            "reference": {f"c{index}": pair.reference for index, pair in enumerate(pairs)},
            "current": {f"c{index}": pair.current for index, pair in enumerate(pairs)},
        }
        if self._days is not None:
            sides["reference"]["day"], sides["current"]["day"] = self._days.reference, self._days.current
        with in_memory({name: pa.table(side) for name, side in sides.items()}) as cursor:
            left, right = "SELECT * FROM reference", "SELECT * FROM current"
            frozen = freeze_layout(cursor, left, expressions, columns)
            judged = _pooled(frozen, freeze_layout(cursor, f"{left} UNION ALL {right}", expressions, columns))
            once = singletons(cursor, left, expressions, frozen)

            def profile(layout: Layout) -> tuple[Profile, Profile]:
                sides = [profile_rows(cursor, side, expressions, layout)[1] for side in (left, right)]
                return sides[0].total(), sides[1]

            shown = profile(frozen)
            nulls: Mapping[str, ColumnNull] = {}
            notes: tuple[str, ...] = ()
            if self._days is not None:
                group = ["date_trunc('day', day)"]
                keys, daily = profile_rows(cursor, left, expressions, judged, group=group, where="day IS NOT NULL")
                nulls, notes = _natural([key[0] for key in keys], daily, distinct_days(cursor, "current", "day"))
            evidence = shown if judged is frozen else profile(judged)
        return {
            pair.name: _judge(
                pair,
                (shown[0].column(pair.name), shown[1].column(pair.name)),
                (evidence[0].column(pair.name), evidence[1].column(pair.name)),
                nulls.get(pair.name),
                once.get(pair.name, 0),
                self._checks,
                notes,
            )
            for pair in pairs
        }


def _failed(pair: Pair, error: str | None) -> _Result:
    def missing(values: pa.ChunkedArray | None) -> float:
        return values.null_count / len(values) if values is not None and len(values) else np.nan

    return _Result(
        ColumnComparison(
            column=pair.name,
            type=pair.column.type,
            error=error,
            notes=pair.notes,
            missing_reference=missing(pair.reference),
            missing_current=missing(pair.current),
        )
    )


def _pooled(frozen: Layout, union: Layout) -> Layout:
    """Return ``frozen`` with the most frequent categories of both sides together.

    Listed by the reference alone, a category is listed because chance favoured it there: with many categories that alone
    looks like drift. Chosen from both, the cells treat both sides alike.
    """
    if all(entry.ordered for entry in frozen.columns):
        return frozen
    pairs = zip(frozen.columns, union.columns, strict=True)
    return Layout(tuple(own if own.ordered else both for own, both in pairs))


def _natural(
    days: list[datetime], daily: Profile, current_days: int
) -> tuple[Mapping[str, ColumnNull], tuple[str, ...]]:
    """Return what the reference's own days say about natural variation, for a current side of ``current_days`` days."""
    if len(days) < ENOUGH:
        held = "1 day" if len(days) == 1 else f"{len(days)} days"
        return {}, (f"the reference spans {held}, too few to measure variation between days",)
    buckets = tuple(day.replace(tzinfo=UTC) for day in days)
    spec = WindowSpec.parse("1d")
    period = Window(buckets[0], spec.containing(buckets[-1]).end)
    reference = Reference("comparison", 1, buckets[0], "comparison", period, buckets, daily, None)
    model = ModelSpec(name="comparison", task="none", label=None)
    calibration = calibrate(model, reference, spec)
    k, length = max(calibration.windows, 1), max(current_days, 1)
    # a mean over `length` days varies less than one day; what is compared with is the mean of k days
    shrink = (1 / length + 1 / k) / (1 + 1 / k)
    nulls = {
        name: replace(
            null,
            location_tau2=null.location_tau2 * shrink,
            cell_effect=1 + (null.cell_effect - 1) * shrink,
            divergence_excess=null.divergence_excess * shrink,
            shares={check: replace(s, tau2=s.tau2 * shrink) for check, s in null.shares.items()},
            bands={},
        )
        for name, null in calibration.columns.items()
    }
    return nulls, ()


def _sampling_null(reference: ColumnProfile) -> ColumnNull:
    """Return the null of sampling variation alone: no variance between windows, all degrees of freedom known."""
    scores = normal_scores(reference.cells) if reference.entry.ordered else None
    spread = 0.0
    if scores is not None and int(reference.valid):
        p = shares(reference.cells)
        spread = float((p * scores**2).sum() - (p * scores).sum() ** 2)
    n = float(max(int(reference.valid), 1))
    return ColumnNull(
        windows=1, rows=n, rest=n, scores=scores, score_variance=spread, location_tau2=0.0, location_freedom=_KNOWN,
        cell_effect=1.0, cell_freedom=_KNOWN, divergence_excess=0.0, shares={}, bands={},
    )  # fmt: skip


def _judge(
    pair: Pair,
    shown: tuple[ColumnProfile, ColumnProfile],
    evidence: tuple[ColumnProfile, ColumnProfile],
    natural: ColumnNull | None,
    once: int,
    checks: Sequence[str] | None,
    notes: tuple[str, ...],
) -> _Result:
    """Judge one column by its distribution, its missing values and its new categories, each by a test of its own."""
    base, now = evidence
    null = natural or _sampling_null(base)
    tests = [
        _distribution(null, base, now),
        _missing(natural, *shown),
        *([] if base.entry.ordered else [_unseen(once, *shown)]),
    ]
    counted = [test for test in tests if not np.isnan(test.p)]
    material = [test for test in counted if test.material]
    best = min(material or counted, key=lambda test: test.p, default=_Test("", np.nan, np.nan, False, ""))
    own_notes, enough = _size_notes(*shown)
    comparison = ColumnComparison(
        column=pair.name,
        type=pair.column.type,
        p_value=min((test.p for test in counted), default=np.nan),
        effect=best.effect,
        checks=_check_values(null, shown, once, checks),
        missing_reference=_absent(shown[0]),
        missing_current=_absent(shown[1]),
        unseen=0.0 if base.entry.ordered else _unseen_share(shown[1]),
        reasons=tuple(test.words for test in material),
        notes=(*pair.notes, *_type_notes(pair.column, *shown), *own_notes, *notes),
        bars=_bars(shown[0], shown[1]),
    )
    return _Result(comparison, best.p if material and enough else 1.0)


@dataclass(frozen=True, slots=True)
class _Test:
    """One test of one column; ``p`` is weighted already, so that the smallest of the column's can be taken as it is."""

    name: str
    p: float
    effect: float
    material: bool
    words: str


def _distribution(null: ColumnNull, base: ColumnProfile, now: ColumnProfile) -> _Test:
    p = float(column_p_values(null, base, now)[0])
    distance = column_checks()[DECIDING].column_function
    assert distance is not None
    value = distance(base, now)
    beyond = float(divergence_beyond(null, base, now, value)[0])
    return _Test("distribution", min(1.0, p / DRIFT_SHARE), beyond, beyond > TOLERANCE, _movement(base, now))


def _movement(base: ColumnProfile, now: ColumnProfile) -> str:
    if base.mean is not None and now.mean is not None and base.entry.derive != "epoch" and int(now.valid[0]):
        what = "mean length" if base.entry.derive == "length" else "mean"
        return f"{what} {float(base.mean):.4g} → {float(now.mean[0]):.4g}"
    if base.mean is not None or not int(now.valid[0]) or not int(base.valid):
        return "distribution changed"
    before, after = shares(base.cells), shares(now.cells)[0]
    cell = int(np.abs(after - before).argmax())
    return f"share of {base.entry.bins.labels[cell]!r} {before[cell]:.1%} → {after[cell]:.1%}"


def _missing(natural: ColumnNull | None, base: ColumnProfile, now: ColumnProfile) -> _Test:
    before, after = _absent(base), _absent(now)
    n, m = int(base.rows), int(now.rows[0])
    p = _fisher(round(before * n), n, round(after * m), m)
    if natural is not None and "missing_share" in natural.shares:
        share = natural.shares["missing_share"]
        widened = share_p_values(share, np.array([after]), now.rows, float(n), natural.windows)
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
    p = _fisher(once, n, round(share * m / clump), max(round(m / clump), 1))
    limit, _ = SHARE_LIMITS["unseen_share"]
    rise = share - once / n
    return _Test("unseen", min(1.0, 2 * p / (1 - DRIFT_SHARE)), max(rise, 0.0), rise > limit, f"new values {share:.1%}")


def _fisher(a: int, n: int, b: int, m: int) -> float:
    """Return the p-value of ``a`` of ``n`` against ``b`` of ``m`` (Fisher's exact test)."""
    return float(stats.fisher_exact(np.array([[a, n - a], [b, m - b]])).pvalue)


def _absent(column: ColumnProfile) -> float:
    rows = int(np.sum(column.rows))
    return float(np.sum(column.missing + column.nan + column.inf)) / rows if rows else np.nan


def _unseen_share(now: ColumnProfile) -> float:
    valid = int(np.sum(now.valid))
    return float(np.sum(now.cells[..., -1])) / valid if valid else 0.0


def _size_notes(base: ColumnProfile, now: ColumnProfile) -> tuple[list[str], bool]:
    """Say if there are few rows, and whether there are enough for a verdict."""
    least = min(int(base.rows), int(now.rows[0]))
    if least < MIN_ROWS:
        return [
            f"only {least} {'row' if least == 1 else 'rows'} on one side, too few for a verdict: {MIN_ROWS} are needed"
        ], False
    held = int(base.valid), int(now.valid[0])
    if not any(held):
        return ["no values on either side"], True
    if min(held) < FEW_ROWS:
        return [f"{min(held)} values on one side: only large changes can be seen"], True
    return [], True


def _type_notes(column: Column, base: ColumnProfile, now: ColumnProfile) -> list[str]:
    if column.type == "text":
        return ["text is compared by its length"]
    if column.type == "datetime" and base.maximum is not None and now.minimum is not None:
        apart = now.minimum[0] > base.maximum or (now.maximum is not None and now.maximum[0] < base.minimum)
        if apart and int(base.valid) and int(now.valid[0]):
            return ["the times do not overlap; if this is the time of the rows, name it as the timestamp"]
    return []


def _check_values(
    null: ColumnNull, shown: tuple[ColumnProfile, ColumnProfile], once: int, wanted: Sequence[str] | None
) -> tuple[CheckValue, ...]:
    base, now = shown
    found = []
    for check in column_checks(base.entry).values():
        if wanted is None or check.name in wanted:
            assert check.column_function is not None
            value = float(check.column_function(base, now)[0])
            found.append(CheckValue(check.name, value, _threshold(check.name, null, base, now, once), check.unit))
    return tuple(found)


def _threshold(check: str, null: ColumnNull, base: ColumnProfile, now: ColumnProfile, once: int) -> float:
    """Return what a check's value must exceed to matter; for mere statistics, what chance exceeds once in a hundred times.

    PSI after Yurdakul (2018): (1/n + 1/m) chi-square; Kolmogorov-Smirnov by its limit distribution. NaN where there is no such
    number.
    """
    n, m = int(base.valid), int(now.valid[0])
    if check in SHARE_LIMITS:
        usual = {"missing_share": _absent(base), "unseen_share": once / n if n else 0.0}.get(check, 0.0)
        return float(usual + SHARE_LIMITS[check][0])
    if not n or not m:
        return np.nan
    if check == DECIDING:
        return float(divergence_threshold(null, base, now, TOLERANCE)[0])
    if check == "kolmogorov_smirnov":
        return float(special.kolmogi(0.01) * np.sqrt(1 / n + 1 / m))
    if check == "psi":
        cells = max(int((base.cells > 0).sum()) - 1, 1)
        return float((1 / n + 1 / m) * special.chdtri(cells, 0.01))
    if check == "chi_square":
        nominal = not base.entry.ordered
        _, freedom = two_sample_chi_square(base.cells, now.cells, nominal=nominal, finest=None if nominal else FINEST)
        return float(special.chdtri(freedom[0], 0.01)) if freedom[0] > 0 else np.nan
    return np.nan


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


def _decide(results: list[_Result], alpha: float) -> list[ColumnComparison]:
    """Give the verdicts: Holm's (1979) step-down over all columns that were compared, on the p-values of what is material."""
    compared = sorted((r for r in results if r.comparison.error is None), key=lambda result: result.decisive)
    drifted: set[str] = set()
    for rank, result in enumerate(compared):
        if not result.decisive <= alpha / (len(compared) - rank):
            break
        drifted.add(result.comparison.column)
    return [
        replace(r.comparison, drift=True) if r.comparison.column in drifted else replace(r.comparison, reasons=())
        for r in results
    ]
