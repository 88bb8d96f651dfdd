"""Runs of sources: what is new is read, transformed and appended chunk by chunk, each chunk together with how far it has come."""

from __future__ import annotations

import logging
import os
import random
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pyarrow.compute as pc

from service.declaration_file import expand
from service.local import ingest
from service.local.convert import iso
from service.local.transform import Transform, as_table, load, renamed
from service.workspace import ConflictError, WorkspaceError
from storage import source_positions
from storage.casting import cast as cast_values
from storage.errors import QueueFullError, StorageError
from storage.file_formats.declared import declared_kinds
from storage.file_formats.errors import FileError
from storage.file_formats.table import FileTable
from storage.intake_source import open_source
from storage.privacy import HIDDEN, keeps_content, keeps_words, unbracketed
from storage.quarantine import keep_refused
from storage.sources import (
    Chunk,
    Context,
    SourceError,
    SourceKind,
    TransientSourceError,
    scrubbed,
    secrets_of,
    source_kind,
)
from storage.transform import TransformError, shortened

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec, Source
    from service.data_views import SourceRunView, SourceView
    from service.local.core import Core

_log = logging.getLogger(__name__)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_EXPANDED = ("read", "sql", "topic", "connection")
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds
_TRANSIENT = (TransientSourceError, QueueFullError)
_EXPECTED = (SourceError, TransformError, WorkspaceError, StorageError, FileError)
_ENDED = "ended with the process; what it had brought is kept, and the next run goes on behind it"
_STOPPED = "the service was stopped; the next run goes on where this one was left"
INTERRUPTED = (_ENDED, _STOPPED)  # errors that are not the source's


class _StoppedError(WorkspaceError):
    """The service is about to end."""


# -- one run -----------------------------------------------------------------------------------------------------------
def run(core: Core, name: str, actor: str, trigger: str) -> SourceRunView:
    """Read what is new of a source, now; returns when it is done, well or not.

    Raises :class:`NotFoundError` for a source that there is not and :class:`ConflictError` while it is running.
    """
    source = core.source(name)
    spec = core.spec(source.model)
    with _alone(core, source, trigger) as record:
        started = time.monotonic()
        secrets: set[str] = set()
        try:
            secrets |= _variables(source)
            meant = _expanded(source)
            secrets |= secrets_of(meant)
            _with_retries(core, source, meant, record)
        except Exception as error:
            record["state"], record["error"] = "failed", scrubbed(_words(error, spec), secrets)
            _log.warning("source %s failed: %s", name, record["error"])
        else:
            record["state"] = "done"
        record["ended_at"], record["seconds"] = core.now().isoformat(), round(time.monotonic() - started, 3)
        core.control.append_source_run(dict(record))
        if trigger == "manual":
            told = {key: record[key] for key in ("state", "rows", "accepted", "duplicates", "rejected")}
            core.control.append_audit(actor, "pull", f"sources.{name}", told, "workspace", core.now())
        return _view(record, spec.zone)


@contextmanager
def _alone(core: Core, source: Source, trigger: str) -> Iterator[dict[str, Any]]:
    """Begin a run that is the only one of its source; gives the record in which it is counted."""
    now = core.now().isoformat()
    earlier = next(iter(core.control.source_runs(source.name, 1)), None) or {}
    record: dict[str, Any] = {
        "run_id": uuid4().hex,
        "source": source.name,
        "state": "running",
        "trigger": trigger,
        "started_at": now,
        "ended_at": None,
        "seconds": None,
        "rows": 0,
        "accepted": 0,
        "duplicates": 0,
        "rejected": 0,
        "position": earlier.get("position"),
        "error": None,
        "latest_event": earlier.get("latest_event"),
    }
    if (other := core.source_runs.setdefault(source.name, record)) is not record:
        raise ConflictError(
            f"source {source.name!r} is running since {other['started_at']}; wait until it is done (`driftdeck sources`)"
        )
    try:
        core.control.append_source_run(dict(record))
        yield record
    finally:
        del core.source_runs[source.name]


