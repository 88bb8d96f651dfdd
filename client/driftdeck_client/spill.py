"""Batches on disk while the server is away: one file each, a header and JSON lines, in a folder that its process locks.

A process that ended leaves its folder behind unlocked; the next client with the same ``spill_dir`` takes it over. Files are not
synced: they outlive the process, not the machine's power.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from driftdeck_client.records import is_json, new_id
from driftdeck_client.waiting import Batch

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_FORMAT = 1
_SUFFIX = ".jsonl"


class Folder:
    """One process's files. ``handle`` holds the lock as long as the process lives."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path, self.handle = path, handle
        self.files = 0

    @classmethod
    def claim(cls, path: Path) -> Folder | None:
        """Lock a folder; None when another process has it, or just took it away."""
        name = path / "lock"
        try:
            handle = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:
            return None
        try:
            _lock(handle)
            if name.stat().st_ino == os.fstat(handle).st_ino:  # not one that its last owner removed meanwhile
                return cls(path, handle)
        except OSError:
            pass
        os.close(handle)
        return None

    def release(self) -> None:
        """Unlock; an empty folder goes."""
        if not self.files:
            try:
                (self.path / "lock").unlink()
                self.path.rmdir()
            except OSError:  # somebody else keeps something there
                pass
        os.close(self.handle)


class Spill:
    """The files of one client, ``limit`` bytes of them at most. Safe to use from several threads."""

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory, self._limit = directory, limit
        self._guard = threading.Lock()
        self._folders: list[Folder] = []
        self._own: Folder | None = None
        self._used = 0

    def forget(self) -> None:
        """Let go of a parent's folders, in its forked child; the parent's lock stays."""
        for folder in self._folders:
            os.close(folder.handle)
        self._guard = threading.Lock()
        self._folders, self._own, self._used = [], None, 0

    # -- writing -------------------------------------------------------------------------------------------------------
    def store(self, batch: Batch) -> int:
        """Append the lines of a batch to its file, as many as the limit leaves room for; returns how many.

        Raises OSError when the disk does not take them; the file is then as before.
        """
        with self._guard:
            header = b"" if batch.path else _header(batch)
            parts, size = [header], len(header)
            for line in batch.lines:
                part = line.encode() + b"\n"
                if self._used + size + len(part) > self._limit:
                    break
                parts.append(part)
                size += len(part)
            if len(parts) == 1:
                return 0
            folder = batch.folder or self._own_folder()
            path = batch.path or folder.path / (batch.key + _SUFFIX)
            try:
                _append(path, b"".join(parts), batch.size)
            except FileNotFoundError:
                self._own = None  # somebody removed the folder; the next attempt makes another
                raise
            if not batch.path:
                batch.path, batch.folder = path, folder
                folder.files += 1
            batch.size += size
            self._used += size
            return len(parts) - 1

    def _own_folder(self) -> Folder:
        if self._own is not None:
            return self._own
        for _ in range(10):  # a client that starts at this moment may look into the new folder first
            path = self._directory / new_id()
            path.mkdir(0o700, parents=True)
            folder = Folder.claim(path)
            if folder is not None:
                self._own = folder
                self._folders.append(folder)
                return folder
        raise OSError(f"no folder in {self._directory} can be locked; give a spill_dir on a local disk")

    # -- reading -------------------------------------------------------------------------------------------------------
    def read(self, batch: Batch, size: int) -> list[bytes]:
        """Return the rows in the first ``size`` bytes of a batch's file that are whole; none if somebody removed it."""
        if batch.path is None:
            return []
        try:
            with batch.path.open("rb") as file:
                lines = file.read(size).split(b"\n")[1:]
        except FileNotFoundError:
            return []
        return [line for line in lines if line and is_json(line)]

    def remove(self, batch: Batch) -> None:
        """Remove the file of a batch that was answered, and the folder of an ended process with its last one."""
        if batch.path is None:
            return
        with self._guard:
            batch.path.unlink(missing_ok=True)
            self._used -= batch.size
            batch.folder.files -= 1
            if not batch.folder.files and batch.folder is not self._own and batch.folder in self._folders:
                self._folders.remove(batch.folder)
                batch.folder.release()

    def adopt(self) -> Iterator[Batch | OSError | ValueError]:
        """Yield the batches that ended processes left behind, oldest first; a file that is none of ours as an error."""
        found: list[Batch] = []
        for path in sorted(_entries(self._directory)):
            folder = Folder.claim(path)
            if folder is None:
                continue
            for file in _entries(folder.path):
                if file.suffix == _SUFFIX:
                    try:
                        found.append(_open(folder, file))
                    except (OSError, ValueError) as error:
                        folder.files += 1  # stays where it is
                        yield error
            with self._guard:
                if folder.files:
                    self._folders.append(folder)
                else:
                    folder.release()
        self._used += sum(batch.size for batch in found)
        yield from sorted(found, key=lambda batch: batch.key)

    def close(self) -> None:
        """Unlock what is left, for the next process."""
        with self._guard:
            for folder in self._folders:
                folder.release()
            self._folders, self._own = [], None


def _entries(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def _header(batch: Batch) -> bytes:
    kind, model = batch.lane
    return json.dumps({"driftdeck": _FORMAT, "kind": kind, "model": model, "key": batch.key}).encode() + b"\n"


def _append(path: Path, data: bytes, size: int) -> None:
    """Write behind the first ``size`` bytes of a file, or leave it as it was."""
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    try:
        os.lseek(handle, size, os.SEEK_SET)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(handle, rest) :]
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def _open(folder: Folder, path: Path) -> Batch:
    """Return the batch of a file. Raises ValueError when it does not begin as ours do."""
    data = path.read_bytes()
    first, *lines = data.split(b"\n")
    try:
        header = json.loads(first)
        known = header["driftdeck"] == _FORMAT
        batch = Batch(str(header["key"]), (str(header["kind"]), str(header["model"])))
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ValueError(f"{path} does not begin like a file of this client; it is left alone")
    batch.path, batch.folder, batch.sealed = path, folder, True
    batch.size = len(data)
    batch.stored = sum(1 for line in lines if line)
    folder.files += 1
    return batch
