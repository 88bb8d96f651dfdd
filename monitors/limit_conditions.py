"""Fixed limits that have an alert of their own: those that wait for more windows, clear at a milder value, or hold inside a segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from monitors import explain
from monitors.conditions import Condition, rule_group, severity_rank
from monitors.judge_thresholds import about, cleared, passed_limit, patient, sayable
from monitors.outcome_conditions import KINDS
from monitors.quality_conditions import kind_of, label_of
from monitors.rules import RulesFound
from monitors.types import Reading
from reference_data.alerting import parse_windows
from reference_data.declaration import ModelSpec, Threshold


def limit_conditions(readings: Sequence[Reading], spec: ModelSpec) -> RulesFound:
    """Hold patient limits against all readings of one window; limits of one check, column and segment are one story."""
    found: dict[str, Condition] = {}
    silent: set[str] = set()
    for limit in spec.monitor.thresholds:
        if not patient(limit):
            continue
        group = rule_group(story_of(limit))
        ours = [reading for reading in readings if about(limit, reading) and sayable(reading)]
        if not ours:
            silent.add(group)
        for condition in _conditions(spec, limit, ours):
            before = found.get(group)
            if before is None or _weight(condition) > _weight(before):
                found[group] = condition
    return RulesFound(found, frozenset(silent))


def story_of(limit: Threshold) -> str:
    """Return what the alert of a limit bears as its rule; no declared rule has a blank in its name."""
    column, segment = f" of {limit.column}" if limit.column else "", f" in {limit.segment}" if limit.segment else ""
    return f"limit of {limit.check}{column}{segment}"


def _weight(condition: Condition) -> tuple[bool, int]:
    return not condition.holding, severity_rank(condition.severity)


def _conditions(spec: ModelSpec, limit: Threshold, ours: Sequence[Reading]) -> Iterator[Condition]:
    passed = [(found[0] != "critical", reading) for reading in ours if (found := passed_limit(spec, limit, reading))]
    if passed:
        passed.sort(key=lambda each: each[0])
        severity_is_page = not passed[0][0]
        made = _condition(limit, [reading for _, reading in passed])
        yield replace(made, severity="page" if severity_is_page else "warning")
    elif held := [reading for reading in ours if not cleared(spec, limit, reading)]:
        yield replace(_condition(limit, held), holding=True)


def _condition(limit: Threshold, ours: Sequence[Reading]) -> Condition:
    first = ours[0]
    members = tuple(dict.fromkeys(reading.column for reading in ours if reading.column is not None))
    more = len(members) - 1
    beside = "" if more < 1 else f" (and {more} more {'column' if more == 1 else 'columns'})"
    where = f"In {limit.segment}: " if limit.segment else ""
    of = f" of {first.column}" if first.column else ""
    value = explain.number(first.value, first.unit)
    n, m = needs = parse_windows(limit.windows)
    patience = f" It has to be so in {n} of {m} windows." if m > 1 else ""
    kind = kind_of(first)
    return Condition(
        kind=kind,
        severity="warning",
        column=first.column,
        members=members,
        significant=True,
        material=True,
        harmful=kind in KINDS,
        headline=f"{where}{label_of(first.check)}{of} passed its fixed limit at {value}{beside}",
        message=" ".join(reading.sentence for reading in ours[:3]) + patience,
        needs=needs,
        segment=limit.segment,
        limit=limit.check,
        runbook=limit.runbook,
        rule=story_of(limit),
    )
