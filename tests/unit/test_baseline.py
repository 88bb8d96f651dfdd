"""What windows are held against: the whole reference, its season, or the log's latest stretch; and what that does to verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitors.baseline import Baselines, LogBuckets, season_name, season_of
from monitors.calibration import calibrate
from monitors.judge import judge
from monitors.types import Reading
from reference_data.declaration import ModelSpec
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec
from tests.support.profiles import NOW, START, layout_of, profiles_of, regression_outcomes, spec_of, together

HOURLY, DAILY = WindowSpec.parse("1h"), WindowSpec.parse("1d")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Columns = dict[str, np.ndarray]


def series(count: int, every: timedelta, rows: Callable[[datetime], Columns], start: datetime = START) -> list[Columns]:
    return [rows(start + place * every) for place in range(count)]


def frozen(buckets: list[Columns], every: timedelta, outcomes: list[Columns] | None = None) -> Reference:
    """Freeze a reference whose buckets follow each other from START."""
    return Reference(
        model="m",
        version=1,
        created_at=NOW,
        source="test",
        period=Window(START, START + len(buckets) * every),
        buckets=tuple(START + place * every for place in range(len(buckets))),
        inputs=profiles_of(layout_of(together(buckets)), buckets),
        outcomes=None if outcomes is None else profiles_of(layout_of(together(outcomes)), outcomes),
    )


def windows_from(start: datetime, count: int, every: timedelta) -> list[Window]:
    return [Window(start + place * every, start + (place + 1) * every) for place in range(count)]


def judged(
    spec: ModelSpec,
    reference: Reference,
    window_spec: WindowSpec,
    windows: list[Window],
    inputs: Profile,
    outcomes: Profile | None = None,
    log: LogBuckets | None = None,
) -> list[Reading]:
    found: list[Reading] = []
    for baseline, places in Baselines(spec, reference, window_spec).groups(windows, log):
        found += judge(
            spec, baseline.reference, baseline.calibration, [windows[p] for p in places], inputs[places],
            None if outcomes is None else outcomes[places], None, "v1", None, NOW,
        )  # fmt: skip
    return sorted(found, key=lambda reading: reading.window.start)


def deciding(readings: list[Reading], column: str = "x") -> list[Reading]:
    return [r for r in readings if r.check == "jensen_shannon" and r.column == column]


def planned(task: str = "none", **plan: Any) -> ModelSpec:
    return spec_of(task, features={"x": "numeric", "k": "categorical"}, reference=plan)


# -- seasonal ----------------------------------------------------------------------------------------------------------
class Cycle:
    """Four weeks of hours in which x swings by three standard deviations a day, and a week to be judged."""

    def __init__(self, seed: int = 3) -> None:
        self.rng = np.random.default_rng(seed)
        self.reference = frozen(series(28 * 24, HOUR, self.rows), HOUR)
        self.start = self.reference.period.end
        self.windows = windows_from(self.start, 7 * 24, HOUR)

    def rows(self, at: datetime, shift: float = 0.0) -> Columns:
        level = 3 * np.sin(2 * np.pi * at.hour / 24)
        return {"x": self.rng.normal(level + shift, 1, 60), "k": self.rng.choice(list("ab"), 60)}

    def week(self, shift: float = 0.0) -> Profile:
        live = series(7 * 24, HOUR, lambda at: self.rows(at, shift), self.start)
        return profiles_of(self.reference.inputs.layout, live)


@pytest.fixture(scope="module")
def cycle() -> Cycle:
    return Cycle()


def share_of_drift(readings: list[Reading]) -> float:
    return float(np.mean([reading.verdict == "drift" for reading in deciding(readings)]))


@pytest.mark.slow
def test_a_daily_cycle_alone_is_not_drift_under_a_seasonal_reference(cycle: Cycle) -> None:
    readings = judged(planned(kind="seasonal", season="hour"), cycle.reference, HOURLY, cycle.windows, cycle.week())
    assert share_of_drift(readings) == 0


@pytest.mark.slow
def test_a_shift_smaller_than_the_cycle_is_seen_against_the_same_hour(cycle: Cycle) -> None:
    shifted = cycle.week(shift=2.0)
    seasonal = judged(planned(kind="seasonal", season="hour"), cycle.reference, HOURLY, cycle.windows, shifted)
    assert share_of_drift(seasonal) > 0.8


@pytest.mark.slow
def test_all_of_the_reference_knows_the_cycle_of_its_days_by_itself(cycle: Cycle) -> None:
    whole = judged(planned(), cycle.reference, HOURLY, cycle.windows, cycle.week(shift=1.2))
    assert share_of_drift(whole) > 0.8
    quiet = judged(planned(), cycle.reference, HOURLY, cycle.windows, cycle.week())
    assert share_of_drift(quiet) < 0.01, "one of 168 hours may be chance"


@pytest.mark.slow
def test_readings_say_which_season_they_were_held_against(cycle: Cycle) -> None:
    spec = planned(kind="seasonal", season="hour")
    readings = judged(spec, cycle.reference, HOURLY, cycle.windows, cycle.week())
    at_two = [r for r in deciding(readings) if r.window.start.hour == 2]
    assert {r.sentence.split(". Held ")[1] for r in at_two} == {"against the reference's 28 windows of 02:00."}
    assert {r.n_reference for r in at_two} == {28 * 60}
    ((baseline, _),) = Baselines(spec, cycle.reference, HOURLY).groups(cycle.windows[:1])
    assert baseline.calibration.origin == (
        "from the natural variation of 672 reference windows, each held against the others of its hour"
    )


def test_a_slot_with_too_few_windows_is_held_against_all_with_words(cycle: Cycle) -> None:
    two_weeks = replace(
        cycle.reference, buckets=cycle.reference.buckets[: 14 * 24], inputs=cycle.reference.inputs[: 14 * 24]
    )
    spec = planned(kind="seasonal", season="hour_of_week")
    readings = judged(spec, two_weeks, HOURLY, cycle.windows[:30], cycle.week()[:30])
    first = deciding(readings)[0]
    assert first.n_reference == 14 * 24 * 60
    assert first.sentence.endswith(
        "Held against all of the reference, for it has only 2 windows of Mondays at 00:00 (3 are needed)."
    )


def test_weekdays_of_a_daily_model_are_held_against_each_other() -> None:
    rng = np.random.default_rng(5)

    def rows(at: datetime, shift: float = 0.0) -> Columns:
        weekend = at.weekday() >= 5
        n = 60 if weekend else 300  # the whole reference would leave days so small out
        return {"x": rng.normal(2.0 * weekend + shift, 1, n), "k": rng.choice(list("ab"), n)}

    reference = frozen(series(56, DAY, rows), DAY)
    windows = windows_from(reference.period.end, 14, DAY)
    live = profiles_of(reference.inputs.layout, series(14, DAY, rows, reference.period.end))
    spec = planned(kind="seasonal", season="weekday")
    readings = deciding(judged(spec, reference, DAILY, windows, live))
    assert [r.verdict for r in readings] == ["ok"] * 14
    saturday = next(r for r in readings if r.window.start.weekday() == 5)
    assert saturday.n_reference == 8 * 60
    assert "8 windows of Saturdays" in saturday.sentence
    moved = profiles_of(reference.inputs.layout, series(14, DAY, lambda at: rows(at, 1.0), reference.period.end))
    assert {r.verdict for r in deciding(judged(spec, reference, DAILY, windows, moved))} == {"drift"}


def test_performance_is_held_against_the_same_season() -> None:
    rng = np.random.default_rng(6)

    def outcome(at: datetime, worse: float = 1.0) -> Columns:
        label = rng.normal(100, 10, 200)
        return regression_outcomes(label + rng.normal(0, (8 if at.weekday() >= 5 else 2) * worse, 200), label)

    def rows(_: datetime) -> Columns:
        return {"x": rng.normal(size=200), "k": rng.choice(list("ab"), 200), "prediction": rng.normal(100, 10, 200)}

    reference = frozen(series(42, DAY, rows), DAY, series(42, DAY, outcome))
    windows = windows_from(reference.period.end, 7, DAY)
    inputs = profiles_of(reference.inputs.layout, series(7, DAY, rows, reference.period.end))
    spec = planned("regression", kind="seasonal", season="weekday")
    assert reference.outcomes is not None
    for worse, expected in ((1.0, "ok"), (1.6, "critical")):
        live = series(7, DAY, partial(outcome, worse=worse), reference.period.end)
        outcomes = profiles_of(reference.outcomes.layout, live)
        readings = judged(spec, reference, DAILY, windows, inputs, outcomes)
        mae = [r for r in readings if r.check == "mae"]
        assert {r.verdict for r in mae} == {expected}
    weekend = [r.reference_value for r in mae if r.window.start.weekday() >= 5]
    assert min(weekend) > 3 * mae[0].reference_value


def test_slots_are_those_of_the_models_own_clock() -> None:
    at = datetime(2026, 7, 6, 1, tzinfo=UTC)  # Monday at one in London's winter, Sunday evening in New York
    assert season_of(at, "weekday", ZoneInfo("America/New_York")) == 6
    assert season_of(at, "hour", ZoneInfo("America/New_York")) == 21
    assert season_of(at, "hour_of_week", ZoneInfo("Europe/London")) == 2
    assert [season_of(at, "hour", ZoneInfo(zone), 6) for zone in ("UTC", "Europe/London")] == [0, 0]
    assert [season_name(6, "weekday"), season_name(9, "hour"), season_name(29, "hour_of_week")] == [
        "Sundays",
        "09:00",
        "Tuesdays at 05:00",
    ]


@pytest.mark.slow
def test_a_fixed_plan_is_the_reference_itself_and_adds_no_words(cycle: Cycle) -> None:
    ((baseline, places),) = Baselines(planned(), cycle.reference, HOURLY).groups(cycle.windows)
    assert places == list(range(len(cycle.windows)))
    assert baseline.reference is cycle.reference
    plain = calibrate(planned(), cycle.reference, HOURLY)
    assert (baseline.calibration.origin, baseline.calibration.held) == (plain.origin, "")


# -- rolling -----------------------------------------------------------------------------------------------------------
class Slow:
    """A reference of four weeks, then a log in which x grows by one per cent a week for half a year."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(8)
        self.reference = frozen(series(28, DAY, lambda at: self.rows(10.0)), DAY)
        self.days = 26 * 7
        self.windows = windows_from(self.reference.period.end, self.days, DAY)

    def rows(self, level: float) -> Columns:
        return {"x": self.rng.normal(level, 2, 150), "k": self.rng.choice(list("ab"), 150)}

    def log(self, jump_at: int | None = None) -> tuple[Profile, LogBuckets]:
        levels = [
            10 * 1.01 ** (day / 7) + (2.5 if jump_at is not None and day >= jump_at else 0) for day in range(self.days)
        ]
        live = profiles_of(self.reference.inputs.layout, [self.rows(level) for level in levels])
        starts = tuple(window.start for window in self.windows)
        return live, LogBuckets(starts, live, starts[0])


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.mark.slow
def test_a_slow_drift_is_not_alerted_by_a_rolling_reference(slow: Slow) -> None:
    live, log = slow.log()
    later = slow.windows[28:]  # before, the frozen reference stands in
    spec = planned(kind="rolling", span="28d")
    rolling = deciding(judged(spec, slow.reference, DAILY, later, live[28:], log=log))
    assert [r.verdict for r in rolling] == ["ok"] * len(later)
    whole = deciding(judged(planned(), slow.reference, DAILY, slow.windows, live))
    assert [r.verdict for r in whole[-28:]].count("drift") == 28, "against the frozen one it is far by now"


