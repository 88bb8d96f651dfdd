"""What a metric does when nothing is wrong: how much it varies between the reference's own windows, and why.

The variance of one window is that of sampling, which falls with the number of labels, and natural variation between windows, which does
not: the design effect (Rao and Scott 1981) of the metric's windows beyond what the metric's standard error explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitors.checks._cells import Values
from monitors.drift_null import ENOUGH, PRIOR_FREEDOM, correlated
from monitors.registry import metric_values, performance_checks, positive_class
from monitors.season import Season, choose_season, least_squares
from monitors.types import Check
from reference_data.declaration import ModelSpec
from reference_data.profile import ColumnProfile, Profile
from reference_data.windows import Window, WindowSpec

PRIOR_LOSS = 0.1  # assumed standard deviation between windows of a metric, relative to its scale
PRIOR_WINDOWS = 4.0  # reference windows that this assumption weighs as much as, where variation can be measured
_ENOUGH_FOR_MEMORY = 10  # windows from which their autocorrelation is looked at
_MOST_MEMORY = 0.9
_SMALLEST = 0.2  # of the median window's labels: reference windows with fewer are no measure of how windows vary
_OF_BEST_ONE = frozenset({"share", "area"})  # units of metrics between 0 and 1
_LOSSES = {"mae": "absolute error", "log_loss": "log loss"}  # metrics that are the mean of one column


@dataclass(frozen=True, slots=True, eq=False)
class MetricNull:
    """A metric in the reference's windows.

    ``mean`` over windows, ``sd`` of one window of ``rows`` labels, ``value`` over the whole reference of ``n`` labels; ``scale`` is what a
    relative loss is relative to. ``sampling`` is the variance that one label adds (a window of n labels varies by ``sampling`` / n),
    ``tau2`` that between windows beyond it, with ``freedom`` degrees of freedom and autocorrelation ``phi``; ``skew`` that of one label's
    loss; ``curved`` by how much the metric of merged windows is beyond the mean of their metrics. ``season`` has a mean for each
    slot in ``fit``, with the inverse of its normal equations in ``gram``.
    """

    mean: float
    sd: float
    freedom: float
    windows: int
    rows: float  # harmonic mean of the labelled rows a window
    scale: float
    value: float
    n: int
    sampling: float
    tau2: float
    phi: float = 0.0
    skew: float = 0.0
    curved: float = 0.0
    season: Season | None = None
    fit: Values | None = None
    gram: Values | None = None

    def expected(self, windows: Sequence[Window]) -> Values:
        """Return the mean that windows of these seasons have: (windows,)."""
        if self.season is None or self.fit is None:
            return np.full(len(windows), self.mean)
        return np.asarray(self.season.design(windows) @ self.fit)

    def leverage(self, design: Values) -> Values:
        """Return what share of one reference window's variance the reference's own mean adds, at the rows of a season's design."""
        if self.gram is None:
            return np.full(len(design), 1 / self.windows)
        return np.asarray(np.einsum("wp,pq,wq->w", design, self.gram, design))

    def design(self, windows: Sequence[Window]) -> Values:
        """Return the season's design, a column of ones without one."""
        return np.ones((len(windows), 1)) if self.season is None else self.season.design(windows)

    @property
    def own_variance(self) -> float:
        """Variance of one reference window, times how their autocorrelation makes the mean of all of them less certain."""
        return self.sampling / self.rows + self.tau2 * self.windows * correlated(self.phi, self.windows)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A metric in the windows of one part of a reference that can be measured."""

    windows: Sequence[Window]
    values: Values
    rows: Values
    total: Profile
    mean: float
    scale: float

    def left(self, season: Season) -> tuple[Values, Values, Values, int]:
        """Return residuals, parameters, inverse normal equations and rank of the season's linear model."""
        design = season.design(self.windows)
        x = self.values[:, None]
        beta = least_squares(design, x, np.ones(x.shape, dtype=bool))
        gram = np.asarray(np.linalg.pinv(design.T @ design), dtype=np.float64)
        return (x - design @ beta)[:, 0], beta[:, 0], gram, int(np.linalg.matrix_rank(design))


def metric_nulls(
    spec: ModelSpec, parts: Sequence[tuple[Sequence[Window], Profile]], window_spec: WindowSpec, memory: float = 0.0
) -> list[dict[str, MetricNull]]:
    """Return the metrics of each part of a reference (its windows with their outcomes), variation being pooled over parts.

    With fewer than ENOUGH windows natural variation is assumed (PRIOR_LOSS of the scale); with more, the assumption weighs as much as
    PRIOR_WINDOWS of them, as variances are moderated in limma (Smyth 2004). ``memory``: autocorrelation of the day effects of the
    model's columns, which its metrics have at least.
    """
    nulls: list[dict[str, MetricNull]] = [{} for _ in parts]
    for name, check in performance_checks(spec, parts[0][1].layout).items():
        found = [_part(spec, check, windows, profile) for windows, profile in parts]
        held = [part for part in found if part is not None]
        if len(held) < len(parts):
            continue
        for place, null in enumerate(_nulls(spec, check, held, window_spec, memory)):
            nulls[place][name] = null
    return nulls


def _part(spec: ModelSpec, check: Check, windows: Sequence[Window], profile: Profile) -> _Part | None:
    values = metric_values(spec, check, profile)
    held = np.isfinite(values) & (profile.rows > 0)
    if not held.any():
        return None
    held &= profile.rows >= _SMALLEST * np.median(profile.rows[held])
    kept, total = [windows[place] for place in np.flatnonzero(held).tolist()], profile[held].total()
    mean = float(values[held].mean())
    scale = relative_to(check, mean, total)
    return _Part(kept, values[held], profile.rows[held].astype(np.float64), total, mean, scale)


