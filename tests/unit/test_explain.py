"""Sentences of readings say a unit once."""

import pytest

from monitors import explain
from monitors.registry import column_checks


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("psi", "Population stability index of x: 0.500 nats; 0.100 to 0.200 is usual."),
        ("wasserstein", "Wasserstein distance of x: 0.500 reference standard deviations; 0.100 to 0.200 is usual."),
        ("mann_whitney", "Mann-Whitney share of pairs of x: 50.0 %; 10.0 % to 20.0 % is usual."),
        ("fisher_exact", "Fisher's exact test (p-value) of x: 0.500; 0.100 to 0.200 is usual."),
    ],
)
def test_a_check_beside_what_is_usual(name: str, words: str) -> None:
    check = column_checks()[name]
    assert explain.measured(check, "x", 0.5, explain.usual_band(check, 0.1, 0.2)) == words
