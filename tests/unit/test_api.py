"""The HTTP API on a workspace that records how it was called."""

import gzip
import io
import json
import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from service import context
from service.api.app import api_routes
from service.api.page import render
from service.security import Guard, policy
from service.settings import Settings
from service.views import DemoView
from tests.support.recording_workspace import DECLARATION, RecordingWorkspace

LOGS, LABELS = "/api/v1/models/air_time/logs", "/api/v1/models/air_time/labels"
GOOD = {
    "prediction_id": "a",
    "event_time": "2013-06-04T12:00:00-04:00",
    "features": {"distance": 200},
    "prediction": 35.5,
}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}


@pytest.fixture
def workspace(tmp_path: Path) -> RecordingWorkspace:
    return RecordingWorkspace(tmp_path)


@pytest.fixture
def alive() -> dict[str, bool]:
    return {"scheduler": True}


@pytest.fixture
def client(workspace: RecordingWorkspace, alive: dict[str, bool]) -> Iterator[TestClient]:
    settings = Settings(max_body_mb=1, max_rows=1000, max_columns=100)
    routes = api_routes(workspace, settings, {"scheduler": lambda: alive["scheduler"]})
    app = Starlette(routes=routes, middleware=[Middleware(Guard, policy=policy(settings, "secret"))])
    with TestClient(app, "http://127.0.0.1:8501", raise_server_exceptions=False) as running:
        yield running


def arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


# -- data in -----------------------------------------------------------------------------------------------------------


def test_rows_reach_the_workspace_as_they_were_sent(client: TestClient, workspace: RecordingWorkspace) -> None:
    answer = client.post(f"{LOGS}?strict=1", json={"rows": [GOOD]}, headers={"idempotency-key": "k1"})
    expected = {"accepted": 1, "duplicates": 0, "rejected": [], "rejected_rows": 0}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert client.post(LABELS, json=[{"prediction_id": 7, "label": 41, "kind": "thumbs"}]).json()["accepted"] == 1
    (log, logged), (label, labelled) = workspace.recorded
    assert (log, logged["model"], logged["key"], logged["strict"], logged["origin"]) == (
        "log", "air_time", "k1", True, "http",
    )  # fmt: skip
    assert logged["data"].rows == [GOOD]
    assert (label, labelled["key"], labelled["strict"]) == ("label", None, False)
    assert labelled["data"].rows == [{"prediction_id": 7, "label": 41, "kind": "thumbs"}]


def test_a_key_comes_with_a_digest_of_its_body(client: TestClient, workspace: RecordingWorkspace) -> None:
    for rows in ([GOOD], [GOOD], [GOOD | {"prediction_id": "b"}]):
        client.post(LOGS, json=rows, headers={"idempotency-key": "k1"})
    client.post(LOGS, json=[GOOD])
    first, again, other, without = [called["data"].digest for _, called in workspace.recorded]
    assert first == again != other
    assert without is None


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_may_be_gzipped(client: TestClient, workspace: RecordingWorkspace, zipped: bool) -> None:
    body = "\n".join(json.dumps(GOOD | {"prediction_id": str(i)}) for i in range(3)).encode() + b"\n\n"
    headers = {"content-type": "application/jsonl"} | ({"content-encoding": "gzip"} if zipped else {})
    answer = client.post(LOGS, content=gzip.compress(body) if zipped else body, headers=headers)
    assert answer.json()["accepted"] == 3
    upload = workspace.recorded[0][1]["data"]
    assert (len(upload.rows), upload.lines) == (3, [1, 2, 3])


def test_a_line_that_is_no_json_stands_in_its_place(client: TestClient, workspace: RecordingWorkspace) -> None:
    body = b'{"a": 1}\n\n{"a": \n{"a": NaN, "b": 123456789012345678901}\n'
    client.post(LOGS, content=body, headers={"content-type": "application/x-ndjson"})
    upload = workspace.recorded[0][1]["data"]
    first, broken, last = upload.rows
    assert (first, upload.lines) == ({"a": 1}, [1, 3, 4])
    assert (broken.text, broken.error.startswith("line 3 is not JSON: ")) == ('{"a": ', True)
    assert (math.isnan(last["a"]), last["b"]) == (True, 123456789012345678901)


