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
class Sums:
    """What each scale adds up: by series, (series, windows), by column, (columns, windows), and the season's design.

    ``inverse`` and ``squared``, of the sampling variance, are by column unless it is uneven. ``left_out`` is where nothing is held.
    """

    shift: Latest
    inverse: Latest
    squared: Latest
    held: Latest
    rows: Latest
    design: Latest
    left_out: Flags

    @classmethod
    def of(cls, null: DriftNull, windows: Sequence[Window], shift: Values, valid: Integers, held: Flags) -> Sums:
        """Take deviations ``shift`` (series, windows); ``valid`` and ``held`` are (windows, columns)."""
        rows = np.where(held, valid, 0)
        inverse = np.where(rows > 0, 1 / np.maximum(rows, 1), 0.0)
        if null.uneven is not None:
            inverse = null.inverse(windows, rows)
        inverse = np.ascontiguousarray(inverse.T)
        left_out = (~held.T).take(null.scores.column, axis=0)
        return cls(
            shift=Latest(_without(shift, left_out)),
            inverse=Latest(inverse),
            squared=Latest(inverse**2),
            held=Latest(np.ascontiguousarray(held.T, dtype=np.float64)),
            rows=Latest(np.ascontiguousarray(rows.T, dtype=np.float64)),
            design=Latest(np.ascontiguousarray(null.season.design(windows).T)),
            left_out=left_out,
        )

    def where_held(self, values: Values) -> Values:
        """Return values (series, windows) with 0 where nothing is held."""
        return _without(values, self.left_out)


def _without(values: Values, left_out: Flags) -> Values:
    found = values.copy()
    np.putmask(found, left_out, 0.0)
    return found
