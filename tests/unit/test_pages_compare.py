"""The page Compare on a fake workspace, the words of slices, and the command."""

import json
import sys
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import registry
from dashboard.text import plain
from service import context
from service.cli import main
from service.cli.session import Session
from service.slice_words import parse, parts_of
from service.workspace import WorkspaceError
from tests.support.fake_workspace import MODEL, FakeWorkspace

ZONE = ZoneInfo("America/New_York")


def _script() -> None:
    from dashboard.app import main as draw

    draw("compare")


@pytest.fixture
def workspace():
    """Make a fake workspace current, and let go of it at the end."""
    made = FakeWorkspace()
    context.set_workspace(made)
    yield made
    context.set_workspace(None)


def _open(**params: str) -> Any:
    page = AppTest.from_function(_script, default_timeout=90)
    for key, value in params.items():
        page.query_params[key] = value
    return _run(page)


def _run(page: Any) -> Any:
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page: Any) -> str:
    return " ".join(str(element.value) for element in [*page.markdown, *page.caption, *page.info, *page.error])


def _table(page: Any, name: str) -> Any:
    return next(frame.value for frame in page.dataframe if name in frame.value.columns)


def test_the_page_says_what_it_takes_before_there_is_a_file(workspace: FakeWorkspace) -> None:
    page = _open()
    assert "CSV, TSV, JSON lines, Parquet or Arrow, plain or gzipped; 8 MiB together" in _words(page)
    assert [button.label for button in page.button] == ["Try it with two months of flights"]
    assert not page.dataframe


@pytest.mark.slow
def test_the_flights_answer_at_once_and_the_address_says_so(workspace: FakeWorkspace) -> None:
    page = _open()
    page.button(key="try_example").click()
    _run(page)
    assert page.query_params["example"] == "flights"
    words = _words(page)
    assert "6 of 15 columns changed beyond chance; the largest: temp" in words.replace("\\", "")
    table = _table(page, "histogram")
    assert table["column"].iloc[0] == "temp"
    assert table["verdict"].iloc[0] == ["■ Changed"]
    assert table["histogram"].notna().all()
    assert {"Driftdeck", "PSI > 0.2", "KS p < 0.05", "Evidently, defaults"} == set(_table(page, "rule")["rule"])


@pytest.mark.slow
def test_a_column_is_chosen_by_keyboard_and_stands_in_the_address(workspace: FakeWorkspace) -> None:
    page = _open(example="flights", column="air_time")
    assert "air\\_time changed" in _words(page)
    page.selectbox(key="select_column").select("origin")
    _run(page)
    assert page.query_params["column"] == "origin"
    assert "origin: no change beyond chance" in _words(page).replace("\\", "")


@pytest.mark.slow
def test_columns_are_filtered_by_verdict_and_name(workspace: FakeWorkspace) -> None:
    page = _open(example="flights", verdict="ok", q="wind")
    assert list(_table(page, "histogram")["column"]) == ["wind_dir", "wind_speed"]
    page = _open(example="flights", q="nothing like it")
    assert "No column fits the filter" in _words(page)


@pytest.mark.slow
def test_another_tool_may_decide(workspace: FakeWorkspace) -> None:
    page = _open(example="flights", preset="evidently")
    assert "as Evidently judges on its defaults" in _words(page)


def test_slices_are_compared_and_hostile_names_are_only_text(workspace: FakeWorkspace) -> None:
    page = _open(what="slices", model=MODEL)
    words = _words(page)
    assert "Mean absolute error is 12" in words
    assert list(_table(page, "histogram")["column"]) == ["temp", "<script>alert(1)</script>", "distance"]
    row = _table(page, "difference").iloc[0]
    assert (row["reference"], row["current"], row["difference"]) == (
        "8.31 min",
        "12.6 min",
        "+4.29 (+3.30 to +5.20) min",
    )
    assert row["told"] == "▼ worse"
    assert "<script" not in words


@pytest.mark.slow
def test_slices_are_chosen_swapped_and_kept_in_the_address(workspace: FakeWorkspace) -> None:
    page = _open(what="slices", model=MODEL, left="reference", right="last:7d,version:v1")
    assert page.selectbox(key="right_version").value == "version:v1"
    page.selectbox(key="right_period").select("all")
    _run(page)
    assert page.query_params["right"] == "all,version:v1"
    page.button(key="shortcut_Swap sides").click()
    _run(page)
    assert (page.query_params["left"], page.query_params["right"]) == ("all,version:v1", "reference")


