"""Files into a model: block by block, each committed under a key of its own, so that a second run goes on where the first one ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.load_files import How, Load, kept_words, rereadable
from service.local.ingest import Into, add, append_block, canonical, nothing, takes
from storage.ahead import ahead
from storage.append_common import HORIZON, AppendResult
from storage.buckets import naive
from storage.errors import StorageError
from storage.file_formats.declared import declared_kinds
from storage.files import FileError, FileTable, Progress, iter_batches

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service import views
    from service.local.core import Core


def append(core: Core, model: str, into: Into, data: object, how: How) -> views.AppendView:
    """Append predictions or labels; see :meth:`service.workspace.Workspace.log`.

    A path (``-`` is standard input, an address an object store) is read as a file, anything else is one block.
    """
    spec = takes(core, model, into)
    if not isinstance(data, str | os.PathLike):
        total = nothing()
        add(total, append_block(core, spec, into, data, key=how.key, strict=how.strict, origin=how.origin))
        return total
    load = Load.of(data, how, declared_kinds(spec))
    if not how.strict:
        return _load(core, spec, into, load, how.progress)
    with rereadable(load, core.home.spill) as again:
        refused = _check(core, spec, into, again)
        return refused if refused["rejected_rows"] else _load(core, spec, into, again, how.progress)


def _check(core: Core, spec: ModelSpec, into: Into, load: Load) -> views.AppendView:
    """Read everything and write nothing; returns what would be refused."""
    total = nothing()
    with closing(ahead(iter_batches(load.source, reading=load.reading))) as blocks:
        for block in blocks:
            intake = canonical(core, spec, into, block, core.now())
            found = AppendResult.of(0, 0, intake.rejected)
            passed = block.records - found.refused
            add(
                total, {"accepted": passed, "duplicates": 0, "rejected": found.rejected, "rejected_rows": found.refused}
            )
    return {**total, "accepted": 0}


def _load(core: Core, spec: ModelSpec, into: Into, load: Load, progress: Progress | None) -> views.AppendView:
    total, seen = nothing(), Seen.of(core, spec, into, load)
    batches = iter_batches(load.source, reading=load.reading, known=seen.marks())
    try:
        with closing(ahead(batches)) as blocks:
            for block in blocks:
                if block.records:
                    add(total, _take(core, spec, into, load, block, seen))
                if progress is not None:
                    progress(block.read, block.size, _rows(total))
    except (FileError, StorageError) as error:
        error.args = (f"{error}; {kept_words(total, load)}",)
        raise
    return total


def _rows(total: views.AppendView) -> int:
    return total["accepted"] + total["duplicates"] + total["rejected_rows"]


def _take(core: Core, spec: ModelSpec, into: Into, load: Load, block: FileTable, seen: Seen) -> views.AppendView:
    key = load.key_of(block)
    earlier = seen.answer(block, key, spec)
    if earlier is not None:
        return {
            "accepted": 0,
            "duplicates": earlier.get("accepted", 0) + earlier.get("duplicates", 0),
            "rejected": earlier.get("rejected", []),
            "rejected_rows": earlier.get("refused", 0),
        }
    return append_block(core, spec, into, block, key=key, origin=load.origin_of(block))


@dataclass(frozen=True, slots=True)
class Seen:
    """Blocks that an earlier run has brought: by their mark, the answers under each key."""

    answers: Mapping[str, Mapping[str, dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, core: Core, spec: ModelSpec, into: Into, load: Load) -> Seen:
        """Look for blocks of these files; those of a load with a key of its own are the append's affair."""
        if load.key is not None:
            return cls()
        kind = "log" if into == "logs" else "label"
        found: dict[str, dict[str, dict[str, Any]]] = {}
        with core.db.cursor() as con:
            rows = con.execute(
                "SELECT key, result FROM append_key WHERE model = ? AND kind = ? AND starts_with(key, 'file:') AND written_at >= ?",
                [spec.name, kind, naive(core.now()) - HORIZON],
            ).fetchall()
        for key, result in rows:
            found.setdefault(key.split(":", 3)[-1], {})[key] = json.loads(result)
        return cls(found)

    def marks(self) -> set[str]:
        """Return the marks of all of them."""
        return set(self.answers)

    def answer(self, block: FileTable, key: str | None, spec: ModelSpec) -> dict[str, Any] | None:
        """Return what was answered to this block before; None if it is to be brought (again).

        Read in another way, a block is brought again: its ids tell which of its rows are there. Without ids nothing does, so then it
        is passed over if any of its rows were taken.
        """
        if key is None:
            return None
        place = key.split(":", 2)[1]
        same = {
            name: found for name, found in self.answers.get(block.mark, {}).items() if name.split(":", 2)[1] == place
        }
        if key in same:
            return same[key]
        if {spec.id, "prediction_id"} & set(block.table.column_names):
            return None
        return next((found for found in same.values() if found.get("accepted")), None)
