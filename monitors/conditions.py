"""What one window's readings amount to: at most one condition for each cause-group.

The groups are ``outcome`` (performance or concept drift), ``data_drift``, ``prediction_drift``, ``data_quality``, ``arrival`` (how rows
come, whatever they hold) and ``no_data``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from monitors import outcome_conditions, row_conditions, segment_conditions
from monitors.failing_checks import FAILING, failing
from monitors.judge_door import DOOR_CHECKS
from monitors.quality_conditions import (
    Found,
    arrival_judged,
    business_judged,
    quality_conditions,
    rows_judged,
    service_judged,
    usually_empty,
)
from monitors.registry import CONCEPT_COLUMNS, DECIDING
from monitors.types import Alert, Reading
from reference_data.alerting import AlertKind
from reference_data.declaration import ModelSpec

Severity = Literal["notice", "warning", "page"]
_RANK: dict[str, int] = {"notice": 0, "warning": 1, "page": 2}

LEANED_ON = 0.05  # share of the total importance from which a model leans on a column
LIMITS = frozenset({"limit of data_drift", "limit of prediction_drift", "limit of data_quality"})  # fixed ones
_INPUT_GROUPS = LIMITS | {
    segment_conditions.GROUP,
    row_conditions.GROUP,
    "data_drift",
    "prediction_drift",
    "data_quality",
}
STANDING = frozenset({"job", "watchdog"})  # kinds of alerts that no window says anything of
ARRIVAL = (
    "arrival"  # the group of data quality that is about no column; its members are the checks that found something
)
_PREDICTIONS = frozenset({"prediction", "score"})
_OUTCOMES = frozenset({"label", *CONCEPT_COLUMNS})
_QUALITY = {
    "missing_share": "is missing {} often",
    "unseen_share": "has new categories",
    "out_of_range_share": "has values outside the reference's range",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Why a group is in alert in this window.

    ``needs`` (n, m): it must hold in n of the latest m windows before anyone is told. ``holding``: it raises no alert, and only keeps an
    open one of its group from getting quiet (a reading that is back below its limit, and has not passed its clearing value yet).
    """

    kind: AlertKind
    severity: Severity
    column: str | None
    members: tuple[str, ...]
    significant: bool
    material: bool
    harmful: bool
    headline: str
    message: str
    needs: tuple[int, int] = (1, 1)
    segment: str | None = None  # the worst one, where it is about drift inside segments
    limit: str | None = None  # the check whose fixed limit was passed, where it is about that
    strength: float = 0.0  # the foremost reading's effect, where windows can be compared by it
    resolve_after: int | None = None  # quiet windows until it is resolved; None: as the monitor's
    runbook: str | None = None
    rule: str | None = None  # the team's own rule that holds: each is a group of its own
    owner: str | None = None  # None: the model's
    source: str | None = None  # the source of rows it is about
    holding: bool = False


def severity_rank(severity: str) -> int:
    """Return 0 for a notice, 1 for a warning, 2 for a page."""
    return _RANK[severity]


def rule_group(rule: str) -> str:
    """Return the group of one of the team's own rules."""
    return f"rule {rule}"


def group_of(
    kind: str,
    segment: str | None = None,
    column: str | None = None,
    limit: str | None = None,
    rule: str | None = None,
    source: str | None = None,
) -> str:
    """Return the cause-group of an alert: at most one alert of a group is open at a time.

    A fixed limit that is passed day by day would swallow the drift that comes later: it is a story of its own. So is every rule of the
    team's own, and every source.
    """
    if rule is not None:
        return rule_group(rule)
    if kind in STANDING:
        return kind if source is None else f"{kind} of {source}"
    if kind in outcome_conditions.KINDS:  # also where only a segment is hit
        return outcome_conditions.GROUP
    if segment is not None:
        return segment_conditions.GROUP
    if limit is not None and f"limit of {kind}" in LIMITS:
        return f"limit of {kind}"
    if kind == "data_quality" and column is None:
        return ARRIVAL
    if kind == "data_drift" and column is None:
        return row_conditions.GROUP
    return kind


def alert_group(alert: Alert) -> str:
    """Return an alert's cause-group."""
    return group_of(alert.kind, alert.segment, alert.column, alert.limit, alert.rule, alert.source)


def leans_on(spec: ModelSpec, column: str | None, importance: Mapping[str, float] | None) -> bool:
    """Return whether the model leans on a column: a feature with 5 % of the importance or more, or of unknown importance."""
    if column is None or column in spec.context or column in _PREDICTIONS | _OUTCOMES:
        return False
    total = sum(importance.values()) if importance else 0.0
    return total <= 0 or importance is None or importance.get(column, 0.0) / total >= LEANED_ON


