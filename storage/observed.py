"""What came otherwise than declared: columns nobody declared, columns that stay away, values of another type, times ahead of the clock."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection

from reference_data.declaration import ModelSpec
from reference_data.inference import infer_columns
from storage.append_common import Also
from storage.buckets import aware, naive
from storage.casting import shown
from storage.database import Database
from storage.intake import Intake
from storage.model_tables import log_table
from storage.names import quote
from storage.rows import first_row

ENOUGH = 30  # rows of a batch from which a column that is not there is said to stay away
EVERY = timedelta(hours=1)  # counts of what is known are written no more often than this
MOST = 1000  # undeclared columns of a model that are remembered
AHEAD = timedelta(days=1)  # an event time that is later than its arrival by more is ahead of the clock
_SAMPLE = 1000  # values by which the type of an undeclared column is told
#: What a column would have to be declared, to take values that its type refuses.
_WIDER = {"numeric": "categorical", "boolean": "categorical", "datetime": "text"}


class Observation(NamedTuple):
    """One event of a model's columns."""

    column: str
    event: str  # appeared | widened | disappeared | returned | ahead
    type: str
    rows: int
    seen_at: datetime
    event_time: datetime | None


class _Note(NamedTuple):
    """Something to be written: a new event, or ``rows`` more of one that is known."""

    column: str
    event: str
    type: str
    rows: int
    new: bool


@dataclass(slots=True)
class _Count:
    written_at: datetime
    pending: int = 0


@dataclass(slots=True)
class _State:
    """What is known of a model's columns, so that most batches need no look into the file. Appends at once share it under ``lock``."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: dict[tuple[str, str], _Count] = field(default_factory=dict)  # (column, event), of those that grow
    undeclared: int = 0  # of ``counts``, those of columns that appeared
    gone: set[str] = field(default_factory=set)
    back: dict[str, datetime] = field(default_factory=dict)
    had: set[str] = field(default_factory=set)
    never: set[str] = field(default_factory=set)

    def count(self, column: str, event: str, at: datetime) -> None:
        """Count on from ``at``, unless another append saw the same first."""
        if (column, event) not in self.counts:
            self.counts[column, event] = _Count(at)
            self.undeclared += event == "appeared"


def observations(con: DuckDBPyConnection, model: str) -> list[Observation]:
    """Return the events of a model's columns, latest first."""
    sql = 'SELECT name, event, type, "rows", seen_at, event_time FROM observed_column WHERE model = ? ORDER BY seen_at DESC, rowid DESC'
    return [
        Observation(name, event, kind, rows, aware(seen), None if at is None else aware(at))
        for name, event, kind, rows, seen, at in con.execute(sql, [model]).fetchall()
    ]


