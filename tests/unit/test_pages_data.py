"""The page on data: what it says, what its buttons do once, and what it shows when something is missing or broken."""

import re
import threading
import time
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import data_words
from service import context
from service.data_views import QuarantineGroup
from service.workspace import ConflictError, WorkspaceError
from tests.support.fake_workspace import HOSTILE, MODEL, FakeWorkspace


def _script() -> None:
    from dashboard.app import main

    main("data")


@pytest.fixture
def serve():
    """Make a fake workspace current, and let go of it at the end."""

    def _serve(**how):
        workspace = FakeWorkspace(**how)
        context.set_workspace(workspace)
        return workspace

    yield _serve
    context.set_workspace(None)


def _open(**params):
    page = AppTest.from_function(_script, default_timeout=30)
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page):
    kinds = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error", "success")
    parts = [part.value for kind in kinds for part in getattr(page, kind)]
    return re.sub(r"\\(.)", r"\1", "\n".join(parts))


def _until_idle(page, source):
    deadline = time.monotonic() + 30
    while page.button(key=_button(page, source)).disabled:
        assert time.monotonic() < deadline
        page.run()
    return page


def _button(page, source):
    (key,) = [button.key for button in page.button if (button.key or "").startswith(f"run_{source}_")]
    return key


def _tables(page, column):
    return [table.value for table in page.dataframe if column in table.value.columns]


def test_one_sentence_says_what_fails_since_when_and_what_was_refused(serve):
    serve()
    page = _open()
    assert page.title[0].value == "1 of 4 sources is failing"
    assert (
        "4 sources, one is failing: **arrivals** since **4 Jun 01:00** (8 h); **17 rows** were refused today"
        in _words(page)
    )


def test_every_source_says_how_it_does_never_by_colour_alone(serve):
    serve()
    page = _open()
    words = _words(page)
    for state in ("▲ Failed", "▷ Running", "○ Waiting", "✓ OK"):
        assert state in words
    assert "2.1 days behind" in words
    assert "the database did not answer after 3 tries" in words
    assert "880 rows read: 860 taken, 9 were there, 11 refused, in 2.40 s" in words
    assert "never yet" in words
    assert "in 17 h" in words
    assert page.button(key=_button(page, "gate-events")).disabled


def test_the_failing_source_stands_first(serve):
    serve()
    names = [button.key.split("_")[1] for button in _open().button if (button.key or "").startswith("run_")]
    assert names == ["arrivals", "gate-events", "seats-backfill", "nightly"]


def test_run_now_runs_once_and_tells_the_result(serve):
    workspace = serve()
    page = _open()
    page.button(key=_button(page, "nightly")).click().run()
    assert page.button(key=_button(page, "nightly")).disabled
    assert not page.success
    page = _until_idle(page, "nightly")
    assert [call for call in workspace.calls if call.startswith("run_source")] == [
        "run_source nightly dashboard manual"
    ]
    assert [done.value for done in page.success] == [
        "Done: 1,036 rows read: 1,016 taken, 9 were there, 11 refused, in 3.60 s."
    ]


def test_clicks_while_it_runs_and_late_ones_start_nothing(serve):
    workspace = serve()
    workspace.run_seconds = (
        0.0  # over before the page is drawn: the second click of a double click must still find it busy
    )
    page = _open()
    first = page.button(key=_button(page, "nightly"))
    first.click().run()
    assert page.button(key=_button(page, "nightly")).disabled
    assert not page.success
    assert page.button(key=_button(page, "nightly")).key != first.key
    page = _until_idle(page, "nightly")
    assert len([call for call in workspace.calls if call.startswith("run_source")]) == 1
    page.button(key=_button(page, "nightly")).click().run()
    _until_idle(page, "nightly")
    assert len([call for call in workspace.calls if call.startswith("run_source")]) == 2


def test_a_run_that_another_has_started_is_a_sentence(serve, monkeypatch):
    workspace = serve()

    def refuse(source, *, actor, trigger="manual"):
        raise ConflictError(f"source {source!r} is running since 02:00; wait until it is done")

    monkeypatch.setattr(workspace, "run_source", refuse)
    page = _open()
    page.button(key=_button(page, "nightly")).click().run()
    page = _until_idle(page, "nightly")
    assert "source 'nightly' is running since 02:00; wait until it is done" in _words(page)
    assert not page.exception


@pytest.mark.slow
def test_a_run_that_breaks_off_is_a_sentence_too(serve, monkeypatch):
    workspace = serve()

    def broken(source, *, actor, trigger="manual"):
        raise RuntimeError("the driver crashed")

    monkeypatch.setattr(workspace, "run_source", broken)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    page = _open()
    page.button(key=_button(page, "nightly")).click().run()
    page = _until_idle(page, "nightly")
    assert "the run broke off: RuntimeError: the driver crashed" in _words(page)


