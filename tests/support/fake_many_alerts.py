"""The fake workspace with an alert of every kind, and as many more as are asked for. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

from typing import Any

from service import views
from tests.support import fake_story as story
from tests.support.fake_workspace import MODEL, FakeWorkspace

_NO_GATES = {"significant": False, "material": True, "harmful": False, "causes": [], "members": []}
_KINDS: dict[str, dict[str, Any]] = {
    "limit": {
        "kind": "performance", "limit": "mae", "column": None, "severity": "page", "causes": [], "members": [],
        "headline": "Mean absolute error passed its fixed limit at 14.9 min", "message": "MAE 14.9 min is more than 12 min, the fixed limit.",
    },
    "nothing": {
        **_NO_GATES, "kind": "no_data", "column": None, "severity": "warning", "headline": "No rows arrived",
        "message": "No row came in this window; 6,200 are usual.",
    },
    "source": {
        **_NO_GATES, "kind": "job", "column": None, "severity": "warning", "source": "arrivals", "headline": "Source arrivals fails",
        "message": "It failed twice in a row: the file could not be read.",
    },
    "training": {
        **_NO_GATES, "kind": "job", "column": None, "severity": "warning", "headline": "A training of air_time failed",
        "message": "The process ended with exit code 1.",
    },
    "watchdog": {
        **_NO_GATES, "kind": "watchdog", "column": None, "severity": "page", "headline": "The monitor of air_time does not run",
        "message": "It should have run at 07:00.",
    },
    "inside": {
        "kind": "data_drift", "column": "distance", "segment": "carrier=B6", "severity": "notice", "harmful": False, "causes": [],
        "members": ["distance"], "headline": "distance drifted inside carrier=B6", "message": "Inside carrier=B6, distance is higher. " * 12,
    },
}  # fmt: skip


class ManyAlerts(FakeWorkspace):
    """``more``: notices beyond one alert of every kind."""

    def __init__(self, *, more: int = 0, **how: Any) -> None:
        super().__init__(**how)
        self.more = more

    def alerts(self, model: str | None = None, *, state: str | None = None) -> list[views.AlertView]:
        found = super().alerts()
        for name, changes in _KINDS.items():
            found.append(self.changed(self._like(name, **changes)))
        for number in range(self.more):
            week = story.week(number % 20)[0].isoformat()
            severity = ("notice", "warning")[number % 7 == 0]
            column = list(story.COLUMNS)[2 + number % 12]
            found.append(
                self.changed(
                    self._like(
                        f"n{number}",
                        kind="data_drift",
                        column=column,
                        severity=severity,
                        harmful=False,
                        window_start=week,
                        headline=f"{column} drifted from the reference (number {number})",
                        owner=f"owner {number % 5}",
                        model=[view["name"] for view in self.models()][number % 3],
                    )
                )
            )
        return [a for a in found if model in (None, a["model"]) and state in (None, a["state"])]

    def _like(self, name: str, **changes: Any) -> views.AlertView:
        view: Any = self._concept_alert()
        view.update(id=name, model=MODEL, state="acknowledged" if name in self.acknowledged else "firing")
        view.update(changes)
        found: views.AlertView = view
        return found
