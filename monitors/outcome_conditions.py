"""Whether the model got worse, however that was found: one question to the reader, and so one condition a window.

Ways to find it, the surest first: the headline metric over all rows, the same inside a declared segment, the sequential test on the loss in the
order in which labels came, and performance estimated before there are labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitors import explain
from monitors.registry import CONCEPT_COLUMNS, DECIDING
from monitors.types import Alert, Reading
from reference_data.alerting import AlertKind
from reference_data.declaration import ModelSpec
from reference_data.segments import PAIR

GROUP = "outcome"
KINDS = frozenset({"performance", "concept_drift"})  # of alerts of this group
ESTIMATED = "Estimated "  # begins the headline of an alert that no label has confirmed
_SEGMENTS = 2  # segments that are told of beside the whole


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found; ``segment`` where only a part of the rows is known to be hit."""

    kind: AlertKind
    segment: str | None
    members: tuple[str, ...]
    headline: str
    message: str


def outcome(
    readings: Sequence[Reading],
    spec: ModelSpec,
    leaned: Callable[[Reading | None], bool],
    every: Sequence[Reading] | None = None,
) -> Outcome | None:
    """Return what the readings of one window say of the model's outcomes; None when nothing is wrong, or not known to be.

    ``leaned``: whether a drifted feature that the model leans on can stand for what a concept reading (or None) shows. ``every``: all
    readings of the window, where ``readings`` are only those to tell of.
    """
    every = readings if every is None else every
    critical = [reading for reading in readings if reading.verdict == "critical"]
    whole = next((r for r in critical if r.scope == "performance" and r.segment is None), None)
    inside = [r for r in critical if r.scope == "performance" and r.segment is not None]
    inside.sort(key=lambda reading: (reading.p_value, -reading.effect))
    sequence = next((r for r in critical if r.scope == "sequence"), None)
    estimate = None if outcomes_judged(every) else next((r for r in critical if r.scope == "estimate"), None)
    first = whole or (inside[0] if inside else None) or sequence or estimate
    if first is None:
        return None
    concept = next(
        (r for r in every if r.segment is None and r.column in CONCEPT_COLUMNS and r.check == DECIDING), None
    )
    moved = concept is not None and concept.significant and concept.material and not leaned(concept)
    told = [first.sentence]
    if moved and concept is not None:
        told.append(concept.sentence)
    told += [reading.sentence for reading in inside[:_SEGMENTS] if reading is not first]
    if sequence is not None and sequence is not first:
        told.append(sequence.sentence)
    return Outcome(
        kind="concept_drift" if moved and first is not estimate else "performance",
        segment=first.segment,
        members=(concept.column,) if moved and concept is not None and concept.column else (),
        headline=_headline(every, first, spec),
        message=" ".join(told),
    )


def outcomes_judged(readings: Sequence[Reading]) -> bool:
    """Return whether there were labels enough to judge performance by."""
    return any(
        reading.scope == "performance" and reading.segment is None and reading.verdict in ("ok", "warning", "critical")
        for reading in readings
    )


def says_fine(alert: Alert, readings: Sequence[Reading]) -> bool:
    """Return whether an alert that rests on an estimate alone is answered by a later estimate: no labels have come to say more."""
    return alert.headline.startswith(ESTIMATED) and any(
        reading.scope == "estimate" and reading.verdict == "ok" for reading in readings
    )


def refuted(alert: Alert, readings: Sequence[Reading]) -> bool:
    """Return whether labels have come for an estimate that paged, and say that performance is as it was."""
    return alert.headline.startswith(ESTIMATED) and outcomes_judged(readings)


def outgrown(alert: Alert, segment: str | None, headline: str) -> str | None:
    """Return what is to be said of an open alert that a surer or wider finding takes the place of: labels after an estimate, all rows after a
    segment. None where it is as it was.
    """
    if alert.kind not in KINDS or headline.startswith(ESTIMATED):
        return None
    if alert.headline.startswith(ESTIMATED):
        return f"Labels confirm it: {headline}"
    return f"It is in all rows now: {headline}" if alert.segment is not None and segment is None else None


def _headline(readings: Sequence[Reading], first: Reading, spec: ModelSpec) -> str:
    """Say it by the bias where that is most of the loss ("too high by"), else by the metric itself; name a segment first."""
    if first.scope == "sequence":
        return first.sentence.split(". ")[0].split(" (")[0].removesuffix(".")
    stated = explain.against(first)
    if first.scope == "estimate":
        return f"{ESTIMATED}{_lower(stated)}"
    if first.segment is not None:
        return f"{named(first.segment)}: {_lower(stated)}"
    bias = next((r for r in readings if r.check == "bias" and r.scope == "performance" and r.segment is None), None)
    if bias is not None and first.unit == bias.unit and abs(bias.value - bias.reference_value) > 0.5 * first.value:
        way = "high" if bias.value > 0 else "low"
        return f"{spec.label or spec.name} predictions are {explain.number(abs(bias.value), bias.unit)} too {way}"
    return stated


def named(segment: str) -> str:
    """Return a segment as it is said in a sentence: ``carrier = UA``."""
    return PAIR.join(part.replace("=", " = ", 1) for part in segment.split(PAIR))


def _lower(words: str) -> str:
    """Return words without their capital, but for a name in capitals."""
    return words if words[:2].isupper() else f"{words[:1].lower()}{words[1:]}"
