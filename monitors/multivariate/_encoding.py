"""Inputs of different types as one matrix, on a scale that the reference sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reference_data.schema import Column

FEW = 12  # categories up to which each has a column of its own
MOST_INPUTS = 300  # inputs that are looked at together
FAR = 8.0  # standard deviations beyond which a value counts as so far away: one wild value must not stand for all

Matrix = NDArray[np.float64]
_DAY = 86_400_000_000.0


@dataclass(frozen=True, slots=True)
class _Code:
    """How one input becomes columns: ``number`` and ``age`` by mean and spread; ``listed`` one for each value; ``frequency`` a value's share.

    A value that the rows it was fitted on hold once has the code of one they do not hold: so little tells nothing.
    """

    name: str
    kind: Literal["number", "age", "listed", "frequency"]
    mean: tuple[float, ...]
    spread: float
    values: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()

    def __call__(self, table: pa.Table, times: pa.ChunkedArray | None) -> Matrix:
        if self.name not in table.column_names:
            return np.zeros((table.num_rows, len(self.mean)))
        column = table.column(self.name)
        if self.kind in ("number", "age"):
            held = _numbers(column, times if self.kind == "age" else None)
            with np.errstate(over="ignore"):
                scaled = np.clip((held - self.mean[0]) / self.spread, -FAR, FAR)
            return np.nan_to_num(scaled, nan=0.0)[:, None]  # what is missing stands at the reference's mean
        places = pc.index_in(_texts(column), value_set=pa.array(self.values, pa.string()))
        at = places.fill_null(-1).to_numpy().astype(np.intp)
        missing = column.is_null().to_numpy()
        if self.kind == "frequency":
            known = np.array(self.shares)[at]  # the last one is that of strangers
            scaled = np.clip((known - self.mean[0]) / self.spread, -FAR, FAR)
            return np.where(missing, 0.0, scaled)[:, None]
        one_hot = (at[:, None] == np.arange(len(self.values))).astype(float)
        return np.where(missing[:, None], 0.0, (one_hot - np.array(self.mean)) / self.spread)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Standardised numbers; categories one by one if they are few, else by how frequent they are in the reference; missing values at the mean.

    How frequent a value is must be counted in other rows than those that are looked at: rows that were counted themselves are never rare,
    and could be told from new ones by that alone.
    A column of times counts by its age at the event, in days; without event times it is left out. Constant columns are left out.
    """

    codes: tuple[_Code, ...]

    @classmethod
    def fit(cls, table: pa.Table, columns: Sequence[Column], times: pa.ChunkedArray | None) -> Encoder:
        """Learn the scale of each column from the reference's rows."""
        usable = [c for c in columns if c.type in ("numeric", "boolean", "categorical", "datetime")]
        codes = (_fit(c, table, times) for c in usable[:: max(1, -(-len(usable) // MOST_INPUTS))])
        return cls(tuple(code for code in codes if code is not None))

    def __call__(self, table: pa.Table, times: pa.ChunkedArray | None = None) -> Matrix:
        """Return the rows as a matrix of shape (rows, columns)."""
        if not self.codes or not table.num_rows:
            return np.zeros((table.num_rows, sum(len(code.mean) for code in self.codes)))
        return np.hstack([code(table, times) for code in self.codes])

    @property
    def counts(self) -> bool:
        """Whether any input stands for how frequent its values are."""
        return any(code.kind == "frequency" for code in self.codes)

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs that are looked at."""
        return tuple(code.name for code in self.codes)

    @property
    def groups(self) -> NDArray[np.intp]:
        """Place in :attr:`names` of the input that each column of the matrix belongs to."""
        return np.repeat(np.arange(len(self.codes)), [len(code.mean) for code in self.codes]).astype(np.intp)


def _fit(column: Column, table: pa.Table, times: pa.ChunkedArray | None) -> _Code | None:
    if column.name not in table.column_names or (column.type == "datetime" and times is None):
        return None
    values = table.column(column.name)
    if column.type != "categorical":
        aged = column.type == "datetime"
        held = _numbers(values, times if aged else None)
        held = held[np.isfinite(held)]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, spread = (float(held.mean()), float(held.std())) if held.size else (0.0, 0.0)
        if not np.isfinite(spread) or spread <= 1e-12 * max(abs(mean), 1e-300):
            return None
        return _Code(column.name, "age" if aged else "number", (mean,), spread)
    return _fit_nominal(column.name, _texts(values).drop_null())


def _fit_nominal(name: str, texts: pa.ChunkedArray) -> _Code | None:
    counted = pc.value_counts(texts)
    counts = counted.field("counts").to_numpy(zero_copy_only=False).astype(float)
    if len(counts) < 2:
        return None
    listed = counted.field("values").to_pylist()
    order = sorted(range(len(listed)), key=lambda i: (-counts[i], listed[i]))
    share = counts[order] / counts.sum()
    values = tuple(listed[i] for i in order)
    if len(values) <= FEW:
        return _Code(name, "listed", tuple(share.tolist()), float(np.sqrt((share * (1 - share)).sum())), values)
    seen = share * (counts[order] > 1)
    seen = np.append(seen, 0.0)  # what no row holds, or one alone
    mean = float((share * seen[:-1]).sum())
    spread = float(np.sqrt(max((share * seen[:-1] ** 2).sum() - mean**2, 0.0)))
    if spread <= 1e-9:  # all alike, as ids are
        spread = mean
    return _Code(name, "frequency", (mean,), spread, values, tuple(seen.tolist())) if mean > 0 else None


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if pa.types.is_string(column.type) else pc.cast(column, pa.string())


def _numbers(column: pa.ChunkedArray, times: pa.ChunkedArray | None) -> Matrix:
    """Return a column as floats, NaN for what is missing or not finite; a column of times in days before ``times``."""
    if times is not None:
        moments = [
            np.asarray(c.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(zero_copy_only=False), float)
            for c in (times, column)
        ]
        return np.asarray((moments[0] - moments[1]) / _DAY)
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    held = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=float)
    return np.where(np.isfinite(held), held, np.nan)
