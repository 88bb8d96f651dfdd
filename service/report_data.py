"""What a report of a model or a window says, gathered from a workspace: the same rows and numbers that its pages show."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from service import words
from service.workspace import NotFoundError, WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.outcome_views import MetricDetail
    from service.reporting_views import ReportAlert, ReportMetric, ReportVersion, ReportView
    from service.views import AlertView, DriftRow, Health, ModelView, PerformancePoint, WindowView
    from service.workspace import Workspace

MOST_WINDOWS = 180
BEFORE = 11  # windows whose performance is told before the one that a report is of
_TRIED = 5  # windows that are looked at for one that has been judged
_SEVERITY = {"page": 0, "warning": 1, "notice": 2}
_MOVED = ("harmful", "material", "significant")
_INPUTS = ("feature", "context")
_ORDER = {state: rank for rank, state in enumerate((*_MOVED, "insufficient", "no_data", "within"))}


def collect(
    workspace: Workspace,
    model: str,
    *,
    window: datetime | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> ReportView:
    """Return the report of the window that holds ``window``, or of all windows between ``since`` and ``until``, the latest 180 at most.

    Naive times are in the model's time zone. Raises :class:`NotFoundError` when nothing lies there.
    """
    about = workspace.model(model)
    zone = about["timezone"]
    every = workspace.windows(model)
    windows = _chosen(every, about, window, since, until)
    start, end = windows[0]["start"], windows[-1]["end"]
    single = window is not None
    last, drift = _drift(workspace, model, windows)
    alerts = [alert for alert in workspace.alerts(model) if _touches(alert, start, end)]
    alerts.sort(key=lambda a: (a["resolved_at"] is not None, _SEVERITY.get(a["severity"], 3), a["window_start"]))
    begun = _earlier(every, start) if single else start
    points = [
        point
        for point in workspace.performance(model)
        if _instant(point["end"]) > _instant(begun) and _instant(point["start"]) < _instant(end)
    ]
    health, sentence = _verdict(about, alerts, drift, last)
    return {
        "model": model,
        "task": about["task"],
        "owner": about["owner"],
        "timezone": zone,
        "scope": "window" if single else "range",
        "name": words.window_name(start, end, zone) if single else words.period(start, end, zone, year=True),
        "start": start,
        "end": end,
        "written_at": str(workspace.health()["now"]),
        "health": health,
        "sentence": sentence,
        "changes": _changes(alerts, drift, last, zone, single=single),
        "metric": _metric(about),
        "performance": points,
        "metrics": _metrics(workspace, model, windows),
        "window": last,
        "windows": windows,
        "drift": drift,
        "heat": [] if single else _heat(workspace, model, start, end),
        "alerts": [_alert(alert) for alert in alerts],
        "refused": [
            group
            for group in workspace.quarantine_groups(model)
            if _instant(group["first_seen"]) < _instant(end) and _instant(group["last_seen"]) >= _instant(start)
        ],
        "schema_events": [
            event
            for event in workspace.schema_events(model)
            if _instant(start) <= _instant(event["seen_at"]) < _instant(end)
        ],
        "judged": _judged(about, drift, last),
        "versions": _versions(workspace, model, windows),
    }


def lines(report: ReportView) -> list[dict[str, Any]]:
    """Return a report as one table, for CSV: a line for each point of the metric, each column's drift and each alert."""
    window = report["window"]
    found: list[dict[str, Any]] = [
        _line(
            "performance", (report["metric"] or {"name": "performance"})["name"], point["start"], point["end"], point["value"],
            lower=point.get("ci_lower"), upper=point.get("ci_upper"), threshold=point["threshold"], n=point["n"],
            verdict=point["verdict"], unit=point.get("unit", ""), sentence=point.get("sentence", ""), version=point["model_version"],
        )
        for point in report["performance"]
    ]  # fmt: skip
    found += [
        _line(
            "drift", row["column"], window["start"], window["end"], row["value"], threshold=row["threshold"],
            n=row["histogram"]["n_current"], verdict=row["state"], unit=row["unit"] or "", sentence=row["sentence"],
            check=row["check"], p_value=row["p_value"], version=window["model_version"],
        )
        for row in report["drift"]
    ]  # fmt: skip
    found += [
        _line(
            "alert",
            alert["id"],
            alert["since"],
            alert["until"],
            None,
            verdict=alert["severity"],
            sentence=alert["headline"],
        )
        for alert in report["alerts"]
    ]
    return found


def _line(
    section: str,
    name: str,
    start: str,
    end: str | None,
    value: float | None,
    *,
    check: str = "",
    lower: float | None = None,
    upper: float | None = None,
    threshold: float | None = None,
    p_value: float | None = None,
    n: int | None = None,
    verdict: str = "",
    unit: str = "",
    sentence: str = "",
    version: str = "",
) -> dict[str, Any]:
    return {
        "section": section, "name": name, "check": check, "start": start, "end": end, "version": version, "value": value, "lower": lower,
        "upper": upper, "threshold": threshold, "p_value": p_value, "n": n, "verdict": verdict, "unit": unit, "sentence": sentence,
    }  # fmt: skip


