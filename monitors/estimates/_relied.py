"""Which inputs a learned model relies on: a shift of the others changes nothing that it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_SURE = 2.0  # standard errors by which a loss must grow when an input is shuffled
_LEAST = 0.02  # of what all inputs together add; what adds less cannot mislead an estimate
_LOOKED_AT = 30_000  # cells of a fold that are predicted from, over all inputs
_LEAST_ROWS = 300  # of a fold


def worsening(loss_of: Callable[[NDArray[np.intp], Numbers], Numbers], inputs: Numbers) -> Numbers:
    """Return by how much the loss of rows that a model has not seen grows when one input is shuffled, of shape (rows, inputs).

    Permutation importance: Breiman (2001), Random forests. ``loss_of`` gives the losses (k,) of rows at some places, their inputs (k,
    inputs) being as given. At most as many rows are looked at as keeps wide tables affordable.
    """
    rng = np.random.default_rng(0)
    rows, columns = inputs.shape
    most = max(_LOOKED_AT // max(columns, 1), _LEAST_ROWS)
    places = np.arange(rows) if rows <= most else np.sort(rng.choice(rows, most, replace=False))
    held = inputs[places]
    before = loss_of(places, held)
    found = np.zeros((len(places), columns))
    for column in range(columns):
        shuffled = held.copy()
        shuffled[:, column] = rng.permutation(held[:, column])
        found[:, column] = loss_of(places, shuffled) - before
    return found


def relied_on(folds: Sequence[Numbers]) -> NDArray[np.bool_]:
    """Return which inputs (inputs,) a model relies on, beyond chance and by more than a trifle, from :func:`worsening` of each fold."""
    found = np.concatenate(folds)
    mean = found.mean(axis=0)
    error = found.std(axis=0) / np.sqrt(max(len(found), 1))
    return np.asarray((mean > _SURE * error) & (mean > _LEAST * np.maximum(mean, 0.0).sum()))
