"""Natural variation, and the p-values it leads to."""

import numpy as np
import pytest
from scipy import special, stats

from monitors.calibration import Calibration, calibrate, moderate, windows_per_year
from monitors.evidence import (
    ShareNull,
    column_p_values,
    divergence_beyond,
    divergence_threshold,
    levels,
    normal_scores,
    sampling_divergence,
    share_p_values,
)
from monitors.registry import DECIDING, column_checks, column_values
from reference_data.reference import Reference
from reference_data.windows import WindowSpec
from tests.support.profiles import DAILY, profiles_of, reference_of, regression_outcomes, spec_of


def day(rng: np.random.Generator, n: int, jitter: float = 0.0, shift: float = 0.0) -> dict[str, np.ndarray]:
    columns = {f"x{i}": rng.normal(shift * (i == 0) + jitter * rng.normal(), 1, n) for i in range(4)}
    weights = np.exp(np.log([0.4, 0.3, 0.2, 0.1]) + 2 * jitter * rng.normal(size=4))
    return columns | {"k": rng.choice(list("abcd"), n, p=weights / weights.sum())}


def made(seed: int, n: int, count: int = 30, jitter: float = 0.0) -> tuple[np.random.Generator, Reference, Calibration]:
    rng = np.random.default_rng(seed)
    reference = reference_of([day(rng, n, jitter) for _ in range(count)])
    return rng, reference, calibrate(spec_of("none"), reference, DAILY)


def p_values(reference: Reference, calibration: Calibration, windows: list, name: str) -> np.ndarray:
    current = profiles_of(reference.inputs.layout, windows)
    return column_p_values(calibration.columns[name], reference.inputs.total().column(name), current.column(name))


def test_a_year_of_runs_spends_no_more_than_sixty_per_cent_of_the_budget() -> None:
    level = levels(windows_per_year=365.25, warning_columns=20, notice_columns=5, pages_per_year=1, warnings_per_year=2)
    per_column = level.column(context=False) + 2 * level.share(context=False)
    assert 365.25 * (20 * per_column + level.table) == pytest.approx(0.6 * 2)
    assert 365.25 * level.page == pytest.approx(0.6)
    assert level.column(context=True) > level.column(context=False)


def test_however_large_the_budget_one_in_twenty_is_the_most_that_is_significant() -> None:
    level = levels(52, 1, 0, pages_per_year=1000, warnings_per_year=1000)
    assert level.page == 0.05
    assert level.warning == 0.05


@pytest.mark.parametrize(("window", "count"), [("1h", 8766), ("6h", 1461), ("1d", 365.25), ("1w", 365.25 / 7)])
def test_windows_per_year(window: str, count: float) -> None:
    assert windows_per_year(WindowSpec.parse(window)) == pytest.approx(count)


def test_normal_scores_of_many_even_cells_are_standard_normal() -> None:
    scores = normal_scores(np.full(100, 50))
    assert scores.mean() == pytest.approx(0, abs=1e-9)
    assert scores.var() == pytest.approx(1, abs=0.02)
    assert (np.diff(scores) > 0).all()


def test_cells_the_reference_left_empty_get_extreme_but_finite_scores() -> None:
    scores = normal_scores(np.asarray([0, 50, 50, 0]))
    assert np.isfinite(scores).all()
    assert scores[0] < scores[1] < scores[2] < scores[3]


def test_moderation_pulls_towards_the_others_and_spares_outliers() -> None:
    rng = np.random.default_rng(2)
    effects = {f"c{i}": float(f) for i, f in enumerate(rng.chisquare(9, 40) / 9 * 3)} | {"wild": 400.0}
    shrunk, freedom = moderate(effects, 9, cap=200)
    own = np.asarray([effects[f"c{i}"] for i in range(40)])
    ours = np.asarray([shrunk[f"c{i}"] for i in range(40)])
    assert ours.std() < 0.6 * own.std()
    assert np.median(ours) == pytest.approx(3, rel=0.25)
    assert shrunk["wild"] == 400
    assert freedom["wild"] == 9
    assert freedom["c0"] > 9


def test_moderation_never_narrows_below_sampling_variation() -> None:
    shrunk, _ = moderate({"a": 0.2, "b": 0.3, "c": float("nan")}, 10, cap=200)
    assert min(shrunk.values()) >= 1


@pytest.mark.parametrize("n", [30, 100, 1000])
@pytest.mark.parametrize("jitter", [0.0, 0.05])
def test_without_drift_p_values_are_not_too_small(n: int, jitter: float) -> None:
    found = []
    for seed in range(6):
        rng, reference, calibration = made(seed, n, jitter=jitter)
        windows = [day(rng, n, jitter) for _ in range(60)]
        found += [p_values(reference, calibration, windows, name) for name in reference.inputs.layout.names]
    p = np.concatenate(found)
    assert len(p) == 6 * 60 * 5
    # of 1800, at most: the expected number and four standard errors
    for level in (0.01, 0.001):
        assert (p < level).sum() <= 1800 * level + 4 * np.sqrt(1800 * level)


def test_a_shift_is_found_the_sooner_the_more_rows() -> None:
    def found(n: int) -> float:
        rng, reference, calibration = made(1, n)
        p = p_values(reference, calibration, [day(rng, n, shift=0.3) for _ in range(20)], "x0")
        return float(np.median(p))

    assert found(100) < 0.05
    assert found(1000) < 1e-9


