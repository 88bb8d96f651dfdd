"""A browser's side of Streamlit's websocket, without a browser: ask for a page, wait until its script has finished, count the bytes."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

_FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
PATIENCE = 120.0  # seconds for one message


@dataclass(frozen=True, slots=True)
class Drawn:
    """One rebuild: seconds from the request to the end of the script, bytes of all messages as they were made and as they were
    sent (the socket compresses), charts and exceptions among them."""

    seconds: float
    bytes: int
    sent: int
    charts: int
    exceptions: tuple[str, ...]


class _Counted(socket.socket):
    """A socket that counts what comes."""

    received = 0

    def recv(self, *given: int) -> bytes:
        """Receive, and count."""
        found = super().recv(*given)
        self.received += len(found)
        return found


class Session:
    """One visitor's connection; not for several threads."""

    def __init__(self, base: str) -> None:
        self._base, self._wire = base, _Counted(socket.AF_INET, socket.SOCK_STREAM)
        address = urlsplit(base)
        self._wire.connect((address.hostname, address.port))
        self._socket = connect(
            base.replace("http", "ws", 1) + "/_stcore/stream",
            sock=self._wire,
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            origin=Origin(base),
            legacy=True,
        )

    def draw(self, path: str) -> Drawn:
        """Ask for a page by its path and query, and wait until its script has finished.

        Raises :class:`RuntimeError` when the script cannot be run.
        """
        page, _, query = path.lstrip("/").partition("?")
        asked = BackMsg()
        asked.rerun_script.query_string = query
        asked.rerun_script.page_name = page
        asked.rerun_script.context_info.timezone = "UTC"
        asked.rerun_script.context_info.url = f"{self._base}/{page}"
        asked.rerun_script.context_info.color_scheme = "light"
        began, before = time.perf_counter(), self._wire.received
        self._socket.send(asked.SerializeToString())
        size = charts = 0
        exceptions = []
        while True:
            raw = self._socket.recv(timeout=PATIENCE)
            if isinstance(raw, str):
                raise TypeError(f"the server sent text: {raw[:200]}")
            size += len(raw)
            message = ForwardMsg.FromString(raw)
            if message.WhichOneof("type") == "delta" and message.delta.WhichOneof("type") == "new_element":
                kind = message.delta.new_element.WhichOneof("type")
                charts += kind == "plotly_chart"
                if kind == "exception":
                    exceptions.append(message.delta.new_element.exception.message[:200])
            if message.WhichOneof("type") == "script_finished":
                if message.script_finished in _FINISHED:
                    return Drawn(
                        time.perf_counter() - began, size, self._wire.received - before, charts, tuple(exceptions)
                    )
                if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise RuntimeError(f"{path}: the script could not be compiled")

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave."""
        self.close()
