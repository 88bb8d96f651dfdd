"""Declared rules of the gate: what a new version must not be worse at (``retrain.must``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reference_data.segments import PAIR, segment_text
from reference_data.training import MustNotRegress
from retraining.rule_metrics import rule_metrics
from retraining.scores import Metric

if TYPE_CHECKING:
    from retraining.gate import GateRow, HeldOut

Rows = NDArray[np.intp]
Measure = Callable[[Metric, Rows, str, str], "GateRow"]
#: Rows of a segment below which a rule says nothing.
LEAST_ROWS = 30


def judge_rule(rule: MustNotRegress, held: HeldOut, measure: Measure, *, against: bool) -> GateRow:
    """Return the line of one rule: failed when it is broken for certain, a warning when it may be or cannot be judged.

    It is broken when the challenger is worse by more than ``allowed`` of the champion's value, for certain when the whole interval of
    the change is beyond that. ``against``: there is a champion; without one a rule has nothing to say. ``measure`` makes a line of the
    gate from a metric, rows, a name and what is allowed.
    """
    metric = rule_metrics(held.task, held.positive, held.unit).get(rule.metric)
    inside = f", {rule.segment}" if rule.segment else ""
    if metric is None:  # the model's task has changed since
        return _unknown(f"must: {rule.metric}{inside}", f"{held.task} has no such metric", "", against=True)
    rows = segment_rows(held, rule.segment)
    name = f"must: {metric.name}{inside}"
    allowed = "not worse" if not rule.allowed else f"worse by at most {rule.allowed * 100:.3g} %"
    if len(rows) < LEAST_ROWS and rule.segment is not None:
        return _unknown(name, f"{allowed}; {len(rows)} rows are too few to say", metric.unit, against=against)
    row = measure(metric, rows, name, allowed)
    if not against:
        return row
    if row["change"] is None or row["champion"] is None:
        return _unknown(name, f"{allowed}; not known of both", metric.unit, against=True)
    row["verdict"] = _verdict(row, rule.allowed * abs(row["champion"]), higher_is_better=metric.higher_is_better)
    return row


def segment_rows(held: HeldOut, segment: str | None) -> Rows:
    """Return the positions of the rows in a segment such as ``carrier=AA``; all of them for None, none for one that is not there."""
    if segment is None:
        return np.arange(len(held.label), dtype=np.intp)
    for declared, values in held.segments.items():
        for value in set(values[~pd.isna(values)]):
            if _name(declared, str(value)) == segment:
                return np.flatnonzero(values == value)
    return np.empty(0, dtype=np.intp)


def _name(declared: str, value: str) -> str:
    """Return the name of a declared segment's value as the monitors write it: ``carrier=AA``, or ``carrier=AA × origin=JFK``."""
    columns, values = declared.split(PAIR), value.split(PAIR)
    if len(columns) == len(values) == 2:
        return PAIR.join(segment_text(*pair) for pair in zip(columns, values, strict=True))
    return segment_text(declared, value)


def _verdict(row: GateRow, limit: float, *, higher_is_better: bool) -> Literal["pass", "warn", "fail"]:
    assert row["change"] is not None
    sign = -1 if higher_is_better else 1
    if sign * row["change"] <= limit:
        return "pass"
    if row["lower"] is None or row["upper"] is None:
        return "warn"
    return "fail" if min(sign * row["lower"], sign * row["upper"]) > limit else "warn"


def _unknown(name: str, allowed: str, unit: str, *, against: bool) -> GateRow:
    """A rule that cannot be judged is not kept: somebody should look."""
    return {
        "name": name, "champion": None, "challenger": None, "change": None, "lower": None, "upper": None, "allowed": allowed,
        "verdict": "warn" if against else "info", "unit": unit,
    }  # fmt: skip
