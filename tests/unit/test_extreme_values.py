"""Numbers near the largest there are: their moments are unknown, and nothing else is."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from monitors.calibration import _without_each
from reference_data.profile import M2, MEAN
from tests.support.profiles import layout_of, profiles_of, together


@pytest.mark.parametrize("wild", [np.inf, 1e308, np.nan])
def test_moments_beyond_the_largest_number_are_unknown_and_leave_other_columns_alone(wild: float) -> None:
    rng = np.random.default_rng(0)
    days = [{"x": rng.normal(size=50), "y": rng.normal(5, 1, size=50)} for _ in range(4)]
    series = profiles_of(layout_of(together(days)), days)
    moments = series.moments.copy()
    moments[:, MEAN] = [wild, -wild, wild, wild]
    moments[:, M2] = wild
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rest = _without_each(replace(series, moments=moments))
        plain = _without_each(series)
    assert np.isnan(rest.moments[:, [MEAN, M2]]).all()
    assert rest.moments[:, [4 + MEAN, 4 + M2]] == pytest.approx(plain.moments[:, [4 + MEAN, 4 + M2]])
    assert plain.moments[0, MEAN] == pytest.approx(np.concatenate([day["x"] for day in days[1:]]).mean())
