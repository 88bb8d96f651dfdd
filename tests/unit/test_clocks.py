"""Columns that tell the reference's own windows apart do not make the classifier of rows blind."""

import numpy as np
import pyarrow as pa
import pytest

from monitors.clocks import without_clocks
from monitors.judge_rows import Asked, ReferenceRows, judge_rows, measure_natural, prepare, row_checks
from reference_data.schema import Column
from tests.support.profiles import spec_of
from tests.support.readings import BLANK

KINDS = {"x": "numeric", "y": "numeric", "counter": "numeric", "weekday": "categorical", "kind": "categorical"}
DAYS, ROWS = 21, 150


def rows(rng: np.random.Generator, first: int, days: int, shift: float = 0.0) -> pa.Table:
    n = days * ROWS
    day = first + np.arange(n) // ROWS
    return pa.table(
        {
            "x": rng.normal(shift, 1, n),
            "y": rng.normal(size=n),
            "counter": (first * ROWS + np.arange(n)).astype(float),
            "weekday": [f"d{each % 7}" for each in day],
            "kind": rng.choice(list("abc"), n),
        }
    )


def reference(seed: int) -> ReferenceRows:
    return ReferenceRows(rows(np.random.default_rng(seed), 0, DAYS), None, np.repeat(np.arange(DAYS), ROWS))


def test_counters_and_weekdays_are_left_out_and_named() -> None:
    columns = [Column(name, kind, "feature") for name, kind in KINDS.items()]  # type: ignore[arg-type]
    left, words = without_clocks(columns, reference(1))
    assert [column.name for column in left] == ["x", "y", "kind"]
    assert words == "counter, weekday (they tell the reference's own windows apart)"
    with pytest.raises(ValueError, match="fewer than two columns are left"):
        without_clocks(columns[1:3], reference(1))


@pytest.mark.filterwarnings("error")
def test_a_column_without_values_is_no_clock_and_warns_of_nothing() -> None:
    held = reference(1)
    empty = held.table.append_column("empty", pa.nulls(len(held.table), pa.float64()))
    columns = [Column(name, "numeric", "feature") for name in ("x", "y", "empty")]
    left, words = without_clocks(columns, ReferenceRows(empty, held.times, held.windows))
    assert [column.name for column in left] == ["x", "y", "empty"]
    assert not words


@pytest.mark.parametrize("seed", [1, 2])
def test_a_shift_beside_a_counter_is_found_and_none_is_not(seed: int) -> None:
    one = Asked(row_checks()["domain_classifier"], None)
    spec = spec_of("none", features=KINDS)
    held = reference(seed)
    ready = prepare(one, spec, held, 30)
    natural = measure_natural(one, ready, 1)
    rng = np.random.default_rng(seed + 50)
    quiet = judge_rows(one, ready, natural, rows(rng, DAYS, 1), None, 30, BLANK)
    moved = judge_rows(one, ready, natural, rows(rng, DAYS + 1, 1, shift=3.0), None, 30, BLANK)
    assert (quiet.verdict, moved.verdict) == ("ok", "drift")
    assert quiet.value <= quiet.threshold <= 0.999
    assert "Left out: counter, weekday" in quiet.sentence
