"""The audit trail: who did what, from where; each entry's hash covers the one before, so that a gap shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storage.control_base import ControlBase, Json, to_json, to_text
from storage.errors import AuditBrokenError

_START = "0" * 64


def _hash(previous: str, entry: Mapping[str, Any]) -> str:
    """Return SHA-256 over the previous hash and the entry's canonical JSON, in hexadecimal digits."""
    return hashlib.sha256((previous + to_json(entry)).encode()).hexdigest()


class Audit(ControlBase):
    """Who did what."""

    def append_audit(
        self, actor: str, action: str, obj: str, detail: Mapping[str, Any], origin: str, at: datetime
    ) -> None:
        """Record that ``actor`` did ``action`` to ``obj``; ``origin`` is where from (``cli``, ``api 127.0.0.1``, …)."""
        with self._transaction() as con:
            last = con.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
            seq, previous = (last["seq"] + 1, last["hash"]) if last else (1, _START)
            entry = {
                "seq": seq,
                "at": to_text(at),
                "actor": actor,
                "action": action,
                "object": obj,
                "detail": dict(detail),
                "origin": origin,
            }
            con.execute(
                "INSERT INTO audit VALUES (:seq, :at, :actor, :action, :object, :detail, :origin, :previous, :hash)",
                entry | {"detail": to_json(detail), "previous": previous, "hash": _hash(previous, entry)},
            )

    def audit(self, limit: int = 200) -> list[Json]:
        """Return the latest entries, newest first."""
        return [_entry(row) for row in self._rows("SELECT * FROM audit ORDER BY seq DESC LIMIT ?", (limit,))]

    def audit_of(self, *actions: str) -> list[Json]:
        """Return every entry of these actions, newest first."""
        marks = ", ".join("?" * len(actions))
        return [
            _entry(row)
            for row in self._rows(f"SELECT * FROM audit WHERE action IN ({marks}) ORDER BY seq DESC", actions)
        ]

    def verify_audit(self) -> None:
        """Raise :class:`AuditBrokenError`, naming the entry, if any was changed, removed or put in between."""
        previous, expected = _START, 1
        for row in self._rows("SELECT * FROM audit ORDER BY seq"):
            entry = _entry(row)
            if row["seq"] != expected:
                raise AuditBrokenError(f"audit entry {expected} is missing")
            if row["previous"] != previous or row["hash"] != _hash(previous, entry):
                raise AuditBrokenError(f"audit entry {expected} of {entry['at']} was changed after it was written")
            previous, expected = row["hash"], expected + 1


def _entry(row: Any) -> Json:
    names = ("seq", "at", "actor", "action", "object", "origin")
    return {name: row[name] for name in names} | {"detail": json.loads(row["detail"])}
