"""Why performance changed, from rows: its parts, the slices that lost most, rows that stand for it, and what alerts are told of it."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from monitors import explain
from monitors.why.evidence import Event, Evidence, gather
from monitors.why.examples import choose, kinds
from monitors.why.fit import CLIP
from monitors.why.parts import LOW, Crossing, Estimate, Parts, change_parts
from monitors.why.rows import grouping
from monitors.why.slices import find_slices
from reference_data.windows import Window
from service.local.convert import iso, number
from service.local.recall import recalled
from service.local.why_rows import Study, raw_rows, study
from storage.observed import observations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitors.types import Reading
    from monitors.why.slices import Slice
    from reference_data.declaration import ModelSpec
    from service import outcome_views
    from service.local.core import Core

AN_ALERT = 6_000  # rows of either side that an alert's causes are looked for in: a run must not wait for them
_LOG = logging.getLogger("driftdeck.why")
_HARMED = ("performance", "sequence")


@recalled("window")
def parts(core: Core, model: str, period: Window) -> outcome_views.ChangeParts | None:
    """Take the change of the loss apart; None without 100 labelled rows on either side."""
    found = study(core, core.spec(model), period)
    taken = None if found is None else _taken(core, found)
    return None if found is None or taken is None else _parts_view(found, taken[0])


@recalled("window")
def slices(core: Core, model: str, period: Window, limit: int) -> list[outcome_views.SliceView]:
    """Return the slices that lost more than the rest, the most first."""
    found = study(core, core.spec(model), period)
    if found is None or not len(found.then):
        return []
    cut = [grouping(entry, found.then) for entry in found.entries]
    tolerance = found.spec.monitor.performance_tolerance * abs(float(found.then.loss.mean()))
    told = find_slices(cut, found.then, found.now, tolerance=tolerance, limit=limit)
    return [_slice_view(found, one) for one in told]


@recalled("window")
def examples(core: Core, model: str, period: Window, limit: int) -> list[outcome_views.RowExample]:
    """Return rows that stand for the change: by what they cost more than they would have, or by how new their inputs are."""
    spec = core.spec(model)
    found = study(core, spec, period)
    taken = None if found is None else _taken(core, found)
    if found is None or taken is None:
        return []
    chosen = choose(_scores(found, *taken), _kinds(found), limit)
    ids = [found.ids[row] for row in chosen]
    raw = raw_rows(core, spec, period, ids, found.version)
    return [
        _example(spec, raw[one], one, found.now.loss[row]) for one, row in zip(ids, chosen, strict=True) if one in raw
    ]


def _taken(core: Core, found: Study) -> tuple[Parts, Crossing] | None:
    """Take a change apart; the latest answer is kept, since parts and examples are asked for together."""
    key = (
        found.spec.name, found.version, found.reference.version, found.period, found.features, found.context,
        hash(found.now.loss.tobytes()), hash(found.ids), hash(found.then.loss.tobytes()),
    )  # fmt: skip
    held = core.db.memory.get(("why", found.spec.name))
    if held is not None and held[0] == key:
        kept: tuple[Parts, Crossing] | None = held[1]
        return kept
    answer = change_parts(found.features, found.context, found.then, found.now)
    core.db.memory["why", found.spec.name] = key, answer
    return answer


def _scores(found: Study, taken: Parts, cross: Crossing) -> np.ndarray:
    """Score rows: a changed rule shows in what they cost beyond the reference's rule, other inputs in how much likelier they are now."""
    if taken.inputs.clear and abs(taken.inputs.value) > abs(taken.rule.value):
        return np.minimum(cross.ratio, CLIP)
    beyond = found.now.loss - cross.expected
    return beyond if taken.rule.value >= 0 else -beyond


def _kinds(found: Study) -> np.ndarray:
    """Tell rows apart by the two columns with the most groups that are declared as segments, else by the first features."""
    names = [name for name in found.spec.segments if name in found.now.columns] or [
        e.column.name for e in found.features
    ]
    entries = [entry for entry in found.entries if entry.column.name in names[:2]]
    return kinds([grouping(entry, found.then) for entry in entries], found.now)


# -- what alerts are told ----------------------------------------------------------------------------------------------
def window_evidence(
    core: Core, spec: ModelSpec, window: Window, version: str, readings: Sequence[Reading]
) -> Evidence | None:
    """Return what rows say of a window whose performance suffered; None where it did not, or they say nothing.

    An alert never waits for its causes, nor fails for them: whatever goes wrong here is logged, and profiles say what they can.
    """
    if not any(r.scope in _HARMED and r.verdict == "critical" for r in readings):
        return None
    try:
        found = study(core, spec, window, version=version, most=AN_ALERT)
        if found is None:
            return None
        return gather(
            found.features, found.context, found.then, found.now, loss=found.loss, unit=found.unit,
            tolerance=spec.monitor.performance_tolerance,
        )  # fmt: skip
    except Exception:
        _LOG.exception("no causes from rows for %s, window from %s", spec.name, window.start)
        return None


def events(core: Core, spec: ModelSpec, window: Window) -> list[Event]:
    """Return what happened in a window or in the one before: deployments, columns that came otherwise, sources that failed."""
    since = window.start - (window.end - window.start)
    found = [
        Event(f"Version {one.version} {_ROLES[one.action]} on {_day(spec, one.at)}.")
        for one in core.deployments(spec.name)
        if since <= one.at < window.end and one.action in _ROLES
    ]
    with core.db.cursor() as cursor:
        noticed = observations(cursor, spec.name)
    for seen in noticed:
        at = seen.event_time or seen.seen_at
        if since <= at < window.end + timedelta(days=1) and seen.event in _SCHEMA:
            words = f"{seen.column} {_SCHEMA[seen.event]} on {_day(spec, at)}."
            found.append(Event(words, seen.column))
    for name, record in core.control.source_records().items():
        if record.spec.model != spec.name:
            continue
        for run in core.control.source_runs(name, _RUNS):
            at = datetime.fromisoformat(run["started_at"])
            if since <= at < window.end and run["state"] == "failed":
                found.append(Event(f"Source {name} failed on {_day(spec, at)}."))
                break
    return found


