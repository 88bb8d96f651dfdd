"""Runs on a small home: whose windows they are, whose reference, and that nothing is judged twice without a reason."""

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_data.windows import Window
from service.local import LocalWorkspace, references
from service.local.series import load_series
from storage import profile_store
from storage.due import profiled_at
from tests.support.homes import empty

ZERO = datetime(2024, 1, 1, tzinfo=UTC)
NOW = ZERO + timedelta(days=30)
MODEL = """
[models.eta]
task = "regression"
features = {{ {features} }}
monitor = {{ window = "1d", grace = "0s", min_rows = 5, multivariate = [] }}
"""


def rows(first: int, last: int, version: str, prefix: str = "") -> list[dict[str, Any]]:
    """Forty rows for each of the days from ``first`` to before ``last``, with their labels."""
    rng = np.random.default_rng(first)
    made = []
    for day in range(first, last):
        for number in range(40):
            km = float(rng.normal(10, 2))
            made.append(
                {
                    "prediction_id": f"{prefix}{day}-{number}",
                    "event_time": (ZERO + timedelta(days=day, minutes=30 * number)).isoformat(),
                    "model_version": version,
                    "km": km,
                    "stops": float(number % 4),
                    "prediction": 2 * km,
                    "label": 2 * km + float(rng.normal(0, 1)),
                }
            )
    return made


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        workspace.apply(MODEL.format(features='km = "numeric", stops = "numeric"'))
        workspace.reference("eta", rows(0, 10, "stranger"))
        yield workspace


def feed(ws: LocalWorkspace, given: list[dict[str, Any]]) -> None:
    ws.log("eta", given)
    ws.label("eta", given)


def register(ws: LocalWorkspace, version: str, window: Window) -> int:
    """Register a version that brings its own reference, as a training does, without training it."""
    made = references.freeze_window(ws.core, "eta", window)
    (ws.core.home.artefacts / "none").write_bytes(b"")  # a version without its artefact is given no role
    ws.core.control.put_version(
        {
            "model": "eta",
            "version": version,
            "reference_version": made.version,
            "created_at": NOW.isoformat(),
            "created_by": "test",
            "period": [window.start.isoformat(), window.end.isoformat()],
            "holdout": None,
            "rows": made.rows,
            "trainer": "sklearn",
            "card": {"sha256": hashlib.sha256(b"").hexdigest()},
            "artefact": "none",
            "alert_id": None,
            "job_id": None,
            "gate": {"rows": [], "verdict": "first", "sentence": ""},
            "metrics": {},
            "importance": {},
        }
    )
    return made.version


def day(number: int) -> datetime:
    return ZERO + timedelta(days=number)


@pytest.mark.slow
def test_rows_of_a_stranger_are_judged_on_though_a_version_trained_here_is_champion(ws: LocalWorkspace) -> None:
    ws.core.system_now = lambda: day(20)
    feed(ws, rows(10, 20, "stranger"))
    ws.run("eta")
    register(ws, "v1", Window(day(10), day(18)))
    ws.deploy("eta", "v1")
    ws.core.system_now = lambda: NOW
    feed(ws, rows(20, 30, "stranger"))
    ws.run("eta")
    later = ws.readings("eta", since=day(20), until=day(30), check="jensen_shannon", column="km")
    assert len(later) == 10
    assert {reading["n"] for reading in later} == {40}
    assert {reading["reference_version"] for reading in later} == {1}
    assert [alert for alert in ws.alerts("eta") if alert["kind"] == "no_data"] == []


@pytest.mark.slow
def test_a_late_label_restates_the_window_of_a_reference_that_is_not_in_use(ws: LocalWorkspace) -> None:
    feed(ws, rows(10, 20, "stranger"))
    ws.run("eta")
    register(ws, "v1", Window(day(10), day(18)))
    ws.deploy("eta", "v1")
    late = rows(19, 20, "stranger")
    ws.label("eta", [row | {"label": row["label"] + 50} for row in late])
    ws.run("eta")
    found = ws.readings("eta", since=day(19), until=day(20), check="mae")
    (error,) = [reading for reading in found if reading["scope"] == "performance"]
    assert error["value"] is not None
    assert error["value"] > 40


