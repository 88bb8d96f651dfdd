"""The silences there are in a home: those that people made, and those of declared maintenance."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitors.silences import is_active, of_maintenance
from monitors.types import Silence

if TYPE_CHECKING:
    from service.local.core import Core

_LOG = logging.getLogger(__name__)


def silence_to_row(silence: Silence) -> dict[str, Any]:
    """Return a silence as the JSON document that is kept."""
    return {
        "id": silence.id,
        "starts": silence.starts.isoformat(),
        "ends": silence.ends.isoformat(),
        "actor": silence.actor,
        "comment": silence.comment,
        "alert_id": silence.alert_id,
        "model": silence.model,
        "kind": silence.kind,
        "column": silence.column,
        "segment": silence.segment,
        "severity": silence.severity,
        "ended_by": silence.ended_by,
    }


def row_to_silence(row: dict[str, Any]) -> Silence:
    """Rebuild a silence from its document."""
    times = {name: datetime.fromisoformat(row[name]) for name in ("starts", "ends")}
    return Silence(**{**row, **times})


def made(core: Core) -> list[Silence]:
    """Return the silences that people made, oldest first, as the latest record of each left it; only new records are read."""
    last, known = core.silences
    news = core.control.silences(after=last)
    if news:
        known = known | {row["id"]: row_to_silence(row) for _, row in news}
        core.silences = (news[-1][0], known)
    return list(known.values())


def of_maintenances(core: Core) -> dict[str, list[Silence]]:
    """Return each declared maintenance that is on or to come, by its name, as silences: one for each pattern of models."""
    found: dict[str, list[Silence]] = {}
    for name, record in core.control.maintenance_records().items():
        try:
            coming = of_maintenance(record.spec, core.now())
        except ValueError as error:  # declared before it was looked at so closely
            _LOG.warning("maintenance %s is passed over: %s", name, error)
            continue
        if coming:
            found[name] = coming
    return found


def active_silences(core: Core) -> list[Silence]:
    """Return what keeps alerts quiet now."""
    every = [*made(core), *(silence for each in of_maintenances(core).values() for silence in each)]
    return [silence for silence in every if is_active(silence, core.now())]