def _nulls(
    spec: ModelSpec, check: Check, parts: Sequence[_Part], window_spec: WindowSpec, memory: float = 0.0
) -> list[MetricNull]:
    seasons = [Season.none(window_spec)] * len(parts)
    if len(parts) == 1:
        x = parts[0].values[:, None]
        seasons = [choose_season(window_spec, parts[0].windows, x, np.ones(x.shape, dtype=bool))]
    fits = [part.left(season) for part, season in zip(parts, seasons, strict=True)]
    units = [part.scale for part in parts] if min(part.scale for part in parts) > 0 else [1.0] * len(parts)
    freedom = float(sum(len(left) - rank for left, _, _, rank in fits))
    square = sum(float(((left / unit) ** 2).sum()) for (left, *_), unit in zip(fits, units, strict=True))
    lag = _memory(fits[0][0]) if len(parts) == 1 else 0.0
    freedom_left = freedom * (1 - lag**2) / (1 + lag**2)
    nulls = []
    for part, (_, beta, gram, _), season, unit in zip(parts, fits, seasons, units, strict=True):
        rows = float(len(part.rows) / (1 / part.rows).sum())
        prior = (PRIOR_LOSS * unit) ** 2
        sampling = row_variance(spec, check, part.total)
        if freedom < ENOUGH - 1:
            tau2, known, phi = prior, PRIOR_FREEDOM, memory
            sampling = sampling if np.isfinite(sampling) else (part.mean if check.unit == "share" else unit) ** 2
        else:
            k = len(part.values)
            between = square * unit**2 / freedom
            sampling = sampling if np.isfinite(sampling) else between * rows
            natural = max(1 - sampling / rows / between, 0.0) if between > 0 else 0.0
            phi = max(min(lag / natural, _MOST_MEMORY) if lag > 0 and natural > 0 else 0.0, memory)
            excess = (between - sampling / rows) / max(1 - correlated(phi, k) + 1 / k, 0.3)
            known = freedom_left + PRIOR_WINDOWS
            tau2 = max((freedom_left * excess + PRIOR_WINDOWS * prior) / known, 0.0)
        value = float(metric_values(spec, check, part.total))
        nulls.append(
            MetricNull(
                mean=part.mean,
                sd=float(np.sqrt(sampling / rows + tau2)),
                freedom=known,
                windows=len(part.values),
                rows=rows,
                scale=part.scale,
                value=value,
                n=int(part.total.rows),
                sampling=float(sampling),
                tau2=float(tau2),
                phi=phi,
                skew=row_skew(check, part.total, part.mean),
                curved=value - float((part.values * part.rows).sum() / part.rows.sum()),
                season=season if season.cycles else None,
                fit=beta if season.cycles else None,
                gram=gram if season.cycles else None,
            )
        )
    return nulls


def row_variance(spec: ModelSpec, check: Check, total: Profile) -> float:
    """Return the variance that one label adds to a metric: its standard error over ``total``, squared, times the labels.

    Of a metric between 0 and 1 never less than if one more row were wrong (Agresti and Coull 1998). NaN where it is not known.
    """
    if check.error_function is None:
        return float("nan")
    n, value = float(total.rows), float(metric_values(spec, check, total))
    se = np.asarray(check.error_function(total, positive_class(spec, total.layout)), dtype=np.float64)
    found = float(se) ** 2 * n
    if not np.isfinite(found) or not np.isfinite(value):
        return float("nan")
    share = (n * value + 1) / (n + 2)
    return max(found, share * (1 - share) / 4) if check.unit in _OF_BEST_ONE else found


def row_skew(check: Check, total: Profile, mean: float) -> float:
    """Return the skewness of one label's loss (of being wrong, or of its column, from the cells' middles); 0 where it is not known."""
    if check.unit == "share":
        wrong = min(max(1 - mean if check.direction == "lower_is_worse" else mean, 1e-4), 1 - 1e-4)
        return float((1 - 2 * wrong) / np.sqrt(wrong * (1 - wrong)))
    name = _LOSSES.get(check.name)
    return 0.0 if name is None or name not in total.layout.names else _column_skew(total.column(name))


def _column_skew(column: ColumnProfile) -> float:
    if column.minimum is None or column.maximum is None or int(column.valid) < 2:
        return 0.0
    edges = [float(column.minimum), *column.entry.bins.edges, float(column.maximum)]
    ends = np.clip(np.asarray(edges), edges[0], edges[-1])
    middle, weight = (ends[:-1] + ends[1:]) / 2, column.cells / max(int(column.valid), 1)
    if len(middle) != len(weight):
        return 0.0
    off = middle - (weight * middle).sum()
    variance = float((weight * off**2).sum())
    return float((weight * off**3).sum() / variance**1.5) if variance > 0 else 0.0


def _memory(left: Values) -> float:
    """Return the lag-1 autocorrelation of residuals, corrected for its bias (Marriott and Pope 1954); 0 within two standard errors."""
    k, square = len(left), float((left**2).sum())
    if k < _ENOUGH_FOR_MEMORY or square <= 0:
        return 0.0
    lag = (float((left[1:] * left[:-1]).sum()) / square + 1 / k) / max(1 - 4 / k, 0.5)
    return float(np.clip(lag, 0.0, _MOST_MEMORY)) if lag > 2 / np.sqrt(k) else 0.0


def relative_to(check: Check, mean: float, total: Profile) -> float:
    """Return what a loss is relative to: the metric, its distance from 1 where higher is better, for a bias the error."""
    if check.direction == "lower_is_worse":
        return max(1 - mean, 0.1)
    if check.direction == "both" and "absolute error" in total.layout.names:
        error = total.column("absolute error")
        return float(np.asarray(error.mean)) if error.valid > 0 else abs(mean)
    return abs(mean)
