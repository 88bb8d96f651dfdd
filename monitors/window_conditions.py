"""Everything that one window amounts to: what alarms by itself, as overrides want it, fixed limits with patience, and the team's own rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitors.conditions import Condition, rule_group, unjudged
from monitors.judge_thresholds import as_judged, patient
from monitors.limit_conditions import limit_conditions, story_of
from monitors.overrides import overridden
from monitors.registry import CONCEPT_COLUMNS, every_metric
from monitors.rule_terms import resting
from monitors.rules import RulesFound, rule_conditions
from monitors.types import Reading
from reference_data.declaration import ModelSpec


def window_conditions(
    told: Sequence[Reading], every: Sequence[Reading], spec: ModelSpec, importance: Mapping[str, float] | None
) -> RulesFound:
    """Return the conditions of one window by group, and the groups of which it says nothing.

    ``told``: what alarms by itself may tell of; ``every``: all readings of the window, which rules speak of.
    """
    found = overridden(as_judged(spec, told), spec, importance)
    silent = unjudged(told)
    for more in (rule_conditions(every, spec), limit_conditions(every, spec)):
        found |= more.conditions
        silent |= more.silent
    if spec.monitor.runbooks:
        found = {group: _with_runbook(condition, spec) for group, condition in found.items()}
    return RulesFound(found, silent)


def _with_runbook(condition: Condition, spec: ModelSpec) -> Condition:
    return replace(condition, runbook=condition.runbook or spec.monitor.runbooks.get(condition.kind))


def late_groups(spec: ModelSpec) -> frozenset[str]:
    """Return the groups of rules and patient limits that rest on labels: they are heard again when these come."""
    late = {*every_metric(), "label_coverage"}
    limits = [limit for limit in spec.monitor.thresholds if patient(limit)]
    names = {story_of(limit) for limit in limits if limit.check in late or limit.column in {"label", *CONCEPT_COLUMNS}}
    return frozenset(rule_group(name) for name in {*names, *resting(spec)})
