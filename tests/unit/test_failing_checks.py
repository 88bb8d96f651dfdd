"""A check that cannot be computed tells that it is blind, and stops telling when it sees again."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from monitors.failing_checks import FAILING, failing
from monitors.lifecycle import advance
from monitors.types import Alert
from reference_data.alerting import Override
from reference_data.declaration import ModelSpec, Monitor
from tests.support.profiles import days
from tests.support.readings import reading

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def play(spec: ModelSpec, *verdicts: str) -> Any:
    """Let one check come out like this, window by window; return the alert that is left, None without one."""
    ids = count()
    alerts: dict[str, Alert] = {}
    for day, verdict in enumerate(verdicts):
        found = [
            reading("row_count", scope="traffic", verdict="ok", window=days(1, day)[0]),
            reading("own", scope="custom", verdict=verdict, error="no such function" if verdict == "error" else None, window=days(1, day)[0]),
        ]  # fmt: skip
        for alert, _ in advance(list(alerts.values()), found, spec, NOW, None, lambda: str(next(ids))):
            alerts[alert.id] = alert
    assert len(alerts) <= 1
    return next(iter(alerts.values()), None)


def spec(*overrides: Override) -> ModelSpec:
    return ModelSpec(name="m", task="none", monitor=Monitor(overrides=overrides))


def test_a_check_that_fails_is_an_alert_until_it_can_be_computed_again():
    assert play(spec(), "ok", "ok") is None
    firing = play(spec(), "ok", "error", "error")
    assert (firing.kind, firing.rule, firing.state, firing.members) == ("data_quality", FAILING, "firing", ("own",))
    assert "own cannot be computed" in firing.headline
    assert play(spec(), "error", "ok", "ok").state == "resolved"


def test_what_went_wrong_is_not_told_far_and_wide():
    found = failing([reading("own", scope="custom", verdict="error", error="could not convert 'Jane Doe'")])
    assert found is not None
    assert "Jane" not in found.headline + found.message


def test_an_override_turns_it_off():
    assert play(spec(Override(check="own", severity="off")), "error", "error") is None
    assert play(spec(Override(check="other", severity="off")), "error").state == "firing"
