"""Whether days have outliers: the tails of day effects, as the residuals of a reference show them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values

Flags = NDArray[np.bool_]

ENOUGH_FOR_TAILS = 60  # residuals
_FREEDOMS = (3.0, 4.0, 5.0, 6.0, 8.0, 12.0)  # of the t distributions that are held against the normal one
_MANY = 450  # residuals from which on heavy tails show so well that the ratio may lean to their side
_SURE, _FEW_SURE = (
    -0.1,
    1.0,
)  # twice its logarithm, a series where there are many: normal days exceed it in one model of five; of ten with few
_STEPS = 12  # of the scale's fixed point


def heavy_tailed(x: Values, held: Flags) -> bool:
    """Return whether standardised residuals (windows, series) have heavier tails than normal ones, all together.

    A likelihood ratio of t distributions against the normal, each with a scale of its own (Lange, Little and Taylor 1989).
    """
    varies = np.where(held, x, 0.0).std(axis=0) > 0
    x, held = x[:, varies], held[:, varies]
    if held.sum() < ENOUGH_FOR_TAILS:
        return False
    ratio = 2 * max(_gain(x[held], freedom) for freedom in _FREEDOMS)
    return bool(ratio > (_SURE * x.shape[1] if held.sum() >= _MANY else _FEW_SURE))


def _gain(x: Values, nu: float) -> float:
    """Return by how much the log likelihood of a t with ``nu`` degrees of freedom is above that of a normal, each at its best scale."""
    variance = float((x**2).mean())
    scale = variance * (nu - 2) / nu
    for _ in range(_STEPS):
        scale = float((x**2 * (nu + 1) / (nu + x**2 / scale)).mean())
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi * scale)
    ours = constant - (nu + 1) / 2 * np.log1p(x**2 / (nu * scale)).mean()
    return float(len(x) * (ours + 0.5 * np.log(2 * np.pi * variance) + 0.5))