@pytest.mark.parametrize(("encode", "headers"), [(arrow, ARROW), (parquet, PARQUET)])
def test_tables_arrive_as_arrow(client: TestClient, workspace: RecordingWorkspace, encode, headers) -> None:
    table = pa.table({"prediction_id": ["a", "b"], "distance": [1.0, 2.0]})
    assert client.post(LOGS, content=encode(table), headers=headers).json()["accepted"] == 2
    assert workspace.recorded[0][1]["data"].rows.equals(table)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"lines": []}', {}, 422),
        (b"not arrow", ARROW, 400),
        (arrow(pa.table({"a": [1]}))[:-20], ARROW, 400),
        (b"not parquet", PARQUET, 400),
        (b"x", {"content-type": "text/csv"}, 415),
        (b"x", {"content-encoding": "br"}, 415),
        (b"not gzip", {"content-encoding": "gzip"}, 400),
        (gzip.compress(b'{"rows": []}', mtime=0)[:-4], {"content-encoding": "gzip"}, 400),
        (gzip.compress(b'{"rows": []}', mtime=0) + b"more", {"content-encoding": "gzip"}, 400),
        (json.dumps([GOOD] * 1001).encode(), {}, 413),
        (b"{}\n" * 1001, {"content-type": "application/x-ndjson"}, 413),
        (arrow(pa.table({"a": [1] * 1001})), ARROW, 413),
        (parquet(pa.table({"a": [1] * 1001})), PARQUET, 413),
        (json.dumps([GOOD | {"features": {f"f{n}": 1 for n in range(101)}}]).encode(), {}, 413),
        (arrow(pa.table({f"f{n}": [1] for n in range(101)})), ARROW, 413),
        (parquet(pa.table({f"f{n}": [1] for n in range(101)})), PARQUET, 413),
        (b" " * (2**20 + 1), {}, 413),
        (gzip.compress(b" " * (2**20 + 1), mtime=0), {"content-encoding": "gzip"}, 413),
        (parquet(pa.table({"a": pa.array([0] * 3_000_000)})), PARQUET, 413),
    ],
)  # fmt: skip
def test_bodies_that_cannot_be_taken_are_refused_in_words(
    client: TestClient, workspace: RecordingWorkspace, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post(LOGS, content=content, headers={"content-type": "application/json"} | headers)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["error"], str)
    assert workspace.recorded == []


def test_references_come_from_rows_or_from_a_past_window(client: TestClient, workspace: RecordingWorkspace) -> None:
    path = "/api/v1/models/air_time/references"
    assert client.post(path, json={"window": ["2013-01-01", "2013-03-05"]}).json()["version"] == 1
    assert client.post(f"{path}?version=4", json=[{"distance": 1}]).json()["version"] == 4
    assert client.post(path, content=parquet(pa.table({"distance": [1]})), headers=PARQUET).status_code == 200
    window, rows, table = [called["data"] for _, called in workspace.recorded]
    assert window == ("2013-01-01", "2013-03-05")
    assert rows.equals(table)
    assert client.post(path, json={"window": ["2013-01-01"]}).status_code == 422
    assert client.post(path, json=[1]).status_code == 422
    mixed = client.post(path, json=[{"distance": 1}, {"distance": "far"}])
    assert (mixed.status_code, "column 'distance'" in mixed.json()["error"]) == (422, True)


def test_predictions_answer_one_datapoint_or_many(client: TestClient, workspace: RecordingWorkspace) -> None:
    path = "/api/v1/models/air_time/predict"
    one = client.post(path, json={"datapoint": {"distance": 95}}).json()
    assert (one["prediction"], one["prediction_id"], one["model_version"]) == (100.0, "p0", "v1")
    assert len(client.post(path, json={"datapoints": [{"distance": 1}, {"distance": 2}]}).json()["predictions"]) == 2
    assert workspace.recorded[0][1]["datapoints"] == [{"distance": 95}]
    assert client.post(path, json={}).status_code == 422
    assert client.post(path, json={"datapoint": {}, "datapoints": []}).status_code == 422


# -- what is there -----------------------------------------------------------------------------------------------------


