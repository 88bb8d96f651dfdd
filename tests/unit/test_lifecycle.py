"""Alerts: one a cause-group, fired once, resolved when quiet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from monitors.by_hand import acknowledge
from monitors.lifecycle import GREW, advance
from monitors.types import Alert, AlertEvent, Cause, Reading
from reference_data.declaration import Threshold
from tests.support.profiles import NOW, spec_of
from tests.support.readings import reading, window

SPEC = spec_of(
    "regression",
    label="air_time",
    features={"x": "numeric", "k": "categorical"},
    context={"weather": "numeric"},
    owner="flight-operations",
    monitor={"resolve_after": 2},
)
LEANING = {"x": 99.0, "k": 1.0}


class Play:
    """Feeds windows in order and keeps the alerts."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self._ids = count(1)

    def feed(
        self,
        readings: Sequence[Reading],
        importance: Mapping[str, float] | None = LEANING,
        causes: tuple[Cause, ...] = (),
        only: frozenset[str] | None = None,
    ) -> list[AlertEvent]:
        changes = advance(
            list(self.alerts.values()), readings, SPEC, NOW, importance, lambda: f"a{next(self._ids)}", causes, only
        )
        self.alerts |= {alert.id: alert for alert, _ in changes}
        return [event for _, event in changes]

    @property
    def one(self) -> Alert:
        (alert,) = self.alerts.values()
        return alert


@pytest.fixture
def play() -> Play:
    return Play()


def test_a_quiet_window_opens_nothing(play: Play) -> None:
    assert play.feed(window(0)) == []
    assert play.feed([]) == []


def test_harm_pages_at_once_and_says_what_moved(play: Play) -> None:
    (event,) = play.feed(window(3, harm=True))
    alert = play.one
    assert (event.state, event.alert_id) == ("firing", alert.id)
    assert (alert.kind, alert.severity, alert.state, alert.harmful) == ("performance", "page", "firing", True)
    assert alert.headline == "air_time predictions are 14.2 min too high"
    assert (alert.window, alert.owner, alert.model_version) == (window(3)[0].window, "flight-operations", "v1")


def test_without_a_bias_the_headline_names_the_metric(play: Play) -> None:
    play.feed([r for r in window(0, harm=True) if r.check != "bias"])
    assert play.one.headline == "Mean absolute error 15.0 min against 8.05 in the reference"


def test_harm_with_other_errors_for_the_same_inputs_is_concept_drift(play: Play) -> None:
    play.feed(window(0, harm=True, concept=True))
    assert play.one.kind == "concept_drift"
    assert "Errors moved." in play.one.message


def test_harm_beside_drift_in_what_the_model_leans_on_is_not_called_concept_drift(play: Play) -> None:
    play.feed(window(0, harm=True, concept=True, drift=("x",)))
    assert {alert.kind for alert in play.alerts.values()} == {"performance", "data_drift"}


def test_all_columns_that_drift_share_one_alert(play: Play) -> None:
    play.feed(window(0, drift=("weather", "k", "x")))
    assert (play.one.kind, play.one.severity, play.one.column) == ("data_drift", "warning", "x")
    assert set(play.one.members) == {"x", "k", "weather"}
    assert play.one.headline == "x drifted from the reference (and 2 more columns)"


def test_the_same_columns_within_28_days_reopen_their_alert_and_others_do_not(play: Play) -> None:
    play.feed(window(0, drift=("x",)))
    for quiet in (1, 2):
        play.feed(window(quiet))
    assert play.one.state == "resolved"
    (event,) = play.feed(window(20, drift=("x",)))
    assert (event.alert_id, event.state, play.one.quiet) == (play.one.id, "firing", 0)
    for quiet in range(21, 25):
        play.feed(window(quiet))
    assert (play.one.state, play.one.returns) == ("resolved", 1), "what came back needs twice as many quiet windows"
    play.feed(window(25, drift=("x", "k")))
    assert len(play.alerts) == 2, "another column is another story"


def traffic(number: int, *, missing: tuple[str, ...] = (), wrong: tuple[str, ...] = ()) -> list[Reading]:
    """Return a day on which rows did not come as usual."""
    found = window(number, missing=missing)
    checks = ("row_volume", "freshness", "refused_rows")
    verdicts = {check: "warning" if check in wrong else "ok" for check in checks}
    more: dict[str, Any] = {"scope": "traffic", "window": found[0].window, "value": 1.0, "reference_value": 9.0}
    return [*found, *(reading(check, verdict=verdicts[check], sentence=f"{check}!", **more) for check in checks)]


