"""One week across all models: what happened, who needs whom, what the alert budget has cost, what is outstanding, what comes next."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from service import summary_past, words
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.reporting_views import SummaryView, WeekEvent, WeekModel, WeekRun, WeekSource
    from service.views import AlertView, ModelView, WindowView
    from service.workspace import Workspace

_RANK = {"page": 0, "warning": 1, "no_data": 2, "insufficient": 3, "notice": 4, "ok": 5}
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # beyond them time zones leave the calendar
_EVENTS = 2000  # that are looked through for the week's
_RUNS = {
    "monitor": "is judged",
    "source": "is read",
    "digest": "gets its digest",
    "retrain": "is trained anew",
    "maintenance": "is silent for maintenance",
}


def collect(workspace: Workspace, week: date | None = None, timezone: str | None = None) -> SummaryView:
    """Return the week that holds ``week``, or the latest that is over, as it stood at its end; one that is under way as it stands now.

    What is declared, references and the week to come are as of now.

    Raises :class:`WorkspaceError` for a time zone that is unknown, and for weeks before 1900 or after 2200.
    """
    models = workspace.models()
    zone = _zone(models, timezone)
    now = datetime.fromisoformat(str(workspace.health()["now"]))
    start, end = _bounds(now, week, zone)
    alerts = [alert for alert in workspace.alerts() if alert["state"] != "pending"]
    over = end <= now
    rows = [_model(workspace, model, alerts, start, end, over=over) for model in models]
    rows.sort(key=lambda row: (_RANK.get(row["health"], 9), -row["opened"], row["model"]))
    at = end if over else now
    sources = summary_past.failing(workspace, at)
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "timezone": zone,
        "as_of": at.astimezone(words.zone(zone)).isoformat(),
        "written_at": now.astimezone(words.zone(zone)).isoformat(),
        "sentence": _sentence(rows, sources),
        "models": rows,
        "needs": [
            f"{row['model']}{' (' + row['owner'] + ')' if row['owner'] else ' (nobody owns it)'}: {row['sentence']}"
            for row in rows
            if row["health"] in ("page", "warning") or (row["health"] == "no_data" and (row["open"] or not over))
        ],
        "budget": [
            summary_past.budget(model, [alert for alert in alerts if alert["model"] == model["name"]], at)
            for model in models
            if "budget" in model
        ],
        "events": _events(workspace, start, end),
        "sources": sources,
        "runs": _runs(workspace, now, zone),
    }


def _zone(models: Sequence[ModelView], timezone: str | None) -> str:
    if timezone is not None:
        if words.zone(timezone).key != timezone:
            raise WorkspaceError(f"time zone {timezone!r} is not known; write one such as Europe/Berlin")
        return timezone
    zones = {model["timezone"] for model in models}
    return zones.pop() if len(zones) == 1 else "UTC"


def _bounds(now: datetime, week: date | None, zone: str) -> tuple[datetime, datetime]:
    """Return Monday's midnight and the next one, of the clock on the wall."""
    day = week or now.astimezone(words.zone(zone)).date() - timedelta(days=7)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise WorkspaceError(
            f"{day.isoformat()} is no day of a model's; the years {_FIRST_YEAR} to {_LAST_YEAR} are known"
        )
    monday = day - timedelta(days=day.weekday())
    first, last = (datetime.combine(each, time(), words.zone(zone)) for each in (monday, monday + timedelta(days=7)))
    return first, last


def _within(iso: str | None, start: datetime, end: datetime) -> bool:
    return iso is not None and start <= datetime.fromisoformat(iso) < end


def _model(
    workspace: Workspace, model: ModelView, alerts: Sequence[AlertView], start: datetime, end: datetime, *, over: bool
) -> WeekModel:
    own = [alert for alert in alerts if alert["model"] == model["name"]]
    every = workspace.windows(model["name"])
    windows = [
        window
        for window in every
        if start < datetime.fromisoformat(window["end"]) <= end
    ]  # fmt: skip
    rows, labels = sum(each["rows"] for each in windows), sum(each["labels"] for each in windows)
    labelled = model["task"] != "none"
    metric = model["metric"]
    if over:
        stood = summary_past.standing(own, every, end)
        value = summary_past.value(metric, workspace.performance(model["name"]) if metric else (), end)
    else:
        opened = sum(alert["state"] != "resolved" for alert in own)
        stood = summary_past.Standing(model["health"], model["since"], model["headline"] or "", opened)
        value = metric["value"] if metric else None
    return {
        "model": model["name"],
        "owner": model["owner"],
        "health": stood.health,
        "since": stood.since,
        "sentence": _headline(model["name"], stood, windows),
        "metric": metric["name"] if metric else None,
        "value": value,
        "reference": metric["reference"] if metric else None,
        "unit": metric["unit"] if metric else "",
        "opened": sum(_within(alert["opened_at"], start, end) for alert in own),
        "resolved": sum(_within(alert["resolved_at"], start, end) for alert in own),
        "open": stood.open,
        "rows": rows,
        "labels": labels,
        "label_coverage": labels / rows if rows and labelled else None,
        "outstanding": max(0, rows - labels) if labelled else 0,
    }


def _headline(model: str, stood: summary_past.Standing, windows: Sequence[WindowView]) -> str:
    if stood.headline and (stood.health != "ok" or windows):
        return stood.headline.removeprefix(model).lstrip(" :")
    if stood.health == "no_data":
        return "no data can be judged."
    if stood.health == "insufficient":
        return "too few rows to judge by."
    return "within its natural variation." if windows else "no window ended in this week."


def _events(workspace: Workspace, start: datetime, end: datetime) -> list[WeekEvent]:
    return [
        {"at": item["at"], "kind": item["kind"], "model": item["model"], "sentence": item["sentence"]}
        for item in workspace.timeline(_EVENTS)
        if _within(item["at"], start, end)
    ]


def _runs(workspace: Workspace, begin: datetime, zone: str) -> list[WeekRun]:
    """Return what happens by itself in the seven days from ``begin`` on: when first, how often."""
    from service.calendar_feed import times  # with what makes calendars, which most commands need not load

    until, found = begin + timedelta(days=7), []
    for entry in workspace.schedule():
        if entry["kind"] not in _RUNS or entry["next_run"] is None:
            continue
        first = next(times(entry, until), None)
        if first is not None:
            run: WeekRun = {
                "at": first.astimezone(words.zone(zone)).isoformat(),
                "what": _RUNS[entry["kind"]],
                "name": entry["name"],
                "often": entry["schedule"],
            }
            found.append(run)
    return sorted(found, key=lambda run: datetime.fromisoformat(run["at"]))


def _sentence(rows: Sequence[WeekModel], sources: Sequence[WeekSource]) -> str:
    if not rows:
        return "There is no model yet."
    needy = [row for row in rows if row["health"] in ("page", "warning")]
    opened, resolved = sum(row["opened"] for row in rows), sum(row["resolved"] for row in rows)
    outstanding = sum(row["outstanding"] for row in rows)
    verb = "needs" if len(needy) == 1 else "need"
    parts = [
        f"{len(needy)} of {words.plural(len(rows), 'model')} {verb} somebody" if needy else "No model needs anybody",
        f"{words.plural(opened, 'alert')} came and {resolved} {'was' if resolved == 1 else 'were'} resolved",
        f"{words.plural(outstanding, 'label')} {'is' if outstanding == 1 else 'are'} outstanding",
    ]
    if sources:
        parts.append(f"{words.plural(len(sources), 'source')} {'fails' if len(sources) == 1 else 'fail'}")
    return "; ".join(parts) + "."
