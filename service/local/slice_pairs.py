"""Two slices of a model against each other: what came in, what it answered, and how well it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitors import explain
from monitors.compare_inputs import Pair
from monitors.compare_judge import TOLERANCE, judge_column
from monitors.comparison import decide
from reference_data.profile import ColumnProfile, Profile
from service.compared_words import by_size, column_view, headline
from service.local.convert import iso
from service.local.drift import SHOWN_OUTCOMES
from service.local.heat import kind_of
from service.local.slice_metrics import compared_metrics
from service.local.slice_profiles import Slice, common_reference, load_slice
from service.slice_words import parse
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitors.compare_days import DayFinding
    from reference_data.declaration import ModelSpec
    from service.comparing_views import ColumnVerdict, ComparedColumn, ComparedMetric, SliceComparison, SliceView
    from service.local.core import Core


def compare_slices(core: Core, model: str, left: str, right: str, alpha: float) -> SliceComparison:
    """Return slice ``right`` held against slice ``left``; see :meth:`service.comparing.Comparing.compare_slices`."""
    if not 0 < alpha < 1:
        raise WorkspaceError(f"alpha {alpha!r} is not a probability; give a number between 0 and 1, such as 0.01")
    spec = core.spec(model)
    asked = parse(left, spec.zone), parse(right, spec.zone)
    reference = common_reference(core, model, *asked)
    coarse = any(each.segment is not None for each in asked)
    before, after = (load_slice(core, model, reference, each, coarse=coarse) for each in asked)
    notes = [*before.notes, *after.notes]
    if coarse:
        notes.append("segments are kept on coarser cells, so both sides are compared on these")
    if before.asked.version != after.asked.version and before.days != after.days:
        notes.append(
            "the two sides did not answer on the same days, so part of what differs is the time's and not the version's"
        )
    metrics, told = compared_metrics(spec, before, after, alpha)
    columns, days = compared_columns(spec, before, after, alpha)
    shown = by_size(columns)
    drifted = sum(column["verdict"] == "drift" for column in shown)
    return {
        "model": model,
        "reference": _view(spec, before),
        "current": _view(spec, after),
        "reference_version": reference.version,
        "verdict": "drift" if drifted else _lesser(shown),
        "drift": bool(drifted),
        "drifted": drifted,
        "alpha": alpha,
        "sentence": " ".join(words for words in (_performed(metrics), headline(shown)) if words),
        "metrics": metrics,
        "columns": shown,
        "notes": list(dict.fromkeys([*notes, *days, *told])),
    }


def _lesser(columns: list[ComparedColumn]) -> ColumnVerdict:
    found = {column["verdict"] for column in columns}
    words: tuple[ColumnVerdict, ...] = ("ok", "insufficient", "no_data", "error")
    return next((word for word in words if word in found), "ok")


# -- columns -----------------------------------------------------------------------------------------------------------
def compared_columns(
    spec: ModelSpec, left: Slice, right: Slice, alpha: float
) -> tuple[list[ComparedColumn], list[str]]:
    """Return every column with its verdict: Holm over all of them, on what the left slice's own days do not do by themselves."""
    results, notes = [], []
    parts = [(left.inputs, right.inputs, left.days, right.days, left.inputs.layout.names)]
    if left.outcomes is not None and right.outcomes is not None:
        names = left.outcomes.layout.names
        kept = tuple(name for name in ("label", *SHOWN_OUTCOMES) if name in names)
        parts.append((left.outcomes, right.outcomes, left.outcome_days, right.outcome_days, kept))
    for base, now, base_days, now_days, names in parts:
        natural, said = _natural(base_days, base, now_days, now)
        notes += said
        whole, current = base.total(), now.total()
        one = Profile(current.layout, current.counts[None], current.moments[None])
        for name in names:
            shown = whole.column(name), one.column(name)
            # values that the frozen cells do not know: of a reference there are none, so none are expected there
            once = int(shown[0].cells[-1]) if left.role != "reference" else _as_many(shown)
            pair = Pair(name, shown[0].entry.column, None, None)
            results.append(judge_column(pair, shown, shown, natural.get(name), once, None, None, ()))
    decided = decide(results, alpha)
    units = {column.column.name: column.column.unit or "" for column in (*left.inputs.layout.columns,)}
    return [
        column_view(column, kind=kind_of(column.column, spec), unit=units.get(column.column, "")) for column in decided
    ], notes


def _as_many(shown: tuple[ColumnProfile, ColumnProfile]) -> int:
    base, now = shown
    valid = max(int(now.valid[0]), 1)
    return round(int(base.valid) * int(now.cells[0, -1]) / valid)


def _natural(
    base_days: Sequence[datetime], base: Profile, now_days: Sequence[datetime], now: Profile
) -> tuple[Mapping[str, DayFinding], list[str]]:
    from monitors.compare_days import compare_days

    found, notes = compare_days(base_days, base, now_days, now, TOLERANCE)
    return found, [f"{words}: only chance between rows is allowed for" for words in notes]


# -- words -------------------------------------------------------------------------------------------------------------
def _view(spec: ModelSpec, part: Slice) -> SliceView:
    return {
        "asked": part.asked.text,
        "words": _words(spec, part),
        "start": iso(part.period.start, spec.zone),
        "end": iso(part.period.end, spec.zone),
        "versions": list(part.versions),
        "segment": part.asked.segment,
        "rows": part.rows,
        "labelled": part.labelled,
        "buckets": len(part.days),
    }


def _words(spec: ModelSpec, part: Slice) -> str:
    asked = part.asked
    first, last = part.period.start.astimezone(spec.zone), part.period.end.astimezone(spec.zone)
    if asked.reference:
        words = [f"the reference, {first:%Y-%m-%d} to {last:%Y-%m-%d}"]
    else:
        words = [f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"]
        if asked.version:
            words.append(f"version {asked.version}{' as shadow' if part.role == 'shadow' else ''}")
        elif part.role == "shadow":
            words.append("shadows")
    return ", ".join([*words, *([asked.segment] if asked.segment else [])])


def _performed(metrics: list[ComparedMetric]) -> str:
    """Say of the headline metric which side did better."""
    first = next((metric for metric in metrics if metric["headline"]), None)
    if first is None or first["reference"] is None or first["current"] is None:
        return ""
    before, after = (explain.number(value, first["unit"]) for value in (first["reference"], first["current"]))
    ways = {"reference": "worse, beyond chance", "current": "better, beyond chance", None: "that is beyond chance"}
    told = ways[first["better"]] if first["apart"] else "chance alone can do that"
    return f"{first['label']} is {after} where it was {before}: {told}."