@pytest.mark.parametrize("state", ["open", "acknowledged", "resolved"])
def test_missing_values_do_not_swallow_a_collapse_of_traffic(play: Play, state: str) -> None:
    play.feed(traffic(0, missing=("x",)))
    if state == "acknowledged":
        play.alerts["a1"], _ = acknowledge(play.one, "ada", "", NOW)
    for quiet in (1, 2) if state == "resolved" else ():
        play.feed(traffic(quiet))
    (event,) = play.feed(traffic(3, missing=("x",) if state != "resolved" else (), wrong=("row_volume",)))
    alert = play.alerts[event.alert_id]
    assert (event.state, alert.id, alert.headline) == ("firing", "a2", "Fewer rows arrived than usual")
    assert (alert.message, alert.members, alert.column) == ("row_volume!", ("row_volume",), None)


def test_another_fault_of_the_table_is_told_even_when_the_first_is_known(play: Play) -> None:
    play.feed(traffic(0, wrong=("row_volume",)))
    play.alerts["a1"], _ = acknowledge(play.one, "ada", "", NOW)
    assert play.feed(traffic(1, wrong=("row_volume",))) == []
    (event,) = play.feed(traffic(2, wrong=("refused_rows",)))
    assert (event.alert_id, event.state, event.comment) == ("a1", "firing", "Another fault: Rows were refused")
    assert (play.one.headline, play.one.message) == ("Rows were refused", "refused_rows!")


def test_what_reopens_an_alert_is_told_in_its_own_words(play: Play) -> None:
    play.feed(window(0, drift=("x", "k")))
    for quiet in (1, 2):
        play.feed(window(quiet))
    play.feed(window(3, drift=("k",)), importance=None)
    assert (play.one.state, play.one.headline, play.one.message) == (
        "firing",
        "k drifted from the reference",
        "k moved.",
    )


def test_what_comes_back_after_28_days_is_a_new_alert(play: Play) -> None:
    play.feed(window(0, drift=("x",)))
    for quiet in (1, 2):
        play.feed(window(quiet))
    play.feed(window(32, drift=("x",)))
    assert len(play.alerts) == 2


@pytest.mark.parametrize(
    ("drift", "importance", "severity"),
    [
        (("x",), LEANING, "warning"),
        (("k",), LEANING, "notice"),
        (("k",), None, "warning"),
        (("k",), {}, "warning"),
        (("weather",), None, "notice"),
    ],
    ids=["leaned on", "hardly used", "importance unknown", "importance empty", "context"],
)
def test_drift_warns_only_where_the_model_leans(
    play: Play, drift: tuple[str, ...], importance: dict[str, float] | None, severity: str
) -> None:
    play.feed(window(0, drift=drift), importance)
    assert play.one.severity == severity


def test_prediction_drift_waits_for_a_second_window_while_there_are_labels(play: Play) -> None:
    assert [event.state for event in play.feed(window(0, drift=("prediction",)))] == ["pending"]
    assert play.one.severity == "notice"
    assert [event.state for event in play.feed(window(1, drift=("prediction",)))] == ["firing"]


def test_prediction_drift_that_does_not_last_goes_untold(play: Play) -> None:
    play.feed(window(0, drift=("prediction",)))
    assert [event.state for event in play.feed(window(1))] == ["resolved"]


def test_prediction_drift_without_labels_warns_at_once(play: Play) -> None:
    play.feed(window(0, drift=("prediction",), labels="no_data"))
    assert (play.one.kind, play.one.severity, play.one.state) == ("prediction_drift", "warning", "firing")


def test_missing_values_are_data_quality(play: Play) -> None:
    play.feed(window(0, missing=("k",)))
    assert (play.one.kind, play.one.severity, play.one.headline) == (
        "data_quality",
        "warning",
        "k is missing more often",
    )


def test_missing_context_is_only_noticed(play: Play) -> None:
    play.feed(window(0, missing=("weather",)))
    assert play.one.severity == "notice"


def test_no_rows_open_an_alert_of_their_own_and_settle_nothing_else(play: Play) -> None:
    play.feed(window(0, harm=True))
    play.feed(window(1, rows="no_data"))
    kinds = {alert.kind: alert.state for alert in play.alerts.values()}
    assert kinds == {"performance": "firing", "no_data": "firing"}
    play.feed(window(2))
    assert {alert.kind: alert.state for alert in play.alerts.values()} == {
        "performance": "recovering",
        "no_data": "recovering",
    }


@pytest.mark.parametrize("silent", [{"rows": "insufficient"}, {"labels": "insufficient"}, {"labels": "no_data"}])
def test_a_window_that_cannot_be_judged_changes_nothing(play: Play, silent: dict[str, str]) -> None:
    play.feed(window(0, harm=True))
    assert play.feed(window(1, harm=True, **silent)) == []  # type: ignore[arg-type]
    assert play.one.quiet == 0


