"""Alerts as append-only events, the watermark of what was judged, and the outbox: one transaction for all three."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.control_base import ControlBase, Json, to_json, to_text
from storage.errors import MissingRecordError

_LATEST = "SELECT alert FROM alert_event WHERE seq IN (SELECT max(seq) FROM alert_event {where} GROUP BY alert_id)"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One message to one channel. ``payload`` is JSON; ``id`` is unique, so that a message is never queued twice."""

    id: str
    alert_id: str
    model: str
    channel: str
    payload: Mapping[str, Any]
    due_at: datetime
    attempts: int = 0
    state: str = "waiting"  # waiting | sent | failed


class Alerts(ControlBase):
    """Alerts and their messages. Alerts and events are JSON objects here; who calls gives them their types."""

    def commit_judgement(
        self,
        model: str,
        *,
        events: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]] = (),
        watermark: str | None = None,
        outbox: Sequence[OutboxItem] = (),
    ) -> None:
        """Record, in one transaction, alert events, messages to send, and up to where readings have been judged.

        ``events`` are pairs (alert after the event with ``id`` and ``state``, event with ``at``); ``watermark`` None leaves it. A
        message whose id is queued already is not queued again.
        """
        with self._transaction() as con:
            con.executemany(
                "INSERT INTO alert_event (alert_id, model, at, state, event, alert) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (alert["id"], model, str(event["at"]), alert["state"], to_json(event), to_json(alert))
                    for alert, event in events
                ],
            )
            if watermark is not None:
                con.execute(
                    "INSERT INTO watermark VALUES (?, ?) ON CONFLICT (model) DO UPDATE SET value = excluded.value",
                    (model, watermark),
                )
            con.executemany(
                "INSERT INTO outbox (id, alert_id, model, channel, payload, state, attempts, due_at) "
                "VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?) ON CONFLICT (id) DO NOTHING",
                [
                    (item.id, item.alert_id, item.model, item.channel, to_json(item.payload), to_text(item.due_at))
                    for item in outbox
                ],
            )

    def open_alerts(self, model: str) -> list[Json]:
        """Return the model's alerts that are not resolved, oldest first."""
        return [alert for alert in self.alerts(model) if alert["state"] != "resolved"]

    def alerts(self, model: str | None = None) -> list[Json]:
        """Return every alert as its latest event left it, in the order in which they were opened."""
        where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
        sql = (
            _LATEST.format(where=where)
            + " ORDER BY (SELECT min(seq) FROM alert_event e WHERE e.alert_id = alert_event.alert_id)"
        )
        return [json.loads(row["alert"]) for row in self._rows(sql, values)]

    def alerts_to_move(self, model: str, since: datetime) -> list[Json]:
        """Return the model's alerts that are not resolved, or that were judged up to ``since`` or later, oldest first."""
        sql = (
            _LATEST.format(where="WHERE model = ?")
            + " AND (state <> 'resolved' OR datetime(json_extract(alert, '$.judged_to')) >= datetime(?))"
            + " ORDER BY (SELECT min(seq) FROM alert_event e WHERE e.alert_id = alert_event.alert_id)"
        )
        return [json.loads(row["alert"]) for row in self._rows(sql, (model, to_text(since)))]

    def alert(self, alert_id: str) -> Json:
        """Return one alert, with its events under ``history``; raises :class:`MissingRecordError`."""
        rows = self._rows("SELECT event, alert FROM alert_event WHERE alert_id = ? ORDER BY seq", (alert_id,))
        if not rows:
            raise MissingRecordError(f"no alert {alert_id!r}; `driftdeck alerts` lists those there are")
        alert: Json = json.loads(rows[-1]["alert"])
        return alert | {"history": [json.loads(row["event"]) for row in rows]}

    def watermark(self, model: str) -> str | None:
        """Return up to where the model's readings have been judged."""
        row = self._row("SELECT value FROM watermark WHERE model = ?", (model,))
        return None if row is None else str(row["value"])

    def outbox_due(self, at: datetime, limit: int = 100) -> list[OutboxItem]:
        """Return the messages that are to be sent (again) by now, oldest first."""
        rows = self._rows(
            "SELECT * FROM outbox WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, seq LIMIT ?",
            (to_text(at), limit),
        )
        return [_item(row) for row in rows]

    def outbox_items(self, model: str | None = None) -> list[OutboxItem]:
        """Return every message there ever was, oldest first."""
        where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
        return [_item(row) for row in self._rows(f"SELECT * FROM outbox {where} ORDER BY seq", values)]

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
    )
