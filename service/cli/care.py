"""``backup``, ``restore``, ``doctor``, ``erase``, ``erasures``, ``storage``: care of what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.monitor import OptionalModel
from service.cli.session import FAILED, Session, command, table

if TYPE_CHECKING:
    from service.data_views import ErasureReceipt, Finding, StorageView

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Of a backup: a .tar.zst.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "backup")(backup)
    command(app, "restore")(restore)
    command(app, "doctor")(doctor)
    command(app, "erase")(erase)
    command(app, "erasures")(erasures)
    command(app, "storage")(storage)


def backup(session: Session, file: FileArgument) -> None:
    """Write everything the home holds into one file, while it is in use or not."""
    with session.workspace() as workspace:
        made = workspace.backup(file)
    words = f"{made['path']}: {made['bytes'] / 2**20:,.1f} MiB, {len(made['models'])} models, {made['seconds']:.1f} s"
    session.show(made, lambda: words)


def restore(session: Session, file: FileArgument) -> None:
    """Put a backup in the place of what the home holds, which is moved aside, not deleted."""
    from service import endpoint
    from service.local import care, system_clock

    endpoint.refuse_second(session.home)
    done = care.restore(session.home, file, system_clock)
    lines = [f"{done['home']} is as it was at {done['made']}: models {', '.join(done['models']) or 'none'}"]
    if done["replaced"]:
        lines.append(f"what was there lies in {done['replaced']}")
    if done["erased_again"]:
        lines.append(f"{done['erased_again']:,} rows of erased subjects were in the backup and were deleted again")
    if done["receipts"]:
        lines.append(f"receipts of erasures that were applied: {', '.join(done['receipts'])}")
    if not done["replaced"]:
        lines.append(
            f"there was no home here: whoever was erased elsewhere after {done['made']} is back. Compare `driftdeck erasures` of that "
            "home, and call `driftdeck erase` here for each that is missing"
        )
    session.show(done, lambda: "\n".join(lines))


def doctor(session: Session) -> None:
    """Look whether the home is in order; exit code 1 when something is not."""
    found = _examine(session)
    session.show(found, lambda: "\n".join(_line(finding) for finding in found))
    if not all(finding["ok"] for finding in found):
        raise typer.Exit(FAILED)


def _examine(session: Session) -> list[Finding]:
    from service.local import care
    from service.workspace import WorkspaceError
    from storage.errors import HomeLockedError, StorageError

    if not session.home.is_dir():
        raise WorkspaceError(f"there is no home {session.home}; name one with --home")
    try:
        with session.workspace() as workspace:
            return workspace.doctor()
    except HomeLockedError:
        raise
    except StorageError as error:
        return care.doctor_of_closed(session.home, error)


def _line(finding: Finding) -> str:
    line = f"{'ok   ' if finding['ok'] else 'WRONG'} {finding['check']}: {finding['words']}"
    return line if not finding["advice"] else f"{line}\n      {finding['advice']}"


def erase(
    session: Session,
    model: ModelArgument,
    subject: Annotated[str, typer.Option("--subject", metavar="ID", help="As it was sent in the declared column.")],
) -> None:
    """Delete every row about one subject, wherever it lies, and keep a receipt."""
    with session.workspace() as workspace:
        receipt = workspace.erase(model, subject)
    session.show(receipt, lambda: _receipt(receipt))


def _receipt(receipt: ErasureReceipt) -> str:
    deleted = ", ".join(f"{count:,} {place}" for place, count in receipt["deleted"].items() if count) or "nothing"
    return "\n".join([f"receipt {receipt['id']}: deleted {deleted}", *(f"kept: {words}" for words in receipt["kept"])])


def erasures(session: Session, model: OptionalModel = None) -> None:
    """List the receipts of deletions, latest first."""
    with session.workspace() as workspace:
        found = workspace.erasures(model)
    columns = {
        "id": "id",
        "model": "model",
        "requested_at": "requested",
        "actor": "by",
        "subject_hash": "subject (hash)",
    }
    session.show(found, lambda: table(found, columns, "nobody was erased yet"))


def storage(session: Session, model: ModelArgument) -> None:
    """Show what a model occupies, and which rows leave the log next."""
    with session.workspace() as workspace:
        view = workspace.storage(model)
    session.show(view, lambda: _storage(view))


def _storage(view: StorageView) -> str:
    lines = [f"{view['rows']:,} rows in the log, the oldest within reach of {view['oldest'] or 'none'}"]
    lines.append(
        f"{view['archived_rows']:,} archived ({view['archive_bytes'] / 2**20:,.1f} MiB), {view['dropped_rows']:,} dropped"
    )
    verb = "are archived" if view["then"] == "archive" else "are dropped"
    rule = f"rows older than {view['keep']} {verb}; the next cut is at {view['next_cut'] or 'none'}"
    return "\n".join([*lines, rule if view["keep"] else "all rows are kept"])
