"""Columns that come otherwise than declared, rows that are refused: recorded in bounds, told in words, raised as alerts."""

import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.local import LocalWorkspace
from service.local.due import LONGEST_GAP
from service.views import AlertView
from storage.intake import Intake, canonical_log
from storage.observed import MOST, Watch
from storage.quarantine import MOST_CHARACTERS
from tests.support.homes import empty

START = datetime(2024, 1, 1, tzinfo=UTC)
DECLARATION = """
[models.m]
task = "regression"
subject = "who"

[models.m.features]
size = "numeric"
kind = "categorical"
open = "boolean"

[models.m.monitor]
window = "1d"
multivariate = []
grace = "0s"
"""


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(tmp_path: Path, clock: Clock) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=clock) as local:
        local.apply(DECLARATION)
        yield local


def rows(clock: Clock, n: int = 40, **more: Any) -> list[dict[str, Any]]:
    common = {"prediction": 1, "label": 1, "size": 1, "kind": "k", "open": True}
    at = clock.now.isoformat()
    found = [{"event_time": at, **common, "size": i % 7, **more} for i in range(n)]
    return [{name: value for name, value in row.items() if value is not ...} for row in found]


def events(workspace: LocalWorkspace) -> list[tuple[str, str, str, int]]:
    return [(e["column"], e["event"], e["type"], e["rows"]) for e in reversed(workspace.schema_events("m"))]


def stored(workspace: LocalWorkspace) -> int:
    with workspace.core.db.cursor() as con:
        return int(con.execute("SELECT count(*) FROM observed_column").fetchall()[0][0])


def test_an_undeclared_column_is_told_once_with_its_type_and_counted_by_the_hour(
    workspace: LocalWorkspace, clock: Clock
):
    assert workspace.log("m", rows(clock))["accepted"] == 40
    assert events(workspace) == []
    for _ in range(3):
        workspace.log("m", rows(clock, colour="red", weight=1.5))
    assert events(workspace) == [("colour", "appeared", "categorical", 40), ("weight", "appeared", "numeric", 40)]
    clock.now += timedelta(hours=2)
    workspace.log("m", rows(clock, colour="red"))
    assert ("colour", "appeared", "categorical", 160) in events(workspace)
    assert stored(workspace) == 2
    (told,) = [e["words"] for e in workspace.schema_events("m") if e["column"] == "colour"]
    assert "declare it categorical" in told
    workspace.apply(DECLARATION.replace('"boolean"', '"boolean"\ncolour = "categorical"'))
    (told,) = [e["words"] for e in workspace.schema_events("m") if e["column"] == "colour"]
    assert "declared categorical since" in told


def test_a_restart_remembers(tmp_path: Path, clock: Clock):
    told: list[tuple[str, str, str, int]] = []
    for _ in range(2):
        with LocalWorkspace.open(empty(tmp_path / "home"), now=clock) as workspace:
            workspace.apply(DECLARATION)
            workspace.log("m", rows(clock))
            workspace.log("m", rows(clock, colour="red", size=...))
            assert {event[:2] for event in events(workspace)[:2]} == {("size", "disappeared"), ("colour", "appeared")}
            told = events(workspace)
            assert len({event[:2] for event in told}) == stored(workspace)
    assert ("size", "returned") in {event[:2] for event in told}


def test_a_column_that_stays_away_is_told_once_and_so_is_its_return(workspace: LocalWorkspace, clock: Clock):
    workspace.log("m", rows(clock, kind=...))
    assert events(workspace) == []  # it was never there
    workspace.log("m", rows(clock))
    for n in (29, 40, 40):  # a small batch says nothing
        workspace.log("m", rows(clock, n, kind=...))
    assert events(workspace) == [("kind", "disappeared", "categorical", 40)]
    clock.now += timedelta(minutes=1)
    workspace.log("m", rows(clock, 1))
    assert events(workspace)[1:] == [("kind", "returned", "categorical", 1)]
    workspace.log("m", rows(clock, kind=...))  # two senders that differ must not fill the file
    assert stored(workspace) == 2
    clock.now += timedelta(hours=2)
    workspace.log("m", rows(clock, kind=...))
    assert [event[1] for event in events(workspace)] == ["disappeared", "returned", "disappeared"]


