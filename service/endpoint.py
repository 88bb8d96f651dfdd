"""Where the process that owns a home folder listens: a file beside the lock it holds for as long as it lives."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from service.workspace import ConflictError
from storage.home import Home


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the owner of a home listens. ``secret`` shows that a caller may read the owner's files."""

    pid: int
    url: str
    secret: str


def publish(home: Home, endpoint: Endpoint) -> None:
    """Write where this process listens, readable by its user alone."""
    draft = home.endpoint.with_suffix(f".{endpoint.pid}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(endpoint), file)
    draft.replace(home.endpoint)


def withdraw(home: Home) -> None:
    """Remove the endpoint file."""
    home.endpoint.unlink(missing_ok=True)


def find(folder: Path) -> Endpoint | None:
    """Return where the *living* owner of ``folder`` listens; None when nobody owns it, or the owner does not listen."""
    home = Home(folder.expanduser().absolute())
    try:
        content = json.loads(home.endpoint.read_text(encoding="utf-8"))
        published = Endpoint(int(content["pid"]), str(content["url"]), str(content["secret"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return published if _is_locked(home.lock) else None


def refuse_second(folder: Path) -> None:
    """Raise :class:`ConflictError`, one friendly line, when another process serves ``folder``."""
    serving = find(folder)
    if serving is not None:
        raise ConflictError(
            f"{folder} is already served by process {serving.pid} at {serving.url}; open that, or stop it first"
        )


def _is_locked(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
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
