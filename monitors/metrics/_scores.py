"""Areas under curves, calibration and squared errors of scores, from the scores of two groups of rows on one set of cells.

Cells hold scores from high to low as thresholds would; rows of one cell count as tied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values, ratio
from monitors.metrics._intervals import Interval, Z, by_logit, wilson
from monitors.metrics._moments import centre_of_cells, ordered_column
from reference_data.profile import BinnedColumn, ColumnProfile, Profile

BINS = 10  # of a calibration curve; five cells of a score each


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Scores of rows of which something is so (``positives``) and of those of which it is not, binned alike."""

    positives: ColumnProfile
    negatives: ColumnProfile

    @classmethod
    def of(cls, outcomes: Profile, positives: str, negatives: str) -> Split:
        """Raise :class:`KeyError` where a column is missing, :class:`ValueError` when both are not binned alike."""
        found = cls(ordered_column(outcomes, positives), ordered_column(outcomes, negatives))
        if found.positives.entry.bins.edges != found.negatives.entry.bins.edges:
            raise ValueError(
                "scores of positives and of negatives are binned differently; freeze them on the same edges"
            )
        return found

    @property
    def hits(self) -> Values:
        """Rows of which it is so, by cell."""
        return self.positives.cells.astype(np.float64)

    @property
    def misses(self) -> Values:
        """Rows of which it is not so, by cell."""
        return self.negatives.cells.astype(np.float64)

    @property
    def rows(self) -> Values:
        """Rows that have a score."""
        return (self.positives.valid + self.negatives.valid).astype(np.float64)

    @property
    def shares(self) -> bool:
        """Whether the cells are those of probabilities."""
        edges = self.positives.entry.bins.edges
        return len(edges) > 1 and edges[0] > -0.01 and edges[-1] <= 1.01


def binary_split(outcomes: Profile) -> Split:
    """Return the scores of the positive class by label; raises as :meth:`Split.of`."""
    return Split.of(outcomes, "score of positives", "score of negatives")


def answers_split(outcomes: Profile) -> Split:
    """Return the scores that calibration is about: of the positive class by label, or the highest by whether the answer was right."""
    if "score of positives" in outcomes.layout.names:
        return binary_split(outcomes)
    return Split.of(outcomes, "score of right answers", "score of wrong answers")


def class_splits(outcomes: Profile) -> dict[str, Split]:
    """Return the scores of each class by whether it is the label; raises :class:`KeyError` where classes have none of their own."""
    sides: dict[str, dict[str, BinnedColumn]] = {}
    for entry in outcomes.layout.columns:
        if entry.of and entry.derive in ("score_positive", "score_negative"):
            sides.setdefault(str(entry.of[0]), {})[entry.derive] = entry
    if not sides:
        raise KeyError("the outcomes hold no scores by class; freeze a reference from rows with scores")
    return {
        name: Split.of(outcomes, held["score_positive"].column.name, held["score_negative"].column.name)
        for name, held in sides.items()
    }


# -- area under the ROC curve ------------------------------------------------------------------------------------------
def roc_area(split: Split) -> Values:
    """Return P(score of a positive > score of a negative), ties counting half; NaN where either has no rows."""
    below = np.cumsum(split.misses, axis=-1) - split.misses / 2
    return ratio((split.hits * below).sum(axis=-1), split.hits.sum(axis=-1) * split.misses.sum(axis=-1))


