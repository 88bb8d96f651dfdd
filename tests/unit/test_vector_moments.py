"""Means and covariances of all vectors: they merge, the distance made of them is the textbook's, and chance is told from change."""

from dataclasses import replace
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from scipy import linalg

from monitors.blank import blank_reading
from monitors.judge_rows import Asked, row_checks
from monitors.judge_vectors import Against, judge_vectors, measure_natural_sums
from monitors.multivariate._moments import Chance, Spread, Tails, distance
from reference_data.schema import Column
from reference_data.vector_moments import MOST_DIMENSIONS, VectorMoments, merged, packed_size
from reference_data.windows import Window
from service.local.references import sample_path
from storage import reference_vectors, vector_moments
from storage.row_source import RowSource
from storage.vector_moments import sums
from tests.support.tiny_workspace import LIVE, START, Tiny, tiny

Rows = NDArray[np.float64]
MODEL, DECLARED, SUBJECTS = "m", '[models.m]\ntask = "none"\n', '[models.m]\ntask = "none"\nsubject = "who"\n'
ONE = Asked(row_checks()["frechet_distance"], Column("vector", "embedding"))
BLANK = blank_reading(MODEL, "v1", (1, 100), Window(START, START + timedelta(days=1)), START, "multivariate")


def mixing(dimensions: int, seed: int = 7) -> Rows:
    return np.asarray(np.random.default_rng(seed).normal(size=(dimensions, dimensions)) / np.sqrt(dimensions))


def textbook(one: Rows, two: Rows) -> float:
    covariances = [np.cov(rows, rowvar=False) for rows in (one, two)]
    gap = one.mean(axis=0) - two.mean(axis=0)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    return float(gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * root))


def same(one: VectorMoments, two: VectorMoments) -> None:
    assert (one.n, one.others, one.broken) == (two.n, two.others, two.broken)
    np.testing.assert_allclose(one.mean, two.mean, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(one.scatter, two.scatter, rtol=1e-9, atol=1e-6)


# -- sums --------------------------------------------------------------------------------------------------------------
def test_parts_merge_to_the_whole_in_any_order_and_come_off_again() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000, 6)) @ mixing(6) + 1e4  # far from zero: sums of squares would lose it
    rows[::97] = np.nan
    cuts = [1, 2, 40, 41, 300, 800]
    parts = [VectorMoments.of_rows(part, others=1) for part in np.split(rows, cuts)]
    whole = VectorMoments.of_rows(rows, others=len(parts))
    np.testing.assert_allclose(whole.covariance, np.cov(rows[np.isfinite(rows[:, 0])], rowvar=False), rtol=1e-9)
    for order in (parts, parts[::-1], [parts[i] for i in rng.permutation(len(parts))]):
        together = merged(order)
        assert together is not None
        same(together, whole)
    left = reduce(VectorMoments.plus, parts[:3])
    right = reduce(VectorMoments.plus, parts[3:])
    same(left.plus(right), whole)
    same(whole.minus(right), left)
    again = VectorMoments.from_bytes(whole.to_bytes(), 6, whole.n, whole.others, whole.broken)
    assert (again.mean == whole.mean).all()
    np.testing.assert_array_equal(np.triu(again.scatter), np.triu(whole.scatter))
    assert merged([]) is None


def test_moments_of_other_lengths_are_refused() -> None:
    one, two = VectorMoments.of_rows(np.ones((3, 2))), VectorMoments.of_rows(np.ones((3, 4)))
    with pytest.raises(ValueError, match="of 4 numbers cannot be added to those of 2"):
        one.plus(two)
    with pytest.raises(ValueError, match=f"{packed_size(2)} bytes are no moments of 4 numbers"):
        VectorMoments.from_bytes(one.to_bytes(), 4, 3, 0, 0)


