"""Hit rate in the top of a ranking."""

from __future__ import annotations

from monitors.metrics._lists import over_lists

CHECK = over_lists(
    "hit_rate",
    "hit in the top",
    title="Hit rate at k",
    summary="Share of lists with anything relevant in the top.",
    citation="Deshpande and Karypis (2004), Item-based top-N recommendation algorithms, ACM TOIS 22(1).",
)
