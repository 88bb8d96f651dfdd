"""A small fault harness: named points in the code at which a test can kill the process or fill the disk.

``DRIFTDECK_FAULT`` names what shall happen: ``point=action`` or ``point=action@n`` for the n-th passage, several separated by
commas. Actions: ``kill`` ends the process at once, as ``kill -9`` does; ``enospc`` raises the error of a full disk; ``error``
raises :class:`InjectedFaultError`. Without the variable a point costs one dictionary look-up.
"""

from __future__ import annotations

import errno
import os
import signal
import threading

#: Every point there is, and what has and has not happened when it is passed.
POINTS: dict[str, str] = {
    "migrate.before_record": "a migration's statements ran, its record is not written, nothing is committed",
    "writer.begin": "the writer took a group from the queue, no transaction is open",
    "writer.before_commit": "the statements of a group ran, nothing is committed",
    "writer.after_commit": "a group is committed, nobody has been told",
    "append.after_rows": "rows are inserted, their buckets are not yet marked dirty, nothing is committed",
    "archive.after_file": "rows are copied to a file of the archive, they are still in the log, the file is not part of it",
    "archive.after_commit": "rows have left the log and the file is recorded, nobody has been told",
    "erase.after_files": "files without the subject are written, nothing reads them, its rows are still there",
    "erase.after_rows": "the subject's rows are deleted, there is no receipt yet",
    "restore.half_way": "the present content is moved aside, the backup's is not in its place",
    "control.before_commit": "a decision's statements ran, nothing is committed",
    "control.after_commit": "a decision is committed, the caller has not been told",
    "job.after_rows": "a job is recorded and its rows are written, nothing says yet what to do with them",
    "job.before_launch": "a job is recorded and its rows are written, its process is not started",
    "job.after_launch": "a job's process is started, nobody has been told",
    "train.after_rows": "a job's process has read its rows, nothing is fitted",
    "train.after_fit": "a model is fitted, nothing of it is kept",
    "train.after_artefact": "a job's artefact is written, the gate has not judged it",
    "train.after_reference": "the rows of the new reference are written, the job has no result",
    "train.before_result": "all that a job found is known, its result is not written",
    "train.after_result": "a job's result is written, nobody has been told",
    "register.after_artefact": "a finished job's artefact is kept, its reference is not frozen",
    "register.after_reference": "a finished job's reference is frozen, its version is not registered",
    "register.after_version": "a finished job's version is registered, the job's end is not recorded",
    "register.after_promote": "a finished job's version has the role that is declared for it, the job's end is not recorded",
    "import.after_artefact": "the artefact of a model that is taken in is kept, its reference is not frozen",
    "import.after_reference": "the reference of a model that is taken in is frozen, its version is not registered",
    "prune.after_record": "it is recorded that an artefact goes, it is still there",
    "run.after_steps": "the loss of new labels is counted, no reading tells of it",
    "run.after_profiles": "profiles are brought up to the log, no window that is due has been judged",
    "run.after_block": "some windows are judged and alerts have moved, the others that are due are not",
    "run.after_readings": "readings are appended, alerts have not moved",
    "outbox.after_delivery": "a message was delivered, the attempt is not recorded",
}

VARIABLE = "DRIFTDECK_FAULT"


class InjectedFaultError(Exception):
    """Raised on purpose, by a test."""


_lock = threading.Lock()
_passages: dict[str, int] = {}


def _parse(text: str) -> dict[str, tuple[str, int]]:
    plan: dict[str, tuple[str, int]] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        point, _, rest = part.partition("=")
        action, _, count = rest.partition("@")
        if point not in POINTS:
            raise ValueError(f"{VARIABLE} names the unknown point {point!r}; there are {', '.join(sorted(POINTS))}")
        if action not in {"kill", "enospc", "error"}:
            raise ValueError(f"{VARIABLE} asks for {action!r} at {point}; allowed are 'kill', 'enospc' and 'error'")
        plan[point] = (action, int(count or 1))
    return plan


def fault_point(name: str) -> None:
    """Do what :data:`VARIABLE` asks for at this point: nothing, unless a test set it."""
    plan = os.environ.get(VARIABLE)
    if not plan:
        _passages.clear()  # a plan made later counts from its own first passage
        return
    wanted = _parse(plan).get(name)
    if wanted is None:
        return
    with _lock:
        _passages[name] = _passages.get(name, 0) + 1
        due = _passages[name] == wanted[1]
    if due:
        _strike(wanted[0], name)


def _strike(action: str, name: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "enospc":
        raise OSError(errno.ENOSPC, f"No space left on device (injected at {name})")
    raise InjectedFaultError(f"injected at {name}")


def reset() -> None:
    """Count passages from zero again."""
    with _lock:
        _passages.clear()
