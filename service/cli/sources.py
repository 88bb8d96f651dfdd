"""``sources``, ``pull``: where rows come from by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.session import FAILED, Session, command, table

if TYPE_CHECKING:
    from service.data_views import SourceRunView, SourceView


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "sources")(sources)
    command(app, "pull")(pull)


def sources(
    session: Session,
    runs: Annotated[str | None, typer.Option("--runs", metavar="NAME", help="The latest runs of this source.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many runs.")] = 20,
) -> None:
    """List the sources: state, lag, how far they have been read, when they run next; or the runs of one."""
    with session.workspace() as workspace:
        if runs is not None:
            history = workspace.source_runs(runs, limit=limit)
            session.show(history, lambda: table(history, _RUN, f"source {runs} has not run yet"))
            return
        found = workspace.sources()
    session.show(found, lambda: _listed(found))


_SOURCE = {
    "name": "source",
    "model": "model",
    "into": "into",
    "state": "state",
    "lag": "lag",
    "schedule": "schedule",
    "next_run": "next run",
    "position": "read up to",
    "place": "place",
    "error": "error",
}
_RUN = {
    "started_at": "started",
    "state": "state",
    "trigger": "by",
    "seconds": "seconds",
    "rows": "rows",
    "accepted": "accepted",
    "duplicates": "duplicates",
    "rejected": "rejected",
    "position": "read up to",
    "error": "error",
}


def _listed(found: list[SourceView]) -> str:
    rows: list[dict[str, Any]] = []
    for view in found:
        last = view["last_run"]
        rows.append({**view, "lag": _length(view["lag_seconds"]), "error": None if last is None else last["error"]})
    columns = _SOURCE if any(row["error"] for row in rows) else {k: v for k, v in _SOURCE.items() if k != "error"}
    return table(rows, columns, "no sources yet; declare one under [sources.…] in driftdeck.toml")


def _length(seconds: float | None) -> str | None:
    """Return a length of time in its largest fitting unit."""
    if seconds is None:
        return None
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.1f}{unit}"
    return f"{seconds:.0f}s"


def pull(session: Session, name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the source.")]) -> None:
    """Read what is new of a source, now."""
    with session.workspace() as workspace:
        done = workspace.run_source(name)
    session.show(done, lambda: _told(done))
    if done["state"] == "failed":
        session.say(f"source {name} failed: {done['error']}")
        raise typer.Exit(FAILED)


def _told(run: SourceRunView) -> str:
    counts = ", ".join(f"{name} {run[name]}" for name in ("rows", "accepted", "duplicates", "rejected"))
    return f"{counts}; {run['seconds']} s; read up to {run['position'] or 'nothing yet'}"
