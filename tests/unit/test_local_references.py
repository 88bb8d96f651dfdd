"""References of a real workspace, from every kind of rows, up to a window judged against them."""

import io
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.local import reference_making
from service.local.references import sample_path
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from storage.files import FileTable, Reading, iter_batches
from tests.support.tiny_workspace import A_DAY, DECLARATION, LIVE, MODEL, REFERENCE_DAYS, START, Tiny, rows, tiny


@contextmanager
def declared(home: Path, text: str) -> Iterator[Tiny]:
    """Open a home in which the model is declared by ``text``, with windows of a day."""
    body = text + '\n[models.eta.monitor]\nwindow = "1d"\nmultivariate = []\ngrace = "0h"\n'
    with tiny(home, f"[models.eta]\n{body}") as ws:
        yield ws


def verdicts(ws: Tiny, **chosen: Any) -> dict[str, str]:
    """Return the deciding verdict of each column, whose windows all agree."""
    found: dict[str, set[str]] = {}
    for reading in ws.workspace.readings(MODEL, check="jensen_shannon", **chosen):
        found.setdefault(reading["column"] or "", set()).add(reading["verdict"])
    return {column: ", ".join(sorted(seen)) for column, seen in found.items()}


def test_the_index_of_a_frame_is_no_feature(tmp_path: Path) -> None:
    frame = pd.concat([rows(day, 1) for day in range(REFERENCE_DAYS)])  # each day numbers its rows from 0
    with declared(tmp_path / "home", 'task = "none"\ntime = "event_time"') as ws:
        ws.workspace.reference(MODEL, frame.drop(columns="prediction_id"))
        assert not [name for name in ws.workspace.columns(MODEL) if "index" in name["name"]]


# -- where the rows come from ------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_csv_without_times_is_one_bucket_and_judges(tmp_path: Path) -> None:
    rows(0, REFERENCE_DAYS).drop(columns=["event_time", "prediction_id"]).to_csv(tmp_path / "plain.csv", index=False)
    with tiny(tmp_path / "home") as ws:
        made = ws.workspace.reference(MODEL, tmp_path / "plain.csv")
        assert (made["version"], made["rows"]) == (1, REFERENCE_DAYS * A_DAY)
        reference = ws.workspace.core.control.reference(MODEL, 1)
        assert len(reference.buckets) == 1
        assert reference.period.start == reference.period.end == ws.clock.now
        assert reference.outcomes is not None
        ws.log_days(0, 2)
        ws.log_days(2, 1, shift=8.0)
        assert ws.run_at(3.5)["windows"] == 3
        usual, moved = LIVE + timedelta(days=2), LIVE + timedelta(days=2)
        assert verdicts(ws, until=usual)["distance"] == "ok"
        assert verdicts(ws, since=moved)["distance"] in ("drift", "critical", "warning")
        assert ws.workspace.feature(MODEL, "distance")["column"] == "distance"


