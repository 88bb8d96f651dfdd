"""The page of reports on a fake workspace: ours and Evidently's side by side, a range, the week, and exports that are whole."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import export
from service import context, exporting
from tests.support.fake_workspace import HOSTILE, MODEL, FakeWorkspace


def _script(name: str) -> None:
    from dashboard.app import main

    main(name)


class Slow(FakeWorkspace):
    """Whose report by Evidently is being made until it is told to be ready."""

    state: Any = "making"
    started = 0

    def evidently_making(self, model: str, window: datetime, *, start: bool = False) -> Any:
        self.started += start
        return {
            "state": self.state,
            "seconds": 7.0,
            "error": "it failed: no memory" if self.state == "failed" else None,
        }


@pytest.fixture
def serve():
    def _serve(workspace: FakeWorkspace) -> FakeWorkspace:
        context.set_workspace(workspace)
        return workspace

    yield _serve
    context.set_workspace(None)


def _open(**params: str) -> AppTest:
    page = AppTest.from_function(_script, args=("report",), default_timeout=30)
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page: AppTest) -> str:
    parts = [
        *page.title,
        *page.header,
        *page.markdown,
        *page.caption,
        *page.info,
        *page.warning,
        *page.error,
    ]
    return "\n".join(part.value for part in parts).replace("\\", "")


def _frames(page: AppTest) -> list[str]:
    return [element.proto.src for element in page.get("iframe")]


def test_a_window_has_both_reports_once_evidentlys_is_made(serve: Any) -> None:
    workspace = serve(Slow())
    page = _open(model=MODEL)
    assert _words(page).startswith("Report, week of 28 May 2013")
    assert "Evidently is computing its report of this window" in _words(page)
    assert "7 s so far" in _words(page)
    assert workspace.started > 0
    [ours] = _frames(page)
    assert urlsplit(ours).path == f"/api/v1/models/{MODEL}/report"
    assert parse_qs(urlsplit(ours).query) == {"window": [workspace.windows(MODEL)[-1]["start"]], "format": ["html"]}
    workspace.state = "ready"
    page.run()
    assert _frames(page) == [ours, f"/reports/evidently/{MODEL}/2013-05-28T00%3A00%3A00-04%3A00"]


def test_what_failed_is_said_and_not_begun_again_by_itself(serve: Any) -> None:
    workspace = serve(Slow())
    workspace.state = "failed"
    page = _open(model=MODEL)
    assert "it failed: no memory" in _words(page)
    begun = workspace.started
    page.run()
    assert workspace.started == begun
    page.button(key="theirs_again").click().run()
    assert workspace.started == begun + 1


def test_another_window_is_two_clicks_away_and_in_the_address(serve: Any) -> None:
    workspace = serve(FakeWorkspace())
    windows = workspace.windows(MODEL)
    page = _open(model=MODEL, window=windows[5]["start"])
    assert page.selectbox(key="select_window").value == windows[5]["start"]
    page.button(key="report_earlier").click().run()
    assert page.query_params["window"] == windows[4]["start"]
    page.selectbox(key="select_window").select(windows[9]["start"]).run()
    assert page.query_params["window"] == windows[9]["start"]


@pytest.mark.slow
def test_a_moment_inside_a_window_finds_it(serve: Any) -> None:
    workspace = serve(FakeWorkspace())
    page = _open(model=MODEL, window="2013-05-01T12:00:00-04:00")
    assert page.selectbox(key="select_window").value == workspace.windows(MODEL)[17]["start"]
    assert _words(_open(model=MODEL, window="nonsense")).startswith("Report, week of 28 May 2013")


def test_the_range_is_ours_alone(serve: Any) -> None:
    serve(FakeWorkspace())
    page = _open(model=MODEL, scope="range", range="30d")
    [ours] = _frames(page)
    assert set(parse_qs(urlsplit(ours).query)) == {"since", "until", "format"}
    assert "Evidently's report is of one window" in _words(page)


def test_without_a_model_it_is_the_week(serve: Any) -> None:
    serve(FakeWorkspace())
    page = _open(week="2013-06-04")
    assert page.title[0].value == "3 Jun – 9 Jun 2013"
    assert "2 of 8 models need somebody" in _words(page)
    [frame] = _frames(page)
    assert parse_qs(urlsplit(frame).query) == {"week": ["2013-06-03"], "timezone": ["UTC"], "format": ["html"]}
    page.button(key="week_-7").click().run()
    assert page.query_params["week"] == "2013-05-27"


def test_an_empty_install_is_told_where_to_begin(serve: Any) -> None:
    serve(FakeWorkspace(empty=True))
    assert "There is no model yet" in _words(_open())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_in_their_part_of_an_address(name: str) -> None:
    for address in (
        export.report_address(name, window="2013-05-28T00:00:00-04:00"),
        export.evidently_address(name, "x"),
    ):
        assert not set(address) & set("<>\"'` \\")
        assert urlsplit(address).netloc == ""
        assert len(urlsplit(address).path.split("/")) == (6 if "api" in address else 5)


# -- exports -----------------------------------------------------------------------------------------------------------
def _table() -> None:
    from dashboard.components import export

    export.table(lambda: [{"row": number, "name": "=1+1"} for number in range(250)], name="a/b", key="rows")
    export.table([], name="nothing", key="nothing")


def test_a_table_offers_three_files_and_an_empty_one_none() -> None:
    page = AppTest.from_function(_table).run()
    assert not page.exception
    buttons = [element.proto for element in page.get("download_button")]
    assert [button.label for button in buttons] == ["CSV", "Parquet", "JSON"]


def test_a_paged_table_is_written_whole_and_only_when_it_is_asked_for() -> None:
    calls = []

    def rows() -> list[dict[str, Any]]:
        calls.append(1)
        return [{"row": number} for number in range(250)]

    write = export._writer(rows, "csv")
    assert calls == []
    assert len(list(csv.reader(io.StringIO(str(write()), newline="")))) == 251
    assert calls == [1]


def test_what_is_exported_of_the_week_is_what_is_shown(serve: Any) -> None:
    workspace = serve(FakeWorkspace())
    assert '"start": "2013-06-03T00:00:00+00:00"' in exporting.as_json_text(workspace.summary(date(2013, 6, 4)))
