"""Small questions whose wrong answer would be seen nowhere else: what was found, when it was judged, whether there are latencies."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reference_data.declaration import ModelSpec
from reference_data.windows import Window, WindowSpec
from storage.custom_checks import latencies_logged
from storage.database import Database
from storage.intake import canonical_log
from storage.logs import append_log, prepare_model
from storage.readings import append_readings, checks_with, judged_windows
from storage.retention import apply_retention
from tests.support.homes import empty_database
from tests.unit.test_readings import T0, WEEK, columns, reading

BUCKET = WindowSpec.parse("1d").bucket
DAY = timedelta(days=1)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(empty_database(tmp_path / "d.duckdb"), lambda: T0) as database:
        yield database


# -- which checks have found something ---------------------------------------------------------------------------------
def found(
    db: Database, verdict: str = "warning", among: tuple[str, ...] = ("psi", "mean", "range"), **asked: Any
) -> set[str]:
    where: dict[str, Any] = {"since": T0, "until": T0 + 2 * WEEK, "model_version": "v1", "reference_version": 1} | asked
    with db.cursor() as con:
        return checks_with(con, "m", verdict, among, **where)


def test_the_checks_that_have_found_something_are_told(db: Database) -> None:
    rows = [
        reading(verdict="warning"),
        reading(check="mean", week=1, verdict="warning"),
        reading(check="range", verdict="ok"),
        reading(check="unasked", verdict="warning"),
    ]
    append_readings(db, columns(*rows))
    assert found(db) == {"psi", "mean"}
    assert found(db, "ok") == {"range"}
    assert found(db, "critical") == set()
    assert found(db, among=()) == set()


def test_a_verdict_that_was_restated_does_not_count(db: Database) -> None:
    append_readings(db, columns(reading(verdict="warning"), reading(check="mean", verdict="ok")))
    later: dict[str, Any] = {"computed_at": T0}  # though the clock was put back
    append_readings(db, columns(reading(verdict="ok", **later), reading(check="mean", verdict="warning", **later)))
    assert found(db) == {"mean"}


def test_one_column_that_has_found_something_is_enough(db: Database) -> None:
    append_readings(db, columns(reading(verdict="ok"), reading(column="wind", verdict="warning")))
    assert found(db) == {"psi"}


@pytest.mark.parametrize(
    "other",
    [
        {"model": "n"},
        {"model_version": "v2"},
        {"reference_version": 2},
        {"scope": "quality"},
        {"segment": "carrier=AA"},
        {"week": 2},
        {"week": -1},
    ],
    ids=str,
)
def test_what_is_of_something_else_does_not_count(db: Database, other: dict[str, Any]) -> None:
    append_readings(db, columns(reading(**({"verdict": "warning"} | other))))
    assert found(db) == set()


# -- when windows were judged ------------------------------------------------------------------------------------------
def judged(db: Database) -> dict[datetime, tuple[datetime, bool]]:
    with db.cursor() as con:
        rows = judged_windows(con, "m", "v1", 1, outcomes={"label"}, without=("insufficient", "no_data"))
    return {start: (each.at, each.labelled) for start, each in rows.items()}


def test_a_window_is_as_old_as_the_latest_of_its_readings(db: Database) -> None:
    late = T0 + 20 * WEEK
    append_readings(db, columns(reading(), reading(check="mean", computed_at=late), reading(week=1)))
    append_readings(db, columns(reading(week=3, model_version="v2"), reading(week=4, reference_version=2)))
    assert judged(db) == {T0: (late, False), T0 + WEEK: (T0 + 9 * WEEK, False)}


@pytest.mark.parametrize(
    ("told", "labelled"),
    [
        ({"scope": "performance", "column": None}, True),
        ({"column": "label"}, True),
        ({"column": "label", "verdict": "no_data"}, False),
        ({"scope": "performance", "verdict": "insufficient"}, False),
        ({"column": "temp", "verdict": "warning"}, False),
        ({"scope": "traffic", "column": None}, False),
    ],
    ids=str,
)
def test_a_window_has_labels_where_an_outcome_could_be_judged(
    db: Database, told: dict[str, Any], labelled: bool
) -> None:
    append_readings(db, columns(reading(), reading(check="mae", **told)))
    assert judged(db)[T0][1] is labelled


def test_the_latest_verdict_says_whether_there_are_labels(db: Database) -> None:
    outcome: dict[str, Any] = {"check": "mae", "scope": "performance", "column": None}
    append_readings(db, columns(reading(**outcome, verdict="no_data"), reading(week=1, **outcome, verdict="ok")))
    append_readings(db, columns(reading(**outcome, verdict="ok"), reading(week=1, **outcome, verdict="no_data")))
    assert {start: each[1] for start, each in judged(db).items()} == {T0: True, T0 + WEEK: False}


# -- whether there are latencies ---------------------------------------------------------------------------------------
def spec(**more: Any) -> ModelSpec:
    declared = {"name": "m", "task": "regression", "features": {"x": "numeric"}}
    return ModelSpec.model_validate(declared | more)


def log(db: Database, declared: ModelSpec, *latencies: tuple[float, float | None]) -> None:
    """Log a row for each (days after T0, latency)."""
    now = T0 + 120 * DAY
    rows = [
        {"prediction_id": f"{at}", "event_time": T0 + at * DAY, "x": 1.0, "prediction": 1.0, "latency_ms": latency}
        for at, latency in latencies
    ]
    append_log(db, declared, canonical_log(declared, rows, arrival=now), now, BUCKET)


def carries(db: Database, first: float, last: float) -> bool:
    with db.cursor() as con:
        return latencies_logged(con, "m", Window(T0 + first * DAY, T0 + last * DAY))


def test_latencies_are_found_where_a_row_carries_one(db: Database) -> None:
    log(db, spec(), (0.5, None), (1.5, None), (2.0, 12.0), (3.5, 0.0), (4.5, None))
    assert [carries(db, day, day + 1) for day in range(6)] == [False, False, True, True, False, False]
    assert carries(db, 0, 5)
    assert not carries(db, 0, 2)  # the row of the second midnight is of the day that begins with it


def test_a_model_without_rows_has_no_latencies(db: Database) -> None:
    prepare_model(db, spec())
    assert not carries(db, 0, 5)


def test_latencies_of_rows_that_were_archived_are_found(db: Database) -> None:
    declared = spec(retention={"keep": "60d"})
    log(db, declared, (0.5, 7.0), (1.5, None), (100, None))
    assert apply_retention(db, declared, T0 + 120 * DAY, BUCKET).archived == 2
    assert [carries(db, day, day + 1) for day in (0, 1, 100)] == [True, False, False]
