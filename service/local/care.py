"""Care of the home: retention, backups, restore, deletion of a subject, and the doctor."""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from service.local.convert import iso
from service.workspace import ConflictError, WorkspaceError
from storage import backup as backups
from storage import doctor as examination
from storage.append_common import HORIZON
from storage.control import Control
from storage.control_erasure import receipts_of
from storage.database import Database
from storage.erasure import erase_again, erase_subject, new_receipt, subject_hash, without_subject
from storage.errors import StorageError
from storage.home import Home, HomeLock
from storage.log_queries import count_repeats
from storage.mentions import unsearched
from storage.model_tables import tables_exist
from storage.privacy import hide, load_key
from storage.retention import apply_retention, next_cut, stored
from storage.row_samples import readings_with_words

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service import data_views
    from service.local.core import Core

log = logging.getLogger(__name__)
_STAGING = (".backup-*", ".restore-*")
_RESTORED = "restored into this home it is cleaned by the receipts here, restored anywhere else it brings the rows back until you erase again"
_BEGUN, _BACKUP, _FAILED = "backup begun", "backup", "backup failed"


# -- retention ---------------------------------------------------------------------------------------------------------
def retain(core: Core, spec: ModelSpec) -> bool:
    """Let rows leave the log that are older than the model keeps; False: it went wrong, and waits for the next run."""
    count_repeats(core.db, spec)
    try:
        done = apply_retention(core.db, spec, core.now(), core.window_spec(spec.name).bucket)
    except StorageError as error:
        log.warning("old rows of %s stay for now: %s", spec.name, error)
        return False
    if done.archived or done.dropped:
        detail = {"archived": done.archived, "dropped": done.dropped, "keep": spec.retention.keep}
        core.control.append_audit("driftdeck", "retention", spec.name, detail, "schedule", core.now())
    return True


def storage(core: Core, model: str) -> data_views.StorageView:
    """Say what a model occupies, and what its retention has done."""
    spec = core.spec(model)
    with core.db.cursor() as con:
        held = stored(con, model)
        cut = next_cut(con, spec, core.now(), core.window_spec(model).bucket)
    return {
        "model": model,
        "rows": held.rows,
        "archived_rows": held.archived_rows,
        "dropped_rows": held.dropped_rows,
        "archive_bytes": held.archive_bytes,
        "keep": spec.retention.keep,
        "then": spec.retention.then,
        "oldest": iso(held.oldest, spec.zone) if held.oldest else None,
        "next_cut": iso(cut, spec.zone) if cut else None,
    }


# -- backup and restore ------------------------------------------------------------------------------------------------
def backup(core: Core, path: Path, actor: str) -> data_views.BackupView:
    """Write a backup while everything goes on.

    The audit has it from its beginning: whoever is erased meanwhile learns that it may hold their rows.
    """
    started = time.monotonic()
    models = sorted(core.control.model_records())
    target = Path(path).expanduser().absolute()
    sent = target.parent.parent == core.home.root and target.parent.name.startswith(".backup-")
    told = f"{target.name} (sent over HTTP)" if sent else str(target)
    number = {"backup": secrets.token_hex(8)}
    core.control.append_audit(actor, _BEGUN, told, number, "workspace", core.now())
    try:
        made = backups.write_backup(core.db, core.home, target, core.now(), models)
    except BaseException:
        core.control.append_audit(actor, _FAILED, told, number, "workspace", core.now())
        raise
    detail = number | {"bytes": made.bytes, "models": models}
    core.control.append_audit(actor, _BACKUP, told, detail, "workspace", core.now())
    return {
        "path": str(made.path),
        "bytes": made.bytes,
        "created_at": made.created_at.astimezone(UTC).isoformat(),
        "models": models,
        "seconds": time.monotonic() - started,
    }


