"""Logged rows by the value of one of their columns, in the bars of its histogram: how many, what was predicted, how wrong it was."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from reference_data.bins import Bins
from reference_data.profile import BinnedColumn
from storage.derived import compile_value
from storage.names import literal, number
from storage.row_source import RowSource

MISSING = "missing"  # the bar of rows without a value, or with one that is not finite


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar that a reference froze: its name, and of an ordered column the range (low, high] it holds; None at an open end."""

    label: str
    low: float | None = None
    high: float | None = None
    position: float | None = None  # where it stands on the axis


class Mean(NamedTuple):
    """Mean and sample standard deviation of ``rows`` values; None without enough of them."""

    rows: int
    mean: float | None
    deviation: float | None


class ValueBar(NamedTuple):
    """What the rows in one bar amount to; ``place`` None: rows without a value."""

    place: int | None
    rows: int
    prediction: Mean
    error: Mean


def bars_of(bins: Bins) -> list[Bar]:
    """Return the bars of :func:`reference_data.quantiles.rebin`, in its order."""
    if bins.kind == "nominal":
        return [Bar(name) for name in bins.labels]
    edges = list(bins.display)
    if len(edges) < 2:
        return [Bar(name) for name in bins.labels]
    lows, highs = [None, *edges], [*edges, None]
    if bins.discrete:
        names = ["below", *(f"{value:g}" for value in edges[1:]), "above"]
        places = [None, *edges[1:], None]
        return [Bar(*bar) for bar in zip(names, lows, highs, places, strict=True)]
    step = edges[1] - edges[0]
    middles = [
        edges[0] - step / 2,
        *((a + b) / 2 for a, b in pairwise(edges)),
        edges[-1] + step / 2,
    ]
    return [Bar(_range(low, high), low, high, middle) for low, high, middle in zip(lows, highs, middles, strict=True)]


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"up to {high:g}"
    return f"over {low:g}" if high is None else f"{low:g} to {high:g}"


def place_sql(bins: Bins, value: str) -> tuple[str, list[Any]]:
    """Return the SQL of the place of a value's bar (NULL: missing), and its parameters."""
    if bins.kind == "nominal":
        whens = "".join(f" WHEN {value} = {literal(name)} THEN {place}" for place, name in enumerate(bins.categories))
        other = len(bins.categories)
        unseen = other + 1
        if not bins.known_complete:
            return f"CASE WHEN {value} IS NULL THEN NULL{whens} ELSE {other} END", []
        known = f" WHEN {value} IN (SELECT unnest(?::VARCHAR[])) THEN {other}"
        return f"CASE WHEN {value} IS NULL THEN NULL{whens}{known} ELSE {unseen} END", [list(bins.known)]
    edges = bins.display if len(bins.display) >= 2 else bins.edges
    whens = "".join(f" WHEN {value} <= {number(edge)} THEN {place}" for place, edge in enumerate(edges))
    return f"CASE WHEN {value} IS NULL OR NOT isfinite({value}) THEN NULL{whens} ELSE {len(edges)} END", []


def value_bars(
    source: RowSource, entry: BinnedColumn, *, prediction: str | None, error: str | None, positive: str | None = None
) -> list[ValueBar]:
    """Return what the rows of each bar that has any amount to, in one pass over them.

    ``prediction`` and ``error`` are SQL over the relation that give a DOUBLE or NULL; None: nothing is said of it.
    """
    place, parameters = place_sql(entry.bins, compile_value(entry, source.expressions, positive=positive))
    fields = ", ".join(f"{sql or 'NULL'}::DOUBLE AS {name}" for name, sql in (("p", prediction), ("e", error)))
    sums = ", ".join(f"count({name}), avg({name}), stddev_samp({name})" for name in ("p", "e"))
    sql = (
        f"SELECT bar, count(*), {sums} FROM (SELECT {place} AS bar, {fields} FROM ({source.relation}) AS r) "
        "GROUP BY bar ORDER BY bar NULLS LAST"
    )
    rows = source.cursor.execute(sql, parameters).fetchall()
    return [ValueBar(row[0], row[1], Mean(*row[2:5]), Mean(*row[5:8])) for row in rows]