def test_the_latest_runs_are_read_when_they_are_asked_for(serve):
    workspace = serve()
    page = _open()
    asked = [call for call in workspace.calls if call.startswith("source_runs nightly")]
    assert asked == []
    page.session_state["runs_arrivals"] = True
    page.run()
    (runs,) = _tables(page, "Read up to")
    assert list(runs["State"])[:2] == [["▲ Failed"], ["▲ Failed"]]
    assert {"Rows", "Taken", "Were there", "Refused", "Seconds", "Error"} <= set(runs.columns)


def test_tiles_and_chart_tell_what_came_and_what_is_still_to_come(serve):
    serve()
    page = _open(model=MODEL)
    tiles = {metric.label: metric.value for metric in page.metric}
    assert tiles["Predictions logged"] == "136,400"
    assert tiles["With label"] == "135,300"
    assert tiles["Labels corrected"] == "214"
    assert tiles["Orphan labels"] == "38"
    assert tiles["Rows refused"] == "17"
    assert "The week of 28 May 2013 has 62 % of its labels; 66 % is usual at this age." in _words(page)


def test_reasons_stand_before_the_rows_and_the_rows_say_where_they_lie(serve):
    serve()
    page = _open(model=MODEL)
    (reasons,) = _tables(page, "First")
    assert list(reasons["Rows"]) == [6, 6, 5]
    (rows,) = _tables(page, "Expected")
    assert len(rows) == 17
    assert rows.iloc[0].to_dict() == {
        "When": "4 Jun 08:40",
        "From": "warehouse/flights_2013-06-03.csv",
        "Where": "line 6",
        "Column": "distance",
        "Value": "n/a",
        "Expected": "numeric",
        "Why": "distance is 'n/a', which is not a number",
        "The row": '{"prediction_id": "f-4", "distance": "n/a"}',
    }
    assert rows.iloc[1]["Where"] == "row 0"


@pytest.mark.slow
def test_a_hundred_thousand_refused_rows_are_sent_by_pages(serve):
    workspace = serve()
    workspace.refused = 100_000
    page = _open(model=MODEL, refused="4000")
    asked = [call for call in workspace.calls if call.startswith("quarantine ")]
    assert asked == ["quarantine 79980 20"]
    assert "79,981 to 80,000 of 100,000 rows" in _words(page)
    workspace.calls.clear()
    _open(model=MODEL, refused="nonsense")
    assert "quarantine 0 20" in workspace.calls
    _open(model=MODEL, refused="999999999")
    assert "quarantine 99980 20" in workspace.calls


def test_columns_that_changed_and_storage_are_told_in_words(serve):
    serve()
    words = _words(_open(model=MODEL))
    assert "● Appeared" in words
    assert "◆ Disappeared" in words
    assert "plane_year has been missing from every row" in words
    assert "**136,400** rows in the log, **1,204,000** in archives that queries reach (38.4 MB)." in words
    assert "Rows older than **400 days** go to the archive" in words
    assert "**2 people** had their rows deleted on request" in words


@pytest.mark.slow
def test_the_model_and_the_range_come_from_the_address(serve):
    serve()
    page = _open(model="filler-05")
    assert "Data of filler-05" in _words(page)
    assert "No prediction of" not in _words(page)
    assert "Nothing: every row that came was taken." in _words(page)
    page = _open(model=MODEL, range="30d")
    assert page.selectbox(key="select_model").value == MODEL
    page.selectbox(key="select_model").set_value("filler-05").run()
    assert page.query_params["model"] == "filler-05"


def test_an_unknown_model_is_said_in_words(serve):
    serve()
    assert "no model 'missing'" in _words(_open(model="missing"))


def test_without_a_model_the_page_teaches(serve):
    serve(empty=True)
    page = _open()
    assert page.title[0].value == "No data yet"
    assert "driftdeck apply" in "\n".join(code.value for code in page.code)


def test_without_sources_and_rows_the_page_teaches_each_way_in(serve, monkeypatch):
    workspace = serve(extra=0)
    view = {**workspace.model(MODEL), "rows": {"logs": 0, "labels": 0, "quarantined": 0}, "data_until": None}
    monkeypatch.setattr(workspace, "sources", list)
    monkeypatch.setattr(workspace, "models", lambda: [view])
    monkeypatch.setattr(workspace, "labels", lambda *_, **__: FakeWorkspace(empty=True).labels(MODEL))
    page = _open()
    assert page.title[0].value == "No data yet"
    assert "No source is declared" in _words(page)
    taught = "\n".join(code.value for code in page.code)
    for lesson in ("[sources.nightly]", "driftdeck log air_time", "/api/v1/models/air_time/logs", "client.log("):
        assert lesson in taught


