"""The client against a server that works, refuses, hangs, errs and dies: nothing lost, nothing doubled, nobody kept waiting."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from driftdeck_client import Client, DriftdeckError, waiting
from tests.support.log_server import LogServer, free_port

LONG = 60.0  # an upper bound for waiting, never reached unless something is wrong


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.05)


@pytest.fixture
def server() -> Iterator[LogServer]:
    with LogServer() as running:
        yield running


@pytest.fixture
def client(server: LogServer) -> Iterator[Client]:
    with Client(server.url, "sesame", flush_seconds=0.01) as made:
        yield made


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.002)


def log(client: Client, count: int, model: str = "eta", start: int = 0) -> list[str]:
    ids = [f"p{i}" for i in range(start, start + count)]
    return [client.log(model, {"x": i}, float(i), prediction_id=name) for i, name in enumerate(ids)]


def test_what_is_logged_arrives_as_the_interface_says(server: LogServer, client: Client) -> None:
    name = client.log("eta/1", {"city": "Łódź", "x": 1}, 2.5, score=0.5, latency_ms=3.0, model_version="v1")
    client.label("eta/1", name, 2.0, label_time="2024-02-01T12:00")
    assert client.flush(LONG)
    first, second = sorted(server.calls, key=lambda call: call.path, reverse=True)
    assert first.path == "/api/v1/models/eta%2F1/logs"
    assert second.path == "/api/v1/models/eta%2F1/labels"
    assert first.headers["Authorization"] == "Bearer sesame"
    row = first.rows[0]
    assert row.pop("event_time").endswith("+00:00")
    assert row == {
        "prediction_id": name,
        "features": {"city": "Łódź", "x": 1},
        "prediction": 2.5,
        "score": 0.5,
        "latency_ms": 3.0,
        "model_version": "v1",
    }
    assert second.rows == [{"prediction_id": name, "label": 2.0, "label_time": "2024-02-01T12:00"}]
    assert client.stats() == (0, 2, 0, 0, 0, 0, None)


def test_rows_go_in_gzipped_batches_each_with_its_key(server: LogServer) -> None:
    with Client(server.url, batch_rows=100, flush_seconds=0.01) as client:
        ids = log(client, 1050)
        assert client.flush(LONG)
    assert server.ids() == ids
    assert max(len(call.rows) for call in server.calls) == 100
    assert len({call.key for call in server.calls}) == len(server.calls) >= 11
    assert any(call.headers["Content-Encoding"] == "gzip" for call in server.calls)


def test_the_caller_never_touches_network_or_disk(
    monkeypatch: pytest.MonkeyPatch, server: LogServer, tmp_path: Any
) -> None:
    seen: dict[str, set[threading.Thread]] = {"network": set(), "disk": set()}
    connect, opened = socket.create_connection, os.open

    def watch_connect(*args: Any, **kwargs: Any) -> Any:
        seen["network"].add(threading.current_thread())
        return connect(*args, **kwargs)

    def watch_open(*args: Any, **kwargs: Any) -> int:
        seen["disk"].add(threading.current_thread())
        return opened(*args, **kwargs)

    server.plan = [503, 503, 503]
    client = Client(server.url, buffer_rows=100, flush_seconds=0.01, spill_dir=tmp_path)
    monkeypatch.setattr(socket, "create_connection", watch_connect)
    monkeypatch.setattr(os, "open", watch_open)
    log(client, 60)
    until(lambda: client.stats().spilled > 0 or client.stats().sent == 60)
    assert client.flush(LONG)
    monkeypatch.undo()
    client.close()
    assert seen["network"]
    assert threading.current_thread() not in seen["network"] | seen["disk"]


@pytest.mark.parametrize(
    "trouble",
    [
        [500, 502, 503],
        [(429, {"Retry-After": "0"}, "{}"), (503, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, "{}")],
        ["die", "die"],
        [(200, {}, "<html>log in first</html>"), (302, {"Location": "/login"}, "")],
    ],
    ids=["errors", "busy", "dies after commit", "somebody else answers"],
)
def test_a_batch_comes_again_under_its_key_until_it_is_answered(
    server: LogServer, client: Client, trouble: list[Any]
) -> None:
    server.plan = list(trouble)
    ids = log(client, 3)
    assert client.flush(LONG)
    assert sorted(server.ids()) == ids
    assert server.doubled == []
    first = server.calls[: len(trouble) + 1]
    assert len({call.key for call in first}) == 1
    assert len({tuple(call.ids) for call in first}) == 1
    assert client.stats()[:5] == (0, 3, 0, 0, 0)


def test_a_server_that_hangs_keeps_nothing_from_the_disk_and_gets_it_all_later(
    server: LogServer, tmp_path: Any
) -> None:
    server.plan = ["hang"]
    with Client(
        server.url, buffer_rows=20, batch_rows=5, flush_seconds=0.01, spill_dir=tmp_path, timeout=LONG
    ) as client:
        ids = log(client, 1)
        server.hanging.wait()
        for start in range(1, 100, 5):
            ids += log(client, 5, start=start)
            until(lambda: client.stats().queued - client.stats().spilled <= 10)
        assert client.stats().sent == client.stats().dropped == 0
        server.let_go.set()
        assert client.flush(LONG)
    assert server.ids() == ids
    assert server.doubled == []
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_hangs_is_given_up_after_the_timeout(server: LogServer) -> None:
    server.plan = ["hang"]
    with Client(server.url, flush_seconds=0.01, timeout=0.2) as client:
        ids = log(client, 2)
        assert client.flush(LONG)
    assert sorted(server.ids()) == ids


def test_what_the_server_cannot_take_is_counted_and_not_sent_again(server: LogServer, client: Client) -> None:
    server.plan = [422]
    log(client, 1)
    assert client.flush(LONG)
    assert client.stats()[:4] == (0, 0, 1, 0)
    assert client.stats().last_error == "model 'eta': 422: told to answer 422"
    log(client, 1, start=1)
    assert client.flush(LONG)
    assert server.ids() == ["p1"]
    assert len(server.calls) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_rows_outlive_a_token_that_expired_and_a_model_not_yet_declared(
    server: LogServer, client: Client, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.always = status
    ids = log(client, 3)
    until(lambda: len(server.calls) > 3)
    assert client.stats()[:4] == (3, 0, 0, 0)
    assert client.stats().last_error == f"model 'eta': {status}: told to answer {status}"
    (warned,) = [record.getMessage() for record in caplog.records if record.name == "driftdeck_client"]
    assert f"{status}: told to answer {status}; rows are kept" in warned
    server.always = None
    assert client.flush(LONG)
    assert server.ids() == ids
    assert client.stats()[:4] == (0, 3, 0, 0)


def test_a_token_that_expired_holds_all_models_and_a_missing_model_only_itself(
    server: LogServer, client: Client
) -> None:
    server.always = lambda call: 404 if "/missing/" in call.path else None
    log(client, 1, model="missing")
    until(lambda: len(server.calls) > 1)
    ids = log(client, 5)
    until(lambda: client.stats().sent == 5)
    assert (server.ids(), client.stats().queued) == (ids, 1)
    server.always = lambda call: 401
    log(client, 1, start=5)
    until(lambda: "401" in str(client.stats().last_error) and client.stats().queued == 2)
    server.always = None
    assert client.flush(LONG)
    assert server.ids("missing") == ["p0"]


def test_a_model_nobody_declares_leaves_half_of_the_buffer_to_the_others(server: LogServer) -> None:
    server.always = lambda call: 404 if "/missing/" in call.path else None
    with Client(server.url, buffer_rows=20, batch_rows=1, flush_seconds=0.01) as client:
        log(client, 1, model="missing")
        until(lambda: len(server.calls) > 1)
        log(client, 40, model="missing", start=1)
        assert (client.stats().queued, client.stats().dropped) == (10, 31)
        assert "half of the buffer is kept for other models" in str(client.stats().last_error)
        ids = log(client, 10)
        until(lambda: server.ids() == ids)


def test_rows_of_a_model_not_yet_declared_wait_on_disk_for_the_next_process(server: LogServer, tmp_path: Path) -> None:
    server.always = 404
    with Client(server.url, flush_seconds=0.01, spill_dir=tmp_path) as client:
        ids = log(client, 4)
        until(lambda: client.stats().spilled == 4)
    assert client.stats()[:4] == (4, 0, 0, 0)
    server.always = None
    with Client(server.url, flush_seconds=0.01, spill_dir=tmp_path) as again:
        log(again, 1, start=4)
        until(lambda: again.stats().sent == 5)
    assert sorted(server.ids()) == [*ids, "p4"]


def test_a_bad_row_is_told_and_the_others_are_kept(server: LogServer, client: Client) -> None:
    rejected = '{"accepted": 0, "duplicates": 0, "rejected": [{"row": 0, "field": "features.x", "error": "no number"}]}'
    server.plan = [(200, {}, rejected)]
    log(client, 1)
    assert client.flush(LONG)
    assert client.stats()[:4] == (0, 0, 1, 0)
    assert client.stats().last_error == "model 'eta': row 0, features.x: no number"


def test_a_batch_too_large_for_the_server_goes_in_halves(server: LogServer) -> None:
    server.always = lambda call: 413 if len(call.rows) > 5 else None
    with Client(server.url, batch_rows=10, flush_seconds=LONG) as client:
        ids = log(client, 10)
        server.plan = [413, None, "die"]  # breaks off within the halves: both come again, under the same keys
        assert client.flush(LONG)
        assert client.stats()[:4] == (0, 10, 0, 0)
    assert sorted(server.ids()) == sorted(ids)
    assert server.doubled == []


def test_what_one_model_runs_into_does_not_stop_another(server: LogServer, client: Client) -> None:
    server.always = lambda call: 500 if "/bad/" in call.path else None
    log(client, 1, model="bad")
    until(lambda: len(server.calls) > 1)
    log(client, 5, model="good")
    until(lambda: client.stats().sent == 5)
    assert client.stats().queued == 1
    assert len(server.ids("good")) == 5
    server.always = None
    assert client.flush(LONG)
    assert server.ids("bad") == ["p0"]


def test_the_server_says_how_long_to_leave_it_alone(server: LogServer, client: Client) -> None:
    server.plan = [(429, {"Retry-After": "300"}, '{"error": "the queue is full"}')]
    log(client, 1)
    until(lambda: client.stats().last_error is not None)
    assert client._waiting.server.end() - time.monotonic() > 200
    assert not client.flush(0.05)
    assert len(server.calls) == 1
    assert client.stats().last_error == "model 'eta': 429: the queue is full"


def test_pauses_double_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.5)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 30.0)
    for failures, longest in [(0, 0.5), (1, 1.0), (5, 16.0), (6, 30.0), (5000, 30.0)]:
        pauses = [waiting.pause(failures) for _ in range(200)]
        assert longest / 2 <= min(pauses) < max(pauses) <= longest


def test_without_a_server_the_newest_rows_beyond_the_buffer_are_dropped_and_counted() -> None:
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", buffer_rows=20, flush_seconds=0.01)
    ids = log(client, 50)
    until(lambda: "did not answer" in (client.stats().last_error or ""))
    assert client.stats()[:4] == (20, 0, 0, 30)
    with LogServer(port) as server:
        assert client.flush(LONG)
        client.close()
        assert server.ids() == ids[:20]
    assert client.stats()[:5] == (0, 20, 0, 30, 0)


def test_closing_without_server_or_disk_counts_the_rest_as_dropped() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}")
    log(client, 3)
    client.close()
    client.close()
    log(client, 1)
    assert client.stats()[:4] == (0, 0, 0, 4)
    assert client.stats().last_error == "the client is closed"
    assert not [thread for thread in client._delivery._threads if thread.is_alive()]


def test_rows_logged_from_many_threads_all_arrive(server: LogServer, client: Client) -> None:
    threads = [threading.Thread(target=log, args=(client, 100, "eta", start)) for start in range(0, 800, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(LONG)
    assert sorted(server.ids()) == sorted(f"p{i}" for i in range(800))


def test_what_the_caller_does_to_its_features_later_is_not_logged(server: LogServer) -> None:
    with Client(server.url, flush_seconds=LONG) as client:
        features = {"x": 1}
        client.log("eta", features, 1.0)
        features["x"] = 2
        assert client.flush(LONG)
    assert server.stored["eta/logs"][0]["features"] == {"x": 1}


def test_a_row_that_cannot_be_written_is_rejected_alone(server: LogServer, client: Client) -> None:
    circle: dict[str, Any] = {}
    circle["x"] = circle
    client.log("eta", circle, 1.0)
    assert client.flush(LONG)
    assert client.stats()[:4] == (0, 0, 1, 0)
    log(client, 1)
    assert client.flush(LONG)
    assert client.stats()[:4] == (0, 1, 1, 0)
    assert server.ids() == ["p0"]


@pytest.mark.parametrize("url", ["driftdeck:8501", "ftp://driftdeck", "http://", "http://driftdeck/?a=1"])
def test_a_url_that_makes_no_sense_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="url must be like http"):
        Client(url)


def test_a_bound_that_makes_no_sense_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="buffer_rows must be above 0, not 0"):
        Client("http://driftdeck", buffer_rows=0)


# -- asking ------------------------------------------------------------------------------------------------------------
def answers(call: Any) -> tuple[int, dict[str, str], str]:
    import json

    found = [{"prediction": row["x"] * 2, "prediction_id": row["prediction_id"]} for row in call.rows]
    return 200, {}, json.dumps({"predictions": found})


def test_predict_answers_one_datapoint_or_many(server: LogServer, client: Client) -> None:
    server.always = answers
    assert client.predict("eta", {"x": 2, "prediction_id": "p1"}) == {"prediction": 4, "prediction_id": "p1"}
    assert [item["prediction"] for item in client.predict("eta", [{"x": 1}, {"x": 5}])] == [2, 10]


def test_predict_asks_again_under_the_same_ids_when_a_kept_connection_breaks(server: LogServer, client: Client) -> None:
    server.always = answers
    client.predict("eta", {"x": 1})
    server.plan = ["die"]
    assert client.predict("eta", {"x": 2})["prediction"] == 4
    assert server.calls[1].ids == server.calls[2].ids


def test_predict_says_what_is_wrong(server: LogServer, client: Client) -> None:
    server.plan = [(404, {}, '{"error": "there is no model eat"}')]
    with pytest.raises(DriftdeckError, match="model 'eat': 404: there is no model eat") as refused:
        client.predict("eat", {"x": 1})
    assert refused.value.status == 404
    with (
        Client(f"http://127.0.0.1:{free_port()}") as alone,
        pytest.raises(DriftdeckError, match="did not answer") as away,
    ):
        alone.predict("eta", {"x": 1})
    assert away.value.status is None
