"""Segments: parts of the rows, by the value of a declared column or of a declared pair of columns, frozen with a reference."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_data.coarse import Coarsening
from reference_data.profile import BinnedColumn, Layout, Profile

PAIR = " × "  # stands between the two columns of a pair
MOST_VALUES = 50  # of a segment that are told apart, the most frequent ones of the reference
MOST_NUMBERS = 30_000_000  # counts that a reference keeps of its segments; with more, fewer values are told apart
OTHER, MISSING = "other", "missing"
_REST = -1  # code of all cells of a pair that are not told apart
_LONGEST = 120  # characters of a value in a segment's name


def segment_columns(name: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the column, or the two columns, that a declared segment is made of.

    Raises :class:`ValueError` naming the ``known`` columns when it is none of them and no pair of them.
    """
    if name in known:
        return (name,)
    parts = name.split(PAIR)
    for cut in range(1, len(parts)):
        one, two = PAIR.join(parts[:cut]), PAIR.join(parts[cut:])
        if one in known and two in known and one != two:
            return one, two
    raise ValueError(f"segment {name!r} is neither a column nor a pair of columns; there are {sorted(known)}")


def declared_segment(given: object) -> str:
    """Return a declared segment as text: a column, or ``[column, column]`` as ``column × column``; raises :class:`ValueError`."""
    if isinstance(given, str):
        return given
    if not isinstance(given, Sequence) or len(given) != 2 or not all(isinstance(part, str) for part in given):
        raise ValueError(f"segment {given!r} is not understood; name one column, or two in brackets")
    if given[0] == given[1]:
        raise ValueError(f"segment {list(given)} names one column twice; name it alone, or another beside it")
    return PAIR.join(given)


def segment_text(column: str, value: str) -> str:
    """Return the name of a segment: ``carrier=UA``. What would make it ambiguous is put in quotation marks, as JSON writes it."""
    return f"{_plain(column, also='=')}={_plain(value)}"


def _plain(text: str, also: str = "") -> str:
    odd = not text or text != text.strip() or text[0] == '"' or text in (OTHER, MISSING)
    odd = odd or any(sign == "×" or sign in also or not sign.isprintable() for sign in text)
    shown = json.dumps(text, ensure_ascii=False) if odd else text
    if len(shown) <= _LONGEST:
        return shown
    return f"{shown[:80]}…{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Cut:
    """How one column is cut into values. Code ``i`` is the i-th of ``values``; then come everything else, and missing.

    ``edges``: of an ordered column. ``exact``: the values themselves; else the upper ends (included) of all values but the last.
    """

    column: str
    values: tuple[str, ...]
    edges: tuple[float, ...] = ()
    exact: bool = True

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.values) + 2

    def text(self, code: int) -> str:
        """Return the name of the segment with a code."""
        column = _plain(self.column, also="=")
        if code >= len(self.values):
            return f"{column}={OTHER if code == len(self.values) else MISSING}"
        return segment_text(self.column, self.values[code])

    def value(self, code: int) -> str:
        """Return the value with a code, as people write it."""
        return self.values[code] if code < len(self.values) else OTHER if code == len(self.values) else MISSING

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"column": self.column, "values": self.values, "edges": self.edges, "exact": self.exact}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cut:
        """Rebuild from :meth:`to_dict`."""
        return cls(data["column"], tuple(data["values"]), tuple(map(float, data["edges"])), bool(data["exact"]))


@dataclass(frozen=True, slots=True)
class Space:
    """The values of one declared segment. ``codes``: those told apart; all rows of other codes are together one value, ``other``."""

    name: str
    cuts: tuple[Cut, ...]
    codes: tuple[int, ...]

    @property
    def members(self) -> tuple[int, ...]:
        """Return the codes that rows may come with."""
        return self.codes if len(self.cuts) == 1 else (*self.codes, _REST)

    def text(self, code: int) -> str:
        """Return the name of the segment with a code: ``carrier=UA``, ``carrier=UA × origin=JFK``."""
        if code == _REST:
            return f"{PAIR.join(_plain(cut.column, also='=') for cut in self.cuts)}={OTHER}"
        return PAIR.join(cut.text(part) for cut, part in zip(self.cuts, self._parts(code), strict=True))

    def value(self, code: int) -> str:
        """Return the value with a code, as people write it: ``UA``, ``UA × JFK``."""
        if code == _REST:
            return OTHER
        return PAIR.join(cut.value(part) for cut, part in zip(self.cuts, self._parts(code), strict=True))

    def _parts(self, code: int) -> tuple[int, ...]:
        return (code,) if len(self.cuts) == 1 else divmod(code, self.cuts[1].size)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"name": self.name, "cuts": [cut.to_dict() for cut in self.cuts], "codes": self.codes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Space:
        """Rebuild from :meth:`to_dict`."""
        return cls(data["name"], tuple(map(Cut.from_dict, data["cuts"])), tuple(data["codes"]))


