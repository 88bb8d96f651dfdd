"""How bins are chosen when a reference is frozen: pure functions of numbers that an engine's SQL has found."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reference_data.bins import Bins

#: Distinct values up to which each value of an ordered column has a cell of its own.
MAX_DISTINCT = 32
#: Categories that have a cell of their own, and values remembered as known to the reference.
MAX_LISTED, MAX_KNOWN = 50, 10_000
#: Quantiles that :func:`ordered_bins` wants: the ends of the bulk, and equal-frequency edges between them.
QUANTILES: tuple[float, ...] = (0.01, *(k / 20 for k in range(1, 20)), 0.99)

_BARS = 24
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_edges(low: float, high: float, bars: int = _BARS) -> list[float]:
    """Return about ``bars`` evenly spaced round numbers that cover ``low`` to ``high``; none if that is no span."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return []
    raw = span / bars
    if raw < 1e-300:  # so few digits are left that no round numbers lie between
        return []
    exponent = math.floor(math.log10(raw))
    scale = 10.0**exponent
    step = min((nice * scale for nice in _NICE_STEPS), key=lambda candidate: abs(math.log(candidate / raw)))
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(index * step, 1 - exponent) for index in range(first, last + 1)]


def _starting_below(minimum: float) -> list[float]:
    below = math.nextafter(minimum, -math.inf)
    return [below] if math.isfinite(below) else []


def ordered_bins(
    minimum: float | None, maximum: float | None, quantiles: Sequence[float], values: Sequence[float] | None = None
) -> Bins:
    """Return the edges of an ordered column.

    Args:
        minimum: Smallest finite value of the reference, or None when it has none (one cell, without edges).
        maximum: Largest finite value.
        quantiles: Values of the column at :data:`QUANTILES`.
        values: All distinct finite values, ascending, if there are at most :data:`MAX_DISTINCT`: each gets its cell, and
            ``display`` equals ``edges``.

    Else the edges are the union of equal-frequency edges (powerful tests), one just below the minimum and one at the maximum
    (values out of range), and round, evenly spaced ones (readable histograms) that go on for one span of the bulk on either
    side, so that what leaves the reference's range can still be seen where it went.
    """
    if minimum is None or maximum is None:
        return Bins("ordered")
    below = _starting_below(minimum)
    if values is not None:
        edges = (*below, *values)
        return Bins("ordered", edges=edges, display=edges)
    low, high = quantiles[0], quantiles[-1]
    around = nice_edges(low - (high - low), high + (high - low), 3 * _BARS)
    display = [edge for edge in around if edge >= 0 or minimum < 0]
    edges = tuple(sorted({*below, *quantiles, *display, maximum}))
    if len(display) < 2:
        display = [edge for edge in edges if edge >= minimum]
    return Bins("ordered", edges=edges, display=tuple(sorted(set(display))))


def score_bins() -> Bins:
    """Return 50 even bins on [0, 1], the same for every score, so that scores by label can be held against each other."""
    steps = [index / 50 for index in range(51)]
    return Bins("ordered", edges=(math.nextafter(0.0, -1.0), *steps[1:]), display=tuple(steps[1:-1]))


def rank_bins() -> Bins:
    """Return a cell for each of the first ten ranks."""
    edges = tuple(float(rank) for rank in range(11))
    return Bins("ordered", edges=edges, display=edges)


def nominal_bins(values: Sequence[str], listed: int = MAX_LISTED, once: float | None = None) -> Bins:
    """Return the cells of a nominal column from its values, most frequent first (one more than kept shows there were more).

    ``once`` as in :class:`~reference_data.bins.Bins`.
    """
    kept = values[: listed + MAX_KNOWN]
    return Bins(
        "nominal",
        categories=tuple(kept[:listed]),
        known=tuple(kept[listed:]),
        known_complete=len(values) <= len(kept),
        once=once,
    )
