"""Verdicts on what a column holds at all: categories that are gone, how many there are, a value that is stuck, what lies out of range.

They follow from profiles. A reading is made where something is wrong, and in every window of checks that a monitor names.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors import explain
from monitors.checks._cells import Values, ratio
from monitors.reading_blocks import Block, Readings
from monitors.registry import column_checks, column_values
from monitors.types import Check, Reading, Verdict
from reference_data.profile import ColumnProfile, Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec

QUALITY_CHECKS = ("vanished_share", "constant", "cardinality")
SOLID = 0.01  # share of the reference from which on a category is missed
PRIOR_SIZE = (
    50.0  # of a beta distribution: how steady a share is taken to be where the reference has too few windows to tell
)
LEAST_SPREAD = 0.1  # a share varies by this part of itself at least
CHANGED = 0.2  # part of the usual number of categories by which it must change to matter
_NOTHING_AT_ZERO = ("vanished_share", "constant")  # nothing is gone, or stuck
_ENOUGH = 3  # reference windows from which on variation is measured
_MOST_FREEDOM = 12.0
_NAMED = 5
_UNLISTED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What a check says of each window: NaN where nothing can be said."""

    p: Values
    material: NDArray[np.bool_]
    usual: Values
    lower: Values
    upper: Values


def quality_readings(
    reference: Reference,
    window_spec: WindowSpec,
    windows: Sequence[Window],
    inputs: Profile,
    blank: Reading,
    level: float,
    *,
    least: int,
    named: Collection[str] = (),
) -> list[Reading]:
    """Return the readings of :data:`QUALITY_CHECKS` for windows whose profiles are ``inputs`` (windows,).

    ``level``: the largest significant p-value, of all columns and checks together; ``least``: rows a window needs; ``named``: checks that
    get a reading in every window. A column that cannot be judged gets a reading that says why.
    """
    known = _reference_columns(reference, window_spec)
    each = level / (max(len(known), 1) * len(QUALITY_CHECKS))
    found: list[Reading] = []
    applicable = {
        entry.bins.kind: tuple(column_checks(entry, QUALITY_CHECKS).values())
        for entry in reference.inputs.layout.columns
    }
    for name, (base, past) in known.items():
        now = inputs.column(name)
        for check in applicable[base.entry.bins.kind]:
            try:
                found += _readings(check, base, now, past, windows, blank, each, least, every=check.name in named)
            except Exception as error:
                words = f"{name} could not be judged: {error}"
                made = replace(blank, check=check.name, column=name, unit=check.unit, n_reference=int(base.valid))
                found += [replace(made, window=w, verdict="error", error=words, sentence=words) for w in windows]
    return found


@lru_cache(maxsize=16)
def reference_windows(reference: Reference, window_spec: WindowSpec) -> Profile:
    """Return the profile of every window of a reference that holds rows, small ones too; one window if it has no times."""
    groups: dict[Window, list[int]] = {}
    for index, bucket in enumerate(reference.buckets):
        groups.setdefault(window_spec.containing(bucket), []).append(index)
    parts = [reference.inputs[np.asarray(rows)].total() for rows in groups.values()]
    stacked = Profile(
        reference.inputs.layout, np.stack([p.counts for p in parts]), np.stack([p.moments for p in parts])
    )
    return stacked[stacked.rows > 0] if (stacked.rows > 0).any() else stacked


@lru_cache(maxsize=16)
def _reference_columns(reference: Reference, window_spec: WindowSpec) -> dict[str, tuple[ColumnProfile, ColumnProfile]]:
    """Return each column of a reference as a whole and by window; what is usual follows from these, and is remembered by them."""
    total, past = reference.inputs.total(), reference_windows(reference, window_spec)
    return {name: (total.column(name), past.column(name)) for name in total.layout.names}


