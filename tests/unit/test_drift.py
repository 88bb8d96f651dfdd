"""The verdict on columns' distributions: silent when nothing happens, quick when something does, at the scale that shows it."""

from datetime import timedelta

import numpy as np
import pytest

from monitors.drift import Drift, find_drift
from monitors.drift_moderation import moderated
from monitors.drift_null import DriftNull, correlated, measure, scales_for
from monitors.drift_scores import LOCATION, klotz_scores, make_scores, normal_scores
from monitors.drift_tails import heavy_tailed
from reference_data.windows import Window, WindowSpec
from tests.support.profiles import DAILY, days, layout_of, profiles_of, together

YEAR = 0.42 / 365.25  # false episodes a day, over all columns


def day(rng: np.random.Generator, n: int, jitter: float = 0.0, shift: float = 0.0) -> dict[str, np.ndarray]:
    columns = {f"x{i}": rng.normal(shift * (i == 0) + jitter * rng.normal(), 1, n) for i in range(5)}
    columns["skewed"] = np.exp(rng.normal(jitter * rng.normal(), 1, n))
    columns["count"] = rng.poisson(3, n).astype(float)
    weights = np.exp(np.log([0.4, 0.3, 0.2, 0.08, 0.02]) + 2 * jitter * rng.normal(size=5))
    return columns | {"k": rng.choice(list("abcde"), n, p=weights / weights.sum())}


class World:
    """Thirty days of reference, and days after it."""

    def __init__(self, seed: int, n: int, jitter: float = 0.0, count: int = 30) -> None:
        self.rng, self.n, self.jitter, self.count = np.random.default_rng(seed), n, jitter, count
        rows = [day(self.rng, n, jitter) for _ in range(count)]
        self.layout = layout_of(together(rows))
        self.null = self.measured(rows)

    def measured(self, rows: list[dict[str, np.ndarray]]) -> DriftNull:
        (null,) = measure([(days(len(rows)), profiles_of(self.layout, rows))], self.layout.names, DAILY)
        return null

    def judge(self, rows: list[dict[str, np.ndarray]], **changes: object) -> Drift:
        level = YEAR / len(self.layout.names)
        series = profiles_of(self.layout, rows)
        return find_drift(self.null, days(len(rows), self.count), series, level, 0.05, **changes)  # type: ignore[arg-type]

    def days(self, count: int, shift: float = 0.0) -> list[dict[str, np.ndarray]]:
        return [day(self.rng, self.n, self.jitter, shift) for _ in range(count)]


@pytest.mark.parametrize(("n", "jitter"), [(30, 0.0), (100, 0.05), (1000, 0.05), (1000, 0.0)])
def test_without_drift_nothing_drifts(n: int, jitter: float) -> None:
    """Six models over eight weeks, where 0.4 false episodes are to be expected at the most."""
    found = [World(seed, n, jitter) for seed in range(6)]
    flagged = [world.judge(world.days(56)).drifted.any(axis=0).sum() for world in found]
    assert sum(flagged) <= 2


@pytest.mark.slow
@pytest.mark.parametrize(("n", "shift", "within"), [(100, 0.5, 2), (100, 0.3, 5), (1000, 0.3, 1), (1000, 0.1, 5)])
def test_a_shift_is_found_the_sooner_the_more_rows_there_are(n: int, shift: float, within: int) -> None:
    delays = []
    for seed in range(5):
        world = World(seed, n)
        drifted = world.judge(world.days(14) + world.days(10, shift)).drifted[:, 0]
        assert not drifted[:14].any()
        delays.append(int(np.argmax(drifted[14:])) + 1 if drifted[14:].any() else 99)
    assert np.median(delays) <= within


def test_a_small_lasting_shift_shows_over_several_windows_and_says_which_way() -> None:
    world = World(2, 1000)
    found = world.judge(world.days(12, shift=-0.09))
    assert not found.drifted[0, 0]
    assert found.drifted[-1, 0]
    assert found.scale[-1, 0] > 1
    assert found.shift[-1, 0] == pytest.approx(-0.09, abs=0.03)
    assert found.moved(11, 0) == ("location", 0)


def test_a_drift_that_is_over_is_soon_no_longer_told_of() -> None:
    world = World(14, 1000)
    found = world.judge(world.days(8, shift=0.4) + world.days(12)).drifted[:, 0]
    assert found[:8].all()
    assert found[10:].sum() <= 1, "though it is in the means of 7 and 14 days"


