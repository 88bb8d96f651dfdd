"""A one-off comparison of two tables: no workspace, no history, a verdict for every column.

The rows are profiled exactly as a workspace does it, on cells frozen in the reference. Without a history there is no natural
variation to measure, so the null is sampling variation alone, unless ``timestamp`` names a column that splits the reference into
days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from monitors.calibration import ENOUGH, calibrate
from monitors.compare_inputs import CompareError, Pair, pair_columns, to_table
from monitors.compare_judge import Result, failed, judge_column
from monitors.compare_result import ColumnComparison, Comparison
from monitors.evidence import ColumnNull
from monitors.registry import column_checks
from reference_data.declaration import ModelSpec
from reference_data.profile import ColumnProfile, Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window, WindowSpec
from storage.memory import distinct_days, in_memory, singletons
from storage.names import quote
from storage.profiler import freeze_layout, profile_rows

__all__ = ["CompareError", "Comparison", "compare"]


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


class _Comparing:
    """The comparable columns of both sides, under harmless names, in a database in memory."""

    def __init__(
        self, pairs: list[Pair], days: Pair | None, n_left: int, n_right: int, checks: Sequence[str] | None
    ) -> None:
        self._pairs, self._days, self._checks = pairs, days, checks
        self._empty = [side for side, n in (("the reference", n_left), ("the current data", n_right)) if n == 0]

    def results(self) -> dict[str, Result]:
        """Return the result of every column; if they cannot be profiled together, one by one."""
        found = {p.name: failed(p, p.error) for p in self._pairs if p.error is not None}
        rest = [pair for pair in self._pairs if pair.error is None]
        if self._empty:
            why = f"{' and '.join(self._empty)} {'has' if len(self._empty) == 1 else 'have'} no rows"
            return found | {pair.name: failed(pair, why) for pair in rest}
        for group in (rest[i : i + 200] for i in range(0, len(rest), 200)):
            try:
                found |= self._profiled(group)
            except Exception:
                for pair in group:
                    try:
                        found |= self._profiled([pair])
                    except Exception as problem:
                        found[pair.name] = failed(pair, f"cannot be compared: {' '.join(str(problem).split())[:300]}")
        return found

    def _profiled(self, pairs: list[Pair]) -> dict[str, Result]:
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
            pooled = _pooled(
                frozen, lambda names: freeze_layout(cursor, f"{left} UNION ALL {right}", expressions, names)
            )
            once = singletons(cursor, left, expressions, frozen)

            def profile(layout: Layout) -> tuple[Profile, Profile]:
                sides = [profile_rows(cursor, side, expressions, layout)[1] for side in (left, right)]
                return sides[0].total(), sides[1]

            shown = profile(frozen)
            evidence = profile(pooled) if pooled.columns else shown
            nulls: Mapping[str, ColumnNull] = {}
            notes: tuple[str, ...] = ()
            if self._days is not None:
                judged = Layout(tuple(e for e in frozen.columns if e.ordered) + pooled.columns)
                group = ["date_trunc('day', day)"]
                keys, daily = profile_rows(cursor, left, expressions, judged, group=group, where="day IS NOT NULL")
                nulls, notes = _natural([key[0] for key in keys], daily, distinct_days(cursor, "current", "day"))
        return {
            pair.name: judge_column(
                pair,
                _both(shown, pair.name),
                _both(evidence if pair.name in pooled.names else shown, pair.name),
                nulls.get(pair.name),
                once.get(pair.name, 0),
                self._checks,
                notes,
            )
            for pair in pairs
        }


def _both(profiles: tuple[Profile, Profile], name: str) -> tuple[ColumnProfile, ColumnProfile]:
    return profiles[0].column(name), profiles[1].column(name)


def _pooled(frozen: Layout, freeze: Callable[[list[Column]], Layout]) -> Layout:
    """Return the nominal columns with the most frequent categories of both sides together.

    Listed by the reference alone, a category is listed because chance favoured it there: with many categories that alone
    looks like drift. Chosen from both, the cells treat both sides alike.
    """
    nominal = [entry.column for entry in frozen.columns if not entry.ordered]
    return freeze(nominal) if nominal else Layout(())


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


def _decide(results: list[Result], alpha: float) -> list[ColumnComparison]:
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
