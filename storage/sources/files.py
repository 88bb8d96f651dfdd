"""Files: one, a pattern, a watched folder, or any of these in an object store. What is new is taken once."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from reference_data.declaration import Source
from storage import object_store
from storage.file_formats.errors import FileError
from storage.file_formats.table import FileTable
from storage.files import Reading, iter_batches, resolve
from storage.privacy import unbracketed
from storage.sources import (
    Chunk,
    Context,
    Position,
    Positions,
    SourceError,
    SourceKind,
    driver_options,
    masked,
    option_duration,
    scrubbed,
    secrets_of,
)

_EDGE = 4096  # bytes at either end by which a file is known again
_QUIET = "3s"  # a file that was written to within this time may not be whole
_HALF_LINE = timedelta(minutes=1)  # a last line without an end is believed to be whole once it is as old as this
_LAST_LINE = 1 << 16  # bytes of it that are looked at
_PASSED_OVER = (".tmp", ".part", ".partial", ".crdownload", ".swp", ".filepart")  # being written, by their own account
_COLUMNAR = (b"PAR1", b"ARROW1", b"FEA1", b"\xff\xff\xff\xff", b"\x1f\x8b")


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is now. ``read`` gives the bytes from the first offset to before the second."""

    path: str
    size: int
    stamp: str  # changes when the content does
    written_at: datetime | None  # None: an object, which is there whole or not at all
    read: Callable[[int, int], bytes]

    def now(self) -> _File:
        """Return the file as it has become since it was listed."""
        return self if self.written_at is None else _local(Path(self.path))

    def changed(self) -> bool:
        """Whether it was written since; one that is gone was moved away whole."""
        try:
            now = self.now()
        except FileNotFoundError:
            return False
        return (now.size, now.stamp) != (self.size, self.stamp)

    def ends(self, size: int) -> tuple[str, str]:
        """Return digests of both ends of the first ``size`` bytes."""
        edge = min(size, _EDGE)
        return _digest(self.read(0, edge)), _digest(self.read(size - edge, size))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def read(source: Source, positions: Positions, context: Context) -> Iterator[Chunk]:
    """Yield the rows of new files, oldest first, and those that were added to known ones.

    A file that cannot be read keeps none of the others back; it is told of at the end.
    """
    quiet = option_duration(source, "quiet", _QUIET)
    problems: list[str] = []
    for file in _listed(source):
        if context.stopping():
            return
        try:
            file = file.now()  # noqa: PLW2901 - those before it may have taken long
            if file.written_at is not None and abs(context.now() - file.written_at) < quiet:
                continue  # the next run takes it
            yield from _read_file(source, file, positions.get(file.path), context)
        except FileNotFoundError:  # gone since it was listed
            continue
        except (FileError, OSError) as error:
            problems.append(_in_words(source, file.path, error))
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        told = problems[:3]
        raise SourceError("; ".join(told) + more, "; ".join(map(unbracketed, told)) + more)


def _in_words(source: Source, path: str, error: Exception) -> str:
    words = " ".join(scrubbed(str(error), secrets_of(source)).split())
    return words if path in words else f"{path}: {words}"


def _read_file(source: Source, file: _File, known: Position | None, context: Context) -> Iterator[Chunk]:
    if known is not None and known["done"] and (known["size"], known["stamp"]) == (file.size, file.stamp):
        return
    done = 0 if known is None or not _goes_on(file, known) else int(known["rows"])
    if known is not None and known["done"] and done and known["size"] == file.size:
        yield Chunk(pa.table({}), file.path, {**known, "stamp": file.stamp})  # only touched
        return
    head, tail = file.ends(file.size)
    position = {"size": file.size, "stamp": file.stamp, "head": head, "tail": tail, "edge": min(file.size, _EDGE)}
    unended, half = _unended(file), False
    start, told = 0, False
    for block, last in _with_last(_blocks(source, file, context.kinds)):
        half = last and unended and _under_way(file, context.now())
        stop = start + block.records
        end = stop - half
        for low in range(max(start, done), end, source.chunk_rows):
            high = min(low + source.chunk_rows, end)
            taken = part_of(block, low - start, high - start)
            told = last and high == end
            yield Chunk(taken, file.path, {**position, "rows": high, "done": told and not half}, where=file.path)
        start = stop
    if not told:
        half = half or (unended and _under_way(file, context.now()))  # of a file without a record
        reached = max(done, start - 1 if half and start else start)
        yield Chunk(pa.table({}), file.path, {**position, "rows": reached, "done": not half})