@pytest.mark.slow
def test_the_window_of_a_deployment_belongs_to_who_answered_most_of_it(ws: LocalWorkspace) -> None:
    feed(ws, rows(10, 20, "stranger"))
    register(ws, "v1", Window(day(10), day(15)))
    register(ws, "v2", Window(day(10), day(18)))
    ws.deploy("eta", "v1")
    feed(ws, rows(20, 22, "v1"))
    half = rows(22, 23, "v1")
    feed(ws, [row | {"model_version": "v1" if place < 30 else "v2"} for place, row in enumerate(half)])
    feed(ws, rows(23, 25, "v2"))
    ws.deploy("eta", "v2")  # nothing has run since v1 began to serve
    ws.run("eta")
    served = {reading["window_start"]: reading for reading in ws.readings("eta", check="jensen_shannon", column="km")}
    versions = [served[day(number).isoformat()]["model_version"] for number in range(20, 25)]
    assert versions == ["v1", "v1", "v1", "v2", "v2"]
    assert [served[day(number).isoformat()]["n"] for number in range(20, 25)] == [40, 40, 30, 40, 40]


@pytest.mark.slow
def test_a_second_run_finds_nothing_to_do(ws: LocalWorkspace) -> None:
    feed(ws, rows(10, 20, "stranger"))
    register(ws, "v1", Window(day(10), day(18)))
    ws.deploy("eta", "v1")
    feed(ws, rows(20, 25, "v1"))
    assert ws.run("eta")[0]["windows"] > 0
    assert ws.run("eta")[0]["windows"] == 0


@pytest.mark.slow
def test_readings_of_a_column_that_is_gone_do_not_make_their_windows_due_for_ever(ws: LocalWorkspace) -> None:
    moment = [NOW]
    ws.core.system_now = lambda: moment[0]
    feed(ws, rows(10, 20, "stranger"))
    ws.run("eta")
    ws.apply(MODEL.format(features='km = "numeric"'))
    moment[0] += timedelta(hours=1)
    feed(ws, rows(15, 16, "stranger", prefix="late "))
    assert ws.run("eta")[0]["windows"] == 1
    assert ws.run("eta")[0]["windows"] == 0
    restated = ws.readings("eta", since=day(15), until=day(16), check="jensen_shannon")
    assert {reading["column"]: reading["n"] for reading in restated} == {
        "km": 80,
        "prediction": 80,
        "error given inputs": 80,
        "label": 80,
        "stops": 40,  # as it was when it was last declared
    }


@pytest.mark.slow
def test_a_write_between_two_references_is_not_forgotten(ws: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(ws, rows(10, 20, "stranger"))
    register(ws, "v1", Window(day(10), day(18)))
    ws.deploy("eta", "v1")
    ws.run("eta")
    ws.label("eta", [row | {"label": 1.0} for row in rows(19, 20, "stranger")])
    measure = profile_store.measure
    written: list[Any] = []

    def measured(*given: Any) -> Any:
        found = measure(*given)
        if not written:
            written.append(ws.label("eta", [row | {"label": 500.0} for row in rows(19, 20, "stranger")]))
        return found

    monkeypatch.setattr(profile_store, "measure", measured)
    ws.run("eta")
    ws.run("eta")
    assert written
    for version in ("stranger", "v1"):
        reference = ws.core.reference_for("eta", version)
        assert reference is not None
        series = load_series(ws.core, reference, "outcomes", [Window(day(19), day(20))])
        assert np.asarray(series.profile.column("label").mean)[0] == pytest.approx(500.0)
        with ws.core.db.cursor() as cursor:
            assert day(19) in profiled_at(cursor, "eta", reference.version, "outcomes")


@pytest.fixture
def long_run(ws: LocalWorkspace) -> Iterator[None]:
    """A run of another thread that does not end."""
    begun, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with ws.core.mutex:
            begun.set()
            ended.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(60)
    yield
    ended.set()
    thread.join()


@pytest.mark.slow
def test_looking_and_acknowledging_do_not_wait_for_a_run(ws: LocalWorkspace, request: pytest.FixtureRequest) -> None:
    feed(ws, rows(10, 20, "stranger"))
    ws.run("eta")  # the last days have no rows
    (silent,) = [alert for alert in ws.alerts("eta") if alert["kind"] == "no_data"]
    blank = dict.fromkeys(["started_at", "ended_at", "exit_code", "error", "version", "alert_id", "request_key"])
    job = {"id": "j1", "model": "eta", "kind": "retrain", "state": "queued", "requested_by": "test", "reason": ""}
    period = [day(10).isoformat(), day(20).isoformat()]
    ws.core.control.start_job_once(job | blank | {"created_at": NOW.isoformat(), "period": period})
    request.getfixturevalue("long_run")
    answers: list[Any] = []

    def ask() -> None:
        answers.append(ws.models())
        answers.append(ws.jobs("eta"))
        answers.append(ws.job("j1"))
        answers.append(ws.versions("eta"))
        answers.append(ws.acknowledge(silent["id"], actor="test")["state"])

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(20)
    assert answers[4:] == ["acknowledged"]
