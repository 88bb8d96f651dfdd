"""A process that reads sources into a home until a fault kills it; run again, it goes on."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from service.local import LocalWorkspace
from storage.faults import VARIABLE
from tests.support.source_home import MODEL, Sqlite, csv, source

NOW = datetime(2024, 3, 1, tzinfo=UTC)
QUERY, FILE = 60, 50  # rows


def clock() -> datetime:
    return NOW


def prepare(folder: Path) -> None:
    """Make the places that are read, and a home that reads them; rows carry no id, so nothing but positions tells them apart."""
    shop = Sqlite(folder / "shop.db")
    shop.add(range(QUERY))
    drop = folder / "drop"
    drop.mkdir()
    rows = csv(folder / "rows.csv", range(1000, 1000 + FILE)).read_text().splitlines()
    for part in range(2):
        lines = [rows[0], *rows[1 + part * FILE // 2 : 1 + (part + 1) * FILE // 2]]
        path = drop / f"part{part}.csv"
        path.write_text("\n".join(line.partition(",")[2] for line in lines) + "\n")
        os.utime(path, (1e9 + part, 1e9 + part))
    query = source(
        "query",
        sql="SELECT at, distance, guess, changed FROM predictions",
        connection=shop.address,
        watermark="changed",
        chunk_rows=7,
    )
    with LocalWorkspace.open(folder / "home", now=clock) as workspace:
        workspace.apply(MODEL + query + source("files", read=str(drop), chunk_rows=9))


def main(folder: Path, fault: str) -> None:
    """Run both sources under a fault."""
    with LocalWorkspace.open(folder / "home", now=clock) as workspace:
        os.environ[VARIABLE] = fault
        for name in ("query", "files"):
            workspace.run_source(name)
