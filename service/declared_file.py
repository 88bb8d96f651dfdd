"""The declaration file that a process was started with: applied at the start and whenever its content changes."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from service.local.declare import DECLARED_FILE
from service.workspace import Workspace

_log = logging.getLogger(__name__)
EVERY = 10.0  # seconds between two looks


class DeclaredFile:
    """Watches one file for as long as its context lasts; what is wrong with it is told and changes nothing.

    Content is compared, not times: mounted and linked files keep neither. What could not be applied is tried again, for the reason may
    lie elsewhere (the dashboard gave something back, a transform has come).
    """

    def __init__(self, path: Path, workspace: Workspace, now: Callable[[], datetime], *, every: float = EVERY) -> None:
        self._path, self._workspace, self._now, self._every = path, workspace, now, every
        self._digest: str | None = None
        self._state: dict[str, Any] = {"file": str(path), "applied_at": None, "error": None, "notes": []}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="declaration file", daemon=True)

    def __enter__(self) -> Self:
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def state(self) -> dict[str, Any]:
        """Return the file, when it was applied last, what is wrong with it (None: nothing), and what was to be noted."""
        return dict(self._state)

    def look(self) -> bool:
        """Apply the file if it is not the one that was applied last; returns whether it was."""
        try:
            content = self._path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            if digest == self._digest:
                self._state = self._state | {"error": None}
                return False
            found = self._workspace.apply(content.decode("utf-8-sig"), actor=DECLARED_FILE)
        except OSError as error:
            self._failed(f"{self._path}: {error.strerror}")
        except UnicodeDecodeError as error:
            self._failed(f"{self._path} is not UTF-8 (byte {error.start}); save it as UTF-8")
        except Exception as error:  # whatever it is, the service goes on with what was declared before
            self._failed(str(error))
        else:
            self._digest = digest
            moment = self._now().isoformat()
            self._state = self._state | {"applied_at": moment, "error": None, "notes": found.get("notes", [])}
            done = {what: names for what, names in found.items() if what in ("created", "changed", "removed") and names}
            _log.info("%s was applied: %s", self._path, done or "nothing is new in it")
            return True
        return False

    def _failed(self, words: str) -> None:
        if self._state["error"] != words:
            _log.error("the declaration file was not applied, and nothing was changed: %s", words)
        self._state = self._state | {"error": words}

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            self.look()
