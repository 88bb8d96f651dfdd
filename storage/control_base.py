"""The SQLite file: one connection behind a lock, and short transactions that survive a loss of power."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from storage.errors import StorageFullError, is_full
from storage.faults import fault_point
from storage.migrate import migrate
from storage.migration_backup import copy_stores

Json = dict[str, Any]


def to_text(moment: datetime) -> str:
    """Write an aware time so that texts sort as times do; raises :class:`ValueError` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"time {moment} has no time zone; give one")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def to_json(value: Any) -> str:
    """Write JSON in one canonical way: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class ControlBase:
    """The connection, and nothing of what it holds."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        """Open the file, making it if need be, and bring its schema up to date."""
        self.path = path
        self.changes = (
            0  # transactions since: what was read before may be old; the home's lock keeps other processes out
        )
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.row_factory = sqlite3.Row
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            path.chmod(0o600)
            migrate(self._connection, "control", now, before=lambda name: copy_stores(path.parent, name, now))
        except BaseException as error:
            self._connection.close()
            raise self._typed(error) from error

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the only write transaction; it is committed, synchronised to disk, at the end."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                fault_point("control.before_commit")
                self._connection.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                typed = self._typed(error)
                if typed is error:
                    raise
                raise typed from error
            finally:
                self.changes += 1
        fault_point("control.after_commit")

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def _row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        rows = self._rows(sql, parameters)
        return rows[0] if rows else None

    def _typed(self, error: BaseException) -> BaseException:
        if is_full(error) and not isinstance(error, StorageFullError):
            return StorageFullError(
                f"the disk that holds {self.path} is full: nothing of this change was kept; free some space and try again"
            )
        return error
