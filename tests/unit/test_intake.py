# ruff: noqa: DTZ001  (tables hold naive UTC)
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from reference_data.declaration import ModelSpec
from storage.ids import new_ids
from storage.intake import canonical_labels, canonical_log
from storage.names import stand_in

ARRIVAL = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = ModelSpec(
    name="m",
    task="regression",
    features={"size": "numeric", "kind": "categorical", "new": "boolean", "built": "datetime"},
    context={"_note": "text"},
    timezone="America/New_York",
)
ROW = {"prediction_id": "p1", "event_time": "2013-01-01T05:00:00Z", "prediction": 1.5}


def log(data, spec: ModelSpec = SPEC, **more):
    return canonical_log(spec, data, arrival=ARRIVAL, **more)


def row(**features) -> dict:
    return ROW | {"features": features}


def column(data, name: str, spec: ModelSpec = SPEC) -> list:
    intake = log(data, spec)
    assert intake.rejected == []
    return intake.table[name].to_pylist()


def test_rows_of_the_http_interface():
    sent = {
        "prediction_id": 7,
        "event_time": "2013-01-01T00:00:00-05:00",
        "model_version": "v3",
        "latency_ms": 12,
        "features": {"size": 3, "kind": 2, "new": True, "_note": "x"},
        "context": {"built": "2013-01-01"},
        "prediction": "9.5",
        "score": 0.25,
        "surprise": 1,
    }
    intake = log([sent])
    assert intake.table.to_pylist() == [
        {
            "_id": "7",
            "_event_time": datetime(2013, 1, 1, 5),
            "_arrival_time": datetime(2026, 1, 1),
            "_model_version": "v3",
            "_role": "serving",
            "_latency_ms": 12.0,
            "_prediction": 9.5,
            "_subject": None,
            "_score": 0.25,
            "_scores": None,
            "size": 3.0,
            "kind": "2",
            "new": True,
            "built": datetime(2013, 1, 1, 5),
            stand_in("_note"): "x",
        }
    ]
    assert intake.rejected == []
    assert intake.ignored == ("surprise",)


def test_the_same_rows_come_out_the_same_in_every_form():
    data = {
        "prediction_id": ["a", "b", "c"],
        "event_time": ["2013-07-01T12:00:00", "2013-07-01T12:00:01", "2013-07-01T12:00:02"],
        "size": [1.0, None, 3.5],
        "kind": ["x", None, "z"],
        "new": [True, None, False],
        "prediction": [1.0, 2.0, 3.0],
    }
    arrow = pa.table(data)
    flat = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    nested = [
        {k: r[k] for k in ("prediction_id", "event_time", "prediction")}
        | {"features": {k: r[k] for k in ("size", "kind", "new")}}
        for r in flat
    ]
    expected = log(arrow).table
    assert expected["_event_time"][0].as_py() == datetime(2013, 7, 1, 16)  # New York in summer
    forms = [flat, nested, pd.DataFrame(data), pl.DataFrame(data), arrow.to_reader(), arrow.to_batches()[0]]
    for form in forms:
        assert log(form).table.equals(expected), type(form)
    encoded = arrow.set_column(3, "kind", arrow["kind"].dictionary_encode())
    assert log(encoded).table.equals(expected)


def test_declared_column_names_come_before_ours():
    spec = SPEC.model_copy(update={"id": "ride", "time": "sched", "prediction": "eta"})
    found = log([{"ride": "r", "prediction_id": "p", "sched": "2013-01-01", "eta": 3, "prediction": 4}], spec).table
    assert (found["_id"][0].as_py(), found["_prediction"][0].as_py()) == ("r", 3.0)
    found = log([{"prediction_id": "p", "event_time": "2013-01-01T00:00Z", "prediction": 4}], spec).table
    assert (found["_id"][0].as_py(), found["_prediction"][0].as_py()) == ("p", 4.0)