@pytest.mark.slow
def test_a_past_window_of_the_log_is_a_reference_and_is_not_held_against_itself(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        ws.log_days(-REFERENCE_DAYS, REFERENCE_DAYS + 3)
        made = ws.workspace.reference(MODEL, ("2024-01-01", "2024-01-29"))
        assert made["rows"] == REFERENCE_DAYS * A_DAY
        assert made["period"] == ["2024-01-01T00:00:00+00:00", "2024-01-29T00:00:00+00:00"]
        assert ws.run_at(3.5)["windows"] == 3
        starts = {reading["window_start"][:10] for reading in ws.workspace.readings(MODEL)}
        assert starts == {"2024-01-29", "2024-01-30", "2024-01-31"}
        again = ws.workspace.reference(MODEL, ("2024-01-08", "2024-01-29"))
        assert again["version"] == 2
        assert ws.workspace.model(MODEL)["reference_version"] == 2
        assert ws.run_at(3.6)["windows"] == 3, "a new reference judges anew"


def test_a_window_without_rows_is_refused_and_nothing_is_frozen(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        ws.log_days(0)
        with pytest.raises(WorkspaceError, match="no rows of 'eta'"):
            ws.workspace.reference(MODEL, ("2020-01-01", "2020-02-01"))
        with pytest.raises(WorkspaceError, match="nothing was frozen"):
            ws.workspace.reference(MODEL, rows(0, 1).head(0))
        assert ws.workspace.core.control.reference_versions(MODEL) == []
        assert ws.workspace.model(MODEL)["reference_version"] is None


@pytest.mark.slow
def test_rows_come_as_lists_tables_frames_and_files(tmp_path: Path) -> None:
    frame = rows(0, 5)
    frame.to_parquet(tmp_path / "rows.parquet")
    with tiny(tmp_path / "home") as ws:
        sources: list[Any] = [frame, frame.to_dict("records"), pq.read_table(tmp_path / "rows.parquet")]
        for source in [*sources, tmp_path / "rows.parquet", str(tmp_path / "rows.parquet")]:
            assert ws.workspace.reference(MODEL, source)["rows"] == 5 * A_DAY
        versions = ws.workspace.core.control.reference_versions(MODEL)
        assert versions == [1, 2, 3, 4, 5]
        first = ws.workspace.core.control.reference(MODEL, 1)
        for version in versions[1:]:
            other = ws.workspace.core.control.reference(MODEL, version)
            assert other.inputs.layout == first.inputs.layout
            np.testing.assert_array_equal(other.inputs.counts, first.inputs.counts)
        with pytest.raises(WorkspaceError, match="rows cannot come as StringIO"):
            ws.workspace.reference(MODEL, io.StringIO("a"))


def test_naive_times_are_local_and_windows_are_counted_from_the_first_day(tmp_path: Path) -> None:
    text = 'task = "regression"\nprediction = "guess"\nlabel = "truth"\ntimezone = "Asia/Tokyo"\n'
    with declared(tmp_path / "home", text + '[models.eta.features]\ndistance = "numeric"') as ws:
        frame = rows(0, 7).assign(event_time=lambda f: f["event_time"].dt.tz_localize(None))
        made = ws.workspace.reference(MODEL, frame)
        assert made["period"] == ["2024-01-01T00:00:00+09:00", "2024-01-08T00:00:00+09:00"]
        assert ws.workspace.core.record(MODEL).anchor == START.date()


# -- features ----------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_features_that_are_not_declared_are_inferred_and_remembered(tmp_path: Path) -> None:
    text = 'task = "regression"\nprediction = "guess"\nlabel = "truth"\n[models.eta.context]\nweather = "categorical"'
    rng = np.random.default_rng(0)
    frame = rows(0, 14)
    n = len(frame)
    frame["open"] = rng.random(n) < 0.5
    frame["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D")
    frame["weather"] = rng.choice(["sun", "rain"], n)
    with declared(tmp_path / "home", text) as ws:
        assert ws.workspace.core.spec(MODEL).features == {}
        with pytest.raises(WorkspaceError, match="declares no features to train on"):
            ws.workspace.retrain(MODEL)
        made = ws.workspace.reference(MODEL, frame)
        types = {entry["column"]: entry["type"] for entry in made["columns"]}
        expected = {"distance": "numeric", "city": "categorical", "open": "boolean", "since": "datetime"}
        assert types == expected | {"weather": "categorical", "prediction": "numeric"}
        assert ws.workspace.core.spec(MODEL).features == expected
        assert 'since = "datetime"' in ws.workspace.export()
        assert ws.workspace.apply(
            f"[models.eta]\n{text}\n[models.eta.monitor]\nwindow = '1d'\nmultivariate = []\ngrace = '0h'"
        )["unchanged"] == ["models.eta"], "the file may go on leaving them out"
        late = frame.tail(2 * A_DAY).assign(
            event_time=lambda f: f["event_time"] + timedelta(days=30), prediction_id=lambda f: "x" + f["prediction_id"]
        )
        assert ws.workspace.log(MODEL, late.drop(columns="truth"))["rejected"] == []
        ws.run_at(40)
        assert verdicts(ws, until=START + timedelta(days=44))["open"] == "ok"


def test_rows_without_anything_to_learn_from_are_refused(tmp_path: Path) -> None:
    with declared(tmp_path / "home", 'task = "regression"\nprediction = "guess"\nlabel = "truth"') as ws:
        with pytest.raises(WorkspaceError, match="no column that could be a feature"):
            ws.workspace.reference(MODEL, rows(0, 1)[["prediction_id", "event_time", "guess", "truth"]])
        assert ws.workspace.core.spec(MODEL).features == {}


HOSTILE = [
    'say "hi"',
    "it's; DROP TABLE log_eta; --",
    "_id",
    "_LABEL",
    "Size",
    "size",
    "SIZE ",
    "select",
    "naïve 🎈",
    "a.b",
    "%s {x} $1 ?",
    "line\nbreak",
]


@pytest.mark.slow
def test_columns_may_have_any_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = rows(0, 14).drop(columns=["distance", "city"])
    for place, name in enumerate(HOSTILE):
        frame[name] = rng.normal(place, 1, len(frame)) if place % 2 else rng.choice(["'", '"', "b"], len(frame))
    with declared(tmp_path / "home", 'task = "regression"\nprediction = "guess"\nlabel = "truth"') as ws:
        made = ws.workspace.reference(MODEL, frame)
        assert [entry["column"] for entry in made["columns"]] == [*HOSTILE, "prediction"]
        later = frame.assign(
            event_time=frame["event_time"] + timedelta(days=28), prediction_id="x" + frame["prediction_id"]
        )
        assert ws.workspace.log(MODEL, later.drop(columns="truth"))["accepted"] == len(later)
        ws.label(later)
        ws.run_at(20)
        assert verdicts(ws, until=LIVE + timedelta(days=14)).keys() >= set(HOSTILE)
        assert {row["column"] for row in ws.workspace.drift_table(MODEL)} >= set(HOSTILE)
        for name in HOSTILE:
            assert ws.workspace.feature(MODEL, name, LIVE)["column"] == name
        page = ws.workspace.rows(MODEL, LIVE, LIVE + timedelta(days=1), limit=3)
        assert set(page["columns"]) >= set(HOSTILE)
        kept = pq.read_table(sample_path(ws.workspace.core, MODEL, 1))
        assert kept.column_names == [*HOSTILE, "prediction", "label", "_event_time"]
        assert ws.workspace.log(MODEL, later)["duplicates"] == len(later)


# -- tasks -------------------------------------------------------------------------------------------------------------
def classified(days: int, classes: list[str], first: int = 0, skill: float = 3.0, prefix: str = "p") -> pd.DataFrame:
    """Return days of rows with a true class, a score for each class, and the class that scored highest."""
    n = days * A_DAY
    rng = np.random.default_rng(first)
    truth = rng.integers(0, len(classes), n)
    logits = rng.normal(size=(n, len(classes)))
    logits[np.arange(n), truth] += skill
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame({f"p_{name}": scores[:, place] for place, name in enumerate(classes)})
    frame["x"] = rng.normal(size=n) + truth
    frame["guess"] = np.array(classes)[scores.argmax(axis=1)]
    frame["truth"] = np.array(classes)[truth]
    frame["event_time"] = [START + timedelta(days=first, minutes=24 * place) for place in range(n)]
    frame["prediction_id"] = [f"{prefix}{first}-{place}" for place in range(n)]
    return frame.assign(model_version="v0")


def judged(ws: Tiny, classes: list[str]) -> dict[str, Any]:
    """Log two good days and two of a model that guesses; return the metrics of the last good and the last bad day."""
    found = {}
    for name, first, skill in (("good", 28, 3.0), ("bad", 30, 0.0)):
        frame = classified(2, classes, first, skill)
        ws.workspace.log(MODEL, frame.drop(columns="truth"))
        ws.label(frame)
        ws.run_at(first - 26)
        since = START + timedelta(days=first + 1)
        readings = ws.workspace.readings(MODEL, since=since, until=since + timedelta(hours=1))
        found[name] = {r["check"]: (r["value"], r["verdict"]) for r in readings if r["scope"] == "performance"}
    return found


CLASSES = 'prediction = "guess"\nlabel = "truth"\n[models.eta.features]\nx = "numeric"\n'


@pytest.mark.slow
def test_a_binary_model_with_a_score(tmp_path: Path) -> None:
    text = 'task = "binary"\npositive = "yes"\nscore = "p_yes"\n'
    with declared(tmp_path / "home", text + CLASSES) as ws:
        made = ws.workspace.reference(MODEL, classified(28, ["no", "yes"]))
        assert [entry["column"] for entry in made["columns"]] == ["x", "prediction", "score"]
        assert {"label", "correct", "confusion", "score of positives", "score of negatives"} <= set(made["outcomes"])
        found = judged(ws, ["no", "yes"])
        assert found["good"]["roc_auc"] == (pytest.approx(0.98, abs=0.03), "ok")
        assert found["bad"]["roc_auc"][0] == pytest.approx(0.5, abs=0.15)
        assert found["bad"]["roc_auc"][1] == "critical"
        assert found["bad"]["recall"][0] < found["good"]["recall"][0]
        assert ws.workspace.metric_names(MODEL)


@pytest.mark.slow
def test_a_binary_model_of_which_no_positive_class_is_declared(tmp_path: Path) -> None:
    with declared(tmp_path / "home", 'task = "binary"\nscore = "p_yes"\n' + CLASSES) as ws:
        ws.workspace.reference(MODEL, classified(28, ["no", "yes"]))
        found = judged(ws, ["no", "yes"])
        assert found["good"]["roc_auc"][0] > 0.9, "of 'no' and 'yes', yes is the positive one"


@pytest.mark.slow
def test_a_multiclass_model_with_a_score_for_each_class(tmp_path: Path) -> None:
    classes = ["cat", "dog", "o'wl"]
    text = """task = "multiclass"\nscore = { cat = "p_cat", dog = "p_dog", "o'wl" = "p_o'wl" }\n"""
    with declared(tmp_path / "home", text + CLASSES) as ws:
        made = ws.workspace.reference(MODEL, classified(28, classes))
        assert {"label", "correct", "confusion", "log loss"} <= set(made["outcomes"])
        found = judged(ws, classes)
        assert found["good"]["accuracy"] == (pytest.approx(0.95, abs=0.06), "ok")
        assert found["bad"]["accuracy"] == (pytest.approx(1 / 3, abs=0.15), "critical")
        assert found["bad"]["log_loss"][0] > 2 * found["good"]["log_loss"][0]


@pytest.mark.slow
def test_data_without_a_task_is_watched_for_drift_alone(tmp_path: Path) -> None:
    text = 'task = "none"\nprediction = "cluster"\n[models.eta.features]\ndistance = "numeric"\ncity = "categorical"\n'
    with declared(tmp_path / "home", text) as ws:
        frame = rows(0, 31).assign(cluster="a").drop(columns=["guess", "truth"])
        made = ws.workspace.reference(MODEL, frame.head(REFERENCE_DAYS * A_DAY))
        assert made["outcomes"] is None
        ws.workspace.log(MODEL, frame.tail(3 * A_DAY).assign(distance=lambda f: f["distance"] + 7))
        assert ws.run_at(3)["windows"] == 3
        assert verdicts(ws)["city"] == "ok"
        assert verdicts(ws)["distance"] in ("drift", "critical", "warning")
        assert ws.workspace.metric_names(MODEL) == []
        assert ws.workspace.performance(MODEL) == []
        (alert,) = ws.workspace.alerts(MODEL)
        assert alert["column"] == "distance"


def test_a_reference_survives_a_restart(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        ws.clock.now = datetime(2024, 2, 2, 3, 4, tzinfo=UTC)
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        before = ws.workspace.core.control.reference(MODEL, 1)
        ws.reopen()
        after = ws.workspace.core.control.reference(MODEL, 1)
        assert after.to_bytes() == before.to_bytes()
        assert after.created_at == ws.clock.now
        assert ws.workspace.model(MODEL)["reference_rows"] == REFERENCE_DAYS * A_DAY


# -- in words, from queries and from large files -----------------------------------------------------------------------
def test_the_weeks_before_a_deployment_are_whole_days_of_the_model(tmp_path: Path) -> None:
    text = 'task = "regression"\nprediction = "guess"\nlabel = "truth"\ntimezone = "America/New_York"\n'
    with declared(tmp_path / "home", text + '[models.eta.features]\ndistance = "numeric"\ncity = "categorical"') as ws:
        ws.workspace.log(MODEL, rows(60, 30).drop(columns="truth"))  # 1 to 31 March, over the change of clocks
        late = rows(85, 5, prefix="q", version="v7").assign(event_time=lambda f: f["event_time"] + timedelta(hours=9))
        ws.workspace.log(MODEL, late.drop(columns="truth"))
        made = ws.workspace.reference(MODEL, {"before_deployment": "3w"})
        assert made["period"] == ["2024-03-05T00:00:00-05:00", "2024-03-26T00:00:00-04:00"], "v7 serves since 26 March"
        assert made["source"].startswith("log 2024-03-05 05:00 to 2024-03-26 04:00")
        first = ws.workspace.reference(MODEL, {"before_deployment": "1d", "of": "v7"})
        assert first["period"][1] == "2024-03-26T00:00:00-04:00"
        with pytest.raises(WorkspaceError, match=r"version v9 of model 'eta' was never deployed.*v0, v7"):
            ws.workspace.reference(MODEL, {"before_deployment": "3w", "of": "v9"})
        with pytest.raises(WorkspaceError, match="duration 'soon' is not understood"):
            ws.workspace.reference(MODEL, {"before_deployment": "soon"})
        with pytest.raises(WorkspaceError, match=r"cannot be made of \['before_deployment', 'training'\]"):
            ws.workspace.reference(MODEL, {"before_deployment": "3w", "training": "v7"})


@pytest.mark.slow
def test_the_training_set_of_a_version_trained_here_is_the_reference_it_brought(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        ws.log_days(0, 14)
        ws.clock.now = LIVE + timedelta(days=15)
        job = ws.trained()
        assert job["state"] == "succeeded", job["error"]
        made = ws.workspace.reference(MODEL, {"training": "v1"})
        assert made["version"] == 2
        assert "brought reference 2" in made["warnings"][0]
        assert [view["version"] for view in ws.workspace.references(MODEL)] == [2, 1], "nothing was frozen"
        ws.workspace.deploy(MODEL, "v1")
        views = {view["version"]: view for view in ws.workspace.references(MODEL)}
        assert (views[2]["used_by"], views[2]["current"]) == (["v1"], True)
        before = ws.workspace.reference(MODEL, {"before_deployment": "1w"})
        assert before["period"] == ["2024-02-06T00:00:00+00:00", "2024-02-12T00:00:00+00:00"], (
            "as far as there are rows"
        )
        told = next(words for words in before["warnings"] if words.startswith("Champion v1 brought reference 2"))
        assert "goes on being held against it" in told
        with pytest.raises(WorkspaceError, match=r"'v0' of model 'eta' was not trained here.*training\.parquet"):
            ws.workspace.reference(MODEL, {"training": "v0"})
        with pytest.raises(WorkspaceError, match="has no version 'v5'; it has: v0, v1"):
            ws.workspace.reference(MODEL, {"training": "v5"})


def test_a_query_is_a_reference_and_its_password_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "shop.db"
    with sqlite3.connect(database) as connection:
        rows(0, 14).assign(event_time=lambda f: f["event_time"].astype(str)).to_sql("sold", connection, index=False)
    connection.close()
    monkeypatch.setenv("SHOP", f"sqlite:///{database}")
    with tiny(tmp_path / "home") as ws:
        query = {"connection": "${SHOP}", "sql": "SELECT * FROM sold"}
        made = ws.workspace.reference(MODEL, query)
        assert (made["rows"], made["source"]) == (14 * A_DAY, "query of ${SHOP}")
        same = ws.workspace.reference(MODEL, rows(0, 14))
        first, second = (ws.workspace.core.control.reference(MODEL, number) for number in (1, same["version"]))
        np.testing.assert_array_equal(first.inputs.counts, second.inputs.counts)
        with pytest.raises(WorkspaceError, match="no such table: gone"):
            ws.workspace.reference(MODEL, query | {"sql": "SELECT * FROM gone"})
        with pytest.raises(WorkspaceError, match="variable NOWHERE is not set"):
            ws.workspace.reference(MODEL, query | {"connection": "${NOWHERE}"})


@pytest.mark.slow
def test_a_file_of_many_blocks_is_frozen_from_disk_as_if_it_were_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = rows(0, REFERENCE_DAYS)
    frame["mixed"] = [str(place) if place % 2 else f"n{place % 5}" for place in range(len(frame))]
    frame.loc[: len(frame) // 2, "mixed"] = "7"  # the first blocks would take it for a number

    def blocks(name: str, reading: Reading) -> Iterator[FileTable]:
        for start in range(0, len(frame), 100):
            part = frame[start : start + 100]
            part = part.assign(mixed=7) if set(part["mixed"]) == {"7"} else part
            yield FileTable(pa.Table.from_pandas(part, preserve_index=False))

    monkeypatch.setattr(reference_making, "iter_batches", blocks)
    text = 'task = "regression"\nprediction = "guess"\nlabel = "truth"'
    with declared(tmp_path / "home", text) as ws:
        made = ws.workspace.reference(MODEL, tmp_path / "rows.csv")
        assert {entry["column"]: entry["type"] for entry in made["columns"]}["mixed"] == "categorical"
        whole = ws.workspace.reference(MODEL, frame)
        one, two = (ws.workspace.core.control.reference(MODEL, number) for number in (1, whole["version"]))
        assert one.inputs.layout == two.inputs.layout
        np.testing.assert_array_equal(one.inputs.counts, two.inputs.counts)
        np.testing.assert_allclose(one.inputs.moments, two.inputs.moments)
        assert list(ws.workspace.core.home.spill.iterdir()) == [], "nothing is left aside"


def test_a_slow_file_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features are inferred in a first reading; during both, runs and declarations may go on."""
    rows(0, REFERENCE_DAYS).to_csv(tmp_path / "rows.csv", index=False)
    free: list[bool] = []

    def blocks(*args: Any, **given: Any) -> Iterator[FileTable]:
        for block in iter_batches(*args, **given):
            with ThreadPoolExecutor(1) as other:
                free.append(other.submit(ws.workspace.core.mutex.acquire, blocking=False).result())
                if free[-1]:
                    ws.workspace.core.mutex = RLock()  # the other thread's is never released
            yield block

    monkeypatch.setattr(reference_making, "iter_batches", blocks)
    with declared(tmp_path / "home", 'task = "regression"\nprediction = "guess"\nlabel = "truth"') as ws:
        assert ws.workspace.reference(MODEL, tmp_path / "rows.csv")["rows"] == REFERENCE_DAYS * A_DAY
    assert len(free) >= 2
    assert all(free)


def test_rows_read_by_a_declaration_that_has_changed_are_not_frozen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(0, REFERENCE_DAYS).to_csv(tmp_path / "rows.csv", index=False)
    changes = [DECLARATION.replace('window = "1d"', 'window = "2d"'), DECLARATION.replace('"truth"', '"fact"')]

    def blocks(*args: Any, **given: Any) -> Iterator[FileTable]:
        yield from iter_batches(*args, **given)
        assert ws.workspace.apply(changes.pop(0))["changed"]

    monkeypatch.setattr(reference_making, "iter_batches", blocks)
    with tiny(tmp_path / "home") as ws:
        assert ws.workspace.reference(MODEL, tmp_path / "rows.csv")["version"] == 1, "other windows change no row"
        with pytest.raises(ConflictError, match="declared anew while the rows were read; nothing was frozen"):
            ws.workspace.reference(MODEL, tmp_path / "rows.csv")
        assert [entry["version"] for entry in ws.workspace.references(MODEL)] == [1]


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    frame = rows(0, REFERENCE_DAYS).astype({"distance": object})
    frame.loc[[3, 9], "distance"] = "far"
    with tiny(tmp_path / "home") as ws:
        made = ws.workspace.reference(MODEL, frame.astype({"distance": str}))
        assert made["rows"] == REFERENCE_DAYS * A_DAY - 2
        assert made["warnings"][0].startswith("2 rows could not be used; the first: distance: ")


# -- listed and compared -----------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_references_say_who_uses_them_and_what_they_are_too_small_for(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        assert ws.workspace.references(MODEL) == []
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        (first,) = ws.workspace.references(MODEL)
        assert (first["rows"], first["labelled"], first["columns"]) == (1680, 1680, 3)
        assert (first["current"], first["used_by"]) == (True, [])
        assert first["period"] == ["2024-01-01T00:00:00+00:00", "2024-01-29T00:00:00+00:00"]
        ws.log_days(0, 3)
        small = ws.workspace.reference(MODEL, rows(24, 2).drop(columns="truth"))
        ws.run_at(4)
        second, first = ws.workspace.references(MODEL)
        assert second["warnings"] == small["warnings"]
        assert (first["used_by"], second["used_by"]) == ([], ["v0"])
        said = " ".join(second["warnings"])
        assert "It holds 2 daily windows: natural variation is assumed" in said
        assert "120 rows, less than 3 windows" in said
        assert "performance and concept drift cannot be judged" in said
        assert "covers 2 days, not whole weeks" in said
        assert "standard deviations before one window can show it" in said


def test_two_references_are_compared_column_by_column(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        ws.workspace.reference(MODEL, rows(28, REFERENCE_DAYS, shift=2.0))
        found = {row["column"]: row for row in ws.workspace.reference_diff(MODEL, 1, 2)}
        assert set(found) == {"prediction", "label", "distance", "city", "error given inputs"}
        moved = found["distance"]
        assert (moved["change"], moved["significant"]) == ("shifted", True)
        assert moved["mean"] == [pytest.approx(10, abs=0.2), pytest.approx(12, abs=0.2)]
        assert "higher on average in reference 2 than in 1" in moved["sentence"]
        assert (found["city"]["change"], found["city"]["significant"]) == ("same", False)
        assert found["error given inputs"]["change"] == "same", "the rule has not changed"
        back = {row["column"]: row for row in ws.workspace.reference_diff(MODEL, 2, 1)}
        assert back["distance"]["mean"] == moved["mean"][::-1]
        assert back["distance"]["distance"] == pytest.approx(moved["distance"])
        assert "lower on average in reference 1 than in 2" in back["distance"]["sentence"]
        with pytest.raises(NotFoundError, match="has no reference 7; it has: 1, 2"):
            ws.workspace.reference_diff(MODEL, 1, 7)


def test_a_reference_differs_from_itself_in_nothing(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        ws.workspace.reference(MODEL, rows(0, 14))
        for row in ws.workspace.reference_diff(MODEL, 1, 1):
            assert (row["change"], row["significant"]) == ("same", False)
            assert row["distance"] == pytest.approx(0, abs=1e-7)


def test_columns_that_come_go_or_change_their_type_are_named(tmp_path: Path) -> None:
    features = 'task = "regression"\nprediction = "guess"\nlabel = "truth"\n[models.eta.features]\n'
    with declared(tmp_path / "home", features + 'distance = "numeric"\ncity = "categorical"\nopen = "boolean"') as ws:
        frame = rows(0, 14).assign(open=lambda f: f["distance"] > 10)
        ws.workspace.reference(MODEL, frame)
        frame.loc[frame.index % 3 == 0, "distance"] = np.nan
        other = features + 'distance = "numeric"\ncity = "categorical"\nsize = "numeric"'
        ws.workspace.apply(
            f'[models.eta]\n{other}\n[models.eta.monitor]\nwindow = "1d"\nmultivariate = []\ngrace = "0h"'
        )
        ws.workspace.reference(MODEL, frame.assign(size=1.0).drop(columns="open"))
        found = {row["column"]: row for row in ws.workspace.reference_diff(MODEL, 1, 2)}
        assert (found["open"]["change"], found["size"]["change"]) == ("removed", "added")
        assert found["size"]["missing"] == [None, 0.0]
        gaps = found["distance"]
        assert (gaps["change"], gaps["missing"]) == ("shifted", [0.0, pytest.approx(1 / 3, abs=0.01)])
        assert "missing more often in reference 2 than in 1: 33.3 % of rows against 0 %" in gaps["sentence"]


@pytest.mark.slow
def test_without_the_newer_ones_rows_the_older_ones_are_counted_anew(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        for place in range(2):
            ws.workspace.reference(MODEL, rows(14 * place, 14, shift=2.0 * place))
        whole = {row["column"]: row["distance"] for row in ws.workspace.reference_diff(MODEL, 1, 2)}
        sample_path(ws.workspace.core, MODEL, 2).unlink()
        turned = {row["column"]: row["distance"] for row in ws.workspace.reference_diff(MODEL, 1, 2)}
        assert turned["distance"] == pytest.approx(whole["distance"], abs=0.05)
        sample_path(ws.workspace.core, MODEL, 1).unlink()
        gone = {row["column"]: row for row in ws.workspace.reference_diff(MODEL, 1, 2)}
        assert gone["distance"]["distance"] is None
        assert "the rows kept of them are gone" in gone["distance"]["sentence"]


# -- plans -------------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ('kind = "seasonal"', "the reference's 4 windows of Mondays."),
        ('kind = "rolling"\nspan = "7d"', "the log of the 7d before."),
    ],
)
def test_a_workspace_judges_by_the_models_plan(tmp_path: Path, plan: str, words: str) -> None:
    with tiny(tmp_path / "home", f"{DECLARATION}\n[models.eta.reference]\n{plan}\n") as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        ws.log_days(0, 14)
        ws.log_days(14, 1, shift=5.0)
        ws.run_at(16)
        monday = LIVE + timedelta(days=14)
        (reading,) = ws.workspace.readings(MODEL, column="distance", check="jensen_shannon", since=monday)
        assert reading["verdict"] == "drift"
        assert reading["sentence"].endswith(f"Held against {words}")
        page = ws.workspace.feature(MODEL, "distance", monday)
        assert page["histogram"]["n_reference"] == reading["n_reference"] < REFERENCE_DAYS * A_DAY
        assert "each held against the others" in page["threshold_origin"] or "set about" in page["threshold_origin"]
        table = {row["column"]: row for row in ws.workspace.drift_table(MODEL, monday)}
        assert table["distance"]["histogram"]["n_reference"] == reading["n_reference"]
        (alert,) = ws.workspace.alerts(MODEL, state="firing")
        assert alert["column"] == "distance"
