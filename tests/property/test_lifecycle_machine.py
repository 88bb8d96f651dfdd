"""Whatever happens, in whatever order, alerts are what a second way of telling (:mod:`tests.support.lifecycle_oracle`) says they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from monitors import by_hand, lifecycle, silences, standing
from monitors.conditions import Condition, alert_group, group_of
from monitors.rules import RulesFound
from monitors.settle import settle
from monitors.shown import FLAPPING, Change, shown_state, silenced, told
from monitors.types import Alert, AlertEvent, Silence
from tests.support.lifecycle_oracle import Oracle, Story
from tests.support.profiles import days, spec_of
from tests.support.readings import reading

RESOLVE_AFTER = 2
SPEC = spec_of("regression", features={"x": "numeric"}, owner="ops", monitor={"resolve_after": RESOLVE_AFTER})
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GROUPS = {
    "outcome": "outcome", "data_drift": "data_drift", "prediction_drift": "prediction_drift", "data_quality": "data_quality",
    "arrival": "arrival", "no_data": "no_data", "rule": "rule calm", "job": "job of nightly",
}  # fmt: skip
KINDS = {"outcome": "performance", "arrival": "data_quality", "rule": "business"} | {
    name: name for name in ("data_drift", "prediction_drift", "data_quality", "no_data", "job")
}
COLUMNS = (("x",), ("y",), ("x", "y"))
#: What may be found of each group: how grave, and in what.
FOUND: dict[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    "outcome": (("page",), ((),)),
    "data_drift": (("notice", "warning"), COLUMNS),
    "prediction_drift": (("notice",), (("prediction",),)),
    "data_quality": (("notice", "warning"), COLUMNS),
    "arrival": (("warning",), (("row_volume",), ("freshness",), ("row_volume", "freshness"))),
    "no_data": (("warning",), ((),)),
    "rule": (("warning", "page"), ((),)),
}
MARK = st.sampled_from(["held", "held", "quiet", "quiet", "holding", "silent"])
FINDING = st.tuples(MARK, st.integers(0, 1), st.integers(0, 2))
STEP = st.tuples(
    st.tuples(FINDING, FINDING, FINDING),
    st.sampled_from(["v1", "v1", "v1", "v2"]),  # who serves
    st.sampled_from([1, 1, 1, 1, 1, 2, 20, 30]),  # days since the window before
    st.sampled_from([False, False, True]),  # whether somebody takes on what is open after it
)
FLOW = {
    None: {"pending", "firing"},
    "pending": {"pending", "firing", "resolved", "acknowledged"},
    "firing": {"firing", "acknowledged", "recovering", "resolved"},
    "acknowledged": {"acknowledged", "firing", "recovering", "resolved"},
    "recovering": {"recovering", "firing", "acknowledged", "resolved"},
    "resolved": {"resolved", "firing"},
}


def condition(
    name: str, severity: str, members: tuple[str, ...] = (), needs: tuple[int, int] = (1, 1), **more: Any
) -> Condition:
    about = members[0] if members and name != "arrival" else None
    return Condition(
        kind=KINDS[name], severity=severity, column=about, members=members, significant=True, material=True,  # type: ignore[arg-type]
        harmful=severity == "page", headline=name, message=name, needs=needs, rule="calm" if name == "rule" else None,
        source="nightly" if name == "job" else None, **more,
    )  # fmt: skip


class Alerts(RuleBasedStateMachine):
    """Feeds windows and does what people do, to the lifecycle and to the oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.alerts: dict[str, Alert] = {}
        self.events: dict[str, list[AlertEvent]] = {}
        self.heard: set[str] = set()
        self.silences: list[Silence] = []
        self.now = days(1)[0].start
        self.number = -1
        self.latest: tuple[Any, ...] | None = None
        self.oracle = Oracle()
        self.ids = (f"a{number}" for number in count())

    @initialize(
        subjects=st.sets(st.sampled_from(sorted(FOUND)), min_size=1, max_size=3),
        needs=st.sampled_from([(1, 1), (2, 2), (2, 3), (3, 5)]),
        resolve_after=st.integers(1, 3),
    )
    def declared(self, subjects: set[str], needs: tuple[int, int], resolve_after: int) -> None:
        self.subjects = sorted(subjects)  # few at a time, so that much happens to each
        self.needs = dict.fromkeys(FOUND, (1, 1)) | {"prediction_drift": (2, 2), "rule": needs}
        self.resolve_after = dict.fromkeys(FOUND, RESOLVE_AFTER) | {"rule": resolve_after}

    # -- the lifecycle, as the service calls it --------------------------------------------------------------------
    def keep(self, changes: list[Change]) -> None:
        before, changed = dict(self.alerts), {alert.id for alert, _ in changes}
        for alert, event in changes:
            earlier = self.alerts.get(alert.id)
            assert alert.state in FLOW[earlier.state if earlier else None], "no state is skipped"
            assert event.alert_id == alert.id
            assert event.state == shown_state(alert, event.at)
            assert event.at == alert.changed_at >= (earlier.changed_at if earlier else alert.opened_at), "time runs on"
            assert (alert.resolved_at is not None) == (alert.state == "resolved")
            self.alerts[alert.id] = alert
            self.events.setdefault(alert.id, []).append(event)
            if told(alert, event):
                self.tell(alert, event)
        assert {key for key, alert in self.alerts.items() if before.get(key) != alert} <= changed, (
            "every change is an event"
        )

    def tell(self, alert: Alert, event: AlertEvent) -> None:
        assert event.state in ("firing", "resolved")
        assert not silenced(alert, event.at)
        assert alert.inhibited_by is None
        assert event.action not in ("comment", "owner", "silence", "inhibit")
        worse = event.action in ("rise", "news", "end", "unsilence", "release")
        assert alert.returns < FLAPPING or worse, "what comes and goes is told of its end, and of what is worse"
        (self.heard.add if event.state == "firing" else self.heard.discard)(alert.id)

    def settled(self, changes: list[Change]) -> None:
        active = [silence for silence in self.silences if silence.starts <= self.now < silence.ends]
        self.keep(settle(dict(self.alerts), changes, active, self.now) if changes else [])

    def feed(self, version: str, found: dict[str, Condition], silent: set[str]) -> list[Change]:
        readings = [reading("row_count", window=days(1, self.number)[0], model_version=version)]
        judged = RulesFound(found, frozenset(silent))
        with mock.patch.object(lifecycle, "window_conditions", return_value=judged):
            return lifecycle.advance(list(self.alerts.values()), readings, SPEC, self.now, None, self.ids.__next__)

    # -- windows -----------------------------------------------------------------------------------------------------
    @rule(steps=st.lists(STEP, min_size=1, max_size=5))
    def windows(self, steps: list[Any]) -> None:
        for step in steps:
            self.window(*step)

    def window(self, findings: tuple[tuple[str, int, int], ...], version: str, after: int, seen: bool) -> None:
        self.number += after
        self.now = max(self.now, days(1, self.number)[0].end + HOUR)
        told = dict(zip(self.subjects, findings, strict=False))
        held: dict[str, tuple[str, set[str]]] = {}
        found: dict[str, Condition] = {}
        for name, (mark, severity, place) in told.items():
            if mark == "held":
                grave, names = (
                    FOUND[name][0][severity % len(FOUND[name][0])],
                    FOUND[name][1][place % len(FOUND[name][1])],
                )
                more = {"resolve_after": self.resolve_after["rule"]} if name == "rule" else {}
                held[name] = grave, set(names)
                found[GROUPS[name]] = condition(name, grave, names, self.needs[name], **more)
            elif mark == "holding":
                found[GROUPS[name]] = condition(name, "warning", holding=True)
        silent = {name for name, (mark, *_) in told.items() if mark == "silent"}
        holding = {name for name, (mark, *_) in told.items() if mark == "holding"}
        self.latest = (version, found, {GROUPS[name] for name in silent})
        self.settled(self.feed(*self.latest))
        self.oracle.window(self.number, version, held, holding, silent, self.needs, self.resolve_after)
        self.attend()
        if seen and (taken := [alert for alert in self.alerts.values() if alert.state != "resolved"]):
            self.takes_on(taken[0])

    @precondition(lambda self: self.latest is not None)
    @rule()
    def the_same_window_once_more(self) -> None:
        assert self.latest is not None
        assert self.feed(*self.latest) == [], "a window counts once"

    @rule(severity=st.sampled_from([None, None, "warning", "page"]))
    def a_source(self, severity: str | None) -> None:
        facts = [] if severity is None else [condition("job", severity)]
        over = {group_of("job", source="nightly")}
        open_now = [
            alert.changed_at for alert in self.alerts.values() if alert.kind == "job" and alert.state != "resolved"
        ]
        ended = max([self.now, *open_now])  # no alert's time runs backwards
        self.settled(standing.stand(list(self.alerts.values()), facts, "m", self.now, self.ids.__next__, over))
        self.oracle.job(severity, self.now, ended)
        self.attend()

    # -- people ------------------------------------------------------------------------------------------------------
    def some_alert(self, data: st.DataObject, *, open_only: bool = True) -> Alert | None:
        ids = [key for key, alert in self.alerts.items() if alert.state != "resolved" or not open_only]
        return self.alerts[data.draw(st.sampled_from(ids))] if ids else None

    def story(self, alert: Alert) -> Story:
        return next(story for key, story in self.pairs() if key == alert.id)

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        if (alert := self.some_alert(data)) is not None:
            self.takes_on(alert)

    def takes_on(self, alert: Alert) -> None:
        self.story(alert).marks += "a"
        self.keep([by_hand.acknowledge(alert, "ada", "on it", self.now)])

    @rule(data=st.data(), owner=st.sampled_from(["ada", None]))
    def say_and_assign(self, data: st.DataObject, owner: str | None) -> None:
        if (alert := self.some_alert(data, open_only=False)) is not None:
            story = self.story(alert)
            story.comments.append("hm")
            story.owner = owner
            self.keep([by_hand.comment(alert, "ada", "hm", self.now)])
            self.keep([by_hand.assign(self.alerts[alert.id], "ada", owner, self.now)])
            self.assigned(alert.id)

    def assigned(self, key: str) -> None:
        assert [event.comment for event in self.events[key] if event.action == "comment"] == self.story(
            self.alerts[key]
        ).comments

    @rule(
        data=st.data(), starts=st.sampled_from([0, 0, 6, 48]), lasts=st.sampled_from([1, 24, 24, 72, 900]),
        kind=st.sampled_from([None, "data_drift", "business", "job"]), severity=st.sampled_from([None, None, "warning"]),
        column=st.sampled_from([None, None, "x", "*"]), one=st.booleans(),
    )  # fmt: skip
    def silence(
        self, data: st.DataObject, starts: int, lasts: int, kind: str | None, severity: str | None, column: str | None, *, one: bool
    ) -> None:  # fmt: skip
        alert = self.some_alert(data) if one else None
        begins = self.now + starts * HOUR
        self.silences.append(
            Silence(
                f"s{len(self.silences)}",
                begins,
                begins + lasts * HOUR,
                "ada",
                "known",
                kind=kind,
                severity=severity,
                column=column,
                alert_id=None if alert is None else alert.id,
            )
        )
        self.attend()

    @precondition(lambda self: self.silences)
    @rule(data=st.data())
    def unsilence(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(range(len(self.silences))))
        self.silences[place] = replace(self.silences[place], ends=min(self.silences[place].ends, self.now))
        self.attend()

    @rule(hours=st.sampled_from([1, 5, 24, 72, 24 * 40, -1, -24]))
    def the_clock_moves(self, hours: int) -> None:
        self.now += hours * HOUR
        self.attend()

    def attend(self) -> None:
        """Do what is periodic: silences begin and end, and what came and went is told to be over."""
        self.keep(silences.apply(list(self.alerts.values()), self.silences, self.now))
        for key, alert in list(self.alerts.items()):
            if alert.state == "resolved" and alert.returns >= FLAPPING and self.now - self.judged(alert) > 28 * DAY:
                self.keep([by_hand.end(alert, self.now)])
                self.story(self.alerts[key]).returns = 0
        self.agree()

    @staticmethod
    def judged(alert: Alert) -> datetime:
        return alert.judged_to or alert.changed_at

    # -- what must be so ---------------------------------------------------------------------------------------------
    def pairs(self) -> list[tuple[str, Story]]:
        """Return each alert beside its story: of a group, in the order in which they opened."""
        found: list[tuple[str, Story]] = []
        for name, group in GROUPS.items():
            ids = [key for key, alert in self.alerts.items() if alert_group(alert) == group]
            stories = sorted(self.oracle.stories.get(name, []), key=lambda story: story.order)
            assert len(ids) == len(stories), f"{name}: {len(ids)} alerts for {len(stories)} stories"
            found += zip(ids, stories, strict=True)
        return found

    @invariant()
    def agree(self) -> None:
        """Hold every alert against its story."""
        opened = [alert_group(alert) for alert in self.alerts.values() if alert.state != "resolved"]
        assert len(opened) == len(set(opened)), "one open alert a group"
        for key, story in self.pairs():
            alert = self.alerts[key]
            assert (alert.state, alert.severity, alert.returns) == (story.state, story.severity, story.returns), story
            assert set(alert.members) == story.members
            if alert.state == "resolved":
                continue
            assert (alert.inhibited_by is not None) == story.inhibited, story
            if alert.inhibited_by is not None:
                assert self.alerts[alert.inhibited_by].state not in ("pending", "resolved")
            assert silenced(alert, self.now) == any(self.keeps_quiet(each, key, story) for each in self.silences)
            heard = silenced(alert, self.now) or story.inhibited or story.returns >= FLAPPING or alert.state != "firing"
            assert heard or key in self.heard, "whoever must know has been told"

    def keeps_quiet(self, silence: Silence, key: str, story: Story) -> bool:
        columns = story.members if story.group not in ("arrival", "outcome", "no_data", "rule", "job") else set()
        return (
            silence.starts <= self.now < silence.ends
            and silence.alert_id in (None, key)
            and silence.kind in (None, KINDS[story.group])
            and silence.severity in (None, story.severity)
            and (silence.column is None or bool(columns and (silence.column == "*" or columns == {silence.column})))
        )

    @invariant()
    def events_tell_everything(self) -> None:
        """Fold the events: the last one gives the state, and no time runs backwards."""
        for key, alert in self.alerts.items():
            events = self.events[key]
            assert events[-1].state == shown_state(alert, events[-1].at)
            assert events[0].state in ("pending", "firing", "silenced")
            times = [event.at for event in events]
            assert times == sorted(times)


@pytest.mark.slow
def test_alerts_are_what_the_oracle_says() -> None:
    run_state_machine_as_test(Alerts, settings=settings(max_examples=300, stateful_step_count=30, deadline=None))


@pytest.mark.soak
def test_alerts_are_what_the_oracle_says_ten_thousand_times() -> None:
    run_state_machine_as_test(Alerts, settings=settings(max_examples=10_000, stateful_step_count=30, deadline=None))
