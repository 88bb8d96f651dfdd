"""Rows as nobody would send them on purpose: each is taken or refused in words, the same in every form, and the store lives on."""

# ruff: noqa: DTZ001 - naive UTC, as stored, and local times
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_data.declaration import ModelSpec
from reference_data.windows import WindowSpec
from storage.database import Database
from storage.intake import MAX_ID_BYTES, Intake, canonical_labels, canonical_log
from storage.logs import append_labels, append_log, joined_relation, page_rows
from tests.support.homes import empty_database

NOW = datetime(2024, 3, 1, tzinfo=UTC)
DAILY = WindowSpec.parse("1d")
SPEC = ModelSpec(
    name="m",
    task="regression",
    features={"size": "numeric", "kind": "categorical", "open": "boolean", "built": "datetime", "note": "text"},
    subject="who",
)
SURROGATE, NUL, EMOJI = "half \ud83d", "a\0b", "👩‍👩‍👧‍👦 Łódź"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(empty_database(tmp_path / "x.duckdb"), lambda: NOW) as database:
        yield database


def row(**more: Any) -> dict[str, Any]:
    return {"prediction_id": "p", "event_time": "2024-02-01T00:00:00Z", "prediction": 1, **more}


def take(db: Database, data: Any, spec: ModelSpec = SPEC) -> Intake:
    """Bring rows in and store them, what was refused too."""
    intake = canonical_log(spec, data, arrival=NOW)
    append_log(db, spec, intake, NOW, DAILY)
    return intake


def column(db: Database, name: str, spec: ModelSpec = SPEC) -> list[Any]:
    sql, expressions = joined_relation(spec)
    with db.cursor() as con:
        return [r[0] for r in con.execute(f"SELECT {expressions[name]} FROM ({sql}) ORDER BY _id").fetchall()]


# -- ids -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["rows", "arrow", "pandas"])
@pytest.mark.parametrize("name", ["prediction_id", "who", "model_version"])
def test_a_long_id_is_refused_the_same_in_every_form(db: Database, form: str, name: str):
    longest, too_long = "é" * (MAX_ID_BYTES // 2), "é" * (MAX_ID_BYTES // 2) + "x"
    sent = [row(**{name: value}) for value in (longest, too_long, "y" * 10_240)]
    for place, one in enumerate(sent):
        one.setdefault("prediction_id", str(place))
    data: Any = {"rows": sent, "arrow": pa.Table.from_pylist(sent), "pandas": pd.DataFrame(sent)}[form]
    intake = take(db, data)
    assert [(entry["row"], entry["field"]) for entry in intake.rejected] == [(1, name), (2, name)]
    assert all(len(entry["value"]) <= 200 for entry in intake.rejected)
    assert intake.table.num_rows == 1


def test_a_long_id_of_a_label_is_refused_as_that_of_a_prediction_is(db: Database):
    intake = canonical_labels(SPEC, [{"prediction_id": "x" * 10_240, "label": 1}], arrival=NOW)
    assert [entry["field"] for entry in intake.rejected] == ["prediction_id"]
    append_labels(db, SPEC, intake, NOW, DAILY)


@pytest.mark.parametrize("id_", [NUL, EMOJI, " ", "'; DROP TABLE log_m; --", "NULL", "\u202e\u0007", "0", "nan"])
def test_odd_ids_are_ids(db: Database, id_: str):
    assert take(db, [row(prediction_id=id_)]).rejected == []
    labels = canonical_labels(SPEC, [{"prediction_id": id_, "label": 3}], arrival=NOW)
    append_labels(db, SPEC, labels, NOW, DAILY)
    assert column(db, "label") == [3.0]


# -- values --------------------------------------------------------------------------------------------------------------
def test_what_is_no_text_is_refused_and_told_in_text(db: Database):
    sent = [
        row(kind=SURROGATE),
        row(note=SURROGATE),
        row(prediction_id=SURROGATE),
        row(size=SURROGATE),
        row(who=SURROGATE),
    ]
    intake = take(db, [*sent, row(**{SURROGATE: 1})])
    assert [(entry["row"], entry["field"]) for entry in intake.rejected] == [
        (0, "kind"), (1, "note"), (2, "prediction_id"), (3, "size"), (4, "who"),
    ]  # fmt: skip
    json.dumps(intake.rejected, ensure_ascii=False).encode()
    assert intake.table.num_rows == 1


def test_what_is_text_is_kept_as_it_is(db: Database):
    values = [NUL, EMOJI, "", "\x1b[2J", "NaN", "None", "ﷺ", "a" * 100_000]
    intake = take(db, [row(prediction_id=str(n), kind=value, note=value) for n, value in enumerate(values)])
    assert intake.rejected == []
    assert column(db, "kind") == column(db, "note") == values


def test_numbers_that_are_none_are_kept_as_such_and_told_as_missing(db: Database):
    values = [math.nan, math.inf, -math.inf, "1e999", "-Infinity", 10**400, 10**5000, True, "0x10", "1_000", " 7 "]
    intake = take(db, [row(prediction_id=f"{n:02}", size=value) for n, value in enumerate(values)])
    assert [entry["row"] for entry in intake.rejected] == [5, 6, 8, 9]
    found = column(db, "size")
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf, math.inf, -math.inf, 1.0, 7.0]
    with db.cursor() as con:
        _, rows, _ = page_rows(con, SPEC, NOW - timedelta(days=60), NOW)
    assert [r["size"] for r in rows] == [None] * 5 + [1.0, 7.0]
    json.dumps(rows, allow_nan=False)


