"""What the reference does by itself: each of its windows against the rest without it.

From that come the design effect of every column, the natural-variation band of every check, and the spread of every metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from monitors.checks._cells import Values
from monitors.drift_null import ENOUGH, PRIOR_FREEDOM, PRIOR_SHIFT, DriftNull, measure
from monitors.evidence import ColumnNull, ShareNull
from monitors.metric_null import MetricNull, metric_nulls
from monitors.new_values import rare_share, with_new_values
from monitors.registry import DECIDING, column_checks, column_values
from monitors.types import Check
from reference_data.declaration import ModelSpec
from reference_data.profile import M2, MEAN, ColumnProfile, Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec

SHARE_CHECKS = ("missing_share", "unseen_share", "out_of_range_share")
JUDGED_OUTCOMES = ("label", "error given inputs", "correct")


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Everything a verdict needs beside the reference itself; follows from the reference, so it need not be stored.

    ``among`` says which windows were held against each other, ``held`` what a window is held against, and ``held_late`` what its
    outcomes are; all are empty when that is simply the whole reference.
    """

    window_spec: WindowSpec
    windows: int
    median_rows: float
    columns: Mapping[str, ColumnNull]
    metrics: Mapping[str, MetricNull]
    inputs: DriftNull
    outcomes: DriftNull | None = None
    among: str = ""
    held: str = ""
    held_late: str = ""

    @property
    def origin(self) -> str:
        """Say in words where thresholds come from."""
        if self.windows >= ENOUGH:
            return f"from the natural variation of {self.windows} {self.among or 'reference windows'}"
        held = "1 window" if self.windows == 1 else f"{self.windows} windows"
        return (
            f"from sampling variation and an assumed natural variation of {PRIOR_SHIFT:g} standard deviations: "
            f"the reference holds only {held}, {ENOUGH} are needed to measure it"
        )


def windows_per_year(window_spec: WindowSpec) -> float:
    """Return how many windows a year of 365.25 days has."""
    days = {"h": 1 / 24, "d": 1.0, "w": 7.0}[window_spec.unit] * window_spec.length
    return 365.25 / days


def calibrate(spec: ModelSpec, reference: Reference, window_spec: WindowSpec) -> Calibration:
    """Measure natural variation on the reference's own windows.

    With fewer than three windows it cannot be measured: sampling variation plus a stated prior stand in
    (:attr:`Calibration.origin` says so).
    """
    return calibrate_together(spec, [reference], window_spec)[0]


