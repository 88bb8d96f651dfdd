"""Overrides: whom they are about, what becomes of alerts, and that readings stay as they are."""

from typing import Any

import pytest

from monitors.conditions import Condition, conditions
from monitors.judge_thresholds import as_judged, with_limits
from monitors.lifecycle import advance
from monitors.overrides import matches, of_what_stands, overridden
from monitors.types import Reading
from monitors.window_conditions import window_conditions
from reference_data.declaration import ModelSpec
from tests.support.profiles import NOW
from tests.support.readings import reading, window


def spec(*overrides: dict[str, Any], **monitor: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "m",
            "task": "regression",
            "features": {"x": "numeric", "k": "categorical"},
            "context": {"weather": "numeric"},
            "segments": ["k"],
            "owner": "ada",
            "monitor": {"overrides": list(overrides), **monitor},
        }
    )


def found(readings: list[Reading], *overrides: dict[str, Any]) -> dict[str, Condition]:
    return overridden(readings, spec(*overrides), None)


@pytest.mark.parametrize(
    ("pattern", "name", "same"),
    [
        ("*", None, True),
        ("x", None, False),
        ("x*", "xylophone", True),
        ("x", "xy", False),
        ("X", "x", False),
        ("a[1]", "a[1]", True),
        ("a[1]*", "a[1]b", True),
        ("a[1]", "a1", False),
        ("wh?t", "what", False),
        ("wh?t*", "wh?t now", True),
        ("*\n*", "a\nb", True),
        ("*" * 30 + "a", "b" * 5000, False),
        ("*a" * 30 + "b", "a" * 5000, False),
        ("(?i)x", "(?i)x", True),
        ("carrier=*", 'carrier="*"', True),
    ],
)
def test_only_a_star_stands_for_anything(pattern: str, name: str | None, *, same: bool) -> None:
    assert matches(pattern, name) is same


TROUBLE = window(0, harm=True, drift=("x", "k", "weather"), missing=("x", "k"))


def test_without_overrides_nothing_is_other_than_it_was() -> None:
    assert found(TROUBLE) == conditions(TROUBLE, spec(), None)
    assert found(TROUBLE, {"column": "other", "severity": "off"}) == conditions(TROUBLE, spec(), None)


def test_what_is_off_takes_no_part() -> None:
    got = found(TROUBLE, {"column": "x", "severity": "off"})
    assert (got["data_drift"].members, got["data_quality"].members) == (("k", "weather"), ("k",))
    assert "data_drift" not in found(TROUBLE, {"check": "jensen_shannon", "severity": "off"})
    only_drift = found(TROUBLE, {"column": "x", "kind": "data_drift", "severity": "off"})
    assert (only_drift["data_drift"].members, only_drift["data_quality"].members) == (("k", "weather"), ("x", "k"))
    assert found(TROUBLE, {"severity": "off"}) == {}


def test_what_is_off_is_still_known_when_the_rest_is_told() -> None:
    """A drifted feature explains the errors: taken out of what is told, it does all the same."""
    readings = window(0, harm=True, concept=True, drift=("x",))
    assert found(readings)["outcome"].kind == found(readings, {"column": "x", "severity": "off"})["outcome"].kind


def test_a_severity_is_that_of_the_override_and_a_page_only_where_it_is_asked_for() -> None:
    assert found(window(0, drift=("x",)), {"column": "x", "severity": "page"})["data_drift"].severity == "page"
    assert found(window(0, harm=True), {"check": "mae", "severity": "notice"})["outcome"].severity == "notice"
    mixed = found(window(0, drift=("x", "k")), {"column": "x", "severity": "notice"})["data_drift"]
    assert (mixed.severity, mixed.column, mixed.members) == ("warning", "k", ("k", "x"))


def test_the_first_that_matches_decides() -> None:
    severities = [
        found(window(0, drift=("x",)), *order)["data_drift"].severity
        for order in (
            [{"column": "x", "severity": "page"}, {"column": "*", "severity": "notice"}],
            [{"column": "*", "severity": "notice"}, {"column": "x", "severity": "page"}],
            [{"column": "x", "kind": "data_quality", "severity": "page"}, {"severity": "notice"}],
            [{"column": "x", "owner": "bo"}, {"severity": "notice"}],
        )
    ]
    assert severities == ["page", "notice", "notice", "warning"]


def test_patience_owner_and_runbook_reach_the_alert() -> None:
    declared = spec(
        {"check": "missing_share", "windows": "2 of 3", "resolve_after": 5, "owner": "bo", "runbook": "https://wiki/holes"},
        runbooks={"data_drift": "https://wiki/drift", "data_quality": "https://wiki/other"},
    )  # fmt: skip
    readings = window(0, drift=("x",), missing=("x",))
    alerts = {alert.kind: alert for alert, _ in advance([], readings, declared, NOW, None, iter("abc").__next__)}
    drift, holes = alerts["data_drift"], alerts["data_quality"]
    assert (drift.state, drift.owner, drift.runbook, drift.resolve_after) == (
        "firing",
        "ada",
        "https://wiki/drift",
        None,
    )
    assert (holes.state, holes.owner, holes.runbook, holes.resolve_after) == ("pending", "bo", "https://wiki/holes", 5)
    assert holes.needs == (2, 3)


def test_the_least_patient_part_of_a_group_leads_it() -> None:
    """A page that waits for three windows is no page in the first of them, whatever else drifts beside it."""
    got = found(window(0, drift=("x", "k")), {"column": "x", "severity": "page", "windows": "3 of 3"})["data_drift"]
    assert (got.severity, got.needs, got.members) == ("warning", (1, 1), ("k", "x"))