def test_groups_of_a_relation_are_summed_up_by_their_commonest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_moments, "_NUMBERS", 900)  # several blocks
    rng = np.random.default_rng(1)
    vectors: list[Any] = [list(map(float, row)) for row in rng.normal(size=(900, 3))]
    vectors[5], vectors[7], vectors[8], vectors[9] = [1.0], [float("inf"), 0.0, 0.0], [None, 0.0, 0.0], None
    groups = [f"g{i % 2}" for i in range(900)]
    long = [[0.0] * (MOST_DIMENSIONS + 1)] * 4
    con = duckdb.connect()
    con.register("t", pa.table({"g": groups + ["long"] * 4, "v": pa.array(vectors + long, pa.list_(pa.float64()))}))
    found = sums(con, "SELECT * FROM t", "v", ("g",))
    for group, others, broken in (("g0", 0, 1), ("g1", 1, 1)):
        lengths, moments = found[(group,)]
        kept = [v for g, v in zip(groups, vectors, strict=True) if g == group and v is not None and len(v) == 3]
        assert moments is not None
        same(moments, VectorMoments.of_rows(np.array(kept, dtype=np.float64), others=others))
        assert (lengths.commonest, moments.others, moments.broken) == (3, others, broken)
    assert found[("long",)] == ((MOST_DIMENSIONS + 1, 4, 0), None)


# -- the distance, and chance ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("rows", "dimensions"), [((4000, 900), 12), ((80, 60), 30)])
def test_the_distance_is_that_of_the_formula_on_all_rows(rows: tuple[int, int], dimensions: int) -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=(rows[0], dimensions)) @ mixing(dimensions)
    two = rng.standard_t(6, size=(rows[1], dimensions)) @ mixing(dimensions, 8) + 0.2
    parts = [merged(VectorMoments.of_rows(part) for part in np.array_split(side, 5)) for side in (one, two)]
    assert parts[0] is not None
    assert parts[1] is not None
    assert distance(parts[0], parts[1]) == pytest.approx(textbook(one, two), rel=1e-8)
    assert distance(parts[0], parts[0]) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize(("kind", "base", "now"), [("normal", 4000, 400), ("normal", 500, 8), ("half", 4000, 400)])
def test_what_chance_does_is_what_it_is_said_to_do(kind: str, base: int, now: int) -> None:
    rng = np.random.default_rng(3)

    def draw(n: int) -> Rows:
        rows = rng.normal(size=(n, 10))
        return np.asarray(np.maximum(rows, 0) if kind == "half" else rows) @ mixing(10)

    kept = draw(10_000)
    whole = VectorMoments.of_rows(kept)
    spread = Spread.of(whole)
    chance = Chance(spread.variances, Tails.of(kept, whole.mean, spread))
    mean, sd, _ = chance(base, now)
    found = [distance(VectorMoments.of_rows(draw(base)), VectorMoments.of_rows(draw(now))) for _ in range(80)]
    assert np.mean(found) == pytest.approx(mean, rel=0.15)
    assert np.std(found) == pytest.approx(sd, rel=0.5)
    assert (chance.tails.heavier > 1.1) == (kind == "half")


def raw(
    rng: np.random.Generator, count: int, rows: int, jitter: float, mix: Rows, *, heavy: bool = False
) -> list[Rows]:
    """Return days that differ by themselves: each is off by ``jitter`` standard deviations in every number."""
    shape = rows, len(mix)
    drawn = (rng.standard_t(5, shape) if heavy else rng.normal(size=shape) for _ in range(count))
    return [(one + jitter * rng.normal(size=len(mix))) @ mix for one in drawn]


def days(rng: np.random.Generator, count: int, rows: int, jitter: float, mix: Rows) -> list[VectorMoments]:
    return [VectorMoments.of_rows(one) for one in raw(rng, count, rows, jitter, mix)]


