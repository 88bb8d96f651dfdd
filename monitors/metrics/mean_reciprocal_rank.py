"""Mean reciprocal rank of a ranking."""

from __future__ import annotations

from monitors.metrics._lists import over_lists

CHECK = over_lists(
    "mean_reciprocal_rank",
    "reciprocal rank",
    title="Mean reciprocal rank",
    summary="One over the place of the first relevant row.",
    citation="Voorhees (1999), The TREC-8 question answering track report.",
)
