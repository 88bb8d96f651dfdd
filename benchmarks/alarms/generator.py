"""Models whose truth is known: a frozen reference of thirty days, and days after it, as profiles or as the rows behind them.

A day after the reference is drawn straight into the reference's cells (multinomially, from exact cell probabilities), so thousands of
model-weeks take minutes. :meth:`Model.table` then draws rows that fall into exactly these cells, for what needs rows: the two paths
see the same data. Moments of profiles are computed from cells, so they are only near those of the rows; nothing that makes an alert reads them.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.alarms.days import Cell, Drift, effects, traffic
from benchmarks.alarms.features import NEW, PAIR, Feature, below, draw, features, level_shares, quantile
from reference_data.binning import MAX_DISTINCT, QUANTILES, nominal_bins, ordered_bins
from reference_data.bins import Bins
from reference_data.declaration import ModelSpec, Monitor
from reference_data.profile import CELLS, M2, MAX, MEAN, MIN, MISSING, BinnedColumn, Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window

Values = NDArray[np.float64]

REFERENCE_DAYS = 30
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
CORRELATION = 0.6  # between the two features of PAIR
#: What decides alerts; the other default checks show the same windows in other units.
DECIDING_CHECKS = ("jensen_shannon", "missing_share", "unseen_share", "out_of_range_share")


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """One model of a cell: its declaration, its reference, and the days after it. ``shift`` and ``spread`` hold what each day did."""

    cell: Cell
    seed: int
    drift: Drift | None
    features: tuple[Feature, ...]
    spec: ModelSpec
    reference: Reference
    windows: list[Window]
    current: Profile
    weekdays: NDArray[np.int64]
    rows: NDArray[np.int64]
    moves: list[Values]
    spread: dict[str, Values]

    def reference_table(self) -> pa.Table:
        """Return the rows of the reference."""
        rng = _rng(self.cell, self.seed, "reference")
        columns = {f.name: _reference_column(f, rng, self.rows, self.moves[i]) for i, f in enumerate(self.features)}
        names = {f.name: f for f in self.features}
        parts = np.cumsum(self.rows[:REFERENCE_DAYS])[:-1]
        if set(PAIR) <= columns.keys():
            pieces = [np.split(columns[name], parts) for name in PAIR]
            coupled = [_coupled(rng, a, b, CORRELATION) for a, b in zip(*pieces, strict=True)]
            columns[PAIR[1]] = np.concatenate(coupled)
        at = np.concatenate([_times(day, int(n)) for day, n in enumerate(self.rows[:REFERENCE_DAYS])])
        return pa.table(
            {"event_time": pa.array(at, pa.timestamp("us", "UTC"))}
            | {name: _arrow(names[name], values) for name, values in columns.items()}
        )

    def table(self, day: int) -> pa.Table:
        """Return the rows of the ``day``-th day after the reference: exactly those that ``current[day]`` counts."""
        rng = _rng(self.cell, self.seed, f"rows {day}")
        columns = {f.name: self._column(i, day, rng) for i, f in enumerate(self.features)}
        if set(PAIR) <= columns.keys():
            flipped = self.drift is not None and self.drift.change == "correlation" and day >= self.drift.start
            rho = -CORRELATION if flipped else CORRELATION
            columns[PAIR[1]] = _coupled(rng, columns[PAIR[0]], columns[PAIR[1]], rho)
        at = _times(REFERENCE_DAYS + day, int(self.rows[REFERENCE_DAYS + day]))
        return pa.table(
            {"event_time": pa.array(at, pa.timestamp("us", "UTC"))}
            | {f.name: _arrow(f, columns[f.name]) for f in self.features}
        )

    def _column(self, index: int, day: int, rng: np.random.Generator) -> NDArray[Any]:
        """Draw values into the cells that the profile of this day counts, in a random order."""
        feature, held = self.features[index], self.current.column(self.features[index].name)
        cells, missing = held.cells[day], int(held.missing[day])
        if feature.type != "numeric":
            bins = held.entry.bins
            listed = [*bins.categories, *(bins.known[:1] or ("other",)), NEW]
            known = {*bins.categories, *bins.known}
            unseen = [name for name in feature.names if name not in known]
            if unseen and not (
                self.drift and self.drift.change == "new_category" and self.drift.column == feature.name
            ):
                listed[-1] = unseen[0]
            words = np.concatenate([np.repeat(np.array(listed, dtype=object), cells), np.full(missing, None)])
            return np.asarray(rng.permutation(words))
        shift, spread = float(self.moves[index][REFERENCE_DAYS + day, 0]), float(self.spread[feature.name][day])
        edges = np.array(held.entry.bins.edges)
        upto = below(feature, edges, np.array([shift]), np.array([spread]))[0]
        low, high = np.repeat([0.0, *upto], cells), np.repeat([*upto, 1.0], cells)
        drawn = quantile(feature, low + (high - low) * rng.random(len(low)), shift, spread)
        floor, ceiling = np.repeat([-np.inf, *np.nextafter(edges, np.inf)], cells), np.repeat([*edges, np.inf], cells)
        if feature.family == "poisson":
            floor = np.ceil(floor)
        return np.asarray(rng.permutation(np.concatenate([np.clip(drawn, floor, ceiling), np.full(missing, np.nan)])))


def make(
    cell: Cell, seed: int, days: int, drift: Drift | None = None, *, checks: Sequence[str] = DECIDING_CHECKS
) -> Model:
    """Make one model: thirty days of reference, and ``days`` days to be watched.

    The reference and the days before a drift are the same with and without it. Raises :class:`KeyError` for a drift of a column
    that the cell does not have.
    """
    mix = features(cell.columns, additive=cell.additive, bursty=cell.bursty)
    if drift is not None and drift.column not in {f.name for f in mix}:
        raise KeyError(f"no column {drift.column!r} to drift; there are {', '.join(f.name for f in mix)}")
    rng = _rng(cell, seed, "days")
    weekdays = np.arange(REFERENCE_DAYS + days) % 7
    rows = traffic(cell, rng, weekdays)
    moves = effects(cell, rng, weekdays, [f.effects for f in mix])
    layout, reference = _reference(cell, seed, mix, rows, moves)
    spread = {f.name: np.ones(days) for f in mix}
    if drift is not None:
        _apply(drift, mix, moves, spread)
    current = _current(layout, reference, mix, rows[REFERENCE_DAYS:], moves, spread, drift, _rng(cell, seed, "current"))
    first = START + REFERENCE_DAYS * DAY
    spec = ModelSpec(
        name="synthetic", task="none", features={f.name: f.type for f in mix}, prediction=None, label=None,
        id=None, monitor=Monitor(window="1d", checks=tuple(checks)),
    )  # fmt: skip
    windows = [Window(first + day * DAY, first + (day + 1) * DAY) for day in range(days)]
    return Model(cell, seed, drift, mix, spec, reference, windows, current, weekdays, rows, moves, spread)


def _rng(cell: Cell, seed: int, what: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(cell.name.encode()), zlib.crc32(what.encode())])


def _times(day: int, n: int) -> NDArray[np.datetime64]:
    """Return ``n`` moments spread evenly over the ``day``-th day."""
    start = int((START + day * DAY).timestamp() * 1_000_000)
    return np.asarray(start + (np.arange(n) * (86_400_000_000 // n))).astype("datetime64[us]")


def _arrow(feature: Feature, values: NDArray[Any]) -> pa.Array:
    if feature.type == "numeric":
        return pa.array(values, from_pandas=True)
    if feature.type == "boolean":
        return pa.array([None if v is None else v == "true" for v in values], pa.bool_())
    return pa.array(values.tolist(), pa.string())


def _coupled(rng: np.random.Generator, a: Values, b: Values, rho: float) -> Values:
    """Return ``b`` in an order that gives it rank correlation with ``a``: its own distribution stays as it is."""
    z = rho * _normal_ranks(a, rng) + np.sqrt(1 - rho**2) * rng.standard_normal(len(a))
    ordered = np.empty_like(b)
    ordered[np.argsort(z)] = np.sort(b)
    return ordered


def _normal_ranks(a: Values, rng: np.random.Generator) -> Values:
    z = np.empty_like(a)
    z[np.argsort(a)] = np.sort(rng.standard_normal(len(a)))
    return z


def _reference_column(
    feature: Feature, rng: np.random.Generator, rows: NDArray[np.int64], moves: Values
) -> NDArray[Any]:
    """Draw one column of the reference, day by day; missing values are NaN or None."""
    parts: list[NDArray[Any]] = []
    shares = None if feature.type == "numeric" else level_shares(feature, moves[:REFERENCE_DAYS])
    names = np.array(feature.names, dtype=object) if shares is not None else None
    for day, n in enumerate(rows[:REFERENCE_DAYS].tolist()):
        if shares is None or names is None:
            values: NDArray[Any] = draw(feature, rng, n, float(moves[day, 0]))
        else:
            values = names[np.searchsorted(np.cumsum(shares[day])[:-1], rng.random(n), side="right")]
        if feature.missing:
            values[rng.random(n) < feature.missing] = np.nan if shares is None else None
        parts.append(values)
    return np.concatenate(parts)


def _reference(
    cell: Cell, seed: int, mix: Sequence[Feature], rows: NDArray[np.int64], moves: list[Values]
) -> tuple[Layout, Reference]:
    """Freeze the cells on the reference's rows, as the product does, and count its days in them."""
    rng = _rng(cell, seed, "reference")
    columns = [_reference_column(f, rng, rows, moves[i]) for i, f in enumerate(mix)]
    entries = [BinnedColumn(Column(f.name, f.type), _freeze(f, values)) for f, values in zip(mix, columns, strict=True)]
    layout = Layout(tuple(entries))
    profile = layout.empty(REFERENCE_DAYS)
    profile.counts[:, 0] = rows[:REFERENCE_DAYS]
    day_of = np.repeat(np.arange(REFERENCE_DAYS), rows[:REFERENCE_DAYS])
    for feature, entry, values in zip(mix, entries, columns, strict=True):
        count = profile.counts[:, layout.count_slice(feature.name)]
        place, missing = _places(entry, values)
        size = entry.bins.size
        flat = np.bincount(day_of[~missing] * size + place, minlength=REFERENCE_DAYS * size)
        count[:, CELLS:] = flat.reshape(REFERENCE_DAYS, size)
        count[:, MISSING] = np.bincount(day_of[missing], minlength=REFERENCE_DAYS)
        where = layout.moment_slice(feature.name)
        if where is not None:
            _exact_moments(profile.moments[:, where], day_of[~missing], np.asarray(values[~missing], dtype=np.float64))
    buckets = tuple(START + day * DAY for day in range(REFERENCE_DAYS))
    period = Window(START, START + REFERENCE_DAYS * DAY)
    return layout, Reference("synthetic", 1, period.end, "generated", period, buckets, profile, None)


