"""How far a query has been read, when rows are told apart by a column that grows.

Rows with the value that was seen last may still come, and so may rows that were committed late, with a value somewhat older. So the next
query starts ``overlap`` before the last value, and rows read before are told by their fingerprints, of which at most :data:`HELD` are
remembered: what is remembered and where the next query starts always belong together.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from storage.sources import Position, SourceError
from storage.sources._rows import fingerprints

Overlap = timedelta | int
HELD = 100_000  # fingerprints, 2 MB of text


def encode(value: Any) -> list[str]:
    """Return a watermark as JSON: kind and text."""
    if isinstance(value, datetime):
        return ["time", value.astimezone(UTC).isoformat()] if value.tzinfo else ["local time", value.isoformat()]
    if isinstance(value, date):
        return ["date", value.isoformat()]
    if isinstance(value, bool) or value is None:
        raise SourceError(f"a watermark cannot be {value!r}; name a column of times, numbers or texts that grow")
    if isinstance(value, int):
        return ["whole", str(value)]
    if isinstance(value, float):
        return ["float", repr(value)]
    if isinstance(value, Decimal):
        return ["number", str(value)]
    if isinstance(value, str):
        return ["text", value]
    raise SourceError(
        f"a watermark cannot be {type(value).__name__}; name a column of times, numbers or texts that grow"
    )


def decode(coded: list[str]) -> Any:
    """Return the value that :func:`encode` was given."""
    kind, text = coded
    if kind in {"time", "local time"}:
        return datetime.fromisoformat(text)
    if kind == "date":
        return date.fromisoformat(text)
    return {"whole": int, "float": float, "number": Decimal, "text": str}[kind](text)


def earlier(value: Any, overlap: Overlap) -> Any:
    """Return the watermark ``overlap`` before ``value``; a length of time is nothing to numbers, and a number nothing to times."""
    if isinstance(overlap, int):
        return value - overlap if isinstance(value, int | float | Decimal) else value
    if isinstance(value, datetime):
        return value - overlap
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day) - overlap).date()  # noqa: DTZ001  (a date)
    moment = _moment(value)
    if moment is None or not overlap:
        return value
    mark = "T" if "T" in value else " "
    return (moment - overlap).isoformat(mark, "seconds")[:19]  # a text that sorts before all of that second


def _moment(value: Any) -> datetime | None:
    """Return the time that a text tells: SQLite and some warehouses have no other."""
    if not isinstance(value, str) or len(value) < 16:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _cap(value: Any, limit: datetime) -> Any:
    """Return ``value``, or ``limit``, now in the model's zone, if it lies beyond: a row dated ahead must not hide those that come until then."""
    if isinstance(value, datetime):
        return min(value, limit if value.tzinfo else limit.replace(tzinfo=None))
    if isinstance(value, date):
        return min(value, limit.date())
    moment = _moment(value)
    if moment is not None and (moment if moment.tzinfo else moment.replace(tzinfo=limit.tzinfo)) > limit:
        return limit.strftime("%Y-%m-%dT%H:%M:%S" if "T" in value else "%Y-%m-%d %H:%M:%S")
    return value


