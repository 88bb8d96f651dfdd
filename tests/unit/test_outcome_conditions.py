"""One question, one alert: whether the model got worse, over all rows, in a segment, by the sequential test or by an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from monitors.by_hand import acknowledge
from monitors.conditions import conditions, group_of
from monitors.lifecycle import advance
from monitors.types import Alert, AlertEvent, Reading
from tests.support.profiles import NOW, spec_of
from tests.support.readings import reading, window

SPEC = spec_of("regression", label="air_time", features={"x": "numeric"}, monitor={"resolve_after": 2})
CRITICAL: dict[str, Any] = {"verdict": "critical", "significant": True, "material": True, "harmful": True}


def of(number: int, scope: str, **changes: Any) -> Reading:
    """A reading of harm, found in another way than over all rows."""
    values: dict[str, Any] = {"unit": "min", "value": 15.0, "reference_value": 8.0, "window": window(number)[0].window}
    return reading("mae", **values | {"scope": scope} | changes)


def segment(number: int, name: str = "carrier=UA", p_value: float = 1e-6, **changes: Any) -> Reading:
    sentence = f"{name.replace('=', ' = ')}: mean absolute error 15 min."
    return of(number, "performance", segment=name, p_value=p_value, sentence=sentence, **CRITICAL | changes)


def estimate(number: int, **changes: Any) -> Reading:
    return of(number, "estimate", sentence="Once its labels come, 15 min.", **CRITICAL | changes)


def sequence(number: int, **changes: Any) -> Reading:
    said = (
        "Since about 2 May 2013 each prediction misses by 4 min more (12.1 min against 8); it came all at once. More."
    )
    return of(number, "sequence", sentence=said, **CRITICAL | changes)


class Play:
    """Feeds windows in order and keeps the alerts."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self._ids = count(1)

    def feed(self, readings: Sequence[Reading], only: frozenset[str] | None = None) -> list[AlertEvent]:
        named = lambda: f"a{next(self._ids)}"  # noqa: E731
        changes = advance([*self.alerts.values()], readings, SPEC, NOW, {"x": 1.0}, named, (), only)
        self.alerts |= {alert.id: alert for alert, _ in changes}
        return [event for _, event in changes]

    @property
    def one(self) -> Alert:
        (alert,) = self.alerts.values()
        return alert


@pytest.fixture
def play() -> Play:
    return Play()


def test_a_segment_alone_pages_by_its_name_and_is_of_the_group_of_outcomes(play: Play) -> None:
    play.feed([*window(0), segment(0, "carrier=AA", 1e-5), segment(0, "carrier=UA", 1e-9)])
    alert = play.one
    assert (alert.severity, alert.kind, alert.segment, alert.column) == ("page", "performance", "carrier=UA", None)
    assert alert.headline == "carrier = UA: mean absolute error 15.0 min against 8.00 in the reference"
    assert "carrier = AA" in alert.message
    assert group_of(alert.kind, alert.segment) == "outcome"


def test_harm_in_a_segment_is_no_notice_of_drift_beside(play: Play) -> None:
    assert [*conditions([*window(0), segment(0)], SPEC, None)] == ["outcome"]


def test_all_rows_go_before_a_segment_which_is_told_beside(play: Play) -> None:
    play.feed([*window(0, harm=True), segment(0)])
    assert play.one.segment is None
    assert play.one.headline == "air_time predictions are 14.2 min too high"
    assert "carrier = UA" in play.one.message


def test_a_page_of_a_segment_becomes_one_of_all_rows_once_and_stays_acknowledged(play: Play) -> None:
    play.feed([*window(0), segment(0)])
    changed, _ = acknowledge(play.one, "ann", "seen", NOW)
    play.alerts[changed.id] = changed
    (event,) = play.feed([*window(1, harm=True), segment(1)])
    assert event.comment == "It is in all rows now: air_time predictions are 14.2 min too high"
    assert (play.one.segment, play.one.state) == (None, "acknowledged")
    assert play.feed([*window(2, harm=True), segment(2)]) == []


def test_a_page_of_a_segment_is_over_when_the_segment_is_fine_again(play: Play) -> None:
    play.feed([*window(0), segment(0)])
    states = [play.feed(window(day))[0].state for day in (1, 2)]
    assert states == ["recovering", "resolved"]


def test_the_sequential_test_pages_in_its_own_words(play: Play) -> None:
    play.feed([*window(0), sequence(0)])
    assert play.one.headline == "Since about 2 May 2013 each prediction misses by 4 min more"
    assert play.one.kind == "performance"


def test_errors_that_moved_for_like_inputs_make_it_concept_drift_in_a_segment_too(play: Play) -> None:
    play.feed([*window(0, concept=True), segment(0)])
    assert (play.one.kind, play.one.segment) == ("concept_drift", "carrier=UA")


@pytest.mark.parametrize("labels", ["no_data", "insufficient"])
def test_an_estimate_pages_while_there_are_no_labels(play: Play, labels: str) -> None:
    play.feed([*window(0, labels=labels), estimate(0)])
    assert play.one.headline == "Estimated mean absolute error 15.0 min against 8.00 in the reference"
    assert play.one.kind == "performance"


def test_labels_that_say_otherwise_answer_an_estimate_at_once(play: Play) -> None:
    assert play.feed([*window(0), estimate(0)]) == [], "the truth is known: it is fine"
    play.feed([*window(1, labels="no_data"), estimate(1)])
    (event,) = play.feed([*window(1), estimate(1)], only=frozenset({"outcome"}))
    assert (event.state, play.one.state) == ("resolved", "resolved")
    assert "Labels have come" in event.comment


def test_labels_that_agree_confirm_an_estimate(play: Play) -> None:
    play.feed([*window(0, labels="no_data"), estimate(0)])
    (event,) = play.feed([*window(0, harm=True), estimate(0)], only=frozenset({"outcome"}))
    assert event.comment == "Labels confirm it: air_time predictions are 14.2 min too high"
    assert play.one.headline == "air_time predictions are 14.2 min too high"
    assert play.one.state == "firing"


def test_where_no_labels_come_later_estimates_end_what_an_estimate_began(play: Play) -> None:
    play.feed([*window(0, labels="no_data"), estimate(0)])
    assert play.feed(window(1, labels="no_data")) == [], "nothing was said of this window"
    fine = {"verdict": "ok", "significant": False, "material": False, "harmful": False}
    states = [play.feed([*window(d, labels="no_data"), estimate(d, **fine)])[0].state for d in (2, 3)]
    assert states == ["recovering", "resolved"]


def test_an_estimate_never_ends_what_labels_began(play: Play) -> None:
    play.feed(window(0, harm=True))
    fine = {"verdict": "ok", "significant": False, "material": False, "harmful": False}
    assert play.feed([*window(1, labels="no_data"), estimate(1, **fine)]) == []
    assert play.one.state == "firing"
