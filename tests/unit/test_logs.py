# ruff: noqa: DTZ001, DTZ901  (tables hold naive UTC)
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reference_data.declaration import ModelSpec
from reference_data.windows import Window, WindowSpec
from storage.database import Database
from storage.errors import SchemaConflictError
from storage.intake import canonical_labels, canonical_log
from storage.labels import match_labels
from storage.logs import (
    AppendResult,
    append_labels,
    append_log,
    count_rows,
    ensure_model_tables,
    export_parquet,
    joined_relation,
    label_span,
    latest_event_time,
    page_rows,
    prepare_model,
    touched_buckets,
    window_counts,
)
from storage.profile_store import Part, dirty_buckets
from storage.recent_ids import RecentIds
from storage.rows import single
from tests.support.homes import empty_database

NOW = datetime(2013, 3, 1, tzinfo=UTC)
SPEC = ModelSpec(
    name="m",
    task="regression",
    features={"size": "numeric", "kind": "categorical"},
    context={"_note": "text", "Kind": "categorical"},
    timezone="America/New_York",
    label="y",
)
DAILY = WindowSpec.parse("1d", "America/New_York")


@pytest.fixture
def db(tmp_path: Path):
    with Database.open(empty_database(tmp_path / "d.duckdb"), lambda: NOW) as database:
        yield database


def day(number: int, hour: int = 17) -> datetime:
    """Noon in New York, unless said otherwise, on the given day of January."""
    return datetime(2013, 1, 1, hour, tzinfo=UTC) + timedelta(days=number - 1)


def row(id_: str, at: datetime, version: str = "v1", **more) -> dict:
    return {"prediction_id": id_, "event_time": at, "model_version": version, "prediction": 2.0, "size": 1.0} | more


def log(db: Database, *rows: dict, key: str | None = None, spec: ModelSpec = SPEC, now: datetime = NOW) -> AppendResult:
    return append_log(db, spec, canonical_log(spec, rows, arrival=now), now, DAILY, key=key)


def label(db: Database, *pairs: tuple, key: str | None = None, now: datetime = NOW, **more) -> AppendResult:
    rows = [{"prediction_id": id_, "y": value} | more for id_, value in pairs]
    return append_labels(db, SPEC, canonical_labels(SPEC, rows, arrival=now), now, DAILY, key=key)


def counts(result: AppendResult) -> tuple[int, int, int]:
    return result.accepted, result.duplicates, len(result.rejected)


def labels_of(db: Database) -> dict:
    sql, names = joined_relation(SPEC)
    with db.cursor() as con:
        return dict(con.execute(f"SELECT _id, {names['label']} FROM ({sql})").fetchall())


def dirty(db: Database, part: Part) -> list[datetime]:
    with db.cursor() as con:
        return dirty_buckets(con, "m", part)


def clean(db: Database) -> None:
    db.write(lambda con: con.execute("DELETE FROM dirty").fetchall())


def test_a_prediction_is_logged_once_for_each_version(db: Database):
    rows = [row("a", day(1)), row("a", day(1)), row("a", day(1), "v2", _role="shadow"), row("b", day(2)), {"x": 1}]
    assert counts(log(db, *rows)) == (3, 1, 1)
    assert counts(log(db, *rows)) == (0, 4, 1)
    with db.cursor() as con:
        found = con.execute("SELECT _id, _model_version, _role FROM log_m ORDER BY ALL").fetchall()
    assert found == [("a", "v1", "serving"), ("a", "v2", "shadow"), ("b", "v1", "serving")]


def test_of_repeated_ids_in_one_batch_the_first_is_kept(db: Database):
    log(db, row("a", day(2), size=1), row("a", day(1), size=2))
    with db.cursor() as con:
        assert con.execute("SELECT size, _event_time FROM log_m").fetchall() == [(1.0, datetime(2013, 1, 2, 17))]


