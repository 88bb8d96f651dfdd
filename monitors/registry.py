"""Which checks and metrics there are, and which apply to a column or a model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from monitors.types import ESTIMATED, Check, Values
from reference_data.plugins import discover
from reference_data.profile import LISTS, BinnedColumn, ColumnProfile, Layout, Profile

if TYPE_CHECKING:  # a comparison of two files reads no declaration, and starts sooner without
    from reference_data.declaration import ModelSpec

DECIDING = "jensen_shannon"  # the check whose reading carries a column's verdict
CONCEPT_COLUMNS = (
    "error given inputs",
    "correct",
)  # outcome columns that drift when the rule from inputs to label does


def column_checks(entry: BinnedColumn | None = None, names: Collection[str] | None = None) -> dict[str, Check]:
    """Return the column checks by name: all of them, or those of ``names`` that apply to a column's cells."""
    found: dict[str, Check] = discover("monitors.checks", "CHECK")
    return {
        name: check
        for name, check in found.items()
        if (entry is None or entry.bins.kind in check.kinds) and (names is None or name in names)
    }


def every_metric() -> dict[str, Check]:
    """Return all metrics by name, of whatever task."""
    found: dict[str, Check] = discover("monitors.metrics", "CHECK")
    return found


def metric_checks(spec: ModelSpec, layout: Layout | None) -> dict[str, Check]:
    """Return the metrics that a model's task has and its outcomes allow, by name; units of the label are spelled out."""
    if layout is None:
        return {}
    unit = label_unit(spec, layout)
    units = {"label": unit, "label²": f"{unit}²" if unit else ""}
    return {
        name: replace(check, unit=units.get(check.unit, check.unit), title=_of_top(check, layout))
        for name, check in every_metric().items()
        if spec.task in check.kinds and _computable(check, layout)
    }


def _of_top(check: Check, layout: Layout) -> str:
    """Return a metric's title; of the top of lists with the number of rows that the reference took for it."""
    return (
        check.title.replace("at k", layout.entry(LISTS[0]).column.unit or "")
        if LISTS[0] in layout.names
        else check.title
    )


def performance_checks(spec: ModelSpec, layout: Layout | None) -> dict[str, Check]:
    """Return those of :func:`metric_checks` that are read in every window: the usual ones, and whatever is declared by name."""
    from monitors.rule_asked import asked  # what compares two files needs no rules

    wanted = {spec.monitor.metric, *(check.removeprefix(ESTIMATED) for check, _ in asked(spec))}
    return {name: check for name, check in metric_checks(spec, layout).items() if check.shown or name in wanted}


def headline_check(spec: ModelSpec, layout: Layout | None) -> Check | None:
    """Return the metric a model is judged by: the declared one, else of the task's headline metrics the most specific.

    Regression: ``mae``; binary: ``roc_auc`` with scores, else ``accuracy``; multiclass: ``accuracy``; None without labels. So it is as
    well where the declared one cannot be computed, because the reference was frozen without what it needs.
    """
    checks = performance_checks(spec, layout)
    if spec.monitor.metric in checks:
        return checks[spec.monitor.metric]
    able = [check for check in checks.values() if check.headline]
    return min(able, key=lambda check: (len(check.kinds), check.name), default=None)


def column_values(check: Check, reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return a column check for each profile along the leading axes; NaN where there is nothing to say."""
    assert check.column_function is not None
    return check.column_function(reference, current)


def metric_values(spec: ModelSpec, check: Check, outcomes: Profile) -> Values:
    """Return a metric for each profile along the leading axes; NaN where there are no rows."""
    assert check.outcome_function is not None
    return np.asarray(check.outcome_function(outcomes, positive_class(spec, outcomes.layout)), dtype=np.float64)


def metric_errors(spec: ModelSpec, check: Check, outcomes: Profile) -> Values:
    """Return the standard error of a metric by sampling, for each profile along the leading axes; NaN where it cannot be said."""
    if check.error_function is None:
        return np.full(outcomes.rows.shape, np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(check.error_function(outcomes, positive_class(spec, outcomes.layout)), dtype=np.float64)


def metric_intervals(spec: ModelSpec, check: Check, outcomes: Profile) -> tuple[Values, Values]:
    """Return the 95 % interval of a metric for each profile along the leading axes: (lower, upper), NaN where it cannot be said.

    By the metric's own ``interval_function``, else value ± Student's t times its standard error. Rows are taken as independent: it says how
    far chance alone carries a value of so many rows, not how much windows differ.
    """
    if check.interval_function is None:
        from scipy import special  # a comparison of two files starts sooner without

        value, error = metric_values(spec, check, outcomes), metric_errors(spec, check, outcomes)
        reach = special.stdtrit(np.maximum(outcomes.rows - 1.0, 1.0), 0.975) * error
        low, high = value - reach, value + reach
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            low, high = check.interval_function(outcomes, positive_class(spec, outcomes.layout))
    if check.direction == "higher_is_worse":
        low = np.maximum(low, 0.0)  # no error is below 0, however few rows there are
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def positive_class(spec: ModelSpec, layout: Layout) -> str | None:
    """Return the positive class of a binary task (declared, else the last in alphabetical order), None for other tasks."""
    if spec.task != "binary":
        return None
    if spec.positive is not None or "label" not in layout.names:
        return spec.positive
    return max(layout.entry("label").bins.categories, default=None)


def concept_column(layout: Layout | None) -> str | None:
    """Return the outcome column whose drift means that inputs now lead to other labels; None without labels."""
    names = () if layout is None else layout.names
    return next((name for name in CONCEPT_COLUMNS if name in names), None)


def label_unit(spec: ModelSpec, layout: Layout | None) -> str:
    """Return the unit of the label, "" when none is declared."""
    declared = spec.units.get(spec.label or "", spec.units.get("label", ""))
    if declared or layout is None or "label" not in layout.names:
        return declared
    return layout.entry("label").column.unit or ""


@lru_cache(maxsize=256)
def _computable(check: Check, layout: Layout) -> bool:
    assert check.outcome_function is not None
    try:
        check.outcome_function(layout.empty(1), None)
    except KeyError:
        return False
    return True
