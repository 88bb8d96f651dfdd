"""Empty homes: made from nothing once, then copied, for a dozen synchronised migrations are half of what opening a new one takes."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from service.local import LocalWorkspace


@cache
def _made() -> Path:
    folder = Path(mkdtemp(prefix="driftdeck-"))
    atexit.register(shutil.rmtree, folder)
    with LocalWorkspace.open(folder / "home"):
        return folder / "home"


def empty(home: Path) -> Path:
    """Make ``home`` one in which nothing is declared yet, unless it is there; returns it, to be opened."""
    return home if home.exists() else Path(shutil.copytree(_made(), home))


def empty_database(path: Path) -> Path:
    """Make ``path`` a DuckDB file with every table and no row, unless it is there; returns it, to be opened."""
    return path if path.exists() else Path(shutil.copyfile(_made() / "driftdeck.duckdb", path))
