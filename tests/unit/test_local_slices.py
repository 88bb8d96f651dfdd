"""Slices of which nothing differs are not said to differ, and a shift of one column is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from monitors.compare_days import side_by_side
from reference_data.declaration import ModelSpec
from reference_data.profile import BinnedColumn, Profile
from reference_data.schema import Column
from reference_data.windows import Window
from service.local.slice_pairs import compared_columns
from service.local.slice_profiles import Slice
from service.slice_words import Asked
from storage.column_profile import ColumnRows, Groups, count_values, freeze_rows, profile_column, profile_nominal
from storage.column_values import Held

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 150  # a day
SPEC = ModelSpec(name="eta", task="none", label=None)
Entries = dict[str, BinnedColumn]


def rows_of(rng: np.random.Generator, days: int, shift: float = 0.0) -> dict[str, Held]:
    """Five numbers, one whose days vary, and categories."""
    n = days * ROWS
    usual = np.repeat(rng.normal(0, 0.3, days), ROWS)
    numbers: dict[str, NDArray[np.float64]] = {f"n{i}": rng.normal(size=n) for i in range(5)}
    numbers["n0"] += shift
    numbers["days vary"] = rng.normal(size=n) + usual
    found = {name: Held(pa.chunked_array([pa.array(values)])) for name, values in numbers.items()}
    return {**found, "kind": Held(pa.chunked_array([pa.array(rng.choice(list("abcde"), n))]))}


def frozen(rows: dict[str, Held]) -> Entries:
    def entry(name: str, held: Held) -> BinnedColumn:
        if name == "kind":
            return BinnedColumn(Column(name, "categorical"), count_values(held).bins())
        return freeze_rows(Column(name, "numeric"), ColumnRows(held))

    return {name: entry(name, held) for name, held in rows.items()}


def cut(entries: Entries, rows: dict[str, Held], days: int, first: int, role: str) -> Slice:
    groups = Groups(np.repeat(np.arange(days), ROWS).astype(np.int64), days)
    parts: list[Profile] = [
        profile_nominal(entries[name], held, groups)
        if name == "kind"
        else profile_column(entries[name], ColumnRows(held), groups)
        for name, held in rows.items()
    ]
    dates = tuple(START + timedelta(days=first + day) for day in range(days))
    period = Window(dates[0], dates[-1] + timedelta(days=1))
    asked = Asked("x", reference=-1 if role == "reference" else 0)
    return Slice(asked, period, (), role, dates, side_by_side(parts), None, ())


def drifted(rng: np.random.Generator, days: tuple[int, int], role: str, shift: float = 0.0) -> list[str]:
    reference = rows_of(rng, 40)
    entries = frozen(reference)
    left = cut(entries, reference if role == "reference" else rows_of(rng, days[0]), days[0], 0, role)
    right = cut(entries, rows_of(rng, days[1], shift), days[1], 100, "serving")
    columns, _ = compared_columns(SPEC, left, right, 0.01)
    return [column["column"] for column in columns if column["verdict"] == "drift"]


@pytest.mark.slow
@pytest.mark.parametrize(("days", "role"), [((7, 7), "serving"), ((28, 7), "serving"), ((40, 7), "reference")])
def test_nothing_differs_where_nothing_does(days: tuple[int, int], role: str) -> None:
    rng = np.random.default_rng(11)
    false = sum(bool(drifted(rng, days, role)) for _ in range(40))
    assert false <= 3  # at an error rate of 1 in 100, more than 3 of 40 come once in 1,500 times


@pytest.mark.slow
def test_the_column_that_moved_is_found() -> None:
    rng = np.random.default_rng(12)
    assert [drifted(rng, (28, 7), "serving", shift=0.4) for _ in range(5)] == [["n0"]] * 5
