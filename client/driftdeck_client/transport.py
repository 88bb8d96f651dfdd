"""HTTP to the server, over one connection that is kept, and what its answers mean."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from driftdeck_client.records import utc_now

if TYPE_CHECKING:
    import http.client

_GZIP_FROM = 1024  # bytes; below, packing costs more than it saves
_LONGEST_ANSWER = 4 * 2**20
_LATER = frozenset({408, 425, 429})
_NOT_WITH_THIS_TOKEN = frozenset({401, 403})  # mended by people, often within minutes: the rows are kept until then
_NOT_THIS_MODEL_YET = frozenset({404, 409})  # not declared, or its columns are not known before its first reference


class DriftdeckError(Exception):
    """The server refused, or could not be reached (``status`` is None then)."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Answer(NamedTuple):
    """A server's answer; ``retry_after`` in seconds, 0 when it named none."""

    status: int
    data: bytes
    retry_after: float


class Outcome(NamedTuple):
    """What became of a batch. ``later``: to be sent again, after ``retry_after`` seconds.

    ``lane_only``: others need not wait. ``refused``: somebody has to mend something before the rows are taken.
    """

    sent: int = 0
    rejected: int = 0
    error: str | None = None
    later: bool = False
    retry_after: float = 0.0
    lane_only: bool = False
    refused: bool = False


class Transport:
    """Posts to one server. One thread at a time."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"url must be like http://driftdeck:8501 or https://example.org/driftdeck, not {url!r}")
        self._secure = parts.scheme == "https"
        self._host, self._port, self._timeout = parts.hostname, parts.port, timeout
        self._base = parts.path.rstrip("/") + "/api/v1"
        self._headers = {"User-Agent": "driftdeck-client", "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, kind: str, key: str | None = None) -> Answer:
        """Post a body, again at once if a kept connection turns out to be closed. Raises :class:`DriftdeckError` without status."""
        from http.client import HTTPException, RemoteDisconnected

        headers = self._headers | {"Content-Type": kind}
        if key is not None:
            headers["Idempotency-Key"] = key
        if len(body) >= _GZIP_FROM:
            packer = zlib.compressobj(level=3, wbits=31)
            body = packer.compress(body) + packer.flush()
            headers["Content-Encoding"] = "gzip"
        kept = self._connection is not None
        try:
            try:
                return self._once(path, body, headers)
            except (RemoteDisconnected, ConnectionError):
                if not kept:
                    raise
                return self._once(path, body, headers)
        except (OSError, HTTPException, ValueError) as error:
            where = self._host if self._port is None else f"{self._host}:{self._port}"
            raise DriftdeckError(f"{where} did not answer: {type(error).__name__}: {error}") from error

    def _once(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = self._connection or self._connect()
        self._connection = None  # kept again only after a whole answer
        try:
            connection.request("POST", self._base + path, body, headers)
            response = connection.getresponse()
            try:
                data = response.read(_LONGEST_ANSWER)
                whole, promised = response.isclosed(), response.headers.get("Content-Length", "")
            finally:
                response.close()
            if promised.isdecimal() and len(data) < min(int(promised), _LONGEST_ANSWER):
                raise ConnectionError(f"the answer ended after {len(data)} of {promised} bytes")
            answer = Answer(response.status, data, _seconds(response.headers.get("Retry-After")))
        except BaseException:
            connection.close()
            raise
        if whole and not response.will_close:
            self._connection = connection
        else:
            connection.close()
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection

        return (HTTPSConnection if self._secure else HTTPConnection)(self._host, self._port, timeout=self._timeout)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def model_path(model: str, what: str) -> str:
    """Return the path of something of a model, below ``/api/v1``."""
    return f"/models/{quote(model, safe='')}/{what}"


def deliver(transport: Transport, lane: tuple[str, str], key: str, lines: list[bytes]) -> Outcome:
    """Send the rows of a batch and return what became of them.

    A batch that is too large for the server, or for a proxy before it, goes in halves whose keys are as stable as its own.
    """
    kind, model = lane
    if not lines:
        return Outcome()
    try:
        answer = transport.post(model_path(model, kind), b"\n".join(lines), "application/x-ndjson", key)
    except DriftdeckError as error:
        return Outcome(error=str(error), later=True)
    if answer.status == 413 and len(lines) > 1:
        half = len(lines) // 2
        first = deliver(transport, lane, key + "0", lines[:half])
        return first if first.later else _sum(first, deliver(transport, lane, key + "1", lines[half:]))
    return _judge(answer, model, len(lines))


def _sum(first: Outcome, second: Outcome) -> Outcome:
    if second.later:
        return second  # both again; the key of the first half makes that harmless
    return Outcome(first.sent + second.sent, first.rejected + second.rejected, second.error or first.error)


def _judge(answer: Answer, model: str, rows: int) -> Outcome:
    content = parse(answer.data)
    words = f"model {model!r}: {answer.status}: {reason(answer)}"
    if 200 <= answer.status < 300:
        if not isinstance(content, dict) or not isinstance(content.get("rejected"), list):
            return Outcome(error=f"model {model!r}: the answer is none of Driftdeck's; check the url", later=True)
        rejected = content["rejected"]
        count = min(rows, len({str(item.get("row")) for item in rejected if isinstance(item, dict)}))
        return Outcome(rows - count, count, f"model {model!r}: {_first(rejected)}" if count else None)
    if answer.status in _NOT_WITH_THIS_TOKEN | _NOT_THIS_MODEL_YET:
        one_model = answer.status in _NOT_THIS_MODEL_YET
        return Outcome(error=words, later=True, retry_after=answer.retry_after, lane_only=one_model, refused=True)
    if answer.status in _LATER or answer.status >= 500 or answer.status < 400:
        return Outcome(error=words, later=True, retry_after=answer.retry_after, lane_only=answer.status == 500)
    return Outcome(rejected=rows, error=words)


def parse(data: bytes) -> Any:
    """Return the JSON value of an answer, or None."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def reason(answer: Answer) -> str:
    """Return what an answer says in words."""
    content = parse(answer.data)
    if isinstance(content, dict) and content.get("error"):
        return str(content["error"])
    if isinstance(content, dict) and content.get("rejected"):
        return _first(content["rejected"])
    return answer.data[:200].decode("utf-8", "replace")


def _first(rejected: Any) -> str:
    first = rejected[0] if isinstance(rejected, list) and isinstance(rejected[0], dict) else {}
    return f"row {first.get('row')}, {first.get('field')}: {first.get('error')}"


def _seconds(retry_after: str | None) -> float:
    """Return a Retry-After header, seconds or a date, as seconds from now."""
    if not retry_after:
        return 0.0
    if retry_after.strip().isdecimal():
        return float(retry_after)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - utc_now()).total_seconds())
    except (ValueError, TypeError):
        return 0.0
