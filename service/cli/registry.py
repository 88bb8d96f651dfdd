"""``lineage``, ``import``, ``export-version``, ``prune-versions``: where models come from and where they go."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, command, table

if TYPE_CHECKING:
    from service.training_views import LineageView

VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="As `versions` lists it.")]


class ExportFormat(StrEnum):
    """What a version can be written as."""

    ARTEFACT = "artefact"
    ONNX = "onnx"
    PARAMETERS = "parameters"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "lineage")(lineage)
    command(app, "deployments")(deployments)
    command(app, "import")(import_)
    command(app, "export-version")(export_version)
    command(app, "prune-versions")(prune_versions)


def lineage(session: Session, model: ModelArgument, version: VersionArgument) -> None:
    """Say where a version comes from: rows, code, parameters, libraries, who and why."""
    with session.workspace() as workspace:
        view = workspace.lineage(model, version)
    session.show(view, lambda: _told(view))


def deployments(session: Session, model: ModelArgument) -> None:
    """List which version was given which role, when and by whom, latest first."""
    with session.workspace() as workspace:
        found = workspace.deployments(model)
    columns = {"at": "when", "version": "version", "role": "role", "share": "share", "actor": "by", "note": "why"}
    session.show(found, lambda: table(found, columns, f"no version of {model} has had a role yet"))


def _told(view: LineageView) -> str:
    origin = "trained elsewhere" if view["origin"] == "imported" else f"job {view['job_id']}"
    size = f"{view['artefact_bytes']:,} bytes" if view["artefact_bytes"] else "deleted"
    lines = {
        "made": f"{view['created_at']} by {view['created_by']}: {origin}"
        + (f" ({view['reason']})" if view["reason"] else ""),
        "alert": view["alert_id"],
        "rows": f"{view['rows']:,}, {view['query']}" if view["query"] else None,
        "data": view["data_sha256"],
        "code": view["code_sha256"],
        "trainer": view["trainer"] + (f", seed {view['seed']}" if view["seed"] is not None else ""),
        "params": ", ".join(f"{name}={value}" for name, value in view["params"].items()),
        "libraries": ", ".join(f"{name} {text}" for name, text in (view["environment"] | view["libraries"]).items()),
        "reference": view["reference_version"],
        "artefact": f"{view['artefact_format']}, {size}, sha256 {view['artefact_sha256']}",
    }
    shown = [f"{name:<10} {text}" for name, text in lines.items() if text not in (None, "")]
    shown += [f"role       {event['at']} {event['role']} by {event['actor']}" for event in view["deployments"]]
    return "\n".join(
        [f"{view['version']} of {view['model']}", *shown, *(f"note       {note}" for note in view["notes"])]
    )


def import_(
    session: Session,
    model: ModelArgument,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A .skops, .onnx, .joblib or .pkl file, or an MLflow folder.")
    ],
    version: Annotated[
        str | None, typer.Option("--version", metavar="NAME", help="Its name; left out: the next.")
    ] = None,
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="Where it comes from.")] = "",
) -> None:
    """Take in a model that was trained elsewhere, after asking it about rows of the log."""
    with session.workspace() as workspace:
        view = workspace.import_version(model, path, version=version, comment=comment)
        notes = workspace.lineage(model, view["version"])["notes"]
    for note in notes:
        session.say(f"note: {note}")
    session.show(view, lambda: f"{view['version']} of {model} is registered. {view['gate_sentence']}")


def export_version(
    session: Session,
    model: ModelArgument,
    version: VersionArgument,
    format: Annotated[ExportFormat, typer.Option("--format", help="What to write.")] = ExportFormat.ARTEFACT,  # noqa: A002
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Where to; left out: the home's exports.")
    ] = None,
) -> None:
    """Write a version to a file that other programs can use."""
    with session.workspace() as workspace:
        path = workspace.export_version(model, version, format.value)
        if to is not None:
            shutil.copyfile(path, to)
            path = to
    session.show({"path": str(path), "bytes": path.stat().st_size}, lambda: f"{path}: {path.stat().st_size:,} bytes")


def prune_versions(
    session: Session,
    model: ModelArgument,
    keep: Annotated[
        int, typer.Option("--keep", min=0, metavar="N", help="Archived versions that keep their artefacts.")
    ],
) -> None:
    """Delete the artefacts of archived versions; records stay, and so does what serves or can be rolled back to."""
    with session.workspace() as workspace:
        gone = workspace.prune_versions(model, keep=keep)
    columns = {"version": "version", "bytes": "bytes", "created_at": "created"}
    session.show(gone, lambda: table(gone, columns, "no artefact had to go"))
