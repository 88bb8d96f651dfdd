"""The files: 35 columns of fractions, 5 of whole numbers, 10 of text with 3 to 1,000 values, some of it missing; nothing drifts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUMERIC, WHOLE, NOMINAL = 35, 5, 10
COLUMNS = NUMERIC + WHOLE + NOMINAL
CHUNK = 250_000
START = datetime(2026, 1, 5, tzinfo=UTC)

_FRACTIONS: tuple[Callable[[np.random.Generator, int, int], np.ndarray], ...] = (
    lambda draw, n, i: draw.normal(i, 1 + i / 10, n),
    lambda draw, n, i: draw.exponential(1 + i, n),
    lambda draw, n, _: draw.lognormal(0, 1, n),
    lambda draw, n, _: draw.uniform(0, 100, n),
    lambda draw, n, _: draw.gamma(2, 3, n),
)
_MEANS = (3, 20, 100, 1_000, 50_000)
_CARDINALITIES = tuple(round(size) for size in np.geomspace(3, 1_000, NOMINAL))


def chunk(seed: int, number: int, rows: int) -> pa.Table:
    """Return one chunk of rows of the file that ``seed`` names."""
    draw = np.random.default_rng([seed, number])
    columns: dict[str, pa.Array] = {}
    for i in range(NUMERIC):
        values = _FRACTIONS[i % len(_FRACTIONS)](draw, rows, i)
        columns[f"f{i}"] = pa.array(values, mask=draw.random(rows) < 0.02 if i % 3 == 0 else None)
    for i in range(WHOLE):
        columns[f"i{i}"] = pa.array(draw.poisson(_MEANS[i], rows).astype(np.int64))
    for i, size in enumerate(_CARDINALITIES):
        share = 1 / np.arange(1, size + 1)
        code = draw.choice(size, rows, p=share / share.sum()).astype(np.int32)
        names = pa.array([f"value {j}" for j in range(size)])
        text = pa.DictionaryArray.from_arrays(pa.array(code, mask=draw.random(rows) < 0.01), names)
        columns[f"c{i}"] = text.cast(pa.string())
    return pa.table(columns)


def chunks(seed: int, rows: int) -> Iterator[pa.Table]:
    """Yield a file's rows."""
    for number, start in enumerate(range(0, rows, CHUNK)):
        yield chunk(seed, number, min(CHUNK, rows - start))


def write(path: Path, seed: int, rows: int) -> Path:
    """Write a Parquet file as pyarrow does by default, in bounded memory; one that is there is kept."""
    if not path.exists():
        part = path.with_suffix(".part")
        with pq.ParquetWriter(part, chunk(seed, 0, 1).schema) as writer:
            for table in chunks(seed, rows):
                writer.write_table(table)
        part.rename(path)
    return path


def logged(seed: int, rows: int, since: datetime, days: int) -> Iterator[pa.Table]:
    """Yield rows as a model's log has them, spread evenly over some days."""
    step, done = timedelta(days=days) / max(rows, 1), 0
    for table in chunks(seed, rows):
        at = np.arange(done, done + len(table))
        micro = int(since.timestamp() * 1e6) + (at * (step.total_seconds() * 1e6)).astype(np.int64)
        ids = pa.array([f"{seed}-{number}" for number in at])
        done += len(table)
        yield table.append_column("event_time", pa.array(micro, pa.timestamp("us", "UTC"))).append_column(
            "prediction_id", ids
        )