def _with_retries(core: Core, source: Source, meant: Source, record: dict[str, Any]) -> None:
    for attempt in range(source.retries + 1):
        try:
            _once(core, source, meant, record)
        except _TRANSIENT as error:
            if attempt == source.retries:
                raise
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1.5)
            _log.info("source %s: %s; it tries again in %.1f s", source.name, type(error).__name__, pause)
            if core.closing.wait(pause):
                raise
        else:
            return


def _once(core: Core, source: Source, meant: Source, record: dict[str, Any]) -> None:
    """Read from where the last chunk that was kept ended."""
    spec = ingest.takes(core, source.model, source.into)
    kind, transform = source_kind(source), load(source.transform, core.home.root / "transforms")
    with core.db.cursor() as cursor:
        positions = source_positions.read_positions(cursor, source)
    record["position"] = kind.words(source, positions)
    with closing(cast("Any", kind.read(meant, dict(positions), _context(core, source, spec)))) as chunks:
        for number, chunk in enumerate(chunks):
            rows = _transformed(source, kind, transform, chunk, number)
            _append(core, source, spec, chunk, rows, record)
            positions[chunk.part] = chunk.position
            record["position"] = kind.words(source, positions)
            if chunk.acknowledge is not None:
                chunk.acknowledge()
            if core.closing.is_set():
                raise _StoppedError(_STOPPED)


def _context(core: Core, source: Source, spec: ModelSpec) -> Context:
    ids = {spec.id, "prediction_id"} - {None}
    theirs = {own for own, model in source.columns.items() if model in ids}
    return Context(
        now=core.system_now,
        stopping=core.closing.is_set,
        id_names=frozenset(cast("set[str]", ids) | theirs),
        kinds=declared_kinds(spec),
        zone=spec.zone,
    )


def _transformed(source: Source, kind: SourceKind, transform: Transform | None, chunk: Chunk, number: int) -> Any:
    """Return the chunk's rows under the model's names, transformed."""
    rows: Any = chunk.rows
    if not kind.maps_columns:
        rows = renamed(rows, source.columns)
    if transform is None:
        return rows
    table = as_table(rows.table if isinstance(rows, FileTable) else rows)
    if not table.num_rows:
        return table
    try:
        return transform(table)
    except TransformError as error:
        place = chunk.where or f"chunk {number + 1}"
        said = f"source {source.name!r}, {place} ({table.num_rows} rows), transform: "
        raise TransformError(f"{said}{error}", f"{said}{error.hidden}") from error


def _append(core: Core, source: Source, spec: ModelSpec, chunk: Chunk, rows: Any, record: dict[str, Any]) -> None:
    """Append a chunk and how far it reaches in one transaction."""
    origin = f"source {source.name}" + (f": {chunk.where}" if chunk.where else "")
    refused = _unreadable(chunk, rows)
    if not keeps_content(spec):
        refused = [{**entry, "content": None} for entry in refused]
    label = "log" if source.into == "logs" else "label"
    now = core.now()

    def also(con: Any) -> None:
        keep_refused(con, spec.name, label, now, refused, origin)
        source_positions.write_position(con, source, chunk.part, chunk.position, now)

    table = rows.table if isinstance(rows, FileTable) else rows
    if len(table):
        found = ingest.append_block(core, spec, source.into, rows, origin=origin, also=also)
        record["accepted"] += found["accepted"]
        record["duplicates"] += found["duplicates"]
        record["rejected"] += found["rejected_rows"]
        _note_latest(spec, table, record)
    else:
        core.db.write(also, about=spec.name, came=True)
    record["rows"] += chunk.count
    record["rejected"] += len(refused)


def _unreadable(chunk: Chunk, rows: Any) -> list[dict[str, Any]]:
    """Return the lines and messages that could not be read, unless they go through the door with their block."""
    block = chunk.rows
    if not isinstance(block, FileTable):
        return list(chunk.refused)
    return [] if isinstance(rows, FileTable) and len(rows.table) else block.all_refused([])


def _note_latest(spec: ModelSpec, rows: Any, record: dict[str, Any]) -> None:
    """Remember the latest event time that came, by which the source's lag is told."""
    found = open_source(rows).field(spec.time, "event_time", "label_time")
    if found is None:
        return
    times, _ = cast_values(found[1], "datetime", spec.timezone)
    latest = pc.max(times).as_py()
    if latest is not None:
        text = latest.replace(tzinfo=UTC).isoformat()
        before = record["latest_event"]
        record["latest_event"] = text if before is None else max(text, before, key=datetime.fromisoformat)


