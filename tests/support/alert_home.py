"""A workspace whose alerts a test makes by hand, with channels on loopback and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitors.types import Alert, AlertEvent, Cause
from reference_data.windows import Window
from service.local import LocalWorkspace, alert_moves, attend
from service.local.convert import row_to_alert
from tests.support.homes import empty

START = datetime(2026, 3, 2, 6, tzinfo=UTC)  # a Monday, before eight
MODEL = """
[models.eta]
task = "regression"
timezone = "Europe/Berlin"

[models.eta.features]
distance = "numeric"
"""


@dataclass
class Clock:
    """Says what time the test wants it to be."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        """Let time pass."""
        self.now += timedelta(**length)


def channel(name: str, url: str, **keys: Any) -> str:
    """Return the TOML of a channel that may reach this machine."""
    words = {"url": url, "allow_private": True} | keys
    shown = {True: "true", False: "false"}
    lines = [
        f"{key} = {shown[value] if isinstance(value, bool) else value if isinstance(value, list) else repr(value)}"
        for key, value in words.items()
    ]
    return f"\n[channels.{name}]\n" + "\n".join(lines).replace("'", '"') + "\n"


@dataclass
class AlertHome:
    """An open workspace."""

    workspace: LocalWorkspace
    clock: Clock

    @property
    def core(self) -> Any:
        """Return what the local workspace's parts share."""
        return self.workspace.core

    def declare(self, *channels: str) -> None:
        """Declare the model and these channels."""
        self.workspace.apply(MODEL + "".join(channels))

    def fire(self, number: int = 0, **changes: Any) -> Alert:
        """Let an alert begin to fire."""
        window = Window(self.clock.now - timedelta(days=1), self.clock.now)
        found = Alert(
            id=f"a{number}",
            model="eta",
            kind="data_drift",
            severity="warning",
            state="firing",
            column="distance",
            segment=None,
            window=window,
            opened_at=self.clock.now,
            changed_at=self.clock.now,
            significant=True,
            material=True,
            harmful=False,
            causes=(Cause("distance", 0.5, "distance is 3 km higher on average."),),
            members=("distance",),
            message="distance is 3 km higher on average. That is a shift of 0.4 standard deviations.",
            headline="distance drifted from the reference",
            owner="ada",
            judged_to=window.end,
        )
        alert = replace(found, **changes)
        self.move(alert, "")
        return alert

    def move(self, alert: Alert, action: str, comment: str = "It changed.", **changes: Any) -> Alert:
        """Let an alert change, as the lifecycle would; return it after that."""
        alert = replace(alert, changed_at=self.clock.now, **changes)
        event = AlertEvent(alert.id, self.clock.now, alert.state, "driftdeck", comment, action)
        with self.core.alerting:
            alert_moves.keep(self.core, alert.model, [(alert, event)])
        return alert

    def attend(self, *, wait: float = 30.0) -> None:
        """Look after what is periodic, and wait for what is being delivered."""
        attend.attend(self.core)
        assert self.core.postman.wait(wait), "somebody is still at work"

    def alert(self, alert_id: str) -> Alert:
        """Return an alert as it is kept."""
        return row_to_alert({k: v for k, v in self.core.control.alert(alert_id).items() if k != "history"})

    def states(self) -> dict[str, str]:
        """Return the state of every message."""
        return {item.id: item.state for item in self.core.control.outbox_items()}

    def told(self) -> list[str]:
        """Return what was told, in order."""
        return [str(item.payload.get("told")) for item in self.core.control.outbox_items()]


@contextmanager
def alert_home(place: Path, clock: Clock | None = None) -> Iterator[AlertHome]:
    """Open a workspace."""
    clock = clock or Clock()
    with LocalWorkspace.open(empty(place), now=clock) as workspace:
        yield AlertHome(workspace, clock)
