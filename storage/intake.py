"""A stranger's rows brought into the shape of a model's log: each that can be taken is, each that cannot is told why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reference_data.declaration import ModelSpec
from storage.casting import ARROW_TYPES, EXPECTED, TIMESTAMP, Values, cast, shown
from storage.ids import new_ids
from storage.intake_source import Source, open_source
from storage.names import physical_names
from storage.privacy import HIDDEN, Door, keeps_content
from storage.refused_content import as_content

UNVERSIONED = "unversioned"
ROLES = ("serving", "shadow")
MAX_ID_BYTES = 1024  # of UTF-8: an id, a subject, the name of a version
SCORES = pa.map_(pa.string(), pa.float64())
MOST_KEPT = 10_000  # refused rows of one append that are kept as they came, to be repaired
_EARLIEST, _LATEST = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001  (naive UTC, as stored)


@dataclass(frozen=True, slots=True)
class Intake:
    """Rows in canonical columns, and those that could not be taken.

    ``table`` has the physical columns of the model's table; ``rejected`` is JSON-ready, ``row`` counting from 0 in what came in;
    ``ignored`` names columns that the model does not declare, ``absent`` declared inputs of which there was no column at all.
    An entry of ``rejected`` has the row's ``id`` and ``subject`` where they could be read.
    """

    table: pa.Table
    rejected: list[dict[str, Any]]
    ignored: tuple[str, ...] = ()
    origin: str | None = None  # where the rows came from: http, a file's path, "source NAME"
    absent: tuple[str, ...] = ()
    source: Source | None = None  # the rows as they came, for a look at the columns that were ignored


def prediction_type(spec: ModelSpec) -> str:
    """Return the column type of a model's prediction and label."""
    return "numeric" if spec.task in ("regression", "ranking") else "categorical"


@dataclass(slots=True)
class _Casting:
    """Casts columns of one source, hides what the model hides, and collects the rows that fail."""

    source: Source
    door: Door
    rejected: list[dict[str, Any]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    persons: dict[str, pa.Array] = field(default_factory=dict)  # id and subject of each row, as they came, hidden

    def __post_init__(self) -> None:
        for row in self.source.broken:
            self.reject(row, "row", None, "the row is not an object with fields", "an object with fields")

    def cast(self, name: str, values: Values, kind: str) -> pa.Array:
        array, problems = cast(values, kind, self.door.spec.timezone)
        for row, value in problems.items():
            self.reject(row, name, value, "{} is not " + EXPECTED[kind], EXPECTED[kind])
        return array

    def cast_field(self, kind: str, *names: str | None) -> pa.Array:
        """Cast the first of these columns that there is; all NULL if there is none."""
        found = self.source.field(*names)
        return self.null(kind) if found is None else self.cast(*found, kind)

    def cast_input(self, name: str, kind: str) -> pa.Array:
        values = self.source.input(name)
        if values is None:
            self.absent.append(name)
            return self.null(kind)
        return self.door.hide(name, self.cast(name, values, kind))

    def cast_person(self, what: str, declared: str | None, *names: str | None) -> pa.Array:
        """Cast an id, or the subject of a row, which may lie among the inputs too; one that is too long rejects its row."""
        found = self.source.field(declared, *names)
        if found is None and declared is not None:
            values = self.source.input(declared)
            found = None if values is None else (declared, values)
        if found is None:
            return self.null("categorical")
        array = self.cast(*found, "categorical")
        long = pc.greater(pc.binary_length(array), MAX_ID_BYTES)
        expected = f"at most {MAX_ID_BYTES:,} bytes of UTF-8"
        self.reject_where(long, found[0], array, f"the {what} is longer than {MAX_ID_BYTES:,} bytes", expected)
        hidden = self.door.hide(declared or found[0], array)
        self.persons[what] = pc.if_else(long, None, hidden)
        return hidden

    def cast_version(self) -> pa.Array:
        versions = self.cast_field("categorical", "model_version")
        long = pc.greater(pc.binary_length(versions), MAX_ID_BYTES)
        expected = f"at most {MAX_ID_BYTES:,} bytes of UTF-8"
        self.reject_where(long, "model_version", versions, "the name of the version is too long", expected)
        return versions

    def null(self, kind: str) -> pa.Array:
        return pa.nulls(self.source.rows, ARROW_TYPES[kind])

    def reject(self, row: int, name: str, value: str | None, error: str, expected: str) -> None:
        """Reject a row; ``{}`` in ``error`` stands for the value, which nobody is told of a hidden column."""
        told = value
        if value is not None and self.door.hides(name):
            value, told = None, HIDDEN
        error = error.replace("{}", repr(told) if value is not None else str(told))
        self.rejected.append({"row": row, "field": shown(name), "value": value, "error": error, "expected": expected})

    def reject_where(self, mask: pa.Array, name: str, values: pa.Array, error: str, expected: str) -> None:
        for row in np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False)):
            value = values[int(row)].as_py()
            self.reject(int(row), name, None if value is None else shown(value), error, expected)

    def untold(self, mask: pa.Array) -> pa.Array:
        """Leave out of ``mask`` the rows that have been rejected already."""
        left = mask.to_numpy(zero_copy_only=False).copy()
        left[[entry["row"] for entry in self.rejected]] = False
        return pa.array(left)

    def finish(self, columns: Mapping[str, pa.Array], known: set[str]) -> Intake:
        table = pa.table(dict(columns))
        if self.rejected:
            keep = np.ones(self.source.rows, dtype=bool)
            keep[[entry["row"] for entry in self.rejected]] = False
            table = table.filter(pa.array(keep))
        for entry in self.rejected:
            entry |= {what: found for what, of in self.persons.items() if (found := of[entry["row"]].as_py())}
        if keeps_content(self.door.spec):
            for entry in self.rejected[:MOST_KEPT]:
                entry["content"] = as_content(self.source.row(entry["row"]))
        rejected = sorted(self.rejected, key=lambda entry: entry["row"])
        ignored = tuple(sorted(set(self.source.names()) - known))
        return Intake(table, rejected, ignored, absent=tuple(self.absent), source=self.source)


