"""Evidently: DataDriftPreset as it comes; with ``--days`` the same decisions column by column, without its drawings."""

import _protocol as protocol
import numpy as np
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset


def judge(asked, model, reference, days):
    """Yield the verdicts of all days."""
    for day, current in days:
        rows = list((_report if day is None else _columns)(asked, model, day, reference, current))
        yield from rows
        drifted, judged = sum(bool(row["drift"]) for row in rows), sum(row["drift"] is not None for row in rows)
        share = drifted / judged if judged else 0.0
        yield protocol.dataset(model, day, share >= 0.5, share)


def _row(asked, model, day, column, method, value, threshold):
    """Apply a method's own rule: K-S and the distances include their threshold, chi-square and z do not."""
    p_value = "p_value" in method
    threshold = (asked.alpha if p_value else asked.threshold) or threshold
    if p_value:
        drift = value <= threshold if method.startswith("K-S") else value < threshold
    else:
        drift = value > threshold if "text" in method else value >= threshold
    return protocol.verdict(model, day, column, method, value, threshold, "below" if p_value else "above", bool(drift))


def _report(asked, model, day, reference, current):
    found = Report([DataDriftPreset()]).run(current, reference).dict()
    for metric in found["metrics"]:
        config = metric["config"]
        if config["type"].endswith(":ValueDrift"):
            yield _row(
                asked, model, day, config["column"], config["method"], float(metric["value"]), config["threshold"]
            )


def _columns(asked, model, day, reference, current):
    known = Dataset.from_pandas(current, data_definition=DataDefinition())
    for column in current.columns:
        of_type = known.column(column).type
        if of_type not in (ColumnType.Numerical, ColumnType.Categorical, ColumnType.Text):
            continue
        left, right = (side[column].replace([-np.inf, np.inf], np.nan).dropna() for side in (reference, current))
        if left.empty or right.empty:
            yield protocol.unjudged(model, day, column, "an empty column")
            continue
        test = get_stattest(left, right, of_type, None)
        found = test(left, right, of_type, None)
        yield _row(asked, model, day, column, test.display_name, float(found.drift_score), found.actual_threshold)


protocol.run("evidently", ["default"], judge)
