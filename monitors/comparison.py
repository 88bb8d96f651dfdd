"""A one-off comparison of two tables: no workspace, no history, a verdict for every column.

The rows are profiled exactly as a workspace does it, on cells frozen in the reference. Without a history there is no natural
variation to measure, so the null is sampling variation alone, unless ``timestamp`` names a column that splits the reference into
days.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from monitors.compare_exact import exact_values
from monitors.compare_ids import find_ids
from monitors.compare_inputs import CompareError, Pair, open_columns, pair_column
from monitors.compare_judge import TOLERANCE, Result, failed, judge_column
from monitors.compare_profile import Days, Profiled, find_days, profile_pair
from monitors.compare_result import CheckValue, ColumnComparison, Comparison
from monitors.presets import judge_as
from monitors.registry import DECIDING, column_checks
from reference_data.schema import Column
from storage.column_values import Columns
from storage.file_formats.column_types import index_note, is_pandas_index
from storage.file_formats.errors import listing

if TYPE_CHECKING:
    from monitors.compare_days import DayFinding
    from monitors.compare_rows import RowsFinding

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
    exact: bool = False,
    preset: str | None = None,
    chunk: str | None = None,
    multivariate: bool = False,
    ids: bool = False,
) -> Comparison:
    """Compare ``current`` with ``reference``, column by column.

    Args:
        reference: What normal is: pandas, Polars or Arrow data, a DuckDB relation, or the path of a file.
        current: What is held against it, in any of these forms.
        checks: Names of the checks to report; :data:`reference_data.default_checks.DEFAULT_CHECKS` by default. They do not change the
            verdict.
        columns: Names of the columns to compare; all by default.
        timestamp: A column of dates or times. It is not compared, but splits both sides into days, so that the variation between
            the reference's own days is not taken for drift.
        alpha: Probability that anything at all is flagged when nothing has changed (Holm 1979 over the columns).
        engine: ``duckdb``.
        exact: Compute the reported checks from the rows where profiles only come near them; the verdict stays the same.
        preset: Decide as another tool does on its defaults instead: ``evidently`` or ``nannyml``, a file each in ``monitors/presets``.
        chunk: How ``nannyml`` cuts rows: ``1h``, ``1d``, ``1w``, ``1mo`` of ``timestamp``, or ``500 rows``; ten parts by default.
        multivariate: Compare all columns together as well, on samples of 5,000 rows: classifier, PCA reconstruction, discrepancy;
            and texts by a classifier on their words, beside their length and the words that the reference does not know.
        ids: Compare columns too that only tell rows apart, such as keys and row numbers. By default they are left out and named in
            ``left_out``, unless ``columns`` asks for them; a preset compares them, as the other tool does.

    A column drifts if the change is significant *and* material. A column that cannot be compared carries an ``error`` in
    words. Raises :class:`CompareError` for arguments that make no sense and :class:`storage.files.FileError` for files that
    cannot be read.
    """
    _validate(checks, alpha, engine)
    left, left_notes = open_columns(reference, "the reference")
    right, right_notes = open_columns(current, "the current data")
    notes = [*left_notes, *(note for note in right_notes if note not in left_notes)]
    names = _chosen(left, right, columns, timestamp)
    names, unnamed = _without_index(names, columns)
    notes += unnamed
    _refuse_empty({"the reference": left, "the current data": right})
    if preset is not None or chunk is not None:
        refused = [
            name
            for name, given in (
                ("checks", checks),
                ("alpha", alpha != 0.01),
                ("exact", exact),
                ("multivariate", multivariate),
            )
            if given
        ]
        return judge_as(preset, left, right, names, timestamp=timestamp, chunk=chunk, refused=refused, notes=notes)
    days = None
    if timestamp is not None:
        days = find_days(_time(pair_column(left, right, timestamp)))
        notes.append(f"column {timestamp!r} is taken as the time of the rows and not compared")
    pairs = [_pair(left, right, name) for name in names if name != timestamp]
    left_out = () if ids or columns is not None else find_ids(pairs)
    pairs = [pair for pair in pairs if pair.name not in {each.column for each in left_out}]
    results = _compare_columns(pairs, days, checks, exact=exact, classify=multivariate)
    together = _together(pairs, alpha) if multivariate else ()
    return Comparison(left.rows, right.rows, tuple(decide(results, alpha)), alpha, tuple(notes), together, left_out)


def _together(pairs: list[Pair], alpha: float) -> tuple[RowsFinding, ...]:
    from monitors.compare_rows import compare_together

    return compare_together(pairs, alpha)


def _by_rows(pair: Pair, result: Result | None, checks: Sequence[str] | None, *, classify: bool) -> Result:
    """Return the result of a column that is judged by its rows, or by its words beside its length."""
    from monitors.compare_rows import judge_embedding, with_words

    return judge_embedding(pair, checks) if result is None else with_words(pair, result, checks, classify=classify)


def _validate(checks: Sequence[str] | None, alpha: float, engine: str) -> None:
    if engine == "spark":
        raise CompareError("engine 'spark' needs PySpark and a cluster, which this installation lacks; use 'duckdb'")
    if engine != "duckdb":
        raise CompareError(f"engine {engine!r} is not known; it is 'duckdb' or 'spark'")
    if not 0 < alpha < 1:
        raise CompareError(f"alpha {alpha!r} is not a probability; give a number between 0 and 1, such as 0.01")
    unknown = [name for name in checks or () if name not in column_checks()]
    if unknown:
        from monitors.judge_rows import row_checks

        every = {**column_checks(), **{name: c for name, c in row_checks().items() if c.target != "rows"}}
        unknown = [name for name in unknown if name not in every]
        if unknown:
            raise CompareError(f"checks {unknown} are not known; there are {', '.join(every)}")


def _chosen(left: Columns, right: Columns, columns: Sequence[str] | None, timestamp: str | None) -> list[str]:
    names = list(dict.fromkeys([*left.names, *right.names]))
    if not names:
        raise CompareError("neither side has any columns; give tables with named columns")
    asked = [*(columns or ()), *([timestamp] if timestamp is not None else [])]
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise CompareError(f"columns {unknown} are on neither side; there are {', '.join(map(repr, names))}")
    chosen = names if columns is None else [name for name in names if name in columns]
    if not {*chosen} & {*left.names} & {*right.names}:
        raise CompareError(
            f"the two sides have no column in common: the reference has {listing(left.names)}, the current data "
            f"{listing(right.names)}; give two tables of the same columns, or rename those of one"
        )
    return chosen


def _without_index(names: list[str], columns: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Leave out what pandas wrote of a frame's index, unless it is asked for or all there is."""
    index = [name for name in names if is_pandas_index(name)]
    if columns is not None or not index or len(index) == len(names):
        return names, []
    return [name for name in names if name not in index], [index_note(index)]


