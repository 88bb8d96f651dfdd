"""For the fake workspace: two files are really compared; of slices all numbers are INVENTED TEST DATA."""

from __future__ import annotations

from typing import Any

from service.comparing_process import compare_apart
from service.comparing_views import (
    ComparedColumn,
    ComparedMetric,
    FileComparison,
    GivenFile,
    SliceComparison,
    SliceView,
)
from service.workspace import WorkspaceError

_LIMIT = 8 * 2**20


class FakeComparing:
    """Answers of :class:`service.comparing.Comparing`."""

    def compare_files(self, reference: GivenFile, current: GivenFile | None = None, **how: Any) -> FileComparison:
        files = {"reference": reference} if current is None else {"reference": reference, "current": current}
        given = {"timestamp": None, "split": None, "preset": None, "together": False, "ids": False, **how}
        return compare_apart(files, {**given, "alpha": how.get("alpha") or 0.01}, limit=_LIMIT)

    def compare_slices(self, model: str, left: str, right: str, *, alpha: float | None = None) -> SliceComparison:
        if "nothing" in right:
            raise WorkspaceError(f"slice {right!r} holds no profiled rows")
        moved = _column("temp", "drift", 1.2, "temp changed: mean 36 → 63 (1.2 standard deviations, p = 7e-13).")
        same = _column("distance", "ok", None, "distance: no change beyond chance and tolerance (p = 0.4).")
        odd = _column("<script>alert(1)</script>", "insufficient", None, "<script>alert(1)</script>: too few rows.")
        return {
            "model": model,
            "reference": _side(left or "all", 5936),
            "current": _side(right or "all", 6400),
            "reference_version": 1,
            "verdict": "drift",
            "drift": True,
            "drifted": 1,
            "alpha": 0.01 if alpha is None else alpha,
            "sentence": "Mean absolute error is 12.6 min where it was 8.31 min: worse, beyond chance. 1 of 2 columns changed beyond chance.",
            "metrics": [_metric()],
            "columns": [moved, odd, same],
            "notes": ["intervals of metrics say what days vary by (jackknife over days)"],
        }

    def upload_limit(self) -> int:
        return _LIMIT


def _side(asked: str, rows: int) -> SliceView:
    return {
        "asked": asked,
        "words": asked,
        "start": "2013-05-21T00:00:00-04:00",
        "end": "2013-05-28T00:00:00-04:00",
        "versions": ["v1"],
        "segment": None,
        "rows": rows,
        "labelled": rows - 100,
        "buckets": 7,
    }


def _metric() -> ComparedMetric:
    return {
        "metric": "mae",
        "label": "Mean absolute error",
        "unit": "min",
        "reference": 8.31,
        "reference_lower": 7.9,
        "reference_upper": 8.7,
        "current": 12.6,
        "current_lower": 11.8,
        "current_upper": 13.4,
        "difference": 4.29,
        "lower": 3.3,
        "upper": 5.2,
        "apart": True,
        "better": "reference",
        "headline": True,
    }


def _column(name: str, verdict: Any, effect: float | None, sentence: str) -> ComparedColumn:
    return {
        "column": name,
        "kind": "context" if name == "temp" else "feature",
        "type": "numeric",
        "unit": "",
        "verdict": verdict,
        "p_value": 7e-13 if effect else 0.4,
        "effect": effect,
        "check": "jensen_shannon",
        "value": 0.31 if effect else 0.02,
        "threshold": 0.05,
        "missing_reference": 0.0,
        "missing_current": 0.01,
        "unseen": 0.0,
        "histogram": {
            "edges": [0.0, 10.0, 20.0, 30.0],
            "labels": [],
            "reference": [0.5, 0.3, 0.2],
            "current": [0.1, 0.3, 0.6] if effect else [0.5, 0.3, 0.2],
            "n_reference": 5936,
            "n_current": 6400,
            "missing_reference": 0.0,
            "missing_current": 0.01,
            "unseen_current": 0.0,
            "below_current": 0.0,
            "above_current": 0.0,
        },
        "sentence": sentence,
        "notes": [],
        "checks": [{"check": "psi", "value": 0.4, "threshold": 0.2, "unit": "statistic", "p_value": None}],
        "others": [{"rule": "PSI > 0.2", "statistic": "PSI", "value": 0.4, "threshold": "0.2", "verdict": "drift"}],
    }
