"""The generator's rows in the files that other tools read: columns ``model`` and ``day``, negative days being the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.alarms.days import Cell
from benchmarks.alarms.generator import REFERENCE_DAYS, Model, make
from benchmarks.alarms.protocol import DRIFT_DAYS, Delay, delays

NULL_DAYS = 28


def days_table(model: Model, name: str) -> pa.Table:
    """Return the rows of a model's reference and of its days."""
    reference = model.reference_table().drop_columns(["event_time"])
    before = np.repeat(np.arange(-REFERENCE_DAYS, 0), model.rows[:REFERENCE_DAYS])
    parts = [(reference, before)]
    for day in range(len(model.windows)):
        rows = model.table(day).drop_columns(["event_time"])
        parts.append((rows, np.full(rows.num_rows, day)))
    return pa.concat_tables(
        [t.append_column("day", pa.array(d)).append_column("model", pa.repeat(name, len(d))) for t, d in parts]
    )


def cell(rows: int, jitter: float) -> Cell:
    """Return the cell of the null table of that many rows: the same name, so the same data."""
    return Cell(f"{rows} rows, jitter {jitter:g}", rows, jitter)


def cases(rows: int) -> list[Delay]:
    """Return the drifts of the protocol at so many rows a day, beginning on the first day after the reference."""
    return [
        replace(case, drift=replace(case.drift, start=0))
        for case in delays()
        if case.goals is not None and case.rows == rows
    ]


def drift_name(case: Delay, seed: int) -> str:
    """Return the name of the model of ``seed`` in which the case's column drifts."""
    return f"{case.words}, seed {seed}"


def write_null(path: Path, of: Cell, seeds: Sequence[int]) -> None:
    """Write models in which nothing drifts, a row group each."""
    _write(path, (days_table(make(of, seed, NULL_DAYS), str(seed)) for seed in seeds))


def write_drifts(path: Path, of: Cell, seeds: Sequence[int]) -> None:
    """Write models that drift from the first day on: the column that does alone, the others of the file are missing."""
    kept = sorted({case.drift.column for case in cases(of.rows)})

    def models() -> Iterator[pa.Table]:
        for case in cases(of.rows):
            for seed in seeds:
                rows = days_table(make(of, seed, DRIFT_DAYS, case.drift), drift_name(case, seed))
                held = [
                    rows[name] if name == case.drift.column else pa.nulls(len(rows), rows[name].type) for name in kept
                ]
                yield pa.table([*held, rows["day"], rows["model"]], [*kept, "day", "model"])

    _write(path, models())


def _write(path: Path, models: Iterator[pa.Table]) -> None:
    part = path.with_suffix(".part")
    first = next(models)
    with pq.ParquetWriter(part, first.schema) as writer:
        writer.write_table(first, len(first))
        for table in models:
            writer.write_table(table, len(table))
    part.rename(path)
