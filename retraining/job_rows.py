"""The rows of a training job: read, cleaned, put in order, and written back as the new version's reference."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reference_data.declaration import ModelSpec
from reference_data.schema import Task
from retraining.features import texts
from retraining.job_files import ROW_COLUMNS
from retraining.registry import sync_folder
from retraining.types import Predictions, TrainingError, TrainRequest
from storage.names import SUBJECT

_BATCH = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class JobRows:
    """Labelled rows, one a prediction id, ascending in event time. ``table`` and ``frame`` hold the same rows.

    ``sha256`` is the hash of the file they were read from; ``notes`` say what was left out.
    """

    table: pa.Table
    frame: pd.DataFrame
    label: NDArray[Any]
    times: pd.DatetimeIndex
    sha256: str
    notes: tuple[str, ...]

    def request(self, spec: ModelSpec, seed: int, folder: Path | None = None) -> TrainRequest:
        """Return all rows as a request to train on the features of ``spec``; ``folder`` holds the operator's training code."""
        features = tuple(column for column in spec.columns if column.role == "feature")
        retrain = spec.retrain
        return TrainRequest(
            self.frame,
            self.label,
            self.times,
            features,
            spec.task,
            retrain.params,
            seed,
            spec.timezone,
            retrain,
            folder,
        )


def read_rows(path: Path, spec: ModelSpec, champion: str | None, most: int | None = None) -> JobRows:
    """Read the rows the service wrote; of more than ``most`` about so many, chosen by the hash of their ids.

    Rows without a usable label are left out; of several answers to one id the champion's is kept. Naive times are UTC.
    Raises :class:`TrainingError` naming what is missing.
    """
    digest = _digest(path)
    table, total = _table(path, most)
    wanted = [*ROW_COLUMNS, *spec.features]
    lost = [name for name in wanted if name not in table.column_names]
    if lost:
        raise TrainingError(f"the rows lack the columns {lost}; they have {table.column_names}")
    frame = table.to_pandas(ignore_metadata=True)
    times = pd.to_datetime(frame["_event_time"], utc=True)
    label, usable = usable_labels(frame["label"], spec.task)
    order = pd.DataFrame(
        {"time": times, "id": frame["_id"].astype(str), "other": (frame["_model_version"] != champion).to_numpy()}
    )[usable & times.notna().to_numpy()]
    once = order.sort_values(["other", "time"], kind="stable").drop_duplicates("id").sort_values(["time", "id"])
    rows = once.index.to_numpy()
    notes = []
    if total > len(frame):
        notes.append(
            f"{len(frame):,} of {total:,} rows, chosen by the hash of their ids, are judged by and kept as reference"
        )
    if len(frame) > len(order):
        notes.append(f"{len(frame) - len(order):,} of {len(frame):,} rows have no usable label and were left out")
    if len(order) > len(rows):
        notes.append(f"{len(order) - len(rows):,} rows repeat a prediction id and were left out")
    if not len(rows):
        raise TrainingError(f"none of the {len(frame):,} rows has a label; wait for labels or choose another period")
    return JobRows(
        table.take(rows),
        frame.iloc[rows].reset_index(drop=True),
        label[rows],
        pd.DatetimeIndex(times.iloc[rows]),
        digest,
        tuple(notes),
    )


def write_reference(
    path: Path,
    rows: JobRows,
    chosen: NDArray[np.intp],
    found: Predictions,
    spec: ModelSpec,
    version: str,
    positive: str | None,
) -> None:
    """Write the chosen rows with the new version's honest predictions, whole or not at all.

    Columns: the declared inputs, ``_id``, ``_event_time``, ``_subject`` if the rows have it, ``label``, ``prediction``, ``_model_version``, and ``score``
    (binary: probability of ``positive``) or ``scores`` (multiclass: map of class to probability).
    """
    table = rows.table.take(chosen)
    kept = [name for name in (*spec.features, *spec.context) if name in table.column_names]
    columns: dict[str, Any] = {name: table[name] for name in kept}
    columns |= {name: table[name] for name in ("_id", "_event_time", SUBJECT) if name in table.column_names}
    regression = spec.task == "regression"
    kind = pa.float64() if regression else pa.string()
    columns["label"] = pa.array(list(rows.label[chosen]), type=kind)
    columns["prediction"] = pa.array(list(found.predicted), type=kind)
    columns["_model_version"] = pa.array([version] * len(chosen), type=pa.string())
    if found.scores is not None and positive is not None:
        columns["score"] = pa.array(found.score_of(positive))
    elif found.scores is not None:
        maps = [list(zip(found.classes, row, strict=True)) for row in found.scores.tolist()]
        columns["scores"] = pa.array(maps, type=pa.map_(pa.string(), pa.float64()))
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        pq.write_table(pa.table(columns), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def usable_labels(values: pd.Series[Any], task: Task) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return labels as a task has them (numbers, or text), and which of them can be learned from."""
    if task == "regression":
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers, np.isfinite(numbers)
    return texts(values), values.notna().to_numpy()


def _table(path: Path, most: int | None) -> tuple[pa.Table, int]:
    """Return the file's rows, or those whose ids hash lowest of more than ``most``, and how many the file has."""
    with pq.ParquetFile(path, pre_buffer=False) as file:  # a buffer would hold the whole file
        total = file.metadata.num_rows
        if most is None or total <= most or "_id" not in file.schema_arrow.names:
            return file.read(), total
        limit = np.uint64(2**64 - 1) // np.uint64(total) * np.uint64(most)
        kept = []
        for batch in file.iter_batches(_BATCH):
            hashes = pd.util.hash_array(batch["_id"].cast(pa.string()).to_numpy(zero_copy_only=False).astype(object))
            kept.append(batch.filter(pa.array(hashes < limit)))
        return pa.Table.from_batches(kept), total


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
