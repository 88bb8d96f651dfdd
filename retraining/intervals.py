"""How sure one can be of a change: intervals that know that rows of one day resemble each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

#: Below this many days, stretches of a day are taken instead; above, neighbouring days are put together.
LEAST_BLOCKS, MOST_BLOCKS = 5, 60
_STRETCHES = 10
METHOD = (
    "95 % intervals: delete-a-group jackknife of the paired change over {blocks}, Student's t with {freedom} degrees of freedom "
    "(Shao and Tu 1995, The Jackknife and Bootstrap; Kott 2001, Journal of Official Statistics 17)"
)


def blocks_of(times: pd.DatetimeIndex, timezone: str) -> tuple[NDArray[np.int64], str]:
    """Number ascending aware times by local day (or by ten stretches where there are fewer than five days).

    Returns the numbers, from 0 without gaps, and what a block is, in words.
    """
    _, days = np.unique(times.tz_convert(timezone).date, return_inverse=True)
    count = int(days.max()) + 1 if len(days) else 0
    if count < LEAST_BLOCKS:
        stretches = min(_STRETCHES, len(times))
        return np.arange(len(times), dtype=np.int64) * stretches // max(len(times), 1), f"{stretches} stretches of time"
    blocks = min(count, MOST_BLOCKS)
    what = f"{count} days" if blocks == count else f"{blocks} groups of neighbouring days"
    return np.asarray(days * blocks // count, dtype=np.int64), what


def jackknife(
    change: Callable[[NDArray[np.intp]], float], rows: NDArray[np.intp], blocks: NDArray[np.int64]
) -> tuple[float, float] | None:
    """Return the 95 % interval of ``change(rows)``, leaving out one block at a time.

    ``blocks`` numbers *all* rows, ``rows`` are positions among them. With G blocks and estimates d_g without block g,
    se² = (G - 1)/G · sum (d_g - mean d)², and the interval is d ± t(G - 1) · se. None with fewer than five blocks, or when
    the change cannot be computed without one of them.
    """
    own = blocks[rows]
    present = np.unique(own)
    groups = len(present)
    if groups < LEAST_BLOCKS:
        return None
    without = np.array([change(rows[own != block]) for block in present])
    if not np.isfinite(without).all():
        return None
    error = float(np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum()))
    reach = float(stats.t.ppf(0.975, groups - 1)) * error
    middle = change(rows)
    return middle - reach, middle + reach
