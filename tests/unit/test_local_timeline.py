"""What happened, of a real home: failing sources as one event a series, failed jobs, training marked where nothing was promoted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.local import LocalWorkspace
from service.local.sources import INTERRUPTED
from service.workspace import NotFoundError
from tests.support.homes import empty
from tests.support.source_home import MODEL, source

START = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Any:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: START + timedelta(days=30)) as workspace:
        rows = source(read=str(tmp_path / "in" / "*.csv"), schedule="every 1h", into="logs")
        other = MODEL.replace("eta", "beta")
        workspace.apply(MODEL + rows + other)
        yield workspace


def _run(workspace: Any, hour: int, error: str | None = None) -> None:
    at = (START + timedelta(hours=hour)).isoformat()
    workspace.core.control.append_source_run(
        {
            "run_id": f"r{hour}",
            "source": "sales",
            "state": "failed" if error else "done",
            "started_at": at,
            "ended_at": at,
            "error": error,
        }
    )


def _job(workspace: Any, day: int, state: str, *, kind: str = "retrain", version: str | None = None) -> None:
    at = (START + timedelta(days=day)).isoformat()
    workspace.core.control.append_job_event(
        {
            "id": f"j{day}",
            "model": "eta",
            "kind": kind,
            "state": state,
            "version": version,
            "error": "too few labels" if state == "failed" else None,
            "ended_at": at,
        }
    )


def _told(workspace: Any, **asked: Any) -> list[tuple[str, str]]:
    return [(item["kind"], item["sentence"]) for item in workspace.timeline(**asked)]


def test_a_series_of_failures_is_one_event_and_its_end_another(home: Any) -> None:
    for hour, error in enumerate([None, "no such file", "denied", "denied", None, None, "denied"]):
        _run(home, hour, error)
    assert _told(home) == [
        ("source", "source sales failed once: denied"),
        ("resolved", "source sales works again"),
        ("source", "source sales failed 3 times in a row: denied"),
    ]
    newest, _, oldest = home.timeline()
    assert oldest["at"] == (START + timedelta(hours=1)).isoformat()
    assert (newest["model"], newest["source"], newest["alert_id"]) == ("eta", "sales", None)


def test_a_stop_of_the_service_is_no_failure_of_a_source(home: Any) -> None:
    _run(home, 0)
    _run(home, 1, INTERRUPTED[0])
    _run(home, 2)
    assert _told(home) == []
    _run(home, 3, "denied")
    _run(home, 4, INTERRUPTED[1])
    _run(home, 5, "denied")
    assert _told(home) == [("source", "source sales failed 2 times in a row: denied")]


def test_jobs_that_failed_are_told_and_studies_only_then(home: Any) -> None:
    _job(home, 1, "succeeded", version="v1")
    _job(home, 2, "succeeded", kind="learning_curve")
    _job(home, 3, "failed")
    _job(home, 4, "failed", kind="learning_curve")
    _job(home, 5, "lost")
    _job(home, 6, "cancelled")
    assert _told(home) == [
        ("retrain", "training cancelled"),
        ("job", "training was lost: no error was told"),
        ("job", "learning curve failed: too few labels"),
        ("job", "training failed: too few labels"),
        ("retrain", "v1 trained"),
    ]
    assert home.timeline()[1]["job_id"] == "j5"


def test_what_happened_can_be_asked_of_one_model(home: Any) -> None:
    _run(home, 0, "denied")
    assert _told(home, model="beta") == []
    assert len(_told(home, model="eta")) == 1
    assert _told(home, limit=0) == []
    with pytest.raises(NotFoundError, match="there is no model 'gamma'"):
        home.timeline(model="gamma")


def test_training_is_marked_unless_its_version_was_promoted_that_day(home: Any) -> None:
    _job(home, 1, "succeeded", version="v1")
    _job(home, 2, "succeeded", version="v2")
    _job(home, 3, "failed")
    at = START + timedelta(days=1, hours=1)
    home.core.control.append_deployment_event("eta", "v1", "champion", actor="ann", at=at)
    marks = [(mark["kind"], mark["label"]) for mark in home.markers("eta")]
    assert marks == [("champion", "v1 champion"), ("retrain", "v2 trained")]


def test_budgets_are_of_alerts_that_thresholds_raise(home: Any, monkeypatch: Any) -> None:
    def alert(kind: str, severity: str, **more: Any) -> dict[str, Any]:
        return {"kind": kind, "severity": severity, "window_start": START.isoformat(), **more}

    found = [
        alert("data_drift", "warning"),
        alert("concept_drift", "page"),
        alert("data_drift", "notice"),
        alert("no_data", "page"),
        alert("watchdog", "page"),
        alert("performance", "page", rule="mae > 12"),
        alert("data_drift", "warning", inhibited_by="a1"),
    ]
    monkeypatch.setattr(home.core.control, "alerts", lambda model=None: found)
    budget = home.model("eta")["budget"]
    assert (budget["pages"], budget["warnings"]) == (1, 1)
    assert (budget["pages_per_year"], budget["warnings_per_year"], budget["days"]) == (1.0, 1.0, 0.0)
