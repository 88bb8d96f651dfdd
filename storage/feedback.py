"""What users say of predictions (thumbs, accepted, corrected): kinds of label beside the truth, in a ledger of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from reference_data.declaration import FeedbackType, ModelSpec
from storage.casting import EXPECTED, cast, shown
from storage.database import Database
from storage.intake import Intake, canonical_labels
from storage.intake_source import RowSource, Source, TableSource, open_source
from storage.ledger import Ledger, latest, next_numbers, unchanged
from storage.names import literal
from storage.rows import insert, registered

TRUTH = "label"  # the kind that is no feedback; so is a row without a kind
_COLUMNS = ("kind", "_id", "value", "label_time", "arrival_time")


@dataclass(frozen=True, slots=True)
class LabelIntake(Intake):
    """Labels, and the feedback among them: ``kind``, ``_id``, ``value`` (text), ``label_time``, ``arrival_time``."""

    feedback: pa.Table | None = None


def feedback_ledger(model: str) -> Ledger:
    """Return a model's feedback as a ledger: of each kind and id the latest value is in force."""
    relation = f"(SELECT * FROM feedback WHERE model = {literal(model)})"
    return Ledger(("feedback", model), relation, ("kind", "_id"), "value", "seq")


# -- rows as they come -------------------------------------------------------------------------------------------------
def canonical_labels_and_feedback(
    spec: ModelSpec, data: object, *, arrival: datetime, privacy_key: bytes | None = None
) -> Intake:
    """Part rows that may carry a ``kind`` into labels and feedback, each brought into its columns.

    Without a kind, or with :data:`TRUTH`, a row is a label (see :func:`storage.intake.canonical_labels`). Feedback has its value in
    ``value`` or ``label``. An undeclared kind rejects its row, and so does a value of another type than was declared. ``row`` of what was
    rejected counts in ``data``.
    """
    source = open_source(data)
    found = source.field("kind")
    an_input = not spec.feedback and any(column.name == "kind" for column in spec.columns)
    if found is None or an_input or "kind" in (spec.id, spec.label):
        return canonical_labels(spec, data, arrival=arrival, privacy_key=privacy_key)
    kinds = np.array([_kind(value) for value in cast(found[1], "categorical", "UTC")[0].to_pylist()], dtype=object)
    truth = np.flatnonzero(kinds == TRUTH)
    if len(truth) == source.rows and spec.task != "none":
        return canonical_labels(spec, data, arrival=arrival, privacy_key=privacy_key)
    labels = _labels(spec, source, data, truth, arrival, privacy_key)
    rejected, parts = list(labels.rejected), []
    for kind in dict.fromkeys(kinds[kinds != TRUTH].tolist()):
        places = np.flatnonzero(kinds == kind)
        declared = spec.feedback.get(kind)
        if declared is None:
            rejected += [_undeclared(spec, int(place), kind) for place in places]
            continue
        intake = _values(spec, kind, declared, _rows(source, data, places), arrival, privacy_key)
        rejected += _moved(intake.rejected, places)
        parts.append(intake.table)
    rejected.sort(key=lambda entry: entry["row"])
    return LabelIntake(
        labels.table, rejected, labels.ignored, feedback=pa.concat_tables(parts) if parts else None, source=source
    )


def _kind(value: str | None) -> str:
    return (value or "").strip() or TRUTH


def _undeclared(spec: ModelSpec, row: int, kind: str) -> dict[str, Any]:
    known = ", ".join(spec.feedback) or "none yet"
    return {
        "row": row,
        "field": "kind",
        "value": shown(kind),
        "error": f"{shown(kind)!r} is no declared kind of feedback; model {spec.name!r} has: {known}. Declare it under "
        f"[models.{spec.name}.feedback], or leave the kind out for the truth",
        "expected": f"one of {', '.join([TRUTH, *spec.feedback])}",
    }


