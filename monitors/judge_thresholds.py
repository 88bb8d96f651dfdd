"""Fixed limits, for those who want them: a verdict of their own in the reading of the check that they name.

They hold beside the calibrated verdict: the graver of the two stands. A window of too few rows passes no limit, save those of checks
that are about rows themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from monitors import explain
from monitors.judge_door import DOOR_CHECKS
from monitors.judge_quality import QUALITY_CHECKS, reference_windows
from monitors.new_values import with_new_values
from monitors.own_sql import own_sql
from monitors.reading_blocks import Readings
from monitors.registry import DECIDING, column_checks, column_values
from monitors.rule_asked import asked
from monitors.types import Check, Direction, Reading, Verdict
from reference_data.declaration import ModelSpec, Threshold
from reference_data.plugins import discover
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec

#: Checks of rows and their arrival, and which way is worse.
TRAFFIC: dict[str, Direction] = {
    "row_count": "lower_is_worse",
    "row_volume": "lower_is_worse",
    "label_coverage": "lower_is_worse",
    "freshness": "higher_is_worse",
    "repeated_rows": "higher_is_worse",
    **dict.fromkeys(DOOR_CHECKS, "higher_is_worse"),
}
_RANK: dict[str, int] = {"ok": 0, "warning": 1, "drift": 2, "critical": 3}
_EITHER_WAY = frozenset({"row_count", "row_volume"})  # a relative limit above 1 holds them from above
_SHARES = frozenset({"missing_share", "unseen_share", "out_of_range_share", *QUALITY_CHECKS})


def known_checks() -> frozenset[str]:
    """Return the names of all checks that come with Driftdeck and give readings."""
    rows = discover("monitors.multivariate", "CHECK")
    return frozenset({*column_checks(), *discover("monitors.metrics", "CHECK"), *rows, *TRAFFIC})


def limits_of(spec: ModelSpec) -> list[Threshold]:
    """Return the fixed limits of a model, those of its own checks among them."""
    own = [
        Threshold(check=name, warning=check.warning, critical=check.critical, relative=check.relative)
        for name, check in spec.monitor.custom.items()
        if check.warning is not None or check.critical is not None
    ]
    return [*spec.monitor.thresholds, *own]


def about(limit: Threshold, reading: Reading) -> bool:
    """Whether a limit is about a reading."""
    return limit.check == reading.check and limit.column in (None, reading.column) and limit.segment == reading.segment


def patient(limit: Threshold) -> bool:
    """Whether a limit has an alert of its own: it waits for more windows, has a value at which it clears, or holds inside a segment."""
    return limit.clear is not None or limit.windows != "1 of 1" or limit.segment is not None


def fixed_verdict(
    spec: ModelSpec, reading: Reading, ways: Mapping[str, Direction] | None = None, *, told_at_once: bool = False
) -> tuple[Verdict, float] | None:
    """Return the gravest verdict that a reading's fixed limits give, with the limit that it passed; None if it passed none.

    ``ways``: which way is worse, of checks that are a team's own files. ``told_at_once``: by limits that are not :func:`patient` only.
    """
    found: tuple[Verdict, float] | None = None
    if not sayable(reading):
        return None
    for limit in limits_of(spec):
        if not about(limit, reading) or (told_at_once and patient(limit)):
            continue
        passed = passed_limit(spec, limit, reading, ways)
        if passed is not None and (found is None or _RANK[passed[0]] > _RANK[found[0]]):
            found = passed
    return found


def passed_limit(
    spec: ModelSpec, limit: Threshold, reading: Reading, ways: Mapping[str, Direction] | None = None
) -> tuple[Verdict, float] | None:
    """Return the graver verdict of one limit that a reading passes, with the value that it passes; None if it passes none."""
    grades: tuple[tuple[Verdict, float | None], ...] = (("critical", limit.critical), ("warning", limit.warning))
    for verdict, value in grades:
        bound = None if value is None else _bound(limit, value, reading)
        if value is not None and bound is not None and _passes(spec, limit, value, bound, reading, ways or {}):
            return verdict, bound
    return None


def cleared(spec: ModelSpec, limit: Threshold, reading: Reading) -> bool:
    """Whether a reading that passes no limit is back within the value at which it clears, if one is declared."""
    bound = None if limit.clear is None else _bound(limit, limit.clear, reading)
    return limit.clear is None or bound is None or not _passes(spec, limit, limit.clear, bound, reading, {})


def sayable(reading: Reading) -> bool:
    """Whether there is enough in a window to hold it to a limit."""
    if not math.isfinite(reading.value) or reading.verdict == "error":
        return False
    if reading.scope == "traffic":
        return reading.n > 0
    return reading.verdict not in ("insufficient", "no_data")


def _bound(limit: Threshold, value: float, reading: Reading) -> float | None:
    if not limit.relative:
        return value
    own = reading.reference_value
    if not math.isfinite(own):
        own = (reading.lower + reading.upper) / 2
    return value * own if math.isfinite(own) else None


def _passes(
    spec: ModelSpec, limit: Threshold, value: float, bound: float, reading: Reading, ways: Mapping[str, Direction]
) -> bool:
    way = direction(spec, limit.check, ways)
    if limit.check in _EITHER_WAY and limit.relative and value > 1:
        way = "higher_is_worse"
    if way == "lower_is_worse":
        return reading.value < bound
    found = abs(reading.value) if way == "both" else reading.value
    return found >= bound if bound else found > bound


def direction(spec: ModelSpec, check: str, ways: Mapping[str, Direction]) -> Direction:
    """Return which way is worse for a check; both ways mean that its size counts, whatever its sign."""
    own = own_sql(spec).get(check)
    if own is not None:
        way = own.check.direction
        return "higher_is_worse" if way == "both" else way
    metrics: dict[str, Check] = discover("monitors.metrics", "CHECK")
    known: Check | None = column_checks().get(check) or metrics.get(check)
    return ways.get(check) or TRAFFIC.get(check) or ("both" if known is None else known.direction)


def with_limits(spec: ModelSpec, readings: Sequence[Reading], ways: Mapping[str, Direction] | None = None) -> Readings:
    """Return the readings with the verdicts of their fixed limits, where these are the graver ones."""
    limited = {limit.check for limit in limits_of(spec)}
    return Readings.of(readings).changed(
        lambda reading: reading.check in limited,
        lambda reading: _limited(spec, reading, fixed_verdict(spec, reading, ways)),
    )


def _limited(spec: ModelSpec, reading: Reading, found: tuple[Verdict, float] | None) -> Reading:
    if found is None:
        return reading
    verdict, bound = found
    way = "below" if reading.value < bound else "at or above"
    words = f"{reading.sentence} {explain.number(reading.value, reading.unit)} is {way} the fixed limit of {explain.number(bound, reading.unit)} ({verdict})."
    if _RANK.get(reading.verdict, 0) >= _RANK[verdict]:
        return replace(reading, sentence=words)
    told = fixed_verdict(spec, reading, told_at_once=True) is not None  # else what was judged of it is still needed
    return replace(reading, verdict=verdict, threshold=bound, material=told or reading.material, sentence=words)


def as_judged(spec: ModelSpec, readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return the readings without the verdicts that only patient limits gave them: these have alerts of their own."""
    ours = {(limit.check, limit.segment) for limit in spec.monitor.thresholds if patient(limit)}
    if not ours:
        return readings
    return [
        replace(reading, verdict=_before(reading))
        if (reading.check, reading.segment) in ours and _raised(spec, reading)
        else reading
        for reading in readings
    ]


