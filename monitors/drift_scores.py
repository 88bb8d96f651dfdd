"""How a window becomes a few standardised numbers a column: its location, its dispersion, and what else its cells say.

Every statistic of a column is a mean of scores over its values, so it is linear in the counts of the cells: a score matrix
(cells, series) made once from the reference turns any profile into statistics. All of them are in standard deviations of one row,
as the reference has it, so shifts of different columns and kinds can be held against one tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values, merge_groups
from reference_data.profile import CELLS, BinnedColumn, Layout, Profile

Kind = Literal["location", "dispersion", "cell", "level"]
KINDS: tuple[Kind, ...] = ("location", "dispersion", "cell", "level")
LOCATION, DISPERSION, CELL, LEVEL = range(4)
#: Of a column's part of the budget; what a column lacks goes to what it has.
SPENT: dict[int, float] = {LOCATION: 0.7, DISPERSION: 0.15, CELL: 0.15, LEVEL: 1.0}

FINEST = 20  # groups of cells of an ordered column, equally frequent in the reference
_LEAST_WEIGHT = 0.05  # of a category, against 0.5 of one that fills half of the rows
_LEAST_VARIANCE = 1e-3  # of a group's own, that is left when location and dispersion are taken out of it
_CURSE = 3.0  # standard errors about the rarest listed category within which chance had a say in the listing

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scores:
    """The series of some columns of a layout, and how cells are scored for them.

    ``blocks`` holds a matrix (cells, series of that column) a column; the other arrays have one entry a series. ``cells`` says
    which group of cells (a number in ``groups`` of its column) or which category a series of these kinds is about.
    """

    layout: Layout
    names: tuple[str, ...]
    blocks: tuple[Values, ...]
    groups: tuple[Integers, ...]
    column: Integers
    kind: Integers
    cells: Integers
    weight: Values

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where the counts of each column's cells stand in a profile."""
        found = (self.layout.count_slice(name) for name in self.names)
        return tuple(slice(where.start + CELLS, where.stop) for where in found)

    def valid(self, profile: Profile) -> Integers:
        """Return how many values each column has: (..., columns)."""
        return profile.valid_of(self.names)

    def means(self, profile: Profile, valid: Integers) -> Values:
        """Return the mean score of every series: (..., series), 0 for a column without values."""
        sums = [profile.counts[..., where] @ block for where, block in zip(self.slices, self.blocks, strict=True)]
        if not sums:
            return np.zeros((*profile.rows.shape, 0))
        every = np.concatenate(sums, axis=-1)
        return np.asarray(every / np.maximum(valid, 1)[..., self.column])


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What one row's scores are like: one entry a series.

    ``usual`` is the share of a category or group of cells, 1 for a location or dispersion. ``slack`` is by how much
    the listing of the most frequent categories may have favoured one of them, in standard deviations.
    """

    mean: Values
    sd: Values
    skew: Values
    usual: Values
    slack: Values

    @property
    def share(self) -> Values:
        """That of the smaller side of a category or group of cells, 1 for a location or dispersion."""
        return np.asarray(np.minimum(self.usual, 1 - self.usual) + (self.usual == 1))

    def part(self, series: Integers) -> Population:
        """Return that of some series."""
        every = (self.mean, self.sd, self.skew, self.usual, self.slack)
        return Population(*(values[series] for values in every))


def make_scores(total: Profile, names: Sequence[str]) -> Scores:
    """Choose the series of the columns called ``names`` from what the reference holds, ``total`` (without leading axes)."""
    blocks, groups, columns, kinds, cells, weights = [], [], [], [], [], []
    for place, name in enumerate(names):
        column = total.column(name)
        block, kind, cell, group = _ordered(column.cells) if column.entry.ordered else _nominal(column.cells)
        blocks.append(block)
        groups.append(group)
        columns.append(np.full(len(kind), place))
        kinds.append(kind)
        cells.append(cell)
        weights.append(_weights(kind, np.asarray(column.cells @ block, dtype=np.float64) / max(int(column.valid), 1)))
    return Scores(
        layout=total.layout,
        names=tuple(names),
        blocks=tuple(blocks),
        groups=tuple(groups),
        column=_flat(columns),
        kind=_flat(kinds),
        cells=_flat(cells),
        weight=np.concatenate(weights) if weights else np.zeros(0),
    )


def _flat(parts: Sequence[Integers]) -> Integers:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _weights(kind: Integers, mean: Values) -> Values:
    """Return each series' part of its column's budget; they add up to 1.

    Categories have it by the standard deviation of their share, ``mean``: some points more of a frequent one are the harder to see.
    """
    size = np.where(kind == LEVEL, np.sqrt(np.clip(mean * (1 - mean), _LEAST_WEIGHT**2, 0.25)), 1.0)
    sizes = np.bincount(kind, size, minlength=len(KINDS))
    part = np.asarray([SPENT[k] / sizes[k] if sizes[k] else 0.0 for k in range(len(KINDS))])
    weight = part[kind] * size
    return np.asarray(weight / weight.sum() if len(weight) else weight)


Block = tuple[Values, Integers, Integers, Integers]


def _ordered(counts: Integers) -> Block:
    """Return normal scores, Klotz scores without what location explains, and groups of cells without what both explain.

    Scores are those of the groups, not of the cells: the finer tails of the reference are where its own days happened to end, and a day
    that goes a little further would weigh in as if it had gone very far.
    """
    n = max(float(counts.sum()), 1.0)
    p = counts / n
    groups = merge_groups(np.asarray(counts, dtype=np.float64)[None], np.asarray([n / FINEST]))[0]
    grouped = np.bincount(groups, counts)
    location = normal_scores(grouped)[groups]
    basis = [np.ones(len(p))]
    series, kinds, cells = [location], [LOCATION], [0]
    basis.append(location)
    klotz = _without(klotz_scores(grouped)[groups], basis, p)
    if (p * klotz**2).sum() > 0.05:  # two values have no dispersion beside their location
        series.append(klotz)
        kinds.append(DISPERSION)
        cells.append(0)
        basis.append(klotz)
    for group in range(int(groups.max(initial=0)) + 1):
        inside = (groups == group).astype(np.float64)
        own = float((p * inside).sum())
        rest = _without(inside, basis, p)
        if own * (1 - own) > 0 and (p * rest**2).sum() > max(_LEAST_VARIANCE, own * (1 - own) * 0.05):
            series.append(rest)
            kinds.append(CELL)
            cells.append(group)
    return np.stack(series, axis=1), np.asarray(kinds), np.asarray(cells), groups


def _without(scores: Values, basis: Sequence[Values], p: Values) -> Values:
    """Return scores orthogonal to ``basis`` (orthogonal itself) under the cells' shares."""
    left = scores
    for known in basis:
        norm = float((p * known**2).sum())
        if norm > 1e-12:
            left = left - known * (float((p * known * left).sum()) / norm)
    return left


