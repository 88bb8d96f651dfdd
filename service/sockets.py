"""An open websocket goes on only for as long as whoever opened it is signed in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.types import Message, Receive, Send

LOOK = 1.0  # seconds between two looks
SIGNED_OUT = 4401
_WORDS = "the session has ended; sign in again"


def watched(receive: Receive, send: Send, lives: Callable[[], bool], look: float = LOOK) -> tuple[Receive, Send]:
    """Return the two ends of a websocket that closes within ``look`` seconds once ``lives`` says no; nothing passes from then on."""
    waiting: asyncio.Future[Message] | None = None
    closed = False

    async def close() -> Message:
        nonlocal closed, waiting
        closed = True
        if waiting is not None:
            waiting.cancel()
            waiting = None
        with suppress(OSError, RuntimeError):  # it has gone already
            await send({"type": "websocket.close", "code": SIGNED_OUT, "reason": _WORDS})
        return {"type": "websocket.disconnect", "code": SIGNED_OUT, "reason": _WORDS}

    async def watched_receive() -> Message:
        nonlocal waiting
        while True:
            if closed or not lives():
                return await close()
            waiting = waiting or asyncio.ensure_future(receive())
            done, _ = await asyncio.wait({waiting}, timeout=look)
            if done:
                if not lives():
                    return await close()
                message, waiting = waiting.result(), None
                return message

    async def watched_send(message: Message) -> None:
        if not closed:
            await send(message)

    return watched_receive, watched_send
