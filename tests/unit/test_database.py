# ruff: noqa: DTZ001  (tables hold naive UTC)
import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from storage.archives import archive_folder
from storage.database import Database, Limits
from storage.errors import HomeLockedError, QueueFullError, StorageError, StorageFullError
from storage.home import Home, HomeLock
from storage.rows import single


def clock() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path):
    with Database.open(tmp_path / "d.duckdb", clock) as database:
        database.write(lambda con: con.execute("CREATE TABLE t (x BIGINT)").fetchall())
        yield database


def count(db: Database) -> int:
    with db.cursor() as con:
        return single(con, "SELECT count(*) FROM t")


def insert(value: object):
    return lambda con: con.execute("INSERT INTO t VALUES (?)", [value]).fetchall()


def hold(db: Database) -> tuple[threading.Event, threading.Thread]:
    """Keep the writer busy until the event is set."""
    busy, release = threading.Event(), threading.Event()

    def wait(_con):
        busy.set()
        release.wait()

    thread = threading.Thread(target=db.write, args=(wait,))
    thread.start()
    busy.wait()
    return release, thread


def in_thread(outcomes: dict, name: str, db: Database, function) -> threading.Thread:
    def run():
        try:
            outcomes[name] = db.write(function)
        except Exception as error:
            outcomes[name] = error

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for_queue(db: Database, length: int) -> None:
    while db._queue.qsize() < length:
        threading.Event().wait(0.001)


def test_write_returns_what_was_committed(db: Database):
    assert db.write(lambda con: single(con, "SELECT 41 + 1")) == 42
    db.write(insert(1))
    assert count(db) == 1


def test_writes_that_wait_share_one_commit_and_only_the_faulty_one_fails(db: Database):
    release, holder = hold(db)
    outcomes: dict = {}
    threads = [in_thread(outcomes, f"w{n}", db, insert(n)) for n in range(10)]
    threads.append(in_thread(outcomes, "bad", db, insert("no number")))
    wait_for_queue(db, 11)
    release.set()
    for thread in [*threads, holder]:
        thread.join()
    assert isinstance(outcomes.pop("bad"), duckdb.ConversionException)
    assert not [o for o in outcomes.values() if isinstance(o, Exception)]
    assert count(db) == 10


def test_a_group_costs_one_commit(db: Database):
    def commits() -> int:
        with db.cursor() as con:
            return single(con, "SELECT seq FROM written")

    release, holder = hold(db)
    before = commits()
    outcomes: dict = {}
    threads = [in_thread(outcomes, f"w{n}", db, insert(n)) for n in range(20)]
    wait_for_queue(db, 20)
    release.set()
    for thread in [*threads, holder]:
        thread.join()
    assert count(db) == 20
    assert commits() - before == 2  # the one that held the writer, and all that waited


def test_a_failed_write_leaves_nothing_behind(db: Database):
    def half(con):
        con.execute("INSERT INTO t VALUES (1)")
        raise KeyError("changed my mind")

    with pytest.raises(KeyError):
        db.write(half)
    assert count(db) == 0


def test_a_result_that_was_not_fetched_blocks_nobody(db: Database):
    db.write(insert(1))
    db.write(lambda con: con.execute("SELECT * FROM t, range(10)").fetchone())
    db.write(insert(2))
    assert count(db) == 2


def test_a_write_inside_a_write_is_refused_instead_of_hanging(db: Database):
    with pytest.raises(RuntimeError, match="inside a write"):
        db.write(lambda _con: db.write(insert(1)))


def test_a_full_queue_says_so(tmp_path: Path):
    with Database.open(tmp_path / "d.duckdb", clock, limits=Limits(queue=1)) as db:
        release, holder = hold(db)
        outcomes: dict = {}
        waiting = in_thread(outcomes, "w", db, lambda con: single(con, "SELECT 1"))
        wait_for_queue(db, 1)
        try:
            with pytest.raises(QueueFullError, match=r"1 writes are waiting .* send again in 60 s") as caught:
                db.write(lambda _con: None, patience=0.01)
        finally:  # closing waits for the writer
            release.set()
        holder.join()
        waiting.join()
        assert caught.value.retry_after == 60  # nothing was done of late, so nobody knows
        assert outcomes == {"w": 1}


def test_close_finishes_what_waits_and_refuses_what_comes_after(tmp_path: Path):
    path = tmp_path / "d.duckdb"
    db = Database.open(path, clock)
    db.write(lambda con: con.execute("CREATE TABLE t (x BIGINT)").fetchall())
    release, holder = hold(db)
    outcomes: dict = {}
    threads = [in_thread(outcomes, f"w{n}", db, insert(n)) for n in range(5)]
    wait_for_queue(db, 5)
    closer = threading.Thread(target=db.close)
    closer.start()
    release.set()
    for thread in [*threads, holder, closer]:
        thread.join()
    db.close()
    with pytest.raises(StorageError, match="closed"):
        db.write(insert(9))
    with Database.open(path, clock) as again:
        assert count(again) == 5


