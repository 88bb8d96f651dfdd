"""Erasures: receipts of what was deleted on a subject's request, kept so that a restored backup is cleaned by them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.control_base import ControlBase, Json, to_json


class Erasures(ControlBase):
    """Receipts are append-only; they name subjects by keyed hashes only."""

    def put_erasure(self, receipt: Json) -> None:
        """Keep a receipt (``id``, ``model``, ``subject_hash`` and the rest of it); one that is kept already changes nothing."""
        with self._transaction() as con:
            con.execute(
                "INSERT OR IGNORE INTO erasure (id, model, subject_hash, receipt) VALUES (?, ?, ?, ?)",
                (receipt["id"], receipt["model"], receipt["subject_hash"], to_json(receipt)),
            )

    def erasures(self, model: str | None = None) -> list[Json]:
        """Return the receipts, oldest first."""
        where, values = ("", ()) if model is None else (" WHERE model = ?", (model,))
        rows = self._rows(f"SELECT receipt FROM erasure{where} ORDER BY seq", values)
        return [json.loads(row["receipt"]) for row in rows]


def receipts_of(path: Path) -> list[Json]:
    """Return the receipts in a control file that is not in use, whatever its version; none from before there were any."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
        if not con.execute("SELECT count(*) FROM sqlite_master WHERE name = 'erasure'").fetchone()[0]:
            return []
        return [json.loads(row[0]) for row in con.execute("SELECT receipt FROM erasure ORDER BY seq").fetchall()]
