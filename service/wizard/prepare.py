"""The file's rows as the model will know them: chosen columns, times in UTC, ids where there were none. Written as an Arrow stream."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

from service.setting_up_views import ColumnProposal
from service.wizard.times import read_times, to_utc
from storage.files import Reading, iter_batches

_WHOLE = r"^(-?\d+)\.0+$"
_NAMES = {"version": "model_version", "latency": "latency_ms", "label time": "label_time"}
_DAY = 86_400_000_000


class Recipe(TypedDict):
    """What becomes of the file. ``order``: when made-up days begin (ISO) and how many there are."""

    mark: str  # of the file: what made-up ids begin with
    columns: list[ColumnProposal]
    task: str
    positive: str | None
    classes: list[str]
    timezone: str
    rows: int
    order: tuple[str, int] | None
    epoch: bool  # the event time is a number since 1970
    whole: list[str]  # columns of classes that are whole numbers


class Prepared(TypedDict):
    """What was written: rows, those left out for want of a time, and labels among them."""

    rows: int
    untimed: int
    labels: int


def prepare(path: str, target: str, recipe: Recipe) -> Prepared:
    """Write the rows to ``target`` and return what there is in it; raises :class:`storage.files.FileError`."""
    found: Prepared = {"rows": 0, "untimed": 0, "labels": 0}
    before = 0
    writer: pa.ipc.RecordBatchStreamWriter | None = None
    with pa.OSFile(target, "wb") as out, closing(iter_batches(path, reading=_reading(recipe))) as blocks:  # type: ignore[type-var]
        for block in blocks:
            if not block.table.num_rows:
                continue
            table = _columns(block.table, recipe, before)
            before += block.table.num_rows
            if "event_time_utc" in table.column_names:
                timed = table.filter(pc.is_valid(table.column("event_time_utc")))
                found["untimed"] += table.num_rows - timed.num_rows
                name = _one(recipe, "time") or "event_time"
                table = timed.rename_columns([name if c == "event_time_utc" else c for c in timed.column_names])
            label = _one(recipe, "label")
            if label in table.column_names:
                found["labels"] += table.num_rows - table.column(label).null_count
            found["rows"] += table.num_rows
            if writer is None:
                writer = pa.ipc.new_stream(out, table.schema)
            writer.write_table(table, max_chunksize=50_000)
        if writer is not None:
            writer.close()
    return found


def _one(recipe: Recipe, role: str) -> str | None:
    return next((c["name"] for c in recipe["columns"] if c["role"] == role), None)


def _reading(recipe: Recipe) -> Reading:
    """Read columns as what they will be declared to be, so that a block cannot type them otherwise."""
    outcome = "numeric" if recipe["task"] in ("regression", "ranking") else "categorical"
    kinds = {}
    for column in recipe["columns"]:
        role, name = column["role"], column["name"]
        if role in ("feature", "context"):
            kinds[name] = column["type"]
        elif role in ("prediction", "label"):
            kinds[name] = outcome
        elif role in ("score", "latency"):
            kinds[name] = "numeric"
        elif role in ("id", "subject", "list", "version"):
            kinds[name] = "categorical"
        elif role == "label time" or (role == "time" and not recipe["epoch"]):
            kinds[name] = "datetime"
    return Reading(kinds=kinds)


def _columns(table: pa.Table, recipe: Recipe, before: int) -> pa.Table:
    found: dict[str, Any] = {}
    for column in recipe["columns"]:
        name, role = column["name"], column["role"]
        if role in ("ignored", "time") or name not in table.column_names:
            continue
        values = table.column(name)
        if name in recipe["whole"] and pa.types.is_string(values.type):
            values = pc.replace_substring_regex(values, _WHOLE, r"\1")
        found[_NAMES.get(role, name)] = _fixed(values, column, recipe)
    if _one(recipe, "id") is None:
        ids = [f"{recipe['mark']}-{number}" for number in range(before, before + table.num_rows)]
        found["prediction_id"] = pa.array(ids, pa.string())
    if recipe["order"] is not None:
        found["event_time"] = _made_up(recipe, before, table.num_rows)
    elif (time := _one(recipe, "time")) is not None:
        parsed = read_times(table.column(time), time)
        found["event_time_utc"] = (
            pa.nulls(table.num_rows, pa.timestamp("us", "UTC"))
            if parsed is None
            else to_utc(parsed, recipe["timezone"])
        )
    scores = {c["score_of"]: c["name"] for c in recipe["columns"] if c["role"] == "score"}
    if _one(recipe, "prediction") is None and scores and recipe["task"] in ("binary", "multiclass"):
        found["prediction"] = _predicted(table, recipe, scores)
    return pa.table(found)


def _fixed(values: pa.ChunkedArray, column: ColumnProposal, recipe: Recipe) -> pa.ChunkedArray:
    """Return values in one type for all blocks: numbers if every value of the block is one, text else; who takes them in casts text."""
    role = column["role"]
    if role in ("feature", "context") and column["type"] == "embedding":
        return values
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.string())
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "true", "false")
    if (
        pa.types.is_floating(values.type)
        and role in ("prediction", "label")
        and recipe["task"] not in ("regression", "ranking")
    ):
        whole = pc.equal(values, pc.floor(values))
        if pc.all(whole, min_count=0).as_py():
            return values.cast(pa.int64(), safe=False).cast(pa.string())
    return values.cast(pa.string())


def _made_up(recipe: Recipe, before: int, count: int) -> pa.Array:
    """Return times for rows in their order: as many in each day, evenly over it."""
    assert recipe["order"] is not None
    start, days = recipe["order"]
    base = int(datetime.fromisoformat(start).timestamp() * 1_000_000)
    place = np.arange(before, before + count, dtype=np.int64)
    micros = base + np.minimum(place * days * _DAY // max(1, recipe["rows"]), days * _DAY - 1)
    return pa.array(micros, pa.int64()).cast(pa.timestamp("us", "UTC"))


def _predicted(table: pa.Table, recipe: Recipe, scores: dict[str | None, str]) -> pa.Array:
    """Return classes made of scores."""
    if recipe["task"] == "binary" and len(scores) == 1:
        positive = recipe["positive"] or "1"
        other = next((each for each in recipe["classes"] if each != positive), f"not {positive}")
        values = table.column(next(iter(scores.values()))).cast(pa.float64())
        return pc.if_else(pc.greater_equal(values, 0.5), positive, other).combine_chunks()
    named = [name for name in scores if name is not None]
    stacked = np.column_stack([table.column(scores[name]).cast(pa.float64()).to_numpy() for name in named])
    held = np.isfinite(stacked).any(axis=1)
    best = np.argmax(np.where(np.isfinite(stacked), stacked, -np.inf), axis=1)
    return pa.array([named[i] if ok else None for i, ok in zip(best, held, strict=True)], pa.string())
