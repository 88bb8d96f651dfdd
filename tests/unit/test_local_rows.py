"""Rows as a whole, texts, embeddings and times in a real workspace: what is found, what it opens, and what leaves no trace."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from service.local.references import sample_path
from storage import row_samples
from storage.buckets import aware
from tests.support.tiny_workspace import CITIES, LIVE, START, Tiny, tiny

MODEL = "m"
DECLARED = '[models.m]\ntask = "none"\n'
SUBJECTS = DECLARED + 'subject = "who"\n'
A_DAY = 120
DAYS = 14
COMMON, NEW = ["later", "train", "plane", "seats", "meals", "gates"], ["money", "cards", "login", "crash"]


def rows(
    first: int, count: int, *, flip: bool = False, new: float = 0.0, moved: float = 0.0, a_day: int = A_DAY
) -> pd.DataFrame:
    """Return days of correlated ``x`` and ``y``, texts, vectors, and a time that moves with the clock; ``flip`` turns the correlation only."""
    frames = []
    for day in range(first, first + count):
        rng = np.random.default_rng(day)
        x = rng.normal(size=a_day)
        at = pd.Series([START + timedelta(days=day) + timedelta(days=1) / a_day * i for i in range(a_day)])
        words = [rng.choice(NEW if rng.random() < new else COMMON, 9) for _ in range(a_day)]
        frames.append(
            pd.DataFrame(
                {
                    "prediction_id": [f"{day}-{i}" for i in range(a_day)],
                    "event_time": at,
                    "who": [f"person {i % 40}" for i in range(a_day)],
                    "x": x,
                    "y": (0.9 * x + 0.4 * rng.normal(size=a_day)) * (-1 if flip else 1),
                    "city": rng.choice(CITIES, a_day),
                    "words": [" ".join(chosen) + " said the customer this time" for chosen in words],
                    "vector": list(rng.normal(moved, 1, (a_day, 4))),
                    "ordered": at - pd.to_timedelta(rng.exponential(2, a_day), unit="D"),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def begin(ws: Tiny, columns: list[str], days: int = DAYS) -> None:
    ws.workspace.reference(MODEL, rows(28 - days, days)[["prediction_id", "event_time", *columns]])


def days_later(ws: Tiny, columns: list[str], count: int = 2, first: int = 0, **changes: Any) -> None:
    ws.workspace.log(MODEL, rows(28 + first, count, **changes)[["prediction_id", "event_time", *columns]])
    ws.clock.now = LIVE + timedelta(days=first + count, hours=7)
    ws.workspace.run(MODEL)


def run_at(ws: Tiny, day: float) -> None:
    ws.clock.now = LIVE + timedelta(days=day)
    ws.workspace.run(MODEL)


def found(ws: Tiny, check: str) -> list[Any]:
    return [row for row in ws.workspace.multivariate(MODEL) if row["check"] == check]


@pytest.mark.slow
def test_a_correlation_that_turns_is_found_although_no_column_moved(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        begin(ws, ["x", "y", "city"])
        days_later(ws, ["x", "y", "city"])
        assert {row["verdict"] for row in ws.workspace.multivariate(MODEL)} == {"ok"}
        assert ws.workspace.alerts(MODEL) == []
        days_later(ws, ["x", "y", "city"], first=2, flip=True)
        for check in ("pca_reconstruction", "domain_classifier"):
            readings = found(ws, check)
            assert [row["verdict"] for row in readings] == ["ok", "ok", "drift", "drift"]
            assert {driver["column"] for driver in readings[-1]["drivers"][:2]} == {"x", "y"}
            assert "x (" in readings[-1]["sentence"]
            assert "y (" in readings[-1]["sentence"]
        assert ws.workspace.readings(MODEL, check="jensen_shannon", verdict="drift") == []
        (alert,) = ws.workspace.alerts(MODEL)
        assert (alert["kind"], alert["severity"], set(alert["members"])) == ("data_drift", "notice", {"x", "y"})


@pytest.mark.slow
def test_the_declaration_says_which_checks_are_made(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED + '[models.m.monitor]\nmultivariate = ["mmd"]\n') as ws:
        begin(ws, ["x", "y"])
        days_later(ws, ["x", "y"])
        assert {row["check"] for row in ws.workspace.multivariate(MODEL)} == {"mmd"}
        ws.workspace.apply(
            DECLARED + '[models.m.features]\nx = "numeric"\ny = "numeric"\n[models.m.monitor]\nmultivariate = []\n'
        )
        days_later(ws, ["x", "y"], first=2)
        assert len(found(ws, "mmd")) == 2


@pytest.mark.slow
def test_texts_of_another_topic_are_found_and_the_words_named(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        begin(ws, ["words"])
        days_later(ws, ["words"])
        assert {row["verdict"] for row in ws.workspace.multivariate(MODEL)} == {"ok"}
        days_later(ws, ["words"], first=2, new=0.8)
        for check in ("text_classifier", "out_of_vocabulary_share"):
            last = found(ws, check)[-1]
            assert last["value"] > last["threshold"], last["sentence"]
            assert (last["verdict"], last["column"]) == ("drift", "words")
            assert {driver["column"].strip("+−") for driver in last["drivers"]} & set(NEW)
        (alert,) = [alert for alert in ws.workspace.alerts(MODEL) if alert["kind"] == "data_drift"]
        assert alert["severity"] == "notice"


@pytest.mark.slow
def test_embeddings_that_moved_are_found_and_broken_ones_fail_nothing(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        begin(ws, ["x", "y", "vector"])
        assert ws.workspace.references(MODEL)
        days_later(ws, ["x", "y", "vector"])
        assert {row["verdict"] for row in ws.workspace.multivariate(MODEL)} == {"ok"}
        days_later(ws, ["x", "y", "vector"], first=2, moved=0.8)
        for check in ("embedding_centroid", "embedding_mmd", "embedding_classifier"):
            assert [row["verdict"] for row in found(ws, check)][-1] == "drift"
        broken = rows(32, 1)[["prediction_id", "event_time", "x", "y", "vector"]]
        broken["vector"] = [[1.0, 2.0]] * len(broken)
        assert ws.workspace.log(MODEL, broken)["accepted"] == len(broken)
        run_at(ws, 6)
        last = found(ws, "embedding_centroid")[-1]
        assert (last["verdict"], last["error"]) == ("error", "vectors have 2 numbers where the reference has 4")
        assert found(ws, "domain_classifier")[-1]["verdict"] == "ok"
        assert ws.workspace.readings(MODEL, column="x", check="jensen_shannon")[-1]["verdict"] == "ok"


@pytest.mark.slow
def test_a_model_of_embeddings_alone(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        begin(ws, ["vector"])
        days_later(ws, ["vector"], moved=0.8)
        assert {row["verdict"] for row in found(ws, "embedding_centroid")} == {"drift"}
        assert ws.workspace.model(MODEL)["name"] == MODEL


@pytest.mark.slow
@pytest.mark.parametrize("timed", [True, False])
def test_a_time_that_moves_with_the_clock_is_no_drift(tmp_path: Path, timed: bool) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        columns = ["event_time", "ordered", "x"] if timed else ["ordered", "x"]
        ws.workspace.reference(MODEL, rows(14, DAYS)[columns])
        days_later(ws, ["ordered", "x"], count=4)
        judged = ws.workspace.readings(MODEL, column="ordered")
        assert judged
        assert {row["verdict"] for row in judged} == {"ok"}
        later = rows(33, 2)
        later["ordered"] -= pd.Timedelta(days=30, hours=12 if timed else 0)
        if not timed:
            later["ordered"] = later["ordered"].dt.normalize() + pd.Timedelta(hours=3)
        ws.workspace.log(MODEL, later[["prediction_id", "event_time", "ordered", "x"]])
        run_at(ws, 8)
        (one, *_) = ws.workspace.readings(MODEL, column="ordered", check="jensen_shannon", verdict="drift")
        assert one["column"] == "ordered"


# -- samples -----------------------------------------------------------------------------------------------------------
def stored(ws: Tiny) -> list[Any]:
    with ws.workspace.core.db.cursor() as cursor:
        return cursor.execute("SELECT bucket, n_rows, rows FROM row_sample ORDER BY bucket").fetchall()


@pytest.mark.slow
def test_samples_are_drawn_when_windows_close_and_again_when_rows_come_late(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        begin(ws, ["x", "y"])
        days_later(ws, ["x", "y"])
        first = stored(ws)
        assert [(aware(row[0]), row[1]) for row in first] == [(LIVE, A_DAY), (LIVE + timedelta(days=1), A_DAY)]
        ws.workspace.run(MODEL)
        assert stored(ws) == first
        late = rows(28, 1, a_day=30)
        late["prediction_id"] = "late" + late["prediction_id"]
        ws.workspace.log(MODEL, late[["prediction_id", "event_time", "x", "y"]])
        run_at(ws, 2.4)
        assert [row[1] for row in stored(ws)] == [A_DAY + 30, A_DAY]
        assert {row["n"] for row in ws.workspace.multivariate(MODEL)} == {A_DAY + 30, A_DAY}
        with ws.workspace.core.db.cursor() as cursor:
            spec = ws.workspace.core.spec(MODEL)
            days = list(ws.workspace.core.window_spec(MODEL).between(LIVE, LIVE + timedelta(days=2)))
            alone = row_samples.draw(cursor, spec, days, 50)
            whole = row_samples.draw(cursor, spec, [type(days[0])(days[0].start, days[-1].end)], 50)
        merged = row_samples.merge([one.sample for one in alone], 50)
        assert merged is not None
        assert merged.table.equals(whole[0].sample.table)
        assert merged.n_rows == whole[0].sample.n_rows == 2 * A_DAY + 30


@pytest.mark.slow
def test_whoever_is_erased_is_in_no_sample(tmp_path: Path) -> None:
    with tiny(tmp_path, SUBJECTS) as ws:
        ws.workspace.reference(MODEL, rows(14, DAYS)[["prediction_id", "event_time", "who", "x", "y", "words"]])
        live = rows(28, 2)[["prediction_id", "event_time", "who", "x", "y", "words"]]
        live.loc[live["who"] == "person 7", "words"] = "my name is unmistakable"
        ws.workspace.log(MODEL, live[live["who"] != "person 7"].head(A_DAY - 3))
        ws.workspace.log(MODEL, live[(live["who"] == "person 7") & (live["event_time"] >= LIVE + timedelta(days=1))])
        run_at(ws, 3)
        assert [row[1] for row in stored(ws)] == [A_DAY - 3, 3]
        ws.workspace.erase(MODEL, "person 7")
        assert [row[1] for row in stored(ws)] == [A_DAY - 3]  # the day that held the person's rows is gone
        assert "unmistakable" not in str(
            [row_samples.from_bytes(bytes(row[2]), 0).table.to_pylist() for row in stored(ws)]
        )
        kept = pq.read_table(sample_path(ws.workspace.core, MODEL, 1))
        assert "person 7" not in kept["_subject"].to_pylist()
        more = rows(30, 1)[["prediction_id", "event_time", "who", "x", "y", "words"]]
        ws.workspace.log(MODEL, more)
        run_at(ws, 4)
        assert found(ws, "domain_classifier")[-1]["verdict"] == "ok"


@pytest.mark.slow
def test_a_bucket_whose_rows_are_gone_is_looked_at_once(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED) as ws:
        begin(ws, ["x", "y"])
        days_later(ws, ["x", "y"])
        core = ws.workspace.core
        core.db.write(lambda con: con.execute("DELETE FROM row_sample WHERE bucket = ?", [LIVE.replace(tzinfo=None)]))
        core.db.write(
            lambda con: con.execute(
                'DELETE FROM "log_m" WHERE _event_time < ?', [(LIVE + timedelta(days=1)).replace(tzinfo=None)]
            )
        )
        spec, days = core.spec(MODEL), list(core.window_spec(MODEL).between(LIVE, LIVE + timedelta(days=2)))
        with core.db.cursor() as cursor:
            due = row_samples.due(cursor, MODEL, 1, days)
            assert [window for window, _ in due] == days[:1]
            drawn = row_samples.draw(cursor, spec, days[:1], 50)
        assert drawn == []
        core.db.write(lambda con: row_samples.save(con, MODEL, due, drawn))
        with core.db.cursor() as cursor:
            assert row_samples.due(cursor, MODEL, 1, days) == []
            assert row_samples.load(cursor, MODEL, days[0], versions=None) == []


@pytest.mark.slow
def test_words_of_texts_about_people_are_never_told(tmp_path: Path) -> None:
    columns = ["prediction_id", "event_time", "who", "words", "city"]

    def said(first: int, count: int) -> pd.DataFrame:
        found = rows(first, count)[columns]
        found.loc[found.index % 3 == 0, ["who", "words"]] = ["person 7", "zzsecret zzsecret call zzsecret zzsecret"]
        return found

    with tiny(tmp_path, DECLARED) as ws:  # before anybody says whom the rows are about, words are told
        ws.workspace.reference(MODEL, rows(14, DAYS)[columns])
        ws.workspace.log(MODEL, said(28, 1))
        run_at(ws, 1.3)
        told = [row for row in ws.workspace.multivariate(MODEL) if "zzsecret" in row["sentence"]]
        assert told
        ws.workspace.apply(SUBJECTS)
        ws.workspace.log(MODEL, said(29, 1))
        run_at(ws, 2.3)
        later = [row for row in ws.workspace.multivariate(MODEL) if row["column"] == "words"][-2:]
        assert "drift" in {row["verdict"] for row in later}
        assert [row["drivers"] for row in later] == [[], []]
        assert not any("zzsecret" in row["sentence"] for row in later)
        kept = ws.workspace.erase(MODEL, "person 7")["kept"]
        assert any(words.startswith(f"{len(told)} readings of texts from before") for words in kept)
        assert any("city as names of categories" in words for words in kept)


@pytest.mark.slow
def test_nothing_in_a_home_names_what_one_person_wrote(tmp_path: Path) -> None:
    columns = ["prediction_id", "event_time", "who", "words"]
    with tiny(tmp_path, SUBJECTS) as ws:
        ws.workspace.reference(MODEL, rows(14, DAYS)[columns])
        live = rows(28, 2)[columns]
        live.loc[live.index % 3 == 0, ["who", "words"]] = ["person 7", "zzsecret zzsecret call zzsecret zzsecret"]
        ws.workspace.log(MODEL, live)
        run_at(ws, 2.3)
        assert any(alert["kind"] == "data_drift" for alert in ws.workspace.alerts(MODEL))
        ws.workspace.erase(MODEL, "person 7")
        assert "zzsecret" not in str([ws.workspace.readings(MODEL), ws.workspace.alerts(MODEL)])


@pytest.mark.slow
def test_samples_leave_with_the_rows_that_are_dropped(tmp_path: Path) -> None:
    kept = (
        DECLARED
        + '[models.m.retention]\nkeep = "60d"\nthen = "drop"\n[models.m.monitor]\nmultivariate = ["pca_reconstruction"]\n'
    )
    with tiny(tmp_path, kept) as ws:
        begin(ws, ["x", "y"])
        days_later(ws, ["x", "y"], count=64, a_day=40)
        with ws.workspace.core.db.cursor() as cursor:
            ((first,),) = cursor.execute('SELECT min(_event_time) FROM "log_m"').fetchall()
        assert min(row[0] for row in stored(ws)) == first
        assert aware(first) > LIVE
        assert len(ws.workspace.multivariate(MODEL)) == 64  # what was found stays


@pytest.mark.slow
def test_hidden_columns_are_hidden_in_samples(tmp_path: Path) -> None:
    declared = DECLARED + '[models.m.privacy]\ncity = "hash"\n'
    with tiny(tmp_path, declared) as ws:
        begin(ws, ["x", "city"])
        days_later(ws, ["x", "city"])
        texts = str([row_samples.from_bytes(bytes(row[2]), 0).table["city"].to_pylist() for row in stored(ws)])
        assert not any(city in texts for city in CITIES)


def test_hours_and_embeddings_keep_fewer_rows(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED + '[models.m.features]\nx = "numeric"\nvector = "embedding"\n') as ws:
        spec = ws.workspace.core.spec(MODEL)
        plain = spec.model_copy(update={"features": {"x": "numeric"}})
        day = ws.workspace.core.window_spec(MODEL)
        of = {text: row_samples.per_bucket(plain, type(day).parse(text)) for text in ("1d", "1w", "1h", "6h")}
        assert of == {"1d": 1000, "1w": 215, "1h": 300, "6h": 250}
        assert row_samples.per_bucket(spec, day) == 500


def drifts(ws: Tiny) -> list[Any]:
    return [alert for alert in ws.workspace.alerts(MODEL) if alert["kind"] == "data_drift"]


@pytest.mark.slow
def test_rows_have_an_alert_of_their_own(tmp_path: Path) -> None:
    with tiny(tmp_path, DECLARED + "[models.m.monitor]\nresolve_after = 2\n") as ws:
        begin(ws, ["x", "y", "city"])
        moved = rows(28, 3)
        moved["city"] = CITIES[0]
        ws.workspace.log(MODEL, moved[["prediction_id", "event_time", "x", "y", "city"]])
        run_at(ws, 3.3)
        (column,) = drifts(ws)  # what only names a column that drifted by itself is no alert of its own
        assert (column["column"], column["members"]) == ("city", ["city"])
        days_later(ws, ["x", "y", "city"], first=3, count=12, flip=True)
        states = {alert["column"]: alert["state"] for alert in drifts(ws)}
        assert states["city"] == "resolved"
        (whole,) = [alert for alert in drifts(ws) if alert["column"] is None]
        assert (whole["kind"], whole["severity"], whole["state"]) == ("data_drift", "notice", "firing")
        assert {"x", "y"} <= set(whole["members"])