def test_duplicates_are_found_after_opening_again(tmp_path: Path):
    for expected in ((2, 0, 0), (0, 2, 0)):
        with Database.open(tmp_path / "d.duckdb", lambda: NOW) as db:
            assert counts(log(db, row("a", day(1)), row("b", day(40)))) == expected


def test_an_id_is_known_within_the_horizon_of_its_event_time(tmp_path: Path):
    path = tmp_path / "d.duckdb"
    with Database.open(path, lambda: NOW) as db:
        log(db, row("old", day(1)), row("new", day(400)))
    with Database.open(path, lambda: NOW) as db:  # "old" is not among the ids held in memory any more
        assert counts(log(db, row("old", day(30)), row("new", day(380)))) == (0, 2, 0)
        assert counts(log(db, row("old", day(37)))) == (1, 0, 0)
        assert counts(log(db, row("new", day(436)))) == (1, 0, 0)


def test_a_row_that_was_rolled_back_is_not_a_duplicate(db: Database, monkeypatch):
    monkeypatch.setenv("DRIFTDECK_FAULT", "append.after_rows=error")
    with pytest.raises(Exception, match="injected"):
        log(db, row("a", day(1)))
    monkeypatch.delenv("DRIFTDECK_FAULT")
    assert counts(log(db, row("a", day(1)))) == (1, 0, 0)


def test_rows_and_dirty_marks_are_one_transaction(db: Database, monkeypatch):
    prepare_model(db, SPEC)
    monkeypatch.setenv("DRIFTDECK_FAULT", "writer.before_commit=error")
    from storage import faults

    faults.reset()
    with pytest.raises(faults.InjectedFaultError):
        log(db, row("a", day(1)), key="k")
    assert dirty(db, "inputs") == []
    with db.cursor() as con:
        assert count_rows(con, SPEC).logs == 0
        assert single(con, "SELECT count(*) FROM append_key") == 0