def restore(folder: Path, file: Path, now: Callable[[], datetime]) -> dict[str, Any]:
    """Put a backup in the place of a home that no process has open.

    Everything in the backup is verified first. What was there is moved into ``replaced-<time>``, and whoever was erased, by the
    receipts of either, is erased again.
    """
    home = Home.create(folder)
    with HomeLock(home):
        tidy(home)
        staging = home.root / f".restore-{now().astimezone(UTC):%Y%m%dT%H%M%SZ}"
        staging.mkdir(mode=0o700)
        try:
            manifest = backups.unpack(Path(file).expanduser().absolute(), staging)
            was_there = home.control.exists() or (home.root / backups.UNFINISHED).exists()
            aside = backups.put_in_place(home, staging, now())
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        if not was_there and not any(path.is_file() for path in aside.rglob("*")):
            shutil.rmtree(aside)
        home = Home.create(folder)
        with Database.open(home.database, now) as db, Control(home.control, now) as control:
            erased = _erase_anew(db, control, home, [aside, *_set_aside(home)], now)
            receipts = [receipt["id"] for receipt in control.erasures()]
            detail = {"made": manifest["created_at"], "erased_again": erased, "receipts": len(receipts)}
            control.end_every_session()
            control.append_audit("cli", "restore", str(file), detail, "workspace", now())
    return {
        "home": str(home.root),
        "made": manifest["created_at"],
        "models": manifest["models"],
        "replaced": str(aside) if aside.exists() else None,
        "erased_again": erased,
        "receipts": receipts,
    }


def _set_aside(home: Home) -> list[Path]:
    """Return what earlier restores put aside: one that broke off has split the content into two."""
    return sorted(home.root.glob("replaced-*"))


def _erase_anew(db: Database, control: Control, home: Home, asides: list[Path], now: Callable[[], datetime]) -> int:
    specs = {name: record.spec for name, record in control.model_records().items()}
    keys = [key for aside in asides if (key := aside / home.privacy_key.name).exists()]
    if (
        keys and not home.privacy_key.exists()
    ):  # a backup from before there was a key: the receipts need the one they were made with
        shutil.copyfile(keys[0], home.privacy_key)
        home.privacy_key.chmod(0o600)
    own = control.erasures()
    rows = erase_again(db, home, specs, own, load_key(home.privacy_key), now()) if own else 0
    for aside in dict.fromkeys(asides):
        if not (aside / home.control.name).exists():
            continue
        theirs = receipts_of(aside / home.control.name)
        if theirs:
            key = aside / home.privacy_key.name
            rows += erase_again(db, home, specs, theirs, load_key(key if key.exists() else home.privacy_key), now())
        for receipt in theirs:
            control.put_erasure(receipt)
    return rows


def tidy(home: Home) -> None:
    """Remove what a killed process left half made; call it with the home's lock held."""
    for pattern in _STAGING:
        for path in home.root.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)


# -- deletion ----------------------------------------------------------------------------------------------------------
def erase(core: Core, model: str, subject: str, actor: str) -> data_views.ErasureReceipt:
    """Delete every row about one subject, wherever it lies, and keep a receipt that does not name it."""
    with core.mutex:
        spec = core.spec(model)
        if spec.subject is None:
            raise WorkspaceError(
                f'model {model!r} does not say whom its rows are about: declare subject = "COLUMN" in [models.{model}]; rows '
                "that were logged before that name nobody"
            )
        if subject == "":
            raise WorkspaceError("the subject is empty; give the id as it was sent in the column " + repr(spec.subject))
        running = [job["id"] for job in core.control.jobs(model) if job["state"] in ("queued", "running")]
        if running:
            raise ConflictError(f"job {running[0]} is training on rows of {model!r}; wait for its end, or cancel it")
        key = core.key()
        found = hide(spec, spec.subject, subject, key)
        done = erase_subject(core.db, core.home, spec, found, core.now(), sent=subject)
        kept = done.kept + _kept(core, spec)
        receipt = new_receipt(model, subject_hash(key, model, found), core.now(), actor, done.deleted, kept)
        core.control.put_erasure(receipt)
        detail = {"id": receipt["id"], "deleted": done.deleted}
        core.control.append_audit(actor, "erase", f"{model}/{receipt['subject_hash']}", detail, "workspace", core.now())
    return cast("data_views.ErasureReceipt", receipt)


