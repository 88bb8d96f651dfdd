"""Means that moved are shown in digits that show it."""

import numpy as np
import pandas as pd
import pytest

from monitors import compare
from monitors.compare_judge import told_apart


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (152.83, 147.52, "152.8 → 147.5"),
        (2000.84, 2001.31, "2000.8 → 2001.3"),
        (1e9, 1e9 + 2, "1000000000 → 1000000002"),
        (1.0, 1.0, "1 → 1"),
    ],
)
def test_two_numbers_are_told_apart(before: float, after: float, words: str) -> None:
    assert told_apart(before, after) == words


def test_a_shift_of_large_numbers_shows() -> None:
    years = np.random.default_rng(3).normal(2000.6, 1, (2, 2000))
    found = compare(pd.DataFrame({"year": years[0]}), pd.DataFrame({"year": years[1] + 0.5}))
    assert found["year"].drift
    left, right = found["year"].reasons[0].removeprefix("mean ").split(" → ")
    assert float(right) - float(left) == pytest.approx(0.5, abs=0.2)
