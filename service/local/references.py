"""References: freezing what normal is, from rows or from the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from reference_data.declaration import ModelSpec
from reference_data.inference import infer_columns
from reference_data.profile import Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column, ColumnType
from reference_data.windows import Window
from service.local import vector_checks
from service.workspace import ConflictError, WorkspaceError
from storage.buckets import align, profile_buckets
from storage.intake import canonical_log, prediction_type
from storage.lists import LIST, list_columns, list_expressions, list_values, with_lists
from storage.names import EVENT_TIME, SUBJECT, physical_names, quote
from storage.outcome_parts import with_parts
from storage.predictions import is_measured
from storage.profiler import freeze_layout, outcome_columns, profile_rows
from storage.row_source import RowSource, in_buckets, logged_window, registered
from storage.segments import freeze_segments
from storage.spilled import spilled

if TYPE_CHECKING:
    from service.local.core import Core

SAMPLE_ROWS = 100_000  # rows of a reference that are kept as rows, for Evidently's report, for segments and for checks on rows as a whole
ROWS = "reference_rows"
_OURS = ("prediction_id", "event_time", "model_version", "latency_ms")  # read by these names, whatever a model declares


def freeze_logged(core: Core, model: str, table: pa.Table, *, source: str) -> Reference:
    """Freeze a reference from rows that come out of the log, in the declared column names: what is to be hidden is hidden in them."""
    return freeze_blocks(core, model, lambda: [table], source=source, hidden=True)[0]


def freeze_blocks(
    core: Core,
    model: str,
    blocks: Callable[[], Iterable[pa.Table]],
    *,
    source: str,
    version: int | None = None,
    hidden: bool = False,
) -> tuple[Reference, list[str]]:
    """Freeze a reference from blocks of rows in the declared column names, which are put aside on disk: there may be more than fit into memory.

    ``blocks`` is called again when features were not declared: a first reading infers them. Both readings may take long, so the mutex
    is held only when the declaration is filled in, and for the freezing. Returns the reference, and what is to be said of rows that
    could not be used. Raises :class:`WorkspaceError` when nothing in the rows can be used, and :class:`ConflictError` when the model
    was declared anew while they were read.
    """
    spec = core.spec(model)
    if not spec.features:
        spec = _fill(core, spec, _infer(spec, blocks()))
    refused, first, timed = 0, "there are no rows", False
    with spilled(core.home.spill) as store:
        for table in blocks():
            if not store.rows:
                timed = spec.time is not None and (
                    spec.time in table.column_names or "event_time" in table.column_names
                )
            read_as = spec if timed else spec.model_copy(update={"time": None})
            key = None if hidden else core.privacy_key(spec)
            if hidden:
                read_as = read_as.model_copy(update={"privacy": {}})
            intake = canonical_log(read_as, table, arrival=core.now(), with_label=True, privacy_key=key)
            if intake.rejected:
                first = first if refused else f"{intake.rejected[0]['field']}: {intake.rejected[0]['error']}"
                refused += len({entry["row"] for entry in intake.rejected})
            if intake.table.num_rows:
                store.append(intake.table)
        if not store.rows:
            raise WorkspaceError(f"no row of the reference could be used: {first}; nothing was frozen")
        rows = registered(store.connection, store.name, _expressions(spec, store.holds), timed=timed)
        with core.mutex:
            _refuse_other(core, spec)
            made = _freeze(core, spec, rows, source, version)
    return made, [f"{refused:,} rows could not be used; the first: {first}."] if refused else []


def freeze_window(core: Core, model: str, window: Window, *, version: int | None = None) -> Reference:
    """Freeze a reference from a stretch of the log; raises :class:`WorkspaceError` when there is nothing in it."""
    spec = core.spec(model)
    with core.db.cursor() as cursor:
        source = f"log {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
        return _freeze(core, spec, logged_window(cursor, spec, window), source, version)


def sample_path(core: Core, model: str, version: int) -> Path:
    """Return where the rows kept of a reference lie."""
    return core.home.references / f"{model}_{version}.parquet"


def file_stamp(path: Path) -> tuple[int, int]:
    """Return what differs once a file has been written anew, as a deletion does with the rows kept of a reference."""
    if not path.exists():
        return (0, 0)
    found = path.stat()
    return (found.st_mtime_ns, found.st_ino)


def _refuse_other(core: Core, spec: ModelSpec) -> None:
    """Refuse rows that were read by a declaration which does not hold any more."""
    now = core.spec(spec.name).model_copy(
        update={"monitor": spec.monitor}
    )  # which windows there are is asked when freezing
    if now != spec:
        raise ConflictError(
            f"model {spec.name!r} was declared anew while the rows were read; nothing was frozen: repeat"
        )


def _fill(core: Core, spec: ModelSpec, features: dict[str, ColumnType]) -> ModelSpec:
    """Remember the features that rows have taught, and return the declaration with them."""
    with core.mutex:
        record = core.record(spec.name)
        if record.spec.features:  # somebody else was faster
            return record.spec
        _refuse_other(core, spec)
        try:
            filled = type(spec).model_validate(record.spec.model_dump() | {"features": features})
        except ValidationError as error:
            found = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
            raise WorkspaceError(
                f"the features of {spec.name!r} cannot be inferred: {found}; or declare the features"
            ) from None
        core.control.put_model(filled, record.declared_in, "inferred", core.now())
    return filled


def _infer(spec: ModelSpec, blocks: Iterable[pa.Table]) -> dict[str, ColumnType]:
    """Take every column that is not something else for a feature."""
    scores = spec.score.values() if isinstance(spec.score, dict) else [spec.score]
    named = {spec.id, spec.time, spec.prediction, spec.label, spec.subject, *scores, *_OURS}
    declared = {"prediction": spec.prediction, "label": spec.label, "score": spec.score}
    dropped = {name for name, action in spec.privacy.items() if action == "drop"}
    features: dict[str, ColumnType] = {}
    every: list[str] = []
    for table in blocks:
        every += [name for name in table.column_names if name not in every]
        ours = {
            mine for mine, theirs in declared.items() if theirs not in table.column_names
        }  # then it is read as that
        kept = [name for name in table.column_names if name not in named | ours | dropped and name not in spec.context]
        for column in infer_columns(table.select(kept)):
            if column.name not in features or table[column.name].null_count < table.num_rows:
                features[column.name] = _joined_type(features.get(column.name, column.type), column.type)
    if not features:
        raise WorkspaceError(f"the reference has no column that could be a feature; it has {every}")
    return features | dict.fromkeys(features.keys() & spec.privacy.keys(), "categorical")  # what is hidden is text


def _joined_type(before: ColumnType, now: ColumnType) -> ColumnType:
    """Return the type of a column that two blocks of a file show differently."""
    return before if before == now else "text" if "text" in (before, now) else "categorical"


def _expressions(spec: ModelSpec, holds: Callable[[str], bool]) -> dict[str, str]:
    physical = physical_names(column.name for column in spec.columns)
    names = {name: quote(column) for name, column in physical.items()} | {
        "label": "_label",
        "prediction": "_prediction",
    }
    names |= list_expressions(spec, names.get(spec.query or ""))
    return names | {
        logical: column for logical, column in (("score", "_score"), ("scores", "_scores")) if holds(column)
    }


def _freeze(core: Core, spec: ModelSpec, rows: RowSource, source: str, version: int | None) -> Reference:
    number = _number(core, spec.name, version)
    unit = spec.units.get(spec.label or "", None)
    kind = prediction_type(spec)
    inputs = [
        c for c in spec.columns if c.type != "embedding" and c.name != spec.query
    ]  # judged on samples of rows; a name
    has = {name: rows.has_values(name) for name in ("prediction", "score", "scores", "label")}
    if has["prediction"] and spec.task == "none" and is_measured(rows, "prediction"):
        kind = "numeric"  # an anomaly score, not a cluster
    if has["prediction"]:
        inputs.append(Column("prediction", "numeric" if kind == "numeric" else "categorical", "prediction", unit))
    if has["score"]:
        inputs.append(Column("score", "numeric", "score"))
    layout = freeze_layout(rows.cursor, rows.relation, rows.expressions, inputs, timed=rows.timed)
    period, buckets, profile = _by_bucket(core, spec, rows, layout, None)
    every = core.window_spec(spec.name).bucket
    if rows.timed:
        rows = replace(rows, expressions=in_buckets(rows.expressions, [every.containing(start) for start in buckets]))
    outcomes = None
    if has["label"] and has["prediction"] and spec.task != "none":
        labelled = rows.labelled()
        positive = spec.positive or (labelled.largest("label") if spec.task == "binary" else None)
        columns = [column for column, _ in outcome_columns(spec.task, has["score"] or has["scores"], unit)]
        columns += list_columns(spec) if LIST in rows.expressions else []
        frozen = freeze_layout(rows.cursor, labelled.relation, rows.expressions, columns, positive=positive)
        frozen = with_parts(frozen, spec.task, labelled)
        outcomes = _by_bucket(core, spec, labelled, frozen, positive, buckets)[2]
    segments = freeze_segments(
        rows.cursor,
        rows.relation,
        rows.expressions,
        spec.segments,
        profile,
        [every.containing(bucket) for bucket in buckets] if rows.timed else None,
    )
    reference = Reference(spec.name, number, core.now(), source, period, tuple(buckets), profile, outcomes, segments)
    _keep_rows(core, spec, rows, number, has)
    vector_checks.keep(core, spec, rows, number, reference.buckets)
    core.control.put_reference(reference)
    if core.record(spec.name).anchor is None and rows.timed:
        core.control.set_anchor(spec.name, period.start.astimezone(spec.zone).date())
    return reference


def _number(core: Core, model: str, version: int | None) -> int:
    """Return the version that a new reference gets; said before anything is written, because references are never changed."""
    taken = core.control.reference_versions(model)
    following = max(taken, default=0) + 1
    if version is None:
        return following
    if version < 1:
        raise WorkspaceError(
            f"reference version {version} is not possible: they count from 1; leave it out for {following}"
        )
    if version in taken:
        raise ConflictError(
            f"model {model!r} has a reference {version} already, and references are never changed; use version {following}"
        )
    return version


def _by_bucket(
    core: Core,
    spec: ModelSpec,
    rows: RowSource,
    layout: Layout,
    positive: str | None,
    wanted: list[datetime] | None = None,
) -> tuple[Window, list[datetime], Profile]:
    """Return the period, its buckets and one profile each; rows without times make a single bucket."""
    if not rows.timed:
        now = core.now()
        _, profile = profile_rows(rows.cursor, rows.relation, rows.expressions, layout, positive=positive)
        return Window(now, now), [now], profile
    span = rows.span()
    if span is None:
        raise WorkspaceError(f"there are no rows of {spec.name!r} to freeze; check the times you gave")
    every = core.window_spec(spec.name).bucket
    windows = list(every.between(span[0], span[1] + timedelta(microseconds=1)))
    if wanted is not None:
        windows = [every.containing(bucket) for bucket in wanted]
    keys, profile = profile_buckets(
        rows.cursor, rows.relation, rows.expressions, layout, windows, "_event_time", positive=positive
    )
    period = Window(windows[0].start, windows[-1].end)
    return period, [window.start for window in windows], align(keys, profile, windows)


def _keep_rows(core: Core, spec: ModelSpec, rows: RowSource, version: int, has: Mapping[str, bool]) -> None:
    """Keep a sample of the rows, in their logical names, for what needs rows."""
    names = [column.name for column in spec.columns]
    names += [name for name in ("prediction", "score", "scores", "label") if has[name]]
    if (
        spec.subject is not None and SUBJECT not in names
    ):  # so that a subject's rows can be found, and deleted, here too
        rows = replace(rows, expressions={**rows.expressions, SUBJECT: SUBJECT})
        names.append(SUBJECT)
    if rows.timed and EVENT_TIME not in names:  # so that the reference's own windows can be held against the rest
        rows = replace(rows, expressions={**rows.expressions, EVENT_TIME: EVENT_TIME})
        names.append(EVENT_TIME)
    if (
        LIST in rows.expressions and has["label"]
    ):  # what each list is worth, at one row of it: a sample of rows is one of lists
        rows = replace(rows, relation=with_lists(rows.relation, rows.expressions))
        names += list_values(spec)
    path = sample_path(core, spec.name, version)
    draft = path.with_suffix(".part")
    pq.write_table(rows.sample(names, SAMPLE_ROWS), draft)
    draft.chmod(0o600)
    draft.replace(path)
