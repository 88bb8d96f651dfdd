"""Profiles by pushed-down SQL: rows go in, a few small arrays come out, whatever the number of rows or distinct values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from reference_data.profile import CELLS, BinnedColumn, Layout, Profile
from storage.derived import Expressions, compile_value, outcome_columns
from storage.freezing import freeze_layout
from storage.names import number

__all__ = ["compile_value", "freeze_layout", "outcome_columns", "profile_rows", "sample_hash", "sample_sql"]

_BLOCK = 40  # columns a pass; more do not fit the processor's caches
_NOMINAL = -1  # marks rows of the result that hold (column, cell, count)


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
    """Profile the rows of a relation, one profile for each group, in one statement (so in one snapshot).

    ``relation``: text of a sub-select; ``group``: SQL expressions over it (never NaN); ``where``: an SQL condition;
    ``expressions`` and ``positive`` as in :func:`storage.derived.compile_value`.

    Returns the group keys in order (NULL first), and a profile with one leading axis over them. Without ``group`` there is exactly one, even for no rows.
    """
    values = [compile_value(entry, expressions, positive=positive) for entry in layout.columns]
    ordered = [i for i, entry in enumerate(layout.columns) if entry.ordered]
    nominal = [i for i, entry in enumerate(layout.columns) if not entry.ordered]
    source = _Source(relation, tuple(group), where)
    blocks = [ordered[i : i + _BLOCK] for i in range(0, len(ordered), _BLOCK)] or [[]]
    queries = [
        _ordered_query(source, part, [(layout.columns[i], values[i]) for i in block])
        for part, block in enumerate(blocks)
    ]
    queries += [
        _nominal_query(source, {i: (layout.columns[i], values[i]) for i in nominal[start : start + _BLOCK]})
        for start in range(0, len(nominal), _BLOCK)
    ]
    parameters = _listed(layout, nominal) if nominal else None
    table = cursor.sql(" UNION ALL ".join(queries), params=parameters).to_arrow_table()
    return _assemble(table, layout, len(group), blocks)


class _Source:
    """Where rows come from, and how they are grouped."""

    def __init__(self, relation: str, group: tuple[str, ...], where: str | None) -> None:
        self.keys = [f"g{index}" for index in range(len(group))]
        self._group = [f"{sql} AS {key}" for sql, key in zip(group, self.keys, strict=True)]
        self._from = f"FROM ({relation}) AS r" + (f" WHERE {where}" if where else "")

    def select(self, fields: Sequence[str]) -> str:
        return f"(SELECT {', '.join([*self._group, *fields]) or '1'} {self._from})"

    def grouped(self, *more: str) -> str:
        keys = [*self.keys, *more]
        return f" GROUP BY {', '.join(keys)}" if keys else ""

    def leading(self, *more: str) -> str:
        return ", ".join([*more, *self.keys])


def _ordered_query(source: _Source, part: int, entries: list[tuple[BinnedColumn, str]]) -> str:
    """One row a group: (part, keys, [rows, (missing, nan, inf, cells) of each column], moments)."""
    rows = source.select([f"{value} AS v{i}" for i, (_, value) in enumerate(entries)])
    finite = "".join(f", CASE WHEN isfinite(v{i}) THEN v{i} END AS f{i}" for i in range(len(entries)))
    counts, moments = ["[count(*)]"], []
    for i, (entry, _) in enumerate(entries):
        counts.append(
            f"[count(*) - count(v{i}), coalesce(count_if(isnan(v{i})), 0), coalesce(count_if(isinf(v{i})), 0)]"
        )
        edges = ", ".join(map(number, entry.bins.edges))
        # upper-inclusive; the cell beyond the last edge is left out while empty, and an empty group gives NULL
        cells = f"coalesce(map_values(histogram(f{i}, [{edges}]::DOUBLE[])), [])"
        counts.append(f"list_resize({cells}::BIGINT[], {entry.bins.size}, 0)")
        # favg sums with compensation: avg loses 3e-3 over a million values near 1e9
        moments.append(f"coalesce(favg(f{i}), 0), coalesce(var_pop(f{i}) * count(f{i}), 0)")
        moments.append(f"coalesce(min(f{i}), 'inf'), coalesce(max(f{i}), '-inf')")
    return (
        f"SELECT {source.leading(f'{part} AS part')}, flatten([{', '.join(counts)}])::BIGINT[] AS counts, "
        f"[{', '.join(moments)}]::DOUBLE[] AS moments FROM (SELECT *{finite} FROM {rows}){source.grouped()}"
    )


def _nominal_query(source: _Source, entries: dict[int, tuple[BinnedColumn, str]]) -> str:
    """A row for each group, column and cell: (-1, keys, [column, cell, count], []); cell -1 is missing.

    Values are counted first and looked up afterwards, once for each distinct value instead of once a row, and only cells
    leave the engine: a column of a million values costs a hash table there and a few rows here.
    """
    rows = source.select([f"{value} AS v{i}" for i, (_, value) in entries.items()])
    sets = ", ".join(f"({', '.join([*source.keys, f'v{i}'])})" for i in entries)
    which = " ".join(f"WHEN grouping(v{i}) = 0 THEN {i}" for i in entries)
    rest = " ".join(f"WHEN {i} THEN {_fallback(entry)}" for i, (entry, _) in entries.items())
    held = f"SELECT {source.leading()}{', ' if source.keys else ''}CASE {which} END AS k, coalesce({', '.join(f'v{i}' for i in entries)}, NULL) AS v, count(*) AS n"
    counted = f"({held} FROM {rows} GROUP BY GROUPING SETS ({sets}))"
    listed = (
        "(SELECT unnest($columns::INTEGER[]) AS k, unnest($values::VARCHAR[]) AS v, unnest($cells::INTEGER[]) AS cell)"
    )
    cell = f"CASE WHEN c.v IS NULL THEN -1 ELSE coalesce(l.cell, CASE c.k {rest} END) END AS cell"
    looked_up = f"(SELECT c.*, {cell} FROM {counted} AS c LEFT JOIN {listed} AS l ON c.k = l.k AND c.v = l.v)"
    return (
        f"SELECT {source.leading(f'{_NOMINAL} AS part')}, [k, cell, sum(n)]::BIGINT[] AS counts, []::DOUBLE[] AS moments "
        f"FROM {looked_up}{source.grouped('k', 'cell')}"
    )


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
    table: pa.Table, layout: Layout, n_keys: int, blocks: list[list[int]]
) -> tuple[list[tuple[Any, ...]], Profile]:
    parts = table["part"].to_numpy()
    columns = [table[f"g{index}"].to_pylist() for index in range(n_keys)]
    all_keys = list(zip(*columns, strict=True)) if n_keys else [()] * len(parts)
    keys = sorted(
        (all_keys[row] for row in np.flatnonzero(parts == 0)),
        key=lambda key: tuple((value is not None, value) for value in key),  # the flag differs before None is compared
    )
    position = {key: index for index, key in enumerate(keys)}
    at = np.array([position[key] for key in all_keys], dtype=np.intp)
    profile = layout.empty(len(keys))
    starts = np.cumsum([1, *(CELLS + entry.bins.size for entry in layout.columns)])
    moment = 0
    for part, block in enumerate(blocks):
        rows = np.flatnonzero(parts == part)
        if not rows.size:
            continue
        chosen = table.take(pa.array(rows))
        where = np.concatenate([[0], *(np.arange(starts[i], starts[i + 1]) for i in block)]).astype(np.intp)
        profile.counts[at[rows][:, None], where] = _matrix(chosen["counts"], len(rows))
        profile.moments[at[rows], moment : moment + 4 * len(block)] = _matrix(chosen["moments"], len(rows))
        moment += 4 * len(block)
    rows = np.flatnonzero(parts == _NOMINAL)
    if rows.size:
        column, cell, n = _matrix(table.take(pa.array(rows))["counts"], len(rows)).T
        offset = np.where(cell < 0, 0, CELLS + cell)
        np.add.at(profile.counts, (at[rows], starts[column] + offset), n)
    return keys, profile


def _matrix(lists: pa.ChunkedArray, rows: int) -> np.ndarray[Any, Any]:
    """Lists of one length as an array of shape (rows, length)."""
    flat = np.concatenate([chunk.flatten().to_numpy(zero_copy_only=False) for chunk in lists.chunks])
    return flat.reshape(rows, -1)


def sample_hash(id_expression: str) -> str:
    """Return the SQL of a row's place in the sampling order: md5 of its id as text, which every engine computes alike."""
    return f"md5(CAST(({id_expression}) AS VARCHAR))"


def sample_sql(relation: str, id_expression: str, k: int) -> str:
    """Return a sub-select of the ``k`` rows of ``relation`` whose ids hash lowest.

    Such bottom-k samples merge: the sample of a union is the bottom k of the samples' union (Cohen and Kaplan 2007,
    "Summarizing Data using Bottom-k Sketches").
    """
    return f"SELECT * FROM ({relation}) AS r ORDER BY {sample_hash(id_expression)}, {id_expression} LIMIT {int(k)}"
