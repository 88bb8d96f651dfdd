"""A process that delivers messages until a fault kills it; run again, it goes on."""

from __future__ import annotations

import os
from pathlib import Path

from storage.faults import VARIABLE
from tests.support.alert_home import alert_home, channel


def prepare(folder: Path, url: str, alerts: int) -> None:
    """Make a home with so many alerts, none of them told yet."""
    with alert_home(folder / "home") as home:
        home.declare(channel("hook", url))
        for number in range(alerts):
            home.fire(number)


def main(folder: Path, fault: str) -> None:
    """Deliver everything, under a fault."""
    os.environ[VARIABLE] = fault
    with alert_home(folder / "home") as home:
        home.attend(wait=300)
