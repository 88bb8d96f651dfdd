"""The client: ``log``, ``label`` and ``predict``, and a decorator for predict functions."""

from __future__ import annotations

import functools
import json
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from driftdeck_client.delivery import Delivery
from driftdeck_client.records import encode, new_id, utc_now
from driftdeck_client.transport import Answer, DriftdeckError, Transport, model_path, parse, reason
from driftdeck_client.waiting import Stats, Waiting
from driftdeck_client.watch import Features, Function, Named, Output, watched

if TYPE_CHECKING:
    from driftdeck_client.spill import Spill

Time = datetime | str


def _spill(directory: str | PathLike[str], limit: int) -> Spill:
    from pathlib import Path  # imported with the first spill_dir, for the sake of those who need none

    from driftdeck_client.spill import Spill

    return Spill(Path(directory), limit)


class Client:
    """Logs to the Driftdeck server at ``url`` without ever waiting for it, and from any thread.

    ``log`` and ``label`` put a row into a buffer and return; two daemon threads do the rest. Rows leave in batches of at
    most ``batch_rows``, at least every ``flush_seconds``. While the server is away, or slower than the rows come, they go
    to files below ``spill_dir`` (when given), and from there to the server, oldest first, also after a restart of the
    service. When ``buffer_rows`` rows wait in memory and ``spill_bytes`` bytes per process lie on disk, the newest rows
    are dropped and counted: what was taken in stays. ``timeout`` bounds each wait for the network, in seconds.

    Raises ValueError for a url or a bound that makes no sense; after that, only :meth:`predict` raises.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        buffer_rows: int = 10_000,
        flush_seconds: float = 1.0,
        batch_rows: int = 500,
        timeout: float = 5.0,
        spill_dir: str | PathLike[str] | None = None,
        spill_bytes: int = 64 * 2**20,
    ) -> None:
        bounds = {"buffer_rows": buffer_rows, "flush_seconds": flush_seconds, "batch_rows": batch_rows}
        for name, value in (bounds | {"timeout": timeout, "spill_bytes": spill_bytes}).items():
            if not value > 0:
                raise ValueError(f"{name} must be above 0, not {value!r}")
        self._timeout = timeout
        self._transport = functools.partial(Transport, url, token, timeout)
        self._transport()  # a url that makes no sense is told here
        self._idle, self._made_by = deque[Transport](), os.getpid()
        self._waiting = Waiting(buffer_rows, batch_rows)
        spill = None if spill_dir is None else _spill(spill_dir, spill_bytes)
        self._delivery = Delivery(self._waiting, self._transport, spill, flush_seconds)
        if spill is not None:
            self._delivery.start()  # an earlier process may have left rows

    # -- logging -------------------------------------------------------------------------------------------------------
    def log(
        self,
        model: str,
        features: Mapping[str, Any],
        prediction: Any,
        *,
        prediction_id: str | None = None,
        event_time: Time | None = None,
        score: float | Mapping[str, float] | None = None,
        latency_ms: float | None = None,
        model_version: str | None = None,
    ) -> str:
        """Queue a prediction and return its id, to label it by; never waits, never raises because of the network.

        ``event_time`` is now (UTC) unless given; one without offset is in the model's time zone. ``score`` is the
        probability of the positive class, or one by class; ``latency_ms`` is in milliseconds.
        """
        name = new_id() if prediction_id is None else str(prediction_id)
        row: dict[str, Any] = {
            "prediction_id": name,
            "event_time": utc_now() if event_time is None else event_time,
            "features": dict(features),  # the caller may change its own afterwards
            "prediction": prediction,
        }
        if score is not None:
            row["score"] = score
        if latency_ms is not None:
            row["latency_ms"] = latency_ms
        if model_version is not None:
            row["model_version"] = model_version
        self._put("logs", model, row)
        return name

    def label(self, model: str, prediction_id: str, label: Any, *, label_time: Time | None = None) -> None:
        """Queue the truth about a prediction, known since ``label_time`` (default: now); a later label of the same id corrects it."""
        moment = utc_now() if label_time is None else label_time
        self._put("labels", model, {"prediction_id": str(prediction_id), "label": label, "label_time": moment})

    def _put(self, kind: str, model: str, row: dict[str, Any]) -> None:
        self._waiting.put(kind, model, row)
        self._delivery.start()

    def watch(
        self,
        model: str,
        features: Features = None,
        *,
        output: Output = None,
        prediction_id: Named = None,
        model_version: str | None = None,
    ) -> Callable[[Function], Function]:
        """Decorate a predict function, plain or ``async``: each call's inputs, output and latency are logged.

        ``features``: None takes the only argument if it is a mapping, else all arguments by name; a sequence of names
        takes those; a function of the call's arguments returns the mapping. ``output``: a function of the result that
        returns the prediction, or a mapping with ``prediction`` and, optionally, ``score`` and ``prediction_id``; results
        that are such mappings are understood without it. ``prediction_id``: the name of the argument or feature that
        holds the id, which is then not logged as a feature, or a function of the call's arguments.

        A call that raises is not logged and its exception passes untouched. What fails in logging is counted in
        ``stats().errors``.
        """
        return watched(self, model, features, output, prediction_id, model_version)

    # -- asking --------------------------------------------------------------------------------------------------------
    @overload
    def predict(self, model: str, datapoint: Mapping[str, Any]) -> dict[str, Any]: ...
    @overload
    def predict(self, model: str, datapoint: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...
    def predict(
        self, model: str, datapoint: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Ask the server's champion, and wait for the answer: ``prediction``, ``prediction_id``, ``model_version`` of each datapoint.

        The server logs what it answers. One datapoint gives one answer, a sequence a list. Raises :class:`DriftdeckError`
        when the server refuses (``status``) or does not answer (``status`` None).
        """
        single = isinstance(datapoint, Mapping)
        points = [datapoint] if isinstance(datapoint, Mapping) else list(datapoint)
        named = [{"prediction_id": new_id(), **point} for point in points]  # so a repeated request is logged once
        answer = self._ask(model_path(model, "predict"), encode({"datapoints": named}).encode())
        if not 200 <= answer.status < 300:
            raise DriftdeckError(f"model {model!r}: {answer.status}: {reason(answer)}", answer.status)
        content = parse(answer.data)
        found = content.get("predictions") if isinstance(content, dict) else None
        if not isinstance(found, list) or len(found) != len(points):
            raise DriftdeckError(f"model {model!r}: the answer is none of Driftdeck's; check the url", answer.status)
        return found[0] if single else found

    def _ask(self, path: str, body: bytes) -> Answer:
        """Post over a connection that is idle, or a new one."""
        if self._made_by != os.getpid():  # a child does not share its parent's connections
            self._idle, self._made_by = deque(), os.getpid()
        try:
            transport = self._idle.pop()
        except IndexError:
            transport = self._transport()
        answer = transport.post(path, body, "application/json")
        self._idle.append(transport)
        return answer

    # -- care ----------------------------------------------------------------------------------------------------------
    def flush(self, timeout: float | None = None) -> bool:
        """Have all that waits sent now; returns whether it was within ``timeout`` seconds (default: the client's)."""
        self._delivery.start()
        return self._waiting.wait_until_empty(self._timeout if timeout is None else timeout)

    def close(self, timeout: float | None = None) -> None:
        """Send what waits within ``timeout`` seconds, unless the server is away, and put the rest on disk; called at exit by itself."""
        self._delivery.close(self._timeout if timeout is None else timeout)
        while self._idle:
            self._idle.pop().close()

    def stats(self) -> Stats:
        """Return what became of the rows so far."""
        return self._waiting.stats()

    def record_error(self, error: object) -> None:
        """Count a failure of logging that must not reach the caller; for middleware."""
        self._waiting.failed_inside(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<driftdeck_client.Client {json.dumps(self.stats()._asdict())}>"
