"""What is needed to make a version again beside its rows and parameters: the code, the question asked of the data, the machine."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retraining.job_files import JobRequest

_PACKAGES = ("retraining", "reference_data")
_ROOT = Path(__file__).resolve().parent.parent


def code_sha256(own: Path | None) -> str:
    """Return the SHA-256 of what trains: our own modules and, where there is one, the operator's folder of training code.

    Of each file, in order of its path, the path and the content count.
    """
    digest = hashlib.sha256()
    folders = [(_ROOT, _ROOT / name) for name in _PACKAGES] + ([] if own is None else [(own, own)])
    for base, folder in folders:
        for path in _files(folder, everything=folder == own):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(base).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(folder: Path, *, everything: bool) -> Iterable[Path]:
    found = folder.rglob("*" if everything else "*.py") if folder.is_dir() else ()
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def environment() -> dict[str, str]:
    """Return the machine in words: Python, platform, processor and how many cores and threads there are for a job."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": str(os.cpu_count() or 1),
        "threads": os.environ.get("OMP_NUM_THREADS", "as many as cores"),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")


def query(request: JobRequest) -> str:
    """Return which rows the service picked for a job, in words that name every condition and the order."""
    start, end = request.period.start, request.period.end
    return (
        f"every labelled prediction of {request.model} with event time from {start.isoformat()} to before {end.isoformat()}, "
        "its latest label, ordered by event time, id and model version"
    )
