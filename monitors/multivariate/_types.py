"""What a check on rows is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

#: Rows of one side, in the form the target asks for: a matrix of encoded inputs (rows, columns), texts (rows,), or vectors (rows, dimensions).
Rows = NDArray[Any]
Target = Literal["rows", "text", "embedding"]


@dataclass(frozen=True, slots=True)
class Driver:
    """A column, or a word of a text, with its share in what was found; shares of one finding sum to 1 at most."""

    column: str
    share: float


@dataclass(frozen=True, slots=True)
class Found:
    """One comparison. ``expected`` and ``sd``: mean and standard deviation of the value if only chance were at work, with ``skew``."""

    value: float
    expected: float
    sd: float
    skew: float = 0.0
    drivers: tuple[Driver, ...] = ()
    note: str = ""  # a sentence more, if there is something to say


@dataclass(frozen=True, slots=True)
class Sides:
    """Reference and current rows, and who is who in them. ``groups``: the input that each matrix column belongs to, by place in ``names``."""

    reference: Rows
    current: Rows
    names: tuple[str, ...] = ()
    groups: NDArray[np.intp] | None = None


#: (sides, a seeded generator, whether drivers are wanted) -> what was found. Raises :class:`ValueError` in words for rows it cannot use.
Compare = Callable[[Sides, np.random.Generator, bool], Found]


@dataclass(frozen=True, slots=True)
class RowsCheck:
    """A statistic of two sets of rows, and how to read it.

    ``target``: ``rows`` (all inputs together), ``text`` or ``embedding`` (one column of that type). ``most``: rows of the reference
    and of the current side that are looked at. ``least``: change of the value that matters, in its unit, or as a share of what is
    expected if ``relative``. ``prior``: standard deviation between windows, in the same terms, where the reference has too few
    windows to measure it. ``suits``: whether it says anything of such rows of the reference; left out: of all. ``sums``: whether it is
    computed from means and covariances of all vectors (:mod:`monitors.judge_vectors`) where these are kept, and of rows only where not.
    """

    name: str
    target: Target
    unit: str
    summary: str
    citation: str
    compare: Compare
    most: tuple[int, int]
    least: float
    prior: float
    two_sided: bool = False
    relative: bool = False
    title: str = ""
    suits: Callable[[Rows], bool] | None = None
    sums: bool = False

    @property
    def label(self) -> str:
        """Return what people call it."""
        return self.title or self.name.replace("_", " ").capitalize()


def shares_of(names: tuple[str, ...], weights: NDArray[np.float64], most: int = 5) -> tuple[Driver, ...]:
    """Return the weightiest names, heaviest first, with their shares of the sum of all positive weights."""
    positive = np.where(np.isfinite(weights), np.maximum(weights, 0.0), 0.0)
    total = float(positive.sum())
    if total <= 0:
        return ()
    order = np.argsort(-positive, kind="stable")[:most]
    return tuple(Driver(names[i], float(positive[i]) / total) for i in order if positive[i] > 0)
