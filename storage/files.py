"""A stranger's file to Arrow tables: whatever it is, an answer or an error in words, never a traceback."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from storage import object_store
from storage.file_formats.blocks import known_blocks
from storage.file_formats.column_types import Kinds, index_note, is_pandas_index, normalise
from storage.file_formats.columnar import is_columnar, iter_columnar, read_columnar
from storage.file_formats.delimited import iter_delimited, read_delimited
from storage.file_formats.encoding import Utf8Stream
from storage.file_formats.errors import FileError, listing, shorten
from storage.file_formats.json_text import is_json_lines, iter_json_lines, read_json
from storage.file_formats.opening import Opened, guard, open_plain, title
from storage.file_formats.table import FileTable

__all__ = ["FileError", "FileTable", "Progress", "Reading", "iter_batches", "normalise", "read_table", "resolve"]

_DATA = {
    ".csv",
    ".tsv",
    ".txt",
    ".json",
    ".jsonl",
    ".ndjson",
    ".parquet",
    ".pq",
    ".arrow",
    ".arrows",
    ".feather",
    ".ipc",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are to be read; what is None is found out. ``columns`` maps the file's names to the model's.

    ``kinds`` are declared column types, by the model's names: such columns are read as what they are declared to be. ``limit`` is how
    many bytes of a file on a disk are read, whatever has been written behind them since.
    """

    encoding: str | None = None
    delimiter: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  # of an object store
    kinds: Kinds = field(default_factory=dict)
    limit: int | None = None


#: Called now and then with bytes read, bytes there are (0: unknown), and rows taken.
Progress = Callable[[int, int, int], None]
Source = str | os.PathLike[str]
_DEFAULT = Reading()


def read_table(source: Source, *, reading: Reading = _DEFAULT) -> FileTable:
    """Read a file, several (``data/*.csv``, a folder, ``s3://bucket/*.parquet``), or standard input (``-``) into one table.

    The format is told from the content, not from the name. Encoding and delimiter are found unless given. Lines
    and values that could not be read as they stand are counted in the notes. Raises :class:`FileError`.
    """
    parts = [_read_one(path, reading) for path in resolve(source, reading.options)]
    if len(parts) == 1:
        return parts[0]
    return FileTable(_stack([part.table for part in parts]), [note for part in parts for note in part.notes])


def iter_batches(
    source: Source,
    *,
    reading: Reading = _DEFAULT,
    progress: Progress | None = None,
    known: Collection[str] = (),
) -> Iterator[FileTable]:
    """Read like :func:`read_table`, a block of some tens of thousands of rows at a time, in bounded memory.

    Text is typed block by block, so the type of a column that ``reading.kinds`` does not name may differ between blocks. Lines that
    make no row are in the block's ``refused``. Blocks are the same each time a file is read; ``known`` are the marks of blocks that
    were read before, where a file that has grown since is cut again. A last, empty block may carry notes. JSON that is one
    document is read whole. Raises :class:`FileError`, after the blocks that could be read.
    """
    paths = resolve(source, reading.options)
    sizes = [_size(path, reading.options) for path in paths]
    total = sum(sizes) if all(sizes) else 0
    before = rows = 0
    for path, size in zip(paths, sizes, strict=True):
        mapped = False
        for block in _iter_one(path, size, reading, known):
            if reading.columns and block.table.num_columns:
                if not mapped:
                    _check_mapping(block, reading.columns, path)
                block, mapped = replace(block, path=title(path)).renamed(reading.columns), True  # noqa: PLW2901
            yield replace(block, path=path, read=before + block.read, size=total)
            rows += block.records
            if progress is not None:
                progress(before + block.read, total, rows)
        before += size


def resolve(source: Source, options: Mapping[str, str] = _DEFAULT.options) -> list[str]:
    """Return the files that ``source`` names, in order. Raises :class:`FileError` when there is none."""
    text = os.fspath(source)
    if text == "-":
        return ["-"]
    if object_store.is_address(text):
        return object_store.find(text, options)
    path = Path(text).expanduser()
    try:
        if path.is_file() or path.is_fifo() or path.is_char_device():
            return [str(path)]
        found = (
            _in_folder(path)
            if path.is_dir()
            else sorted(match for match in glob.glob(str(path), recursive=True) if Path(match).is_file())  # noqa: PTH207
        )
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


def _in_folder(folder: Path) -> list[str]:
    """Return the data files in a folder and below it; names that begin with a dot or an underscore are somebody's bookkeeping."""
    found = [
        str(path)
        for path in sorted(folder.rglob("*"))
        if _suffixes(str(path)) & _DATA
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        and path.is_file()
    ]
    if not found:
        raise FileError(
            f"the folder {str(folder)!r} holds no data files ({', '.join(sorted(_DATA))}); name a file, or a pattern such as "
            f"{str(folder / '*')!r}"
        )
    return found


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (nor a folder {str(path.parent)!r})"
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    return f" (in its folder: {listing(names)})" if names else " (its folder holds no files)"


