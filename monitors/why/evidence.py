"""What rows say of why a loss rose, as ranked causes: columns by what their shift adds, slices that lost most, and the rule itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitors import explain
from monitors.types import Cause
from monitors.why.contributions import Contribution, contributions
from monitors.why.parts import Parts, change_parts
from monitors.why.rows import Rows, grouping
from monitors.why.slices import Slice, find_slices
from reference_data.profile import BinnedColumn

_ASIDE = 0.5  # a column that the model does not use can only stand for something else
_UNUSED = 0.01  # share of the importance below which it does not
_SLICES = 2  # among the causes
_LOCAL = 0.9  # score of a slice that lost while all rows together did not
_HARDLY = 0.02  # share of the change below which nothing is said


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in or just before a window. ``column``: the one it is about."""

    words: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What rows say of a change of the mean loss. ``loss`` names it, ``unit`` is its unit; ``context``: columns the model does not see."""

    loss: str
    unit: str
    parts: Parts
    columns: tuple[Contribution, ...]
    slices: tuple[Slice, ...]
    context: frozenset[str]


def gather(
    features: Sequence[BinnedColumn],
    context: Sequence[BinnedColumn],
    reference: Rows,
    current: Rows,
    *,
    loss: str,
    unit: str,
    tolerance: float,
) -> Evidence | None:
    """Look at the rows of a window whose performance suffered; None below 100 rows on either side.

    ``tolerance``: relative rise of the loss that is immaterial.
    """
    found = change_parts(features, (), reference, current)
    if found is None:
        return None
    cut = [grouping(entry, reference) for entry in (*features, *context)]
    return Evidence(
        loss,
        unit,
        found[0],
        tuple(contributions(cut, reference, current)),
        tuple(find_slices(cut, reference, current, tolerance=tolerance * found[0].reference)),
        frozenset(entry.column.name for entry in context),
    )


def evidence_causes(evidence: Evidence, weights: dict[str, float] | None, bias: str) -> list[Cause]:
    """Return causes of a risen loss, the likeliest first, each with the share of the rise that it accounts for as its score.

    ``weights``: share of the model's importance by column, None where it is not known. ``bias``: how predictions now lie beside the labels, in words.
    When the loss of all rows did not rise beyond chance: the slices whose did.
    """
    change = evidence.parts.change.value
    if change <= 0 or not evidence.parts.change.clear:
        return [_slice(evidence, one, None) for one in evidence.slices[:_SLICES]]
    columns = [_column(evidence, one, change, weights) for one in evidence.columns]
    fresh = {one.column for one in evidence.columns if one.new and one.safe > _HARDLY * change}
    slices = [one for one in evidence.slices if not set(one.columns) <= fresh][:_SLICES]
    local = max(
        [one.part for one in slices] + [one.safe for one in evidence.columns if one.column in fresh], default=0.0
    )
    found = [cause for cause in columns if cause is not None]
    found += [_slice(evidence, one, change) for one in slices]
    rule = _rule(evidence, change, local, bias)
    return sorted([*found, *([rule] if rule else [])], key=lambda cause: -cause.score)


def _column(evidence: Evidence, one: Contribution, change: float, weights: dict[str, float] | None) -> Cause | None:
    share = min(1.0, one.safe / change)
    if share < _HARDLY:
        return None
    used = weights is None or weights.get(one.column, 0.0) >= _UNUSED
    if one.column in evidence.context or not used:
        share *= _ASIDE
        aside = " The model does not use it."
    elif weights is not None:
        aside = f" It carries {explain.number(weights[one.column], 'share')} of the model's importance."
    else:
        aside = ""
    then, now = explain.number(one.before, "share"), explain.number(one.now, "share")
    adds = explain.number(one.value, evidence.unit)
    return Cause(
        one.column,
        share,
        f"{one.foremost} in {now} of rows, {then} in the reference. The shift of {one.column} by itself adds {adds} to the mean "
        f"{evidence.loss}, {explain.number(min(1.0, one.value / change), 'share')} of its rise.{aside}",
    )


def _slice(evidence: Evidence, one: Slice, change: float | None) -> Cause:
    """A slice; ``change``: rise of the loss over all rows, None where there is none to have a share of."""
    was = "" if one.reference is None else f", {explain.number(one.reference, evidence.unit)} in the reference"
    part = _LOCAL if change is None else min(1.0, one.part / change)
    share = "" if change is None else f" That is {explain.number(part, 'share')} of the rise over all rows."
    return Cause(
        one.columns[0],
        part,
        f"{one.words} ({explain.number(one.share, 'share')} of rows) lost more than the rest: mean {evidence.loss} "
        f"{explain.number(one.current, evidence.unit)}{was}.{share}",
        "slice",
    )


def _rule(evidence: Evidence, change: float, local: float, bias: str) -> Cause | None:
    """The rule: what the inputs leave over. What one slice accounts for is told there first."""
    rule = evidence.parts.rule
    share = min(1.0, max(0.0, rule.value) / change)
    if rule.value <= rule.error or share < _HARDLY:
        return None
    amount = explain.number(rule.value, evidence.unit)
    rose = explain.number(change, evidence.unit)
    inputs = explain.number(max(0.0, evidence.parts.inputs.value), evidence.unit)
    return Cause(
        None,
        share * (1 - min(1.0, local / rule.value) / 2),
        f"The same inputs now lead to other labels: {bias}{amount} of the rise of {rose} in mean {evidence.loss} is there with "
        f"inputs as they were in the reference; other inputs account for {inputs}.",
        "rule",
    )
