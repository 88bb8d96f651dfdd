"""Opening the DuckDB file so that nothing is lost in silence: a damaged write-ahead log is put aside, never deleted.

DuckDB ends a log that breaks off where it breaks off, as after a crash, and says nothing; one whose checksums are wrong it
refuses. Beside the file stands a mark with the number of the latest commit, so that commits which were acknowledged and are
not there any more are noticed either way.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from storage.errors import DamagedFileError, StorageError, is_full

_log = logging.getLogger(__name__)
_SPARE = 64 * 2**20  # bytes that stay free when a log is copied
RESTORE = (
    "restore a backup with `driftdeck restore FILE`; sources read again by themselves what came after it, callers of the "
    "HTTP interface send again what they kept"
)


def wal_of(path: Path) -> Path:
    """Return where the write-ahead log of a DuckDB file lies."""
    return path.with_name(f"{path.name}.wal")


def quarantined(path: Path) -> Path:
    """Return the folder where damaged pieces of a DuckDB file are put."""
    return path.parent / "quarantined"


class Mark:
    """The number of the latest commit, in a small file beside the database: written after every commit, never ahead of it."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.mark")
        self._file = -1

    def read(self) -> int:
        """Return the number, 0 if there is none."""
        try:
            return int(self.path.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def write(self, seq: int) -> None:
        """Remember a commit; without a disk synchronisation, so a power cut may leave the mark behind but never ahead."""
        with suppress(OSError):  # the rows are committed, whatever becomes of the mark
            if self._file < 0:
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._file, f"{seq:020d}\n".encode(), 0)

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def connect(
    path: Path, config: Mapping[str, Any], mark: int, now: Callable[[], datetime]
) -> tuple[duckdb.DuckDBPyConnection, list[str]]:
    """Open the file and say, in words, what of it is missing; nothing usually.

    ``mark`` is the number of the latest commit that is known of. Raises :class:`StorageError` for a file that another process holds,
    :class:`DamagedFileError` for one that cannot be opened even without its log.
    """
    wal = wal_of(path)
    copy = _copy(wal, now)
    bytes_ = wal.stat().st_size if wal.exists() else 0
    moment = _modified(path)
    try:
        connection = duckdb.connect(str(path), config=dict(config))
    except duckdb.Error as error:
        connection = _without_log(path, config, copy, error, now)
        words = (
            f"the write-ahead log of {path.name} was damaged ({_first_line(error)}): it was put aside under "
            f"{quarantined(path).name}/ and the file opened without it. What was written after {moment} is missing: "
            f"{bytes_:,} bytes of log{_commits(_latest(connection), mark)}. {_AGAIN}"
        )
        _note(path, words, now)
        return connection, [words]
    seq = _latest(connection)
    if seq is None or seq >= mark:
        if copy is not None:
            copy.unlink(missing_ok=True)
        return connection, []
    kept = f"; the log as it was found lies under {quarantined(path).name}/" if copy is not None else ""
    words = (
        f"{path.name} has lost writes that had been acknowledged{_commits(seq, mark)}: its write-ahead log of {bytes_:,} bytes "
        f"is damaged or ends early, or an older file was put in its place{kept}. {_AGAIN}"
    )
    _note(path, words, now)
    return connection, [words]


_AGAIN = (
    "Sources read the missing rows again by themselves, because how far they have read stands in the same file; what came over "
    "HTTP or from files has to be sent again, which doubles nothing"
)


def _copy(wal: Path, now: Callable[[], datetime]) -> Path | None:
    """Copy a log that a crash has left, before DuckDB replays and shortens it; None without one, or without the room."""
    if not wal.exists() or not wal.stat().st_size:
        return None
    if shutil.disk_usage(wal.parent).free < 2 * wal.stat().st_size + _SPARE:
        _log.warning("there is no room for a copy of %s before it is replayed", wal)
        return None
    target = _free_name(wal, now)
    try:
        shutil.copyfile(wal, target)
    except OSError as error:
        _log.warning("%s could not be copied before it is replayed: %s", wal, error)
        target.unlink(missing_ok=True)
        return None
    return target


def _without_log(
    path: Path, config: Mapping[str, Any], copy: Path | None, error: duckdb.Error, now: Callable[[], datetime]
) -> duckdb.DuckDBPyConnection:
    """Open the file without its log, which is put aside; if that fails too, everything is left as it was."""
    wal = wal_of(path)
    text = str(error).lower()
    busy = isinstance(error, duckdb.IOException) and "lock" in text
    if busy or is_full(error) or not wal.exists():
        if copy is not None:
            copy.unlink(missing_ok=True)
        raise _typed(path, error, busy=busy) from error
    aside = copy or _free_name(wal, now)
    wal.replace(aside)  # the copy of the same log gives way to it
    try:
        return duckdb.connect(str(path), config=dict(config))
    except duckdb.Error as second:
        aside.replace(wal)
        raise _typed(path, second, busy=False) from error


def _typed(path: Path, error: duckdb.Error, *, busy: bool) -> Exception:
    if busy:
        return StorageError(f"{path} is open in another process: {_first_line(error)}")
    if is_full(error):
        return error
    return DamagedFileError(
        f"{path} cannot be opened ({_first_line(error)}). It is left as it is; if it is damaged, {RESTORE}"
    )


def _latest(connection: duckdb.DuckDBPyConnection) -> int | None:
    """Return the number of the latest commit in the file, None in one that has no such table yet."""
    tables = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'written'").fetchall()
    if not tables[0][0]:
        return None
    rows = connection.execute("SELECT seq FROM written").fetchall()
    return int(rows[0][0]) if rows else None


def _commits(seq: int | None, mark: int) -> str:
    if seq is None or mark <= seq:
        return ""
    return f", commits {seq + 1} to {mark}"


def _note(path: Path, words: str, now: Callable[[], datetime]) -> None:
    """Leave what is missing in writing beside the damaged pieces."""
    with suppress(OSError):
        _free_name(path, now, ".txt").write_text(words + "\n", encoding="utf-8")


def _free_name(piece: Path, now: Callable[[], datetime], suffix: str = "") -> Path:
    folder = piece.parent / "quarantined"
    folder.mkdir(mode=0o700, exist_ok=True)
    stem = f"{piece.name}.{now().astimezone(UTC):%Y%m%dT%H%M%SZ}"
    names = [f"{stem}{suffix}", *(f"{stem}-{number}{suffix}" for number in range(2, 1000))]
    return next(folder / name for name in names if not (folder / name).exists())


def _modified(path: Path) -> str:
    if not path.exists():
        return "the beginning"
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