def _nominal(counts: Integers) -> Block:
    """Return one indicator a listed category, and one for all that are not (``other`` and ``unseen``, the last two cells)."""
    listed = len(counts) - 2
    held = [cell for cell in range(listed) if counts[cell] > 0]
    if len(held) == 2 and not counts[listed:].any():
        held = held[1:]  # the other one says the same
    series = [np.eye(len(counts))[:, cell] for cell in held]
    if counts[listed:].sum() > 0:
        rest = np.zeros(len(counts))
        rest[listed:] = 1.0
        series.append(rest)
        held.append(listed)
    block = np.stack(series, axis=1) if series else np.zeros((len(counts), 0))
    kinds = np.full(len(held), LEVEL)
    return block, kinds, np.asarray(held, dtype=np.int64), np.minimum(np.arange(len(counts)), listed)


def population(scores: Scores, total: Profile) -> Population:
    """Return what the rows of ``total`` (without leading axes) are like under ``scores``."""
    parts = []
    for where, block in zip(scores.slices, scores.blocks, strict=True):
        counts = total.counts[where]
        n = float(counts.sum())
        p = counts / max(n, 1.0)
        mean = p @ block
        variance = p @ block**2 - mean**2
        third = p @ block**3 - 3 * mean * variance - mean**3
        sd = np.sqrt(np.maximum(variance, 1 / (n + 2)))
        parts.append((mean, sd, third / sd**3))
    mean, sd, skew = (np.concatenate([part[i] for part in parts]) if parts else np.zeros(0) for i in range(3))
    return Population(mean, sd, skew, _usual(scores, total, mean), _slack(scores, total) / sd)


