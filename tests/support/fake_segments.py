"""What the fake workspace says of segments. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

from datetime import datetime

from service import views
from tests.support import fake_story as story
from tests.support import fake_views

_SEGMENTS = ["carrier=B6", "carrier=UA", "carrier=HA", "origin=EWR", "carrier=B6 × origin=JFK"]


class FakeSegments:
    """Answers about segments: JetBlue flies farther in summer; Hawaiian has too few rows to tell."""

    weeks: int
    empty: bool

    def segment_names(self, model: str) -> list[str]:
        del model
        return [] if self.empty else _SEGMENTS

    def segment_drift(
        self,
        model: str,
        window_start: datetime | None = None,
        *,
        segment: str | None = None,
        column: str | None = None,
        limit: int = 100,
    ) -> list[views.SegmentDrift]:
        del model
        if self.empty:
            return []
        number = self.weeks - 1
        if window_start is not None:
            number = max(n for n in range(self.weeks) if story.week(n)[0] <= window_start)
        found = [
            _drift(name, each, number, place)
            for name in ([segment] if segment else _SEGMENTS)
            for place, each in enumerate(("distance", "dest", "hour", "seats"))
            if column in (None, each)
        ]
        return sorted(found, key=lambda row: (row["verdict"] != "drift", -(row["value"] or 0.0)))[:limit]


def _drift(segment: str, column: str, number: int, place: int) -> views.SegmentDrift:
    start, end = story.week(number)
    few = segment == "carrier=HA"
    moved = "B6" in segment and column == "distance" and not few
    value = None if few else 0.21 if moved else round(0.02 + 0.01 * place, 3)
    told = f"Inside {segment}, {column} is as in the reference."
    if moved:
        told = f"Inside {segment}, distance is 0.34 standard deviations higher in this week."
    return {
        "segment": segment,
        "space": " × ".join(part.partition("=")[0] for part in segment.split(" × ")),
        "column": column,
        "check": "jensen_shannon",
        "window_start": start.isoformat(),
        "window_end": end.isoformat(),
        "n": 7 if few else 980,
        "n_reference": 60 if few else 8_900,
        "value": value,
        "threshold": None if few else 0.09,
        "p_value": None if few else 1e-9 if moved else 0.4,
        "shift": None if few else 0.34 if moved else 0.03,
        "scale": 1,
        "missing": 0.0,
        "verdict": "insufficient" if few else "drift" if moved else "ok",
        "sentence": "7 rows are too few to judge." if few else told,
        "histogram": fake_views.histogram(column, number),
    }
