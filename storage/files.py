"""A stranger's file to an Arrow table: whatever it is, an answer or an error in words, never a traceback."""

from __future__ import annotations

import glob
import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from storage.file_formats.column_types import normalise
from storage.file_formats.delimited import iter_delimited, read_delimited
from storage.file_formats.encoding import Utf8Stream
from storage.file_formats.errors import FileError, listing, shorten
from storage.file_formats.json_text import is_json_lines, iter_json_lines, read_json

__all__ = ["FileError", "FileTable", "Progress", "Reading", "iter_batches", "normalise", "read_table"]

_KNOWN = "CSV, TSV, delimited text, JSON, JSON lines, Parquet, Arrow or Feather, plain or gzipped"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstandard",
    b"\x89PNG": "an image",
    b"\x89HDF": "an HDF5 file",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are to be read; what is None is found out. ``columns`` maps the file's names to the model's."""

    encoding: str | None = None
    delimiter: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  # of an object store


#: Called now and then with bytes read, bytes there are (0: unknown), and rows taken.
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class FileTable:
    """What was read: the table (int64, float64, bool, timestamp, string and null columns) and what to know about it."""

    table: pa.Table
    notes: list[str] = field(default_factory=list)


def read_table(
    source: str | os.PathLike[str], *, encoding: str | None = None, delimiter: str | None = None
) -> FileTable:
    """Read a file, several (``data/*.csv``), or standard input (``-``) into one table.

    The format is told from the content, not from the name. ``encoding`` and ``delimiter`` are found unless given. Lines
    and values that could not be read as they stand are counted in the notes. Raises :class:`FileError`.
    """
    parts = [_read_one(path, encoding, delimiter) for path in _resolve(source)]
    if len(parts) == 1:
        return parts[0]
    return FileTable(_stack([part.table for part in parts]), [note for part in parts for note in part.notes])


def iter_batches(
    source: str | os.PathLike[str], *, encoding: str | None = None, delimiter: str | None = None
) -> Iterator[FileTable]:
    """Read like :func:`read_table`, a block of some tens of thousands of rows at a time, in bounded memory.

    Text is typed block by block, so the type of a column may differ between blocks: cast it to the declared one. A last,
    empty block may carry notes. JSON that is one document is read whole. Raises :class:`FileError`.
    """
    for path in _resolve(source):
        with _guard(path), _open(path) as raw:
            if raw.peek(64).startswith(b"PAR1"):
                for batch in pq.ParquetFile(_seekable(raw)).iter_batches(batch_size=1 << 16):
                    yield FileTable(*normalise(pa.Table.from_batches([batch])))
            elif (columnar := _read_arrow(raw)) is not None:
                yield columnar
            else:
                yield from _iter_text(raw, path, encoding, delimiter)


def _iter_text(raw: io.BufferedReader, path: str, encoding: str | None, delimiter: str | None) -> Iterator[FileTable]:
    name = _title(path)
    stream = Utf8Stream(cast("BinaryIO", raw), name, encoding)
    if not _is_json(stream, path, delimiter):
        blocks = iter_delimited(stream, name, _delimiter(path, delimiter))
    elif is_json_lines(stream):
        blocks = iter_json_lines(stream, name)
    else:
        blocks = iter([read_json(stream, name)])
    for table, notes in blocks:
        yield FileTable(table, notes)


def _resolve(source: str | os.PathLike[str]) -> list[str]:
    """Return the files that ``source`` names, in order."""
    text = os.fspath(source)
    if text == "-":
        return ["-"]
    path = Path(text).expanduser()
    try:
        if path.is_file() or path.is_fifo() or path.is_char_device():
            return [str(path)]
        if path.is_dir():
            raise FileError(f"{text!r} is a folder; name a file in it, or several as {str(path / '*.parquet')!r}")
        found = sorted(match for match in glob.glob(str(path), recursive=True) if Path(match).is_file())  # noqa: PTH207
    except FileError:
        raise
    except (OSError, ValueError) as error:  # too long a name, or one with a zero byte
        raise FileError(
            f"{shorten(text)!r} is not a file name ({shorten(error)}); give a path, a pattern, or - for standard input"
        ) from None
    if not found:
        near = "" if glob.has_magic(text) else _neighbours(path)
        what = "no file matches" if glob.has_magic(text) else "there is no file"
        raise FileError(
            f"{what} {shorten(text, 200)!r}{near}; give a path, a pattern such as 'data/*.csv', or - for standard input"
        )
    return found


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (nor a folder {str(path.parent)!r})"
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    return f" (in its folder: {listing(names)})" if names else " (its folder holds no files)"


@contextmanager
def _guard(path: str) -> Iterator[None]:
    """Turn what the libraries raise on broken files into :class:`FileError`."""
    name = _title(path)
    try:
        yield
    except FileError:
        raise
    except PermissionError:
        raise FileError(f"{name}: may not be read by this user; change its permissions") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"{name}: the gzip data is damaged or cut off ({shorten(error)}); get the file again") from None
    except (OSError, pa.ArrowException, ValueError, MemoryError, RecursionError) as error:
        raise FileError(f"{name}: cannot be read ({shorten(error, 120)}); Driftdeck reads {_KNOWN}") from None


def _title(path: str) -> str:
    return "standard input" if path == "-" else path


@contextmanager
def _open(path: str) -> Iterator[io.BufferedReader]:
    """Open a path, or standard input, as buffered bytes, gunzipped if need be."""
    with nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as file:
        raw = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", file))
        if raw.peek(2).startswith(b"\x1f\x8b"):
            raw = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw)))
        head = raw.peek(16)
        for mark, words in _FOREIGN.items():
            if head.startswith(mark):
                raise FileError(f"{_title(path)}: this is {words}, which is not read; give {_KNOWN}")
        yield raw


def _read_one(path: str, encoding: str | None, delimiter: str | None) -> FileTable:
    name = _title(path)
    with _guard(path), _open(path) as raw:
        if raw.peek(64).startswith(b"PAR1"):
            return FileTable(*normalise(pq.read_table(_seekable(raw), partitioning=None)))
        if (columnar := _read_arrow(raw)) is not None:
            return columnar
        stream = Utf8Stream(cast("BinaryIO", raw), name, encoding)
        if _is_json(stream, path, delimiter):
            return FileTable(*read_json(stream, name))
        return FileTable(*read_delimited(stream, name, _delimiter(path, delimiter)))


def _read_arrow(raw: io.BufferedReader) -> FileTable | None:
    """Read an Arrow file, Feather or an Arrow stream; None if it is none of them."""
    head = raw.peek(64)
    if head.startswith((b"ARROW1", b"FEA1")):
        import pyarrow.feather

        return FileTable(*normalise(pyarrow.feather.read_table(_seekable(raw))))
    if head.startswith(b"\xff\xff\xff\xff"):
        return FileTable(*normalise(pa.ipc.open_stream(raw).read_all()))
    return None


def _delimiter(path: str, given: str | None) -> str | None:
    return given or ("\t" if ".tsv" in _suffixes(path) else None)


def _suffixes(path: str) -> set[str]:
    return {suffix.lower() for suffix in Path(path).suffixes}


def _is_json(stream: Utf8Stream, path: str, delimiter: str | None) -> bool:
    """Whether this is JSON: by its first signs, which no list of column names begins with, or by its name."""
    if delimiter is not None:
        return False
    head = b"".join(stream.peek(1024).split())
    return head.startswith((b'{"', b"{}", b"[{", b"[]")) or bool(_suffixes(path) & {".json", ".jsonl", ".ndjson"})


def _seekable(raw: io.BufferedReader) -> BinaryIO:
    """Return ``raw`` itself, or its content if it is a pipe."""
    return (
        cast("BinaryIO", raw) if raw.seekable() and not isinstance(raw.raw, gzip.GzipFile) else io.BytesIO(raw.read())
    )


def _stack(tables: list[pa.Table]) -> pa.Table:
    """Put tables below each other; a column that one lacks is missing there, and differing types become text."""
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for entry in table.schema:
            kinds.setdefault(entry.name, set()).add(entry.type)
    clash = {
        name
        for name, found in kinds.items()
        if len(found - {pa.null(), pa.int64(), pa.float64()}) + bool(found & {pa.int64(), pa.float64()}) > 1
    }
    texts = [
        table.cast(pa.schema([pa.field(e.name, pa.string() if e.name in clash else e.type) for e in table.schema]))
        for table in tables
    ]
    return pa.concat_tables(texts, promote_options="permissive").combine_chunks()
