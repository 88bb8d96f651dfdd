"""Is the home in order? Everything that can be checked without knowing what is right is checked, and said in words."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from packaging.requirements import Requirement

from reference_data.declaration import ModelSpec
from storage.archives import archive_files, archive_folder
from storage.buckets import aware
from storage.control import Control
from storage.database import Database
from storage.errors import AuditBrokenError
from storage.home import Home
from storage.migrate import migrations
from storage.model_tables import label_table, log_table, tables_exist
from storage.names import quote
from storage.opening import RESTORE, quarantined, wal_of
from storage.retention import file_damage, stray_files
from storage.rows import single

_AHEAD = timedelta(days=1)  # event times so far after now are of a clock that is wrong
_SECONDS = timedelta(minutes=5)  # two clocks of one machine
_FREE = 2**30  # bytes
_WAL = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at; ``advice`` says what to do when it is not ``ok``."""

    check: str
    ok: bool
    words: str
    advice: str | None = None


def examine(db: Database, control: Control, home: Home, specs: dict[str, ModelSpec], now: datetime) -> list[Found]:
    """Look at an open home. Every row is read once, so that a damaged block shows: that takes as long as it takes."""
    checks: list[Callable[[], Iterator[Found]]] = [
        lambda: _control_file(home.control),
        lambda: _database_file(db),
        lambda: _lost(db),
        lambda: _migrations(db, control),
        lambda: _audit(control),
        lambda: _write_ahead_log(db.path),
        lambda: _rows(db, specs, now),
        lambda: _archives(db, specs),
        lambda: _artefacts(control, home, specs),
        lambda: _samples(control, home, specs),
    ]
    found: list[Found] = []
    for check in checks:
        found += check()
    return found + examine_folder(home)


def examine_folder(home: Home) -> list[Found]:
    """Look at what can be seen without opening the stores."""
    found: list[Found] = []
    for check in (_disk, _secrets, _quarantined, _leftovers):
        found += check(home)
    return found + list(_libraries())


# -- the stores --------------------------------------------------------------------------------------------------------
def _control_file(path: Path) -> Iterator[Found]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
            problems = [row[0] for row in con.execute("PRAGMA integrity_check(5)").fetchall()]
    except sqlite3.Error as error:
        problems = [str(error)]
    ok = problems == ["ok"]
    yield Found(
        "control file", ok, "passes SQLite's check" if ok else f"is damaged: {problems[0]}", None if ok else RESTORE
    )


def _database_file(db: Database) -> Iterator[Found]:
    """Read every column of every table: DuckDB checks each block as it comes from the disk."""
    rows, tables = 0, 0
    with db.cursor() as con:
        names = con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary").fetchall()
        for (name,) in names:
            try:
                rows += single(
                    con, f"SELECT count(*) FROM (SELECT bit_xor(hash(COLUMNS(*))) FROM {quote(name)})"
                ) and single(con, f"SELECT count(*) FROM {quote(name)}")
                tables += 1
            except duckdb.Error as error:
                words = f"table {name} cannot be read: {str(error).splitlines()[0][:200]}"
                yield Found("database file", False, words, RESTORE)
    if tables == len(names):
        yield Found("database file", True, f"{tables} tables with {rows:,} rows were read")


def _lost(db: Database) -> Iterator[Found]:
    for words in db.losses:
        yield Found("lost writes", False, words, "see docs/care.md, what to do after damage")


def _migrations(db: Database, control: Control) -> Iterator[Found]:
    with db.cursor() as con:
        applied = {row[0] for row in con.execute("SELECT name FROM migration").fetchall()}
    known = [step.name for step in migrations("duckdb")]
    ok = applied == set(known) and control.path.exists()
    yield Found("migrations", ok, f"the stores are at {known[-1]} and {migrations('control')[-1].name}")


def _audit(control: Control) -> Iterator[Found]:
    try:
        control.verify_audit()
    except AuditBrokenError as error:
        yield Found("audit trail", False, str(error), "somebody changed control.db by hand; compare it with a backup")
    else:
        yield Found("audit trail", True, "every entry follows from the one before")


def _write_ahead_log(path: Path) -> Iterator[Found]:
    log = wal_of(path)
    size = log.stat().st_size if log.exists() else 0
    ok = size < _WAL
    advice = None if ok else "the log is not folded into the file any more; see the process's own log, and restart it"
    yield Found("write-ahead log", ok, f"{size / 2**20:,.1f} MiB", advice)


# -- rows --------------------------------------------------------------------------------------------------------------
def _rows(db: Database, specs: dict[str, ModelSpec], now: datetime) -> Iterator[Found]:
    with db.cursor() as con:
        for name in specs:
            if tables_exist(con, name):
                yield from _clock(con, name, now)
                yield _orphans(con, name)


def _clock(con: duckdb.DuckDBPyConnection, model: str, now: datetime) -> Iterator[Found]:
    latest, arrived = con.execute(f"SELECT max(_event_time), max(_arrival_time) FROM {log_table(model)}").fetchall()[0]
    if latest is None:
        return
    ahead = aware(latest) > now + _AHEAD
    words = f"the latest row of {model} is of {aware(latest).isoformat()}" + (", which is yet to come" if ahead else "")
    advice = "look at the clock or the time zone of whoever sends these rows; they are judged when their time has come"
    yield Found("event times", not ahead, words, advice if ahead else None)
    behind = aware(arrived) > now + _SECONDS
    if behind:
        words = f"rows of {model} arrived at {aware(arrived).isoformat()}, and by this machine's clock it is {now.isoformat()}"
        yield Found("clock", False, words, "set this machine's clock; nothing is lost, the order of arrivals is kept")


