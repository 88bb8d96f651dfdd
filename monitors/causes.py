"""Why: the most likely causes of a window's trouble, ranked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from monitors import explain
from monitors.conditions import leans_on
from monitors.registry import DECIDING, label_unit
from monitors.types import Cause, Reading
from monitors.why.evidence import Event, Evidence, evidence_causes
from reference_data.declaration import ModelSpec
from reference_data.profile import ColumnProfile, Profile
from reference_data.reference import Reference

_ENTIRE = 0.5  # importance-weighted drift from which the inputs alone could account for the whole loss
_MOVED = 0.05  # of what only moved, where rows tell what accounts for the harm
_EVENT = 0.4  # what happened at the same time is a hint: it comes before what accounts for less than this of the harm
_SHARES = {
    "missing_share": "missing values",
    "unseen_share": "new categories",
    "out_of_range_share": "values out of range",
}


def rank_causes(
    spec: ModelSpec,
    reference: Reference,
    inputs: Profile,
    outcomes: Profile | None,
    readings: Sequence[Reading],
    importance: Mapping[str, float] | None,
    most: int = 3,
    evidence: Evidence | None = None,
    events: Sequence[Event] = (),
    segments: Sequence[Reading] = (),
) -> tuple[Cause, ...]:
    """Return up to ``most`` causes, the likeliest first, with scores between 0 and 1.

    A column scores by its share of the model's importance times how far it moved beyond chance and nature; missing, new and
    out-of-range values by their share of rows. The rule itself (column None: the same inputs now lead to other labels)
    scores by how much of the loss the drift of the inputs leaves unexplained. That is a bound read off each column alone, not
    proof: two columns can change together while neither moves. ``inputs`` and ``outcomes`` are the window's profiles, without
    leading axes.

    ``evidence`` of rows, where performance suffered, says what each column's shift, each slice and the rule account for; columns that only
    moved come after those. ``events`` are what happened at the same time. ``segments`` are readings inside segments: where rows say nothing, as
    of rankings, those that got worse are causes too.
    """
    weights = _weights(spec, reference, importance)
    known = bool(importance) and max((importance or {}).values()) > 0
    found = (_column_cause(spec, reading, weights, inputs, reference, known=known) for reading in readings)
    columns = [cause for cause in found if cause is not None]
    best: dict[str | None, Cause] = {}
    for cause in sorted(columns, key=lambda cause: -cause.score):
        best.setdefault(cause.column, cause)
    if (found_in_rows := _of_rows(spec, reference, outcomes, evidence, weights if known else None)) is not None:
        told = {cause.column for cause in found_in_rows}
        moved = [replace(cause, score=_MOVED * cause.score) for name, cause in best.items() if name not in told]
        every = [*found_in_rows, *moved]
    else:
        rule = _rule(spec, readings, outcomes, reference, weights)
        inside = _inside(readings, segments)
        if rule is not None and inside:
            rule = replace(rule, score=rule.score * (1 - inside[0].score / 2))
        every = [*best.values(), *inside, *([rule] if rule else [])]
    ranked = sorted(_beside(every, events), key=lambda cause: (-cause.score, cause.column or ""))
    return tuple(ranked[:most])


def _of_rows(
    spec: ModelSpec,
    reference: Reference,
    outcomes: Profile | None,
    evidence: Evidence | None,
    weights: dict[str, float] | None,
) -> list[Cause] | None:
    """Return what rows say of harm; None where they say nothing."""
    if evidence is None:
        return None
    bias = "" if outcomes is None else _shift(spec, reference, outcomes, before="")
    return evidence_causes(evidence, weights, bias) or None


def _inside(readings: Sequence[Reading], segments: Sequence[Reading], most: int = 2) -> list[Cause]:
    """Return the segments that got worse, by the part of the whole loss that lies in them."""
    whole = next((r for r in readings if r.scope == "performance" and r.verdict == "critical"), None)
    found: list[Cause] = []
    for r in segments:
        if r.scope != "performance" or r.verdict != "critical" or r.segment is None:
            continue
        part = 1.0
        if whole is not None and whole.check == r.check and whole.n and whole.value != whole.reference_value:
            lost = (r.value - r.reference_value) / (whole.value - whole.reference_value)
            part = min(max(lost * r.n / whole.n, 0.0), 1.0)
        found.append(Cause(r.segment.split("=", 1)[0].split(" × ", 1)[0], part, r.sentence, "slice"))
    return sorted((cause for cause in found if cause.score > 0), key=lambda cause: -cause.score)[:most]


def _beside(causes: Sequence[Cause], events: Sequence[Event]) -> list[Cause]:
    """Add what happened at the same time: to the cause of its column, or as one of its own."""
    if not causes:
        return []
    found = list(causes)
    for event in events:
        place = next((i for i, cause in enumerate(found) if event.column and cause.column == event.column), None)
        if place is None:
            found.append(Cause(event.column, _EVENT, event.words, "event"))
        else:
            held = found[place]
            found[place] = replace(held, score=max(held.score, _EVENT), sentence=f"{held.sentence} {event.words}")
    return found


def _weights(spec: ModelSpec, reference: Reference, importance: Mapping[str, float] | None) -> dict[str, float]:
    """Return each feature's share of the importance; equal shares when it is unknown."""
    features = [name for name in reference.inputs.layout.names if leans_on(spec, name, None)]
    known = {name: max((importance or {}).get(name, 0.0), 0.0) for name in features}
    total = sum(known.values())
    if total <= 0:
        return dict.fromkeys(features, 1 / max(len(features), 1))
    return {name: value / total for name, value in known.items()}