def _freeze(feature: Feature, values: NDArray[Any]) -> Bins:
    """Choose cells by the product's own rules from the column's values."""
    if feature.type == "boolean":
        return Bins("nominal", categories=("false", "true"))
    if feature.type == "categorical":
        names, count = np.unique(values[values != None].astype(str), return_counts=True)  # noqa: E711
        return nominal_bins([str(names[i]) for i in np.lexsort((names, -count))])
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ordered = ordered[np.isfinite(ordered)]
    n = len(ordered)
    distinct = np.unique(ordered)
    picked = [float(ordered[max(1, n - int(np.floor(n - n * q + 1e-6))) - 1]) for q in QUANTILES]
    few = [float(v) for v in distinct] if len(distinct) <= MAX_DISTINCT else None
    return ordered_bins(float(ordered[0]), float(ordered[-1]), picked, few)


def _places(entry: BinnedColumn, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the cell of each value that is not missing, and which are missing."""
    if entry.ordered:
        missing = np.isnan(np.asarray(values, dtype=np.float64))
        held = np.asarray(values[~missing], dtype=np.float64)
        return np.searchsorted(np.array(entry.bins.edges), held, side="left"), missing
    missing = np.asarray(values == None)  # noqa: E711
    places = {name: index for index, name in enumerate(entry.bins.categories)}
    names, inverse = np.unique(values[~missing].astype(str), return_inverse=True)
    other = len(entry.bins.categories)
    return np.array([places.get(str(name), other) for name in names], dtype=np.int64)[inverse], missing


def _exact_moments(moments: Values, day: NDArray[np.int64], values: Values) -> None:
    n = np.maximum(np.bincount(day, minlength=REFERENCE_DAYS), 1)
    mean = np.bincount(day, values, minlength=REFERENCE_DAYS) / n
    moments[:, MEAN] = mean
    moments[:, M2] = np.bincount(day, (values - mean[day]) ** 2, minlength=REFERENCE_DAYS)
    np.minimum.at(moments[:, MIN], day, values)
    np.maximum.at(moments[:, MAX], day, values)


def _apply(drift: Drift, mix: Sequence[Feature], moves: list[Values], spread: dict[str, Values]) -> None:
    """Let the drift's column move from its first day on, where the change is one of location or dispersion."""
    place = next(i for i, f in enumerate(mix) if f.name == drift.column)
    if drift.change == "location":
        if mix[place].family == "levels":
            raise ValueError(f"column {drift.column!r} has levels and no location; let its share change instead")
        moves[place][REFERENCE_DAYS + drift.start :, 0] += drift.size
    if drift.change == "dispersion":
        spread[drift.column][drift.start :] = 1 + drift.size


def _current(
    layout: Layout, reference: Reference, mix: Sequence[Feature], rows: NDArray[np.int64], moves: list[Values],
    spread: dict[str, Values], drift: Drift | None, rng: np.random.Generator,
) -> Profile:  # fmt: skip
    profile = layout.empty(len(rows))
    profile.counts[:, 0] = rows
    total = reference.inputs.total()
    drifting = np.zeros(len(rows), dtype=bool)
    if drift is not None:
        drifting[drift.start :] = True
    for index, feature in enumerate(mix):
        here = drift if drift is not None and drift.column == feature.name else None
        draws = _rng_of(rng)
        count = profile.counts[:, layout.count_slice(feature.name)]
        lost = np.full(len(rows), feature.missing)
        if here is not None and here.change == "missing":
            lost[drifting] = here.size
        count[:, MISSING] = draws.binomial(rows, lost)
        p = _probabilities(layout.entry(feature.name), feature, moves[index][REFERENCE_DAYS:], spread[feature.name])
        if here is not None and here.change in ("share", "new_category"):
            place = layout.entry(feature.name).bins.size - 1 if here.change == "new_category" else 1
            p[drifting] = _with_share(p[drifting], place, here)
        count[:, CELLS:] = draws.multinomial(rows - count[:, MISSING], p)
        where = layout.moment_slice(feature.name)
        if where is not None:
            _cell_moments(
                profile.moments[:, where], count[:, CELLS:], _representatives(layout.entry(feature.name), total)
            )
            if feature.family != "poisson":
                days = (moves[index][REFERENCE_DAYS:, 0], spread[feature.name])
                _extremes(profile.moments[:, where], count[:, CELLS:], p, feature, *days)
    return profile


def _rng_of(rng: np.random.Generator) -> np.random.Generator:
    """Return a stream of a column's own, so that what drifts in one column leaves the draws of the others as they are."""
    return np.random.default_rng(rng.integers(2**63, size=2))


def _probabilities(entry: BinnedColumn, feature: Feature, moves: Values, spread: Values) -> Values:
    """Return the probability of each cell a day, shape (days, cells)."""
    if entry.ordered:
        upto = below(feature, np.array(entry.bins.edges), moves[:, 0], spread)
        p = np.diff(upto, prepend=0.0, append=1.0, axis=1)
    else:
        shares, bins = level_shares(feature, moves), entry.bins
        p = np.zeros((len(moves), bins.size))
        places = {name: index for index, name in enumerate(bins.categories)} | dict.fromkeys(bins.known, bins.size - 2)
        for level, name in enumerate(feature.names):
            p[:, places.get(name, bins.size - 1)] += shares[:, level]
    p = np.maximum(p, 0.0)
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _with_share(p: Values, place: int, drift: Drift) -> Values:
    """Return the probabilities with ``drift.size`` added to one cell, taken from the others in proportion."""
    grown = np.minimum(p[:, place] + drift.size, 1.0)
    changed = p * ((1 - grown) / (1 - p[:, place]))[:, None]
    changed[:, place] = grown
    return np.asarray(changed)


def _representatives(entry: BinnedColumn, total: Profile) -> Values:
    """Return one value for each cell: the middle of its edges, inside the reference's own range."""
    column = total.column(entry.column.name)
    assert column.minimum is not None
    assert column.maximum is not None
    edges = np.array(entry.bins.edges)
    if entry.bins.discrete:
        return np.array([*edges, edges[-1] + 1])
    span = float(column.maximum - column.minimum) or 1.0
    bounds = np.concatenate([[edges[0] - 0.02 * span], edges, [edges[-1] + 0.02 * span]])
    return np.asarray((bounds[1:] + bounds[:-1]) / 2)


def _extremes(
    moments: Values, cells: NDArray[np.int64], p: Values, feature: Feature, shift: Values, spread: Values
) -> None:
    """Put the likeliest extremes where values lie in an outermost cell: the median of the smallest, and of the largest, of so many."""
    for place, at in ((0, MIN), (-1, MAX)):
        for day in np.flatnonzero(cells[:, place]):
            tail = p[day, place] * (1 - 0.5 ** (1 / cells[day, place]))
            u = np.array([tail if place == 0 else 1 - tail])
            moments[day, at] = quantile(feature, u, float(shift[day]), float(spread[day]))[0]


def _cell_moments(moments: Values, cells: NDArray[np.int64], values: Values) -> None:
    n = np.maximum(cells.sum(axis=1), 1)
    mean = cells @ values / n
    moments[:, MEAN] = mean
    moments[:, M2] = (cells * (values[None, :] - mean[:, None]) ** 2).sum(axis=1)
    held = cells > 0
    moments[:, MIN] = np.where(held, values, np.inf).min(axis=1)
    moments[:, MAX] = np.where(held, values, -np.inf).max(axis=1)
