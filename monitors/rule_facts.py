"""What a rule says of one window, in three values: true, false, or None where it cannot be said (Kleene's strong logic)."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Protocol

from monitors import explain
from monitors.expressions import (
    COVERAGE,
    DRIFTED,
    DRIFTED_SHARE,
    ROWS,
    SHIFT,
    Arithmetic,
    Both,
    Comparison,
    Drift,
    Either,
    Function,
    Negative,
    Node,
    Not,
    Number,
    Term,
    leaves,
    to_text,
)
from monitors.registry import DECIDING
from monitors.rule_terms import SHORT
from reference_data.profile import RESERVED

_COUNTS = frozenset({"row_count", "row_volume", "freshness", "label_coverage"})  # said of a window without rows too
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_CALCULATE: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[list[float]], float]] = {"abs": lambda of: abs(of[0]), "min": min, "max": max}
_UNITS = {DRIFTED: "columns", DRIFTED_SHARE: "share", SHIFT: "standard deviations"}


class Said(Protocol):
    """What a fact needs of a reading."""

    @property
    def check(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def column(self) -> str | None: ...
    @property
    def value(self) -> float: ...
    @property
    def reference_value(self) -> float: ...
    @property
    def p_value(self) -> float: ...
    @property
    def effect(self) -> float: ...
    @property
    def n(self) -> int: ...
    @property
    def verdict(self) -> str: ...
    @property
    def significant(self) -> bool: ...
    @property
    def unit(self) -> str: ...


class Facts:
    """The readings of one window, of all rows or inside one segment, by what a rule calls them."""

    def __init__(self, readings: Iterable[Said]) -> None:
        self._by_name: dict[tuple[str, str | None], Said] = {(r.check, r.column): r for r in readings}

    def reading(self, term: Term) -> Said | None:
        """Return what was read of a term, None if nothing was."""
        if term.name == SHIFT:
            return self._by_name.get((DECIDING, term.column))
        return self._by_name.get((SHORT.get(term.name, term.name), term.column))

    def number(self, term: Term) -> float | None:
        """Return a term's value, None where it cannot be said."""
        if term.name in (DRIFTED, DRIFTED_SHARE) and term.column is None:
            return self._drifted(share=term.name == DRIFTED_SHARE) if term.aspect == "value" else None
        reading = self.reading(term)
        if reading is None or not _sayable(reading):
            return None
        if term.aspect == "p_value":
            return _finite(reading.p_value)
        if term.aspect == "reference":
            return _finite(reading.reference_value) if term.name != SHIFT else 0.0
        return _finite(reading.effect if term.name == SHIFT else reading.value)

    def drifted(self, column: str) -> bool | None:
        """Return whether a column drifted, None where it could not be judged."""
        reading = self._by_name.get((DECIDING, column))
        return None if reading is None or not _sayable(reading) else _drifted(reading)

    def why(self, leaf: Term | Drift) -> str:
        """Say why a term cannot be said."""
        term = leaf if isinstance(leaf, Term) else Term(DECIDING, leaf.column)
        reading = self.reading(term)
        if reading is None:
            return f"{to_text(leaf)} was not read"
        words = {"insufficient": "of too few rows or labels", "no_data": "of no rows or labels", "error": "and failed"}
        return f"{to_text(leaf)} was read {words.get(reading.verdict, 'and has no such value')}"

    def _drifted(self, *, share: bool) -> float | None:
        ours = [
            reading
            for (check, column), reading in self._by_name.items()
            if check == DECIDING and column not in RESERVED and _sayable(reading)
        ]
        if not ours:
            return None
        found = sum(map(_drifted, ours))
        return found / len(ours) if share else float(found)


def _sayable(reading: Said) -> bool:
    if reading.verdict == "error":
        return False
    if reading.scope == "traffic":
        return reading.n > 0 or reading.check in _COUNTS
    return reading.verdict not in ("insufficient", "no_data")


