"""How far the middle of the embeddings has moved."""

from __future__ import annotations

import numpy as np
from scipy import special

from monitors.multivariate._types import Found, RowsCheck, Sides


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the distance between the two means, in units of the reference's spread (root of the total variance).

    If nothing has changed, the squared distance is a sum of chi-squares; its null is a gamma distribution of the same mean and variance
    (Satterthwaite 1946), and the value is its root.
    """
    del rng, explain
    base, now = sides.reference, sides.current
    mean, moved = base.mean(axis=0), now.mean(axis=0)
    centred = base - mean
    total = float((centred**2).sum() / max(len(base) - 1, 1))
    if total <= 1e-24:
        raise ValueError("all vectors of the reference are alike, so there is no spread to measure a distance by")
    gram = centred @ centred.T if len(base) < base.shape[1] else centred.T @ centred
    squares = float(((gram / max(len(base) - 1, 1)) ** 2).sum())  # trace of the squared covariance
    scale = 1 / len(base) + 1 / len(now)
    shape = total**2 / (2 * squares)  # of the gamma distribution with mean `scale`
    expected = float(np.sqrt(scale / shape) * np.exp(special.gammaln(shape + 0.5) - special.gammaln(shape)))
    sd = float(np.sqrt(max(scale - expected**2, 1e-18)))
    lengths = float(np.linalg.norm(mean) * np.linalg.norm(moved))
    cosine = f"Cosine between the two means {float(mean @ moved) / lengths:.3f}." if lengths > 0 else ""
    return Found(float(np.linalg.norm(moved - mean)) / np.sqrt(total), expected, sd, note=cosine)


CHECK = RowsCheck(
    name="embedding_centroid",
    target="embedding",
    unit="spreads",
    summary="Distance between the means of reference and current embeddings, in units of the reference's spread.",
    citation="Satterthwaite (1946), An Approximate Distribution of Estimates of Variance Components, Biometrics 2",
    compare=compare,
    most=(1000, 1000),
    least=0.05,
    prior=0.05,
)