def test_dispersion_a_range_and_a_category_are_told_apart() -> None:
    world = World(3, 2000)
    (changed,) = world.days(1)
    changed["x0"] = world.rng.normal(0, 1.4, 2000)
    changed["x1"] = np.where(
        np.abs(changed["x1"] - 0.5) < 0.15, 0.5 + np.sign(changed["x1"] - 0.5) * 0.2, changed["x1"]
    )
    changed["k"] = world.rng.choice(list("abcde"), 2000, p=[0.4, 0.2, 0.3, 0.08, 0.02])
    found = world.judge([changed])
    names = list(found.names)
    kinds = {
        name: found.moved(0, names.index(name))[0] for name in ("x0", "x1", "k") if found.drifted[0, names.index(name)]
    }
    assert kinds == {"x0": "dispersion", "x1": "cell", "k": "level"}


def test_a_rare_category_that_becomes_common_is_found_though_a_normal_approximation_cannot_say() -> None:
    world = World(4, 60)
    changed = world.days(1)[0]
    changed["k"] = np.where(np.arange(60) < 20, "e", changed["k"])
    found = world.judge([changed])
    assert found.drifted[0, list(found.names).index("k")]


def test_windows_with_too_few_values_have_no_verdict_and_are_left_out_of_means() -> None:
    world = World(5, 400)
    rows = world.days(4, shift=0.3)
    rows[2] = {name: values[:8] for name, values in day(world.rng, 400, shift=9.0).items()}
    found = world.judge(rows, least=30)
    assert np.isnan(found.p[2]).all()
    assert not found.drifted[2].any()
    assert found.drifted[3, 0]
    assert found.shift[3, 0] < 0.5


def test_natural_variation_widens_what_chance_allows() -> None:
    limits = []
    for jitter in (0.0, 0.2):
        world = World(6, 1000, jitter)
        limits.append(float(world.judge(world.days(1)).limit[0, 0]))
    assert limits[1] > 2.5 * limits[0]


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_reference_windows_fall_back_to_a_stated_prior(count: int) -> None:
    world = World(7, 400, count=count)
    assert world.null.scales == (1,)
    assert (world.null.tau2 > 0).all()
    found = world.judge(world.days(40))
    assert not found.drifted.any()
    assert world.judge(world.days(1, shift=1.0)).drifted[0, 0]


def test_a_constant_category_drifts_and_constant_or_empty_numbers_are_left_to_the_shares() -> None:
    rng = np.random.default_rng(8)
    rows = [
        {"c": np.ones(50), "e": np.full(50, np.nan), "k": np.full(50, "a"), "x": rng.normal(size=50)} for _ in range(9)
    ]
    layout = layout_of(together(rows))
    (null,) = measure([(days(9), profiles_of(layout, rows))], layout.names, DAILY)
    moved = {**rows[0], "c": np.full(50, 2.0), "k": np.full(50, "b")}
    found = find_drift(null, days(1, 9), profiles_of(layout, [moved]), 0.01, 0.05)
    assert dict(zip(found.names, found.drifted[0].tolist(), strict=True)) == {
        "c": False,
        "e": False,
        "k": True,
        "x": False,
    }
    assert np.isnan(found.p[0, 1])


def test_where_days_have_outliers_one_makes_no_alert_and_a_lasting_shift_still_does() -> None:
    rng = np.random.default_rng(15)

    def row(shift: float = 0.0) -> dict[str, np.ndarray]:
        effects = 0.05 * rng.standard_t(3, 12)
        effects[0] += shift
        return {f"x{i}": rng.normal(effect, 1, 1000) for i, effect in enumerate(effects)}

    rows = [row() for _ in range(30)]
    layout = layout_of(together(rows))
    (null,) = measure([(days(30), profiles_of(layout, rows))], layout.names, DAILY)
    assert null.heavy.all()

    def drifted(live: list[dict[str, np.ndarray]]) -> np.ndarray:
        series = profiles_of(layout, live)
        return find_drift(null, days(len(live), 30), series, YEAR / 12, 0.05).drifted

    quiet = [row() for _ in range(10)]
    assert not drifted([*quiet[:5], row(0.6), *quiet[5:]])[:, 0].any(), "one day that is far off"
    assert drifted([*quiet, *(row(0.6) for _ in range(4))])[13, 0]