@pytest.mark.slow
def test_a_jump_is_alerted_by_a_rolling_reference(slow: Slow) -> None:
    live, log = slow.log(jump_at=100)
    readings = deciding(judged(planned(kind="rolling", span="28d"), slow.reference, DAILY, slow.windows, live, log=log))
    rolled = range(28, slow.days)  # before, the frozen reference stands in
    drifted = [place for place in rolled if readings[place].verdict == "drift"]
    assert drifted[0] == 100
    assert drifted[:5] == list(range(100, 105)), "it does not hide itself at once"
    assert drifted[-1] < 128, "after the span it is what is usual"


@pytest.mark.slow
def test_until_the_log_reaches_back_the_frozen_reference_stands_in(slow: Slow) -> None:
    live, log = slow.log()
    readings = deciding(judged(planned(kind="rolling", span="28d"), slow.reference, DAILY, slow.windows, live, log=log))
    said = [reading.sentence.split("Held against ")[1] for reading in readings]
    assert said[27] == "the frozen reference, for the log does not reach 28d back yet."
    assert said[28] == "the log of the 28d before."
    assert (readings[27].n_reference, readings[28].n_reference) == (28 * 150, 28 * 150)
    unread = judged(planned(kind="rolling", span="28d"), slow.reference, DAILY, slow.windows[:1], live[:1])
    assert "frozen reference" in deciding(unread)[0].sentence


