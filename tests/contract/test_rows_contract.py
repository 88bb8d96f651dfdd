"""Every check on rows, whatever file it came in: what it promises, and what it does with rows alike, moved and useless."""

from typing import Any

import numpy as np
import pytest

from monitors.judge_rows import row_checks
from monitors.multivariate._types import RowsCheck, Sides
from monitors.natural import Natural, judge_found

CHECKS = row_checks()
NAMES = tuple(f"c{place}" for place in range(5))
COMMON, NEW = ["late", "train", "flight", "seat", "food", "gate"], ["refund", "card", "login"]


def side(check: RowsCheck, rng: np.random.Generator, n: int, moved: float = 0.0) -> np.ndarray[Any, Any]:
    """Return rows of the kind a check wants; ``moved``: by so many standard deviations, that share of new words, or so much surer."""
    if check.target != "text":
        rows = rng.normal(moved, 1, (n, 5))
        return rows if check.suits is None else probabilities((rows - moved) * (1 + moved))
    texts = [" ".join(rng.choice(NEW if rng.random() < moved else COMMON, 8)) for _ in range(n)]
    return np.array(texts, dtype=object)


def probabilities(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the softmax of each row."""
    powers = np.exp(rows)
    return powers / powers.sum(axis=1, keepdims=True)


def sides(check: RowsCheck, seed: int, n: int = 200, moved: float = 0.0) -> Sides:
    rng = np.random.default_rng(seed)
    return Sides(side(check, rng, 400), side(check, rng, n, moved), NAMES, np.arange(5))


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_says_what_it_is(name: str) -> None:
    check = CHECKS[name]
    assert check.name == name
    assert check.unit in {"AUC", "distance", "score", "share", "spreads"}
    assert check.summary.endswith(".")
    assert "(" in check.citation
    assert check.least > 0
    assert check.prior > 0


@pytest.mark.parametrize("name", CHECKS)
def test_the_same_rows_give_the_same_answer(name: str) -> None:
    given = sides(CHECKS[name], 1)
    one, two = (CHECKS[name].compare(given, np.random.default_rng(5), True) for _ in range(2))
    assert one == two


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_what_moved_is_found_and_what_did_not_is_not(name: str) -> None:
    check, alone = CHECKS[name], Natural(0, 0.0, 0.0, 0.0)
    still = [
        judge_found(check, check.compare(sides(check, s), np.random.default_rng(s), False), alone) for s in range(12)
    ]
    assert sum(judged.drifted for judged in still) == 0
    moved = 2.0 if check.name == "pca_reconstruction" else 0.6
    given = sides(check, 3, moved=moved)
    if check.name == "pca_reconstruction":  # it looks at how columns belong together, not at where they are
        given = Sides(
            given.reference * [1, 1, 1, 1, 0.1] + given.reference[:, :1] * [0, 1, 0, 0, 0],
            given.current,
            NAMES,
            given.groups,
        )
    found = check.compare(given, np.random.default_rng(3), True)
    judged = judge_found(check, found, alone)
    assert judged.drifted
    assert found.value > judged.threshold
    assert sum(driver.share for driver in found.drivers) <= 1 + 1e-9


@pytest.mark.parametrize("name", CHECKS)
def test_the_value_is_beyond_the_threshold_just_when_it_drifted(name: str) -> None:
    check, alone = CHECKS[name], Natural(12, 0.01, 1e-5, 1e-5)
    for seed in range(4):
        found = check.compare(sides(check, seed, moved=0.05 * seed), np.random.default_rng(seed), False)
        judged = judge_found(check, found, alone)
        beyond = found.value < judged.threshold if judged.threshold < judged.usual else found.value > judged.threshold
        assert judged.drifted == beyond


@pytest.mark.parametrize("name", CHECKS)
def test_rows_that_say_nothing_are_refused_in_words_or_judged(name: str) -> None:
    check = CHECKS[name]
    empty: Any = np.array(["", " "] * 20, dtype=object) if check.target == "text" else np.zeros((40, 5))
    if check.suits is not None:
        empty = probabilities(empty)
    given = Sides(empty, empty, NAMES, np.arange(5))
    if check.target == "text" or check.name == "embedding_centroid":
        with pytest.raises(ValueError, match=r"hold no words|there is no spread"):
            check.compare(given, np.random.default_rng(0), True)
    else:
        found = check.compare(given, np.random.default_rng(0), True)
        assert not judge_found(check, found, Natural(0, 0.0, 0.0, 0.0)).drifted
