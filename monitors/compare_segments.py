"""Two tables against each other inside each value of a column as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.compare_inputs import CompareError, pair_column, to_table
from monitors.compare_result import Comparison
from monitors.comparison import compare
from reference_data.binning import MAX_DISTINCT
from reference_data.segments import MISSING, MOST_VALUES, PAIR, segment_columns, segment_text
from storage.column_values import HeldColumns

LEAST_ROWS = 30  # on either side for a value to be compared


@dataclass(frozen=True, slots=True)
class SegmentedComparison:
    """The outcome of :func:`compare_segments`: of all rows, and inside each value, what drifted first."""

    whole: Comparison
    segments: tuple[tuple[str, Comparison], ...]
    notes: tuple[str, ...]

    @property
    def drift(self) -> bool:
        """Whether any column drifted, in all rows or inside any value."""
        return self.whole.drift or any(inside.drift for _, inside in self.segments)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: those of the comparison of all rows, and ``segments``."""
        found = [{"segment": name, **inside.to_dict()} for name, inside in self.segments]
        whole = self.whole.to_dict()
        return whole | {
            "verdict": "drift" if self.drift else self.whole.verdict,
            "drift": self.drift,
            "notes": [*whole["notes"], *self.notes],
            "segments": found,
        }

    def __str__(self) -> str:
        lines = [str(self.whole), ""]
        for name, inside in self.segments:
            moved = [column for column in inside.columns if column.drift]
            rows = f"{inside.n_reference:,} and {inside.n_current:,} rows"
            lines.append(f"inside {name} ({rows}): {'as in the reference' if not moved else ''}".rstrip())
            lines += [f"  {column.column}: {column.words}" for column in moved]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def compare_segments(
    reference: Any,
    current: Any,
    segment: str,
    *,
    alpha: float = 0.01,
    columns: Sequence[str] | None = None,
    **options: Any,
) -> SegmentedComparison:
    """Compare as :func:`monitors.compare` does, then once more inside each value of ``segment``.

    ``segment`` is a column, or a pair as ``a × b``; a number of many different values is cut at the reference's quartiles. Compared are
    the 50 most frequent values with at least 30 rows on both sides, which share ``alpha`` once more between them (Bonferroni). Both
    tables are held in memory. Raises :class:`CompareError` for a column that is not there, and what :func:`monitors.compare` raises.
    """
    (left, read), (right, also) = (
        to_table(data, side) for data, side in ((reference, "the reference"), (current, "the current data"))
    )
    try:
        made_of = segment_columns(segment, {*left.column_names} & {*right.column_names})
    except ValueError as error:
        raise CompareError(str(error)) from None
    whole = compare(left, right, alpha=alpha, columns=columns, **options)
    names = [_names(*_alike(left, right, column), column) for column in made_of]
    before, now = (_joined([part[side] for part in names]) for side in (0, 1))
    values, counts = np.unique(before, return_counts=True)
    common = values[np.argsort(-counts, kind="stable")][:MOST_VALUES]
    kept = [v for v in common if (before == v).sum() >= LEAST_ROWS and (now == v).sum() >= LEAST_ROWS]
    notes = tuple(dict.fromkeys((*read, *also))) + _notes(
        segment, len({*values.tolist(), *np.unique(now).tolist()}), len(kept)
    )
    both = {*left.column_names} & {*right.column_names}
    inside_of = [
        each.column
        for each in whole.columns
        if each.column not in made_of and (each.column in both or columns is not None)
    ]
    found = [
        (
            str(value),
            compare(
                left.filter(pa.array(before == value)),
                right.filter(pa.array(now == value)),
                alpha=alpha / len(kept),
                columns=inside_of,
                **options,
            ),
        )
        for value in kept
    ]
    found.sort(
        key=lambda pair: (
            not pair[1].drift,
            min((c.p_value for c in pair[1].columns if np.isfinite(c.p_value)), default=1.0),
        )
    )
    return SegmentedComparison(whole, tuple(found), notes)


def _notes(segment: str, different: int, kept: int) -> tuple[str, ...]:
    if kept == different:
        return ()
    most = f"the {MOST_VALUES} most frequent of the reference that have {LEAST_ROWS} rows or more on both sides"
    return (f"of {different:,} values of {segment}, {kept:,} are compared: {most}",)


def _alike(left: pa.Table, right: pa.Table, column: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return both sides of a column in one type, as the comparison of all rows reads it; raises :class:`CompareError` if there is none."""
    pair = pair_column(HeldColumns(left), HeldColumns(right), column)
    if pair.error is not None or pair.reference is None or pair.current is None:
        raise CompareError(f"segment column {column!r}: {pair.error}")
    return pair.reference.whole(), pair.current.whole()


def _names(left: pa.ChunkedArray, right: pa.ChunkedArray, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the segment of each row on both sides."""
    numeric = pa.types.is_floating(left.type) or pa.types.is_integer(left.type)
    if numeric and pc.count_distinct(left).as_py() > MAX_DISTINCT:
        held = left.drop_null().cast(pa.float64()).to_numpy()
        edges = np.unique(np.quantile(held[np.isfinite(held)], (0.25, 0.5, 0.75)))
        return _cut(left, edges, column), _cut(right, edges, column)
    return _plain(left, column), _plain(right, column)


def _plain(values: pa.ChunkedArray, column: str) -> NDArray[Any]:
    texts = values.cast(pa.string()).combine_chunks().dictionary_encode()
    named = [segment_text(column, value) for value in texts.dictionary.to_pylist()]
    codes = texts.indices.fill_null(len(named)).to_numpy(zero_copy_only=False)
    return np.asarray(np.asarray([*named, f"{column}={MISSING}"])[codes])


def _cut(values: pa.ChunkedArray, edges: NDArray[np.float64], column: str) -> NDArray[Any]:
    shown = [f"{edge:.6g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(shown)]
    named = [segment_text(column, text) for text in (f"up to {shown[0]}", *between, f"above {shown[-1]}")]
    numbers = values.cast(pa.float64()).to_numpy().copy()
    codes = np.searchsorted(edges, numbers, side="left")
    codes[np.isnan(numbers)] = len(named)
    return np.asarray(np.asarray([*named, f"{column}={MISSING}"])[codes])


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    joined = parts[0]
    for part in parts[1:]:
        joined = np.char.add(np.char.add(joined, PAIR), part)
    return joined