def roc_error(split: Split) -> Values:
    """Return DeLong's standard error from placements, the share of the other group below each cell.

    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44: variance of the positives' placements by their number plus that of the
    negatives'. Where the groups lie apart that is 0: then Hanley and McNeil's (1982) at an area half a pair short of 1 (or above 0).
    """
    hits, misses = split.hits, split.misses
    m, n = hits.sum(axis=-1), misses.sum(axis=-1)
    below = ratio(np.cumsum(misses, axis=-1) - misses / 2, n[..., None])
    above = ratio(m[..., None] - np.cumsum(hits, axis=-1) + hits / 2, m[..., None])
    area = roc_area(split)
    spread = ratio((hits * (below - area[..., None]) ** 2).sum(axis=-1), np.maximum(m - 1, 0))
    other = ratio((misses * (above - area[..., None]) ** 2).sum(axis=-1), np.maximum(n - 1, 0))
    variance = ratio(spread, m) + ratio(other, n)
    held = np.maximum(np.minimum(m, n), 1.0)
    near = np.clip(area, 0.5 / held, 1 - 0.5 / held)
    return np.asarray(np.sqrt(np.where(variance > 0, variance, _hanley_mcneil(near, m, n))))


def _hanley_mcneil(area: Values, m: Values, n: Values) -> Values:
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    above = area * (1 - area) + (m - 1) * (one - area**2) + (n - 1) * (two - area**2)
    return np.where((m > 0) & (n > 0), ratio(above, m * n), np.nan)


def area_interval(area: Values, error: Values, least: Values) -> Interval:
    """Return the interval of an area on the scale of log odds (Qin and Hotilovac 2008, Stat. Methods Med. Res. 17).

    At 0 or 1 one end is the area itself, the other Wilson's for the ``least`` number of rows of either group.
    """
    low, high = by_logit(area, error)
    sure = wilson(area * least, least)
    certain = (area <= 0) | (area >= 1)
    return np.where(certain, sure[0], low), np.where(certain, sure[1], high)


def smaller_group(split: Split) -> Values:
    """Return the rows of the smaller group."""
    return np.minimum(split.positives.valid, split.negatives.valid).astype(np.float64)


# -- area under the precision-recall curve -----------------------------------------------------------------------------
def average_precision(split: Split) -> Values:
    """Return the sum of precision times gained recall over thresholds at the cells' lower edges; NaN without positives."""
    gained, precision, _, _ = _thresholds(split)
    return ratio((gained * precision).sum(axis=-1), gained.sum(axis=-1))


def _thresholds(split: Split) -> tuple[Values, Values, Values, Values]:
    """Return by cell, highest scores first: positives in it, precision down to it, true and false positives down to it."""
    gained, false = split.hits[..., ::-1], split.misses[..., ::-1]
    true_to, false_to = np.cumsum(gained, axis=-1), np.cumsum(false, axis=-1)
    return gained, np.nan_to_num(ratio(true_to, true_to + false_to)), true_to, false_to


def average_precision_error(split: Split) -> Values:
    """Return the standard error by the delta method on the multinomial counts of cells: sqrt(sum of count times gradient²)."""
    gained, precision, true_to, false_to = _thresholds(split)
    lost = split.misses[..., ::-1]
    everyone = np.maximum(true_to + false_to, 1.0)
    m = np.maximum(gained.sum(axis=-1, keepdims=True), 1.0)

    def onwards(values: Values) -> Values:  # sums over this cell and all of lower scores
        return np.asarray(np.cumsum(values[..., ::-1], axis=-1)[..., ::-1])

    area = np.nan_to_num(average_precision(split))[..., None]
    by_hit = (precision - area + onwards(gained * false_to / everyone**2)) / m
    by_miss = -onwards(gained * true_to / everyone**2) / m
    variance = (gained * by_hit**2).sum(axis=-1) + (lost * by_miss**2).sum(axis=-1)
    return np.where(split.positives.valid > 0, np.sqrt(variance), np.nan)


