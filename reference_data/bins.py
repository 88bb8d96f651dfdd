"""Bins and categories, frozen when a reference is made and never moved afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

OTHER = "other"  # known to the reference, but not listed by itself
UNSEEN = "unseen"  # new: the reference never held it


@dataclass(frozen=True, slots=True)
class Bins:
    """The cells a column's values are counted in.

    ``ordered``: ``edges`` are ascending and upper-inclusive, so there are ``len(edges) + 1`` cells. One edge lies
    just below the reference's minimum and one at its maximum: the cells outside of these are empty in the reference itself.
    ``display`` is the subset of ``edges`` that bounds the evenly spaced bars of a histogram; it is the same as ``edges`` if
    the reference held so few distinct values that each has its own cell, whose upper edge is the value.

    ``nominal``: one cell for each of ``categories`` (most frequent first), then ``other`` and ``unseen``. ``known``
    are the values the reference held that are not listed; ``known_complete`` is False when there were too many to keep,
    in which case what is not listed counts as ``other``. ``once`` is the share of the reference's values that are known but not
    listed and occurred a single time: how many of the next ones are new (Good 1953); None in references older than that.
    """

    kind: Literal["ordered", "nominal"]
    edges: tuple[float, ...] = ()
    display: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    known_complete: bool = True
    once: float | None = field(default=None, compare=False)  # it says nothing of the cells

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.edges) + 1 if self.kind == "ordered" else len(self.categories) + 2

    @property
    def discrete(self) -> bool:
        """Whether each distinct value of an ordered column has its own cell."""
        return self.kind == "ordered" and bool(self.edges) and self.display == self.edges

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each cell, in order."""
        if self.kind == "nominal":
            return (*self.categories, OTHER, UNSEEN)
        lows = ("-inf", *(f"{edge:.6g}" for edge in self.edges))
        highs = (*(f"{edge:.6g}" for edge in self.edges), "inf")
        return tuple(f"({low}, {high}]" for low, high in zip(lows, highs, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return the bins as JSON-ready values."""
        return {
            "kind": self.kind,
            "edges": list(self.edges),
            "display": list(self.display),
            "categories": list(self.categories),
            "known": list(self.known),
            "known_complete": self.known_complete,
        } | ({} if self.once is None else {"once": self.once})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Bins:
        """Rebuild from :meth:`to_dict`."""
        return cls(
            kind=data["kind"],
            edges=tuple(float(edge) for edge in data["edges"]),
            display=tuple(float(edge) for edge in data["display"]),
            categories=tuple(data["categories"]),
            known=tuple(data["known"]),
            known_complete=bool(data["known_complete"]),
            once=data.get("once"),
        )
