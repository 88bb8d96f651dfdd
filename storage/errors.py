"""What can go wrong with stored things; every message says what happened and what to do next."""

from __future__ import annotations

import errno


class StorageError(Exception):
    """Something stored cannot be read or written."""


class StorageFullError(StorageError):
    """The disk is full: nothing of this write was kept, what was acknowledged before it is safe."""


class DamagedFileError(StorageError):
    """A file of the home cannot be read any more; the message says how to restore it."""


class QueueFullError(StorageError):
    """Writes arrive faster than the disk takes them; send again after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NewerSchemaError(StorageError):
    """The file was written by a newer Driftdeck than this one."""


class ChangedMigrationError(StorageError):
    """A migration that this file has been through is not the one this Driftdeck ships."""


class SchemaConflictError(StorageError):
    """A declaration asks for a column that the stored rows hold in another type."""


class KeyReusedError(StorageError):
    """An idempotency key came again with other rows."""


class HomeLockedError(StorageError):
    """Another process owns the home folder."""


class AlreadyExistsError(StorageError):
    """A record that may be written only once exists already."""


class MissingRecordError(StorageError, LookupError):
    """The record asked for does not exist; the message lists what does."""


class AuditBrokenError(StorageError):
    """The audit trail's hashes do not follow from one another: a record was changed or removed."""


_FULL = ("no space left on device", "disk is full", "disk quota exceeded", "file too large")


def is_full(error: BaseException) -> bool:
    """Whether ``error`` says that the disk is full; DuckDB and SQLite say so in words only."""
    if isinstance(error, StorageFullError):
        return True
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return True
    text = str(error).lower()
    return any(words in text for words in _FULL)
