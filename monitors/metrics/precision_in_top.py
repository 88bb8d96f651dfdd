"""Precision in the top of a ranking."""

from __future__ import annotations

from monitors.metrics._lists import over_lists

CHECK = over_lists(
    "precision_in_top",
    "precision in the top",
    title="Precision at k",
    summary="Share of the top that is relevant.",
    citation="Manning, Raghavan and Schütze (2008), Introduction to Information Retrieval, 8.4.",
)
