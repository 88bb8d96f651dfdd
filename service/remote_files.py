"""Rows on their way to the process that owns the home: files are read here, block by block, and stored there."""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq

from service import data_views, views
from service.load_files import How, add, load_file, nothing
from service.query_rows import query_tables
from service.remote_calls import RemoteCalls, model_path
from service.workspace import WorkspaceError
from storage.errors import KeyReusedError
from storage.files import FileTable, Progress, Reading, read_table

if TYPE_CHECKING:
    import httpx

_JSON, _PARQUET = "application/json", "application/vnd.apache.parquet"
_ROWS = 5000  # of a list, in one request
_BODY = 24 << 20  # bytes of Arrow data in one request

Into = Literal["logs", "labels"]


class RemoteFiles(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` does about data on its way in."""

    def reference(self, model: str, data: object, *, version: int | None = None, actor: str = "cli") -> dict[str, Any]:
        del actor  # the owner knows who calls
        path, query = f"{model_path(model)}/references", {} if version is None else {"version": version}
        if isinstance(data, tuple):
            answer = self._call("POST", path, params=query, json={"window": [str(end) for end in data]})
        elif isinstance(data, Mapping) and "sql" not in data:
            answer = self._call("POST", path, params=query, json=dict(data))
        elif isinstance(data, list):
            answer = self._call("POST", path, params=query, content=_json(data), headers={"content-type": _JSON})
        else:
            content = _parquet(self._whole(model, data))
            answer = self._call("POST", path, params=query, content=content, headers={"content-type": _PARQUET})
        return cast("dict[str, Any]", answer.json())

    def _whole(self, model: str, data: object) -> pa.Table:
        if isinstance(
            data, Mapping
        ):  # a database is asked from here: whoever speaks HTTP has no say in what the owner connects to
            return pa.concat_tables(query_tables(data), promote_options="permissive")
        if not isinstance(data, str | os.PathLike):
            return _table(data)
        return read_table(data, reading=Reading(kinds=self.loading(model)["kinds"])).table

    def log(
        self,
        model: str,
        data: object,
        *,
        key: str | None = None,
        strict: bool = False,
        origin: str | None = None,
        reading: Reading | None = None,
        progress: Progress | None = None,
    ) -> views.AppendView:
        return self._append(model, "logs", data, How(key, strict, origin, reading, progress))

    def label(
        self,
        model: str,
        data: object,
        *,
        key: str | None = None,
        strict: bool = False,
        origin: str | None = None,
        reading: Reading | None = None,
        progress: Progress | None = None,
    ) -> views.AppendView:
        return self._append(model, "labels", data, How(key, strict, origin, reading, progress))

    def loading(self, model: str, into: Into = "logs") -> data_views.LoadingView:
        return _Sender(self._call, model, into).loading()

    def _append(self, model: str, into: Into, data: object, how: How) -> views.AppendView:
        taker = _Sender(self._call, model, into)
        if isinstance(data, str | os.PathLike):
            return load_file(taker, data, how)
        total, key = nothing(), how.key or uuid.uuid4().hex
        for number, (kind, content) in enumerate(_bodies(data, split=not how.strict)):
            add(total, taker.post(kind, content, f"{key}-{number}", strict=how.strict))
        return total


@dataclass(frozen=True, slots=True)
class _Sender:
    """Sends the blocks of a file to one model."""

    call: Callable[..., httpx.Response]
    model: str
    into: Into

    def loading(self) -> data_views.LoadingView:
        answer = self.call("GET", f"{model_path(self.model)}/loading", params={"into": self.into})
        return cast("data_views.LoadingView", answer.json())

    def append(self, block: FileTable, key: str | None, origin: str) -> views.AppendView:
        return self._send(block.packed(origin, digest=None if key is None else block.digest()), key)

    def check(self, block: FileTable) -> views.AppendView:
        return self._send(block.packed(only_check=True), None)

    def _send(self, table: pa.Table, key: str | None) -> views.AppendView:
        return self.post(_PARQUET, _parquet(table), key)

    def post(self, kind: str, content: bytes, key: str | None, *, strict: bool = False) -> views.AppendView:
        """Send one body; a refusal of all its rows is an answer too."""
        headers = {"content-type": kind} | ({} if key is None else {"idempotency-key": key})
        path, query = f"{model_path(self.model)}/{self.into}", {"strict": "1"} if strict else {}
        answer = self.call("POST", path, content=content, headers=headers, params=query, accept=(422,)).json()
        if "rejected" not in answer:
            raise (KeyReusedError if answer.get("key_reused") else WorkspaceError)(str(answer["error"]))
        return cast("views.AppendView", {name: answer[name] for name in nothing()})


def _bodies(data: object, *, split: bool) -> Iterator[tuple[str, bytes]]:
    """Yield (content type, body), one only unless ``split``: lists as JSON, which keeps a bad value for the owner to name."""
    if isinstance(data, list):
        size = _ROWS if split else max(len(data), 1)
        for start in range(0, len(data), size):
            yield _JSON, _json(data[start : start + size])
        return
    table = _table(data)
    size = max(1, int(table.num_rows * _BODY / max(table.nbytes, 1))) if split else max(table.num_rows, 1)
    for start in range(0, max(table.num_rows, 1), size):
        yield _PARQUET, _parquet(table.slice(start, size))


def _table(data: object) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    if hasattr(data, "__arrow_c_stream__"):  # pandas, Polars, DuckDB relations
        return pa.table(data)
    raise WorkspaceError(
        f"data of type {type(data).__name__} is not understood; give a path, a DataFrame, an Arrow table or rows"
    )


def _json(rows: list[Any]) -> bytes:
    return json.dumps({"rows": rows}, default=_json_value).encode()


def _json_value(value: Any) -> Any:
    """Return what JSON has no word for: times as text, NumPy's numbers as numbers."""
    if isinstance(value, date):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else str(value)


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