def _usual(scores: Scores, total: Profile, mean: Values) -> Values:
    share = np.where(scores.kind == LEVEL, mean, 1.0)
    for place, where in enumerate(scores.slices):
        ours = np.flatnonzero((scores.column == place) & (scores.kind == CELL))
        if len(ours):
            counts = total.counts[where]
            share[ours] = (np.bincount(scores.groups[place], counts) / max(float(counts.sum()), 1.0))[
                scores.cells[ours]
            ]
    return share


def _slack(scores: Scores, total: Profile) -> Values:
    """Return by how much each share may owe itself to the listing: near the rarest listed category, chance chose.

    With many categories the listed ones are those that chance favoured, so their shares are too high and the rest's is too low by up
    to about two standard errors of each category whose count could as well have been below the last one listed.
    """
    slack = np.zeros(len(scores.column))
    for place, (name, where) in enumerate(zip(scores.names, scores.slices, strict=True)):
        entry: BinnedColumn = scores.layout.entry(name)
        if entry.ordered or not entry.bins.known:
            continue
        counts = total.counts[where]
        listed = counts[:-2][counts[:-2] > 0]
        n = max(float(counts.sum()), 1.0)
        if not len(listed):
            continue
        last = float(listed.min())
        bound = np.where(listed <= last + _CURSE * np.sqrt(last) + 1, 2 * np.sqrt(listed), 0.0) / n
        ours = np.flatnonzero(scores.column == place)
        slack[ours[: len(bound)]] = bound
        if len(ours) > len(bound):
            slack[ours[-1]] = bound.sum()
    return slack


def normal_scores(cells: Integers) -> Values:
    """Return the expected normal score of each cell, E[Z | cell], for reference counts (cells,).

    van der Waerden scores on grouped data: (phi(a) - phi(b)) / share between the cell's normal quantiles a and b. A cell that
    the reference left empty gets the quantile at its place, held inside half a row of either end.
    """
    share, low, high, place = _quantiles(cells)
    height = _density(low) - _density(high)
    return np.asarray(np.divide(height, share, out=place, where=share > 0), dtype=np.float64)


def klotz_scores(cells: Integers) -> Values:
    """Return the expected squared normal score of each cell less one, E[Z^2 - 1 | cell] (Klotz 1962 on grouped data)."""
    share, low, high, place = _quantiles(cells)
    held = [np.where(np.isfinite(q), q, 0.0) * _density(q) for q in (low, high)]
    return np.asarray(np.divide(held[0] - held[1], share, out=place**2 - 1, where=share > 0), dtype=np.float64)


def _quantiles(cells: Integers) -> tuple[Values, Values, Values, Values]:
    n = max(float(cells.sum()), 1.0)
    share = cells / n
    upper = np.cumsum(share)
    low, high = special.ndtri(np.clip(upper - share, 0, 1)), special.ndtri(np.clip(upper, 0, 1))
    low, high = np.where(upper - share < 0.5 / n, -np.inf, low), np.where(upper > 1 - 0.5 / n, np.inf, high)
    return share, low, high, special.ndtri(np.clip(upper - share / 2, 0.5 / n, 1 - 0.5 / n))


def _density(quantile: Values) -> Values:
    return np.asarray(np.exp(-0.5 * np.square(quantile)) / np.sqrt(2 * np.pi))
