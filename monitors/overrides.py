"""Overrides: what a team makes of the alerts that Driftdeck raises by itself. Readings stay as they are, stored and shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from monitors.conditions import Condition, conditions, group_of, severity_rank
from monitors.types import Reading
from reference_data.alerting import Override, parse_windows
from reference_data.declaration import ModelSpec

_TELLING = ("drift", "warning", "critical", "no_data", "error")  # verdicts that conditions are made of


def matches(pattern: str, name: str | None) -> bool:
    """Whether a name is, or is like, a pattern in which only ``*`` stands for anything; no name is like ``*`` alone."""
    if name is None:
        return pattern == "*"
    return name == pattern or fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


def touches(override: Override, reading: Reading) -> bool:
    """Whether an override is about a reading, whatever kind of alert comes of it."""
    if override.segment is not None and (reading.segment is None or not matches(override.segment, reading.segment)):
        return False
    return matches(override.check, reading.check) and matches(override.column, reading.column)


def overridden(
    readings: Sequence[Reading], spec: ModelSpec, importance: Mapping[str, float] | None
) -> dict[str, Condition]:
    """Return the conditions of one window by group, with the model's overrides applied.

    Readings that the same overrides are about make conditions by themselves; of each, the first override that fits its kind decides. What
    is left of a group is one condition again: it needs as few windows as the least patient part, and that part leads.
    """
    if not spec.monitor.overrides:
        return conditions(readings, spec, importance)
    parts: dict[tuple[int, ...], list[Reading]] = {}
    context: list[Reading] = []
    for reading in readings:
        if reading.verdict in _TELLING:
            about = tuple(i for i, override in enumerate(spec.monitor.overrides) if touches(override, reading))
            parts.setdefault(about, []).append(reading)
        else:
            context.append(reading)
    found: dict[str, Condition] = {}
    changed: set[str] = set()
    for about, ours in sorted(parts.items()):  # what no override is about comes first
        for group, condition in conditions([*ours, *context], spec, importance, every=readings).items():
            override = _deciding([spec.monitor.overrides[i] for i in about], condition)
            if override is not None:
                changed.add(group)
            if override is None or override.severity != "off":
                made = condition if override is None else _changed(condition, override)
                found[group] = _both(found[group], made) if group in found else made
    untouched = conditions(readings, spec, importance).items()
    return {group: condition for group, condition in untouched if group not in changed} | {
        group: condition for group, condition in found.items() if group in changed
    }


def of_what_stands(
    facts: Sequence[Condition], spec: ModelSpec, over: Collection[str]
) -> tuple[list[Condition], frozenset[str]]:
    """Return facts that rest on no window (a source that fails, a run that did not come) as overrides want them, and the groups that are over.

    They are of no check, column or segment: overrides that name one are not about them. What nobody is to be told of is over.
    """
    about = [each for each in spec.monitor.overrides if each.check == each.column == "*" and each.segment is None]
    told: list[Condition] = []
    off: set[str] = set()
    for fact in facts:
        override = _deciding(about, fact)
        if override is not None and override.severity == "off":
            off.add(group_of(fact.kind, rule=fact.rule, source=fact.source))
            continue
        made = fact if override is None else _changed(fact, override)
        told.append(replace(made, runbook=made.runbook or spec.monitor.runbooks.get(made.kind)))
    return told, frozenset({*over, *off})


def _deciding(about: Sequence[Override], condition: Condition) -> Override | None:
    """Return the first override that fits the kind of a condition."""
    return next((each for each in about if each.kind in (None, condition.kind)), None)


def _changed(condition: Condition, override: Override) -> Condition:
    """Return a condition as an override wants it."""
    return replace(
        condition,
        severity=condition.severity if override.severity is None or override.severity == "off" else override.severity,
        needs=parse_windows(override.windows) if override.windows else condition.needs,
        resolve_after=override.resolve_after or condition.resolve_after,
        owner=override.owner or condition.owner,
        runbook=override.runbook or condition.runbook,
    )


def _both(one: Condition, other: Condition) -> Condition:
    """Make one condition of two of a group."""
    first, second = sorted((one, other), key=lambda each: (each.needs[0], -severity_rank(each.severity)))
    members = tuple(dict.fromkeys([*first.members, *second.members]))
    return replace(first, members=members, message=f"{first.message} {second.message}")
