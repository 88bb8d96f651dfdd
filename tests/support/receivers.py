"""Receivers on loopback: an HTTP server that answers as it is told, and a mail server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True, slots=True)
class Request:
    """What came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """Return the body as JSON."""
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass(slots=True)
class HttpReceiver:
    """Records what comes and answers ``status``; while ``free`` is not set it does not answer at all."""

    port: int = 0
    status: int = 200
    seen: list[Request] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def url(self) -> str:
        """Return an address of it, with a secret in path and query."""
        return f"http://127.0.0.1:{self.port}/hook/T0psecret?token=hush-hush"

    def keys(self) -> list[str]:
        """Return the idempotency keys that came, in order."""
        return [request.headers["Idempotency-Key"] for request in self.seen]


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """Run a receiver."""
    receiver = HttpReceiver()
    receiver.free.set()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            receiver.seen.append(Request(self.command, self.path, dict(self.headers.items()), body))
            receiver.arrived.release()
            receiver.free.wait(60)
            self.send_response(receiver.status)
            if 300 <= receiver.status < 400:
                self.send_header("location", "/elsewhere")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(f"no luck at {self.path}".encode())

        do_POST = do_GET = _take  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # whoever asked is gone
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.free.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(slots=True)
class MailReceiver:
    """Records the mails that come."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        self.mails.append(message_from_bytes(envelope.content))
        return "250 taken"

    @property
    def url(self) -> str:
        """Return an Apprise address of it."""
        return f"mailto://127.0.0.1:{self.port}?from=driftdeck@example.com&to=ada@example.com&format=html"


@contextmanager
def mail_receiver() -> Iterator[MailReceiver]:
    """Run a mail server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        receiver = MailReceiver(port=free.getsockname()[1])
    controller = Controller(receiver, hostname="127.0.0.1", port=receiver.port)
    controller.start()
    try:
        yield receiver
    finally:
        controller.stop()
