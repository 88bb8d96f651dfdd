"""The error of logged rows by the value of one of their inputs, in the bars of its histogram."""

from __future__ import annotations

from typing import NamedTuple

from reference_data.bins import Bins
from reference_data.profile import BinnedColumn
from storage.derived import compile_value
from storage.names import literal, number
from storage.row_source import RowSource


class ErrorBar(NamedTuple):
    """One bar: its name, its place on the axis (None for a category), labelled rows in it, and their mean error."""

    label: str
    position: float | None
    rows: int
    error: float | None


def error_bars(source: RowSource, entry: BinnedColumn, *, numeric: bool) -> list[ErrorBar]:
    """Return the mean absolute error (``numeric`` labels) or the share of wrong answers in each bar that has labelled rows."""
    value = compile_value(entry, source.expressions)
    bar, names = _bars(entry.bins, value)
    prediction, label = source.expressions["prediction"], source.expressions["label"]
    wrong = f"abs({prediction} - {label})" if numeric else f"({prediction} <> {label})::INTEGER"
    sql = (
        f"SELECT {bar} AS bar, count(*), avg({wrong}) FROM ({source.relation}) AS r "
        f"WHERE {label} IS NOT NULL AND {prediction} IS NOT NULL GROUP BY bar ORDER BY bar"
    )
    rows = source.cursor.execute(sql).fetchall()
    return [ErrorBar(names[place][0], names[place][1], n, error) for place, n, error in rows if place is not None]


def _bars(bins: Bins, value: str) -> tuple[str, list[tuple[str, float | None]]]:
    """Return the SQL of a value's bar, and each bar's name and place on the axis."""
    if bins.kind == "nominal":
        whens = " ".join(f"WHEN {literal(name)} THEN {place}" for place, name in enumerate(bins.categories))
        return (f"CASE {value} {whens} END" if whens else "NULL"), [(name, None) for name in bins.categories]
    edges = list(bins.display)
    whens = " ".join(f"WHEN {value} <= {number(edge)} THEN {place}" for place, edge in enumerate(edges))
    case = f"CASE WHEN {value} IS NULL OR NOT isfinite({value}) THEN NULL {whens} ELSE {len(edges)} END"
    if bins.discrete:
        return case, [*((f"{edge:g}", float(edge)) for edge in edges), ("above", None)]
    step = edges[1] - edges[0] if len(edges) > 1 else 1.0
    middles = [edge - step / 2 for edge in edges] + ([edges[-1] + step / 2] if edges else [0.0])
    return case, [(f"{middle:.4g}", float(middle)) for middle in middles]
