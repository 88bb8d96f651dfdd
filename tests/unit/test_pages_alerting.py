"""What surrounds alerts, on the pages: silences, owners, comments, deliveries, the schedule, channels, rules, who owns what."""

import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import trial
from dashboard.components import alert_words, declared_edit
from dashboard.theme import LIGHT
from service import context
from tests.support.fake_workspace import HOSTILE, MODEL, FakeWorkspace


def _script(name: str) -> None:
    from dashboard.app import main

    main(name)


def _dialog(name: str) -> None:
    """Open a dialog as its page does, and keep it open: in the browser it is a fragment, which a test cannot rerun alone."""
    from dashboard import state
    from dashboard.components import alert_care, monitor_edit, silence

    ws = state.workspace()
    if name == "silence":
        silence.of_alert(ws.alert("a1"), "UTC")
    elif name == "silence many":
        silence.of_many(ws.models())
    elif name == "assign":
        alert_care.assign(ws.alert("a1"))
    else:
        monitor_edit.form(next(found for found in ws.declared() if found["kind"] == "model"))


def _opened(name: str) -> Any:
    page = AppTest.from_function(_dialog, args=(name,), default_timeout=60)
    return _run(page)


@pytest.fixture
def workspace():
    """Make a fake workspace current, and let go of it at the end."""
    made = FakeWorkspace()
    context.set_workspace(made)
    yield made
    context.set_workspace(None)


def _open(name: str, **params: str) -> Any:
    page = AppTest.from_function(_script, args=(name,), default_timeout=60)
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page: Any) -> str:
    kinds = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error", "success")
    parts = [part.value for kind in kinds for part in getattr(page, kind)]
    return re.sub(r"\\(.)", r"\1", "\n".join(parts))


def _run(page: Any) -> Any:
    page.run()
    assert not page.exception, page.exception
    return page


# -- an alert ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_alert_is_silenced_with_a_reason_and_for_a_time_and_speaks_again_when_told(workspace):
    page = _open("alert", alert="a1")
    page.button(key="alert_silence").click()
    assert _run(page).button(key="silence_confirm").disabled
    page = _opened("silence")
    assert page.button(key="silence_confirm").disabled  # without a reason it cannot be done
    page.segmented_control(key="silence_length").set_value("3d")
    page.text_input(key="silence_comment").input("the airline moved its gates; ana looks at it")
    _run(page)
    page.button(key="silence_confirm").click()
    _run(page)
    (silence,) = workspace.silences(active=True)
    assert silence["alert_id"] == "a1"
    assert silence["comment"].startswith("the airline moved")
    page = _open("alert", alert="a1")
    words = _words(page)
    assert "silenced" in words
    assert "nobody is told, and it goes on being judged" in words
    page.button(key="alert_unsilence").click()
    _run(page)
    assert not workspace.silences(active=True)


@pytest.mark.slow
def test_somebody_takes_an_alert_and_says_what_was_found(workspace):
    page = _opened("assign")
    page.text_input(key="assign_owner").input("ana")
    _run(page)
    page.button(key="assign_confirm").click()
    _run(page)
    assert workspace.alert("a1")["owner"] == "ana"
    page = _open("alert", alert="a1")
    page.text_input(key="comment_text").input("new **gates**")
    next(button for button in page.button if button.label == "Add comment").click()
    _run(page)
    assert workspace.alert("a1")["history"][-1]["comment"] == "new **gates**"
    assert "commented by dashboard: new **gates**" in _words(_open("alert", alert="a1"))


@pytest.mark.slow
def test_an_alert_tells_whom_it_reached_and_what_was_given_up_is_sent_again(workspace):
    page = _open("alert", alert="a1")
    words = _words(page)
    assert "✓ sent] **team**" in words
    assert "▲ given up] **pager**" in words
    assert "answered 503" in words
    page.button(key="redeliver_alert_d2").click()
    _run(page)
    assert workspace.resent == {"d2"}


@pytest.mark.slow
def test_an_alert_that_follows_another_says_so_and_needs_nobody(workspace, monkeypatch):
    follower = dict(workspace.alert("a1")) | {
        "inhibited_by": "a2",
        "returns": 2,
        "rule": "late",
        "runbook": "https://wiki.example/late",
    }
    monkeypatch.setattr(workspace, "alert", lambda _: follower)
    words = _words(_open("alert", alert="a1"))
    assert "follows another" in words
    assert "came back 2 times" in words
    assert "Raised by **late**" in words
    assert not alert_words.needs_you(follower)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "source"), [("job", "drop"), ("job", None), ("watchdog", None)])
