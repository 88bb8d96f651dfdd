"""How a model stood at the end of a week that is over: read off what alerts, windows, readings and sources have kept since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.reporting_views import WeekBudget, WeekSource
    from service.views import AlertView, Health, MetricView, ModelView, PerformancePoint, WindowView
    from service.workspace import Workspace

YEAR = timedelta(days=365)
_OPEN = ("firing", "acknowledged", "recovering", "silenced")
_SEVERITY = ("page", "warning", "notice")
_NOT_BUDGETED = ("no_data", "job", "watchdog")
_UNJUDGED = ("no_data", "insufficient", "error")
_RUNS = 2000  # of a source that are looked through


class Standing(NamedTuple):
    """A model at a moment: its health, since when and why, and how many alerts were open."""

    health: Health
    since: str | None
    headline: str
    open: int


def standing(alerts: Sequence[AlertView], windows: Sequence[WindowView], at: datetime) -> Standing:
    """Return how a model stood at ``at``: by its alerts (severity and words as they came to be) and all windows that had ended."""
    stood = [alert for alert in alerts if state_at(alert, at) in _OPEN]
    heard = [
        alert
        for alert in stood
        if not _switched(alert, at, "silence", "unsilence") and not _switched(alert, at, "inhibit", "release")
    ]
    worst = min(heard, key=lambda alert: (_SEVERITY.index(alert["severity"]), alert["window_start"]), default=None)
    if worst is not None:
        health: Health = "no_data" if worst["kind"] == "no_data" else worst["severity"]  # type: ignore[assignment]
        return Standing(health, worst["window_start"], worst["headline"], len(stood))
    ended = [window for window in windows if datetime.fromisoformat(window["end"]) <= at]
    if not any(window["rows"] for window in ended):
        return Standing("no_data", None, "no rows had come by then.", len(stood))
    return Standing(
        "ok", None, "no alert was open." if not stood else "no alert was open that was not silent.", len(stood)
    )


def state_at(alert: AlertView, at: datetime) -> str | None:
    """Return the state of an alert at a moment, as its history tells; None before it was there."""
    if datetime.fromisoformat(alert["opened_at"]) >= at:
        return None
    states = [event["state"] for event in alert["history"] if datetime.fromisoformat(event["at"]) < at]
    if states:
        return states[-1]
    ended = alert["resolved_at"]
    return "resolved" if ended is not None and datetime.fromisoformat(ended) < at else "firing"


def _switched(alert: AlertView, at: datetime, on: str, off: str) -> bool:
    """Whether the latest of two actions before a moment was the first of them."""
    done = [
        event.get("action")
        for event in alert["history"]
        if event.get("action") in (on, off) and datetime.fromisoformat(event["at"]) < at
    ]
    return done[-1:] == [on]


def value(metric: MetricView | None, points: Sequence[PerformancePoint], at: datetime) -> float | None:
    """Return the headline metric in the latest judged window that had ended, as its labels tell by now."""
    judged = [
        point
        for point in points
        if point["role"] == "serving"
        and point["verdict"] not in _UNJUDGED
        and datetime.fromisoformat(point["end"]) <= at
    ]
    latest = max(judged, key=lambda point: datetime.fromisoformat(point["start"]), default=None)
    return None if metric is None or latest is None else latest["value"]


def budget(model: ModelView, alerts: Sequence[AlertView], at: datetime) -> WeekBudget:
    """Return what came in the year before ``at``, beside what is declared today."""
    came = [
        alert["severity"]
        for alert in alerts
        if state_at(alert, at) not in (None, "pending")
        and alert["kind"] not in _NOT_BUDGETED
        and not alert.get("rule")
        and not alert.get("inhibited_by")
        and datetime.fromisoformat(alert["window_start"]) >= at - YEAR
    ]
    return {
        "model": model["name"],
        "pages_per_year": model["budget"]["pages_per_year"],
        "warnings_per_year": model["budget"]["warnings_per_year"],
        "pages": came.count("page"),
        "warnings": came.count("warning"),
    }


def failing(workspace: Workspace, at: datetime) -> list[WeekSource]:
    """Return the sources whose latest run before ``at`` had failed."""
    found: list[WeekSource] = []
    for source in workspace.sources():
        runs = workspace.source_runs(source["name"], limit=_RUNS)
        last = next((run for run in runs if datetime.fromisoformat(run["started_at"]) < at), None)
        if last is not None and last["state"] == "failed":
            found.append(
                {
                    "source": source["name"],
                    "model": source["model"],
                    "since": last["started_at"],
                    "error": last["error"],
                }
            )
    return found
