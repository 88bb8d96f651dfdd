"""Every page on a fake workspace: it draws, says the right words, keeps its filters in the address, and runs nothing."""

import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import registry, text
from service import context
from service.workspace import WorkspaceError
from tests.support import fake_story as story
from tests.support.fake_player import FakePlayer
from tests.support.fake_workspace import HOSTILE, MODEL, FakeWorkspace

WEEK = story.week(17)[0].isoformat()


def _script(name: str) -> None:
    from dashboard.app import main

    main(name)


@pytest.fixture
def serve():
    """Make a fake workspace current, and let go of it at the end."""

    def _serve(**how):
        workspace = FakeWorkspace(**how)
        context.set_workspace(workspace)
        return workspace

    yield _serve
    context.set_workspace(None)
    context.set_demo(None)


def _open(name, **params):
    page = AppTest.from_function(_script, args=(name,), default_timeout=30)
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page):
    parts = [*page.markdown, *page.caption, *page.title, *page.header, *page.info, *page.warning, *page.error]
    return "\n".join(part.value for part in parts)


def _plain(words):
    return re.sub(r"\\(.)", r"\1", words)


PAGES = {
    "overview": {},
    "models": {},
    "model": {"model": MODEL},
    "feature": {"model": MODEL, "column": "temp"},
    "references": {"model": MODEL},
    "performance": {"model": MODEL},
    "monitor": {"model": MODEL},
}


@pytest.mark.slow
@pytest.mark.parametrize("weeks", [22, 52])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_draws_without_an_error(serve, name, weeks):
    serve(until_week=weeks)
    page = _open(name, **PAGES[name])
    assert not page.error
    assert page.title


@pytest.mark.slow
def test_the_monitor_page_says_what_a_quiet_year_brings_and_under_another_budget(serve):
    serve()
    assert "expect **1.3** false warnings, of 1 allowed" in _words(_open("monitor", model=MODEL))
    page = _open("monitor", model=MODEL, budget="12")
    assert "of 12 allowed" in _words(page)
    assert "warnings_per_year = 12" in page.code[0].value


@pytest.mark.slow
def test_the_segment_of_the_address_is_the_one_that_is_shown(serve):
    serve()
    assert "Only the rows of carrier=B6" in _plain(_words(_open("model", model=MODEL, segment="carrier=B6")))
    assert "Only the rows of" not in _words(_open("model", model=MODEL))


def test_names_and_addresses_of_pages_are_unique_and_ordered():
    pages = registry.discover()
    assert {"overview", "models", "model", "feature", "performance"} <= {page.name for page in pages}
    assert [page.order for page in pages] == sorted(page.order for page in pages)


@pytest.mark.slow
def test_overview_counts_trouble_and_names_the_worst_first(serve):
    serve()
    page = _open("overview")
    assert page.title[0].value == "2 of 8 models need you"
    assert "▲ Page" in _words(page)
    assert "Since **30 Apr 2013**" in _words(page)
    assert next(iter(page.dataframe[0].value["model"])) == MODEL


def test_overview_never_paints_missing_data_as_fine(serve):
    serve()
    page = _open("overview", health="no_data")
    assert [cell[0] for cell in page.dataframe[0].value["health"]] == ["○ No data"]


@pytest.mark.slow
def test_overview_filter_and_search_come_from_the_address(serve):
    serve()
    page = _open("overview", health="ok")
    assert {cell[0] for cell in page.dataframe[0].value["health"]} == {"✓ OK"}
    page = _open("overview", q="filler-04")
    assert list(page.dataframe[0].value["model"]) == ["filler-04"]
    page = _open("overview", q="nowhere")
    assert "No model matches" in _words(page)


def test_a_filter_that_is_chosen_is_written_into_the_address(serve):
    serve()
    page = _open("overview")
    page.segmented_control(key="choice_health").set_value("warning").run()
    assert page.query_params["health"] == "warning"
    page.segmented_control(key="choice_health").set_value("all").run()
    assert "health" not in page.query_params


def test_an_empty_install_shows_three_steps_to_copy(serve):
    serve(empty=True)
    page = _open("overview")
    assert page.title[0].value == "No model yet"
    commands = "\n".join(code.value for code in page.code)
    for command in ("driftdeck demo", "driftdeck apply", "driftdeck log", "driftdeck label"):
        assert command in commands


def test_fifty_models_fit_one_light_table(serve):
    serve(extra=50)
    page = _open("overview")
    assert len(page.dataframe[0].value) == 51
    assert page.dataframe[0].value.memory_usage(deep=True).sum() < 150_000


