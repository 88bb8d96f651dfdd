"""The latest readings of every model, kept up as they are written: what ``/metrics`` tells of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from monitors.registry import DECIDING
from service.measures import BY_NAME, line
from storage.reading_news import newest_readings, readings_since

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_UNJUDGED = frozenset({"no_data", "insufficient"})
_RANK = {"critical": 0, "warning": 1, "drift": 1, "error": 2}
VALUE, THRESHOLD, VERDICT = (
    BY_NAME[name] for name in ("driftdeck_reading_value", "driftdeck_reading_threshold", "driftdeck_reading_verdict")
)


class Row(NamedTuple):
    """A reading, as far as it is told; the order is that of :data:`storage.reading_news.COLUMNS`."""

    seq: int
    model: str
    model_version: str
    scope: str
    check: str
    column: str | None
    segment: str | None
    window_start: datetime
    window_end: datetime
    value: float
    threshold: float
    verdict: str
    significant: bool
    material: bool
    harmful: bool
    coverage: float


Key = tuple[str, str, str | None, str | None]  # scope, check, column, segment


@dataclass(slots=True)
class Shown:
    """What is told of one model: its readings, and the lines of their metrics."""

    version: str | None
    readings: list[Row]
    limit: int
    lines: dict[str, list[str]]
    left_out: int
    ends: dict[str, datetime]  # of the window, by scope

    def find(self, check: str, scope: str = "performance") -> Row | None:
        """Return the reading of all rows of a check."""
        wanted = (scope, check, None, None)
        return next((r for r in self.readings if (r.scope, r.check, r.column, r.segment) == wanted), None)

    def deciding(self) -> list[Row]:
        """Return the readings that carry the verdicts of the columns."""
        return [
            r
            for r in self.readings
            if (r.scope, r.check, r.segment) == ("column", DECIDING, None) and r.column != "label"
        ]


@dataclass(slots=True)
class ReadingBoard:
    """Of each model, version and scope the readings of the latest window that was judged. Safe to use from several threads."""

    _seq: int = -1
    _latest: dict[str, dict[str, dict[str, dict[Key, Row]]]] = field(default_factory=dict)  # model, version, scope
    _shown: dict[str, Shown] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(
        self, con: DuckDBPyConnection, champions: dict[str, str | None], limit: Callable[[str], int]
    ) -> dict[str, Shown]:
        """Return what is told of each of the models, after taking up what is new; ``limit``: readings that may be told of one."""
        with self._lock:
            news = readings_since(con, self._seq) if self._seq >= 0 else newest_readings(con)
            for model in self._take(map(Row._make, news)):
                self._shown.pop(model, None)
            found = {}
            for model, champion in champions.items():
                versions = self._latest.get(model)
                if versions is None:
                    continue
                version = champion if champion in versions else _newest(versions)
                shown, most = self._shown.get(model), limit(model)
                if shown is None or shown.version != version or shown.limit != most:
                    shown = self._shown[model] = _show(version, versions[version], most)
                found[model] = shown
            return found

    def _take(self, news: Iterable[Row]) -> set[str]:
        """Take up readings in the order in which they were written; returns the models they are of."""
        changed = set()
        for row in news:
            self._seq = max(self._seq, row.seq)
            scopes = self._latest.setdefault(row.model, {}).setdefault(row.model_version, {})
            group = scopes.setdefault(row.scope, {})
            start = next(iter(group.values())).window_start if group else row.window_start
            if row.window_start > start:
                if row.verdict in _UNJUDGED and any(r.verdict not in _UNJUDGED for r in group.values()):
                    continue
                group.clear()
            if row.window_start >= start:
                group[row.scope, row.check, row.column, row.segment] = row
                changed.add(row.model)
        return changed


def _newest(versions: dict[str, dict[str, dict[Key, Row]]]) -> str:
    return max(
        versions, key=lambda version: max(r.window_start for rows in versions[version].values() for r in rows.values())
    )


def _show(version: str, scopes: dict[str, dict[Key, Row]], limit: int) -> Shown:
    """Render what is told of a model: what is in trouble first, then what is not about a column, then the deciding check."""
    every = [row for rows in scopes.values() for row in rows.values() if row.segment is None or row.verdict in _RANK]
    every.sort(
        key=lambda r: (_RANK.get(r.verdict, 9), r.scope == "column", r.check != DECIDING, r.check, r.column or "")
    )
    told = every[:limit]
    lines: dict[str, list[str]] = {VALUE.name: [], THRESHOLD.name: [], VERDICT.name: []}
    for row in told:
        labels = (row.model, row.scope, row.check, row.column or "", row.segment or "")
        for metric, value in ((VALUE, row.value), (THRESHOLD, row.threshold)):
            if not math.isnan(value):
                lines[metric.name].append(line(metric, labels, value))
        lines[VERDICT.name].append(line(VERDICT, (*labels, row.verdict), 1.0))
    ends = {scope: next(iter(rows.values())).window_end for scope, rows in scopes.items() if rows}
    return Shown(version, every, limit, lines, len(every) - len(told), ends)