def _readings(
    check: Check,
    base: ColumnProfile,
    now: ColumnProfile,
    past: ColumnProfile,
    windows: Sequence[Window],
    blank: Reading,
    level: float,
    least: int,
    *,
    every: bool,
) -> list[Reading]:
    value = column_values(check, base, now)
    if not every and check.name in _NOTHING_AT_ZERO and not (value > 0).any():
        return []
    name, n = base.entry.column.name, now.valid
    finding = _FINDINGS[check.name](base, now, past, value, least)
    judged = (n >= least) & (int(base.valid) >= least)
    significant = judged & (np.nan_to_num(finding.p, nan=1.0) < level)
    material = judged & finding.material
    broken = significant & material
    found = []
    for i in np.flatnonzero(broken | every).tolist():
        state: Verdict = "no_data" if now.rows[i] == 0 else "insufficient" if not judged[i] else "ok"
        found.append(
            replace(
                blank,
                check=check.name,
                column=name,
                unit=check.unit,
                n_reference=int(base.valid),
                window=windows[i],
                value=float(value[i]),
                reference_value=float(finding.usual[i]),
                threshold=float(finding.lower[i] if value[i] < finding.usual[i] else finding.upper[i]),
                lower=float(finding.lower[i]),
                upper=float(finding.upper[i]),
                p_value=float(finding.p[i]) if judged[i] else np.nan,
                effect=float(abs(value[i] - finding.usual[i])),
                n=int(n[i]),
                verdict="warning" if broken[i] else state,
                significant=bool(significant[i]),
                material=bool(material[i]),
                sentence=_sentence(check, base, now, i, float(value[i]), finding, state, least, broken=bool(broken[i])),
            )
        )
    return found


def _sentence(
    check: Check,
    base: ColumnProfile,
    now: ColumnProfile,
    i: int,
    value: float,
    finding: Finding,
    state: Verdict,
    least: int,
    *,
    broken: bool,
) -> str:
    name, n = base.entry.column.name, int(now.valid[i])
    if state == "no_data":
        return f"No values of {name} arrived in this window."
    if state == "insufficient":
        few = int(base.valid) < least
        return (
            f"In the reference {explain.too_few(int(base.valid), least, name)}"
            if few
            else explain.too_few(n, least, name)
        )
    share = explain.number(value, "share")
    if check.name == "constant":
        if not value:
            return f"{name} varies, as it should."
        what = _only(now, i)
        return f"All {n:,} values of {name} are {what}" + ("; in the reference they vary." if broken else ".")
    if check.name == "vanished_share":
        gone = _gone(base, now, i)
        if not gone:
            return f"Every category of {name} that the reference lists came."
        held = f"{'is' if len(gone) == 1 else 'are'} gone: {share} of the reference's values were {'it' if len(gone) == 1 else 'theirs'}"
        what = f"{name} = {_listed(gone)}"
        return (
            f"{what} {held}, and chance does not keep them from {n:,}."
            if broken
            else f"{what} did not come: {share} of the reference's values, which {n:,} values may lack by chance."
        )
    usual = explain.number(float(finding.usual[i]))
    band = f"; {explain.number(float(finding.lower[i]))} to {explain.number(float(finding.upper[i]))} is usual"
    listed = f" ({len(base.entry.bins.categories):,} are listed; other known ones count as one, and so do new ones)"
    counted = f"{value:,.0f} categories{listed if base.cells[-_UNLISTED:].any() else ''}"
    return f"{n:,} values of {name} are of {counted}, where {usual} were to be expected{'' if broken or not np.isfinite(finding.upper[i]) else band}."


def _only(now: ColumnProfile, i: int) -> str:
    if now.minimum is not None:
        return explain.number(float(now.minimum[i]))
    return str(now.entry.bins.labels[int(now.cells[i].argmax())])


def _gone(base: ColumnProfile, now: ColumnProfile, i: int) -> list[str]:
    cells = np.where(now.cells[i, :-_UNLISTED] == 0, base.cells[:-_UNLISTED], 0)
    order = np.argsort(-cells, kind="stable")
    return [base.entry.bins.labels[place] for place in order.tolist() if cells[place] > 0]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


# -- what chance and habit do ------------------------------------------------------------------------------------------
_USUAL = 4096  # columns of references of which it is remembered what is usual