def canonical_log(
    spec: ModelSpec,
    data: object,
    *,
    arrival: datetime,
    default_version: str | None = None,
    with_label: bool = False,
    privacy_key: bytes | None = None,
) -> Intake:
    """Bring logged predictions into the columns of ``log_<model>``, in the order they came.

    ``data`` as in :func:`storage.intake_source.open_source`, with the declared column names, or those of the HTTP interface
    (``prediction_id``, ``event_time``, ``model_version``, ``latency_ms``, ``features``, ``prediction``, ``score``). A row
    without id gets one; a row without event time is rejected, unless the model declares no time, when it is ``arrival``.
    Naive times are in the model's zone. Inputs that are not there are NULL. ``with_label`` adds ``_label``. What the model hides
    is hidden here; ``privacy_key`` is the home's, needed where something is hashed.
    """
    source = open_source(data)
    casting = _Casting(source, Door(spec, privacy_key))
    kind = prediction_type(spec)
    columns: dict[str, pa.Array] = {
        "_id": _ids(casting, spec, arrival),
        "_event_time": _event_times(casting, spec, arrival),
        "_arrival_time": _constant(source.rows, _naive(arrival), TIMESTAMP),
        "_model_version": casting.cast_version().fill_null(default_version or UNVERSIONED),
        "_role": _roles(casting),
        "_latency_ms": _latencies(casting, spec),
        "_prediction": casting.cast_field(kind, spec.prediction, "prediction"),
        "_subject": casting.null("categorical")
        if spec.subject is None
        else casting.cast_person("subject", spec.subject),
    }
    columns |= _scores(casting, spec)
    physical = physical_names(column.name for column in spec.columns)
    for column in spec.columns:
        columns[physical[column.name]] = casting.cast_input(column.name, column.type)
    if with_label:
        columns["_label"] = casting.cast_field(kind, spec.label, "label")
    return casting.finish(columns, _known(spec))


def canonical_labels(spec: ModelSpec, data: object, *, arrival: datetime, privacy_key: bytes | None = None) -> Intake:
    """Bring labels into the columns ``_id``, ``_label``, ``_label_time``, ``_arrival_time`` and ``_event_time``.

    The latter, the event time of the labelled prediction, is NULL unless it came along. A label without time gets ``arrival``; one
    without id or value is rejected, and for a regression one that is not finite. Ids are hidden as those of predictions are.
    """
    source = open_source(data)
    casting = _Casting(source, Door(spec, privacy_key))
    kind = prediction_type(spec)
    ids = casting.cast_person("id", spec.id, "prediction_id")
    id_name = spec.id or "prediction_id"
    casting.reject_where(_blank(ids), id_name, ids, "a label needs the id of its prediction", "a prediction's id")
    labels = casting.cast_field(kind, spec.label, "label")
    missing = pc.is_null(labels) if kind == "categorical" else pc.invert(pc.is_finite(labels).fill_null(False))
    expected = "a finite number" if kind == "numeric" else "a class"
    casting.reject_where(
        casting.untold(missing), spec.label or "label", labels, "the label is missing or not finite", expected
    )
    columns = {
        "_id": ids,
        "_label": labels,
        "_label_time": casting.cast_field("datetime", "label_time").fill_null(_naive(arrival)),
        "_arrival_time": _constant(source.rows, _naive(arrival), TIMESTAMP),
        "_event_time": casting.cast_field("datetime", spec.time, "event_time"),
    }
    return casting.finish(columns, _known(spec) | {"label_time"})


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _constant(rows: int, value: object, type_: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, type_), rows)


def _blank(ids: pa.Array) -> pa.Array:
    return pc.or_kleene(pc.is_null(ids), pc.equal(ids, "").fill_null(False))


def _ids(casting: _Casting, spec: ModelSpec, arrival: datetime) -> pa.Array:
    ids = casting.cast_person("id", spec.id, "prediction_id")
    blank = _blank(ids)
    lacking = int(pc.sum(blank).as_py() or 0)
    if not lacking:
        return ids
    return pc.replace_with_mask(ids, blank, pa.array(new_ids(lacking, arrival), pa.string()))


