"""Loading files, whoever takes the rows: block by block, each under a key of its own, so that a second run goes on where the first ended."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from storage.ahead import ahead
from storage.errors import KeyReusedError, StorageError
from storage.file_formats.column_types import Kinds
from storage.file_formats.opening import title
from storage.files import FileError, FileTable, Progress, Reading, iter_batches
from storage.object_store import is_address

if TYPE_CHECKING:
    from service import data_views, views

_TOLD = 1000  # refused rows that an answer names; quarantine has them all


class Taker(Protocol):
    """Whoever takes the rows of a file."""

    def loading(self) -> data_views.LoadingView:
        """Return what is to be known of the model and of earlier loads; raises an error in words if it takes no rows."""

    def append(self, block: FileTable, key: str | None, origin: str) -> views.AppendView:
        """Store a block, the same key once."""

    def check(self, block: FileTable) -> views.AppendView:
        """Return what of a block would be refused; nothing is stored."""


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


def load_file(
    taker: Taker, source: str | os.PathLike[str], how: How, spool_folder: Path | None = None
) -> views.AppendView:
    """Append what ``source`` holds: a path, a pattern, a folder, an address, ``-`` for standard input.

    With ``how.strict`` everything is read once to look for bad rows, and again to store it if there are none; what cannot be read
    twice is kept in ``spool_folder`` meanwhile. Raises :class:`storage.files.FileError`, saying what was kept.
    """
    model = taker.loading()
    load = Load.of(source, how, model["kinds"])
    if not how.strict:
        return _load(taker, load, model, how.progress)
    with rereadable(load, spool_folder) as again:
        refused = _check(taker, again)
        return refused if refused["rejected_rows"] else _load(taker, again, model, how.progress)


def _check(taker: Taker, load: Load) -> views.AppendView:
    """Read everything and store nothing; returns what would be refused."""
    total, passed = nothing(), 0
    with closing(ahead(iter_batches(load.source, reading=load.reading))) as blocks:
        for block in blocks:
            found = taker.check(block)
            add(total, found, passed + total["rejected_rows"])
            passed += block.records - found["rejected_rows"]
    return total


def _load(taker: Taker, load: Load, model: data_views.LoadingView, progress: Progress | None) -> views.AppendView:
    total, seen = nothing(), Seen.of(load, model)
    batches = iter_batches(load.source, reading=load.reading, known=set(seen.answers))
    try:
        with closing(ahead(batches)) as blocks:
            for block in blocks:
                if block.records:
                    key = load.key_of(block)
                    add(total, seen.answer(block, key) or taker.append(block, key, load.origin_of(block)))
                if progress is not None:
                    progress(block.read, block.size, rows_of(total))
    except KeyReusedError as error:
        error.args = (
            f"{title(load.source)}: {error}; {rows_of(total):,} rows before these had been stored under their keys",
        )
        raise
    except (FileError, StorageError) as error:
        error.args = (f"{error}; {kept_words(total, load)}",)
        raise
    return total


@dataclass(frozen=True, slots=True)
class Seen:
    """Blocks that an earlier run has brought: by their mark, the answers under each key. ``ids`` are names that an id may have."""

    answers: Mapping[str, Mapping[str, Mapping[str, Any]]]
    ids: frozenset[str]

    @classmethod
    def of(cls, load: Load, model: data_views.LoadingView) -> Seen:
        """Sort earlier answers by blocks; a load with a key of its own leaves the comparison to whoever takes it."""
        found: dict[str, dict[str, Mapping[str, Any]]] = {}
        for key, answer in model["blocks"].items() if load.key is None else ():
            found.setdefault(key.split(":", 3)[-1], {})[key] = answer
        return cls(found, frozenset(model["ids"]))

    def answer(self, block: FileTable, key: str | None) -> views.AppendView | None:
        """Return what became of this block before, as duplicates; None if it is to be brought (again).

        Read in another way, a block is brought again: its ids tell which of its rows are there. Without ids nothing does, so then it
        is passed over if any of its rows were taken.
        """
        if key is None or not self.answers:
            return None
        place = key.split(":", 2)[1]
        same = {
            name: answer for name, answer in self.answers.get(block.mark, {}).items() if name.split(":", 2)[1] == place
        }
        earlier = same.get(key)
        if earlier is None and not self.ids & set(block.table.column_names):
            earlier = next((answer for answer in same.values() if answer["accepted"]), None)
        if earlier is None:
            return None
        return {
            "accepted": 0,
            "duplicates": earlier["accepted"] + earlier["duplicates"],
            "rejected": earlier["rejected"],
            "rejected_rows": earlier["rejected_rows"],
        }


def nothing() -> views.AppendView:
    """Return the answer to no rows."""
    return {"accepted": 0, "duplicates": 0, "rejected": [], "rejected_rows": 0}


def rows_of(total: views.AppendView) -> int:
    """Return of how many rows an answer speaks."""
    return total["accepted"] + total["duplicates"] + total["rejected_rows"]


def add(total: views.AppendView, part: views.AppendView, behind: int | None = None) -> None:
    """Add what became of the following block; its rows count on from those before, or from ``behind``."""
    behind = rows_of(total) if behind is None else behind
    told = part["rejected"][: max(0, _TOLD - len(total["rejected"]))]
    total["rejected"] += [entry | {"row": entry["row"] + behind} for entry in told]
    total["rejected_rows"] += part["rejected_rows"]
    total["accepted"] += part["accepted"]
    total["duplicates"] += part["duplicates"]


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
    if not rows_of(total):
        return "nothing was stored"
    again = "with the same --key" if load.key else "on the same file"
    if load.source == "-" and not load.key:
        return f"{total['accepted']:,} rows before it are kept; rows with ids may be sent again, the others would be doubled"
    return f"{done:,} rows before it are kept: the same command {again} goes on from there"
