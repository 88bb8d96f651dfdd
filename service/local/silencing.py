"""Silences as people make and end them, and what they do to open alerts; comments and owners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args
from uuid import uuid4
from zoneinfo import ZoneInfo

from monitors import by_hand
from monitors import silences as rules
from monitors.lifecycle import quiet_period
from monitors.shown import FLAPPING, SYSTEM, Change, silenced
from monitors.types import Alert, Silence
from reference_data.alerting import AlertKind
from reference_data.section import Severity
from service.local import quiet, story
from service.local.alert_moves import keep
from service.local.convert import aware, iso, row_to_alert
from service.workspace import ConflictError, NotFoundError, WorkspaceError

if TYPE_CHECKING:
    from service import alert_views, views
    from service.local.core import Core

LONGEST = timedelta(days=366)
_WORDS = 4000  # characters of a comment
_NAME = 200  # characters of an owner's name
_UTC = ZoneInfo("UTC")


# -- silences ----------------------------------------------------------------------------------------------------------
def silence(
    core: Core,
    *,
    ends: datetime,
    comment: str,
    starts: datetime | None,
    alert_id: str | None,
    model: str,
    kind: str | None,
    column: str | None,
    segment: str | None,
    severity: str | None,
    actor: str,
) -> alert_views.SilenceView:
    """Silence what matches, from ``starts`` (now) to ``ends``; open alerts at once."""
    with core.alerting:
        if alert_id is not None:
            model = _open(core, alert_id)["model"]
        zone, now = _zone(core, model), core.now()
        begins = aware(starts, zone) if starts is not None else now
        new = Silence(
            id=uuid4().hex[:12],
            starts=begins,
            ends=_end(aware(ends, zone), begins, now),
            actor=actor,
            comment=_said(comment, "a silence", "say why, for whoever wonders later"),
            alert_id=alert_id,
            model=model,
            kind=_one_of("kind", kind, get_args(AlertKind)),
            column=column,
            segment=segment,
            severity=_one_of("severity", severity, get_args(Severity)),
        )
        core.control.put_silence(quiet.silence_to_row(new))
        core.control.append_audit(actor, "silence", new.id, quiet.silence_to_row(new), "workspace", now)
        _apply(core, SYSTEM)
        return _view(core, new, None, _open_alerts(core))


def unsilence(core: Core, silence_id: str, actor: str) -> alert_views.SilenceView:
    """End a silence now; what still fires under it is told."""
    with core.alerting:
        found = next((each for each in quiet.made(core) if each.id == silence_id), None)
        if found is None:
            for name, coming in quiet.of_maintenances(core).items():
                if coming[0].id == silence_id:
                    raise ConflictError(
                        f"{silence_id!r} is the declared maintenance {name!r}; change it where it is declared"
                    )
            raise NotFoundError(f"no silence {silence_id!r}; `driftdeck silences` lists those there are")
        now = core.now()
        if found.ends <= now:
            raise ConflictError(f"silence {silence_id} is over since {iso(found.ends, _zone(core, found.model))}")
        over = replace(found, ends=now, ended_by=actor)
        core.control.put_silence(quiet.silence_to_row(over))
        core.control.append_audit(actor, "unsilence", silence_id, {"comment": found.comment}, "workspace", now)
        _apply(core, actor)
        return _view(core, over, None, _open_alerts(core))


def silences(core: Core, *, active: bool) -> list[alert_views.SilenceView]:
    """Return the silences there are, the latest first; with ``active`` those that are not over."""
    every: list[tuple[Silence, str | None]] = [(each, None) for each in quiet.made(core)]
    for name, coming in quiet.of_maintenances(core).items():
        every.append((replace(coming[0], model=", ".join(each.model for each in coming)), name))
    alerts = _open_alerts(core)
    views = [_view(core, each, name, alerts) for each, name in every if not active or each.ends > core.now()]
    return sorted(views, key=lambda view: datetime.fromisoformat(view["starts"]), reverse=True)


def expire(core: Core) -> None:
    """Begin and end silences and maintenance on open alerts, and tell of the end of what came and went; may be called at any time."""
    with core.alerting:
        _apply(core, SYSTEM)
        _tell_ends(core)


def _apply(core: Core, actor: str) -> None:
    """Bring open alerts under the silences that are active now; ``actor`` is who ended one."""
    alerts, active = _open_alerts(core), quiet.active_silences(core)
    if not active and all(alert.silenced_until is None for alert in alerts):
        return
    _keep(core, rules.apply(alerts, active, core.now(), actor))


def _tell_ends(core: Core) -> None:
    """Tell of what came and went that it has stayed away: of its earlier ends nobody was told."""
    over: list[Change] = []
    for row in core.control.alerts_that_came_back(FLAPPING):
        alert = row_to_alert(row)
        if core.now() - (alert.judged_to or alert.changed_at) > quiet_period(alert.window):
            over.append(by_hand.end(alert, core.now()))
    _keep(core, over)


def _keep(core: Core, changes: Sequence[Change]) -> None:
    for model in sorted({alert.model for alert, _ in changes}):
        keep(core, model, [change for change in changes if change[0].model == model])


def _open_alerts(core: Core) -> list[Alert]:
    return [row_to_alert(row) for row in core.control.open_alerts()]


def _view(core: Core, silence: Silence, maintenance: str | None, alerts: Sequence[Alert]) -> alert_views.SilenceView:
    now, zone = core.now(), _zone(core, silence.model)
    return {
        "id": silence.id,
        "state": "over" if silence.ends <= now else "waiting" if now < silence.starts else "active",
        "starts": iso(silence.starts, zone),
        "ends": iso(silence.ends, zone),
        "actor": silence.actor,
        "comment": silence.comment,
        "alert_id": silence.alert_id,
        "model": silence.model,
        "kind": silence.kind,
        "column": silence.column,
        "segment": silence.segment,
        "severity": silence.severity,
        "ended_by": silence.ended_by,
        "maintenance": maintenance,
        "alerts": [alert.id for alert in alerts if alert.silence_id == silence.id and silenced(alert, now)],
    }


def _zone(core: Core, model: str) -> ZoneInfo:
    """Return a model's time zone; UTC for a pattern. Raises :class:`NotFoundError` for a name that is neither."""
    if any(mark in model for mark in "*?[") or "," in model:
        return _UTC
    return core.spec(model).zone


