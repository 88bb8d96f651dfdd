"""What is kept for a time only goes when its time has passed, and no other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reference_data.declaration import ModelSpec, Retention
from reference_data.windows import WindowSpec
from storage.database import Database
from storage.intake import canonical_log
from storage.logs import append_log
from storage.pruning import prune
from storage.quarantine import refused_rows
from storage.retention import apply_retention

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SPEC = ModelSpec(name="m", task="regression", features={"size": "numeric"})
OTHER = SPEC.model_copy(update={"name": "n"})
DAILY = WindowSpec.parse("1d", "UTC")
BAD = {"event_time": "never", "prediction": 1}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "d.duckdb", lambda: NOW) as database:
        yield database


def log(db: Database, days: float, *rows: dict[str, Any], spec: ModelSpec = SPEC, key: str | None = None) -> None:
    """Append rows that arrive so many days after NOW."""
    now = NOW + timedelta(days=days)
    append_log(db, spec, canonical_log(spec, rows, arrival=now), now, DAILY, key=key)


def keys(db: Database) -> list[str]:
    with db.cursor() as con:
        return [row[0] for row in con.execute("SELECT key FROM append_key ORDER BY key").fetchall()]


def refused(db: Database, model: str = "m") -> list[float]:
    """Return when refused rows came, in days after NOW."""
    with db.cursor() as con:
        return [(row["arrival_time"] - NOW) / timedelta(days=1) for row in refused_rows(con, model, 100, 0)]


def test_answers_to_keys_go_after_their_time(db: Database) -> None:
    good = {"event_time": "2024-05-01", "prediction": 1}
    for days, key in ((-40, "old"), (-34, "young"), (0, "new")):
        log(db, days, good, key=key)
    log(db, -40, good, key="silent", spec=OTHER)
    apply_retention(db, SPEC, NOW, DAILY)
    apply_retention(db, OTHER, NOW, DAILY)  # whose latest entry it is
    assert keys(db) == ["new", "silent", "young"]


def test_a_clock_that_has_jumped_ahead_takes_nothing(db: Database) -> None:
    log(db, -1, BAD, key="a")
    prune(db, SPEC, NOW + timedelta(days=4000))
    assert keys(db) == ["a"]
    log(db, 4000, BAD, key="of the future")
    prune(db, SPEC, NOW)
    assert keys(db) == ["a", "of the future"]
    assert len(refused(db)) == 2


def test_refused_rows_obey_the_retention_and_a_bound_without_one(db: Database) -> None:
    for days in (-500, -100, -10, -1):
        log(db, days, BAD, BAD)
    log(db, -100, BAD, spec=OTHER)
    prune(db, SPEC, NOW)
    assert refused(db) == [-1, -1, -10, -10, -100, -100]
    prune(db, SPEC.model_copy(update={"retention": Retention(keep="60d")}), NOW)
    assert refused(db) == [-1, -1, -10, -10]
    prune(db, SPEC, NOW, most=3)
    assert refused(db) == [-1, -1, -10]
    assert refused(db, "n") == [-100]
