"""Model artefacts: stored with skops, never as a bare pickle, and opened only when nothing has touched them.

A model that is a program of the operator's own (:mod:`retraining.own_command`) is a zip file of what it left: hashed and verified alike.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path
from typing import Any

from retraining.own_command import CommandModel, is_packed, unpack

SUFFIX = ".skops"

#: What scikit-learn's estimators hold beside its own classes and what skops knows. A ``partial`` is as safe as the function
#: in it, which is checked by itself.
_PARTS: frozenset[str] = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.utils.validation.check_array",
    }
)
#: Parts of scikit-learn that touch files or the network.
_REACHING_OUT = ("sklearn.datasets.", "sklearn.externals.", "sklearn.utils._testing")


class ArtefactError(Exception):
    """An artefact cannot be opened; the message says which and why."""


class TamperedArtefactError(ArtefactError):
    """The file is not the one that was registered."""


class UntrustedArtefactError(ArtefactError):
    """The file holds types beyond numpy, SciPy and scikit-learn; it was not loaded."""


def save(estimator: Any, path: Path) -> str:
    """Store a fitted estimator at ``path``, whole or not at all, and return its SHA-256.

    Raises :class:`UntrustedArtefactError` when :func:`load` would refuse it, before anything is written.
    """
    if isinstance(estimator, CommandModel):
        data = estimator.packed
    else:
        import skops.io  # late: it brings all of scikit-learn along

        data = skops.io.dumps(estimator)
        _trusted(data, path)
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def load(path: Path, sha256: str) -> Any:
    """Return the estimator stored at ``path``, if the file's hash is ``sha256`` and its types are known to be harmless.

    Raises :class:`ArtefactError` (missing or unreadable), :class:`TamperedArtefactError`, :class:`UntrustedArtefactError`.
    """
    data = _verified(path, sha256)
    if is_packed(data):
        return unpack(data)
    import skops.io

    return skops.io.loads(data, trusted=_trusted(data, path))


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
    write_atomically(target, _verified(source, sha256))


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` survive a power cut; a no-op where folders cannot be opened (Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _verified(path: Path, sha256: str) -> bytes:
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


def _trusted(data: bytes, path: Path) -> list[str]:
    """Return the types to be trusted beyond skops' own list, or refuse."""
    import skops.io

    try:
        beyond: list[str] = skops.io.get_untrusted_types(data=data)
    except Exception as error:
        raise ArtefactError(f"the artefact {path} is not a skops file: {error}") from error
    refused = [name for name in beyond if name not in _PARTS and not _is_learned(name)]
    if refused:
        raise UntrustedArtefactError(
            f"the artefact {path} holds {', '.join(sorted(refused))}; only types of numpy, SciPy and scikit-learn are loaded"
        )
    return beyond


def _is_learned(name: str) -> bool:
    """Whether a dotted name is a class of scikit-learn's own (never a function, never a class it only re-exports)."""
    module, _, attribute = name.rpartition(".")
    if not module.startswith("sklearn.") or name.startswith(_REACHING_OUT) or ".tests." in name:
        return False
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.startswith("sklearn.")