def _event_times(casting: _Casting, spec: ModelSpec, arrival: datetime) -> pa.Array:
    times = casting.cast_field("datetime", spec.time, "event_time")
    if spec.time is None:
        return times.fill_null(_naive(arrival))
    absent = casting.untold(pc.is_null(times))
    casting.reject_where(absent, spec.time, times, "the event time is missing", EXPECTED["datetime"])
    outside = pc.or_(pc.less(times, pa.scalar(_EARLIEST)), pc.greater_equal(times, pa.scalar(_LATEST)))
    expected = "a time between 1900 and 2200"
    casting.reject_where(outside, spec.time, times.cast(pa.string()), f"the event time is not {expected}", expected)
    return times


def _latencies(casting: _Casting, spec: ModelSpec) -> pa.Array:
    latencies = casting.cast_field("numeric", "latency_ms")
    if any(column.name == "latency_ms" for column in spec.columns):  # in a flat row it is the input's value
        return latencies
    wrong = pc.invert(pc.and_(pc.is_finite(latencies), pc.greater_equal(latencies, 0.0)))
    if pc.any(wrong).as_py():
        expected = "a finite number of milliseconds, 0 or more"
        casting.reject_where(wrong, "latency_ms", latencies, f"the latency is not {expected}", expected)
    return latencies


def _roles(casting: _Casting) -> pa.Array:
    roles = casting.cast_field("categorical", "_role").fill_null("serving")
    allowed = f"one of {', '.join(ROLES)}"
    unknown = pc.invert(pc.is_in(roles, pa.array(ROLES)))
    casting.reject_where(unknown, "_role", roles, f"the role is not {allowed}", allowed)
    return roles


def _scores(casting: _Casting, spec: ModelSpec) -> dict[str, pa.Array]:
    """``_score``: probability of the positive class, or the one score there is. ``_scores``: one for each class (multiclass).

    Rows of several versions may come together, some with one score, some with one for each class.
    """
    rows = casting.source.rows
    by_class, single = _scores_by_class(casting, spec)
    score = casting.null("numeric") if single is None else casting.cast(*single, "numeric")
    arrays = {name: casting.cast(label, values, "numeric") for name, (label, values) in by_class.items()}
    if not arrays:
        return {"_score": score, "_scores": pa.nulls(rows, SCORES)}
    if spec.task != "binary":
        return {"_score": score, "_scores": _map(arrays, rows)}
    positive = spec.positive if spec.positive in arrays else max(arrays)
    return {"_score": pc.coalesce(arrays[positive], score), "_scores": pa.nulls(rows, SCORES)}


Named = tuple[str, Values]


def _scores_by_class(casting: _Casting, spec: ModelSpec) -> tuple[dict[str, Named], Named | None]:
    """The score columns by class, declared as such or sent as one object a row; and the rows' one score, where they have that."""
    if isinstance(spec.score, dict):
        found = {name: casting.source.field(column) for name, column in spec.score.items()}
        if any(found.values()):
            return {name: entry for name, entry in found.items() if entry is not None}, None
    sent = casting.source.field(spec.score if isinstance(spec.score, str) else None, "score")
    values = None if sent is None else _objects(sent[1])
    if sent is None or values is None or not any(isinstance(value, Mapping) for value in values):
        return {}, sent
    objects = [value if isinstance(value, Mapping) else {} for value in values]
    classes = dict.fromkeys(str(name) for value in objects for name in value)
    by_class: dict[str, Named] = {
        shown(name): (f"{sent[0]}.{name}", [value.get(name) for value in objects]) for name in classes
    }
    return by_class, (sent[0], [None if isinstance(value, Mapping) else value for value in values])


def _objects(values: Values) -> list[Any] | None:
    """Return values that may hold one object a row as Python's own: lists, and Arrow's maps and structs; else None."""
    if isinstance(values, list):
        return values
    if pa.types.is_map(values.type):
        return list(values.to_pylist(maps_as_pydicts="strict"))
    return list(values.to_pylist()) if pa.types.is_struct(values.type) else None


def _map(arrays: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """One map of class to score a row."""
    classes = len(arrays)
    keys = pa.array(np.tile(np.array(list(arrays), dtype=object), rows), pa.string())
    stacked = np.column_stack([array.to_numpy(zero_copy_only=False) for array in arrays.values()])
    present = np.column_stack([pc.is_valid(array).to_numpy(zero_copy_only=False) for array in arrays.values()])
    values = pa.array(stacked.ravel(), pa.float64(), mask=~present.ravel())
    return pa.MapArray.from_arrays(pa.array(np.arange(rows + 1) * classes, pa.int32()), keys, values)


def _known(spec: ModelSpec) -> set[str]:
    declared = {column.name for column in spec.columns}
    named = {spec.id, spec.time, spec.prediction, spec.label, spec.subject}
    scores = set(spec.score.values()) if isinstance(spec.score, dict) else {spec.score}
    ours = {"prediction_id", "event_time", "model_version", "latency_ms", "_role", "prediction", "score", "label"}
    return declared | ours | spec.privacy.keys() | {name for name in named | scores if name is not None}
