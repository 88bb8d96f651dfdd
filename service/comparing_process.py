"""Files that strangers drop, compared by a process of its own: what a hostile file does, it does to that process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service.comparing_views import FileComparison, GivenFile

SECONDS = 180.0  # for one comparison
UNPACKED = 16  # times the size that files may have, which is what they may hold
SPARE = 2**29  # bytes beyond that
FULL = "the files hold more than a comparison may take into memory; compare a sample of the rows"
_LOOK = 0.05  # seconds between two looks at how the process is doing
_PAGE = os.sysconf("SC_PAGESIZE")
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


def surroundings() -> dict[str, str]:
    """Return what of the environment a process that reads strangers' files is told: nothing that is secret."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


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
    command = [sys.executable, "-m", "service.comparing_worker"]
    with (
        answer.open("wb") as out,
        subprocess.Popen(  # noqa: S603 - our own
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.DEVNULL,
            env={**surroundings(), **_ONE_THREAD, "TMPDIR": str(folder)},
        ) as process,
    ):
        try:
            _send(process, json.dumps(request).encode())
            _watch(process, limit * UNPACKED + SPARE, seconds)
        finally:
            process.kill()
    told = answer.read_bytes() if process.returncode == 0 else b""
    if not told:
        raise WorkspaceError(
            "the files broke their reader, or need more memory than a comparison may take; compare a sample of the rows, or run "
            "`driftdeck compare REFERENCE CURRENT` on the machine that has them"
        )
    found = json.loads(told)
    if "error" in found:
        raise WorkspaceError(str(found["error"]))
    return cast("FileComparison", found["found"])


def _send(process: subprocess.Popen[bytes], request: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as pipe:  # one that died at once is told of below
        pipe.write(request)


def _watch(process: subprocess.Popen[bytes], memory: int, seconds: float) -> None:
    """Wait for the process; raises :class:`WorkspaceError` once it holds more than ``memory`` bytes, or after ``seconds``.

    What it holds is looked at from here: readers reserve many times the address space that they use, so a limit on that would say nothing.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                raise WorkspaceError(
                    f"the files were not compared within {seconds:.0f} s; compare fewer columns, or a sample of the rows"
                ) from None
            if _resident(process.pid) > memory:
                raise WorkspaceError(FULL) from None
        else:
            return


def _resident(process: int) -> int:
    """Return the bytes of memory that a process holds; 0 where the system does not tell, and the process limits itself."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def ending(name: str) -> str:
    """Return the known ending of a file's name, by which its reader is helped; empty for any other."""
    return next((known for known in _ENDINGS if name.lower().endswith((known, f"{known}.gz"))), "")
