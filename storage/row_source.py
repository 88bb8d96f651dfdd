"""Rows to be summarised, wherever they are: a sub-select on a connection, with the SQL of each logical column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from storage.buckets import aware, bucket_sql
from storage.lists import BUCKET, LIST, with_lists
from storage.model_tables import joined_relation
from storage.names import EVENT_TIME
from storage.profiler import sample_sql


@dataclass(frozen=True, slots=True)
class RowSource:
    """``relation`` is the text of a sub-select on ``cursor``; ``timed``: its ``_event_time`` says when a row happened."""

    cursor: duckdb.DuckDBPyConnection
    relation: str
    expressions: Mapping[str, str]
    timed: bool

    def labelled(self) -> RowSource:
        """Return the rows that have a label."""
        return replace(self, relation=with_label(self.relation, self.expressions))

    def has_values(self, name: str) -> bool:
        """Whether the logical column exists and holds anything but NULL."""
        if name not in self.expressions:
            return False
        return bool(self._rows(f"SELECT 1 FROM {self._from} WHERE {self.expressions[name]} IS NOT NULL LIMIT 1"))

    def largest(self, name: str) -> Any:
        """Return the last value of a logical column in its own order, None without rows."""
        return self._rows(f"SELECT max({self.expressions[name]}) FROM {self._from}")[0][0]

    def span(self) -> tuple[datetime, datetime] | None:
        """Return the earliest and latest event time (aware), None without rows."""
        first, last = self._rows(f"SELECT min(_event_time), max(_event_time) FROM {self._from}")[0]
        return None if first is None else (aware(first), aware(last))

    def sample(self, names: Sequence[str], most: int) -> pa.Table:
        """Return at most ``most`` rows, the same ones wherever they are drawn, with logical columns by name."""
        fields = ", ".join(f"{self.expressions[name]} AS c{index}" for index, name in enumerate(names))
        sql = f"SELECT {fields} FROM ({sample_sql(self.relation, '_id', most)}) AS s"
        return self.cursor.sql(sql).to_arrow_table().rename_columns(list(names))

    @property
    def _from(self) -> str:
        return f"({self.relation}) AS r"

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        # fetched whole: an unfinished result blocks the connection
        rows: list[tuple[Any, ...]] = self.cursor.execute(sql).fetchall()
        return rows


def with_label(relation: str, expressions: Mapping[str, str]) -> str:
    """Return the labelled rows of a relation as a sub-select; of a ranking with what each list is worth."""
    if LIST in expressions:
        relation = with_lists(relation, expressions)
    return f"SELECT * FROM ({relation}) AS l WHERE {expressions['label']} IS NOT NULL"


def in_buckets(expressions: Mapping[str, str], buckets: Sequence[Window]) -> Mapping[str, str]:
    """Return expressions by which the lists of a ranking lie within these buckets of event time; those of other models as they are.

    The same visitor comes again: what is profiled by bucket must not hang on which buckets are read together.
    """
    return expressions if LIST not in expressions else {**expressions, BUCKET: bucket_sql(buckets, EVENT_TIME)[0]}


def logged_window(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, window: Window) -> RowSource:
    """Return what was served in a stretch of event time, joined with its labels."""
    relation, expressions = joined_relation(spec, window, cursor)
    return RowSource(cursor, f"SELECT * FROM ({relation}) AS w WHERE _role = 'serving'", expressions, timed=True)


def registered(
    cursor: duckdb.DuckDBPyConnection, name: str, expressions: Mapping[str, str], *, timed: bool
) -> RowSource:
    """Return the rows of a table that the connection sees under a plain ``name``."""
    return RowSource(cursor, f"SELECT * FROM {name}", expressions, timed)