def _refuse_empty(sides: Mapping[str, Columns]) -> None:
    empty = [side for side, columns in sides.items() if not columns.rows]
    if empty:
        raise CompareError(
            f"{' and '.join(empty)} {'has' if len(empty) == 1 else 'have'} no rows, so there is nothing to compare; give tables of "
            "10 rows or more, better of hundreds"
        )


def _pair(left: Columns, right: Columns, name: str) -> Pair:
    try:
        return pair_column(left, right, name)
    except Exception as problem:  # such as a damaged column of a file
        return Pair(name, Column(name, "numeric"), None, None, error=_unforeseen(problem))


def _time(pair: Pair) -> Pair:
    if pair.error is not None:
        raise CompareError(f"timestamp column {pair.name!r}: {pair.error}")
    if pair.column.type != "datetime":
        raise CompareError(
            f"timestamp column {pair.name!r} is {pair.column.type}; name a column of dates or times such as 2024-05-01 12:00"
        )
    return pair


def _compare_columns(
    pairs: list[Pair],
    days: tuple[Days, Days] | None,
    checks: Sequence[str] | None,
    *,
    exact: bool,
    classify: bool,
) -> list[Result]:
    """Return the result of every column, in order."""
    found: dict[str, Result] = {}
    profiled: dict[str, Profiled] = {}
    for pair in pairs:
        error = pair.error
        if error is None:
            try:
                if pair.column.type == "embedding":
                    found[pair.name] = _by_rows(pair, None, checks, classify=classify)
                    continue
                profiled[pair.name] = profile_pair(pair, days)
            except Exception as problem:
                error = _unforeseen(problem)
        if error is not None:
            found[pair.name] = failed(pair, error)
    natural, notes = _natural(profiled, days)
    for name, column in profiled.items():
        try:
            rows = _exact(column.pair, checks) if exact else None
            found[name] = judge_column(
                column.pair,
                column.shown,
                column.evidence,
                natural.get(name),
                column.once,
                column.newcomer,
                checks,
                notes,
                rows,
            )
            if column.pair.column.type == "text":
                found[name] = _by_rows(column.pair, found[name], checks, classify=classify)
        except Exception as problem:
            found[name] = failed(column.pair, _unforeseen(problem))
    return [found[pair.name] for pair in pairs]


