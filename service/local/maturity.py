"""How many of the labels that will come have come, and what that means for a metric, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitors.explain import inside
from monitors.explain import number as words_of
from reference_data import lags
from service.local.recall import recalled
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
    starts, rows, labelled, delays = _progress(core, model)
    if not len(starts):
        return [None] * len(windows)
    now = core.now().timestamp()
    waiting = np.zeros(lags.SIZE, dtype=np.int64)
    np.add.at(waiting, lags.cell(now - starts), rows - labelled)
    arrivals = lags.Arrivals(delays, waiting)
    if arrivals.final <= 0:
        return [None] * len(windows)
    come = np.minimum(arrivals.at(now - starts) / arrivals.final, 1.0)
    come = np.maximum(come, labelled / rows)  # whatever lags let expect, what is here has come
    found: list[float | None] = []
    for window in windows:
        first, last = np.searchsorted(starts, [window.start.timestamp(), window.end.timestamp()])
        found.append(float(np.average(come[first:last], weights=rows[first:last])) if last > first else None)
    return found


@recalled("judged")
def _progress(
    core: Core, model: str
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return of each bucket with rows, in order, its start (seconds since 1970), rows and labels; and how long all labels took, by cell."""
    with core.db.cursor() as cursor:
        buckets = load_progress(cursor, model)
    return (
        np.array([bucket.window.start.timestamp() for bucket in buckets]),
        np.array([bucket.rows for bucket in buckets], dtype=np.int64),
        np.array([bucket.labelled for bucket in buckets], dtype=np.int64),
        sum((bucket.delays for bucket in buckets), np.zeros(lags.SIZE, dtype=np.int64)),
    )


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
