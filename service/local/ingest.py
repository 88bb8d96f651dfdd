"""Rows in: predictions and labels from any form, answers from registered versions, all logged."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from service.local.uploads import canonical_upload
from service.uploads import Upload
from service.workspace import ConflictError, WorkspaceError
from storage.append_common import AppendResult, Key
from storage.digests import rows_digest, table_digest
from storage.feedback import canonical_labels_and_feedback
from storage.file_formats.column_types import is_pandas_index
from storage.file_formats.declared import declared_kinds
from storage.file_formats.table import Unpacked, unpack
from storage.files import FileTable, Reading, read_table
from storage.intake import canonical_log
from storage.logs import append_labels, append_log
from storage.observed import Watch
from storage.privacy import keeps_content
from storage.retention import known_dropped, reachable

if TYPE_CHECKING:
    from datetime import datetime

    from reference_data.declaration import ModelSpec
    from service import views
    from service.local.core import Core
    from storage.append_common import Also
    from storage.intake import Intake

Into = Literal["logs", "labels"]
HTTP = "http"  # the origin of rows that a request brought
PATIENCE = 1.0  # seconds: who waits at the other end of a connection had better send again


def whole(data: object, spec: ModelSpec | None = None) -> pa.Table:
    """Return the rows of ``data`` as one Arrow table; a file is read as the model declares its columns."""
    if isinstance(data, str | os.PathLike):
        return read_table(data, reading=Reading(kinds=declared_kinds(spec) if spec else {})).table
    if isinstance(data, pa.Table):
        return _without_index(data, spec)
    if isinstance(data, list):
        try:
            return pa.Table.from_pylist(data)
        except (pa.ArrowException, TypeError, AttributeError) as error:
            raise WorkspaceError(
                f"the rows do not make a table: {error}; give every column values of one type"
            ) from None
    if hasattr(data, "__arrow_c_stream__"):
        return _without_index(pa.table(data), spec)
    raise WorkspaceError(
        f"rows cannot come as {type(data).__name__}; give a path, an Arrow table, a pandas or Polars frame, or a list of rows"
    )


def _without_index(table: pa.Table, spec: ModelSpec | None) -> pa.Table:
    """Leave out a pandas frame's index without a name, as of files, unless it is declared or all there is."""
    declared = {column.name for column in spec.columns} if spec else set()
    index = [name for name in table.column_names if is_pandas_index(name) and name not in declared]
    return table.drop_columns(index) if len(index) < table.num_columns else table


def takes(core: Core, model: str, into: Into) -> ModelSpec:
    """Return the declaration of a model that can take rows; raises :class:`WorkspaceError` for one that cannot."""
    spec = core.spec(model)
    if into == "logs" and not spec.columns:  # everything but the prediction would be dropped in silence
        raise ConflictError(
            f"model {model!r} knows no columns yet; declare its features, or let a reference teach them "
            f"(`driftdeck reference {model} FILE`)"
        )
    if into == "labels" and spec.task == "none" and not spec.feedback:
        raise WorkspaceError(
            f"model {model!r} has task 'none' and takes no labels; declare the task they belong to, or kinds of feedback"
        )
    return spec


def append_block(
    core: Core,
    spec: ModelSpec,
    into: Into,
    block: object,
    *,
    key: str | None = None,
    strict: bool = False,
    origin: str | None = None,
    also: Also | None = None,
) -> views.AppendView:
    """Append one block of rows: the door through which HTTP, files and sources all come in.

    A :class:`storage.files.FileTable` brings lines that made no row, too. ``strict``: when a row is refused, none is taken and nothing
    is written. ``origin`` is told of rows that are refused; ``also`` is written in the same transaction. Raises
    :class:`storage.errors.KeyReusedError` when ``key`` was another block's.
    """
    arrival = core.now()
    block, sent = _received(block)
    digest = None
    if key is not None:
        if isinstance(block, pa.RecordBatchReader):
            block = block.read_all()
        digest = _digest(block) if sent is None or sent.digest is None else sent.digest
    intake = canonical(core, spec, into, block, arrival)
    if (strict and intake.rejected) or (sent is not None and sent.only_check):
        refused = view(AppendResult.of(0, 0, intake.rejected))
        return refused if sent is not None and sent.only_check else core.ingested.count(spec.name, into, refused)
    origin = origin if sent is None else sent.origin or origin
    intake = replace(intake, origin=origin)
    known = Key(key, digest) if key else None
    buckets = core.window_spec(spec.name).bucket
    patience = PATIENCE if origin == HTTP else 30.0
    if into == "labels":
        kept = append_labels(core.db, spec, intake, arrival, buckets, key=known, also=also, patience=patience)
        return core.ingested.count(spec.name, into, view(kept))
    watch = Watch(core.db, spec, intake, arrival)
    also = watch.beside(also)
    found = append_log(core.db, spec, intake, arrival, buckets, key=known, also=also, patience=patience)
    watch.done()
    return core.ingested.count(spec.name, into, view(found))


def canonical(core: Core, spec: ModelSpec, into: Into, block: object, arrival: datetime) -> Intake:
    """Bring a block of rows into canonical columns, whatever form it has; nothing is written."""
    shape = canonical_log if into == "logs" else canonical_labels_and_feedback
    make = partial(shape, spec, arrival=arrival, privacy_key=core.privacy_key(spec))
    gone = known_dropped(core.db, spec.name) if into == "logs" else None
    if gone is not None:
        make = partial(reachable, make, spec, gone)
    if isinstance(block, Upload):
        return canonical_upload(spec, into, block, make)
    if not isinstance(block, FileTable):
        return make(block)
    intake = make(block.table)
    refused = block.all_refused(intake.rejected)
    if not keeps_content(spec):
        refused = [{**entry, "content": None} for entry in refused]
    return replace(intake, rejected=refused)


def _digest(block: object) -> str | None:
    """Return what tells these rows from any others that come under the same key."""
    if isinstance(block, Upload):
        return block.digest
    if isinstance(block, FileTable):
        return block.digest()
    if isinstance(block, list):
        return rows_digest(block)
    frame: Any = block
    try:
        return table_digest(pa.table(frame))
    except (pa.ArrowException, TypeError, ValueError):  # a pandas frame whose columns hold values of several types
        columns = getattr(frame, "columns", ())
        return rows_digest([[str(name), frame.iloc[:, place].tolist()] for place, name in enumerate(columns)])


def _received(block: object) -> tuple[object, Unpacked | None]:
    """Return the block of a file that another process has read and sent here; any other as it is."""
    table = block.rows if isinstance(block, Upload) else block
    sent = unpack(table) if isinstance(table, pa.Table) else None
    return (block, None) if sent is None else (sent.block, sent)


def view(found: AppendResult) -> views.AppendView:
    """Return what the sender of an append is told."""
    return {
        "accepted": found.accepted,
        "duplicates": found.duplicates,
        "rejected": found.rejected,
        "rejected_rows": found.refused,
    }
