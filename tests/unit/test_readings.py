from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from storage.database import Database
from storage.readings import SCHEMA, append_readings, current_readings
from tests.support.homes import empty_database

T0 = datetime(2013, 1, 1, 5, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def db(tmp_path: Path):
    with Database.open(empty_database(tmp_path / "d.duckdb"), lambda: T0) as database:
        yield database


def reading(week: int = 0, **more) -> dict:
    return {
        "model": "m",
        "model_version": "v1",
        "reference_version": 1,
        "check": "psi",
        "scope": "column",
        "column": "temp",
        "segment": None,
        "window_start": T0 + week * WEEK,
        "window_end": T0 + (week + 1) * WEEK,
        "value": 0.25,
        "reference_value": float("nan"),
        "threshold": 0.5,
        "lower": 0.0,
        "upper": 0.125,
        "p_value": 1e-300,
        "effect": 1.0,
        "n": 3_000_000_000,
        "n_reference": 5,
        "verdict": "ok",
        "significant": True,
        "material": False,
        "harmful": False,
        "unit": "distance",
        "sentence": "all is well",
        "computed_at": T0 + 9 * WEEK,
        "error": None,
        "scale": 1,
        "drivers": None,
        "ci_lower": None,
        "ci_upper": None,
        "coverage": None,
    } | more


def columns(*rows: dict) -> dict[str, list]:
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else SCHEMA.names)}


def current(db: Database, model: str = "m", **filters) -> list[dict]:
    with db.cursor() as con:
        return current_readings(con, model, **filters)


def test_a_reading_comes_back_as_it_went_in(db: Database):
    sent = reading(window_start=T0.astimezone(None))
    append_readings(db, columns(sent))
    (found,) = current(db)
    assert list(found) == SCHEMA.names
    assert np.isnan(found.pop("reference_value"))
    assert np.isnan(sent.pop("reference_value"))
    assert found == sent


def test_a_restatement_replaces_the_reading_and_keeps_it(db: Database):
    append_readings(db, columns(reading(value=1.0), reading(week=1, value=5.0)))
    append_readings(db, columns(reading(value=2.0, computed_at=T0 + 10 * WEEK)))
    assert [r["value"] for r in current(db)] == [2.0, 5.0]
    late = reading(value=3.0, computed_at=T0)
    append_readings(db, columns(late))  # the clock stepped back; written last is current all the same
    assert [r["value"] for r in current(db)] == [3.0, 5.0]
    with db.cursor() as con:
        assert con.execute("SELECT value FROM reading WHERE value < 4 ORDER BY seq").fetchall() == [
            (1.0,),
            (2.0,),
            (3.0,),
        ]


@pytest.mark.parametrize(
    "difference",
    [
        {"model_version": "v2"},
        {"reference_version": 2},
        {"check": "ks"},
        {"column": None},
        {"segment": "a=b"},
        {"week": 1},
    ],
)
def test_whatever_differs_in_its_key_is_a_reading_of_its_own(db: Database, difference: dict):
    append_readings(db, columns(reading(), reading(**difference)))
    append_readings(db, columns(reading(), reading(**difference)))
    assert len(current(db) + current(db, segment="*")) == 2


def test_filters(db: Database):
    rows = [reading(week=w, check=c, column=x) for w in range(4) for c in ("psi", "ks") for x in ("a", "b")]
    rows.append(reading(scope="performance", check="mae", column=None, verdict="drift", model_version="v2"))
    append_readings(db, columns(*rows, reading(model="other")))
    assert len(current(db)) == 17
    assert len(current(db, "other")) == 1
    assert len(current(db, check="psi")) == 8
    assert len(current(db, column="a", since=T0 + WEEK, until=T0 + 3 * WEEK)) == 4
    assert [r["check"] for r in current(db, scope="performance")] == ["mae"]
    assert [r["check"] for r in current(db, verdict="drift")] == ["mae"]
    assert len(current(db, model_version="v1", reference_version=1)) == 16
    assert current(db, reference_version=2) == []
    assert [r["window_start"] for r in current(db, limit=2, offset=4)] == [T0, T0 + WEEK]


def test_a_verdict_that_was_restated_is_no_longer_found(db: Database):
    append_readings(db, columns(reading(verdict="drift")))
    append_readings(db, columns(reading(verdict="ok")))
    assert current(db, verdict="drift") == []


def test_a_reading_without_a_field_is_refused_by_name(db: Database):
    row = reading()
    del row["sentence"]
    with pytest.raises(KeyError, match="sentence"):
        append_readings(db, columns(row))
    append_readings(db, columns())
    assert current(db) == []
