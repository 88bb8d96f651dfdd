"""What is due, and what holds it back: every trigger by itself, and the rules that hold for all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reference_data.training import Retrain
from retraining.triggers import Facts, Retrained, chosen, judge

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HARM = (("a1", "MAE is too high"),)


def retrain(*triggers: str, **declared: Any) -> Retrain:
    needed: dict[str, dict[str, Any]] = {
        "schedule": {"schedule": "every 7d"},
        "labels": {"after_labels": 100},
        "age": {"max_age": "30d"},
    }
    given: dict[str, Any] = {"trigger": triggers}
    for name in triggers:
        given |= needed.get(name, {})
    return Retrain.model_validate(given | declared)


def facts(**known: Any) -> Facts:
    given: dict[str, Any] = {"model": "eta", "now": NOW, "timezone": "Europe/Berlin"}
    return Facts(**(given | known))


def was(days_ago: float, state: str = "succeeded", actor: str = "ada", alert: str | None = None) -> Retrained:
    return Retrained(NOW - days_ago * DAY, state, actor, alert, "disk full" if state == "failed" else None)


def starts(declared: Retrain, known: Facts) -> str | None:
    found = chosen(judge(declared, known))
    return None if found is None else found.trigger


@pytest.mark.parametrize(
    ("trigger", "due", "not_yet"),
    [
        ("alert", {"alerts": HARM}, {"alerts": ()}),
        ("labels", {"labels": 100}, {"labels": 99}),
        ("age", {"newest_row": NOW - 30 * DAY}, {"newest_row": NOW - 29 * DAY}),
        ("schedule", {"armed_at": NOW - 7 * DAY}, {"armed_at": NOW - 6 * DAY}),
    ],
)
def test_each_starts_a_retrain_when_it_is_due_and_not_before(trigger: str, due: Any, not_yet: Any) -> None:
    assert starts(retrain(trigger), facts(**due)) == trigger
    assert starts(retrain(trigger), facts(**not_yet)) is None
    assert starts(retrain("manual"), facts(**due)) is None


def test_an_alert_has_one_retrain_whoever_asked_for_it() -> None:
    for past in (was(9, alert="a1"), was(9, "failed", alert="a1"), was(9, "cancelled", "trigger:alert", "a1")):
        assert starts(retrain("alert"), facts(alerts=HARM, retrains=(past,))) is None
    another = (*HARM, ("a2", "the rule has changed"))
    (found,) = judge(retrain("alert"), facts(alerts=another, retrains=(was(9, alert="a1"),)))
    assert (found.due, found.alert_id) == (True, "a2")
    assert found.sentence == "Alert a2 fires: the rule has changed."


def test_an_alert_that_fires_on_earns_another_retrain_once_there_are_rows_of_what_it_is_about() -> None:
    began, early = NOW - 20 * DAY, replace(was(12, alert="a1"), until=NOW - 12 * DAY)
    known: dict[str, Any] = {"alerts": HARM, "began": {"a1": began}, "retrains": (early,)}
    weekly = retrain("alert", holdout="1w")
    assert starts(weekly, facts(labelled_until=began + 13 * DAY, **known)) is None, "two hold-outs are fourteen days"
    ripe = facts(labelled_until=began + 14 * DAY, **known)
    (found,) = judge(weekly, ripe)
    assert (found.due, found.again, found.alert_id) == (True, True, "a1")
    assert found.sentence.startswith("Alert a1 still fires, and now there are two hold-outs of rows since it began")
    twice = replace(ripe, retrains=(early, replace(was(5, alert="a1"), until=NOW - 5 * DAY)))
    assert starts(weekly, twice) is None, "no third"
    late = replace(ripe, retrains=(replace(early, until=began + 14 * DAY),))
    assert starts(weekly, late) is None, "the first had rows enough"


def test_downtime_over_many_times_is_made_up_for_by_one_retrain() -> None:
    declared = retrain("schedule", schedule="0 6 * * 1", cooldown="0d")  # Mondays at six in Berlin
    known = facts(armed_at=NOW - 60 * DAY, retrains=(was(50),))
    (found,) = judge(declared, known)
    assert (found.due, found.due_at) == (True, datetime(2024, 3, 18, 5, tzinfo=UTC))
    (after,) = judge(declared, facts(armed_at=NOW - 60 * DAY, retrains=(was(50), was(0))))
    assert (after.due, after.next_at) == (False, datetime(2024, 5, 6, 4, tzinfo=UTC))
    assert after.sentence == "Next by the schedule '0 6 * * 1': 2024-05-06 06:00."


def test_the_cooldown_counts_from_the_last_retrain_of_whoever() -> None:
    declared = retrain("labels", cooldown="2d")
    for actor in ("ada", "trigger:alert"):
        (found,) = judge(declared, facts(labels=500, retrains=(was(1, actor=actor),)))
        assert (found.due, found.held_until, found.next_at) == (True, NOW + DAY, NOW + DAY)
        assert found.held_back == "cooldown until 2024-05-02 14:00: the last retrain began 2024-04-30 14:00"
    assert starts(declared, facts(labels=500, retrains=(was(2),))) == "labels"


def test_a_month_has_so_many_retrains_by_triggers() -> None:
    declared = retrain("alert", per_month=2)
    mine = (was(29, actor="trigger:age"), was(20), was(10, actor="trigger:alert"))
    (found,) = judge(declared, facts(alerts=HARM, retrains=mine))
    assert found.held_back == "2 of 2 retrains by triggers in 30 days; the next may start 2024-05-02 14:00"
    assert starts(declared, facts(alerts=HARM, retrains=(was(30, actor="trigger:age"), *mine[1:]))) == "alert"
    assert starts(declared, facts(alerts=HARM, retrains=(was(29), was(20), was(10)))) == "alert", "clicks do not count"


@pytest.mark.parametrize("bad", ["failed", "lost"])
def test_after_two_failures_in_a_row_somebody_has_to_look(bad: str) -> None:
    declared = retrain("alert")
    assert starts(declared, facts(alerts=HARM, retrains=(was(5, bad),))) == "alert"
    known = facts(alerts=HARM, retrains=(was(9), was(5, "failed"), was(4, "cancelled"), was(3, bad)))
    (found,) = judge(declared, known)
    assert found.held_back is not None
    assert found.held_back.startswith("the latest two retrains failed")
    assert found.next_at is None
    assert starts(declared, facts(alerts=HARM, retrains=(was(9, bad), was(8, bad), was(5)))) == "alert"


def test_nothing_starts_beside_a_job_or_where_nothing_can_be_learned() -> None:
    for known in ({"under_way": "j1"}, {"impossible": "no label has come yet"}):
        found = judge(retrain("alert", "labels"), facts(alerts=HARM, labels=1000, **known))
        assert chosen(found) is None
        assert {one.held_back for one in found} == {
            "job j1 is under way" if "under_way" in known else "no label has come yet"
        }


def test_the_one_that_tells_most_starts_the_job_for_all() -> None:
    known = facts(alerts=HARM, labels=1000, newest_row=NOW - 99 * DAY, armed_at=NOW - 99 * DAY)
    declared = retrain("age", "labels", "schedule", "alert")
    assert [one.trigger for one in judge(declared, known)] == ["alert", "schedule", "labels", "age"]
    assert starts(declared, known) == "alert"


def test_progress_and_the_next_time_are_told() -> None:
    labels, age = judge(retrain("age", "labels"), facts(labels=42, newest_row=NOW - 10 * DAY))
    assert (labels.progress, labels.sentence) == (0.42, "After 100 new labels: 42 have come so far.")
    assert age.next_at == NOW + 20 * DAY
    assert age.sentence == "The newest row learned from is of 2024-04-21 14:00; it is 30d old 2024-05-21 14:00."
    (never,) = judge(retrain("age"), facts())
    assert (never.due, never.next_at) == (False, None)
