"""A process that runs a monitor until a fault kills it, on a clock that stands: what it left must be told by more than the time."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from service.local import LocalWorkspace, monitoring
from storage.faults import VARIABLE
from tests.support.tiny_workspace import LIVE, MODEL, REFERENCE_DAYS, rows, tiny

BEFORE, DAYS = 3, 8  # days that a first run judges, and days there are in the end


def clock() -> datetime:
    """Return the time at which everything happens: half a day after the last one."""
    return LIVE + timedelta(days=DAYS + 0.5)


def prepare(home: Path) -> None:
    """Make a home in which some days are judged, others are new, and rows and labels of a judged one have come late."""
    with tiny(home) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        for day in range(DAYS):
            ws.clock.now = LIVE + timedelta(days=day + 1)
            shift, bias = (5.0, 8.0) if day > BEFORE else (0.0, 0.0)
            ws.log_days(day, shift=shift, bias=bias)
            if day == BEFORE - 1:
                assert ws.run_at(BEFORE + 0.3)["windows"] == BEFORE
        ws.log_days(1, a_day=20, prefix="late")


def main(home: Path, fault: str) -> None:
    """Run under a fault, two windows a block."""
    monitoring.FIRST_BLOCK = monitoring.LONGEST_BLOCK = 2
    with LocalWorkspace.open(home, now=clock) as workspace:
        os.environ[VARIABLE] = fault
        workspace.run(MODEL)
