"""Declarations, references on request, and how the home is doing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from reference_data.declaration import Declaration, ModelSpec
from reference_data.windows import WindowSpec
from service.declaration_file import DeclarationError, parse, unknown_models
from service.declared_checks import check_problems
from service.local import channel_reach, owners, sources, training_reach, transform
from service.local.owners import SECTION
from service.workspace import ConflictError
from storage.logs import prepare_model
from storage.model_tables import refuse_conflicts
from storage.source_positions import reads

if TYPE_CHECKING:
    from service.local.core import Core

#: Who calls by the command line, with the secret that only those have who can read the home; and the file that the process was started with.
OPERATOR, DECLARED_FILE = "cli", "declaration file"
OPERATORS = frozenset({OPERATOR, DECLARED_FILE})
_BUCKETS = {"h": "hour", "d": "day"}


def apply(
    core: Core, toml_text: str, actor: str, *, take_over: bool = False, prune: bool = False
) -> dict[str, list[str]]:
    """Declare what a TOML text holds; all of it, or nothing when something in it is wrong.

    What reads files and variables of the environment is declared by the operator only (:data:`OPERATORS`). What the dashboard owns is
    refused, unless it is taken over. ``prune``: what files declared before and this one does not have is taken back, but for models.
    """
    with core.mutex:
        wanted = read(core, toml_text, actor)
        prune = prune or wanted.prune
        if not take_over:
            owners.refuse_dashboards(core, {kind: getattr(wanted, section) for kind, section in SECTION.items()})
        if prune and actor not in OPERATORS:
            _refuse_taking_sources(core, wanted)
        notes = owners.left_alone(core, wanted) if not prune else []
        found = keep(core, wanted, "file", actor, notes, take_over=take_over)
        removed = owners.take_back_vanished(core, wanted) if prune else []
        told = found | ({"removed": removed} if removed else {})
        if found["created"] or found["changed"] or removed:
            core.control.append_audit(actor, "apply", "declaration", told, "workspace", core.now())
    return told | ({"notes": notes} if notes else {})


def read(core: Core, toml_text: str, actor: str) -> Declaration:
    """Return what a text declares, checked against everything there is; raises :class:`DeclarationError` for what is wrong."""
    if actor in OPERATORS:  # nobody else learns from an error what a variable holds
        parse(toml_text, os.environ)  # a variable that is not set is told now, not when a message is due
    wanted = parse(toml_text, None)  # kept as written: secrets stay in the environment
    records = core.control.model_records()
    problems = unknown_models(wanted, toml_text, records)
    if problems:
        raise DeclarationError(problems)
    if actor not in OPERATORS:
        _refuse_reach(core, wanted)
    for source in wanted.sources.values():
        transform.load(source.transform, core.home.root / "transforms")
    models = {
        name: _with_inferred(spec, records[name].spec if name in records else None)
        for name, spec in wanted.models.items()
    }
    own = [file.stem for file in sorted((core.home.root / "checks").glob("[!_]*.py"))]
    problems = check_problems(models, toml_text, own)
    if problems:
        raise DeclarationError(problems)
    for name, spec in models.items():  # whatever cannot be done is found before anything is
        if name in records:
            _refuse_other_buckets(core, records[name].spec, spec)
        if spec.features:
            refuse_conflicts(core.db, spec)
    return wanted.model_copy(update={"models": models})


def keep(
    core: Core, wanted: Declaration, declared_in: str, actor: str, notes: list[str], *, take_over: bool
) -> dict[str, list[str]]:
    """Keep what was read; returns what was created, changed or neither, and adds to ``notes`` what is worth telling.

    With ``take_over`` even what stays as it is gets its new owner.
    """
    found: dict[str, list[str]] = {"created": [], "changed": [], "unchanged": []}
    for spec in wanted.models.values():
        if spec.features:
            prepare_model(core.db, spec)
    for kind, section in SECTION.items():
        there = {each.name: each for each in core.control.owned(kind)}
        for name, spec in getattr(wanted, section).items():
            owned = there.get(name)
            before = None if owned is None else owners.parsed(owned)
            verb = "created" if before is None else "unchanged" if before == spec else "changed"
            moved = take_over and owned is not None and owned.declared_in != declared_in
            if verb != "unchanged" or moved:
                owners.put(core, kind, spec, declared_in, actor)
            if moved:
                notes.append(f"{section}.{name} is owned by the {declared_in} from now on")
            if kind == "source" and before is not None and reads(before) != reads(spec):
                notes.append(f"sources.{name} reads something else now, and starts from the beginning of it")
            found[verb].append(f"{section}.{name}")
    return found


def _refuse_reach(core: Core, wanted: Declaration) -> None:
    """Refuse what would let a caller read the owner's files and environment, unless it is declared like that already."""
    sources = {name: record.spec for name, record in core.control.source_records().items()}
    channels = core.control.channels()
    problems = [
        f"sources.{name}: sources read files and variables of the environment; declare sources with the command line: "
        "driftdeck apply FILE"
        for name, source in wanted.sources.items()
        if sources.get(name) != source
    ] + channel_reach.problems(wanted.channels, channels)
    problems += training_reach.reaching(core, wanted)
    if problems:
        raise DeclarationError(problems)


