"""Profiles of a database's rows: the engine filters, joins and derives, values are counted in blocks or by SQL, and a few small arrays come out, whatever the number of rows or distinct values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from reference_data.profile import CELLS, MISSING, BinnedColumn, Layout, Profile
from storage.derived import Expressions, compile_value, outcome_columns
from storage.freezing import freeze_layout
from storage.streamed import OrderedTotals, block_rows, stream

__all__ = ["compile_value", "freeze_layout", "outcome_columns", "profile_rows", "sample_hash", "sample_sql"]

_BLOCK = 40  # nominal columns a pass; more do not fit the processor's caches
_WIDE = 256  # ordered columns a pass; of more, a block that fits into memory would hold too few rows


def profile_rows(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    expressions: Expressions,
    layout: Layout,
    *,
    group: Sequence[str] = (),
    positive: str | None = None,
    where: str | None = None,
) -> tuple[list[tuple[Any, ...]], Profile]:
    """Profile the rows of a relation, one profile for each group, in one snapshot of them.

    ``relation``: text of a sub-select; ``group``: SQL expressions over it (never NaN); ``where``: an SQL condition;
    ``expressions`` and ``positive`` as in :func:`storage.derived.compile_value`.

    Returns the group keys in order (NULL first), and a profile with one leading axis over them. Without ``group`` there is exactly one, even for no rows.
    """
    values = [compile_value(entry, expressions, positive=positive) for entry in layout.columns]
    ordered = [i for i, entry in enumerate(layout.columns) if entry.ordered]
    nominal = [i for i, entry in enumerate(layout.columns) if not entry.ordered]
    source = _Source(relation, tuple(group), where)
    with _snapshot(cursor):
        parts: list[tuple[list[int], OrderedTotals]] = []
        for start in range(0, max(len(ordered), 1), _WIDE):
            block = ordered[start : start + _WIDE]
            fields = [f"{values[i]} AS v{i}" for i in block] or ["1 AS one"]
            reader = cursor.sql(source.select(fields)).to_arrow_reader(block_rows(len(fields)))
            parts.append((block, stream(iter(reader), [layout.columns[i] for i in block], len(group))))
        counted = _count_nominal(cursor, source, layout, values, nominal) if nominal else None
    return _assemble(parts, counted, layout, len(group))


@contextmanager
def _snapshot(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let several statements see the same rows: in a transaction, if there is none yet."""
    first, second = (cursor.execute("SELECT txid_current()").fetchall() for _ in range(2))
    if first == second:  # there is one; to begin another would break it off
        yield
        return
    cursor.begin()
    try:
        yield
    finally:
        cursor.rollback()


class _Source:
    """Where rows come from, and how they are grouped."""

    def __init__(self, relation: str, group: tuple[str, ...], where: str | None) -> None:
        self.keys = [f"g{index}" for index in range(len(group))]
        self._group = [f"{sql} AS {key}" for sql, key in zip(group, self.keys, strict=True)]
        self._from = f"FROM ({relation}) AS r" + (f" WHERE {where}" if where else "")

    def select(self, fields: Sequence[str]) -> str:
        return f"SELECT {', '.join([*self._group, *fields])} {self._from}"


def _count_nominal(
    cursor: duckdb.DuckDBPyConnection, source: _Source, layout: Layout, values: list[str], nominal: list[int]
) -> pa.Table:
    """Return a row for each group, column and cell: (keys, column, cell, rows); cell -1 is missing."""
    blocks = [nominal[start : start + _BLOCK] for start in range(0, len(nominal), _BLOCK)]
    queries = [_nominal_query(source, {i: (layout.columns[i], values[i]) for i in block}) for block in blocks]
    return cursor.sql(" UNION ALL ".join(queries), params=_listed(layout, nominal)).to_arrow_table()


