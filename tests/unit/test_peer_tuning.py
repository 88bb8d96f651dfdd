"""Other tools are tuned to the false alarms that are asked for, on values they gave once; the files they read hold the generator's rows."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.alarms import peer_report, peers
from benchmarks.alarms.generator import REFERENCE_DAYS, make
from benchmarks.alarms.peer_rows import NULL_DAYS, cases, cell, drift_name, write_drifts, write_null
from benchmarks.alarms.peers import Answers, Peer
from benchmarks.alarms.tuning import alarms, beyond, by_column, by_default, days_to, excess, in_words, limits


def verdict(model: str, day: int, value: float | None, column: str = "a", *, statistic: str = "distance", **more):
    row = {"model": model, "day": day, "column": column, "statistic": statistic, "value": value, "threshold": 0.1}
    return row | {"fires": "above", "drift": value is not None and value > 0.1, "center": None, "spread": None} | more


def test_more_extreme_values_have_more_excess() -> None:
    assert excess(verdict("m", 0, 0.3)) == 0.3
    assert excess(verdict("m", 0, 1e-6, fires="below")) == pytest.approx(6)
    assert excess(verdict("m", 0, 0.0, fires="below")) == pytest.approx(300)
    assert excess(verdict("m", 0, 0.5, center=0.2, spread=0.1)) == pytest.approx(3)
    assert excess(verdict("m", 0, None)) == -np.inf


def test_a_tuned_tool_has_as_many_alerts_as_are_asked_for_and_no_stricter_limit_than_that_takes() -> None:
    rng = np.random.default_rng(0)
    quiet = [verdict(str(m), d, float(rng.exponential()), c) for m in range(8) for d in range(28) for c in "abc"]
    for most in (0, 1, 5):
        held = limits(quiet, most)
        assert alarms(quiet, beyond(held), 32)["alerts"] <= most
        looser = {name: limit * 0.999 - 1e-9 for name, limit in held.items()}
        assert alarms(quiet, beyond(looser), 32)["alerts"] > most


def test_all_statistics_are_tuned_to_the_same_quantile() -> None:
    rng = np.random.default_rng(1)
    quiet = [verdict(str(m), d, float(rng.random()), statistic="small") for m in range(40) for d in range(28)]
    quiet += [verdict(str(m), d, float(1000 * rng.random()), statistic="large") for m in range(40) for d in range(28)]
    held = limits(quiet, 200)
    shares = [np.mean([excess(v) > held[name] for v in quiet if v["statistic"] == name]) for name in ("small", "large")]
    assert shares[0] == pytest.approx(shares[1], abs=0.002)
    assert shares[0] > 0.05


def test_a_limit_for_each_column_finds_what_one_limit_for_all_leaves_to_the_widest() -> None:
    rng = np.random.default_rng(2)
    quiet = [
        verdict(str(m), d, wide * float(rng.normal(1, 0.1)), column)
        for m in range(20)
        for d in range(28)
        for column, wide in (("narrow", 0.1), ("wide", 10.0))
    ]
    measured = by_column(quiet)
    one, each = beyond(limits(quiet, 1)), beyond(limits(map(measured, quiet), 1))
    drifted = verdict("m", 0, 0.2, "narrow")
    assert not one(drifted)
    assert each(measured(drifted))
    assert not each(measured(verdict("m", 0, 10.5, "wide")))
    assert measured(verdict("m", 0, 0.2, "unknown"))["spread"] is None


def test_a_run_of_days_is_one_alert_and_every_column_of_them_counts() -> None:
    found = [verdict("m", day, 1.0, column) for day in (1, 2, 3, 7) for column in "ab"] + [verdict("m", 5, 0.0)]
    cost = alarms(found, by_default, 4)
    assert (cost["alerts"], cost["column_alerts_a_week"], cost["days_with_some"]) == (2, 2.0, 4 / 28)


def test_days_to_the_alert_are_of_the_drifted_column_and_count_models_that_never_alert() -> None:
    found = [verdict("x", 2, 1.0), verdict("x", 4, 1.0), verdict("y", 0, 1.0, "other"), verdict("z", 0, 1.0)]
    assert list(days_to(found, by_default, "a", 3)) == pytest.approx([3, 2 / 3])
    assert days_to(found, by_default, "other", 3)[0] == np.inf


def test_a_limit_is_told_in_the_tools_own_unit() -> None:
    rows = [verdict("m", 0, 1e-5, statistic="K-S p_value", fires="below"), verdict("m", 0, 0.4)]
    rows.append(verdict("m", 0, 0.4, statistic="js", center=0.1, spread=0.1))
    assert in_words(4.0, "K-S p_value", rows) == "K-S p-value below 0.0001"
    assert in_words(0.25, "distance", rows) == "distance 0.25"
    assert in_words(3.5, "js", rows) == "js 3.5 spreads"


def test_files_hold_the_generators_rows_a_row_group_for_each_model(tmp_path: Path) -> None:
    write_null(tmp_path / "null.parquet", cell(30, 0.05), [0, 1])
    file = pq.ParquetFile(tmp_path / "null.parquet")
    assert file.num_row_groups == 2
    rows = file.read_row_group(1)
    assert set(rows["model"].to_pylist()) == {"1"}
    assert sorted(set(rows["day"].to_pylist())) == list(range(-REFERENCE_DAYS, NULL_DAYS))
    model = make(cell(30, 0.05), 1, NULL_DAYS)
    last = rows.filter(np.asarray(rows["day"]) == NULL_DAYS - 1)
    assert last["normal_a"].to_pylist() == model.table(NULL_DAYS - 1)["normal_a"].to_pylist()


@pytest.mark.slow
def test_files_of_drifts_hold_the_column_that_drifts(tmp_path: Path) -> None:
    write_drifts(tmp_path / "drifts.parquet", cell(1000, 0.0), [0])
    rows = pq.read_table(tmp_path / "drifts.parquet")
    for case in cases(1000):
        own = rows.filter(np.asarray(rows["model"]) == drift_name(case, 0))
        other = "region" if case.drift.column == "normal_a" else "normal_a"
        assert own[other].null_count == len(own)
        if case.words == "0.3 sd":
            after = own.filter(np.asarray(own["day"]) >= 0)["normal_a"].to_numpy()
            assert after.mean() == pytest.approx(0.3, abs=0.03)


def test_what_a_tool_answered_is_not_asked_again(tmp_path: Path, monkeypatch) -> None:
    asked = []

    def answer(name: str, args: list[str]):
        asked.append(name)
        return {"cpu_seconds": 1.0, "verdicts": [verdict("0", 0, 0.5)], "datasets": []}

    monkeypatch.setattr(peers, "run_peer", answer)
    peer, answers = Peer("A tool", "evidently", models=1), Answers(tmp_path)
    first = answers.null(peer, (), (30, 0.0), range(3))
    assert first == answers.null(peer, (), (30, 0.0), range(3)) == [verdict("0", 0, 0.5)]
    assert asked == ["evidently"]
    assert json.loads(next(tmp_path.glob("*.json")).read_text())["cpu_seconds"] == 1.0
    answers.null(peer, ("--detector", "ks"), (30, 0.0), range(3))
    assert len(asked) == 2


def test_the_tables_say_how_often_and_how_late() -> None:
    base = {"rows": 100, "jitter": 0.05, "model_weeks": 20.0, "days_with_some": 0.5, "alerts_a_week": 1.0}
    ours = base | {"tool": "Driftdeck", "setting": "default", "column_alerts_a_week": 0.002, "columns_at_most": 0.01}
    theirs = base | {"tool": "T", "setting": "default", "column_alerts_a_week": 25.0, "times_ours": 2500.0}
    tuned = theirs | {"setting": "tuned: psi 3"}
    text = peer_report.null_table([ours, theirs, tuned])
    assert "| 100 | 0.05 | T | 20 | 25 | 50% | 1.0 | 2,500 |" in text
    assert text.count("| T |") == 1
    assert peer_report.limits_words([ours, tuned]) == ["T, 100 rows, jitter 0.05: psi 3"]
    late = {"tool": "T", "setting": "tuned", "drift": "0.5 sd, 100 rows", "days": None, "found": 0.4, "jitter": 0.05}
    text = peer_report.delay_table([late, late | {"jitter": 0.0, "days": 2.0, "found": 1.0}])
    assert "| T | tuned | 2 / never (40%) |" in text
