"""The columns of a log follow the declaration: whatever is added, taken out, reordered or widened, no value is lost."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_data.declaration import ModelSpec
from reference_data.windows import WindowSpec
from storage.append_common import AppendResult
from storage.casting import as_text
from storage.column_changes import WIDENINGS
from storage.database import Database
from storage.errors import SchemaConflictError
from storage.intake import canonical_log
from storage.logs import append_log, joined_relation, prepare_model
from storage.model_tables import refuse_conflicts
from tests.support.homes import empty_database

NOW = datetime(2024, 3, 1, tzinfo=UTC)
ODD = ["plain", "Plain", "_id", "", 'q"uote', "nul\0", "_c3", "select", "émile 😀"]


def spec_of(features: dict[str, str], context: dict[str, str] | None = None, **more: Any) -> ModelSpec:
    declared = {"name": "m", "task": "regression", "features": features, "context": context or {}}
    return ModelSpec.model_validate(declared | more)


def append(db: Database, spec: ModelSpec, *rows: dict[str, Any]) -> AppendResult:
    known = {row["prediction_id"] for row in rows}
    sent = [{"event_time": NOW - timedelta(hours=n + 1), "prediction": 1.0, **row} for n, row in enumerate(rows)]
    assert len(known) == len(rows)
    intake = canonical_log(spec, sent, arrival=NOW)
    return append_log(db, spec, intake, NOW, WindowSpec.parse("1d").bucket)


def stored(db: Database, spec: ModelSpec, *names: str) -> dict[str, tuple[Any, ...]]:
    sql, expressions = joined_relation(spec)
    fields = ", ".join(["_id", *(expressions[name] for name in names)])
    with db.cursor() as con:
        return {row[0]: row[1:] for row in con.execute(f"SELECT {fields} FROM ({sql})").fetchall()}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(empty_database(tmp_path / "x.duckdb"), lambda: NOW) as database:
        yield database


def test_hostile_names_may_be_added_taken_out_and_reordered(db: Database):
    orders = [ODD[:4], ODD, ODD[::-1], ODD[2:6], [*ODD[4:], *ODD[:4]]]
    for step, order in enumerate(orders):
        half = len(order) // 2
        spec = spec_of(dict.fromkeys(order[:half], "categorical"), dict.fromkeys(order[half:], "categorical"))
        append(db, spec, {"prediction_id": f"r{step}", "features": {name: f"{name}@{step}" for name in order}})
    everything = spec_of(dict.fromkeys(ODD, "categorical"))
    prepare_model(db, everything)
    found = stored(db, everything, *ODD)
    for step, order in enumerate(orders):
        assert found[f"r{step}"] == tuple(f"{name}@{step}" if name in order else None for name in ODD)


def test_columns_of_an_older_file_are_taken_along(db: Database):
    """Files from before named an odd column by its place, and had no subject."""
    spec = spec_of({"size": "numeric", "_note": "categorical"}, subject="who")
    db.write(
        lambda con: con.execute(
            "CREATE TABLE log_m (_id VARCHAR NOT NULL, _event_time TIMESTAMP NOT NULL, _arrival_time TIMESTAMP NOT NULL, "
            "_model_version VARCHAR NOT NULL, _role VARCHAR NOT NULL, _latency_ms DOUBLE, _prediction DOUBLE, _score DOUBLE, "
            "_scores MAP(VARCHAR, DOUBLE), size DOUBLE, _c1 VARCHAR);"
            "INSERT INTO log_m VALUES ('old', '2024-02-01', '2024-02-01', 'v', 'serving', 1, 1, NULL, NULL, 2, 'kept');"
            "INSERT INTO model_column VALUES ('m', 'size', 'size', 'numeric'), ('m', '_note', '_c1', 'categorical'), "
            "('m', 'prediction', '_prediction', 'numeric')"
        )
    )
    append(db, spec, {"prediction_id": "new", "size": 1, "_note": "later", "who": 7})
    assert stored(db, spec, "_note", "size") == {"old": ("kept", 2.0), "new": ("later", 1.0)}
    with db.cursor() as con:
        found = con.execute("SELECT _id, _subject FROM log_m ORDER BY 1").fetchall()
    assert found == [("new", "7"), ("old", None)]


def test_types_are_widened_and_earlier_values_stay_as_if_they_had_been_text_all_along(db: Database):
    numbers = [1.0, -0.0, 0.1, 1e-5, 1e17, 1e18, 1e22, 1 / 3, -2.5, math.inf, math.nan]
    narrow = spec_of({"n": "numeric", "b": "boolean"})
    append(db, narrow, *({"prediction_id": f"{i}", "n": x, "b": i % 2 == 0} for i, x in enumerate(numbers)))
    wide = spec_of({"n": "categorical", "b": "text"})
    append(db, wide, {"prediction_id": "new", "n": "W", "b": "maybe"})
    found = stored(db, wide, "n", "b")
    assert found.pop("new") == ("W", "maybe")
    for i, x in enumerate(numbers):
        text, truth = found[str(i)]
        assert truth == ("true" if i % 2 == 0 else "false")
        assert (text is None) == math.isnan(x)
        assert text is None or float(text) == x
        assert not float(x).is_integer() or abs(x) >= 1e18 or text == as_text(x)


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False))
def test_a_number_as_text_is_the_number(value: float):
    import duckdb

    text = duckdb.execute(f"SELECT {WIDENINGS['numeric', 'categorical']('x')} FROM (SELECT ?::DOUBLE AS x)", [value])
    found = text.fetchall()[0][0]
    assert np.float64(found) == value
    if value.is_integer() and abs(value) < 1e18:
        assert found == as_text(value)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ("categorical", "numeric"),
        ("numeric", "boolean"),
        ("datetime", "text"),
        ("boolean", "numeric"),
        ("text", "datetime"),
    ],
)
def test_what_would_lose_values_is_refused_with_the_types_that_would_not(db: Database, held: str, wanted: str):
    prepare_model(db, spec_of({"x": held}))
    for refuse in (refuse_conflicts, prepare_model):
        with pytest.raises(
            SchemaConflictError, match=f"'x' of model m holds {held} values and is now declared {wanted}"
        ):
            refuse(db, spec_of({"y": "numeric", "x": wanted}))
    with db.cursor() as con:
        assert "y" not in [row[0] for row in con.execute("DESCRIBE log_m").fetchall()]


def test_what_lies_in_archives_is_not_rewritten(db: Database):
    append(db, spec_of({"x": "numeric"}), {"prediction_id": "a", "x": 1})
    archived = (
        "INSERT INTO archived BY NAME SELECT 'm' AS model, 'archive' AS action, 'f' AS file, $1 AS since, $1 AS until, "
    )
    sql = f"{archived} 5 AS rows, 1 AS bytes, $1 AS written_at"
    db.write(lambda con: con.execute(sql, [NOW.replace(tzinfo=None)]))
    with pytest.raises(SchemaConflictError, match="archives"):
        prepare_model(db, spec_of({"x": "categorical"}))
    prepare_model(db, spec_of({"x": "numeric", "y": "categorical"}))  # what needs no change of rows may still come


def test_a_column_name_of_another_case_is_another_column(db: Database):
    append(db, spec_of({"size": "numeric"}), {"prediction_id": "a", "size": 1})
    append(db, spec_of({"SIZE": "numeric"}), {"prediction_id": "b", "SIZE": 2})
    both = spec_of({"Size": "numeric", "SIZE": "numeric", "size": "numeric"})
    append(db, both, {"prediction_id": "c", "Size": 3, "SIZE": 4, "size": 5})
    assert stored(db, both, "size", "SIZE", "Size") == {"a": (1, None, None), "b": (None, 2, None), "c": (5, 4, 3)}
