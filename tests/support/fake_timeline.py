"""What happened to the fake models, newest first. All of it is INVENTED TEST DATA."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from service import views
from tests.support import fake_story as story

_AWAY = "the database did not answer after 3 tries: connection refused"
#: week, hour, kind, whose (None: the flights model), what, more
_EVENTS: list[tuple[int, int, str, str, dict[str, str]]] = [
    (22, 1, "source", f"source arrivals failed 5 times in a row: {_AWAY}", {"source": "arrivals"}),
    (20, 7, "notice", "temp moved, harmless", {"alert_id": "a2"}),
    (19, 3, "job", "training failed: the rows of 1 May to 3 May hold no label", {"job_id": "j0"}),
    (17, 7, "page", "MAE 14.95 min, threshold 10.97; bias +14.1 min", {"alert_id": "a1"}),
    (12, 6, "resolved", "source nightly works again", {"source": "nightly"}),
    (12, 2, "source", "source nightly failed once: access denied", {"source": "nightly"}),
    (9, 7, "deploy", "v1 promoted to champion by demo", {"version": "v1"}),
    (9, 6, "retrain", "v1 trained", {"version": "v1", "job_id": "j1"}),
]


def items(model: str, other: str) -> list[views.TimelineItem]:
    """Return what happened to ``model``, and one warning of ``other``."""
    found = [_item(week, hour, kind, model, words, more) for week, hour, kind, words, more in _EVENTS]
    found.insert(1, _item(21, 7, "warning", other, "3 columns drifted; labels only 31 % in", {"alert_id": "a3"}))
    return found


def _item(week: int, hour: int, kind: str, model: str, words: str, more: dict[str, str]) -> views.TimelineItem:
    at = (story.week(week)[0] + timedelta(hours=hour)).isoformat()
    item: Any = {"at": at, "kind": kind, "model": model, "sentence": words, "alert_id": None, "version": None}
    item.update(more)
    return item
