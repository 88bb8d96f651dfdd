"""Freezing a layout: the cells of every column, chosen from a reference by pushed-down SQL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import duckdb

from reference_data.binning import (
    MAX_DISTINCT,
    MAX_KNOWN,
    MAX_LISTED,
    QUANTILES,
    nominal_bins,
    ordered_bins,
    rank_bins,
    score_bins,
)
from reference_data.bins import Bins
from reference_data.profile import SUMMED, BinnedColumn, Layout
from reference_data.schema import Column
from storage.derived import Expressions, binned_as, compile_value, derivation, measured_in
from storage.names import quote

_BLOCK = 40  # columns a pass
_VALUES = 60_000_000  # numbers a pass: their quantiles are taken in memory; a column of more of them is sorted on disk
_MAX_CONFUSED = 31  # classes of which all pairs are listed


def freeze_layout(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    expressions: Expressions,
    columns: Sequence[Column],
    *,
    positive: str | None = None,
    timed: bool | None = None,
) -> Layout:
    """Choose the cells of every column from the rows of a reference.

    ``relation``: text of a sub-select; ``expressions`` and ``positive`` as in :func:`storage.derived.compile_value`, ``timed`` as in :func:`storage.derived.derivation`; a column whose role is
    ``outcome`` is derived as its reserved name says. Empty, constant and all-null columns get fewer cells; values that are not
    finite do not count. The same rows give the same layout in any order.
    """
    blank = [
        BinnedColumn(
            column, Bins("ordered" if binned_as(column) == "ordered" else "nominal"), derivation(column, timed=timed)
        )
        for column in columns
    ]
    values = {e.column.name: compile_value(e, expressions, positive=positive) for e in blank}
    bins: dict[str, Bins] = {}
    ordered = [entry.column.name for entry in blank if entry.ordered and entry.derive not in SUMMED]
    bins |= {entry.column.name: entry.bins for entry in blank if entry.derive in SUMMED}
    rows = int(_rows(cursor, f"SELECT count(*) FROM ({relation}) AS r")[0][0]) if ordered else 0
    size = max(1, min(_BLOCK, _VALUES // max(rows, 1)))
    for start in range(0, len(ordered), size):
        block = ordered[start : start + size]
        bins |= _freeze_ordered(cursor, relation, {name: values[name] for name in block}, sort=rows > _VALUES)
    for entry in blank:
        name = entry.column.name
        if entry.column.role == "score" or entry.derive in ("score_positive", "score_negative"):
            bins[name] = _freeze_score(cursor, relation, expressions, bins[name])
        elif entry.derive in ("score_right", "score_wrong"):
            bins[name] = score_bins()  # the same for both, so that they can be held against each other
        elif entry.derive == "label_rank":
            bins[name] = rank_bins()
        elif entry.derive == "confusion":
            bins[name] = _freeze_confusion(cursor, relation, expressions, values[name])
        elif not entry.ordered:
            two = entry.column.type == "boolean"
            bins[name] = (
                Bins("nominal", categories=("false", "true"))
                if two
                else _freeze_nominal(cursor, relation, values[name])
            )
    return Layout(tuple(BinnedColumn(measured_in(entry), bins[entry.column.name], entry.derive) for entry in blank))


def _rows(cursor: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = cursor.execute(sql).fetchall()
    return rows


def _freeze_ordered(
    cursor: duckdb.DuckDBPyConnection, relation: str, values: dict[str, str], *, sort: bool = False
) -> dict[str, Bins]:
    fields = [quote(f"v{index}") for index in range(len(values))]
    finite = ", ".join(
        f"CASE WHEN isfinite({value}) THEN {value} END AS {field}"
        for field, value in zip(fields, values.values(), strict=True)
    )
    source = f"(SELECT {finite} FROM ({relation}) AS r)"
    wanted = f"[{', '.join(map(str, QUANTILES))}]"
    # quantile_disc gives values the reference holds, so ties fall wholly on one side of an edge
    quantiles = {f: "NULL" if sort else f"quantile_disc({f}, {wanted})" for f in fields}
    summary = ", ".join(f"min({f}), max({f}), {quantiles[f]}, approx_count_distinct({f})" for f in fields)
    found = list(_rows(cursor, f"SELECT {summary} FROM {source}")[0])
    if sort:
        found[2::4] = [_sorted_quantiles(cursor, source, field) for field in fields]
    parts = [found[4 * index : 4 * index + 4] for index in range(len(fields))]
    few = [field for field, part in zip(fields, parts, strict=True) if 0 < part[3] <= 2 * MAX_DISTINCT]
    distinct: dict[str, list[float]] = {}
    if few:  # the estimate only says which columns are worth an exact look
        lists = ", ".join(f"list(DISTINCT {f} ORDER BY {f}) FILTER ({f} IS NOT NULL)" for f in few)
        exact = _rows(cursor, f"SELECT {lists} FROM {source}")[0]
        distinct = {field: held for field, held in zip(few, exact, strict=True) if len(held) <= MAX_DISTINCT}
    return {
        name: ordered_bins(part[0], part[1], part[2] or (), distinct.get(field))
        for name, field, part in zip(values, fields, parts, strict=True)
    }


def _sorted_quantiles(cursor: duckdb.DuckDBPyConnection, source: str, field: str) -> list[float]:
    """Return what ``quantile_disc`` does, from values sorted on disk: its own way keeps all of them in memory."""
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE sorted_values AS SELECT {field} AS v FROM {source} AS s WHERE {field} IS NOT NULL ORDER BY v"
    )
    n = int(_rows(cursor, "SELECT count(*) FROM sorted_values")[0][0])
    places = [max(1, n - math.floor(n - n * q)) - 1 for q in QUANTILES] if n else []
    wanted = ", ".join(map(str, {*places})) or "NULL"
    held = dict(_rows(cursor, f"SELECT rowid, v FROM sorted_values WHERE rowid IN ({wanted})"))
    cursor.execute("DROP TABLE temp.sorted_values")
    return [held[place] for place in places]


def _freeze_score(cursor: duckdb.DuckDBPyConnection, relation: str, expressions: Expressions, own: Bins) -> Bins:
    """Even bins if every score is a probability; else what the column itself suggests, from all scores alike."""
    score = f"TRY_CAST(({expressions['score']}) AS DOUBLE)"
    sql = f"SELECT count_if(isfinite({score}) AND NOT {score} BETWEEN 0 AND 1) FROM ({relation}) AS r"
    outside = _rows(cursor, sql)[0][0]
    if not outside:
        return score_bins()
    return _freeze_ordered(cursor, relation, {"score": score}).get("score", own)


def _freeze_nominal(cursor: duckdb.DuckDBPyConnection, relation: str, value: str, listed: int = MAX_LISTED) -> Bins:
    sql = (
        f"SELECT v, count(*), sum(count(*)) OVER () FROM (SELECT {value} AS v FROM ({relation}) AS r) WHERE v IS NOT NULL "
        f"GROUP BY v ORDER BY count(*) DESC, v LIMIT {listed + MAX_KNOWN + 1}"
    )
    found = _rows(cursor, sql)
    rare = sum(n == 1 for _, n, _ in found[listed : listed + MAX_KNOWN])
    return nominal_bins([v for v, _, _ in found], listed, once=rare / float(found[0][2]) if found else 0.0)


def _freeze_confusion(cursor: duckdb.DuckDBPyConnection, relation: str, expressions: Expressions, value: str) -> Bins:
    """All pairs of the classes seen: a mistake the reference never made must still have its own cell later."""
    sides = " UNION ".join(
        f"SELECT CAST(({expressions[side]}) AS VARCHAR) AS c FROM ({relation}) AS r" for side in ("label", "prediction")
    )
    sql = f"SELECT c FROM ({sides}) WHERE c IS NOT NULL ORDER BY c LIMIT {_MAX_CONFUSED + 1}"
    classes = [row[0] for row in _rows(cursor, sql)]
    if len(classes) > _MAX_CONFUSED:
        return _freeze_nominal(cursor, relation, value, listed=_MAX_CONFUSED**2)
    return Bins("nominal", categories=tuple(f"{label} → {guess}" for label in classes for guess in classes))