def test_values_of_another_type_say_what_the_column_would_have_to_be(workspace: LocalWorkspace, clock: Clock):
    answer = workspace.log("m", rows(clock, 3, size="XL") + rows(clock, 2, open="perhaps") + rows(clock, 1, kind={}))
    assert answer["rejected_rows"] == 6
    assert set(events(workspace)) == {("size", "widened", "categorical", 3), ("open", "widened", "categorical", 2)}
    words = {e["column"]: e["words"] for e in workspace.schema_events("m")}
    assert "declare it categorical" in words["size"]
    workspace.apply(DECLARATION.replace('size = "numeric"', 'size = "categorical"'))
    assert workspace.log("m", rows(clock, 3, size="XL"))["accepted"] == 3
    words = {e["column"]: e["words"] for e in workspace.schema_events("m")}
    assert "declared categorical since" in words["size"]


def test_times_ahead_of_the_clock_are_kept_and_told(workspace: LocalWorkspace, clock: Clock):
    sent = rows(clock, 2, event_time="2199-01-01") + rows(
        clock, 1, event_time=(START + timedelta(hours=20)).isoformat()
    )
    assert workspace.log("m", sent)["accepted"] == 3
    assert events(workspace) == [("event_time", "ahead", "datetime", 2)]


def test_a_repeated_append_shows_nothing_new(workspace: LocalWorkspace, clock: Clock):
    sent = rows(clock, colour="red")
    for _ in range(2):
        workspace.log("m", sent, key="once")
    clock.now += timedelta(hours=3)
    workspace.log("m", sent, key="once")
    assert events(workspace) == [("colour", "appeared", "categorical", 40)]


