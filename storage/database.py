"""The DuckDB file: a cursor for each reader, one thread that writes, and commits in groups."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from storage import opening
from storage.archives import archive_folder
from storage.errors import QueueFullError, StorageError, StorageFullError, is_full
from storage.faults import fault_point
from storage.migrate import migrate
from storage.migration_backup import copy_stores
from storage.names import literal
from storage.opening import Mark
from storage.pace import Pace
from storage.rows import single

T = TypeVar("T")
_log = logging.getLogger(__name__)
B = TypeVar("B")

_GROUP = 256  # writes that may share one commit


@dataclass(frozen=True, slots=True)
class Limits:
    """What DuckDB may use. Sizes are texts such as ``"2GB"``; None leaves DuckDB's own default."""

    memory: str | None = None
    threads: int | None = None
    spill_folder: Path | None = None
    spill: str | None = None
    wal_autocheckpoint: str = "1GB"  # 16 MB, the default, halves the rate of writing and stalls single writes
    queue: int = 1024


@dataclass(slots=True)
class _Write(Generic[T]):
    """One write, of which several may be done as one: those of the same ``kind``, by one call with all their ``brought``."""

    run: Callable[[DuckDBPyConnection, list[Any]], Sequence[T]]
    brought: Any = None
    kind: Hashable = None
    future: Future[T] = field(default_factory=Future)
    alone: bool = False  # outside of a transaction, with no other write under way
    about: str | None = None  # the one model whose rows it changes; None: it may be any
    came: bool = False  # it changes nothing that runs have left: rows, labels, what was refused


class Stamp(NamedTuple):
    """Numbers that grow with writes: about any model, about what came of one, and about what else is kept of it."""

    everything: int
    came: int
    judged: int


