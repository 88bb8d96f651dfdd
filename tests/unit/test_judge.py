"""Verdicts on windows: when harm pages, when drift counts, and what is never called fine."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from monitors.calibration import calibrate
from monitors.evidence import levels
from monitors.harm import find_harm
from monitors.judge import judge
from monitors.judge_performance import performance_limit
from monitors.judge_quality import quality_readings
from monitors.metric_null import MetricNull, metric_nulls
from monitors.registry import column_checks, performance_checks
from monitors.types import Reading
from reference_data.declaration import Monitor
from reference_data.default_checks import DEFAULT_CHECKS
from reference_data.profile import Layout, Profile, stack
from reference_data.windows import Window, WindowSpec
from tests.support.profiles import (
    DAILY,
    NOW,
    START,
    class_outcomes,
    days,
    layout_of,
    profiles_of,
    reference_of,
    regression_outcomes,
    spec_of,
)

SPEC = spec_of(
    "regression", features={"x": "numeric", "k": "categorical"}, context={"weather": "numeric"}, units={"label": "min"}
)
N = 200


def day(rng: np.random.Generator, n: int = N, **changes: np.ndarray) -> dict[str, np.ndarray]:
    columns = {
        "x": rng.normal(size=n),
        "k": rng.choice(list("abc"), n, p=[0.5, 0.3, 0.2]),
        "weather": rng.normal(size=n),
        "prediction": rng.normal(100, 10, n),
    }
    return columns | changes


def outcome(rng: np.random.Generator, n: int = N, sd: float = 5.0, bias: float = 0.0) -> dict[str, np.ndarray]:
    label = rng.normal(100, 10, n)
    return regression_outcomes(label + rng.normal(bias, sd, n), label)


class World:
    """A reference of 20 days, and windows judged against it."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.reference = reference_of([day(self.rng) for _ in range(20)], [outcome(self.rng) for _ in range(20)])
        self.calibration = calibrate(SPEC, self.reference, DAILY)

    def judge(self, inputs: list, outcomes: list | None, **changes) -> list[Reading]:
        assert self.reference.outcomes is not None
        layout = self.reference.outcomes.layout
        arguments = {
            "labels_expected": None,
            "model_version": "v1",
            "importance": {"x": 9.0, "k": 1.0},
            "now": NOW,
        } | changes
        return judge(
            SPEC,
            self.reference,
            self.calibration,
            days(len(inputs), 20),
            profiles_of(self.reference.inputs.layout, inputs),
            None
            if outcomes is None
            else stack([layout.empty() if part is None else profiles_of(layout, [part])[0] for part in outcomes]),
            **arguments,
        )


@pytest.fixture
def world() -> World:
    return World()


def only(readings: list[Reading], check: str, column: str | None = None, window: int = 0) -> Reading:
    start = days(1, 20 + window)[0]
    (found,) = [r for r in readings if r.check == check and r.column == column and r.window == start]
    return found


# Mean absolute error by week of the demo's two models (minutes), as measured on the flights of 2013.
FIRST_REFERENCE = [8.4, 7.6, 7.6, 8.5, 6.7, 7.2, 8.0, 7.2, 11.2]
FIRST_QUIET = [9.8, 9.1, 8.1, 8.0, 7.1, 8.6, 9.4, 9.4]
FIRST_HARMED = [15.0, 13.7, 13.3, 12.1, 12.6]
SECOND_REFERENCE = [6.7, 7.8, 6.2, 6.6, 6.6]
SECOND_QUIET = [6.3, 7.7, 6.7, 7.0, 6.7, 8.9, 7.9, 6.1, 6.9, 7.3, 6.8, 7.5, 7.6, 7.3, 5.9, 5.4, 7.1, 5.9, 6.4]
SECOND_AFTER = [9.5, 8.6, 10.4, 11.5, 10.4, 11.6, 10.0, 18.4]


WEEKLY = WindowSpec.parse("1w", anchor=START)
MAE_SPEC = spec_of("regression", features={"x": "numeric"}, monitor=Monitor(window="1w"))