@pytest.mark.parametrize("value", [{"a": {"b": [1]}}, [1, 2], [], {}, [[]], b"\xff\xfe", object()])
def test_nested_values_are_refused_by_themselves(db: Database, value: Any):
    sent = [row(prediction_id="good"), *(row(**{name: value}) for name in ("size", "kind", "open", "built", "note"))]
    intake = take(db, sent)
    assert [entry["field"] for entry in intake.rejected] == ["size", "kind", "open", "built", "note"]
    assert column(db, "prediction") == [1.0]


def test_nested_columns_of_an_arrow_table_are_refused_row_by_row(db: Database):
    kinds = pa.array([{"a": 1}, None], pa.struct({"a": pa.int64()}))
    sizes = pa.array([None, [1]], pa.list_(pa.int64()))
    times = pa.array(["2024-02-01", "2024-02-02"])
    data = pa.table({"event_time": times, "kind": kinds, "size": sizes, "prediction": [1, 2]})
    assert [(e["row"], e["field"]) for e in take(db, data).rejected] == [(0, "kind"), (1, "size")]


def test_scores_by_class_with_odd_names(db: Database):
    spec = ModelSpec(name="k", task="multiclass", features={"size": "numeric"})
    intake = take(db, [row(prediction="a", score={SURROGATE: 0.5, NUL: 0.25, "": "x"}, size=1)], spec)
    assert [entry["field"] for entry in intake.rejected] == ["score."]
    intake = take(db, [row(prediction="a", score={SURROGATE: 0.5, NUL: 0.25}, size=1)], spec)
    assert column(db, "scores", spec) == [{"half \\ud83d": 0.5, NUL: 0.25}]


def test_batches_of_nothing(db: Database):
    empty: list[Any] = [
        [],
        pa.table({}),
        pa.table({"size": pa.array([], pa.int64())}),
        pd.DataFrame(),
        pd.DataFrame({"size": []}),
    ]
    for data in empty:
        assert take(db, data).table.num_rows == 0
        assert canonical_labels(SPEC, data, arrival=NOW).table.num_rows == 0
    nothing = pa.table(
        {"event_time": ["2024-02-01"] * 3, "size": pa.nulls(3), "kind": pa.nulls(3, pa.string()), "open": pa.nulls(3)}
    )
    intake = take(db, nothing)
    assert intake.rejected == []
    assert column(db, "size") == column(db, "open") == [None] * 3
    assert intake.absent == ("built", "note")
    assert len(take(db, [None, 1, "x", [], True]).rejected) == 5


def test_columns_that_differ_by_case_are_different(db: Database):
    spec = ModelSpec(
        name="c", task="regression", features={"a": "numeric", "A": "categorical"}, context={"_A": "numeric"}
    )
    take(db, [row(features={"a": 1, "A": "x", "_A": 2})], spec)
    data = pa.table({"prediction_id": ["q"], "event_time": ["2024-02-01"], "A": ["y"], "a": [3], "_A": [4]})
    take(db, data, spec)
    assert (column(db, "a", spec), column(db, "A", spec), column(db, "_A", spec)) == ([1, 3], ["x", "y"], [2, 4])


