"""``python -m benchmarks.dashboard``: see the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.dashboard import home

PARTS = ("build", "pages", "sessions")
SMALL = (10, 50, 30)


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--part", action="append", choices=PARTS, help="all of them when not given")
    found.add_argument(
        "--home", type=Path, help="where the home is, or is to be built; default: one that is thrown away"
    )
    found.add_argument("--models", type=int)
    found.add_argument("--columns", type=int)
    found.add_argument("--days", type=int)
    found.add_argument("--rows", type=int, default=home.A_DAY, help="of each model a day")
    found.add_argument("--seconds", type=float, default=60, help="sessions: how long rows come in")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run the parts."""
    given = parser().parse_args(arguments)
    if given.home is not None:
        _run(given, given.home, given.part or PARTS, (50, 200, 90))
        return
    with tempfile.TemporaryDirectory(prefix="driftdeck-big-") as folder:
        parts = given.part or PARTS
        _run(given, Path(folder) / "home", ("build", *(part for part in parts if part != "build")), SMALL)


def _run(given: argparse.Namespace, folder: Path, parts: Sequence[str], sizes: tuple[int, int, int]) -> None:
    from benchmarks.dashboard import pages, sessions

    if "build" in parts:
        models, columns, days = (a or b for a, b in zip((given.models, given.columns, given.days), sizes, strict=True))
        until = home.midnight(datetime.now(UTC))
        home.fill(
            folder,
            models=models,
            columns=columns,
            days=days,
            a_day=given.rows,
            until=until,
            say=lambda line: print(line, flush=True),
        )
    if "pages" in parts:
        pages.measure(folder)
    if "sessions" in parts:
        sessions.measure(folder, given.seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
