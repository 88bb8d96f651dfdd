"""What loading a file means, whoever does it: names for its blocks, and words for how far it came."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from storage.file_formats.column_types import Kinds
from storage.file_formats.opening import title
from storage.files import FileTable, Progress, Reading
from storage.object_store import is_address

if TYPE_CHECKING:
    from service import views


@dataclass(frozen=True, slots=True)
class How:
    """How rows are to be appended; see :meth:`service.workspace.Workspace.log`."""

    key: str | None = None
    strict: bool = False
    origin: str | None = None
    reading: Reading | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """One load: of a file, several, or standard input. ``key`` is the caller's own name for it."""

    source: str
    reading: Reading
    key: str | None = None
    origin: str | None = None
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, source: str | os.PathLike[str], how: How, kinds: Kinds) -> Load:
        """Return the load of ``source``, whose columns are of these declared ``kinds``."""
        reading = how.reading or Reading()
        return cls(os.fspath(source), replace(reading, kinds={**kinds, **reading.kinds}), how.key, how.origin)

    def origin_of(self, block: FileTable) -> str:
        """Return where the rows of a block come from."""
        return self.origin or title(block.path)

    def key_of(self, block: FileTable) -> str | None:
        """Return the key of a block: of the caller's name and its number, or of what the block says of itself.

        The latter is ``file:PLACE:READING:MARK``; standard input has no place by which it could be known again.
        """
        if self.key is not None:
            number = self.counts[block.path]
            self.counts[block.path] += 1
            return f"{self.key}/{number}" if len(self.counts) == 1 else f"{self.key}/{_digest(block.path)}/{number}"
        if block.path == "-" or not block.mark:
            return None
        path = block.path if is_address(block.path) else str(Path(block.path).absolute())
        return f"file:{_digest(path)}:{self._manner}:{block.mark}"

    @property
    def _manner(self) -> str:
        reading = self.reading
        parts = [reading.encoding, reading.delimiter, sorted(reading.columns.items()), sorted(reading.kinds.items())]
        return _digest(json.dumps(parts))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()


@contextmanager
def rereadable(load: Load, folder: Path | None = None) -> Iterator[Load]:
    """Give a load that can be read twice: what comes by a pipe is written to a file in ``folder`` meanwhile."""
    if load.source != "-" and not _is_pipe(load.source):
        yield load
        return
    with tempfile.NamedTemporaryFile(dir=folder, prefix="load-") as spool:
        if load.source == "-":
            shutil.copyfileobj(sys.stdin.buffer, spool, 1 << 20)
        else:
            with Path(load.source).open("rb") as pipe:
                shutil.copyfileobj(pipe, spool, 1 << 20)
        spool.flush()
        yield replace(
            load,
            source=spool.name,
            key=load.key or f"pipe:{Path(spool.name).name}",
            origin=load.origin or title(load.source),
        )


def _is_pipe(source: str) -> bool:
    if is_address(source):
        return False
    try:
        mode = Path(source).expanduser().stat().st_mode
    except OSError:  # a pattern, or nothing at all, which is told when it is read
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def kept_words(total: views.AppendView, load: Load) -> str:
    """Return what to say of the rows that were kept before an error."""
    done = total["accepted"] + total["duplicates"]
    again = "with the same --key" if load.key else "on the same file"
    if load.source == "-" and not load.key:
        return f"{total['accepted']:,} rows before it are kept; rows with ids may be sent again, the others would be doubled"
    return f"{done:,} rows before it are kept: the same command {again} goes on from there"