@pytest.mark.slow
def test_ten_thousand_columns(db: Database):
    names = [f"f{n}" for n in range(10_000)]
    spec = ModelSpec(name="w", task="regression", features=dict.fromkeys(names, "numeric"))
    intake = take(db, [row(prediction_id=str(n), features=dict.fromkeys(names, n)) for n in range(3)], spec)
    assert (intake.rejected, intake.ignored, intake.absent) == ([], (), ())
    wide = pa.table({"prediction_id": ["3"], "event_time": ["2024-02-01"], **{name: [3.0] for name in names}})
    take(db, wide, spec)
    assert column(db, "f9999", spec) == column(db, "f0", spec) == [0.0, 1.0, 2.0, 3.0]


# -- times ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["rows", "arrow"])
def test_times_of_the_past_and_the_future(db: Database, form: str):
    said = [
        "1970-01-01T00:00:00Z",
        "2199-12-31T23:59:59Z",
        "1899-12-31",
        "2200-01-01",
        "0001-01-01",
        "9999-12-31T23:59:59-14:00",
    ]
    sent = [row(prediction_id=str(n), event_time=at) for n, at in enumerate(said)]
    intake = take(db, pa.Table.from_pylist(sent) if form == "arrow" else sent)
    assert [entry["row"] for entry in intake.rejected] == [2, 3, 4, 5]
    assert intake.table["_event_time"].to_pylist() == [datetime(1970, 1, 1), datetime(2199, 12, 31, 23, 59, 59)]


@pytest.mark.parametrize("form", ["text", "datetime", "arrow"])
def test_hours_that_clocks_skip_or_repeat(form: str):
    """In Berlin 02:30 of 31 March 2024 was skipped, 02:30 of 27 October 2024 came twice: the first counts."""
    spec = SPEC.model_copy(update={"timezone": "Europe/Berlin"})
    local = [
        datetime(2024, 3, 31, 1, 59),
        datetime(2024, 3, 31, 2, 30),
        datetime(2024, 10, 27, 2, 30),
        datetime(2024, 10, 27, 3),
    ]
    times: Any = {"text": [t.isoformat() for t in local], "datetime": local, "arrow": local}[form]
    sent = [row(prediction_id=str(n), event_time=at) for n, at in enumerate(times)]
    found = canonical_log(spec, pa.Table.from_pylist(sent) if form == "arrow" else sent, arrival=NOW)
    assert found.rejected == []
    assert found.table["_event_time"].to_pylist() == [
        datetime(2024, 3, 31, 0, 59), datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 0, 30), datetime(2024, 10, 27, 2),
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    at=st.datetimes(datetime(1901, 1, 1), datetime(2199, 12, 30)),
    zone=st.sampled_from(
        ["America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia", "UTC"]
    ),
)
def test_a_time_with_its_offset_is_the_same_moment_everywhere(at: datetime, zone: str):
    moment = at.replace(tzinfo=UTC)
    spec = SPEC.model_copy(update={"timezone": zone})
    local = moment.astimezone(ZoneInfo(zone))
    sent = [row(event_time=said) for said in (moment.isoformat(), local.isoformat(), local)]
    intake = canonical_log(spec, sent, arrival=NOW)
    assert intake.rejected == []
    assert set(intake.table["_event_time"].to_pylist()) == {at}


# -- anything ------------------------------------------------------------------------------------------------------------
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
_NAMES = st.sampled_from(["prediction_id", "event_time", "model_version", "latency_ms", "features", "context", "prediction", "score", "_role", *SPEC.features, "who", "odd"])  # fmt: skip


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(st.dictionaries(_NAMES, _JSON, max_size=8) | _JSON, max_size=6))
def test_any_json_is_taken_or_refused_and_the_rows_add_up(db: Database, sent: list[Any]):
    good = row(prediction_id="good")
    intake = take(db, [*sent, good])
    refused = {entry["row"] for entry in intake.rejected}
    assert len(refused) + intake.table.num_rows == len(sent) + 1
    assert len(sent) not in refused
    json.dumps(intake.rejected, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_scores_of_no_class_are_none(db: Database, task: str):
    spec = ModelSpec(name=task, task=task, features={"size": "numeric"})
    intake = take(db, [row(score={}), row(prediction_id="q", score=None)], spec)
    assert intake.rejected == []
    assert intake.table["_scores"].null_count == intake.table["_score"].null_count == 2
