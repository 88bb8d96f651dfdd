"""What the fake workspace says of rows as a whole. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

from service import views
from tests.support import fake_story as story

_CHECKS = {
    "domain_classifier": ("Domain classifier", "AUC", 0.58),
    "pca_reconstruction": ("PCA reconstruction error", "distance", 2.4),
}
_DRIVERS = [("dest", 0.52), ("distance", 0.31), ("carrier", 0.17)]


class FakeRows:
    """Answers about rows as a whole: the summer timetable of week 22 brings other routes together with other distances."""

    weeks: int
    empty: bool

    def multivariate(self, model: str) -> list[views.RowsReading]:
        del model
        weeks = range(0 if self.empty else story.REFERENCE_WEEKS, 0 if self.empty else self.weeks)
        return [_reading(check, number) for number in weeks for check in _CHECKS] + [
            _of_vectors(number) for number in weeks
        ]


def _reading(check: str, number: int) -> views.RowsReading:
    label, unit, threshold = _CHECKS[check]
    start, end = story.week(number)
    usual = threshold * 0.9
    drifted = number >= 22
    value = round(usual + (threshold - usual) * (1.9 if drifted else 0.4 + 0.3 * story.wave(number, 7)), 4)
    by = ", most by dest (52 %), distance (31 %) and carrier (17 %)" if drifted else ""
    told = f"Rows as a whole drifted{by}" if drifted else "Rows as a whole are as in the reference"
    return {
        "check": check,
        "label": label,
        "column": None,
        "window_start": start.isoformat(),
        "window_end": end.isoformat(),
        "model_version": "v1",
        "reference_version": 1,
        "value": value,
        "usual": usual,
        "threshold": threshold,
        "p_value": 2e-7 if drifted else 0.41,
        "n": 1000,
        "verdict": "drift" if drifted else "ok",
        "unit": unit,
        "drivers": [{"column": name, "share": share} for name, share in _DRIVERS] if drifted else [],
        "sentence": f"{told}. {label} is {value:.3g}; up to {threshold:.3g} is usual.",
        "error": None,
    }


def _of_vectors(number: int) -> views.RowsReading:
    """The embedding column ``title``: its vectors move in week 20 and stay there."""
    reading = _reading("domain_classifier", number)
    drifted = number >= 20
    return {
        **reading,
        "check": "mean_shift",
        "label": "Shift of the mean vector",
        "column": "title",
        "value": 0.3 if drifted else 0.1 + 0.02 * story.wave(number, 5),
        "usual": 0.1,
        "threshold": 0.16,
        "verdict": "drift" if drifted else "ok",
        "unit": "distance",
        "drivers": [],
        "sentence": "title drifted: its mean vector moved." if drifted else "title is as in the reference.",
    }