def weeks_of(errors: list[float], first: int = 0, n: int = 6000) -> tuple[list[Window], Profile]:
    """Weeks whose mean absolute errors are the given ones, on the cells of the first model's."""
    shape = np.random.default_rng(1).exponential(size=n)
    label = np.zeros(n)
    layout = layout_of(regression_outcomes(8 * shape / shape.mean(), label))
    parts = [regression_outcomes(error * shape / shape.mean(), label) for error in errors]
    starts = [START + timedelta(weeks=first + i) for i in range(len(errors))]
    return [Window(start, start + timedelta(weeks=1)) for start in starts], profiles_of(layout, parts)


@pytest.mark.parametrize(
    ("reference", "weeks", "first", "limit"),
    [
        (FIRST_REFERENCE, FIRST_QUIET, None, 11.9),
        (FIRST_REFERENCE, FIRST_HARMED, 0, 11.9),
        (SECOND_REFERENCE, SECOND_QUIET, None, 9.1),
        (SECOND_REFERENCE, SECOND_AFTER, 0, 9.1),
    ],
    ids=["first model, quiet", "first model, harmed", "second model, quiet", "second model, after the change"],
)
def test_the_flights_year_pages_when_it_should(
    reference: list[float], weeks: list[float], first: int | None, limit: float
) -> None:
    windows, outcomes = weeks_of(reference)
    check = performance_checks(MAE_SPEC, outcomes.layout)["mae"]
    null = metric_nulls(MAE_SPEC, [(windows, outcomes)], WEEKLY)[0]["mae"]
    level = levels(365.25 / 7, 10, 5, pages_per_year=1, warnings_per_year=1).page_windows
    later, now = weeks_of(weeks, len(reference))
    scales = tuple(scale for scale in (1, 2, 4) if scale <= len(reference) // 2)
    found = find_harm(MAE_SPEC, check, null, later, now, np.ones(len(weeks), dtype=bool), level, scales)
    assert next(iter(np.flatnonzero(found.harmful)), None) == first
    assert found.limit[0] == pytest.approx(limit, abs=0.6)


def test_fewer_labels_widen_the_limit() -> None:
    check = performance_checks(spec_of(), layout_of(regression_outcomes(np.ones(2), np.zeros(2))))["mae"]
    null = MetricNull(8.0, 0.5, 10.0, 11, 1000.0, 8.0, 8.0, 11_000, sampling=250.0, tau2=0.0)
    few, many = performance_limit(null, check, np.asarray([100.0, 1000.0]), np.full(2, 9.0), 0.01, 0.01)
    assert few - 8 > 2.5 * (many - 8)


def test_a_quiet_window_is_ok_in_every_reading(world: World) -> None:
    readings = world.judge([day(world.rng)], [outcome(world.rng)])
    assert {r.verdict for r in readings} == {"ok"}
    assert not any(r.harmful or r.error for r in readings)


def test_every_check_of_every_column_reads_every_window(world: World) -> None:
    readings = world.judge([day(world.rng) for _ in range(3)], [outcome(world.rng) for _ in range(3)])
    layouts = [world.reference.inputs.layout, world.reference.outcomes.layout]  # type: ignore[union-attr]
    expected = {
        (name, check)
        for layout, names in zip(layouts, [layouts[0].names, ("label", "error given inputs")], strict=True)
        for name in names
        for check in column_checks(layout.entry(name), DEFAULT_CHECKS)
    }
    expected |= {(None, name) for name in (*performance_checks(SPEC, layouts[1]), "row_count", "label_coverage")}
    assert {(r.column, r.check) for r in readings} == expected
    assert len(readings) == 3 * len(expected)


def test_the_model_and_its_versions_are_on_every_reading(world: World) -> None:
    readings = world.judge([day(world.rng)], [outcome(world.rng)], model_version="v7")
    assert {(r.model, r.model_version, r.reference_version, r.computed_at) for r in readings} == {("m", "v7", 1, NOW)}


def test_a_shifted_feature_drifts_and_says_so(world: World) -> None:
    shifted = day(world.rng, x=world.rng.normal(1.0, 1, N))
    readings = world.judge([shifted], [outcome(world.rng)])
    found = only(readings, "jensen_shannon", "x")
    assert (found.verdict, found.significant, found.material, found.harmful) == ("drift", True, True, False)
    assert found.value > found.threshold > found.effect * 0.1
    assert "higher on average" in found.sentence
    assert "90.0 % of the model's importance" in found.sentence
    assert only(readings, "jensen_shannon", "k").verdict == "ok"
    assert only(readings, "wasserstein", "x").verdict == "drift"


def test_a_shift_within_the_tolerance_is_significant_but_not_material() -> None:
    rng = np.random.default_rng(3)
    n = 40_000
    reference = reference_of([{"x": rng.normal(size=n)} for _ in range(10)])
    spec = spec_of("none", features={"x": "numeric"})
    calibration = calibrate(spec, reference, DAILY)
    current = profiles_of(reference.inputs.layout, [{"x": rng.normal(0.042, 1, n)}])
    readings = judge(spec, reference, calibration, days(1, 20), current, None, None, "v1", None, NOW)
    found = only(readings, "jensen_shannon", "x")
    assert (found.significant, found.material, found.verdict) == (True, False, "ok")
    assert "too little to matter" in found.sentence


def test_a_new_category_is_a_warning(world: World) -> None:
    fresh = day(world.rng, k=np.where(np.arange(N) < 20, "z", "a"))
    found = only(world.judge([fresh], None), "unseen_share", "k")
    assert found.value == pytest.approx(0.1)
    assert found.verdict == "warning"
    assert "never held" in found.sentence


def rare(rng: np.random.Generator, n: int) -> np.ndarray:
    weights = np.arange(1, 2001) ** -0.8
    return np.asarray([f"v{value}" for value in rng.choice(2000, n, p=weights / weights.sum())])


@pytest.mark.parametrize("counted", [True, False], ids=["counted when frozen", "frozen before that"])
def test_rare_values_that_were_not_held_yet_are_to_be_expected(counted: bool) -> None:
    rng = np.random.default_rng(11)
    spec = spec_of("none", features={"k": "categorical"})
    past = [{"k": rare(rng, 150)} for _ in range(28)]
    reference = reference_of(past)
    values = np.unique(np.concatenate([part["k"] for part in past]), return_counts=True)[1]
    (entry,) = reference.inputs.layout.columns
    bins = replace(entry.bins, once=float((values == 1).sum() / values.sum()) if counted else None)
    layout = Layout((replace(entry, bins=bins),))
    reference = replace(reference, inputs=Profile(layout, reference.inputs.counts, reference.inputs.moments))
    now = [{"k": rare(rng, 150)} for _ in range(30)]
    now[-1]["k"][:75] = "new"  # half of the rows
    calibration = calibrate(spec, reference, DAILY)
    readings = judge(spec, reference, calibration, days(30, 28), profiles_of(layout, now), None, None, "v1", None, NOW)
    found = [r for r in readings if r.check == "unseen_share"]
    assert min(r.value for r in found) > 0.01, "more than would matter if it were not to be expected"
    assert [r.verdict for r in found[:-1]] == ["ok"] * 29
    if counted:
        assert found[0].reference_value == pytest.approx(np.mean([r.value for r in found[:-1]]), abs=0.03)
        assert found[-1].verdict == "warning"


def test_an_outage_of_a_day_is_over_when_the_values_are_back(world: World) -> None:
    usual = [day(world.rng) for _ in range(14)]
    usual[6] = day(world.rng, x=np.full(N, np.nan))
    usual[6]["x"][:20] = 0.0
    verdicts = [r.verdict for r in world.judge(usual, None) if r.check == "missing_share" and r.column == "x"]
    assert verdicts == ["ok"] * 6 + ["warning"] + ["ok"] * 7


def test_missing_values_that_stay_show_over_seven_windows(world: World) -> None:
    def holes() -> np.ndarray:
        return np.where(world.rng.random(40) < 0.14, np.nan, world.rng.normal(size=40))

    some = [day(world.rng, 40, x=holes()) for _ in range(14)]
    found = [r for r in world.judge(some, None) if r.check == "missing_share" and r.column == "x"]
    assert [r.verdict for r in found[-4:]].count("warning") >= 2
    assert 7 in {r.scale for r in found if r.verdict == "warning"}


@pytest.mark.parametrize("rows", [1, 29])
def test_a_reference_of_too_few_rows_raises_nothing(rows: int) -> None:
    rng = np.random.default_rng(4)
    spec = spec_of("none", features={"x": "numeric", "k": "categorical"})
    reference = reference_of([{"x": rng.normal(size=rows), "k": np.full(rows, "a")}])
    now = profiles_of(reference.inputs.layout, [{"x": np.full(500, np.nan), "k": np.full(500, "b")}])
    calibration = calibrate(spec, reference, DAILY)
    readings = judge(spec, reference, calibration, days(1, 20), now, None, None, "v1", None, NOW)
    blank = replace(readings[0], column=None)
    readings += quality_readings(reference, DAILY, days(1, 20), now, blank, level=0.05, least=30)
    assert not {r.verdict for r in readings} & {"warning", "drift", "critical"}
    assert only(readings, "unseen_share", "k").verdict == "insufficient"
    assert "are needed" in only(readings, "unseen_share", "k").sentence


def test_missing_values_are_a_warning_though_the_rest_is_unchanged(world: World) -> None:
    holes = day(world.rng, x=np.where(np.arange(N) % 4 == 0, np.nan, world.rng.normal(size=N)))
    readings = world.judge([holes], None)
    assert only(readings, "missing_share", "x").verdict == "warning"
    assert only(readings, "jensen_shannon", "x").verdict == "ok"


def test_harm_is_critical_for_the_headline_metric_and_reaches_the_concept(world: World) -> None:
    readings = world.judge([day(world.rng)], [outcome(world.rng, bias=12.0)])
    mae, bias = only(readings, "mae"), only(readings, "bias")
    assert (mae.verdict, mae.harmful, mae.unit) == ("critical", True, "min")
    assert mae.value > mae.threshold > mae.reference_value
    assert (bias.verdict, bias.harmful) == ("warning", True)
    concept = only(readings, "jensen_shannon", "error given inputs")
    assert (concept.verdict, concept.harmful) == ("drift", True)
    assert "For like inputs, predictions are" in concept.sentence


def test_a_better_model_harms_nobody(world: World) -> None:
    readings = world.judge([day(world.rng)], [outcome(world.rng, sd=1.0)])
    assert only(readings, "mae").verdict == "ok"
    assert not any(r.harmful for r in readings)


def test_a_window_of_no_rows_is_no_data_and_never_ok(world: World) -> None:
    empty = {name: values[:0] for name, values in day(world.rng).items()}
    readings = world.judge([empty], [None])
    assert {r.verdict for r in readings} == {"no_data"}
    assert "No rows arrived" in only(readings, "row_count").sentence


def test_too_few_rows_are_insufficient_and_raise_nothing(world: World) -> None:
    few = {name: values[:10] for name, values in day(world.rng, x=np.full(N, 99.0)).items()}
    readings = world.judge([few], [outcome(world.rng, n=10, bias=99.0)])
    assert {r.verdict for r in readings if r.check != "label_coverage"} == {"insufficient"}
    assert "10 rows are too few" in only(readings, "jensen_shannon", "x").sentence


def test_without_labels_performance_is_no_data(world: World) -> None:
    readings = world.judge([day(world.rng)], None)
    assert {r.verdict for r in readings if r.scope == "performance"} == {"no_data"}
    assert only(readings, "jensen_shannon", "error given inputs").verdict == "no_data"
    assert only(readings, "label_coverage").verdict == "no_data"


def test_a_metric_that_no_window_of_the_reference_can_say_is_told_in_words(world: World) -> None:
    world.calibration = replace(
        world.calibration, metrics={}
    )  # as the area of a reference whose days hold one class each
    readings = world.judge([day(world.rng)], [outcome(world.rng)])
    (found,) = [reading for reading in readings if reading.scope == "performance"]
    assert (found.check, found.verdict, found.error) == ("mae", "insufficient", None)
    assert "cannot be worked out from any window of the reference" in found.sentence


def test_labels_for_less_than_half_of_the_rows_are_insufficient(world: World) -> None:
    readings = world.judge([day(world.rng)], [outcome(world.rng, n=80, bias=50.0)])
    mae = only(readings, "mae")
    assert (mae.verdict, mae.harmful) == ("insufficient", False)
    assert "40.0 % of rows" in mae.sentence
    enough = world.judge([day(world.rng)], [outcome(world.rng, n=80, bias=50.0)], labels_expected=[100])
    assert only(enough, "mae").verdict == "critical"


def test_one_column_that_cannot_be_judged_does_not_fail_the_run(world: World) -> None:
    nulls = dict(world.calibration.columns)
    nulls["x"] = replace(nulls["x"], shares={})
    world.calibration = replace(world.calibration, columns=nulls)
    readings = world.judge([day(world.rng)], [outcome(world.rng)])
    broken = [r for r in readings if r.column == "x"]
    assert [r.verdict for r in broken] == ["error"]
    assert broken[0].error
    assert only(readings, "jensen_shannon", "k").verdict == "ok"


def test_a_column_the_reference_never_held_says_why_it_is_not_judged() -> None:
    rng = np.random.default_rng(1)
    reference = reference_of([{"e": np.full(50, np.nan)} for _ in range(5)])
    spec = spec_of("none")
    current = profiles_of(reference.inputs.layout, [{"e": rng.normal(size=50)}])
    readings = judge(
        spec, reference, calibrate(spec, reference, DAILY), days(1, 20), current, None, None, "v1", None, NOW
    )
    found = only(readings, "jensen_shannon", "e")
    assert found.verdict == "insufficient"
    assert "The reference holds no values of e" in found.sentence
    assert only(readings, "missing_share", "e").verdict == "warning"


def test_windows_at_once_are_judged_as_one_at_a_time_with_those_before_it(world: World) -> None:
    inputs = [day(world.rng), day(world.rng, x=world.rng.normal(0.25, 1, N)), day(world.rng, n=20)]
    outcomes = [outcome(world.rng), outcome(world.rng, bias=9.0), None]
    at_once = world.judge(inputs, outcomes)
    for i, window in enumerate(days(3, 20)):
        alone = world.judge(inputs[: i + 1], outcomes[: i + 1], judged=[i])
        assert {r.window for r in alone} == {window}
        ours = [r for r in at_once if r.window == window]
        assert [(r.check, r.column, r.verdict, r.sentence) for r in ours] == [
            (r.check, r.column, r.verdict, r.sentence) for r in alone
        ]


def test_profiles_that_do_not_match_the_windows_are_refused(world: World) -> None:
    profiles: Profile = profiles_of(world.reference.inputs.layout, [day(world.rng)])
    with pytest.raises(ValueError, match="3 windows need profiles"):
        judge(SPEC, world.reference, world.calibration, days(3), profiles, None, None, "v1", None, NOW)


def test_a_classifier_that_gets_worse_is_critical_by_its_headline() -> None:
    rng = np.random.default_rng(5)

    def answers(noise: float) -> dict[str, np.ndarray]:
        truth = rng.choice(["no", "yes"], 400)
        score = np.clip(0.5 + 0.25 * np.where(truth == "yes", 1, -1) + rng.normal(0, noise, 400), 0.01, 0.99)
        return class_outcomes(np.where(score > 0.5, "yes", "no"), truth, score)

    spec = spec_of("binary", positive="yes", features={"x": "numeric"})
    reference = reference_of([{"x": rng.normal(size=400)} for _ in range(15)], [answers(0.25) for _ in range(15)])
    calibration = calibrate(spec, reference, DAILY)
    assert reference.outcomes is not None
    inputs = profiles_of(reference.inputs.layout, [{"x": rng.normal(size=400)} for _ in range(2)])
    outcomes = profiles_of(reference.outcomes.layout, [answers(0.25), answers(0.8)])
    readings = judge(spec, reference, calibration, days(2, 20), inputs, outcomes, None, "v1", None, NOW)
    assert only(readings, "roc_auc").verdict == "ok"
    worse = only(readings, "roc_auc", window=1)
    assert (worse.verdict, worse.harmful) == ("critical", True)
    assert worse.value < worse.threshold < worse.reference_value
    assert only(readings, "accuracy", window=1).verdict == "warning"
    assert only(readings, "jensen_shannon", "correct", window=1).verdict == "drift"
    assert "0.920 in the reference" in worse.sentence
