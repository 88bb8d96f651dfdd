"""Backup and restore of a home: one file, written while the home is in use, with a hash of everything in it.

The control file is copied first, by SQLite's own means; then, between two writes, the DuckDB file after its log was folded in. What
was committed before that moment is in the backup and nothing of what came later. Files beside them are never changed in place, so
their names are enough.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from storage.database import Database
from storage.errors import NewerSchemaError, StorageError, StorageFullError
from storage.faults import fault_point
from storage.home import Home
from storage.migrate import migrations
from storage.migration_backup import copy_sqlite, sync

FORMAT = 1
MANIFEST = "manifest.json"
FOLDERS = ("artefacts", "references", "archives", "transforms")
FILES = ("privacy.key",)
_STORES = {"duckdb": "driftdeck.duckdb", "control": "control.db"}
_SPARE = 64 * 2**20
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written."""

    path: Path
    bytes: int
    created_at: datetime
    models: list[str]


# -- writing -----------------------------------------------------------------------------------------------------------
def write_backup(db: Database, home: Home, path: Path, now: datetime, models: list[str]) -> Backup:
    """Write a backup of an open home to ``path``, readable by its owner only: whole, or not at all.

    Appends wait while the DuckDB file is copied. Raises :class:`StorageFullError` before anything is written when there is no room,
    :class:`StorageError` when ``path`` is a folder or lies where none can be written.
    """
    path = path.expanduser().absolute()
    if path.is_dir() or not path.parent.is_dir():
        raise StorageError(f"a backup cannot be written to {path}: give the name of a file in a folder that exists")
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with _staged(db, home) as staging, _open_draft(draft) as file:
            _write_tar(file, staging, home, now, models)
        sync(draft)
        draft.replace(path)
        sync(path.parent)
    except OSError as error:
        raise StorageError(f"a backup cannot be written to {path}: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return Backup(path, path.stat().st_size, now, models)


@contextmanager
def _staged(db: Database, home: Home) -> Iterator[Path]:
    """Give a folder with copies of both stores as of one moment, and links to the files of the archives of that moment."""
    staging = home.root / f".backup-{os.getpid()}-{os.urandom(4).hex()}"
    _refuse_full(home.root, sum(path.stat().st_size for path in home.root.glob("driftdeck.duckdb*")))
    staging.mkdir(mode=0o700)
    try:
        copy_sqlite(home.control, staging / "control.db")

        def copy(con: DuckDBPyConnection) -> None:
            con.execute("CHECKPOINT")
            shutil.copyfile(db.path, staging / "driftdeck.duckdb")
            log = db.path.with_name(f"{db.path.name}.wal")
            if log.exists() and log.stat().st_size:
                shutil.copyfile(log, staging / "driftdeck.duckdb.wal")
            for name in FOLDERS:
                _link_tree(home.root / name, staging / name)

        db.exclusive(copy)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _link_tree(source: Path, target: Path) -> None:
    """Give every file of a folder a second name, so that it stays while it is being packed; drafts are left out."""
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, place)
            except OSError:  # a file system without links
                shutil.copyfile(path, place)


