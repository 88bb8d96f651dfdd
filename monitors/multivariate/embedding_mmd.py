"""Maximum mean discrepancy of embeddings."""

from __future__ import annotations

import numpy as np

from monitors.multivariate._kernel import discrepancy
from monitors.multivariate._types import Found, RowsCheck, Sides


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the squared discrepancy of the vectors as they are."""
    del explain
    return discrepancy(sides.reference, sides.current, rng)[0]


CHECK = RowsCheck(
    name="embedding_mmd",
    target="embedding",
    unit="distance",
    summary="Squared distance between the mean positions of reference and current embeddings under a Gaussian kernel.",
    citation="Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), A Kernel Two-Sample Test, JMLR 13",
    compare=compare,
    most=(500, 500),
    least=0.001,
    prior=0.001,
    title="Maximum mean discrepancy",
)
