"""What chance alone does to checks on rows: the deviations that they are judged by are those that undrifted samples have."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from monitors.multivariate import embedding_classifier, frechet_distance, inception_score, text_classifier
from monitors.multivariate._types import RowsCheck, Sides
from monitors.natural import Natural, judge_found

_NO_HISTORY = Natural(0, 0.0, 0.0, 0.0)
_WORDS = np.array(
    [
        "pay",
        "late",
        "ship",
        "good",
        "bad",
        "parcel",
        "money",
        "back",
        "when",
        "never",
        "again",
        "thanks",
        "please",
        "help",
        "broken",
        "new",
        "old",
    ]
)


def _normal(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.normal(size=(n, 6))


def _probabilities(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.dirichlet(np.full(4, 0.3), n)


def _texts(rng: np.random.Generator, n: int) -> NDArray[np.object_]:
    return np.array([" ".join(rng.choice(_WORDS, 8)) for _ in range(n)], dtype=object)


@pytest.mark.parametrize(
    ("check", "drawn", "samples"),
    [
        (embedding_classifier.CHECK, _normal, 150),
        (text_classifier.CHECK, _texts, 60),
        (frechet_distance.CHECK, _normal, 400),
        (inception_score.CHECK, _probabilities, 300),
    ],
    ids=["embedding_classifier", "text_classifier", "frechet_distance", "inception_score"],
)
def test_samples_without_drift_vary_by_what_they_are_judged_by(
    check: RowsCheck, drawn: Callable[[np.random.Generator, int], NDArray[np.float64]], samples: int
) -> None:
    scores, surprising = [], 0
    for seed in range(samples):
        rng = np.random.default_rng([seed, 8_261])
        found = check.compare(Sides(drawn(rng, 120), drawn(rng, 90)), np.random.default_rng(seed), False)
        scores.append((found.value - found.expected) / found.sd)
        surprising += judge_found(check, found, _NO_HISTORY).p_value < 0.01
    assert 0.8 < np.std(scores) < 1.2
    assert surprising <= 0.01 * samples + 3 * np.sqrt(0.01 * samples) + 1


def test_vectors_that_are_all_alike_are_no_frechet_distance_apart() -> None:
    found = frechet_distance.CHECK.compare(Sides(np.ones((40, 3)), np.ones((40, 3))), np.random.default_rng(0), False)
    assert found.value == pytest.approx(0)
    assert judge_found(frechet_distance.CHECK, found, _NO_HISTORY).p_value > 0.1