def cut_column(profile: Profile, name: str, most: int = MOST_VALUES) -> Cut | None:
    """Return how a column is cut, from the profile of all of a reference's rows (no leading axis); None if it has nothing to be cut at.

    A nominal column by its ``most`` frequent values, a number of few distinct values by these, any other at its quartiles (the frozen
    edges nearest to them). Texts and times are not cut.
    """
    if name not in profile.layout.names:
        return None
    column = profile.column(name)
    entry = column.entry
    if entry.derive != "value":
        return None
    if not entry.ordered:
        return Cut(name, entry.bins.categories[:most])
    if entry.bins.discrete:
        common = np.argsort(-column.cells[1:-1], kind="stable")[:most]
        edges = [entry.bins.edges[1:][place] for place in sorted(common.tolist())]
        return Cut(name, tuple(f"{edge:.15g}" for edge in edges), tuple(edges))
    return _quartiles(entry, column.cells)


def _quartiles(entry: BinnedColumn, cells: NDArray[np.int64]) -> Cut | None:
    if not cells.sum():
        return None
    below = np.cumsum(cells)[:-1] / cells.sum()  # share of values up to each edge
    places = sorted({int(np.argmin(np.abs(below - quarter))) for quarter in (0.25, 0.5, 0.75)})
    edges = [entry.bins.edges[place] for place in places if 0 < below[place] < 1]
    if not edges:
        return None
    shown = [f"{edge:.6g}" for edge in edges]
    shown = shown if len({*shown}) == len(shown) else [f"{edge:.17g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(shown)]
    values = (f"up to {shown[0]}", *between, f"above {shown[-1]}")
    return Cut(entry.column.name, values, tuple(edges), exact=False)


def single_space(cut: Cut) -> Space:
    """Return the space of a segment of one column."""
    return Space(cut.column, (cut,), tuple(range(cut.size)))


def pair_space(name: str, cuts: Sequence[Cut], frequent: Sequence[int]) -> Space:
    """Return the space of a pair; ``frequent``: the codes that are told apart (code of the first column times size of the second, plus the second's)."""
    return Space(name, tuple(cuts), tuple(frequent))


def spaces_of(declared: Sequence[str], total: Profile, frozen: Segments | None) -> list[Space]:
    """Return the spaces of declared segments: as frozen, else by the reference's own profile of all rows (``total``).

    Left out is what cannot be cut, and a pair that is not frozen: which of its cells are frequent is not known.
    """
    known = {} if frozen is None else {space.name: space for space in frozen.spaces}
    found: list[Space] = []
    for name in declared:
        if name in known:
            found.append(known[name])
        elif (cut := cut_column(total, name)) is not None:
            found.append(single_space(cut))
    return found


@dataclass(frozen=True, eq=False)
class Segments:
    """The inputs of a reference by segment: on coarser cells, one profile for each segment and bucket.

    Kept packed (a compressed ``.npz``) until somebody asks for the numbers.
    """

    spaces: tuple[Space, ...]
    coarsening: Coarsening
    packed: bytes

    @classmethod
    def of(cls, spaces: Sequence[Space], coarsening: Coarsening, profile: Profile) -> Segments:
        """Pack a profile of shape (segments, buckets), the segments in the order of :attr:`members`."""
        buffer = io.BytesIO()
        counts = profile.counts.astype(np.uint32)
        np.savez_compressed(buffer, counts=counts, moments=profile.moments)
        return cls(tuple(spaces), coarsening, buffer.getvalue())

    @property
    def members(self) -> list[tuple[Space, int]]:
        """Return every segment: its space, and its code there."""
        return [(space, code) for space in self.spaces for code in space.members]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all segments, in order."""
        return tuple(space.text(code) for space, code in self.members)

    def profile(self, layout: Layout) -> Profile:
        """Return the numbers, of shape (segments, buckets), for the ``layout`` of the reference's inputs."""
        counts, moments = self._arrays
        return Profile(self.coarsening.layout(layout), counts, moments)

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        with np.load(io.BytesIO(self.packed), allow_pickle=False) as arrays:
            return arrays["counts"].astype(np.int64), arrays["moments"]

    def to_bytes(self) -> bytes:
        """Serialise: a JSON header, a line's end, the packed numbers."""
        header = {"spaces": [space.to_dict() for space in self.spaces], "coarsening": self.coarsening.to_list()}
        return json.dumps(header).encode() + b"\n" + self.packed

    @classmethod
    def from_bytes(cls, data: bytes) -> Segments:
        """Rebuild from :meth:`to_bytes`."""
        header, _, packed = data.partition(b"\n")
        found = json.loads(header)
        return cls(tuple(map(Space.from_dict, found["spaces"])), Coarsening.from_list(found["coarsening"]), packed)
