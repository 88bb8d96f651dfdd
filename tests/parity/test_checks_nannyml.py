"""Our checks beside NannyML's drift methods, where the definition is the same; docs/checks.md says where it is not.

It does not install beside our pandas: its numbers were taken in an environment of its own, by the command that stands in
``benchmarks/peers/nannyml_methods.py``.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitors import compare

EXPECTED = json.loads((Path(__file__).parent / "nannyml_methods.json").read_text())
CHECKS = ["jensen_shannon", "kolmogorov_smirnov", "wasserstein", "hellinger", "l_infinity", "chi_square"]


def frame(seed: int, rows: int, shift: float) -> pd.DataFrame:
    """Return the rows of benchmarks/peers/nannyml_methods.py, which cannot be imported here."""
    rng = np.random.RandomState(seed)
    letters = list("abcd")
    shares = np.array([4, 3, 2 + shift, 1]) / (10 + shift)
    kinds = np.append(rng.choice(letters, rows - 4, p=shares), letters)
    return pd.DataFrame({"number": rng.gamma(3, 2, rows) + shift, "kind": kinds})


@pytest.mark.parametrize("seed", sorted(EXPECTED["cases"]))
def test_exact_values_are_nannymls(seed: str) -> None:
    reference, current = frame(int(seed), 2000, 0.0), frame(int(seed) + 100, 900, 0.4)
    result = compare(reference, current, checks=CHECKS, exact=True)
    number, kind = ({check.check: check.value for check in result[name].checks} for name in ("number", "kind"))
    theirs = EXPECTED["cases"][seed]
    assert number["kolmogorov_smirnov"] == pytest.approx(theirs["number"]["kolmogorov_smirnov"])
    # theirs is in the column's own unit
    assert number["wasserstein"] * reference["number"].std() == pytest.approx(theirs["number"]["wasserstein"])
    assert kind["jensen_shannon"] == pytest.approx(theirs["kind"]["jensen_shannon"])
    assert kind["hellinger"] == pytest.approx(theirs["kind"]["hellinger"])
    assert kind["l_infinity"] == pytest.approx(theirs["kind"]["l_infinity"])
    assert kind["chi_square"] == pytest.approx(theirs["kind"]["chi2"])


@pytest.mark.parametrize("seed", sorted(EXPECTED["cases"]))
def test_distances_of_numbers_differ_by_their_bins_alone(seed: str) -> None:
    reference, current = frame(int(seed), 2000, 0.0), frame(int(seed) + 100, 900, 0.4)
    ours = {check.check: check.value for check in compare(reference, current, checks=CHECKS)["number"].checks}
    theirs = EXPECTED["cases"][seed]["number"]
    # ours are 90 cells where theirs are about 20: finer ones give more
    for name in ("jensen_shannon", "hellinger"):
        assert theirs[name] < ours[name] < 2.5 * theirs[name]
