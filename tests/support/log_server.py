"""A small server on the loopback that takes logs as Driftdeck does, and misbehaves on demand."""

import json
import socket
import threading
import zlib
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    path: str
    key: str | None
    headers: Message
    rows: list[dict[str, Any]]

    @property
    def ids(self) -> list[str]:
        return [row["prediction_id"] for row in self.rows]


class LogServer:
    """``plan`` holds what to do with the next requests, in order; without one, rows are taken, each key and id once.

    An entry is a status, (status, headers, body), "die" (take the rows, then break the answer off), "hang" (until
    ``let_go``) or a function of the call that returns one of these, or None for the usual.
    """

    def __init__(self, port: int = 0) -> None:
        self.calls: list[Call] = []
        self.stored: dict[str, list[dict[str, Any]]] = {}
        self.doubled: list[str] = []
        self.plan: list[Any] = []
        self.always: Any = None
        self.let_go = threading.Event()
        self.hanging = threading.Event()
        self._keys: set[str] = set()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def ids(self, model: str = "eta", kind: str = "logs") -> list[str]:
        return [row["prediction_id"] for row in self.stored.get(f"{model}/{kind}", [])]

    def next_step(self, call: Call) -> Any:
        with self._lock:
            self.calls.append(call)
            step = self.plan.pop(0) if self.plan else self.always
        return step(call) if callable(step) else step

    def take(self, call: Call) -> None:
        """Store rows; an id that comes again under another key is a double."""
        with self._lock:
            if call.key in self._keys:
                return
            self._keys.add(call.key or "")
            model, kind = call.path.split("/")[-2:]
            stored = self.stored.setdefault(f"{model}/{kind}", [])
            known = {row["prediction_id"] for row in stored}
            if kind == "logs":
                self.doubled += [name for name in call.ids if name in known]
            stored += call.rows


def _handler(server: LogServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                data = zlib.decompress(data, wbits=31)
            if self.path.endswith("/predict"):
                rows = json.loads(data)["datapoints"]
            else:
                rows = [json.loads(line) for line in data.split(b"\n")]
            call = Call(self.path, self.headers.get("Idempotency-Key"), self.headers, rows)
            step = server.next_step(call)
            if step == "hang":
                server.hanging.set()
                server.let_go.wait()
                step = "die"
            if step == "die":
                server.take(call)
                self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"accep')
                self.close_connection = True
            elif isinstance(step, int):
                self._answer(step, {}, json.dumps({"error": f"told to answer {step}"}))
            elif step is not None:
                self._answer(*step)
            else:
                server.take(call)
                self._answer(200, {}, json.dumps({"accepted": len(rows), "duplicates": 0, "rejected": []}))

        def _answer(self, status: int, headers: dict[str, str], body: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body.encode())), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