@pytest.mark.slow
def test_model_page_tells_the_kinds_of_drift_apart(serve):
    serve()
    page = _open("model", model=MODEL)
    tiles = {metric.label: metric for metric in page.metric}
    assert tiles["Realised MAE"].value == "12.6 min"
    assert tiles["Data drift"].value.endswith("of 13")
    assert tiles["Concept drift"].value == "▲ Harmful"
    assert tiles["Concept drift"].delta == "62 % labels · lag\u00a04.2\u00a0h"
    assert "Prediction drift" in tiles


@pytest.mark.slow
def test_model_page_shows_the_window_of_the_address(serve):
    serve()
    page = _open("model", model=MODEL, window=WEEK)
    assert page.header[0].value == "Drift, week of 30 Apr 2013"
    assert next(iter(page.dataframe[0].value["column"])) == "error given inputs"
    assert next(iter(page.dataframe[0].value["verdict"])) == ["▲ Harmful"]


@pytest.mark.slow
def test_an_unknown_window_falls_back_to_the_latest(serve):
    serve()
    page = _open("model", model=MODEL, window="nonsense")
    assert page.header[0].value == "Drift, week of 28 May 2013"


@pytest.mark.slow
def test_the_range_narrows_and_own_days_are_included(serve):
    serve()
    page = _open("model", model=MODEL, range="30d")
    assert len(page.selectbox(key="select_window").options) == 5
    page = _open("model", model=MODEL, **{"from": "2013-04-30", "to": "2013-05-13"})
    assert len(page.selectbox(key="select_window").options) == 2
    page = _open("model", model=MODEL, **{"from": "2012-01-01", "to": "2012-01-02"})
    assert "No window lies in this time range" in _words(page)


@pytest.mark.slow
def test_nonsense_in_the_address_reads_as_the_default(serve):
    serve()
    page = _open("model", model=MODEL, range="forever", **{"from": "yesterday", "to": "<script>"})
    assert len(page.selectbox(key="select_window").options) == 22


@pytest.mark.slow
def test_an_unknown_model_is_said_in_words(serve):
    serve()
    page = _open("model", model="missing")
    assert "no model 'missing'" in _plain(page.warning[0].value)


@pytest.mark.slow
def test_without_a_choice_the_only_model_is_meant(serve):
    serve(extra=0)
    assert _open("model").title[0].value == "air\\_time"


def test_a_model_without_windows_says_what_to_do(serve):
    serve()
    page = _open("model", model="filler-05")
    assert "driftdeck run filler-05" in page.code[0].value


@pytest.mark.slow
def test_feature_page_has_statistic_threshold_origin_rows_and_windows(serve):
    serve()
    page = _open("feature", model=MODEL, column="temp", window=WEEK)
    words = _plain(_words(page))
    assert "1 false alert a year over 15 columns" in words
    assert "reference 1 Jan – 4 Mar against 30 Apr – 6 May" in words
    checks = page.dataframe[0].value
    assert next(iter(checks["threshold"])) == text.number(story.threshold_of("temp"))
    assert next(iter(checks["rows"])) == story.rows_in(17)
    assert next(iter(checks["reference rows"])) == 53_490


@pytest.mark.slow
def test_too_few_rows_give_no_verdict(serve):
    serve()
    page = _open("feature", model=MODEL, column="precip", window=story.week(21)[0].isoformat())
    assert "41 rows are too few" in _words(page)
    assert "not harmful" not in _words(page)


def test_an_unknown_column_is_said_in_words(serve):
    serve()
    page = _open("feature", model=MODEL, column="<b>nope</b>")
    assert "no column '<b>nope</b>'" in _plain(page.warning[0].value)


@pytest.mark.slow
def test_performance_page_asks_for_the_metric_and_grain_of_the_address(serve):
    workspace = serve()
    _open("performance", model=MODEL, metric="rmse", grain="1d")
    assert "performance rmse 1d" in workspace.calls
    _open("performance", model=MODEL, metric="nonsense", grain="1y")
    assert workspace.calls[-1] == "performance mae None"


def test_performance_page_counts_windows_past_the_threshold(serve):
    serve()
    page = _open("performance", model=MODEL)
    assert "past it in 5 of 22 windows" in _words(page)


def test_performance_page_says_how_many_labels_came_and_which_windows_wait(serve):
    serve()
    words = _plain(_words(_open("performance", model=MODEL)))
    assert "2 windows (outlined) will get more labels" in words
    assert "214 corrected · 38 labels without a prediction" in words
    assert "Feedback: thumbs" in words
    assert "Feedback: rating" in words


def test_performance_page_says_when_labels_are_late(serve):
    workspace = serve()
    found = workspace.labels(MODEL)
    found["windows"][-1] |= {"coverage": 0.2, "expected_coverage": 0.66}
    workspace.labels = lambda *_, **__: found
    words = _words(_open("performance", model=MODEL))
    assert "**Labels are late**" in words
    assert "has 20 % where 66 % was usual at its age" in words


