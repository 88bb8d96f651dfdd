"""What a format of artefacts is, what can be wrong with one, and what the operator vouches for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_data.schema import Column, Task


class ArtefactError(Exception):
    """An artefact cannot be opened; the message says which and why."""


class TamperedArtefactError(ArtefactError):
    """The file is not the one that was registered."""


class UntrustedArtefactError(ArtefactError):
    """The file holds what would run as code, or types beyond numpy, SciPy and scikit-learn; it was not loaded."""


class ExportError(Exception):
    """A model cannot be written in a format; the message says why, and what can be done instead."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the operator has turned on, asked when it matters. ``key``: the home's, which signs pickles that were taken in here."""

    allow_pickle: Callable[[], bool] = lambda: False
    key: Callable[[], bytes | None] = lambda: None


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A fitted model to be written in a format. ``name`` and ``version`` are for whoever reads the file."""

    estimator: Any
    features: tuple[Column, ...]
    task: Task
    positive: str | None
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Format:
    """One format of artefacts; None where it cannot do a thing.

    ``claims``: whether a registered file (bytes, suffix) is of this format. ``load``: the estimator in it (bytes, path for messages,
    what the operator trusts); raises :class:`ArtefactError`. ``take``: a stranger's file as the bytes to be registered (same arguments,
    same errors). ``taken`` are the suffixes of files that it takes in. ``dump``: a model's bytes; raises :class:`ExportError`.
    """

    name: str
    suffix: str
    claims: Callable[[bytes, str], bool]
    load: Callable[[bytes, Path, Trust], Any] | None = None
    take: Callable[[bytes, Path, Trust], bytes] | None = None
    taken: tuple[str, ...] = ()
    dump: Callable[[Given], bytes] | None = None
