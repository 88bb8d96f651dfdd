"""Declarations (models, channels), frozen references and settings."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from reference_data.alerting import Channel
from reference_data.declaration import ModelSpec
from reference_data.reference import Reference
from storage.control_base import ControlBase, to_json, to_text
from storage.errors import AlreadyExistsError, MissingRecordError


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A declared model: what was declared, where, since when, and the local date its windows are counted from."""

    spec: ModelSpec
    declared_in: str
    created_at: datetime
    anchor: date | None


@lru_cache(maxsize=1024)
def _spec(text: str) -> ModelSpec:
    """A declaration is read with every request and changes rarely."""
    return ModelSpec.model_validate_json(text)


def _record(row: sqlite3.Row) -> ModelRecord:
    return ModelRecord(
        _spec(row["spec"]),
        row["declared_in"],
        datetime.fromisoformat(row["created_at"]),
        None if row["anchor"] is None else date.fromisoformat(row["anchor"]),
    )


class Declarations(ControlBase):
    """What teams declared, and what normal is."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        super().__init__(path, now)
        self._cached_reference = lru_cache(maxsize=64)(self._load_reference)

    def put_model(self, spec: ModelSpec, declared_in: str, actor: str, at: datetime) -> None:
        """Declare a model, or declare it anew; its anchor and time of creation stay."""
        moment = to_text(at)
        with self._transaction() as con:
            con.execute(
                "INSERT INTO model (name, spec, declared_in, actor, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, declared_in = excluded.declared_in, "
                "actor = excluded.actor, changed_at = excluded.changed_at",
                (spec.name, spec.model_dump_json(), declared_in, actor, moment, moment),
            )

    def model_records(self) -> dict[str, ModelRecord]:
        """Return every declared model by name, in alphabetical order."""
        return {row["name"]: _record(row) for row in self._rows("SELECT * FROM model ORDER BY name")}

    def model_record(self, model: str) -> ModelRecord | None:
        """Return one declared model, None for an unknown one: with fifty models a page asks for each of them many times."""
        row = self._row("SELECT * FROM model WHERE name = ?", (model,))
        return None if row is None else _record(row)

    def set_anchor(self, model: str, anchor: date) -> None:
        """Count the model's windows from ``anchor``; raises :class:`MissingRecordError` for an unknown model."""
        with self._transaction() as con:
            changed = con.execute("UPDATE model SET anchor = ? WHERE name = ?", (anchor.isoformat(), model))
            if not changed.rowcount:
                known = [row["name"] for row in con.execute("SELECT name FROM model ORDER BY name")]
                raise MissingRecordError(f"no model {model!r}; there are {known}")

    def put_channel(self, channel: Channel, declared_in: str, actor: str, at: datetime) -> None:
        """Declare a channel, or declare it anew."""
        moment = to_text(at)
        with self._transaction() as con:
            con.execute(
                "INSERT INTO channel (name, spec, declared_in, actor, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, declared_in = excluded.declared_in, "
                "actor = excluded.actor, changed_at = excluded.changed_at",
                (channel.name, channel.model_dump_json(), declared_in, actor, moment, moment),
            )

    def channels(self) -> dict[str, Channel]:
        """Return every declared channel by name, in alphabetical order."""
        rows = self._rows("SELECT name, spec FROM channel ORDER BY name")
        return {row["name"]: Channel.model_validate_json(row["spec"]) for row in rows}

    def put_reference(self, reference: Reference) -> None:
        """Keep a reference; raises :class:`AlreadyExistsError` if the model has one of that version."""
        with self._transaction() as con:
            taken = [v for (v,) in con.execute("SELECT version FROM reference WHERE model = ?", (reference.model,))]
            if reference.version in taken:
                raise AlreadyExistsError(
                    f"model {reference.model} has a reference {reference.version} already, and references are never changed; "
                    f"use version {max(taken) + 1}"
                )
            con.execute(
                "INSERT INTO reference VALUES (?, ?, ?, ?)",
                (reference.model, reference.version, to_text(reference.created_at), reference.to_bytes()),
            )

    def reference(self, model: str, version: int) -> Reference:
        """Return a reference; raises :class:`MissingRecordError` naming the versions there are."""
        return self._cached_reference(model, version)

    def _load_reference(self, model: str, version: int) -> Reference:
        row = self._row("SELECT data FROM reference WHERE model = ? AND version = ?", (model, version))
        if row is None:
            raise MissingRecordError(
                f"model {model} has no reference {version}; there are {self.reference_versions(model) or 'none yet'}"
            )
        return Reference.from_bytes(row["data"])

    def reference_versions(self, model: str) -> list[int]:
        """Return the versions of the model's references, ascending."""
        rows = self._rows("SELECT version FROM reference WHERE model = ? ORDER BY version", (model,))
        return [row["version"] for row in rows]

    def get_setting(self, key: str, default: Any = None) -> Any:
        """Return a setting's JSON value, or ``default``."""
        row = self._row("SELECT value FROM setting WHERE key = ?", (key,))
        return default if row is None else json.loads(row["value"])

    def put_setting(self, key: str, value: Any) -> None:
        """Keep a JSON value under ``key``."""
        with self._transaction() as con:
            con.execute(
                "INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, to_json(value)),
            )