def test_threads_that_send_the_same_rows_log_them_once(db: Database):
    results: list[AppendResult] = []
    rows = [row(f"r{n}", day(1 + n % 5)) for n in range(50)]
    threads = [threading.Thread(target=lambda: results.append(log(db, *rows))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r.accepted for r in results) == [0, 0, 0, 0, 0, 50]
    with db.cursor() as con:
        assert count_rows(con, SPEC).logs == 50


def test_a_key_is_answered_as_the_first_time(db: Database):
    rows: list[dict] = [
        {"event_time": day(1), "prediction": 1},
        {"prediction": 1},
    ]  # without ids, only the key can tell
    first = log(db, *rows, key="batch-1")
    assert counts(first) == (1, 0, 1)
    assert log(db, *rows, key="batch-1") == first
    assert counts(log(db, *rows, key="batch-2")) == (1, 0, 1)
    assert label(db, ("a", 1), key="batch-1") == label(db, ("a", 1), key="batch-1") == AppendResult(1, 0, [])
    with db.cursor() as con:
        assert count_rows(con, SPEC).quarantined == 2


def test_keys_are_known_after_a_restart_and_a_failure_too(tmp_path: Path):
    path = tmp_path / "k.duckdb"
    with Database.open(path, lambda: NOW) as db:
        first = log(db, {"event_time": day(1), "prediction": 1}, key="a")
        held = db.memory["keys", ""]
        assert len(held) == 1
        intake = canonical_log(SPEC, [{"event_time": day(2), "prediction": 1}], arrival=NOW)
        with pytest.raises(ZeroDivisionError):
            append_log(db, SPEC, intake, NOW, DAILY, key="b", also=lambda _: 1 // 0)  # type: ignore[arg-type]
        assert counts(append_log(db, SPEC, intake, NOW, DAILY, key="b")) == (1, 0, 0)
    with Database.open(path, lambda: NOW) as db:
        assert log(db, {"event_time": day(1), "prediction": 1}, key="a") == first
        assert counts(log(db, {"event_time": day(1), "prediction": 1}, key="c")) == (1, 0, 0)
        with db.cursor() as con:
            assert count_rows(con, SPEC).logs == 3


def test_labels_correct_each_other_and_the_earlier_are_kept(db: Database):
    log(db, row("a", day(1)), row("b", day(1)))
    assert counts(label(db, ("a", 1), ("b", 5))) == (2, 0, 0)
    assert counts(label(db, ("a", 1))) == (0, 1, 0)
    assert counts(label(db, ("a", 2), ("a", 2), ("a", 3), ("c", 9))) == (3, 1, 0)
    assert labels_of(db) == {"a": 3.0, "b": 5.0}
    assert counts(label(db, ("a", 1))) == (1, 0, 0)  # back to an earlier value is a correction too
    assert labels_of(db)["a"] == 1.0
    with db.cursor() as con:
        found = con.execute("SELECT _label FROM label_m WHERE _id = 'a' ORDER BY _seq").fetchall()
        assert [value for (value,) in found] == [1.0, 2.0, 3.0, 1.0]
        assert count_rows(con, SPEC).labels == 3


def test_the_order_of_labels_is_that_of_arrival_whatever_the_clock_says(tmp_path: Path):
    path = tmp_path / "d.duckdb"
    with Database.open(path, lambda: NOW) as db:
        log(db, row("a", day(1)))
        label(db, ("a", 1), now=NOW)
        label(db, ("a", 2), now=NOW - timedelta(days=400))
        assert labels_of(db) == {"a": 2.0}
    with Database.open(path, lambda: NOW) as db:
        label(db, ("a", 3), now=NOW - timedelta(days=800))
        assert labels_of(db) == {"a": 3.0}


def test_labels_mark_the_buckets_of_their_predictions_and_nothing_else(db: Database):
    log(db, row("a", day(1)), row("b", day(5)), row("far", day(1) - timedelta(days=300)))
    assert dirty(db, "inputs") == dirty(db, "outcomes") == [day(1 - 300, 5), day(1, 5), day(5, 5)]
    clean(db)
    label(db, ("b", 1), ("orphan", 2), label_time=day(6))
    assert dirty(db, "inputs") == []
    assert dirty(db, "outcomes") == [day(5, 5)]
    clean(db)
    label(db, ("far", 1), ("b", 2), label_time=day(6))
    assert match_labels(db, SPEC, NOW, DAILY) == 1  # long before its label, and found by the next run all the same
    assert dirty(db, "outcomes") == [day(1 - 300, 5), day(5, 5)]
    clean(db)
    label(db, ("a", 1), event_time=day(1))
    assert dirty(db, "outcomes") == [day(1, 5)]
    clean(db)
    label(db, ("a", 1))  # says nothing new
    assert dirty(db, "outcomes") == []
    log(db, row("orphan", day(9)))
    assert dirty(db, "outcomes") == [day(9, 5)]
    assert labels_of(db)["orphan"] == 2.0


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "Australia/Lord_Howe"])
@pytest.mark.parametrize("length", ["1h", "1d"])
def test_touched_buckets_are_those_that_hold_a_time(zone: str, length: str):
    spec = WindowSpec.parse(length, zone)
    rng = np.random.default_rng(1)
    moments = [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(seconds=int(s)) for s in rng.integers(0, 366 * 86400, 300)]
    moments += [
        datetime(2013, 3, 10, tzinfo=ZoneInfo(zone)).astimezone(UTC),
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    ]
    micro = np.array([(m - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for m in moments])
    assert touched_buckets(micro, spec) == {spec.containing(m).start for m in moments}


def test_inputs_of_any_name_come_back_under_it(db: Database):
    log(db, row("a", day(1), kind="x", Kind="Y", _note="it's; DROP TABLE log_m"))
    with db.cursor() as con:
        names, rows, total = page_rows(con, SPEC, day(1), day(2))
    assert total == 1
    assert names[:4] == ["prediction_id", "event_time", "model_version", "role"]
    expected = {"kind": "x", "Kind": "Y", "_note": "it's; DROP TABLE log_m", "size": 1.0, "label": None}
    assert expected.items() <= rows[0].items()
    assert rows[0]["event_time"] == "2013-01-01T17:00:00+00:00"


def test_pages_are_in_order_of_event_time_and_json_ready(db: Database):
    log(db, *[row(f"r{n}", day(10 - n), size=float("nan")) for n in range(9)])
    label(db, ("r0", 4))
    with db.cursor() as con:
        _, rows, total = page_rows(con, SPEC, day(2), day(10), limit=3, offset=2)
        assert total == 8
        assert [r["prediction_id"] for r in rows] == ["r6", "r5", "r4"]
        assert rows[0]["size"] is None
        _, rows, _ = page_rows(con, SPEC, day(10), day(11))
        assert (rows[0]["label"], rows[0]["label_time"]) == (4.0, NOW.isoformat())


def test_columns_are_added_and_conflicts_refused(db: Database):
    log(db, row("a", day(1)))
    wider = SPEC.model_copy(update={"context": SPEC.context | {"color": "categorical"}})
    log(db, row("b", day(1), color="red"), spec=wider)
    log(db, row("c", day(1)))  # the narrower declaration is still understood
    with db.cursor() as con:
        assert con.execute("SELECT _id, color FROM log_m ORDER BY 1").fetchall() == [
            ("a", None),
            ("b", "red"),
            ("c", None),
        ]
    retyped = SPEC.model_copy(update={"context": {"first": "numeric"}, "features": SPEC.features | {"kind": "numeric"}})
    with pytest.raises(
        SchemaConflictError, match="'kind' of model m holds categorical values and is now declared numeric"
    ):
        prepare_model(db, retyped)
    classified = SPEC.model_copy(update={"task": "binary"})
    with pytest.raises(SchemaConflictError, match="'prediction' of model m holds numeric"):
        prepare_model(db, classified)
    with db.cursor() as con:
        assert "first" not in [c[0] for c in con.execute("DESCRIBE log_m").fetchall()]  # refused whole


def test_every_column_type_is_stored_and_read(db: Database):
    spec = ModelSpec(
        name="all",
        task="multiclass",
        features={"n": "numeric", "c": "categorical", "b": "boolean", "d": "datetime", "t": "text", "e": "embedding"},
    )
    sent = {"prediction_id": "1", "event_time": day(1), "n": 1, "c": 2, "b": "no", "d": day(3), "t": "x", "e": [1, 2.5]}
    log(db, sent | {"prediction": "p", "score": {"p": 0.75, "q": 0.25}}, spec=spec)
    sql, names = joined_relation(spec)
    with db.cursor() as con:
        fields = ", ".join(names[name] for name in (*spec.features, "prediction", "scores"))
        found = con.execute(f"SELECT {fields} FROM ({sql})").fetchall()
    assert found == [(1.0, "2", False, datetime(2013, 1, 3, 17), "x", [1.0, 2.5], "p", {"p": 0.75, "q": 0.25})]


def test_what_has_no_rows_yet_answers_nothing(db: Database, tmp_path: Path):
    with db.cursor() as con:
        assert count_rows(con, SPEC).logs == 0
        assert latest_event_time(con, SPEC) is None
        assert label_span(con, SPEC) is None
        assert window_counts(con, SPEC, [Window(day(1), day(2))]) == []
        assert page_rows(con, SPEC, day(1), day(2))[1:] == ([], 0)
    assert export_parquet(db, SPEC, day(1), day(2), tmp_path / "x.parquet") == 0
    assert pq.read_table(tmp_path / "x.parquet").num_rows == 0
    assert counts(log(db)) == counts(label(db)) == (0, 0, 0)
    with db.cursor() as con:
        assert latest_event_time(con, SPEC) is None
        assert label_span(con, SPEC) is None


def test_counts_of_windows_by_version_and_role(db: Database):
    log(
        db, *[row(f"r{n}", day(1) + n * timedelta(hours=12)) for n in range(8)], row("r0", day(1), "v2", _role="shadow")
    )
    label(db, ("r0", 1), label_time=day(1) + timedelta(hours=2))
    label(db, ("r1", 1), label_time=day(1) + timedelta(hours=12 + 6))
    windows = [Window(day(1), day(2)), Window(day(3), day(20)), Window(day(30), day(31))]
    with db.cursor() as con:
        found = window_counts(con, SPEC, windows)
        assert label_span(con, SPEC) == (day(1), day(1) + timedelta(hours=12))
        assert latest_event_time(con, SPEC) == day(1) + timedelta(hours=84)
    listed = [(c.window, c.model_version, c.role, c.rows, c.labels, c.median_label_lag) for c in found]
    assert listed == [
        (windows[0], "v1", "serving", 2, 2, 4 * 3600.0),
        (windows[0], "v2", "shadow", 1, 1, 2 * 3600.0),
        (windows[1], "v1", "serving", 4, 0, None),
    ]


def test_exports_hold_the_latest_labels_in_order_of_event_time(db: Database, tmp_path: Path):
    log(db, *[row(f"r{n}", day(20 - n), size=n, kind="k") for n in range(10)])
    label(db, *[(f"r{n}", n) for n in range(0, 10, 2)])
    label(db, ("r2", 20))
    path = tmp_path / "rows.parquet"
    assert export_parquet(db, SPEC, day(12), day(20), path) == 4
    table = pq.read_table(path)
    assert set(table.column_names) >= {
        *SPEC.features,
        *SPEC.context,
        "prediction",
        "label",
        "_id",
        "_event_time",
        "_model_version",
    }
    assert table["_id"].to_pylist() == ["r8", "r6", "r4", "r2"]
    assert table["label"].to_pylist() == [8.0, 6.0, 4.0, 20.0]
    assert table["_event_time"].to_pylist()[0] == datetime(2013, 1, 12, 17)
    assert export_parquet(db, SPEC, day(1), day(30), path, labelled_only=False) == 10
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_the_declared_tables_can_be_made_twice(db: Database):
    for _ in range(2):
        db.write(lambda con: ensure_model_tables(con, SPEC))
    assert counts(log(db, row("a", day(1)))) == (1, 0, 0)


def test_the_filter_of_ids_never_forgets():
    rng = np.random.default_rng(7)
    filter_ = RecentIds(np.zeros(0, dtype=np.uint64), datetime.min)
    added: list[np.ndarray] = []
    for size in rng.integers(0, 200, 60):
        added.append(rng.integers(0, 2**63, size).astype(np.uint64))
        filter_.add(added[-1])
    everything = np.concatenate(added)
    assert filter_.holds(everything).all()
    strange = rng.integers(2**63, 2**64, 1000, dtype=np.uint64)
    assert not filter_.holds(strange).any()
    assert len(filter_) == len(np.unique(everything))
    assert len(filter_._runs) <= 14


def test_arrow_tables_of_many_rows_go_in_and_out(db: Database, tmp_path: Path):
    n = 20_000
    times = np.datetime64("2013-01-01T00:00:00", "us") + np.arange(n)[::-1] * np.timedelta64(60, "s")
    table = pa.table(
        {
            "prediction_id": [f"i{k}" for k in range(n)],
            "event_time": times,
            "size": np.arange(n),
            "prediction": np.ones(n),
        }
    )
    intake = canonical_log(SPEC, table, arrival=NOW)
    assert append_log(db, SPEC, intake, NOW, DAILY).accepted == n
    assert append_log(db, SPEC, intake, NOW, DAILY).duplicates == n
    labels = canonical_labels(SPEC, pa.table({"prediction_id": table["prediction_id"], "y": np.ones(n)}), arrival=NOW)
    assert append_labels(db, SPEC, labels, NOW, DAILY).accepted == n
    path = tmp_path / "all.parquet"
    assert export_parquet(db, SPEC, day(1) - timedelta(days=2), day(60), path) == n
    assert pq.read_table(path)["size"].to_pylist() == list(map(float, range(n)))[::-1]
