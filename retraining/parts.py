"""Rows that need not lie in memory at once: those of a Parquet file, part by part, cleaned as a training job cleans its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retraining.job_rows import usable_labels
from retraining.types import TrainRequest

#: Rows that are read from a file at once.
_BATCH = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A training set in parts, each a request of its own; ``again()`` begins from the first of them."""

    again: Callable[[], Iterator[TrainRequest]]

    def __iter__(self) -> Iterator[TrainRequest]:
        return self.again()


def in_memory(request: TrainRequest, part_rows: int) -> Parts:
    """Return the rows of ``request`` in parts of at most ``part_rows``, in their order."""
    count = max(1, -(-len(request.label) // part_rows))
    places = np.array_split(np.arange(len(request.label), dtype=np.intp), count)
    return Parts(lambda: (request.part(rows) for rows in places))


def of_file(path: Path, request: TrainRequest, part_rows: int, until: datetime | None) -> Parts:
    """Return the labelled rows of a job's Parquet file with event times before ``until``, in parts of about ``part_rows``.

    ``request`` says features, task and declaration; its own rows are not looked at. The file is in order of event time, as
    the service writes it; of several answers to one id and time the first is kept.
    """

    def again() -> Iterator[TrainRequest]:
        names = list(dict.fromkeys([*(c.name for c in request.features), "_id", "_event_time", "label"]))
        waiting: list[pa.RecordBatch] = []
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(_BATCH, columns=names):
                waiting.append(batch)
                if sum(part.num_rows for part in waiting) >= part_rows:
                    yield from _cleaned(waiting, request, until)
                    waiting = []
        if waiting:
            yield from _cleaned(waiting, request, until)

    return Parts(again)


def _cleaned(batches: list[pa.RecordBatch], request: TrainRequest, until: datetime | None) -> Iterator[TrainRequest]:
    table = pa.Table.from_batches(batches)
    ids = table["_id"].combine_chunks()
    times = pd.DatetimeIndex(pd.to_datetime(table["_event_time"].to_pandas(), utc=True))
    frame = table.drop_columns(["_id", "_event_time"]).to_pandas(ignore_metadata=True)
    label, usable = usable_labels(frame["label"], request.task)
    keep = usable & np.asarray(times.notna()) & _first(ids, times)
    if until is not None:
        keep &= np.asarray(times < pd.Timestamp(until))
    rows = np.flatnonzero(keep)
    if len(rows):
        yield replace(request, frame=frame.iloc[rows], label=label[rows], times=times[rows])


def _first(ids: pa.Array, times: pd.DatetimeIndex) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether a row is the first of its id and time: what several versions answered to one id stands side by side."""
    first = np.ones(len(ids), dtype=bool)
    if len(ids) > 1:
        same = pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
        first[1:] = ~(same & (times[1:] == times[:-1]))
    return first
