"""Stored profiles follow the rows: dirty buckets, versions, segments, restatements."""

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pytest

from reference_data.declaration import ModelSpec
from reference_data.profile import Layout
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.segments import segment_text
from reference_data.windows import Window, WindowSpec
from storage import profile_store as store
from storage.buckets import align, naive, profile_buckets
from storage.migrate import migrate
from storage.profiler import freeze_layout, outcome_columns

NOW = datetime(2014, 1, 1, tzinfo=UTC)
SPEC = ModelSpec(
    name="m",
    task="regression",
    timezone="America/New_York",
    features={"x": "numeric", "carrier": "categorical", "dow": "numeric"},
    segments=["carrier", "dow"],
)
DAYS = list(
    WindowSpec.parse("1d", SPEC.timezone).between(
        datetime(2013, 3, 8, 12, tzinfo=UTC), datetime(2013, 3, 14, tzinfo=UTC)
    )
)
STARTS = [day.start for day in DAYS]
LOG = "SELECT * FROM log_m"
JOINED = "SELECT l.*, y._label FROM log_m l JOIN label_m y USING (_id)"
EXPRESSIONS = {"x": "x", "carrier": "carrier", "dow": "dow", "prediction": "_prediction", "label": "_label"}
COLUMNS = [*SPEC.columns, Column("prediction", "numeric", "prediction")]


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        migrate(connection, "duckdb", lambda: NOW)
        connection.execute(
            "CREATE TABLE log_m (_id VARCHAR, _event_time TIMESTAMP, _model_version VARCHAR, _role VARCHAR, "
            "_prediction DOUBLE, x DOUBLE, carrier VARCHAR, dow DOUBLE)"
        )
        connection.execute("CREATE TABLE label_m (_id VARCHAR, _label DOUBLE)")
        yield connection


