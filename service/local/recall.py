"""What pages ask again and again is worked out once for as long as nothing it rests on has changed.

Fifty models × two hundred columns × ninety days are five million readings: an overview that reads the latest of them every thirty seconds
for every visitor would do little else. Each function says what it :data:`Rests` on beside the model's declaration, references, versions,
deployments and the windows that close by the clock, so that rows which come in live leave alone what only a run changes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import wraps
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar, cast

from reference_data.section import parse_duration
from reference_data.windows import Window
from storage.touched import rows_mark

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from reference_data.windows import WindowSpec
    from service.local.core import Core
    from storage.database import Stamp

P = ParamSpec("P")
T = TypeVar("T")

#: ``judged``: what runs leave (readings, profiles, how far labels have come); ``window``: that, and the rows and labels of the windows among
#: the arguments; ``rows``: whatever is written of the model.
Rests = Literal["judged", "window", "rows"]
_MARKS = 10_000  # of windows that are remembered
MOST = 4_500_000  # numbers and texts that all of it together may hold: some 150 MB


class Basis(NamedTuple):
    """What an answer rests on; while it is the same the answer is."""

    written: tuple[int, ...]
    spec: int  # the declaration's identity: it is parsed once
    references: tuple[int, ...]
    versions: tuple[tuple[str, int | None], ...]  # with the references they brought
    deployments: int
    windows: tuple[datetime, ...]  # the starts of the one under way and of the one whose grace is not over
    day: date  # rows of the future wait for theirs


class _Said(NamedTuple):
    changes: int  # of the control store, as of which it is
    spec: ModelSpec
    references: tuple[int, ...]
    versions: tuple[tuple[str, int | None], ...]
    deployments: int
    every: WindowSpec
    grace: timedelta


class _Kept(NamedTuple):
    basis: Basis
    spec: ModelSpec  # held, so that its identity stays its own
    value: Any
    size: int
    copied: Callable[[Any], Any]


@dataclass(slots=True)
class Recall:
    """Answers by question; the least wanted go first. Safe to use from several threads."""

    most: int = MOST
    looked: float = -inf  # when somebody asked for all models last, on the clock that is never put back
    said: dict[str, _Said] = field(default_factory=dict)
    _kept: OrderedDict[Hashable, _Kept] = field(default_factory=OrderedDict)
    _size: int = 0
    _lock: Lock = field(default_factory=Lock)
    _marks: dict[Hashable, tuple[Stamp, tuple[int, ...]]] = field(default_factory=dict)
    _asked: dict[Hashable, tuple[Lock, int]] = field(default_factory=dict)  # at work, and by how many it is wanted

    @property
    def size(self) -> int:
        """How much is remembered, in the unit of ``most``."""
        return self._size

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

    def mark(self, asked: Hashable, stamp: Stamp, read: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
        """Return a mark that was read at this stamp, or read it; ``stamp`` was taken before."""
        known = self._marks.get(asked)
        if known is None or known[0] != stamp:
            if len(self._marks) >= _MARKS:
                self._marks.clear()
            known = self._marks[asked] = (stamp, read())
        return known[1]

    def get(self, question: Hashable, basis: Basis) -> _Kept | None:
        """Return what is remembered, None when there is nothing or it rests on something else."""
        with self._lock:
            kept = self._kept.get(question)
            if kept is None or kept.basis != basis:
                return None
            self._kept.move_to_end(question)
            return kept

    def put(self, question: Hashable, basis: Basis, spec: ModelSpec, value: Any, size: int) -> None:
        """Remember an answer; one that is larger than all may be together is not."""
        with self._lock:
            before = self._kept.pop(question, None)
            self._size -= before.size if before else 0
            if size > self.most:
                return
            self._kept[question] = _Kept(basis, spec, value, size, _flat if _is_flat(value) else _own)
            self._size += size
            while self._size > self.most:
                _, gone = self._kept.popitem(last=False)
                self._size -= gone.size


def basis(core: Core, model: str, rests: Rests, windows: tuple[Window, ...] = ()) -> tuple[Basis, ModelSpec]:
    """Return what answers about a model rest on, as of now; raises :class:`NotFoundError` for an unknown model."""
    stamp, said, now = core.db.stamp(model), _said(core, model), core.now()
    written: tuple[int, ...] = (stamp.everything, stamp.judged)
    if rests == "rows":
        written = stamp
    elif rests == "window" and windows:

        def read() -> tuple[int, ...]:
            with core.db.cursor() as cursor:
                return rows_mark(cursor, model, windows)

        written += core.recall.mark((model, windows), stamp, read)
    opened = tuple(said.every.containing(at).start for at in (now, now - said.grace))
    return Basis(
        written, id(said.spec), said.references, said.versions, said.deployments, opened, now.date()
    ), said.spec


def _said(core: Core, model: str) -> _Said:
    """Return what a model's teams have said of it, read once for as long as nothing was said: each look at SQLite lets go of the interpreter."""
    changes, known = core.control.changes, core.recall.said.get(model)
    if known is not None and known.changes == changes:
        return known
    spec, control = core.record(model).spec, core.control
    versions = tuple((one["version"], one.get("reference_version")) for one in control.versions(model))
    found = core.recall.said[model] = _Said(
        changes, spec, tuple(control.reference_versions(model)), versions, len(control.deployment_events(model)),
        core.window_spec(model), parse_duration(spec.monitor.grace),
    )  # fmt: skip
    return found


