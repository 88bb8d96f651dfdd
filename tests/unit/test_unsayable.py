"""What cannot be said of a column, or of a reference, is said with its reason, and numbers in sentences bear no exponents."""

import math

import numpy as np
import pytest

from monitors import adequacy, explain
from monitors.calibration import calibrate
from monitors.judge import judge
from monitors.registry import column_checks
from monitors.types import Reading
from reference_data.profile import stack
from tests.support.profiles import DAILY, NOW, days, profile_of, reference_of, spec_of

SPEC = spec_of("none", features={"x": "numeric", "const": "numeric"})
N = 200


def readings(last: dict[str, np.ndarray], *, infinite: bool = False) -> list[Reading]:
    """Readings of one window after twenty of a reference in which ``const`` never varies, or is infinite."""
    rng = np.random.default_rng(3)
    held = math.inf if infinite else 4.0
    reference = reference_of([{"x": rng.normal(size=N), "const": np.full(N, held)} for _ in range(20)])
    inputs = stack([profile_of(reference.inputs.layout, {"x": rng.normal(size=N), "const": np.full(N, held)} | last)])
    return list(
        judge(
            SPEC, reference, calibrate(SPEC, reference, DAILY), days(1, 20), inputs, None,
            labels_expected=None, model_version="v1", importance={}, now=NOW,
        )
    )  # fmt: skip


def words(found: list[Reading], check: str, column: str) -> str:
    (one,) = [reading for reading in found if (reading.check, reading.column) == (check, column)]
    return one.sentence


def test_a_check_without_a_value_says_why() -> None:
    said = words(readings({}), "wasserstein", "const")
    assert said == (
        "Wasserstein distance of const cannot be computed from these values, as where the reference never varies."
    )
    check = column_checks()["psi"]
    assert "unknown" not in explain.measured(check, "x", math.inf, "")


def test_a_window_of_infinite_values_is_not_called_empty() -> None:
    found = readings({"x": np.array([math.inf, -math.inf] * (N // 2))})
    assert words(found, "jensen_shannon", "x") == (
        "Every value of x that arrived in this window is infinite, so it cannot be judged."
    )
    assert words(readings({"x": np.full(N, math.nan)}), "jensen_shannon", "x") == (
        "No values of x arrived in this window."
    )


def test_a_reference_of_infinite_values_is_not_called_empty() -> None:
    found = readings({"const": np.arange(N) / N}, infinite=True)
    assert words(found, "jensen_shannon", "const") == (
        "Every value of const in the reference is infinite, so there is nothing to compare with."
    )


@pytest.mark.parametrize(
    ("shift", "said"),
    [(0.617, "about 0.62 of"), (9.96, "about 10 of"), (281.3, "about 280 of"), (2.81e7, "28,000,000")],
)
def test_a_shift_is_written_without_an_exponent(monkeypatch: pytest.MonkeyPatch, shift: float, said: str) -> None:
    rng = np.random.default_rng(3)
    reference = reference_of([{"x": rng.normal(size=40), "const": np.ones(40)} for _ in range(28)])
    monkeypatch.setattr(adequacy, "smallest_visible", lambda *_: shift)
    found = adequacy.shortcomings(SPEC, reference, calibrate(SPEC, reference, DAILY), DAILY)
    assert [line for line in found if said in line], found