def test_an_alert_recovers_then_resolves_after_as_many_quiet_windows_as_declared(play: Play) -> None:
    play.feed(window(0, harm=True))
    assert [event.state for event in play.feed(window(1))] == ["recovering"]
    assert [event.state for event in play.feed(window(2))] == ["resolved"]
    assert play.one.resolved_at == NOW


def test_what_comes_back_while_recovering_fires_again_as_the_same_alert(play: Play) -> None:
    play.feed(window(0, harm=True))
    play.feed(window(1))
    assert [event.state for event in play.feed(window(2, harm=True))] == ["firing"]
    assert play.one.quiet == 0
    assert play.one.resolved_at is None


def test_what_goes_on_tells_nothing_new(play: Play) -> None:
    play.feed(window(0, harm=True, concept=True))
    assert play.feed(window(1, harm=True, concept=True)) == []


def test_more_columns_join_the_open_alert(play: Play) -> None:
    play.feed(window(0, drift=("x",)))
    (event,) = play.feed(window(1, drift=("x", "weather")))
    assert (event.state, event.comment) == ("firing", "Also in weather.")
    assert play.one.members == ("x", "weather")


def test_acknowledged_stays_acknowledged_while_it_goes_on(play: Play) -> None:
    play.feed(window(0, drift=("k",)))
    changed, event = acknowledge(play.one, "ada", "known", NOW)
    play.alerts[changed.id] = changed
    assert (event.actor, event.comment, event.state) == ("ada", "known", "acknowledged")
    play.feed(window(1, drift=("k", "weather")))
    assert play.one.state == "acknowledged"


def test_acknowledged_fires_again_when_it_gets_more_serious(play: Play) -> None:
    play.feed(window(0, drift=("k",)))
    play.alerts["a1"], _ = acknowledge(play.one, "ada", "", NOW)
    (event,) = play.feed(window(1, drift=("k", "x")))
    assert (event.state, play.one.severity, play.one.column) == ("firing", "warning", "x")
    assert "from notice to warning" in event.comment


def test_a_resolved_alert_cannot_be_acknowledged(play: Play) -> None:
    play.feed(window(0, harm=True))
    resolved = replace(play.one, state="resolved", resolved_at=NOW)
    with pytest.raises(ValueError, match="a1 is resolved"):
        acknowledge(resolved, "ada", "", NOW)


def test_the_first_good_window_of_a_new_version_resolves_what_the_old_one_left(play: Play) -> None:
    play.feed(window(0, harm=True))
    (event,) = play.feed(window(1, version="v2"))
    assert (event.state, play.one.model_version) == ("resolved", "v1")
    assert event.comment == "v2 serves now, and its first judged window is fine."


@pytest.mark.parametrize("trouble", [{"drift": ("x",)}, {"missing": ("x",)}], ids=["drift", "missing values"])
def test_a_new_version_says_nothing_of_what_arrives(play: Play, trouble: dict[str, Any]) -> None:
    play.feed(window(0, **trouble))
    assert [event.state for event in play.feed(window(1, version="v2"))] == ["recovering"]
    assert [event.state for event in play.feed(window(2, version="v2"))] == ["resolved"]


def test_a_new_version_that_is_no_better_keeps_the_alert_open(play: Play) -> None:
    play.feed(window(0, harm=True))
    play.feed(window(1, harm=True, version="v2"))
    assert play.one.state == "firing"


def test_a_window_judged_again_is_counted_once(play: Play) -> None:
    play.feed(window(0, harm=True))
    play.feed(window(1))
    assert play.feed(window(1)) == []
    assert play.one.quiet == 1
    assert play.feed(window(0)) == []


def test_labels_that_come_later_move_the_outcome_and_nothing_else(play: Play) -> None:
    play.feed(window(0, drift=("x",), labels="no_data"))
    play.feed(window(1, labels="no_data"))
    play.feed(window(2, labels="no_data"))
    assert [alert.state for alert in play.alerts.values()] == ["resolved"]
    late = window(0, drift=("x",), harm=True, concept=True)
    (event,) = play.feed(late, only=frozenset({"outcome"}))
    assert (event.state, play.alerts[event.alert_id].kind) == ("firing", "performance")


def test_readings_of_outcomes_alone_do_not_quieten_the_inputs(play: Play) -> None:
    play.feed(window(0, drift=("x",), missing=("k",), labels="no_data"))
    play.feed(window(1, rows="no_data"))
    before = dict(play.alerts)
    play.feed([r for r in window(2) if r.scope == "performance"])
    assert play.alerts == before


