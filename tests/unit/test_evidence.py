"""How the alert budget is split, and what shares do by chance and nature."""

import numpy as np
import pytest
from scipy import special, stats

from monitors.calibration import calibrate, windows_per_year
from monitors.evidence import ShareNull, levels, sampling_divergence, share_p_values
from reference_data.windows import WindowSpec
from tests.support.profiles import DAILY, reference_of, regression_outcomes, spec_of


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


def test_a_reference_in_one_bucket_can_be_calibrated_with_outcomes() -> None:
    rng = np.random.default_rng(6)
    label = rng.normal(100, 10, 500)
    reference = reference_of([{"x": rng.normal(size=500)}], [regression_outcomes(label + rng.normal(0, 5, 500), label)])
    null = calibrate(spec_of("regression"), reference, DAILY).metrics["mae"]
    assert null.windows == 1
    assert null.sd > 0.05 * null.mean


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
