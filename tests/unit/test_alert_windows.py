"""How many windows it takes: to fire, to end, and to end what keeps coming back."""

from dataclasses import replace
from itertools import count
from unittest import mock

import pytest

from monitors import lifecycle, standing
from monitors.conditions import Condition, alert_group, group_of
from monitors.rules import RulesFound
from monitors.shown import Change, told
from monitors.types import Alert
from tests.support.profiles import NOW, days, spec_of
from tests.support.readings import reading

SPEC = spec_of("regression", features={"x": "numeric"}, owner="ops", monitor={"resolve_after": 2})
RULE = Condition(
    kind="business", severity="warning", column=None, members=(), significant=True, material=True, harmful=False,
    headline="Revenue is low", message="It is 12.", rule="revenue", runbook="https://runbooks/revenue", owner="sales",
)  # fmt: skip
GROUP = "rule revenue"


class Told:
    """Feeds windows one after the other, and keeps the alerts."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self.number = -1
        self.ids = count(1)

    def feed(self, condition: Condition | None, *, silent: bool = False) -> list[str]:
        """Return the states of what the next window changes."""
        self.number += 1
        readings = [reading("row_count", window=days(1, self.number)[0])]
        found = RulesFound({} if condition is None else {GROUP: condition}, frozenset({GROUP} if silent else ()))
        with mock.patch.object(lifecycle, "window_conditions", return_value=found):
            alerts = list(self.alerts.values())
            changes = lifecycle.advance(alerts, readings, SPEC, NOW, None, lambda: f"a{next(self.ids)}")
        self.alerts |= {alert.id: alert for alert, _ in changes}
        return [event.state for _, event in changes]

    def marks(self, marks: str, condition: Condition = RULE) -> list[str]:
        """Feed ``1`` (it holds), ``0`` (it does not), ``h`` (it is not clear) and ``-`` (it cannot be judged); returns all states."""
        holding = replace(condition, holding=True)
        found = {"1": condition, "0": None, "h": holding, "-": None}
        return [state for mark in marks for state in self.feed(found[mark], silent=mark == "-")]

    @property
    def one(self) -> Alert:
        (alert,) = self.alerts.values()
        return alert


@pytest.fixture
def play() -> Told:
    return Told()


def test_an_alert_takes_over_what_its_condition_names(play: Told) -> None:
    play.marks("1")
    assert (play.one.rule, play.one.runbook, play.one.owner) == ("revenue", "https://runbooks/revenue", "sales")
    assert alert_group(play.one) == GROUP


@pytest.mark.parametrize(
    ("needs", "marks", "states"),
    [
        ((1, 1), "1", ["firing"]),
        ((2, 2), "11", ["pending", "firing"]),
        ((2, 2), "10", ["pending", "resolved"]),
        ((2, 3), "101", ["pending", "pending", "firing"]),
        ((2, 3), "100", ["pending", "pending", "resolved"]),
        ((3, 5), "10011", ["pending", "pending", "pending", "pending", "firing"]),
        ((3, 5), "10000", ["pending", "pending", "pending", "pending", "resolved"]),
        ((2, 3), "1-1", ["pending", "firing"]),  # a window that cannot be judged does not count
        ((2, 2), "1h", ["pending", "resolved"]),  # what is not clear does not hold
    ],
)
def test_so_many_of_so_many_windows_make_it_fire(
    play: Told, needs: tuple[int, int], marks: str, states: list[str]
) -> None:
    assert play.marks(marks, replace(RULE, needs=needs)) == states


def test_what_is_never_confirmed_is_told_to_nobody(play: Told) -> None:
    play.feed(replace(RULE, needs=(2, 2)))
    with mock.patch.object(lifecycle, "window_conditions", return_value=RulesFound({}, frozenset())):
        ((alert, event),) = lifecycle.advance(
            [play.one], [reading("row_count", window=days(1, 1)[0])], SPEC, NOW, None, lambda: "a9"
        )
    assert (event.state, event.action, told(alert, event)) == ("resolved", "unconfirmed", False)


def test_what_is_not_clear_raises_nothing_and_keeps_open_what_is(play: Told) -> None:
    assert play.marks("hh") == []
    assert play.marks("1hhh") == ["firing"]
    assert play.marks("0h0h0") == ["recovering", "recovering", "recovering", "recovering", "recovering"]
    assert play.marks("0") == ["resolved"]


def test_a_condition_says_itself_how_long_quiet_lasts(play: Told) -> None:
    assert play.marks("1000", replace(RULE, resolve_after=3)) == ["firing", "recovering", "recovering", "resolved"]


def test_each_return_takes_twice_as_many_quiet_windows_up_to_eight_times(play: Told) -> None:
    play.marks("100")
    for returns, needed in ((1, 4), (2, 8), (3, 16), (4, 16)):
        states = play.marks("1" + "0" * needed)
        assert (states[0], states[-1], states.count("resolved")) == ("firing", "resolved", 1)
        assert (play.one.returns, play.one.state) == (returns, "resolved")


def test_a_graver_finding_beneath_a_patient_rule_waits_as_well(play: Told) -> None:
    patient = replace(RULE, needs=(2, 2))
    assert play.marks("1", patient) == ["pending"]
    assert play.marks("1", replace(patient, severity="page", needs=(3, 3))) == ["pending"]
    assert play.one.severity == "page"
    assert play.marks("1", replace(patient, severity="page", needs=(3, 3))) == ["firing"]


# -- what rests on no window -------------------------------------------------------------------------------------------
SOURCE = Condition(
    kind="job", severity="warning", column=None, members=(), significant=False, material=True, harmful=False,
    headline="Source sales fails", message="It answered 500.", source="sales",
)  # fmt: skip
OVER = {group_of("job", source="sales"), group_of("watchdog")}


def stand(alerts: list[Alert], *facts: Condition) -> list[Change]:
    return standing.stand(alerts, facts, "m", NOW, lambda: "j1", OVER, "ops")


def test_a_source_has_one_open_alert_until_it_is_well_again() -> None:
    ((alert, event),) = stand([], SOURCE)
    assert (event.state, alert.source, alert.owner, alert.window.start) == ("firing", "sales", "ops", alert.opened_at)
    assert stand([alert], SOURCE) == []
    ((graver, event),) = stand([alert], replace(SOURCE, severity="page"))
    assert (graver.severity, event.action) == ("page", "rise")
    ((over, event),) = stand([alert])
    assert (event.state, over.resolved_at) == ("resolved", NOW)
    ((back, event),) = stand([over], SOURCE)
    assert (back.id, back.returns, event.action) == (alert.id, 1, "return")


def test_what_was_not_looked_at_is_left_alone_and_windows_say_nothing_of_it(play: Told) -> None:
    ((alert, _),) = stand([], replace(SOURCE, source="other"))
    assert stand([alert]) == []
    play.alerts[alert.id] = alert
    assert play.marks("000") == []
    assert play.one.state == "firing"
