"""JSON: an array of objects, an object of columns, or one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from storage.file_formats.blocks import Known, count_lines, text_blocks
from storage.file_formats.column_types import Kinds, from_values, unique_names
from storage.file_formats.encoding import UNDECODABLE, Utf8Stream
from storage.file_formats.errors import FileError, shorten
from storage.file_formats.table import FileTable, refusal

_HEAD = 1 << 20
_SHAPES = "give an array of objects, an object of columns, or one object a line"


def read_json(stream: Utf8Stream, name: str, *, kinds: Kinds | None = None) -> tuple[pa.Table, list[str]]:
    """Read all of ``stream``. Lines that are not JSON objects are left out, and counted in the notes."""
    text = b"".join(iter(lambda: stream.read(1 << 24), b"")).decode("utf-8")
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        rows, bad = _objects(text.splitlines())
        if not any(rows):
            raise FileError(f"{name}: not JSON ({shorten(error, 100)}); {_SHAPES}") from None
        table, notes = rows_to_table(rows, kinds)
        return table, _bad_lines(bad, name) + notes + stream.notes()
    columns = _columns(whole, name)
    table, notes = rows_to_table(columns, kinds) if isinstance(columns, list) else _from_columns(columns, kinds)
    return table, notes + stream.notes()


def is_json_lines(stream: Utf8Stream) -> bool:
    """Whether the first line is a JSON object by itself, and more follows it: not one document."""
    line, _, rest = stream.peek(_HEAD).lstrip().partition(b"\n")
    return bool(rest.strip()) and len(_objects([line.decode("utf-8", "ignore")])[0]) == 1


def iter_json_lines(stream: Utf8Stream, name: str, *, kinds: Kinds, known: Known) -> Iterator[FileTable]:
    """Read one object a line in blocks of some 16 MB; a column's type is found block by block."""
    for block in text_blocks(stream, name, known=known):
        rows: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        lines: list[int] = []
        for number, line in enumerate(block.data.decode("utf-8").split("\n"), block.line):
            if not line.strip():
                continue
            value, error = _object(line)
            if value is None:
                refused.append(refusal(len(lines), line, error, "a JSON object"))
            else:
                rows.append(value)
            lines.append(number)
        whole = len(lines) == count_lines(block.data)
        table, notes = rows_to_table(rows, kinds)
        if refused:
            notes.append(f"{name}: lines refused: {len(refused):,} (such as {shorten(refused[0]['content'])!r})")
        spans = range(block.line, block.line + len(lines)) if whole else lines
        yield FileTable(table, notes, refused, spans, block.mark)
    yield FileTable(pa.table({}), stream.notes())


def _object(line: str) -> tuple[dict[str, Any] | None, str]:
    if UNDECODABLE in line:
        return None, "the line holds bytes that the encoding does not allow"
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"the line is not JSON: {shorten(error, 100)}"
    return (value, "") if isinstance(value, dict) else (None, "the line is JSON, but no object")


def _objects(lines: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    rows: list[dict[str, Any]] = []
    bad: list[str] = []
    for line in lines:
        if line.strip():
            value, _ = _object(line)
            if value is None:
                bad.append(line)
            else:
                rows.append(value)
    return rows, bad


def _columns(whole: Any, name: str) -> list[dict[str, Any]] | dict[str, list[Any]]:
    """Return rows, or columns of one length, whichever the document holds."""
    if isinstance(whole, list) and whole and all(isinstance(row, dict) for row in whole):
        return whole
    if isinstance(whole, dict) and whole:
        parts = list(whole.values())
        if all(isinstance(part, list) for part in parts) and len({len(part) for part in parts}) == 1:
            return whole
        if all(isinstance(part, dict) for part in parts):  # pandas' own orientation: {column: {index: value}}
            index = list(dict.fromkeys(key for part in parts for key in part))
            return {column: [part.get(key) for key in index] for column, part in whole.items()}
        if not any(isinstance(part, list | dict) for part in parts):
            return [whole]
    seen = (
        "an empty one" if whole in ([], {}) else f"this one is {type(whole).__name__}: {shorten(json.dumps(whole), 40)}"
    )
    raise FileError(f"{name}: a JSON document that is not a table ({seen}); {_SHAPES}")


def _from_columns(columns: dict[str, list[Any]], kinds: Kinds | None = None) -> tuple[pa.Table, list[str]]:
    names, notes = unique_names(columns)
    made: dict[str, pa.ChunkedArray] = {}
    for name, values in zip(names, columns.values(), strict=True):
        made[name], found = from_values(name, values, declared=name in (kinds or {}))
        notes += found
    return pa.table(made), notes


def rows_to_table(rows: list[dict[str, Any]], kinds: Kinds | None = None) -> tuple[pa.Table, list[str]]:
    """Return a list of objects as a table; a key that an object lacks is a missing value."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return _from_columns({key: [row.get(key) for row in rows] for key in keys}, kinds)


def _bad_lines(bad: list[str], name: str) -> list[str]:
    if not bad:
        return []
    return [f"{name}: lines left out because they are not JSON objects: {len(bad):,} (such as {shorten(bad[0])!r})"]