def test_many_readers_and_writers_at_once(db: Database):
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            for step in range(10):
                db.write(insert(number * 10 + step))
                with db.cursor() as con:
                    rows, distinct = con.execute("SELECT count(*), count(DISTINCT x) FROM t").fetchall()[0]
                    assert rows == distinct > 0
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert count(db) == 80


def test_sql_reaches_neither_files_nor_python_nor_settings(db: Database, tmp_path: Path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    frame = pa.table({"a": [1]})
    with db.cursor() as con:
        for sql in (
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"COPY t TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/other.duckdb'",
            "SELECT * FROM frame",
            "SET enable_external_access = true",
            "SET memory_limit = '100GB'",
        ):
            with pytest.raises(duckdb.Error):
                con.execute(sql)
        con.register("named", frame)
        assert con.execute("SELECT a FROM named").fetchall() == [(1,)]


def test_of_all_folders_sql_reaches_that_of_archives_alone(db: Database, tmp_path: Path):
    archives = archive_folder(db.path)
    archives.mkdir(exist_ok=True)
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    (archives / "kept.csv").write_text("a\n1\n")
    (archives / "link.csv").symlink_to(secret)
    beside = archives.with_name(archives.name + "-beside")
    beside.mkdir()
    (beside / "x.csv").write_text("a\n1\n")
    paths = [secret, archives / ".." / secret.name, archives / "link.csv", beside / "x.csv", archives / ".." / "*.csv"]
    with db.cursor() as con:
        assert con.execute(f"SELECT count(*) FROM read_csv('{archives / 'kept.csv'}')").fetchall() == [(1,)]
        for path in paths:
            with pytest.raises(duckdb.Error):
                con.execute(f"SELECT * FROM read_csv('{path}')").fetchall()


def test_times_are_utc_whatever_the_machine(db: Database):
    moments = pa.table(
        {"moment": pa.array([datetime(2013, 7, 1, 12, tzinfo=UTC)], pa.timestamp("us", "America/New_York"))}
    )
    with db.cursor() as con:
        con.register("moments", moments)
        assert single(con, "SELECT moment::TIMESTAMP FROM moments") == datetime(2013, 7, 1, 12)


def test_a_dead_instance_is_opened_again(db: Database):
    db.write(insert(1))

    def die(_con):
        raise duckdb.FatalException("database has been invalidated because of a previous fatal error")

    with db.cursor() as reader:
        reader.execute("SELECT 1").fetchall()
        with pytest.raises(duckdb.FatalException):
            db.write(die)
        with pytest.raises(duckdb.Error):  # a reader of the dead instance does not live on
            reader.execute("SELECT 1").fetchall()
    db.write(insert(2))
    assert count(db) == 2


class CommitFails:
    """A connection whose COMMIT raises, before or after it was done."""

    def __init__(self, con, *, durable: bool):
        self._con, self._durable = con, durable

    def __getattr__(self, name):
        return getattr(self._con, name)

    def execute(self, sql, *rest):
        if sql == "COMMIT":
            if self._durable:
                self._con.execute("COMMIT")
            raise duckdb.FatalException("Failed to create checkpoint: No space left on device")
        return self._con.execute(sql, *rest)


@pytest.mark.parametrize("durable", [True, False])
def test_a_commit_that_fails_is_judged_by_what_is_in_the_file(db: Database, monkeypatch, durable: bool):
    class Broken:
        def __init__(self, real):
            self.real = real

        def cursor(self):
            monkeypatch.setattr(db, "_connection", self.real)
            return CommitFails(self.real.cursor(), durable=durable)

    monkeypatch.setattr(db, "_connection", Broken(db._connection))
    if durable:
        db.write(insert(1))
    else:
        with pytest.raises(StorageFullError, match="free some space"):
            db.write(insert(1))
    assert count(db) == int(durable)
    db.write(insert(2))
    assert count(db) == 1 + int(durable)


def test_home_is_private_and_owned_by_one(tmp_path: Path):
    home = Home.create(tmp_path / "new" / "home")
    assert home.root.stat().st_mode & 0o777 == 0o700
    with HomeLock(home, "http://127.0.0.1:8501") as lock:
        with pytest.raises(HomeLockedError) as caught:
            HomeLock(home)
        message = str(caught.value)
        assert str(home.root) in message
        assert "http://127.0.0.1:8501" in message
        assert "\n" not in message
        lock.describe("http://127.0.0.1:9000")
        with pytest.raises(HomeLockedError, match="9000"):
            HomeLock(home)
    HomeLock(home).release()


def test_a_home_that_is_a_file_is_refused_in_words(tmp_path: Path):
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageError, match="is a file; give a folder"):
        Home.create(tmp_path / "home")
