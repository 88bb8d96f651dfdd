"""Messages: written in the transaction of what they tell of, kept with every attempt to deliver them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage.control_base import ControlBase, Json, to_json, to_text
from storage.errors import MissingRecordError

_IN_TURN = (
    "AND channel = ? AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.alert_id = o.alert_id AND o.alert_id <> '' "
    "AND e.seq < o.seq AND e.channel = o.channel AND e.state = 'waiting') "
)
_CAME = "coalesce(nullif(created_at, ''), due_at)"  # messages of old homes do not say when they were written


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One message to one channel. ``payload`` is JSON; ``id`` is unique, so that a message is never queued twice.

    ``alert_id`` and ``model`` are empty where it is not about an alert. ``created_at`` left out: when it was first due.
    """

    id: str
    alert_id: str
    model: str
    channel: str
    payload: Mapping[str, Any]
    due_at: datetime
    attempts: int = 0
    state: str = "waiting"  # waiting | sent | failed
    created_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """How the messages of one channel are doing."""

    waiting: int = 0
    failed: int = 0
    last_sent: datetime | None = None
    last_error: str | None = None  # of the latest attempt, None where that went well


def queue(con: sqlite3.Connection, items: Sequence[OutboxItem]) -> int:
    """Add messages in an open transaction, those that are not there yet; return how many were added."""
    added = 0
    for item in items:
        made = con.execute(
            "INSERT INTO outbox (id, alert_id, model, channel, payload, state, attempts, due_at, created_at) "
            "VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?, ?) ON CONFLICT (id) DO NOTHING",
            (
                item.id,
                item.alert_id,
                item.model,
                item.channel,
                to_json(item.payload),
                to_text(item.due_at),
                to_text(item.created_at or item.due_at),
            ),
        )
        added += made.rowcount
    return added