def test_an_alert_about_driftdeck_itself_shows_no_windows_and_offers_no_retrain(workspace, monkeypatch, kind, source):
    ours = {**workspace.alert("a1"), "kind": kind, "source": source, "headline": "It fails", "members": []}
    monkeypatch.setattr(workspace, "alert", lambda _: ours)
    page = _open("alert", alert="a1")
    assert {button.label for button in page.button} >= {"Acknowledge", "Silence…", "Owner…"}
    assert not any(button.label.startswith(("Retrain", "Roll back")) for button in page.button)
    words = _words(page)
    assert "Who was told" in words
    assert "History" in words
    assert not any(heading in words for heading in ("How bad", "Where it is worst", "Three gates", "#### Why"))


@pytest.mark.slow
def test_many_alerts_are_silenced_at_once_and_the_list_says_which(workspace):
    page = _opened("silence many")
    page.selectbox(key="silence_kind").set_value("data_drift")
    page.text_input(key="silence_column").input("wind_*")
    page.text_input(key="silence_comment").input("instruments are renewed")
    _run(page)
    page.button(key="silence_confirm").click()
    _run(page)
    (silence,) = workspace.silences()
    assert (silence["kind"], silence["column"], silence["model"]) == ("data_drift", "wind_*", "*")
    page = _open("alerts")
    words = _words(page)
    assert "every model, data drift, column wind_*" in words
    page.button(key=f"unsilence_{silence['id']}").click()
    _run(page)
    assert workspace.silences()[0]["state"] == "over"


# -- the schedule --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_schedule_says_what_is_late_and_runs_a_monitor_now(workspace):
    page = _open("schedule")
    words = _words(page)
    assert "2 of 6 schedules need a look" in words
    assert "◆ Late" in words
    assert "312 of 500 rows have come" in words
    page.button(key="run_monitor_0").click()
    _run(page)
    assert workspace.running == {MODEL}
    page = _open("schedule")
    words = _words(page)
    assert page.button(key="run_monitor_0").disabled
    page.button(key=f"cancel_{MODEL}").click()
    _run(page)
    assert not workspace.running
    (table,) = [frame.value for frame in page.dataframe]
    assert list(table["Windows"])[-1] == "14 of 52"


# -- settings ------------------------------------------------------------------------------------------------------


def test_a_test_message_says_whether_a_channel_gets_through(workspace):
    page = _open("settings", section="channels")
    page.button(key="test_team").click()
    _run(page)
    assert "The test message was taken" in _words(page)
    page.button(key="test_pager").click()
    _run(page)
    assert "answered 503" in _words(page)


@pytest.mark.slow
def test_settings_show_who_owns_what_and_who_did_what(workspace):
    words = _words(_open("settings", section="declared"))
    assert "⌘ file" in words
    assert f"model **{MODEL}**" in words
    page = _open("settings", section="audit")
    assert list(page.dataframe[0].value["Did"]) == ["apply"]


# -- rules and the monitor -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_rule_is_held_against_history_before_it_is_declared(workspace):
    page = _open("monitor", model=MODEL)
    page.text_input(key="rule_when").input("mae > 12")
    _run(page)
    words = _words(page)
    assert "It would have fired once since 1 Jan 2013." in words
    assert 'when = "mae > 12"' in page.code[-1].value
    page = _open("monitor", model=MODEL, rule="mea > 12")
    assert "did you mean 'mae'?" in _words(page)


def test_the_monitor_page_shows_when_a_rule_ends_and_what_an_override_says(workspace, monkeypatch):
    declared = workspace.declared()
    monitor = {
        "rules": {"late": {"when": "mae > 12", "clear": "mae < 9"}},
        "overrides": [{"column": "wind_*", "runbook": "https://wiki.example/wind"}],
    }
    for found in declared:
        if found["kind"] == "model":
            found["values"]["monitor"].update(monitor)
    monkeypatch.setattr(workspace, "declared", lambda *_, **__: declared)
    words = _words(_open("monitor", model=MODEL))
    assert "when `mae > 12` in one window, until `mae < 9`" in words
    assert "Override: column wind_* → runbook https" in words


def test_the_trial_marks_windows_where_the_rule_holds(workspace):
    found = workspace.try_rule(MODEL, "mae > 12")
    figure = trial.figure(found["points"], found["firings"], LIGHT, timezone="UTC")
    held = [point["holds"] for point in found["points"]]
    assert [symbol == "triangle-up" for symbol in figure.data[0].marker.symbol] == held
    assert len(figure.layout.shapes) == 1