def test_a_weekday_cycle_is_learned_and_not_drift() -> None:
    rng = np.random.default_rng(9)

    def row(index: int, shift: float = 0.0) -> dict[str, np.ndarray]:
        away = 0.5 * (index % 7 >= 5) + shift
        return {f"x{i}": rng.normal(away, 1, 500) for i in range(4)}

    rows = [row(i) for i in range(28)]
    layout = layout_of(together(rows))
    (null,) = measure([(days(28), profiles_of(layout, rows))], layout.names, DAILY)
    assert null.season.cycles == ("weekday",)
    quiet = find_drift(null, days(28, 28), profiles_of(layout, [row(i) for i in range(28, 56)]), YEAR, 0.05)
    assert not quiet.drifted.any()
    moved = find_drift(null, days(7, 28), profiles_of(layout, [row(i, 0.3) for i in range(28, 35)]), YEAR, 0.05)
    assert moved.drifted[1:].all()


def test_a_season_is_of_the_models_own_time() -> None:
    spec = WindowSpec.parse("1h", "America/New_York")
    rng = np.random.default_rng(10)
    start = days(1)[0].start
    windows = [Window(start + timedelta(hours=i), start + timedelta(hours=i + 1)) for i in range(24 * 14)]
    rows = [{"x": rng.normal(2.0 if (i - 5) % 24 >= 12 else 0.0, 1, 60)} for i in range(len(windows))]
    layout = layout_of(together(rows))
    (null,) = measure([(windows, profiles_of(layout, rows))], layout.names, spec)
    assert null.season.cycles[:1] == ("hour",)
    assert null.season.design(windows[:1])[0, 1 + 19] == 1, "midnight in Greenwich is 19:00 in New York"


def test_memory_from_day_to_day_is_measured_and_widens_long_means() -> None:
    rng = np.random.default_rng(11)
    effects = np.zeros((60, 12))
    for t in range(1, 60):
        effects[t] = 0.7 * effects[t - 1] + 0.2 * rng.normal(size=12)
    rows = [{f"x{i}": rng.normal(effects[t, i], 1, 500) for i in range(12)} for t in range(60)]
    layout = layout_of(together(rows))
    (null,) = measure([(days(60), profiles_of(layout, rows))], layout.names, DAILY)
    assert null.phi == pytest.approx(0.7, abs=0.2)
    assert correlated(null.phi, 7) > 2 * correlated(0.0, 7)


@pytest.mark.parametrize(
    ("window", "reference", "scales"),
    [
        ("1d", 90, (1, 2, 3, 4, 5, 7, 9, 11, 14, 20, 28)),
        ("1d", 30, (1, 2, 3, 4, 5, 7, 9, 11, 14)),
        ("1d", 1, (1,)),
        ("1w", 13, (1, 2, 4)),
        ("1w", 5, (1, 2)),
        ("1h", 2000, (1, 2, 4, 8, 24, 48, 72, 96, 120, 168, 216, 264, 336, 480, 672)),
    ],
)
def test_scales_reach_to_28_days_and_to_half_of_the_reference(
    window: str, reference: int, scales: tuple[int, ...]
) -> None:
    assert scales_for(WindowSpec.parse(window), reference) == scales


def test_scores_of_many_even_cells_are_those_of_a_normal() -> None:
    scores = normal_scores(np.full(100, 50))
    assert scores.mean() == pytest.approx(0, abs=1e-9)
    assert scores.var() == pytest.approx(1, abs=0.02)
    assert (np.diff(scores) > 0).all()
    assert klotz_scores(np.full(100, 50)) == pytest.approx(scores**2 - 1, abs=0.35)


def test_cells_the_reference_left_empty_get_extreme_but_finite_scores() -> None:
    scores = normal_scores(np.asarray([0, 50, 50, 0]))
    assert np.isfinite(scores).all()
    assert scores[0] < scores[1] < scores[2] < scores[3]


def test_the_series_of_a_column_do_not_say_the_same_twice() -> None:
    world = World(12, 1000)
    total = profiles_of(world.layout, world.days(30)).total()
    scores = make_scores(total, ["x0"])
    p = total.column("x0").cells / int(total.column("x0").valid)
    location, dispersion, *cells = scores.blocks[0].T
    assert p @ (location * dispersion) == pytest.approx(0, abs=1e-9)
    for cell in cells:
        assert p @ (location * cell) == pytest.approx(0, abs=1e-9)
        assert p @ (dispersion * cell) == pytest.approx(0, abs=1e-9)
    assert scores.weight.sum() == pytest.approx(1)


