"""Alerts as append-only events, the watermark of what was judged, and the outbox: one transaction for all three."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.control_base import ControlBase, Json, to_json, to_text
from storage.control_outbox import OutboxItem, queue
from storage.errors import MissingRecordError

_AS_OPENED = "ORDER BY (SELECT min(seq) FROM alert_event e WHERE e.alert_id = alert_event.alert_id)"
_LATEST = "SELECT alert FROM alert_event WHERE seq IN (SELECT max(seq) FROM alert_event {where} GROUP BY alert_id)"


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
            queue(con, outbox)

    def open_alerts(self, model: str | None = None) -> list[Json]:
        """Return the alerts (of a model) that are not resolved, oldest first."""
        where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
        sql = _LATEST.format(where=where) + f" AND state <> 'resolved' {_AS_OPENED}"
        return [json.loads(row["alert"]) for row in self._rows(sql, values)]

    def recent_alerts(self, model: str, since: datetime) -> list[Json]:
        """Return the model's alerts that are not resolved, or to which something happened at ``since`` or later, oldest first."""
        sql = (
            _LATEST.format(where="WHERE model = ?")
            + f" AND (state <> 'resolved' OR datetime(at) >= datetime(?)) {_AS_OPENED}"
        )
        return [json.loads(row["alert"]) for row in self._rows(sql, (model, to_text(since)))]

    def alerts_that_came_back(self, times: int) -> list[Json]:
        """Return the resolved alerts that came back so often or more, of all models, oldest first."""
        sql = (
            _LATEST.format(where="") + " AND state = 'resolved' AND json_extract(alert, '$.returns') >= ? ORDER BY seq"
        )
        return [json.loads(row["alert"]) for row in self._rows(sql, (times,))]

    def alerts(self, model: str | None = None) -> list[Json]:
        """Return every alert as its latest event left it, in the order in which they were opened."""
        where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
        sql = _LATEST.format(where=where) + f" {_AS_OPENED}"
        return [json.loads(row["alert"]) for row in self._rows(sql, values)]

    def alerts_to_move(self, model: str, since: datetime) -> list[Json]:
        """Return the model's alerts that are not resolved, or that were judged up to ``since`` or later, oldest first."""
        sql = (
            _LATEST.format(where="WHERE model = ?")
            + " AND (state <> 'resolved' OR datetime(json_extract(alert, '$.judged_to')) >= datetime(?))"
            + f" {_AS_OPENED}"
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
