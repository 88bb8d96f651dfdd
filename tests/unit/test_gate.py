"""The gate: metrics against scikit-learn, intervals against SciPy, rules and words."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, roc_auc_score

from retraining.gate import Candidate, HeldOut, gate
from retraining.intervals import blocks_of, jackknife
from retraining.scores import metrics_for
from retraining.types import Predictions

DAYS, A_DAY = 14, 60
N = DAYS * A_DAY
TIMES = pd.date_range("2013-05-28", periods=N, freq=f"{24 * 60 // A_DAY}min", tz="UTC")
RNG = np.random.default_rng(11)
LABEL = RNG.normal(100, 20, N)
NOISE = RNG.normal(size=N)
SEGMENT = RNG.choice(["JFK", "LGA"], N).astype(object)


def held(**changes):
    base = HeldOut(
        task="regression",
        label=LABEL,
        times=TIMES,
        timezone="UTC",
        segments={"origin": SEGMENT},
        baseline=Predictions(np.full(N, 100.0)),
        baseline_name="the baseline (always 100)",
        unit="min",
    )
    return replace(base, **changes)


def regressor(version, size, extra=0.0):
    return Candidate(version, Predictions(LABEL + size * NOISE + extra))


def row(found, name):
    return next(row for row in found.rows if row["name"] == name)


def interval(found):
    lower, upper = found.rows[0]["lower"], found.rows[0]["upper"]
    assert lower is not None
    assert upper is not None
    return lower, upper


def classifier(version, strength, seed):
    """Scores of two classes that know the label (the sign of NOISE) as well as ``strength`` says."""
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-(strength * NOISE + rng.normal(size=N))))
    predicted = np.where(score > 0.5, "yes", "no").astype(object)
    return Candidate(version, Predictions(predicted, np.column_stack([1 - score, score]), ("no", "yes")))


def held_classes(**changes):
    label = np.where(NOISE > 0, "yes", "no").astype(object)
    prior = Predictions(np.full(N, "no", dtype=object), np.full((N, 2), 0.5), ("no", "yes"))
    return held(task="binary", label=label, baseline=prior, positive="yes", unit="", **changes)


# -------------------------------------------------------------------------------------------------- verdicts


def test_a_better_challenger_passes_in_words_with_numbers():
    found = gate(held(), regressor("v2", 5.0), regressor("v1", 12.0))
    assert found.verdict == "passed"
    first = found.rows[0]
    assert first["champion"] == pytest.approx(12 * np.abs(NOISE).mean())
    assert first["challenger"] == pytest.approx(5 * np.abs(NOISE).mean())
    assert found.sentence.startswith(
        "v2 beats v1 on the same 840 rows of 28 May – 10 Jun 2013: mean absolute error 3.9 min against"
    )
    assert "95 % interval −{:.1f} to −{:.1f}".format(*(-end for end in interval(found))) in found.sentence
    assert "14 days" in found.method


def test_a_worse_challenger_fails():
    found = gate(held(), regressor("v2", 12.0), regressor("v1", 5.0))
    assert found.verdict == "failed"
    assert found.sentence.startswith("v2 loses to v1")
    assert "(change +5." in found.sentence


def test_a_difference_within_noise_is_a_warning():
    champion = Candidate("v1", Predictions(LABEL + RNG.permutation(NOISE) * 5))
    found = gate(held(segments={}), regressor("v2", 5.0), champion)
    lower, upper = interval(found)
    assert lower < 0 < upper
    assert found.verdict == "warned"
    assert "does not clearly beat" in found.sentence


def test_a_segment_may_not_pay_for_the_others():
    worse = np.where(SEGMENT == "LGA", 9.0, 1.0) * NOISE
    found = gate(held(), Candidate("v2", Predictions(LABEL + worse)), regressor("v1", 6.0))
    assert found.rows[0]["verdict"] == "pass"
    assert row(found, "mean absolute error, origin = LGA")["verdict"] == "fail"
    assert row(found, "mean absolute error, origin = JFK")["verdict"] == "pass"
    assert found.verdict == "failed"
    assert "Beyond what is allowed: " in found.sentence
    assert "origin = LGA" in found.sentence


def test_a_bias_is_measured_against_the_error_not_against_a_bias_of_nearly_nothing():
    champion = Candidate("v1", Predictions(LABEL + 12 * NOISE - (12 * NOISE).mean()))
    little = gate(held(), regressor("v2", 5.0, 0.3), champion)
    assert row(little, "absolute bias")["verdict"] == "pass"
    much = gate(held(), regressor("v2", 5.0, 4.0), champion)
    assert row(much, "absolute bias")["verdict"] == "fail"


def test_not_beating_the_baseline_fails_with_or_without_a_champion():
    poor = Candidate("v2", Predictions(np.full(N, 140.0)))
    alone = gate(held(), poor, None)
    assert alone.verdict == "failed"
    assert alone.sentence.startswith("v2 does not beat the baseline (always 100) on 840 rows")
    assert gate(held(), poor, Candidate("v1", Predictions(np.full(N, 160.0)))).verdict == "failed"


def test_a_first_version_is_held_against_the_baseline():
    found = gate(held(), regressor("v1", 5.0), None)
    assert found.verdict == "passed"
    assert found.sentence.startswith("v1 beats the baseline")
    assert found.rows[0]["champion"] is found.rows[0]["change"] is found.rows[0]["lower"] is None
    base, ours = mean_absolute_error(LABEL, np.full(N, 100.0)), mean_absolute_error(LABEL, LABEL + 5 * NOISE)
    improvement = row(found, "improvement on the baseline (always 100)")
    assert improvement["challenger"] == pytest.approx(1 - ours / base)


@pytest.mark.parametrize(("times", "verdict"), [(1.9, "pass"), (2.0, "pass"), (5.0, "warn")])
def test_a_slower_model_is_a_warning(times, verdict):
    latency = np.linspace(5, 10, 100)
    new, old = (replace(regressor(v, s), latency_ms=latency) for v, s in (("v2", 5.0), ("v1", 12.0)))
    found = gate(held(), replace(new, latency_ms=latency * times), old)
    assert row(found, "time of a prediction, 99th percentile")["verdict"] == verdict
    assert found.verdict == ("warned" if verdict == "warn" else "passed")


def test_one_slow_moment_is_not_a_slow_model():
    latency = np.full(100, 5.0)
    hiccup = np.where(np.arange(100) < 5, 500.0, 5.0)
    new, old = (replace(regressor(v, s), latency_ms=latency) for v, s in (("v2", 5.0), ("v1", 12.0)))
    assert gate(held(), replace(new, latency_ms=hiccup), old).verdict == "passed"


def test_size_is_told():
    new, old = (replace(regressor(v, s), size=b) for v, s, b in (("v2", 5.0, 20_000), ("v1", 12.0, 1_000)))
    assert row(gate(held(), new, old), "size of the artefact")["verdict"] == "warn"


def test_small_segments_are_left_out_and_missing_is_no_segment():
    values = np.array(["A"] * (N - 40) + ["B"] * 20 + [np.nan] * 20, dtype=object)
    found = gate(held(segments={"kind": values}), regressor("v2", 5.0), regressor("v1", 12.0))
    assert [r["name"] for r in found.rows if "kind" in r["name"]] == ["mean absolute error, kind = A"]


def test_no_rows_is_an_error():
    empty = np.array([], dtype=float)
    none = Predictions(empty)
    with pytest.raises(ValueError, match="was given none"):
        gate(held(label=empty, times=TIMES[:0], segments={}, baseline=none), Candidate("v2", none), None)


# --------------------------------------------------------------------------------------------- classification


def test_a_binary_gate_leads_with_the_area_under_the_curve():
    held_out, new, old = held_classes(), classifier("v2", 4.0, 1), classifier("v1", 1.0, 2)
    found = gate(held_out, new, old)
    assert [r["name"] for r in found.rows[:3]] == ["ROC AUC", "accuracy", "log loss"]
    assert found.verdict == "passed"
    for name, oracle in (
        ("ROC AUC", lambda c: roc_auc_score(held_out.label == "yes", c.predictions.scores[:, 1])),
        ("accuracy", lambda c: accuracy_score(held_out.label.astype(str), c.predictions.predicted.astype(str))),
        ("log loss", lambda c: log_loss(held_out.label == "yes", c.predictions.scores[:, 1])),
    ):
        assert row(found, name)["challenger"] == pytest.approx(oracle(new))
        assert row(found, name)["champion"] == pytest.approx(oracle(old))
    reverse = gate(held_out, old, new)
    assert reverse.verdict == "failed"
    assert "ROC AUC" in reverse.sentence


def test_without_probabilities_on_one_side_accuracy_leads():
    old = classifier("v1", 1.0, 2)
    bare = replace(old, predictions=Predictions(old.predictions.predicted))
    found = gate(held_classes(), classifier("v2", 4.0, 1), bare)
    assert found.rows[0]["name"] == "accuracy"
    assert "log loss" not in [r["name"] for r in found.rows]


def test_many_classes():
    label = RNG.choice(["a", "b", "c"], N).astype(object)
    sure = np.where(label[:, np.newaxis] == np.array(["a", "b", "c"]), 0.98, 0.01)
    vague = np.full((N, 3), 1 / 3)
    new = Candidate("v2", Predictions(label.copy(), sure, ("a", "b", "c")))
    old = Candidate("v1", Predictions(np.full(N, "a", dtype=object), vague, ("a", "b", "c")))
    found = gate(held(task="multiclass", label=label, baseline=old.predictions, unit=""), new, old)
    assert [r["name"] for r in found.rows[:2]] == ["accuracy", "log loss"]
    assert found.rows[1]["challenger"] == pytest.approx(-np.log(0.98))
    assert found.verdict == "passed"


def test_ties_in_scores_count_half():
    (auc, *_) = metrics_for("binary", "yes", "", probabilities=True)
    score = RNG.integers(0, 4, N) / 4
    label = np.where(RNG.random(N) < 0.3 + score / 3, "yes", "no").astype(object)
    found = Predictions(label, np.column_stack([1 - score, score]), ("no", "yes"))
    assert auc.value(label, found, np.arange(N)) == pytest.approx(roc_auc_score(label == "yes", score))


# -------------------------------------------------------------------------------------------------- intervals


def test_with_days_of_equal_size_it_is_the_paired_t_interval_of_the_days():
    new, old = regressor("v2", 5.0), Candidate("v1", Predictions(LABEL + RNG.normal(0, 8, N)))
    first = gate(held(), new, old).rows[0]
    by_day = [np.abs(c.predictions.predicted - LABEL).reshape(DAYS, A_DAY).mean(axis=1) for c in (new, old)]
    expected = stats.ttest_rel(*by_day).confidence_interval(0.95)
    assert [first["lower"], first["upper"]] == pytest.approx([expected.low, expected.high])


def mean_of(values, chosen):
    return float(values[chosen].mean())


@pytest.mark.parametrize("days", [7, 30])
def test_the_interval_holds_the_truth_as_often_as_it_says(days):
    """Errors of a day resemble each other (day effect 1, noise 1) and days differ in size; 600 draws, ±3 sd is 92.3-97.7 %."""
    rng = np.random.default_rng(days)
    sizes = rng.integers(20, 60, days)
    blocks = np.repeat(np.arange(days), sizes)
    rows = np.arange(len(blocks))
    inside = 0
    for _ in range(600):
        change = rng.normal(size=days)[blocks] + rng.normal(size=len(blocks)) - 0.5
        found = jackknife(partial(mean_of, change), rows, blocks)
        assert found is not None
        inside += found[0] < -0.5 < found[1]
    assert 0.92 <= inside / 600 <= 0.98


def test_days_are_local_and_few_days_become_stretches():
    blocks, what = blocks_of(TIMES, "Asia/Tokyo")
    assert (blocks.max() + 1, what) == (DAYS + 1, "15 days")
    blocks, what = blocks_of(TIMES[:100], "UTC")
    assert (np.bincount(blocks).tolist(), what) == ([10] * 10, "10 stretches of time")
    blocks, what = blocks_of(pd.date_range("2020-01-01", periods=366, tz="UTC"), "UTC")
    assert (len(set(blocks)), what) == (60, "60 groups of neighbouring days")


def test_no_interval_is_made_up():
    rows = np.arange(4)
    assert jackknife(lambda chosen: float(chosen.mean()), rows, rows) is None
    undefined = np.arange(8)
    assert jackknife(lambda chosen: float("nan") if 3 not in chosen else 1.0, undefined, undefined) is None