def conditions(
    readings: Sequence[Reading],
    spec: ModelSpec,
    importance: Mapping[str, float] | None,
    every: Sequence[Reading] | None = None,
) -> dict[str, Condition]:
    """Return the conditions of one window by group. ``every``: all readings of the window, where ``readings`` are only those to tell of."""
    every = readings if every is None else every
    inside = _in_segments(segment_conditions.inside_segments(readings, every))
    outcome = _outcome(readings, spec, importance, every)
    readings = [reading for reading in readings if reading.segment is None]
    drifted = {reading.column for reading in _drifted(every) if reading.segment is None}
    columns, away = _data_quality(readings, spec, drifted), _columns_away(readings)
    if columns is not None and away is not None:  # their values are missing because they stay away: one story
        columns = replace(
            away, column=columns.column, members=columns.members, message=f"{away.message} {columns.message}"
        )
        readings = [reading for reading in readings if reading.check != "missing_columns"]
    found = {
        "no_data": _no_data(readings, every),
        outcome_conditions.GROUP: outcome,
        "data_drift": _data_drift(readings, spec, importance, drifted),
        row_conditions.GROUP: _as_a_whole(row_conditions.not_told(readings, drifted)),
        "prediction_drift": _prediction_drift(readings, every),
        "data_quality": columns,
        ARRIVAL: _at_the_door(readings),
        segment_conditions.GROUP: inside,
    }
    for each in quality_conditions(readings, spec):
        group = group_of(each.kind, column=each.column, limit=each.limit)
        found[group] = _both(found.get(group), _of_quality(each))
    if (failed := failing(readings)) is not None:
        found[rule_group(FAILING)] = replace(_of_quality(failed), rule=FAILING, significant=False)
    return {group: condition for group, condition in found.items() if condition is not None}


def _of_quality(found: Found) -> Condition:
    """Make a condition of what was found of the table as a whole, by checks of the team's own, or by fixed limits."""
    return Condition(
        kind=found.kind,
        severity=found.severity,
        column=found.column,
        members=found.members,
        significant=True,
        material=True,
        harmful=found.kind == "performance",
        headline=found.headline,
        message=found.message,
        limit=found.limit,
        runbook=found.runbook,
    )


def _in_segments(ours: Sequence[Reading]) -> Condition | None:
    """Tell of drift that only shows inside segments; it never is more than a notice."""
    if not ours:
        return None
    found = _of_columns("data_drift", "notice", ours, "drifted")
    return replace(
        found,
        segment=ours[0].segment,
        headline=segment_conditions.headline(ours),
        message=segment_conditions.message(ours),
    )


def _as_a_whole(ours: Sequence[Reading]) -> Condition | None:
    """Tell of rows that changed as a whole, of texts and of embeddings; it never is more than a notice.

    It is an alert of its own, about no one column: else it would keep the warning of a column open that is as it was again.
    """
    if not ours:
        return None
    members = row_conditions.members(ours)
    return Condition(
        kind="data_drift",
        severity="notice",
        column=None,
        members=members,
        significant=True,
        material=True,
        harmful=False,
        headline=row_conditions.headline(ours),
        message=row_conditions.message(ours),
    )


def unjudged(readings: Sequence[Reading]) -> frozenset[str]:
    """Return the groups about which these readings say nothing: too few rows or labels, or no readings of that part at all."""
    rows = {reading.verdict for reading in readings if reading.check == "row_count"}
    silent: frozenset[str] = frozenset() if rows_judged(readings) else _INPUT_GROUPS
    silent |= frozenset() if rows else {"no_data"}
    silent |= frozenset() if rows_judged(readings) or arrival_judged(readings) else {ARRIVAL}
    silent |= frozenset() if business_judged(readings) else {"business"}
    silent |= frozenset() if service_judged(readings) else {"latency"}
    return silent if outcome_conditions.outcomes_judged(readings) else silent | {"outcome"}


