"""Middleware for WSGI applications: Flask, Bottle, Django."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from driftdeck_client.exchange import MAX_BODY, Body, Extract, Path, Watch, is_plain_json

if TYPE_CHECKING:
    from driftdeck_client.client import Client


class DriftdeckWSGI:
    """Logs the JSON exchanges of one route, after each answer has been sent; the arguments are those of ``DriftdeckASGI``."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        client: Client,
        model: str,
        path: Path = "/predict",
        extract: Extract | None = None,
        *,
        method: str = "POST",
        max_body: int = MAX_BODY,
    ) -> None:
        self._app = app
        self._watch = Watch(client, model, path, method, extract, max_body)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass a call on."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if not self._watch.wants(environ["REQUEST_METHOD"], path):
            return self._app(environ, start_response)
        seen = _Exchange(self._watch)
        environ["wsgi.input"] = _Input(environ["wsgi.input"], seen.request)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], Any]:
            write = start_response(status, headers, *rest)
            seen.begun(status, headers)

            def record(data: bytes) -> Any:
                found = write(data)
                seen.response.add(data)
                return found

            return record

        answer = self._app(environ, start)
        # servers ask for the length of an answer in one piece
        return _SizedAnswer(answer, seen) if hasattr(answer, "__len__") else _Answer(answer, seen)


class _Exchange:
    """One request and its answer, as they pass by."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.request, self.response = Body(watch.max_body), Body(watch.max_body)
        self._status = 0
        self._started = time.perf_counter()
        self._latency: float | None = None

    def begun(self, status: str, headers: list[tuple[str, str]]) -> None:
        found = {name.lower(): value for name, value in headers}
        plain = is_plain_json(found.get("content-type", ""), found.get("content-encoding", ""))
        self._status = int(status.split(" ", 1)[0]) if plain else 0

    def made(self) -> None:
        self._latency = (time.perf_counter() - self._started) * 1000

    def over(self) -> None:
        if self._status and self._latency is not None:  # an answer that broke off is none
            self._watch.log(self._status, self.request, self.response, self._latency)
            self._status = 0


class _Input:
    """The request's body, remembered as the application reads it."""

    def __init__(self, stream: Any, body: Body) -> None:
        self._stream, self._body = stream, body

    def read(self, *size: int) -> bytes:
        return self._kept(self._stream.read(*size))

    def read1(self, *size: int) -> bytes:
        return self._kept(self._stream.read1(*size))

    def readall(self) -> bytes:
        return self._kept(self._stream.readall())

    def readline(self, *size: int) -> bytes:
        return self._kept(self._stream.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return [self._kept(line) for line in self._stream.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        return map(self._kept, self._stream)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        if name in {"readinto", "readinto1"}:  # there only if the stream has them: frameworks ask and choose
            return lambda buffer: self._filled(buffer, found(buffer))
        return found

    def _filled(self, buffer: Any, count: int | None) -> int | None:
        if count:
            self._body.add(bytes(memoryview(buffer)[:count]))
        return count

    def _kept(self, data: bytes) -> bytes:
        self._body.add(data)
        return data


class _Answer:
    """The answer's body, remembered as the server takes it; the exchange is over when the server closes it."""

    def __init__(self, answer: Iterable[bytes], seen: _Exchange) -> None:
        self._answer, self._seen = answer, seen

    def __iter__(self) -> Iterator[bytes]:
        for data in self._answer:
            self._seen.response.add(data)
            yield data
        self._seen.made()

    def close(self) -> None:
        try:
            close = getattr(self._answer, "close", None)
            if close is not None:
                close()
        finally:
            self._seen.over()


class _SizedAnswer(_Answer):
    def __len__(self) -> int:
        return len(self._answer)  # type: ignore[arg-type]
