"""For the fake workspace: single columns, and what the model does with their values. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from service import column_views, views
from service.workspace import NotFoundError
from tests.support import fake_story as story
from tests.support import fake_views


class FakeColumns:
    """Answers of :class:`service.columns.Columns`; ``title`` is an embedding, which has no bars."""

    weeks: int
    empty: bool
    calls: list[str]

    def columns(self, model: str) -> list[column_views.ColumnName]:
        del model
        found: list[column_views.ColumnName] = [
            {"name": name, "kind": kind, "type": type_, "unit": unit}
            for name, (kind, type_, unit, _mean, _spread) in story.COLUMNS.items()
        ]
        return [] if self.empty else [*found, {"name": "title", "kind": "feature", "type": "embedding", "unit": None}]

    def relation(
        self, model: str, column: str, window_start: datetime | None = None
    ) -> column_views.RelationView | None:
        del model
        self.calls.append(f"relation {column}")
        if story.COLUMNS[column][0] == "concept":
            return None
        number = self.weeks - 1
        if window_start is not None:
            number = max(n for n in range(self.weeks) if story.week(n)[0] <= window_start)
        bars = _bars(column, number)
        start, end = story.week(number)
        return {
            "column": column,
            "window_start": start.isoformat(),
            "window_end": end.isoformat(),
            "prediction_name": "mean prediction",
            "prediction_unit": "min",
            "error_name": "mean absolute error",
            "error_unit": "min",
            "bars": bars,
            "n": sum(bar["n"] for bar in bars),
            "n_reference": sum(bar["n_reference"] for bar in bars),
        }

    def column_rows(
        self,
        model: str,
        column: str,
        since: datetime,
        until: datetime,
        *,
        place: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> views.RowPage:
        self.calls.append(f"column_rows {column} {place} {offset} {limit}")
        if column not in story.COLUMNS:
            raise NotFoundError(f"{column!r} has no bars; columns that have: {', '.join(story.COLUMNS)}")
        names = ["prediction_id", "event_time", column, "prediction", "label"]
        total = 40 + 7 * (0 if place is None else place)
        rows = [
            {"prediction_id": f"p{i}", "event_time": since.isoformat(), column: i, "prediction": 150.0, "label": 148.0}
            for i in range(offset, min(offset + limit, total))
        ]
        return {"columns": names, "rows": rows, "total": total, "offset": offset, "limit": limit}


def _bars(column: str, number: int) -> list[column_views.RelationBar]:
    bars = fake_views.histogram(column, number)
    edges = list(pairwise(bars["edges"]))
    found: list[column_views.RelationBar] = []
    for place, (then, now) in enumerate(zip(bars["reference"], bars["current"], strict=True)):
        n, before = int(now * bars["n_current"]), int(then * bars["n_reference"])
        low, high = edges[place] if edges else (None, None)
        found.append(
            {
                "place": place,
                "label": bars["labels"][place] if not edges else f"{low:g} to {high:g}",
                "low": low,
                "high": high,
                "position": None if low is None or high is None else (low + high) / 2,
                "n": n,
                "n_reference": before,
                "prediction": _mean(n, 140 + 4 * place, 30),
                "prediction_reference": _mean(before, 150 + 3 * place, 30),
                "error": _mean(n, 11 + 2 * story.wave(place, 9), 6),
                "error_reference": _mean(before, 7.5 + story.wave(place, 4), 6),
            }
        )
    return found


def _mean(n: int, value: float, spread: float) -> column_views.Estimate:
    if n == 0:
        return {"n": 0, "value": None, "lower": None, "upper": None}
    half = 1.96 * spread / n**0.5
    return {"n": n, "value": value, "lower": None if n < 2 else value - half, "upper": None if n < 2 else value + half}
