"""The demo's player without a demo."""

from __future__ import annotations

from datetime import datetime

from service import views
from tests.support import fake_story as story
from tests.support.fake_workspace import FakeWorkspace


class FakePlayer:
    """The demo's player: every look takes it a third further, then the year has grown."""

    def __init__(self, workspace: FakeWorkspace) -> None:
        self.workspace = workspace
        self.target: int | None = None
        self.looks = 0

    def state(self) -> views.DemoView:
        if self.target is not None:
            self.looks += 1
            if self.looks >= 3:
                self.workspace.weeks, self.target, self.looks = self.target, None, 0
        clock, end = story.week(self.workspace.weeks)[0], story.week(52)[0]
        return {
            "clock": clock.isoformat(),
            "until": (story.week(self.target)[0] if self.target else clock).isoformat(),
            "playing": self.target is not None,
            "progress": self.looks / 3,
            "eta_seconds": 3.0 - self.looks if self.target else None,
            "step": "logging a week",
            "end": end.isoformat(),
        }

    def play(self, until: str) -> None:
        at = datetime.fromisoformat(until)
        self.target = max(i for i in range(self.workspace.weeks, 53) if story.week(i)[0] <= at)
