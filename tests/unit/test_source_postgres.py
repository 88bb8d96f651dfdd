"""A real PostgreSQL as a source, by each driver: types, ties, late commits, failures."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.local import LocalWorkspace
from service.local import sources as runs
from storage.sources import sql
from tests.support import postgres
from tests.support.homes import empty
from tests.support.source_home import MODEL, logged, source

NOW = datetime(2024, 3, 1, tzinfo=UTC)
TABLE = """CREATE TABLE predictions (
    id bigserial PRIMARY KEY, pid uuid NOT NULL DEFAULT gen_random_uuid(), at timestamptz NOT NULL, distance numeric(12, 3),
    city text, guess double precision, changed timestamptz NOT NULL DEFAULT now(), tags text[], doc jsonb, raw bytea,
    fine boolean, day date, clock time, took interval, "Odd name" integer)"""
FILL = """INSERT INTO predictions (at, distance, city, guess, changed, tags, doc, raw, fine, day, clock, took, "Odd name")
SELECT timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i + 0.125, nullif('city ' || mod(i, 3), 'city 2'), 2.0 * i,
    timestamptz '2024-01-01 00:00+00' + (i / 50) * interval '1 minute', array['a', NULL, 'b'], '{"a": [1, 2]}', '\\x00ff',
    mod(i, 2) = 0, date '2024-01-01' + i, time '10:00', interval '90 seconds', i FROM generate_series(%d, %d) AS i"""


@pytest.fixture(scope="module")
def server(postgresql: Path) -> Iterator[str]:
    with postgres.server(postgresql) as address:
        yield address


@pytest.fixture
def database(server: str) -> str:
    postgres.execute(server, "DROP TABLE IF EXISTS predictions", TABLE)
    return server


@pytest.fixture(params=["adbc", "pg8000"])
def driver(request, monkeypatch) -> str:
    monkeypatch.setattr(sql, "_has_adbc", lambda: request.param == "adbc")
    return str(request.param)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch) -> Iterator[LocalWorkspace]:
    monkeypatch.setattr(runs, "_FIRST_PAUSE", 0.001)
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as opened:
        opened.apply(MODEL)
        yield opened


def follow(workspace: LocalWorkspace, database: str, **changes) -> None:
    declared: dict[str, Any] = {
        "sql": "SELECT * FROM predictions",
        "connection": database,
        "watermark": "changed",
        "chunk_rows": 70,
    }
    workspace.apply(source(**(declared | changes)))


@pytest.mark.slow
def test_a_table_is_followed_without_gaps_or_doubles(workspace: LocalWorkspace, database: str, driver: str) -> None:
    postgres.execute(database, FILL % (1, 500))
    follow(workspace, database)
    done = workspace.run_source("sales")
    assert (done["state"], done["rows"], done["accepted"], done["error"]) == ("done", 500, 500, None)
    assert done["position"] == "changed = 2024-01-01 00:10:00+00:00"
    assert workspace.run_source("sales")["rows"] == 0
    postgres.execute(database, FILL % (501, 520), FILL % (449, 450))  # of the last value, and late ones
    assert workspace.run_source("sales")["accepted"] == 22
    assert workspace.run_source("sales")["rows"] == 0
    assert len(set(logged(workspace))) == 522


@pytest.mark.slow
def test_rows_without_ids_and_with_the_same_watermark(workspace: LocalWorkspace, database: str, driver: str) -> None:
    postgres.execute(database, FILL % (1, 100), FILL % (1, 100))
    follow(
        workspace,
        database,
        sql='SELECT at, distance, guess, "Odd name" AS odd, changed FROM predictions',
        chunk_rows=30,
    )
    assert workspace.run_source("sales")["accepted"] == 200
    postgres.execute(database, FILL % (100, 101))
    assert workspace.run_source("sales")["accepted"] == 2
    assert workspace.run_source("sales")["rows"] == 0


def test_every_type_becomes_something(tmp_path: Path, database: str, driver: str) -> None:
    columns = {
        "distance": "numeric",
        "city": "categorical",
        "tags": "categorical",
        "doc": "categorical",
        "raw": "categorical",
    }
    columns |= {"fine": "boolean", "day": "datetime", "clock": "text", "took": "text", "odd": "numeric"}
    features = "\n".join(f'{name} = "{kind}"' for name, kind in columns.items())
    model = MODEL.partition("[models.eta.features]")[0] + f"[models.eta.features]\n{features}\n"
    postgres.execute(database, FILL % (1, 3), "INSERT INTO predictions (at, guess) VALUES ('2024-01-05', 7)")
    with LocalWorkspace.open(tmp_path / "types", now=lambda: NOW) as workspace:
        workspace.apply(model)
        query = 'SELECT *, "Odd name" AS odd FROM predictions'
        follow(workspace, database, sql=query, watermark="id")
        done = workspace.run_source("sales")
        assert (done["rows"], done["accepted"], done["position"]) == (4, 4, "id = 4")
        rows = logged(workspace, "distance, city, tags, doc, raw, fine, day, clock, odd, _prediction")
    day = datetime(2024, 1, 2)  # noqa: DTZ001  (as stored)
    assert rows[0] == (1.125, "city 1", '["a", null, "b"]', '{"a": [1, 2]}', "00ff", False, day, "10:00:00", 1.0, 2.0)
    assert rows[1][1] is None
    assert rows[3] == (*[None] * 9, 7.0)


def test_rows_that_were_committed_late_are_found_within_the_overlap(
    workspace: LocalWorkspace, database: str, driver: str
) -> None:
    """A transaction takes its time stamp when it begins: others that begin later may be seen, and read, before it."""
    follow(workspace, database, options={"overlap": "10m"})
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+pg8000://"), poolclass=sa.NullPool)
    insert = sa.text("INSERT INTO predictions (at, distance, guess) VALUES (now(), 1, :guess)")
    with engine.connect() as slow, engine.connect() as quick:
        slow.execute(insert, {"guess": 1.0})
        for number in range(3):
            quick.execute(insert, {"guess": 10.0 + number})
            quick.commit()
        assert workspace.run_source("sales")["rows"] == 3
        slow.commit()
    assert workspace.run_source("sales")["rows"] == 1
    assert sorted(logged(workspace, "_prediction")) == [1.0, 10.0, 11.0, 12.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("watermark", "kind"),
    [("id", "bigint"), ("distance", "numeric"), ("city", "text"), ("at", "timestamp"), ("day", "date")],
)
def test_any_column_that_grows_may_be_the_watermark(
    workspace: LocalWorkspace, database: str, driver: str, watermark: str, kind: str
) -> None:
    postgres.execute(
        database, FILL % (1, 40), "UPDATE predictions SET city = 'it''s ' || chr(8364) || lpad(id::text, 5, '0')"
    )
    query = f"SELECT id, pid, at::{'timestamp' if kind == 'timestamp' else 'timestamptz'}, distance, city, guess, day FROM predictions"
    follow(workspace, database, sql=query, watermark=watermark, chunk_rows=9)
    assert workspace.run_source("sales")["accepted"] == 40
    postgres.execute(
        database, FILL % (41, 50), "UPDATE predictions SET city = 'it''s ' || chr(8364) || lpad(id::text, 5, '0')"
    )
    done = workspace.run_source("sales")
    assert (done["accepted"], done["error"]) == (10, None)


@pytest.mark.slow
def test_a_table_larger_than_a_chunk_is_never_held_whole(
    workspace: LocalWorkspace, database: str, driver: str, monkeypatch
) -> None:
    """While the first chunk is taken the query is still open on the server, and the second is not here yet."""
    postgres.execute(database, FILL % (1, 3000))
    follow(workspace, database, chunk_rows=1000)
    sizes = []
    take = runs._append

    def noted(core, spec, model, chunk, rows, record) -> None:
        sizes.append(chunk.rows.num_rows)
        take(core, spec, model, chunk, rows, record)

    monkeypatch.setattr(runs, "_append", noted)
    assert workspace.run_source("sales")["rows"] == 3000
    assert sizes == [1000, 1000, 1000]


@pytest.mark.slow
def test_a_connection_that_breaks_is_made_again(
    workspace: LocalWorkspace, database: str, driver: str, monkeypatch
) -> None:
    postgres.execute(database, FILL % (1, 60_000))
    follow(workspace, database, chunk_rows=5000)
    take, broken = runs._append, threading.Event()

    def then_break(*arguments) -> None:
        take(*arguments)
        if not broken.is_set():
            broken.set()
            postgres.execute(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query ~ 'predictions'",
            )

    monkeypatch.setattr(runs, "_append", then_break)
    done = workspace.run_source("sales")
    assert (done["state"], done["rows"], done["accepted"]) == ("done", 60_000, 60_000)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sql": "SELECT * FROM nowhere"}, 'relation "nowhere" does not exist'),
        ({"sql": "SELEC 1"}, "syntax error"),
        ({"watermark": "nothing"}, "column q.nothing does not exist"),
        ({"sql": "DELETE FROM predictions RETURNING *"}, "syntax error"),
    ],
)
def test_what_the_server_refuses_is_passed_on_in_words(
    workspace: LocalWorkspace, database: str, driver: str, changes: dict, error: str
) -> None:
    postgres.execute(database, FILL % (1, 3))
    follow(workspace, database, **changes)
    said = str(workspace.run_source("sales")["error"])
    assert error in said
    assert said.startswith("postgresql://ada:***@127.0.0.1")


def test_a_wrong_password_is_named_and_not_shown(workspace: LocalWorkspace, database: str, driver: str, caplog) -> None:
    follow(workspace, database.replace("l0ve%2Fl%40ce", "wr0ng%2Fl%40ce"))
    failed = workspace.run_source("sales")
    assert "password authentication failed" in str(failed["error"])
    assert "it may pass" not in str(failed["error"])
    shown = f"{failed} {workspace.sources()} {workspace.audit()} {caplog.text}"
    assert "wr0ng" not in shown


@pytest.mark.slow
def test_a_query_changes_nothing(workspace: LocalWorkspace, database: str, driver: str) -> None:
    postgres.execute(database, FILL % (1, 3))
    follow(workspace, database)
    workspace.apply(
        source(sql="WITH gone AS (DELETE FROM predictions RETURNING *) SELECT * FROM gone", connection=database)
    )
    workspace.run_source("sales")
    follow(workspace, database)
    assert workspace.run_source("sales")["rows"] == 3