def test_lists_are_paged_and_say_how_long_they_are(client: TestClient, workspace: RecordingWorkspace) -> None:
    everything = workspace.windows("air_time")
    answer = client.get("/api/v1/models/air_time/windows?limit=2&offset=3")
    assert answer.json() == everything[3:5]
    assert answer.headers["x-total-count"] == str(len(everything))
    assert client.get("/api/v1/models/air_time/windows?limit=0").status_code == 422


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("models", lambda ws: ws.models()),
        ("models/air_time", lambda ws: ws.model("air_time")),
        ("models/air_time/readings", lambda ws: ws.readings("air_time")),
        ("readings?model=air_time", lambda ws: ws.readings("air_time")),
        ("models/air_time/performance", lambda ws: ws.performance("air_time")),
        ("models/air_time/heatmap", lambda ws: ws.heatmap("air_time")),
        ("models/air_time/drift", lambda ws: ws.drift_table("air_time")),
        ("models/air_time/columns/temp", lambda ws: ws.feature("air_time", "temp")),
        ("models/air_time/metrics", lambda ws: ws.metric_names("air_time")),
        ("models/air_time/markers", lambda ws: ws.markers("air_time")),
        ("models/air_time/versions", lambda ws: ws.versions("air_time")),
        ("models/air_time/alerts", lambda ws: ws.alerts("air_time")),
        ("alerts", lambda ws: ws.alerts()),
        ("jobs", lambda ws: ws.jobs()),
        ("timeline", lambda ws: ws.timeline()),
        ("audit", lambda ws: ws.audit()),
        ("health", lambda ws: ws.health()),
    ],
)  # fmt: skip
def test_reads_answer_what_the_workspace_answers(client: TestClient, workspace, path: str, expected) -> None:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    assert answer.json() == json.loads(json.dumps(expected(workspace)))


def test_the_declaration_is_toml(client: TestClient) -> None:
    answer = client.get("/api/v1/declaration")
    assert answer.text == DECLARATION
    assert answer.headers["content-type"].startswith("application/toml")


@pytest.mark.parametrize("path", ["models/none", "alerts/none", "jobs/none", "nowhere", "demo"])
def test_what_is_not_there_is_404_in_words(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]


# -- what can be done --------------------------------------------------------------------------------------------------


def test_actions_carry_the_actor(client: TestClient, workspace: RecordingWorkspace) -> None:
    assert client.post("/api/v1/apply", content="# nothing").status_code == 200
    assert workspace.recorded[-1][1]["actor"].startswith("api@")
    client.post("/api/v1/apply", content="# nothing", headers={"authorization": "Bearer secret"})
    assert workspace.recorded[-1] == ("apply", {"toml_text": "# nothing", "actor": "cli"})


def test_a_retrain_starts_one_job(client: TestClient, workspace: RecordingWorkspace) -> None:
    path = "/api/v1/models/air_time/retrain"
    answer = client.post(path, json={"until": "2013-06-04"}, headers={"idempotency-key": "click"})
    assert answer.status_code == 202
    assert workspace.recorded[-1][1]["request_key"] == "click"
    assert workspace.recorded[-1][1]["until"] == datetime(2013, 6, 4)  # noqa: DTZ001 - the model's zone
    assert client.post(path).status_code == 202
    busy = client.post(path, json={"alert_id": "busy"})
    assert (busy.status_code, busy.json()) == (409, {"error": "a job is running for air_time; wait until it has ended"})


def test_an_alert_is_acknowledged_with_a_comment(client: TestClient, workspace: RecordingWorkspace) -> None:
    alert = workspace.alerts()[0]
    answer = client.post(f"/api/v1/alerts/{alert['id']}/ack", json={"comment": "on it"})
    assert answer.json()["state"] == "acknowledged"


def test_versions_are_deployed_and_rolled_back(client: TestClient) -> None:
    path = "/api/v1/models/air_time/deployments"
    assert client.post(path, json={"version": "v1"}).json()["role"] == "champion"
    assert client.post(path, json={"version": "v1", "role": "king"}).status_code == 422
    assert client.post(path, json={"version": "v1", "role": "shadow", "share": 0.5}).status_code == 422
    back = client.post("/api/v1/models/air_time/rollback")
    assert (back.status_code, back.json()["error"]) == (
        409,
        "there is nothing to roll back to: v1 is the first version",
    )


