"""Types of columns, as a table shows them."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from reference_data.inference import infer_columns
from reference_data.schema import Column


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([1, 2, 1, None]), "numeric"),
        (pa.array([1.5, float("nan")]), "numeric"),
        (pa.array([Decimal("1.50"), None]), "numeric"),
        (pa.array([1, 2], pa.uint8()), "numeric"),
        (pa.array([True, None, False]), "boolean"),
        (pa.array([datetime(2013, 1, 1), None]), "datetime"),  # noqa: DTZ001
        (pa.array([0], pa.timestamp("ns", "Europe/Berlin")), "datetime"),
        (pa.array([date(2013, 1, 1)]), "datetime"),
        (pa.array(["UA", "B6", None]), "categorical"),
        (pa.array(["UA", "B6"], pa.large_string()), "categorical"),
        (pa.array(["1", "2"]), "categorical"),  # the readers decide what is a number
        (pa.array([f"id {i}" for i in range(100)]), "categorical"),
        (pa.array([f"id {i}" for i in range(101)]), "text"),
        (pa.array([f"id {i % 150}" for i in range(300)]), "categorical"),
        (pa.array([f"id {i % 151}" for i in range(300)]), "text"),
        (pa.array([f"id {i}" for i in range(500)]).dictionary_encode(), "categorical"),
        (pa.array(["so long a sentence that nobody counts its values", "x"] * 3), "categorical"),
        (pa.array(["so long a sentence that nobody would ever count its values"] * 3), "text"),
        (pa.array([None, None]), "numeric"),
        (pa.array([None, None], pa.string()), "numeric"),
        (pa.array([None], pa.bool_()), "boolean"),
        (pa.array([], pa.string()), "numeric"),
        (pa.array([], pa.timestamp("us")), "datetime"),
        (pa.array([[0.1, 0.2]]), "embedding"),
        (pa.array([["a"]]), "text"),
        (pa.array([b"\x00\xff"]), "text"),
    ],
)
def test_the_type_of_a_column(values, kind):
    assert infer_columns(pa.table({"x": values})) == (Column("x", kind),)


def test_columns_keep_their_order_and_their_odd_names():
    table = pa.table({'a "b"': [1], "": ["x"], "é 😀": [True]})
    assert [(c.name, c.type, c.role) for c in infer_columns(table)] == [
        ('a "b"', "numeric", "feature"),
        ("", "categorical", "feature"),
        ("é 😀", "boolean", "feature"),
    ]


def test_a_table_without_columns_has_none():
    assert infer_columns(pa.table({})) == ()
