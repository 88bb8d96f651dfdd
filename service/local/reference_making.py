"""References on request: from rows, a file, a table of a database, a stretch of the log, or in words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from reference_data.declaration import ModelSpec
from reference_data.section import parse_duration
from reference_data.windows import Window
from service.local import references, segment_profiles
from service.local.convert import aware, iso
from service.local.ingest import whole
from service.local.reference_views import warnings_of
from service.query_rows import query_tables
from service.workspace import NotFoundError, WorkspaceError
from storage.files import Reading, iter_batches
from storage.logs import prepare_model
from storage.serving import first_served
from storage.sources import masked

if TYPE_CHECKING:
    from reference_data.reference import Reference
    from service.local.core import Core

_WORDS = '{"window": [start, end]}, {"before_deployment": "4w"} or {"training": "v2"}'


def make(core: Core, model: str, data: object, version: int | None, actor: str) -> dict[str, Any]:
    """Freeze a reference; see :meth:`service.workspace.Workspace.reference`. Returns what it holds, and ``warnings``."""
    spec = core.spec(model)
    words = _in_words(data)
    if "training" in words:
        kept = _of_training(core, spec, str(words["training"]))
        remark = f"Version {words['training']} was trained here and brought reference {kept.version} with it: nothing new was frozen."
        return _told(core, spec, kept, [remark])
    remarks: list[str] = []
    query = (
        {} if not isinstance(data, Mapping) else {key: str(data[key]) for key in ("connection", "sql") if key in data}
    )
    if words:
        with core.mutex:
            made = references.freeze_window(core, model, _stretch(core, spec, words), version=version)
    elif query:
        where = f"query of {masked(query['connection'])}"
        made, remarks = references.freeze_blocks(
            core, model, lambda: query_tables(query), source=where, version=version
        )
    elif isinstance(data, str | os.PathLike):
        name = os.fspath(data)
        made, remarks = references.freeze_blocks(
            core, model, lambda: _blocks(core, model, name), source=f"file {name}", version=version
        )
    else:
        made, remarks = references.freeze_blocks(
            core, model, lambda: [whole(data, core.spec(model))], source="rows", version=version
        )
    with core.mutex:
        spec = core.spec(model)
        prepare_model(core.db, spec)
    core.control.append_audit(
        actor,
        "reference",
        f"{model}/{made.version}",
        {"rows": made.rows, "source": made.source},
        "workspace",
        core.now(),
    )
    champion = core.roles(model).champion
    serves = core.reference_for(model, champion) if champion else None
    if serves is not None and serves.version != made.version:
        remarks.append(
            f"Champion {champion} brought reference {serves.version} from its training and goes on being held against it; this one is for "
            "versions that brought none."
        )
    return _told(core, spec, made, remarks)


def _in_words(data: object) -> Mapping[str, Any]:
    """Return what is asked for in words, nothing for data; raises :class:`WorkspaceError` for words that are not understood."""
    if isinstance(data, tuple) and len(data) == 2:
        return {"window": data}
    if not isinstance(data, Mapping) or data.keys() == {"connection", "sql"}:
        return {}
    kinds = [name for name in ("window", "before_deployment", "training") if data.get(name) is not None]
    unknown = data.keys() - {*kinds, "of"}
    if len(kinds) != 1 or unknown or ("of" in data and kinds != ["before_deployment"]):
        raise WorkspaceError(f"a reference cannot be made of {sorted(data)}; give rows, or one of {_WORDS}")
    return data


def _blocks(core: Core, model: str, name: str) -> Iterable[pa.Table]:
    """Yield a file's rows block by block, read as the columns are declared by now."""
    kinds = {column.name: column.type for column in core.spec(model).columns}
    for block in iter_batches(name, reading=Reading(kinds=kinds)):
        if block.table.num_columns:
            yield block.table


def _stretch(core: Core, spec: ModelSpec, words: Mapping[str, Any]) -> Window:
    """Return the stretch of the log that is asked for."""
    prepare_model(core.db, spec)
    if "window" in words:
        start, end = (aware(moment, spec.zone) for moment in words["window"])
        return Window(start, end)
    try:
        length = parse_duration(str(words["before_deployment"]))
    except ValueError as error:
        raise WorkspaceError(str(error)) from None
    deployed = deployed_at(core, spec, words.get("of"))
    end = core.window_spec(spec.name).bucket.containing(deployed).start  # whole days, or hours
    local = (end.astimezone(spec.zone).replace(tzinfo=None) - length).replace(tzinfo=spec.zone)  # weeks on the calendar
    return Window(local.astimezone(end.tzinfo), end)


def deployed_at(core: Core, spec: ModelSpec, version: str | None) -> datetime:
    """Return when a version (default: the champion, else whoever serves) last became champion, or else first answered.

    Raises :class:`NotFoundError` for one that never did either.
    """
    champion = version or core.roles(spec.name).champion
    events = [
        event.at for event in core.deployments(spec.name) if event.version == champion and event.action in _CHAMPION
    ]
    if champion is not None and events:
        return events[-1]
    with core.db.cursor() as cursor:
        served = first_served(cursor, spec.name)
    if version is None and served:
        return max(served.values())  # the one that came last is the one that serves
    if version in served:
        return served[version]
    known = ", ".join(sorted({*served, *core.versions(spec.name)})) or "none yet"
    raise NotFoundError(
        f"version {version or 'in charge'} of model {spec.name!r} was never deployed and never answered, so there is no time before "
        f"its deployment; versions: {known}; or give --since and --until"
    )


_CHAMPION = ("champion", "rollback")


def _of_training(core: Core, spec: ModelSpec, version: str) -> Reference:
    """Return the reference that a version brought; raises :class:`NotFoundError` for one that was not trained here."""
    record = core.versions(spec.name).get(version)
    if record and record.get("reference_version"):
        return core.control.reference(spec.name, record["reference_version"])
    with core.db.cursor() as cursor:
        served = first_served(cursor, spec.name)
    if record is None and version not in served:
        known = ", ".join(sorted({*served, *core.versions(spec.name)})) or "none yet"
        raise NotFoundError(f"model {spec.name!r} has no version {version!r}; it has: {known}")
    raise WorkspaceError(
        f"version {version!r} of model {spec.name!r} was not trained here, so which rows it learned from is not known; give them: "
        f"`driftdeck reference {spec.name} training.parquet`, or the logged rows of a time: --since, --until"
    )


def _told(core: Core, spec: ModelSpec, made: Reference, remarks: list[str]) -> dict[str, Any]:
    return {
        "model": spec.name,
        "version": made.version,
        "rows": made.rows,
        "period": [iso(made.period.start, spec.zone), iso(made.period.end, spec.zone)],
        "columns": [{"column": c.column.name, "type": c.column.type} for c in made.inputs.layout.columns],
        "outcomes": None if made.outcomes is None else list(made.outcomes.layout.names),
        "source": made.source,
        "warnings": remarks + warnings_of(core, spec, made) + segment_profiles.remarks(core, spec, made),
    }
