"""Two files as tables, or one cut in two, held against each other: what is found, in the shape in which it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitors.compare_inputs import CompareError, pair_column, to_table
from monitors.compare_result import Comparison
from monitors.comparison import compare
from service.compared_words import by_size, column_view, count, finite, headline
from service.comparing_views import ComparedSide, FileComparison, LeftOut
from storage.column_values import HeldColumns
from storage.file_formats.errors import listing

_OTHERS = 400  # columns beyond which nobody else is asked
_SIDES = ("reference", "current")
_MOST_COLUMNS = 2000
_HEAD = 1 << 20  # bytes in which a line of column names is looked for
_BINARY = (b"PAR1", b"ARROW1", b"\x1f\x8b", b"{", b"[")


def compare_given(
    files: Mapping[str, Mapping[str, str]],
    *,
    timestamp: str | None,
    split: str | None,
    alpha: float,
    preset: str | None,
    together: bool,
    ids: bool = False,
) -> FileComparison:
    """Compare the files at two paths, or the parts of one; see :meth:`service.comparing.Comparing.compare_files`.

    Raises :class:`CompareError` and :class:`storage.file_formats.errors.FileError` in words.
    """
    for file in files.values():
        _refuse_wide(file["name"], _columns_of_text(file["path"]))
    read = {side: to_table(files[side]["path"], _called(files[side]["name"])) for side in files}
    names = {side: files.get(side, files["reference"])["name"] for side in _SIDES}
    notes = list(dict.fromkeys(note for _, found in read.values() for note in found))
    left, right = read["reference"][0], read.get("current", read["reference"])[0]
    for side, (table, _) in read.items():
        _refuse_wide(names[side], table.num_columns)
    _refuse_empty({names[side]: table for side, table in zip(_SIDES, (left, right), strict=True)})
    times = _times(left, right)
    if "current" not in files:
        timestamp = _time_to_split_by(timestamp, times, names["reference"])
        left, right, split = _cut(left, timestamp, split)
    elif timestamp is None:
        timestamp = _clock(left, right, times)
    clock = timestamp or None
    sides = {side: _side(names[side], table, timestamp) for side, table in zip(_SIDES, (left, right), strict=True)}
    own = compare(left, right, timestamp=clock, alpha=alpha, multivariate=together and preset is None, ids=ids)
    left_out: list[LeftOut] = [{"column": each.column, "why": each.why} for each in own.left_out]
    left, right = (_without(table, left_out) for table in (left, right))
    found = own if preset is None else compare(left, right, timestamp=clock, preset=preset)
    told = _told(found, own, others=_evidently(left, right, found, preset))
    return {
        "reference": sides["reference"],
        "current": sides["current"],
        "verdict": found.verdict,  # type: ignore[typeddict-item]
        "drift": found.drift,
        "drifted": sum(column.drift for column in found.columns),
        "alpha": alpha,
        "preset": preset,
        "timestamp": clock,
        "times": times,
        "split": split,
        "sentence": headline(told, judged_as=preset),
        "columns": told,
        "left_out": left_out,
        "together": [
            {"check": each.check, "drift": each.drift, "p_value": finite(each.p_value), "sentence": each.words}
            for each in found.multivariate
        ],
        "notes": [*notes, *(note for note in found.notes if note not in notes)],
    }


def _without(table: pa.Table, left_out: Sequence[LeftOut]) -> pa.Table:
    return table.drop_columns([each["column"] for each in left_out if each["column"] in table.column_names])


def _called(name: str) -> str:
    return name[:80] or "the file"


def _columns_of_text(path: str) -> int:
    """Return about how many columns the first line of a delimited text names, before any memory is given to them; 0 for other files."""
    with Path(path).open("rb") as file:
        line = file.read(_HEAD).split(b"\n", 1)[0]
    return 0 if line.startswith(_BINARY) else max(line.count(sign) for sign in (b",", b";", b"\t", b"|")) + 1


def _refuse_wide(name: str, columns: int) -> None:
    if columns > _MOST_COLUMNS:
        raise CompareError(
            f"{_called(name)} has {columns:,} columns, and {_MOST_COLUMNS:,} are compared here; keep those that matter, or run "
            "`driftdeck compare REFERENCE CURRENT --column NAME`"
        )


def _refuse_empty(sides: Mapping[str, pa.Table]) -> None:
    for name, table in sides.items():
        if not table.num_columns:
            raise CompareError(f"{_called(name)} has no columns; give a table with a line of names, then rows")
        if not table.num_rows:
            raise CompareError(
                f"{_called(name)} has {count(table.num_columns, 'column')} and no rows, so there is nothing to compare; give tables of 10 rows or "
                "more, better of hundreds"
            )


def _told(found: Comparison, own: Comparison, others: Comparison | None) -> list[Any]:
    """Return the columns with what others say beside them, what moved most first."""
    ours = {column.column: column for column in own.columns}
    theirs = {} if others is None else {column.column: column for column in others.columns}
    told = [column_view(column, ours.get(column.column), theirs.get(column.column)) for column in found.columns]
    return by_size(told)


def _evidently(left: pa.Table, right: pa.Table, found: Comparison, preset: str | None) -> Comparison | None:
    """Return what Evidently would say on its defaults; None where that takes long, or is what was asked for."""
    if preset == "evidently":
        return found
    if len(found.columns) > _OTHERS:
        return None
    try:
        return compare(left, right, preset="evidently")
    except (CompareError, ArithmeticError, ValueError):
        return None


# -- time --------------------------------------------------------------------------------------------------------------
def _times(left: pa.Table, right: pa.Table) -> list[str]:
    """Return the columns of both sides that hold times."""
    return [
        name
        for name in left.column_names
        if _is_time(left, name) and name in right.column_names and _is_time(right, name)
    ]


def _is_time(table: pa.Table, name: str) -> bool:
    return bool(pa.types.is_timestamp(table.schema.field(name).type))


def _clock(left: pa.Table, right: pa.Table, times: Sequence[str]) -> str:
    """Return the one column in which the two sides do not overlap, as the time of rows does; empty if it is not plain which."""
    apart = []
    for name in times:
        pair = pair_column(HeldColumns(left), HeldColumns(right), name)
        if pair.error is None and pair.reference is not None and pair.current is not None:
            before, after = _span(pair.reference.whole()), _span(pair.current.whole())
            if before and after and (before[1] < after[0] or after[1] < before[0]):
                apart.append(name)
    return apart[0] if len(apart) == 1 else ""


def _span(values: pa.ChunkedArray) -> tuple[datetime, datetime] | None:
    ends = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return None if low is None else (low, high)


def _time_to_split_by(timestamp: str | None, times: Sequence[str], name: str) -> str:
    if timestamp:
        if timestamp not in times:
            raise CompareError(
                f"{_called(name)}: column {timestamp[:80]!r} holds no times to cut the file at; those that do: {listing(list(times)) or 'none'}"
            )
        return timestamp
    if not times:
        raise CompareError(
            f"{_called(name)} has no column of dates or times to cut it at; give a second file to hold against it"
        )
    return times[0]


def _cut(table: pa.Table, timestamp: str, split: str | None) -> tuple[pa.Table, pa.Table, str]:
    """Return the rows before ``split`` and those from it on (by default the middle row's time), and where that was."""
    values = table.column(timestamp)
    if split is None:
        known = pc.drop_null(values)
        if not len(known):
            raise CompareError(f"column {timestamp[:80]!r} holds no time at all; give a second file instead")
        place = pc.sort_indices(known)[len(known) // 2].as_py()
        moment = known[place].as_py()
    else:
        try:
            moment = datetime.fromisoformat(split)
        except ValueError:
            raise CompareError(f"{split!r} is not an ISO 8601 time; write 2013-06-04 or 2013-06-04T12:00") from None
    aware = values.type.tz is not None
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if aware else _naive(moment)
    limit = pa.scalar(moment, values.type)
    before, after = table.filter(pc.less(values, limit)), table.filter(pc.greater_equal(values, limit))
    for side, rows in (("before", before), ("at or after", after)):
        if not rows.num_rows:
            raise CompareError(f"no row of the file lies {side} {moment.isoformat(' ')}; cut it elsewhere")
    return before, after, moment.isoformat()


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _side(name: str, table: pa.Table, timestamp: str | None) -> ComparedSide:
    span = _span(table.column(timestamp)) if timestamp and _is_time(table, timestamp) else None
    start, end = (None, None) if span is None else (span[0].isoformat(), span[1].isoformat())
    return {"name": name, "rows": table.num_rows, "start": start, "end": end}