def _drifted(reading: Said) -> bool:
    """A critical limit of its own that a column passes too hides the verdict; what was found of it is kept."""
    return reading.verdict == "drift" or (reading.verdict == "critical" and reading.significant)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# -- what holds --------------------------------------------------------------------------------------------------------
def truth(node: Node, facts: Facts) -> bool | None:
    """Return whether an expression holds, None where that cannot be said."""
    match node:
        case Drift(column):
            return facts.drifted(column)
        case Not(part):
            found = truth(part, facts)
            return None if found is None else not found
        case Both(parts):
            return _all([truth(part, facts) for part in parts])
        case Either(parts):
            return _negated(_all([_negated(truth(part, facts)) for part in parts]))
        case Comparison(operators, parts):
            numbers = [number(part, facts) for part in parts]
            steps = zip(operators, numbers, numbers[1:], strict=False)
            return _all([None if a is None or b is None else _COMPARE[sign](a, b) for sign, a, b in steps])
        case _:
            raise TypeError(f"{to_text(node)} is a number")


def number(node: Node, facts: Facts) -> float | None:
    """Return the value of an expression that is a number, None where it cannot be said: a part is unknown, or by 0 is divided."""
    match node:
        case Number(value):
            return value
        case Term():
            return facts.number(node)
        case Negative(part):
            found = number(part, facts)
            return None if found is None else -found
        case Function(name, parts):
            values = [number(part, facts) for part in parts]
            known = [value for value in values if value is not None]
            return _FUNCTIONS[name](known) if len(known) == len(values) else None
        case Arithmetic(sign, left, right):
            a, b = number(left, facts), number(right, facts)
            if a is None or b is None or (sign == "/" and b == 0):
                return None
            return _finite(_CALCULATE[sign](a, b))
        case _:
            raise TypeError(f"{to_text(node)} is no number")


def _all(parts: list[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


def _negated(value: bool | None) -> bool | None:  # noqa: FBT001
    return None if value is None else not value


# -- in words ----------------------------------------------------------------------------------------------------------
def values(nodes: Iterable[Node], facts: Facts) -> dict[str, float | None]:
    """Return the value of each term of expressions, by its text; a verdict is 1 or 0."""
    found: dict[str, float | None] = {}
    for node in nodes:
        for leaf in leaves(node):
            if isinstance(leaf, Drift):
                holds = facts.drifted(leaf.column)
                found[to_text(leaf)] = None if holds is None else float(holds)
            else:
                found[to_text(leaf)] = facts.number(leaf)
    return found


def told(node: Node, facts: Facts) -> str:
    """Return the values behind an expression in words: ``mae is 14.2 min and drifted is 3 columns``."""
    words = [_told(leaf, facts) for leaf in leaves(node)]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _told(leaf: Term | Drift, facts: Facts) -> str:
    if isinstance(leaf, Drift):
        holds = facts.drifted(leaf.column)
        return f"{leaf.column} {'cannot be judged' if holds is None else 'drifted' if holds else 'did not drift'}"
    value = facts.number(leaf)
    if value is None:
        return f"{to_text(leaf)} is not known"
    if leaf.name in (DRIFTED, ROWS):
        return f"{to_text(leaf)} is {value:,.0f}"
    reading = facts.reading(leaf)
    unit = _UNITS.get(leaf.name) or ("share" if leaf.name == COVERAGE else reading.unit if reading is not None else "")
    return f"{to_text(leaf)} is {explain.number(value, '' if leaf.aspect == 'p_value' else unit)}"


def unknown(nodes: Iterable[Node], facts: Facts) -> str:
    """Say which terms cannot be said, and why; empty where all can."""
    found: list[str] = []
    for node in nodes:
        for leaf in leaves(node):
            known = facts.drifted(leaf.column) if isinstance(leaf, Drift) else facts.number(leaf)
            if known is None:
                found.append(facts.why(leaf))
    return "; ".join(dict.fromkeys(found))
