"""What an alert is about: the columns with the window that shows each best, and the reading whose course tells the story."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard import text
from dashboard.components import alert_words, health
from dashboard.components.alert_words import DECIDING
from service.views import AlertView, ModelView, ReadingView
from service.workspace import Workspace, WorkspaceError

OF_DRIFTDECK = ("job", "watchdog")  # kinds about sources, trainings, runs and messages: no window is behind them
_WRONG = ("drift", "warning", "critical")
_LEAD = 280  # letters of a message that are shown at once


@dataclass(frozen=True, slots=True)
class About:
    """What went wrong in an alert's windows. ``windows``: column -> start of the window that shows it best."""

    readings: tuple[ReadingView, ...]
    first: tuple[ReadingView, ...]  # of its first window, wrong or not
    windows: dict[str, str]

    def window(self, column: str, alert: AlertView) -> str:
        """Return the start of the window to open for a column."""
        return self.windows.get(column, alert["window_start"])


def of(ws: Workspace, alert: AlertView, model: ModelView) -> About:
    """Ask for what was wrong while an alert lasted, and for what its first window says of it; no more, for readings are many."""
    since, until = datetime.fromisoformat(alert["window_start"]), datetime.fromisoformat(alert["window_end"])
    end = max(datetime.fromisoformat(alert_words.end(alert, model)), until)
    inside = "*" if alert["segment"] else None
    try:
        wrong = [
            reading
            for verdict in _verdicts(alert)
            for reading in ws.readings(alert["model"], since=since, until=end, verdict=verdict, segment=inside)
        ]
        first = [
            reading
            for check, column in _first(alert, model)
            for reading in ws.readings(alert["model"], since=since, until=until, check=check, column=column)
        ]
    except WorkspaceError:  # its readings are gone, or its model is declared anew: the words of the alert stay
        return About((), (), {})
    return About(tuple(wrong), tuple(first), best_windows(wrong))


def _verdicts(alert: AlertView) -> tuple[str, ...]:
    """Return the verdicts of readings that can have brought an alert about."""
    drifted = alert["kind"] in ("data_drift", "prediction_drift", *alert_words.OUTCOMES)
    return ("drift",) if drifted and not alert.get("limit") else _WRONG


def _first(alert: AlertView, model: ModelView) -> list[tuple[str | None, str | None]]:
    """Return which checks and columns to ask for of the first window: its foremost columns, the metric that says whether it did harm, and the limit.

    Of what has no column, members are checks.
    """
    named = dict.fromkeys(name for name in (alert["column"], *alert["members"][:2]) if name is not None)
    metric = model["metric"]["name"] if model["metric"] else None
    checks = dict.fromkeys(name for name in (metric, alert.get("limit")) if name)
    of_checks = alert["column"] is None and alert["kind"] not in ("data_drift", "prediction_drift")
    foremost: list[tuple[str | None, str | None]] = [(name, None) if of_checks else (None, name) for name in named]
    return foremost + [(name, None) for name in checks]


def best_windows(readings: Iterable[ReadingView]) -> dict[str, str]:
    """Return for each column the window in which its value lies furthest beyond its threshold; the deciding check comes first."""
    found: dict[str, tuple[tuple[bool, float], str]] = {}
    for reading in readings:
        name = reading["column"]
        if name is None:
            continue
        weight = (reading["check"] == DECIDING, _beyond(reading))
        if name not in found or weight > found[name][0]:
            found[name] = (weight, reading["window_start"])
    return {name: start for name, (_, start) in found.items()}


def _beyond(reading: ReadingView) -> float:
    value, threshold = reading["value"], reading["threshold"]
    return abs(value / threshold) if value is not None and threshold else 0.0


def telling(alert: AlertView, about: About) -> tuple[str, str | None] | None:
    """Return check and column whose course tells the story: the limit that was passed, the check that found it, or the deciding one."""
    if limit := alert.get("limit"):
        return limit, alert["column"]
    names = {alert["column"], *alert["members"]} - {None}
    own = [r for r in about.readings if (r["column"] or r["check"]) in names]
    if alert["column"] is not None:
        own = [r for r in own if r["column"] == alert["column"]] or own
    if alert["kind"] in ("data_drift", "prediction_drift") and alert["column"]:
        drifted = [r for r in own if r["check"] == DECIDING]
        own = drifted or own
    best = max(own, key=_beyond, default=None)
    if best is not None:
        return best["check"], best["column"]
    return (DECIDING, alert["column"]) if alert["column"] else None


def course(ws: Workspace, alert: AlertView, about: About) -> tuple[str, list[ReadingView]]:
    """Return the name and the readings, window by window, of what tells the story; nothing where it cannot be told so."""
    found = telling(alert, about)
    if found is None:
        return "", []
    check, column = found
    try:
        segment = alert["segment"]
        history = ws.readings(alert["model"], check=check, column=column, segment="*" if segment else None)
    except WorkspaceError:
        return "", []
    own = [r for r in history if r["segment"] == segment and (column is not None or r["column"] is None)]
    words = text.metric_name(check) + (f" of {column}" if column else "") + (f" inside {segment}" if segment else "")
    return words, _newest(own)


def _newest(readings: Sequence[ReadingView]) -> list[ReadingView]:
    """Return one reading a window, the one that was computed last, in order of time."""
    latest: dict[str, ReadingView] = {}
    for reading in readings:
        known = latest.get(reading["window_start"])
        if known is None or datetime.fromisoformat(reading["computed_at"]) >= datetime.fromisoformat(
            known["computed_at"]
        ):
            latest[reading["window_start"]] = reading
    return sorted(latest.values(), key=lambda r: datetime.fromisoformat(r["window_start"]))


def lead(message: str) -> tuple[str, str]:
    """Cut a long message after a whole sentence; returns what is shown at once, and the rest."""
    if len(message) <= _LEAD:
        return message, ""
    cut = message.rfind(". ", 0, _LEAD) + 1
    cut = cut if cut > _LEAD // 3 else message.find(". ", _LEAD // 3) + 1
    return (message[:cut].strip(), message[cut:].strip()) if cut else (message, "")


def monitor(alert: AlertView) -> str:
    """Return what found it, in words."""
    kind = alert_words.kinds(alert, health.KIND)
    place = f" of {alert['column']}" if alert["column"] else ""
    return f"{kind}{place}" + (f", {alert['segment']}" if alert["segment"] else "")
