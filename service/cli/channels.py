"""``channels``, ``deliveries``, ``redeliver``: where alerts are told, and what became of each message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.session import FAILED, Session, command, table

if TYPE_CHECKING:
    from service.alert_views import ChannelTest, ChannelView, DeliveryView


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "channels")(channels)
    command(app, "deliveries")(deliveries)
    command(app, "redeliver")(redeliver)


def channels(
    session: Session,
    test: Annotated[str | None, typer.Option("--test", metavar="NAME", help="Send a test message to this one.")] = None,
) -> None:
    """List the channels: what they are told and how their messages are doing; or send one a test message."""
    with session.workspace() as workspace:
        if test is not None:
            done = workspace.test_channel(test)
            session.show(done, lambda: _tested(done))
            if not done["ok"]:
                raise typer.Exit(FAILED)
            return
        found = workspace.channels()
    session.show(found, lambda: _listed(found))


def _tested(done: ChannelTest) -> str:
    words = "the test message was taken" if done["ok"] else f"the test message was not taken: {done['error']}"
    return f"channel {done['channel']}: {words} ({done['seconds']:.1f} s)"


_CHANNEL = {
    "name": "channel",
    "place": "place",
    "told": "told at once",
    "models": "models",
    "next_digest": "next digest",
    "heartbeat": "heartbeat",
    "waiting": "waiting",
    "failed": "given up",
    "last_sent": "last sent",
    "last_error": "error",
}


def _listed(found: list[ChannelView]) -> str:
    rows = [
        {**view, "told": ", ".join(view["severity"]) or None, "models": ", ".join(view["models"])} for view in found
    ]
    seen = {key for row in rows for key, value in row.items() if value is not None}
    columns = {key: words for key, words in _CHANNEL.items() if key in seen}
    return table(rows, columns, "no channels yet; declare one under [channels.…] in driftdeck.toml")


def deliveries(
    session: Session,
    alert: Annotated[str | None, typer.Option("--alert", metavar="ID", help="Messages about this alert.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", metavar="NAME", help="To this channel.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,  # noqa: FBT002
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what is still to be sent.")] = False,  # noqa: FBT002
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
) -> None:
    """List messages with their attempts, the latest first."""
    if failed and waiting:
        raise typer.BadParameter("a message is given up or still to be sent; ask for one of them")
    state = "failed" if failed else "waiting" if waiting else None
    with session.workspace() as workspace:
        found = workspace.deliveries(alert_id=alert, channel=channel, state=state, limit=limit)
    session.show(found, lambda: _told(found))


_DELIVERY = {
    "created_at": "made",
    "channel": "channel",
    "title": "message",
    "state": "state",
    "tries": "attempts",
    "next_attempt": "next attempt",
    "error": "error",
    "id": "id",
}


def _told(found: list[DeliveryView]) -> str:
    rows = [
        {**view, "tries": len(view["attempts"]), "error": view["attempts"][-1]["error"] if view["attempts"] else None}
        for view in found
    ]
    columns = _DELIVERY if any(row["error"] for row in rows) else {k: v for k, v in _DELIVERY.items() if k != "error"}
    return table(rows, columns, "no messages are like that")


def redeliver(
    session: Session, delivery: Annotated[str, typer.Argument(metavar="ID", help="Id of the message.")]
) -> None:
    """Send a message that was given up once more, under its own key."""
    with session.workspace() as workspace:
        done = workspace.redeliver(delivery)
    session.show(done, lambda: _told([done]))
    if done["state"] == "failed":
        raise typer.Exit(FAILED)