@pytest.mark.slow
def test_what_a_file_declares_is_changed_here_only_when_it_is_taken_over(workspace):
    page = _opened("monitor")
    page.number_input(key="edit_pages").set_value(4.0)
    _run(page)
    assert page.button(key="edit_confirm").disabled
    page.checkbox(key="edit_take_over").check()
    _run(page)
    page.button(key="edit_confirm").click()
    _run(page)
    assert workspace.changes[("model", MODEL)] == {"monitor.alert_budget.pages_per_year": 4.0}
    assert workspace.owned[("model", MODEL)] == "dashboard"


@pytest.mark.slow
def test_hostile_words_do_nothing(workspace, monkeypatch):
    for hostile in HOSTILE:
        workspace.comment("a1", hostile)
        workspace.assign("a1", hostile)
        view = {**workspace.channels()[0], "name": hostile, "place": hostile, "last_error": hostile, "digest": hostile}
        monkeypatch.setattr(workspace, "channels", lambda view=view: [view])
        page = _open("settings", section="channels")
        for shown in (page, _open("alert", alert="a1")):
            raw = "\n".join(part.value for kind in ("markdown", "caption", "error") for part in getattr(shown, kind))
            assert hostile not in raw


# -- changing what is declared -------------------------------------------------------------------------------------


def _editing(kind: str, *, new: bool) -> None:
    from dashboard import state
    from dashboard.components import declared_edit

    if new:
        declared_edit.make(kind)
    else:
        declared_edit.change(next(found for found in state.workspace().declared() if found["kind"] == kind))


def test_what_differs_in_the_text_is_what_is_changed(workspace):
    page = _run(AppTest.from_function(_editing, args=("channel",), kwargs={"new": False}, default_timeout=60))
    page.text_area(key="declared_text").set_value('[channels.team]\nurl = "slack://${SLACK_TOKEN}"\ndigest = "daily"\n')
    page.checkbox(key="declared_take_over").check()
    _run(page)
    page.button(key="declared_apply").click()
    _run(page)
    assert workspace.changes[("channel", "team")] == {"digest": "daily"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("written", "said"),
    [("[channels.other]\nurl = 'x'", "nothing else"), ("url = ", "This is no TOML"), ("[models.m]\n", "nothing else")],
)
def test_a_text_about_something_else_changes_nothing(workspace, written, said):
    page = _run(AppTest.from_function(_editing, args=("channel",), kwargs={"new": False}, default_timeout=60))
    page.text_area(key="declared_text").set_value(written)
    page.checkbox(key="declared_take_over").check()
    _run(page)
    page.button(key="declared_apply").click()
    _run(page)
    assert said in _words(page)
    assert not workspace.changes


@pytest.mark.slow
def test_a_channel_is_made_from_an_example(workspace):
    page = _run(AppTest.from_function(_editing, args=("channel",), kwargs={"new": True}, default_timeout=60))
    page.text_area(key="declared_new").set_value('[channels.mail]\nurl = "mailtos://me@example.com"\n')
    page.button(key="declared_make").click()
    _run(page)
    assert workspace.changes[("channel", "mail")] == {"url": "mailtos://me@example.com"}


def test_differences_are_dotted_keys_and_what_is_gone_is_none():
    before = {"a": 1, "monitor": {"tolerance": 0.1, "rules": {"late": {"when": "mae > 1"}}}, "old name": {"x": 1}}
    after = {"a": 1, "monitor": {"tolerance": 0.2, "rules": {"late": {"when": "mae > 1"}, "new": {"when": "rows < 2"}}}}
    found = declared_edit.differences(before, after)
    assert found == {"monitor.tolerance": 0.2, "monitor.rules.new.when": "rows < 2", '"old name"': None}


@pytest.mark.slow
def test_every_monitor_stands_in_one_table_with_its_budget(workspace):
    page = _open("settings")
    shown = page.dataframe[0].value
    row = shown[shown["model"] == MODEL].iloc[0]
    assert (row["warnings"], row["pages"]) == (1.0, 1.0)
    assert row["reference"] == "1 · 53,490 rows"
    assert len(shown) == 8


@pytest.mark.slow
def test_a_budget_is_chosen_on_a_slider_and_kept_where_the_dashboard_owns_it(workspace):
    page = _open("monitor", model=MODEL, budget="12")
    assert page.select_slider(key="budget_slider").value == 12.0
    assert "warnings_per_year = 12" in page.code[0].value
    workspace.owned[("model", MODEL)] = "dashboard"
    page = _open("monitor", model=MODEL, budget="12")
    assert "for 12 instead of 1 false warnings a year" in _words(page)
    page.button(key="budget_keep").click()
    page.run()
    assert workspace.changes[("model", MODEL)] == {"monitor.alert_budget.warnings_per_year": 12.0}
    assert "budget" not in page.query_params
    page = _open("monitor", model=MODEL, budget="nonsense")
    assert page.select_slider(key="budget_slider").value == 1.0