CALLS = ["sources", "source_runs", "labels", "quarantine", "quarantine_groups", "schema_events", "storage", "erasures"]


@pytest.mark.parametrize("call", [*CALLS, "health"])
def test_whatever_cannot_be_answered_is_a_sentence(serve, monkeypatch, call):
    workspace = serve()

    def broken(*_, **__):
        raise WorkspaceError(f"{call} cannot be told; look at the log")

    monkeypatch.setattr(workspace, call, broken)
    page = _open(model=MODEL)
    assert call == "health" or f"{call} cannot be told" in _words(page)
    assert "Data of air_time" in _words(page)  # and the rest of the page is there
    assert len(page.title) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(serve, monkeypatch, name):
    workspace = serve()
    sources = [{**view, "name": name, "place": name, "schedule": name} for view in workspace.sources()[:1]]
    runs = [{**run, "error": name} for run in workspace.source_runs("arrivals")]
    events = [{**event, "words": name} for event in workspace.schema_events(MODEL)]
    groups = [{**group, "field": name} for group in workspace.quarantine_groups(MODEL)]
    sources[0]["last_run"] = runs[0]
    for call, answer in {
        "sources": sources,
        "source_runs": runs,
        "schema_events": events,
        "quarantine_groups": groups,
    }.items():
        monkeypatch.setattr(workspace, call, lambda *_, answer=answer, **__: answer)
    page = _open(model=MODEL)
    for kind in ("markdown", "caption", "title", "error"):
        for part in getattr(page, kind):
            if not part.value.startswith("<style>"):
                assert not re.search(r"(?<!\\)<(?:script|img)", part.value)
                assert not re.search(r"(?<!\\)\[x(?<!\\)\]\(javascript", part.value)


# -- words -------------------------------------------------------------------------------------------------------------
def test_trouble_began_with_the_first_of_the_unbroken_failures():
    runs = FakeWorkspace().source_runs("arrivals")
    assert data_words.failing_since(runs) == runs[4]["started_at"]
    assert data_words.failing_since([{**runs[0], "state": "running"}, *runs]) == runs[4]["started_at"]
    assert data_words.failing_since([runs[5]]) is None


@pytest.mark.parametrize(
    ("hours_ago", "words"),
    [
        ((1, 1), "**3 rows** were refused today"),
        ((30, 30), "none was refused today, 3 rows lie in quarantine since 3 Jun"),
        ((30, 1), "**3 rows** were refused since 3 Jun, the latest 4 Jun 08:00"),
    ],
)
def test_what_was_refused_is_counted_for_today_only_when_it_is_known(hours_ago, words):
    now = FakeWorkspace().now()
    first, last = ((now - timedelta(hours=hours)).isoformat() for hours in hours_ago)
    group = QuarantineGroup(field="x", error="bad", origin=None, rows=3, first_seen=first, last_seen=last)
    found = data_words.refused([group], now.isoformat(), "America/New_York")
    assert data_words.refusals(found, "America/New_York") == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "—"), (3.0, "up to date"), (90.0, "2 min behind"), (200_000.0, "2.3 days behind")]
)
def test_lag_is_told_in_words(seconds, words):
    assert data_words.lag(seconds) == words


@pytest.mark.parametrize(
    ("words", "short"),
    [
        (None, None),
        ("http", "http"),
        ("warehouse/flights_2013-06-03.csv", "warehouse/flights_2013-06-03.csv"),
        ("source nightly: /data/warehouse/2026/11/22/scored.csv", "source nightly: …/scored.csv"),
        ("s3://bucket/predictions/2026/11/22/part-0001.jsonl.gz", "…/part-0001.jsonl.gz"),
    ],
)
def test_of_a_long_path_the_file_is_named(words, short):
    assert data_words.origin(words) == short


def _repairing() -> None:
    from dashboard import state
    from dashboard.components import repair

    rows = state.workspace().quarantine("air_time", limit=3)
    repair.table(repair.repairable(rows), "air_time", "UTC")


def test_refused_rows_are_taken_together_or_the_page_says_which_is_still_wrong(serve):
    workspace = serve()
    page = AppTest.from_function(_repairing, default_timeout=30).run()
    assert "Correct the values" in _words(page)
    page.button(key="repair_confirm").click().run()
    assert "still wrong" in _words(page)
    assert "row 1: distance is 'n/a'" in _words(page)
    assert workspace.refused == 17
    page.session_state["repair_table"] = {
        "edited_rows": {0: {"distance": "731"}}, "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    page.run()
    page.button(key="repair_confirm").click().run()
    assert not page.exception
    assert workspace.refused == 14