def _vanished(base: ColumnProfile, now: ColumnProfile, past: ColumnProfile, value: Values, least: int) -> Finding:
    """Return the chance that the solid categories of a window that are empty would be, by a beta-binomial of each (Skellam 1948).

    A category that stayed away from a reference window of enough rows does that by itself, and is not missed.
    """
    p, solid, alpha, beta, usual = _categories(base, past, least)
    missing = np.flatnonzero(((now.cells[:, :-_UNLISTED] == 0) & solid).any(axis=1))  # hardly any window
    k = len(value)
    chance, mass = np.ones(k), np.zeros(k)
    if len(missing):
        n = now.valid[missing]
        with np.errstate(invalid="ignore"):
            away = np.exp(special.betaln(alpha, beta + n[:, None]) - special.betaln(alpha, beta))
        empty = (now.cells[missing, :-_UNLISTED] == 0) & solid
        chance[missing] = np.where(empty, away, 1.0).min(axis=1) * max(int(solid.sum()), 1)
        mass[missing] = np.where(empty, p, 0.0).sum(axis=1)
    chance = np.where(now.valid > 0, np.minimum(chance, 1.0), np.nan)
    return Finding(chance, mass >= SOLID, np.full(k, usual), np.zeros(k), np.full(k, usual + SOLID))


@lru_cache(maxsize=_USUAL)
def _categories(
    base: ColumnProfile, past: ColumnProfile, least: int
) -> tuple[Values, NDArray[np.bool_], Values, Values, float]:
    """Return the categories' shares, which are solid, the parameters of their beta distributions, and the usual share of those that are gone."""
    before = past.cells[:, :-_UNLISTED].astype(np.float64)
    n = past.valid.astype(np.float64)
    p = np.nan_to_num(ratio(base.cells[:-_UNLISTED], base.valid))
    size = _sizes(p, before, n)
    shy = (before[n >= least] == 0).any(axis=0) if (n >= least).any() else np.zeros(len(p), dtype=bool)
    usual = _mean_value("vanished_share", base, past)
    return p, (p >= SOLID) & ~shy, p * size, np.maximum((1 - p) * size, 1e-9), usual


def _sizes(p: Values, before: Values, n: Values) -> Values:
    """Return how steady each share is, as the size of a beta distribution: by moments over the reference's windows, on the careful side."""
    k = int((n > 0).sum())
    if k < _ENOUGH:
        return np.full(len(p), PRIOR_SIZE)
    share = ratio(before, n[:, None])[n > 0]
    sampling = p * (1 - p) * float((1 / n[n > 0]).mean())
    between = np.maximum(share.var(axis=0, ddof=1) - sampling, 0.0) * (1 + 2 * np.sqrt(2 / (k - 1)))
    between = np.maximum(between, (LEAST_SPREAD * p) ** 2)
    size = np.divide(p * (1 - p), between, out=np.full(len(p), np.inf), where=between > 0) - 1
    return np.asarray(np.clip(size, 2.0, 1e6), dtype=np.float64)


def _constant(base: ColumnProfile, now: ColumnProfile, past: ColumnProfile, value: Values, least: int) -> Finding:
    """Return the chance that all values agree: the largest share that one cell had in any reference window, n - 1 times."""
    most, once = _one_value(base, past, least)
    k = len(value)
    known = int(base.valid) > 0 and not once
    same = np.nan_to_num(value) == 1
    p = np.where(same & known, most ** np.maximum(now.valid - 1.0, 0), 1.0)
    none = np.full(k, np.nan)
    return Finding(np.where(now.valid > 0, p, np.nan), same, np.full(k, float(once)), none, none)


@lru_cache(maxsize=_USUAL)
def _one_value(base: ColumnProfile, past: ColumnProfile, least: int) -> tuple[float, bool]:
    """Return the largest share that one cell had in any reference window, and whether all values of one agreed."""
    enough = past.valid >= min(least, int(past.valid.max(initial=0)))
    most = float(np.nan_to_num(ratio(past.cells.max(axis=-1), past.valid))[enough].max(initial=0.0))
    if int((past.valid > 0).sum()) < _ENOUGH:
        most = (1 + most) / 2
    return most, bool(np.nan_to_num(column_values(column_checks()["constant"], base, past))[enough].any())


