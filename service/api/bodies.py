"""Bodies of appends: JSON rows, JSON lines, an Arrow stream or Parquet, plain or gzipped, never larger than allowed."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Request

from service.api.errors import ApiError, too_large

JSON, LINES = "application/json", "application/x-ndjson"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
_ALIASES = {
    "application/jsonl": LINES,
    "application/jsonlines": LINES,
    "application/x-jsonlines": LINES,
    "application/x-parquet": PARQUET,
}
#: Parquet and compressed Arrow may hold far more than their size shows: this many times the allowed body, no more.
_UNPACKED = 16


@dataclass(frozen=True, slots=True)
class Body:
    """A body in full, decompressed."""

    kind: str
    data: bytes
    limit: int


async def read_body(request: Request) -> Body:
    """Read a request's body as it comes; 413 beyond the setting ``max_body_mb``, 415 for what is not understood."""
    limit: int = request.app.state.max_body
    given = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    kind = _ALIASES.get(given, given)
    if kind not in {JSON, LINES, ARROW, PARQUET}:
        raise ApiError(415, f"content type {given!r} is not understood; send {JSON}, {LINES}, {ARROW} or {PARQUET}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise ApiError(415, f"content encoding {encoding!r} is not understood; send gzip or none")
    unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    data = bytearray()
    async for chunk in request.stream():
        try:
            data += chunk if unpack is None else unpack.decompress(chunk, limit + 1 - len(data))
        except zlib.error as error:
            raise ApiError(400, f"the body is not gzip: {error}") from None
        if len(data) > limit:
            raise ApiError(413, too_large(limit))
    if unpack is not None and not unpack.eof:
        raise ApiError(400, "the gzipped body ends too early")
    return Body(kind, bytes(data), limit)


def parse_rows(body: Body) -> list[Any] | pa.Table:
    """Return the rows of a body: a list of JSON values, or an Arrow table."""
    if body.kind == JSON:
        return _json_rows(body.data)
    if body.kind == LINES:
        return list(_lines(body.data))
    try:
        table = _arrow(body) if body.kind == ARROW else _parquet(body)
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise ApiError(400, f"the body is not {body.kind}: {str(error).splitlines()[0]}") from None
    return table


def parse_json(data: bytes) -> Any:
    """Return the JSON value of a body; 400 when it is none."""
    try:
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value; send null")


def _json_rows(data: bytes) -> list[Any]:
    content = parse_json(data)
    rows = content.get("rows") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise ApiError(422, 'the body must be {"rows": […]} or a list of rows')
    return rows


def _lines(data: bytes) -> Iterator[Any]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            try:
                yield json.loads(line, parse_constant=_no_constant)
            except (ValueError, RecursionError) as error:
                raise ApiError(400, f"line {number} is not JSON: {error}") from None


def _arrow(body: Body) -> pa.Table:
    batches, size = [], 0
    with pa.ipc.open_stream(pa.py_buffer(body.data)) as reader:
        for batch in reader:
            size += batch.nbytes
            if size > body.limit * _UNPACKED:
                raise ApiError(413, too_large(body.limit * _UNPACKED))
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)


def _parquet(body: Body) -> pa.Table:
    with pq.ParquetFile(io.BytesIO(body.data)) as file:
        unpacked = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        if unpacked > body.limit * _UNPACKED or file.metadata.num_rows * 8 > body.limit * _UNPACKED:
            raise ApiError(413, too_large(body.limit * _UNPACKED))
        return file.read(use_threads=False)


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
