"""A message stream as a source, against the cluster that librdkafka plays for tests."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from service.local import LocalWorkspace
from service.local import sources as runs
from storage.faults import VARIABLE, reset
from storage.sources import stream
from tests.support.homes import empty
from tests.support.source_home import MODEL, ids, logged, row, source

NOW = datetime(2024, 3, 1, tzinfo=UTC)


class Brokers:
    """A topic of four partitions; what is said is all said in one of them."""

    def __init__(self) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none", "log_level": 0})
        found = self._producer.list_topics(timeout=30).brokers
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in found.values())

    def say(self, *messages: Any, partition: int = 0) -> None:
        for message in messages:
            self._producer.produce(
                "sales", message if isinstance(message, bytes) else json.dumps(message), partition=partition
            )
        assert self._producer.flush(30) == 0

    def committed(self, group: str, partition: int = 0) -> int:
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group, "log_level": 0})
        try:
            (found,) = consumer.committed([TopicPartition("sales", partition)], timeout=30)
            return int(found.offset)
        finally:
            consumer.close()


def message(number: int) -> dict[str, Any]:
    return dict(zip(("pid", "at", "distance", "city", "guess"), row(number)[:5], strict=True))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch) -> Iterator[LocalWorkspace]:
    monkeypatch.setattr(runs, "_FIRST_PAUSE", 0.001)
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as opened:
        opened.apply(MODEL)
        yield opened


@pytest.fixture
def brokers() -> Brokers:
    return Brokers()


def listen(workspace: LocalWorkspace, brokers: Brokers, **declared: Any) -> None:
    workspace.apply(source(topic="sales", connection=brokers.address, **declared))


@pytest.mark.slow
def test_messages_are_taken_once_and_their_offsets_told_afterwards(workspace: LocalWorkspace, brokers: Brokers) -> None:
    brokers.say(*map(message, range(5)))
    brokers.say({"rows": [message(5), message(6)]}, [message(7)], partition=3)
    listen(workspace, brokers)
    done = workspace.run_source("sales")
    assert (done["state"], done["rows"], done["accepted"]) == ("done", 8, 8)
    assert done["position"] == "partition 0: 5, partition 3: 2"
    assert logged(workspace) == ids(range(8))
    assert brokers.committed("driftdeck-sales") == 5
    assert workspace.run_source("sales")["rows"] == 0
    brokers.say(message(8))
    assert workspace.run_source("sales")["rows"] == 1
    assert workspace.sources()[0]["place"] == f"sales at {brokers.address}"


def test_what_the_brokers_were_told_does_not_matter(workspace: LocalWorkspace, brokers: Brokers) -> None:
    """Rows without ids: only the offsets that are kept with them tell which have been taken."""
    without = [{key: value for key, value in message(number).items() if key != "pid"} for number in range(30)]
    brokers.say(*without)
    listen(workspace, brokers, chunk_rows=10)
    reset()
    os.environ[VARIABLE] = "append.after_rows=error@2"
    try:
        assert workspace.run_source("sales")["rows"] == 10
    finally:
        del os.environ[VARIABLE]
    consumer = Consumer({"bootstrap.servers": brokers.address, "group.id": "driftdeck-sales", "log_level": 0})
    consumer.commit(offsets=[TopicPartition("sales", 0, 29)], asynchronous=False)
    consumer.close()
    assert workspace.run_source("sales")["rows"] == 20
    assert logged(workspace, "distance") == [float(number) for number in range(30)]


def test_messages_that_are_no_rows_are_in_quarantine(workspace: LocalWorkspace, brokers: Brokers) -> None:
    brokers.say(
        message(0), b"\xff\x00{", b"[1, 2]", b'"text"', b"[" * 100_000, message(1) | {"distance": "far"}, message(2)
    )
    listen(workspace, brokers)
    done = workspace.run_source("sales")
    assert (done["accepted"], done["rejected"], done["rows"]) == (2, 5, 7)
    found = {entry["line"]: entry for entry in workspace.quarantine("eta")}
    assert found[1]["content"] == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}{"
    assert (found[2]["field"], found[2]["value"]) == ("message", "partition 0, offset 2")
    assert found[2]["expected"] == 'JSON: one row, or {"rows": […]}'
    assert str(found[2]["origin"]) == "source sales: sales, partition 0, offsets 0 to 6"
    assert len(found) == 5
    assert workspace.run_source("sales")["rows"] == 0


def test_a_transform_sees_messages_as_a_table(workspace: LocalWorkspace, brokers: Brokers) -> None:
    brokers.say(*({"nr": n, "when": row(n)[1], "x": n if n % 2 else str(n), "guess": 1} for n in range(4)))
    columns = {"nr": "pid", "when": "at"}
    listen(workspace, brokers, columns=columns, transform="SELECT * EXCLUDE (x), x::DOUBLE * 2 AS distance FROM rows")
    done = workspace.run_source("sales")
    assert (done["accepted"], done["error"]) == (4, None)
    assert logged(workspace, "_id, distance")[3] == ("3", 6.0)


def test_offsets_that_are_gone_are_told_of(workspace: LocalWorkspace, brokers: Brokers, caplog) -> None:
    brokers.say(*map(message, range(5)))
    listen(workspace, brokers)
    workspace.run_source("sales")
    assert stream._start(workspace.core.source("sales"), 0, {"offset": 5}, 0, 1, latest=False) == 0
    assert "the topic was made anew; it goes on at 0" in caplog.text
    assert stream._start(workspace.core.source("sales"), 0, {"offset": 5}, 9, 12, latest=False) == 9
    assert "offsets 5 to 8 are gone from the brokers" in caplog.text


def test_only_what_comes_from_now_on(workspace: LocalWorkspace, brokers: Brokers) -> None:
    brokers.say(message(0))
    listen(workspace, brokers, options={"auto.offset.reset": "latest"})
    assert workspace.run_source("sales")["rows"] == 0


@pytest.mark.parametrize(
    ("declared", "error"),
    [
        ({"topic": "slaes"}, "slaes at 127.0.0.1"),
        ({"options": {"no.such": "x"}}, "No such configuration property"),
        ({"options": {"seconds": "soon"}}, "option seconds of source 'sales': duration 'soon' is not understood"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(
    workspace: LocalWorkspace, brokers: Brokers, declared: dict, error: str
) -> None:
    brokers.say(message(0))
    workspace.apply(source(**({"topic": "sales", "connection": brokers.address, "retries": 1} | declared)))
    failed = workspace.run_source("sales")
    assert failed["state"] == "failed"
    assert error in str(failed["error"])


def test_secrets_of_a_client_are_shown_nowhere(workspace: LocalWorkspace, monkeypatch) -> None:
    monkeypatch.setattr(stream, "_ANSWER", 0.5)
    options = {
        "sasl.username": "ada",
        "sasl.password": "l0velace",
        "sasl.mechanism": "PLAIN",
        "security.protocol": "l0velace",
    }
    workspace.apply(source(topic="sales", connection="127.0.0.1:1", retries=0, options=options))
    failed = workspace.run_source("sales")
    assert failed["state"] == "failed"
    assert "l0velace" not in str(failed) + str(workspace.sources())
