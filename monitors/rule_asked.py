"""What declared rules name, so that it is read of every window: of all rows, and inside the segments they are about."""

from __future__ import annotations

from functools import lru_cache

from monitors.expressions import ExpressionError, Node, Term, leaves, parse
from reference_data.declaration import ModelSpec


@lru_cache(maxsize=1024)
def understood(text: str) -> Node | None:
    """Return an expression's tree, None for one that is not understood."""
    try:
        return parse(text)
    except ExpressionError:
        return None


def trees(spec: ModelSpec) -> dict[str, list[Node]]:
    """Return the expressions of each declared rule; those that are not understood any more are left out."""
    found: dict[str, list[Node]] = {}
    for name, rule in spec.monitor.rules.items():
        for text in (rule.when, rule.clear):
            tree = None if text is None else understood(text)
            if tree is not None:
                found.setdefault(name, []).append(tree)
    return found


def asked(spec: ModelSpec, segment: str | None = None) -> frozenset[tuple[str, str | None]]:
    """Return (check, column) of what rules and fixed limits name of all rows, or inside one segment; column None: of every column or none."""
    found = trees(spec)
    ours = [tree for name in found for tree in found[name] if spec.monitor.rules[name].segment == segment]
    terms = {(leaf.name, leaf.column) for tree in ours for leaf in leaves(tree) if isinstance(leaf, Term)}
    return frozenset(terms | {(it.check, it.column) for it in spec.monitor.thresholds if it.segment == segment})


def named_segments(spec: ModelSpec) -> list[str]:
    """Return the segments that rules and fixed limits are about, in the order of the declaration."""
    named = [rule.segment for rule in spec.monitor.rules.values()] + [it.segment for it in spec.monitor.thresholds]
    return [segment for segment in dict.fromkeys(named) if segment is not None]
