"""Files that strangers drop are read in a process of their own, with limits of memory, size and time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

from service.comparing_process import surroundings
from service.wizard.facts import Facts
from service.wizard.prepare import Prepared, Recipe
from service.workspace import WorkspaceError

_SECONDS = 300
_MEMORY = 3 * 2**30
_GROWS = 40  # times a packed file may be larger unpacked; and this much at least
_AT_LEAST = 512 * 2**20
_TURNS = threading.BoundedSemaphore(2)
_WAIT = {"look": 60.0, "prepare": 2.0 * _SECONDS}  # seconds for a turn: a person waits for the first


def look(path: Path, name: str) -> Facts:
    """Return the facts of a file; raises :class:`WorkspaceError` saying what is wrong with it."""
    return cast("Facts", _ask({"do": "look"}, path, name))


def prepare(path: Path, name: str, target: Path, recipe: Recipe) -> Prepared:
    """Write a file's rows as an Arrow stream to ``target``, as the recipe says; raises :class:`WorkspaceError`."""
    return cast("Prepared", _ask({"do": "prepare", "target": str(target), "recipe": recipe}, path, name))


def _ask(request: dict[str, Any], path: Path, name: str) -> Any:
    limits = {"memory": _MEMORY, "size": max(_AT_LEAST, _GROWS * path.stat().st_size)}
    text = json.dumps(request | {"path": str(path), "name": name} | limits)
    command = [sys.executable, "-m", "service.wizard.worker"]
    if not _TURNS.acquire(timeout=_WAIT[request["do"]]):
        raise WorkspaceError(f"two other files are being read, so {name} has to wait; try again in a minute")
    try:
        done = subprocess.run(  # noqa: S603 - our own
            command, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False, env=surroundings()
        )
    except subprocess.TimeoutExpired:
        raise WorkspaceError(f"{name} took longer than {_SECONDS} s to read; give it in smaller files") from None
    finally:
        _TURNS.release()
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise WorkspaceError(
            f"the reader of {name} ran out of memory, or broke; give it as plain CSV or Parquet, or in smaller files"
        ) from None
    if "error" in answer:
        raise WorkspaceError(answer["error"])
    return answer["found"]
