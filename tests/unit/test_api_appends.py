"""Appends over HTTP into a real workspace: what is taken, what is refused in which words, and what lies in quarantine then."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from service.api.app import api_routes, build_api
from service.api.gather import Gatherer
from service.local import LocalWorkspace
from service.settings import Settings
from storage.database import Limits
from storage.faults import VARIABLE, reset
from storage.pace import Pace
from tests.support.homes import empty
from tests.unit.test_api import ARROW, PARQUET, arrow, parquet

LOGS, LABELS = "/api/v1/models/loans/logs", "/api/v1/models/loans/labels"
DECLARATION = """
[models.loans]
task = "binary"
positive = "yes"
id = "loan"
[models.loans.features]
"customer age" = "numeric"
plan = "categorical"
"""
GOOD: dict[str, Any] = {
    "prediction_id": "a",
    "event_time": "2026-11-20T09:30:00Z",
    "features": {"customer age": 31, "plan": "basic"},
    "prediction": "yes",
    "score": 0.7,
}
LINES = {"content-type": "application/x-ndjson"}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: datetime(2026, 11, 21, tzinfo=UTC)) as ws:
        ws.apply(DECLARATION)
        yield ws


@pytest.fixture
def client(workspace: LocalWorkspace) -> Iterator[TestClient]:
    settings = Settings(max_body_mb=1, max_pending_mb=1)
    api = build_api(workspace, settings)
    app = Starlette(routes=api_routes(workspace, settings, api=api))
    app.state.api = api
    with TestClient(app, raise_server_exceptions=False) as running:
        yield running


def row(name: str, **changes: Any) -> dict[str, Any]:
    return GOOD | {"prediction_id": name} | changes


def kept(workspace: LocalWorkspace, sql: str) -> list[tuple[Any, ...]]:
    with workspace.core.db.cursor() as con:
        return con.execute(sql).fetchall()


def logged(workspace: LocalWorkspace) -> list[str]:
    return [name for (name,) in kept(workspace, "SELECT _id FROM log_loans ORDER BY 1")]


@pytest.mark.parametrize(
    ("bad", "field", "value", "expected"),
    [
        (row("x", event_time="yesterday"), "event_time", "yesterday", "an ISO 8601 time"),
        (row("x", features=None), "features", None, "an object of columns"),
        (row("x", features={"plan": [1]}), "plan", "[1]", "text, a number"),
        (row("x", features={"customer age": "old"}), "customer age", "old", "a number"),
        (row(""), "prediction_id", "", "text that is not empty"),
        (row("i" * 10_000), "prediction_id", "i" * 199 + "…", "at most 1,024 bytes"),
        (row("x", feature={}), "feature", "{}", "one of context"),
        ({"prediction_id": "x", "event_time": "2026-11-20", "prediction": "yes"}, "features", None, "an object"),
        ("no row", "row", "no row", "an object with fields"),
    ],
)
@pytest.mark.parametrize("lines", [False, True])
def test_a_bad_row_is_named_and_quarantined_and_the_others_are_kept(
    client: TestClient, workspace: LocalWorkspace, bad: Any, field: str, value: str | None, expected: str, lines: bool
) -> None:
    rows = [row("a"), bad, row("c")]
    if lines:
        answer = client.post(LOGS, content="\n".join(map(json.dumps, rows)), headers=LINES)
    else:
        answer = client.post(LOGS, json=rows)
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected_rows"]) == (200, 2, 1)
    refused = answer.json()["rejected"][0]
    assert (refused["row"], refused["field"], refused["value"]) == (1, field, value)
    assert refused["expected"].startswith(expected)
    assert refused["error"]
    assert logged(workspace) == ["a", "c"]
    (entry,) = workspace.quarantine("loans")
    assert (entry["origin"], entry["row"], entry["field"], entry["value"]) == ("http", 1, field, value)
    assert entry["line"] == (2 if lines else None)


def test_a_line_that_is_no_json_costs_itself(client: TestClient, workspace: LocalWorkspace) -> None:
    body = f'{json.dumps(row("a"))}\n\n{{"prediction_id": \n{json.dumps(row("c"))}\n'
    answer = client.post(LOGS, content=body, headers=LINES).json()
    assert (answer["accepted"], answer["rejected_rows"]) == (2, 1)
    assert (answer["rejected"][0]["line"], answer["rejected"][0]["value"]) == (3, '{"prediction_id": ')
    (entry,) = workspace.quarantine("loans")
    assert (entry["line"], entry["content"]) == (3, '{"prediction_id": ')


def test_when_no_row_can_be_taken_the_status_says_so(client: TestClient, workspace: LocalWorkspace) -> None:
    answer = client.post(LOGS, json=[row("a", event_time="x"), 7])
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("row 0, event_time: 'x' is not an ISO 8601 time")
    assert answer.json()["error"].endswith("no row could be taken")
    assert workspace.model("loans")["rows"] == {"logs": 0, "labels": 0, "quarantined": 2}


@pytest.mark.parametrize(("path", "good"), [(LOGS, row("a")), (LABELS, {"prediction_id": "a", "label": "no"})])
def test_strict_stores_nothing_beside_a_bad_row(
    client: TestClient, workspace: LocalWorkspace, path: str, good: dict[str, Any]
) -> None:
    answer = client.post(f"{path}?strict=1", json=[good, {"prediction_id": "b"}])
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected_rows"]) == (422, 0, 1)
    assert "nothing was stored" in answer.json()["error"]
    assert workspace.model("loans")["rows"] == {"logs": 0, "labels": 0, "quarantined": 0}
    assert client.post(f"{path}?strict=1", json=[good]).json()["accepted"] == 1


def test_one_row_may_be_the_whole_body(client: TestClient, workspace: LocalWorkspace) -> None:
    flat = {"loan": "b", "event_time": GOOD["event_time"], "customer age": 40, "plan": "basic", "prediction": "no"}
    for row in (GOOD, flat, [GOOD | {"prediction_id": "c"}]):
        answer = client.post(LOGS, json=row)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert client.post(LABELS, json={"prediction_id": "a", "label": "yes"}).json()["accepted"] == 1
    assert workspace.model("loans")["rows"]["logs"] == 3
    bad = client.post(LOGS, json=GOOD | {"event_time": "soon"})
    assert (bad.status_code, bad.json()["rejected"][0]["field"]) == (422, "event_time")
    for body in ({}, {"rows": GOOD}, 5):
        answer = client.post(LOGS, json=body)
        assert (answer.status_code, "rejected" in answer.json()) == (422, False)
        assert "one row" in answer.json()["error"]
    assert "must be" in client.post("/api/v1/models/loans/references", json={"windw": "x"}).json()["error"]


@pytest.mark.slow
def test_the_documented_limits_are_those_of_the_door(client: TestClient, workspace: LocalWorkspace) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    body = next(of for path, of in paths.items() if path.endswith("/models/{model}/logs"))["post"]["requestBody"][
        "content"
    ]["application/x-ndjson"]
    log = body["schema"]["anyOf"][0]["properties"]
    longest = log["prediction_id"]["anyOf"][0]["maxLength"]
    assert log["latency_ms"]["anyOf"][0]["minimum"] == 0
    assert "maxLength" not in json.dumps(log["features"])
    fits = GOOD | {"prediction_id": "x" * longest, "model_version": "v" * longest, "latency_ms": 0}
    long_text = GOOD | {"prediction_id": 7, "features": {"customer age": "31", "plan": "p" * 200_000}}
    assert client.post(LOGS, json=[fits, long_text]).json()["accepted"] == 2
    beyond = [
        GOOD | {"prediction_id": "x" * (longest + 1)},
        GOOD | {"model_version": "v" * (longest + 1)},
        *(GOOD | {"latency_ms": value} for value in (-1, -1e-9, "inf", "nan")),
    ]
    rejected = client.post(LOGS, json=beyond).json()["rejected"]
    assert [entry["field"] for entry in rejected] == ["prediction_id", "model_version", *["latency_ms"] * 4]
    assert rejected[2]["value"] == "-1.0"
    assert "a finite number of milliseconds, 0 or more" in rejected[2]["error"]


def test_a_key_that_comes_again_is_answered_as_before(client: TestClient, workspace: LocalWorkspace) -> None:
    rows = [{key: value for key, value in GOOD.items() if key != "prediction_id"}, 7]  # the server makes the id
    key = {"idempotency-key": "k1"}
    first = client.post(LOGS, json=rows, headers=key)
    again = client.post(LOGS, json=rows, headers=key)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert workspace.model("loans")["rows"] == {"logs": 1, "labels": 0, "quarantined": 1}
    other = client.post(LOGS, json=[row("b")], headers=key)
    assert (other.status_code, "came with other rows before" in other.json()["error"]) == (422, True)
    assert len(logged(workspace)) == 1
    assert client.post(LABELS, json=[{"prediction_id": "b", "label": "yes"}], headers=key).json()["accepted"] == 1
    assert client.post(LOGS, json=rows, headers={"idempotency-key": "k2"}).json()["accepted"] == 1


def test_without_a_key_ids_tell_what_came_before(client: TestClient, workspace: LocalWorkspace) -> None:
    assert client.post(LOGS, json=[row("a"), row("b"), row("a")]).json()["duplicates"] == 1
    again = client.post(LOGS, json=[row("b"), row("a", model_version="v2")]).json()
    assert (again["accepted"], again["duplicates"]) == (1, 1)
    assert logged(workspace) == ["a", "a", "b"]


def test_requests_that_wait_together_are_told_apart(client: TestClient, workspace: LocalWorkspace) -> None:
    busy, release, answers = threading.Event(), threading.Event(), {}

    def hold(_con: object) -> None:
        busy.set()
        release.wait()

    def post(number: int) -> None:
        rows = [row(f"{number}"), row("shared"), 7][: 2 + number % 2]
        answers[number] = client.post(LOGS, json=rows, headers={"idempotency-key": f"k{number // 2}"}).json()

    client.post(LOGS, json=[row("first")])
    threads = [threading.Thread(target=workspace.core.db.write, args=(hold,))]
    threads[0].start()
    busy.wait()
    threads += [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for thread in threads[1:]:
        thread.start()
    gatherer: Gatherer = client.app.state.api.state.gatherer  # type: ignore[attr-defined]
    while gatherer.waiting < 8 or not workspace.core.db._queue.qsize():
        threading.Event().wait(0.001)
    release.set()
    for thread in threads:
        thread.join()
    taken = {number: answer for number, answer in answers.items() if "accepted" in answer}
    assert len(taken) == 4  # of two with one key and other rows, one
    assert logged(workspace) == sorted(["first", "shared", *map(str, taken)])
    assert sum(answer["duplicates"] for answer in taken.values()) == 3
    assert all(answer["rejected_rows"] == number % 2 for number, answer in taken.items())


@pytest.mark.parametrize(("encode", "headers"), [(arrow, ARROW), (parquet, PARQUET)])
def test_tables_are_judged_by_the_same_rules(
    client: TestClient, workspace: LocalWorkspace, encode: Any, headers: dict[str, str]
) -> None:
    times = pa.array([datetime(2026, 11, 20, tzinfo=UTC)] * 3)
    table = pa.table({"loan": ["a", "b", "c"], "event_time": times, "customer age": ["1", "old", "3"]})
    answer = client.post(LOGS, content=encode(table), headers=headers).json()
    assert (answer["accepted"], answer["rejected_rows"]) == (2, 1)
    refused = {"row": 1, "field": "customer age", "value": "old", "expected": "a number"}
    assert answer["rejected"][0].items() >= refused.items()
    assert logged(workspace) == ["a", "c"]


def test_numbers_keep_their_digits_and_python_its_nan(client: TestClient, workspace: LocalWorkspace) -> None:
    text = json.dumps([row("a", prediction_id=123456789012345678901, features={"customer age": float("nan")})])
    assert client.post(LOGS, content=text, headers={"content-type": "application/json"}).json()["accepted"] == 1
    assert kept(workspace, 'SELECT _id, isnan("customer age") FROM log_loans') == [("123456789012345678901", True)]


def test_a_class_has_its_score(client: TestClient, workspace: LocalWorkspace) -> None:
    for score, name in (({"yes": 0.25, "no": 0.75}, "a"), (0.5, "b")):
        client.post(LOGS, json=[row(name, score=score)])
    assert kept(workspace, "SELECT _id, _score FROM log_loans ORDER BY 1") == [("a", 0.25), ("b", 0.5)]


# -- when it is too much ---------------------------------------------------------------------------------------------


def test_bodies_beyond_what_may_wait_are_told_when_to_come_again(client: TestClient, workspace: LocalWorkspace) -> None:
    busy, release = threading.Event(), threading.Event()

    def hold(_con: object) -> None:
        busy.set()
        release.wait()

    client.post(LOGS, json=[row("first")])
    holder = threading.Thread(target=workspace.core.db.write, args=(hold,))
    holder.start()
    busy.wait()
    padding = {"content": json.dumps([row("a")]) + " " * 700_000, "headers": {"content-type": "application/json"}}
    first = threading.Thread(target=client.post, args=(LOGS,), kwargs=padding)
    first.start()
    while workspace.core.db._queue.qsize() < 1:
        threading.Event().wait(0.001)
    answer = client.post(LOGS, content=json.dumps([row("b")]) + " " * 700_000, headers=padding["headers"])
    small = client.post(
        "/api/v1/models/loans/logs?strict=1", json=[7]
    )  # small ones still have room, and nothing to write
    release.set()
    for thread in (holder, first):
        thread.join()
    assert (answer.status_code, small.status_code) == (429, 422)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "nothing of this request was stored" in answer.json()["error"]
    assert logged(workspace) == ["a", "first"]
    assert client.post(LOGS, json=[row("b")]).json()["accepted"] == 1


def test_a_full_queue_is_429_at_once(client: TestClient, workspace: LocalWorkspace, monkeypatch) -> None:
    busy, release = threading.Event(), threading.Event()
    client.post(LOGS, json=[row("first")])
    db = workspace.core.db
    db._limits = Limits(queue=1)
    db._queue.maxsize = 1
    monkeypatch.setattr("service.local.ingest.PATIENCE", 0.01)

    def hold(_con: object) -> None:
        busy.set()
        release.wait()

    holders = [threading.Thread(target=db.write, args=(hold,)) for _ in range(2)]
    holders[0].start()
    busy.wait()
    holders[1].start()
    while db._queue.qsize() < 1:
        threading.Event().wait(0.001)
    answer = client.post(LOGS, json=[row("a")])
    release.set()
    for thread in holders:
        thread.join()
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert client.post(LOGS, json=[row("a")]).json()["accepted"] == 1


def test_a_full_disk_is_507_until_there_is_room(client: TestClient, workspace: LocalWorkspace, monkeypatch) -> None:
    assert client.post(LOGS, json=[row("a")]).json()["accepted"] == 1
    reset()
    monkeypatch.setenv(VARIABLE, "writer.before_commit=enospc")
    answer = client.post(LOGS, json=[row("b")])
    assert (answer.status_code, "is full" in answer.json()["error"]) == (507, True)
    assert client.post(LOGS, json=[row("a"), row("b")]).json()["accepted"] == 1
    assert logged(workspace) == ["a", "b"]


def test_pace_says_how_long_something_will_take() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    assert pace.seconds_for(1) == 60  # nobody knows
    for _ in range(4):
        pace.did(10)
        now[0] += 1
    assert pace.seconds_for(30) == 3  # ten a second
    assert pace.seconds_for(1) == 1
    now[0] += 20
    assert pace.seconds_for(1) == 60
