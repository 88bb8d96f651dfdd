"""What a declaration says of rules, overrides and limits inside segments, held against what there is, before anything is applied."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from monitors.conditions import STANDING
from monitors.expressions import choice
from monitors.judge_thresholds import direction, known_checks
from monitors.overrides import matches
from monitors.own_sql import own_sql
from monitors.rule_terms import columns_of, own_columns, problems, readable_inside
from monitors.sequence.readings import CHECK as SEQUENCE
from monitors.types import ESTIMATED
from reference_data.alerting import Override
from reference_data.declaration import ModelSpec, Threshold
from reference_data.segments import PAIR, segment_columns, segment_text
from service.toml_lines import Path


def rule_problems(spec: ModelSpec, own: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """Yield (key, problem) for each rule, override and limit that speaks of something that there is not."""
    path: Path = ("models", spec.name, "monitor")
    for name, rule in spec.monitor.rules.items():
        for key, text in (("when", rule.when), ("clear", rule.clear)):
            found = problems(text, spec, own, inside=rule.segment is not None) if text is not None else []
            yield from (((*path, "rules", name, key), problem) for problem in found)
        if rule.kind in STANDING:
            words = f"kind {rule.kind!r} is of what runs, and a rule is of what is read of windows; leave kind out, or choose another"
            yield (*path, "rules", name, "kind"), words
        if rule.segment is not None:
            yield from (((*path, "rules", name, "segment"), words) for words in segment_problems(spec, rule.segment))
    for limit in spec.monitor.thresholds:
        if limit.segment is not None:
            yield from (((*path, "thresholds"), words) for words in segment_problems(spec, limit.segment))
            if not readable_inside(spec, limit.check):
                yield (
                    (*path, "thresholds"),
                    f"{limit.check!r} is not read inside of segments: rows, columns and the headline metric are",
                )
        yield from (((*path, "thresholds"), words) for words in _not_milder(spec, limit))
    for override in spec.monitor.overrides:
        yield from (((*path, "overrides"), words) for words in _of_override(spec, override, own))


def segment_problems(spec: ModelSpec, segment: str, *, pattern: bool = False) -> Iterator[str]:
    """Yield a problem where a segment is of no declared column (or pair); its values are known only once a reference is frozen."""
    if not spec.segments:
        yield f'segment {segment!r}: the model has no segments; declare some, such as segments = ["{min(spec.features, default="column")}"]'
    elif not (pattern and "*" in segment.split("=", maxsplit=1)[0]) and not any(
        _begins(spec, one, segment) for one in spec.segments
    ):
        examples = [
            segment_text(name, "…") if PAIR not in name else PAIR.join(f"{c}=…" for c in name.split(PAIR))
            for name in spec.segments
        ]
        yield f"segment {segment!r} is of no declared column; {choice(segment, examples)}"  # fmt: skip


def _begins(spec: ModelSpec, declared: str, segment: str) -> bool:
    known = {*spec.features, *spec.context} or {declared, *declared.split(PAIR)}
    prefixes = [segment_text(column, "x")[:-1] for column in segment_columns(declared, known)]
    rest = segment.split(PAIR) if len(prefixes) == 2 else [segment]
    return len(rest) >= len(prefixes) and all(
        any(part.startswith(prefix) for part in rest[place:]) for place, prefix in enumerate(prefixes)
    )


def _not_milder(spec: ModelSpec, limit: Threshold) -> Iterator[str]:
    """A limit clears at a value that is better than those that pass it, or it would clear and be passed at once."""
    if limit.clear is None:
        return
    passed = [value for value in (limit.warning, limit.critical) if value is not None]
    lower = direction(spec, limit.check, {}) == "lower_is_worse"
    strictest = max(passed) if lower else min(passed)
    if limit.clear < strictest if lower else limit.clear > strictest:
        way = "above" if lower else "below"
        yield f"the limit of {limit.check!r} clears at {limit.clear:g}, which is worse than {strictest:g}; clear it at that or {way}"


def _of_override(spec: ModelSpec, override: Override, own: Collection[str]) -> Iterator[str]:
    checks = known_checks() | {*own, *own_sql(spec), SEQUENCE, "error_share"}
    checks |= {f"{ESTIMATED}{name}" for name in known_checks()}
    if not any(matches(override.check, name) for name in (*checks, None)):
        near = [name for name in checks if not name.startswith(ESTIMATED)]
        yield f"there is no check like {override.check!r}; {choice(override.check, near)}"
    columns = columns_of(spec)
    if columns is not None and not any(matches(override.column, name) for name in (*columns, None)):
        yield f"there is no column like {override.column!r}; {choice(override.column, own_columns(spec))}"
    if override.segment is not None:
        yield from segment_problems(spec, override.segment, pattern=True)
    if not any((override.severity, override.windows, override.resolve_after, override.owner, override.runbook)):
        yield "an override changes nothing; give it severity, windows, resolve_after, owner or runbook"
