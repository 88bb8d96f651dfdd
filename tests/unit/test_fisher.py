"""Fisher's exact test against SciPy's, from tables of nothing to a million rows."""

import numpy as np
import pytest
from scipy import stats

from monitors.fisher import fisher_p


def test_it_is_scipys_on_small_tables() -> None:
    draw = np.random.default_rng(0)
    for _ in range(300):
        n, m = draw.integers(1, 60, 2)
        a, b = draw.integers(0, n + 1), draw.integers(0, m + 1)
        expected = stats.fisher_exact(np.array([[a, n - a], [b, m - b]])).pvalue
        assert fisher_p(int(a), int(n), int(b), int(m)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("a", "n", "b", "m"),
    [
        (20_000, 1_000_000, 20_300, 1_000_000),
        (0, 1_000_000, 5, 3000),
        (500_000, 1_000_000, 501_500, 1_000_000),
        (9, 9, 3, 40),
    ],
)
def test_it_is_scipys_on_large_tables(a: int, n: int, b: int, m: int) -> None:
    assert fisher_p(a, n, b, m) == pytest.approx(
        stats.fisher_exact(np.array([[a, n - a], [b, m - b]])).pvalue, rel=1e-5
    )


def test_what_is_beyond_doubt_is_zero_and_what_says_nothing_is_one() -> None:
    assert fisher_p(0, 1_000_000, 1_000_000, 1_000_000) == 0.0
    assert fisher_p(0, 1000, 0, 1000) == fisher_p(5, 5, 7, 7) == fisher_p(0, 0, 3, 9) == 1.0
