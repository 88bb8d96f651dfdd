"""Who owns a home folder: a lock held for as long as its process lives, and a file saying where that process listens."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from service.workspace import ConflictError

_LOCK_FILE, _ENDPOINT_FILE = "driftdeck.lock", "endpoint.json"
_held: dict[Path, HomeLock] = {}
_guard = threading.Lock()


class HomeBusyError(ConflictError):
    """Another process owns the home folder."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the owner of a home listens. ``secret`` proves that a caller may read the owner's files."""

    pid: int
    url: str
    secret: str


class HomeLock:
    """A home folder, owned. Within one process it may be held several times over; the last release gives it up."""

    def __init__(self, home: Path, descriptor: int) -> None:
        self._home = home
        self._descriptor = descriptor
        self._holders = 1

    @classmethod
    def acquire(cls, home: Path) -> HomeLock:
        """Own ``home`` (made if need be); raises :class:`HomeBusyError` naming the process that does."""
        home.mkdir(parents=True, exist_ok=True)
        home = home.resolve()
        with _guard:
            if home in _held:
                _held[home]._holders += 1  # noqa: SLF001 - its own class
                return _held[home]
            descriptor = os.open(home / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
                os.close(descriptor)
                raise HomeBusyError(_busy(home, owner)) from None
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
            _held[home] = cls(home, descriptor)
            return _held[home]

    def release(self) -> None:
        """Give the home up, if this was the last holder in the process."""
        with _guard:
            self._holders -= 1
            if self._holders == 0 and _held.pop(self._home, None) is not None:
                os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def publish(home: Path, endpoint: Endpoint) -> None:
    """Write where this process listens, readable by its user alone."""
    target = home / _ENDPOINT_FILE
    draft = target.with_suffix(f".{endpoint.pid}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(endpoint), file)
    draft.replace(target)


def withdraw(home: Path) -> None:
    """Remove the endpoint file."""
    (home / _ENDPOINT_FILE).unlink(missing_ok=True)


def find(home: Path) -> Endpoint | None:
    """Return where the *living* owner of ``home`` listens; None when nobody owns it or the owner does not listen."""
    published = _read(home)
    if published is None or not _is_locked(home):
        return None
    return published


def _read(home: Path) -> Endpoint | None:
    try:
        content = json.loads((home / _ENDPOINT_FILE).read_text(encoding="utf-8"))
        return Endpoint(int(content["pid"]), str(content["url"]), str(content["secret"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_locked(home: Path) -> bool:
    try:
        descriptor = os.open(home / _LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _busy(home: Path, owner: str) -> str:
    published = _read(home)
    who = f"process {owner}" if owner else "another process"
    if published is not None and str(published.pid) == owner:
        return f"{home} is already served by {who} at {published.url}; open that, or stop it first"
    return f"{home} is in use by {who}; wait until it has finished, or stop it first"
