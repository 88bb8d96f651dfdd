"""Sources: runs against real SQLite, each row once; transforms; failures that say why and hold no secret; schedules."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.declaration_file import DeclarationError
from service.local import LocalWorkspace
from service.local import sources as runs
from service.scheduling import Schedules
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from storage.faults import VARIABLE, reset
from storage.sources import masked, sql
from tests.support.homes import empty
from tests.support.source_home import MODEL, START, Sqlite, ids, logged, source

NOW = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch) -> Iterator[LocalWorkspace]:
    monkeypatch.setattr(runs, "_FIRST_PAUSE", 0.001)
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as opened:
        opened.apply(MODEL)
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path / "shop.db")


def selected(shop: Sqlite, **changes) -> str:
    declared: dict[str, Any] = {
        "sql": "SELECT * FROM predictions",
        "connection": shop.address,
        "watermark": "changed",
        "chunk_rows": 7,
    }
    return source(**(declared | changes))


def test_a_query_is_read_in_chunks_and_goes_on_where_it_ended(workspace: LocalWorkspace, shop: Sqlite) -> None:
    shop.add(range(100))
    assert workspace.apply(selected(shop))["created"] == ["sources.sales"]
    first = workspace.run_source("sales")
    assert (first["state"], first["rows"], first["accepted"], first["error"]) == ("done", 100, 100, None)
    assert first["position"] == "changed = 2024-01-01 00:09:00"
    assert logged(workspace) == ids(range(100))
    assert workspace.run_source("sales")["rows"] == 0
    shop.add([*range(100, 115), 93])  # p93 again: it was changed when p94 was, and is known by its id
    second = workspace.run_source("sales")
    assert (second["rows"], second["accepted"], second["duplicates"]) == (16, 15, 1)
    assert logged(workspace) == ids(range(115))


def test_rows_without_ids_are_not_doubled_either(workspace: LocalWorkspace, shop: Sqlite) -> None:
    shop.add([*range(20), *range(20)])  # every row twice, which is what the table says
    workspace.apply(selected(shop, sql="SELECT at, distance, guess, changed FROM predictions", chunk_rows=3))
    assert workspace.run_source("sales")["accepted"] == 40
    shop.add([19, 20])
    assert workspace.run_source("sales")["accepted"] == 2
    assert workspace.run_source("sales")["rows"] == 0


def test_a_query_without_watermark_needs_ids(workspace: LocalWorkspace, shop: Sqlite) -> None:
    shop.add(range(5))
    workspace.apply(source(sql="SELECT at, guess FROM predictions;", connection=shop.address))
    failed = workspace.run_source("sales")
    assert failed["state"] == "failed"
    assert "neither a watermark nor a prediction id" in str(failed["error"])
    workspace.apply(source(sql="SELECT * FROM predictions -- all\n;", connection=shop.address))
    assert [workspace.run_source("sales")[name] for name in ("accepted", "accepted")] == [5, 0]


def test_labels_come_by_a_source_of_their_own(workspace: LocalWorkspace, shop: Sqlite) -> None:
    shop.add(range(10))
    labels = "SELECT pid, guess + 1 AS truth, at FROM predictions WHERE distance >= 5"
    workspace.apply(selected(shop) + source("truth", into="labels", sql=labels, connection=shop.address))
    workspace.run_source("sales")
    assert workspace.run_source("truth")["accepted"] == 5
    assert workspace.model("eta")["rows"]["labels"] == 5


def test_values_that_cannot_be_taken_are_in_quarantine_with_their_source(
    workspace: LocalWorkspace, shop: Sqlite
) -> None:
    shop.add(range(3))
    shop.run("UPDATE predictions SET distance = 'far' WHERE pid = 'p1'")
    workspace.apply(selected(shop))
    assert workspace.run_source("sales")["rejected"] == 1
    (refused,) = workspace.quarantine("eta")
    assert (refused["field"], refused["value"], refused["origin"]) == ("distance", "far", "source sales")


def test_it_says_how_it_is_doing(workspace: LocalWorkspace, shop: Sqlite) -> None:
    workspace.apply(selected(shop))
    (view,) = workspace.sources()
    assert (view["state"], view["last_run"], view["lag_seconds"], view["kind"]) == ("waiting", None, None, "sql")
    shop.add(range(3))
    workspace.run_source("sales", trigger="schedule")
    workspace.run_source("sales")
    (view,) = workspace.sources()
    assert view["state"] == "ok"
    assert view["lag_seconds"] == (NOW - START - timedelta(minutes=2)).total_seconds()  # nothing new, and still so late
    history = workspace.source_runs("sales")
    assert [(run["trigger"], run["rows"]) for run in history] == [("manual", 0), ("schedule", 3)]
    assert workspace.source_runs("sales", limit=1) == history[:1]
    assert [entry["action"] for entry in workspace.audit() if entry["object"] == "sources.sales"] == ["pull"]


def test_one_run_at_a_time(workspace: LocalWorkspace, shop: Sqlite, monkeypatch) -> None:
    shop.add(range(3))
    workspace.apply(selected(shop))
    inside, free = threading.Event(), threading.Event()
    take = runs._append

    def slow(*arguments) -> None:
        inside.set()
        free.wait(20)
        take(*arguments)

    monkeypatch.setattr(runs, "_append", slow)
    thread = threading.Thread(target=workspace.run_source, args=("sales",))
    thread.start()
    assert inside.wait(20)
    (view,) = workspace.sources()
    assert view["state"] == "running"
    with pytest.raises(ConflictError, match="'sales' is running since"):
        workspace.run_source("sales")
    free.set()
    thread.join()
    assert workspace.sources()[0]["state"] == "ok"
    assert len(workspace.source_runs("sales")) == 1


def test_a_run_that_fails_half_way_goes_on_from_there(workspace: LocalWorkspace, shop: Sqlite, monkeypatch) -> None:
    shop.add(range(40))
    workspace.apply(selected(shop))
    reset()
    monkeypatch.setenv(VARIABLE, "append.after_rows=error@3")
    failed = workspace.run_source("sales")
    monkeypatch.delenv(VARIABLE)
    assert (failed["state"], failed["rows"]) == ("failed", 14)
    assert workspace.health()["failing_sources"] == ["sales"]
    assert workspace.run_source("sales")["rows"] == 26
    assert logged(workspace) == ids(range(40))
    assert workspace.health()["failing_sources"] == []


def test_what_may_pass_is_tried_again_in_the_same_run(workspace: LocalWorkspace, shop: Sqlite, monkeypatch) -> None:
    shop.add(range(20))
    workspace.apply(selected(shop, retries=3))
    tables, calls = sql._tables, []

    def shaky(*arguments):
        calls.append(1)
        for number, table in enumerate(tables(*arguments)):
            if len(calls) < 3 and number == 1:
                raise ConnectionResetError("connection reset by peer")
            yield table

    monkeypatch.setattr(sql, "_tables", shaky)
    done = workspace.run_source("sales")
    assert (done["state"], done["rows"], len(calls)) == ("done", 20, 3)
    assert logged(workspace) == ids(range(20))
    monkeypatch.setattr(sql, "_tables", lambda *_: (_ for _ in ()).throw(ConnectionResetError("connection reset")))
    assert "it may pass" in str(workspace.run_source("sales")["error"])


def test_closing_ends_a_run_after_its_chunk(
    tmp_path: Path, workspace: LocalWorkspace, shop: Sqlite, monkeypatch
) -> None:
    shop.add(range(30))
    workspace.apply(selected(shop))
    take = runs._append

    def then_close(core, *arguments) -> None:
        take(core, *arguments)
        core.closing.set()

    monkeypatch.setattr(runs, "_append", then_close)
    stopped = workspace.run_source("sales")
    assert (stopped["rows"], stopped["state"]) == (7, "failed")
    assert "goes on where this one was left" in str(stopped["error"])


def test_a_run_whose_process_died_is_shown_as_failed(tmp_path: Path, shop: Sqlite) -> None:
    home = tmp_path / "dead"
    with LocalWorkspace.open(home, now=lambda: NOW) as opened:
        opened.apply(MODEL + selected(shop))
        run = {
            "run_id": "r",
            "source": "sales",
            "state": "running",
            "trigger": "schedule",
            "started_at": NOW.isoformat(),
        }
        counts = dict.fromkeys(("rows", "accepted", "duplicates", "rejected"), 0)
        rest = dict.fromkeys(("ended_at", "seconds", "position", "error", "latest_event"))
        opened.core.control.append_source_run(run | counts | rest)
    with LocalWorkspace.open(home, now=lambda: NOW) as opened:
        (view,) = opened.source_runs("sales")
        assert view["state"] == "failed"
        assert str(view["error"]).startswith("ended with the process")
        assert opened.sources()[0]["state"] == "failed"


# -- declarations ------------------------------------------------------------------------------------------------------
def test_declarations_go_there_and_back(workspace: LocalWorkspace, shop: Sqlite, monkeypatch) -> None:
    monkeypatch.setenv("SHOP", shop.address)
    text = selected(shop, connection="${SHOP}", columns={"dist": "distance"}, options={"overlap": "1h"})
    workspace.apply(text)
    exported = workspace.export()
    assert 'connection = "${SHOP}"' in exported
    assert workspace.apply(exported)["unchanged"] == ["models.eta", "sources.sales"]
    monkeypatch.delenv("SHOP")
    assert "environment variable SHOP is not set" in str(workspace.run_source("sales")["error"])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"model": "eat"}, "line 3: sources.sales.model: there is no model 'eat'; declare it in this file or before; there are eta"),
        ({"schedule": "evry 5m"}, "line 7: sources.sales.schedule: schedule 'evry 5m' is not understood"),
        ({"read": "x.csv"}, "line 2: sources.sales: a source has exactly one of read, sql, topic and kind"),
        ({"chunk": 3}, "line 7: sources.sales.chunk: 'chunk' is not a key here; did you mean 'chunk_rows'?"),
        ({"connection": "${NOWHERE}"}, "line 5: sources.sales.connection: environment variable NOWHERE is not set"),
    ],
)  # fmt: skip
def test_a_bad_source_is_refused_with_its_line(
    workspace: LocalWorkspace, shop: Sqlite, changes: dict, problem: str
) -> None:
    declared = {"sql": "SELECT 1", "connection": shop.address, "watermark": "x"}
    with pytest.raises(DeclarationError) as caught:
        workspace.apply(source(**(declared | changes)))
    assert problem in str(caught.value)
    assert workspace.sources() == []


def test_a_source_that_reads_something_else_starts_anew_and_says_so(workspace: LocalWorkspace, shop: Sqlite) -> None:
    shop.add(range(10))
    workspace.apply(selected(shop))
    workspace.run_source("sales")
    assert "notes" not in workspace.apply(selected(shop, schedule="every 1h", chunk_rows=5))
    assert workspace.run_source("sales")["rows"] == 0
    told = workspace.apply(selected(shop, sql="SELECT * FROM predictions WHERE 1"))
    assert told["notes"] == ["sources.sales reads something else now, and starts from the beginning of it"]
    again = workspace.run_source("sales")
    assert (again["rows"], again["duplicates"]) == (10, 10)


# -- transforms --------------------------------------------------------------------------------------------------------
def test_names_are_mapped_before_a_select_over_the_rows(workspace: LocalWorkspace, shop: Sqlite) -> None:
    shop.add(range(10))
    raw = "SELECT pid AS number, at, distance AS metres, city, guess, changed FROM predictions"
    transform = "SELECT * REPLACE (distance / 1000 AS distance) FROM rows WHERE distance >= 5"
    workspace.apply(selected(shop, sql=raw, columns={"number": "pid", "metres": "distance"}, transform=transform))
    done = workspace.run_source("sales")
    assert (done["rows"], done["accepted"]) == (10, 5)
    assert logged(workspace, "_id, distance")[0] == ("p5", 0.005)
    assert workspace.run_source("sales")["rows"] == 0  # rows that were filtered out are read, too


@pytest.mark.parametrize(
    ("transform", "error"),
    [
        ("SELECT nonsense FROM rows", "nonsense"),
        ("SELECT * FROM read_csv('/etc/passwd')", "transform"),
        ("SELECT * FROM rows, rows AS b, range(1000000000) t(x), range(100000) u(y) ORDER BY x * y", "transform"),
    ],
)
def test_a_select_that_goes_wrong_names_source_and_chunk(
    workspace: LocalWorkspace, shop: Sqlite, transform: str, error: str, monkeypatch
) -> None:
    monkeypatch.setattr("storage.transform._SECONDS", 1.0)
    shop.add(range(10))
    workspace.apply(selected(shop, transform=transform))
    failed = workspace.run_source("sales")
    assert failed["state"] == "failed"
    assert str(failed["error"]).startswith("source 'sales', chunk 1 (7 rows), transform: ")
    assert error in str(failed["error"])
    assert failed["rows"] == 0


@pytest.mark.parametrize(
    "transform", ["DELETE FROM rows", "SELECT 1; SELECT 2", "selekt", "ATTACH 'x.db'", "COPY rows TO 'x'"]
)
def test_a_transform_is_one_select(workspace: LocalWorkspace, shop: Sqlite, transform: str) -> None:
    with pytest.raises(WorkspaceError, match="SELECT over the table rows"):
        workspace.apply(selected(shop, transform=transform))


FUNCTIONS = """
import pyarrow as pa
def twice(rows):
    return [rows, None, rows][:1]