@dataclass(slots=True)
class Mark:
    """Follows a query's rows in order of their watermark, and says which are new and where the next query starts."""

    column: str
    overlap: Overlap
    by_id: bool  # rows carry an id: whatever comes again is dropped at the model's door
    start: Any = None  # the next query's first value; None: from the beginning
    last: Any = None
    rows: int = 0
    held: deque[tuple[Any, str]] = field(default_factory=deque)
    _again: Counter[str] = field(default_factory=Counter)  # what the query is going to bring once more
    _old_last: Any = None

    @classmethod
    def load(cls, position: Position | None, column: str, overlap: Overlap, *, by_id: bool) -> Mark:
        """Go on from a position; None: from the beginning."""
        mark = cls(column, overlap, by_id)
        if position is not None:
            mark.start, mark.last, mark.rows = decode(position["from"]), decode(position["last"]), position["rows"]
            mark._old_last = mark.last
            for coded, digests in position["seen"]:
                value = decode(coded)
                known = [digests[i : i + 16] for i in range(0, len(digests), 16)]
                mark._again.update(known)
                mark.held.extend((value, digest) for digest in known)
        return mark

    def take(self, table: pa.Table, now: datetime) -> pa.Table:
        """Return the rows that were not read before; the mark moves behind them."""
        name = self._name(table)
        marks = table[name].to_pylist()
        if any(value is None for value in marks):
            raise SourceError(f"watermark {name!r} is missing in some rows; choose a column that every row has")
        fresh = self._fresh(table, marks)
        if self.last is None or _after(marks[-1], self.last):
            self.last = marks[-1]
        floor = _cap(self.last, now)
        start = earlier(floor, self.overlap)
        if self.start is None or _after(start, self.start):  # never back: only what lies behind it is remembered
            self.start = start
        self._remember(table, marks, fresh)
        self._bound(floor)
        self.rows += len(fresh)
        return table if len(fresh) == table.num_rows else table.take(pa.array(fresh, pa.int64()))

    def _name(self, table: pa.Table) -> str:
        for name in table.column_names:
            if name.lower() == self.column.lower():
                return str(name)
        raise SourceError(
            f"the query returns no column {self.column!r} to be its watermark; it returns {', '.join(table.column_names)}"
        )

    def _fresh(self, table: pa.Table, marks: list[Any]) -> list[int]:
        """Return the rows that are not among those read before; only rows up to the old last value can be."""
        if not self._again:
            return list(range(len(marks)))
        upto = next((i for i, value in enumerate(marks) if _after(value, self._old_last)), len(marks))
        fresh = []
        for row, digest in enumerate(fingerprints(table.slice(0, upto))):
            if self._again[digest] > 0:
                self._again[digest] -= 1
            else:
                fresh.append(row)
        if upto < len(marks):
            self._again.clear()
        return fresh + list(range(upto, len(marks)))

    def _remember(self, table: pa.Table, marks: list[Any], fresh: list[int]) -> None:
        """Hold the fingerprints of all rows from the next query's start on."""
        while self.held and _after(self.start, self.held[0][0]):
            self.held.popleft()
        near = [row for row in fresh if not _after(self.start, marks[row])]
        digests = fingerprints(table.take(pa.array(near, pa.int64())))
        self.held.extend((marks[row], digest) for row, digest in zip(near, digests, strict=True))
        if near and len(self.held) > len(near):  # a row that came late lies before some of those held
            self.held = deque(sorted(self.held, key=_order)) if _sortable(self.held) else self.held

    def _bound(self, floor: Any) -> None:
        """Shorten the overlap until what is to be remembered fits; only rows of one value cannot be parted."""
        while len(self.held) > HELD and _after(floor, self.held[0][0]):
            value = self.held[0][0]
            while self.held and self.held[0][0] == value:
                self.held.popleft()
            self.start = self.held[0][0]
        if len(self.held) > HELD:
            if not self.by_id:
                raise SourceError(
                    f"more than {HELD} rows share the watermark {self.column} = {self.last} and carry no id to tell them apart; "
                    "choose a finer column, or select the prediction id"
                )
            self.held.clear()

    def position(self) -> Position:
        """Return how far the query has been read, as JSON."""
        seen: list[tuple[list[str], list[str]]] = []
        for value, digest in self.held:
            coded = encode(value)
            if not seen or seen[-1][0] != coded:
                seen.append((coded, []))
            seen[-1][1].append(digest)
        return {
            "watermark": self.column,
            "last": encode(self.last),
            "from": encode(self.start),
            "seen": [[coded, "".join(digests)] for coded, digests in seen],
            "rows": self.rows,
        }


def _comparable(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _after(value: Any, other: Any) -> bool:
    """Whether ``value`` comes after ``other``. Of texts that are no times only equality is known: databases sort them their own ways."""
    if isinstance(value, str) and isinstance(other, str) and _moment(value[:19]) is None:
        return value != other
    return bool(_comparable(value) > _comparable(other))


def _order(entry: tuple[Any, str]) -> Any:
    return _comparable(entry[0])


def _sortable(held: deque[tuple[Any, str]]) -> bool:
    value = held[0][0]
    return not (isinstance(value, str) and _moment(value[:19]) is None)