def _raised(spec: ModelSpec, reading: Reading) -> bool:
    """Whether a reading's verdict is that of a patient limit: it stands at the limit's value, as no judged one does."""
    found = fixed_verdict(spec, reading)
    at_once = fixed_verdict(spec, reading, told_at_once=True)
    return found is not None and (reading.verdict, reading.threshold) == found and at_once is None


def _before(reading: Reading) -> Verdict:
    """Return the verdict that a reading had before a limit raised it."""
    if not (reading.significant and reading.material):
        return "ok"
    if reading.check == DECIDING:
        return "drift"
    return "warning" if reading.check in _SHARES or reading.scope != "column" else "ok"


# -- checks that are read for the sake of their limits ------------------------------------------------------------------
def limited_checks(spec: ModelSpec) -> frozenset[str]:
    """Return the checks that have a fixed limit, or that rules or the monitor name."""
    return frozenset({check for check, _ in asked(spec)} | set(spec.monitor.checks))


def unread(
    spec: ModelSpec,
    readings: Sequence[Reading],
    reference: Reference,
    window_spec: WindowSpec,
    windows: Sequence[Window],
    inputs: Profile,
    blank: Reading,
) -> Iterator[Reading]:
    """Yield readings of column checks that a limit or a rule names, and of which none is among ``readings``; inputs: (windows,)."""
    named = asked(spec)
    wanted = {check for check, _ in named} & column_checks().keys() - set(QUALITY_CHECKS)
    if not wanted:
        return
    there = {(reading.check, reading.column) for reading in readings if reading.segment is None}
    total, before = reference.inputs.total(), reference_windows(reference, window_spec)
    for name in total.layout.names:
        base, now = total.column(name), inputs.column(name)
        for check in column_checks(base.entry, wanted).values():
            if (check.name, name) in there or not {(check.name, None), (check.name, name)} & named:
                continue
            value = column_values(check, base, now)
            usual = column_values(check, base, with_new_values(before.column(name)))
            own = float(np.nanmean(usual)) if np.isfinite(usual).any() else math.nan
            for i, window in enumerate(windows):
                rows, n = int(now.rows[i]), int(now.valid[i])
                of = rows if check.name == "missing_share" else n
                few: Verdict = "no_data" if rows == 0 else "insufficient"
                verdict: Verdict = few if of < spec.monitor.min_rows else "ok"
                sentence = (
                    explain.measured(check, name, float(value[i]), "")
                    if verdict == "ok"
                    else explain.too_few(of, spec.monitor.min_rows, name)
                )
                yield replace(
                    blank, check=check.name, scope="column", column=name, window=window, value=float(value[i]), reference_value=own,
                    n=of, n_reference=int(base.valid), unit=check.unit, verdict=verdict, sentence=sentence,
                    effect=float(value[i]),
                )  # fmt: skip
