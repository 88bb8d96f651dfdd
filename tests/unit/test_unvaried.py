"""Columns that never varied: any change shows, and thresholds are honest numbers."""

import numpy as np
import pytest

from monitors.calibration import calibrate
from monitors.judge import judge
from monitors.judge_quality import _range
from monitors.types import Reading
from tests.support.profiles import DAILY, NOW, days, profiles_of, reference_of, spec_of

SPEC = spec_of("none", features={"k": "numeric", "x": "numeric"}, context={}, units={})


def readings(parts: list[dict[str, np.ndarray]], reference: list[dict[str, np.ndarray]]) -> list[Reading]:
    held = reference_of(reference)
    found = judge(
        SPEC,
        held,
        calibrate(SPEC, held, DAILY),
        days(len(parts), len(reference)),
        profiles_of(held.inputs.layout, parts),
        None,
        labels_expected=None,
        model_version="v1",
        importance=None,
        now=NOW,
    )
    return [reading for reading in found if reading.check == "jensen_shannon"]


def day(rng: np.random.Generator, k: float = 7.0, n: int = 100, few: int = 0, x: float = 0.0) -> dict[str, np.ndarray]:
    values = np.full(n, k)
    values[:few] = 9.0
    return {"k": values, "x": rng.normal(x, 1, n)}


def of(found: list[Reading], column: str) -> list[Reading]:
    return [reading for reading in found if reading.column == column]


@pytest.mark.parametrize("seed", range(5))
def test_a_constant_that_becomes_another_one_drifts_on_its_first_day(seed):
    rng = np.random.default_rng(seed)
    reference = [day(rng) for _ in range(30)]
    found = of(readings([day(rng), day(rng, 8.0), day(rng, 8.0)], reference), "k")
    assert [reading.verdict for reading in found] == ["ok", "drift", "drift"]
    assert found[1].value == pytest.approx(1.0)
    assert found[1].threshold < 0.9
    assert "1.00 higher on average" in found[1].sentence
    assert "never varied" in found[1].sentence
    assert "standard deviations" not in found[1].sentence


def test_a_few_other_values_of_a_constant_drift_and_one_does_not():
    rng = np.random.default_rng(1)
    reference = [day(rng) for _ in range(30)]
    few, one = of(readings([day(rng, few=20), day(rng, few=1)], reference), "k")
    assert (few.verdict, one.verdict) == ("drift", "ok")
    assert few.value > few.threshold
    assert one.value <= one.threshold


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.03])
def test_a_nearly_constant_column_that_goes_on_so_stays_quiet(rate):
    false = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        reference = [day(rng, few=rng.binomial(100, rate)) for _ in range(40)]
        found = of(readings([day(rng, few=rng.binomial(100, rate)) for _ in range(60)], reference), "k")
        false += sum(reading.verdict == "drift" for reading in found)
    assert false <= 1  # of 360 windows


def test_thresholds_are_steady_within_the_statistics_range_and_apart_from_the_value():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        reference = [day(rng) for _ in range(30)]
        found = of(readings([day(rng, x=0.0 if i < 10 else 0.6) for i in range(24)], reference), "x")
        assert any(reading.verdict == "drift" for reading in found)
        for reading in found:
            assert (reading.value > reading.threshold) == (reading.verdict == "drift")
            assert 0 < reading.threshold <= 1
            assert reading.verdict != "drift" or reading.value > 1.01 * reading.threshold


def test_a_window_that_cannot_be_judged_has_no_threshold():
    rng = np.random.default_rng(2)
    reference = [day(rng) for _ in range(30)]
    empty = day(rng) | {"x": np.full(100, np.nan)}
    (found,) = of(readings([empty], reference), "x")
    assert found.verdict in ("insufficient", "no_data")
    assert np.isnan(found.threshold)


def test_a_range_that_is_one_value_is_said_so():
    rng = np.random.default_rng(3)
    held = reference_of([day(rng) for _ in range(30)])
    base, now = held.inputs.total().column("k"), profiles_of(held.inputs.layout, [day(rng, 8.0)]).column("k")
    assert _range(base, now, 0) == "100 values are above the reference's highest, 7.00; all values are 8.00 now."
