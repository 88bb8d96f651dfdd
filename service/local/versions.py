"""Where versions come from, and writing them to files that others can use."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retraining import registry
from retraining.artefacts import ArtefactError, ExportError, Given
from service.local import pruning
from service.local.choosing import card_of
from service.local.convert import iso
from service.local.jobs import settle
from service.workspace import ConflictError, WorkspaceError

if TYPE_CHECKING:
    from service import training_views
    from service.local.core import Core

FORMATS = ("artefact", "onnx", "parameters")
#: Folder of the home that exports are written to.
EXPORTS = "exports"
#: Files that stay there.
KEPT = 20


def deployments(core: Core, model: str) -> list[training_views.DeploymentView]:
    """Return which version was given which role, latest first."""
    zone = core.spec(model).zone
    return [
        {
            "at": iso(event.at, zone),
            "version": event.version,
            "role": event.action,
            "share": event.share,
            "actor": event.actor,
            "note": event.comment,
        }
        for event in reversed(core.deployments(model))
    ]


def lineage(core: Core, model: str, version: str) -> training_views.LineageView:
    """Return where a version comes from, and what is needed to make it again."""
    core.record(model)
    settle(core, model, wait=False)
    record, zone = core.version(model, version), core.spec(model).zone
    known: dict[str, Any] = record["lineage"]
    origin = known.get("origin", "job")

    def moment(text: str) -> str:
        return iso(datetime.fromisoformat(text), zone)

    path = core.home.artefacts / record["artefact"]
    pruned = pruning.pruned_at(core, record)
    notes = list(known.get("notes", []))
    if pruned is not None:
        notes.append(f"its artefact was deleted on {iso(pruned, zone)}")
    period = [moment(edge) for edge in record["period"]] if origin == "job" else []
    return {
        "version": version,
        "model": model,
        "origin": origin,
        "created_at": moment(record["created_at"]),
        "created_by": record["created_by"],
        "alert_id": record["alert_id"],
        "job_id": record["job_id"],
        "reason": known.get("reason", ""),
        "period": period,
        "rows": record["rows"],
        "data_sha256": known.get("data_sha256"),
        "query": known.get("query")
        or (f"labelled rows with event times from {period[0]} to {period[1]}, that excluded" if period else None),
        "code_sha256": known.get("code_sha256"),
        "trainer": record["trainer"],
        "params": known.get("params", {}),
        "seed": known.get("seed"),
        "libraries": {name: text for name, text in known.get("libraries", {}).items() if name != "python"},
        "environment": {name: text for name, text in known.get("libraries", {}).items() if name == "python"}
        | known.get("environment", {}),
        "reference_version": record["reference_version"],
        "artefact_sha256": record["card"]["sha256"],
        "artefact_format": known.get("format") or _format(path),
        "artefact_bytes": path.stat().st_size if path.exists() else 0,
        "notes": notes,
        "deployments": [
            {name: value for name, value in event.items() if name != "version"}
            for event in reversed(deployments(core, model))
            if event["version"] == version
        ],
        "baselines": [
            {"name": line["name"], "metric": known["baselines"]["loss"], "value": line["loss"]}
            for line in (known.get("baselines") or {}).get("baselines", [])
        ],
    }


def _format(path: Path) -> str:
    try:
        return registry.format_of(path.read_bytes(), path).name
    except (OSError, ArtefactError):  # pruned or lost: its name says what it was
        return path.suffix.removeprefix(".")


def _clean(folder: Path) -> None:
    """Let the oldest exports go, so that with the one that is asked for :data:`KEPT` remain: each can be written again."""
    with suppress(FileNotFoundError):  # two exports at once clean up together
        files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.stat().st_mtime)
        for path in files[: max(0, len(files) - KEPT + 1)]:
            path.unlink()


def export_version(core: Core, model: str, version: str, format: str) -> Path:  # noqa: A002
    """Write a version into the home's folder ``exports``, whole or not at all, and return the file.

    ``artefact``: as it is kept, its hash verified. Raises :class:`WorkspaceError` for an unknown format and :class:`ConflictError` for a
    model that cannot be written in it, with words.
    """
    if format not in FORMATS:
        raise WorkspaceError(f"format {format!r} is not known; choose {', '.join(FORMATS)}")
    core.record(model)
    settle(core, model, wait=False)
    record = core.version(model, version)
    pruning.refuse_pruned(core, record)
    card = card_of(core, record)
    folder = core.home.root / EXPORTS
    folder.mkdir(mode=0o700, exist_ok=True)
    _clean(folder)
    try:
        if format == "artefact":
            target = folder / str(record["artefact"])
            registry.adopt(Path(card.path), target, card.sha256)
            return target
        fitted = core.predictor.model(card)
        registry.verified(Path(card.path), card.sha256)  # a model that is held in memory still must be the one on disk
        written = registry.formats()[format]
        assert written.dump is not None  # FORMATS names none that cannot be written
        data = written.dump(Given(fitted.estimator, card.features, card.task, card.positive, model, version))
    except (ArtefactError, ExportError) as error:
        raise ConflictError(f"version {version} of model {model!r} was not written: {error}") from error
    target = folder / f"{model}-{version}{written.suffix}"
    registry.write_atomically(target, data)
    return target
