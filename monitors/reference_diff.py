"""What differs between two references, column by column, on cells that both are counted in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitors import explain
from monitors.checks._cells import Values
from monitors.registry import DECIDING, column_checks, column_values
from monitors.two_sample import shift_between, two_sample_p
from reference_data.profile import ColumnProfile
from reference_data.reference import Reference
from reference_data.schema import Column

SIGNIFICANT = 0.05  # over all columns of one comparison (Bonferroni)
COMPARED_OUTCOMES = ("label", "error given inputs", "correct")

Change = Literal["same", "shifted", "added", "removed", "retyped"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One column of two references. NaN stands for "cannot be said"."""

    column: str
    type: str
    change: Change
    distance: float
    significant: bool
    missing: tuple[float, float]
    mean: tuple[float, float]
    sentence: str


def differences(
    first: Reference,
    second: Reference,
    shared: Mapping[str, tuple[ColumnProfile, ColumnProfile]],
    tolerance: float,
) -> list[Difference]:
    """Compare ``second`` with ``first``; what moved most comes first, then what is the same.

    ``shared`` holds, for the columns that can be compared, both references counted in the same cells (no leading axes; rows may be
    a sample of a reference's). Missing shares and means are those of all rows.
    """
    before, after = _columns(first), _columns(second)
    level = SIGNIFICANT / max(len(shared), 1)
    found = []
    for name in [*before, *(name for name in after if name not in before)]:
        one, two = before.get(name), after.get(name)
        if one is not None and two is not None and name in shared and one[0].type == two[0].type:
            found.append(_compared(name, one, two, shared[name], (first.version, second.version), level, tolerance))
        else:
            found.append(_uncompared(name, one, two, (first.version, second.version)))
    order = ("retyped", "added", "removed", "shifted", "same")
    return sorted(found, key=lambda d: (order.index(d.change), -np.nan_to_num(d.distance)))


_Side = tuple[Column, ColumnProfile]


def _columns(reference: Reference) -> dict[str, _Side]:
    inputs = reference.inputs.total()
    held = {name: (inputs.layout.entry(name).column, inputs.column(name)) for name in inputs.layout.names}
    if reference.outcomes is not None:
        outcomes = reference.outcomes.total()
        names = [name for name in COMPARED_OUTCOMES if name in outcomes.layout.names]
        held |= {name: (outcomes.layout.entry(name).column, outcomes.column(name)) for name in names}
    return held


def _compared(
    name: str,
    one: _Side,
    two: _Side,
    pair: tuple[ColumnProfile, ColumnProfile],
    versions: tuple[int, int],
    level: float,
    tolerance: float,
) -> Difference:
    base, now = pair
    current = _with_axis(now)
    distance = float(column_values(column_checks()[DECIDING], base, current)[0])
    significant = bool(two_sample_p(base, current)[0] < level)
    material = bool(shift_between(base, current, np.asarray([distance]))[0] > tolerance)
    missing, mean = (_missing(one[1]), _missing(two[1])), (_mean(one[1]), _mean(two[1]))
    gaps = abs(missing[0] - missing[1]) > 0.05  # as data quality has it: a change of missing values by themselves
    shifted = (significant and material) or gaps
    words = _sentence(
        name, one[0], base, current, mean, missing, versions, shifted=shifted, moved=significant, gaps=gaps
    )
    return Difference(name, one[0].type, "shifted" if shifted else "same", distance, significant, missing, mean, words)


def _with_axis(column: ColumnProfile) -> ColumnProfile:
    """Return a column's profile with a leading axis of one, as checks want the current side."""

    def lifted(values: Values | None) -> Values | None:
        return None if values is None else np.asarray(values)[None]

    return ColumnProfile(
        entry=column.entry,
        rows=column.rows[None],
        missing=column.missing[None],
        nan=column.nan[None],
        inf=column.inf[None],
        cells=column.cells[None],
        mean=lifted(column.mean),
        m2=lifted(column.m2),
        minimum=lifted(column.minimum),
        maximum=lifted(column.maximum),
    )


def _sentence(
    name: str,
    column: Column,
    base: ColumnProfile,
    current: ColumnProfile,
    mean: tuple[float, float],
    missing: tuple[float, float],
    versions: tuple[int, int],
    *,
    shifted: bool,
    moved: bool,
    gaps: bool,
) -> str:
    if gaps:
        way = "more" if missing[1] > missing[0] else "less"
        shares = f"{explain.number(missing[1], 'share')} of rows against {explain.number(missing[0], 'share')}"
        return f"{name} is missing {way} often in reference {versions[1]} than in {versions[0]}: {shares}."
    if not shifted:
        return f"{name} moved a little, too little to matter." if moved else f"{name} is the same in both."
    gap = mean[1] - mean[0]
    if column.type == "numeric" and np.isfinite(gap) and explain.number(mean[0]) != explain.number(mean[1]):
        way, unit = ("higher" if gap > 0 else "lower"), column.unit or ""
        values = f"{explain.number(mean[1])} against {explain.number(mean[0])}"
        return f"{name} is {explain.number(abs(gap), unit)} {way} on average in reference {versions[1]} than in {versions[0]} ({values})."
    words = explain.Movement(base, current).text(0)
    return f"From reference {versions[0]} to {versions[1]}: {words}."


def _uncompared(name: str, one: _Side | None, two: _Side | None, versions: tuple[int, int]) -> Difference:
    nothing = float("nan")
    missing = (nothing if one is None else _missing(one[1]), nothing if two is None else _missing(two[1]))
    mean = (nothing if one is None else _mean(one[1]), nothing if two is None else _mean(two[1]))
    held = two or one
    assert held is not None
    change: Change = "same"
    words = f"{name} is in both, but the rows kept of them are gone, so their distributions cannot be compared."
    if one is None:
        change, words = "added", f"{name} is new in reference {versions[1]}."
    elif two is None:
        change, words = "removed", f"{name} is no longer in reference {versions[1]}."
    elif one[0].type != two[0].type:
        words = f"{name} was {one[0].type} in reference {versions[0]} and is {two[0].type} in {versions[1]}."
        change = "retyped"
    return Difference(
        name, held[0].type, change, nothing, significant=False, missing=missing, mean=mean, sentence=words
    )


def _missing(column: ColumnProfile) -> float:
    rows = int(column.rows)
    return float(column.missing) / rows if rows else float("nan")


def _mean(column: ColumnProfile) -> float:
    if column.mean is None or int(column.valid) == 0 or column.entry.column.type not in ("numeric", "boolean"):
        return float("nan")
    return float(column.mean)
