import sqlite3
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from storage.control import Control
from storage.database import Database
from storage.errors import ChangedMigrationError, NewerSchemaError
from storage.migrate import Migration, migrate, migrations, statements


def clock() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def connect(store: str, path: Path | None = None):
    name = ":memory:" if path is None else str(path)
    return duckdb.connect(name) if store == "duckdb" else sqlite3.connect(name, isolation_level=None)


ONE = Migration("0001_one", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);")
TWO = Migration("0002_two", "CREATE TABLE b (y INTEGER);")


@pytest.mark.parametrize("store", ["duckdb", "control"])
def test_each_migration_is_applied_once_and_recorded(store: str):
    con = connect(store)
    assert migrate(con, store, clock, steps=[ONE]) == ["0001_one"]
    assert migrate(con, store, clock, steps=[ONE, TWO]) == ["0002_two"]
    assert migrate(con, store, clock, steps=[ONE, TWO]) == []
    rows = con.execute("SELECT name, sha256, applied_at FROM migration ORDER BY name").fetchall()
    assert [row[0] for row in rows] == ["0001_one", "0002_two"]
    assert rows[0][1:] == (ONE.sha256, "2026-01-01T00:00:00+00:00")
    con.close()


@pytest.mark.parametrize("store", ["duckdb", "control"])
def test_a_migration_that_fails_leaves_nothing_behind(store: str):
    con = connect(store)
    bad = Migration("0002_bad", "CREATE TABLE b (y INTEGER); INSERT INTO nowhere VALUES (1);")
    with pytest.raises((duckdb.Error, sqlite3.Error)):
        migrate(con, store, clock, steps=[ONE, bad])
    assert con.execute("SELECT name FROM migration").fetchall() == [("0001_one",)]
    assert migrate(con, store, clock, steps=[ONE, TWO]) == ["0002_two"]
    con.close()


@pytest.mark.parametrize("store", ["duckdb", "control"])
def test_a_newer_file_is_refused_in_words(store: str):
    con = connect(store)
    migrate(con, store, clock, steps=[ONE, TWO])
    with pytest.raises(NewerSchemaError, match=r"newer Driftdeck.*0002_two.*up to 0001_one.*newer version"):
        migrate(con, store, clock, steps=[ONE])
    con.close()


def test_a_migration_that_was_rewritten_is_noticed():
    con = connect("control")
    migrate(con, "control", clock, steps=[ONE])
    with pytest.raises(ChangedMigrationError, match="0001_one"):
        migrate(con, "control", clock, steps=[Migration("0001_one", ONE.sql + " ")])
    con.close()


def test_a_newer_workspace_is_refused_by_both_stores(tmp_path: Path):
    for store, name, open_ in (("duckdb", "d", Database.open), ("control", "c", Control)):
        path = tmp_path / name
        open_(path, clock).close()
        con = connect(store, path)
        con.execute("INSERT INTO migration VALUES ('9999_future', 'x', 'y')")
        con.commit() if store == "control" else None
        con.close()
        with pytest.raises(NewerSchemaError, match="9999_future"):
            open_(path, clock)


def test_statements_keep_triggers_strings_and_comments_whole():
    script = """-- a; comment
    CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('a;b');
    CREATE TRIGGER g BEFORE UPDATE ON t BEGIN SELECT raise(ABORT, 'no; never'); END;
    -- the end
    """
    found = list(statements(script))
    assert len(found) == 3
    con = connect("control")
    for statement in found:
        con.execute(statement)
    assert con.execute("SELECT x FROM t").fetchall() == [("a;b",)]
    with pytest.raises(sqlite3.IntegrityError, match="no; never"):
        con.execute("UPDATE t SET x = 'c'")
    con.close()


def duckdb_schema(con) -> set:
    columns = con.execute(
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM duckdb_columns() WHERE NOT internal"
    ).fetchall()
    others = con.execute(
        "SELECT sequence_name FROM duckdb_sequences() UNION ALL SELECT index_name FROM duckdb_indexes()"
    )
    return {*columns, *others.fetchall()}


def control_schema(con) -> set:
    columns = con.execute(
        'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_master m, pragma_table_info(m.name) c '
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
    ).fetchall()
    others = con.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('index', 'trigger', 'view')"
    )
    return {*columns, *others.fetchall()}


@pytest.mark.parametrize(("store", "schema"), [("duckdb", duckdb_schema), ("control", control_schema)])
def test_the_schema_is_the_sum_of_the_migrations(store: str, schema):
    """The schema.sql beside the migrations is what people read; whoever adds a migration changes it too."""
    whole, summed = connect(store), connect(store)
    text = (files("storage") / "migrations" / store / "schema.sql").read_text(encoding="utf-8")
    for statement in statements(text):
        whole.execute(statement)
    migrate(summed, store, clock)
    assert schema(whole) == schema(summed)
    whole.close()
    summed.close()


@pytest.mark.parametrize("store", ["duckdb", "control"])
def test_migrations_are_numbered_without_gaps(store: str):
    numbers = [int(step.name[:4]) for step in migrations(store)]
    assert numbers == list(range(1, len(numbers) + 1))
