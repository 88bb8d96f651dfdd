"""What the fake workspace says of a replay of the reference. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

from service import views
from tests.support import fake_story as story

_WINDOWS = [1, 2, 4]
_NUMBERS = {"distance": 0.11, "hour": 0.14, "dow": 0.12, "seats": 0.17, "plane_year": 0.22, "temp": 0.74}
_CATEGORIES = {"carrier": 0.021, "origin": 0.018, "dest": 0.009}


class FakeReplay:
    """Answers about the replay: quiet, but for the cold week at the end of January."""

    def replay(self, model: str, *, warnings_per_year: float | None = None) -> views.ReplayView:
        budget = 1.0 if warnings_per_year is None else warnings_per_year
        wider = (1.0 / budget) ** 0.1
        start, end = story.week(3)
        found: list[views.Sensitivity] = [
            {
                "column": column,
                "unit": unit,
                "windows": _WINDOWS,
                "shifts": [round(shift * wider / number**0.4, 4) for number in _WINDOWS],
            }
            for unit, columns in (("standard deviations", _NUMBERS), ("share", _CATEGORIES))
            for column, shift in columns.items()
        ]
        return {
            "model": model,
            "reference_version": 1,
            "windows": story.REFERENCE_WEEKS,
            "rows_per_window": 6_135.0,
            "alerts": [
                {
                    "window_start": start.isoformat(),
                    "window_end": end.isoformat(),
                    "column": "seats",
                    "severity": "warning",
                    "sentence": "seats is 0.21 standard deviations lower in this window.",
                }
            ],
            "expected_pages_per_year": 0.6,
            "expected_warnings_per_year": round(0.6 * budget + 0.7, 2),
            "budget_pages_per_year": 1.0,
            "budget_warnings_per_year": budget,
            "sensitivity": found,
            "advice": [
                f"The reference holds {story.REFERENCE_WEEKS} weekly windows: 14 or more would measure natural variation better.",
                "The reference alerts on itself once in 8 windows (seats): it holds a change of its own.",
            ],
            "summary": "In a year without change expect 1.3 false warnings; a shift of 0.11 sd in distance is found within 1 week.",
        }