def _cardinality(base: ColumnProfile, now: ColumnProfile, past: ColumnProfile, value: Values, least: int) -> Finding:
    """Return how far the number of categories is from what so many rows hold, by the misses of the reference's own windows."""
    miss, between, freedom = _misses(base, past, least)
    mean, sampling = _distinct(base, now.valid)
    if not freedom:
        unknown = np.full(len(value), np.nan)
        return Finding(unknown, np.zeros(len(value), dtype=bool), mean, unknown, unknown)
    centre = mean + miss
    spread = np.sqrt(np.maximum(sampling + between, 0.25))
    p_value = 2 * special.stdtr(freedom, -np.abs(value - centre) / spread)
    reach = float(special.stdtrit(freedom, 0.975)) * spread
    material = np.abs(np.nan_to_num(value) - centre) >= np.maximum(2.0, CHANGED * centre)
    return Finding(np.asarray(p_value), material, centre, np.maximum(centre - reach, 0.0), centre + reach)


def _distinct(base: ColumnProfile, n: NDArray[np.int64]) -> tuple[Values, Values]:
    """Return how many categories windows of ``n`` values hold, and the variance of that.

    A category of share p shows among n values with probability 1 - (1 - p)^n.
    """
    p = np.nan_to_num(ratio(base.cells, base.valid))
    distinct, which = np.unique(n, return_inverse=True)  # windows have the same few numbers of values
    shown = 1 - (1 - p) ** distinct[:, None]
    return shown.sum(axis=1)[which], (shown * (1 - shown)).sum(axis=1)[which]


@lru_cache(maxsize=_USUAL)
def _misses(base: ColumnProfile, past: ColumnProfile, least: int) -> tuple[float, float, float]:
    """Return by how much reference windows miss :func:`_distinct`: the mean, the variance beyond sampling, and degrees of freedom (0: too few)."""
    enough = past.valid >= min(least, int(past.valid.max(initial=0)))
    k = int(enough.sum())
    if k < _ENOUGH:
        return 0.0, 0.0, 0.0
    was, noise = _distinct(base, past.valid[enough])
    miss = (past.cells[enough] > 0).sum(axis=1) - was
    between = max(float(miss.var(ddof=1)) - float(noise.mean()), 0.0) * (1 + 2 * np.sqrt(2 / (k - 1)))
    return float(miss.mean()), float(between * (1 + 1 / k)), min(k - 1.0, _MOST_FREEDOM)


def _mean_value(name: str, base: ColumnProfile, past: ColumnProfile) -> float:
    values = column_values(column_checks()[name], base, past)
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


_FINDINGS = {"vanished_share": _vanished, "constant": _constant, "cardinality": _cardinality}


# -- ranges ------------------------------------------------------------------------------------------------------------
def with_ranges(
    readings: Sequence[Reading], reference: Profile, windows: Sequence[Window], inputs: Profile
) -> Readings:
    """Say in readings of out-of-range shares how far values went, beside the reference's own minimum and maximum."""
    place = {window.start: i for i, window in enumerate(windows)}

    def concerned(reading: Block | Reading) -> bool:
        if reading.check != "out_of_range_share" or reading.column not in inputs.layout.names:
            return False
        return not isinstance(reading, Block) or reading.has("warning")

    def told(reading: Reading) -> Reading:
        if reading.verdict != "warning" or reading.window.start not in place or reading.column is None:
            return reading
        base, now = reference.column(reading.column), inputs.column(reading.column)
        return replace(reading, sentence=f"{reading.sentence} {_range(base, now, place[reading.window.start])}")

    return Readings.of(readings).changed(concerned, told)


def _range(base: ColumnProfile, now: ColumnProfile, i: int) -> str:
    assert base.minimum is not None
    assert base.maximum is not None
    assert now.minimum is not None
    assert now.maximum is not None
    filled = np.flatnonzero(base.cells > 0)
    below, above = int(now.cells[i, : filled[0]].sum()), int(now.cells[i, filled[-1] + 1 :].sum())
    low, high = explain.number(float(now.minimum[i])), explain.number(float(now.maximum[i]))
    reach = f"all values are {low} now" if now.minimum[i] == now.maximum[i] else f"values now go from {low} to {high}"
    sides = (
        [f"{below:,} {_rows_are(below)} below the reference's lowest, {explain.number(float(base.minimum))}"]
        if below
        else []
    )
    sides += (
        [f"{above:,} {_rows_are(above)} above the reference's highest, {explain.number(float(base.maximum))}"]
        if above
        else []
    )
    return f"{' and '.join(sides)}; {reach}."


def _rows_are(count: int) -> str:
    return "value is" if count == 1 else "values are"