def _goes_on(file: _File, known: Position) -> bool:
    """Whether the file still begins with all that it held when it was read; if not, it is another one in its place."""
    return bool(file.size >= known["size"] and file.ends(known["size"]) == (known["head"], known["tail"]))


def _unended(file: _File) -> bool:
    """Whether the file ends within a line, which may go on: without a line's end, and not as JSON that nothing can follow."""
    if file.written_at is None or not file.size or file.read(0, 8).startswith(_COLUMNAR):
        return False
    tail = file.read(max(0, file.size - _LAST_LINE), file.size)
    if tail.endswith((b"\n", b"\r")):
        return False
    line = tail[tail.rfind(b"\n") + 1 :].strip()
    if line.startswith(b"{"):
        return not _is_json(line)
    return not (line.endswith(b"]") and file.read(0, 1) == b"[")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _under_way(file: _File, now: datetime) -> bool:
    """Whether somebody may be writing: the file is young, or another one than when its reading began."""
    young = file.written_at is not None and abs(now - file.written_at) < _HALF_LINE
    return young or file.changed()


def _blocks(source: Source, file: _File, kinds: Mapping[str, str]) -> Iterator[FileTable]:
    reading = Reading(
        encoding=source.encoding,
        delimiter=source.delimiter,
        columns=source.columns,
        options=driver_options(source, SOURCE),
        kinds=kinds,
        limit=None if file.written_at is None else file.size,
    )
    for block in iter_batches(file.path, reading=reading):
        if block.records:
            yield block


def _with_last(blocks: Iterator[FileTable]) -> Iterator[tuple[FileTable, bool]]:
    before: FileTable | None = None
    for block in blocks:
        if before is not None:
            yield before, False
        before = block
    if before is not None:
        yield before, True


def part_of(block: FileTable, start: int, stop: int) -> FileTable:
    """Return the records from ``start`` to before ``stop`` of a block, rows and refused lines counted together."""
    if (start, stop) == (0, block.records):
        return block
    places = block.places(np.arange(block.table.num_rows))
    low, high = (int(np.searchsorted(places, edge)) for edge in (start, stop))
    refused = [{**entry, "row": entry["row"] - start} for entry in block.refused if start <= entry["row"] < stop]
    lines = None if block.lines is None else block.lines[start:stop]
    return replace(block, table=block.table.slice(low, high - low), refused=refused, lines=lines)


# -- which files there are ---------------------------------------------------------------------------------------------
def _listed(source: Source) -> list[_File]:
    """Return the files that are named, those written first before others; no file at all on a disk is no error: it may yet come."""
    text = source.read or ""
    if object_store.is_address(text):
        options = driver_options(source, SOURCE)
        try:
            return [_object(address, options) for address in object_store.find(text, options)]
        except FileError as error:
            raise SourceError(_in_words(source, masked(text), error)) from None
    found = _on_disk(text)
    return sorted(found, key=lambda file: (file.written_at or datetime.min.replace(tzinfo=UTC), file.path))


def _on_disk(text: str) -> list[_File]:
    parent = Path(text).expanduser().parent
    if not glob.has_magic(text) and not parent.is_dir():
        raise SourceError(f"there is no folder {str(parent)!r}; give a file, a pattern or a folder that exists")
    try:
        paths = [Path(path) for path in resolve(text) if not path.lower().endswith(_PASSED_OVER)]
    except FileError:
        return []
    files = []
    for path in paths:
        try:
            files.append(_local(path))
        except FileNotFoundError:  # gone in this moment
            continue
    return files


def _local(path: Path) -> _File:
    state = path.stat()
    written = datetime.fromtimestamp(state.st_mtime, UTC)
    return _File(str(path), state.st_size, str(state.st_mtime_ns), written, partial(_bytes, path))


def _bytes(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _object(address: str, options: dict[str, str]) -> _File:
    size, stamp = object_store.identity(address, options)
    return _File(address, size, stamp, None, partial(_object_bytes, address, options))


def _object_bytes(address: str, options: dict[str, str], start: int, end: int) -> bytes:
    with object_store.open_object(address, options) as file:
        file.seek(start)
        return bytes(file.read(end - start))


def place(source: Source) -> str:
    """Return the path, pattern or address."""
    return scrubbed(source.read or "", secrets_of(source))


def words(source: Source, positions: Positions) -> str | None:
    """Return how many files were read."""
    del source
    if not positions:
        return None
    under_way = sum(not position["done"] for position in positions.values())
    files = f"{len(positions)} file{'' if len(positions) == 1 else 's'}"
    return files if not under_way else f"{files}, {under_way} of them not to the end"


SOURCE = SourceKind("files", "read", read, place, words, frozenset({"quiet"}), maps_columns=True)
