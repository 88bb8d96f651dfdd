"""What the client puts on disk: it outlives the service, keeps its order and its keys, and stays within its bound."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from driftdeck_client import Client, waiting
from tests.support.log_server import LogServer, free_port

LONG = 60.0
CLIENT = Path(__file__).parents[2] / "client"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.05)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.002)


def away(spill_dir: Path, port: int, *, rows: int, batch_rows: int = 10, start: int = 0) -> list[str]:
    """Log to a server that is not there, and end."""
    with Client(f"http://127.0.0.1:{port}", batch_rows=batch_rows, flush_seconds=0.01, spill_dir=spill_dir) as client:
        ids = [client.log("eta", {"x": i}, 1.0, prediction_id=f"p{i}") for i in range(start, start + rows)]
    stats = client.stats()
    assert stats.queued == stats.spilled >= rows
    assert stats.dropped == 0
    return ids


def run(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a service of a few lines in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(CLIENT)}, stdout=subprocess.PIPE, text=True)


def test_rows_of_an_ended_service_are_sent_by_the_next_in_order_under_their_keys(tmp_path: Path) -> None:
    port = free_port()
    ids = away(tmp_path, port, rows=35) + away(tmp_path, port, rows=5, start=35)
    keys = {json.loads(path.read_text().partition("\n")[0])["key"] for path in tmp_path.glob("*/*.jsonl")}
    assert len(keys) >= 5
    with LogServer(port) as server:
        with Client(server.url, flush_seconds=0.01, spill_dir=tmp_path) as client:
            until(lambda: client.stats().sent == 40)
            client.log("eta", {"x": 40}, 1.0, prediction_id="p40")
            assert client.flush(LONG)
        assert server.ids() == [*ids, "p40"]
        assert keys < {call.key for call in server.calls}
    assert list(tmp_path.iterdir()) == []


def test_few_rows_at_a_time_share_a_file(tmp_path: Path) -> None:
    client = Client(f"http://127.0.0.1:{free_port()}", flush_seconds=0.01, spill_dir=tmp_path)
    for _ in range(20):
        client.log("eta", {"x": 1}, 1.0)
        until(lambda: client.stats().spilled == client.stats().queued)
    assert len(list(tmp_path.glob("*/*.jsonl"))) <= 2  # the one that was tried, and the one that grows
    client.close()


def test_a_killed_service_loses_no_row_that_was_on_disk(tmp_path: Path) -> None:
    port = free_port()
    service = run(
        """
        import sys, time
        from driftdeck_client import Client
        client = Client(sys.argv[1], batch_rows=7, flush_seconds=0.01, spill_dir=sys.argv[2])
        for i in range(50):
            client.log("eta", {"x": i}, 1.0, prediction_id=f"p{i}")
        while client.stats().spilled < 50:
            time.sleep(0.005)
        print("all on disk", flush=True)
        time.sleep(600)
        """,
        f"http://127.0.0.1:{port}",
        tmp_path,
    )
    with service:
        assert service.stdout is not None
        assert service.stdout.readline() == "all on disk\n"
        service.send_signal(signal.SIGKILL)
    with LogServer(port) as server, Client(server.url, spill_dir=tmp_path) as client:
        until(lambda: client.stats().sent == 50)
        assert server.ids() == [f"p{i}" for i in range(50)]
        assert server.doubled == []


def test_what_the_dead_server_had_committed_is_not_doubled_after_both_restart(tmp_path: Path) -> None:
    port = free_port()
    with LogServer(port) as server:
        server.always = "die"
        with Client(server.url, flush_seconds=0.01, spill_dir=tmp_path) as client:
            client.log("eta", {"x": 1}, 1.0, prediction_id="p0")
            until(lambda: client.stats().spilled == 1)
        server.always = None
        with Client(server.url, spill_dir=tmp_path) as again:
            until(lambda: again.stats().sent == 1)
        assert server.ids() == ["p0"]
        assert len({call.key for call in server.calls}) == 1


def test_beyond_the_limit_on_disk_and_in_memory_the_newest_rows_are_dropped(tmp_path: Path) -> None:
    port = free_port()
    client = Client(
        f"http://127.0.0.1:{port}",
        buffer_rows=20,
        batch_rows=5,
        flush_seconds=0.01,
        spill_dir=tmp_path,
        spill_bytes=4000,
    )
    for i in range(200):
        client.log("eta", {"x": i}, 1.0, prediction_id=f"p{i}")
        until(lambda: not client._waiting.incoming)
    until(lambda: client.stats().queued - client.stats().spilled == 20)
    stats = client.stats()
    assert stats.dropped == 200 - stats.queued > 0
    assert 2000 < sum(path.stat().st_size for path in tmp_path.glob("*/*.jsonl")) <= 4000
    with LogServer(port) as server:
        assert client.flush(LONG)
        client.close()
        assert len(server.ids()) == stats.queued
        assert server.ids()[: stats.spilled] == [f"p{i}" for i in range(stats.spilled)]


def test_two_services_with_one_folder_leave_each_others_rows_alone(tmp_path: Path) -> None:
    port = free_port()
    first = Client(f"http://127.0.0.1:{port}", flush_seconds=0.01, spill_dir=tmp_path)
    first.log("eta", {"x": 1}, 1.0, prediction_id="first")
    until(lambda: first.stats().spilled == 1)
    second = Client(f"http://127.0.0.1:{port}", flush_seconds=0.01, spill_dir=tmp_path)
    second.log("eta", {"x": 1}, 1.0, prediction_id="second")
    until(lambda: second.stats().spilled == 1)
    assert first.stats().queued == second.stats().queued == 1
    with LogServer(port) as server:
        assert first.flush(LONG)
        assert second.flush(LONG)
        first.close()
        second.close()
        assert sorted(server.ids()) == ["first", "second"]
        assert server.doubled == []


def test_a_row_torn_by_a_crash_is_dropped_alone(tmp_path: Path) -> None:
    port = free_port()
    away(tmp_path, port, rows=5)
    path = max(tmp_path.glob("*/*.jsonl"))
    rows = len(path.read_bytes().splitlines()) - 1
    path.write_bytes(path.read_bytes()[:-9])
    with LogServer(port) as server, Client(server.url, spill_dir=tmp_path) as client:
        until(lambda: client.stats().sent == 4)
        until(lambda: client.stats().queued == 0)
        assert client.stats()[:4] == (0, 4, 0, 1)
        assert client.stats().last_error == "1 rows could not be read back from disk"
        assert rows >= 1
    assert list(tmp_path.iterdir()) == []


def test_a_strangers_file_is_left_alone_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "somebody"
    folder.mkdir()
    (folder / "notes.jsonl").write_text('{"a": 1}\n')
    with LogServer() as server, Client(server.url, flush_seconds=0.01, spill_dir=tmp_path) as client:
        client.log("eta", {"x": 1}, 1.0)
        assert client.flush(LONG)
        until(lambda: client.stats().errors == 1)
        assert "does not begin like a file of this client" in str(client.stats().last_error)
    assert (folder / "notes.jsonl").read_text() == '{"a": 1}\n'


def test_a_disk_that_takes_nothing_leaves_the_rows_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", flush_seconds=0.01, spill_dir=tmp_path / "file")
    client.log("eta", {"x": 1}, 1.0, prediction_id="p0")
    until(lambda: client.stats().errors > 0)
    assert client.stats()[:5] == (1, 0, 0, 0, 0)
    with LogServer(port) as server:
        assert client.flush(LONG)
        client.close()
        assert server.ids() == ["p0"]


def test_rows_whose_file_somebody_removed_are_counted_as_dropped(tmp_path: Path) -> None:
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", flush_seconds=0.01, spill_dir=tmp_path)
    client.log("eta", {"x": 1}, 1.0)
    until(lambda: client.stats().spilled == 1)
    next(tmp_path.glob("*/*.jsonl")).unlink()
    with LogServer(port) as server:
        assert client.flush(LONG)
        client.log("eta", {"x": 2}, 1.0, prediction_id="p1")
        assert client.flush(LONG)
        client.close()
        assert server.ids() == ["p1"]
    assert client.stats()[:5] == (0, 1, 0, 1, 0)


# -- the process ends, or forks ----------------------------------------------------------------------------------------
def test_rows_are_sent_when_the_process_ends_without_closing() -> None:
    with LogServer() as server:
        script = """
            import sys
            from driftdeck_client import Client
            client = Client(sys.argv[1], flush_seconds=600)
            for i in range(30):
                client.log("eta", {"x": i}, 1.0, prediction_id=f"p{i}")
            """
        with run(script, server.url) as service:
            assert service.wait() == 0
        assert server.ids() == [f"p{i}" for i in range(30)]


def test_a_forked_child_logs_its_own_rows_and_leaves_its_parents_alone(tmp_path: Path) -> None:
    with LogServer() as server:
        script = """
            import os, sys
            from driftdeck_client import Client
            client = Client(sys.argv[1], flush_seconds=600, spill_dir=sys.argv[2])
            mine = [client.log("eta", {"x": 1}, 1.0, prediction_id="parent")]
            pid = os.fork()
            if pid == 0:
                client.log("eta", {"x": 2}, 2.0, prediction_id="child")
                arrived = client.flush(60)
                os._exit(0 if arrived and client.stats().sent == 1 else 1)
            assert os.waitpid(pid, 0)[1] == 0
            assert client.stats().queued == 1
            assert client.flush(60)
            client.close()
            """
        with run(script, server.url, tmp_path) as service:
            assert service.wait() == 0
        assert server.ids() == ["child", "parent"]
        assert server.doubled == []
    assert list(tmp_path.iterdir()) == []