def _refuse_taking_sources(core: Core, wanted: Declaration) -> None:
    """Refuse to take sources back for whoever may not declare them."""
    gone = [each.name for each in owners.vanished(core, wanted, ("source",))]
    if gone:
        raise DeclarationError(
            [f"sources.{name}: taken back by the command line only: driftdeck apply --prune FILE" for name in gone]
        )


def _refuse_other_buckets(core: Core, earlier: ModelSpec, spec: ModelSpec) -> None:
    """Refuse what would cut time otherwise than the model's references and profiles are cut."""
    before, now = (WindowSpec.parse(s.monitor.window, s.timezone).bucket for s in (earlier, spec))
    same = before.unit == now.unit and (now.unit == "h" or before.timezone == now.timezone)  # hours are those of UTC
    if not same and core.control.reference_versions(spec.name):
        raise ConflictError(
            f"models.{spec.name}: its references are kept by {_BUCKETS[before.unit]} of {before.timezone}, and a window of "
            f"{spec.monitor.window} in {spec.timezone} needs {_BUCKETS[now.unit]}s of {now.timezone}; declare a new model for that"
        )


def _with_inferred(spec: ModelSpec, earlier: ModelSpec | None) -> ModelSpec:
    """Keep the features that a reference taught us when the file still leaves them out."""
    if spec.features or earlier is None or not earlier.features:
        return spec
    return ModelSpec.model_validate(spec.model_dump() | {"features": earlier.features})


def declaration(core: Core) -> Declaration:
    """Return everything that is declared."""
    models = {name: record.spec for name, record in core.control.model_records().items()}
    maintenance = {name: record.spec for name, record in core.control.maintenance_records().items()}
    declared = {name: record.spec for name, record in core.control.source_records().items()}
    return Declaration(models=models, channels=core.control.channels(), maintenance=maintenance, sources=declared)


def health(core: Core) -> dict[str, Any]:
    """Say whether both stores answer, and how much the home holds."""
    try:
        with core.db.cursor() as cursor:
            cursor.execute("SELECT 1").fetchall()
        models = core.control.model_records()
        failing = sources.failing(core)
    except Exception as error:  # whatever it is, the stores do not answer
        return {"status": "failed", "error": str(error)}
    declared = core.declared_file()
    return (
        ({} if declared is None else {"declaration": declared})
        | {
            "status": "ok",
            "models": len(models),
            "now": core.now().isoformat(),
            "system_now": core.system_now().isoformat(),  # by which schedules are kept, also where a replay has a clock of its own
            "home": str(core.home.root),
            "failing_sources": failing,
            "lost": list(
                core.db.losses
            ),  # writes that were acknowledged and were not there any more when the home was opened
        }
    )
