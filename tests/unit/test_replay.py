"""The replay of a reference through its own monitor: what it would have raised, what to expect, how small a change is found."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.alarms.days import Cell, Drift
from benchmarks.alarms.generator import Model, make
from benchmarks.alarms.ours import DAILY, episodes, found_after
from monitors.replay import Replay, replay, spell, summary
from monitors.sensitivity import ColumnSensitivity
from reference_data.declaration import Budget, ModelSpec
from reference_data.profile import Profile
from reference_data.windows import WindowSpec

CELL = Cell("replayed", 200, jitter=0.05, columns=5)  # numbers all
QUIET = 3  # a seed whose reference raises nothing by itself


@pytest.fixture(scope="module")
def model() -> Model:
    return make(CELL, QUIET, 1)


@pytest.fixture(scope="module")
def played(model: Model) -> Replay:
    return replay(model.spec, model.reference, DAILY)


def with_budget(spec: ModelSpec, warnings: float) -> ModelSpec:
    return spec.model_copy(
        update={"monitor": spec.monitor.model_copy(update={"alert_budget": Budget(warnings_per_year=warnings)})}
    )


def shift_of(found: Replay, column: str) -> ColumnSensitivity:
    return next(own for own in found.sensitivity if own.column == column)


def test_a_quiet_reference_costs_what_is_spent_of_the_budget(played: Replay) -> None:
    assert played.windows == 30
    assert played.rows_per_window == 200
    assert played.alerts == []
    assert played.expected_warnings == pytest.approx(0.6)
    assert played.expected_pages == 0  # without labels nothing pages
    assert not any("alerts on itself" in words for words in played.advice)


def test_a_column_that_never_varied_has_no_shift_to_be_found(model: Model, played: Replay) -> None:
    where = model.reference.inputs.layout.count_slice("normal_a")
    counts = model.reference.inputs.counts.copy()
    counts[:, where.start + 3 : where.stop] = 0
    counts[:, where.start + 10] = model.reference.inputs.rows  # all in one cell
    found = replay(
        model.spec,
        replace(model.reference, inputs=Profile(model.reference.inputs.layout, counts, model.reference.inputs.moments)),
        DAILY,
    )
    assert "normal_a" in {own.column for own in played.sensitivity}
    assert "normal_a" not in {own.column for own in found.sensitivity}


def test_a_reference_with_a_change_in_it_alerts_on_itself(model: Model) -> None:
    counts, moments = model.reference.inputs.counts.copy(), model.reference.inputs.moments.copy()
    drifted = make(CELL, QUIET, 6, Drift("normal_a", "location", 3.0, start=0))
    assert drifted.reference.inputs.layout == model.reference.inputs.layout
    where = model.reference.inputs.layout.count_slice("normal_a")
    counts[20:23, where] = drifted.current.counts[:3, where]
    layout = model.reference.inputs.layout
    found = replay(model.spec, replace(model.reference, inputs=Profile(layout, counts, moments)), DAILY)
    assert [alert.column for alert in found.alerts] == ["normal_a"]
    assert found.alerts[0].severity == "warning"
    assert found.alerts[0].window.start == model.reference.buckets[20]
    assert "normal_a" in found.alerts[0].sentence
    years = 30 / 365.25
    assert found.expected_warnings == pytest.approx((0.6 + 1) / (1 + years))
    assert any("alerts on itself once in 30 windows (normal_a)" in words for words in found.advice)


def test_more_budget_finds_smaller_shifts_and_costs_more(model: Model, played: Replay) -> None:
    wide = replay(with_budget(model.spec, 50), model.reference, DAILY)
    assert wide.expected_warnings >= 0.6 * 50
    for strict, loose in zip(played.sensitivity, wide.sensitivity, strict=True):
        assert all(a >= b for a, b in zip(strict.shifts, loose.shifts, strict=True))
        assert strict.shifts[0] > loose.shifts[0]


def test_longer_lasting_shifts_are_found_when_smaller_and_never_below_the_tolerance(
    model: Model, played: Replay
) -> None:
    for own in played.sensitivity:
        assert list(own.windows) == sorted(own.windows)
        assert list(own.shifts) == sorted(own.shifts, reverse=True)
        if own.unit == "standard deviations":
            assert own.shifts[-1] >= model.spec.monitor.tolerance
    assert {own.column for own in played.sensitivity} == set(model.spec.features)


@pytest.mark.slow
def test_categories_are_told_in_points_of_the_largest_share() -> None:
    mixed = make(Cell("mixed", 200, columns=17), 0, 1)
    found = replay(mixed.spec, mixed.reference, DAILY)
    units = {own.column: own.unit for own in found.sensitivity}
    assert (units["region"], units["plan"]) == ("share", "share")
    assert (units["normal_a"], units["count"]) == ("standard deviations", "standard deviations")
    assert shift_of(found, "region").shifts[-1] < 0.2


@pytest.mark.slow
def test_shifts_well_below_the_stated_size_are_not_found_at_once_and_those_well_above_are() -> None:
    found = {0.6: 0, 1.5: 0}
    for seed in range(6):
        made = make(CELL, seed, 1)
        own = shift_of(replay(made.spec, made.reference, DAILY), "normal_a")
        for factor in found:
            drifted = make(CELL, seed, 30, Drift("normal_a", "location", factor * own.shifts[0], start=29))
            found[factor] += found_after(episodes(drifted), "normal_a", 29) == 1
    assert found[0.6] <= 1
    assert found[1.5] >= 5


def test_fewer_rows_a_window_find_larger_shifts_only(played: Replay) -> None:
    few = make(Cell("few", 30, jitter=0.05, columns=5), 0, 1)
    found = replay(few.spec, few.reference, DAILY)
    assert shift_of(found, "normal_a").shifts[0] > 1.5 * shift_of(played, "normal_a").shifts[0]
    assert any(words.startswith("Windows of 30 rows show only shifts of 0.") for words in found.advice)


def test_windows_below_min_rows_expect_nothing_and_say_so() -> None:
    tiny = make(Cell("tiny", 20, columns=5), 0, 1)
    found = replay(tiny.spec, tiny.reference, DAILY)
    assert (found.expected_warnings, found.alerts) == (0.0, [])
    assert found.advice[0].startswith("All windows of the reference hold fewer than 30 rows")


def test_a_weekday_rhythm_is_pointed_out() -> None:
    rhythmic = make(Cell("rhythm", 500, jitter=0.02, weekday=0.2, columns=5), 0, 1)
    assert any('season = "weekday"' in words for words in replay(rhythmic.spec, rhythmic.reference, DAILY).advice)


def test_a_reference_of_one_window_has_nothing_to_replay(model: Model) -> None:
    monthly = WindowSpec.parse("60d")
    found = replay(model.spec, model.reference, monthly)
    assert (found.windows, found.alerts) == (0, [])
    assert any("holds 1 window of 60 days: 14 or more" in words for words in found.advice)
    assert np.isfinite([own.shifts[0] for own in found.sensitivity]).all()


def test_the_summary_says_what_to_expect_and_what_is_found(model: Model, played: Replay) -> None:
    said = summary(model.spec, played)
    assert said.startswith("In a year without change expect 0.6 false warnings; a shift of 0.")
    assert " sd in " in said
    assert said.endswith(("days.", "day."))


@pytest.mark.parametrize(
    ("window", "number", "words"),
    [
        ("1d", 1, "1 day"),
        ("1d", 2, "2 days"),
        ("1w", 4, "4 weeks"),
        ("1h", 7, "7 hours"),
        ("6h", 2, "2 windows of 6 hours"),
    ],
)
def test_windows_are_spelt_by_their_length(model: Model, window: str, number: int, words: str) -> None:
    spec = model.spec.model_copy(update={"monitor": model.spec.monitor.model_copy(update={"window": window})})
    assert spell(number, spec) == words