def _orphans(con: duckdb.DuckDBPyConnection, model: str) -> Found:
    waiting = single(con, "SELECT count(DISTINCT _id) FROM unmatched_label WHERE model = ? AND NOT found", [model])
    labels = single(con, f"SELECT count(*) FROM {label_table(model)}")
    ok = waiting * 2 <= labels
    advice = (
        None if ok else "labels carry other ids than predictions do; compare both (`driftdeck label` names the column)"
    )
    return Found("orphan labels", ok, f"{waiting:,} labels of {model} wait for their prediction", advice)


def _archives(db: Database, specs: dict[str, ModelSpec]) -> Iterator[Found]:
    for name in specs:
        with db.cursor() as con:
            files = archive_files(con, name)
        problems = file_damage(db.path, files)
        if not problems:
            problems = [words for file in files if (words := _unreadable(db.path, file.path, file.rows))]
        if files or problems:
            rows = sum(file.rows for file in files)
            words = problems[0] if problems else f"{len(files)} files of {name} with {rows:,} rows are there"
            yield Found("archives", not problems, words, "put the file back from a backup" if problems else None)
        strays = stray_files(db, name)
        if strays:
            yield Found(
                "archives", True, f"{len(strays)} files of {name} are not needed any more; the next run removes them"
            )


def _unreadable(database: Path, file: str, rows: int) -> str | None:
    try:
        held = pq.read_metadata(archive_folder(database) / file).num_rows
    except (OSError, pa.ArrowException) as error:
        return f"{file} cannot be read: {error}"
    return None if held == rows else f"{file} holds {held:,} rows where {rows:,} were written"


# -- files beside the stores -------------------------------------------------------------------------------------------
def _artefacts(control: Control, home: Home, specs: dict[str, ModelSpec]) -> Iterator[Found]:
    wrong, count = [], 0
    for name in specs:
        for record in control.versions(name):
            artefact = record.get("artefact")
            if not artefact:
                continue
            count += 1
            path = home.artefacts / artefact
            if not path.exists():
                wrong.append(f"{artefact} of {name} {record['version']} is missing")
            elif _sha256(path) != record["card"]["sha256"]:
                wrong.append(f"{artefact} of {name} {record['version']} is not the file that was registered")
    words = wrong[0] if wrong else f"{count} artefacts are the ones that were registered"
    yield Found("artefacts", not wrong, words, "put the file back from a backup, or train anew" if wrong else None)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _samples(control: Control, home: Home, specs: dict[str, ModelSpec]) -> Iterator[Found]:
    wanted = [
        home.references / f"{name}_{number}.parquet" for name in specs for number in control.reference_versions(name)
    ]
    lost = [path.name for path in wanted if not path.exists()]
    words = f"the rows kept of {lost[0]} are missing" if lost else f"{len(wanted)} samples are there"
    advice = (
        "judging goes on without them, Evidently's reports do not; put the file back from a backup" if lost else None
    )
    yield Found("reference samples", not lost, words, advice)


def _disk(home: Home) -> Iterator[Found]:
    free = shutil.disk_usage(home.root).free
    size = sum(path.stat().st_size for path in home.root.glob("driftdeck.duckdb*"))
    ok = free >= max(_FREE, size // 10)
    advice = None if ok else 'free some space, or let old rows leave: retention = { keep = "400d" } in the declaration'
    yield Found("disk", ok, f"{free / 2**30:,.1f} GiB free, the database takes {size / 2**30:,.2f} GiB", advice)


def _secrets(home: Home) -> Iterator[Found]:
    names = [home.root, home.control, home.database, home.endpoint, home.privacy_key, home.references]
    names += [home.root / "archives", home.root / "backups"]
    open_ = [path for path in names if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if not open_:
        yield Found("permissions", True, "secrets are readable by their owner only")
    for path in open_:
        mode = stat.S_IMODE(path.stat().st_mode)
        right = "700" if path.is_dir() else "600"
        yield Found("permissions", False, f"{path} has mode {mode:o}: others may read it", f"chmod {right} {path}")


def _quarantined(home: Home) -> Iterator[Found]:
    folder = quarantined(home.database)
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        words = path.read_text(encoding="utf-8").strip() if path.suffix == ".txt" else f"{path.stat().st_size:,} bytes"
        advice = "send again what is missing, then move the file away; see docs/care.md, what to do after damage"
        yield Found("quarantined", False, f"{folder.name}/{path.name}: {words}", advice)


def _leftovers(home: Home) -> Iterator[Found]:
    replaced = [path.name for path in home.root.glob("replaced-*")]
    if replaced:
        yield Found(
            "leftovers",
            True,
            f"{', '.join(sorted(replaced))}: what a restore replaced; delete it when it is not missed",
        )
    drafts = [path for pattern in (".*.draft", ".*.part", "*.part") for path in home.root.glob(f"*/{pattern}")]
    yield Found(
        "leftovers",
        True,
        f"{len(drafts)} drafts of files that were never finished" + (": safe to delete" if drafts else ""),
    )


def _libraries() -> Iterator[Found]:
    """Hold the installed versions against those that this version of Driftdeck was made for."""
    wrong, count = [], 0
    for text in requires("driftdeck") or []:
        need = Requirement(text)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            there = version(need.name)
        except PackageNotFoundError:
            wrong.append(f"{need.name} is not installed")
            continue
        if not need.specifier.contains(there, prereleases=True):
            wrong.append(f"{need.name} is {there}, and {need.specifier} is needed")
    advice = "install Driftdeck into an environment of its own, with its constraints.txt" if wrong else None
    yield Found("libraries", not wrong, "; ".join(wrong) or f"{count} libraries have the versions they should", advice)