def test_natural_variation_widens_what_chance_allows() -> None:
    shift = {}
    for jitter in (0.0, 0.3):
        rng, reference, calibration = made(3, 1000, jitter=jitter)
        shift[jitter] = float(np.median(p_values(reference, calibration, [day(rng, 1000, shift=0.2)] * 5, "x0")))
    assert shift[0.0] < 1e-4
    assert shift[0.3] > 0.01


def test_windows_without_values_have_no_p_value() -> None:
    _, reference, calibration = made(4, 100)
    nothing = {name: np.full(50, np.nan) if name != "k" else np.full(50, "") for name in reference.inputs.layout.names}
    for name in reference.inputs.layout.names:
        assert np.isnan(p_values(reference, calibration, [nothing], name)).all()


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_reference_windows_fall_back_to_a_stated_prior(count: int) -> None:
    rng, reference, calibration = made(5, 400, count=count)
    assert "only" in calibration.origin
    assert calibration.columns["x0"].location_tau2 > 0
    same = p_values(reference, calibration, [day(rng, 400) for _ in range(40)], "x0")
    moved = p_values(reference, calibration, [day(rng, 400, shift=1.0)], "x0")
    assert (same > 0.001).all()
    assert moved[0] < 1e-6
    assert np.isnan(calibration.columns["x0"].bands["psi"][1])


def test_a_reference_in_one_bucket_can_be_calibrated_with_outcomes() -> None:
    rng = np.random.default_rng(6)
    label = rng.normal(100, 10, 500)
    reference = reference_of([{"x": rng.normal(size=500)}], [regression_outcomes(label + rng.normal(0, 5, 500), label)])
    null = calibrate(spec_of("regression"), reference, DAILY).metrics["mae"]
    assert null.windows == 1
    assert null.sd > 0.05 * null.mean


def test_constant_and_empty_columns_calibrate() -> None:
    rng = np.random.default_rng(7)
    days = [
        {"c": np.ones(50), "e": np.full(50, np.nan), "k": np.full(50, "a"), "x": rng.normal(size=50)} for _ in range(9)
    ]
    reference = reference_of(days)
    calibration = calibrate(spec_of("none"), reference, DAILY)
    assert p_values(reference, calibration, [days[0]], "c").tolist() == [1.0]
    moved = {**days[0], "c": np.full(50, 2.0), "k": np.full(50, "b")}
    assert p_values(reference, calibration, [moved], "c")[0] < 1e-6
    assert p_values(reference, calibration, [moved], "k")[0] < 1e-6
    assert np.isnan(p_values(reference, calibration, [moved], "e")[0])


def test_sampling_divergence_is_the_mean_of_what_chance_gives() -> None:
    rng = np.random.default_rng(8)
    p = np.full(20, 1 / 20)
    left, right = rng.multinomial(2000, p, 3000), rng.multinomial(500, p, 3000)
    mean = (left / 2000 + right / 500) / 2
    divergence = stats.entropy(mean, base=2, axis=1) - (
        stats.entropy(left / 2000, base=2, axis=1) + stats.entropy(right / 500, base=2, axis=1)
    ) / 2  # fmt: skip
    expected = sampling_divergence(left.sum(axis=0), np.asarray(500), np.asarray(2000))
    assert float(expected) == pytest.approx(divergence.mean(), rel=0.05)


def test_small_windows_need_a_larger_distance() -> None:
    rng, reference, calibration = made(9, 500)
    base = reference.inputs.total().column("x0")
    current = profiles_of(reference.inputs.layout, [day(rng, n) for n in (40, 5000)]).column("x0")
    null = calibration.columns["x0"]
    small, large = divergence_threshold(null, base, current, 0.1)
    assert small > 1.5 * large > 0.1
    distance = column_values(column_checks()[DECIDING], base, current)
    assert (divergence_beyond(null, base, current, distance) < distance).all()


def test_shares_of_few_rows_are_not_taken_for_certain() -> None:
    null = ShareNull(mean=0.0, tau2=0.0, freedom=30.0)
    p = share_p_values(null, np.asarray([0.0, 2 / 30, 0.2]), np.asarray([30, 30, 6000]), 900.0, 30)
    assert p[0] == 1
    assert p[1] == pytest.approx(2 * float(special.bdtrc(1, 30, 1 / 902)))
    assert p[2] < 1e-12


def test_natural_variation_of_missing_values_counts() -> None:
    rng = np.random.default_rng(10)

    def missing(share: float) -> dict[str, np.ndarray]:
        return {"x": np.where(rng.random(500) < share, np.nan, rng.normal(size=500))}

    steady = reference_of([missing(0.2) for _ in range(20)])
    wild = reference_of([missing(share) for share in np.linspace(0.05, 0.35, 20)])
    nulls = [calibrate(spec_of("none"), r, DAILY).columns["x"].shares["missing_share"] for r in (steady, wild)]
    p = [share_p_values(null, np.asarray([0.33]), np.asarray([500]), 10_000.0, 20)[0] for null in nulls]
    assert p[0] < 1e-6
    assert p[1] > 0.05
