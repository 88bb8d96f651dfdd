"""Before a file that holds something is migrated, a copy of both stores is kept in the home's folder ``backups``."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import StorageFullError

_SPARE = 16 * 2**20  # bytes that a migration itself may need


def copy_stores(home: Path, migration: str, now: Callable[[], datetime]) -> Path:
    """Copy the DuckDB file with its log, and the control file, to ``backups/before-<migration>-<time>`` and return that folder.

    Call it while nothing is written. Raises :class:`StorageFullError` before anything is touched when there is no room for it.
    """
    database, control = home / "driftdeck.duckdb", home / "control.db"
    pieces = [path for path in (database, database.with_name(f"{database.name}.wal")) if path.exists()]
    needed = sum(path.stat().st_size for path in [*pieces, *home.glob("control.db*")])
    free = shutil.disk_usage(home).free
    if free < needed + _SPARE:
        raise StorageFullError(
            f"{home} has to be migrated ({migration}), and a copy is made first: that takes {_mb(needed + _SPARE)} MB, and "
            f"{_mb(free)} MB are free; free some space and start again, nothing has been changed"
        )
    folder = _new_folder(home / "backups", f"before-{migration}-{now().astimezone(UTC):%Y%m%dT%H%M%SZ}")
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    for piece in pieces:
        shutil.copyfile(piece, draft / piece.name)
    if control.exists():
        copy_sqlite(control, draft / control.name)
    for file in draft.iterdir():
        file.chmod(0o600)
        sync(file)
    draft.replace(folder)
    sync(folder.parent)
    return folder


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite file, whoever has it open, as of one moment."""
    reader, writer = sqlite3.connect(f"file:{source}?mode=ro", uri=True), sqlite3.connect(target)
    try:
        reader.backup(writer)
        writer.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    finally:
        writer.close()
        reader.close()


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_folder(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    return next(parent / candidate for candidate in names if not (parent / candidate).exists())


def _mb(size: int) -> int:
    return -(-size // 10**6)
