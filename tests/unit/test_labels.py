"""Labels that come late, twice, corrected, before their prediction or never, from the append to the page."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from reference_data import lags
from reference_data.declaration import ModelSpec
from reference_data.windows import WindowSpec
from service.cli import main
from service.workspace import NotFoundError, WorkspaceError
from storage import append_labels as labels_module
from storage import ledger
from storage.append_labels import append_labels
from storage.database import Database
from storage.feedback import LabelIntake, canonical_labels_and_feedback
from storage.intake import canonical_labels, canonical_log
from storage.labels import count_orphans, load_progress, match_labels, measure_progress
from storage.logs import append_log
from tests.support.homes import empty_database
from tests.support.tiny_workspace import A_DAY, DECLARATION, LIVE, MODEL, Tiny, rows, tiny

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SPEC = ModelSpec(name="m", task="regression", features={"x": "numeric"})
SAYS = SPEC.model_copy(update={"feedback": {"thumbs": "boolean", "stars": "numeric", "why": "categorical"}})
DAILY = WindowSpec.parse("1d").bucket
WITH_FEEDBACK = DECLARATION + '\n[models.eta.feedback]\nthumbs = "boolean"\nstars = "numeric"\n'


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(empty_database(tmp_path / "d.duckdb"), lambda: NOW) as database:
        yield database


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", WITH_FEEDBACK) as opened:
        opened.workspace.reference(MODEL, rows(0, 28))
        yield opened


def log(db: Database, names: list[str], at: datetime, now: datetime = NOW) -> None:
    sent = [{"prediction_id": name, "event_time": at, "x": 1.0} for name in names]
    append_log(db, SPEC, canonical_log(SPEC, sent, arrival=now), now, DAILY)


def label(db: Database, pairs: dict[str, float], now: datetime = NOW, **more: Any) -> tuple[int, int]:
    sent = [{"prediction_id": name, "label": value} | more for name, value in pairs.items()]
    found = append_labels(db, SPEC, canonical_labels(SPEC, sent, arrival=now), now, DAILY)
    return found.accepted, found.duplicates


# -- the ledger --------------------------------------------------------------------------------------------------------
def test_the_same_label_is_a_duplicate_however_late_and_after_a_restart(tmp_path: Path) -> None:
    for day, expected in ((0, (2, 0)), (100, (0, 2)), (900, (0, 2))):
        with Database.open(tmp_path / "d.duckdb", lambda: NOW) as db:
            assert label(db, {"a": 1.0, "b": 2.0}, now=NOW + timedelta(days=day)) == expected


def test_a_repeat_is_looked_up_in_the_stretch_where_its_label_lies() -> None:
    places = np.array([5, 9, 4_000_000, 4_000_001, 9_000_000], dtype=np.int64)
    assert ledger._stretches(places) == [(5, 9), (4_000_000, 4_000_001), (9_000_000, 9_000_000)]
    scattered = np.arange(100, dtype=np.int64) * 1_000_000
    covered = ledger._stretches(scattered)
    assert len(covered) == 8
    assert all(any(low <= place <= high for low, high in covered) for place in scattered.tolist())


def test_what_is_remembered_gives_the_newest_entry_and_nothing_for_others() -> None:
    held = ledger.Latest(np.array([7, 3, 7], dtype=np.uint64), np.array([1, 2, 3], dtype=np.int64), since=0)
    for number in range(4, 40):
        held.add(np.array([number % 5], dtype=np.uint64), np.array([number], dtype=np.int64))
    asked = np.array([7, 3, 4, 99], dtype=np.uint64)
    assert held.find(asked).tolist() == [3, 38, 39, 0]
    assert len(held) <= 12


def test_a_new_label_of_a_new_prediction_needs_no_look_at_labels_that_are_not_remembered(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "HELD", 3)
    log(db, [f"old{n}" for n in range(6)], NOW - timedelta(days=90), now=NOW - timedelta(days=90))
    label(db, {f"old{n}": 1.0 for n in range(6)}, now=NOW - timedelta(days=89))
    db.memory.clear()
    log(db, ["new"], NOW - timedelta(hours=1))
    searched: list[int] = []
    anywhere = ledger._anywhere

    def look(con: Any, of: ledger.Ledger, batch: pa.Table) -> pa.Table:
        searched.append(batch.num_rows)
        return anywhere(con, of, batch)

    monkeypatch.setattr(ledger, "_anywhere", look)
    assert label(db, {"new": 1.0}) == (1, 0)
    assert searched == []
    assert label(db, {"old0": 1.0}) == (0, 1)  # its label is not among the three that are remembered
    assert searched == [1]


def test_a_label_far_from_its_prediction_costs_no_look_at_the_log_and_is_found_by_the_next_run(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(db, ["far"], NOW - timedelta(days=200), now=NOW - timedelta(days=200))
    measure_progress(db, SPEC, DAILY)
    asked: list[int] = []
    near = labels_module._predictions

    def look(con: Any, model: str, batch: pa.Table) -> pa.Table:
        asked.append(batch.num_rows)
        return near(con, model, batch)

    monkeypatch.setattr(labels_module, "_predictions", look)
    label(db, {"far": 1.0, "nobody": 2.0})
    assert asked == [2]  # once, within the horizon
    with db.cursor() as con:
        assert count_orphans(con, "m") == 0  # not known before the log has been searched
    assert match_labels(db, SPEC, NOW, DAILY) == 1
    assert measure_progress(db, SPEC, DAILY) == 1
    with db.cursor() as con:
        assert [part.labelled for part in load_progress(con, "m")] == [1]
        assert count_orphans(con, "m") == 1
    assert match_labels(db, SPEC, NOW, DAILY) == 0


def test_an_orphan_is_matched_when_its_prediction_comes(db: Database) -> None:
    label(db, {"early": 1.0})
    match_labels(db, SPEC, NOW, DAILY)
    measure_progress(db, SPEC, DAILY)
    log(db, ["early"], NOW - timedelta(days=1))
    match_labels(db, SPEC, NOW, DAILY)
    measure_progress(db, SPEC, DAILY)
    with db.cursor() as con:
        (part,) = load_progress(con, "m")
        assert (part.rows, part.labelled, part.lags[-1]) == (1, 1, 0)
        assert count_orphans(con, "m") == 0


def test_labels_from_before_this_was_kept_are_searched_once(db: Database) -> None:
    log(db, ["a"], NOW - timedelta(days=1))
    label(db, {"a": 1.0, "nobody": 1.0})
    db.write(lambda con: con.execute("DELETE FROM unmatched_label").fetchall())
    match_labels(db, SPEC, NOW, DAILY)
    with db.cursor() as con:
        assert count_orphans(con, "m") == 1


# -- lags and maturity -------------------------------------------------------------------------------------------------
def _cells(seconds: Any) -> Any:
    return np.bincount(lags.cell(np.asarray(seconds, dtype=float)), minlength=lags.SIZE)


def test_quantiles_are_within_a_cell_of_the_true_ones() -> None:
    rng = np.random.default_rng(1)
    sample = rng.lognormal(9, 1.2, 20_000)
    for share in (0.1, 0.5, 0.9):
        assert lags.quantile(_cells(sample), share) == pytest.approx(np.quantile(sample, share), rel=0.03)
    assert lags.quantile(_cells([]), 0.5) is None
    assert lags.quantile(_cells([0.0, -5.0]), 0.5) <= 1.0  # type: ignore[operator]


def test_cells_in_sql_are_the_cells_in_python(db: Database) -> None:
    seconds = [-3.0, 0.5, 1.0, 1.5, 2.0, 3599.9, 3600.0, 86400.0, 1e9, 1e12]
    with db.cursor() as con:
        sql = f"SELECT {lags.cell_sql('s')} FROM (SELECT unnest($s::DOUBLE[]) AS s)"
        found = [row[0] for row in con.execute(sql, {"s": seconds}).fetchall()]
    assert found == lags.cell(np.array(seconds)).tolist()


def test_arrivals_see_through_rows_that_still_wait() -> None:
    """Labels take 10 days on average, 80 % come at all; rows are 0 to 40 days old: the raw share is far too low."""
    rng = np.random.default_rng(2)
    n = 200_000
    day = 86_400.0
    age, lag = rng.uniform(0, 40 * day, n), rng.exponential(10 * day, n)
    comes = rng.random(n) < 0.8
    seen = comes & (lag <= age)
    arrivals = lags.Arrivals(_cells(lag[seen]), _cells(age[~seen]))
    for days in (2, 10, 30):
        truth = 0.8 * (1 - np.exp(-days / 10))
        assert arrivals.at(np.array([days * day]))[0] == pytest.approx(truth, abs=0.02)
    assert seen.mean() < 0.65
    assert arrivals.at(np.array([-1.0]))[0] == 0.0


# -- windows -----------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_window_is_held_against_what_earlier_ones_had_at_its_age(home: Tiny) -> None:
    ws = home.workspace
    for day in range(12):  # half of the labels come within the day, the rest after five
        home.clock.now = LIVE + timedelta(days=day + 1)
        frame = home.log_days(day, labels=False)
        home.label(frame.iloc[::2])
        if day >= 5:
            home.label(rows(28 + day - 5).iloc[1::2])
    home.run_at(12.3)
    found = ws.labels(MODEL)
    shares = [window["coverage"] for window in found["windows"]]
    assert shares == [1.0] * 7 + [0.5] * 5
    assert [window["mature"] for window in found["windows"]] == [True] * 7 + [False] * 5
    last = found["windows"][-1]
    assert last["expected_coverage"] == pytest.approx(0.5, abs=0.02)
    assert found["windows"][6]["expected_coverage"] == pytest.approx(1.0, abs=0.1)
    assert last["lag_p10"] < last["lag_p50"] < last["lag_p90"] <= 24.5  # type: ignore[operator]
    assert (found["labelled"], found["corrected"], found["orphans"]) == (7 * A_DAY + 5 * A_DAY // 2, 0, 0)
    assert ws.labels(MODEL, windows=2)["windows"] == found["windows"][-2:]


@pytest.mark.slow
def test_labels_that_stop_coming_fall_behind_what_is_expected(home: Tiny) -> None:
    for day in range(8):
        home.clock.now = LIVE + timedelta(days=day + 1)
        home.log_days(day, labels=day < 6)
    home.run_at(9)
    windows = home.workspace.labels(MODEL)["windows"]
    assert [window["coverage"] for window in windows[-2:]] == [0.0, 0.0]
    assert windows[6]["expected_coverage"] == pytest.approx(1.0, abs=0.02)
    assert windows[6]["mature"]  # old enough: these will not come by themselves


def test_a_model_that_nothing_is_known_of_has_an_empty_summary(home: Tiny) -> None:
    assert home.workspace.labels(MODEL) == {"labelled": 0, "corrected": 0, "orphans": 0, "windows": []}


# -- corrections -------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_corrected_label_restates_readings_and_the_earlier_value_stays(home: Tiny) -> None:
    ws = home.workspace
    frame = home.log_days(0)
    home.run_at(2)
    first = ws.reading_history(MODEL, "mae", LIVE)
    assert len(first) == 1
    name = frame["prediction_id"][0]
    for value in (500.0, 700.0, 700.0):
        ws.label(MODEL, [{"prediction_id": name, "label": value}])
        home.run_at(2.5 + value / 1000)
    history = ws.reading_history(MODEL, "mae", LIVE)
    assert next(reading["value"] for reading in history) == first[0]["value"]
    assert len(history) == 3
    assert history[2]["value"] > history[1]["value"] > history[0]["value"]  # type: ignore[operator]
    (point,) = [p for p in ws.performance(MODEL) if p.get("restated")]
    assert point["first_value"] == first[0]["value"]
    assert point["value"] == pytest.approx(history[2]["value"])
    assert point["restated"] == 2
    assert ws.reading_history(MODEL, "mae", LIVE + timedelta(days=30)) == []
    entries = ws.label_history(MODEL, name)
    assert [(entry["value"], entry["current"]) for entry in entries[1:]] == [(500.0, False), (700.0, True)]
    assert ws.labels(MODEL)["corrected"] == 1
    home.reopen()
    assert home.workspace.label_history(MODEL, name) == entries


# -- feedback ----------------------------------------------------------------------------------------------------------
FORMS = {
    "list": lambda records: records,
    "pandas": pd.DataFrame,
    "arrow": pa.Table.from_pylist,
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_and_feedback_in_one_block_are_parted_whatever_form_it_has(form: str) -> None:
    records = [
        {"prediction_id": "a", "kind": "thumbs", "label": "yes"},
        {"prediction_id": "a", "kind": None, "label": "2.5"},
        {"prediction_id": "b", "kind": "smile", "label": "1"},
        {"prediction_id": "b", "kind": "stars", "label": "lots"},
        {"prediction_id": "b", "kind": "stars", "label": "4"},
        {"prediction_id": "b", "kind": "", "label": "wrong"},
        {"prediction_id": "c", "kind": "label", "label": "3"},
        {"prediction_id": "c", "kind": "thumbs", "label": "perhaps"},
        {"prediction_id": "c", "kind": "why", "label": "late"},
        {"prediction_id": "", "kind": "why", "label": "late"},
        {"prediction_id": "c", "kind": "why", "label": None},
    ]
    intake = canonical_labels_and_feedback(SAYS, FORMS[form](records), arrival=NOW)
    assert isinstance(intake, LabelIntake)
    assert intake.feedback is not None
    assert intake.table.select(["_id", "_label"]).to_pylist() == [
        {"_id": "a", "_label": 2.5},
        {"_id": "c", "_label": 3.0},
    ]
    told = [tuple(row.values()) for row in intake.feedback.select(["kind", "_id", "value"]).to_pylist()]
    assert sorted(told) == [("stars", "b", "4.0"), ("thumbs", "a", "true"), ("why", "c", "late")]
    assert sorted({entry["row"] for entry in intake.rejected}) == [2, 3, 5, 7, 9, 10]
    undeclared = next(entry for entry in intake.rejected if entry["row"] == 2)
    assert "has: thumbs, stars, why" in undeclared["error"]


def test_a_value_may_stand_under_value_or_under_label() -> None:
    records: list[dict[str, Any]] = [
        {"prediction_id": "a", "kind": "thumbs", "value": True},
        {"prediction_id": "b", "kind": "thumbs", "label": False},
    ]
    intake = canonical_labels_and_feedback(SAYS, records, arrival=NOW)
    assert isinstance(intake, LabelIntake)
    assert intake.feedback is not None
    assert intake.feedback["value"].to_pylist() == ["true", "false"]


def test_an_input_called_kind_is_no_kind_of_feedback() -> None:
    spec = ModelSpec(name="m", task="regression", features={"kind": "categorical"})
    records = [{"prediction_id": "a", "kind": "express", "label": 1.0}]
    assert canonical_labels_and_feedback(spec, records, arrival=NOW).rejected == []


@pytest.mark.slow
def test_feedback_is_a_ledger_of_its_own(home: Tiny) -> None:
    ws = home.workspace
    frame = home.log_days(0)
    name, other = frame["prediction_id"][:2]
    sent = [{"prediction_id": name, "kind": "thumbs", "value": True}, {"prediction_id": name, "label": 0.0}]
    assert ws.label(MODEL, sent)["accepted"] == 2
    again = ws.label(MODEL, [*sent, {"prediction_id": other, "kind": "thumbs", "value": False}])
    assert (again["accepted"], again["duplicates"]) == (1, 2)
    assert ws.label(MODEL, [{"prediction_id": name, "kind": "thumbs", "value": False}])["accepted"] == 1
    ws.label(MODEL, [{"prediction_id": name, "kind": "stars", "value": value} for value in (2, 4)])
    home.run_at(2)
    stars, thumbs = ws.feedback(MODEL)
    assert (stars["n"], stars["mean"], stars["shares"]) == (1, 4.0, {})
    assert (thumbs["n"], thumbs["mean"], thumbs["shares"]) == (2, None, {"true": 0.0})
    assert thumbs["coverage"] == pytest.approx(2 / A_DAY)
    assert ws.feedback(MODEL, "stars") == [stars]
    kinds = [(entry["kind"], entry["value"], entry["current"]) for entry in ws.label_history(MODEL, name)[2:]]
    assert kinds == [("stars", 2.0, False), ("stars", 4.0, True), ("thumbs", True, False), ("thumbs", False, True)]
    with pytest.raises(NotFoundError, match="has no feedback 'smile'; it has: thumbs, stars"):
        ws.feedback(MODEL, "smile")


def test_labels_and_feedback_of_one_append_are_one_transaction(home: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = home.log_days(0, labels=False)
    name = frame["prediction_id"][0]
    sent = [{"prediction_id": name, "kind": "thumbs", "value": True}, {"prediction_id": name, "label": 0.0}]
    monkeypatch.setenv("DRIFTDECK_FAULT", "append.after_rows=error")
    with pytest.raises(Exception, match="injected"):
        home.workspace.label(MODEL, sent)
    monkeypatch.delenv("DRIFTDECK_FAULT")
    assert home.workspace.label_history(MODEL, name) == []
    assert home.workspace.label(MODEL, sent)["accepted"] == 2


def test_a_model_without_labels_may_have_feedback(tmp_path: Path) -> None:
    declaration = '[models.scores]\ntask = "none"\n[models.scores.features]\nx = "numeric"\n'
    with tiny(tmp_path / "home", declaration) as opened:
        ws = opened.workspace
        ws.log("scores", [{"prediction_id": "a", "event_time": LIVE.isoformat(), "x": 1.0}])
        with pytest.raises(WorkspaceError, match="takes no labels"):
            ws.label("scores", [{"prediction_id": "a", "label": "x"}])
        ws.apply(declaration + '[models.scores.feedback]\nuseful = "boolean"\n')
        sent = [{"prediction_id": "a", "kind": "useful", "value": True}, {"prediction_id": "a", "label": "x"}]
        answer = ws.label("scores", sent)
        assert (answer["accepted"], [entry["row"] for entry in answer["rejected"]]) == (1, [1])
        ws.run("scores")
        (point,) = ws.feedback("scores")
        assert (point["n"], point["coverage"], point["shares"]) == (1, 1.0, {"true": 1.0})


# -- the command line --------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_command_line_shows_labels_a_ledger_and_feedback(
    home: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = home.log_days(0)
    home.workspace.label(MODEL, [{"prediction_id": frame["prediction_id"][0], "kind": "thumbs", "value": True}])
    home.run_at(2)
    home.workspace.close()

    def driftdeck(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["driftdeck", "--home", str(home.home), *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        return capsys.readouterr().out

    assert "60 labelled, 0 corrected, 0 without a prediction" in driftdeck("labels", MODEL)
    entries = json.loads(driftdeck("labels", MODEL, "--id", frame["prediction_id"][0], "--json"))
    assert [entry["kind"] for entry in entries] == ["label", "thumbs"]
    assert "true 100.0%" in driftdeck("feedback", MODEL)
    home.reopen()