# -- which windows -----------------------------------------------------------------------------------------------------
def _chosen(
    windows: Sequence[WindowView],
    about: ModelView,
    window: datetime | None,
    since: datetime | None,
    until: datetime | None,
) -> list[WindowView]:
    if window is not None and (since is not None or until is not None):
        raise WorkspaceError("a report is of one window, or of the windows from since to until; give one of the two")
    if not windows:
        raise NotFoundError(
            f"model {about['name']!r} has no window yet; log rows, freeze a reference, and run its monitor"
        )
    at, first, last = (_aware(moment, about["timezone"]) for moment in (window, since, until))
    if at is not None:
        found = [each for each in windows if _instant(each["start"]) <= at < _instant(each["end"])]
    else:
        found = [
            each
            for each in windows
            if (first is None or _instant(each["end"]) > first) and (last is None or _instant(each["start"]) < last)
        ][-MOST_WINDOWS:]
    if not found:
        asked = " to ".join(moment.isoformat() for moment in (at, first, last) if moment is not None)
        raise NotFoundError(
            f"no window of {about['name']!r} lies at {asked}; its windows go from {windows[0]['start']} to {windows[-1]['end']}"
        )
    return found


def _earlier(windows: Sequence[WindowView], start: str) -> str:
    """Return the start of the window that lies :data:`BEFORE` windows earlier: one point alone says little."""
    place = next(place for place, each in enumerate(windows) if each["start"] == start)
    return windows[max(0, place - BEFORE)]["start"]


def _drift(workspace: Workspace, model: str, windows: Sequence[WindowView]) -> tuple[WindowView, list[DriftRow]]:
    """Return the latest window that has been judged, of those that are closed and have rows, and its drift, the worst first."""
    filled = [each for each in windows if each["closed"] and each["rows"]] or list(windows)
    for window in reversed(filled[-_TRIED:]):
        try:
            found = workspace.drift_table(model, datetime.fromisoformat(window["start"]))
        except NotFoundError:  # closed, and not judged yet
            continue
        if found:
            ordered = sorted(found, key=lambda row: (_ORDER.get(row["state"], len(_ORDER)), -_excess(row)))
            return window, ordered
    return filled[-1], []


def _aware(moment: datetime | None, timezone: str) -> datetime | None:
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=words.zone(timezone))


def _instant(iso: str) -> datetime:
    at = datetime.fromisoformat(iso)
    return at if at.tzinfo else at.replace(tzinfo=words.zone("UTC"))


def _touches(alert: AlertView, start: str, end: str) -> bool:
    if alert["state"] == "pending" or _instant(alert["window_start"]) >= _instant(end):
        return False
    return alert["resolved_at"] is None or _instant(alert["resolved_at"]) > _instant(start)


# -- what is said ------------------------------------------------------------------------------------------------------
def _verdict(
    about: ModelView, alerts: Sequence[AlertView], drift: Sequence[DriftRow], window: WindowView
) -> tuple[Health, str]:
    """Return how the period went, and one sentence: the worst alert's, or how many columns moved."""
    zone = about["timezone"]
    if alerts and alerts[0]["severity"] in _SEVERITY:
        worst: Health = alerts[0]["severity"]  # type: ignore[assignment]
        since = words.day(alerts[0]["window_start"], zone, year=True)
        until = alerts[0]["resolved_at"]
        ended = f" until {words.day(until, zone, year=True)}" if until else ""
        return worst, f"{alerts[0]['headline'].rstrip('.')}, since {since}{ended}."
    if not drift or not window["rows"]:
        return "no_data", "Nothing could be judged: no rows came, or there is no reference to hold them against."
    judged = [row for row in drift if row["state"] not in ("insufficient", "no_data")]
    if not judged:
        return "insufficient", f"Too few rows to judge by: {words.plural(window['rows'], 'row')} came."
    return "ok", f"Nothing to do: {_counted(judged)}"


def _counted(judged: Sequence[DriftRow]) -> str:
    """Return how many of the columns that came in moved; prediction and error are named, not counted among them."""
    inputs = [row for row in judged if row["kind"] in _INPUTS]
    moved = sum(row["state"] in _MOVED for row in inputs)
    beside = [row["column"] for row in judged if row["kind"] not in _INPUTS and row["state"] in _MOVED]
    columns = words.plural(len(inputs), "column")
    if not moved and not beside:
        return f"all {columns} are within their natural variation."
    if not moved:
        return (
            f"all {columns} are within their natural variation; {' and '.join(beside)} moved, and no alert came of it."
        )
    also = f", and {' and '.join(beside)} too" if beside else ""
    return f"{moved} of {columns} moved{also}; no alert came of it."


