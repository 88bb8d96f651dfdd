"""Checks of a one-off comparison: which are reported, their p-values, and the exact ones."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from monitors import compare
from monitors.compare_result import CheckValue
from monitors.registry import column_checks
from reference_data.default_checks import DEFAULT_CHECKS


def frames(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)

    def side(n: int, shift: float) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "amount": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(shift, 1, n)),
                "kind": rng.choice([f"k{i}" for i in range(80)], n),
                "flag": rng.random(n) < 0.3 + shift,
                "words": [" ".join(["lorem"] * k) + f" {k}{i}" for i, k in enumerate(rng.poisson(20 + 10 * shift, n))],
                "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"),
            }
        )

    return side(3000, 0.0), side(2500, 0.1)


def found(result, column: str) -> dict[str, CheckValue]:
    return {check.check: check for check in result[column].checks}


def test_the_usual_checks_are_reported_unless_others_are_named() -> None:
    left, right = frames()
    usual = found(compare(left, right), "amount")
    assert usual.keys() <= set(DEFAULT_CHECKS)
    every = compare(left, right, checks=list(column_checks()))
    reported = {check for column in every.columns for check in found(every, column.column)}
    assert reported == set(column_checks())
    assert [column.drift for column in every.columns] == [column.drift for column in compare(left, right).columns]


def test_tests_have_p_values_and_distances_have_none() -> None:
    left, right = frames()
    checks = found(compare(left, right, checks=list(column_checks())), "amount")
    p = {name: check.to_dict()["p_value"] for name, check in checks.items()}
    assert p["wasserstein"] is None
    assert 0 <= p["t_test"] <= 1
    assert {name for name, number in p.items() if number is not None} == {
        name for name in checks if column_checks()[name].p_function is not None
    }


@pytest.mark.slow
def test_exact_values_are_scipys_on_the_rows() -> None:
    left, right = frames()
    names = ["kolmogorov_smirnov", "wasserstein", "energy", "anderson_darling", "mann_whitney", "t_test"]
    checks = found(compare(left, right, checks=names, exact=True), "amount")
    a, b = left["amount"].dropna().to_numpy(), right["amount"].dropna().to_numpy()
    ks = stats.ks_2samp(a, b)
    assert (checks["kolmogorov_smirnov"].value, checks["kolmogorov_smirnov"].p_value) == pytest.approx(tuple(ks)[:2])
    assert checks["wasserstein"].value == pytest.approx(stats.wasserstein_distance(a, b) / a.std(ddof=1))
    assert checks["energy"].value == pytest.approx(stats.energy_distance(a, b))
    assert checks["mann_whitney"].p_value == pytest.approx(stats.mannwhitneyu(b, a).pvalue)
    assert checks["t_test"].p_value == pytest.approx(stats.ttest_ind(b, a, equal_var=False).pvalue)


def test_exact_values_of_text_and_times_are_those_of_lengths_and_seconds() -> None:
    left, right = frames()
    result = compare(left, right, checks=["kolmogorov_smirnov", "wasserstein"], exact=True)
    lengths = [side["words"].str.len().to_numpy().astype(float) for side in (left, right)]
    assert result["words"].type == "text"
    assert found(result, "words")["kolmogorov_smirnov"].value == pytest.approx(
        stats.ks_2samp(lengths[0], lengths[1]).statistic
    )
    seconds = [side["when"].astype("datetime64[us]").astype("int64").to_numpy() / 1e6 for side in (left, right)]
    exact = stats.wasserstein_distance(seconds[0], seconds[1]) / seconds[0].std(ddof=1)
    assert found(result, "when")["wasserstein"].value == pytest.approx(exact)


@pytest.mark.slow
def test_exact_values_of_categories_list_every_category() -> None:
    left, right = frames()
    right.loc[:40, "kind"] = "new one"
    right.loc[41:60, "kind"] = "new other"
    names = ["jensen_shannon", "total_variation", "unseen_share"]
    exact = found(compare(left, right, checks=names, exact=True), "kind")
    listed = found(compare(left, right, checks=names), "kind")
    p, q = (side["kind"].value_counts(normalize=True) for side in (left, right))
    p, q = p.align(q, fill_value=0)
    assert exact["jensen_shannon"].value == pytest.approx(jensenshannon(p, q, base=2))
    assert exact["total_variation"].value == pytest.approx(np.abs(p - q).sum() / 2)
    assert exact["unseen_share"].value == listed["unseen_share"].value == pytest.approx(61 / 2500)
    assert listed["total_variation"].value < exact["total_variation"].value, "80 categories do not get a cell each"


def test_exact_changes_no_verdict_and_no_threshold() -> None:
    left, right = frames(1)
    plain, exact = compare(left, right), compare(left, right, exact=True)
    for one, other in zip(plain.columns, exact.columns, strict=True):
        assert (one.drift, one.p_value, one.effect) == (other.drift, other.p_value, other.effect)
        # the deciding distance's gives way to a distance that is beyond it without drift, and that distance differs
        held = [[c.threshold for c in found.checks if c.check != "jensen_shannon"] for found in (one, other)]
        assert held[0] == pytest.approx(held[1], nan_ok=True)


@pytest.mark.slow
def test_the_commands_choose_checks_and_list_them(tmp_path: Path) -> None:
    for name, frame in zip(("left", "right"), frames(), strict=True):
        frame[["amount", "kind"]].to_csv(tmp_path / f"{name}.csv", index=False)

    def driftdeck(*words: str):
        done = subprocess.run(
            [sys.executable, "-c", "from service.cli import main; main()", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        return json.loads(done.stdout)

    words = ("compare", "left.csv", "right.csv", "--check", "energy,mann_whitney", "--exact", "--json")
    columns = driftdeck(*words)["columns"]
    assert [check["check"] for check in columns[0]["checks"]] == ["energy", "mann_whitney"]
    assert columns[0]["checks"][1]["p_value"] < 0.01
    assert columns[1]["checks"] == []
    listed = driftdeck("checks", "--json")
    assert [entry["check"] for entry in listed] == list(column_checks())
    assert {entry["check"] for entry in listed if entry["default"]} == set(DEFAULT_CHECKS)