def _column_cause(
    spec: ModelSpec,
    reading: Reading,
    weights: Mapping[str, float],
    inputs: Profile,
    reference: Reference,
    *,
    known: bool,
) -> Cause | None:
    name = reading.column
    if name is None or not (reading.significant and reading.material) or not math.isfinite(reading.effect):
        return None
    context = name in spec.context
    if name not in weights and not context:
        return None
    weight = weights.get(name, 0.0)
    # what the model does not use can still go with what moved the label, so it stays in the list, last
    score = min(1.0, reading.effect * max(math.sqrt(weight), 0.01))
    aside = (
        " The model does not use it."
        if context
        else f" It carries {explain.number(weight, 'share')} of the model's importance."
        if known
        else ""
    )
    if reading.check == DECIDING:
        moved = _movement(reference.inputs, inputs, name)
        return Cause(name, score, f"{moved}.{aside}")
    if reading.check in _SHARES:
        held = explain.number(reading.value, "share")
        before = explain.number(reading.reference_value, "share")
        return Cause(
            name, score, f"{name}: {_SHARES[reading.check]} in {held} of rows, {before} in the reference.{aside}"
        )
    return None


def _movement(reference: Profile, inputs: Profile, name: str) -> str:
    return explain.Movement(reference.total().column(name), inputs[None].column(name)).text(0)


def _rule(
    spec: ModelSpec,
    readings: Sequence[Reading],
    outcomes: Profile | None,
    reference: Reference,
    weights: Mapping[str, float],
) -> Cause | None:
    """Return the rule as a cause, when performance is harmed: the share of the loss that drifted inputs leave over."""
    worst = next((r for r in readings if r.scope == "performance" and r.verdict == "critical"), None)
    if worst is None or outcomes is None:
        return None
    drift = sum(
        weights.get(r.column or "", 0.0) * r.effect for r in readings if r.check == DECIDING and r.verdict == "drift"
    )
    explained = min(drift / _ENTIRE, 1.0)
    inputs = (
        "no input that the model leans on moved enough to explain it"
        if explained < 0.2
        else f"the drift of the inputs could explain up to {explain.number(explained, 'share')} of it"
    )
    return Cause(
        None, 1 - explained, f"The same inputs now lead to other labels: {_shift(spec, reference, outcomes)}{inputs}."
    )


def _shift(spec: ModelSpec, reference: Reference, outcomes: Profile, before: str = "performance fell, and ") -> str:
    if reference.outcomes is None or "error given inputs" not in outcomes.layout.names:
        return before
    now, base = outcomes.column("error given inputs"), reference.outcomes.total().column("error given inputs")
    gap = _mean(now) - _mean(base)
    way = "higher" if gap > 0 else "lower"
    unit = label_unit(spec, outcomes.layout)
    return f"predictions are {explain.number(abs(gap), unit)} {way} against the labels than in the reference, and "


def _mean(column: ColumnProfile) -> float:
    return float(np.asarray(column.mean))