def _drifted(readings: Sequence[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.check == DECIDING and reading.verdict == "drift"]


def _outcome(
    readings: Sequence[Reading], spec: ModelSpec, importance: Mapping[str, float] | None, every: Sequence[Reading]
) -> Condition | None:
    """Return the condition of a model that got worse, over all rows or in a segment."""
    drifted = _drifted([reading for reading in every if reading.segment is None])

    def leaned(concept: Reading | None) -> bool:
        return any(leans_on(spec, r.column, importance) and _explains(r, concept) for r in drifted)

    found = outcome_conditions.outcome(readings, spec, leaned, every)
    if found is None:
        return None
    return Condition(
        kind=found.kind,
        severity="page",
        column=None,
        members=found.members,
        significant=True,
        material=True,
        harmful=True,
        headline=found.headline,
        message=found.message,
        segment=found.segment,
    )


def _explains(reading: Reading, concept: Reading | None) -> bool:
    """Return whether a column's drift can stand for the errors': shifts are in standard deviations, so they can be compared."""
    return concept is None or not reading.effect < concept.effect / 2


def _data_drift(
    readings: Sequence[Reading],
    spec: ModelSpec,
    importance: Mapping[str, float] | None,
    drifted: Collection[str | None],
) -> Condition | None:
    ours = [r for r in _drifted(readings) if r.column not in _PREDICTIONS | _OUTCOMES]
    ours += [
        r
        for r in readings
        if r.check == "out_of_range_share"
        and r.verdict == "warning"
        and r.column in spec.context
        and r.column not in drifted
    ]
    if not ours:
        return None

    def weight(reading: Reading) -> tuple[bool, float, float]:
        known = importance.get(reading.column or "", 0.0) if importance else 0.0
        return leans_on(spec, reading.column, importance), known * reading.effect, reading.effect

    ours.sort(key=weight, reverse=True)
    severity: Severity = "warning" if leans_on(spec, ours[0].column, importance) else "notice"
    return _of_columns("data_drift", severity, ours, "drifted from the reference")


def _prediction_drift(readings: Sequence[Reading], every: Sequence[Reading]) -> Condition | None:
    """With labels at hand, drifted predictions are a hint and can wait; without, they are all there is."""
    ours = [r for r in _drifted(readings) if r.column in _PREDICTIONS]
    if not ours:
        return None
    labelled = outcome_conditions.outcomes_judged(every)
    return _of_columns(
        "prediction_drift",
        "notice" if labelled else "warning",
        ours,
        "drifted from the reference",
        needs=(2, 2) if labelled else (1, 1),
    )


def _data_quality(readings: Sequence[Reading], spec: ModelSpec, drifted: Collection[str | None]) -> Condition | None:
    ours = [
        r
        for r in readings
        if r.verdict == "warning"
        and r.column not in _OUTCOMES
        and r.check in _QUALITY
        and not (r.check == "out_of_range_share" and (r.column in drifted or r.column in spec.context))
    ]
    if not ours:
        return None
    ours.sort(key=lambda reading: (reading.column not in spec.context, reading.effect), reverse=True)
    severity: Severity = "notice" if ours[0].column in spec.context else "warning"
    what = _QUALITY[ours[0].check].format("more" if ours[0].value > ours[0].reference_value else "less")
    return _of_columns("data_quality", severity, ours, what)


_DOOR_HEADLINES = {
    "refused_rows": "Rows were refused",
    "missing_columns": "Declared columns stay away",
    "widened_columns": "Values of another type came",
    "new_columns": "Undeclared columns came along",
}


def _at_the_door(readings: Sequence[Reading]) -> Condition | None:
    """Rows refused and columns otherwise than declared: no column of the reference is at fault, so none is named as such."""
    found = {r.check: r for r in readings if r.scope == "traffic" and r.check in DOOR_CHECKS and r.verdict == "warning"}
    ours = [found[check] for check in DOOR_CHECKS if check in found]
    if not ours:
        return None
    return Condition(
        kind="data_quality",
        severity="warning" if any(DOOR_CHECKS[reading.check] == "warning" for reading in ours) else "notice",
        column=None,
        members=tuple(reading.check for reading in ours),
        significant=True,
        material=True,
        harmful=False,
        headline=_DOOR_HEADLINES[ours[0].check],
        message=" ".join(reading.sentence for reading in ours),
    )


def _columns_away(readings: Sequence[Reading]) -> Condition | None:
    return _at_the_door([reading for reading in readings if reading.check == "missing_columns"])


def _both(one: Condition | None, other: Condition | None) -> Condition | None:
    """Make one condition of two of a group; the graver one leads, else ``other``, which is nearer to the cause."""
    if one is None or other is None:
        return one or other
    first, second = (one, other) if severity_rank(one.severity) > severity_rank(other.severity) else (other, one)
    members = tuple(dict.fromkeys([*first.members, *second.members]))
    return replace(first, members=members, message=f"{first.message} {second.message}")


def _no_data(readings: Sequence[Reading], every: Sequence[Reading]) -> Condition | None:
    rows = next((r for r in readings if r.check == "row_count" and r.verdict == "no_data"), None)
    if rows is None or usually_empty(every):
        return None
    return Condition(
        kind="no_data",
        severity="warning",
        column=None,
        members=(),
        significant=False,
        material=True,
        harmful=False,
        headline="No rows arrived",
        message=rows.sentence,
    )


def _of_columns(
    kind: AlertKind, severity: Severity, readings: Sequence[Reading], what: str, *, needs: tuple[int, int] = (1, 1)
) -> Condition:
    """Make one condition of readings that belong together, the foremost first."""
    members = tuple(dict.fromkeys(reading.column for reading in readings if reading.column is not None))
    more = len(members) - 1
    beside = "" if more == 0 else f" (and {more} more {'column' if more == 1 else 'columns'})"
    return Condition(
        kind=kind,
        severity=severity,
        column=members[0],
        members=members,
        significant=True,
        material=True,
        harmful=False,
        headline=f"{members[0]} {what}{beside}",
        message=" ".join(reading.sentence for reading in readings[:3]),
        strength=readings[0].effect if math.isfinite(readings[0].effect) else 0.0,
        needs=needs,
    )
