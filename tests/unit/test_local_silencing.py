"""Silences in a home: who is told, when they end, and what health makes of them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitors.conditions import Condition, group_of
from service.local import alert_moves, silencing
from service.workspace import ConflictError
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

CHANNEL = """
[channels.team]
url = "json://127.0.0.1:9/x"
severity = ["page", "warning", "notice"]
"""
NIGHTLY = """
[maintenance.nightly]
schedule = "0 2 * * *"
lasts = "2h"
models = ["e*"]
"""
GROUP = group_of("job", source="sales")
HOUR = timedelta(hours=1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", DECLARATION + CHANNEL) as opened:
        yield opened


def failing(home: Tiny, *, wrong: bool = True) -> None:
    """Let the source of the model fail, or be well again."""
    fact = Condition(
        kind="job", severity="warning", column=None, members=(), significant=False, material=True, harmful=False,
        headline="Source sales fails", message="It answered 500.", source="sales",
    )  # fmt: skip
    alert_moves.stand(home.workspace.core, MODEL, [fact] if wrong else [], {GROUP})


def messages(home: Tiny) -> list[str]:
    return [item.id.split(":")[1] for item in home.workspace.core.control.outbox_items()]


def expire(home: Tiny) -> None:
    """Look after silences twice: the second time nothing is left to be done."""
    for _ in range(2):
        before = len(messages(home))
        silencing.expire(home.workspace.core)
    assert len(messages(home)) == before


def states(home: Tiny) -> list[tuple[str, str]]:
    (alert,) = home.workspace.alerts(MODEL)
    return [(event["state"], event["action"]) for event in alert["history"]]


def test_people_are_told_when_a_silence_ends_and_it_still_fires(home: Tiny) -> None:
    failing(home)
    (alert,) = home.workspace.alerts()
    told = len(messages(home))
    assert told == 1
    home.workspace.silence(ends=LIVE + 2 * HOUR, comment="we know", alert_id=alert["id"])
    failing(home)
    home.clock.now = LIVE + HOUR
    expire(home)
    assert home.workspace.alert(alert["id"])["state"] == "silenced"
    home.clock.now = LIVE + 2 * HOUR
    assert home.workspace.alert(alert["id"])["state"] == "firing", "at the end of its time, whether or not anyone looks"
    expire(home)
    assert states(home) == [("firing", ""), ("silenced", "silence"), ("firing", "unsilence")]
    assert len(messages(home)) == told + 1


def test_what_is_over_before_its_silence_is_told_to_nobody(home: Tiny) -> None:
    home.workspace.silence(ends=LIVE + 2 * HOUR, comment="we know", model=MODEL, kind="job")
    failing(home)
    failing(home, wrong=False)
    home.clock.now = LIVE + 3 * HOUR
    expire(home)
    assert states(home) == [("silenced", ""), ("silenced", "silence"), ("resolved", "")]
    assert messages(home) == []


def test_maintenance_begins_and_ends_by_itself(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", DECLARATION + CHANNEL + NIGHTLY) as home:
        failing(home)
        assert messages(home) == ["firing"]
        home.clock.now = LIVE + 2 * HOUR
        expire(home)
        (view,) = home.workspace.silences(active=True)
        assert (view["maintenance"], view["state"], len(view["alerts"])) == ("nightly", "active", 1)
        home.clock.now = LIVE + 4 * HOUR
        expire(home)
        assert states(home) == [("firing", ""), ("silenced", "silence"), ("firing", "unsilence")]
        (view,) = home.workspace.silences(active=True)
        assert (view["state"], view["alerts"]) == ("waiting", [])


def test_a_silence_outlives_a_restart_and_can_be_ended_after_it(home: Tiny) -> None:
    failing(home)
    view = home.workspace.silence(ends=LIVE + 2 * HOUR, comment="we know", severity="warning", actor="ada")
    workspace = home.reopen()
    assert [alert["state"] for alert in workspace.alerts()] == ["silenced"]
    over = workspace.unsilence(view["id"], actor="bob")
    assert (over["state"], over["ended_by"]) == ("over", "bob")
    last = workspace.alerts()[0]["history"][-1]
    assert (last["actor"], last["action"], last["state"]) == ("bob", "unsilence", "firing")
    done = [(entry["actor"], entry["action"]) for entry in workspace.audit() if entry["action"].endswith("silence")]
    assert sorted(done) == [("ada", "silence"), ("bob", "unsilence")]


def test_what_comes_and_goes_is_told_twice_and_when_it_has_stayed_away(home: Tiny) -> None:
    for _ in range(4):
        failing(home)
        home.clock.now += HOUR
        failing(home, wrong=False)
        home.clock.now += HOUR
    assert messages(home) == ["firing", "resolved", "came_back", "resolved"]
    assert home.workspace.alerts()[0]["returns"] == 3
    expire(home)
    home.clock.now += timedelta(days=29)
    expire(home)
    assert messages(home)[4:] == ["resolved"]
    (alert,) = home.workspace.alerts()
    assert (alert["state"], alert["history"][-1]["action"]) == ("resolved", "end")
    assert "came back 3 times" in alert["history"][-1]["comment"]


def test_nobody_silences_what_is_over(home: Tiny) -> None:
    failing(home)
    (alert,) = home.workspace.alerts()
    failing(home, wrong=False)
    with pytest.raises(ConflictError, match="there is nothing to silence"):
        home.workspace.silence(ends=LIVE + HOUR, comment="late", alert_id=alert["id"])


@pytest.mark.slow
def test_a_window_that_opens_alerts_under_a_silence_tells_nobody_and_leaves_the_model_green(home: Tiny) -> None:
    home.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
    home.log_days(0, 2, labels=False, shift=12)
    home.workspace.silence(ends=LIVE + timedelta(days=20), comment="we move house", model=MODEL)
    view = home.run_at(3)
    alerts = home.workspace.alerts(MODEL)
    assert {alert["state"] for alert in alerts} == {"silenced"}
    assert set(view["alerts_opened"]) == {alert["id"] for alert in alerts}
    assert messages(home) == []
    model = home.workspace.model(MODEL)
    assert (model["health"], model["headline"], model["silenced"]) == ("ok", None, len(alerts))
    home.clock.now = LIVE + timedelta(days=20)
    expire(home)
    assert len(messages(home)) == len([a for a in home.workspace.alerts(MODEL) if a["state"] == "firing"])
    assert home.workspace.model(MODEL)["health"] in ("page", "warning")
