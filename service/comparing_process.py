"""Files that strangers drop, compared by a process of its own: what a hostile file does, it does to that process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service.comparing_views import FileComparison, GivenFile

SECONDS = 180.0  # for one comparison
UNPACKED = 16  # times the size that files may have, which is what they may hold
_AT_ONCE = threading.BoundedSemaphore(2)
_WAIT = 60.0  # seconds for a turn
#: What the process is told of this one's surroundings: nothing that is secret.
_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
#: Endings by which a reader is helped; whatever else a name holds does not reach the disk.
_ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather")


def compare_apart(
    files: Mapping[str, GivenFile], options: Mapping[str, Any], *, limit: int, seconds: float = SECONDS
) -> FileComparison:
    """Return the comparison of ``files`` (reference, and current unless that is the same one), made by another process.

    Raises :class:`WorkspaceError` in words: beyond ``limit`` bytes together, after ``seconds``, when memory runs out, and whatever is wrong
    with the files.
    """
    size = sum(len(file.data) for file in files.values())
    if size > limit:
        raise WorkspaceError(
            f"the files hold {size / 2**20:,.0f} MiB, and {limit / 2**20:,.0f} MiB are allowed here; compare a sample, raise the setting "
            "max_body_mb, or run `driftdeck compare REFERENCE CURRENT` on the machine that has them"
        )
    if not _AT_ONCE.acquire(timeout=_WAIT):
        raise WorkspaceError("two other comparisons are under way; try again in a minute")
    try:
        with tempfile.TemporaryDirectory(prefix="driftdeck-compare-") as folder:
            return _ask(Path(folder), files, options, limit, seconds)
    finally:
        _AT_ONCE.release()


def _ask(
    folder: Path, files: Mapping[str, GivenFile], options: Mapping[str, Any], limit: int, seconds: float
) -> FileComparison:
    paths = {side: folder / f"{side}{ending(file.name)}" for side, file in files.items()}
    for side, file in files.items():
        paths[side].write_bytes(file.data)
    request = {
        "files": {side: {"path": str(path), "name": files[side].name} for side, path in paths.items()},
        "options": dict(options),
        "memory": limit * UNPACKED,
        "seconds": int(seconds),
    }
    answer = folder / "answer.json"
    surroundings = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with answer.open("wb") as out:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "service.comparing_worker"],
                input=json.dumps(request).encode(),
                stdout=out,
                stderr=subprocess.DEVNULL,
                env={**surroundings, **_ONE_THREAD, "TMPDIR": str(folder)},
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise WorkspaceError(
                f"the files were not compared within {seconds:.0f} s; compare fewer columns, or a sample of the rows"
            ) from None
    told = answer.read_bytes() if done.returncode == 0 else b""
    if not told:
        raise WorkspaceError(
            "the files broke their reader, or need more memory than a comparison may take; compare a sample of the rows, or run "
            "`driftdeck compare REFERENCE CURRENT` on the machine that has them"
        )
    found = json.loads(told)
    if "error" in found:
        raise WorkspaceError(str(found["error"]))
    return cast("FileComparison", found["found"])


def ending(name: str) -> str:
    """Return the known ending of a file's name, by which its reader is helped; empty for any other."""
    return next((known for known in _ENDINGS if name.lower().endswith((known, f"{known}.gz"))), "")
