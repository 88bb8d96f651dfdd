"""Maximum mean discrepancy of rows as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitors.multivariate._kernel import discrepancy, squared_distances, unbiased
from monitors.multivariate._types import Found, RowsCheck, Sides, shares_of

_EXPLAINED = 60  # inputs that are tried out as drivers


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the squared discrepancy; drivers are the inputs without which it is smaller."""
    assert sides.groups is not None
    if sides.current.shape[1] == 0:
        raise ValueError("no input varies in the reference, so there is nothing to tell rows apart by")
    found, distances, width = discrepancy(sides.reference, sides.current, rng)
    if not explain:
        return found
    both, m = np.concatenate([sides.reference, sides.current]), len(sides.reference)
    drop = np.zeros(len(sides.names))
    for place in range(min(len(sides.names), _EXPLAINED)):
        without = distances - squared_distances(both[:, sides.groups == place])
        drop[place] = found.value - unbiased(np.exp(-without / width), m)
    return replace(found, drivers=shares_of(sides.names, drop))


CHECK = RowsCheck(
    name="mmd",
    target="rows",
    unit="distance",
    summary="Squared distance between the mean positions of reference and current rows under a Gaussian kernel: 0 when they are alike.",
    citation="Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), A Kernel Two-Sample Test, JMLR 13",
    compare=compare,
    most=(500, 500),
    least=0.001,
    prior=0.001,
    title="Maximum mean discrepancy",
)
