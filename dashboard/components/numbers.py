"""Columns of numbers: what stands below each other has the same decimals, so that it can be compared at a glance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streamlit import column_config

from dashboard import text

Values = Iterable[float | None]


def column(label: str, *values: Values, width: int | None = None, help: str | None = None) -> Any:  # noqa: A002
    """Return the column of a table for numbers of one kind. ``values``: its own, and those of columns that stand beside it."""
    places = text.decimals(value for each in values for value in each)
    return column_config.NumberColumn(label, format=f"%,.{places}f", width=width, help=help)


def share(label: str, *values: Values, width: int | None = None, help: str | None = None) -> Any:  # noqa: A002
    """Return the column of a table for shares, of which the cells are made by :func:`percent`; ``values`` are shares."""
    places = min(2, text.decimals(percent(value) for each in values for value in each))
    return column_config.NumberColumn(label, format=f"%.{places}f %%", width=width, help=help)


def percent(value: float | None) -> float | None:
    """Return a share in per cent."""
    return None if value is None else 100 * value


def mixed(label: str, *, width: int | None = None, help: str | None = None) -> Any:  # noqa: A002
    """Return the column of a table for numbers of several kinds, one a row: text, each with its own digits."""
    return column_config.TextColumn(label, width=width, help=help, alignment="right")


def each_its_own(rows: Sequence[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Return rows with the numbers ``names`` as text for :func:`mixed` columns, each with its own digits; what is missing stays missing."""
    return [
        {**row, **{name: None if row[name] is None else text.number(row[name]) for name in names if name in row}}
        for row in rows
    ]


def chance(value: float | None) -> str | None:
    """Return a p-value with three decimals, as a cell of a :func:`mixed` column."""
    return None if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
