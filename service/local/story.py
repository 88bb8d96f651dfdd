"""What happened: marks on time charts, the timeline, and alerts as people see them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitors import by_hand
from monitors.shown import shown_state
from service.local.alert_moves import keep
from service.local.convert import alert_view, iso, row_to_alert
from service.workspace import ConflictError, NotFoundError
from storage.errors import MissingRecordError

if TYPE_CHECKING:
    from monitors.types import Alert
    from service import views
    from service.local.core import Core

_RANK = {"firing": 0, "pending": 1, "acknowledged": 2, "recovering": 3, "silenced": 4, "resolved": 5}
_SEVERITY = {"page": 0, "warning": 1, "notice": 2}


def alerts(core: Core, model: str | None, state: str | None) -> list[views.AlertView]:
    """Return alerts as people see them, firing first, then by severity, the latest first."""
    if model is not None:
        core.record(model)
    if state is not None and state not in _RANK:
        raise NotFoundError(f"state {state!r} is not known; choose one of {', '.join(_RANK)}")
    found = [(_shown(core, row), row) for row in core.control.alerts(model)]
    found = [(shown, row) for shown, row in found if state in (None, shown)]
    found.sort(key=lambda pair: pair[1]["opened_at"], reverse=True)
    found.sort(
        key=lambda pair: (_RANK[pair[0]], pair[1].get("inhibited_by") is not None, _SEVERITY[pair[1]["severity"]])
    )
    return [alert(core, row["id"]) for _, row in found]


def alert(core: Core, alert_id: str) -> views.AlertView:
    """Return one alert with its history, in the state that people see."""
    row = _row(core, alert_id)
    return alert_view(row | {"state": _shown(core, row)}, core.spec(row["model"]).zone)


def stored(core: Core, alert_id: str) -> Alert:
    """Return one alert as it is kept, for it to be changed; raises :class:`NotFoundError`."""
    return row_to_alert(_row(core, alert_id))


def _row(core: Core, alert_id: str) -> dict[str, Any]:
    try:
        return core.control.alert(alert_id)
    except MissingRecordError as error:
        raise NotFoundError(str(error)) from None


def _shown(core: Core, row: dict[str, Any]) -> str:
    return shown_state(row_to_alert(row), core.now())


def acknowledge(core: Core, alert_id: str, actor: str, comment: str) -> views.AlertView:
    """Record that somebody has taken an alert on."""
    with core.alerting:
        found = stored(core, alert_id)
        if found.state == "resolved":
            raise ConflictError(f"alert {alert_id} is resolved already; there is nothing to acknowledge")
        keep(core, found.model, [by_hand.acknowledge(found, actor, comment, core.now())])
        detail = {"comment": comment}
        core.control.append_audit(actor, "acknowledge", alert_id, detail, "workspace", core.now())
    return alert(core, alert_id)


def markers(core: Core, model: str) -> list[views.Marker]:
    """Return what is marked on every time chart: alerts worth a warning, changes of champion, and training that led to none at once."""
    zone = core.spec(model).zone
    found: list[views.Marker] = []
    for row in core.control.alerts(model):
        if row["severity"] == "notice":
            continue
        ends = [datetime.fromisoformat(row[name]) for name in ("resolved_at", "judged_to") if row.get(name)]
        ended = min(ends).isoformat() if row["resolved_at"] else None  # of history, the window that ended it
        found.append(
            {
                "at": iso(datetime.fromisoformat(row["window_start"]), zone),
                "kind": "alert" if row["severity"] == "page" else "warning",
                "label": row["severity"].capitalize(),
                "until": iso(datetime.fromisoformat(ended), zone) if ended else None,
            }
        )
    deployments = core.deployments(model)
    promoted = {(event.version, event.at.date()) for event in deployments if event.action == "champion"}
    for job in core.control.jobs(model):
        if job["kind"] == "retrain" and job["version"] and job["ended_at"]:
            ended_at = datetime.fromisoformat(job["ended_at"])
            if (job["version"], ended_at.date()) not in promoted:  # else the champion's mark stands there
                found.append(
                    {"at": iso(ended_at, zone), "kind": "retrain", "label": f"{job['version']} trained", "until": None}
                )
    for event in deployments:
        if event.action in ("champion", "rollback"):
            label = f"{event.version} champion" if event.action == "champion" else f"back to {event.version}"
            found.append({"at": iso(event.at, zone), "kind": event.action, "label": label, "until": None})
    return sorted(found, key=lambda marker: datetime.fromisoformat(marker["at"]))