@pytest.mark.slow
@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("jitter", [0.0, 0.05])
@pytest.mark.parametrize("rows", [60, 300, 3000])
def test_windows_without_drift_are_quiet_however_many_rows_they_have(rows: int, jitter: float, heavy: bool) -> None:
    false = seen = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mix = mixing(8, seed)
        reference = raw(rng, 14, 300, jitter, mix, heavy=heavy)
        windows = [VectorMoments.of_rows(one) for one in reference]
        whole = merged(windows)
        assert whole is not None
        against = Against.of_rows(whole, np.concatenate(reference))
        natural = measure_natural_sums(ONE.check, against, windows)
        for now in raw(rng, 20, rows, jitter, mix, heavy=heavy):
            found = judge_vectors(ONE, against, natural, VectorMoments.of_rows(now), 30, BLANK)
            false += found.verdict == "drift"
            seen += 1
    assert seen == 400
    assert false <= 3  # 0.4 are expected


def test_a_change_of_shape_that_moves_no_mean_is_found() -> None:
    rng = np.random.default_rng(5)
    mix = mixing(8)
    reference = days(rng, 14, 300, 0.0, mix)
    whole = merged(reference)
    assert whole is not None
    against = Against.of(whole)
    natural = measure_natural_sums(ONE.check, against, reference)
    turned = VectorMoments.of_rows(rng.normal(size=(300, 8)) @ mix[:, ::-1])
    found = judge_vectors(ONE, against, natural, turned, 30, BLANK)
    assert (found.verdict, found.n, found.n_reference) == ("drift", 300, 4200)
    assert found.value == pytest.approx(distance(whole, turned))
    assert "From all 300 vectors." in found.sentence
    few = judge_vectors(ONE, against, natural, days(rng, 1, 12, 0.0, mix)[0], 30, BLANK)
    assert few.verdict == "insufficient"
    some = judge_vectors(ONE, against, natural, replace(turned, others=3, broken=1), 30, BLANK)
    assert "Left out: 3 vectors have another number of values than 8; 1 vectors hold values" in some.sentence


def test_vectors_that_are_all_alike_are_told_so() -> None:
    with pytest.raises(ValueError, match="all vectors of the reference are alike"):
        Against.of(VectorMoments.of_rows(np.ones((50, 3))))


