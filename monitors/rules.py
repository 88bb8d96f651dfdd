"""The team's own rules: what they say of the readings of one window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from monitors.conditions import Condition, rule_group
from monitors.expressions import Node, leaves
from monitors.outcome_conditions import KINDS
from monitors.rule_asked import understood
from monitors.rule_facts import Facts, told, truth
from monitors.types import Reading
from reference_data.alerting import Rule, parse_windows
from reference_data.declaration import ModelSpec

LONGEST_HEADLINE = 200  # characters


@dataclass(frozen=True, slots=True)
class RulesFound:
    """The conditions of rules that hold (or have not cleared), by group, and the groups of which nothing can be said."""

    conditions: dict[str, Condition]
    silent: frozenset[str]


def rule_conditions(readings: Sequence[Reading], spec: ModelSpec) -> RulesFound:
    """Hold every declared rule against all readings of one window.

    A rule that cannot be said neither fires nor clears. One with ``clear`` that no longer holds keeps an open alert open until ``clear``
    holds.
    """
    found: dict[str, Condition] = {}
    silent: set[str] = set()
    inside: dict[str | None, Facts] = {}
    for name, rule in spec.monitor.rules.items():
        if rule.segment not in inside:
            inside[rule.segment] = Facts(reading for reading in readings if reading.segment == rule.segment)
        condition = judge_rule(name, rule, inside[rule.segment])
        if condition is None:
            silent.add(rule_group(name))
        elif not isinstance(condition, bool):
            found[rule_group(name)] = condition
    return RulesFound(found, frozenset(silent))


def judge_rule(name: str, rule: Rule, facts: Facts) -> Condition | Literal[False] | None:
    """Return the condition of one rule in one window; False where it does not hold or has cleared, None where that cannot be said."""
    when = understood(rule.when)
    if when is None:
        return None
    holds = truth(when, facts)
    if holds:
        return _condition(name, rule, when, facts, holding=False)
    if holds is None:
        return None  # labels that are still to come may say that it does hold
    if rule.clear is None:
        return False
    clear = understood(rule.clear)
    cleared = None if clear is None else truth(clear, facts)
    if cleared is None:
        return None
    return False if cleared else _condition(name, rule, when, facts, holding=True)


def _condition(name: str, rule: Rule, when: Node, facts: Facts, *, holding: bool) -> Condition:
    said = told(when, facts)
    where, inside = (f"In {rule.segment}: ", f" in {rule.segment}") if rule.segment else ("", "")
    n, m = needs = parse_windows(rule.windows)
    patience = f", which it must in {n} of {m} windows" if m > 1 else ""
    columns = tuple(dict.fromkeys(_columns(when)))
    return Condition(
        kind=rule.kind,
        severity=rule.severity,
        column=next(iter(columns), None),
        members=columns,
        significant=True,
        material=True,
        harmful=rule.kind in KINDS,
        headline=(f"{where}{rule.title}" if rule.title else f"{name}{inside}: {said}")[:LONGEST_HEADLINE],
        message=f"{where}{said}: the rule{f' {name}' if name else ''} ({rule.when}) holds{patience}.",
        needs=needs,
        segment=rule.segment,
        resolve_after=rule.resolve_after,
        runbook=rule.runbook,
        rule=name,
        holding=holding,
    )


def _columns(when: Node) -> Iterable[str]:
    return (leaf.column for leaf in leaves(when) if leaf.column is not None)
