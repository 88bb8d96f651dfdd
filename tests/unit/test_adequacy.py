"""What a reference is too small for, said in words; and the smallest shift that its sizes can show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from monitors.adequacy import shortcomings, smallest_visible
from monitors.calibration import calibrate
from monitors.drift import find_drift, smallest_shift
from reference_data.declaration import ModelSpec
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec
from tests.support.profiles import DAILY, START, profiles_of, reference_of, regression_outcomes, spec_of

SPEC = spec_of("regression", features={"x": "numeric", "k": "categorical"})


def days(count: int, rows: int = 400, labelled: int | None = None, seed: int | None = None) -> Reference:
    rng = np.random.default_rng(count if seed is None else seed)
    inputs = [
        {"x": rng.normal(size=rows), "k": rng.choice(list("ab"), rows), "prediction": rng.normal(size=rows)}
        for _ in range(count)
    ]
    kept = rows if labelled is None else labelled
    outcomes = [regression_outcomes(rng.normal(10, 1, kept), rng.normal(10, 1, kept)) for _ in range(count)]
    return reference_of(inputs, outcomes if kept else None)


def said(reference: Reference, spec: ModelSpec = SPEC, window: str = "1d", live: float | None = None) -> list[str]:
    window_spec = WindowSpec.parse(window, "UTC", START.date())
    return shortcomings(spec, reference, calibrate(spec, reference, window_spec), window_spec, live)


def test_a_reference_that_will_do_is_not_spoken_of() -> None:
    assert said(days(28)) == []


@pytest.mark.parametrize(
    ("reference", "arguments", "words"),
    [
        (lambda: days(7), {"window": "1w"}, "It holds 1 weekly window: natural variation is assumed, not measured"),
        (lambda: days(28), {"window": "1w"}, "It holds 4 weekly windows: natural variation is learned from few"),
        (lambda: days(28), {"live": 5000.0}, "11,200 rows, less than 3 windows of the 5,000 rows they usually have"),
        (lambda: days(28, labelled=0), {}, "None of its rows has both a prediction and a label"),
        (lambda: days(28, labelled=20), {}, "560 of its 11,200 rows are labelled, and 0 of its 28 windows have the 30"),
        (lambda: days(30), {}, "It covers 30 days, not whole weeks"),
        (lambda: days(28, rows=40), {}, "standard deviations before one window can show it"),
    ],
)
def test_each_shortage_is_named_with_its_numbers(reference: Any, arguments: dict[str, Any], words: str) -> None:
    found = said(reference(), **arguments)
    assert len([line for line in found if words in line]) == 1, found


def test_whole_weeks_do_not_matter_to_weekly_windows_nor_after_two_months() -> None:
    assert not [line for line in said(days(30), window="1w") if "weekdays" in line]
    assert not [line for line in said(days(59)) if "weekdays" in line]


def test_slots_of_a_season_that_lack_windows_are_counted() -> None:
    seasonal = spec_of("regression", features=SPEC.features, reference={"kind": "seasonal", "season": "weekday"})
    assert not [line for line in said(days(28), seasonal) if "season" in line]
    (found,) = [line for line in said(days(17), seasonal) if "season" in line]
    assert found.startswith(
        "4 of the 7 slots of its season have fewer than 3 windows (Thursdays, Fridays, Saturdays and 1 more)"
    )


def test_the_smallest_shift_is_where_the_test_turns() -> None:
    """A shift of that size gives a p-value of the level, as the test itself computes it."""
    reference = days(28)
    null = calibrate(SPEC, reference, DAILY).inputs
    place = null.scores.names.index("x")
    level, rng = 1e-3, np.random.default_rng(1)
    smallest = float(smallest_shift(null, 400, level)[place])
    drifted = []
    for shift in (0.75 * smallest, 1.35 * smallest):
        live: list[dict[str, Any]] = [
            {"x": rng.normal(shift, 1, 400), "k": rng.choice(list("ab"), 400), "prediction": rng.normal(size=400)}
            for _ in range(40)
        ]
        windows = [Window(START + timedelta(days=2 * i), START + timedelta(days=2 * i + 1)) for i in range(40)]
        alone = [
            find_drift(null, [window], profiles_of(reference.inputs.layout, [day]), level, 0.0)
            for window, day in zip(windows, live, strict=True)
        ]
        drifted.append(float(np.mean([found.significant[0, place] for found in alone])))
    assert drifted[0] < 0.35
    assert drifted[1] > 0.65


def test_more_rows_show_smaller_shifts() -> None:
    """Ten times the rows show about a third of the shift; in a few references chance makes days vary."""
    ratios = []
    for seed in range(12):
        small, large = (days(28, rows, labelled=0, seed=seed) for rows in (60, 600))
        shifts = [smallest_visible(SPEC, r, calibrate(SPEC, r, DAILY), float(r.rows / 28)) for r in (small, large)]
        ratios.append(shifts[0] / shifts[1])
    assert np.median(ratios) > 2.7
    assert np.mean(np.asarray(ratios) > 2.5) > 0.75
    assert timedelta(days=28) == large.period.end - large.period.start
