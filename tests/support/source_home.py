"""A home with a model that rows come to by themselves, and places for them to come from."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from service.local import LocalWorkspace

START = datetime(2024, 1, 1, tzinfo=UTC)
MODEL = """
[models.eta]
task = "regression"
id = "pid"
time = "at"
prediction = "guess"
label = "truth"

[models.eta.features]
distance = "numeric"
city = "categorical"
"""


def source(name: str = "sales", *, model: str = "eta", **declared: Any) -> str:
    """Return a source as TOML."""
    lines = [f"{key} = {_toml(value)}" for key, value in {"model": model, **declared}.items()]
    return f"\n[sources.{name}]\n" + "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_toml(inner)}' for key, inner in value.items()) + " }"
    return (
        str(value)
        if isinstance(value, int)
        else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    )


def row(number: int) -> tuple[str, str, float, str, float, str]:
    """A prediction, as a database of its own has it: a minute each, changed ten at a time."""
    at = START + timedelta(minutes=number)
    changed = START + timedelta(minutes=number // 10)
    text = "%Y-%m-%d %H:%M:%S"
    return f"p{number}", at.strftime(text), float(number), "Łódź", 2.0 * number, changed.strftime(text)


class Sqlite:
    """A database with a table of predictions that grows."""

    def __init__(self, path: Path) -> None:
        self.path, self.address = path, f"sqlite:///{path}"
        self.run("CREATE TABLE predictions (pid TEXT, at TEXT, distance REAL, city TEXT, guess REAL, changed TEXT)")

    def run(self, sql: str, rows: Iterable[tuple] = ((),)) -> None:
        connection = sqlite3.connect(self.path)
        with connection:
            connection.executemany(sql, rows)
        connection.close()

    def add(self, numbers: Iterable[int]) -> None:
        self.run("INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?)", [row(number) for number in numbers])


def csv(path: Path, numbers: Iterable[int], *, mode: str = "w", age: float = 3600.0) -> Path:
    """Write (or with mode "a" add) rows as CSV; the file was last written to `age` seconds ago."""
    with path.open(mode, encoding="utf-8") as file:
        if mode == "w":
            file.write("pid,at,distance,city,guess\n")
        file.writelines(",".join(map(str, row(number)[:5])) + "\n" for number in numbers)
    aged(path, age)
    return path


def aged(path: Path, age: float) -> None:
    """Let a file have been written to `age` seconds ago."""
    then = datetime.now(UTC).timestamp() - age
    os.utime(path, (then, then))


def logged(workspace: LocalWorkspace, columns: str = "_id") -> list[Any]:
    """Return what the log holds, in order of event time."""
    with workspace.core.db.cursor() as cursor:
        found = cursor.execute(f"SELECT {columns} FROM log_eta ORDER BY _event_time, _id").fetchall()
    return [entry[0] if len(entry) == 1 else entry for entry in found]


def ids(numbers: Iterable[int]) -> list[str]:
    return [f"p{number}" for number in numbers]