def _refuse_full(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise StorageFullError(
            f"a backup needs a copy of the database first: that takes {(needed + _SPARE) // 10**6:,} MB under {folder}, and "
            f"{free // 10**6:,} MB are free; free some space and start again"
        )


@contextmanager
def _open_draft(draft: Path) -> Iterator[BinaryIO]:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file


def _write_tar(file: BinaryIO, staging: Path, home: Home, now: datetime, models: list[str]) -> None:
    hashes: dict[str, str] = {}
    packed = pa.CompressedOutputStream(pa.PythonFile(file, mode="w"), "zstd")
    with packed, tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        members = [path for path in sorted(staging.rglob("*")) if path.is_file()]
        for path in members:
            hashes[str(path.relative_to(staging))] = _add(tar, path, str(path.relative_to(staging)))
        for name in FILES:
            if (home.root / name).exists():
                hashes[name] = _add(tar, home.root / name, name)
        manifest = {
            "format": FORMAT,
            "created_at": now.astimezone(UTC).isoformat(),
            "models": models,
            "versions": {name: version(name) for name in ("driftdeck", "duckdb")} | {"sqlite": sqlite3.sqlite_version},
            "migrations": {store: _applied(store, staging / name) for store, name in _STORES.items()},
            "files": hashes,
        }
        content = json.dumps(manifest, indent=1).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mode = len(content), 0o600
        tar.addfile(entry, io.BytesIO(content))  # last: a backup that breaks off has none


class _Hashing:
    """A file that hashes what is read from it."""

    def __init__(self, file: Any) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self.sha256.update(data)
        return data


def _add(tar: tarfile.TarFile, path: Path, name: str) -> str:
    with path.open("rb") as file:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = os.fstat(file.fileno()).st_size, 0o600
        reader = _Hashing(file)
        tar.addfile(entry, reader)
        return reader.sha256.hexdigest()


def _applied(store: str, path: Path) -> list[str]:
    """Return the migrations that a closed file has been through."""
    sql = "SELECT name FROM migration ORDER BY name"
    if store == "control":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
            return [row[0] for row in con.execute(sql).fetchall()]
    with duckdb.connect(str(path), read_only=True) as other:
        return [row[0] for row in other.execute(sql).fetchall()]


# -- reading -----------------------------------------------------------------------------------------------------------
def unpack(path: Path, staging: Path) -> dict[str, Any]:
    """Unpack a backup into an empty folder and return its manifest, once every hash in it is found right.

    Raises :class:`StorageError` for anything else than a whole backup, :class:`NewerSchemaError` for one of a newer Driftdeck.
    """
    found: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    try:
        with (
            path.open("rb") as raw,
            pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            for entry in tar:
                if entry.name == MANIFEST:
                    manifest = json.loads(_content(tar, entry))
                else:
                    found[entry.name] = _extract(tar, entry, staging)
    except FileNotFoundError:
        raise StorageError(f"there is no file {path}") from None
    except (tarfile.TarError, pa.ArrowException, OSError, EOFError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise StorageError(
            f"{path} is not a backup of Driftdeck, or is damaged ({error}); nothing was changed"
        ) from error
    if manifest is None:
        raise StorageError(f"{path} breaks off before its end; nothing was changed. Use another backup")
    _verify(path, manifest, found)
    return manifest


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    return b"" if file is None else file.read()


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, staging: Path) -> str:
    """Write a member to its place below ``staging``; returns its hash."""
    place = (staging / entry.name).resolve()
    known = entry.name.split("/")[0] in {*FOLDERS, *FILES, *_STORES.values(), "driftdeck.duckdb.wal"}
    if not entry.isreg() or not known or not place.is_relative_to(staging.resolve()) or place.exists():
        raise StorageError(f"the backup holds {entry.name!r}, which no backup of Driftdeck does; nothing was changed")
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file, sha256 = tar.extractfile(entry), hashlib.sha256()
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while file is not None and (block := file.read(_BLOCK)):
            sha256.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    return sha256.hexdigest()


def _verify(path: Path, manifest: Mapping[str, Any], found: Mapping[str, str]) -> None:
    if manifest.get("format") != FORMAT:
        raise NewerSchemaError(
            f"{path} has format {manifest.get('format')!r}, this version reads format {FORMAT}; install the version that made it"
        )
    for store, names in manifest["migrations"].items():
        known = [step.name for step in migrations(store)]
        newer = sorted(set(names) - set(known))
        if newer:
            raise NewerSchemaError(
                f"{path} was made by a newer Driftdeck ({manifest['versions']['driftdeck']}): its {store} file has been through "
                f"migration {newer[-1]}, this version knows migrations up to {known[-1]}; install the newer version"
            )
    wanted = manifest["files"]
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise StorageError(
            f"{path} is damaged: {wrong[0]} is not what was packed; nothing was changed. Use another backup"
        )


# -- putting it in place -----------------------------------------------------------------------------------------------
UNFINISHED = "restore-unfinished"


def put_in_place(home: Home, staging: Path, now: datetime, moved: Callable[[str], object] = lambda _: None) -> Path:
    """Move the home's content aside, into ``replaced-<time>``, and the unpacked backup into its place; returns that folder.

    While it is under way a file :data:`UNFINISHED` says so, and the home cannot be opened.
    """
    aside = _aside(home, now)
    marker = home.root / UNFINISHED
    marker.write_text(f"{aside.name}\n", encoding="utf-8")
    sync(home.root)
    for path in sorted(home.root.iterdir()):
        if path.name not in {aside.name, staging.name, UNFINISHED, "lock"} and not _stays(path.name):
            path.replace(aside / path.name)
            moved(path.name)
    fault_point("restore.half_way")
    for path in sorted(staging.iterdir()):
        path.replace(home.root / path.name)
    staging.rmdir()
    sync(home.root)
    marker.unlink()
    sync(home.root)
    return aside


def _stays(name: str) -> bool:
    """Earlier things that were put aside, and copies, are no part of what is replaced."""
    return name.startswith("replaced-") or name in {"backups", "quarantined"}


def _aside(home: Home, now: datetime) -> Path:
    stem = f"replaced-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    aside = next(home.root / name for name in names if not (home.root / name).exists())
    aside.mkdir(mode=0o700)
    return aside


def refuse_unfinished(home: Home) -> None:
    """Raise :class:`StorageError` when a restore of the home was broken off."""
    marker = home.root / UNFINISHED
    if marker.exists():
        raise StorageError(
            f"a restore of {home.root} was broken off: run `driftdeck restore FILE` again; what was there before lies under "
            f"{marker.read_text(encoding='utf-8').strip()}/"
        )