def test_outcome_alerts_get_three_causes_and_others_their_own(play: Play) -> None:
    causes = (Cause(None, 0.9, "rule"), Cause("x", 0.5, "x"), Cause("weather", 0.1, "w"), Cause("k", 0.05, "k"))
    play.feed(window(0, harm=True, drift=("k",)), causes=causes)
    held = {alert.kind: [cause.column for cause in alert.causes] for alert in play.alerts.values()}
    assert held == {"performance": [None, "x", "weather"], "data_drift": ["k"]}


def test_a_fixed_limit_does_not_swallow_the_drift_of_its_column() -> None:
    spec = SPEC.model_copy(
        update={"monitor": SPEC.monitor.model_copy(update={"thresholds": (Threshold(check="psi", warning=0.1),)})}
    )
    alerts: dict[str, Alert] = {}
    ids = count(1)
    for number in range(6):
        passed = reading(
            "psi", "x", value=0.2, verdict="warning", window=window(number)[0].window, sentence="PSI is over its limit."
        )
        found = [*window(number, drift=("x",) if number >= 3 else ()), passed]
        changes = advance(list(alerts.values()), found, spec, NOW, LEANING, lambda: f"a{next(ids)}")
        alerts |= {alert.id: alert for alert, _ in changes}
        assert len(alerts) == (1 if number < 3 else 2)
    limit, drift = alerts.values()
    assert (limit.kind, limit.limit, limit.message) == ("data_drift", "psi", "PSI is over its limit.")
    assert (drift.kind, drift.limit, drift.message) == ("data_drift", None, "x moved.")
    assert "fixed limit" in limit.headline
    assert "drifted" in drift.headline


def custom(number: int, check: str = "revenue", verdict: str = "ok", **changes: Any) -> list[Reading]:
    when = window(number)[0].window
    own = reading(check, scope="custom", verdict=verdict, window=when, sentence=f"{check} is low.", **changes)
    return [*window(number), own]


def test_an_own_check_that_stays_away_from_usual_keeps_its_alert_open(play: Play) -> None:
    play.feed(custom(3, verdict="warning"))
    for number in range(4, 10):
        play.feed(custom(number, p_value=0.01, material=True))
    assert (play.one.state, play.one.quiet) == ("firing", 0)
    for number in range(10, 12):
        play.feed(custom(number, p_value=0.4, material=True))
    assert play.one.state == "resolved"


def test_an_own_check_that_comes_and_goes_is_one_alert_and_another_check_is_not(play: Play) -> None:
    days_wrong = {3, 6, 11}
    for number in range(20):
        play.feed(custom(number, verdict="warning" if number in days_wrong else "ok"))
    assert (play.one.kind, play.one.members, play.one.column) == ("business", ("revenue",), None)
    assert play.one.state == "resolved"
    play.feed(custom(20, "margin", "warning"))
    assert len(play.alerts) == 2


def inside(number: int, scale: int, column: str = "x") -> list[Reading]:
    found = reading(
        "jensen_shannon",
        column,
        segment="k=a",
        verdict="drift",
        window=window(number)[0].window,
        value=0.3,
        scale=scale,
    )
    return [*window(number), found]


def test_a_shift_of_all_rows_that_is_over_is_not_told_again_from_inside_a_segment(play: Play) -> None:
    for number in range(5):
        play.feed(window(number, drift=("x",)))
    for number in range(5, 9):
        play.feed(inside(number, 14))
    assert (play.one.segment, play.one.state) == (None, "resolved")
    play.feed(inside(9, 14, "k"))
    assert len(play.alerts) == 2, "another column inside a segment is told"


def test_what_only_shows_inside_a_segment_after_the_shift_is_told(play: Play) -> None:
    play.feed(window(0, drift=("x",)))
    for number in range(1, 4):
        play.feed(window(number))
    play.feed(inside(9, 3))
    assert {alert.segment for alert in play.alerts.values()} == {None, "k=a"}


def test_an_alert_tells_of_its_strongest_window_without_another_alarm(play: Play) -> None:
    def day(number: int, effect: float) -> list[Reading]:
        found = window(number, drift=("x",))
        return [
            replace(r, effect=effect, sentence=f"x moved by {effect}.") if r.verdict == "drift" else r for r in found
        ]

    play.feed(day(0, 0.2))
    assert play.feed(day(1, 0.25)) == []
    (event,) = play.feed(day(2, 0.6))
    assert (event.state, play.one.message) == ("firing", "x moved by 0.6.")
    assert event.comment.startswith(GREW), "of which no channel is told"
    assert play.feed(day(3, 0.3)) == []
    for number in (4, 5):
        play.feed(window(number))
    assert (play.one.state, play.one.message) == ("resolved", "x moved by 0.6.")
