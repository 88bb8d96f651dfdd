"""Bodies of appends: JSON rows, JSON lines, an Arrow stream or Parquet, plain or gzipped, never larger than allowed."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from fastapi import Request

from service.api.admission import UNPACKED, Admission, Bounds, Place
from service.api.errors import ApiError, too_large
from service.parquet import TooLargeError, read_parquet
from service.uploads import BrokenLine, Upload

JSON, LINES = "application/json", "application/x-ndjson"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
_ALIASES = {
    "application/jsonl": LINES,
    "application/jsonlines": LINES,
    "application/x-jsonlines": LINES,
    "application/x-parquet": PARQUET,
}
_CHUNK = 2**20
_SHOWN = 500  # characters of a broken line that are kept


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it came."""

    kind: str
    data: bytes | memoryview
    zipped: bool
    bounds: Bounds
    place: Place

    def content(self) -> bytes | memoryview:
        """Return the body decompressed. Raises :class:`ApiError`."""
        return _unzip(self.data, self.bounds.body, self.place) if self.zipped else self.data


@asynccontextmanager
async def admitted(request: Request) -> AsyncIterator[Body]:
    """Read a request's body as it comes, and count its bytes for the length of a block.

    Raises :class:`ApiError`: 413 beyond the setting ``max_body_mb``, 415 for what is not understood, 429 when too much is under way.
    """
    bounds: Bounds = request.app.state.bounds
    admission: Admission = request.app.state.admission
    given = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    kind = _ALIASES.get(given, given)
    if kind not in {JSON, LINES, ARROW, PARQUET}:
        raise ApiError(415, f"content type {given!r} is not understood; send {JSON}, {LINES}, {ARROW} or {PARQUET}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise ApiError(415, f"content encoding {encoding!r} is not understood; send gzip or none")
    length = request.headers.get("content-length", "0")
    announced = int(length) if length.isdecimal() else 0
    if announced > bounds.body:
        raise ApiError(413, too_large(bounds.body))
    with admission.place(announced) as place:
        yield Body(kind, await _read(request, announced, bounds, place), encoding == "gzip", bounds, place)


async def _read(request: Request, announced: int, bounds: Bounds, place: Place) -> bytes | memoryview:
    """Read a body; a large one whose length was told goes to where it stays, instead of being put together at the end."""
    if announced > _CHUNK:
        whole, size = np.empty(announced, np.uint8).data, 0
        async for chunk in request.stream():
            if size + len(chunk) > announced:
                raise ApiError(400, f"more came than the {announced:,} bytes that were announced")
            whole[size : size + len(chunk)] = chunk
            size += len(chunk)
        return whole[:size]
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > bounds.body:
            raise ApiError(413, too_large(bounds.body))
        place.hold(size)
    return b"".join(chunks)


def _unzip(data: bytes | memoryview, limit: int, place: Place) -> bytes:
    unpack, parts, size = zlib.decompressobj(wbits=31), [], 0
    try:
        while data and not unpack.eof:
            part = unpack.decompress(data, _CHUNK)
            data, size = unpack.unconsumed_tail, size + len(part)
            if size > limit:
                raise ApiError(413, too_large(limit))
            place.hold(size)
            parts.append(part)
    except zlib.error as error:
        raise ApiError(400, f"the body is not gzip: {error}") from None
    if not unpack.eof:
        raise ApiError(400, "the gzipped body ends too early")
    if unpack.unused_data:
        raise ApiError(400, "the gzipped body goes on behind its end; send one gzip stream")
    return b"".join(parts)


def to_upload(body: Body, *, keyed: bool = False, single: bool = True) -> Upload:
    """Return the rows of a body; ``keyed`` with its digest, ``single`` if a JSON object may be a row by itself.

    Raises :class:`ApiError` for a body that is none.
    """
    data, bounds, lines = body.content(), body.bounds, None
    digest = f"{body.kind} {hashlib.sha256(data).hexdigest()}" if keyed else None
    if body.kind in {ARROW, PARQUET}:
        return Upload(_table(body.kind, data, bounds), digest)
    if body.kind == LINES:
        rows, lines = _lines(data)
    else:
        rows = _json_rows(parse_json(data), single=single)
    bounds.refuse_rows(len(rows))
    bounds.refuse_columns(max(map(_width, rows), default=0))
    return Upload(rows, digest, lines)


def _width(row: Any) -> int:
    if not isinstance(row, dict):
        return 0
    inner = row.get("features")
    return len(row) + (len(inner) if isinstance(inner, dict) else 0)


def parse_json(data: bytes | memoryview) -> Any:
    """Return the JSON value of a body; 400 when it is none."""
    try:
        return loads(data)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not JSON: {error}") from None


def loads(data: bytes | memoryview) -> Any:
    """Return a JSON value. NaN and infinities, which Python writes and JSON does not know, are understood.

    Raises :class:`ValueError` or :class:`RecursionError`.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError):
        return json.loads(
            bytes(data)
        )  # half a surrogate pair, 1e400, NaN: the row that has it is judged, not the batch


def _json_rows(content: Any, *, single: bool) -> list[Any]:
    if single and isinstance(content, dict) and "rows" not in content and not _lists_only(content):
        return [content]
    rows = content.get("rows") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise ApiError(422, f'the body must be {{"rows": […]}}{", one row" if single else ""} or a list of rows')
    return rows


def _lists_only(content: dict[str, Any]) -> bool:
    """Whether an object is no row but rows under a wrong name, such as ``{"lines": […]}``, or nothing at all."""
    return all(isinstance(value, list) for value in content.values())


def _lines(data: bytes | memoryview) -> tuple[list[Any], list[int]]:
    """Return the values of the lines that are not empty, and their numbers; a line that is no JSON is one of them, too."""
    rows: list[Any] = []
    numbers: list[int] = []
    for number, line in enumerate(bytes(data).split(b"\n"), 1):
        if line.strip():
            numbers.append(number)
            try:
                rows.append(loads(line))
            except (ValueError, RecursionError) as error:
                text = line[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
                rows.append(BrokenLine(text, f"line {number} is not JSON: {error}"))
    return rows, numbers


def _table(kind: str, data: bytes | memoryview, bounds: Bounds) -> pa.Table:
    try:
        table = _arrow(data, bounds) if kind == ARROW else _parquet(data, bounds)
    except (pa.ArrowException, OSError) as error:
        raise ApiError(400, f"the body is not {kind}: {str(error).splitlines()[0]}") from None
    return table


def _arrow(data: bytes | memoryview, bounds: Bounds) -> pa.Table:
    batches, size, rows = [], 0, 0
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        bounds.refuse_columns(len(reader.schema))
        for batch in reader:
            size, rows = size + batch.nbytes, rows + batch.num_rows
            bounds.refuse_rows(rows)
            if size > bounds.body * UNPACKED:
                raise ApiError(413, too_large(bounds.body * UNPACKED))
            batches.append(batch)
        table = pa.Table.from_batches(batches, reader.schema)
    table.validate(full=True)
    return table


def _parquet(data: bytes | memoryview, bounds: Bounds) -> pa.Table:
    try:
        table = read_parquet(data, size=bounds.body * UNPACKED, rows=bounds.rows, columns=bounds.columns)
    except TooLargeError as error:
        raise ApiError(
            413, f"{error}; send smaller batches, or raise the settings max_body_mb, max_rows or max_columns"
        ) from None
    table.validate(full=True)
    return table


async def read_text(request: Request) -> str:
    """Read a body of UTF-8 text, at most a mebibyte of it."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > 2**20:
            raise ApiError(413, too_large(2**20))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ApiError(400, f"the body is not UTF-8: {error}") from None
