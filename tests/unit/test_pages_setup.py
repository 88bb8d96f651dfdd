"""The page Set up: from a file to what stands, every choice in the address, and never a dead end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import state as state_of_page
from dashboard.components import setup_steps
from dashboard.pages import setup
from service import context
from service.setting_up_views import SetUpView
from service.workspace import NotFoundError, WorkspaceError
from tests.support.fake_workspace import FakeWorkspace

Serve = Callable[..., FakeWorkspace]


def _script() -> None:
    from dashboard.app import main

    main("setup")


def _empty() -> None:
    from dashboard.app import main

    main("monitor")


@pytest.fixture
def serve() -> Iterator[Serve]:
    def _serve(**how: Any) -> FakeWorkspace:
        workspace = FakeWorkspace(**how)
        context.set_workspace(workspace)
        return workspace

    yield _serve
    context.set_workspace(None)


def _open(**params: str) -> AppTest:
    return _opened(_script, params)


def _opened(script: Callable[[], None], params: dict[str, str]) -> AppTest:
    page = AppTest.from_function(script, default_timeout=60)
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page: AppTest) -> str:
    kinds = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error", "success")
    parts = [part.value for kind in kinds for part in getattr(page, kind)]
    return re.sub(r"\\(.)", r"\1", "\n".join(parts))


def _dropped(serve: Serve, **params: str) -> tuple[FakeWorkspace, AppTest]:
    workspace = serve()
    kept = workspace.example_upload()
    return workspace, _open(upload=kept["id"], **params)


@pytest.mark.slow
def test_a_stranger_begins_with_example_data(serve: Serve) -> None:
    serve()
    page = _open()
    assert "nothing is set up before you say so" in _words(page)
    page.button(key="setup_example").click().run()
    assert not page.exception
    assert page.query_params["upload"] == "0123456789abcdef"
    words = _words(page)
    assert "**example_churn.csv** holds **12,000** rows of 10 columns" in words
    assert "39 windows held against the 21 before" in words


@pytest.mark.slow
def test_every_guess_stands_with_its_reason_and_the_toml(serve: Serve) -> None:
    _, page = _dropped(serve)
    words = _words(page)
    assert "**predicted** has two values: leaves and stays." in words
    assert "A high **p_leaves** goes with it." in words
    assert "Its offsets (+00:00) are those of that zone." in words
    assert "standard deviations" in words
    assert any('[models.example_churn]\ntask = "binary"' in code.value for code in page.code)
    assert not page.button(key="setup_go").disabled


@pytest.mark.slow
def test_what_is_chosen_goes_into_the_address_and_comes_from_it(serve: Serve) -> None:
    _, page = _dropped(serve)
    page.selectbox(key="setup_window").select("1w").run()
    page.text_input(key="setup_name").set_value("leavers").run()
    page.slider(key="setup_learn").set_value(3).run()
    page.select_slider(key="setup_warnings").set_value(12.0).run()
    assert not page.exception
    query = {name: page.query_params[name] for name in ("window", "name", "learn", "warnings")}
    assert query == {"window": "1w", "name": "leavers", "learn": "3", "warnings": "12"}
    toml = next(code.value for code in page.code if "[models." in code.value)
    again = _open(upload="0123456789abcdef", **query)  # a fresh browser
    assert next(code.value for code in again.code if "[models." in code.value) == toml
    assert "[models.leavers.monitor]" in toml
    assert "warnings_per_year = 12.0" in toml


@pytest.mark.slow
def test_columns_in_the_address_change_what_is_set_up(serve: Serve) -> None:
    columns = {"actual": {"role": "ignored"}, "age": {"type": "categorical"}, "plan": {"segment": False}}
    _, page = _dropped(serve, columns=json.dumps(columns))
    toml = next(code.value for code in page.code if "[models." in code.value)
    assert 'label = "actual"' not in toml
    assert 'age = "categorical"' in toml
    assert "segments" not in toml
    assert "no column is the truth" in _words(page)


@pytest.mark.slow
@pytest.mark.parametrize(
    "odd", [{"columns": "{not json"}, {"columns": '{"age": {"role": "king"}}'}, {"learn": "many"}, {"warnings": "-3"}]
)
def test_an_address_that_makes_no_sense_is_passed_over(serve: Serve, odd: dict[str, str]) -> None:
    _, page = _dropped(serve, **odd)
    assert any('[models.example_churn]\ntask = "binary"' in code.value for code in page.code)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("odd", "words"),
    [({"window": "often"}, "window 'often' is not understood"), ({"zone": "Nowhere"}, "Nowhere"), ({"columns": '{"ghost": {"role": "label"}}'}, "no column 'ghost'")],
)  # fmt: skip
def test_choices_that_cannot_be_are_said_with_a_way_on(serve: Serve, odd: dict[str, str], words: str) -> None:
    _, page = _dropped(serve, **odd)
    assert words in _words(page)
    page.button(key="setup_other").click().run()
    assert "upload" not in page.query_params
    assert "No file at hand?" in _words(page)


@pytest.mark.slow
def test_what_has_to_be_settled_first_keeps_the_button_shut(serve: Serve) -> None:
    _, page = _dropped(serve, name="air_time")
    assert page.button(key="setup_go").disabled
    assert "there is a model 'air_time' already" in _words(page)


def test_a_file_that_is_not_kept_any_more_leads_back_to_the_drop_zone(serve: Serve) -> None:
    serve()
    page = _open(upload="f" * 16)
    assert "not kept any more" in _words(page)
    assert not page.button(key="setup_example").disabled


@pytest.mark.slow
def test_at_the_end_stand_the_readings_the_way_on_and_the_toml(serve: Serve) -> None:
    _, page = _dropped(serve)
    page.button(key="setup_go").click().run()
    assert not page.exception
    words = _words(page)
    assert "First readings" in words
    assert "The TOML, to keep" in words
    assert "**Judge every window**: 36 windows, 4,120 readings, 2 alerts opened" in words
    assert not page.button(key="setup_open").disabled
    page.button(key="setup_again").click().run()
    assert "No file at hand?" in _words(page)


class _Stuck(FakeWorkspace):
    """Its set-up was interrupted after the rows."""

    gone_on = 0

    def setting_up(self, upload: str) -> SetUpView:
        view = super().setting_up(upload)
        if self.gone_on:
            return view
        view["state"], view["model"], view["toml"] = "interrupted", "air_time", "[models.air_time]"
        view["error"] = "It ended with its process. What is done stands, and it goes on from there."
        for step in view["steps"][:3]:
            step["state"], step["words"] = "done", "12,000 rows"
        return view

    def set_up(self, upload: str, choices: Any = None, *, wait: bool = True, actor: str = "cli") -> SetUpView:
        self.gone_on += 1
        return super().set_up(upload, choices, wait=wait, actor=actor)


@pytest.mark.slow
def test_what_was_interrupted_says_what_stands_and_goes_on() -> None:
    workspace = _Stuck()
    context.set_workspace(workspace)
    try:
        kept = workspace.example_upload()
        page = _open(upload=kept["id"])
        assert page.title[0].value.replace("\\", "") == "The set-up of air_time did not end"
        assert "What is done stands" in _words(page)
        assert "**Take in the rows**: 12,000 rows" in _words(page)
        page.button(key="setup_go_on").click().run()
        assert workspace.gone_on == 1
        assert page.title[0].value.replace("\\", "") == "air_time is ready"
        assert "First readings" in _words(page)
    finally:
        context.set_workspace(None)


@pytest.mark.parametrize(
    ("state", "model", "said"),
    [
        ("waiting", None, "Set up a model"),
        ("failed", None, "Set up a model"),
        ("running", None, "Setting up a model"),
        ("running", "eta", "Setting up eta"),
        ("done", "eta", "eta is ready"),
        ("failed", "eta", "The set-up of eta did not end"),
    ],
)
def test_the_title_says_what_is_ready(
    monkeypatch: pytest.MonkeyPatch, state: Any, model: str | None, said: str
) -> None:
    view: SetUpView = {
        "upload": "0", "state": state, "steps": [], "error": None, "model": model, "toml": None, "warnings": [], "seconds": 0.0,
    }  # fmt: skip
    monkeypatch.setattr(setup_steps, "judged", lambda _model: 5)
    monkeypatch.setattr(state_of_page, "workspace", lambda: SimpleNamespace(model=lambda name: name))
    assert setup._title(view) == said
    assert setup._title(None) == "Set up a model"


@pytest.mark.slow
def test_a_model_of_which_no_window_is_judged_yet_waits_and_shows_the_rest(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, page = _dropped(serve)

    def none(*_: object, **__: object) -> None:
        raise NotFoundError("no window of 'air_time' has been judged yet")

    monkeypatch.setattr(workspace, "drift_table", none)
    monkeypatch.setattr(workspace, "windows", lambda _name: [])
    page.button(key="setup_go").click().run()
    assert page.title[0].value.replace("\\", "") == "air_time is set up and waits for rows"
    assert "No window has been judged yet" in _words(page)
    assert "The TOML, to keep" in _words(page)


@pytest.mark.slow
def test_an_error_on_starting_is_said_and_the_choices_stay(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, page = _dropped(serve, name="leavers")

    def refuses(*_: object, **__: object) -> SetUpView:
        raise WorkspaceError("the disk is full; make room")

    monkeypatch.setattr(workspace, "set_up", refuses)
    page.button(key="setup_go").click().run()
    assert "the disk is full; make room" in _words(page)
    assert page.query_params["name"] == "leavers"


@pytest.mark.slow
def test_pages_of_a_model_say_how_to_begin_or_which_to_choose(serve: Serve) -> None:
    serve(empty=True)
    page = _opened(_empty, {})
    assert page.title[0].value == "No model yet"
    assert not page.button(key="first_setup").disabled
    serve()
    page = _opened(_empty, {})
    assert page.title[0].value == "Which model?"
    page.selectbox(key="which_model").select("air_time").run()
    assert page.query_params["model"] == "air_time"
    assert page.title[0].value != "Which model?"