class Watch:
    """What one batch of predictions shows; :meth:`beside` belongs into the transaction of its append, :meth:`done` behind it."""

    def __init__(self, db: Database, spec: ModelSpec, intake: Intake, now: datetime) -> None:
        self._model, self._now = spec.name, now
        self._state = _state(db, spec.name)
        self._present = {column.name for column in spec.columns}.difference(intake.absent)
        self._rows = 0 if intake.source is None else intake.source.rows
        times = intake.table["_event_time"] if intake.table.num_rows else None
        self._latest = None if times is None else pc.max(times).as_py()
        self._wrote = False
        with self._state.lock:
            self.notes: list[_Note] = [
                *self._undeclared(intake),
                *self._misfits(spec, intake),
                *self._ahead(spec, times),
            ]
            if times is not None:
                self.notes += self._stayed_away(db, spec, intake)

    def beside(self, also: Also | None) -> Also | None:
        """Return what is to be written with the rows: ``also``, and what this batch shows if that is anything."""
        if not self.notes:
            return also

        def both(con: DuckDBPyConnection) -> None:
            self.write(con)
            if also is not None:
                also(con)

        return both

    def write(self, con: DuckDBPyConnection) -> None:
        """Write what is new, and the counts that are due."""
        self._wrote = True
        for note in self.notes:
            key = [self._model, note.column, note.event]
            where = "FROM observed_column WHERE model = ? AND name = ?"
            if not note.new:
                con.execute(
                    'UPDATE observed_column SET "rows" = "rows" + ?, event_time = greatest(event_time, ?) '
                    "WHERE model = ? AND name = ? AND event = ?",
                    [note.rows, self._latest, *key],
                )
                continue
            if note.event in ("disappeared", "returned"):
                sql = f"SELECT event {where} AND event IN ('disappeared', 'returned') ORDER BY seen_at DESC, rowid DESC LIMIT 1"
                known = first_row(con, sql, key[:2]) == (note.event,)
            else:
                known = first_row(con, f"SELECT 1 {where} AND event = ? LIMIT 1", key) is not None
            if not known:
                con.execute(
                    'INSERT INTO observed_column (model, name, type, event, "rows", seen_at, event_time) '
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [self._model, note.column, note.type, note.event, note.rows, naive(self._now), self._latest],
                )

    def done(self) -> None:
        """Remember what was written; a batch that was answered as an earlier one has shown nothing."""
        if self.notes and not self._wrote:
            return
        with self._state.lock:
            self._state.had |= self._present
            for note in self.notes:
                self._remember(note)

    def _remember(self, note: _Note) -> None:
        state = self._state
        if note.event == "disappeared":
            state.gone.add(note.column)
        elif note.event == "returned":
            state.gone.discard(note.column)
            state.back[note.column] = self._now
        elif note.new:
            state.count(note.column, note.event, self._now)
        else:
            state.counts[note.column, note.event].pending -= note.rows

    def _undeclared(self, intake: Intake) -> Iterable[_Note]:
        known = self._state.undeclared
        for name in intake.ignored:
            column = shown(name)
            if (column, "appeared") in self._state.counts:
                yield from self._more(column, "appeared", self._rows)
            elif known < MOST:
                known += 1
                yield _Note(column, "appeared", _inferred(intake, name), self._rows, new=True)

    def _misfits(self, spec: ModelSpec, intake: Intake) -> Iterable[_Note]:
        if not intake.rejected:
            return
        refused = Counter(entry["field"] for entry in intake.rejected)
        for column in spec.columns:
            rows = refused[shown(column.name)]
            if rows and column.type in _WIDER:
                yield from self._grown(column.name, "widened", _WIDER[column.type], rows)

    def _ahead(self, spec: ModelSpec, times: pa.ChunkedArray | None) -> Iterable[_Note]:
        limit = naive(self._now) + AHEAD
        if times is not None and self._latest is not None and self._latest > limit:
            rows = pc.sum(pc.greater(times, pa.scalar(limit, times.type))).as_py()
            yield from self._grown(spec.time or "event_time", "ahead", "datetime", rows)

    def _stayed_away(self, db: Database, spec: ModelSpec, intake: Intake) -> Iterable[_Note]:
        state, types = self._state, {column.name: column.type for column in spec.columns}
        for name in state.gone & self._present:
            yield _Note(name, "returned", types[name], self._rows, new=True)
        if self._rows < ENOUGH:
            return
        open_ = [name for name in intake.absent if name not in state.gone and self._settled(name)]
        unknown = [name for name in open_ if name not in state.had and name not in state.never]
        if unknown:
            had = _with_values(db, self._model, unknown)
            state.had |= had
            state.never |= set(unknown) - had
        for name in open_:
            if name in state.had:
                yield _Note(name, "disappeared", types[name], self._rows, new=True)

    def _settled(self, name: str) -> bool:
        """Whether a column that came back did so a while ago: two services that differ must not fill the file."""
        back = self._state.back.get(name)
        return back is None or self._now - back >= EVERY

    def _grown(self, column: str, event: str, kind: str, rows: int) -> Iterable[_Note]:
        if (column, event) in self._state.counts:
            yield from self._more(column, event, rows)
        else:
            yield _Note(column, event, kind, rows, new=True)

    def _more(self, column: str, event: str, rows: int) -> Iterable[_Note]:
        count = self._state.counts[column, event]
        count.pending += rows
        if self._now - count.written_at >= EVERY:
            count.written_at = self._now  # no other append writes the same; what is not written stays pending
            yield _Note(column, event, "", count.pending, new=False)


def _state(db: Database, model: str) -> _State:
    found: _State | None = db.memory.get(("observed", model))
    if found is None:
        found = _State()
        with db.cursor() as con:
            known = observations(con, model)
        for seen in reversed(known):  # oldest first: the latest says whether a column is gone
            if seen.event == "disappeared":
                found.gone.add(seen.column)
            elif seen.event == "returned":
                found.gone.discard(seen.column)
                found.back[seen.column] = seen.seen_at
            else:
                found.count(seen.column, seen.event, seen.seen_at)
        found = cast("_State", db.memory.setdefault(("observed", model), found))  # of two at once, the first
    return found


def _with_values(db: Database, model: str, names: Sequence[str]) -> set[str]:
    """Return those of the inputs that any row of the log has a value of."""
    with db.cursor() as con:
        stored = dict(con.execute("SELECT name, physical FROM model_column WHERE model = ?", [model]).fetchall())
        held = [name for name in names if name in stored]
        found: set[str] = set()
        for start in range(0, len(held), 50):
            block = held[start : start + 50]
            some = (f"EXISTS (SELECT 1 FROM {log_table(model)} WHERE {quote(stored[n])} IS NOT NULL)" for n in block)
            answers: list[Any] = con.execute(f"SELECT [{', '.join(some)}]").fetchall()[0][0]
            found |= {name for name, has in zip(block, answers, strict=True) if has}
    return found


def _inferred(intake: Intake, name: str) -> str:
    source = intake.source
    assert source is not None
    values = source.input(name)
    if values is None:
        values = (source.field(name) or (name, []))[1]
    try:
        column = pa.chunked_array([pa.array(values[:_SAMPLE])]) if isinstance(values, list) else values[:_SAMPLE]
        if isinstance(column, pa.Array):
            column = pa.chunked_array([column])
        return infer_columns(pa.table({"c": column}))[0].type
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # objects of several kinds
        return "text"
