"""Empty homes: made from nothing once, then copied, for a dozen synchronised migrations are half of what opening a new one takes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from service.local import LocalWorkspace


@cache
def _made() -> dict[str, bytes | None]:
    """Return what every file of an empty home holds; of a folder, None."""
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with LocalWorkspace.open(home):
            pass
        found = sorted(home.rglob("*"))
        return {str(path.relative_to(home)): path.read_bytes() if path.is_file() else None for path in found}


def empty(home: Path) -> Path:
    """Make ``home`` one in which nothing is declared yet, unless it is there; returns it, to be opened."""
    if not home.exists():
        home.mkdir(mode=0o700)
        for name, content in _made().items():
            if content is None:
                (home / name).mkdir(mode=0o700)
            else:
                _write(home / name, content)
    return home


def empty_database(path: Path) -> Path:
    """Make ``path`` a DuckDB file with every table and no row, unless it is there; returns it, to be opened."""
    content = _made()["driftdeck.duckdb"]
    assert content is not None
    if not path.exists():
        _write(path, content)
    return path


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