def test_each_bad_row_is_told_why_and_the_others_go_on():
    rows = [
        row(size="12"),
        row(size="twelve"),
        ROW | {"event_time": None},
        7,
        ROW | {"event_time": "yesterday"},
        ROW | {"event_time": 1357016400},
        row(new="perhaps", kind=[1]),
        ROW | {"prediction": "much"},
        ROW | {"event_time": "0013-01-01T00:00:00Z"},
        ROW | {"_role": "bystander"},
        row(built="2013-13-45"),
    ]
    intake = log(rows)
    assert intake.table.num_rows == 1
    told = [(entry["row"], entry["field"], entry["value"]) for entry in intake.rejected]
    assert told == [
        (1, "size", "twelve"),
        (2, "event_time", None),
        (3, "row", None),
        (4, "event_time", "yesterday"),
        (5, "event_time", "1357016400"),
        (6, "kind", "[1]"),
        (6, "new", "perhaps"),
        (7, "prediction", "much"),
        (8, "event_time", "0013-01-01 00:00:00.000000"),
        (9, "_role", "bystander"),
        (10, "built", "2013-13-45"),
    ]
    assert intake.rejected[0]["error"] == "'twelve' is not a number"
    assert intake.rejected[0]["expected"] == "a number"


def test_bad_values_in_arrow_columns_are_found_row_by_row():
    table = pa.table({"event_time": ["2013-01-01T00:00Z"] * 5, "size": ["1", "x", " 2 ", "x", ""]})
    intake = log(table)
    assert [(e["row"], e["value"]) for e in intake.rejected] == [(1, "x"), (3, "x")]
    assert intake.table["size"].to_pylist() == [1.0, 2.0, None]


def test_mixed_pandas_columns_are_looked_at_value_by_value():
    frame = pd.DataFrame(
        {"event_time": ["2013-01-01T00:00Z"] * 4, "size": [1, "x", 2.5, None], "kind": ["a", 3, np.nan, pd.NA]},
        index=[5, 5, 6, 7],
    )
    intake = log(frame)
    assert [(e["row"], e["field"]) for e in intake.rejected] == [(1, "size")]
    assert intake.table["kind"].to_pylist() == ["a", None, None]
    assert intake.ignored == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (-0.0, "0"),
        (10**20, "1" + "0" * 20),
        (float("inf"), "inf"),
        (float("nan"), None),
        (None, None),
        (True, "true"),
        ("1.0", "1.0"),
        ("", ""),
        (Decimal("2.50"), "2.50"),
        (UUID(int=1), str(UUID(int=1))),
    ],
)
def test_categories_have_one_spelling(value, expected):
    assert column([row(kind=value)], "kind") == [expected]


@pytest.mark.parametrize(
    "values",
    [[1, 2, None], [1.0, 2.0, None], [1.5, float("nan"), 3.0], [True, False, None], ["1", "", None]],
)
def test_categories_are_spelled_alike_in_columns_and_in_rows(values):
    times = ["2013-01-01T00:00Z"] * len(values)
    by_column = column(pa.table({"event_time": times, "kind": pa.array(values)}), "kind")
    assert by_column == column([row(kind=value) for value in values], "kind")


def test_a_latency_that_cannot_be_is_refused():
    rows = [row() | {"latency_ms": value} for value in (-1, float("inf"), "nan", 0, 3.5, None, "x")]
    for data in (rows, pa.table({"event_time": ["2013-01-01T00:00Z"] * 3, "latency_ms": [-0.5, None, 2.0]})):
        intake = canonical_log(SPEC, data, arrival=ARRIVAL)
        refused = [0, 1, 2, 6] if data is rows else [0]
        assert [entry["row"] for entry in intake.rejected] == refused
        assert {entry["field"] for entry in intake.rejected} == {"latency_ms"}
        assert intake.table.num_rows == 3 if data is rows else 2
    standardised = SPEC.model_copy(update={"features": {"latency_ms": "numeric"}})
    assert not canonical_log(
        standardised, [{"event_time": "2013-01-01T00:00Z", "latency_ms": -1.5}], arrival=ARRIVAL
    ).rejected


@pytest.mark.parametrize("value", [float("nan"), "nan", "NaN", "-inf"])
def test_a_regressions_prediction_that_is_not_finite_is_kept_for_monitoring_to_show(value: object):
    intake = canonical_log(SPEC, [row() | {"prediction": value}], arrival=ARRIVAL)
    assert not intake.rejected
    assert not np.isfinite(intake.table["_prediction"][0].as_py())


def test_numbers_keep_what_is_not_finite():
    found = column([row(size=v) for v in (float("nan"), float("inf"), "-inf", "1e3", True, None, "")], "size")
    assert np.isnan(found[0])
    assert found[1:] == [float("inf"), float("-inf"), 1000.0, 1.0, None, None]
    arrow = pa.table({"event_time": ["2013-01-01T00:00Z"] * 2, "size": [float("nan"), None]})
    found = column(arrow, "size")
    assert np.isnan(found[0])
    assert found[1] is None


