"""How many rows a window should have: weekends, growth and small counts are habits, and a Tuesday of half the rows is not."""

import numpy as np
import pytest

from monitors.volume import HARMFUL_DROP, HARMFUL_SURGE, Season, expectations, season_of, with_reference
from reference_data.windows import WindowSpec

WEEK = Season(7, 7)
LEVEL = 1e-4


def traffic(
    n: float, days: int, seed: int, *, jitter: float = 0.05, growth: float = 0.0, weekend: float = 0.4
) -> np.ndarray:
    """Return rows of consecutive days from a Monday on."""
    rng = np.random.default_rng(seed)
    day = np.arange(days)
    habit = np.where(day % 7 >= 5, weekend, 1.0)
    return rng.poisson(n * habit * np.exp(rng.normal(0, jitter, days) + growth * day))


def alarms(rows: np.ndarray, first: int = 14) -> list[int]:
    """Return the places that would be a warning."""
    found = []
    for place, expected in enumerate(expectations(rows, WEEK, first), first):
        ratio = rows[place] / max(expected.rows, 1e-9)
        material = ratio <= HARMFUL_DROP or ratio >= HARMFUL_SURGE
        if expected.known and expected.p_value < LEVEL and material and abs(rows[place] - expected.rows) >= 30:
            found.append(place)
    return found


@pytest.mark.parametrize("n", [3, 30, 100, 1000, 5000])
@pytest.mark.parametrize("growth", [0.0, 0.01, -0.005])
def test_weekends_growth_and_small_counts_are_no_alarm(n: float, growth: float) -> None:
    found = [alarms(traffic(n, 200, seed, growth=growth)) for seed in (11, 12)]
    assert found == [[], []]


@pytest.mark.parametrize("jitter", [0.0, 0.1, 0.2])
def test_unsteady_traffic_is_no_alarm(jitter: float) -> None:
    assert [alarms(traffic(1000, 200, seed, jitter=jitter)) for seed in (21, 22)] == [[], []]


@pytest.mark.parametrize("day", [57, 59, 61])  # a Tuesday, a Thursday, a Saturday
def test_half_of_the_rows_is_a_drop_on_any_day(day: int) -> None:
    rows = traffic(1000, 70, 31)
    rows[day] //= 2
    assert alarms(rows) == [day]


def test_twice_the_rows_is_a_surge() -> None:
    rows = traffic(1000, 70, 32)
    rows[57] *= 2
    assert alarms(rows) == [57]


def test_a_new_level_is_usual_after_some_days_and_an_outage_does_not_hide_the_next() -> None:
    rows = traffic(1000, 100, 33)
    rows[60:] //= 2
    found = alarms(rows)
    assert found[0] == 60
    assert max(found) < 68, "the level of late is what is usual"
    rows = traffic(1000, 100, 34)
    rows[[50, 64]] //= 4
    assert alarms(rows) == [50, 64]


def test_too_few_weeks_say_nothing() -> None:
    expected = expectations(traffic(1000, 15, 35), WEEK, 0)
    assert [each.known for each in expected] == [False] * 14 + [True]


def test_a_shop_that_is_closed_on_sundays_expects_nobody() -> None:
    rows = traffic(1000, 60, 36)
    rows[6::7] = 0
    assert expectations(rows, WEEK, 55)[0].rows == 0, "day 55 is a Sunday"
    assert expectations(rows, WEEK, 56)[0].rows > 900


def test_a_reference_of_the_same_traffic_counts_and_a_sample_of_it_does_not() -> None:
    whole = traffic(1000, 40, 37)
    reference, own = whole[:28], whole[28:]
    assert len(with_reference(own, reference, 0, WEEK)) == 28
    assert len(with_reference(own, reference // 10, 0, WEEK)) == 0
    assert len(with_reference(own[:2], reference, 0, WEEK)) == 0, "two windows do not say yet"
    assert len(with_reference(own, reference[:1], 0, WEEK)) == 0, "a reference without times"


@pytest.mark.parametrize("gap", [0, 1, 3, 7, 10])
def test_the_week_goes_on_over_a_gap(gap: int) -> None:
    whole = traffic(1000, 60, 38, jitter=0.02)
    before = with_reference(whole[28 + gap :], whole[:28], gap, WEEK)
    assert len(before) == 28 - (-gap) % 7
    rows = np.concatenate([before, whole[28 + gap :]])
    assert alarms(rows, len(before) + 3) == []


def test_windows_of_whole_parts_of_a_week_have_its_habits() -> None:
    assert season_of(WindowSpec.parse("1d")) == Season(7, 7)
    assert season_of(WindowSpec.parse("1h")) == Season(168, 24)
    assert season_of(WindowSpec.parse("6h")) == Season(28, 4)
    assert season_of(WindowSpec.parse("1w")).cycle == season_of(WindowSpec.parse("5h")).cycle == 1


def test_nights_are_no_alarm_for_hourly_windows() -> None:
    rng = np.random.default_rng(39)
    hour = np.arange(24 * 7 * 5)
    habit = np.where(hour % 24 < 6, 0.05, 1.0) * np.where(hour // 24 % 7 >= 5, 0.4, 1.0)
    rows = rng.poisson(500 * habit)
    season = season_of(WindowSpec.parse("1h"))
    first = 24 * 7 * 4
    held = expectations(rows, season, first)
    assert min(each.p_value for each in held) > LEVEL / 24
    place = first + 12
    rows[place] //= 4
    assert expectations(rows[: place + 1], season, place)[0].p_value < LEVEL / 24


@pytest.mark.parametrize("before", [10, 40])
def test_an_outage_does_not_become_usual(before: int) -> None:
    rows = np.concatenate([traffic(1000, before, 61), np.zeros(25, dtype=np.int64)])
    held = expectations(rows, WEEK, before)
    assert all(each.rows > 200 for each in held if each.known)
    assert held[-1].known


def test_a_day_that_passes_for_usually_empty_does_not_end_an_outage() -> None:
    rows = np.full(130, 100)
    rows[7] = rows[14:] = 0  # one empty Thursday, and from the next on nothing: Thursdays look closed
    held = expectations(rows, WEEK, 14)
    assert {place % 7 for place, each in enumerate(held, 14) if each.rows < 50} <= {0}
    assert all(each.rows == pytest.approx(100) for place, each in enumerate(held, 14) if place % 7)


def test_weeks_without_any_rows_say_nothing_of_what_is_usual() -> None:
    assert not expectations(np.zeros(90, dtype=np.int64), WEEK, 89)[0].known


def test_a_shop_that_begins_to_close_on_weekends_is_understood() -> None:
    rows = traffic(1000, 210, 62)
    rows[28:][np.arange(182) % 7 >= 5] = 0
    assert all(each.rows < 0.5 for each in expectations(rows, WEEK, 0)[-2:])
