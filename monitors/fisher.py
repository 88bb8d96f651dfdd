"""Fisher's exact test of two shares, for any number of rows and without SciPy's statistics, which take long to import."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

_REACH = 40.0  # standard deviations beyond which a probability is nothing even beside 1e-300
_SAME = 1 + 1e-7  # probabilities this close are taken as equal, as SciPy does


def fisher_p(a: int, n: int, b: int, m: int) -> float:
    """Return the two-sided p-value of ``a`` of ``n`` against ``b`` of ``m``: the probability of all tables no likelier than this one.

    Fisher (1922), "On the interpretation of chi-square from contingency tables", J. R. Stat. Soc. 85(1). 1 if a side is empty.
    """
    if not n or not m:
        return 1.0
    total, hits = n + m, a + b
    centre = hits * n / total
    spread = math.sqrt(centre * (1 - hits / total) * m / max(total - 1, 1))
    low = max(0, hits - m, math.floor(centre - _REACH * spread) - 1)
    high = min(hits, n, math.ceil(centre + _REACH * spread) + 1)
    if not low <= a <= high:
        return 0.0
    x = np.arange(low, high + 1, dtype=np.float64)
    # of the hypergeometric distribution, up to a factor that is divided out
    log = -special.gammaln(np.stack([x, n - x, hits - x, m - hits + x]) + 1).sum(axis=0)
    probability = np.exp(log - log.max())
    as_unlikely = probability <= probability[a - low] * _SAME
    return float(min(1.0, probability[as_unlikely].sum() / probability.sum()))
