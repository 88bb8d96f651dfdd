"""The examples that strangers copy: each runs, against a server that is busy and dies, and against the real one."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import urlopen

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from tests.support import served as serving
from tests.support.log_server import LogServer
from tests.support.served import EXAMPLES, clean, driftdeck, run

served = serving.served  # the fixture
CUSTOMER = {"customer age": 31, "monthly spend": 19.9, "plan": "basic", "has app": True}


@pytest.fixture
def server() -> Iterator[LogServer]:
    with LogServer() as running:
        yield running


@pytest.fixture(params=["javascript", "java", "python"])
def program(request: pytest.FixtureRequest) -> list[object]:
    """The command that runs the example of a language."""
    if request.param == "python":
        return [sys.executable, EXAMPLES / "log_from_service.py"]
    if request.param == "javascript":
        return [request.getfixturevalue("node"), EXAMPLES / "javascript" / "log.mjs"]
    return [request.getfixturevalue("java"), EXAMPLES / "java" / "Log.java"]


def counted(served: dict[str, str]) -> dict[str, int]:
    with urlopen(served["DECK_URL"] + "/api/v1/models/churn", timeout=30) as answer:
        return dict(json.load(answer)["rows"])


@pytest.mark.slow
def test_it_waits_as_a_busy_server_asks_and_doubles_nothing_when_an_answer_is_lost(
    program: list[object], server: LogServer
) -> None:
    server.plan = [(429, {"Retry-After": "1"}, '{"error": "the queue is full"}'), 503, "die"]
    run(program, clean() | {"DECK_URL": server.url})
    logs = [call for call in server.calls if call.path.endswith("/logs")]
    assert len({call.key for call in logs[:4]}) == 1
    assert [len(call.rows) for call in logs[:4]] == [len(logs[0].rows)] * 4
    assert server.doubled == []
    assert len(server.ids("churn")) == len(server.ids("churn", "labels")) == len(set(server.ids("churn"))) > 500


@pytest.mark.slow
def test_it_gives_up_at_once_when_it_is_refused(program: list[object], server: LogServer) -> None:
    server.always = 422
    done = subprocess.run(
        [str(word) for word in program],
        env=clean() | {"DECK_URL": server.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "422" in done.stderr
    assert len({call.key for call in server.calls}) == len(server.calls)  # nothing was sent twice


@pytest.mark.slow
def test_the_real_server_takes_its_rows_once(program: list[object], served: dict[str, str]) -> None:
    before = counted(served)
    first = run(program, served)
    after = counted(served)
    assert after["logs"] - before["logs"] > 500
    assert after["labels"] - before["labels"] == after["logs"] - before["logs"]
    assert after["quarantined"] == before["quarantined"]
    assert run(program, served) != first
    assert counted(served) == after


@pytest.mark.slow
def test_the_example_for_curl_sends_columns_too(served: dict[str, str], tmp_path: Path) -> None:
    parquet.write_table(five("parquet"), tmp_path / "rows.parquet")
    table = five("arrow")
    with pa.OSFile(str(tmp_path / "rows.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    columns = {"PARQUET": str(tmp_path / "rows.parquet"), "ARROW": str(tmp_path / "rows.arrow")}
    said = run(["bash", EXAMPLES / "curl.sh"], served | columns)
    assert [said.count(f'"accepted":{count}') for count in (1, 3, 5)] == [2, 2, 2]
    assert said.splitlines()[-1].startswith("[")


def five(name: str) -> pa.Table:
    """Return five customers in the names that the declaration gives to columns."""
    values = {
        "customer age": 40.0,
        "monthly spend": 25.0,
        "plan": "plus",
        "has app": True,
        "predicted": "no",
        "p_leaves": 0.2,
    }
    rows = [{"prediction_id": f"{name}-{i}", "event_time": datetime.now(UTC), **values} for i in range(5)]
    return pa.Table.from_pylist(rows)


# -- from inside a service ---------------------------------------------------------------------------------------------
@pytest.fixture
def service(
    request: pytest.FixtureRequest, server: LogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """An example service as a module of its own, sending to ``server``."""
    monkeypatch.setenv("DECK_URL", server.url)
    monkeypatch.setenv("SPILL_DIR", str(tmp_path / "spill"))
    monkeypatch.delenv("DRIFTDECK_TOKEN", raising=False)
    found = importlib.util.spec_from_file_location("example_service", EXAMPLES / f"{request.param}_service.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "example_service", module)
    found.loader.exec_module(module)
    yield module
    module.client.close()


@pytest.mark.parametrize("service", ["fastapi"], indirect=True)
def test_the_service_on_fastapi_logs_what_it_predicts_and_labels_later(service: ModuleType, server: LogServer) -> None:
    with TestClient(service.app) as asking:
        answer = asking.post("/predict", json=CUSTOMER).json()
        assert asking.post(f"/outcomes/{answer['prediction_id']}?left=no").json() == {"queued": True}
        assert asking.post("/outcomes/x?left=perhaps").status_code == 422
    _arrived(service, server, answer)


@pytest.mark.parametrize("service", ["flask"], indirect=True)
def test_the_service_on_flask_logs_what_it_predicts_and_labels_later(service: ModuleType, server: LogServer) -> None:
    asking = service.app.test_client()
    answer = asking.post("/predict", json=CUSTOMER, buffered=True).get_json()  # read to its end, as servers do
    assert asking.post(f"/outcomes/{answer['prediction_id']}?left=no").get_json() == {"queued": True}
    _arrived(service, server, answer)


def _arrived(service: ModuleType, server: LogServer, answer: dict[str, Any]) -> None:
    assert service.client.flush(60)
    (logged,) = server.stored["churn/logs"]
    (label,) = server.stored["churn/labels"]
    assert logged["features"] == CUSTOMER
    assert logged["latency_ms"] > 0
    assert {name: logged[name] for name in answer} == answer
    assert (label["prediction_id"], label["label"]) == (answer["prediction_id"], "no")


# -- extract, transform, load ------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_example_for_etl_fills_a_model_from_a_folder_and_a_database(tmp_path: Path) -> None:
    etl, warehouse = EXAMPLES / "etl", tmp_path / "warehouse"
    environment = clean() | {"DRIFTDECK_HOME": str(tmp_path / "home"), "WAREHOUSE": str(warehouse)}
    run([sys.executable, etl / "warehouse.py", warehouse], environment)
    shutil.copytree(etl / "transforms", tmp_path / "home" / "transforms")
    assert driftdeck(environment, "apply", etl / "driftdeck.toml")["created"] == [
        "models.subscribers",
        "sources.scored",
        "sources.outcomes",
    ]
    driftdeck(environment, "reference", "subscribers", warehouse / "training.csv")
    for path in warehouse.glob("scored/*.csv"):
        os.utime(path, (1, 1))  # as if it had been there for a while: the source leaves alone what is being written
    scored, outcomes = driftdeck(environment, "pull", "scored"), driftdeck(environment, "pull", "outcomes")
    assert (scored["accepted"], scored["rejected"]) == (420, 0)
    assert (outcomes["accepted"], outcomes["rejected"]) == (420, 0)
    assert driftdeck(environment, "pull", "scored")["rows"] == 0
    run([sys.executable, etl / "warehouse.py", warehouse, "--one-more-day"], environment)
    os.utime(max(warehouse.glob("scored/*.csv")), (2, 2))
    assert driftdeck(environment, "pull", "scored")["accepted"] == 60
    assert driftdeck(environment, "pull", "outcomes")["accepted"] == 60
    driftdeck(environment, "run", "subscribers")
    assert len(driftdeck(environment, "readings", "subscribers")) > 50
