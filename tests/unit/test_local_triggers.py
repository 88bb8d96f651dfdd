"""Triggers in a real workspace: from what is stored to one job, and what becomes of its version."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.local import triggers
from service.local.attend import attend
from service.local.promoting import verdict
from service.workspace import WorkspaceError
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

SETTINGS = "params = { max_iter = 5 }"
BY_LABELS = DECLARATION.replace(SETTINGS, SETTINGS + '\ntrigger = ["labels"]\nafter_labels = 1000')


def declared(more: str) -> str:
    return DECLARATION.replace(SETTINGS, f"{SETTINGS}\n{more}")


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", declaration=BY_LABELS) as ws:
        yield ws


def fill(ws: Tiny, first: int = 0, count: int = REFERENCE_DAYS) -> None:
    frame = rows(first, count)
    ws.workspace.log(MODEL, frame.drop(columns="truth"))
    ws.label(frame)


def started(ws: Tiny) -> list[Any]:
    attend(ws.workspace.core)
    return list(reversed(ws.workspace.jobs(MODEL)))


@pytest.mark.slow
def test_labels_start_one_job_and_then_count_anew(waiting: Tiny) -> None:
    (view,) = waiting.workspace.triggers(MODEL)
    assert (view["armed"], view["held_back"]) == (False, "no label has come yet")
    fill(waiting, count=10)
    (view,) = waiting.workspace.triggers(MODEL)
    assert (view["armed"], view["progress"]) == (True, 0.6)
    assert started(waiting) == []
    fill(waiting, 10, 18)
    (job,) = started(waiting)
    assert job["requested_by"] == "trigger:labels"
    assert job["reason"].startswith("After 1,000 new labels: 1,680 have come so far.")
    assert waiting.finished(job["id"])["version"] == "v1"
    (entry,) = [entry for entry in waiting.workspace.audit() if entry["action"] == "retrain"]
    assert entry["actor"] == "trigger:labels"
    waiting.clock.now += timedelta(days=2)
    assert len(started(waiting)) == 1
    (view,) = waiting.workspace.triggers(MODEL)
    assert view["sentence"] == "After 1,000 new labels: 0 have come since the last retrain that succeeded."
    (planned,) = [entry for entry in waiting.workspace.schedule() if entry["kind"] == "retrain"]
    assert (planned["schedule"], planned["last_state"]) == ("after 1,000 labels", "ok")


@pytest.mark.slow
def test_two_triggers_and_clicks_at_once_make_one_job(tmp_path: Path) -> None:
    both = declared('trigger = ["labels", "schedule"]\nafter_labels = 1000\nschedule = "every 1d"')
    with tiny(tmp_path / "home", declaration=both) as ws:
        attend(ws.workspace.core)  # the schedule counts from here
        fill(ws)
        ws.clock.now += timedelta(days=3)
        ws.runner.free.clear()
        acts = [lambda: triggers.pull(ws.workspace.core)] * 4 + [lambda: ws.workspace.retrain(MODEL)] * 3
        threads = [threading.Thread(target=act) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        attend(ws.workspace.core)
        (job,) = ws.workspace.jobs(MODEL)
        assert all(view["held_back"] == f"job {job['id']} is under way" for view in ws.workspace.triggers(MODEL))
        ws.runner.free.set()
        ws.finished(job["id"])
        assert len(started(ws)) == 1, "what was due at once is served by one job"


def test_nothing_to_learn_from_starts_nothing_and_is_said(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", declaration=declared('trigger = ["schedule"]\nschedule = "every 1d"')) as ws:
        attend(ws.workspace.core)
        ws.clock.now += timedelta(days=9)
        assert started(ws) == []
        (view,) = ws.workspace.triggers(MODEL)
        assert (view["held_back"], view["next_at"]) == ("no label has come yet", None)


def test_what_is_refused_is_said_and_not_tried_again_at_once(waiting: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(waiting)
    asked = []

    def refuse(*_: Any, **__: Any) -> None:
        asked.append(1)
        raise WorkspaceError("the period is empty")

    monkeypatch.setattr("service.local.loop.retrain", refuse)
    for _ in range(3):
        attend(waiting.workspace.core)
    assert len(asked) == 1
    assert waiting.workspace.triggers(MODEL)[0]["held_back"] == "the period is empty"


# -- what becomes of the version ---------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_first_version_becomes_champion_and_the_next_its_shadow(tmp_path: Path) -> None:
    linear = DECLARATION.replace(SETTINGS, 'estimator = "sklearn.linear_model.Ridge"\npromote = "auto"')
    with tiny(tmp_path / "home", declaration=linear) as ws:
        fill(ws)
        ws.trained(actor="ada")
        (v1,) = ws.workspace.versions(MODEL)
        assert v1["role"] == "champion"
        (entry,) = [entry for entry in ws.workspace.audit() if entry["action"] == "deploy"]
        assert entry["actor"] == "promote:auto"
        assert "there was no champion; job" in entry["detail"]["because"]
        ws.workspace.apply(linear.replace("auto", "shadow"))
        fill(ws, REFERENCE_DAYS, 14)
        ws.clock.now = LIVE + timedelta(days=14)
        ws.trained()
        v2, v1 = ws.workspace.versions(MODEL)
        assert (v1["role"], v2["role"]) == ("champion", "shadow" if v2["gate_verdict"] != "failed" else "candidate")
        for _ in range(2):
            ws.reopen()
            assert len(ws.workspace.core.deployments(MODEL)) == (2 if v2["role"] == "shadow" else 1)


def test_who_answers_must_have_passed_and_a_champion_needs_an_interval_without_zero() -> None:
    def gate(found: str, lower: float | None = -3.0, upper: float | None = -1.0) -> dict[str, Any]:
        return {"verdict": found, "rows": [{"name": "mae", "lower": lower, "upper": upper}]}

    assert verdict("auto", gate("passed"), "v1", "v1")[0] == "champion"
    assert verdict("auto", gate("passed", -3, 1), "v1", "v1")[0] is None
    assert verdict("auto", gate("passed", None, None), "v1", "v1")[0] is None
    assert verdict("auto", gate("passed", None, None), None, None)[0] == "champion"
    assert verdict("auto", gate("warned"), None, None)[0] is None
    assert verdict("auto", gate("passed"), "v1", "v2") == (
        None,
        "it stays a candidate: it was judged against v1, and now there is v2",
    )
    assert verdict("canary", gate("passed"), "v1", "v1")[0] == "canary"
    assert verdict("canary", gate("warned"), "v1", "v1")[0] is None
    assert verdict("canary", gate("passed"), None, None)[0] is None
    assert verdict("shadow", gate("warned"), "v1", "v1")[0] == "shadow"
    assert verdict("shadow", gate("failed"), "v1", "v1")[0] is None
