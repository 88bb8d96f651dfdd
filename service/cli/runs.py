"""``run``, ``runs``, ``cancel-run``, ``schedule``: when models are judged, how far it is, and what became of it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import FAILED, Session, SinceOption, UntilOption, command, table
from service.workspace import ConflictError

if TYPE_CHECKING:
    from service.alert_views import ModelRunView
    from service.workspace import Workspace

OptionalModel = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="One model [default: all].")]
_INTERRUPTED = 130
_POLL, _LINE = 0.25, 5.0  # seconds between two looks at a run, and between two lines about it
_GOES_ON = "what is judged stays, and the next run goes on from there"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "run")(run)
    command(app, "runs")(runs)
    command(app, "cancel-run")(cancel_run)
    command(app, "schedule")(schedule)


def run(session: Session, model: OptionalModel = None, since: SinceOption = None, until: UntilOption = None) -> None:
    """Compute every window that is due: closed, or dirty because data came late. Ctrl-C ends it after the windows it is at."""
    with session.workspace() as workspace:
        done, interrupted = _watched(session, workspace, model, lambda: workspace.run(model, since=since, until=until))
    rows = [{**view, "opened": len(view["alerts_opened"]), "resolved": len(view["alerts_resolved"])} for view in done]
    columns = {
        "model": "model", "windows": "windows", "readings": "readings", "opened": "alerts opened", "resolved": "resolved", "seconds": "seconds",
    }  # fmt: skip
    session.show(done, lambda: table(rows, columns, "no models yet; declare one with `driftdeck apply FILE`"))
    ended = [view for view in done if view["state"] != "done"]
    for view in ended:
        words = "took too long (monitor.timeout)" if view["state"] == "timed_out" else "was cancelled"
        session.say(f"the run of {view['model']} {words} after {view['windows']} windows; {_GOES_ON}")
    if interrupted or ended:
        raise typer.Exit(_INTERRUPTED if interrupted else FAILED)


def _watched(
    session: Session, workspace: Workspace, model: str | None, work: Callable[[], list[Any]]
) -> tuple[list[Any], bool]:
    """Do the work in a thread and show how far it is; Ctrl-C cancels it. Returns its result, and whether that happened."""
    found: list[list[Any]] = []
    errors: list[BaseException] = []
    over = threading.Event()  # an interrupted join would take the thread for ended

    def target() -> None:
        try:
            found.append(work())
        except BaseException as error:  # raised where it was asked for
            errors.append(error)
        finally:
            over.set()

    interrupted = False
    with _shown(session) as show:
        threading.Thread(target=target, name="run", daemon=True).start()
        while not over.is_set():
            try:
                over.wait(_POLL)
                if interrupted:
                    _cancel(workspace, model)
                elif show is not None and not over.is_set():
                    show(next((view for view in workspace.runs(model, limit=5) if view["state"] == "running"), None))
            except KeyboardInterrupt:
                if interrupted:  # a second time: whoever asks twice means it
                    raise
                interrupted = True
                session.say("ending after the windows it is at (Ctrl-C once more ends it at once)")
    if errors:
        raise errors[0]
    return found[0], interrupted


def _cancel(workspace: Workspace, model: str | None) -> None:
    for view in workspace.runs(model, limit=5):
        if view["state"] == "running" and view["trigger"] == "manual":
            try:
                workspace.cancel_run(view["model"])
            except ConflictError:  # it has ended meanwhile
                continue


@contextmanager
def _shown(session: Session) -> Iterator[Callable[[ModelRunView | None], None] | None]:
    """Give what shows how far a run is: a bar on a terminal, a line now and then elsewhere, nothing (None) with ``--json``."""
    if session.json:
        yield None
    elif sys.stderr.isatty():
        with _bar() as draw:
            yield draw
    else:
        said = [time.monotonic()]

        def line(view: ModelRunView | None) -> None:
            if view is not None and time.monotonic() - said[0] >= _LINE:
                said[0] = time.monotonic()
                session.say(words(view))

        yield line


@contextmanager
def _bar() -> Iterator[Callable[[ModelRunView | None], None]]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("run", total=None, words="")

        def draw(view: ModelRunView | None) -> None:
            if view is not None:
                total, done = view["windows_total"], view["windows_done"]
                progress.update(
                    task, description=escape(view["model"]), total=total or None, completed=done, words=words(view)
                )

        yield draw


def words(view: ModelRunView) -> str:
    """Return how far a run is, and how long the rest may take."""
    total = view["windows_total"]
    if total is None:
        return f"{view['model']}: looking for what is due"
    left = view["remaining_seconds"]
    rest = "" if left is None else f", about {left:.0f} s left"
    return f"{view['model']}: {view['windows_done']} of {total} windows{rest}"


def runs(
    session: Session,
    model: OptionalModel = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many runs.")] = 20,
) -> None:
    """List runs of monitors: by whom, how far, how long, and what went wrong."""
    with session.workspace() as workspace:
        found = workspace.runs(model, limit=limit)
    rows = [{**view, "windows": _windows(view)} for view in found]
    columns = {
        "model": "model", "started_at": "started", "state": "state", "trigger": "by", "actor": "actor", "windows": "windows",
        "rows": "rows", "readings": "readings", "alerts_opened": "alerts opened", "seconds": "seconds", "error": "error",
    }  # fmt: skip
    if not any(row["error"] for row in rows):
        del columns["error"]
    session.show(found, lambda: table(rows, columns, "nothing has run yet; `driftdeck run` judges what is due"))


def _windows(view: ModelRunView) -> str:
    done, total = view["windows_done"], view["windows_total"]
    return str(done) if total in (None, done) else f"{done} of {total}"


def cancel_run(session: Session, model: ModelArgument) -> None:
    """End the run of a model after the windows it is at."""
    with session.workspace() as workspace:
        view = workspace.cancel_run(model)
    session.show(view, lambda: f"run of {model}: {view['state']} after {_windows(view)} windows; {_GOES_ON}")


def schedule(session: Session) -> None:
    """List what happens by itself: when it did last, how that went, when it does next."""
    with session.workspace() as workspace:
        found = workspace.schedule()
    columns = {
        "name": "name", "kind": "kind", "model": "model", "schedule": "schedule", "last_run": "last", "last_state": "state",
        "next_run": "next", "note": "note",
    }  # fmt: skip
    session.show(
        found, lambda: table(found, columns, "nothing is scheduled; declare models with `driftdeck apply FILE`")
    )