def _labels(
    spec: ModelSpec, source: Source, data: object, places: NDArray[Any], arrival: datetime, key: bytes | None
) -> Intake:
    if spec.task != "none":
        intake = canonical_labels(spec, _rows(source, data, places), arrival=arrival, privacy_key=key)
        return replace(intake, rejected=_moved(intake.rejected, places))
    rejected = [
        {
            "row": int(place),
            "field": "kind",
            "value": None,
            "error": f"model {spec.name!r} has task 'none' and takes no labels, only feedback: give the row a kind",
            "expected": f"one of {', '.join(spec.feedback) or 'no kind: none is declared'}",
        }
        for place in places
    ]
    return replace(canonical_labels(spec, [], arrival=arrival, privacy_key=key), rejected=rejected)


def _values(
    spec: ModelSpec, kind: str, declared: FeedbackType, rows: list[dict[str, Any]], arrival: datetime, key: bytes | None
) -> Intake:
    """Bring feedback of one kind into its columns, by the same door as labels: so ids are hidden and checked alike."""
    names = [name for name in ("value", spec.label, "label") if name is not None]
    given = [{**row, "label": next((row[n] for n in names if row.get(n) is not None), None)} for row in rows]
    alike = spec.model_copy(
        update={"task": "regression" if declared == "numeric" else "multiclass", "label": "label", "feedback": {}}
    )
    intake = canonical_labels(alike, given, arrival=arrival, privacy_key=key)
    table, rejected = intake.table, list(intake.rejected)
    texts = table["_label"]
    if declared == "boolean":
        flags, problems = cast(texts, "boolean", "UTC")
        taken = np.setdiff1d(np.arange(len(given)), [entry["row"] for entry in rejected])
        rejected += [
            {"row": int(taken[place]), "field": "value", "value": value, "expected": EXPECTED["boolean"],
             "error": f"{value!r} is not {EXPECTED['boolean']}"}
            for place, value in problems.items()
        ]  # fmt: skip
        texts = pa.chunked_array([flags.cast(pa.string())])
    elif declared == "numeric":
        texts = pa.chunked_array([pa.array([repr(value) for value in texts.to_pylist()], pa.string())])
    columns = {
        "kind": pa.array([kind] * table.num_rows, pa.string()),
        "_id": table["_id"],
        "value": texts,
        "label_time": table["_label_time"],
        "arrival_time": table["_arrival_time"],
    }
    kept = pa.table(columns)
    return replace(intake, table=kept.filter(texts.is_valid()), rejected=rejected)


def _rows(source: Source, data: object, places: NDArray[Any]) -> list[Any]:
    """Return some rows as objects, from whatever form they came in."""
    if isinstance(source, RowSource) and isinstance(data, Sequence):
        return [data[int(place)] for place in places]
    assert isinstance(source, TableSource)
    columns: Mapping[str, list[Any]] = {
        name: [values[int(place)] for place in places]
        if isinstance(values, list)
        else values.take(pa.array(places)).to_pylist()
        for name, values in source.columns.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _moved(rejected: Sequence[Mapping[str, Any]], places: NDArray[Any]) -> list[dict[str, Any]]:
    return [{**entry, "row": int(places[entry["row"]])} for entry in rejected]


# -- the ledger --------------------------------------------------------------------------------------------------------
def append_feedback(db: Database, con: DuckDBPyConnection, model: str, intake: Intake) -> tuple[int, int]:
    """Append the feedback of an intake inside a write; returns how many rows were taken, and how many said the same again."""
    rows = intake.feedback if isinstance(intake, LabelIntake) else None
    if rows is None or not rows.num_rows:
        return 0, 0
    ledger = feedback_ledger(model)
    batch = rows.append_column("_row", pa.array(np.arange(rows.num_rows), pa.int64()))
    with registered(con, batch) as name:
        found = con.sql(f"SELECT {ledger.hash} AS h FROM {name} ORDER BY _row").to_arrow_table()["h"]
    hashes = np.asarray(found.to_numpy(), dtype=np.uint64)
    held = latest(db, con, ledger)
    same = unchanged(con, ledger, batch, hashes, held, lambda rows: np.ones(rows.num_rows, dtype=np.bool_))
    fresh = batch.filter(pa.array(~same)).select(list(_COLUMNS))
    numbers = next_numbers(db, con, ledger, fresh.num_rows)
    held.add(hashes[~same], numbers)
    names = pa.array([model] * fresh.num_rows, pa.string())
    insert(con, "feedback", fresh.append_column("seq", pa.array(numbers)).append_column("model", names))
    return fresh.num_rows, int(same.sum())
