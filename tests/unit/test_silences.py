"""Silences and maintenance: what they match, when they are on, and what they do to open alerts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitors import by_hand, silences
from monitors.settle import settle
from monitors.shown import change, shown_state, told
from monitors.types import Alert, Silence
from reference_data.alerting import Maintenance
from tests.support.alerts import alert_of
from tests.support.profiles import NOW

DAY = timedelta(days=1)


def silence(**changes: Any) -> Silence:
    return replace(Silence("s1", NOW, NOW + DAY, "ada", "known"), **changes)


DRIFT = alert_of("data_drift", column="wind_speed", members=("wind_speed", "wind_dir"))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, True),
        ({"alert_id": DRIFT.id}, True),
        ({"alert_id": "other"}, False),
        ({"model": "m*"}, True),
        ({"model": "n*"}, False),
        ({"kind": "data_drift"}, True),
        ({"kind": "performance"}, False),
        ({"severity": "warning"}, True),
        ({"severity": "page"}, False),
        ({"column": "wind_*"}, True),
        ({"column": "wind_speed"}, False),  # the other column would go untold
        ({"segment": "*"}, False),
    ],
)
def test_everything_that_is_given_must_match(asked: dict[str, Any], expected: bool) -> None:
    assert silences.matches(silence(**asked), DRIFT) is expected


def test_names_that_look_like_patterns_match_themselves() -> None:
    odd = alert_of("data_drift", column="a[b]", members=("a[b]",), segment="city=[x]")
    assert silences.matches(silence(column="a[b]", segment="city=[x]"), odd)
    assert silences.matches(silence(segment="city=*"), odd)


def test_an_alert_about_no_column_is_not_silenced_by_a_column() -> None:
    assert not silences.matches(silence(column="*"), alert_of("data_quality", members=("row_volume",)))


def test_the_longest_silence_counts() -> None:
    longer = silence(id="s2", ends=NOW + 2 * DAY)
    found = silences.silencing(DRIFT, [silence(), longer, silence(id="s3", starts=NOW + DAY, ends=NOW + 9 * DAY)], NOW)
    assert found == longer


def test_an_alert_comes_out_of_its_silence_in_the_state_it_has_got_to() -> None:
    ((under, event),) = silences.apply([DRIFT], [silence()], NOW)
    assert (event.state, event.action, event.actor, event.comment) == ("silenced", "silence", "ada", "known")
    assert (under.state, shown_state(under, NOW)) == ("firing", "silenced")
    assert not told(under, event)
    quiet, hidden = change(under, "recovering", NOW, "Quiet for 1 window; 2 are needed.")
    assert hidden.state == "silenced"
    later = NOW + DAY
    ((free, over),) = silences.apply([quiet], [silence()], later)
    assert (free.silenced_until, over.state, over.action) == (None, "recovering", "unsilence")
    assert not told(free, over), "it does not fire"
    ((firing, over),) = silences.apply([under], [silence()], later)
    assert (firing.state, told(firing, over)) == ("firing", True)


def test_what_is_silenced_already_changes_nothing_and_a_longer_silence_takes_over() -> None:
    ((under, _),) = silences.apply([DRIFT], [silence()], NOW)
    assert silences.apply([under], [silence()], NOW) == []
    ((longer, event),) = silences.apply([under], [silence(), silence(id="s2", ends=NOW + 2 * DAY)], NOW)
    assert (longer.silence_id, event.state) == ("s2", "silenced")


def test_a_resolved_alert_is_left_alone() -> None:
    over = replace(DRIFT, state="resolved", resolved_at=NOW)
    assert silences.apply([over], [silence()], NOW) == []


def test_what_opens_under_a_silence_is_silenced_from_the_outset() -> None:
    opened = change(DRIFT, "firing", NOW, "wind_speed drifted")
    first, second = settle({}, [opened], [silence()], NOW)
    assert [event.state for _, event in (first, second)] == ["silenced", "silenced"]
    assert (second[1].action, second[0].silence_id) == ("silence", "s1")
    assert not any(told(*each) for each in (first, second))


def test_what_grows_beyond_its_silence_comes_out_and_is_told() -> None:
    only = silence(severity="warning")
    ((under, _),) = silences.apply([DRIFT], [only], NOW)
    risen = change(replace(under, severity="page"), "firing", NOW, "Severity rose", action="rise")
    out, rise = settle({DRIFT.id: under}, [risen], [only], NOW)
    assert (out[1].action, rise[1].action, rise[1].state) == ("unsilence", "rise", "firing")
    assert rise[0].silenced_until is None
    assert told(*rise)


def test_an_acknowledged_alert_is_acknowledged_beneath_its_silence() -> None:
    ((under, _),) = silences.apply([DRIFT], [silence()], NOW)
    seen, event = by_hand.acknowledge(under, "ada", "", NOW)
    assert (seen.state, event.state) == ("acknowledged", "silenced")


# -- maintenance -------------------------------------------------------------------------------------------------------
def maintenance(**values: Any) -> Maintenance:
    return Maintenance(name="upgrade", **values)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_maintenance_once_is_one_silence_a_pattern_and_over_when_it_is_over() -> None:
    once = maintenance(
        models=("air_*", "eta"), starts=at("2024-03-01T22:00"), ends=at("2024-03-02T02:00"), comment="disks"
    )
    found = silences.of_maintenance(once, at("2024-03-01T23:00"))
    assert [(each.model, each.comment) for each in found] == [("air_*", "disks"), ("eta", "disks")]
    assert len({each.id for each in found}) == 1
    assert all(silences.is_active(each, at("2024-03-01T23:00")) for each in found)
    assert not silences.is_active(found[0], at("2024-03-01T21:59"))
    assert silences.of_maintenance(once, at("2024-03-02T02:00")) == []


def test_naive_times_and_cron_lines_are_in_its_own_time_zone() -> None:
    naive = datetime.fromisoformat("2024-07-01T02:00")
    once = maintenance(starts=naive, ends=naive + DAY, timezone="Europe/Berlin")
    (found,) = silences.of_maintenance(once, at("2024-06-01T00:00"))
    assert found.starts == at("2024-07-01T00:00")
    nightly = maintenance(schedule="0 2 * * *", lasts="90m", timezone="Europe/Berlin")
    window = silences.occurrence(nightly, at("2024-07-01T01:00"))
    assert window is not None
    assert (window.start, window.end) == (at("2024-07-01T00:00"), at("2024-07-01T01:30"))


@pytest.mark.parametrize(
    ("schedule", "lasts", "now", "start"),
    [
        ("0 2 * * sun", "4h", "2024-03-03T02:00", "2024-03-03T02:00"),  # the very moment
        ("0 2 * * sun", "4h", "2024-03-03T05:59:59", "2024-03-03T02:00"),
        ("0 2 * * sun", "4h", "2024-03-03T06:00", "2024-03-10T02:00"),  # just over
        ("0 * * * *", "3h", "2024-03-03T06:30", "2024-03-03T06:00"),  # begun again before it ended
        ("* * * * *", "30d", "2024-03-03T06:30:30", "2024-03-03T06:30"),
        ("0 0 1 1 *", "1h", "2024-03-03T00:00", "2025-01-01T00:00"),
    ],
)
def test_an_occurrence_is_the_one_that_is_on_or_the_next(schedule: str, lasts: str, now: str, start: str) -> None:
    window = silences.occurrence(maintenance(schedule=schedule, lasts=lasts), at(now))
    assert window is not None
    assert window.start == at(start)


def test_maintenance_every_so_often_has_no_beginning_and_is_refused() -> None:
    with pytest.raises(ValueError, match="write when it begins as a cron line"):
        silences.of_maintenance(maintenance(schedule="every 7d"), NOW)


def test_alerts_of_another_model_are_not_silenced() -> None:
    other: Alert = replace(DRIFT, model="other")
    found = silences.apply([DRIFT, other], [silence(model="m")], NOW)
    assert [alert.model for alert, _ in found] == ["m"]
