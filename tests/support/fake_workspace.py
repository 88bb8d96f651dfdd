"""A workspace without a database: the flights story in invented numbers, the same every time.

``FakeWorkspace(until_week=22)`` stands at the open concept-drift alert; ``until_week=52`` has the whole year. ``extra`` adds
models without a history (``hostile`` names among them first).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from service import data_views, views
from service.workspace import ConflictError, NotFoundError
from tests.support import fake_story as story
from tests.support import fake_timeline, fake_views
from tests.support.fake_access import FakeAccess
from tests.support.fake_alerting import FakeAlerting
from tests.support.fake_columns import FakeColumns
from tests.support.fake_comparing import FakeComparing
from tests.support.fake_data import FakeData
from tests.support.fake_loop import FakeLoop
from tests.support.fake_outcomes import FakeOutcomes
from tests.support.fake_reporting import FakeReporting
from tests.support.fake_segments import FakeSegments
from tests.support.fake_setting_up import FakeSettingUp
from tests.support.fake_training import FakeTraining

MODEL = "air_time"
HOSTILE = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "$\\frac{a}{b}$ :red[red] :smile:",
    "<img src=x onerror=alert(1)>",
]
_HEALTHS: list[views.Health] = ["warning", "ok", "notice", "ok", "no_data", "insufficient", "ok", "ok"]


def _iso(moment: datetime) -> str:
    return moment.isoformat()


class FakeWorkspace(
    FakeData,
    FakeSegments,
    FakeOutcomes,
    FakeAlerting,
    FakeTraining,
    FakeLoop,
    FakeAccess,
    FakeReporting,
    FakeComparing,
    FakeColumns,
    FakeSettingUp,
):
    """Answers like a workspace; actions change its memory only."""

    def __init__(self, *, until_week: int = 22, extra: int = 7, empty: bool = False, hostile: bool = True) -> None:
        super().__init__(until_week, empty=empty)
        FakeAlerting.__init__(self)
        FakeTraining.__init__(self)
        self.hostile = hostile
        self.extra = 0 if empty else extra
        self.acknowledged: set[str] = set()
        FakeLoop.__init__(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.calls.append("close")

    # -- declare ---------------------------------------------------------------------------------------------------

    def apply(self, toml_text: str, **how: Any) -> dict[str, list[str]]:
        raise ConflictError("the fake workspace declares nothing")

    def export(self) -> str:
        return "[models.air_time]\n"

    def reference(self, model: str, data: object, *, version: int | None = None, actor: str = "cli") -> dict[str, Any]:
        raise ConflictError("the fake workspace freezes nothing")

    def log(self, model: str, data: object, *, key: str | None = None, **how: Any) -> views.AppendView:
        raise ConflictError("the fake workspace takes no rows")

    label = log

    def loading(self, model: str, into: Literal["logs", "labels"] = "logs") -> data_views.LoadingView:
        return {"kinds": {}, "ids": ["prediction_id"], "blocks": {}}

    def predict(self, model: str, datapoints: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        raise ConflictError("the fake workspace predicts nothing")

    def models(self) -> list[views.ModelView]:
        if self.empty:
            return []
        return [self._flights(), *(self._filler(i) for i in range(self.extra))]

    def model(self, name: str) -> views.ModelView:
        for view in self.models():
            if view["name"] == name:
                return view
        raise NotFoundError(
            f"no model {name!r}; there are {', '.join(view['name'] for view in self.models()) or 'none'}"
        )

    def _flights(self) -> views.ModelView:
        line = self._serving_line()
        trouble = line[-1] > story.THRESHOLD
        end = story.week(self.weeks)[0]
        return {
            "name": MODEL,
            "task": "regression",
            "owner": "ops",
            "timezone": "America/New_York",
            "window": "1w",
            "health": "page" if trouble else "notice",
            "since": _iso(story.week(story.HARM_WEEK if self.weeks <= 30 else 44)[0]) if trouble else None,
            "headline": "air_time has been wrong by 12.6 min a flight, against 7.62 in the reference. "
            "Likely cause: the same inputs now mean shorter flights (concept drift)."
            if trouble
            else None,
            "metric": {
                "name": "mae",
                "unit": "min",
                "direction": "higher_is_worse",
                "value": line[-1],
                "reference": story.REFERENCE_MAE,
                "threshold": story.THRESHOLD,
                "lower": story.LOWER,
                "upper": story.UPPER,
            },
            "sparkline": list(line[-30:]),
            "label_coverage": 0.98,
            "label_lag_hours": 4.2,
            "drifted": 6,
            "columns": len(story.COLUMNS),
            "drifted_beside": ["prediction", "error given inputs"] if trouble else [],
            "rows_per_window": story.rows_in(self.weeks - 1),
            "rows": {"logs": 6200 * self.weeks, "labels": 6150 * self.weeks, "quarantined": self.refused},
            "champion": self.champion,
            "rollback_to": "v1" if self.champion == "v2" else None,
            "champion_since": _iso(story.week(22)[0]) if self.champion == "v2" else _iso(story.week(9)[0]),
            "reference_version": 1,
            "reference_period": [_iso(story.week(0)[0]), _iso(story.week(story.REFERENCE_WEEKS)[0])],
            "reference_rows": 53_490,
            "data_until": _iso(end),
            "last_run": _iso(self.now() - timedelta(minutes=2)),
            "next_run": _iso(self.now() + timedelta(minutes=58)),
            "declared_in": "file",
            "budget": {
                "pages_per_year": 1.0,
                "warnings_per_year": 1.0,
                "days": 7.0 * self.weeks,
                "pages": 1 + (self.weeks > 44),
                "warnings": 0,
            },
        }

    def _filler(self, number: int) -> views.ModelView:
        health = _HEALTHS[number % len(_HEALTHS)]
        known = health not in ("no_data", "insufficient")
        name = HOSTILE[number] if self.hostile and number < len(HOSTILE) else f"filler-{number:02d}"
        end = story.week(self.weeks)[0]
        points: list[float | None] = [round(0.9 + 0.02 * story.wave(i, number), 3) for i in range(22)]
        if not known:
            points[-3:] = [None, None, None]
        view: Any = self._flights()
        view.update(
            name=name,
            task="binary",
            owner=f"team {number}",
            timezone="UTC",
            window="1d",
            health=health,
            since=None if health == "ok" else _iso(story.week(20)[0]),
            headline=None if health == "ok" else f"{name}: 3 columns drifted, labels only 31 % in.",
            metric={
                "name": "roc_auc",
                "unit": "",
                "direction": "lower_is_worse",
                "value": points[-1],
                "reference": 0.902,
                "threshold": 0.85,
                "lower": 0.88,
                "upper": 0.92,
            },
            sparkline=points,
            label_coverage=0.0 if health == "no_data" else 0.4 + 0.05 * (number % 10),
            drifted=number % 4,
            columns=24,
            drifted_beside=["score"] if number % 4 == 3 else [],
            rows_per_window=None if health == "no_data" else 41_000 + 977 * number,
            champion=f"v{number + 2}",
            data_until=_iso(end),
            declared_in="dashboard",
            rows={"logs": 4100, "labels": 3900, "quarantined": 0},
            budget={"pages_per_year": 1.0, "warnings_per_year": 4.0, "days": 22.0, "pages": 0, "warnings": number % 2},
        )
        return view

    # -- monitors --------------------------------------------------------------------------------------------------

    def run(
        self,
        model: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str = "cli",
        trigger: str = "manual",
    ) -> list[views.RunView]:
        return []

    def windows(self, model: str) -> list[views.WindowView]:
        if model != MODEL:
            return []
        return [
            {
                "start": _iso(story.week(i)[0]),
                "end": _iso(story.week(i)[1]),
                "rows": story.rows_in(i),
                "labels": int(story.rows_in(i) * (0.98 if i < self.weeks - 1 else 0.62)),
                "coverage": 0.98 if i < self.weeks - 1 else 0.62,
                "model_version": "v1" if i < 22 else "v2",
                "closed": True,
            }
            for i in range(self.weeks)
        ]

    def readings(
        self,
        model: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        check: str | None = None,
        column: str | None = None,
        verdict: str | None = None,
        segment: str | None = None,
        limit: int = 100_000,
        offset: int = 0,
    ) -> list[views.ReadingView]:
        names = [column] if column else list(story.COLUMNS)
        if segment == "*":
            return []
        found = [
            fake_views.reading(model, name, i, self._state(name, i))
            for name in names
            for i in range(self.weeks)
            if (since is None or story.week(i)[0] >= since) and (until is None or story.week(i)[0] < until)
        ]
        for reading in found:
            reading["segment"] = segment
        return [r for r in found if verdict in (None, r["verdict"]) and check in (None, r["check"])][
            offset : offset + limit
        ]

    def _state(self, column: str, number: int) -> str:
        return story.state_of(column, number, range(22, 52))

    def _serving_line(self) -> list[float]:
        return (story.FIRST[:22] + story.SECOND)[: self.weeks]

    # -- pages -----------------------------------------------------------------------------------------------------

    def performance(
        self, model: str, *, metric: str | None = None, grain: str | None = None
    ) -> list[views.PerformancePoint]:
        self.calls.append(f"performance {metric} {grain}")
        if model != MODEL:
            return []
        lines = [("v1", "serving", range(min(22, self.weeks)), story.FIRST)]
        if self.weeks > 22:
            lines.append(("v2", "serving", range(22, self.weeks), [0.0] * 22 + story.SECOND))
            lines.append(("v1", "shadow", range(22, self.weeks), story.FIRST))
        return [
            {
                "start": _iso(story.week(i)[0]),
                "end": _iso(story.week(i)[1]),
                "model_version": version,
                "role": role,
                "value": values[i],
                "unit": "min",
                "n": story.rows_in(i),
                "threshold": story.THRESHOLD,
                "lower": story.LOWER,
                "upper": story.UPPER,
                "verdict": "critical" if values[i] > story.THRESHOLD else "ok",
            }
            for version, role, weeks, values in lines
            for i in weeks
        ]

    def metric_names(self, model: str) -> list[str]:
        return ["mae", "rmse", "bias"] if model == MODEL else ["roc_auc", "accuracy"]

    def heatmap(self, model: str) -> list[views.HeatCell]:
        if model != MODEL:
            return []
        return [
            {
                "column": name,
                "kind": story.COLUMNS[name][0],
                "start": _iso(story.week(i)[0]),
                "state": self._state(name, i),
                "value": round(story.value_of(name, i), 4),
                "threshold": story.threshold_of(name),
            }
            for name in story.COLUMNS
            for i in range(self.weeks)
        ]

    def _number(self, window_start: datetime | None) -> int:
        if window_start is None:
            return self.weeks - 1
        for i in range(self.weeks):
            if story.week(i)[0] == window_start:
                return i
        raise NotFoundError(
            f"no window starts at {window_start.isoformat()}; windows are weeks from {_iso(story.START)}"
        )

    def drift_table(self, model: str, window_start: datetime | None = None) -> list[views.DriftRow]:
        if model != MODEL:
            return []
        number = self._number(window_start)
        rows: list[views.DriftRow] = []
        for name, (kind, type_, unit, _mean, _spread) in story.COLUMNS.items():
            state = self._state(name, number)
            known = state not in ("insufficient", "no_data")
            rows.append(
                {
                    "column": name,
                    "kind": kind,
                    "type": type_,
                    "unit": unit,
                    "state": state,
                    "check": "mae" if kind == "concept" else "psi",
                    "value": round(story.value_of(name, number), 4) if known else None,
                    "threshold": story.threshold_of(name) if known else None,
                    "p_value": 0.001 if known else None,
                    "trend": [round(story.value_of(name, i), 4) for i in range(max(0, number - 21), number + 1)],
                    "histogram": fake_views.histogram(name, number),
                    "sentence": f"{name} is {state}",
                }
            )
        return rows

    def feature(self, model: str, column: str, window_start: datetime | None = None) -> views.FeatureView:
        names = list(story.COLUMNS)
        if column not in names or model != MODEL:
            raise NotFoundError(f"no column {column!r} in {model}; there are {', '.join(names)}")
        place = names.index(column)
        neighbours = (names[place - 1] if place else None, names[place + 1] if place + 1 < len(names) else None)
        states = [self._state(column, i) for i in range(self.weeks)]
        return fake_views.feature(model, column, self._number(window_start), self.weeks, states, neighbours)

    def segment_errors(
        self, model: str, since: datetime, until: datetime, *, limit: int = 12
    ) -> list[views.SegmentError]:
        found: list[views.SegmentError] = [
            {"segment": segment, "value": value, "reference": reference, "current": current, "n": 900}
            for segment, value, reference, current in story.SEGMENTS
        ]
        return found[:limit]

    def rows(self, model: str, since: datetime, until: datetime, *, limit: int = 100, offset: int = 0) -> views.RowPage:
        self.calls.append(f"rows {offset} {limit}")
        columns = ["prediction_id", "event_time", "model_version", *(c for c in story.COLUMNS if " " not in c), "label"]
        total = 100_000
        rows = [
            {
                name: f"{name}-{i}" if name == "prediction_id" else round(story.wave(i, len(name)) * 100, 1)
                for name in columns
            }
            for i in range(offset, min(offset + limit, total))
        ]
        return {"columns": columns, "rows": rows, "total": total, "offset": offset, "limit": limit}

    def markers(self, model: str) -> list[views.Marker]:
        if model != MODEL:
            return []
        found: list[views.Marker] = [
            {
                "at": _iso(story.week(17)[0]),
                "kind": "alert",
                "label": "alert",
                "until": None if self.weeks <= 22 else _iso(story.week(22)[0]),
            }
        ]
        if self.weeks > 22:
            found.append({"at": _iso(story.week(22)[0]), "kind": "champion", "label": "v2 champion", "until": None})
        if self.weeks > 44:
            found.append({"at": _iso(story.week(44)[0]), "kind": "alert", "label": "alert", "until": None})
        return found

    def timeline(self, limit: int = 50, *, model: str | None = None) -> list[views.TimelineItem]:
        if self.empty:
            return []
        other = self.models()[min(1, self.extra)]["name"]
        return [item for item in fake_timeline.items(MODEL, other) if model in (None, item["model"])][:limit]

    def evidently_report(self, model: str, window_start: datetime) -> Path:
        raise ConflictError("the fake workspace writes no report")

    # -- alerts ----------------------------------------------------------------------------------------------------

    def alerts(self, model: str | None = None, *, state: str | None = None) -> list[views.AlertView]:
        if self.empty:
            return []
        found = [self.changed(self._concept_alert()), self.changed(self._notice())]
        return [a for a in found if model in (None, a["model"]) and state in (None, a["state"])]

    def alert(self, alert_id: str) -> views.AlertView:
        for found in self.alerts():
            if found["id"] == alert_id:
                return found
        raise NotFoundError(f"no alert {alert_id!r}; there are {', '.join(a['id'] for a in self.alerts()) or 'none'}")

    def _concept_alert(self) -> views.AlertView:
        opened = _iso(story.week(18)[0])
        state = "acknowledged" if "a1" in self.acknowledged else "firing"
        history: list[views.AlertEventView] = [
            {"at": opened, "state": "pending", "actor": "monitor", "comment": "14.95 min"},
            {"at": opened, "state": "firing", "actor": "monitor", "comment": "14.95 min against 10.97"},
        ]
        if state == "acknowledged":
            history.append({"at": _iso(story.week(22)[0]), "state": state, "actor": "dashboard", "comment": ""})
        return {
            "id": "a1",
            "model": MODEL,
            "kind": "concept_drift",
            "column": "error given inputs",
            "segment": None,
            "severity": "page",
            "state": state,
            "window_start": _iso(story.week(17)[0]),
            "window_end": _iso(story.week(18)[0]),
            "opened_at": opened,
            "changed_at": opened,
            "resolved_at": None,
            "significant": True,
            "material": True,
            "harmful": True,
            "causes": [
                {"column": None, "score": 0.92, "sentence": "The same inputs now mean shorter flights."},
                {"column": "dest", "score": 0.05, "sentence": "8 destinations the reference never saw."},
                {"column": "temp", "score": 0.01, "sentence": "Moved far, no bearing on the error."},
            ],
            "members": ["error given inputs"],
            "message": "MAE 14.95 min against 10.97 allowed, since the week of 30 Apr 2013.",
            "headline": "Flights arrive 14 minutes earlier than predicted",
            "owner": None,
            "model_version": "v1",
            "history": history,
        }

    def _notice(self) -> views.AlertView:
        view: Any = self._concept_alert()
        view.update(id="a2", kind="data_drift", column="temp", severity="notice", state="firing", harmful=False)
        view.update(
            headline="temp moved far, nothing got worse", message="PSI 7.77 against 5.03.", members=["temp", "wind_dir"]
        )
        view.update(causes=[{"column": "temp", "score": 0.8, "sentence": "It got warmer."}])
        return view

    def acknowledge(self, alert_id: str, *, actor: str = "cli", comment: str = "") -> views.AlertView:
        self.alert(alert_id)
        self.acknowledged.add(alert_id)
        return self.alert(alert_id)

    # -- care ------------------------------------------------------------------------------------------------------

    def audit(self, limit: int = 200) -> list[dict[str, Any]]:
        return [
            {
                "at": datetime(2013, 6, 4, tzinfo=UTC).isoformat(),
                "actor": "demo",
                "action": "apply",
                "object": "declaration",
                "detail": {"created": ["models.air_time"]},
            }
        ][:limit]