def test_json_bodies_of_actions_are_limited_too(client: TestClient) -> None:
    large = {"datapoint": {"distance": "x" * 2**20}}
    assert client.post("/api/v1/models/air_time/predict", json=large).status_code == 413
    text = json.dumps(large).encode()
    chunks = (text[start : start + 65536] for start in range(0, len(text), 65536))  # without a length to go by
    answer = client.post(
        "/api/v1/models/air_time/predict", content=chunks, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert "max_body_mb" in answer.json()["error"]


def test_a_run_answers_what_it_did(client: TestClient) -> None:
    assert client.post("/api/v1/models/air_time/run").json()[0]["model"] == "air_time"
    assert client.post("/api/v1/run", json={"since": "2013-01-01"}).status_code == 200
    assert client.post("/api/v1/run", json={"since": "soon"}).status_code == 422


class Player:
    """A player that is where it was told to go."""

    until = ""

    def play(self, until: str) -> None:
        self.until = until

    def state(self) -> DemoView:
        return {
            "clock": "2013-06-04", "until": self.until, "playing": True, "progress": 0.5, "eta_seconds": None,
            "step": "replaying", "end": "2013-12-31",
        }  # fmt: skip


@pytest.mark.slow
def test_the_demo_is_played_on_where_there_is_one(client: TestClient) -> None:
    assert client.post("/api/v1/demo/play", json={"until": "2013-12-31"}).status_code == 404
    context.set_demo(Player())
    try:
        answer = client.post("/api/v1/demo/play", json={"until": "2013-12-31T00:00:00-05:00"})
    finally:
        context.set_demo(None)
    assert (answer.status_code, answer.json()["until"]) == (202, "2013-12-31T00:00:00-05:00")


def test_work_runs_beside_the_event_loop(client: TestClient, workspace: RecordingWorkspace) -> None:
    client.post(LOGS, json={"rows": [GOOD]})
    assert all("AnyIO worker thread" in name for name in workspace.threads)


# -- care --------------------------------------------------------------------------------------------------------------


def test_health_fails_when_the_stores_or_the_scheduler_are_dead(
    client: TestClient, workspace: RecordingWorkspace, alive: dict[str, bool]
) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "scheduler": "ok", "stores": "ok"})
    alive["scheduler"] = False
    assert client.get("/healthz").status_code == 503
    alive["scheduler"], workspace.dead = True, True
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["stores"]) == (503, "dead")


def test_metrics_parse_as_prometheus_text(client: TestClient) -> None:
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    assert families["driftdeck_models"].samples[0].value == 1
    severities = {sample.labels["severity"] for sample in families["driftdeck_alerts"].samples}
    assert severities == {"page", "notice"}
    assert {sample.labels["kind"] for sample in families["driftdeck_rows"].samples} == {"logs", "labels", "quarantined"}


def test_evidently_reports_come_in_a_sandbox(client: TestClient) -> None:
    answer = client.get("/reports/evidently/air_time/2013-04-30T00:00:00-04:00")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    rules = answer.headers["content-security-policy"]
    assert rules.startswith("sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'")
    assert "allow-same-origin" not in rules
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/reports/evidently/air_time/later").status_code == 400


def test_the_documentation_needs_nothing_from_the_network(client: TestClient) -> None:
    answer = client.get("/api/docs")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for forbidden in ("<script", "src=", "https://", "@import", "<link"):
        assert forbidden not in answer.text
    for path in client.get("/api/openapi.json").json()["paths"]:
        assert f"/api{path}" in answer.text


def test_the_documentation_escapes_what_it_shows() -> None:
    hostile = "<script>alert(1)</script>"
    operation = {"description": hostile, "parameters": [{"name": hostile, "in": "query", "schema": {"type": hostile}}]}
    page = render({"info": {"title": hostile, "description": hostile}, "paths": {f"/{hostile}": {"get": operation}}})
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


def test_an_unforeseen_error_says_nothing_of_the_inside(
    client: TestClient, workspace: RecordingWorkspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("inner detail")

    monkeypatch.setattr(workspace, "models", broken)
    answer = client.get("/api/v1/models")
    assert answer.status_code == 500
    assert "inner detail" not in answer.text
    assert "inner detail" in caplog.text