# -- secrets -----------------------------------------------------------------------------------------------------------
def _expanded(source: Source) -> Source:
    """Return the source with its ``${VAR}`` filled in; raises :class:`WorkspaceError` naming one that is not set."""
    texts = {name: expand(text, os.environ) for name in _EXPANDED if (text := getattr(source, name)) is not None}
    options = {name: expand(text, os.environ) for name, text in source.options.items()}
    return source.model_copy(update={**texts, "options": options})


def _variables(source: Source) -> set[str]:
    """Return the values of the variables that a source names: none of them is ever shown."""
    texts = [getattr(source, name) or "" for name in _EXPANDED] + list(source.options.values())
    names = {match[1] for text in texts for match in _VARIABLE.finditer(text)}
    return {value for name in names if len(value := os.environ.get(name, "")) >= 4}  # shorter ones would garble words


def _words(error: Exception, spec: ModelSpec) -> str:
    """Say what went wrong; of a model of persons nothing that may be a value of a row."""
    told = keeps_words(spec)
    if isinstance(error, FileError) and not told:
        return unbracketed(str(error))
    if isinstance(error, SourceError | TransformError) and not told:
        return error.hidden
    if isinstance(error, _EXPECTED):
        return str(error)
    where = "".join(traceback.format_tb(error.__traceback__))  # without the message, which may hold secrets and rows
    _log.error("source of model %s failed in an unforeseen way: %s\n%s", spec.name, type(error).__name__, where)
    return f"{type(error).__name__}: {shortened(str(error)) if told else HIDDEN}"


# -- views -------------------------------------------------------------------------------------------------------------
def sources(core: Core) -> list[SourceView]:
    """Return every declared source and how it is doing."""
    return [_source_view(core, record.spec, record.declared_in) for record in core.control.source_records().values()]


def _source_view(core: Core, source: Source, declared_in: str) -> SourceView:
    zone, kind = core.spec(source.model).zone, source_kind(source)
    running = core.source_runs.get(source.name)
    last = running or next(iter(core.control.source_runs(source.name, 1)), None)
    latest = datetime.fromisoformat(last["latest_event"]) if last and last["latest_event"] else None
    following = core.next_source_run(source.name)
    return {
        "name": source.name,
        "model": source.model,
        "into": source.into,
        "kind": kind.name,
        "place": kind.place(source),
        "schedule": source.schedule,
        "declared_in": declared_in,
        "state": "waiting" if last is None else {"done": "ok"}.get(last["state"], last["state"]),
        "lag_seconds": None if latest is None else max(0.0, (core.now() - latest).total_seconds()),
        "position": None if last is None else last["position"],
        "next_run": None if following is None else iso(following, zone),
        "last_run": None if last is None else _view(last, zone),
    }


def source_runs(core: Core, name: str, limit: int) -> list[SourceRunView]:
    """Return the runs of a source, latest first."""
    zone = core.spec(core.source(name).model).zone
    running = core.source_runs.get(name)
    found = core.control.source_runs(name, limit)
    return [_view(running if running and running["run_id"] == run["run_id"] else run, zone) for run in found]


def _view(record: dict[str, Any], zone: Any) -> SourceRunView:
    view = {name: value for name, value in record.items() if name != "latest_event"}
    for name in ("started_at", "ended_at"):
        view[name] = None if view[name] is None else iso(datetime.fromisoformat(view[name]), zone)
    return cast("SourceRunView", view)


def lose_runs(core: Core) -> None:
    """On opening a home: whatever ran when its process ended does not run any more."""
    for record in core.control.unfinished_source_runs():
        core.control.append_source_run(
            record | {"state": "failed", "error": _ENDED, "ended_at": core.now().isoformat()}
        )


def failing(core: Core) -> list[str]:
    """Return the sources whose latest run failed."""
    names = core.control.source_records()
    return [name for name in names for run in core.control.source_runs(name, 1) if run["state"] == "failed"]