def recalled(
    rests: Rests,
) -> Callable[[Callable[Concatenate[Core, str, P], T]], Callable[Concatenate[Core, str, P], T]]:
    """Work out ``function(core, model, …)`` once for as long as what it rests on stays; its arguments are hashable.

    Whoever asks gets an answer of their own, as deep as it has lists and dictionaries.
    """

    def remembered(function: Callable[Concatenate[Core, str, P], T]) -> Callable[Concatenate[Core, str, P], T]:
        @wraps(function)
        def found(core: Core, model: str, *args: P.args, **kwargs: P.kwargs) -> T:
            question = (function.__module__, function.__qualname__, model, args, tuple(sorted(kwargs.items())))
            windows = tuple(one for one in (*args, *kwargs.values()) if isinstance(one, Window))
            kept = core.recall.get(question, basis(core, model, rests, windows)[0])
            if kept is not None:
                return cast("T", kept.copied(kept.value))
            with core.recall.turn(question):
                now, spec = basis(core, model, rests, windows)
                kept = core.recall.get(question, now)
                if kept is not None:
                    return cast("T", kept.copied(kept.value))
                value = function(core, model, *args, **kwargs)
                if basis(core, model, rests, windows)[0] == now:  # else it may be of before, of after, or of both
                    core.recall.put(question, now, spec, value, _size(value))
            return cast("T", _own(value))

        return cast("Callable[Concatenate[Core, str, P], T]", found)

    return remembered


def _own(value: Any) -> Any:
    """Return a copy of nested lists, tuples and dictionaries; what else is in them is never changed."""
    if isinstance(value, dict):
        return {key: _own(one) if isinstance(one, _NESTED) else one for key, one in value.items()}
    if isinstance(value, list):
        return [_own(one) if isinstance(one, _NESTED) else one for one in value]
    if isinstance(value, tuple):
        parts = [_own(one) if isinstance(one, _NESTED) else one for one in value]
        return value._make(parts) if hasattr(value, "_make") else tuple(parts)
    return value


def _is_flat(value: Any) -> bool:
    """Whether it is a list of what has nothing to copy inside."""
    if not isinstance(value, list):
        return False
    parts = (one.values() if isinstance(one, dict) else one if isinstance(one, list | tuple) else () for one in value)
    return not any(isinstance(part, _NESTED) for each in parts for part in each)


def _flat(value: list[Any]) -> list[Any]:
    """Return the same as :func:`_own` of a flat list, six times as fast: a heat map has tens of thousands of cells."""
    return [one.copy() if type(one) in _COPIED else one for one in value]


_NESTED = (dict, list, tuple)
_COPIED = (dict, list)


def _size(value: Any) -> int:
    """Return how many numbers and texts an answer holds."""
    if isinstance(value, dict):
        return 1 + sum(_size(one) for one in value.values())
    if isinstance(value, list | tuple):
        return 1 + sum(_size(one) for one in value)
    return len(getattr(type(value), "__slots__", ())) or 1