# -- calibration -------------------------------------------------------------------------------------------------------
def squared_sums(split: Split) -> tuple[Values, Values]:
    """Return the sums of (score - outcome)² and of its square, the first from moments (exact), the second from cells."""
    first = np.zeros(split.rows.shape)
    second = np.zeros(split.rows.shape)
    for column, aim in ((split.positives, 1.0), (split.negatives, 0.0)):
        n, mean = column.valid, np.asarray(column.mean)
        first += np.where(n > 0, np.asarray(column.m2) + n * (mean - aim) ** 2, 0.0)
        second += (column.cells * (centre_of_cells(column) - aim) ** 4).sum(axis=-1)
    return first, second


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Rows by bin of the score: ``lower`` and ``upper`` (bins,), the rest (..., bins)."""

    lower: Values
    upper: Values
    rows: Values
    hits: Values
    predicted: Values  # sum of scores


def calibration_curve(split: Split) -> Curve:
    """Group the cells into ten even bins of [0, 1]; a cell belongs to the bin of its middle, and so do its scores."""
    column = split.positives
    edges = np.clip(np.asarray(column.entry.bins.edges, dtype=np.float64), 0.0, 1.0)
    middles = np.concatenate([[0.0], (edges[1:] + edges[:-1]) / 2, [1.0]])
    bins: NDArray[np.intp] = np.minimum((middles * BINS).astype(np.intp), BINS - 1)
    grouped = np.eye(BINS)[bins]  # (cells, bins)
    hits, misses = split.hits, split.misses
    limits = np.linspace(0.0, 1.0, BINS + 1)
    return Curve(
        limits[:-1], limits[1:], (hits + misses) @ grouped, hits @ grouped, ((hits + misses) * middles) @ grouped
    )


def calibration_error(split: Split) -> Values:
    """Return the mean gap between score and outcome over the bins of :func:`calibration_curve`; NaN for scores that are no shares."""
    curve = calibration_curve(split)
    gap = ratio(np.abs(curve.hits - curve.predicted).sum(axis=-1), curve.rows.sum(axis=-1))
    return gap if split.shares else np.full(gap.shape, np.nan)


def calibration_spread(split: Split) -> Values:
    """Return the standard error of :func:`calibration_error`.

    In each bin hits - predicted is about normal with the variance n o (1 - o), o the share of hits; |.| of it is folded normal (Leone,
    Nelson and Nottingham 1961, Technometrics 3), with the variance d² + s² - (s sqrt(2/pi) exp(-d²/2s²) + d erf(d / s sqrt(2)))².
    """
    curve = calibration_curve(split)
    gap, sd = _gaps(curve)
    at = np.nan_to_num(ratio(gap, sd))
    folded = sd * np.exp(-(at**2) / 2) * np.sqrt(2 / np.pi) + gap * special.erf(at / np.sqrt(2))
    variance = np.maximum(gap**2 + sd**2 - folded**2, 0.0)
    return ratio(np.sqrt(variance.sum(axis=-1)), curve.rows.sum(axis=-1))


def _gaps(curve: Curve) -> tuple[Values, Values]:
    """Return |hits - predicted| in each bin, and its standard deviation if hits come at the observed share."""
    share = np.nan_to_num(ratio(curve.hits + 0.5, curve.rows + 1))
    return np.abs(curve.hits - curve.predicted), np.sqrt(curve.rows * share * (1 - share))


def calibration_interval(split: Split) -> Interval:
    """Return the interval of :func:`calibration_error`.

    Chance raises the value: gaps that are none are never below 0. So its lower end starts from gaps without what chance adds to their squares,
    and is 0 where the gaps as a whole are no larger than chance makes them (chi-square at 95 %; Hosmer and Lemeshow 1980).
    """
    curve, value, error = calibration_curve(split), calibration_error(split), calibration_spread(split)
    gap, sd = _gaps(curve)
    left = ratio(np.sqrt(np.maximum(gap**2 - sd**2, 0.0)).sum(axis=-1), curve.rows.sum(axis=-1))
    filled = curve.rows > 0
    usual = curve.predicted * (
        1 - np.nan_to_num(ratio(curve.predicted, curve.rows))
    )  # variance of hits if scores come true
    beyond = np.nan_to_num(ratio(gap**2, usual)).sum(axis=-1)
    calibrated = beyond <= special.chdtri(np.maximum(filled.sum(axis=-1), 1), 0.05)
    low = np.where(calibrated, 0.0, np.maximum(left - Z * error, 0.0))
    return np.where(np.isnan(value), np.nan, low), np.minimum(value + Z * error, 1.0)