def test_a_rolling_baseline_is_of_full_days_before_the_window(slow: Slow) -> None:
    chosen = Baselines(planned(kind="rolling", span="2w"), slow.reference, HOURLY)
    late = Window(START + timedelta(days=40, hours=15), START + timedelta(days=40, hours=16))
    assert chosen.stretch_before(late) == (START + timedelta(days=40), START + timedelta(days=26))
    zoned = Baselines(planned(kind="rolling", span="7d"), slow.reference, WindowSpec.parse("1d", "America/New_York"))
    spring = zoned.stretch_before(Window(datetime(2026, 3, 10, 4, tzinfo=UTC), datetime(2026, 3, 11, 4, tzinfo=UTC)))
    assert spring == (datetime(2026, 3, 10, 4, tzinfo=UTC), datetime(2026, 3, 3, 5, tzinfo=UTC)), "clocks went forward"


@pytest.mark.slow
def test_what_needs_labels_stays_with_the_frozen_reference() -> None:
    rng = np.random.default_rng(9)

    def rows(_: datetime) -> Columns:
        return {"x": rng.normal(size=200), "k": rng.choice(list("ab"), 200), "prediction": rng.normal(100, 10, 200)}

    def outcome(sd: float) -> Columns:
        label = rng.normal(100, 10, 200)
        return regression_outcomes(label + rng.normal(0, sd, 200), label)

    reference = frozen(series(28, DAY, rows), DAY, [outcome(2.0) for _ in range(28)])
    windows = windows_from(reference.period.end, 84, DAY)
    live = profiles_of(reference.inputs.layout, series(84, DAY, rows))
    assert reference.outcomes is not None
    worse = profiles_of(reference.outcomes.layout, [outcome(2.0 * 1.01**day) for day in range(84)])
    log = LogBuckets(tuple(w.start for w in windows), live, windows[0].start)
    spec = planned("regression", kind="rolling", span="28d")
    readings = judged(spec, reference, DAILY, windows, live, worse, log)
    mae = [r for r in readings if r.check == "mae"]
    assert [r.verdict for r in mae[-14:]] == ["critical"] * 14, "one per cent a day is not allowed to creep in"
    assert mae[-1].sentence.endswith("Held against the frozen reference: what slowly gets worse is worse.")
    assert deciding(readings)[-1].sentence.endswith("Held against the log of the 28d before.")
