"""What the first visitor asks is worked out before: when the service begins, and while somebody looks.

After a start, at midnight and after a run of fifty models they would wait for all of them: the overview's rows, and what opens on a model
that is in trouble.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event, Thread
from typing import TYPE_CHECKING

from service.local import drift, overview, performance
from service.workspace import WorkspaceError
from storage.errors import StorageError

if TYPE_CHECKING:
    from service import views
    from service.local.core import Core

OPENED = 3  # models whose page is worked out
EVERY, LOOKED = 15.0, 300.0  # seconds between two rounds, and for how long after a look they go on
_log = logging.getLogger(__name__)


@contextmanager
def kept_warm(core: Core) -> Iterator[None]:
    """Do so in a thread of its own for the length of a block; at its end the model at hand is finished first."""
    stop = Event()
    thread = Thread(target=_rounds, args=(core, stop), name="driftdeck-warm", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _rounds(core: Core, stop: Event) -> None:
    first = True
    while not stop.is_set():
        if first or time.monotonic() - core.recall.looked < LOOKED:
            once(core, stop)
        first = False
        stop.wait(EVERY)


def once(core: Core, stop: Event) -> None:
    """Work out every model's row, and the page of those in most trouble, unless they are known; what cannot be is told to whoever asks for it.

    From the last model to the first: who asks for all of them meanwhile begins at the other end, and each row is worked out once.
    """
    rows: list[views.ModelView] = []
    for name in reversed(core.control.model_records()):
        with _told_later(name):
            if not stop.is_set():
                rows.append(overview.model(core, name))
    for row in sorted(rows, key=overview.trouble)[:OPENED]:
        with _told_later(row["name"]):
            if not stop.is_set():
                _page(core, row["name"])


def _page(core: Core, name: str) -> None:
    """Ask what the model's page does, of the window that it shows at first."""
    windows = overview.windows(core, name)
    performance.performance(core, name, None, None)
    closed = [window for window in windows if window["closed"]]
    shown = [window for window in closed if window["rows"]] or closed or windows
    if shown:
        drift.drift_table(core, name, datetime.fromisoformat(shown[-1]["start"]))
        drift.heatmap(core, name)


@contextmanager
def _told_later(name: str) -> Iterator[None]:
    try:
        yield
    except (WorkspaceError, StorageError) as error:
        _log.info("what is shown of %s could not be worked out ahead: %s", name, error)