@pytest.mark.parametrize("value", ["1_000", "0x10", [1], {"a": 1}, 10**400])
def test_what_python_would_take_for_a_number_but_nobody_else_is_refused(value):
    assert [e["field"] for e in log([row(size=value)]).rejected] == ["size"]


def test_text_that_is_no_unicode_is_refused():
    assert [e["row"] for e in log([row(kind="ok"), row(kind="half \ud800")]).rejected] == [1]


@pytest.mark.parametrize("as_table", [True, False])
@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2013-01-01 00:00:00", datetime(2013, 1, 1, 5)),
        ("2013-03-10 02:30:00", datetime(2013, 3, 10, 7)),  # skipped: the end of the gap
        ("2013-11-03 01:30:00", datetime(2013, 11, 3, 5, 30)),  # twice: the first
    ],
)
def test_naive_times_are_in_the_models_zone(local: str, utc: datetime, as_table: bool):
    for value in (local, datetime.fromisoformat(local)):
        data = pa.table({"event_time": [value]}) if as_table else [{"event_time": value}]
        assert column(data, "_event_time") == [utc]


def test_times_with_and_without_zones_may_be_mixed():
    values = [
        "2013-01-01T00:00:00",
        "2013-01-01T00:00:00Z",
        datetime(2013, 1, 1),
        ARRIVAL,
        "2013-01-01T00:00:00.123456789+01:00",
    ]
    found = column([{"event_time": value} for value in values], "_event_time")
    assert found[:4] == [datetime(2013, 1, 1, 5), datetime(2013, 1, 1), datetime(2013, 1, 1, 5), datetime(2026, 1, 1)]
    assert found[4] == datetime(2012, 12, 31, 23, 0, 0, 123456)
    assert column(pa.table({"event_time": [str(v) for v in values]}), "_event_time") == found


def test_a_model_without_time_takes_the_time_of_arrival():
    spec = SPEC.model_copy(update={"time": None})
    assert column([{"prediction": 1}], "_event_time", spec) == [datetime(2026, 1, 1)]


def test_defaults_of_version_and_id():
    intake = log(
        [{"event_time": "2013-01-01T00:00Z"}, {"event_time": "2013-01-01T00:00Z", "prediction_id": ""}],
        default_version="v1",
    )
    assert intake.table["_model_version"].to_pylist() == ["v1", "v1"]
    ids = intake.table["_id"].to_pylist()
    assert len(set(ids)) == 2
    assert all(UUID(i).version == 7 for i in ids)
    assert column([{"event_time": "2013-01-01T00:00Z"}], "_model_version") == ["unversioned"]


def test_scores_of_two_classes_become_the_positive_ones():
    spec = ModelSpec(name="b", task="binary", score={"no": "p_no", "yes": "p_yes"}, positive="yes")
    flat = [{"event_time": "2013-01-01T00:00Z", "prediction": "yes", "p_no": 0.25, "p_yes": 0.75}]
    nested = [{"event_time": "2013-01-01T00:00Z", "prediction": "yes", "score": {"yes": 0.75, "no": 0.25}}]
    for data in (flat, nested):
        assert column(data, "_score", spec) == [0.75]


def test_rows_of_several_senders_may_spell_fields_differently():
    spec = ModelSpec(name="m", task="regression", id="ride", time="at", prediction="guess", features={"x": "numeric"})
    ours = {"prediction_id": "a", "event_time": "2013-01-01T00:00Z", "prediction": 1.0, "x": 1}
    theirs = {"ride": "b", "at": "2013-01-01T00:00Z", "guess": 2.0, "x": 2}
    found = canonical_log(spec, [ours, theirs], arrival=ARRIVAL)
    assert found.rejected == []
    assert found.table.select(["_id", "_prediction"]).to_pylist() == [
        {"_id": "a", "_prediction": 1.0},
        {"_id": "b", "_prediction": 2.0},
    ]


def test_scores_of_one_and_of_several_classes_may_come_together():
    spec = ModelSpec(name="m", task="binary", positive="yes", features={"x": "numeric"})
    row = {"event_time": "2013-01-01T00:00Z", "prediction": "yes"}
    found = canonical_log(spec, [row | {"score": {"yes": 0.75, "no": 0.25}}, row | {"score": 0.5}], arrival=ARRIVAL)
    assert found.table["_score"].to_pylist() == [0.75, 0.5]
    several = spec.model_copy(update={"task": "multiclass"})
    found = canonical_log(several, [row | {"score": {"yes": 0.75}}, row | {"score": 0.5}], arrival=ARRIVAL)
    assert found.table["_score"].to_pylist() == [None, 0.5]


