"""The middlewares log an exchange after its answer went out, and change nothing of it."""

import asyncio
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler

import flask
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from driftdeck_client import Client, DriftdeckASGI, DriftdeckWSGI
from driftdeck_client.exchange import default_extract
from tests.support.log_server import LogServer

JSON = ("Content-Type", "application/json")


class Logged:
    def __init__(self, server: LogServer) -> None:
        self._server = server
        self.client = Client(server.url, flush_seconds=600)

    def rows(self) -> list[dict[str, Any]]:
        assert self.client.flush(60)
        return self._server.stored.get("eta/logs", [])

    def last_error(self) -> str:
        return str(self.client.stats().last_error)


@pytest.fixture
def logged() -> Iterator[Logged]:
    with LogServer() as server:
        found = Logged(server)
        yield found
        found.client.close()


# -- what makes a row --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("request_", "response", "expected"),
    [
        ({"x": 1}, 2.0, [{"features": {"x": 1}, "prediction": 2.0}]),
        (
            {"x": 1, "prediction_id": "a"},
            {"prediction": 2},
            [{"features": {"x": 1}, "prediction": 2, "prediction_id": "a"}],
        ),
        (
            {"features": {"x": 1}, "prediction_id": "a", "event_time": "2024-01-01T00:00Z"},
            {"prediction": "yes", "score": 0.9, "model_version": "v1", "other": 1},
            [
                {
                    "features": {"x": 1},
                    "prediction": "yes",
                    "score": 0.9,
                    "model_version": "v1",
                    "prediction_id": "a",
                    "event_time": "2024-01-01T00:00Z",
                }
            ],
        ),
        ({"datapoint": {"x": 1}}, {"prediction": 2}, [{"features": {"x": 1}, "prediction": 2}]),
        (
            {"instances": [{"x": 1}, {"x": 2}]},
            {"predictions": [3, {"prediction": 4, "prediction_id": "b"}]},
            [{"features": {"x": 1}, "prediction": 3}, {"features": {"x": 2}, "prediction": 4, "prediction_id": "b"}],
        ),
        ([{"x": 1}], [3], [{"features": {"x": 1}, "prediction": 3}]),
    ],
)
def test_common_exchanges_are_understood(request_: Any, response: Any, expected: list[dict[str, Any]]) -> None:
    assert default_extract(request_, response) == expected


@pytest.mark.parametrize(
    ("request_", "response"),
    [({"x": 1}, {"answer": 2}), ([1], [2]), ({"instances": [{"x": 1}]}, [1, 2]), ([{"x": 1}], 2), (3, 4)],
)
def test_other_exchanges_are_told(request_: Any, response: Any) -> None:
    with pytest.raises(ValueError, match="give the middleware an extract function"):
        default_extract(request_, response)


# -- ASGI --------------------------------------------------------------------------------------------------------------
class Flight(BaseModel):
    distance: float


def fast(logged: Logged, **options: Any) -> TestClient:
    app = FastAPI()

    @app.post("/predict")
    def predict(flight: Flight) -> dict[str, Any]:
        if flight.distance < 0:
            raise ValueError("no distance")
        return {"prediction": flight.distance * 2, "note": "x" * 1000}

    @app.post("/other")
    def other(flight: Flight) -> float:
        return flight.distance

    plain = TestClient(app, raise_server_exceptions=False).post("/predict", json={"distance": 2})
    app = FastAPI()
    app.post("/predict")(predict)
    app.post("/other")(other)
    app.add_middleware(DriftdeckASGI, client=logged.client, model="eta", **options)
    watched = TestClient(app, raise_server_exceptions=False)
    answer = watched.post("/predict", json={"distance": 2})
    assert (answer.status_code, answer.headers, answer.content) == (plain.status_code, plain.headers, plain.content)
    return watched


def test_fastapi_exchanges_are_logged(logged: Logged) -> None:
    app = fast(logged)
    app.post("/other", json={"distance": 3})
    app.get("/predict")
    (row,) = logged.rows()
    assert row["features"] == {"distance": 2}
    assert row["prediction"] == 4.0
    assert row["latency_ms"] > 0


def test_failed_exchanges_are_no_predictions(logged: Logged) -> None:
    app = fast(logged)
    assert app.post("/predict", json={"distance": -1}).status_code == 500
    assert app.post("/predict", json={"distance": "far"}).status_code == 422
    assert len(logged.rows()) == 1
    assert logged.client.stats().errors == 0


def test_fastapi_exchanges_are_read_by_ones_own_function(logged: Logged) -> None:
    def extract(request: Any, response: Any) -> list[dict[str, Any]]:
        return [{"features": request, "prediction": response["prediction"], "prediction_id": f"n{i}"} for i in (1, 2)]

    fast(logged, extract=extract)
    assert [row["prediction_id"] for row in logged.rows()] == ["n1", "n2"]


def test_an_extract_function_that_fails_is_counted(logged: Logged) -> None:
    fast(logged, extract=lambda request, response: response["nothing"])
    assert logged.rows() == []
    assert logged.client.stats().errors == 1
    assert logged.last_error() == "KeyError: 'nothing'"


def test_large_bodies_pass_unlogged_and_are_counted(logged: Logged) -> None:
    fast(logged, max_body=500)
    assert logged.rows() == []
    assert "more than max_body=500" in logged.last_error()


