"""How sure and how varied generated output is, by the class probabilities that a classifier gives it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._types import Found, RowsCheck, Sides
from monitors.multivariate._vectors import distances_of_halves

_SPLITS = 48  # their standard deviation is then known as well as a normal distribution's tail needs it
_SUM = 1e-3  # by which probabilities may miss 1


def inception_score(rows: NDArray[np.float64]) -> float:
    """Return exp(mean of KL(p(class | row) || p(class))) of class probabilities (n, classes): 1 to the number of classes."""
    p = np.clip(rows, 0.0, None)
    mean = p.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(p > 0, p * np.log(p), 0.0).sum(axis=1).mean()
        all_ = np.where(mean > 0, mean * np.log(mean), 0.0).sum()
    return float(np.exp(own - all_))


def are_probabilities(rows: NDArray[np.float64]) -> bool:
    """Whether vectors are probabilities of two classes or more."""
    return bool(rows.shape[1] > 1 and rows.min() >= -_SUM and np.abs(rows.sum(axis=1) - 1).max() <= _SUM)


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the score of the current rows, and what it is among as many of the reference's.

    Raises :class:`ValueError` when the current vectors are no probabilities.
    """
    del explain
    if not are_probabilities(sides.current):
        raise ValueError("the current vectors are no class probabilities: they are below 0, or do not sum to 1")
    _, sd = distances_of_halves(sides, lambda one, two: inception_score(one) - inception_score(two), rng, _SPLITS)
    return Found(inception_score(sides.current), inception_score(sides.reference), sd)


CHECK = RowsCheck(
    name="inception_score",
    target="embedding",
    unit="score",
    summary="How sure and how varied generated output is, by its class probabilities; only of columns that hold such.",
    citation="Salimans et al. (2016), Improved techniques for training GANs, NeurIPS 29",
    compare=compare,
    most=(1000, 1000),
    least=0.02,
    prior=0.02,
    two_sided=True,
    relative=True,
    suits=are_probabilities,
)