class Database:
    """One process's hold on the DuckDB file.

    DuckDB connections are not thread-safe: readers take :meth:`cursor`, and everything that changes rows goes through
    :meth:`write`.
    """

    def __init__(self, path: Path, now: Callable[[], datetime], limits: Limits) -> None:
        """Use :meth:`open`."""
        self.path = path
        self.now = now
        self.memory: dict[
            tuple[str, str], Any
        ] = {}  # what writes remember for later ones, such as the ids seen of late
        self._limits = limits
        self._lock = threading.Lock()  # guards the connection and the set of readers
        self._readers: set[DuckDBPyConnection] = set()
        self.losses: list[str] = []  # what was found missing on opening, in words
        self._mark = Mark(path)
        given = self._mark.read()
        self._connection: DuckDBPyConnection | None = self._connect()
        self._seq = max(self._written(), given)  # a number is never given twice
        self._queue: queue.Queue[_Write[Any] | None] = queue.Queue(limits.queue)
        self._pace = Pace()
        self._changes: Counter[tuple[str | None, bool]] = (
            Counter()
        )  # writes that were committed, by what they were about
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="driftdeck-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path, now: Callable[[], datetime], *, limits: Limits | None = None) -> Database:
        """Open the file, making it if need be, and bring its schema up to date.

        Raises :class:`~storage.errors.NewerSchemaError` for a file of a newer Driftdeck, :class:`StorageError` for a file that
        another process holds open.
        """
        return cls(path, now, limits or Limits())

    @property
    def waiting(self) -> int:
        """Writes that wait for their turn."""
        return self._queue.qsize()

    def stamp(self, model: str) -> Stamp:
        """Return a mark that differs once anything may have been written about ``model``: what was read before may be old."""
        return Stamp(self._changes[None, False], self._changes[model, True], self._changes[model, False])

    # -- readers -------------------------------------------------------------------------------------------------------
    @contextmanager
    def cursor(self) -> Iterator[DuckDBPyConnection]:
        """Give a connection of one's own for reading; it is closed at the end."""
        with self._lock:
            self._refuse_closed()
            reader = self._alive().cursor()
            self._readers.add(reader)
        try:
            yield reader
        finally:
            with self._lock:
                self._readers.discard(reader)
            with suppress(duckdb.Error):
                reader.close()

    # -- writers -------------------------------------------------------------------------------------------------------
    def write(
        self,
        function: Callable[[DuckDBPyConnection], T],
        *,
        patience: float = 30.0,
        about: str | None = None,
        came: bool = False,
    ) -> T:
        """Run ``function`` in a transaction and return what it returned, once that is committed.

        ``about`` is the one model whose rows it changes: what is remembered of others stays good (see :meth:`stamp`). ``came``: it
        changes nothing that runs have left, such as readings and profiles; rows that come do not.

        Several waiting writes share a transaction. When one of them raises, it is rolled back and each is run again by itself,
        so ``function`` may be called twice and must change nothing but rows. Raises what ``function`` raises,
        :class:`StorageFullError` when the disk is full (nothing of this write is kept) and :class:`QueueFullError` when the queue
        has no room within ``patience`` seconds.
        """
        return self._submit(_Write(lambda con, _: [function(con)], about=about, came=came), patience)

    def write_together(
        self,
        kind: Hashable,
        run: Callable[[DuckDBPyConnection, list[B]], Sequence[T]],
        brought: B,
        *,
        patience: float = 30.0,
        about: str | None = None,
        came: bool = False,
    ) -> T:
        """As :meth:`write`, but writes of one ``kind`` that wait at the same time are done by one call of ``run``.

        It gets what each of them brought and returns a result for each, in that order.
        """
        return self._submit(_Write(run, brought, kind, about=about, came=came), patience)

    def _submit(self, task: _Write[T], patience: float) -> T:
        if threading.current_thread() is self._thread:
            raise RuntimeError("write() was called inside a write: use the connection that was handed in")
        self._refuse_closed()
        try:
            self._queue.put(task, timeout=patience)
        except queue.Full:
            seconds = self._pace.seconds_for(self._limits.queue)
            raise QueueFullError(
                f"{self._limits.queue} writes are waiting and none was done in {patience:g} s: send again in {seconds:g} s, or "
                "send fewer, larger batches",
                seconds,
            ) from None
        return task.future.result()

    def exclusive(self, function: Callable[[DuckDBPyConnection], T], *, patience: float = 600.0) -> T:
        """Run ``function``, which changes no row, in the writer's thread and outside of a transaction: nothing is written meanwhile.

        A checkpoint and a copy of the file are no change of data, so :meth:`stamp` stays. Raises what ``function`` raises, and as :meth:`write`.
        """
        return self._submit(_Write(lambda con, _: [function(con)], alone=True), patience)

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file."""
        with self.cursor() as con:
            con.execute("CHECKPOINT")

    def close(self) -> None:
        """Finish the waiting writes and let go of the file; a second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._mark.close()
        with self._lock:
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- the writer thread ---------------------------------------------------------------------------------------------
    def _work(self) -> None:
        while True:
            group, last = self._take()
            for alone, tasks in groupby(group, key=lambda task: task.alone):
                if alone:
                    for task in tasks:
                        self._run_alone(task)
                else:
                    self._commit_group(list(tasks))
            if last:
                self._refuse_waiting()
                return

    def _take(self) -> tuple[list[_Write[Any]], bool]:
        """Wait for a write, and take with it what else is waiting; also says whether the queue ends here."""
        group: list[_Write[Any]] = []
        entry = self._queue.get()
        while entry is not None:
            group.append(entry)
            if len(group) >= _GROUP:
                return group, False
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _refuse_waiting(self) -> None:
        with suppress(queue.Empty):
            while (task := self._queue.get_nowait()) is not None:
                task.future.set_exception(StorageError(f"{self.path} was closed before the write was done"))

    def _commit_group(self, group: list[_Write[Any]]) -> None:
        try:
            results = self._transaction(group)
        except BaseException as error:
            if len(group) == 1:
                group[0].future.set_exception(self._typed(error))
                return
            for task in group:
                self._commit_group([task])
            return
        self._pace.did(len(group))
        self._changes.update((task.about, task.came and task.about is not None) for task in group)
        for task, result in zip(group, results, strict=True):
            task.future.set_result(result)

    def _run_alone(self, task: _Write[Any]) -> None:
        try:
            with self._lock:
                con = self._alive().cursor()
            with con:
                (result,) = _run([task], con)
        except BaseException as error:
            self._heal(error)
            task.future.set_exception(self._typed(error))
        else:
            task.future.set_result(result)

    def _transaction(self, group: list[_Write[Any]]) -> list[Any]:
        fault_point("writer.begin")
        with self._lock:
            con = self._alive().cursor()
        self._seq += 1
        try:
            con.execute("BEGIN TRANSACTION")
            results = _run(group, con)
            con.execute("UPDATE written SET seq = ?", [self._seq])
            fault_point("writer.before_commit")
        except BaseException as error:
            with suppress(duckdb.Error):
                con.execute("ROLLBACK")
            self._heal(error)
            raise
        else:
            self._commit(con)
            return results
        finally:
            with suppress(duckdb.Error):
                con.close()

    def _commit(self, con: DuckDBPyConnection) -> None:
        """Commit; a failure after the rows were made durable (DuckDB's checkpoint runs inside COMMIT) is a success."""
        try:
            con.execute("COMMIT")
        except duckdb.Error as error:
            with suppress(duckdb.Error):
                con.execute("ROLLBACK")
            self._heal(error)
            if self._written() < self._seq:
                raise
        self._mark.write(self._seq)
        fault_point("writer.after_commit")

    # -- the connection ------------------------------------------------------------------------------------------------
    def _connect(self) -> DuckDBPyConnection:
        limits = self._limits
        offline: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        try:
            con, losses = opening.connect(self.path, offline, self._mark.read(), self.now)
        except duckdb.Error as error:
            raise self._typed(error) from error
        self.path.chmod(0o600)
        for words in losses:
            _log.error("%s", words)
        self.losses += losses
        sizes = {
            "wal_autocheckpoint": limits.wal_autocheckpoint,
            "memory_limit": limits.memory,
            "threads": limits.threads,
            "temp_directory": str(limits.spill_folder) if limits.spill_folder else None,
            "max_temp_directory_size": limits.spill,
        }
        try:
            for name, value in sizes.items():
                if value is not None:
                    con.execute(f"SET GLOBAL {name} = '{str(value).replace(chr(39), chr(39) * 2)}'")
            con.execute("SET GLOBAL TimeZone = 'UTC'")
            con.execute("SET TimeZone = 'UTC'")
            # What a user's filter may reach: no files, no Python variables, no way to lift these limits.
            con.execute("SET GLOBAL python_enable_replacements = false")
            con.execute(f"SET GLOBAL allowed_directories = [{literal(str(archive_folder(self.path)))}]")
            con.execute("SET GLOBAL enable_external_access = false")
            con.execute("SET GLOBAL lock_configuration = true")
            migrate(con, "duckdb", self.now, before=lambda name: copy_stores(self.path.parent, name, self.now))
            if losses:  # told once
                self._mark.write(int(single(con, "SELECT seq FROM written")))
        except BaseException as error:
            with suppress(duckdb.Error):
                con.close()
            raise self._typed(error) from error
        return con

    def _alive(self) -> DuckDBPyConnection:
        """Return the connection, reopening the file if an earlier attempt failed; call with the lock held."""
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _heal(self, error: BaseException) -> None:
        """Reopen the file when ``error`` has killed DuckDB's instance, which then refuses everything."""
        if isinstance(error, duckdb.FatalException) or "has been invalidated" in str(error):
            self._changes[None, False] += 1
            with self._lock:
                self._drop()
                with suppress(StorageError, duckdb.Error):  # the next use tries again
                    self._connection = self._connect()

    def _drop(self) -> None:
        """Close every connection: while one lives, connecting again would return the dead instance."""
        for reader in self._readers:
            with suppress(duckdb.Error):
                reader.interrupt()
                reader.close()
        self._readers.clear()
        if self._connection is not None:
            with suppress(duckdb.Error):
                self._connection.close()
        self._connection = None

    def _written(self) -> int:
        with self._lock, self._alive().cursor() as con:
            return int(single(con, "SELECT seq FROM written"))

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StorageError(f"{self.path} is closed")

    def _typed(self, error: BaseException) -> BaseException:
        if is_full(error) and not isinstance(error, StorageFullError):
            return StorageFullError(
                f"the disk that holds {self.path} is full: nothing of this write was kept; free some space and send again"
            )
        if isinstance(error, duckdb.IOException) and "lock" in str(error).lower():
            return StorageError(f"{self.path} is open in another process: {str(error).splitlines()[0]}")
        return error


def _run(group: Sequence[_Write[Any]], con: DuckDBPyConnection) -> list[Any]:
    """Do the writes of a group, those of one kind together, and return their results in order."""
    together: dict[Hashable, list[int]] = {}
    for place, task in enumerate(group):
        together.setdefault(place if task.kind is None else task.kind, []).append(place)
    results: list[Any] = [None] * len(group)
    for places in together.values():
        found = group[places[0]].run(con, [group[place].brought for place in places])
        con.complete()  # a result that was not read to its end would block the next write
        for place, result in zip(places, found, strict=True):
            results[place] = result
    return results