def test_an_asgi_answer_in_parts_goes_through_part_by_part_and_is_logged_after_the_last(logged: Logged) -> None:
    sent: list[tuple[dict[str, Any], int]] = []
    parts = [b'{"x"', b": 1}"]
    pending = [{"type": "http.request", "body": part, "more_body": part is parts[0]} for part in parts]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"predic', "more_body": True})
        await send({"type": "http.response.body", "body": b'tion": 7}'})

    async def receive() -> dict[str, Any]:
        return pending.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append((message, logged.client.stats().queued))

    scope = {"type": "http", "method": "POST", "path": "/eta"}
    watched = DriftdeckASGI(app, logged.client, "eta", path=lambda path: path.startswith("/e"))
    asyncio.run(watched(scope, receive, send))  # type: ignore[arg-type]
    assert [message["type"] for message, _ in sent] == ["http.response.start"] + ["http.response.body"] * 2
    assert [queued for _, queued in sent] == [0, 0, 0]
    (row,) = logged.rows()
    assert (row["features"], row["prediction"]) == ({"x": 1}, 7)


# -- WSGI --------------------------------------------------------------------------------------------------------------
def serve(app: Callable[..., Iterable[bytes]], body: bytes, path: str = "/predict", method: str = "POST") -> bytes:
    """Have wsgiref answer one request; returns the answer with its headers."""
    out = io.BytesIO()
    environ = {
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "SCRIPT_NAME": "",
    }
    handler = SimpleHandler(io.BytesIO(body), out, io.StringIO(), environ, multithread=False, multiprocess=False)
    handler.run(app)
    lines = out.getvalue().split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.0 ")
    return b"\r\n".join(line for line in lines if not line.startswith(b"Date:"))


def whole(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    request = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK", [JSON])
    return [json.dumps({"prediction": request["x"] * 2}).encode()]


def in_parts(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    request = json.loads(b"".join(environ["wsgi.input"]))
    start_response("200 OK", [JSON])
    yield b'{"prediction": '
    yield str(request["x"] * 2).encode() + b"}"


def written(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    request = json.loads(b"".join([environ["wsgi.input"].readline(), *environ["wsgi.input"].readlines()]))
    write = start_response("200 OK", [JSON])
    write(b'{"prediction": ')
    return [str(request["x"] * 2).encode() + b"}"]


def filled(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """As Werkzeug reads, and so Flask."""
    stream, buffer = environ["wsgi.input"], bytearray(4)
    found = b""
    while size := stream.readinto(buffer):
        found += buffer[:size]
    start_response("200 OK", [JSON])
    return [json.dumps({"prediction": json.loads(found)["x"] * 2}).encode()]


def by_parts(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    stream = environ["wsgi.input"]
    request = json.loads(b"".join(iter(lambda: stream.read1(4), b"")))
    start_response("200 OK", [JSON])
    return [json.dumps({"prediction": request["x"] * 2}).encode()]


def on_flask(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    app = flask.Flask("service")

    @app.post("/predict")
    def predict() -> dict[str, Any]:
        return {"prediction": flask.request.get_json()["x"] * 2}

    app.add_url_rule("/other", view_func=predict, methods=["POST"], endpoint="other")
    environ.update({"SERVER_NAME": "here", "SERVER_PORT": "80", "wsgi.url_scheme": "http", "CONTENT_TYPE": JSON[1]})
    return app.wsgi_app(environ, start_response)


@pytest.mark.parametrize("app", [whole, in_parts, written, filled, by_parts, on_flask])
def test_wsgi_exchanges_are_logged_and_unchanged(logged: Logged, app: Any) -> None:
    body = b'{"x":\n 21}'
    watched = DriftdeckWSGI(app, logged.client, "eta")
    assert serve(watched, body) == serve(app, body)
    serve(watched, body, path="/other")
    serve(watched, body, method="PUT")
    (row,) = logged.rows()
    assert (row["features"], row["prediction"]) == ({"x": 21}, 42)
    assert row["latency_ms"] >= 0


def test_a_wsgi_answer_is_closed_before_it_is_logged(logged: Logged) -> None:
    order: list[tuple[str, int]] = []

    class Answer:
        def __iter__(self) -> Iterator[bytes]:
            order.append(("sent", logged.client.stats().queued))
            yield b"1.5"

        def close(self) -> None:
            order.append(("closed", logged.client.stats().queued))

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read(8)
        start_response("200 OK", [JSON])
        return Answer()

    serve(DriftdeckWSGI(app, logged.client, "eta"), b'{"x": 1}')
    assert order == [("sent", 0), ("closed", 0)]
    assert [row["prediction"] for row in logged.rows()] == [1.5]


@pytest.mark.parametrize(
    ("status", "header"),
    [("404 Not Found", JSON), ("200 OK", ("Content-Type", "text/html")), ("200 OK", ("Content-Encoding", "gzip"))],
)
def test_other_wsgi_answers_pass(logged: Logged, status: str, header: tuple[str, str]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(8)
        start_response(status, [header] if header == JSON else [header, ("X-Other", "1")])
        return [b"1.5"]

    assert b"1.5" in serve(DriftdeckWSGI(app, logged.client, "eta"), b'{"x": 1}')
    assert logged.rows() == []
    assert logged.client.stats().errors == 0


def test_a_request_that_the_application_did_not_read_is_counted(logged: Logged) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [JSON])
        return [b"1.5"]

    assert b"1.5" in serve(DriftdeckWSGI(app, logged.client, "eta"), b'{"x": 1}')
    assert logged.client.stats().errors == 1


def test_a_path_function_that_fails_is_counted_and_the_call_passes(logged: Logged) -> None:
    watched = DriftdeckWSGI(whole, logged.client, "eta", path=lambda path: path[1000] == "/")
    assert serve(watched, b'{"x": 1}') == serve(whole, b'{"x": 1}')
    assert logged.client.stats().errors == 1