def _end(ends: datetime, starts: datetime, now: datetime) -> datetime:
    if ends <= max(starts, now):
        what = "has passed" if ends <= now else "is before it begins"
        raise WorkspaceError(f"the end of the silence, {ends.isoformat()}, {what}: it is {now.isoformat()} here")
    if ends - starts > LONGEST:
        raise WorkspaceError(
            f"a silence may last {LONGEST.days} days at most, not until {ends.isoformat()}; what is never to be told is switched off "
            "by an override with severity 'off'"
        )
    return ends


def _one_of(what: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    if value is not None and value not in allowed:
        raise WorkspaceError(f"{what} {value!r} is not known; choose one of {', '.join(allowed)}")
    return value


# -- comments and owners -----------------------------------------------------------------------------------------------
def comment(core: Core, alert_id: str, text: str, actor: str) -> views.AlertView:
    """Add a comment to an alert, open or not."""
    words = _said(text, "a comment", "write what you found")
    return _by_hand(
        core, alert_id, "comment", words, actor, lambda alert: by_hand.comment(alert, actor, words, core.now())
    )


def assign(core: Core, alert_id: str, owner: str | None, actor: str) -> views.AlertView:
    """Say who is on an alert; None: nobody."""
    name = owner.strip() if owner is not None else None
    if name is not None and not 0 < len(name) <= _NAME:
        raise WorkspaceError(f"an owner's name has 1 to {_NAME} characters, not {len(name)}; leave it out for nobody")
    return _by_hand(
        core, alert_id, "assign", name or "", actor, lambda alert: by_hand.assign(alert, actor, name, core.now())
    )


def _by_hand(
    core: Core,
    alert_id: str,
    action: Literal["comment", "assign"],
    detail: str,
    actor: str,
    change: Callable[[Alert], Change],
) -> views.AlertView:
    with core.alerting:
        alert = story.stored(core, alert_id)
        keep(core, alert.model, [change(alert)])
        core.control.append_audit(actor, action, alert_id, {action: detail}, "workspace", core.now())
    return story.alert(core, alert_id)


def _said(text: str, what: str, advice: str) -> str:
    words = text.strip()
    if not words:
        raise WorkspaceError(f"{what} needs words: {advice}")
    if len(words) > _WORDS:
        raise WorkspaceError(f"{what} has {_WORDS} characters at most, not {len(words)}")
    return words


def _open(core: Core, alert_id: str) -> views.AlertView:
    found = story.alert(core, alert_id)
    if found["state"] == "resolved":
        raise ConflictError(f"alert {alert_id} is resolved already; there is nothing to silence")
    return found