def _nominal_query(source: _Source, entries: dict[int, tuple[BinnedColumn, str]]) -> str:
    """Values are counted first and looked up afterwards, once for each distinct value instead of once a row, and only cells
    leave the engine: a column of a million values costs a hash table there and a few rows here.
    """
    rows = source.select([f"{value} AS v{i}" for i, (_, value) in entries.items()])
    sets = ", ".join(f"({', '.join([*source.keys, f'v{i}'])})" for i in entries)
    which = " ".join(f"WHEN grouping(v{i}) = 0 THEN {i}" for i in entries)
    rest = " ".join(f"WHEN {i} THEN {_fallback(entry)}" for i, (entry, _) in entries.items())
    leading = "".join(f"{key}, " for key in source.keys)
    held = f"SELECT {leading}CASE {which} END AS k, coalesce({', '.join(f'v{i}' for i in entries)}, NULL) AS v, count(*) AS n"
    counted = f"({held} FROM ({rows}) GROUP BY GROUPING SETS ({sets}))"
    listed = (
        "(SELECT unnest($columns::INTEGER[]) AS k, unnest($values::VARCHAR[]) AS v, unnest($cells::INTEGER[]) AS cell)"
    )
    cell = f"CASE WHEN c.v IS NULL THEN -1 ELSE coalesce(l.cell, CASE c.k {rest} END) END AS cell"
    looked_up = f"(SELECT c.*, {cell} FROM {counted} AS c LEFT JOIN {listed} AS l ON c.k = l.k AND c.v = l.v)"
    return f"SELECT {leading}k, cell, sum(n)::BIGINT AS n FROM {looked_up} GROUP BY {leading}k, cell"


def _fallback(entry: BinnedColumn) -> int:
    """The cell of a value that is neither listed nor remembered: ``unseen``, or ``other`` if not all could be remembered."""
    return entry.bins.size - (1 if entry.bins.known_complete else 2)


def _listed(layout: Layout, nominal: list[int]) -> dict[str, list[Any]]:
    columns: list[int] = []
    values: list[str] = []
    cells: list[int] = []
    for index in nominal:
        bins = layout.columns[index].bins
        other = bins.size - 2
        values += [*bins.categories, *bins.known]
        cells += [*range(len(bins.categories)), *[other] * len(bins.known)]
        columns += [index] * (len(bins.categories) + len(bins.known))
    return {"columns": columns, "values": values, "cells": cells}


def _assemble(
    parts: list[tuple[list[int], OrderedTotals]], counted: pa.Table | None, layout: Layout, n_keys: int
) -> tuple[list[tuple[Any, ...]], Profile]:
    # the flag differs before None is compared
    keys = sorted(parts[0][1].keys, key=lambda key: [(value is not None, value) for value in key])
    position = {key: index for index, key in enumerate(keys)}
    profile = layout.empty(len(keys))
    starts = np.cumsum([1, *(CELLS + entry.bins.size for entry in layout.columns)])
    moment = 0
    for block, totals in parts:
        at = np.array([position[key] for key in totals.keys], dtype=np.intp)
        profile.counts[at, 0] = totals.rows[: len(at)]
        if block:
            where = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in block])
            profile.counts[at[:, None], where] = totals.counts[: len(at)]
            profile.moments[at, moment : moment + 4 * len(block)] = totals.moments[: len(at)]
            moment += 4 * len(block)
    if counted is not None and counted.num_rows:
        found = zip(*(counted[f"g{index}"].to_pylist() for index in range(n_keys)), strict=True)
        rows = [position[key] for key in found] if n_keys else [0] * counted.num_rows
        cells = counted["cell"].to_numpy()
        place = starts[counted["k"].to_numpy()] + np.where(cells < 0, MISSING, CELLS + cells)
        np.add.at(profile.counts, (np.array(rows), place), counted["n"].to_numpy())
    return keys, profile


def sample_hash(id_expression: str) -> str:
    """Return the SQL of a row's place in the sampling order: md5 of its id as text, which every engine computes alike."""
    return f"md5(CAST(({id_expression}) AS VARCHAR))"


def sample_sql(relation: str, id_expression: str, k: int) -> str:
    """Return a sub-select of the ``k`` rows of ``relation`` whose ids hash lowest.

    Such bottom-k samples merge: the sample of a union is the bottom k of the samples' union (Cohen and Kaplan 2007,
    "Summarizing Data using Bottom-k Sketches").
    """
    return f"SELECT * FROM ({relation}) AS r ORDER BY {sample_hash(id_expression)}, {id_expression} LIMIT {int(k)}"
