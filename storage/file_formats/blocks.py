"""Text in blocks of whole lines, cut at the same places each time the text is read.

A block says where it begins and what it holds (a digest), so that a file read again after an interruption, or after it has grown, is
known block by block.
"""

from __future__ import annotations

import csv
import hashlib
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.file_formats.encoding import Utf8Stream
from storage.file_formats.errors import FileError

SIZE = 1 << 24
_CHUNK = 1 << 20
_LONGEST = 1 << 26  # bytes of one line
_END = "driftdeck"  # a line of our own, behind the last one

#: Blocks that are known already: by where they begin, their lengths and digests.
Known = Mapping[int, Collection[tuple[int, str]]]


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Whole lines of UTF-8: ``offset`` bytes of text come before them, and ``line`` is the number of the first, from 1."""

    data: bytes
    offset: int
    line: int

    @property
    def mark(self) -> str:
        """What names this block among all that the file may ever hold."""
        return f"{self.offset}+{len(self.data)}:{_digest(self.data)}"


def _digest(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def known_blocks(marks: Collection[str]) -> Known:
    """Return marks by where their blocks begin; what is no mark of a text block is passed over."""
    found: dict[int, set[tuple[int, str]]] = {}
    for mark in marks:
        span, _, digest = mark.partition(":")
        offset, plus, length = span.partition("+")
        if plus and offset.isdigit() and length.isdigit():
            found.setdefault(int(offset), set()).add((int(length), digest))
    return found


def text_blocks(
    stream: Utf8Stream, name: str, *, offset: int = 0, line: int = 1, delimiter: str | None = None, known: Known
) -> Iterator[TextBlock]:
    """Yield the rest of ``stream``, some 16 MB at a time; with a ``delimiter`` no block ends inside a quoted field.

    What could be read before an error is yielded before that is raised, up to the last whole line.
    """
    buffer, size, ended = b"", SIZE, False
    failure: Exception | None = None
    while True:
        if not ended:
            buffer, ended, failure = _fill(stream, buffer, size)
        last = ended and len(buffer) <= size
        length = _length_known(buffer, known.get(offset, ()))
        if not length and last and failure is None:
            length = len(buffer)
        length = length or _cut(buffer[:size], delimiter, growing=size < _LONGEST and not last)
        if length:
            block = TextBlock(buffer[:length], offset, line)
            buffer, size = buffer[length:], SIZE
            yield block
            offset += length
            line += count_lines(block.data)
        elif last and failure is not None:
            raise failure
        elif last:
            return
        elif size >= _LONGEST:
            raise FileError(f"{name}: line {line:,} is longer than {_LONGEST >> 20} MB; is this a table of rows?")
        else:
            size += SIZE


def _fill(stream: Utf8Stream, buffer: bytes, size: int) -> tuple[bytes, bool, Exception | None]:
    parts, held = [buffer], len(buffer)
    try:
        while held < size:
            part = stream.read(_CHUNK)
            if not part:
                return b"".join(parts), True, None
            parts.append(part)
            held += len(part)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        return b"".join(parts), True, error
    return b"".join(parts), False, None


def _length_known(buffer: bytes, known: Collection[tuple[int, str]]) -> int:
    for length, digest in sorted(known, reverse=True):
        if length <= len(buffer) and _digest(memoryview(buffer)[:length]) == digest:
            return length
    return 0


def _cut(buffer: bytes, delimiter: str | None, *, growing: bool) -> int:
    """Return how many bytes of whole records there are; 0 if not one. Unless ``growing``, whole lines will do."""
    end = buffer.rfind(b"\n" if b"\n" in buffer else b"\r") + 1
    if delimiter is None or buffer.count(b'"', 0, end) % 2 == 0:
        return end
    return _whole_records(buffer[:end], delimiter) or (0 if growing else end)


def _whole_records(data: bytes, delimiter: str) -> int:
    """Return the length of the records before the one that has no end, by asking a parser; quotes inside fields mislead counting."""
    taken = start = behind = 0

    def feed() -> Iterator[str]:
        nonlocal taken
        for line in data.splitlines(keepends=True):
            taken += len(line)
            yield line.decode("utf-8", "replace")
        yield _END

    last: list[str] = []
    try:
        for last in csv.reader(feed(), delimiter=delimiter):
            if last != [_END]:
                start, behind = taken, start
    except csv.Error:  # a field longer than any that is meant
        return start
    return len(data) if last == [_END] else behind


def count_lines(data: bytes) -> int:
    """Return how many physical lines there are."""
    newline = b"\n" if b"\n" in data else b"\r"
    return data.count(newline) + (not data.endswith(newline))


def record_lines(data: bytes, first: int, *, quoted: bool) -> NDArray[np.int64]:
    """Return the number of the line on which each record begins; empty lines are none."""
    flat = np.frombuffer(data, dtype=np.uint8)
    newline = 10 if b"\n" in data else 13
    ends = np.flatnonzero(flat == newline)
    starts = np.concatenate([[0], ends + 1])
    lines = np.arange(first, first + len(starts), dtype=np.int64)
    lengths = np.concatenate([ends, [len(flat)]]) - starts
    if quoted:
        quotes = np.flatnonzero(flat == 34)
        outside = np.searchsorted(quotes, starts) % 2 == 0
    else:
        outside = np.ones(len(starts), dtype=np.bool_)
    lone_return = (lengths == 1) & (flat[np.minimum(starts, len(flat) - 1)] == 13)
    return np.asarray(lines[outside & (lengths > 0) & ~lone_return], dtype=np.int64)
