"""Runs of a real workspace: what is judged when, what late rows and labels change, and that nothing is done twice."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.local import LocalWorkspace
from storage.faults import VARIABLE, InjectedFaultError, reset
from tests.support.tiny_workspace import (
    A_DAY,
    CITIES,
    DECLARATION,
    LIVE,
    MODEL,
    REFERENCE_DAYS,
    Clock,
    Tiny,
    rows,
    tiny,
)

TROUBLE: dict[str, Any] = {"shift": 5.0, "bias": 8.0}  # other distances, and another rule
OUTCOMES = ("performance", "concept_drift", "label_drift")


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    """A model with four weeks of reference, and no traffic yet."""
    with tiny(tmp_path / "home") as opened:
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        yield opened


def readings(ws: Tiny, day: int, **chosen: Any) -> list[Any]:
    """Return the current readings of one day after the reference."""
    start = LIVE + timedelta(days=day)
    return ws.workspace.readings(MODEL, since=start, until=start + timedelta(hours=1), **chosen)


def values(ws: Tiny) -> list[Any]:
    """Return what all current readings say, but not when they said it; sums of other lengths round otherwise."""
    return [
        {name: round(value, 9) if isinstance(value, float) else value for name, value in reading.items()}
        | {"computed_at": None}
        for reading in ws.workspace.readings(MODEL)
    ]


def story(ws: Tiny) -> list[Any]:
    """Return what became of each alert, without ids and clock times."""
    return sorted(
        (a["kind"], a["severity"], a["state"], a["window_start"], tuple(a["members"]))
        for a in ws.workspace.alerts(MODEL)
    )


@pytest.mark.slow
def test_every_closed_window_is_judged_once(ws: Tiny) -> None:
    ws.log_days(0, 3)
    first = ws.run_at(3.5)
    assert (first["windows"], first["alerts_opened"]) == (3, [])
    assert first["readings"] == ws.stored("reading") > 0
    again = ws.run_at(3.6)
    assert (again["windows"], again["readings"]) == (0, 0)
    assert ws.stored("reading") == first["readings"]
    usual = {"row_volume", "freshness"}  # which need more windows before they can say what is usual
    assert {reading["verdict"] for reading in readings(ws, 1) if reading["check"] not in usual} == {"ok"}
    assert {reading["verdict"] for reading in readings(ws, 1) if reading["check"] in usual} == {"insufficient"}


@pytest.mark.slow
def test_a_window_is_closed_when_its_grace_is_over(ws: Tiny) -> None:
    ws.log_days(0, 2)
    assert ws.run_at(2 + 5.9 / 24)["windows"] == 1
    assert readings(ws, 1) == []
    assert ws.run_at(2 + 6 / 24)["windows"] == 1
    assert readings(ws, 1)


@pytest.mark.slow
def test_days_end_at_midnight_of_the_models_zone(tmp_path: Path) -> None:
    zoned = DECLARATION.replace("[models.eta.features]", 'timezone = "America/New_York"\n[models.eta.features]')
    with tiny(tmp_path / "home", zoned) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        ws.log_days(0, 3)
        ws.run_at(3.5)
        starts = {reading["window_start"] for reading in ws.workspace.readings(MODEL, check="row_count")}
        assert {start[10:] for start in starts} == {"T00:00:00-05:00"}


@pytest.mark.slow
def test_late_rows_restate_their_window_alone_and_the_earlier_reading_is_kept(ws: Tiny) -> None:
    ws.log_days(0, 3)
    ws.run_at(3.5)
    before, stored = values(ws), ws.stored("reading")
    ws.log_days(1, a_day=30, prefix="late")
    assert ws.run_at(4.1)["windows"] == 1
    (count,) = readings(ws, 1, check="row_count")
    assert count["value"] == A_DAY + 30
    kept = [reading for reading in values(ws) if not reading["window_start"].startswith("2024-01-30")]
    assert kept == [reading for reading in before if not reading["window_start"].startswith("2024-01-30")]
    assert ws.stored("reading") == stored + len(readings(ws, 1))


@pytest.mark.slow
def test_labels_that_come_later_move_the_outcome_alone(ws: Tiny) -> None:
    frames = [ws.log_days(day, shift=6.0, bias=9.0, labels=False) for day in range(3)]
    for day in range(3):
        ws.run_at(day + 1.5)
    assert {reading["verdict"] for reading in readings(ws, 1) if reading["scope"] == "performance"} == {"no_data"}
    before = ws.workspace.alerts(MODEL)
    assert before
    assert not {alert["kind"] for alert in before} & set(OUTCOMES)
    inputs = [reading["value"] for reading in readings(ws, 1, column="distance")]
    for frame in frames:
        ws.label(frame)
    done = ws.run_at(3.6)
    assert done["windows"] == 3
    after = {alert["id"]: alert for alert in ws.workspace.alerts(MODEL)}
    assert [after.pop(alert["id"]) for alert in before] == before, "what was said of the inputs stands"
    assert {alert["kind"] for alert in after.values()} <= set(OUTCOMES)
    assert any(alert["harmful"] and alert["state"] == "firing" for alert in after.values())
    assert [reading["value"] for reading in readings(ws, 1, column="distance")] == pytest.approx(inputs)


@pytest.mark.slow
def test_a_corrected_label_restates_readings_and_not_history(ws: Tiny) -> None:
    frames = [ws.log_days(day, bias=9.0) for day in range(3)]
    for day in range(3):
        ws.run_at(day + 1.5)
    before = ws.workspace.alerts(MODEL)
    assert any(alert["kind"] in OUTCOMES for alert in before)
    for frame in frames:
        ws.label(frame.assign(truth=frame["truth"] - 9.0))
    assert ws.run_at(3.6)["windows"] == 3
    (error,) = [reading for reading in readings(ws, 1, check="mae") if reading["scope"] == "performance"]
    assert error["verdict"] == "ok"
    assert error["value"] < 2
    assert ws.workspace.alerts(MODEL) == before


@pytest.mark.slow
def test_a_window_without_rows_is_no_data_and_never_green(ws: Tiny) -> None:
    ws.log_days(0)
    ws.log_days(2)
    assert ws.run_at(5.5)["windows"] == 5
    for silent in (1, 3, 4):  # between rows, and after the last of them
        found = readings(ws, silent)
        assert {reading["verdict"] for reading in found} == {"no_data"}
        assert {reading["check"] for reading in found} >= {"row_count", "jensen_shannon"}
    assert "ok" in {reading["verdict"] for reading in readings(ws, 2)}
    (alert,) = [alert for alert in ws.workspace.alerts(MODEL) if alert["kind"] == "no_data"]
    assert alert["state"] == "firing"
    assert ws.workspace.model(MODEL)["health"] == "no_data"


@pytest.mark.slow
def test_a_window_of_too_few_rows_is_insufficient_and_never_green(ws: Tiny) -> None:
    ws.log_days(0, a_day=10, shift=30.0)
    ws.run_at(1.5)
    found = readings(ws, 0)
    assert {reading["verdict"] for reading in found if reading["scope"] != "traffic"} == {"insufficient"}
    (count,) = [reading for reading in found if reading["check"] == "row_count"]
    assert (count["verdict"], count["value"], count["threshold"]) == ("insufficient", 10, 30)
    assert ws.workspace.alerts(MODEL) == []
    assert ws.workspace.model(MODEL)["health"] == "insufficient"


def test_without_a_reference_nothing_is_judged(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        ws.log_days(0)
        assert ws.run_at(2)["windows"] == 0
        assert ws.workspace.model(MODEL)["health"] == "no_data"


@pytest.mark.slow
def test_a_missed_schedule_and_a_daily_one_come_to_the_same(tmp_path: Path) -> None:
    told = []
    for name, days in (("daily", [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]), ("missed", [6.5])):
        with tiny(tmp_path / name) as ws:
            ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
            for day in range(6):
                ws.log_days(day, **(TROUBLE if day in (2, 3) else {}))
            for moment in days:
                ws.run_at(moment)
            told.append((values(ws), story(ws)))
    assert told[0] == told[1]
    assert told[0][1], "there is something to compare"


ROLLING = DECLARATION.replace(
    "[models.eta.retrain]", '[models.eta.reference]\nkind = "rolling"\nspan = "14d"\n[models.eta.retrain]'
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "declaration",
    [DECLARATION.replace('window = "1d"', 'window = "1w"'), ROLLING],
    ids=["weekly windows", "rolling reference"],
)
def test_forty_days_judged_at_once_and_as_they_came_come_to_the_same(tmp_path: Path, declaration: str) -> None:
    told = []
    for name, every in (("as they came", 7), ("at once", 42)):
        with tiny(tmp_path / name, declaration) as ws:
            ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
            for day in range(42):
                frame = rows(REFERENCE_DAYS + day, shift=0.8 if day >= 14 else 0.0)
                frame.loc[frame.index % 6 == 0, "distance"] = None if day >= 21 else 10.0
                ws.workspace.log(MODEL, frame.drop(columns="truth"))
                known = frame[["prediction_id", "truth"]].assign(
                    label_time=frame["event_time"]
                )  # whenever they are sent
                ws.workspace.label(MODEL, known)
                if (day + 1) % every == 0:
                    ws.run_at(day + 1.5)
            told.append((values(ws), story(ws)))
    assert told[0] == told[1]
    assert told[0][1], "there is something to compare"


@pytest.mark.slow
def test_what_arrives_is_judged_over_all_versions_of_a_reference(tmp_path: Path) -> None:
    found = []
    for name, change in (("changed", 5), ("steady", 99)):
        with tiny(tmp_path / name) as ws:
            ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
            for day in range(10):
                ws.log_days(day, shift=0.9, version="v0" if day < change else "v1")
            ws.run_at(10.5)
            of_inputs = [
                r for check in ("jensen_shannon", "missing_share") for r in ws.workspace.readings(MODEL, check=check)
            ]
            found.append([
                (r["window_start"], r["column"], r["check"], r["p_value"], r["verdict"], r["scale"])
                for r in of_inputs
                if r["column"] in ("distance", "city") and r["segment"] is None
            ])  # fmt: skip
            labelled = {
                r["window_start"]: r["n"]
                for r in ws.workspace.readings(MODEL, check="mae")
                if r["scope"] == "performance"
            }
            assert set(labelled.values()) == {A_DAY}
            (alert,) = [a for a in ws.workspace.alerts(MODEL) if a["kind"] == "data_drift"]
            assert "serves now" not in str(ws.workspace.alert(alert["id"]))
    assert found[0] == found[1]
    assert max(row[-1] for row in found[0]) > 1, "several windows were taken together"


@pytest.mark.slow
def test_a_run_that_was_cut_off_before_alerts_moved_is_made_up_for(ws: Tiny, monkeypatch: Any) -> None:
    for day in range(3):
        ws.log_days(day, **TROUBLE)
    reset()
    monkeypatch.setenv(VARIABLE, "run.after_readings=error")
    with pytest.raises(InjectedFaultError):
        ws.run_at(3.5)
    monkeypatch.delenv(VARIABLE)
    assert ws.workspace.readings(MODEL), "readings are there"
    assert ws.workspace.alerts(MODEL) == [], "and nobody was told"
    ws.reopen()
    assert ws.run_at(3.6)["alerts_opened"]
    kinds = {alert["kind"] for alert in ws.workspace.alerts(MODEL)}
    assert kinds & set(OUTCOMES)
    assert kinds - set(OUTCOMES)
    assert ws.run_at(3.7)["windows"] == 0


@pytest.mark.slow
def test_a_restart_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    told = []
    for name, restarts in (("steady", False), ("restarted", True)):
        with tiny(tmp_path / name) as ws:
            ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
            for day in range(5):
                frame = ws.log_days(day, labels=False, **(TROUBLE if day >= 2 else {}))
                if restarts:
                    ws.reopen()
                ws.run_at(day + 1.5)
                ws.label(frame)
                if restarts:
                    ws.reopen()
            ws.run_at(5.6)
            told.append((values(ws), story(ws)))
    assert told[0] == told[1]
    assert told[0][1]


@pytest.mark.slow
def test_since_and_until_choose_windows(ws: Tiny) -> None:
    ws.log_days(0, 4)
    ws.clock.now = LIVE + timedelta(days=4.5)
    since, until = LIVE + timedelta(days=1), LIVE + timedelta(days=3)
    (some,) = ws.workspace.run(MODEL, since=since, until=until)
    assert some["windows"] == 2
    assert readings(ws, 0) == readings(ws, 3) == []
    assert ws.workspace.run(MODEL)[0]["windows"] == 2


@pytest.mark.slow
def test_the_errors_of_segments_make_up_the_error_of_all_rows(ws: Tiny) -> None:
    ws.log_days(0, 4, bias=4.0)
    ws.run_at(4.5)
    errors: list[Any] = ws.workspace.segment_errors(MODEL, LIVE, LIVE + timedelta(days=4))
    assert {(error["segment"], error["value"]) for error in errors} == {("city", city) for city in CITIES}
    assert sum(error["n"] for error in errors) == 4 * A_DAY
    days: list[Any] = [point["value"] for point in ws.workspace.performance(MODEL) if point["role"] == "serving"]
    whole = sum(error["current"] * error["n"] for error in errors) / (4 * A_DAY)
    assert whole == pytest.approx(sum(days) / 4)


# -- the clock ---------------------------------------------------------------------------------------------------------
def _moments(ws: Tiny) -> Iterator[tuple[str, datetime]]:
    """Every time that either store holds, with where it stands."""
    with ws.workspace.core.db.cursor() as cursor:
        columns = cursor.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE data_type = 'TIMESTAMP' AND NOT internal"
        ).fetchall()
        for table, column in columns:
            (row,) = cursor.execute(f'SELECT max("{column}") FROM "{table}"').fetchall()
            if row[0] is not None:
                yield f"{table}.{column}", row[0].replace(tzinfo=UTC)
    connection = sqlite3.connect(ws.workspace.core.home.control)
    connection.row_factory = sqlite3.Row
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            for column in row.keys():  # noqa: SIM118  (a row iterates over its values)
                if column.rpartition("_")[2] == "at" and row[column] is not None:
                    yield f"{table}.{column}", datetime.fromisoformat(row[column]).astimezone(UTC)
    connection.close()


@pytest.fixture
def from_nothing(tmp_path: Path) -> None:
    """An empty home that is copied has been dated already."""
    LocalWorkspace.open(tmp_path / "home", now=Clock()).close()


@pytest.mark.slow
@pytest.mark.usefixtures("from_nothing")
def test_nothing_is_dated_by_any_clock_but_the_one_that_was_given(ws: Tiny) -> None:
    for day in range(3):
        ws.log_days(day, **TROUBLE)
    ws.run_at(3.5)
    alert = ws.workspace.alerts(MODEL)[0]
    ws.workspace.acknowledge(alert["id"])
    job = ws.trained()
    assert job["state"] == "succeeded", job["log"]
    ws.workspace.deploy(MODEL, job["version"])
    ws.workspace.predict(MODEL, [{"distance": 1.0, "city": "Berlin"}])
    found = dict(_moments(ws))
    assert found.keys() >= {"reading.computed_at", "audit.at", "deployment_event.at", "log_eta._arrival_time"}
    ahead = {where: at for where, at in _moments(ws) if at > ws.clock.now and not where.endswith("_end")}
    assert ahead == {}
    views = [alert["opened_at"], job["created_at"], job["ended_at"], ws.workspace.model(MODEL)["champion_since"]]
    assert {datetime.fromisoformat(text) for text in views if text} == {ws.clock.now}
