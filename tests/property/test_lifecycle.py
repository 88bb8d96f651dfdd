"""Whatever happens to a model, its alerts keep to their states."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.by_hand import acknowledge
from monitors.conditions import group_of, severity_rank
from monitors.lifecycle import advance
from monitors.types import Alert
from tests.support.profiles import NOW, spec_of
from tests.support.readings import window

SPEC = spec_of("regression", features={"x": "numeric", "k": "categorical"}, context={"weather": "numeric"})
COLUMNS = st.lists(st.sampled_from(["x", "k", "weather", "prediction"]), unique=True).map(tuple)
WINDOW = st.fixed_dictionaries(
    {
        "harm": st.booleans(),
        "concept": st.booleans(),
        "drift": COLUMNS,
        "missing": COLUMNS,
        "rows": st.sampled_from(["ok", "ok", "ok", "insufficient", "no_data"]),
        "labels": st.sampled_from(["ok", "ok", "insufficient", "no_data"]),
        "version": st.sampled_from(["v1", "v1", "v2"]),
    }
)
STEP = st.tuples(WINDOW, st.booleans(), st.booleans())
ALLOWED = {
    None: {"pending", "firing"},
    "pending": {"firing", "resolved", "pending", "acknowledged"},
    "firing": {"firing", "acknowledged", "recovering", "resolved"},
    "acknowledged": {"acknowledged", "firing", "recovering", "resolved"},
    "recovering": {"firing", "recovering", "resolved", "acknowledged"},
}


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=12))
def test_alerts_keep_to_their_states(steps: list) -> None:
    alerts: dict[str, Alert] = {}
    ids = (f"a{number}" for number in count())
    for number, (told, seen, again) in enumerate(steps):
        for _ in range(1 + again):
            before = dict(alerts)
            opened = [alert for alert in alerts.values() if alert.state != "resolved"]
            readings = window(number, **told)
            changes = advance(opened, readings, SPEC, NOW, {"x": 1.0}, ids.__next__)
            for alert, event in changes:
                earlier = before.get(alert.id)
                assert event.state == alert.state
                assert event.alert_id == alert.id
                assert alert.state in ALLOWED[earlier.state if earlier else None]
                if earlier is not None:
                    assert severity_rank(alert.severity) >= severity_rank(earlier.severity)
                    assert (alert.opened_at, alert.window, alert.model_version) == (
                        earlier.opened_at,
                        earlier.window,
                        earlier.model_version,
                    )
                assert (alert.resolved_at is not None) == (alert.state == "resolved")
                assert (alert.severity == "page") == alert.harmful
                alerts[alert.id] = alert
        groups = [group_of(alert.kind) for alert in alerts.values() if alert.state != "resolved"]
        assert len(groups) == len(set(groups)), "one open alert a group"
        if seen and groups:
            chosen = next(alert for alert in alerts.values() if alert.state != "resolved")
            alerts[chosen.id], _ = acknowledge(chosen, "ada", "", NOW)


@settings(max_examples=100, deadline=None)
@given(WINDOW, st.integers(1, 4))
def test_enough_quiet_windows_resolve_everything(told: dict, resolve_after: int) -> None:
    spec = spec_of("regression", features=SPEC.features, context=SPEC.context, monitor={"resolve_after": resolve_after})
    alerts: dict[str, Alert] = {}
    ids = (f"a{number}" for number in count())
    for number in range(resolve_after + 1):
        readings = window(number, **told) if number == 0 else window(number, version=told["version"])
        opened = [alert for alert in alerts.values() if alert.state != "resolved"]
        alerts |= {alert.id: alert for alert, _ in advance(opened, readings, spec, NOW, None, ids.__next__)}
    assert all(alert.state == "resolved" for alert in alerts.values())
