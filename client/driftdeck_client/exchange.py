"""What both middlewares share: which request and answer make which rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftdeck_client.client import Client

Path = str | Callable[[str], bool]
Row = Mapping[str, Any]
Extract = Callable[[Any, Any], Row | Iterable[Row] | None]

MAX_BODY = 256 * 1024
_MANY_IN = ("datapoints", "instances", "inputs", "rows")
_OPTIONAL = ("score", "prediction_id", "event_time", "model_version")


class Body:
    """Bytes passing by, remembered up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit, self._parts, self._size = limit, list[bytes](), 0

    def add(self, data: bytes) -> None:
        """Remember a part."""
        self._size += len(data)
        if self._size <= self._limit:
            self._parts.append(bytes(data))
        else:
            self._parts.clear()

    def json(self, what: str) -> Any:
        """Return the JSON value of all the parts. Raises ValueError when it is none, or larger than the limit."""
        if self._size > self._limit:
            raise ValueError(f"the {what} holds {self._size} bytes, more than max_body={self._limit}; it is not logged")
        return json.loads(b"".join(self._parts))


class Watch:
    """Which exchanges are logged, and how."""

    def __init__(
        self, client: Client, model: str, path: Path, method: str, extract: Extract | None, max_body: int
    ) -> None:
        self.client, self._model, self._path, self._method = client, model, path, method.upper()
        self._extract, self.max_body = extract or default_extract, max_body

    def wants(self, method: str, path: str) -> bool:
        """Return whether an exchange is one to log."""
        try:
            return method.upper() == self._method and (self._path(path) if callable(self._path) else path == self._path)
        except Exception as error:
            self.client.record_error(error)
            return False

    def log(self, status: int, request: Body, response: Body, latency_ms: float) -> None:
        """Log an exchange that is over; a failed one has no prediction. Never raises."""
        if not 200 <= status < 300:
            return
        try:
            found = self._extract(request.json("request"), response.json("answer"))
            rows = [] if found is None else [found] if isinstance(found, Mapping) else list(found)
            for row in rows:
                self.client.log(self._model, **{"latency_ms": latency_ms, **row})
        except Exception as error:
            self.client.record_error(error)


def default_extract(request: Any, response: Any) -> list[dict[str, Any]]:
    """Return the rows of an exchange as keyword arguments of ``Client.log``.

    Understood requests: ``{"features": {…}}``, ``{"datapoint": {…}}``, many in a list or under ``datapoints``, ``instances``,
    ``inputs`` or ``rows``, else the object itself as the features. Understood answers: a bare prediction, ``{"prediction": …}``
    with, optionally, ``score``, ``prediction_id``, ``event_time`` and ``model_version``, or as many in a list or under
    ``predictions``. Raises ValueError for anything else.
    """
    asked, many = _asked(request)
    answers = response.get("predictions", response) if isinstance(response, dict) else response
    given = answers if many or isinstance(answers, list) else [answers]
    if not isinstance(given, list) or len(asked) != len(given):
        raise ValueError(f"{len(asked)} datapoints do not go with this answer; give the middleware an extract function")
    return [_row(point, answer) for point, answer in zip(asked, given, strict=True)]


def _asked(request: Any) -> tuple[list[Any], bool]:
    if isinstance(request, list):
        return request, True
    if isinstance(request, dict):
        for name in _MANY_IN:
            if isinstance(request.get(name), list):
                return request[name], True
    return [request], False


def _row(point: Any, answer: Any) -> dict[str, Any]:
    told = answer if isinstance(answer, dict) else {"prediction": answer}
    if not isinstance(point, dict) or "prediction" not in told:
        raise ValueError("the exchange has no features or no prediction; give the middleware an extract function")
    inner = next((point[name] for name in ("features", "datapoint") if isinstance(point.get(name), dict)), None)
    features = dict(point) if inner is None else inner
    row: dict[str, Any] = {"prediction": told["prediction"]}
    for name in _OPTIONAL:
        value = told.get(name) if inner is None else told.get(name, point.get(name))
        if value is not None:
            row[name] = value
    if inner is None and "prediction_id" in features:
        name = features.pop("prediction_id")
        row.setdefault("prediction_id", name)
    return row | {"features": features}


def is_plain_json(content_type: str, content_encoding: str) -> bool:
    """Return whether a body with these headers can be read."""
    kind = content_type.partition(";")[0].strip().lower()
    return (kind == "application/json" or kind.endswith("+json")) and content_encoding.lower() in {"", "identity"}
