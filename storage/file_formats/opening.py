"""Files opened as plain bytes, whatever they are compressed with, and errors in words."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from storage import object_store
from storage.file_formats.errors import FileError, shorten

KNOWN = (
    "CSV, TSV, delimited text, JSON, JSON lines, Parquet, Arrow or Feather, plain or compressed (gzip, zstd, bzip2, xz)"
)
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"\x89PNG": "an image",
    b"\x89HDF": "an HDF5 file",
}
_BUFFER = 1 << 20


class _Zstandard(io.RawIOBase):
    """What Arrow unpacks, as a raw stream of Python's."""

    def __init__(self, raw: BinaryIO) -> None:
        self._stream = pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)


class _Bounded(io.RawIOBase):
    """The first ``size`` bytes of a file, however much it grows meanwhile."""

    def __init__(self, path: str, size: int) -> None:
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - closed with this one
        self._size = size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            offset, whence = self._size + offset, io.SEEK_SET
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        return self._file.readinto(view[: max(0, self._size - self._file.tell())]) or 0

    def close(self) -> None:
        self._file.close()
        super().close()


class _StepByStep(io.RawIOBase):
    """What Python unpacks, a piece at a time: what came before an error is not lost with it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._file.read1(len(view))
        view[: len(data)] = data
        return len(data)


_PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda raw: _StepByStep(gzip.GzipFile(fileobj=raw)),
    b"BZh": lambda raw: _StepByStep(bz2.BZ2File(raw)),
    b"\xfd7zXZ": lambda raw: _StepByStep(lzma.LZMAFile(raw)),  # noqa: SIM115 - closed with its file
    b"\x28\xb5\x2f\xfd": _Zstandard,
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as its plain bytes. ``place`` is the file itself, whose position says how much of it has been read."""

    raw: io.BufferedReader
    place: Any
    packed: bool
    stack: ExitStack  # what is closed with it

    def position(self) -> int:
        """Return how many bytes of the file have been read."""
        try:
            return int(self.place.tell())
        except (OSError, ValueError):
            return 0

    def seekable(self) -> BinaryIO:
        """Return the plain bytes so that they can be read in any order: from the disk, if they are packed or come by a pipe."""
        if not self.packed and self.raw.seekable():
            return cast("BinaryIO", self.raw)
        spool = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        shutil.copyfileobj(self.raw, spool, _BUFFER)
        spool.seek(0)
        return cast("BinaryIO", spool)


def title(path: str) -> str:
    """Return what a file is called in messages."""
    return "standard input" if path == "-" else path


@contextmanager
def open_plain(path: str, options: object_store.Options, limit: int | None = None) -> Iterator[Opened]:
    """Open a path (its first ``limit`` bytes), an object's address, or standard input."""
    with _open(path, options, limit) as file, ExitStack() as stack:
        raw = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file, _BUFFER)
        head, packed = raw.peek(16), False
        for mark, unpack in _PACKED.items():
            if head.startswith(mark):
                raw, packed = io.BufferedReader(unpack(cast("BinaryIO", raw)), _BUFFER), True
        head = raw.peek(16)
        for mark, words in _FOREIGN.items():
            if head.startswith(mark):
                raise FileError(f"{title(path)}: this is {words}, which is not read; give {KNOWN}")
        yield Opened(raw, file, packed, stack)


def _open(path: str, options: object_store.Options, limit: int | None) -> Any:
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    if object_store.is_address(path):
        return object_store.open_object(path, options)
    return Path(path).open("rb") if limit is None else _Bounded(path, limit)


@contextmanager
def guard(path: str) -> Iterator[None]:
    """Turn what the libraries raise on broken files into :class:`FileError`."""
    name = title(path)
    try:
        yield
    except FileError:
        raise
    except FileNotFoundError:
        raise FileError(f"{name}: the file is gone; was it moved while it was read?") from None
    except PermissionError:
        raise FileError(f"{name}: may not be read by this user; change its permissions") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise FileError(
            f"{name}: the compressed data (gzip, bzip2 or xz) is damaged or cut off ({shorten(error)}); get the file again"
        ) from None
    except (OSError, pa.ArrowException, ValueError, MemoryError, RecursionError) as error:
        raise FileError(f"{name}: cannot be read ({shorten(error, 120)}); Driftdeck reads {KNOWN}") from None
    except Exception as error:
        if not object_store.is_address(path):
            raise
        raise FileError(object_store.words(path, error)) from None
