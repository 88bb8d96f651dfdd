"""The client against the real API over a real workspace: what it sends is taken, once."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from driftdeck_client import Client, DriftdeckError
from service.api.app import api_routes
from service.local import LocalWorkspace
from service.security import Guard, policy
from service.settings import Settings
from tests.support.homes import empty

NOW = datetime(2024, 3, 1, tzinfo=UTC)
START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
DECLARATION = """
[models.eta]
task = "regression"
timezone = "Europe/Berlin"
label = "truth"
features = { distance = "numeric", "city name" = "categorical" }
"""


class Owner:
    """A workspace behind its API and guard, on a port that may be taken up again."""

    def __init__(self, home: Path, port: int = 0) -> None:
        self.workspace = LocalWorkspace.open(empty(home), now=lambda: NOW)
        settings = Settings(token="sesame")
        routes = api_routes(self.workspace, settings)
        app = Starlette(routes=routes, middleware=[Middleware(Guard, policy=policy(settings, "local"))])
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()
        self.workspace.close()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    with Owner(tmp_path / "home") as running:
        running.workspace.apply(DECLARATION)
        yield running


def row(i: int) -> dict[str, object]:
    return {"distance": i / 3, "city name": 'O\'Hare "x" 🛩'}


def test_predictions_and_labels_arrive_once_with_all_their_fields(owner: Owner) -> None:
    with Client(owner.url, "sesame", batch_rows=40) as client:
        ids = [client.log("eta", row(i), i * 2.0, latency_ms=1.5, model_version="v7") for i in range(100)]
        for name in ids[:60]:
            client.label("eta", name, 1.0)
        client.log("eta", row(0), 9.0, prediction_id=ids[0], model_version="v7")  # known already
        assert client.flush(60)
        assert client.stats()[:4] == (0, 161, 0, 0)
        assert client.stats().last_error is None
    counted = owner.workspace.model("eta")["rows"]
    assert (counted["logs"], counted["labels"]) == (100, 60)
    first = owner.workspace.rows("eta", START, END, limit=1000)["rows"]
    assert len(first) == 100
    assert {json_row["city name"] for json_row in first} == {'O\'Hare "x" 🛩'}


def test_a_bad_row_is_rejected_with_its_reason_and_the_others_are_kept(owner: Owner) -> None:
    with Client(owner.url, "sesame", flush_seconds=600) as client:
        client.log("eta", {"distance": "far", "city name": "Berlin"}, 1.0)
        client.log("eta", {"distance": float("nan"), "city name": None}, 1.0)
        assert client.flush(60)
        assert client.stats()[:4] == (0, 1, 1, 0)
        assert "distance" in str(client.stats().last_error)
    assert owner.workspace.model("eta")["rows"]["logs"] == 1


def test_rows_wait_for_a_model_to_be_declared(owner: Owner) -> None:
    with Client(owner.url, "sesame", flush_seconds=0.01) as client:
        client.log("late", row(1), 1.0)
        while client.stats().last_error is None:
            client.flush(0.1)
        assert client.stats()[:4] == (1, 0, 0, 0)
        assert "404" in str(client.stats().last_error)
        owner.workspace.apply(DECLARATION.replace("models.eta", "models.late"))
        while client.stats().queued:
            client.flush(0.1)
        assert client.stats()[:4] == (0, 1, 0, 0)
    assert owner.workspace.model("late")["rows"]["logs"] == 1


def test_rows_outlive_a_wrong_token(owner: Owner, tmp_path: Path) -> None:
    with Client(owner.url, "open", flush_seconds=0.01, spill_dir=tmp_path / "spill") as client:
        client.log("eta", row(1), 1.0)
        while not client.stats().spilled:
            client.flush(0.1)
        assert "401: who calls has to be known: send `Authorization: Bearer" in str(client.stats().last_error)
    with Client(owner.url, "sesame", spill_dir=tmp_path / "spill") as client:
        client.log("eta", row(2), 1.0)
        while client.stats().sent < 2:
            client.flush(0.1)
    assert owner.workspace.model("eta")["rows"]["logs"] == 2


def test_rows_logged_while_the_server_restarts_arrive_once(tmp_path: Path) -> None:
    with Owner(tmp_path / "home") as owner:
        owner.workspace.apply(DECLARATION)
        with Client(owner.url, "sesame", spill_dir=tmp_path / "spill") as client:
            client.log("eta", row(0), 0.0, prediction_id="p0")
            assert client.flush(60)
    with Client(owner.url, "sesame", flush_seconds=0.01, spill_dir=tmp_path / "spill") as client:
        for i in range(30):  # p0 is known already
            client.log("eta", row(i), float(i), prediction_id=f"p{i}")
    assert client.stats().queued == client.stats().spilled == 30
    with Owner(tmp_path / "home", owner.port) as again:
        with Client(again.url, "sesame", spill_dir=tmp_path / "spill") as client:
            client.log("eta", row(30), 30.0, prediction_id="p30")
            while client.stats().sent < 31:
                client.flush(60)
            assert client.stats()[:5] == (0, 31, 0, 0, 0)
        assert again.workspace.model("eta")["rows"]["logs"] == 31
    assert list((tmp_path / "spill").iterdir()) == []


def test_predict_says_what_the_server_says(owner: Owner) -> None:
    with Client(owner.url, "sesame") as client, pytest.raises(DriftdeckError, match="has no champion") as caught:
        client.predict("eta", {"distance": 1.0, "city name": "Berlin"})
    assert caught.value.status == 409
