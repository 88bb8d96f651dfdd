"""The overview's rows are worked out before somebody asks: when the service begins, and while somebody looks.

After a start, at midnight and after a run of fifty models the first visitor would wait for all of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from service.local import overview
from service.workspace import WorkspaceError
from storage.errors import StorageError

if TYPE_CHECKING:
    from service.local.core import Core

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
    """Work out every model's row, unless it is known; what cannot be is told to whoever asks for it."""
    for name in core.control.model_records():
        if stop.is_set():
            return
        try:
            overview.model(core, name)
        except (WorkspaceError, StorageError) as error:
            _log.warning("the row of %s could not be worked out ahead: %s", name, error)
