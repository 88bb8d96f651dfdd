"""Which type each column of a table has."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from reference_data.schema import Column, ColumnType

#: A string column is text, not categorical, when its values are on average longer than this many characters, or when it holds
#: more than ``_MANY`` distinct values and these make up more than half of its rows (names, ids, addresses).
_LONG, _MANY = 40, 100


def infer_columns(table: pa.Table) -> tuple[Column, ...]:
    """Return one feature column for each column of ``table``, in its order.

    Integers, floats, decimals and all-null columns are ``numeric`` (few distinct values get one cell each when the reference is
    frozen); timestamps and dates are ``datetime``; dictionaries and strings with few values are ``categorical``; long or
    nearly all-distinct strings are ``text``; lists of numbers are an ``embedding``.
    """
    return tuple(Column(name, _type(table.column(index))) for index, name in enumerate(table.column_names))


def _type(values: pa.ChunkedArray) -> ColumnType:
    kind = values.type
    types = pa.types
    if types.is_dictionary(kind):
        return "categorical"
    if types.is_null(kind) or values.null_count == len(values):
        return "numeric" if types.is_null(kind) or _is_string(kind) else _by_type(kind)
    if _is_string(kind):
        return _text_or_categorical(values)
    return _by_type(kind)


def _is_string(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _by_type(kind: pa.DataType) -> ColumnType:
    types = pa.types
    if types.is_boolean(kind):
        return "boolean"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "numeric"
    if types.is_timestamp(kind) or types.is_date(kind):
        return "datetime"
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = kind.value_type
        return "embedding" if types.is_floating(inner) or types.is_integer(inner) else "text"
    return "text"


def _text_or_categorical(values: pa.ChunkedArray) -> ColumnType:
    distinct = pc.count_distinct(values, mode="only_valid").as_py()
    return kind_of_text(len(values) - values.null_count, distinct, pc.mean(pc.utf8_length(values)).as_py())


def kind_of_text(held: int, distinct: int, characters: float) -> ColumnType:
    """Return ``text`` or ``categorical`` for a column of ``held`` texts, so many of them distinct, of so many characters on average."""
    return "text" if characters > _LONG or (distinct > _MANY and distinct > held / 2) else "categorical"
