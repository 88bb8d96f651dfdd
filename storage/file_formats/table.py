"""What one block of a file holds: rows, and lines that are no rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.digests import rows_digest, table_digest
from storage.file_formats.encoding import UNDECODABLE
from storage.file_formats.errors import FileError, listing

_CONTENT = 1000  # characters of a refused line that are kept
_KEY = b"driftdeck.file"


@dataclass(frozen=True, slots=True)
class FileTable:
    """What was read: the table (int64, float64, bool, timestamp, string and null columns) and what to know about it.

    ``refused`` are lines that made no row, as entries of :mod:`storage.quarantine` whose ``row`` counts rows and refused lines together;
    ``lines`` is the physical line (from 1) of each, in that count, None where that is not known. ``mark`` names the block among
    all that the file may ever hold. ``read`` of ``size`` bytes of all files have been read (0: not known).
    """

    table: pa.Table
    notes: list[str] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    lines: Sequence[int] | None = None
    mark: str = ""
    path: str = ""
    read: int = 0
    size: int = 0

    @property
    def first_line(self) -> int | None:
        """Return the physical line of the first record."""
        return self.lines[0] if self.lines else None

    @property
    def records(self) -> int:
        """Return how many rows and refused lines there are."""
        return int(self.table.num_rows) + len(self.refused)

    def places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where rows of the table stand when refused lines are counted too."""
        gaps = np.array(sorted(entry["row"] for entry in self.refused), dtype=np.int64)
        return rows + np.searchsorted(gaps - np.arange(len(gaps)), rows, side="right")

    def all_refused(self, of_rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the refused lines and these refused rows of the table together, in order, with their lines."""
        places = self.places(np.array([entry["row"] for entry in of_rows], dtype=np.int64))
        found = [{**entry, "row": int(place)} for entry, place in zip(of_rows, places, strict=True)]
        found = sorted([*self.refused, *found], key=lambda entry: int(entry["row"]))
        return [{**entry, "line": None if self.lines is None else self.lines[entry["row"]]} for entry in found]

    def renamed(self, columns: Mapping[str, str]) -> FileTable:
        """Return the block with the file's names replaced by the model's; raises :class:`FileError` for names that would clash."""
        names = [columns.get(name, name) for name in self.table.column_names]
        twice = sorted({name for name in names if names.count(name) > 1} & set(columns.values()))
        if twice:
            raise FileError(
                f"{self.path}: after mapping, {listing(twice)} would be there twice; map the other column to another name too"
            )
        return replace(self, table=self.table.rename_columns(names))

    def digest(self) -> str:
        """Return what tells this block's rows and refused lines from any others."""
        return table_digest(self.table) + rows_digest([entry["content"] for entry in self.refused])

    def packed(self, origin: str | None = None, *, only_check: bool = False, digest: str | None = None) -> pa.Table:
        """Return the table with all else in its metadata, to be sent to another process."""
        lines = [self.lines.start, len(self.lines)] if isinstance(self.lines, range) else None
        rest = {
            "origin": origin,
            "only_check": only_check,
            "digest": digest,
            "refused": self.refused,
            "span": lines,
            "lines": None if lines else self.lines,
        }
        return self.table.replace_schema_metadata({_KEY: json.dumps(rest)})


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A block that was sent by another process."""

    block: FileTable
    origin: str | None
    only_check: bool
    digest: str | None = None  # of the block as it was read, the same whoever takes it


def unpack(table: pa.Table) -> Unpacked | None:
    """Return what :meth:`FileTable.packed` made; None for any other table, and for one that was tampered with."""
    text = (table.schema.metadata or {}).get(_KEY)
    if text is None:
        return None
    try:
        rest = json.loads(text)
        refused = [
            refusal(int(entry["row"]), str(entry["content"] or ""), str(entry["error"]), str(entry["expected"]))
            for entry in rest["refused"]
        ]
        records = table.num_rows + len(refused)
        lines = range(rest["span"][0], sum(rest["span"])) if rest["span"] else rest["lines"]
        if lines is not None and (len(lines) < records or not all(type(line) is int for line in lines[:records])):
            return None
        if any(not 0 <= entry["row"] < records for entry in refused):
            return None
        origin = None if rest["origin"] is None else str(rest["origin"])
        block = FileTable(table.replace_schema_metadata(None), refused=refused, lines=lines)
        digest = None if rest.get("digest") is None else str(rest["digest"])
        return Unpacked(block, origin, bool(rest["only_check"]), digest)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def refusal(row: int, content: str, error: str, expected: str) -> dict[str, Any]:
    """Return an entry for a line that made no row."""
    shown = content.rstrip("\r\n").replace(UNDECODABLE, "\N{REPLACEMENT CHARACTER}")[:_CONTENT]
    return {"row": row, "field": "line", "value": None, "error": error, "expected": expected, "content": shown}
