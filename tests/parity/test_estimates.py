"""Our estimates beside NannyML's, on rows of its own sample data; ``python -m benchmarks.estimates fixture`` makes the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.estimates.cases import Case
from benchmarks.estimates.ours import METRICS, learned, realised, table
from monitors.estimates._rows import read_rows
from monitors.estimates.expected import several_classes, two_classes
from monitors.estimates.label_model import isotonic

FOLDER = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((FOLDER / "nannyml_estimates.json").read_text())["cases"]


def case_of(name: str) -> Case:
    about = EXPECTED[name]
    before, after = (
        pd.read_parquet(FOLDER / f"nannyml_{name.replace(' ', '_')}_{part}.parquet")
        for part in ("reference", "current")
    )
    return Case(name, about["task"], about["numeric"], about["categorical"], before, after, tuple(about["classes"]))


@pytest.mark.parametrize("name", ["car loans", "credit cards"])
def test_plain_cbpe_agrees_window_by_window(name: str) -> None:
    """Scores calibrated by isotonic regression, summed over a window: 0.01 apart at most, for NannyML calibrates on a part of the rows,
    keeps the scores as they are where that does no worse, and takes the area of calibrated scores.
    """
    case = case_of(name)
    estimator = learned(case)
    own = estimator.rows
    assert own.scores is not None
    calibrated = isotonic(own.scores, own.label, len(own.classes))
    for place, (_, frame) in enumerate(case.current.groupby("window", sort=True)):
        rows = read_rows(estimator.spec, estimator.coder, table(case, frame), None, own.classes)
        assert rows.scores is not None
        p = calibrated(rows.scores, rows.matrix)
        found = (
            two_classes(p[:, 1], rows.predicted == 1, rows.scores[:, 1])
            if case.task == "binary"
            else several_classes(p, rows.predicted, rows.scores)
        )
        for metric in METRICS[case.task]:
            theirs = EXPECTED[name]["metrics"][metric.removesuffix("_ovr")]["value"][place]
            assert found[metric].value == pytest.approx(theirs, abs=0.01), (metric, place)


@pytest.mark.slow
def test_dle_agrees_within_what_trees_differ_by() -> None:
    """Both learn errors by boosted trees; ours is corrected on rows held out: 5 % apart at most."""
    case = case_of("car prices")
    estimator = learned(case)
    for place, (_, frame) in enumerate(case.current.groupby("window", sort=True)):
        found = estimator(table(case, frame).drop_columns(["label"]), None).metrics
        for metric in METRICS["regression"]:
            theirs = EXPECTED["car prices"]["metrics"][metric]["value"][place]
            assert found[metric].value == pytest.approx(theirs, rel=0.05), (metric, place)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(EXPECTED))
def test_ours_misses_by_no_more(name: str) -> None:
    """By more than a tenth and what five windows leave open: two thousandths are less than one standard error of the difference."""
    case = case_of(name)
    estimator = learned(case)
    missed: dict[str, list[tuple[float, float]]] = {}
    for place, (_, frame) in enumerate(case.current.groupby("window", sort=True)):
        found = estimator(table(case, frame).drop_columns(["label"]), None).metrics
        for metric, value in realised(case, estimator, frame).items():
            theirs = EXPECTED[name]["metrics"][metric.removesuffix("_ovr")]["value"][place]
            missed.setdefault(metric, []).append((abs(found[metric].value - value), abs(theirs - value)))
    for metric, pairs in missed.items():
        ours, theirs = np.mean(pairs, axis=0)
        assert ours <= theirs * 1.1 + 0.002, (metric, ours, theirs)
