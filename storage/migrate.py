"""Numbered SQL files, each applied once, in its own transaction, with its own record. One runner for DuckDB and SQLite."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Protocol

from storage.errors import ChangedMigrationError, NewerSchemaError
from storage.faults import fault_point

_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_RECORD = (
    "CREATE TABLE IF NOT EXISTS migration (name VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, applied_at VARCHAR NOT NULL)"
)


class _Cursor(Protocol):
    def fetchall(self) -> list[Any]: ...


class _Connection(Protocol):
    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> _Cursor: ...


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Hash of the text, in hexadecimal digits."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(store: str) -> list[Migration]:
    """Return the migrations of ``store`` (``duckdb`` or ``control``) in order."""
    folder: Traversable = files("storage") / "migrations" / store
    found = [entry for entry in folder.iterdir() if _NAME.fullmatch(entry.name)]
    ordered = sorted(found, key=lambda entry: entry.name)
    return [Migration(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8")) for entry in ordered]


def statements(sql: str) -> Iterator[str]:
    """Yield the statements of a script; semicolons in strings, comments and trigger bodies end none."""
    text = ""
    for piece in re.split(r"(?<=;)", sql):
        text += piece
        if sqlite3.complete_statement(text):
            yield text
            text = ""
    if re.sub(r"--[^\n]*", "", text).strip():
        yield text


def migrate(
    connection: Any,
    store: str,
    now: Callable[[], datetime],
    *,
    steps: Sequence[Migration] | None = None,
    before: Callable[[str], object] | None = None,
) -> list[str]:
    """Bring ``connection`` (DuckDB's, or SQLite's in autocommit mode) up to date; returns what was applied.

    ``before`` is called with the name of the first migration that is missing, unless the file is a new one.
    Raises :class:`NewerSchemaError` for a file that has been through migrations unknown here, and
    :class:`ChangedMigrationError` if one of them reads differently now.
    """
    steps = migrations(store) if steps is None else steps
    con: _Connection = connection
    con.execute(_RECORD)
    done = dict(con.execute("SELECT name, sha256 FROM migration").fetchall())
    _refuse_newer(done, steps, store)
    missing = [step.name for step in steps if step.name not in done]
    if before is not None and done and missing:
        before(missing[0])
    applied = []
    for step in steps:
        if step.name in done:
            continue
        con.execute("BEGIN TRANSACTION")
        try:
            for statement in statements(step.sql):
                con.execute(statement)
            fault_point("migrate.before_record")
            moment = now().astimezone(UTC).isoformat()
            con.execute("INSERT INTO migration VALUES (?, ?, ?)", [step.name, step.sha256, moment])
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
        applied.append(step.name)
    return applied


def _refuse_newer(done: dict[str, str], steps: Sequence[Migration], store: str) -> None:
    known = {step.name: step.sha256 for step in steps}
    newer = sorted(done.keys() - known.keys())
    if newer:
        raise NewerSchemaError(
            f"the {store} file was written by a newer Driftdeck: it has been through migration {newer[-1]}, this version "
            f"knows migrations up to {max(known, default='none')}; install the newer version, or restore an older backup"
        )
    changed = sorted(name for name, sha256 in done.items() if known[name] != sha256)
    if changed:
        raise ChangedMigrationError(
            f"migration {changed[0]} of the {store} file is not the one this Driftdeck ships: use the version that made "
            "the file, or start with a new home folder"
        )
