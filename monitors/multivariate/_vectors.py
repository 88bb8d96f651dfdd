"""Embeddings: lists of numbers that must all be of one length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.multivariate._types import Sides

KEPT = 50  # principal directions that a classifier is given


def vectors(column: pa.ChunkedArray, dimensions: int | None = None) -> tuple[NDArray[np.float64], str]:
    """Return the usable vectors of a column, shape (rows, dimensions), and in words what had to be left out.

    ``dimensions``: how long they must be; of the reference, the most frequent length. Missing vectors are left out in silence.
    Raises :class:`ValueError` in words when none is usable.
    """
    held = column.drop_null().combine_chunks()
    held = held if isinstance(held, pa.Array) else pa.concat_arrays(held.chunks)
    if not len(held):
        raise ValueError("there are no vectors")
    lengths = pc.list_value_length(held).to_numpy(zero_copy_only=False)
    common = Counter(lengths.tolist()).most_common(1)[0][0]
    wanted = common if dimensions is None else dimensions
    fits = lengths == wanted
    if not fits.any() or wanted == 0:
        raise ValueError(
            f"vectors have {common} numbers where the reference has {wanted}" if wanted else "vectors are empty"
        )
    flat = held.filter(pa.array(fits)).flatten().cast(pa.float64()).to_numpy(zero_copy_only=False)
    rows = np.asarray(flat, dtype=np.float64).reshape(-1, wanted)
    finite = np.isfinite(rows).all(axis=1)
    words = []
    if not fits.all():
        others = sorted({int(n) for n in lengths[~fits].tolist()})
        counted = ", ".join(map(str, others[:3]))
        words.append(f"{int((~fits).sum()):,} vectors have {counted} numbers instead of {wanted}")
    if not finite.all():
        words.append(f"{int((~finite).sum()):,} vectors hold values that are no finite numbers")
    if not finite.any():
        raise ValueError("; ".join(words))
    return rows[finite], "; ".join(words)


def principal(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both sides about the reference's mean, each number by its spread there, and on its foremost directions if they are many."""
    mean, spread = reference.mean(axis=0), reference.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    base, now = (reference - mean) / spread, (current - mean) / spread
    if base.shape[1] <= KEPT:
        return base, now
    _, _, directions = np.linalg.svd(base[:1000], full_matrices=False)
    return base @ directions[:KEPT].T, now @ directions[:KEPT].T


def distances_of_halves(
    sides: Sides,
    distance: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    rng: np.random.Generator,
    splits: int,
) -> tuple[float, float]:
    """Return mean and standard deviation of a distance between sides of these sizes if both were of one distribution.

    Rows of both sides are pooled and dealt anew, ``splits`` times.
    """
    every, n = np.concatenate([sides.reference, sides.current]), len(sides.reference)
    found = []
    for _ in range(splits):
        order = rng.permutation(len(every))
        found.append(distance(every[order[:n]], every[order[n:]]))
    return float(np.mean(found)), max(float(np.std(found, ddof=1)), 1e-12)
