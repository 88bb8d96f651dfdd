"""What pages ask again and again is worked out once for as long as nothing it rests on has changed.

Fifty models × two hundred columns × ninety days are five million readings: an overview that reads the latest of them every thirty seconds
for every visitor would do little else. What is remembered of a model rests on its rows and readings (:meth:`storage.database.Database.stamp`),
its declaration, its references and versions, and on the clock, as far as windows close by it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import wraps
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

from reference_data.section import parse_duration

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core

P = ParamSpec("P")
T = TypeVar("T")

MOST_ROWS = 150_000  # readings and dictionaries that all of it together may hold: some 100 MB


class Basis(NamedTuple):
    """What an answer rests on; while it is the same the answer is."""

    written: tuple[int, int]
    spec: int  # the declaration's identity: it is parsed once
    references: tuple[int, ...]
    versions: tuple[tuple[str, int | None], ...]  # with the references they brought
    deployments: int
    windows: tuple[datetime, ...]  # the starts of the one under way and of the one whose grace is not over
    day: date  # rows of the future wait for theirs


class _Kept(NamedTuple):
    basis: Basis
    spec: ModelSpec  # held, so that its identity stays its own
    value: Any
    rows: int


@dataclass(slots=True)
class Recall:
    """Answers by question; the least wanted go first. Safe to use from several threads."""

    most: int = MOST_ROWS
    looked: float = -inf  # when somebody asked for all models last, on the clock that is never put back
    _kept: OrderedDict[Hashable, _Kept] = field(default_factory=OrderedDict)
    _rows: int = 0
    _lock: Lock = field(default_factory=Lock)
    _asked: dict[Hashable, tuple[Lock, int]] = field(default_factory=dict)  # at work, and by how many it is wanted

    @contextmanager
    def turn(self, question: Hashable) -> Iterator[None]:
        """Let one at a time work a question out: twenty visitors of one page wait for one answer."""
        with self._lock:
            lock, wanted = self._asked.get(question, (Lock(), 0))
            self._asked[question] = (lock, wanted + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, wanted = self._asked.pop(question)
                if wanted > 1:
                    self._asked[question] = (lock, wanted - 1)

    def get(self, question: Hashable, basis: Basis) -> _Kept | None:
        """Return what is remembered, None when there is nothing or it rests on something else."""
        with self._lock:
            kept = self._kept.get(question)
            if kept is None or kept.basis != basis:
                return None
            self._kept.move_to_end(question)
            return kept

    def put(self, question: Hashable, basis: Basis, spec: ModelSpec, value: Any) -> None:
        """Remember an answer; one that is larger than all may be together is not."""
        rows = len(value) if isinstance(value, list) else 1
        with self._lock:
            before = self._kept.pop(question, None)
            self._rows -= before.rows if before else 0
            if rows > self.most:
                return
            self._kept[question] = _Kept(basis, spec, value, rows)
            self._rows += rows
            while self._rows > self.most:
                _, gone = self._kept.popitem(last=False)
                self._rows -= gone.rows


def basis(core: Core, model: str) -> tuple[Basis, ModelSpec]:
    """Return what answers about a model rest on, as of now; raises :class:`NotFoundError` for an unknown model."""
    written, record, now = core.db.stamp(model), core.record(model), core.now()
    spec, references = record.spec, tuple(core.control.reference_versions(model))
    every = core.window_spec(model)
    opened = tuple(every.containing(at).start for at in (now, now - parse_duration(spec.monitor.grace)))
    versions = tuple((known["version"], known.get("reference_version")) for known in core.control.versions(model))
    deployments = len(core.control.deployment_events(model))
    return Basis(written, id(spec), references, versions, deployments, opened, now.date()), spec


def recalled(function: Callable[Concatenate[Core, str, P], T]) -> Callable[Concatenate[Core, str, P], T]:
    """Work out ``function(core, model, …)`` once for as long as what it rests on stays; its arguments are hashable.

    A list comes as a list of the caller's own; what is in it belongs to everybody, and is not to be changed.
    """

    @wraps(function)
    def found(core: Core, model: str, *args: P.args, **kwargs: P.kwargs) -> T:
        question = (function.__module__, function.__qualname__, model, args, tuple(sorted(kwargs.items())))
        kept = core.recall.get(question, basis(core, model)[0])
        if kept is not None:
            value: T = kept.value
            return _own(value)
        with core.recall.turn(question):
            now, spec = basis(core, model)
            kept = core.recall.get(question, now)
            value = kept.value if kept is not None else function(core, model, *args, **kwargs)
            if kept is None:
                core.recall.put(question, now, spec, value)
        return _own(value)

    return cast("Callable[Concatenate[Core, str, P], T]", found)


def _own(value: T) -> T:
    return cast("T", list(value)) if isinstance(value, list) else value
