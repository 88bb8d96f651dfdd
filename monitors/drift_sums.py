"""Sums over the latest windows, at each scale that a column is looked at; series and columns come first, windows last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values
from monitors.drift_null import DriftNull
from monitors.drift_scores import Integers
from reference_data.windows import Window

Flags = NDArray[np.bool_]


class Latest:
    """Sums over the latest windows at every window of an array (…, windows), fewer at the start; the running sum is made once."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._running: Values | None = None

    def over(self, scale: int) -> Values:
        """Return the sums over the latest ``scale`` windows: of one the values themselves, else an array of the caller's own."""
        if scale == 1:
            return self._values
        if self._running is None:
            self._running = np.cumsum(self._values, axis=-1)
        running = self._running
        sums = np.empty_like(running)
        sums[..., :scale] = running[..., :scale]
        np.subtract(running[..., scale:], running[..., :-scale], out=sums[..., scale:])
        return sums


@dataclass(frozen=True, slots=True, eq=False)
class Deviations:
    """By how much windows differ from a reference: ``shift`` (series, windows); ``valid``, their values, and ``held``, (columns, windows).

    ``sampling`` is the sampling variance of their means, by column unless it is uneven, and ``design`` (parameters, windows) the season's.
    """

    shift: Values
    valid: Integers
    held: Flags
    column: Integers  # of each series
    sampling: Values
    design: Values
    uneven: bool

    @classmethod
    def of(cls, null: DriftNull, windows: Sequence[Window], shift: Values, valid: Integers, held: Flags) -> Deviations:
        """Take what is (windows, series) or (windows, columns)."""
        some = np.maximum(valid, 1)
        sampling = 1 / some if null.uneven is None else null.inverse(windows, some)
        return cls(
            shift=np.ascontiguousarray(shift.T),
            valid=np.ascontiguousarray(valid.T),
            held=np.ascontiguousarray(held.T),
            column=null.scores.column,
            sampling=np.ascontiguousarray(sampling.T),
            design=np.ascontiguousarray(null.season.design(windows).T),
            uneven=null.uneven is not None,
        )

    def part(self, series: Integers, columns: slice) -> Deviations:
        """Return those of some series, whose columns are ``columns``; see :meth:`monitors.drift_null.DriftNull.part`."""
        return Deviations(
            self.shift[series],
            self.valid[columns],
            self.held[columns],
            self.column[series] - columns.start,
            self.sampling[series if self.uneven else columns],
            self.design,
            self.uneven,
        )

    def where_held(self, values: Values, *, by_series: bool = True) -> Values:
        """Return values (series, windows), or (columns, windows), with 0 where nothing is held."""
        left_out, found = ~self.held, values.copy()
        np.putmask(found, left_out.take(self.column, axis=0) if by_series else left_out, 0.0)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What each scale adds up by series, (series, windows); ``inverse`` and ``squared``, of the sampling variance, by column unless it is uneven."""

    shift: Latest
    inverse: Latest
    squared: Latest

    @classmethod
    def of(cls, own: Deviations) -> Sums:
        """Take what is held of the deviations."""
        inverse = own.where_held(own.sampling, by_series=own.uneven)
        return cls(
            shift=Latest(own.where_held(own.shift)),
            inverse=Latest(inverse),
            squared=Latest(inverse**2),
        )
