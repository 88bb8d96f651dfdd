"""Outcome columns of parts of the labels: errors by range of the label, and each class's scores, by whether the label is that class."""

from __future__ import annotations

import math
from itertools import pairwise

from reference_data.binning import score_bins
from reference_data.bins import Bins
from reference_data.profile import BinnedColumn, Derivation, Layout
from reference_data.schema import Column, Task
from storage.row_source import RowSource

#: Ranges of the label, each with about the same share of the reference's rows, and classes whose scores are kept one by one.
RANGES, CLASSES = 5, 12


def with_parts(layout: Layout, task: Task, rows: RowSource) -> Layout:
    """Return an outcomes layout with columns of parts of the labels behind its own; ``rows``: the reference's labelled rows.

    Regression: error and absolute error in each of up to five ranges of the label, bounded by round numbers near its quintiles.
    Several classes with scores, up to twelve of them: each class's scores where it is the label, and where it is not.
    """
    if task == "regression":
        return Layout((*layout.columns, *_ranges(layout, rows)))
    if task == "multiclass" and "log loss" in layout.names:
        return Layout((*layout.columns, *_classes(layout)))
    return layout


def _ranges(layout: Layout, rows: RowSource) -> list[BinnedColumn]:
    bins, unit = layout.entry("label").bins, layout.entry("label").column.unit
    label = f"TRY_CAST({rows.expressions['label']} AS DOUBLE)"
    wanted = ", ".join(str(place / RANGES) for place in range(1, RANGES))
    sql = f"SELECT quantile_disc({label}, [{wanted}]) FROM ({rows.relation}) AS r WHERE isfinite({label})"
    found = rows.cursor.execute(sql).fetchall()[0][0] or []
    limits = sorted({min(bins.display, key=lambda edge: abs(edge - held)) for held in found if bins.display})
    kinds: tuple[tuple[str, Derivation], ...] = (("error", "error"), ("absolute error", "abs_error"))
    return [
        BinnedColumn(
            Column(f"{name} of labels in range {place}", "numeric", "outcome", unit), Bins("ordered"), derive, limit
        )
        for place, limit in enumerate(pairwise([-math.inf, *limits, math.inf]), start=1)
        for name, derive in kinds
    ]


def _classes(layout: Layout) -> list[BinnedColumn]:
    classes = sorted(layout.entry("label").bins.categories)
    kinds: tuple[tuple[str, Derivation], ...] = (
        ("where it is the label", "score_positive"),
        ("elsewhere", "score_negative"),
    )
    return [
        BinnedColumn(Column(f"score of {name} {where}", "numeric", "outcome"), score_bins(), derive, (name,))
        for name in (classes if 2 < len(classes) <= CLASSES else ())
        for where, derive in kinds
    ]
