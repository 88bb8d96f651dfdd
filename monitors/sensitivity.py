"""How small a change of a column is found, and after how many windows: the critical values times the standard errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitors.checks._cells import Values
from monitors.drift_critical import critical_values
from monitors.drift_null import DriftNull, correlated
from monitors.drift_scores import LEVEL, LOCATION

Unit = Literal["standard deviations", "share"]


@dataclass(frozen=True, slots=True)
class ColumnSensitivity:
    """The lasting shift of one column that is found half of the time after ``windows`` windows, in ``unit``.

    Numbers: of the location, in standard deviations of the reference's rows. Categories: of the largest one's share of rows.
    """

    column: str
    unit: Unit
    windows: tuple[int, ...]
    shifts: tuple[float, ...]


def sensitivity(null: DriftNull, levels: Values, tolerance: float) -> list[ColumnSensitivity]:
    """Return the sensitivity of every column whose values vary, for as many windows as the null's scales.

    ``levels`` (columns,): false episodes allowed a window. At a scale of L windows a shift is found half of the time if it is the
    critical value times the standard error of a mean over L; after more windows the best scale so far counts. Nothing below
    ``tolerance`` is found, for it is immaterial.
    """
    scales = null.scales
    shifts = np.minimum.accumulate(critical_values(null, levels, scales) * _errors(null, scales), axis=0)
    shifts = np.maximum(shifts + null.population.slack, tolerance)
    found = []
    for place, name in enumerate(null.scores.names):
        series = _foremost(null, place)
        if series is None or not np.any(null.scores.blocks[place]):  # one value throughout has no standard deviation
            continue
        nominal = null.scores.kind[series] == LEVEL
        own = shifts[:, series] * (float(null.population.sd[series]) if nominal else 1.0)
        if np.isfinite(own).all():
            unit: Unit = "share" if nominal else "standard deviations"
            found.append(ColumnSensitivity(name, unit, scales, tuple(float(shift) for shift in own)))
    return found


def _foremost(null: DriftNull, column: int) -> int | None:
    """Return the place of a column's location, or of its largest category; None if it has neither."""
    ours = np.flatnonzero(null.scores.column == column)
    location = ours[null.scores.kind[ours] == LOCATION]
    if len(location):
        return int(location[0])
    levels = ours[null.scores.kind[ours] == LEVEL]
    return int(levels[np.argmax(null.population.mean[levels])]) if len(levels) else None


def _errors(null: DriftNull, scales: tuple[int, ...]) -> Values:
    """Return the standard error of a mean over so many windows like the reference's: (scales, series)."""
    inverse = null.inverse_rows[null.scores.column]
    rank = max(float(np.linalg.matrix_rank(null.gram)), 1.0)
    errors = []
    for scale in scales:
        leverage = max(1.0, rank / scale) / max(null.windows, 1)  # a season's own means are less sure than the whole
        natural = correlated(null.phi, scale) + leverage * null.windows * correlated(null.phi, null.windows)
        errors.append(np.sqrt(inverse * (1 / scale + leverage) + null.tau2 * natural))
    return np.stack(errors)
