"""NDCG in the top of a ranking."""

from __future__ import annotations

from monitors.metrics._lists import over_lists

CHECK = over_lists(
    "ndcg",
    "NDCG",
    title="NDCG at k",
    summary="How near the order of the top is to the best there could be, relevant rows first counting most.",
    citation="Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4).",
    headline=True,
)
