"""The sequential test on the loss: its baseline, its evidence, when it fires and starts anew, and its words."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitors.sequence.baseline import LossBaseline, loss_baseline, loss_of, loss_sums
from monitors.sequence.change_point import ChangePoint, find_change
from monitors.sequence.detector import SIZES, EDetector, Found, Step, detect
from monitors.sequence.readings import Change, Terms, sentence
from reference_data.bins import Bins
from reference_data.profile import CELLS, BinnedColumn, Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window, WindowSpec

LEVEL = 1 / 3000


def baseline(days: int = 30, sd: float = 0.05, *, rows: float = 1000.0, seed: int = 0) -> LossBaseline:
    means = 1 + sd * np.random.default_rng(seed).standard_normal(days)
    return LossBaseline(
        "absolute error", "min", float(means.mean()), float(means.mean()), means, np.full(days, rows), 0.5
    )


def days(values: list[float], n: int = 1000) -> list[Step]:
    return [Step(n, value) for value in values]


def run(usual: LossBaseline, steps: list[Step], **changes: float) -> list[Found]:
    return detect(usual, steps, LEVEL, changes.get("tolerance", 0.1), least=30, quiet=int(changes.get("quiet", 2)))


def noisy(mean: float, count: int, seed: int = 1, sd: float = 0.05) -> list[float]:
    return (mean + sd * np.random.default_rng(seed).standard_normal(count)).tolist()


# -- the test ----------------------------------------------------------------------------------------------------------
def test_sizes_weigh_one_together() -> None:
    assert sum(SIZES.values()) == pytest.approx(1)


def test_nothing_is_found_where_nothing_changes() -> None:
    found = run(baseline(), days(noisy(1.0, 120)))
    assert not any(step.alarm for step in found)
    assert max(step.evidence for step in found) < 1 / LEVEL / 10


@pytest.mark.parametrize(("size", "within"), [(0.2, 8), (0.5, 3), (5.0, 2)])
def test_a_larger_rise_is_found_sooner(size: float, within: int) -> None:
    found = run(baseline(), days(noisy(1.0, 20) + noisy(1.0 + size, 20, 2)))
    first = next(place for place, step in enumerate(found) if step.alarm)
    assert 20 <= first < 20 + within
    assert found[first].first == first
    assert 19 <= found[first].since <= 21
    assert found[-1].mean == pytest.approx(1 + size, abs=0.05)


def test_a_rise_within_the_tolerance_is_no_alarm_however_long_it_lasts() -> None:
    found = run(baseline(), days(noisy(1.05, 200)), tolerance=0.2)
    assert found[-1].evidence > 1 / LEVEL, "it is beyond chance"
    assert not any(step.alarm for step in found)


def test_a_fall_is_no_alarm() -> None:
    assert not any(step.alarm for step in run(baseline(), days(noisy(0.6, 60))))


def test_one_wild_day_is_no_change() -> None:
    found = run(baseline(), days([*noisy(1.0, 20), 1.4, *noisy(1.0, 20, 2)]))
    assert not any(step.alarm for step in found)


@pytest.mark.parametrize("absurd", [1e40, 1e199, float("inf")])
def test_an_absurd_loss_neither_alarms_nor_ends_the_test(absurd: float) -> None:
    quiet = [*noisy(1.0, 10), absurd, *noisy(1.0, 20, 2)]
    found = run(baseline(), days([*quiet, *noisy(1.5, 10, 3)]))
    assert [step.alarm for step in found[:31]] == [False] * 31
    assert found[-1].alarm
    assert all(np.isfinite([step.evidence, step.mean]).all() for step in found)
    change = find_change(baseline(), np.full(31, 1000), np.array(quiet))
    assert change is not None
    assert (change.onset, change.over) == (10, 11)


def test_evidence_starts_anew_once_the_loss_is_back() -> None:
    found = run(baseline(), days(noisy(1.0, 10) + noisy(1.5, 10, 2) + noisy(1.0, 20, 3) + noisy(1.5, 10, 4)))
    assert [place for place in range(10, 20) if found[place].alarm][-1] == 19
    assert all(step.alarm for step in found[13:20])
    assert not any(step.alarm for step in found[21:40])
    assert found[25].began == 22
    assert found[25].evidence < 100
    assert any(step.alarm for step in found[40:44])
    assert {step.first for step in found if step.alarm} == {found[14].first, found[45].first}


def test_in_alarm_evidence_never_falls() -> None:
    found = run(baseline(), days(noisy(1.0, 10) + noisy(1.5, 10, 2)))
    alarmed = [step.evidence for step in found if step.alarm]
    assert alarmed == sorted(alarmed)


def test_steps_of_few_rows_wait_for_the_next() -> None:
    few = run(baseline(), days([3.0] * 5, n=5))
    assert [step.evidence for step in few] == [0.0] * 5
    enough = run(baseline(), days([3.0] * 6, n=5))
    assert enough[-1].evidence > 0


def test_a_step_of_fewer_rows_says_less() -> None:
    usual = baseline()
    few, many = EDetector(usual), EDetector(usual)
    assert few.add(50, 1.2) < many.add(1000, 1.2)


def test_a_reference_without_a_wrong_answer_can_be_learned_from() -> None:
    held = reference(CORRECT)
    assert held.outcomes is not None
    held.outcomes.counts[:, held.outcomes.layout.count_slice("correct").start + CELLS + 1] = 100
    still = loss_baseline(held, "binary", WindowSpec.parse("1d"))
    assert still is not None
    assert (still.mean, still.scale) == (0.0, 0.1)
    found = detect(still, [Step(100, 0.0)] * 5 + [Step(100, 0.3)] * 5, LEVEL, 0.1, least=30, quiet=2)
    assert not any(step.alarm for step in found[:5])
    assert found[-1].alarm
    assert all(np.isfinite(step.evidence) for step in found)


def test_one_reference_window_is_enough_to_begin_with() -> None:
    usual = LossBaseline("absolute error", "", 1.0, 1.0, np.ones(1), np.array([1000.0]), 0.5)
    assert not any(step.alarm for step in run(usual, days(noisy(1.0, 30))))
    assert run(usual, days(noisy(3.0, 10)))[-1].evidence > 1000


# -- the baseline ------------------------------------------------------------------------------------------------------
def reference(*columns: BinnedColumn, days: int = 4) -> Reference:
    layout = Layout(columns)
    outcomes = layout.empty(days)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    buckets = tuple(start.replace(day=1 + day) for day in range(days))
    inputs = Layout(()).empty(days)
    inputs.counts[:, 0] = 10
    return Reference("m", 1, start, "file", Window(start, start.replace(day=1 + days)), buckets, inputs, outcomes)


CORRECT = BinnedColumn(
    Column("correct", "boolean", "outcome"), Bins("nominal", categories=("false", "true")), "correct"
)
ERROR = BinnedColumn(Column("absolute error", "numeric", "outcome", "min"), Bins("ordered", edges=(1.0,)), "abs_error")


def test_an_error_rate_is_counted_from_what_is_correct() -> None:
    held = reference(CORRECT)
    assert held.outcomes is not None
    cells = held.outcomes.counts[:, held.outcomes.layout.count_slice("correct")]
    cells[:, CELLS], cells[:, CELLS + 1] = [1, 2, 3, 4], [9, 8, 7, 6]
    found = loss_baseline(held, "binary", WindowSpec.parse("1d"))
    assert found is not None
    assert found.loss == "error"
    assert found.means.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert found.usual_rows == 10
    assert found.row_variance == pytest.approx(10 * (0.09 + 0.16 + 0.21 + 0.24) / 36)


def test_a_day_that_was_cut_off_does_not_speak_for_all() -> None:
    held = reference(CORRECT, days=20)
    assert held.outcomes is not None
    cells = held.outcomes.counts[:, held.outcomes.layout.count_slice("correct")]
    cells[:, CELLS], cells[:, CELLS + 1] = 100, 900
    cells[0, CELLS], cells[0, CELLS + 1] = 3, 2
    found = loss_baseline(held, "binary", WindowSpec.parse("1d"))
    assert found is not None
    assert (found.usual_rows, found.mean, len(found.means)) == pytest.approx((1000, 0.1, 19))
    cells[:5, CELLS], cells[:5, CELLS + 1] = 20, 80  # quiet days that come again and again are days like others
    quiet = loss_baseline(held, "binary", WindowSpec.parse("1d"))
    assert quiet is not None
    assert len(quiet.means) == 20


def test_which_loss_a_reference_can_say() -> None:
    loss = BinnedColumn(Column("log loss", "numeric", "outcome", "nats"), Bins("ordered", edges=(1.0,)), "log_loss")
    assert loss_of(reference(CORRECT, loss), "binary") == "log loss"
    assert loss_of(reference(CORRECT), "multiclass") == "error"
    assert loss_of(reference(ERROR), "regression") == "absolute error"
    assert loss_of(reference(ERROR), "ranking") is None
    assert loss_of(reference(CORRECT), "none") is None
    assert loss_baseline(reference(ERROR), "regression", WindowSpec.parse("1d")) is None, "it holds no labels"


def test_means_without_rows_are_unknown() -> None:
    n, mean, _ = loss_sums(
        Profile(Layout((ERROR,)), *(lambda p: (p.counts, p.moments))(Layout((ERROR,)).empty(2))), "absolute error"
    )
    assert n.tolist() == [0, 0]
    assert np.isnan(mean).all()


# -- the change point --------------------------------------------------------------------------------------------------
def found_in(values: list[float], n: int = 1000) -> ChangePoint | None:
    return find_change(baseline(), np.full(len(values), n), np.asarray(values))


def test_a_step_is_sudden_and_dated() -> None:
    change = found_in(noisy(1.0, 40) + noisy(1.3, 20, 2))
    assert change is not None
    assert (change.shape, change.onset, change.over) == ("sudden", 40, None)
    assert change.lower <= 40 <= change.upper
    assert change.upper - change.lower <= 2


def test_a_slow_rise_is_gradual() -> None:
    rise = (1 + np.clip(np.arange(80) - 30, 0, 40) / 40).tolist()
    change = found_in([value + extra for value, extra in zip(rise, noisy(0.0, 80), strict=True)])
    assert change is not None
    assert change.shape == "gradual"
    assert 24 <= change.onset <= 38
    assert change.lower <= change.onset <= change.upper


def test_a_rise_that_is_over_has_passed() -> None:
    change = found_in(noisy(1.0, 24) + noisy(1.4, 12, 2) + noisy(1.0, 24, 3))
    assert change is not None
    assert change.shape == "passed"
    assert 23 <= change.onset <= 25
    assert change.over is not None
    assert 34 <= change.over <= 38


def test_a_change_before_everything_is_dated_to_the_first_bucket() -> None:
    change = found_in(noisy(1.4, 20))
    assert change is not None
    assert (change.shape, change.onset, change.lower) == ("sudden", 0, 0)


def test_a_fall_or_a_single_bucket_is_no_change() -> None:
    assert found_in([0.5] * 20) is None
    assert found_in([2.0]) is None
    assert find_change(baseline(), np.array([0, 0, 100]), np.array([np.nan, np.nan, 3.0])) is None


def test_intervals_of_the_onset_hold_it_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(60):
        rng = np.random.default_rng([5, seed])
        values = 1 + 0.05 * rng.standard_normal(50)
        values[30:] += 0.06
        change = find_change(baseline(seed=seed), np.full(50, 1000), values)
        held += change is not None and change.lower <= 30 <= change.upper
    assert held >= 50


# -- the words ---------------------------------------------------------------------------------------------------------
def words(alarm: bool = True, **changes: object) -> str:
    found = Found(3200.0, alarm, alarm, 1.4, 0, 0 if alarm else None, 0)
    terms = Terms(baseline(), 1 / 1000, 0.1, 30, ZoneInfo("Europe/Berlin"))
    at = datetime(2024, 4, 28, 22, tzinfo=UTC)
    change = Change(at, at, at, "sudden", None, 1.4)
    return sentence(Step(int(str(changes.get("n", 100))), 1.4), found, change if alarm else None, terms)


def test_an_alarm_says_since_when_how_much_and_how_sure() -> None:
    told = words()
    assert told.startswith("Since about 29 April 2024 each prediction misses by 0.40")
    assert "min more (1.40 min against 0.994 min in the reference); it came all at once." in told
    assert told.endswith("The evidence is 3,200 times what chance gives; the alarm is at 1,000.")


def test_few_labels_and_small_changes_are_told_apart() -> None:
    assert words(alarm=False, n=3).startswith("3 rows are too few to judge the loss")
    assert "but not by more than the tolerance of 10.0 %" in words(alarm=False)
