"""kill -9 of a server under HTTP appends: what was acknowledged is there, and after the client's retry everything once."""

import http.client
import json
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from service.local import LocalWorkspace
from tests.faults import victim_http
from tests.faults.test_kill import forkserver

__all__ = ["forkserver"]  # a fixture
ROWS, CLIENTS = 20, 4
POINTS = ["writer.begin", "append.after_rows", "writer.before_commit", "writer.after_commit"]


def body(batch: int) -> bytes:
    """Rows of a batch: of every second batch without ids, which only the key can tell apart."""
    rows = [
        {"event_time": f"2013-02-{1 + batch % 28:02}T00:{n:02}:00Z", "features": {"batch": batch}, "prediction": n}
        | ({"prediction_id": f"{batch}-{n}"} if batch % 2 else {})
        for n in range(ROWS)
    ]
    return json.dumps({"rows": rows}).encode()


@dataclass
class Client:
    """Posts batches under keys of their own; one that was not answered comes first the next time."""

    told: set[int] = field(default_factory=set)
    waiting: list[int] = field(default_factory=list)
    following: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, port: int, until: int | None = None) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            self._post_all(connection, until)

    def _post_all(self, connection: http.client.HTTPConnection, until: int | None) -> None:
        while True:
            with self.lock:
                batch = self.waiting.pop() if self.waiting else self.following
                if until is not None and batch == self.following >= until:
                    return
                self.following += batch == self.following
            try:
                headers = {"content-type": "application/json", "idempotency-key": f"k{batch}"}
                connection.request("POST", "/api/v1/models/m/logs", body(batch), headers)
                with connection.getresponse() as answer:
                    content = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                with self.lock:
                    self.waiting.append(batch)
                return
            assert (answer.status, content["accepted"], content["rejected"]) == (200, ROWS, []), content
            with self.lock:
                self.told.add(batch)

    def everywhere(self, port: int, until: int | None = None) -> list[threading.Thread]:
        threads = [threading.Thread(target=self.work, args=(port, until)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads


@contextmanager
def serving(forkserver: BaseContext, folder: Path, fault: str = "") -> Iterator[tuple[int, object]]:
    """Run a server; gives its port and its process."""
    place = folder.with_suffix(".port")
    place.unlink(missing_ok=True)
    process = forkserver.Process(target=victim_http.main, args=(folder, place, fault))  # type: ignore[attr-defined]
    process.start()
    try:
        while not place.exists():
            assert process.is_alive(), "the server did not start"
            threading.Event().wait(0.01)
        yield int(place.read_text()), process
    finally:
        process.kill()
        process.join()


def stored(folder: Path) -> dict[int, int]:
    """Rows by batch; every id once."""
    with LocalWorkspace.open(folder) as workspace, workspace.core.db.cursor() as con:
        assert con.execute("SELECT count(*) - count(DISTINCT _id) FROM log_m").fetchall() == [(0,)]
        return dict(con.execute("SELECT batch::INTEGER, count(*) FROM log_m GROUP BY 1").fetchall())


def finish(forkserver: BaseContext, folder: Path, client: Client) -> None:
    """Have everything sent again that was not answered, and look for each batch once."""
    told, again = set(client.told), client.following + 2 * CLIENTS
    client.waiting += sorted(told)[:5]  # an answer may be lost on its way, too
    with serving(forkserver, folder) as (port, _):
        for thread in client.everywhere(port, until=again):
            thread.join()
    assert stored(folder) == dict.fromkeys(range(again), ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_server_killed_at_a_named_point(forkserver: BaseContext, tmp_path: Path, point: str) -> None:
    folder, client = tmp_path / "home", Client()
    with serving(forkserver, folder, f"{point}=kill@6") as (port, process):
        for thread in client.everywhere(port):
            thread.join()
        process.join()  # type: ignore[attr-defined]
        assert process.exitcode == -signal.SIGKILL  # type: ignore[attr-defined]
    kept = stored(folder)
    assert client.told <= kept.keys()
    assert set(kept.values()) <= {ROWS}
    finish(forkserver, folder, client)


def kill_at_random(forkserver: BaseContext, folder: Path, kills: int, seed: int) -> None:
    draw, client = random.Random(seed), Client()
    for _ in range(kills):
        with serving(forkserver, folder) as (port, process):
            threads = client.everywhere(port)
            threading.Event().wait(draw.uniform(0.0, 0.4))
            process.kill()  # type: ignore[attr-defined]
            for thread in threads:
                thread.join()
    kept = stored(folder)
    assert client.told <= kept.keys()
    assert set(kept.values()) <= {ROWS}
    assert client.told
    finish(forkserver, folder, client)


@pytest.mark.slow
def test_a_server_killed_at_random_moments(forkserver: BaseContext, tmp_path: Path) -> None:
    kill_at_random(forkserver, tmp_path / "home", 10, 20130430)


@pytest.mark.soak
def test_a_server_killed_at_two_hundred_random_moments(forkserver: BaseContext, tmp_path: Path) -> None:
    for part in range(10):
        kill_at_random(forkserver, tmp_path / f"home{part}", 20, part)
