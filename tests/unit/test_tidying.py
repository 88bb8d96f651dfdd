"""Messages of long ago go once a day; what is of an open alert, waits or is young stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.local import tidying
from storage.control_outbox import OutboxItem
from tests.support.alert_home import AlertHome, alert_home

DAY = timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[AlertHome]:
    with alert_home(tmp_path / "home") as made:
        made.declare()
        yield made


def message(home: AlertHome, name: str, *, state: str = "sent", alert: str = "", attempts: int = 1) -> None:
    """Queue a message now, and let it be sent, be given up or wait."""
    control, now = home.core.control, home.clock.now
    control.queue([OutboxItem(name, alert, "eta" if alert else "", "hook", {"told": "x"}, now)])
    for number in range(attempts if state != "waiting" else 0):
        over = number == attempts - 1
        again = None if over else now
        control.outbox_attempt(name, ok=over and state == "sent", error="no", next_at=again, at=now)


def attempts(home: AlertHome) -> int:
    return sum(len(home.core.control.outbox_attempts(item.id)) for item in home.core.control.outbox_items())


def left(home: AlertHome) -> set[str]:
    return {item.id for item in home.core.control.outbox_items()}


def test_messages_go_400_days_after_and_their_attempts_with_them(home: AlertHome) -> None:
    open_alert, over = home.fire(0), home.fire(1)
    message(home, "sent", attempts=3)
    message(home, "given up", state="failed")
    message(home, "waits", state="waiting")
    message(home, "of an open alert", alert=open_alert.id)
    message(home, "of one that is over", alert=over.id)
    home.clock.forward(days=1)
    home.move(over, "", "Quiet.", state="resolved", resolved_at=home.clock.now)
    message(home, "a day later")
    home.clock.forward(days=400)
    message(home, "now")
    tidying.tidy(home.core)
    assert left(home) == {"waits", "of an open alert", "a day later", "now"}
    assert attempts(home) == 3
    rows = home.core.control._rows("SELECT count(*) AS n FROM outbox_attempt")
    assert rows[0]["n"] == 3, "none is left of a message that is gone"


def test_a_clock_that_jumped_ahead_takes_nothing(home: AlertHome) -> None:
    message(home, "sent")
    home.clock.forward(days=3650)
    tidying.tidy(home.core)
    assert left(home) == {"sent"}


def test_it_is_done_once_a_day_by_whoever_looks_after_things(home: AlertHome) -> None:
    home.attend()
    message(home, "sent")
    home.clock.forward(days=401)
    message(home, "now")
    home.attend()
    assert "sent" not in left(home)
    message(home, "later")
    home.clock.forward(days=401)
    message(home, "last")
    home.core.control.put_setting("tidied", (home.clock.now - 0.9 * DAY).isoformat())
    home.attend()
    assert "later" in left(home)
    home.clock.forward(hours=3)
    home.attend()
    assert "later" not in left(home)