class Outbox(ControlBase):
    """What is to be sent, what was, and what was given up."""

    def queue(self, items: Sequence[OutboxItem], *, setting: tuple[str, Any] | None = None) -> int:
        """Add messages and, in the same transaction, keep a setting; return how many were not there yet."""
        with self._transaction() as con:
            if setting is not None:
                con.execute(
                    "INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    (setting[0], to_json(setting[1])),
                )
            return queue(con, items)

    def outbox_due(self, at: datetime, limit: int = 100, *, channel: str | None = None) -> list[OutboxItem]:
        """Return the messages that are to be sent (again) by ``at``, oldest first.

        Of one ``channel`` only those whose alert has no earlier one waiting: nobody is to hear that something is over before it began.
        """
        of_channel, values = ("", ()) if channel is None else (_IN_TURN, (channel,))
        rows = self._rows(
            f"SELECT * FROM outbox o WHERE state = 'waiting' AND due_at <= ? {of_channel}ORDER BY due_at, seq LIMIT ?",
            (to_text(at), *values, limit),
        )
        return [_item(row) for row in rows]

    def outbox_channels_due(self, at: datetime) -> list[str]:
        """Return the channels that have messages to be sent by ``at``, in alphabetical order."""
        sql = "SELECT DISTINCT channel FROM outbox WHERE state = 'waiting' AND due_at <= ? ORDER BY channel"
        return [row["channel"] for row in self._rows(sql, (to_text(at),))]

    def outbox_hasten(self, later_than: datetime, at: datetime) -> None:
        """Make what waits for a time after ``later_than`` due at ``at``: the clock that it was reckoned by was wrong."""
        late = to_text(later_than)
        if self._row("SELECT 1 FROM outbox WHERE state = 'waiting' AND due_at > ? LIMIT 1", (late,)):
            with self._transaction() as con:
                con.execute("UPDATE outbox SET due_at = ? WHERE state = 'waiting' AND due_at > ?", (to_text(at), late))

    def outbox_items(
        self,
        model: str | None = None,
        *,
        alert_id: str | None = None,
        channel: str | None = None,
        state: str | None = None,
        latest: int | None = None,
    ) -> list[OutboxItem]:
        """Return the messages there ever were, oldest first; with ``latest`` so many, the latest first."""
        asked = {"model": model, "alert_id": alert_id, "channel": channel, "state": state}
        given = {name: value for name, value in asked.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in given)
        order = "ORDER BY seq" if latest is None else "ORDER BY seq DESC LIMIT ?"
        values = (*given.values(), *(() if latest is None else (latest,)))
        rows = self._rows(f"SELECT * FROM outbox {f'WHERE {where} ' if where else ''}{order}", values)
        return [_item(row) for row in rows]

    def prune_messages(self, age: timedelta, now: datetime, keep: Collection[str], most: int = 5000) -> int:
        """Delete messages that were sent or given up ``age`` ago, with their attempts, up to ``most``, the oldest first; return how many.

        Those of the alerts ``keep`` stay. Age is counted from the latest message that is not of the future, so that a clock which has
        jumped ahead takes nothing.
        """
        latest = self._row(f"SELECT max({_CAME}) AS at FROM outbox WHERE {_CAME} <= ?", (to_text(now),))
        if latest is None or latest["at"] is None:
            return 0
        before = to_text(datetime.fromisoformat(latest["at"]) - age)
        rows = self._rows(
            f"SELECT id, alert_id FROM outbox WHERE state <> 'waiting' AND {_CAME} < ? ORDER BY seq", (before,)
        )
        gone = [(row["id"],) for row in rows if row["alert_id"] not in keep][:most]
        if gone:
            with self._transaction() as con:
                con.executemany("DELETE FROM outbox_attempt WHERE outbox_id = ?", gone)
                con.executemany("DELETE FROM outbox WHERE id = ? AND state <> 'waiting'", gone)
        return len(gone)

    def outbox_item(self, item_id: str) -> OutboxItem:
        """Return one message; raises :class:`MissingRecordError`."""
        row = self._row("SELECT * FROM outbox WHERE id = ?", (item_id,))
        if row is None:
            raise MissingRecordError(
                f"no message {item_id!r} in the outbox; `driftdeck deliveries` lists those there are"
            )
        return _item(row)

    def outbox_attempt(
        self, item_id: str, *, ok: bool, error: str | None = None, next_at: datetime | None = None, at: datetime
    ) -> None:
        """Record an attempt to deliver: done if ``ok``, tried again at ``next_at``, given up if that is None.

        Raises :class:`MissingRecordError` for an unknown message.
        """
        state = "sent" if ok else "failed" if next_at is None else "waiting"
        with self._transaction() as con:
            changed = con.execute(
                "UPDATE outbox SET state = ?, attempts = attempts + 1, due_at = coalesce(?, due_at) WHERE id = ?",
                (state, None if next_at is None else to_text(next_at), item_id),
            )
            if not changed.rowcount:
                raise MissingRecordError(f"no message {item_id!r} in the outbox")
            con.execute(
                "INSERT INTO outbox_attempt (outbox_id, at, ok, error) VALUES (?, ?, ?, ?)",
                (item_id, to_text(at), int(ok), error),
            )

    def outbox_attempts(self, item_id: str) -> list[Json]:
        """Return the attempts to deliver a message, oldest first: ``at``, ``ok``, ``error``."""
        rows = self._rows("SELECT at, ok, error FROM outbox_attempt WHERE outbox_id = ? ORDER BY seq", (item_id,))
        return [{"at": row["at"], "ok": bool(row["ok"]), "error": row["error"]} for row in rows]

    def outbox_counts(self) -> dict[str, ChannelCount]:
        """Return how the messages of every channel that ever had one are doing."""
        states = self._rows(
            "SELECT channel, sum(state = 'waiting') AS waiting, sum(state = 'failed') AS failed FROM outbox GROUP BY channel"
        )
        joined = "FROM outbox_attempt a JOIN outbox o ON o.id = a.outbox_id"
        sent = self._rows(f"SELECT o.channel, max(a.at) AS at {joined} WHERE a.ok GROUP BY o.channel")
        tried = self._rows(
            f"SELECT o.channel, max(a.seq), a.error {joined} GROUP BY o.channel"
        )  # error: of that latest one
        sent_at = {row["channel"]: datetime.fromisoformat(row["at"]) for row in sent}
        errors = {row["channel"]: row["error"] for row in tried}
        return {
            row["channel"]: ChannelCount(
                row["waiting"], row["failed"], sent_at.get(row["channel"]), errors.get(row["channel"])
            )
            for row in states
        }

    def outbox_again(self, item_id: str, at: datetime) -> None:
        """Let a message that was given up be sent once more; raises :class:`MissingRecordError` for one that was not."""
        with self._transaction() as con:
            sql = "UPDATE outbox SET state = 'waiting', due_at = ? WHERE id = ? AND state = 'failed'"
            if not con.execute(sql, (to_text(at), item_id)).rowcount:
                raise MissingRecordError(f"message {item_id!r} was not given up")

    def events_between(self, after: int, until: int) -> list[tuple[Json, Json]]:
        """Return (alert after it, event) of the alert events with numbers in (after, until], in order."""
        rows = self._rows(
            "SELECT alert, event FROM alert_event WHERE seq > ? AND seq <= ? ORDER BY seq", (after, until)
        )
        return [(json.loads(row["alert"]), json.loads(row["event"])) for row in rows]

    def fired_by(self, alert_id: str, until: int) -> bool:
        """Whether an alert has fired in its events up to number ``until``."""
        sql = "SELECT 1 FROM alert_event WHERE alert_id = ? AND seq <= ? AND state <> 'pending' LIMIT 1"
        return self._row(sql, (alert_id, until)) is not None

    def last_event(self) -> int:
        """Return the number of the latest alert event, 0 before the first."""
        row = self._row("SELECT coalesce(max(seq), 0) AS seq FROM alert_event")
        return 0 if row is None else int(row["seq"])

    def firing_alerts(self) -> list[Json]:
        """Return the alerts of all models that fire, as their latest event left them."""
        rows = self._rows(
            "SELECT alert FROM alert_event WHERE seq IN (SELECT max(seq) FROM alert_event GROUP BY alert_id) "
            "AND state = 'firing' ORDER BY seq"
        )
        return [json.loads(row["alert"]) for row in rows]


def _item(row: Any) -> OutboxItem:
    return OutboxItem(
        id=row["id"],
        alert_id=row["alert_id"],
        model=row["model"],
        channel=row["channel"],
        payload=json.loads(row["payload"]),
        due_at=datetime.fromisoformat(row["due_at"]),
        attempts=row["attempts"],
        state=row["state"],
        created_at=datetime.fromisoformat(row["created_at"] or row["due_at"]),
    )
