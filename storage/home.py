"""The home folder: where everything a workspace owns lies, and which process owns it."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.errors import HomeLockedError, StorageError


@dataclass(frozen=True, slots=True)
class Home:
    """The files and folders inside a home folder."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> Home:
        """Make the folder and its sub-folders, readable by their owner only; of what exists, all that rows lie in is made so."""
        home = cls(root.expanduser().absolute())
        for folder in (home.root, home.artefacts, home.jobs, home.references, home.reports, home.spill):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except (FileExistsError, NotADirectoryError) as error:
                raise StorageError(f"home {home.root} cannot be used: {folder} is a file; give a folder") from error
            except PermissionError as error:
                raise StorageError(
                    f"home {home.root} cannot be made: no permission to write {folder}; give another folder"
                ) from error
        home._close_to_others()
        return home

    def _close_to_others(self) -> None:
        """Take what rows lie in away from everybody but the owner, also where an earlier version or a copy has left it open."""
        folders = [self.root / name for name in ("archives", "backups", "jobs", "references", "reports")]
        files = [
            *self.root.glob("driftdeck.duckdb*"),
            *self.references.glob("*.parquet"),
            *self.jobs.glob("*/*.parquet"),
        ]
        for path, mode in [*((folder, 0o700) for folder in folders), *((file, 0o600) for file in files)]:
            if path.exists() and stat.S_IMODE(path.stat().st_mode) != mode:
                with suppress(PermissionError):  # another owner's; the doctor names what matters
                    path.chmod(mode)

    @property
    def database(self) -> Path:
        """The DuckDB file: what was observed."""
        return self.root / "driftdeck.duckdb"

    @property
    def control(self) -> Path:
        """The SQLite file: what was decided."""
        return self.root / "control.db"

    @property
    def privacy_key(self) -> Path:
        """What hashes of hidden columns are made with; without it no id or subject is found again."""
        return self.root / "privacy.key"

    @property
    def artefacts(self) -> Path:
        """Trained models."""
        return self.root / "artefacts"

    @property
    def jobs(self) -> Path:
        """One folder for each job: its rows, log and result."""
        return self.root / "jobs"

    @property
    def references(self) -> Path:
        """A sample of each reference's rows."""
        return self.root / "references"

    @property
    def reports(self) -> Path:
        """Reports that were made on request."""
        return self.root / "reports"

    @property
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit into memory."""
        return self.root / "spill"

    @property
    def lock(self) -> Path:
        """Held by the owning process."""
        return self.root / "lock"

    @property
    def endpoint(self) -> Path:
        """Where the owning process can be reached."""
        return self.root / "endpoint.json"


class HomeLock:
    """The operating system's lock on a home folder: it ends with its process, however that ends."""

    def __init__(self, home: Home, url: str | None = None) -> None:
        """Take the lock; raises :class:`HomeLockedError`, one friendly line, if another process holds it."""
        self._home = home
        self._file = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise HomeLockedError(_taken(home)) from error
        self.describe(url)

    def describe(self, url: str | None) -> None:
        """Say where the owner can be reached, for whoever comes second."""
        text = json.dumps({"pid": os.getpid(), "url": url}).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text, 0)

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _taken(home: Home) -> str:
    try:
        owner = json.loads(home.lock.read_text())
    except (OSError, ValueError):
        owner = {}
    pid, url = owner.get("pid"), owner.get("url")
    who = f"process {pid}" if pid else "another process"
    if url:
        return f"{home.root} is already open in {who} at {url}: use that address, or stop it first"
    return f"{home.root} is already open in {who}: wait until it is done, or stop it first"
