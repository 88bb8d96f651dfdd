"""Bytes of unknown encoding to UTF-8, as a stream."""

from __future__ import annotations

import codecs
import io
import threading
import zlib
from collections.abc import Callable
from typing import BinaryIO

from storage.file_formats.errors import FileError, shorten

_CHUNK = 1 << 20
_BOMS = (  # the longer first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(set(range(1, 32)) - set(b"\t\n\v\f\r\x1a\x1b"))  # text holds none of these

#: Stands where bytes could not be decoded: a noncharacter, which no text may hold.
UNDECODABLE = "\ufdd0"

_mended = threading.local()  # an error handler is global and has no other way to say what it did


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    _mended.count += len(wrong)
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in wrong), error.end


def _as_mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _mended.count += error.end - error.start
    return UNDECODABLE, error.end


codecs.register_error("driftdeck-windows", _as_windows)
codecs.register_error("driftdeck-mark", _as_mark)


def guess_encoding(head: bytes) -> str:
    """Return the encoding that the first bytes of a file show: by its mark, or by UTF-16's pattern of zeros."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2], head[1::2]
    if len(head) >= 4 and odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if len(head) >= 4 and even.count(0) > 0.4 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return "utf-8"


def _gather(read: Callable[[int], bytes | None], size: int) -> bytes:
    parts: list[bytes] = []
    missing = size
    try:
        while missing and (part := read(missing)):
            parts.append(part)
            missing -= len(part)
    except (OSError, EOFError, zlib.error):
        if not parts:
            raise
    return b"".join(parts)


class Utf8Stream(io.RawIOBase):
    """Reads ``raw`` as UTF-8 whatever it is written in, and counts what had to be mended.

    Without a declared ``encoding``, bytes that are not UTF-8 are read one by one as Windows-1252, which is what they nearly
    always are. Zero bytes are dropped. Bytes that a declared encoding does not allow become :data:`UNDECODABLE` if ``mark``,
    else they raise :class:`FileError`, as do an unknown encoding and what is not text at all.
    """

    def __init__(self, raw: BinaryIO, name: str, encoding: str | None = None, *, mark: bool = False) -> None:
        self._raw, self._name = raw, name
        self._read = getattr(raw, "read1", raw.read)  # what was read before an error is not lost with it
        self._declared = encoding is not None
        head = self._head(1 << 16)
        self.encoding = encoding or guess_encoding(head)
        if not self._declared and self.encoding == "utf-8":
            self._refuse_binary(head)
        self.foreign = 0
        self.zeros = 0
        try:
            make = codecs.getincrementaldecoder(self.encoding)
            self._decoder = make(("driftdeck-mark" if mark else "strict") if self._declared else "driftdeck-windows")
        except LookupError:
            raise FileError(
                f"{name}: encoding {encoding!r} is not known; write a name such as 'utf-8', 'latin-1', 'cp1252' or 'utf-16'"
            ) from None
        self._ready = self._decode(head, final=False)
        self._ended = False

    def _head(self, size: int) -> bytes:
        return _gather(self._read, size)

    def _refuse_binary(self, head: bytes) -> None:
        controls = len(head) - len(head.translate(None, _CONTROLS))
        if controls > 0.02 * len(head) or head.count(0) > 0.3 * len(head):
            raise FileError(
                f"{self._name}: this is not text (it begins with {head[:8]!r}); "
                "give CSV, TSV, JSON, JSON lines, Parquet or Arrow, or name the encoding if it is text after all"
            )

    def _decode(self, data: bytes, *, final: bool) -> bytes:
        _mended.count = 0
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as error:
            raise FileError(
                f"{self._name}: not {self.encoding} ({shorten(error, 100)}); leave the encoding out, or name the right one"
            ) from None
        self.foreign += _mended.count
        self.zeros += text.count("\0")
        return text.replace("\0", "").encode("utf-8", "replace")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._ready and not self._ended:
            data = self._read(_CHUNK)
            self._ended = not data
            self._ready = self._decode(data, final=self._ended)
        taken = self._ready[: len(view)]
        view[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)

    def take(self, size: int) -> bytes:
        """Read ``size`` bytes, fewer only at the end, or before an error, which the next reading meets."""
        return _gather(self.read, size)

    def put_back(self, data: bytes) -> None:
        """Make ``data`` what is read next."""
        self._ready = data + self._ready

    def peek(self, size: int) -> bytes:
        """Return what is read next, without taking it."""
        head = self.take(size)
        self.put_back(head)
        return head

    def notes(self) -> list[str]:
        """Say what had to be mended so far."""
        found = []
        if self.encoding not in {"utf-8", "utf-8-sig"}:
            found.append(f"{self._name}: read as {self.encoding}")
        if self.foreign and not self._declared:
            found.append(f"{self._name}: bytes that are not UTF-8, read as Windows-1252: {self.foreign:,}")
        if self.zeros:
            found.append(f"{self._name}: zero bytes dropped: {self.zeros:,}")
        return found
