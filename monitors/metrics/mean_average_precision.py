"""Mean average precision of a ranking."""

from __future__ import annotations

from monitors.metrics._lists import over_lists

CHECK = over_lists(
    "mean_average_precision",
    "average precision",
    title="Mean average precision",
    summary="Precision at each relevant row, averaged: one number for the whole order.",
    citation="Manning, Raghavan and Schütze (2008), Introduction to Information Retrieval, 8.4.",
)