def calibrate_together(spec: ModelSpec, parts: Sequence[Reference], window_spec: WindowSpec) -> list[Calibration]:
    """Measure natural variation inside several parts of one reference, such as its Mondays and its Tuesdays.

    Each window is held against the others of its own part; how much they vary is pooled over the parts (the pooled variance of
    a one-way layout, with as many degrees of freedom as there are windows less parts). Returns one calibration a part.
    """
    groups = [_Group.of(part, window_spec) for part in parts]
    columns = _column_nulls(spec, groups)
    windows = sum(group.k for group in groups)
    inputs = measure([(group.windows, group.inputs) for group in groups], groups[0].inputs.layout.names, window_spec)
    late = [(group.windows, group.outcomes) for group in groups if group.outcomes is not None]
    outcomes: list[DriftNull | None] = [None] * len(groups)
    metrics: list[dict[str, MetricNull]] = [{} for _ in groups]
    if len(late) == len(groups):
        layout = late[0][1].layout
        outcomes = [*measure(late, [name for name in JUDGED_OUTCOMES if name in layout.names], window_spec)]
        metrics = metric_nulls(spec, late, window_spec, inputs[0].phi)
    return [
        Calibration(
            window_spec, windows, group.median_rows, columns[place], metrics[place], inputs[place], outcomes[place]
        )
        for place, group in enumerate(groups)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One column of every reference window, and of the rest without that window."""

    window: ColumnProfile
    rest: ColumnProfile


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """The windows of one part of a reference."""

    windows: Sequence[Window]
    median_rows: float
    columns: Mapping[str, _Part]
    inputs: Profile
    outcomes: Profile | None

    @property
    def k(self) -> int:
        """Number of windows."""
        return len(self.windows)

    @classmethod
    def of(cls, reference: Reference, window_spec: WindowSpec) -> _Group:
        kept, inputs, outcomes = reference.windows(window_spec)
        parts: dict[str, _Part] = {}
        for profile, names in ((inputs, inputs.layout.names), (outcomes, JUDGED_OUTCOMES)):
            if profile is not None:
                rest = _without_each(profile)
                held = [name for name in names if name in profile.layout.names]
                parts |= {name: _Part(profile.column(name), rest.column(name)) for name in held}
        return cls(kept, float(np.median(inputs.rows)), parts, inputs, outcomes)


def _without_each(profile: Profile) -> Profile:
    """Return, for each window, all the others merged: the merge formula of Chan et al. (1983) run backwards."""
    total = profile.total()
    n, n_total = profile.valid_counts().astype(np.float64), total.valid_counts().astype(np.float64)
    left = np.maximum(n_total - n, 0.0)
    mean, mean_total = profile.moments[..., MEAN::4], total.moments[..., MEAN::4]
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # values near the largest a number can be: their moments are unknown
        rest_mean = np.divide(n_total * mean_total - n * mean, left, out=np.zeros_like(mean), where=left > 0)
        between = np.divide(n * left, n_total, out=np.zeros_like(mean), where=n_total > 0) * (mean - rest_mean) ** 2
        rest_m2 = np.maximum(total.moments[..., M2::4] - profile.moments[..., M2::4] - between, 0.0)
    moments = np.broadcast_to(total.moments, profile.moments.shape).copy()
    known = np.isfinite(rest_mean) & np.isfinite(rest_m2)
    moments[..., MEAN::4] = np.where(known, rest_mean, np.nan)
    moments[..., M2::4] = np.where(known, rest_m2, np.nan)
    return Profile(profile.layout, total.counts - profile.counts, moments)


def _column_nulls(spec: ModelSpec, groups: Sequence[_Group]) -> list[dict[str, ColumnNull]]:
    freedom = sum(group.k - 1 for group in groups)
    nulls: list[dict[str, ColumnNull]] = [{} for _ in groups]
    for name in groups[0].columns:
        parts = [group.columns[name] for group in groups]
        checks = column_checks(parts[0].window.entry, {DECIDING, *SHARE_CHECKS, *spec.monitor.checks})
        later = [_Part(with_new_values(part.window), part.rest) for part in parts]
        bands = {c.name: _bands(c, later, freedom) for c in checks.values() if c.column_function is not None}
        shares = {check: _share_nulls(check, parts, freedom) for check in SHARE_CHECKS if check in bands}
        for place, group in enumerate(groups):
            nulls[place][name] = ColumnNull(
                windows=group.k,
                shares={check: held[place] for check, held in shares.items()},
                bands={check: held[place] for check, held in bands.items()},
            )
    return nulls


def _bands(check: Check, parts: Sequence[_Part], freedom: int) -> list[tuple[float, float]]:
    """Return each part's 95 % prediction band of a check over reference windows; NaN when there are too few to say.

    ``parts``: the windows as later ones would be (:mod:`monitors.new_values`). A part has a mean of its own, for small windows are
    farther from the rest by chance; the spread is pooled.
    """
    unknown = [(np.nan, np.nan)] * len(parts)
    if freedom < ENOUGH - 1:
        return unknown
    values = [column_values(check, part.rest, part.window) for part in parts]
    values = [held[np.isfinite(held)] for held in values]
    within = sum(max(len(held) - 1, 0) for held in values)
    if within < ENOUGH - 1:
        return unknown
    spread = np.sqrt(sum(float(((held - held.mean()) ** 2).sum()) for held in values if len(held)) / within)
    least = 0.0 if min(float(held.min()) for held in values if len(held)) >= 0 else -np.inf  # a t may be below zero
    bands = []
    for held in values:
        if not len(held):
            bands.append((np.nan, np.nan))
            continue
        reach = _t_quantile(0.975, within) * float(spread) * np.sqrt(1 + 1 / len(held))
        low, high = max(float(held.mean()) - reach, least), float(held.mean()) + reach
        bands.append((low, min(high, 1.0) if check.unit in {"share", "distance", "probability"} else high))
    return bands


def _share_nulls(name: str, parts: Sequence[_Part], freedom: int) -> list[ShareNull]:
    """Return each part's mean share, with the variance between windows that all parts have in common."""
    found = [_shares(name, part, alone=not freedom) for part in parts]
    if name == "unseen_share":
        return [_unseen_null(part, share, n) for part, (share, n) in zip(parts, found, strict=True)]
    means = [float((share * n).sum() / n.sum()) if len(n) else 0.0 for share, n in found]
    every = _joined(n for _, n in found)
    within = len(every) - sum(len(n) > 0 for _, n in found)
    if within < ENOUGH - 1:
        return [ShareNull(mean, 0.0, PRIOR_FREEDOM) for mean in means]
    between = (
        sum(float((n * (share - mean) ** 2).sum()) for (share, n), mean in zip(found, means, strict=True)) / within
    )
    usual = float((_joined(share for share, _ in found) * every).sum() / every.sum())
    tau2 = max(between - usual * (1 - usual), 0.0) / _harmonic(every)
    return [ShareNull(mean, tau2, float(within) if tau2 > 0 else PRIOR_FREEDOM) for mean in means]


def _unseen_null(part: _Part, share: Values, n: Values) -> ShareNull:
    """Return what is to be expected of new values: no window of the reference holds any, by construction.

    Good (1953): the next value is new with a probability of the share of values that were seen once. Of listed values that only one
    window held it is known how many rows they fill; of the others see :func:`monitors.new_values.rare_share`. How much their share
    varies between windows beyond chance is taken from that of all rare ones.
    """
    entry, held = part.window.entry, n.sum()
    if entry.ordered or not held or not entry.bins.known_complete:  # what is not known counts as "other", never as new
        return ShareNull(0.0, 0.0, PRIOR_FREEDOM)
    cells = part.window.cells.sum(axis=0)
    listed = max(float((cells[:-2] == 1).sum()) / held, float((share * n).sum() / held))
    mean = min(listed + rare_share(part.window), 1.0)
    valid = part.window.valid.astype(np.float64)
    usual, others = float(cells[-2] / max(cells.sum(), 1)), part.window.cells[valid > 0, -2] / valid[valid > 0]
    if len(n) < ENOUGH or not 0 < usual < 1:
        return ShareNull(mean, 0.0, PRIOR_FREEDOM)
    between = float((n * (others - usual) ** 2).sum() / (len(n) - 1))
    excess = max(between / (usual * (1 - usual)) - 1, 0.0)
    return ShareNull(mean, excess * mean * (1 - mean) / _harmonic(n), len(n) - 1.0 if excess else PRIOR_FREEDOM)


def _shares(name: str, part: _Part, *, alone: bool) -> tuple[Values, Values]:
    """Return the share in each window that has rows, and these rows."""
    check = column_checks()[name]
    whole = part.window.rows if name == "missing_share" else part.window.valid
    if name == "missing_share":
        share = column_values(check, part.window, part.window)
    else:
        share = np.zeros(1) if alone else column_values(check, part.rest, part.window)
    held = np.isfinite(share) & (whole > 0)
    return share[held], whole[held].astype(np.float64)


def _joined(arrays: Iterable[Values | np.typing.NDArray[np.int64]]) -> Values:
    return np.concatenate([np.asarray(array, dtype=np.float64) for array in arrays])


def _harmonic(n: Values | np.typing.NDArray[np.int64]) -> float:
    held = np.asarray(n, dtype=np.float64)
    held = held[held > 0]
    return float(len(held) / (1 / held).sum()) if len(held) else 1.0


def _t_quantile(p: float, freedom: float) -> float:
    return float(special.stdtrit(freedom, p))
