"""Did the model get worse inside a declared segment? The headline metric of each, in every window and over several together.

Segments share one level (Bonferroni over segments, split over scales as for all rows), so many may be declared without more false pages. A loss counts
where it costs something over all rows. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitors import explain
from monitors.checks._cells import Values, ratio
from monitors.harm import Harm, find_harm
from monitors.metric_null import MetricNull, relative_to, row_skew, row_variance
from monitors.outcome_conditions import named
from monitors.registry import metric_values
from monitors.types import Check, Reading, Verdict
from reference_data.declaration import ModelSpec
from reference_data.profile import Profile
from reference_data.windows import Window

Flags = NDArray[np.bool_]

LEAST_COST = 0.25  # of the tolerance that all rows have: what a loss in a segment must cost over all of them
BORROWED = 10.0  # windows that what all segments vary by weighs as much as, beside what one of them does
LONGEST = 7  # days: of the scales inside segments


@dataclass(frozen=True, slots=True, eq=False)
class SegmentHarm:
    """What was found in the judged windows of one segment. ``share``: of the labelled rows, over the windows that decided."""

    segment: str
    null: MetricNull
    harm: Harm
    share: Values
    weighty: Flags

    @property
    def found(self) -> Flags:
        """Where the segment got worse by more than chance, nature and tolerance, and it costs something over all rows."""
        return self.harm.harmful & self.weighty


def segment_nulls(
    spec: ModelSpec, check: Check, whole: MetricNull, segments: Sequence[str], outcomes: Profile
) -> dict[str, MetricNull]:
    """Return what a metric does inside each segment of a reference; segments of too few labels are left out.

    ``outcomes``: shape (segments, windows), on the rows that were kept of the reference. Natural variation is that of all segments
    together (DerSimonian and Laird 1986), moderated by their own (as Smyth 2004), and no less than that of all rows.
    """
    found: dict[str, MetricNull] = {}
    excess: dict[str, tuple[float, float, float]] = {}  # sum of squares beyond sampling, its weight, degrees of freedom
    for place, name in enumerate(segments):
        own = outcomes[place]
        total = own.total()
        value = float(metric_values(spec, check, total))
        sampling = row_variance(spec, check, total)
        if int(total.rows) < spec.monitor.min_rows or not np.isfinite(value) or not np.isfinite(sampling):
            continue
        scale = relative_to(check, value, total)
        values, rows = metric_values(spec, check, own), own.rows.astype(np.float64)
        held = np.isfinite(values) & (rows > 0)
        n, k = rows[held], int(held.sum())
        square = float((n * (values[held] - value) ** 2).sum()) - (k - 1) * sampling
        excess[name] = square, float(n.sum() - (n**2).sum() / n.sum()), float(k - 1)
        found[name] = replace(
            whole, mean=value, value=value, n=int(total.rows), rows=float(n.sum() / k), windows=k, scale=scale,
            sampling=sampling, skew=row_skew(check, total, value), curved=0.0, fit=_shifted(whole, value),
        )  # fmt: skip
    usable = [name for name, (_, weight, _) in excess.items() if weight > 0]
    units = {name: max(found[name].scale, 1e-12) for name in usable}
    weights = sum(excess[name][1] for name in usable)
    common = sum(excess[name][0] / units[name] ** 2 for name in usable) / weights if weights > 0 else 0.0
    common = max(common, whole.tau2 / max(whole.scale, 1e-12) ** 2, 0.0)
    for name, null in found.items():
        square, weight, freedom = excess[name]
        usual = common * null.scale**2
        own_tau2 = square / weight if weight > 0 else usual
        tau2 = max((freedom * own_tau2 + BORROWED * usual) / (freedom + BORROWED), 0.0)
        sd = float(np.sqrt(null.sampling / null.rows + tau2))
        found[name] = replace(null, tau2=tau2, freedom=max(freedom, whole.freedom) + BORROWED, sd=sd)
    return found


def _shifted(whole: MetricNull, value: float) -> Values | None:
    """Return the season of all rows, about the mean of a segment; its first parameter is the constant."""
    if whole.fit is None:
        return None
    fit = whole.fit.copy()
    fit[0] += value - whole.mean
    return fit


def judge_segment_harm(
    spec: ModelSpec,
    check: Check,
    whole: MetricNull,
    nulls: dict[str, MetricNull],
    windows: Sequence[Window],
    outcomes: dict[str, Profile],
    rows: NDArray[np.int64],
    usable: Flags,
    level: float,
    scales: Sequence[int],
    judged: NDArray[np.int64],
) -> list[SegmentHarm]:
    """Judge a metric inside every segment that has a null.

    ``windows`` are consecutive, with those before the ``judged`` places; ``outcomes`` by segment have shape (windows,), ``rows`` are the
    labels of all segments together. ``level``: false findings allowed a window, over all segments and scales.
    """
    found: list[SegmentHarm] = []
    for name, null in nulls.items():
        profile = outcomes.get(name)
        if profile is None or not profile.rows[judged].any():
            continue
        every = find_harm(spec, check, null, windows, profile, usable, level / len(nulls), scales)
        harm = every[judged]
        share = np.asarray(ratio(harm.n, _over(np.where(usable, rows, 0), every.scale)[judged]))
        cost = np.nan_to_num(share * harm.worse)
        weighty = cost >= LEAST_COST * spec.monitor.performance_tolerance * whole.scale
        found.append(SegmentHarm(name, null, harm, share, np.asarray(weighty)))
    return found


def _over(rows: NDArray[np.int64], scale: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of ``rows`` over the latest ``scale`` windows, a number for each window."""
    sums = np.concatenate([[0], np.cumsum(rows)])
    at = np.arange(len(rows)) + 1
    return np.asarray(sums[at] - sums[np.maximum(at - scale, 0)], dtype=np.int64)


def segment_reading(
    spec: ModelSpec, found: SegmentHarm, place: int, check: Check, blank: Reading, over: str, coverage: float
) -> Reading:
    """Return the reading of a segment in one judged window, which ``blank`` has; ``over`` says of how many windows it speaks."""
    harm, null = found.harm, found.null
    bad, n = bool(found.found[place]), int(harm.n[place])
    verdict: Verdict = "critical" if bad else "ok"
    if harm.judged[place]:
        value, limit = float(harm.value[place]), float(harm.limit[place])
        words = explain.performance(check, value, null.value, limit, worse=bad, over=over)
        words = explain.inside(words)
        share = explain.number(float(found.share[place]), "share")
        words += f" That is {share} of the labelled rows." if bad else ""
    else:
        verdict = "no_data" if n == 0 else "insufficient"
        words = explain.too_few(n, spec.monitor.min_rows, "performance")
    return replace(
        blank, check=check.name, scope="performance", segment=found.segment, unit=check.unit, value=float(harm.value[place]),
        reference_value=null.value, threshold=float(harm.limit[place]), p_value=float(harm.p[place]),
        effect=float(harm.worse[place]) / max(null.scale, 1e-12), n=n, n_reference=null.n, verdict=verdict,
        significant=bool(harm.significant[place]), material=bool(harm.material[place]), harmful=bad,
        scale=int(harm.scale[place]), ci_lower=float(harm.lower[place]), ci_upper=float(harm.upper[place]),
        coverage=coverage, sentence=f"{named(found.segment)}: {words}",
    )  # fmt: skip
