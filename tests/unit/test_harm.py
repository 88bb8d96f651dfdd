"""The headline metric at scales: what shows in one window and what in several, few labels, seasons, segments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.alarms.harms import outcomes
from monitors.harm import find_harm, harm_scales, merge_latest, shares_of_level, with_skew, without_skew
from monitors.harm_segments import judge_segment_harm, segment_nulls
from monitors.metric_null import MetricNull, metric_nulls
from monitors.registry import performance_checks
from reference_data.profile import Profile
from tests.support.profiles import DAILY, days, layout_of, profiles_of, regression_outcomes, spec_of

SPEC = spec_of("binary", features={"x": "numeric"}, positive="yes")
SCALES = (1, 2, 4, 7, 14)
REFERENCE, LEVEL = 30, 8e-4


def answered(rng: np.random.Generator, right: Any, rows: Any) -> Profile:
    """Days of answers that are right with these chances."""
    right, rows = np.broadcast_arrays(np.asarray(right, dtype=float), np.asarray(rows))
    return outcomes(rng.binomial(rows, right), rows.copy())


def null_of(reference: Profile) -> MetricNull:
    return metric_nulls(SPEC, [(days(len(reference.rows)), reference)], DAILY)[0]["accuracy"]


def judged(
    null: MetricNull, now: Profile, *, usable: np.ndarray | None = None, scales: tuple[int, ...] = SCALES
) -> Any:
    check = performance_checks(SPEC, now.layout)["accuracy"]
    count = len(now.rows)
    usable = np.ones(count, dtype=bool) if usable is None else usable
    return find_harm(SPEC, check, null, days(count, REFERENCE), now, usable, LEVEL, scales)


def test_a_small_lasting_loss_shows_in_several_windows_and_a_large_one_in_the_first() -> None:
    rng = np.random.default_rng(0)
    null = null_of(answered(rng, np.full(REFERENCE, 0.85), 1000))
    small = judged(null, answered(rng, [0.85] * 14 + [0.82] * 7, 1000))
    assert not small.harmful[:14].any()
    assert small.harmful[14:].any()
    assert small.scale[np.flatnonzero(small.harmful)[0]] > 1
    large = judged(null, answered(rng, [0.85] * 14 + [0.7], 1000))
    assert (np.flatnonzero(large.harmful).tolist(), int(large.scale[14])) == ([14], 1)


def test_a_rise_is_never_harmful() -> None:
    rng = np.random.default_rng(1)
    null = null_of(answered(rng, np.full(REFERENCE, 0.85), 1000))
    assert not judged(null, answered(rng, [0.95] * 20, 1000)).harmful.any()


def test_value_and_limit_are_of_the_windows_that_decided() -> None:
    rng = np.random.default_rng(2)
    null = null_of(answered(rng, np.full(REFERENCE, 0.85), 1000))
    now = answered(rng, [0.85] * 14 + [0.81] * 8, 1000)
    found = judged(null, now)
    for i in np.flatnonzero(found.harmful):
        of = slice(i + 1 - int(found.scale[i]), i + 1)
        right = now.column("correct").cells[of, 0].sum() / now.rows[of].sum()
        assert found.value[i] == pytest.approx(right)
        assert found.value[i] < found.limit[i] < found.expected[i]
        assert found.n[i] == now.rows[of].sum()
    assert (found.value[found.judged & ~found.harmful] >= found.limit[found.judged & ~found.harmful]).all()


def test_a_loss_that_is_over_is_over() -> None:
    rng = np.random.default_rng(3)
    null = null_of(answered(rng, np.full(REFERENCE, 0.85), 1000))
    found = judged(null, answered(rng, [0.85] * 14 + [0.5] + [0.85] * 14, 1000))
    assert np.flatnonzero(found.harmful).tolist() == [14]


def test_few_labels_a_day_are_judged_over_as_many_days_as_give_enough() -> None:
    rng = np.random.default_rng(4)
    null = null_of(answered(rng, np.full(REFERENCE, 0.85), 10))
    found = judged(null, answered(rng, [0.85] * 14 + [0.2] * 7, 10))
    assert not found.judged[:1].any()
    assert found.judged[6:].all()
    assert set(found.scale[6:14].tolist()) <= {4}
    assert found.harmful[14:].any()
    assert found.n[np.flatnonzero(found.harmful)].min() >= SPEC.monitor.min_rows


def test_windows_without_labels_enough_are_left_out_of_every_mean() -> None:
    rng = np.random.default_rng(5)
    null = null_of(answered(rng, np.full(REFERENCE, 0.85), 1000))
    chance = np.full(20, 0.85)
    chance[::2] = 0.1
    usable = np.arange(20) % 2 == 1
    found = judged(null, answered(rng, chance, 1000), usable=usable)
    assert not found.harmful.any()
    assert (found.judged == usable).all()


def test_natural_variation_widens_the_limit_and_more_labels_do_not_narrow_it_away() -> None:
    rng = np.random.default_rng(6)
    steady = null_of(answered(rng, np.full(REFERENCE, 0.85), 20_000))
    restless = null_of(answered(rng, 0.85 + 0.02 * rng.standard_normal(REFERENCE), 20_000))
    assert restless.tau2 == pytest.approx(0.02**2, rel=0.6)
    assert restless.tau2 > 5 * steady.tau2
    now = answered(rng, [0.82], 20_000)
    assert judged(steady, now, scales=(1,)).harmful[0]
    assert not judged(restless, now, scales=(1,)).harmful[0]


def test_a_weekday_that_is_always_worse_is_expected_to_be() -> None:
    rng = np.random.default_rng(7)
    weekly = np.where(np.arange(90) % 7 == 6, 0.78, 0.86)
    null = null_of(answered(rng, weekly[:56], 2000))
    assert null.season is not None
    found = find_harm(
        SPEC,
        performance_checks(SPEC, answered(rng, [0.5], 10).layout)["accuracy"],
        null,
        days(28, 56),
        answered(rng, weekly[56:84], 2000),
        np.ones(28, dtype=bool),
        LEVEL,
        SCALES,
    )
    assert not found.harmful.any()
    assert found.expected[6::7] == pytest.approx(np.full(4, 0.78), abs=0.01)


def test_a_reference_of_few_windows_borrows_what_is_assumed_of_variation() -> None:
    rng = np.random.default_rng(8)
    one = null_of(answered(rng, [0.85], 5000))
    assert one.tau2 == pytest.approx((0.1 * 0.15) ** 2, rel=0.1)
    five = null_of(answered(rng, np.full(5, 0.85), 50_000))
    assert 0 < five.tau2 < one.tau2
    assert five.freedom == 4 + 4


def test_one_error_where_there_never_was_one_is_no_harm() -> None:
    rng = np.random.default_rng(9)
    null = null_of(answered(rng, np.ones(REFERENCE), 100))
    now = answered(rng, np.ones(5), 100)
    now.counts[4] = outcomes(np.asarray(98), np.asarray(100)).counts
    assert not judged(null, now).harmful.any()


def test_merged_windows_have_the_moments_of_their_rows() -> None:
    rng = np.random.default_rng(10)
    parts = [regression_outcomes(rng.normal(5 * i, 1 + i, 50), np.zeros(50)) for i in range(6)]
    layout = layout_of(parts[3])
    profile = profiles_of(layout, parts)
    usable = np.asarray([True, True, False, True, True, True])
    merged = merge_latest(profile, usable, 4)
    for last in range(6):
        rows = [i for i in range(max(last - 3, 0), last + 1) if usable[i]]
        total = profile[np.asarray(rows)].total()
        assert (merged.counts[last] == total.counts).all()
        error, wanted = merged[last].column("absolute error"), total.column("absolute error")
        assert error.mean == pytest.approx(float(np.asarray(wanted.mean)))
        assert error.m2 == pytest.approx(float(np.asarray(wanted.m2)))


def test_skew_makes_the_worse_side_rarer_to_page_and_is_undone() -> None:
    z = np.asarray([1.0, 3.0, 4.0])
    for skew in (0.0, 0.2, 1.5):
        far = with_skew(z, np.full(3, skew))
        assert (far >= z).all()
        assert without_skew(far, np.full(3, skew)) == pytest.approx(z, abs=0.2)
    rng = np.random.default_rng(11)
    exponential = (rng.exponential(size=(200_000, 10)).mean(axis=1) - 1) * np.sqrt(10)
    beyond = float((exponential > with_skew(np.asarray([3.0]), np.asarray([2 / np.sqrt(10)]))[0]).mean())
    assert beyond == pytest.approx(0.00135, rel=0.35)


def test_levels_of_scales_add_up_and_days_near_to_others_are_left_out() -> None:
    assert harm_scales((1, 2, 3, 4, 7, 9, 14, 28), 1) == (1, 2, 4, 7, 14, 28)
    assert harm_scales((1, 2, 4), 1 / 7) == (1, 2, 4)
    assert shares_of_level(1) == [1.0]
    for scales in (2, 3, 6):
        shares = shares_of_level(scales)
        assert len(shares) == scales
        assert shares[0] + 0.25 * sum(shares[1:]) <= 1


# -- segments ----------------------------------------------------------------------------------------------------------
NAMES = [f"k=s{i}" for i in range(10)]


class Parts:
    """Ten segments of a reference, and days in which they are judged."""

    def __init__(self, seed: int, rows: int = 100) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows = rows
        past = answered(self.rng, np.full((10, REFERENCE), 0.85), rows)
        whole = outcomes(past.counts[..., 4].sum(axis=0), past.rows.sum(axis=0))
        self.whole = null_of(whole)
        self.check = performance_checks(SPEC, whole.layout)["accuracy"]
        self.nulls = segment_nulls(SPEC, self.check, self.whole, NAMES, past)

    def found(self, chance: np.ndarray, spec: Any = SPEC) -> dict[str, np.ndarray]:
        now = answered(self.rng, chance, self.rows)
        count = chance.shape[1]
        parts = judge_segment_harm(
            spec, self.check, self.whole, self.nulls, days(count, REFERENCE), {name: now[place] for place, name in enumerate(NAMES)},
            now.rows.sum(axis=0), np.ones(count, dtype=bool), LEVEL, (1, 2, 4, 7), np.arange(count),
        )  # fmt: skip
        return {part.segment: np.flatnonzero(part.found) for part in parts}


def test_a_segment_of_a_tenth_that_loses_twenty_points_is_named_within_days_and_no_other() -> None:
    for seed in range(5):
        parts = Parts(seed)
        chance = np.full((10, 20), 0.85)
        chance[3, 10:] -= 0.2
        found = parts.found(chance)
        assert 10 <= found.pop("k=s3")[0] < 17
        assert all(not len(when) for when in found.values())


def test_a_loss_that_costs_nothing_over_all_rows_is_not_told() -> None:
    parts = Parts(20)
    chance = np.full((10, 12), 0.85)
    chance[3, 6:] -= 0.2
    tolerant = SPEC.model_copy(update={"monitor": SPEC.monitor.model_copy(update={"performance_tolerance": 0.9})})
    assert len(parts.found(chance)["k=s3"])
    assert not len(parts.found(chance, tolerant)["k=s3"])


def test_segments_of_too_few_labels_are_left_out_and_variation_is_borrowed() -> None:
    rng = np.random.default_rng(21)
    rows = np.full((10, REFERENCE), 100)
    rows[9] = 0
    rows[9, 0] = 20
    past = answered(rng, 0.85 + 0.05 * rng.standard_normal((10, REFERENCE)).clip(-2, 2), rows)
    whole = replace(null_of(answered(rng, np.full(REFERENCE, 0.85), 1000)), tau2=0.0)
    check = performance_checks(SPEC, past.layout)["accuracy"]
    nulls = segment_nulls(SPEC, check, whole, NAMES, past)
    assert [*nulls] == NAMES[:9]
    assert np.mean([null.tau2 for null in nulls.values()]) == pytest.approx(0.05**2, rel=0.5)
