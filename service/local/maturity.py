"""How many of the labels that will come have come, and what that means for a metric, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from monitors.explain import inside
from monitors.explain import number as words_of
from reference_data import lags
from storage.labels import load_progress

if TYPE_CHECKING:
    from monitors.types import Check
    from reference_data.windows import Window
    from service.local.core import Core

FEW, _MATURE = (
    0.5,
    0.95,
)  # share of the labels to come: below the first only the fast ones are here, above the other nearly all


def maturity(core: Core, model: str, windows: Sequence[Window]) -> list[float | None]:
    """Return, for each window, the share of the labels that will come which are to be expected by now; None without anything to tell by.

    From the lags of all labels so far (:class:`reference_data.lags.Arrivals`) at the present age of each bucket, weighted by rows,
    over the share of rows that ever get a label; never less than the share of rows that have one.
    """
    with core.db.cursor() as cursor:
        buckets = load_progress(cursor, model)
    if not buckets:
        return [None] * len(windows)
    now = core.now().timestamp()
    starts = np.array([bucket.window.start.timestamp() for bucket in buckets])
    rows = np.array([bucket.rows for bucket in buckets], dtype=np.float64)
    waiting = np.zeros(lags.SIZE, dtype=np.int64)
    np.add.at(waiting, lags.cell(now - starts), [bucket.rows - bucket.labelled for bucket in buckets])
    arrivals = lags.Arrivals(sum((bucket.delays for bucket in buckets), np.zeros(lags.SIZE, dtype=np.int64)), waiting)
    if arrivals.final <= 0:
        return [None] * len(windows)
    come = np.minimum(arrivals.at(now - starts) / arrivals.final, 1.0)
    labelled = np.array([bucket.labelled for bucket in buckets], dtype=np.float64)
    here = np.divide(labelled, rows, out=np.zeros(len(rows)), where=rows > 0)
    come = np.maximum(come, here)  # whatever lags let expect, what is here has come
    found: list[float | None] = []
    for window in windows:
        inside = (starts >= window.start.timestamp()) & (starts < window.end.timestamp()) & (rows > 0)
        found.append(float(np.average(come[inside], weights=rows[inside])) if inside.any() else None)
    return found


def told(
    check: Check,
    value: float,
    interval: tuple[float, float],
    n: int,
    coverage: float | None,
    mature: float | None,
) -> str:
    """Say a metric of one window with its interval, and whether labels enough are here to rely on it."""
    if not n:
        return f"No labels have come yet, so {check.label} cannot be said."
    if math.isnan(value):
        return f"{check.label} cannot be said of these {n:,} labels."
    shown = f"{check.label} is {words_of(value, check.unit)}"
    if not math.isnan(interval[0]):
        shown += f", between {words_of(interval[0], check.unit)} and {words_of(interval[1], check.unit)} at 95 %"
    come = "" if coverage is None else f"{coverage:.0%} of the labels are here".replace("%", " %")
    if not come or (mature is not None and mature >= _MATURE):
        return f"{shown}, by {n:,} labels."
    if mature is not None and mature < FEW:
        return f"{come}, and they are the fast ones: {inside(shown)} so far, but the slow ones may differ."
    return f"{come}: {inside(shown)} so far, by {n:,} labels."
