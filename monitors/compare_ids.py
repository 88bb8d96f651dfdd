"""Columns that tell rows apart and say nothing else: ids, keys, row numbers. Two tables never share them, so they are left out of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitors.compare_inputs import Pair
from reference_data.id_names import is_id, is_key, is_own
from storage.column_profile import Counted, count_values
from storage.column_values import Held, Values

_LOOKED_AT = 100_000  # rows of a column that is not counted anyway
_FIRST = 64  # values that show of nearly every column of numbers that it does not rise from row to row
_FEWEST = 20  # values up to which nothing is said of a column
_IN_WORDS = 0.1  # share of texts of several words from which on a column is no id


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that was not compared, and why; ``place`` is that among all columns."""

    column: str
    why: str
    type: str
    place: int

    def to_dict(self) -> dict[str, str]:
        return {"column": self.column, "why": self.why}


def find_ids(pairs: Sequence[Pair]) -> tuple[LeftOut, ...]:
    """Return the columns that are ids on whichever sides have them, with the reason; none if nothing else would be left to compare.

    The guess is the set-up wizard's (:mod:`reference_data.id_names`): by name, texts of which nearly every row has one of its own, and whole
    numbers that only rise.
    """
    found = tuple(
        LeftOut(pair.name, why, pair.column.type, place) for place, pair in enumerate(pairs) if (why := _why(pair))
    )
    return found if len(found) < len(pairs) else ()


def _why(pair: Pair) -> str | None:
    first: str | None = None
    for values, counted in ((pair.reference, pair.counted), (pair.current, None)):
        if values is None:
            continue
        try:
            why = _text(pair.name, values, counted) if pa.types.is_string(values.type) else _number(pair.name, values)
        except Exception:  # such as a damaged column of a file: what reads all of it says so
            return None
        if why is None:
            return None
        first = first or why
    return first


def _text(name: str, values: Values, counted: Counted | None) -> str | None:
    if counted is None:
        plain = [piece.dictionary_decode() if pa.types.is_dictionary(piece.type) else piece for piece in _head(values)]
        counted = count_values(Held(pa.chunked_array(plain, pa.string())))
    held, distinct = int(counted.counts.sum()), len(counted.values)
    if held <= _FEWEST:
        return None
    if is_key(name, held, distinct):
        return _by_name(held, distinct)
    characters = pc.utf8_length(counted.values).to_numpy(zero_copy_only=False)
    own = is_own(held, distinct, float(characters @ counted.counts) / held)
    if own:  # an id is one word: what has several is to be read
        spaces = pc.count_substring_regex(counted.values, r"\s+").to_numpy(zero_copy_only=False)
        own = float(np.minimum(spaces, 1) @ counted.counts) < _IN_WORDS * held
    return "nearly every row has a value of its own" if own else None


def _number(name: str, values: Values) -> str | None:
    whole = pa.types.is_integer(values.type)
    if not whole and not pa.types.is_floating(values.type):
        return None
    called = is_id(name)
    if not called and _cannot_rise(values):
        return None
    parts: list[np.ndarray] = []
    for piece in _head(values):
        held = piece.drop_null().to_numpy(zero_copy_only=False)
        if not parts and not called and not _rises(held[:_FIRST]):
            return None
        if not whole and not np.array_equal(held, np.floor(held)):  # not-a-number is none either
            return None
        parts.append(held)
    numbers = np.concatenate(parts) if parts else np.empty(0)
    if len(numbers) <= _FEWEST or not np.all(np.isfinite(numbers)):
        return None
    if called:
        distinct = len(np.unique(numbers))
        if is_key(name, len(numbers), distinct):
            return _by_name(len(numbers), distinct)
    return "whole numbers that rise from row to row" if _rises(numbers) else None


def _cannot_rise(values: Values) -> bool:
    """Whether what is known without a look says that these are no whole numbers of which each is larger than the one before."""
    bounds = values.bounds()
    if bounds is None:
        return False
    low, high = bounds
    return low != low // 1 or high != high // 1 or high - low < len(values) - values.null_count - 1


def _rises(numbers: np.ndarray) -> bool:
    return bool(np.all(numbers[1:] > numbers[:-1]))


def _by_name(held: int, distinct: int) -> str:
    return "an id by its name, and nearly every row has its own" if distinct > 0.9 * held else "an id by its name"


def _head(values: Values) -> Iterator[pa.Array]:
    """Yield the first rows."""
    left = _LOOKED_AT
    for piece in values.pieces():
        yield piece.slice(0, left)
        left -= len(piece)
        if left <= 0:
            return