def test_a_slice_without_rows_is_told_in_words(workspace: FakeWorkspace) -> None:
    page = _open(what="slices", model=MODEL, right="nothing")
    assert "holds no profiled rows" in _words(page)
    assert not page.dataframe


@pytest.mark.slow
def test_without_models_files_can_still_be_compared() -> None:
    context.set_workspace(FakeWorkspace(empty=True))
    try:
        assert "Two files can be compared without one" in _words(_open(what="slices"))
        assert "changed beyond chance" in _words(_open(example="flights"))
    finally:
        context.set_workspace(None)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2013-05-01..2013-05-08", "2013-05-01T00:00:00-04:00", "2013-05-08T00:00:00-04:00"),
        ("2013-05-01", "2013-05-01T00:00:00-04:00", "2013-05-02T00:00:00-04:00"),
        ("2013-12", "2013-12-01T00:00:00-05:00", "2014-01-01T00:00:00-05:00"),
        ("2013-05..2013-07", "2013-05-01T00:00:00-04:00", "2013-07-01T00:00:00-04:00"),
        ("2013-05-01T06:00..", "2013-05-01T06:00:00-04:00", None),
        ("..2013-05-01T06:00+00:00", None, "2013-05-01T06:00:00+00:00"),
    ],
)
def test_periods_are_read_in_the_time_zone_of_the_model(text: str, start: str | None, end: str | None) -> None:
    asked = parse(text, ZONE)
    assert (asked.start and asked.start.isoformat(), asked.end and asked.end.isoformat()) == (start, end)


def test_the_value_of_a_segment_may_hold_anything() -> None:
    asked = parse("last:4w, version:v2, role:shadow, segment:city=A, B: last:7d", ZONE)
    assert (asked.version, asked.role, asked.segment) == ("v2", "shadow", "city=A, B: last:7d")
    assert asked.last is not None
    assert asked.last.days == 28
    parts = parts_of("2013-05,version:v2,segment:city=A, B")
    assert (parts.period, parts.version, parts.segment) == ("2013-05", "version:v2", "segment:city=A, B")
    assert parts_of(parts.text) == parts


@pytest.mark.parametrize(
    "text", ["last:0d", "version:", "2013-13", "2013-02-30", "..", "role:champion", "99999-01-01..", "9999-12"]
)
def test_what_is_no_slice_is_refused_with_what_can_be_written(text: str) -> None:
    with pytest.raises(WorkspaceError, match="write 2013-05-01"):
        parse(text, ZONE)


def test_the_command_prints_one_document_and_tells_drift_by_its_exit_code(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Session, "workspace", lambda _self: workspace)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["driftdeck", "compare-windows", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    assert run(MODEL, "reference", "last:7d", "--json", "--fail-on", "drift") == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["drift"], found["columns"][0]["column"]) == (True, "temp")
    assert run(MODEL, "reference", "last:7d") == 0
    said = capsys.readouterr()
    assert "left: reference: 5,936 rows, 5,836 with labels" in said.out
    assert "note: intervals of metrics" in said.err
    assert run(MODEL, "reference", "nothing") == 1
    assert "holds no profiled rows" in capsys.readouterr().err


@pytest.mark.slow
def test_a_compared_file_is_handed_on_to_the_wizard(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[str | None, bytes]] = []

    def keep(data: Any, *, name: str | None = None, actor: str = "cli") -> Any:
        taken.append((name, data.read()))
        return {"id": "u1"}

    monkeypatch.setattr(workspace, "keep_upload", keep)
    gone: list[Any] = []
    monkeypatch.setattr(registry, "go", lambda page, **params: gone.append((page, params)))
    page = _open(example="flights")
    button = next(each for each in page.button if each.key == "compare_setup")
    button.click()
    _run(page)
    name, data = taken[0]
    assert name is not None
    assert plain(name, 40) in button.label
    assert data
    assert gone == [("setup", {"upload": "u1"})]
