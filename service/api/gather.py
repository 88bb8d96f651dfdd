"""Small appends that arrive while others are being stored wait for them, and are then stored together, by one thread and one commit.

Without it a row costs a thread, a look at the declaration and a table of one row; a group of them costs that once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from service.api.admission import busy
from service.api.bodies import JSON, LINES, Body, to_upload
from service.uploads import Sent, Together
from service.views import AppendView

_SMALL = 16 * 1024  # bytes of a body that waits for others
_GROUP = 256  # bodies of one group
_WAITING = 4096  # bodies that may wait in all


@dataclass(frozen=True, slots=True)
class _Waiting:
    body: Body
    key: str | None
    answer: asyncio.Future[AppendView]


class Gatherer:
    """Stores small appends of predictions in groups, one group of a model at a time."""

    def __init__(self, workspace: Together, threads: CapacityLimiter) -> None:
        self._workspace, self._threads = workspace, threads
        # by event loop, too: futures belong to one
        self._queues: dict[tuple[asyncio.AbstractEventLoop, str], deque[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.waiting = 0  # bodies that have come and are not answered yet

    @staticmethod
    def takes(body: Body) -> bool:
        """Whether a body is small enough, as it came and unpacked, to wait for others."""
        return body.kind in (JSON, LINES) and len(body.data) <= _SMALL and not body.zipped

    async def append(self, model: str, body: Body, key: str | None) -> AppendView:
        """Append the predictions of a body and answer when they are committed; raises what the workspace raises."""
        if self.waiting >= _WAITING:
            raise busy(f"{self.waiting:,} appends are waiting already", 1.0)
        loop = asyncio.get_running_loop()
        place = (loop, model)
        queue = self._queues.get(place)
        if queue is None:
            queue = self._queues[place] = deque()
            task = loop.create_task(self._store_all(place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        waiting = _Waiting(body, key, loop.create_future())
        queue.append(waiting)
        self.waiting += 1
        try:
            return await waiting.answer
        finally:
            self.waiting -= 1

    async def _store_all(self, place: tuple[asyncio.AbstractEventLoop, str]) -> None:
        """Store group after group until nobody waits any more."""
        queue = self._queues[place]
        try:
            while queue:
                group = [queue.popleft() for _ in range(min(len(queue), _GROUP))]
                found = await to_thread.run_sync(self._store, place[1], group, limiter=self._threads)
                for waiting, answer in zip(group, found, strict=True):
                    if waiting.answer.done():  # its caller has gone
                        continue
                    if isinstance(answer, Exception):
                        waiting.answer.set_exception(answer)
                    else:
                        waiting.answer.set_result(answer)
        finally:
            del self._queues[place]
            for waiting in queue:
                waiting.answer.cancel()

    def _store(self, model: str, group: list[_Waiting]) -> list[AppendView | Exception]:
        found: dict[int, AppendView | Exception] = {}
        sent: dict[int, Sent] = {}
        for index, waiting in enumerate(group):
            try:
                sent[index] = Sent(to_upload(waiting.body, keyed=waiting.key is not None), waiting.key)
            except Exception as error:  # the caller's to see
                found[index] = error
        try:
            answers = self._workspace.log_together(model, list(sent.values()))
        except Exception as error:  # every caller's to see
            answers = [error] * len(sent)
        found |= dict(zip(sent, answers, strict=True))
        return [found[index] for index in range(len(group))]
