"""The profile: the mergeable summary of some rows, on cells that the reference froze.

Two flat arrays hold it, laid out alike for every profile of one reference version, so that any window, segment or model
version is a sum of array rows:

* ``counts``: the number of rows, then for each column ``missing``, ``nan``, ``inf`` and one count per cell;
* ``moments``: for each ordered column ``mean``, ``m2``, ``min`` and ``max`` of its finite values.

Both may carry leading axes (one profile per bucket, window or segment).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reference_data.bins import Bins
from reference_data.schema import Column

Counts = NDArray[np.int64]
Moments = NDArray[np.float64]

#: How a column's value is made from a row. ``value``: as logged. ``length``: characters of a text. ``epoch``: seconds
#: since 1970 of a datetime; ``age``: days from a datetime to the row's own event time; ``hour``: its time of day in UTC. The rest need a label: ``error`` = prediction - label; ``abs_error`` = its absolute value;
#: ``correct`` = whether prediction equals label; ``log_loss`` = -log of the probability given to the label (clipped to
#: 2**-52 as scikit-learn does); ``confusion`` = "label → prediction"; ``score_positive`` and ``score_negative`` = the
#: score of rows whose label is, or is not, the positive class (missing otherwise); ``squared_error`` and ``percentage_error`` = error
#: squared, and its absolute value over that of the label (missing where that is 0). Of several classes: ``score_error`` = the squared
#: distance of the scores from certainty of the label; ``label_rank`` = the place of the label's score among all, 1 the highest;
#: ``score_right`` and ``score_wrong`` = the highest score of rows whose prediction is, or is not, the label (missing otherwise). Of
#: rankings: ``list`` = what the row's list is worth, in one row of each list.
Derivation = Literal[
    "value",
    "length",
    "epoch",
    "age",
    "hour",
    "error",
    "abs_error",
    "correct",
    "log_loss",
    "confusion",
    "score_positive",
    "score_negative",
    "squared_error",
    "percentage_error",
    "score_error",
    "label_rank",
    "score_right",
    "score_wrong",
    "list",
]

#: What a list of a ranking is worth.
LISTS = ("NDCG", "precision in the top", "recall in the top", "average precision", "reciprocal rank", "hit in the top")

#: Names of the columns that are not a model's own inputs. A model may not declare an input of one of these names.
RESERVED: dict[str, str] = {
    "prediction": "value",
    "score": "value",
    "label": "value",
    "error given inputs": "error",
    "absolute error": "abs_error",
    "correct": "correct",
    "log loss": "log_loss",
    "confusion": "confusion",
    "score of positives": "score_positive",
    "score of negatives": "score_negative",
    "squared error": "squared_error",
    "percentage error": "percentage_error",
    "score error": "score_error",
    "label rank": "label_rank",
    "score of right answers": "score_right",
    "score of wrong answers": "score_wrong",
    **dict.fromkeys(LISTS, "list"),
}

#: Derivations of which only sums matter: they are counted in a single cell.
SUMMED: frozenset[str] = frozenset({"squared_error", "percentage_error", "score_error", "list"})

MISSING, NAN, INF, CELLS = 0, 1, 2, 3  # offsets inside one column's counts
MEAN, M2, MIN, MAX = 0, 1, 2, 3  # offsets inside one column's moments


@dataclass(frozen=True, slots=True)
class BinnedColumn:
    """A column, how its value is derived from a row, and the cells it is counted in.

    ``of``: only the rows whose label is this class (whose scores are meant then), or lies in this range (low, high], are derived; the rest
    are missing. Empty: all rows. Such columns are kept for the rows as a whole, not by segment (:meth:`Layout.narrow`).
    """

    column: Column
    bins: Bins
    derive: Derivation = "value"
    of: tuple[str, ...] | tuple[float, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether the column has bin edges (and so moments) instead of categories."""
        return self.bins.kind == "ordered"

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON-ready values."""
        found = {"column": self.column.to_dict(), "bins": self.bins.to_dict(), "derive": self.derive}
        return found | ({"of": list(self.of)} if self.of else {})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BinnedColumn:
        """Rebuild from :meth:`to_dict`."""
        of = tuple(data.get("of", ()))
        return cls(Column(**data["column"]), Bins.from_dict(data["bins"]), data["derive"], of)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column's numbers stand in a profile's two arrays."""

    columns: tuple[BinnedColumn, ...]
    _places: dict[str, tuple[BinnedColumn, slice, slice | None]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places: dict[str, tuple[BinnedColumn, slice, slice | None]] = {}
        counts, moments = 1, 0
        for entry in self.columns:
            more_counts, more_moments = CELLS + entry.bins.size, 4 * entry.ordered
            own = slice(moments, moments + 4) if entry.ordered else None
            places.setdefault(entry.column.name, (entry, slice(counts, counts + more_counts), own))
            counts, moments = counts + more_counts, moments + more_moments
        object.__setattr__(self, "_places", places)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in the reference's order."""
        return tuple(entry.column.name for entry in self.columns)

    @property
    def n_counts(self) -> int:
        """Length of the counts array."""
        return 1 + sum(CELLS + entry.bins.size for entry in self.columns)

    @property
    def n_moments(self) -> int:
        """Length of the moments array."""
        return 4 * sum(entry.ordered for entry in self.columns)

    def entry(self, name: str) -> BinnedColumn:
        """Return the column called ``name``; raises :class:`KeyError` naming the columns there are."""
        if name in self._places:
            return self._places[name][0]
        raise KeyError(f"no column {name!r}; the reference has {', '.join(map(repr, self.names))}")

    def narrow(self) -> Layout:
        """Return the layout without columns of parts of the labels: what segments are kept on."""
        kept = tuple(entry for entry in self.columns if not entry.of)
        return self if len(kept) == len(self.columns) else Layout(kept)

    def count_slice(self, name: str) -> slice:
        """Return where the counts of ``name`` stand (missing, nan, inf, cells)."""
        return self._places[name][1]

    def moment_slice(self, name: str) -> slice | None:
        """Return where the moments of ``name`` stand, or None for a nominal column."""
        return self._places[name][2]

    def empty(self, *leading: int) -> Profile:
        """Return profiles of no rows, the neutral element of :func:`merge`, with the given leading axes."""
        moments = np.zeros((*leading, self.n_moments))
        moments[..., MIN::4] = np.inf
        moments[..., MAX::4] = -np.inf
        return Profile(self, np.zeros((*leading, self.n_counts), dtype=np.int64), moments)

    def to_dict(self) -> dict[str, Any]:
        """Return the layout as JSON-ready values."""
        return {"columns": [entry.to_dict() for entry in self.columns]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Layout:
        """Rebuild from :meth:`to_dict`."""
        return cls(tuple(BinnedColumn.from_dict(entry) for entry in data["columns"]))


@dataclass(frozen=True, slots=True, eq=False)
class ColumnProfile:
    """One column's part of a profile; every array keeps the profile's leading axes."""

    entry: BinnedColumn
    rows: Counts
    missing: Counts
    nan: Counts
    inf: Counts
    cells: Counts
    mean: Moments | None
    m2: Moments | None
    minimum: Moments | None
    maximum: Moments | None
    kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)  # what every check asks for

    @property
    def valid(self) -> Counts:
        """Rows that fell into a cell."""
        if "valid" not in self.kept:
            self.kept["valid"] = np.asarray(self.cells.sum(axis=-1))
        found: Counts = self.kept["valid"]
        return found

    @property
    def shares(self) -> Moments:
        """Each cell's share of the rows that fell into one: (..., cells), NaN where there are no such rows."""
        if "shares" not in self.kept:
            whole = self.valid[..., None]
            with np.errstate(divide="ignore", invalid="ignore"):
                self.kept["shares"] = self.cells / whole
        found: Moments = self.kept["shares"]
        return found

    @property
    def std(self) -> Moments:
        """Sample standard deviation (n - 1) of the finite values; NaN below two of them or for a nominal column."""
        if self.m2 is None:
            return np.full(self.rows.shape, np.nan)
        n = self.valid
        variance = np.divide(self.m2, n - 1, out=np.full(n.shape, np.nan), where=n > 1)
        return np.asarray(np.sqrt(variance), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Counts of shape (..., layout.n_counts) and moments of shape (..., layout.n_moments)."""

    layout: Layout
    counts: Counts
    moments: Moments

    @property
    def rows(self) -> Counts:
        """Number of rows, with the leading axes."""
        return np.asarray(self.counts[..., 0])

    def column(self, name: str) -> ColumnProfile:
        """Return the part of the profile that belongs to one column."""
        entry = self.layout.entry(name)
        counts = self.counts[..., self.layout.count_slice(name)]
        where = self.layout.moment_slice(name)
        moments = None if where is None else self.moments[..., where]

        def pick(index: int) -> Moments | None:
            return None if moments is None else moments[..., index]

        return ColumnProfile(
            entry=entry,
            rows=self.rows,
            missing=counts[..., MISSING],
            nan=counts[..., NAN],
            inf=counts[..., INF],
            cells=counts[..., CELLS:],
            mean=pick(MEAN),
            m2=pick(M2),
            minimum=pick(MIN),
            maximum=pick(MAX),
        )

    def valid_counts(self) -> Counts:
        """Return the finite values per ordered column, shape (..., number of ordered columns): weights of the means."""
        return self.valid_of([entry.column.name for entry in self.layout.columns if entry.ordered])

    def valid_of(self, names: Sequence[str]) -> Counts:
        """Return the rows of each named column that fell into a cell: (..., names)."""
        every = self.layout.names
        if not every or not self.counts.size:
            return np.zeros((*self.rows.shape, len(names)), dtype=np.int64)
        spans = [self.layout.count_slice(name) for name in every]
        # every other sum is of what lies between two columns; the last one goes up to the end by itself
        edges = [edge for span in spans for edge in (span.start + CELLS, span.stop)][:-1]
        sums = np.add.reduceat(self.counts, edges, axis=-1)[..., ::2]
        places = {name: place for place, name in enumerate(every)}
        return np.asarray(sums.take([places[name] for name in names], axis=-1))

    def __getitem__(self, index: Any) -> Profile:
        """Select along the leading axes."""
        return Profile(self.layout, self.counts[index], self.moments[index])

    def total(self) -> Profile:
        """Merge along the first axis.

        Means and second moments follow Chan, Golub and LeVeque (1983), "Algorithms for Computing the Sample Variance",
        extended from two parts to many: M2 = sum(M2_i) + sum(n_i (mean_i - mean)^2).
        """
        counts = self.counts.sum(axis=0)
        n = self.valid_counts().astype(float)
        mean, m2 = self.moments[..., MEAN::4], self.moments[..., M2::4]
        weight = n.sum(axis=0)
        safe = np.where(weight > 0, weight, 1.0)
        with np.errstate(over="ignore", invalid="ignore"):  # values near 1e308 have no finite second moment
            merged_mean = (n * mean).sum(axis=0) / safe
            merged_m2 = m2.sum(axis=0) + (n * (mean - merged_mean) ** 2).sum(axis=0)
        moments = np.empty(self.moments.shape[1:])
        moments[..., MEAN::4] = merged_mean
        moments[..., M2::4] = merged_m2
        moments[..., MIN::4] = self.moments[..., MIN::4].min(axis=0, initial=np.inf)
        moments[..., MAX::4] = self.moments[..., MAX::4].max(axis=0, initial=-np.inf)
        return Profile(self.layout, counts, moments)


def merge(profiles: Sequence[Profile]) -> Profile:
    """Merge profiles of one layout: associative, commutative, exact for counts.

    Raises :class:`ValueError` when there is none, or when their layouts differ.
    """
    if not profiles:
        raise ValueError("merge needs at least one profile; use Layout.empty() for none")
    return stack(profiles).total()


def stack(profiles: Sequence[Profile]) -> Profile:
    """Put profiles of one layout side by side along a new first axis; same errors as :func:`merge`."""
    if not profiles:
        raise ValueError("stack needs at least one profile; use Layout.empty(0) for none")
    layout = profiles[0].layout
    if any(profile.layout is not layout and profile.layout != layout for profile in profiles):
        raise ValueError("profiles of different reference versions cannot be merged: their cells differ")
    counts = np.stack([profile.counts for profile in profiles])
    return Profile(layout, counts, np.stack([profile.moments for profile in profiles]))