def _size(path: str, options: Mapping[str, str]) -> int:
    """Return the size in bytes; 0 for a pipe."""
    with guard(path):
        if path == "-":
            return 0
        if object_store.is_address(path):
            return object_store.identity(path, options)[0]
        return Path(path).stat().st_size if Path(path).is_file() else 0


def _whole_identity(path: str, options: Mapping[str, str]) -> str:
    """Return what changes when a file is written anew: of files whose blocks are not known by their own bytes."""
    if path == "-":
        return ""
    if object_store.is_address(path):
        return ":".join(map(str, object_store.identity(path, options)))
    status = Path(path).stat()
    with Path(path).open("rb") as file:
        head = hashlib.blake2b(file.read(1 << 16), digest_size=12).hexdigest()
    return f"{status.st_size}:{status.st_mtime_ns}:{head}"


def _iter_one(path: str, size: int, reading: Reading, known: Collection[str]) -> Iterator[FileTable]:
    with guard(path), open_plain(path, reading.options, reading.limit) as opened:
        if is_columnar(opened.raw.peek(64)):
            identity = _whole_identity(path, reading.options)
            for number, (block, share) in enumerate(iter_columnar(opened)):
                read = int(share * size) if share else opened.position()
                yield replace(_without_index(block, reading, note=number == 0), mark=f"{number}@{identity}", read=read)
            return
        for block in _iter_text(opened, path, reading, known):
            yield replace(block, read=opened.position())


def _iter_text(opened: Opened, path: str, reading: Reading, known: Collection[str]) -> Iterator[FileTable]:
    name = title(path)
    stream = Utf8Stream(cast("BinaryIO", opened.raw), name, reading.encoding, mark=True)
    kinds = _kinds_in_file(reading)
    if not _is_json(stream, path, reading.delimiter):
        yield from iter_delimited(
            stream, name, _delimiter(path, reading.delimiter), kinds=kinds, known=known_blocks(known)
        )
    elif is_json_lines(stream):
        yield from iter_json_lines(stream, name, kinds=kinds, known=known_blocks(known))
    else:
        mark = f"0@{_whole_identity(path, reading.options)}"
        yield FileTable(*read_json(stream, name, kinds=kinds), mark=mark)


def _kinds_in_file(reading: Reading) -> Kinds:
    """Return declared types by the file's names."""
    theirs = {ours: name for name, ours in reading.columns.items()}
    return {theirs.get(name, name): kind for name, kind in reading.kinds.items()}


def _read_one(path: str, reading: Reading) -> FileTable:
    with guard(path), open_plain(path, reading.options) as opened:
        columnar = is_columnar(opened.raw.peek(64))
        block = _without_index(read_columnar(opened), reading) if columnar else _read_text(opened, path, reading)
    if reading.columns:
        _check_mapping(block, reading.columns, path)
        block = replace(block, path=title(path)).renamed(reading.columns)
    return block


def _without_index(block: FileTable, reading: Reading, *, note: bool = True) -> FileTable:
    """Leave out what pandas wrote of a frame's index, unless it is declared, mapped or all there is."""
    kept = {*reading.kinds, *reading.columns}
    index = [name for name in block.table.column_names if is_pandas_index(name) and name not in kept]
    if not index or len(index) == block.table.num_columns:
        return block
    return replace(
        block, table=block.table.drop_columns(index), notes=[*block.notes, *([index_note(index)] if note else [])]
    )


def _read_text(opened: Opened, path: str, reading: Reading) -> FileTable:
    name, kinds = title(path), _kinds_in_file(reading)
    stream = Utf8Stream(cast("BinaryIO", opened.raw), name, reading.encoding)
    if _is_json(stream, path, reading.delimiter):
        return FileTable(*read_json(stream, name, kinds=kinds))
    return FileTable(*read_delimited(stream, name, _delimiter(path, reading.delimiter), kinds=kinds))


def _check_mapping(block: FileTable, columns: Mapping[str, str], path: str) -> None:
    unknown = [name for name in columns if name not in block.table.column_names]
    if unknown:
        raise FileError(
            f"{title(path)}: there is no column {listing(unknown)} to map; it has {listing(block.table.column_names, 30)}"
        )


def _delimiter(path: str, given: str | None) -> str | None:
    if given in ("\\t", "tab"):
        return "\t"
    return given or ("\t" if ".tsv" in _suffixes(path) else None)


def _suffixes(path: str) -> set[str]:
    return {suffix.lower() for suffix in Path(path).suffixes}


def _is_json(stream: Utf8Stream, path: str, delimiter: str | None) -> bool:
    """Whether this is JSON: by its first signs, which no list of column names begins with, or by its name."""
    if delimiter is not None:
        return False
    head = b"".join(stream.peek(1024).split())
    return head.startswith((b'{"', b"{}", b"[{", b"[]")) or bool(_suffixes(path) & {".json", ".jsonl", ".ndjson"})


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
