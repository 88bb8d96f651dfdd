"""The half of the fake workspace that is about data on its way in, references and care. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from service import data_views, views
from service.workspace import ConflictError, NotFoundError
from tests.support import fake_story as story
from tests.support import fake_views
from tests.support.fake_replay import FakeReplay
from tests.support.fake_rows import FakeRows

MODEL = "air_time"
#: field, value, expected, error, origin, from which row on: three reasons to refuse a row, by turns
_REFUSED: list[tuple[str, str, str, str, str, int]] = [
    ("distance", "n/a", "numeric", "distance is 'n/a', which is not a number", "warehouse/flights_2013-06-03.csv", 4),
    ("event_time", "31/06/2013 08:15", "a time", "event_time '31/06/2013 08:15' is no day of the calendar", "http", 0),
    ("carrier", "", "categorical", "carrier is missing and the model needs it", "warehouse/flights_2013-06-03.csv", 9),
]
#: name, into, kind, place, schedule, state, lag in hours, position
_SOURCES: list[tuple[str, str, str, str, str, str, float | None, str | None]] = [
    ("nightly", "logs", "files", "warehouse/flights_*.parquet", "0 2 * * *", "ok", 7.1, "154 files"),
    (
        "arrivals",
        "labels",
        "sql",
        "postgresql://reader:***@db/airline",
        "every 15m",
        "failed",
        51.5,
        "landed_at = 2013-06-02 05:30",
    ),
    ("gate-events", "logs", "stream", "kafka topic gate-events", "every 1m", "running", 0.02, "partition 0: 81,204"),
    ("seats-backfill", "logs", "sql", "sqlite:///seats.db", "0 4 * * 0", "waiting", None, None),
]
_AWAY = "the database did not answer after 3 tries: connection refused; check that it runs, then run `driftdeck pull arrivals`"


class FakeData(FakeRows, FakeReplay):
    """Answers about sources, quarantine, labels, storage and references; actions change its memory only."""

    def __init__(self, weeks: int, *, empty: bool) -> None:
        self.weeks = weeks
        self.empty = empty
        self.calls: list[str] = []
        self.refused = 17  # rows of the flights model in quarantine
        self.run_seconds = 0.3  # that a source takes
        self._busy = threading.Lock()
        self._runs = {entry[0]: self._first_runs(entry[0], entry[5]) for entry in _SOURCES}

    # -- time ------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return where the fake clock stands: nine hours into the week after the last one."""
        return story.week(self.weeks)[0].astimezone(UTC) + timedelta(hours=9)

    def _ago(self, **length: float) -> str:
        return (self.now() - timedelta(**length)).isoformat()

    def health(self) -> dict[str, Any]:
        return {"status": "ok", "now": self.now().isoformat(), "system_now": self.now().isoformat()}

    # -- sources ---------------------------------------------------------------------------------------------------

    def _first_runs(self, source: str, state: str) -> list[data_views.SourceRunView]:
        if state == "waiting":
            return []
        step = timedelta(minutes=15) if source == "arrivals" else timedelta(days=1)
        failed = 5 if state == "failed" else 0  # the latest five, as long as the trouble lasts
        return [
            self._source_run(source, i, self.now() - step * i - timedelta(hours=7), failed=i < failed)
            for i in range(12)
        ]

    def _source_run(
        self, source: str, number: int, at: datetime, *, failed: bool = False, trigger: str = "schedule"
    ) -> data_views.SourceRunView:
        rows = 0 if failed else 880 + 13 * number
        running = source == "gate-events" and number == 0 and trigger == "schedule"
        seconds = 2.4 + number / 10
        return {
            "run_id": f"{source}-{number}-{trigger}",
            "source": source,
            "state": "running" if running else "failed" if failed else "done",
            "trigger": trigger,
            "started_at": at.isoformat(),
            "ended_at": None if running else (at + timedelta(seconds=seconds)).isoformat(),
            "seconds": None if running else seconds,
            "rows": rows,
            "accepted": max(0, rows - 20),
            "duplicates": 9 if rows else 0,
            "rejected": 11 if rows else 0,
            "position": None if failed else f"{number + 1} files",
            "error": _AWAY if failed else None,
        }

    def sources(self) -> list[data_views.SourceView]:
        if self.empty:
            return []
        return [self._source(*entry) for entry in _SOURCES]

    def _source(
        self,
        name: str,
        into: str,
        kind: str,
        place: str,
        schedule: str,
        state: str,
        lag: float | None,
        position: str | None,
    ) -> data_views.SourceView:
        runs = self._runs[name]
        return {
            "name": name,
            "model": MODEL,
            "into": into,
            "kind": kind,
            "place": place,
            "schedule": schedule,
            "declared_in": "file",
            "state": {"done": "ok"}.get(runs[0]["state"], runs[0]["state"]) if runs else state,
            "lag_seconds": None if lag is None else lag * 3600,
            "position": position,
            "next_run": (self.now() + timedelta(minutes=11 if "every" in schedule else 17 * 60)).isoformat(),
            "last_run": runs[0] if runs else None,
        }

    def source_runs(self, source: str, *, limit: int = 50) -> list[data_views.SourceRunView]:
        self.calls.append(f"source_runs {source} {limit}")
        self._known(source)
        return self._runs[source][:limit]

    def _known(self, source: str) -> None:
        if self.empty or source not in self._runs:
            names = [] if self.empty else list(self._runs)
            raise NotFoundError(f"no source {source!r}; there are {', '.join(names) or 'none'}")

    def run_source(self, source: str, *, actor: str = "cli", trigger: str = "manual") -> data_views.SourceRunView:
        self._known(source)
        runs = self._runs[source]
        with self._busy:
            if runs and runs[0]["state"] == "running":
                raise ConflictError(
                    f"source {source!r} is running since {runs[0]['started_at']}; wait until it is done"
                )
            self.calls.append(f"run_source {source} {actor} {trigger}")
            run = self._source_run(source, len(runs), self.now(), failed=source == "arrivals", trigger=trigger)
            runs.insert(0, {**run, "state": "running", "ended_at": None, "seconds": None, "error": None})
        time.sleep(self.run_seconds)
        runs[0] = run
        return run

    # -- what was refused ------------------------------------------------------------------------------------------

    def quarantine(self, model: str, *, limit: int = 100, offset: int = 0) -> list[data_views.QuarantineView]:
        self.calls.append(f"quarantine {offset} {limit}")
        total = self.refused if model == MODEL and not self.empty else 0
        return [self._refusal(model, i) for i in range(offset, min(offset + limit, total))]

    def _refusal(self, model: str, number: int) -> data_views.QuarantineView:
        field, value, expected, error, origin, first = _REFUSED[number % len(_REFUSED)]
        row = first + number // len(_REFUSED)
        return {
            "ref": f"refused-{number}",
            "repairable": True,
            "model": model,
            "kind": "log",
            "arrival_time": self._ago(minutes=20 * (number + 1)),
            "origin": origin,
            "row": row,
            "line": row + 2 if origin != "http" else None,
            "field": field,
            "value": value,
            "expected": expected,
            "error": error,
            "content": f'{{"prediction_id": "f-{row}", "{field}": "{value}"}}',
        }

    def quarantine_groups(self, model: str) -> list[data_views.QuarantineGroup]:
        if model != MODEL or self.empty or not self.refused:
            return []
        counts = [len(range(i, self.refused, len(_REFUSED))) for i in range(len(_REFUSED))]
        return [
            {
                "field": field,
                "error": error,
                "origin": origin,
                "rows": counts[i],
                "first_seen": self._ago(minutes=20 * (self.refused - i)),
                "last_seen": self._ago(minutes=20 * (i + 1)),
            }
            for i, (field, _value, _expected, error, origin, _first) in enumerate(_REFUSED)
            if counts[i]
        ]

    def repair(self, model: str, repairs: list[data_views.RepairedRow], *, actor: str = "cli") -> views.AppendView:
        self.calls.append(f"repair {len(repairs)} {actor}")
        wrong = [place for place, entry in enumerate(repairs) if "n/a" in entry["row"].values()]
        if not wrong:
            self.refused -= len(repairs)
        rejected = [
            {
                "row": place,
                "field": "distance",
                "value": "n/a",
                "expected": "numeric",
                "error": "distance is 'n/a', which is not a number",
            }
            for place in wrong
        ]
        taken = 0 if wrong else len(repairs)
        return {"accepted": taken, "duplicates": 0, "rejected": rejected, "rejected_rows": len(wrong)}

    def schema_events(self, model: str) -> list[data_views.SchemaEvent]:
        if model != MODEL or self.empty:
            return []
        found = [
            ("gate", "appeared", "categorical", "came with rows and is not declared; add it to context to watch it"),
            ("seats", "widened", "numeric", "was whole numbers and now has fractions; nothing is lost"),
            ("plane_year", "disappeared", "numeric", "has been missing from every row; ask whoever sends them"),
        ]
        return [
            {
                "column": column,
                "event": event,
                "type": kind,
                "rows": 2140 - 700 * i,
                "seen_at": self._ago(days=3 * i + 1),
                "words": f"{column} {words}.",
            }
            for i, (column, event, kind, words) in enumerate(found)
        ]

    # -- labels ----------------------------------------------------------------------------------------------------

    def labels(self, model: str, *, windows: int = 60) -> data_views.LabelSummary:
        if model != MODEL or self.empty:
            return {"labelled": 0, "corrected": 0, "orphans": 0, "windows": []}
        numbers = range(max(0, self.weeks - windows), self.weeks)
        return {
            "labelled": 6150 * self.weeks,
            "corrected": 214,
            "orphans": 38,
            "windows": [self._label_window(number) for number in numbers],
        }

    def _label_window(self, number: int) -> data_views.LabelWindow:
        rows = story.rows_in(number)
        age = self.weeks - 1 - number
        coverage = {0: 0.62, 1: 0.94}.get(age, 0.98)
        return {
            "start": story.week(number)[0].isoformat(),
            "end": story.week(number)[1].isoformat(),
            "rows": rows,
            "labelled": int(rows * coverage),
            "coverage": coverage,
            "corrected": 10 + number % 4,
            "lag_p10": 1.1,
            "lag_p50": 4.2,
            "lag_p90": 31.0,
            "expected_coverage": {0: 0.66, 1: 0.95}.get(age, 0.98),
            "mature": age > 1,
        }

    def label_history(self, model: str, prediction_id: str) -> list[data_views.LabelEntry]:
        entries: list[tuple[str, Any, float, bool]] = [
            ("label", 151.0, 50, False),
            ("label", 146.0, 26, True),
            ("thumbs", True, 20, True),
        ]
        return [
            {
                "prediction_id": prediction_id,
                "kind": kind,
                "value": value,
                "label_time": self._ago(hours=hours),
                "arrival_time": self._ago(hours=hours - 1),
                "current": current,
            }
            for kind, value, hours, current in entries
        ]

    def feedback(self, model: str, kind: str | None = None) -> list[data_views.FeedbackPoint]:
        if model != MODEL or self.empty:
            return []
        found = [
            self._feedback(name, i) for name in ("thumbs", "rating") for i in range(max(0, self.weeks - 8), self.weeks)
        ]
        return [point for point in found if kind in (None, point["kind"])]

    @staticmethod
    def _feedback(kind: str, number: int) -> data_views.FeedbackPoint:
        up = round(0.86 - 0.012 * max(0, number - story.HARM_WEEK), 3)
        return {
            "kind": kind,
            "start": story.week(number)[0].isoformat(),
            "end": story.week(number)[1].isoformat(),
            "n": 410 + number,
            "coverage": 0.066,
            "mean": 4.1 if kind == "rating" else None,
            "shares": {"true": up} if kind == "thumbs" else {},
        }

    # -- references ------------------------------------------------------------------------------------------------

    def references(self, model: str) -> list[data_views.ReferenceView]:
        if model != MODEL or self.empty:
            return []
        return [
            {
                "model": model,
                "version": version,
                "current": version == 2,
                "source": source,
                "created_at": story.week(first + weeks)[0].isoformat(),
                "period": [story.week(first)[0].isoformat(), story.week(first + weeks)[0].isoformat()],
                "rows": rows,
                "labelled": rows - 410,
                "columns": len(story.COLUMNS),
                "used_by": used_by,
                "warnings": warnings,
            }
            for version, source, first, weeks, rows, used_by, warnings in (
                (
                    2,
                    "the 2 weeks before 5 Mar 2013",
                    7,
                    2,
                    12_140,
                    [],
                    ["12,140 rows judge windows of 6,200: take 4 windows"],
                ),
                (1, "flights_2013.parquet", 0, story.REFERENCE_WEEKS, 53_490, ["v1"], []),
            )
        ]

    def reference_diff(self, model: str, version: int, other: int) -> list[data_views.ReferenceDiffRow]:
        known = {view["version"] for view in self.references(model)}
        for wanted in (version, other):
            if wanted not in known:
                raise NotFoundError(f"{model} has no reference {wanted}; there are {sorted(known) or 'none'}")
        return [
            {
                "column": name,
                "type": type_,
                "change": "shifted" if name == "temp" else "same",
                "distance": 0.21 if name == "temp" else 0.012,
                "significant": name == "temp",
                "missing": [0.005, 0.004],
                "mean": [mean, fake_views.current_mean(name, 8)] if type_ == "numeric" else [None, None],
                "sentence": f"{name} {'moved: it was colder' if name == 'temp' else 'is the same'}.",
            }
            for name, (_kind, type_, _unit, mean, _spread) in story.COLUMNS.items()
        ]

    # -- care ------------------------------------------------------------------------------------------------------

    def reading_history(
        self, model: str, check: str, window_start: datetime, *, column: str | None = None
    ) -> list[views.ReadingView]:
        number = next((i for i in range(self.weeks) if story.week(i)[0] == window_start), None)
        if number is None:
            return []
        latest = fake_views.reading(model, column or "error given inputs", number, "within")
        value = latest["value"]
        return [{**latest, "value": None if value is None else value * 0.93}, latest]

    def storage(self, model: str) -> data_views.StorageView:
        flights = model == MODEL and not self.empty
        return {
            "model": model,
            "rows": 6200 * self.weeks if flights else 0,
            "archived_rows": 1_204_000 if flights else 0,
            "dropped_rows": 0,
            "archive_bytes": 38_400_000 if flights else 0,
            "keep": "400d" if flights else None,
            "then": "archive",
            "oldest": self._ago(days=620) if flights else None,
            "next_cut": self._ago(days=400) if flights else None,
        }

    def backup(self, path: Path, *, actor: str = "cli") -> data_views.BackupView:
        self.calls.append(f"backup {path.name}")
        return {
            "path": str(path),
            "bytes": 81_300_000,
            "created_at": self.now().isoformat(),
            "models": [MODEL],
            "seconds": 1.9,
        }

    def doctor(self) -> list[data_views.Finding]:
        return [
            {"check": "database", "ok": True, "words": "opens, schema 3", "advice": None},
            {"check": "disk", "ok": False, "words": "1.2 GB are free, 2 GB are wanted", "advice": "make room"},
        ]

    def erase(self, model: str, subject: str, *, actor: str = "cli") -> data_views.ErasureReceipt:
        self.calls.append(f"erase {model}")
        return self._receipt("e9", model)

    def erasures(self, model: str | None = None) -> list[data_views.ErasureReceipt]:
        found = [] if self.empty else [self._receipt("e1", MODEL), self._receipt("e2", MODEL)]
        return [receipt for receipt in found if model in (None, receipt["model"])]

    def _receipt(self, name: str, model: str) -> data_views.ErasureReceipt:
        return {
            "id": name,
            "model": model,
            "subject_hash": "5b1e" * 16,
            "requested_at": self._ago(days=12),
            "actor": "privacy@airline",
            "deleted": {"logs": 41, "labels": 40, "quarantine": 1},
            "kept": [],
        }
