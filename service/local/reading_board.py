"""The latest readings of every model, kept up as they are written: what ``/metrics`` tells of them."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from monitors.registry import DECIDING
from reference_data.profile import RESERVED
from service.measures import BY_NAME, line
from storage.reading_news import News, last_reading, reading_news

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSAID = frozenset({"no_data", "insufficient", "error"})
_UNJUDGED = frozenset({"no_data", "insufficient"})
_METRICS = [BY_NAME[f"driftdeck_reading_{what}"] for what in ("value", "threshold", "verdict")]
_group, _rank = attrgetter("model", "model_version", "scope"), attrgetter("rank")

Group = dict[tuple[str, str, str], News]  # by check, column and segment


@dataclass(frozen=True, slots=True)
class Shown:
    """What is told of one model's readings, and their lines by metric; ``ends``: of the window, in seconds, by scope."""

    version: str
    limit: int
    scopes: dict[str, Group]
    lines: dict[str, list[str]]
    left_out: int
    ends: dict[str, float]
    drifted: int  # inputs: prediction and error are no columns that came in
    verdicts: frozenset[str]  # of the columns

    def find(self, check: str, scope: str = "performance") -> News | None:
        """Return the reading of all rows of a check."""
        return self.scopes.get(scope, {}).get((check, "", ""))


@dataclass(slots=True)
class ReadingBoard:
    """Of each model, version and scope the readings of the latest window that was judged. Safe to use from several threads."""

    _seq: int = 0
    _latest: dict[str, dict[str, dict[str, Group]]] = field(default_factory=dict)  # by model, version, scope
    _shown: dict[str, Shown] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, con: Any, champions: Mapping[str, str | None], limit: int) -> dict[str, Shown]:
        """Return what is told of each model, at most ``limit`` readings of one, after taking up what is new."""
        with self._lock:
            last = last_reading(con)
            if last > self._seq:
                self._take(reading_news(con, self._seq, DECIDING))
                self._seq = last
            found = {}
            for model, champion in champions.items():
                versions = self._latest.get(model)
                if not versions:
                    continue
                version = champion if champion in versions else _newest(versions)
                shown = self._shown.get(model)
                if shown is None or (shown.version, shown.limit) != (version, limit):
                    shown = self._shown[model] = _show(version, versions[version], limit)
                found[model] = shown
            return found

    def _take(self, news: list[News]) -> None:
        for (model, version, scope), readings in groupby(news, _group):
            new: Group = {(r.check, r.column, r.segment): r for r in readings}
            scopes = self._latest.setdefault(model, {}).setdefault(version, {})
            old = scopes.get(scope)
            start, before = _start(new), _start(old) if old else -1
            if start < before or (old and start > before and _judged(old) and not _judged(new)):
                continue  # of a window that is over, or that has nothing to say yet
            scopes[scope] = old | new if old and start == before else new
            self._shown.pop(model, None)


def _start(group: Group) -> int:
    return next(iter(group.values())).start


def _judged(group: Group) -> bool:
    return any(reading.verdict not in _UNJUDGED for reading in group.values())


def _newest(versions: dict[str, dict[str, Group]]) -> str:
    return max(versions, key=lambda version: max(map(_start, versions[version].values())))


def _show(version: str, scopes: dict[str, Group], limit: int) -> Shown:
    """Render what is told of a model."""
    every = [reading for group in scopes.values() for reading in group.values()]
    every.sort(key=_rank)  # a stable sort: of one rank in the order in which they were written
    told = every[:limit]
    value, threshold, verdict = _METRICS
    lines: dict[str, list[str]] = {metric.name: [] for metric in _METRICS}
    for reading in told:
        labels = (reading.model, reading.scope, reading.check, reading.column, reading.segment)
        if not math.isnan(reading.value):
            lines[value.name].append(line(value, labels, reading.value))
        if not math.isnan(reading.threshold):
            lines[threshold.name].append(line(threshold, labels, reading.threshold))
        lines[verdict.name].append(line(verdict, (*labels, reading.verdict), 1.0))
    ends = {scope: next(iter(group.values())).end / 1e6 for scope, group in scopes.items()}
    deciding = [
        r for r in scopes.get("column", {}).values() if r.check == DECIDING and not r.segment and r.column != "label"
    ]
    drifted = sum(r.drifts and r.verdict not in UNSAID and r.column not in RESERVED for r in deciding)
    verdicts = frozenset(r.verdict for r in deciding)
    return Shown(version, limit, scopes, lines, len(every) - len(told), ends, drifted, verdicts)