def test_scores_of_several_classes_become_a_map():
    spec = ModelSpec(name="c", task="multiclass", score={"a": "pa", "b": "pb"})
    table = pa.table({"event_time": ["2013-01-01T00:00Z"] * 2, "pa": [0.25, None], "pb": ["0.75", "1"]})
    expected = [[("a", 0.25), ("b", 0.75)], [("a", None), ("b", 1.0)]]
    assert column(table, "_scores", spec) == expected
    sent = [{"event_time": "2013-01-01T00:00Z", "score": {"a": 0.25, "b": 0.75}}]
    assert column(sent, "_scores", spec) == expected[:1]
    refused = log([{"event_time": "2013-01-01T00:00Z", "score": {"a": "x"}}], spec).rejected
    assert [e["field"] for e in refused] == ["score.a"]


def test_classes_are_spelled_like_categories():
    spec = ModelSpec(name="b", task="binary")
    found = log([{"event_time": "2013-01-01T00:00Z", "prediction": 1.0, "label": True}], spec, with_label=True).table
    assert found["_prediction"].to_pylist() == ["1"]
    assert found["_label"].to_pylist() == ["true"]


def test_labels_need_an_id_and_a_value():
    rows = [
        {"prediction_id": 1, "label": "3.5", "label_time": "2013-01-01 00:00"},
        {"prediction_id": "2"},
        {"prediction_id": "", "label": 1},
        {"prediction_id": "4", "label": float("nan")},
        {"prediction_id": "5", "label": "x"},
        {"prediction_id": "6", "label": 6, "event_time": "2013-01-01T00:00Z"},
    ]
    intake = canonical_labels(SPEC, rows, arrival=ARRIVAL)
    assert [(e["row"], e["field"]) for e in intake.rejected] == [
        (1, "label"),
        (2, "prediction_id"),
        (3, "label"),
        (4, "label"),
    ]
    assert intake.table["_id"].to_pylist() == ["1", "6"]
    assert intake.table["_label"].to_pylist() == [3.5, 6.0]
    assert intake.table["_label_time"].to_pylist() == [datetime(2013, 1, 1, 5), datetime(2026, 1, 1)]
    assert intake.table["_event_time"].to_pylist() == [None, datetime(2013, 1, 1)]


def test_no_rows_and_no_columns_are_no_error():
    forms: list = [[], pa.table({}), pd.DataFrame(), pa.table({"prediction_id": pa.array([], pa.string())})]
    for data in forms:
        assert log(data).table.num_rows == 0
        assert canonical_labels(SPEC, data, arrival=ARRIVAL).table.num_rows == 0


@pytest.mark.parametrize("data", ["text", 7, {"prediction_id": 1}, None])
def test_what_holds_no_rows_is_refused_in_words(data):
    with pytest.raises(TypeError, match="give an Arrow table"):
        log(data)


def test_ids_grow_even_when_the_clock_steps_back():
    late = datetime(2100, 1, 1, tzinfo=UTC)
    ids = (
        new_ids(1000, late) + new_ids(1000, late - timedelta(days=3)) + new_ids(1000, late + timedelta(milliseconds=1))
    )
    assert ids == sorted(ids)
    assert len(set(ids)) == 3000
    assert all(UUID(i).version == 7 and UUID(i).variant == "specified in RFC 4122" for i in ids)
    assert new_ids(0, late) == []


def test_scores_may_come_as_an_arrow_map_or_struct() -> None:
    scores = [{"red": 0.75, "blue": 0.25}, {"red": 0.5, "blue": 0.5}]
    spec = ModelSpec(name="paint", task="multiclass", score={"red": "p red", "blue": "p blue"})
    for kind in (pa.map_(pa.string(), pa.float64()), pa.struct({"red": pa.float64(), "blue": pa.float64()})):
        values = pa.array([list(s.items()) for s in scores] if pa.types.is_map(kind) else scores, kind)
        rows = pa.table(
            {
                "prediction_id": ["a", "b"],
                "event_time": ["2026-01-01", "2026-01-02"],
                "prediction": ["red", "blue"],
                "score": values,
            }
        )
        found = canonical_log(spec, rows, arrival=datetime(2026, 1, 3, tzinfo=UTC))
        assert not found.rejected
        assert found.table["_scores"].to_pylist(maps_as_pydicts="strict") == scores