# -- in a workspace ----------------------------------------------------------------------------------------------------
def logged(first: int, count: int, *, a_day: int = 700, scale: float = 1.0, length: int = 4) -> pd.DataFrame:
    frames = []
    for day in range(first, first + count):
        rng = np.random.default_rng(day)
        at = [START + timedelta(days=day) + timedelta(days=1) / a_day * i for i in range(a_day)]
        frames.append(
            pd.DataFrame(
                {
                    "prediction_id": [f"{day}-{i}" for i in range(a_day)],
                    "event_time": at,
                    "who": [f"person {i % 40}" for i in range(a_day)],
                    "vector": list(rng.normal(0, scale, (a_day, length))),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def run_at(ws: Tiny, day: float) -> None:
    ws.clock.now = LIVE + timedelta(days=day)
    ws.workspace.run(MODEL)


def readings(ws: Tiny) -> list[Any]:
    return [row for row in ws.workspace.multivariate(MODEL) if row["check"] == "frechet_distance"]


def stored(ws: Tiny) -> list[Any]:
    with ws.workspace.core.db.cursor() as cursor:
        return cursor.execute(
            "SELECT bucket, n, others, broken, moments FROM vector_moments WHERE role = 'serving' ORDER BY bucket"
        ).fetchall()


def of(frame: pd.DataFrame) -> Rows:
    return np.array(frame["vector"].tolist())


@pytest.mark.slow
def test_readings_are_of_all_rows_and_follow_late_ones(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        reference, live, changed = logged(14, 14), logged(28, 2), logged(30, 1, scale=1.3)
        ws.workspace.reference(MODEL, reference)
        ws.workspace.log(MODEL, pd.concat([live, changed]))
        run_at(ws, 3.3)
        found = readings(ws)
        assert [row["verdict"] for row in found] == ["ok", "ok", "drift"]
        for row, frame in zip(found, (live[:700], live[700:], changed), strict=True):
            assert row["value"] == pytest.approx(textbook(of(reference), of(frame)), rel=1e-7)
            assert (row["n"], "From all 700 vectors." in row["sentence"]) == (700, True)
        before = stored(ws)
        run_at(ws, 3.4)
        assert stored(ws) == before
        late = logged(28, 1, a_day=50)
        late["prediction_id"] = "late " + late["prediction_id"]
        late["vector"] = [*late["vector"][:48], np.ones(2), np.array([np.nan, 0, 0, 0])]
        ws.workspace.log(MODEL, late)
        run_at(ws, 3.5)
        assert [row[1:4] for row in stored(ws)] == [(748, 1, 1), (700, 0, 0), (700, 0, 0)]
        assert readings(ws)[0]["value"] == pytest.approx(
            textbook(of(reference), of(pd.concat([live[:700], late[:48]]))), rel=1e-7
        )
        assert "Left out: 1 vectors have another number" in readings(ws)[0]["sentence"]


@pytest.mark.slow
@pytest.mark.parametrize("plan", ['kind = "seasonal"\nseason = "weekday"', 'kind = "rolling"\nspan = "7d"'])
def test_a_window_is_held_against_its_season_or_the_latest_stretch(tmp_path: Path, plan: str) -> None:
    with tiny(tmp_path, f"{DECLARED}[models.m.reference]\n{plan}\n") as ws:
        reference, live = logged(0, 28, a_day=90), logged(28, 9, a_day=90)
        ws.workspace.reference(MODEL, reference)
        ws.workspace.log(MODEL, live)
        run_at(ws, 9.3)
        last, of_last = readings(ws)[-1], live[live["event_time"] >= LIVE + timedelta(days=8)]
        if "seasonal" in plan:
            beside = reference[reference["event_time"].dt.dayofweek == of_last["event_time"].dt.dayofweek.iloc[0]]
            assert len(beside) == 4 * 90
        else:
            beside = live[
                (live["event_time"] >= LIVE + timedelta(days=1)) & (live["event_time"] < LIVE + timedelta(days=8))
            ]
            assert len(beside) == 7 * 90
        assert last["value"] == pytest.approx(textbook(of(beside), of(of_last)), rel=1e-6)
        assert {row["verdict"] for row in readings(ws)} == {"ok"}


@pytest.mark.slow
def test_an_older_reference_and_long_vectors_are_judged_on_samples_and_say_so(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        ws.workspace.reference(MODEL, logged(14, 14, a_day=60))
        sample_path(ws.workspace.core, MODEL, 1).with_suffix(".vectors").unlink()
        ws.workspace.log(MODEL, logged(28, 1, a_day=60))
        run_at(ws, 1.3)
        (one,) = readings(ws)
        assert one["verdict"] == "ok"
        assert one["sentence"].endswith(
            "From a sample of 60 vectors: the reference was frozen before means and covariances of all rows were kept; freeze a new one."
        )
    with tiny(tmp_path / "long", DECLARED) as ws:
        ws.workspace.reference(MODEL, logged(14, 14, a_day=40, length=MOST_DIMENSIONS + 8))
        ws.workspace.log(MODEL, logged(28, 1, a_day=40, length=MOST_DIMENSIONS + 8))
        run_at(ws, 1.3)
        (one,) = readings(ws)
        assert one["sentence"].endswith("vectors have 520 numbers, and means and covariances are kept up to 512.")
        assert [(row[1], row[2], bytes(row[4])) for row in stored(ws)] == [(0, 40, b"")]


@pytest.mark.slow
def test_whoever_is_erased_is_in_no_moments_and_what_was_dropped_stays_known(tmp_path: Path) -> None:
    with tiny(tmp_path, SUBJECTS) as ws:
        ws.workspace.reference(MODEL, logged(14, 14, a_day=80))
        live = logged(28, 2, a_day=80)
        second = live["event_time"] >= LIVE + timedelta(days=1)
        ws.workspace.log(MODEL, live[second | (live["who"] != "person 7")])
        run_at(ws, 2.3)
        first, before = stored(ws)
        ws.workspace.erase(MODEL, "person 7")
        assert stored(ws) == [first]  # the day that held the person's rows is summed up again from those that are left
        core = ws.workspace.core
        spec, reference = core.spec(MODEL), core.active_reference(MODEL)
        assert reference is not None
        buckets = list(core.window_spec(MODEL).between(LIVE, LIVE + timedelta(days=2)))
        with core.db.cursor() as cursor:
            due = vector_moments.due(cursor, spec, reference.version, buckets)
            assert [window for window, _ in due] == buckets[1:]
            summed = vector_moments.measure(cursor, spec, buckets[1:], ["vector"])
        core.db.write(lambda con: vector_moments.save(con, spec, due, summed))
        rest = live[second & (live["who"] != "person 7")]
        assert (stored(ws)[1][1], before[1]) == (len(rest), 80)
        again = VectorMoments.from_bytes(bytes(stored(ws)[1][4]), 4, len(rest), 0, 0)
        same(again, VectorMoments.of_rows(of(rest)))
        gone = (LIVE + timedelta(days=1)).replace(tzinfo=None)
        core.db.write(
            lambda con: con.execute(
                "INSERT INTO archived (model, action, since, until, rows, bytes, written_at) VALUES ('m', 'drop', ?, ?, 1, 0, ?)",
                [gone, gone, gone],
            )
        )
        core.db.write(lambda con: con.execute("DELETE FROM vector_moments WHERE bucket < ?", [gone]))
        with core.db.cursor() as cursor:
            assert vector_moments.due(cursor, spec, reference.version, buckets) == []


@pytest.mark.slow
def test_a_bucket_without_vectors_is_looked_at_once(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        ws.workspace.reference(MODEL, logged(14, 14, a_day=60))
        empty = logged(28, 1, a_day=60)
        empty["vector"] = [None] * 60
        ws.workspace.log(MODEL, empty)
        run_at(ws, 1.3)
        assert [row["verdict"] for row in readings(ws)] == ["error"]
        core = ws.workspace.core
        buckets = list(core.window_spec(MODEL).between(LIVE, LIVE + timedelta(days=1)))
        with core.db.cursor() as cursor:
            assert vector_moments.due(cursor, core.spec(MODEL), 1, buckets) == []
            assert vector_moments.load(cursor, MODEL, "vector", buckets[0], 4, versions=None) is None


def test_a_reference_with_too_many_windows_keeps_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    con = duckdb.connect()
    frame = logged(0, 4, a_day=20)
    frame["_event_time"] = frame["event_time"].dt.tz_convert("UTC").dt.tz_localize(None)
    con.register("t", pa.table({"v": frame["vector"].tolist(), "_event_time": frame["_event_time"]}))
    rows = RowSource(con, "SELECT * FROM t", {"v": "v"}, timed=True)
    daily = [Window(START + timedelta(days=day), START + timedelta(days=day + 1)) for day in range(4)]
    pairs = [Window(daily[i].start, daily[i + 1].end) for i in (0, 2)]
    kept = reference_vectors.measure(rows, "v", daily, pairs)
    assert [(held.stretch, held.moments.n) for held in kept.held] == [(day, 20) for day in daily]
    path = tmp_path / "m_1.vectors"
    reference_vectors.write(path, {"v": kept})
    for one, two in zip(reference_vectors.read(path, "v").held, kept.held, strict=True):
        assert one.stretch == two.stretch
        same(one.moments, two.moments)
    assert "before w was declared" in reference_vectors.read(path, "w").lacking
    monkeypatch.setattr(reference_vectors, "MOST_BYTES", 2 * packed_size(4))
    wide = reference_vectors.measure(rows, "v", daily, pairs)
    assert [(held.stretch, held.moments.n) for held in wide.held] == [(pair, 40) for pair in pairs]
    none = reference_vectors.measure(rows, "v", daily, daily)
    assert (none.held, none.lacking) == ((), "the reference has 4 windows, and of 4 numbers 2 are kept")
    untimed = reference_vectors.measure(replace(rows, timed=False), "v", daily, pairs)
    assert [(held.stretch, held.moments.n) for held in untimed.held] == [(None, 80)]