@pytest.mark.slow
def test_performance_page_shows_what_a_restated_window_said_before(serve):
    workspace = serve()
    points = workspace.performance(MODEL)
    chosen = next(point for point in points if point["start"] == WEEK)
    chosen |= {"first_value": chosen["value"] * 0.93, "restated": 1}
    workspace.performance = lambda *_, **__: points
    page = _open("performance", model=MODEL, window=WEEK)
    assert "Restated once: " in _words(page)
    assert "Restated by late or corrected labels: 1 window" in [expander.label for expander in page.expander]


def test_performance_page_without_labels_says_no_data(serve):
    workspace = serve()
    workspace.labels = lambda *_, **__: {"labelled": 0, "corrected": 0, "orphans": 0, "windows": []}
    assert "○ No data" in _words(_open("performance", model=MODEL))


@pytest.mark.slow
def test_performance_rows_of_a_chosen_window_are_paged(serve):
    workspace = serve()
    page = _open("performance", model=MODEL, window=WEEK)
    assert "rows 0 20" in workspace.calls
    assert len(page.dataframe[0].value) == 20
    assert "1 to 20 of 100,000 rows" in _words(page)


def test_without_a_choice_the_rows_are_not_read(serve):
    workspace = serve()
    _open("model", model=MODEL)
    assert not [call for call in workspace.calls if call.startswith("rows")]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_model_names_are_text(serve, name):
    serve()
    page = _open("model", model=name)
    assert _plain(page.title[0].value).replace("\u2060", "") == name
    for part in [*page.markdown, *page.caption, *page.title]:
        if not part.value.startswith("<style>"):
            assert not re.search(r"(?<!\\)<(?:script|img)", part.value)
            assert not re.search(r"(?<!\\)\[x(?<!\\)\]\(javascript", part.value)


def test_an_error_of_the_workspace_is_a_sentence(serve, monkeypatch):
    workspace = serve()

    def broken(_):
        raise WorkspaceError("the database is away; start `driftdeck serve` again")

    monkeypatch.setattr(workspace, "windows", broken)
    page = _open("model", model=MODEL)
    assert "the database is away" in _plain(page.error[0].value)


def test_the_player_shows_in_the_demo_only(serve):
    workspace = serve()
    assert "The clock stands at" not in _words(_open("overview"))
    context.set_demo(FakePlayer(workspace))
    page = _open("overview")
    assert "The clock stands at **4 Jun 2013 00:00**" in _words(page)


def test_the_player_plays_on(serve):
    workspace = serve()
    player = FakePlayer(workspace)
    context.set_demo(player)
    page = _open("overview")
    page.button(key="demo_4 weeks").click().run()
    assert player.target == 26


def test_references_page_says_what_is_in_force_and_what_is_too_small(serve):
    serve()
    page = _open("references", model=MODEL)
    words = _plain(_words(page))
    assert "Reference **2** is in force: **12,140** rows of" in words
    assert "12,140 rows judge windows of 6,200: take 4 windows" in words
    table = page.dataframe[0].value
    assert list(table["version"]) == [2, 1]
    assert list(table["used"]) == ["nobody", "v1"]


def test_references_page_compares_the_two_of_the_address(serve):
    serve()
    page = _open("references", model=MODEL)
    assert "Of 15 columns **1** shifted" in _words(page)
    assert next(iter(page.dataframe[1].value["column"])) == "temp"
    same = _open("references", model=MODEL, version="2", other="2")
    assert "Choose two different ones" in _words(same)
    assert len(same.dataframe) == 1


@pytest.mark.slow
def test_references_page_freezes_only_when_asked_to(serve, monkeypatch):
    workspace = serve()
    asked: list[tuple[Any, dict[str, object]]] = []

    def freeze(model: str, data: Any, **more: object) -> dict[str, int]:
        asked.append((data, more))
        return {"version": 3}

    monkeypatch.setattr(workspace, "reference", freeze)
    page = _open("references", model=MODEL)
    page.button(key="freeze").click().run()
    assert page.button(key="freeze_confirm").label == "Freeze these rows"
    assert not asked
    dialog = AppTest.from_function(_freezing, args=(MODEL,), default_timeout=30).run()
    dialog.button(key="freeze_confirm").click().run()
    ((start, end), more) = asked[0]
    assert (start, end, more) == ("2013-05-07", "2013-06-04T00:00:00", {"actor": "dashboard"})


def _freezing(model: str) -> None:
    from dashboard import state
    from dashboard.components import freeze

    freeze.dialog(state.workspace().model(model))


def test_a_model_without_a_reference_is_told_how_to_make_one(serve, monkeypatch):
    workspace = serve()
    monkeypatch.setattr(workspace, "references", lambda _: [])
    assert f"driftdeck reference {MODEL}" in _open("references", model=MODEL).code[0].value
