"""Reading and writing at the same time: one thread makes what another one uses."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")
_LOOK = 0.1  # seconds after which a maker that waits looks whether anybody still wants its work


class _End:
    """Says that there is no more, and why."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """Yield ``items``, of which the next is made by another thread while this one is used; an error comes in its place.

    Close the generator to stop early; ``items`` is then closed too, by the thread that runs it.
    """
    made: queue.Queue[T | _End] = queue.Queue(1)
    unwanted = threading.Event()

    def put(item: T | _End) -> None:
        while not unwanted.is_set():
            try:
                made.put(item, timeout=_LOOK)
            except queue.Full:
                continue
            return

    def work() -> None:
        error: BaseException | None = None
        try:
            with closing(_generator(items)) as source:
                for item in source:
                    put(item)
                    if unwanted.is_set():
                        break
        except BaseException as raised:  # belongs to whoever asked
            error = raised
        put(_End(error))

    worker = threading.Thread(target=work, name="driftdeck-reader", daemon=True)
    worker.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
            del item  # or it would be held while the next but one is made
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        worker.join(timeout=5.0)  # one that reads from a silent pipe ends with the process


def _generator(items: Iterable[T]) -> Generator[T, None, None]:
    yield from items
