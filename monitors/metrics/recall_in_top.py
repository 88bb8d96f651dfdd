"""Recall in the top of a ranking."""

from __future__ import annotations

from monitors.metrics._lists import over_lists

CHECK = over_lists(
    "recall_in_top",
    "recall in the top",
    title="Recall at k",
    summary="Share of what is relevant that is in the top.",
    citation="Manning, Raghavan and Schütze (2008), Introduction to Information Retrieval, 8.4.",
)
