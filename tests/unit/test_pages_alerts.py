"""The list of alerts and the page of one: filters in the address, pages, several at once, and a story for every kind."""

import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import alert_about, alert_filters, alert_table, alert_why, health
from service import context
from tests.support.fake_many_alerts import ManyAlerts
from tests.support.fake_workspace import MODEL


def _script(name: str) -> None:
    from dashboard.app import main

    main(name)


@pytest.fixture
def workspace():
    """Make a fake workspace with many alerts current, and let go of it at the end."""
    made = ManyAlerts(more=60)
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
    kinds = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error")
    return re.sub(r"\\(.)", r"\1", "\n".join(part.value for kind in kinds for part in getattr(page, kind)))


def _listed(page: Any) -> Any:
    return page.dataframe[0].value


# -- the list ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_firing_comes_first_then_the_most_severe_a_page_at_a_time(workspace):
    page = _open("alerts")
    table = _listed(page)
    assert len(table) == alert_table.PAGE_SIZE
    assert [cell[0] for cell in table["Severity"][:4]] == ["▲ Page"] * 3 + ["◆ Warning"]
    assert "68 alerts, 25 a page" in _words(page)
    assert len(_listed(_open("alerts", at="3"))) == 68 - 2 * alert_table.PAGE_SIZE
    assert len(_listed(_open("alerts", at="99"))) == 68 - 2 * alert_table.PAGE_SIZE


def test_the_page_says_how_many_more_need_somebody(workspace):
    words = _words(_open("alerts"))
    waiting = sum(a["severity"] != "notice" for a in workspace.alerts())
    assert f"{waiting} alerts need you" in words
    assert f"{waiting - 3} more need you." in words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"kind": "no_data"}, lambda a: a["kind"] == "no_data"),
        ({"severity": "warning"}, lambda a: a["severity"] == "warning"),
        ({"model": MODEL, "show": "all"}, lambda a: a["model"] == MODEL),
        ({"owner": "owner 3"}, lambda a: a["owner"] == "owner 3"),
        ({"q": "SEATS number"}, lambda a: "seats" in a["headline"]),
        ({"kind": "data_drift", "severity": "notice", "q": "dow"}, lambda a: a["severity"] == "notice" and a["column"] == "dow"),
    ],
)  # fmt: skip
def test_every_filter_is_in_the_address_and_they_add_up(workspace, params, kept):
    expected = [a for a in workspace.alerts() if kept(a)]
    assert 0 < len(expected) <= alert_table.PAGE_SIZE or params.get("show")
    table = _listed(_open("alerts", **params))
    assert len(table) == min(len(expected), alert_table.PAGE_SIZE)


@pytest.mark.slow
def test_a_filter_that_nothing_passes_says_how_to_go_on_and_is_taken_away(workspace):
    page = _open("alerts", q="no such thing")
    assert "No alert passes these filters. “Clear” takes them away." in _words(page)
    page.button(key="clear_filters").click().run()
    assert not page.exception
    assert "q" not in page.query_params
    assert len(_listed(page)) == alert_table.PAGE_SIZE


def test_counts_of_states_are_of_what_the_filters_leave(workspace):
    page = _open("alerts", kind="job")
    options = page.segmented_control(key="choice_show").options
    assert options[0] == "Open 2"


def test_only_severity_and_gates_have_a_colour(workspace):
    row = alert_table.row(workspace.alert("a2"), {view["name"]: view for view in workspace.models()})
    assert row["Severity"] == ["● Notice"]
    assert row["State"] == "firing"  # words: red is for what somebody must act on


def test_a_long_headline_is_shortened_in_the_list(workspace):
    long: Any = {**workspace.alert("a1"), "headline": "word " * 100}
    assert len(alert_table.row(long, {view["name"]: view for view in workspace.models()})["Alert"]) <= 110


@pytest.mark.slow
def test_several_are_acknowledged_at_once_and_what_cannot_be_is_told(workspace):
    def script() -> None:
        from dashboard.components import alert_table

        alert_table.acknowledge(["a1", "n1", "gone"])

    page = AppTest.from_function(script, default_timeout=60).run()
    assert not page.exception
    assert workspace.acknowledged >= {"a1", "n1"}
    told = [toast.value for toast in page.toast]
    assert "2 alerts acknowledged." in told
    assert any("no alert" in words for words in told)


@pytest.mark.slow
def test_several_are_silenced_at_once_with_one_reason(workspace):
    def script() -> None:
        from dashboard import state
        from dashboard.components import alert_table

        ws = state.workspace()
        alert_table.silence_ticked([ws.alert("a1"), ws.alert("n1")], "UTC")

    page = AppTest.from_function(script, default_timeout=60).run()
    assert page.button(key="silence_confirm").disabled
    page.text_input(key="silence_comment").input("known since Monday").run()
    page.button(key="silence_confirm").click().run()
    assert not page.exception
    assert {view["alert_id"] for view in workspace.silences()} >= {"a1", "n1"}