@pytest.mark.slow
def test_undeclared_columns_are_remembered_in_bounds(workspace: LocalWorkspace, clock: Clock):
    for part in range(3):
        more = {f"odd {part} {n} \ud800": 1 for n in range(MOST // 2)}
        assert workspace.log("m", rows(clock, 1, **more))["accepted"] == 1
    assert stored(workspace) == MOST


@pytest.mark.slow
def test_appends_at_once_share_what_is_known(workspace: LocalWorkspace, clock: Clock):
    """Two threads bring columns of their own, two look on, and the interpreter switches as often as it can."""
    db, spec = workspace.core.db, workspace.core.spec("m")
    workspace.log("m", rows(clock, 1, **{f"known {n}": 1 for n in range(700)}))
    news = [
        [canonical_log(spec, rows(clock, 1, **{f"odd {t} {n}": 1}), arrival=clock.now) for n in range(60)]
        for t in (0, 1)
    ]
    failed: list[BaseException] = []
    over = threading.Event()

    def bring(blocks: list[Intake]) -> None:
        try:
            for block in blocks:
                watch = Watch(db, spec, block, clock.now)
                db.write(watch.write)
                watch.done()
        except BaseException as error:
            failed.append(error)

    def look(block: Intake) -> None:
        try:
            while not over.is_set():
                Watch(db, spec, block, clock.now)
        except BaseException as error:
            failed.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        lookers = [threading.Thread(target=look, args=(news[0][0],)) for _ in range(2)]
        bringers = [threading.Thread(target=bring, args=(blocks,)) for blocks in news]
        for thread in [*lookers, *bringers]:
            thread.start()
        for thread in bringers:
            thread.join()
        over.set()
        for thread in lookers:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failed == []
    assert stored(workspace) == 700 + 2 * 60


def test_a_count_that_is_due_is_written_by_one_of_two_appends(workspace: LocalWorkspace, clock: Clock):
    db, spec = workspace.core.db, workspace.core.spec("m")
    workspace.log("m", rows(clock, 10, colour="red"))
    workspace.log("m", rows(clock, 5, colour="red"))
    clock.now += timedelta(hours=2)
    block = canonical_log(spec, rows(clock, 7, colour="red"), arrival=clock.now)
    one, other = Watch(db, spec, block, clock.now), Watch(db, spec, block, clock.now)  # before either is done
    for watch in (one, other):
        if watch.notes:
            db.write(watch.write)
        watch.done()
    assert events(workspace) == [("colour", "appeared", "categorical", 10 + 5 + 7)]
    clock.now += timedelta(hours=2)
    workspace.log("m", rows(clock, 1, colour="red"))
    assert events(workspace) == [("colour", "appeared", "categorical", 10 + 5 + 7 + 7 + 1)]


# -- alerts --------------------------------------------------------------------------------------------------------------
def one_day(workspace: LocalWorkspace, clock: Clock, *batches: list[dict[str, Any]]) -> list[AlertView]:
    """Log batches, let the day pass, and return the alerts there are."""
    for batch in batches:
        workspace.log("m", batch)
    clock.now = clock.now.replace(hour=0) + timedelta(days=1)
    workspace.run("m")
    clock.now += timedelta(hours=1)
    return workspace.alerts("m")


@pytest.mark.slow
def test_refused_rows_and_columns_raise_one_alert_that_resolves(workspace: LocalWorkspace, clock: Clock):
    clock.now += timedelta(hours=1)
    many = [
        row for hour in range(20) for row in rows(clock, 50, event_time=(START + timedelta(hours=hour)).isoformat())
    ]
    workspace.reference("m", many)
    assert one_day(workspace, clock, rows(clock, 400, plan=1), rows(clock, 9, size="XL")) == []  # too few to warn
    (alert,) = one_day(workspace, clock, rows(clock, 400), rows(clock, 12, size="XL"), rows(clock, 300, tariff=1))
    assert (alert["kind"], alert["severity"], alert["state"], alert["column"]) == (
        "data_quality",
        "warning",
        "firing",
        None,
    )
    assert alert["headline"] == "Rows were refused"
    assert "12 of 712" in alert["message"]
    assert "tariff" in alert["message"]
    assert "plan" not in alert["message"]  # came with the model's first rows
    one_day(workspace, clock, rows(clock, 300))
    (alert,) = one_day(workspace, clock, rows(clock, 300))
    assert alert["state"] == "resolved"
    found = workspace.readings("m", check="refused_rows")
    assert [(r["verdict"], r["n"], r["unit"]) for r in found] == [("ok", 409, "share"), ("warning", 712, "share")]
    assert found[1]["value"] == pytest.approx(12 / 712)


@pytest.mark.slow
def test_a_new_column_alone_is_a_notice_and_a_missing_one_a_warning_while_it_is_away(
    workspace: LocalWorkspace, clock: Clock
):
    clock.now += timedelta(hours=1)
    workspace.reference("m", rows(clock, 500))
    assert one_day(workspace, clock, rows(clock, 400)) == []
    (alert,) = one_day(workspace, clock, rows(clock, 400, tariff=1))
    assert (alert["severity"], alert["headline"]) == ("notice", "Undeclared columns came along")
    alert, before = one_day(workspace, clock, rows(clock, 200), rows(clock, 30, open=...))
    assert (before["headline"], before["state"]) == ("Undeclared columns came along", "recovering")
    assert (alert["severity"], alert["headline"]) == ("warning", "Declared columns stay away")
    assert alert["members"] == ["open"], "the column whose values are missing because it stays away"
    assert [r["value"] for r in workspace.readings("m", check="missing_columns")] == [1.0]


@pytest.mark.slow
def test_what_a_refused_row_held_is_told_by_no_reading_alert_or_message(workspace: LocalWorkspace, clock: Clock):
    clock.now += timedelta(hours=1)
    workspace.reference("m", rows(clock, 500))
    said = "HIV positive, call 555"
    (alert,) = one_day(workspace, clock, rows(clock, 400), rows(clock, 40, size=said), rows(clock, 3, open="perhaps"))
    assert "Most often: size: a number was expected." in alert["message"]
    (refused,) = workspace.readings("m", check="refused_rows")
    assert "Most often: size: a number was expected." in refused["sentence"]
    kept = [workspace.readings("m"), workspace.alerts("m"), workspace.alert(alert["id"])]
    assert said not in str(kept)
    assert "HIV" not in str(kept)


@pytest.mark.slow
def test_a_type_that_widens_is_a_notice_of_its_own_once(workspace: LocalWorkspace, clock: Clock):
    clock.now += timedelta(hours=1)
    workspace.reference("m", rows(clock, 500))
    assert one_day(workspace, clock, rows(clock, 400)) == []
    (alert,) = one_day(workspace, clock, rows(clock, 1000), rows(clock, 2, size="XL"))  # less than refusals warn from
    assert (alert["kind"], alert["severity"], alert["headline"]) == (
        "data_quality",
        "notice",
        "Values of another type came",
    )
    assert "size" in alert["message"]
    assert "XL" not in alert["message"]
    for _ in range(2):
        one_day(workspace, clock, rows(clock, 1000), rows(clock, 2, size="L"))
    assert [r["value"] for r in workspace.readings("m", check="widened_columns")] == [1.0]
    assert [found["state"] for found in workspace.alerts("m")] == ["resolved"]


@pytest.mark.slow
def test_rows_of_1970_and_2199_make_no_windows_of_their_own(workspace: LocalWorkspace, clock: Clock):
    workspace.apply(DECLARATION.replace('window = "1d"', 'window = "1h"'))
    clock.now += timedelta(hours=1)
    workspace.reference("m", rows(clock, 500))
    workspace.log("m", rows(clock, 100))
    workspace.log("m", rows(clock, 1, event_time="1970-01-01") + rows(clock, 1, event_time="2199-12-31"))
    workspace.log("m", rows(clock, 1, event_time="2021-01-01"))
    clock.now += timedelta(hours=2)
    (run,) = workspace.run("m")
    assert run["windows"] <= LONGEST_GAP + 4
    assert max(r["window_end"] for r in workspace.readings("m")) <= clock.now.isoformat()
    assert min(r["window_start"] for r in workspace.readings("m")) >= "2021"
    assert workspace.run("m")[0]["windows"] == 0
    assert workspace.model("m")["rows"]["logs"] == 103
    for view in (workspace.windows("m"), workspace.performance("m")):
        assert len(view) < 40_000


# -- quarantine ----------------------------------------------------------------------------------------------------------
def test_quarantine_is_read_by_page_and_by_reason(workspace: LocalWorkspace, clock: Clock):
    workspace.log("m", rows(clock, 3, size="XL", who="Ann"))
    clock.now += timedelta(hours=1)
    workspace.log("m", [*rows(clock, 2, size="y" * 5000), *rows(clock, 1, event_time=None), "no row"])
    workspace.label("m", [{"prediction_id": "a", "label": None}])
    found = workspace.quarantine("m")
    assert [entry["kind"] for entry in found] == ["label"] + ["log"] * 7
    assert [entry["row"] for entry in workspace.quarantine("m", limit=3, offset=1)] == [3, 2, 1]
    assert all(entry["arrival_time"].endswith("+00:00") for entry in found)
    assert max(len(entry["value"] or "") for entry in found) <= MOST_CHARACTERS
    groups = workspace.quarantine_groups("m")
    assert (groups[0]["field"], groups[0]["rows"]) == ("size", 5)
    assert groups[0]["first_seen"] < groups[0]["last_seen"]
    assert sum(g["rows"] for g in groups) == len(found) == workspace.model("m")["rows"]["quarantined"]
    with workspace.core.db.cursor() as con:
        people = con.execute("SELECT DISTINCT subject FROM quarantine WHERE subject IS NOT NULL").fetchall()
    assert people == [("Ann",)]