def test_a_segment_pattern_is_about_what_is_inside_only() -> None:
    inside = [
        reading("jensen_shannon", "x", segment=segment, verdict="drift", value=0.4, effect=0.4)
        for segment in ("k=a", "k=b")
    ]
    readings = [*window(0, drift=("k",)), *inside]
    got = found(readings, {"segment": "k=a", "severity": "off"})
    assert (got["segments"].segment, got["data_drift"].members) == ("k=b", ("k",))
    assert "segments" not in found(readings, {"segment": "k=*", "severity": "off"})
    assert "segments" not in found(readings, {"column": "x", "severity": "off"})


def test_arrival_and_no_data_can_be_overridden_too() -> None:
    late = [*window(0), reading("freshness", scope="traffic", verdict="warning", value=30.0)]
    assert found(late, {"check": "freshness", "severity": "page"})["arrival"].severity == "page"
    assert "no_data" not in found(window(0, rows="no_data"), {"kind": "no_data", "severity": "off"})


def test_an_open_alert_that_is_off_from_now_on_comes_to_its_end() -> None:
    opened = [alert for alert, _ in advance([], window(0, drift=("x",)), spec(), NOW, None, lambda: "a")]
    off = spec({"column": "x", "severity": "off"})
    states = []
    for number in (1, 2):
        opened = [alert for alert, _ in advance(opened, window(number, drift=("x",)), off, NOW, None, lambda: "b")]
        states += [alert.state for alert in opened]
    assert states == ["recovering", "resolved"]


def test_readings_stay_as_they_are() -> None:
    before = [repr(each) for each in TROUBLE]
    found(TROUBLE, {"severity": "off"}, {"column": "x", "severity": "page"})
    assert [repr(each) for each in TROUBLE] == before


def test_what_rests_on_no_window_can_be_overridden_by_its_kind() -> None:
    fact = Condition("job", "warning", None, (), False, True, False, "It fails", "It fails.", source="nightly")
    declared = spec(
        {"column": "x", "severity": "off"}, {"kind": "job", "severity": "page", "owner": "bo"}, runbooks={"job": "https://wiki/job"}
    )  # fmt: skip
    ((told,), over) = of_what_stands([fact], declared, {"watchdog"})
    assert (told.severity, told.owner, told.runbook, over) == (
        "page",
        "bo",
        "https://wiki/job",
        frozenset({"watchdog"}),
    )
    assert of_what_stands([fact], spec({"kind": "job", "severity": "off"}), []) == ([], frozenset({"job of nightly"}))
    assert of_what_stands([fact], spec(), []) == ([fact], frozenset())


# -- limits with patience ----------------------------------------------------------------------------------------------
def limited(readings: list[Reading], *limits: dict[str, Any]) -> dict[str, Condition]:
    declared = spec(thresholds=list(limits))
    raised = list(with_limits(declared, readings))
    return window_conditions(raised, raised, declared, None).conditions


def test_a_limit_that_waits_does_not_fire_by_way_of_the_verdict_it_gives() -> None:
    readings = [*window(0), reading("missing_share", "x", value=0.3, unit="share", sentence="Holes.")]
    at_once = limited(readings, {"check": "missing_share", "column": "x", "warning": 0.2})
    assert {group: each.needs for group, each in at_once.items()} == {
        "data_quality": (1, 1),
        "limit of data_quality": (1, 1),
    }
    patient = limited(readings, {"check": "missing_share", "column": "x", "warning": 0.2, "windows": "2 of 3"})
    assert {group: each.needs for group, each in patient.items()} == {"rule limit of missing_share of x": (2, 3)}


def test_what_was_judged_stands_beside_a_limit_that_waits() -> None:
    readings = window(0, drift=("x",))
    moved = [each for each in readings if (each.check, each.column) == ("jensen_shannon", "x")]
    for each in moved:
        each.value = 0.4
    got = limited(readings, {"check": "jensen_shannon", "critical": 0.3, "windows": "2 of 2"})
    assert got["data_drift"].severity == "warning"
    assert got["rule limit of jensen_shannon"].severity == "page"


@pytest.mark.parametrize(
    ("value", "state"), [(13.0, "critical"), (11.0, "warning"), (9.0, "holding"), (7.0, None), (float("nan"), "silent")]
)
def test_a_limit_clears_at_its_milder_value(value: float, state: str | None) -> None:
    declared = spec(thresholds=[{"check": "mae", "warning": 10, "critical": 12, "clear": 8}])
    got = window_conditions(
        [], [reading("mae", scope="performance", value=value, reference_value=5.0)], declared, None
    )  # fmt: skip
    condition = got.conditions.get("rule limit of mae")
    if condition is None:
        assert ("rule limit of mae" in got.silent) is (state == "silent")
        assert state in (None, "silent")
    elif condition.holding:
        assert state == "holding"
    else:
        assert {"page": "critical", "warning": "warning"}[condition.severity] == state


def test_a_limit_holds_inside_its_segment_only() -> None:
    readings = [
        reading("mae", scope="performance", value=value, segment=segment, sentence="So it is.")
        for value, segment in ((20.0, None), (20.0, "k=b"), (9.0, "k=a"))
    ]
    assert limited(readings, {"check": "mae", "segment": "k=a", "warning": 10}) == {}
    (only,) = limited(readings, {"check": "mae", "segment": "k=b", "warning": 10}).values()
    assert (only.segment, only.kind, only.severity) == ("k=b", "performance", "warning")
    assert only.headline == "In k=b: Mean absolute error passed its fixed limit at 20.0 distance".removesuffix(
        " distance"
    )


def test_readings_without_patient_limits_are_left_alone() -> None:
    declared = spec(thresholds=[{"check": "psi", "warning": 0.1}])
    readings = [reading("psi", "x", value=0.2)]
    assert as_judged(declared, readings) is readings
