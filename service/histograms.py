"""Two profiles of a column on shared bars, for drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reference_data.profile import ColumnProfile
from reference_data.quantiles import rebin

if TYPE_CHECKING:
    from service import views


def histogram(base: ColumnProfile, now: ColumnProfile) -> views.Histogram:
    """Return reference and current (each one profile) on shared bars; empty bars at either end are left out."""
    left, right = rebin(base), rebin(now)
    ordered = base.entry.bins.kind == "ordered"
    filled = np.flatnonzero((left.shares > 0) | (right.shares > 0))
    first, last = (int(filled[0]), int(filled[-1]) + 1) if ordered and filled.size else (0, len(left.shares))
    valid = max(int(now.valid), 1)
    below, above = _outside(base, now) if ordered else (0, 0)
    return {
        "edges": [float(edge) for edge in left.edges[first : last + 1]],
        "labels": list(left.labels[first:last]),
        "reference": [float(share) for share in left.shares[first:last]],
        "current": [float(share) for share in right.shares[first:last]],
        "n_reference": int(base.rows),
        "n_current": int(now.rows),
        "missing_reference": float(base.missing) / max(int(base.rows), 1),
        "missing_current": float(now.missing) / max(int(now.rows), 1),
        "unseen_current": 0.0 if ordered else float(now.cells[-1]) / valid,
        "below_current": below / valid,
        "above_current": above / valid,
        "first": first,
    }


def _outside(base: ColumnProfile, now: ColumnProfile) -> tuple[int, int]:
    """Return how many values lie below and above the reference's own range."""
    filled = np.flatnonzero(base.cells)
    if not filled.size:
        return 0, 0
    return int(now.cells[: filled[0]].sum()), int(now.cells[filled[-1] + 1 :].sum())