_RUNS = 50  # of a source that are looked through
_ROLES = {"champion": "became champion", "rollback": "came back", "canary": "became canary"}
_SCHEMA = {
    "widened": "came with values of another type",
    "disappeared": "stayed away from a batch of rows",
    "appeared": "came along undeclared",
}


def _day(spec: ModelSpec, at: datetime) -> str:
    return f"{at.astimezone(spec.zone):%-d %B %Y}"


# -- words and views ---------------------------------------------------------------------------------------------------
def _parts_view(found: Study, taken: Parts) -> outcome_views.ChangeParts:
    zone = found.spec.zone
    view: outcome_views.ChangeParts = {
        "model": found.spec.name,
        "model_version": found.version,
        "start": iso(found.period.start, zone),
        "end": iso(found.period.end, zone),
        "loss": found.loss,
        "unit": found.unit,
        "reference": taken.reference,
        "current": taken.current,
        "change": taken.change.value,
        "lower": taken.change.lower,
        "upper": taken.change.upper,
        "inputs": taken.inputs.value,
        "inputs_lower": taken.inputs.lower,
        "inputs_upper": taken.inputs.upper,
        "rule": taken.rule.value,
        "rule_lower": taken.rule.lower,
        "rule_upper": taken.rule.upper,
        "overlap": taken.overlap,
        "n_reference": taken.n_reference,
        "n": taken.n,
        "sentence": _parts_sentence(found, taken),
    }
    if taken.context_overlap is not None:
        view["context_overlap"] = taken.context_overlap
    if taken.context is not None:
        view["context"] = taken.context.value
        view["context_lower"], view["context_upper"] = taken.context.lower, taken.context.upper
    return view


def _parts_sentence(found: Study, taken: Parts) -> str:
    unit, change = found.unit, taken.change
    before, after = explain.number(taken.reference, unit), explain.number(taken.current, unit)
    if not change.clear:
        said = (
            f"Mean {found.loss} is {after}, against {before} in the reference: no more of a change than chance brings."
        )
    else:
        way = "rose" if change.value > 0 else "fell"
        said = (
            f"Mean {found.loss} {way} by {explain.number(abs(change.value), unit)}, from {before} to {after}. Other inputs, P(X), account for "
            f"{_range(taken.inputs, unit)}; a changed rule from inputs to labels, P(Y|X), for {_range(taken.rule, unit)}."
        )
        said += _larger(taken)
    if taken.overlap < LOW:
        said += (
            f" Inputs have left the reference (only {explain.number(taken.overlap, 'share')} of its rows can stand for them), so how the "
            "change splits is uncertain."
        )
    return said + _context_sentence(found, taken)


def _larger(taken: Parts) -> str:
    """Name the larger part, where the intervals keep the two apart."""
    up = math.copysign(1.0, taken.change.value)
    inputs, rule = up * taken.inputs.value, up * taken.rule.value
    gap = abs(inputs - rule)
    if gap <= 1.96 * (taken.inputs.error + taken.rule.error):
        return " Which of the two is larger cannot be told."
    return " The changed rule is the larger part." if rule > inputs else " The other inputs are the larger part."


def _range(one: Estimate, unit: str) -> str:
    return f"{explain.number(one.value, unit)} ({explain.number(one.lower)} to {explain.number(one.upper)})"


def _context_sentence(found: Study, taken: Parts) -> str:
    names = ", ".join(entry.column.name for entry in found.context)
    if taken.context_overlap is None or not taken.change.clear:
        return ""
    if taken.context is None:
        return (
            f" Whether {names}, which the model does not see, account for part of the changed rule cannot be told: they have left the "
            "reference."
        )
    if not taken.context.clear:
        return f" {names}, which the model does not see, account for none of the changed rule."
    return f" Of the changed rule, {_range(taken.context, found.unit)} goes with {names}, which the model does not see and which changed too."


def _slice_view(found: Study, one: Slice) -> outcome_views.SliceView:
    unit = found.unit
    was = (
        "which the reference hardly held"
        if one.reference is None
        else f"{explain.number(one.reference, unit)} in the reference"
    )
    return {
        "name": one.words,
        "columns": list(one.columns),
        "share": one.share,
        "n": one.n,
        "reference": number(one.reference),
        "current": number(one.current),
        "shrunk": one.shrunk,
        "lower": one.lower,
        "upper": one.upper,
        "p_value": one.p_value,
        "sentence": (
            f"{one.words}, {explain.number(one.share, 'share')} of rows: mean {found.loss} {explain.number(one.current, unit)}, {was}. On rows "
            f"that were held out it rose by {explain.number(one.shrunk, unit)} ({explain.number(one.lower)} to {explain.number(one.upper)}), "
            "more than that of the other rows."
        ),
    }


def _example(spec: ModelSpec, row: dict[str, Any], name: str, loss: float) -> outcome_views.RowExample:
    def shown(value: Any) -> Any:
        if isinstance(value, datetime):
            return iso(value, spec.zone)
        return number(value) if isinstance(value, float) else value

    return {
        "id": name,
        "at": iso(row["at"], spec.zone),
        "values": {key: shown(value) for key, value in row["values"].items()},
        "prediction": shown(row["prediction"]),
        "label": shown(row["label"]),
        "loss": number(loss),
    }
