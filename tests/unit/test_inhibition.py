"""Inhibition: of a cause and what follows from it, people are told of the cause."""

from dataclasses import replace
from typing import Any

import pytest

from monitors.inhibition import inhibitors
from monitors.settle import settle
from monitors.shown import Change, change, told
from monitors.types import Alert
from tests.support.alerts import alert_of
from tests.support.profiles import NOW

SOURCE = alert_of("job", source="nightly")
NO_DATA = alert_of("no_data")
ARRIVAL = alert_of("data_quality", members=("row_volume",))
COLUMNS = alert_of("data_quality", column="x", members=("x", "y"))
DRIFT = alert_of("data_drift", column="x", members=("x",))
ANSWERS = alert_of("prediction_drift", column="prediction", members=("prediction",))


@pytest.mark.parametrize("cause", [SOURCE, NO_DATA, ARRIVAL], ids=["source", "no data", "arrival"])
def test_what_breaks_the_rows_brings_about_what_is_found_in_them(cause: Alert) -> None:
    assert inhibitors([cause, COLUMNS, DRIFT, ANSWERS]) == {alert.id: cause.id for alert in (COLUMNS, DRIFT, ANSWERS)}


def test_the_first_cause_is_named() -> None:
    found = inhibitors([DRIFT, COLUMNS, ARRIVAL, NO_DATA, SOURCE])
    assert found == {alert.id: SOURCE.id for alert in (DRIFT, COLUMNS, ARRIVAL, NO_DATA)}


def test_columns_with_wrong_values_bring_about_their_own_drift_and_the_answers() -> None:
    another = alert_of("data_drift", column="z", members=("x", "z"))
    assert inhibitors([COLUMNS, DRIFT, another, ANSWERS]) == {DRIFT.id: COLUMNS.id, ANSWERS.id: COLUMNS.id}


@pytest.mark.parametrize(
    "alert",
    [
        alert_of("performance", severity="page", harmful=True),
        alert_of("concept_drift", severity="page", harmful=True),
        alert_of("data_drift", column="x", members=("x",), severity="page"),  # graver than the source's warning
        alert_of("data_drift", column="x", members=("x",), rule="ours"),
        alert_of("business", members=("revenue",)),
        alert_of("latency", members=("latency_p95",)),
        alert_of("watchdog"),
        alert_of("data_drift", column="x", members=("x",), state="resolved"),
    ],
    ids=lambda alert: f"{alert.kind} {alert.severity} {alert.state}{' by a rule' if alert.rule else ''}",
)
def test_what_must_be_told_in_any_case_is_never_inhibited(alert: Alert) -> None:
    assert inhibitors([SOURCE, alert]) == {}


@pytest.mark.parametrize(
    "cause",
    [
        replace(SOURCE, source=None),  # a training that failed
        alert_of("watchdog"),
        replace(ARRIVAL, members=("new_columns",), severity="warning"),
        replace(NO_DATA, state="resolved"),
        replace(NO_DATA, state="pending"),
        DRIFT,
        alert_of("performance", severity="page"),
    ],
    ids=["training", "watchdog", "new columns", "resolved", "pending", "drift", "performance"],
)
def test_what_brings_nothing_about(cause: Alert) -> None:
    assert inhibitors([cause, replace(DRIFT, id="drift")]) == {}


def opened(*alerts: Alert) -> list[Change]:
    return [change(alert, "firing", NOW, alert.headline) for alert in alerts]


def settled(before: list[Alert], changes: list[Change]) -> list[Change]:
    return settle({alert.id: alert for alert in before}, changes, [], NOW)


def test_what_opens_with_its_cause_is_told_to_nobody_and_released_when_the_cause_is_over() -> None:
    found = settled([], opened(ARRIVAL, DRIFT))
    assert [(alert.id, event.action, told(alert, event)) for alert, event in found] == [
        (ARRIVAL.id, "", True),
        (DRIFT.id, "", False),
        (DRIFT.id, "inhibit", False),
    ]
    drift = found[-1][0]
    assert (drift.inhibited_by, drift.state, found[-1][1].comment) == (
        ARRIVAL.id,
        "firing",
        "Brought about by: data_quality",
    )
    ended = change(ARRIVAL, "resolved", NOW, "Quiet for 2 windows.")
    _, (free, release) = settled([ARRIVAL, drift], [ended])
    assert (free.inhibited_by, release.action, told(free, release)) == (None, "release", True)


def test_what_was_told_before_its_cause_came_stays_told() -> None:
    assert [event.action for _, event in settled([DRIFT], opened(ARRIVAL))] == [""]


def test_what_grows_beyond_its_cause_is_released() -> None:
    under = replace(DRIFT, inhibited_by=COLUMNS.id)
    grown = change(replace(under, members=("x", "z")), "firing", NOW, "Also in z.")
    assert [event.action for _, event in settled([COLUMNS, under], [grown])] == ["", "release"]


def test_another_cause_takes_over() -> None:
    under = replace(DRIFT, inhibited_by=NO_DATA.id)
    over = change(NO_DATA, "resolved", NOW, "Rows came.")
    found = settled([NO_DATA, ARRIVAL, under], [over])
    assert [(alert.inhibited_by, event.action) for alert, event in found] == [(None, ""), (ARRIVAL.id, "inhibit")]


@pytest.mark.parametrize("state", ["resolved", "pending"])
def test_what_comes_back_or_is_confirmed_beside_its_cause_is_inhibited(state: Any) -> None:
    before = replace(DRIFT, state=state)
    found = settled([ARRIVAL, before], [change(before, "firing", NOW, "It came back.")])
    assert [event.action for _, event in found] == ["", "inhibit"]
    assert not any(told(*each) for each in found)
