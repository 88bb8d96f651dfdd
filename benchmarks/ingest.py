"""Appending rows, in CPU and wall seconds, beside DuckDB's own INSERT … SELECT of the same Arrow table into a like table."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from reference_data.declaration import ModelSpec
from service.local import LocalWorkspace

ROWS, COLUMNS = 200_000, 50
START = datetime(2026, 1, 1, tzinfo=UTC)


def rows() -> pa.Table:
    """Return predictions with 50 numeric features, one a second."""
    draw = np.random.default_rng(0)
    columns = {f"f{i}": draw.normal(size=ROWS) for i in range(COLUMNS)}
    times = pa.array([START + timedelta(seconds=i) for i in range(ROWS)], pa.timestamp("us", "UTC"))
    own = {"prediction_id": [f"p{i}" for i in range(ROWS)], "event_time": times, "prediction": draw.normal(size=ROWS)}
    return pa.table({**own, **columns})


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return CPU seconds (all threads) and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    """Print both and their ratio."""
    table = rows()
    features = {f"f{i}": "numeric" for i in range(COLUMNS)}
    spec = ModelSpec.model_validate({"name": "bench", "task": "regression", "features": features})
    with tempfile.TemporaryDirectory() as folder:
        con = duckdb.connect(str(Path(folder) / "plain.duckdb"))
        con.register("incoming", table)
        con.execute("CREATE TABLE plain AS SELECT * FROM incoming LIMIT 0")
        plain = timed(lambda: con.execute("INSERT INTO plain SELECT * FROM incoming"))
        con.close()
        with LocalWorkspace.open(Path(folder) / "home") as ws:
            ws.core.control.put_model(spec, "file", "bench", START)
            ours = timed(lambda: ws.log("bench", table))
            again = timed(lambda: ws.log("bench", table))
    print(f"{ROWS:,} rows × {COLUMNS} columns        CPU s   wall s   rows/s")
    for name, (cpu, wall) in {"INSERT … SELECT": plain, "log": ours, "log, all duplicates": again}.items():
        print(f"{name:<28} {cpu:9.2f} {wall:8.2f} {ROWS / wall:8,.0f}")
    print(f"log runs at {plain[1] / ours[1]:.2f} of INSERT … SELECT (wall)")
