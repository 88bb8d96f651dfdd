"""Model artefacts: hashed when they are registered, and opened only when nothing has touched them, by their format.

Formats are files in :mod:`retraining.formats`; what a file is tells its content, and only a pickle that the operator has let in is one.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from reference_data.plugins import discover
from retraining.artefacts import ArtefactError, Format, TamperedArtefactError, Trust, UntrustedArtefactError
from retraining.own_command import CommandModel

__all__ = [
    "ArtefactError",
    "TamperedArtefactError",
    "UntrustedArtefactError",
    "adopt",
    "format_of",
    "formats",
    "load",
    "save",
    "sync_folder",
    "verified",
    "write_atomically",
]

_NOTHING = Trust()


def formats() -> dict[str, Format]:
    """Return the formats there are, by name."""
    found: dict[str, Format] = discover("retraining.formats", "FORMAT")
    return found


def save(estimator: Any, path: Path) -> str:
    """Store a fitted estimator at ``path``, whole or not at all, and return its SHA-256.

    Raises :class:`UntrustedArtefactError` when :func:`load` would refuse it, before anything is written.
    """
    if isinstance(estimator, CommandModel):
        data = estimator.packed
    else:
        from retraining.formats.skops import dumps

        data = dumps(estimator, path)
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def load(path: Path, sha256: str, trust: Trust = _NOTHING) -> Any:
    """Return the estimator stored at ``path``, if the file's hash is ``sha256`` and its content is known to be harmless.

    Raises :class:`ArtefactError` (missing or unreadable), :class:`TamperedArtefactError`, :class:`UntrustedArtefactError`.
    """
    data = verified(path, sha256)
    found = format_of(data, path)
    assert found.load is not None  # format_of returns no other
    return found.load(data, path, trust)


def format_of(data: bytes, path: Path) -> Format:
    """Return the format of a registered file's bytes; raises :class:`ArtefactError` for none that is known."""
    for found in formats().values():
        if found.load is not None and found.claims(data, path.suffix):
            return found
    raise ArtefactError(
        f"the artefact {path} is of no known format ({', '.join(formats())}); retrain or import it again"
    )


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def adopt(source: Path, target: Path, sha256: str) -> None:
    """Copy an artefact from a job's folder into the registry's, whole or not at all, if its hash is ``sha256``.

    Raises :class:`ArtefactError` (missing) and :class:`TamperedArtefactError`. Doing it twice is doing it once.
    """
    write_atomically(target, verified(source, sha256))


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` survive a power cut; a no-op where folders cannot be opened (Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def verified(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file whose hash must be ``sha256``: what was hashed is what is then used."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"the artefact {path} cannot be read: {error.strerror}; retrain or restore a backup"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise TamperedArtefactError(
            f"the artefact {path} has the hash {found[:12]}…, registered was {sha256[:12]}…: "
            "it has been changed since, and was not loaded; restore it from a backup or roll back to another version"
        )
    return data