def test_moderation_pulls_towards_the_others_and_spares_outliers() -> None:
    rng = np.random.default_rng(13)
    names = [f"x{i}" for i in range(41)]
    columns = {name: rng.normal(size=200) for name in names}
    layout = layout_of(columns)
    scores = make_scores(profiles_of(layout, [columns]).total(), names)
    effect = np.where(scores.kind == LOCATION, 3.0, 1.0) * rng.chisquare(9, len(scores.kind)) / 9
    (wild,) = np.flatnonzero((scores.kind == LOCATION) & (scores.column == 40))
    effect[wild] = 400.0
    shrunk, freedom = moderated(scores, effect, np.full(len(effect), 9.0), np.ones(len(effect)))
    ours = np.flatnonzero((scores.kind == LOCATION) & (scores.column < 40))
    assert shrunk[ours].std() < 0.6 * effect[ours].std()
    assert np.median(shrunk[ours]) == pytest.approx(3, rel=0.25)
    assert shrunk[wild] == 400
    assert freedom[wild] == 9
    assert freedom[ours].min() > 9
    assert shrunk.min() >= 1


# -- days that are wild, and days that have outliers --------------------------------------------------------------------
def together_on_a_day(rng: np.random.Generator, size: float, shift: float = 0.0) -> dict[str, np.ndarray]:
    return {f"x{i}": rng.normal(shift + size * rng.standard_normal(), 1, 1000) for i in range(20)}


def test_a_day_on_which_every_column_is_wild_is_no_drift_and_a_shift_of_every_column_is() -> None:
    rng = np.random.default_rng(22)
    rows = [together_on_a_day(rng, 0.05) for _ in range(30)]
    layout = layout_of(together(rows))
    (null,) = measure([(days(30), profiles_of(layout, rows))], layout.names, DAILY)

    def drifted(live: list[dict[str, np.ndarray]]) -> np.ndarray:
        return find_drift(null, days(len(live), 30), profiles_of(layout, live), YEAR / 20, 0.05).drifted

    quiet = [together_on_a_day(rng, 0.05) for _ in range(6)]
    wild = drifted([*quiet, together_on_a_day(rng, 0.2), *quiet])
    assert not wild.any()
    moved = drifted([*quiet, *(together_on_a_day(rng, 0.05, shift=0.3) for _ in range(4))])
    assert moved[9].mean() > 0.8


@pytest.mark.parametrize(("freedom", "heavy"), [(4, True), (1e6, False)])
def test_residuals_tell_whether_days_have_outliers(freedom: float, heavy: bool) -> None:
    rng = np.random.default_rng(22)
    found = [heavy_tailed(rng.standard_t(freedom, (30, 20)), np.ones((30, 20), dtype=bool)) for _ in range(40)]
    assert np.mean(np.asarray(found) == heavy) > 0.75


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "size"), [(100, 0.1), (600, 0.05), (600, 0.1), (2000, 0.1)])
def test_a_few_columns_whose_days_vary_do_not_pass_for_heavy_tailed(rows: int, size: float) -> None:
    heavy = []
    for seed in range(20):
        rng = np.random.default_rng([seed, rows])
        live = [{f"x{i}": rng.normal(size * rng.standard_normal(), 1, rows) for i in range(3)} for _ in range(28)]
        layout = layout_of(together(live))
        (null,) = measure([(days(28), profiles_of(layout, live))], layout.names, DAILY)
        heavy.append(bool(null.heavy.all()))
        assert np.isfinite(null.tails).all(), "so few residuals may have missed some"
    assert np.mean(heavy) <= 0.1


def test_categories_of_a_column_borrow_from_each_other_before_they_do_from_other_columns() -> None:
    rng = np.random.default_rng(31)
    names = [f"k{i}" for i in range(6)]
    columns = {name: rng.choice(list("abcdefgh"), 4000) for name in names}
    layout = layout_of(columns)
    scores = make_scores(profiles_of(layout, [columns]).total(), names)
    true = np.where(scores.column == 0, 9.0, 1.5)
    effect = true * rng.chisquare(29, len(true)) / 29
    shrunk, freedom = moderated(scores, effect, np.full(len(true), 29.0), np.full(len(true), 1 / 8))
    assert np.median(shrunk[scores.column == 0]) == pytest.approx(9, rel=0.2)
    assert np.median(shrunk[scores.column > 0]) == pytest.approx(1.5, rel=0.2)
    assert np.abs(np.log(shrunk / true)).mean() < 0.6 * np.abs(np.log(effect / true)).mean()
    assert np.median(freedom) > 100


def test_a_frequent_category_has_more_of_its_columns_budget() -> None:
    rng = np.random.default_rng(32)
    columns = {"k": rng.choice(list("abc"), 3000, p=[0.6, 0.3, 0.1])}
    scores = make_scores(profiles_of(layout_of(columns), [columns]).total(), ["k"])
    assert scores.weight.sum() == pytest.approx(1)
    assert scores.weight[0] / scores.weight[2] == pytest.approx(np.sqrt(0.6 * 0.4 / (0.1 * 0.9)), rel=0.05)
