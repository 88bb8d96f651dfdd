"""Studies in a real workspace: started as jobs, kept with them, used by the retrain that follows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.workspace import ConflictError, NotFoundError, WorkspaceError
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, START, Tiny, rows, tiny

BY_BACKTEST = DECLARATION + 'period = "backtest"\nholdout = "3d"\n'


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    """Four labelled weeks, the second half of which follow another rule."""
    with tiny(tmp_path / "home", BY_BACKTEST) as home:
        fill(home)
        yield home


def fill(home: Tiny, days: int = REFERENCE_DAYS, change: int = REFERENCE_DAYS // 2) -> None:
    for first, count, bias in ((0, change, 0.0), (change, days - change, 9.0)):
        if count:
            frame = rows(first, count, bias=bias)
            home.workspace.log(MODEL, frame.drop(columns="truth"))
            home.label(frame)
    home.clock.now = START + timedelta(days=days)


def studied(ws: Tiny, kind: Any, **asked: Any) -> Any:
    job = ws.finished(ws.workspace.study(MODEL, kind, **asked)["id"])
    assert job["state"] == "succeeded", job["log"]
    return job


def audited(ws: Tiny, action: str) -> list[Any]:
    return [entry for entry in ws.workspace.audit() if entry["action"] == action]


@pytest.mark.slow
def test_a_learning_curve_is_a_job_whose_findings_outlive_a_restart(ws: Tiny) -> None:
    assert ws.workspace.learning_curve(MODEL) is None
    job = studied(ws, "learning_curve", since=START + timedelta(days=14), actor="ada")
    assert (job["kind"], job["version"], job["requested_by"]) == ("learning_curve", None, "ada")
    found = ws.workspace.learning_curve(MODEL)
    assert found is not None
    assert found["job_id"] == job["id"]
    assert (found["metric"], found["direction"]) == ("mae", "higher_is_worse")
    assert [point["rows"] for point in found["points"]] == [165, 330, 660]  # 14 days but three, of 60 rows each
    assert found["period"] == job["period"]
    assert ws.workspace.versions(MODEL) == []
    assert audited(ws, "study")[0]["actor"] == "ada"
    assert ws.reopen().learning_curve(MODEL) == found


@pytest.mark.slow
def test_a_backtest_finds_the_rows_since_the_rule_changed_and_the_retrain_learns_from_them(ws: Tiny) -> None:
    ws.runner.free.clear()
    job = ws.workspace.study(MODEL, "backtest")
    assert ws.workspace.study(MODEL, "backtest")["id"] == job["id"]  # a double click
    with pytest.raises(ConflictError, match=f"job {job['id']} of 'eta', a backtest, is under way"):
        ws.workspace.retrain(MODEL)
    with pytest.raises(ConflictError, match="wait for it, or cancel it"):
        ws.workspace.study(MODEL, "learning_curve")
    ws.runner.free.set()
    assert ws.finished(job["id"])["state"] == "succeeded"
    found = ws.workspace.backtest(MODEL)
    assert found is not None
    assert found["best"] == "last 12d"
    by_name: dict[str, Any] = {row["name"]: row for row in found["rows"]}
    assert by_name["all"]["change"] > 1
    assert by_name["all"]["change_lower"] > 0
    job = ws.trained()
    assert job["version"] == "v1"
    assert job["period"][0] == (LIVE - timedelta(days=12)).isoformat()
    assert "by the backtest of job" in job["reason"]


@pytest.mark.slow
def test_a_retrain_by_backtest_without_one_says_so(ws: Tiny) -> None:
    job = ws.trained()
    assert "there is none yet" in job["reason"]
    assert job["version"] == "v1"


@pytest.mark.slow
def test_a_retrain_learns_from_as_many_rows_as_are_declared(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", DECLARATION + 'period = "all"\nsize = 300\n') as ws:
        fill(ws, change=0)
        job = ws.trained()
        assert "300 rows at most" in job["reason"]
        record = ws.workspace.core.version(MODEL, "v1")
        assert record["rows"] == 300
        assert any("300 of 1,680 rows" in note for note in record["lineage"]["notes"])


@pytest.mark.slow
def test_a_retrain_learns_from_as_many_rows_as_the_curve_needs(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", DECLARATION + 'period = "all"\n') as ws:
        fill(ws, change=0)
        studied(ws, "learning_curve")
        core = ws.workspace.core
        (job,) = core.control.jobs(MODEL)
        job["studies"]["learning_curve"]["levels_off"] = 420
        core.control.append_job_event(job)
        made = ws.trained()
        assert f"where the learning curve of job {job['id']} levels off" in made["reason"]
        assert core.version(MODEL, "v1")["rows"] == 420


def test_what_cannot_be_studied_is_refused(ws: Tiny) -> None:
    with pytest.raises(WorkspaceError, match="study 'magic' is not known; there are learning_curve, backtest"):
        ws.workspace.study(MODEL, "magic")  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        ws.workspace.study("nobody", "backtest")
    with pytest.raises(WorkspaceError, match="no labelled row lies between"):
        ws.workspace.study(MODEL, "learning_curve", since=START + timedelta(days=90))


def test_too_short_a_past_fails_in_words(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:  # the hold-out is a week
        fill(ws, days=14, change=0)
        job = ws.finished(ws.workspace.study(MODEL, "backtest")["id"])
        assert job["state"] == "failed"
        assert "reach back too little" in job["error"]
        ws.workspace.run(MODEL)
        assert [alert["kind"] for alert in ws.workspace.alerts(MODEL)] == []  # no training has failed
        assert [item for item in ws.workspace.timeline() if item["kind"] == "retrain"] == []
        assert ws.workspace.backtest(MODEL) is None


@pytest.mark.slow
def test_very_many_rows_get_a_curve_before_they_are_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retraining.sizing.MANY_ROWS", 1000)
    with tiny(tmp_path / "home", DECLARATION + 'period = "all"\n') as ws:
        fill(ws, change=0)
        ws.trained()
        assert ws.workspace.learning_curve(MODEL) is None  # a first version has no rows kept apart to judge by
        ws.workspace.deploy(MODEL, "v1")
        job = ws.trained()
        found = ws.workspace.learning_curve(MODEL)
        assert found is not None
        assert found["job_id"] == job["id"]
        levels, learned = found["levels_off"], ws.workspace.core.version(MODEL, "v2")["rows"]
        assert learned == (21 * 60 if levels is None else levels)
        most = max(point["rows"] for point in found["points"])
        assert most == 14 * 60, "the week that the gate judges by has no say in how many rows are learned from"


@pytest.mark.slow
def test_a_retrain_can_learn_from_old_rows_and_be_judged_by_the_latest(tmp_path: Path) -> None:
    """The rule of the first half came back for the last week: an early stretch is what the backtest chose."""
    with tiny(tmp_path / "home", DECLARATION + 'period = "backtest"\nholdout = "1d"\n') as ws:
        for first, count, bias in ((0, 8, 0.0), (8, 15, 9.0), (23, 5, 0.0)):
            frame = rows(first, count, bias=bias)
            ws.workspace.log(MODEL, frame.drop(columns="truth"))
            ws.label(frame)
        ws.clock.now = START + timedelta(days=REFERENCE_DAYS)
        studied(ws, "backtest")
        core = ws.workspace.core
        (job,) = core.control.jobs(MODEL)
        chosen = job["studies"]["backtest"]
        assert chosen["period_best"] == "first 8d"
        ws.trained()
        ws.workspace.deploy(MODEL, "v1")
        ws.trained()
        record = core.version(MODEL, "v2")
        assert record["rows"] == 8 * 60
        assert record["holdout"][0] == (START + timedelta(days=27)).isoformat()
        words = "the study that chose what v2 learns from has judged by all of the held-out rows, which flatters it a little"
        assert words in record["gate"]["sentence"]