def _changes(
    alerts: Sequence[AlertView], drift: Sequence[DriftRow], window: WindowView, zone: str, *, single: bool
) -> list[str]:
    """Return what changed, the gravest first: what may be behind the alerts, then the columns that moved.

    Causes hold for the window that an alert began in: a report of another window leaves them out, a report of many says when.
    """
    causes: dict[str, float] = {}
    for alert in alerts:
        begun = alert["window_start"]
        if single and not _instant(window["start"]) <= _instant(begun) < _instant(window["end"]):
            continue
        when = "" if single else f"{words.day(begun, zone)}: "
        causes.update({when + cause["sentence"]: cause["score"] for cause in alert["causes"]})
    found = [sentence for sentence, _ in sorted(causes.items(), key=lambda pair: -pair[1])][:5]
    moved = [row for row in drift if row["state"] in _MOVED]
    found += [row["sentence"] for row in moved[:5]]
    if len(moved) > 5:
        found.append(f"{words.plural(len(moved) - 5, 'more column')} moved; the table of drift has them.")
    return list(dict.fromkeys(found)) or [
        f"No column left its natural variation {words.in_window(window['start'], window['end'], zone)}."
    ]


def _excess(row: DriftRow) -> float:
    return (row["value"] or 0.0) / row["threshold"] if row["threshold"] else 0.0


def _metric(about: ModelView) -> ReportMetric | None:
    metric = about["metric"]
    if metric is None:
        return None
    return {name: metric[name] for name in ("name", "unit", "direction", "reference")}  # type: ignore[return-value]


def _metrics(workspace: Workspace, model: str, windows: Sequence[WindowView]) -> list[MetricDetail]:
    """Return every metric of the period with its interval; none when no label is in."""
    labelled = [window for window in windows if window["labels"]]
    if not labelled:
        return []
    start, end = (datetime.fromisoformat(text) for text in (windows[0]["start"], windows[-1]["end"]))
    try:
        return workspace.performance_detail(model, start, end)["metrics"]
    except NotFoundError:
        return []


def _heat(workspace: Workspace, model: str, start: str, end: str) -> list[Any]:
    return [cell for cell in workspace.heatmap(model) if _instant(start) <= _instant(cell["start"]) < _instant(end)]


def _alert(alert: AlertView) -> ReportAlert:
    return {
        "id": alert["id"],
        "severity": alert["severity"],
        "state": alert["state"],
        "headline": alert["headline"],
        "message": alert["message"],
        "since": alert["window_start"],
        "until": alert["resolved_at"],
        "opened_at": alert["opened_at"],
        "owner": alert["owner"],
        "causes": alert["causes"],
    }


def _over(drift: Sequence[DriftRow]) -> str:
    """Return what the budget is shared by: 13 columns, prediction and error given inputs."""
    inputs = [row for row in drift if row["kind"] in _INPUTS]
    named = [words.plural(max(1, len(inputs)), "column"), *(row["column"] for row in drift if row not in inputs)]
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


def _judged(about: ModelView, drift: Sequence[DriftRow], window: WindowView) -> list[str]:
    """Return how it was judged: against what, at what budget, on how many rows."""
    zone, found = about["timezone"], []
    if about["reference_period"] and about["reference_rows"]:
        first, last = about["reference_period"]
        found.append(
            f"Held against reference {about['reference_version']}: {words.count(about['reference_rows'])} rows of "
            f"{words.period(first, last, zone, year=True)}."
        )
    budget: Mapping[str, Any] = about.get("budget") or {}
    if budget:
        found.append(
            f"Thresholds allow for {budget['pages_per_year']:g} false page and {budget['warnings_per_year']:g} false warning a year "
            f"while nothing is wrong, over {_over(drift)}; they follow from how the windows of the reference differ among themselves."
        )
    found.append(
        "A column is significant when chance does not explain its change, material when the change is large, harmful when it goes with "
        "worse performance. Only what is all three is a page."
    )
    coverage = (
        "no label is in" if not window["labels"] else f"labels of {words.share(window['coverage'])} of the rows are in"
    )
    found.append(
        f"Drift is that of the {words.window_name(window['start'], window['end'], zone)}: {words.plural(window['rows'], 'row')}, {coverage}."
    )
    return found


def _versions(workspace: Workspace, model: str, windows: Sequence[WindowView]) -> list[ReportVersion]:
    found: list[ReportVersion] = []
    for window in windows:
        if window["model_version"] and (not found or found[-1]["version"] != window["model_version"]):
            found.append({"version": window["model_version"], "since": window["start"], "what": "serving"})
    start, end = _instant(windows[0]["start"]), _instant(windows[-1]["end"])
    found += [
        {"version": marker["label"], "since": marker["at"], "what": marker["kind"]}
        for marker in workspace.markers(model)
        if marker["kind"] in ("champion", "rollback") and start <= _instant(marker["at"]) < end
    ]
    return sorted(found, key=lambda each: _instant(each["since"]))


def by_version(points: Sequence[PerformancePoint]) -> dict[tuple[str, str], list[PerformancePoint]]:
    """Return the points of each (version, role), in the order in which they first answered."""
    found: dict[tuple[str, str], list[PerformancePoint]] = {}
    for point in points:
        found.setdefault((point["model_version"], point["role"]), []).append(point)
    return found
