"""Appends of labels beside DRIFTDECK_BENCH_ROWS predictions (default 1,000,000), all of them labelled: milliseconds for a batch of 1,000.

Beside each stands DuckDB's own ``INSERT … SELECT`` of such a batch into a plain table of the same database file's engine.
"""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.local import LocalWorkspace

ROWS = int(os.environ.get("DRIFTDECK_BENCH_ROWS", "1_000_000"))
BATCH, TIMES, DAYS, BLOCK = 1000, 7, 200, 200_000
START = datetime(2026, 1, 1, tzinfo=UTC)
DECLARATION = '[models.late]\ntask = "regression"\n[models.late.features]\nx = "numeric"\n'


def ids(first: int, count: int) -> pa.Array:
    """Return the ids of predictions by number."""
    return pc.cast(pa.array(np.arange(first, first + count)), pa.string())


def event_times(first: int, count: int) -> pa.Array:
    """Return their event times, evenly spread."""
    step = DAYS * 86_400_000_000 // ROWS
    return pa.array(int(START.timestamp() * 1e6) + np.arange(first, first + count) * step, pa.timestamp("us", "UTC"))


def labels(first: int, value: float, *, timed: bool = False) -> pa.Table:
    """Return a batch of labels, with the event times of their predictions if ``timed``."""
    table = pa.table({"prediction_id": ids(first, BATCH), "label": np.full(BATCH, value)})
    return table.append_column("event_time", event_times(first, BATCH)) if timed else table


def median_ms(work: Callable[[int], object]) -> float:
    """Return the median of some turns, after one that does not count."""
    found = []
    for turn in range(TIMES + 1):
        started = time.perf_counter()
        work(turn)
        found.append(1000 * (time.perf_counter() - started))
    return float(np.median(found[1:]))


def main() -> None:
    """Print each figure."""
    now = START + timedelta(days=DAYS)
    labelled = ROWS - 4 * TIMES * BATCH
    with tempfile.TemporaryDirectory() as folder, LocalWorkspace.open(Path(folder) / "home", now=lambda: now) as ws:
        ws.apply(DECLARATION)
        for first in range(0, ROWS, BLOCK):
            count = min(BLOCK, ROWS - first)
            times = event_times(first, count)
            ws.core.replayed = START + timedelta(days=DAYS) * (first + count) / ROWS
            rows = {
                "prediction_id": ids(first, count),
                "event_time": times,
                "prediction": np.zeros(count),
                "x": np.zeros(count),
            }
            ws.log("late", pa.table(rows))
            told = min(count, max(0, labelled - first))
            ws.label(
                "late",
                pa.table({"prediction_id": ids(first, told), "label": np.zeros(told), "event_time": times[:told]}),
            )
        plain = duckdb.connect(str(Path(folder) / "plain.duckdb"))
        plain.register("batch", labels(0, 0.0))
        plain.execute("CREATE TABLE label AS SELECT * FROM batch LIMIT 0")
        base = median_ms(lambda _: plain.execute("INSERT INTO label SELECT * FROM batch"))
        plain.close()
        fresh, old = labelled, ROWS // 20
        calls: dict[str, Callable[[int], object]] = {
            "new": lambda turn: ws.label("late", labels(fresh + turn * BATCH, 1.0)),
            "new, with event_time": lambda turn: ws.label(
                "late", labels(fresh + (TIMES + 1 + turn) * BATCH, 1.0, timed=True)
            ),
            "the same again": lambda turn: ws.label("late", labels(fresh - (turn + 1) * BATCH, 0.0)),
            "corrections of old ones": lambda turn: ws.label("late", labels(old + turn * BATCH, 2.0)),
            "without a prediction": lambda turn: ws.label("late", labels(2 * ROWS + turn * BATCH, 1.0)),
        }
        print(f"{ROWS:,} predictions, {labelled:,} labels; a batch of {BATCH:,}")
        print(f"{'INSERT … SELECT':<28} {base:8.1f} ms")
        for name, call in calls.items():
            spent = median_ms(call)
            print(f"{name:<28} {spent:8.1f} ms {spent / base:6.1f} times")


if __name__ == "__main__":
    main()
