"""``retrain``, ``jobs``, ``versions``, ``deploy``, ``rollback``: the loop."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.monitor import OptionalModel
from service.cli.session import FAILED, Session, SinceOption, UntilOption, command, printable, table

if TYPE_CHECKING:
    from service.views import JobView, VersionView
    from service.workspace import Workspace

_POLL_SECONDS = 0.3
_UNFINISHED = ("queued", "running")
_ROLE = re.compile(r"(champion|shadow|canary)(?:=(0?\.\d+|1(?:\.0*)?|\d{1,3}%))?")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "retrain")(retrain)
    command(app, "jobs")(jobs)
    command(app, "versions")(versions)
    command(app, "deploy")(deploy)
    command(app, "rollback")(rollback)


def retrain(
    session: Session,
    model: ModelArgument,
    since: SinceOption = None,
    until: UntilOption = None,
    alert: Annotated[str | None, typer.Option("--alert", metavar="ID", help="Alert that asked for it.")] = None,
    again: Annotated[
        str | None,
        typer.Option("--again", metavar="JOB", help="Train the same as this job did: the same rows, the same request."),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the job has ended.")] = True,  # noqa: FBT002
) -> None:
    """Train a challenger on labelled rows and hold it against the champion."""
    with session.workspace() as workspace:
        if not wait:
            needs_server(workspace)
        if again is not None and (since or until or alert):
            raise typer.BadParameter("--again takes the rows and the alert of the job it names; leave the others out")
        if again is not None:
            if workspace.job(again)["model"] != model:
                raise typer.BadParameter(
                    f"--again {again}: that job is of {workspace.job(again)['model']}, not of {model}"
                )
            job = workspace.retrain_again(again)
        else:
            job = workspace.retrain(model, since=since, until=until, alert_id=alert)
        if not session.json:
            session.say(f"rows of {job['period'][0]} to {job['period'][1]}: {job['reason']}")
        if wait:
            job = follow(workspace, job)
        made = [view for view in workspace.versions(model) if job["version"] and view["version"] == job["version"]]
        words = [view["gate_sentence"] for view in made]
        if again is not None and made:
            words = _compared(made[0], workspace.versions(model), workspace.job(again)["version"])
    session.show(job, lambda: "\n".join([job_line(job), *words]))
    if wait and job["state"] != "succeeded":
        raise typer.Exit(FAILED)


def _compared(made: VersionView, versions: list[VersionView], earlier: str | None) -> list[str]:
    """Say whether what was made once more is the same."""
    then = next((view["sha256"] for view in versions if view["version"] == earlier), None)
    if then is None:
        return [f"there is no version to compare {made['version']} with: that job registered none"]
    if then == made["sha256"]:
        return [f"{made['version']} is {earlier} again: the same artefact, SHA-256 {then}"]
    return [
        f"{made['version']} is not {earlier}: SHA-256 {made['sha256']} against {then}; `driftdeck lineage` shows what differs"
    ]


def needs_server(workspace: Workspace) -> None:
    """Refuse not to wait where nobody would be left to finish the job."""
    from service.remote import RemoteWorkspace

    if not isinstance(workspace, RemoteWorkspace):
        raise typer.BadParameter("--no-wait needs a process that goes on: start `driftdeck serve`, or wait")


def follow(workspace: Workspace, job: JobView) -> JobView:
    """Follow a job with its progress on stderr until it has ended; a terminal sees one line that moves."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task(printable(job["step"] or job["state"]), total=1.0)
        while job["state"] in _UNFINISHED:
            time.sleep(_POLL_SECONDS)
            job = workspace.job(job["id"])
            progress.update(task, completed=job["progress"], description=printable(job["step"] or job["state"]))
    return job


def job_line(job: JobView) -> str:
    """Return a job as one line."""
    ending = f": {job['error']}" if job["error"] else f", version {job['version']}" if job["version"] else ""
    return f"job {job['id']} of {job['model']}: {job['state']}{ending}"


def jobs(session: Session, model: OptionalModel = None) -> None:
    """List training jobs, latest first."""
    with session.workspace() as workspace:
        found = workspace.jobs(model)
    columns = {
        "id": "id", "model": "model", "kind": "kind", "state": "state", "progress": "progress", "version": "version",
        "eta_seconds": "seconds left", "created_at": "created", "requested_by": "by", "error": "error",
    }  # fmt: skip
    session.show(found, lambda: table(found, columns, "no jobs yet; start one with `driftdeck retrain MODEL`"))


def versions(session: Session, model: ModelArgument) -> None:
    """List model versions with their roles and the gate they went through."""
    with session.workspace() as workspace:
        found = workspace.versions(model)
    columns = {
        "version": "version", "role": "role", "created_at": "created", "rows": "rows", "gate_verdict": "gate",
        "gate_sentence": "against the champion",
    }  # fmt: skip
    session.show(found, lambda: table(found, columns, f"no versions yet; train one with `driftdeck retrain {model}`"))


def deploy(
    session: Session,
    model: ModelArgument,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="As `versions` lists it.")],
    role: Annotated[str, typer.Option("--as", metavar="ROLE", help="champion, shadow or canary[=SHARE].")] = "champion",
) -> None:
    """Give a version a role."""
    match = _ROLE.fullmatch(role)
    if match is None or (match[2] and match[1] != "canary"):
        raise typer.BadParameter(f"--as {role!r} is not a role; write champion, shadow, canary or canary=0.1")
    share = None if match[2] is None else float(match[2].rstrip("%")) / (100 if match[2].endswith("%") else 1)
    with session.workspace() as workspace:
        view = workspace.deploy(model, version, role=match[1], share=share)
    if view["gate_verdict"] == "failed":
        session.say(f"{view['version']} had failed its gate: {view['gate_sentence']}")
    session.show(view, lambda: _version_line(view))


def rollback(session: Session, model: ModelArgument) -> None:
    """Make the previous champion the champion again."""
    with session.workspace() as workspace:
        view = workspace.rollback(model)
    session.show(view, lambda: _version_line(view))


def _version_line(view: VersionView) -> str:
    share = f" for {view['share']:.0%} of the traffic" if view["share"] is not None else ""
    return f"{view['version']} of {view['model']} is {view['role']}{share}"