def nothing(rows):
    return None
def broken(rows):
    raise ValueError("no such city")
def wrong(rows):
    return 7
"""


@pytest.mark.slow
def test_a_function_of_the_operators_own(workspace: LocalWorkspace, shop: Sqlite) -> None:
    folder = workspace.core.home.root / "transforms"
    folder.mkdir()
    (folder / "own.py").write_text(FUNCTIONS)
    shop.add(range(3))
    said = {}
    for name in ("broken", "wrong", "nothing", "twice"):
        workspace.apply(selected(shop, transform=f"own.py:{name}"))
        said[name] = workspace.run_source("sales")
        workspace.apply(selected(shop, sql=f"SELECT *, '{name}' AS x FROM predictions"))  # so that the next begins anew
    assert "transform: own.py:broken raised ValueError: no such city" in str(said["broken"]["error"])
    assert "own.py:wrong returned int; return an Arrow table" in str(said["wrong"]["error"])
    assert (said["nothing"]["state"], said["nothing"]["rows"], said["nothing"]["accepted"]) == ("done", 3, 0)
    assert said["twice"]["accepted"] == 0  # read already, by the same query
    assert workspace.run_source("sales")["accepted"] == 3


@pytest.mark.parametrize(
    ("transform", "error"),
    [
        ("../secrets.py:main", "is not SQL"),
        ("sub/../../secrets.py:main", "lies outside of"),
        ("/etc/x.py:main", "is not SQL"),
        ("missing.py:main", "there is no transform"),
    ],
)
def test_a_function_comes_from_its_folder_only(
    workspace: LocalWorkspace, shop: Sqlite, transform: str, error: str
) -> None:
    (workspace.core.home.root / "secrets.py").write_text("def main(rows): return rows")
    with pytest.raises(WorkspaceError, match=error):
        workspace.apply(selected(shop, transform=transform))


# -- errors and secrets ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("connection", "error"),
    [
        ("sqlite:////nowhere/at/all.db", "there is no SQLite file '/nowhere/at/all.db'"),
        ("nonsense", "is not an address; write one such as postgresql://"),
        ("hive://u:s3cr3t@h/db", "nothing installed speaks 'hive'"),
        ("mysql+pymysql://u:s3cr3t@h/db", "'mysql+pymysql' needs the package 'pymysql'"),
    ],
)
def test_what_cannot_be_reached_is_said_in_words(workspace: LocalWorkspace, connection: str, error: str) -> None:
    workspace.apply(source(sql="SELECT 1", connection=connection, watermark="x"))
    failed = workspace.run_source("sales")
    assert error in str(failed["error"])
    assert "s3cr3t" not in str(failed) + str(workspace.sources()) + str(workspace.audit())


def test_a_broken_query_is_not_tried_again(workspace: LocalWorkspace, shop: Sqlite) -> None:
    workspace.apply(selected(shop, sql="SELECT * FROM nowhere"))
    error = str(workspace.run_source("sales")["error"])
    assert "no such table: nowhere" in error
    assert error.endswith("check connection, sql and watermark")


def test_secrets_are_shown_nowhere(workspace: LocalWorkspace, tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("TOKEN", "hunter2hunter2")
    address = f"sqlite:///{tmp_path}/hunter2hunter2.db"
    workspace.apply(source(sql="SELECT 1", connection=address.replace("hunter2hunter2", "${TOKEN}"), watermark="x"))
    with caplog.at_level(logging.DEBUG):
        failed = workspace.run_source("sales")
    assert "***.db" in str(failed["error"])
    shown = f"{failed} {workspace.sources()} {workspace.source_runs('sales')} {workspace.audit()} {caplog.text}"
    assert "hunter2" not in shown + workspace.export()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ada:p%40ss@db:5432/x?sslmode=require", "postgresql://ada:***@db:5432/x?sslmode=require"),
        ("postgresql://ada:p@ss@db/x", "postgresql://ada:***@db/x"),
        ("redis://:pw@h", "redis://:***@h"),
        ("s3://bucket/day=*/x.parquet", "s3://bucket/day=*/x.parquet"),
        ("snowflake://u@acct/db?warehouse=w&token=abc", "snowflake://u@acct/db?warehouse=w&token=***"),
    ],
)
def test_addresses_are_shown_without_what_opens_them(address: str, shown: str) -> None:
    assert masked(address) == shown


@pytest.mark.parametrize(
    "call", [lambda ws: ws.run_source("salse"), lambda ws: ws.source_runs("salse")]
)  # fmt: skip
def test_a_source_that_is_not_there_is_named_with_those_that_are(
    workspace: LocalWorkspace, shop: Sqlite, call: Callable[[LocalWorkspace], object]
) -> None:
    workspace.apply(selected(shop))
    with pytest.raises(NotFoundError, match="there is no source 'salse'; this workspace has: sales"):
        call(workspace)


# -- schedules ---------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_each_source_has_a_schedule_of_its_own(workspace: LocalWorkspace, shop: Sqlite, tmp_path: Path) -> None:
    """One is read every second and always fails, one every second and does not; one every night."""
    shop.add(range(5))
    broken = source("broken", sql="SELECT * FROM nowhere", connection=shop.address, watermark="x", schedule="every 1s")
    nightly = selected(shop, schedule="0 2 * * *").replace("sources.sales", "sources.nightly")
    workspace.apply(selected(shop, schedule="every 1s") + broken + nightly)
    with Schedules(workspace, lambda: datetime.now(UTC)) as schedules:
        workspace.core.next_source_run = schedules.next_source_run
        due = {view["name"]: view["next_run"] for view in workspace.sources()}
        assert datetime.fromisoformat(str(due["nightly"])).hour == 2
        assert due["sales"] is not None
        for name, state in (("sales", "done"), ("broken", "failed")):
            wait(lambda name=name: len(finished(workspace, name)) >= 2)  # type: ignore[misc]
            assert {run["state"] for run in finished(workspace, name)} == {state}
        assert workspace.source_runs("nightly") == []
        shop.add(range(5, 9))
        wait(lambda: len(logged(workspace)) == 9)
    assert logged(workspace) == ids(range(9))


def test_what_was_due_while_nothing_ran_is_read_at_once(workspace: LocalWorkspace, shop: Sqlite) -> None:
    shop.add(range(5))
    workspace.apply(selected(shop, schedule="0 2 * * *") + selected(shop).replace("sources.sales", "sources.other"))
    workspace.run_source("sales", trigger="schedule")  # in the night of 1 March
    shop.add(range(5, 9))
    clock = datetime(2024, 3, 3, 12, tzinfo=UTC)
    with Schedules(workspace, lambda: clock):
        wait(lambda: len(finished(workspace, "sales")) == 2)
    assert workspace.source_runs("other") == []  # never read before: it waits for its time
    with Schedules(workspace, lambda: NOW + timedelta(minutes=1)):
        pass
    assert len(workspace.source_runs("sales")) == 2


def finished(workspace: LocalWorkspace, name: str) -> list:
    return [run for run in workspace.source_runs(name) if run["state"] != "running"]


def wait(condition: Callable[[], bool]) -> None:
    pause, left = threading.Event(), 600
    while not condition():
        assert left, "it did not happen"
        left -= 1
        pause.wait(0.05)