def erasures(core: Core, model: str | None) -> list[data_views.ErasureReceipt]:
    """Return the receipts, latest first."""
    if model is not None:
        core.spec(model)
    return cast("list[data_views.ErasureReceipt]", list(reversed(core.control.erasures(model))))


def _kept(core: Core, spec: ModelSpec) -> list[str]:
    """Name what may still hold something of the subject."""
    kept = ["free blocks of driftdeck.duckdb, until other rows are written over them"]
    with core.db.cursor() as con:
        if tables_exist(con, spec.name):
            nobody = without_subject(con, spec.name)
            if nobody:
                kept.append(f"{nobody:,} rows of the log do not tell whom they are about; they were not touched")
        unread = unsearched(con, spec.name)
        worded = readings_with_words(con, spec.name)
    if unread:
        kept.append(
            f"{unread:,} refused rows of which neither a subject nor the line as it came is kept (see quarantine), and the answers "
            f"to their appends, for {HORIZON.days} days: nobody can be found in them"
        )
    if worded:
        kept.append(
            f"{worded:,} readings of texts from before the model said whom its rows are about, and the alerts they opened: they name "
            "words that at least five texts held"
        )
    open_ = [column.name for column in spec.columns if column.type == "categorical" and column.name not in spec.privacy]
    if open_:
        kept.append(
            f"values of {', '.join(open_)} as names of categories, in profiles, references, readings and alerts: also those that only "
            "the subject had"
        )
    trained = [record["version"] for record in core.control.versions(spec.name) if record.get("artefact")]
    if trained:
        kept.append(f"models that were trained before, as what they have learned: {', '.join(trained)}")
    kept += _backups(core)
    folders = sorted([*core.home.root.glob("backups/before-*"), *core.home.root.glob("replaced-*")])
    kept += [f"{folder.relative_to(core.home.root)}/, until you delete it" for folder in folders]
    damaged = core.home.root / "quarantined"
    if damaged.is_dir() and any(damaged.iterdir()):
        kept.append("quarantined/, until you delete it")
    return kept


def _backups(core: Core) -> list[str]:
    """Name every backup that may hold rows of before now: those that were made, and those that are under way."""
    kept, ended = [], set()
    for entry in core.control.audit_of(_BEGUN, _BACKUP, _FAILED):  # the newest first
        number = entry["detail"].get("backup")
        if entry["action"] == _BACKUP:
            kept.append(f"the backup {entry['object']} of {entry['at']}, until you delete it; {_RESTORED}")
        elif entry["action"] == _BEGUN and number not in ended:
            kept.append(
                f"the backup {entry['object']} that was begun at {entry['at']}, if it comes to its end; {_RESTORED}"
            )
        ended.add(number)
    return kept


# -- doctor ------------------------------------------------------------------------------------------------------------
def doctor(core: Core) -> list[data_views.Finding]:
    """Say whether the home is in order."""
    specs = {name: record.spec for name, record in core.control.model_records().items()}
    found = examination.examine(core.db, core.control, core.home, specs, core.now())
    return [_finding(entry) for entry in [*found, _last_backup(core)]]


def doctor_of_closed(folder: Path, error: Exception) -> list[data_views.Finding]:
    """Say what can be said of a home that cannot be opened."""
    home = Home(folder.expanduser().absolute())
    first = examination.Found("opening", False, str(error), "see docs/care.md, what to do after damage")
    return [_finding(entry) for entry in [first, *examination.examine_folder(home)]]


def _last_backup(core: Core) -> examination.Found:
    made = core.control.audit_of(_BACKUP)
    if not made:
        return examination.Found(
            "backups", True, "none was made yet; `driftdeck backup FILE` makes one while all goes on"
        )
    return examination.Found("backups", True, f"the last one was made at {made[0]['at']}: {made[0]['object']}")


def _finding(found: examination.Found) -> data_views.Finding:
    return {"check": found.check, "ok": found.ok, "words": found.words, "advice": found.advice}