def _exact(pair: Pair, checks: Sequence[str] | None) -> dict[str, tuple[float, float]]:
    assert pair.reference is not None
    assert pair.current is not None
    return exact_values(pair.column, pair.reference, pair.current, checks)


def _unforeseen(problem: Exception) -> str:
    return f"cannot be compared: {' '.join(str(problem).split())[:300]}"


def _natural(
    profiled: Mapping[str, Profiled], days: tuple[Days, Days] | None
) -> tuple[Mapping[str, DayFinding], tuple[str, ...]]:
    """Return what the days of both sides say, by column; nothing without days."""
    daily = [column.daily for column in profiled.values() if column.daily is not None]
    if days is None or not daily:
        return {}, ()
    from monitors.compare_days import compare_days, side_by_side

    before, after = days
    return compare_days(
        before.days,
        side_by_side([left for left, _ in daily]),
        after.days,
        side_by_side([right for _, right in daily]),
        TOLERANCE,
    )


def decide(results: list[Result], alpha: float) -> list[ColumnComparison]:
    """Give the verdicts: Holm's (1979) step-down over all columns that were compared, on the p-values of what is material."""
    compared = sorted((r for r in results if r.comparison.error is None), key=lambda result: result.decisive)
    drifted: set[str] = set()
    for rank, result in enumerate(compared):
        if not result.decisive <= alpha / (len(compared) - rank):
            break
        drifted.add(result.comparison.column)
    return [_told(r, alpha, drifted=r.comparison.column in drifted) for r in results]


def _told(result: Result, alpha: float, *, drifted: bool) -> ColumnComparison:
    """Return a column with its verdict, which the deciding distance and its threshold agree with."""
    found = result.comparison
    moved = drifted and result.moved <= alpha
    checks = tuple(_agreeing(check, moved=moved) if check.check == DECIDING else check for check in found.checks)
    if not drifted:
        return replace(found, checks=checks, effect=math.nan, reasons=())
    by_itself = moved and result.moved <= result.decisive
    return replace(found, checks=checks, effect=found.effect if by_itself else math.nan, drift=True)


def _agreeing(check: CheckValue, *, moved: bool) -> CheckValue:
    """Return the deciding check with value > threshold where the distribution drifted, and only there."""
    if moved and not check.value > check.threshold:
        return replace(check, threshold=check.value * _BELOW)
    if not moved and check.value > check.threshold:
        return replace(check, threshold=check.value)
    return check


_BELOW = 0.999  # a drifted column's threshold, where the usual one is above its distance
