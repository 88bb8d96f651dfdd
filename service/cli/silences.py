"""``silence``, ``unsilence``, ``silences``, ``comment``, ``assign``: who need not be told, and what people know of an alert."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.session import Session, command, parse_time, table

if TYPE_CHECKING:
    from service.alert_views import SilenceView

AlertId = Annotated[str, typer.Argument(metavar="ID", help="Id of the alert.")]
_TIME = {"parser": parse_time, "metavar": "TIME"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "silence")(silence)
    command(app, "unsilence")(unsilence)
    command(app, "silences")(silences)
    command(app, "comment")(comment)
    command(app, "assign")(assign)


def silence(
    session: Session,
    comment: Annotated[str, typer.Option("--comment", help="Why: for whoever wonders later.")],
    alert: Annotated[str | None, typer.Option("--alert", metavar="ID", help="This alert only.")] = None,
    model: Annotated[str, typer.Option("--model", help="A name, or a pattern with *.")] = "*",
    kind: Annotated[str | None, typer.Option("--kind", help="Such as data_drift.")] = None,
    column: Annotated[str | None, typer.Option("--column", help="A name, or a pattern with *.")] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="Such as 'carrier=AA', or a pattern with *.")] = None,
    severity: Annotated[str | None, typer.Option("--severity", help="notice, warning or page.")] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="How long, such as 4h, 2d or 1w.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--until", help="When it ends.", **_TIME)] = None,
    starts: Annotated[datetime | None, typer.Option("--from", help="When it begins; now.", **_TIME)] = None,
) -> None:
    """Tell nobody of alerts that match everything given; they go on being judged, and speak again when the time is over."""
    if (lasts is None) == (until is None):
        raise typer.BadParameter("give how long it lasts, `--for 2d`, or when it ends, `--until 2024-06-01`")
    if alert is None and model == "*" and not (kind or column or segment or severity):
        raise typer.BadParameter(
            "name what is to be silenced: --alert, --model, --kind, --column, --segment or --severity"
        )
    with session.workspace() as workspace:
        if lasts is not None:
            from reference_data.section import parse_duration

            try:
                length = parse_duration(lasts)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from None
            # the workspace's own time: in the demo it is not the wall's
            now = datetime.fromisoformat(workspace.health()["now"])
            begins = now if starts is None else starts if starts.tzinfo else starts.replace(tzinfo=now.tzinfo)
            until = begins + length
        assert until is not None
        view = workspace.silence(
            ends=until,
            comment=comment,
            starts=starts,
            alert_id=alert,
            model=model,
            kind=kind,
            column=column,
            segment=segment,
            severity=severity,
        )
    session.show(view, lambda: _said(view))


def unsilence(
    session: Session, silence_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the silence.")]
) -> None:
    """End a silence before its time; what still fires is told."""
    with session.workspace() as workspace:
        view = workspace.unsilence(silence_id)
    session.show(view, lambda: f"silence {view['id']} is over")


def silences(
    session: Session,
    active: Annotated[bool, typer.Option("--active", help="Without those that are over.")] = False,  # noqa: FBT002
) -> None:
    """List silences, those of declared maintenance among them, the latest first."""
    with session.workspace() as workspace:
        found = workspace.silences(active=active)
    columns = {
        "id": "id", "state": "state", "starts": "from", "ends": "until", "what": "what", "quiet": "alerts", "by": "by",
        "comment": "why",
    }  # fmt: skip
    empty = "nothing is silenced; see `driftdeck silence --help`"
    session.show(found, lambda: table([{**view, **_words(view)} for view in found], columns, empty))


def comment(
    session: Session, alert_id: AlertId, text: Annotated[str, typer.Argument(metavar="TEXT", help="What you found.")]
) -> None:
    """Add a comment to an alert's history."""
    with session.workspace() as workspace:
        alert = workspace.comment(alert_id, text)
    session.show(
        alert, lambda: f"{alert['id']} has {_counted(len(alert['history']), 'entry', 'entries')}: {alert['headline']}"
    )


def assign(
    session: Session,
    alert_id: AlertId,
    owner: Annotated[str | None, typer.Argument(metavar="OWNER", help="Who is on it; left out: nobody.")] = None,
) -> None:
    """Say who is on an alert."""
    with session.workspace() as workspace:
        alert = workspace.assign(alert_id, owner)
    session.show(alert, lambda: f"{alert['owner'] or 'nobody'} is on {alert['id']}: {alert['headline']}")


def _said(view: SilenceView) -> str:
    begins = "" if view["state"] == "active" else f"from {view['starts']} "
    which = f"silence {view['id']} {begins}until {view['ends']}: nobody is told of {_what(view)}"
    quiet = _counted(len(view["alerts"]), "alert is open", "alerts are open")
    return which if view["alert_id"] is not None else f"{which}; {quiet}, and what opens meanwhile is silenced too"


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _words(view: SilenceView) -> dict[str, str]:
    by = f"maintenance {view['maintenance']}" if view["maintenance"] else view["actor"]
    return {"what": _what(view), "quiet": " ".join(view["alerts"]) or "–", "by": by}


def _what(view: SilenceView) -> str:
    """Return what a silence is about, in a few words."""
    if view["alert_id"] is not None:
        return f"alert {view['alert_id']}"
    parts = ["every model" if view["model"] == "*" else view["model"], view["kind"], view["severity"]]
    parts += [f"column {view['column']}" if view["column"] else None]
    parts += [f"inside {view['segment']}" if view["segment"] else None]
    return ", ".join(part for part in parts if part)
