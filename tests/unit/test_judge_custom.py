"""Own checks against what they usually do: no alarm by chance, weekdays with a level of their own, rare events, small windows."""

from datetime import timedelta

import numpy as np
import pytest

from monitors.explain import apart
from monitors.judge_custom import OwnCheck, Variation, custom_readings
from monitors.types import Direction, Reading
from reference_data.windows import Window
from storage.custom_checks import CustomValue
from tests.support.profiles import DAILY, START
from tests.unit.test_judge_quality import blank, reference_of_nothing

LEVEL = 3e-5


def read(
    before: np.ndarray, values: np.ndarray, direction: Direction = "both", *, rows: int = 100, limited: bool = False
) -> list[Reading]:
    """Return the readings of days that follow on those before."""
    days = [
        Window(START + timedelta(days=day), START + timedelta(days=day + 1)) for day in range(len(before) + len(values))
    ]
    usual = Variation(tuple(w.start for w in days[: len(before)]), before, np.full(len(before), 100), "days before")
    check = OwnCheck("own", "USD", direction, limited=limited)
    found = [CustomValue(float(value), rows) for value in values]
    live = days[len(before) :]
    return custom_readings(check, live, found, usual, DAILY, blank(reference_of_nothing()), level=LEVEL, least=30)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("habit", [0.0, 0.6])
@pytest.mark.parametrize("kind", ["normal", "lognormal", "rare"])
def test_what_goes_on_as_before_is_no_warning(seed: int, habit: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    n = 28 + 112
    drawn = {
        "normal": rng.normal(100, 10, n),
        "lognormal": 100 * rng.lognormal(0, 0.3, n),
        "rare": rng.poisson(0.05, n) / 100.0,
    }[kind]
    values = drawn * np.where(np.arange(n) % 7 >= 5, 1 - habit, 1.0)
    assert {reading.verdict for reading in read(values[:28], values[28:])} == {"ok"}


def test_a_weekday_has_a_level_of_its_own_where_they_differ() -> None:
    rng = np.random.default_rng(9)
    values = rng.normal(100, 3, 35) * np.where(np.arange(35) % 7 >= 5, 0.4, 1.0)
    values[30] = 40  # a Wednesday that looks like a Sunday
    assert [reading.verdict for reading in read(values[:28], values[28:])] == ["ok"] * 2 + ["warning"] + ["ok"] * 4


@pytest.mark.parametrize(
    ("direction", "verdict"), [("both", "warning"), ("lower_is_worse", "warning"), ("higher_is_worse", "ok")]
)
def test_the_worse_way_counts(direction: Direction, verdict: str) -> None:
    before = np.random.default_rng(3).normal(100, 3, 28)
    (found,) = read(before, np.asarray([50.0]), direction)
    assert found.verdict == verdict
    assert found.sentence.startswith("own is 50.0 USD")


def test_a_value_that_never_varied_is_not_judged_by_that() -> None:
    (found,) = read(np.zeros(28), np.asarray([0.01]))
    assert found.verdict == "ok"
    assert found.p_value == pytest.approx(1 / 29)


def test_few_rows_no_rows_and_no_number_are_no_verdict() -> None:
    before = np.random.default_rng(3).normal(100, 3, 28)
    assert read(before, np.asarray([500.0]), rows=29)[0].verdict == "insufficient"
    assert read(before, np.asarray([np.nan]), rows=0)[0].verdict == "no_data"
    assert read(before, np.asarray([np.nan]))[0].verdict == "insufficient"
    assert read(before[:3], np.asarray([500.0]))[0].verdict == "insufficient"
    assert read(before[:3], np.asarray([500.0]), limited=True)[0].verdict == "ok", "its limits say the rest"


def test_a_smaller_window_may_be_farther_away() -> None:
    before = np.random.default_rng(3).normal(100, 3, 28)
    assert [read(before, np.asarray([122.0]), rows=rows)[0].verdict for rows in (100, 30)] == ["warning", "ok"]


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
@pytest.mark.parametrize("direction", ["both", "lower_is_worse", "higher_is_worse"])
def test_a_reading_agrees_with_its_own_limits(kind: str, direction: Direction) -> None:
    rng = np.random.default_rng(5)
    before = rng.normal(100, 5, 28) if kind == "normal" else 100 * rng.lognormal(0, 0.2, 28)
    for found in read(before, np.linspace(1, 400, 200), direction):
        assert found.lower < found.reference_value < found.upper
        higher = direction == "higher_is_worse" or (direction == "both" and found.value >= found.reference_value)
        assert (found.verdict == "warning") == (
            found.value > found.threshold if higher else found.value < found.threshold
        )
        assert found.threshold > found.upper if higher else found.threshold < found.lower


def test_a_value_just_beyond_its_limit_reads_so() -> None:
    assert apart(2.009, 2.013, 2.262) == ("2.009", "2.013", "2.26")
    assert apart(1.5, 1.0, 2.0, "USD") == ("1.50 USD", "1.00 USD", "2.00 USD")
    assert apart(0.50004, 0.1, 0.5, "share") == ("50.004 %", "10.0 %", "50.000 %")