def add(
    con, first: datetime, n: int, *, version="v1", role="serving", carrier="UA", labels=True, every=timedelta(hours=1)
):
    start = con.execute("SELECT count(*) FROM log_m").fetchone()[0]
    for i in range(n):
        row = [str(start + i), naive(first + i * every), version, role, 10.0, float(i), carrier, float(i % 3)]
        con.execute("INSERT INTO log_m VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        if labels:
            con.execute("INSERT INTO label_m VALUES (?, ?)", [str(start + i), 8.0])


@pytest.fixture
def reference(con) -> Reference:
    """Frozen from two carriers' rows around the spring clock change."""
    add(con, STARTS[0], 100)
    add(con, STARTS[0], 20, carrier="it's")
    inputs = freeze_layout(con, LOG, EXPRESSIONS, COLUMNS)
    outcomes = freeze_layout(con, JOINED, EXPRESSIONS, [column for column, _ in outcome_columns("regression", False)])

    def buckets(relation: str, layout: Layout):
        keys, profile = profile_buckets(con, relation, EXPRESSIONS, layout, DAYS, "_event_time")
        return align(keys, profile, DAYS)

    return Reference(
        "m",
        1,
        NOW,
        "test",
        Window(STARTS[0], DAYS[-1].end),
        tuple(STARTS),
        buckets(LOG, inputs),
        buckets(JOINED, outcomes),
    )


def refresh(con, reference, buckets, part="inputs", relation=None):
    relation = relation or (LOG if part == "inputs" else JOINED)
    return store.refresh(con, SPEC, reference, relation, EXPRESSIONS, buckets, part, NOW)


def load(con, reference, part="inputs", segment=None):
    layout = (reference.inputs if part == "inputs" else reference.outcomes).layout
    return store.load(con, layout, "m", 1, part, STARTS[0], DAYS[-1].end, segment=segment)


def test_stored_profiles_are_the_rows_of_their_local_days(con, reference):
    assert refresh(con, reference, STARTS) == 5
    keys, profile = load(con, reference)
    assert [key.start for key in keys] == STARTS[:5]
    assert [(key.end - key.start) / timedelta(hours=1) for key in keys] == [24, 24, 23, 24, 24]
    assert profile.rows.tolist() == [44, 24, 23, 24, 5]
    np.testing.assert_array_equal(profile.counts, reference.inputs.counts[:5])
    np.testing.assert_array_equal(profile.moments, reference.inputs.moments[:5])


def test_a_bucket_is_missing_until_profiled_even_if_it_is_empty(con, reference):
    assert store.missing_buckets(con, "m", 1, "inputs", STARTS) == STARTS
    refresh(con, reference, STARTS)
    assert store.missing_buckets(con, "m", 1, "inputs", STARTS) == []
    assert store.missing_buckets(con, "m", 2, "inputs", STARTS) == STARTS
    assert store.missing_buckets(con, "m", 1, "outcomes", STARTS) == STARTS


def test_refreshing_replaces_and_clears_the_marks_it_saw(con, reference):
    refresh(con, reference, STARTS)
    add(con, STARTS[1], 2)
    store.mark_dirty(con, "m", ["inputs"], [STARTS[1], STARTS[3]], 1)
    store.mark_dirty(con, "m", ["outcomes"], [STARTS[1]], 1)
    store.mark_dirty(con, "other", ["inputs"], [STARTS[1]], 1)
    assert store.dirty_buckets(con, "m", "inputs") == [STARTS[1], STARTS[3]]
    assert store.dirty_buckets(con, "m", "inputs", before=STARTS[3]) == [STARTS[1]]
    refresh(con, reference, [STARTS[1]])
    assert store.dirty_buckets(con, "m", "inputs") == [STARTS[3]]
    assert store.dirty_buckets(con, "m", "outcomes") == [STARTS[1]]
    assert store.dirty_buckets(con, "other", "inputs") == [STARTS[1]]
    assert load(con, reference)[1].rows.tolist() == [44, 26, 23, 24, 5]
    refresh(con, reference, [STARTS[1]])
    assert load(con, reference)[1].rows.tolist() == [44, 26, 23, 24, 5]


def test_rows_that_land_while_a_bucket_is_measured_leave_it_dirty(con, reference):
    store.mark_dirty(con, "m", ["inputs"], [STARTS[0]], 1)
    measured = store.measure(con, SPEC, reference, LOG, EXPRESSIONS, [STARTS[0]], "inputs")
    add(con, STARTS[0], 3)
    store.mark_dirty(con, "m", ["inputs"], [STARTS[0]], 2)
    store.save(con, measured, NOW)
    assert store.dirty_buckets(con, "m", "inputs") == [STARTS[0]]
    refresh(con, reference, [STARTS[0]])
    assert store.dirty_buckets(con, "m", "inputs") == []
    assert load(con, reference)[1].rows.tolist() == [47]


def test_a_slow_measurement_does_not_undo_a_later_one(con, reference):
    slow = store.measure(con, SPEC, reference, LOG, EXPRESSIONS, [STARTS[0]], "inputs")
    add(con, STARTS[0], 3)
    store.mark_dirty(con, "m", ["inputs"], [STARTS[0]], 2)
    refresh(con, reference, [STARTS[0]])
    assert store.save(con, slow, NOW) == 0
    assert load(con, reference)[1].rows.tolist() == [47]


def test_rows_that_are_gone_take_their_profile_along(con, reference):
    refresh(con, reference, STARTS)
    con.execute("DELETE FROM log_m")
    assert refresh(con, reference, STARTS) == 0
    keys, profile = load(con, reference)
    assert keys == []
    assert profile.counts.shape == (0, reference.inputs.layout.n_counts)


def test_versions_and_roles_are_kept_apart(con, reference):
    add(con, STARTS[0], 2, version="v2", role="shadow")
    add(con, STARTS[0], 3, version=None, role=None)
    refresh(con, reference, [STARTS[0]])
    keys, profile = load(con, reference)
    assert [(key.model_version, key.role) for key in keys] == [("", "serving"), ("v1", "serving"), ("v2", "shadow")]
    assert profile.rows.tolist() == [3, 44, 2]


def test_outcomes_come_with_their_segments(con, reference):
    add(con, STARTS[0], 7, carrier="never seen")
    add(con, STARTS[0], 9, labels=False)
    refresh(con, reference, STARTS, "outcomes")
    _, profile = load(con, reference, "outcomes")
    assert profile.rows.tolist() == [51, 24, 23, 24, 5]
    assert profile.column("absolute error").mean == pytest.approx([2.0] * 5)
    assert store.segments(con, "m", 1) == ["carrier=UA", "carrier=it's", "carrier=other", "dow=0", "dow=1", "dow=2"]
    _, quoted = load(con, reference, "outcomes", segment_text("carrier", "it's"))
    assert quoted.rows.tolist() == [20]
    by_day = [load(con, reference, "outcomes", f"dow={value}")[1].total().rows for value in range(3)]
    assert sum(by_day) == 127
    assert load(con, reference, "outcomes", "carrier=never seen")[0] == []
    assert load(con, reference, "outcomes", "carrier=other")[1].rows.tolist() == [7]


@pytest.mark.slow
def test_scattered_hours_are_profiled_exactly(con, reference):
    """More gaps than are named one by one: the gaps are read too, and dropped."""
    spec = SPEC.model_copy(update={"monitor": SPEC.monitor.model_copy(update={"window": "1h"}), "segments": []})
    first = STARTS[0]
    add(con, first, 200, every=timedelta(minutes=60))
    wanted = [first + timedelta(hours=2 * i) for i in range(90)]
    store.refresh(con, spec, reference, LOG, EXPRESSIONS, wanted, "inputs", NOW)
    keys, profile = store.load(con, reference.inputs.layout, "m", 1, "inputs", first, first + timedelta(days=30))
    expected = con.execute(
        "SELECT count(*) FROM log_m WHERE _event_time < ? + INTERVAL 179 HOUR AND hour(_event_time - ?) % 2 = 0",
        [naive(first), naive(first)],
    ).fetchone()[0]
    assert [key.start for key in keys] == wanted
    assert profile.rows.sum() == expected


def test_no_buckets_are_no_work(con, reference):
    assert refresh(con, reference, []) == 0
    assert refresh(con, reference, [], "outcomes") == 0


def test_outcomes_need_a_labelled_reference(con, reference):
    bare = Reference("m", 1, NOW, "test", reference.period, reference.buckets, reference.inputs, None)
    with pytest.raises(ValueError, match="has no labels"):
        refresh(con, bare, STARTS, "outcomes")


def test_profiles_of_another_layout_are_refused(con, reference):
    refresh(con, reference, STARTS)
    with pytest.raises(ValueError, match="another reference version"):
        store.load(con, reference.outcomes.layout, "m", 1, "inputs", STARTS[0], DAYS[-1].end)