@pytest.mark.slow
def test_an_alert_can_be_opened_without_a_mouse(workspace):
    page = _open("alerts")
    assert len(page.selectbox(key="open_alert").options) == alert_table.PAGE_SIZE


def test_words_are_sought_in_everything_that_is_said_of_an_alert(workspace):
    alert: Any = {**workspace.alert("a1"), "members": ["seats"], "segment": "carrier=B6"}
    for words in ("flights EARLIER", "b6", "seats", "a1", "ana", MODEL):
        assert alert_filters.matches(alert, "ana", {"q": words})
    assert not alert_filters.matches(alert, "ana", {"q": "flights later"})
    assert alert_filters.matches(alert, None, {"owner": alert_filters.NOBODY})
    assert not alert_filters.matches(alert, "ana", {"owner": alert_filters.NOBODY})


# -- one alert -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alert", "said", "unsaid"),
    [
        ("a1", ["How bad, and since when", "Where it is worst", "The rule from inputs to label", "Three gates"], []),
        ("a2", ["How bad, and since when", "temp :gray[reference against current]", "Did it do harm?"], []),
        ("limit", ["MAE passed the fixed limit", "A limit asks for no cause", "the gates are not asked"], ["Nothing else moved"]),
        ("nothing", ["When rows came", "No rows came, so there is nothing to compare"], ["Three gates", "MAE, last week"]),
        ("source", ["Runs of the source arrivals", "The latest error"], ["Three gates", "Why"]),
        ("training", ["Trainings"], ["Three gates"]),
        ("watchdog", ["Runs of the monitor"], ["Three gates"]),
        ("inside", ["It shows inside carrier=B6", "Where it moved most"], ["Nothing else moved in these windows"]),
    ],
)  # fmt: skip
def test_every_kind_of_alert_has_a_story_of_its_own(workspace, alert, said, unsaid):
    words = _words(_open("alert", alert=alert))
    assert [part for part in said if part not in words] == []
    assert [part for part in unsaid if part in words] == []


def test_a_notice_is_no_red_badge(workspace):
    badges = [m.value for m in _open("alert", alert="a2").markdown if "Notice · firing" in m.value]
    assert badges
    assert all(":red" not in badge for badge in badges)
    assert health.HEALTH["notice"][1] == "yellow"


def test_a_long_message_is_cut_after_a_sentence_and_kept_whole_beneath(workspace):
    message = workspace.alert("inside")["message"]
    first, rest = alert_about.lead(message)
    assert first.endswith(".")
    assert len(first) <= 280
    assert f"{first} {rest}".strip() == message.strip()
    assert alert_about.lead("Short.") == ("Short.", "")
    endless = "x" * 400
    assert alert_about.lead(endless) == (endless, "")


@pytest.mark.slow
def test_rolling_back_is_disabled_with_the_reason_where_there_is_nothing_to_go_back_to(workspace):
    button = _open("alert", alert="a1").button(key="alert_rollback")
    assert button.disabled
    assert "nothing to roll back to" in button.help


def test_a_cause_leads_to_the_window_that_shows_it_best(workspace):
    base = workspace.readings(MODEL, column="temp")
    one: Any = {**base[3], "verdict": "drift", "check": "jensen_shannon", "value": 0.5, "threshold": 0.4}
    two: Any = {**base[5], "verdict": "drift", "check": "jensen_shannon", "value": 0.9, "threshold": 0.4}
    beside: Any = {**base[7], "verdict": "drift", "check": "psi", "value": 99.0, "threshold": 0.4}
    assert alert_about.best_windows([one, two, beside]) == {"temp": two["window_start"]}
    about = alert_about.About((one, two, beside), (), alert_about.best_windows([one, two, beside]))
    alert: Any = workspace.alert("a2")
    assert about.window("temp", alert) == two["window_start"]
    assert about.window("never seen", alert) == alert["window_start"]
    telling: Any = alert_about.telling
    assert telling(alert, about) == ("jensen_shannon", "temp")
    assert telling({**alert, "limit": "missing_share"}, about) == ("missing_share", "temp")
    assert telling({**alert, "column": None, "members": []}, alert_about.About((), (), {})) is None


def test_no_list_of_causes_says_why_there_is_none(workspace):
    nothing = alert_about.About((), (), {})
    alert: Any = {**workspace.alert("a2"), "causes": []}
    why: Any = alert_why._no_cause
    assert "rule late holds" in why({**alert, "rule": "late"}, nothing)
    assert "Nothing else moved" in why(alert, nothing)
    assert "not for how fast" in why({**alert, "kind": "latency"}, nothing)


def test_back_from_an_alert_finds_the_list_as_it_was_left(workspace):
    page = _open("alert", alert="n1", show="all", owner="owner 1", at="2")
    crumb = next(link for link in page.get("page_link") if link.proto.label.endswith("[Alerts]"))
    assert "owner=owner" in crumb.proto.query_string
    assert "at=2" in crumb.proto.query_string
