"""Readings as columns: one check of one column in many windows, whose objects and sentences are made when somebody looks at them.

A run over months of windows has tens of thousands of readings; most are stored, and looked at by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import repeat
from typing import Any, Self, overload

import numpy as np

from monitors.types import Reading, Scope
from reference_data.windows import Window

FIELDS = tuple(entry.name for entry in fields(Reading))

#: What differs between a block's windows: an array or a list of one value a window, or one value for all of them.
Column = Any


class Block(Sequence[Reading]):
    """The readings of one check of one column in several windows."""

    __slots__ = ("_blank", "_columns", "_made", "_sentence", "check", "column", "scope", "segment", "windows")

    def __init__(
        self, blank: Reading, windows: Sequence[Window], columns: Mapping[str, Column], sentence: Callable[[int], str]
    ) -> None:
        """Keep the columns of what differs from ``blank``; ``sentence`` says what a window's reading is in words."""
        self._blank, self._columns, self._sentence = blank, columns, sentence
        self.windows = windows
        self.check: str = columns["check"]
        self.column: str | None = columns["column"]
        self.scope: Scope = columns["scope"]
        self.segment: str | None = blank.segment
        self._made: list[Reading] | None = None

    def values(self, name: str) -> list[Any]:
        """Return a field of all readings, one value a window."""
        if name == "window":
            return list(self.windows)
        if name == "sentence":
            return [reading.sentence for reading in self._made or ()] or list(map(self._sentence, range(len(self))))
        value = self._columns.get(name, getattr(self._blank, name))
        if isinstance(value, np.ndarray):
            return list(value.tolist())
        return value if isinstance(value, list) else [value] * len(self.windows)

    def has(self, verdict: str) -> bool:
        """Return whether any window has this verdict."""
        return verdict in self.values("verdict")

    def _readings(self) -> list[Reading]:
        if self._made is None:
            columns = (self.values(name) if name in _OWN or name in self._columns else None for name in FIELDS)
            by_position = [
                repeat(getattr(self._blank, name)) if column is None else column
                for name, column in zip(FIELDS, columns, strict=True)
            ]
            self._made = list(map(Reading, *by_position))
        return self._made

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.windows)

    @overload
    def __getitem__(self, place: int) -> Reading: ...
    @overload
    def __getitem__(self, place: slice) -> list[Reading]: ...
    def __getitem__(self, place: int | slice) -> Reading | list[Reading]:
        """Return the reading of a window."""
        return self._readings()[place]

    def __iter__(self) -> Iterator[Reading]:
        """Yield the readings, window by window."""
        return iter(self._readings())


_OWN = frozenset({"window", "sentence"})
Part = Block | list[Reading]


class Readings(Sequence[Reading]):
    """Readings in order: blocks, and lists of those that were made one by one."""

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        """Take the parts as they are."""
        self.parts: list[Part] = list(parts)

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> Readings:
        """Return readings as they are if they are columns, else as one list."""
        return readings if isinstance(readings, Readings) else cls([list(readings)])

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[Reading]:
        """Yield each reading, made if it was not yet."""
        for part in self.parts:
            yield from part

    @overload
    def __getitem__(self, place: int) -> Reading: ...
    @overload
    def __getitem__(self, place: slice) -> list[Reading]: ...
    def __getitem__(self, place: int | slice) -> Reading | list[Reading]:
        """Return one reading, or some of them."""
        return list(self)[place]

    def __iadd__(self, more: Iterable[Reading]) -> Self:
        """Append readings; blocks among them stay blocks."""
        if isinstance(more, Readings):
            self.parts += more.parts
        else:
            self.parts.append(more if isinstance(more, Block) else list(more))
        return self

    def where(self, keep: Callable[[Block | Reading], bool]) -> Readings:
        """Return those that ``keep`` says to, by check, column, scope and segment alone: a block is asked about once."""
        kept: list[Part] = []
        for part in self.parts:
            if isinstance(part, list):
                kept.append([reading for reading in part if keep(reading)])
            elif keep(part):
                kept.append(part)
        return Readings(kept)

    def changed(self, concerned: Callable[[Block | Reading], bool], change: Callable[[Reading], Reading]) -> Readings:
        """Return the readings with some changed: ``concerned`` is asked by check, column, scope and segment, a block once."""
        return Readings(
            [change(r) if concerned(r) else r for r in part]
            if isinstance(part, list)
            else list(map(change, part))
            if concerned(part)
            else part
            for part in self.parts
        )

    def values(self, name: str) -> list[Any]:
        """Return a field of all readings."""
        found: list[Any] = []
        for part in self.parts:
            found += [getattr(reading, name) for reading in part] if isinstance(part, list) else part.values(name)
        return found
