"""Whether days have outliers: the tails of day effects, as the residuals of a reference show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values
from monitors.drift_fit import Fit, timeless
from monitors.drift_scores import CELL, DISPERSION, LEVEL, LOCATION, Population, Scores

HEAVY = 4.0  # degrees of freedom of single windows where days have outliers

ENOUGH_FOR_TAILS = 60  # residuals
_FREEDOMS = (3.0, 4.0, 5.0, 6.0, 8.0, 12.0)  # of the t distributions that are held against the normal one
_SURE, _A_SERIES = (
    2.2,
    -0.33,
)  # what twice its logarithm must exceed: normal days do in one model of twenty (2 series) to nine (27)
_ENOUGH_FOR_DOUBT = 250  # residuals
_MANY = 450  # residuals from which on heavy tails show
_UNSEEN = 15.0  # residuals for each degree of freedom of the lightest tails that fewer let pass
_LEAST_FREEDOM = 6.0
_STEPS = 12  # of the scale's fixed point
_LEAST_EXPECTED = 5.0  # rows of a share from which its residuals say something of the tails of day effects
_LEADING = 3  # categories of a column
_VARIES = 2.5  # standard errors by which windows vary more than by chance
_BURSTS = 0.2  # of itself by which a share varies: more than that is no normal variation

Flags = NDArray[np.bool_]


def leading(scores: Scores) -> Flags:
    """Return the series that say how a day is: each number's location, and the three most frequent categories of any other column."""
    first = np.searchsorted(scores.column, scores.column)  # where its column begins
    place = np.arange(len(scores.column)) - first
    return np.asarray((scores.kind == LOCATION) | ((scores.kind == LEVEL) & (place < _LEADING)))


def tails_of(
    scores: Scores, rows: Sequence[Population], fits: Sequence[Fit], tau2: Sequence[Values]
) -> tuple[Values, bool]:
    """Return the degrees of freedom of t distributions with the tails of day effects, and whether all columns together show heavy ones.

    (series,), infinite where tails are normal. That the locations and the more frequent categories of all columns have outliers counts for
    every series, for days have them or they have not. Where day effects are less than half of what varies in most of them, their tails
    cannot be seen, and are doubted. What groups of cells and dispersions of one column show by themselves counts for these. Few
    residuals, as of a few columns, let tails pass unseen: the fewer, the heavier.
    """
    ours = leading(scores)
    moved = tau2[0] > fits[0].inverse_rows[scores.column]
    left, held = [], []
    for own, fit, tau in zip(rows, fits, tau2, strict=True):
        spread = (fit.inverse + tau) * np.maximum(1 - np.diagonal(fit.hat), 0.05)[:, None]
        left.append(fit.left / np.sqrt(np.maximum(spread, 1e-300)))
        held.append(fit.held[:, scores.column] & (fit.valid[:, scores.column] * own.share >= _LEAST_EXPECTED))
    x, there = np.concatenate(left), np.concatenate(held) & timeless(scores)
    many = float(there[:, ours].sum())
    doubted = many >= _ENOUGH_FOR_DOUBT and (ours & moved).sum() < ours.sum() / 2 and _vary(scores, fits)
    shown = heavy_tailed(x[:, ours & moved], there[:, ours & moved])
    if doubted or shown:
        return np.full(len(moved), HEAVY), shown
    unseen = max(many / _UNSEEN, _LEAST_FREEDOM) if many < _MANY else np.inf
    cv = np.sqrt(tau2[0] * (1 - rows[0].usual) / np.maximum(rows[0].usual, 1e-9))
    found = moved & (cv > _BURSTS)
    for column in np.unique(scores.column):
        alone = moved & (scores.column == column) & np.isin(scores.kind, (CELL, DISPERSION))
        found[alone] |= alone.any() and heavy_tailed(x[:, alone], there[:, alone])
    return np.where(found, HEAVY, unseen), False


def _vary(scores: Scores, fits: Sequence[Fit]) -> bool:
    """Return whether the locations and the more frequent categories of all columns together vary by more than chance."""
    square, freedom = 0.0, 0.0
    for fit in fits:
        held = fit.held[:, scores.column] & leading(scores) & timeless(scores)
        square += float((fit.left**2 / np.where(held, fit.inverse, np.inf))[held].sum())
        freedom += float(held.sum()) * (1 - fit.rank / max(len(fit.left), 1))
    return bool(square > freedom + _VARIES * np.sqrt(2 * max(freedom, 1.0)))


def heavy_tailed(x: Values, held: Flags) -> bool:
    """Return whether standardised residuals (windows, series) have heavier tails than normal ones, all together.

    A likelihood ratio of t distributions against the normal, each with a scale of its own (Lange, Little and Taylor 1989).
    """
    varies = np.where(held, x, 0.0).std(axis=0) > 0
    x, held = x[:, varies], held[:, varies]
    if held.sum() < ENOUGH_FOR_TAILS:
        return False
    size = np.sqrt((x**2 * held).sum(axis=0) / held.sum(axis=0))
    x = x / np.maximum(size, 1e-12)  # series that vary more than others would look like the tails of all
    ratio = 2 * max(_gain(x[held], freedom) for freedom in _FREEDOMS)
    return bool(ratio > _SURE + _A_SERIES * x.shape[1])


def _gain(x: Values, nu: float) -> float:
    """Return by how much the log likelihood of a t with ``nu`` degrees of freedom is above that of a normal, each at its best scale."""
    variance = float((x**2).mean())
    scale = variance * (nu - 2) / nu
    for _ in range(_STEPS):
        scale = float((x**2 * (nu + 1) / (nu + x**2 / scale)).mean())
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi * scale)
    ours = constant - (nu + 1) / 2 * np.log1p(x**2 / (nu * scale)).mean()
    return float(len(x) * (ours + 0.5 * np.log(2 * np.pi * variance) + 0.5))
