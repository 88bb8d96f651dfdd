"""How far a long command has come, on stderr: a bar on a terminal, a line now and then elsewhere, nothing with ``--json``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.cli.session import Session

_EVERY = 5.0  # seconds between two lines
_BYTES = 1 << 20


class Progress:
    """Told of bytes read, bytes there are (0: not known) and rows taken; shows nothing itself."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, read: int, size: int, rows: int) -> None:
        del read, size
        self.rows = rows

    def close(self) -> None:
        """Show no more."""


class Lines(Progress):
    """Says it in a line every few seconds."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._started = session, time.monotonic()
        self._said = self._started

    def __call__(self, read: int, size: int, rows: int) -> None:
        self.rows = rows
        now = time.monotonic()
        if now - self._said >= _EVERY:
            self._said = now
            self._session.say(words(read, size, rows, now - self._started))


def words(read: int, size: int, rows: int, seconds: float) -> str:
    """Return the progress as a line: rows, bytes, rate, and an estimate of the time that is left."""
    rate = rows / seconds if seconds else 0.0
    parts = [f"{rows:,} rows", f"{rate:,.0f} rows/s"]
    if size:
        left = seconds * (size - read) / read if read else 0.0
        parts[1:1] = [f"{read / _BYTES:,.0f} of {size / _BYTES:,.0f} MB"]
        parts.append(f"about {left:.0f} s left")
    elif read:
        parts[1:1] = [f"{read / _BYTES:,.0f} MB"]
    return ", ".join(parts)


class Bar(Progress):
    """Draws a bar."""

    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        super().__init__()
        self._started = time.monotonic()
        rate = TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f}/s")
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), rate, TimeRemainingColumn())
        self._rich = Rich(*columns, console=Console(stderr=True), transient=True)
        self._task = self._rich.add_task(escape(what), total=None, rows=0, rate=0.0)
        self._rich.start()

    def __call__(self, read: int, size: int, rows: int) -> None:
        self.rows = rows
        fields: dict[str, Any] = {"rows": rows, "rate": rows / max(time.monotonic() - self._started, 1e-3)}
        self._rich.update(self._task, completed=read, total=size or None, **fields)

    def close(self) -> None:
        self._rich.stop()


@contextmanager
def progress(session: Session, what: str) -> Iterator[Progress]:
    """Show progress for as long as the context lasts."""
    shown = Progress() if session.json else Bar(_short(what)) if sys.stderr.isatty() else Lines(session)
    try:
        yield shown
    finally:
        shown.close()


def _short(what: str) -> str:
    name = what.rstrip("/").rpartition("/")[2] or what
    return name if len(name) <= 30 else name[:29] + "…"
