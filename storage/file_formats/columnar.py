"""Parquet, Arrow files, Feather and Arrow streams, some ten thousand rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from storage.file_formats.column_types import normalise
from storage.file_formats.opening import Opened
from storage.file_formats.table import FileTable

_CELLS = 1 << 21  # of one block
_MOST, _LEAST = 1 << 16, 1 << 10
_PAGE = 1 << 20
_STREAM = b"\xff\xff\xff\xff"
_ARROW = (b"ARROW1", b"FEA1")


def is_columnar(head: bytes) -> bool:
    """Whether a file that begins so holds columns."""
    return head.startswith((b"PAR1", _STREAM, *_ARROW))


def read_columnar(opened: Opened) -> FileTable:
    """Read all of it."""
    head = opened.raw.peek(64)
    if head.startswith(b"PAR1"):
        return FileTable(*normalise(pq.read_table(opened.seekable(), partitioning=None)))
    if head.startswith(_STREAM):
        return FileTable(*normalise(pa.ipc.open_stream(opened.raw).read_all()))
    import pyarrow.feather

    return FileTable(*normalise(pyarrow.feather.read_table(opened.seekable())))


def iter_columnar(opened: Opened) -> Iterator[tuple[FileTable, float]]:
    """Yield blocks, each with the share of the file that has been read (0 where that is not known)."""
    head = opened.raw.peek(64)
    if head.startswith(b"PAR1"):
        yield from _parquet(opened)
    elif head.startswith(_STREAM):
        for batch in pa.ipc.open_stream(opened.raw):
            yield from ((block, 0.0) for block in _slices(batch))
    elif head.startswith(b"FEA1"):  # the first format of that name, which nothing writes any more
        yield read_columnar(opened), 1.0
    else:
        reader = pa.ipc.open_file(_arrow_file(opened))
        for number in range(reader.num_record_batches):
            for block in _slices(reader.get_batch(number)):
                yield block, (number + 1) / reader.num_record_batches


def _parquet(opened: Opened) -> Iterator[tuple[FileTable, float]]:
    file = pq.ParquetFile(opened.seekable(), pre_buffer=False, buffer_size=_PAGE)  # pages, not whole row groups
    rows, done = file.metadata.num_rows, 0
    for batch in file.iter_batches(batch_size=_rows(file.metadata.num_columns), use_threads=False):
        done += batch.num_rows
        yield FileTable(*normalise(pa.Table.from_batches([batch]))), done / max(rows, 1)


def _slices(batch: pa.RecordBatch) -> Iterator[FileTable]:
    size = _rows(batch.num_columns)
    for start in range(0, batch.num_rows, size):
        yield FileTable(*normalise(pa.Table.from_batches([batch.slice(start, size)])))


def _rows(columns: int) -> int:
    return min(_MOST, max(_LEAST, _CELLS // max(columns, 1)))


def _arrow_file(opened: Opened) -> object:
    """Return a file on the disk mapped into memory, anything else as it is."""
    plain = opened.seekable()
    name = getattr(plain, "name", None)
    if isinstance(plain, io.BufferedReader) and isinstance(name, str):
        return pa.memory_map(name)
    return plain
