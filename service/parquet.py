"""Parquet that strangers send, read in processes of their own: see decision 8."""

from __future__ import annotations

import atexit
import json
import mmap
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa

from service.comparing_process import surroundings

_WORKERS = 2
_SECONDS = 120.0  # for one file; the largest that is allowed takes some
_SOON = 0.5  # seconds in which a worker is likely to be done with what it reads


class TooLargeError(Exception):
    """The file holds more than is allowed."""


class _Worker:
    """One process, which reads one file at a time."""

    def __init__(self) -> None:
        self._calls, theirs = socket.socketpair()
        self._calls.settimeout(_SECONDS)
        with theirs:
            command = [sys.executable, "-m", "service.parquet_worker"]
            self._process = subprocess.Popen(  # noqa: S603 - our own
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=surroundings()
            )

    def ask(self, request: dict[str, int], files: list[int]) -> dict[str, str] | None:
        """Return the answer; None when the process has died of it, or takes too long."""
        try:
            socket.send_fds(self._calls, [json.dumps(request).encode()], files)
            found = self._calls.recv(65536)
        except OSError:
            return None
        return dict(json.loads(found)) if found else None

    def end(self) -> None:
        self._calls.close()
        with suppress(OSError):
            self._process.kill()
        self._process.wait()


class _Pool:
    """Workers, started when they are needed; one that is busy is waited for a moment first, since starting another takes longer than most files."""

    def __init__(self, size: int) -> None:
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._free = threading.BoundedSemaphore(size)
        self._alive = 0  # workers
        self._lock = threading.Lock()

    def ask(self, request: dict[str, int], files: list[int]) -> dict[str, str] | None:
        with self._free:
            worker = self._take()
            found = None
            try:
                found = worker.ask(request, files)
            finally:
                if found is None:
                    with self._lock:
                        self._alive -= 1
                    worker.end()
                else:
                    self._idle.put(worker)
            return found

    def _take(self) -> _Worker:
        try:
            return self._idle.get(timeout=_SOON) if self._alive else self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker()
            with self._lock:
                self._alive += 1
            return worker

    def close(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().end()
                self._alive -= 1


_POOL = _Pool(_WORKERS)
atexit.register(_POOL.close)


def read_parquet(data: bytes | memoryview, *, size: int, rows: int, columns: int) -> pa.Table:
    """Return the table in ``data``, not yet validated, read by another process.

    Raises :class:`TooLargeError` beyond ``size`` bytes unpacked, ``rows`` or ``columns``, :class:`pyarrow.ArrowInvalid` for bytes that are no
    Parquet or that its reader did not survive.
    """
    with _memory() as source, _memory() as target:
        _write(source, data)
        found = _POOL.ask({"size": size, "rows": rows, "columns": columns}, [source, target])
        if found is None:
            raise pa.ArrowInvalid(
                "its reader ran out of memory or time, or broke; send smaller batches of plain Parquet"
            )
        if "too_large" in found:
            raise TooLargeError(found["too_large"])
        if "error" in found:
            raise pa.ArrowInvalid(found["error"])
        with pa.ipc.open_stream(pa.py_buffer(mmap.mmap(target, 0, access=mmap.ACCESS_READ))) as reader:
            return reader.read_all()


@contextmanager
def _memory() -> Iterator[int]:
    """Give a file without a name: in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("driftdeck")
        try:
            yield file
        finally:
            os.close(file)
    else:
        with tempfile.TemporaryFile() as temporary:
            yield temporary.fileno()


def _write(file: int, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
