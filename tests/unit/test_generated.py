"""Generated output: Fréchet distance and inception score of embeddings, beside their textbook formulas."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg

from monitors.multivariate._types import Sides
from monitors.multivariate.frechet_distance import CHECK as FRECHET
from monitors.multivariate.frechet_distance import frechet_distance
from monitors.multivariate.inception_score import CHECK as INCEPTION
from monitors.multivariate.inception_score import are_probabilities, inception_score

Rows = NDArray[np.float64]


def cloud(seed: int, rows: int, dimensions: int, shift: float = 0.0, scale: float = 1.0) -> Rows:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(7).normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
    return np.asarray(rng.normal(size=(rows, dimensions)) @ mixing * scale + shift)


def textbook(one: Rows, two: Rows) -> float:
    covariances = [np.cov(rows, rowvar=False) for rows in (one, two)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    gap = one.mean(axis=0) - two.mean(axis=0)
    return float(gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * root))


@pytest.mark.parametrize(("rows", "dimensions"), [((300, 200), 12), ((80, 60), 30), ((40, 50), 35)])
def test_the_distance_is_the_textbooks(rows: tuple[int, int], dimensions: int) -> None:
    one, two = cloud(1, rows[0], dimensions), cloud(2, rows[1], dimensions, shift=0.3, scale=1.2)
    assert frechet_distance(one, two) == pytest.approx(textbook(one, two), rel=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-8)


def test_with_fewer_rows_than_dimensions_it_is_the_limit_of_the_textbooks() -> None:
    one, two = cloud(1, 20, 50), cloud(2, 25, 50, shift=0.2)
    trick = 1e-9 * np.eye(50)
    covariances = [np.cov(rows, rowvar=False) + trick for rows in (one, two)]
    half = linalg.sqrtm(covariances[0]).real
    inner = half @ covariances[1] @ half
    root = np.sqrt(np.clip(linalg.eigvalsh((inner + inner.T) / 2), 0, None)).sum()
    gap = one.mean(axis=0) - two.mean(axis=0)
    expected = gap @ gap + sum(np.trace(c) for c in covariances) - 2 * root
    assert frechet_distance(one, two) == pytest.approx(expected, rel=1e-3)


def test_chance_alone_stays_near_what_is_expected() -> None:
    far = []
    for seed in range(30):
        sides = Sides(cloud(seed, 200, 16), cloud(seed + 1000, 150, 16))
        found = FRECHET.compare(sides, np.random.default_rng(seed), False)
        far.append((found.value - found.expected) / found.sd)
    assert np.mean(np.abs(far) > 4) <= 0.1
    moved = Sides(cloud(1, 200, 16), cloud(2, 150, 16, shift=0.5))
    found = FRECHET.compare(moved, np.random.default_rng(0), False)
    assert found.value > found.expected + 8 * found.sd


def probabilities(seed: int, rows: int, sure: float) -> Rows:
    logits = np.random.default_rng(seed).normal(size=(rows, 5)) * sure
    return np.asarray(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def test_the_score_is_one_for_output_that_is_all_alike_and_the_classes_for_output_that_is_sure_and_varied() -> None:
    assert inception_score(np.full((10, 4), 0.25)) == pytest.approx(1)
    assert inception_score(np.eye(4)[np.arange(40) % 4]) == pytest.approx(4)
    rows = probabilities(1, 500, 2.0)
    mean = rows.mean(axis=0)
    assert inception_score(rows) == pytest.approx(np.exp((rows * np.log(rows / mean)).sum(axis=1).mean()))


def test_the_score_is_for_probabilities_only() -> None:
    assert are_probabilities(probabilities(1, 20, 1.0))
    assert not are_probabilities(cloud(1, 20, 5))
    with pytest.raises(ValueError, match="no class probabilities"):
        INCEPTION.compare(Sides(probabilities(1, 50, 1.0), cloud(1, 50, 5)), np.random.default_rng(0), False)


def test_less_sure_output_shows() -> None:
    sides = Sides(probabilities(1, 300, 3.0), probabilities(2, 300, 1.5))
    found = INCEPTION.compare(sides, np.random.default_rng(0), False)
    assert found.value < found.expected - 6 * found.sd
    same = INCEPTION.compare(
        Sides(probabilities(1, 300, 3.0), probabilities(2, 300, 3.0)), np.random.default_rng(0), False
    )
    assert abs(same.value - same.expected) < 4 * same.sd
