"""Rows and files into a model of this home."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.load_files import How, add, load_file, nothing
from service.local.ingest import Into, append_block, canonical, takes
from storage.append_common import HORIZON, AppendResult
from storage.buckets import naive
from storage.file_formats.declared import declared_kinds

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service import data_views, views
    from service.local.core import Core
    from storage.files import FileTable


def append(core: Core, model: str, into: Into, data: object, how: How) -> views.AppendView:
    """Append predictions or labels; see :meth:`service.workspace.Workspace.log`.

    A path (``-`` is standard input, an address an object store) is read as a file, anything else is one block.
    """
    spec = takes(core, model, into)
    if isinstance(data, str | os.PathLike):
        return load_file(_Taker(core, spec, into), data, how, core.home.spill)
    total = nothing()
    add(total, append_block(core, spec, into, data, key=how.key, strict=how.strict, origin=how.origin))
    return total


def loading(core: Core, model: str, into: Into) -> data_views.LoadingView:
    """Return what whoever reads a file for this model has to know; see :meth:`service.workspace.Workspace.loading`."""
    spec = core.spec(model)
    with core.db.cursor() as con:
        rows = con.execute(
            "SELECT key, (result->>'$.accepted')::BIGINT, (result->>'$.duplicates')::BIGINT, (result->>'$.refused')::BIGINT "
            "FROM append_key WHERE model = ? AND kind = ? AND starts_with(key, 'file:') AND written_at >= ?",
            [spec.name, "log" if into == "logs" else "label", naive(core.now()) - HORIZON],
        ).fetchall()
    return {
        "kinds": dict(declared_kinds(spec)),
        "ids": sorted({spec.id or "prediction_id", "prediction_id"}),
        "blocks": {key: _counts(*counts) for key, *counts in rows},
    }


def _counts(accepted: int, duplicates: int, refused: int) -> views.AppendView:
    return {"accepted": accepted, "duplicates": duplicates, "rejected": [], "rejected_rows": refused}


@dataclass(frozen=True, slots=True)
class _Taker:
    """Takes the rows of a file into one model."""

    core: Core
    spec: ModelSpec
    into: Into

    def loading(self) -> data_views.LoadingView:
        return loading(self.core, self.spec.name, self.into)

    def append(self, block: FileTable, key: str | None, origin: str) -> views.AppendView:
        return append_block(self.core, self.spec, self.into, block, key=key, origin=origin)

    def check(self, block: FileTable) -> views.AppendView:
        found = AppendResult.of(0, 0, canonical(self.core, self.spec, self.into, block, self.core.now()).rejected)
        return {"accepted": 0, "duplicates": 0, "rejected": found.rejected, "rejected_rows": found.refused}
