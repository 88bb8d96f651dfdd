"""Artefacts that nobody needs any more: those of versions that once served or were passed over. Their records stay."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from retraining import job_files, registry
from service.local.convert import iso
from service.workspace import ConflictError, WorkspaceError
from storage.faults import fault_point

if TYPE_CHECKING:
    from pathlib import Path

    from service.local.core import Core

log = logging.getLogger(__name__)


def prune_versions(core: Core, model: str, *, keep: int, actor: str) -> list[dict[str, Any]]:
    """Delete the artefacts of archived versions but the latest ``keep``; returns ``version``, ``bytes``, ``created_at`` of each.

    A version is archived when it has no role and either was archived or is older than the champion's reign; the one that a rollback
    would bring back is not. What is to go is recorded before it goes: a crash in between leaves what the next call finishes.
    """
    if keep < 0:
        raise WorkspaceError(
            f"keep {keep} is not allowed; give how many archived versions keep their artefacts, 0 or more"
        )
    spec = core.spec(model)
    gone = []
    with core.mutex:
        for record in reversed(_archived(core, model)[: -keep or None]):
            files = [path for path in _files(core, record) if path.exists()]
            size = max((path.stat().st_size for path in files), default=0)
            if not files:
                continue
            told = {"version": record["version"], "bytes": size}
            core.control.put_setting(_setting(model, record["version"]), core.now().isoformat())
            core.control.append_audit(actor, "prune", f"{model}/{record['version']}", told, "workspace", core.now())
            fault_point("prune.after_record")
            for path in files:
                path.unlink(missing_ok=True)
            gone.append(told | {"created_at": iso(datetime.fromisoformat(record["created_at"]), spec.zone)})
    return gone


def retain(core: Core, model: str) -> None:
    """Keep as many artefacts as the model declares; what goes wrong waits for the next version."""
    try:
        prune_versions(core, model, keep=core.spec(model).retrain.keep_versions, actor="driftdeck")
    except Exception:  # a new version is registered by now, whatever becomes of the old ones
        log.exception("old artefacts of %r stay for now", model)


def pruned_at(core: Core, record: dict[str, Any]) -> datetime | None:
    """Return when a version's artefact was deleted by :func:`prune_versions`, None if it was not."""
    at = core.control.get_setting(_setting(record["model"], record["version"]))
    return datetime.fromisoformat(at) if at and not (core.home.artefacts / record["artefact"]).exists() else None


def refuse_pruned(core: Core, record: dict[str, Any]) -> None:
    """Raise :class:`ConflictError` for a version whose artefact is gone: it can be given no role and not be written anywhere."""
    at = pruned_at(core, record)
    if at is not None:
        zone = core.spec(record["model"]).zone
        raise ConflictError(
            f"the artefact of {record['version']} was deleted on {at.astimezone(zone):%d %b %Y} to save space (retrain.keep_versions, or "
            "`driftdeck prune-versions`); its record stays: train again on its rows, or import the model again"
        )


def refuse_unusable(core: Core, record: dict[str, Any]) -> None:
    """Raise :class:`ConflictError` for a version that could not answer: its artefact was pruned, is lost, or is not the registered one."""
    refuse_pruned(core, record)
    try:
        registry.verified(core.home.artefacts / record["artefact"], record["card"]["sha256"])
    except registry.ArtefactError as error:
        raise ConflictError(f"{record['version']} of {record['model']!r} gets no role: {error}") from error


def _setting(model: str, version: str) -> str:
    return f"pruned/{model}/{version}"


def _files(core: Core, record: dict[str, Any]) -> list[Path]:
    """Return where a version's artefact lies: in the registry, and in the folder of the job that made it."""
    files = [core.home.artefacts / record["artefact"]]
    return [*files, core.home.jobs / record["job_id"] / job_files.ARTEFACT] if record["job_id"] else files


def _archived(core: Core, model: str) -> list[dict[str, Any]]:
    """Return the records of archived versions, oldest first."""
    roles, last = core.roles(model), {event.version: event.action for event in core.deployments(model)}
    needed = {roles.champion, roles.canary, *roles.shadows, *roles.former[-1:]}
    records = core.control.versions(model)
    places = {record["version"]: place for place, record in enumerate(records)}
    reign = places.get(roles.champion or "", -1)  # a version after the champion's still waits to be chosen
    return [
        record
        for place, record in enumerate(records)
        if record["version"] not in needed and (place < reign or last.get(record["version"]) is not None)
    ]
