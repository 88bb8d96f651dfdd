"""The overview over a long log: seconds for what the page asks, at DRIFTDECK_BENCH_ROWS rows × 10 columns (default 5,000,000).

Beside each call stands DuckDB's own ``SELECT count(*), max(_event_time)`` over the same log, run in the same process.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.local import LocalWorkspace

ROWS = int(os.environ.get("DRIFTDECK_BENCH_ROWS", "5_000_000"))
FEATURES, DAYS, BLOCK, LABELLED = 7, 365, 500_000, 0.1  # 7 features, prediction, version, latency: ten columns
START = datetime(2026, 1, 1, tzinfo=UTC)
DECLARATION = f"""
[models.long]
task = "regression"
[models.long.features]
{chr(10).join(f'f{i} = "numeric"' for i in range(FEATURES - 1))}
plan = "categorical"
[models.long.monitor]
window = "1d"
"""


def block(first: int, count: int, draw: np.random.Generator) -> pa.Table:
    """Return ``count`` predictions from number ``first`` on, evenly spread over the year."""
    numbers = np.arange(first, first + count)
    step = timedelta(days=DAYS) / ROWS
    micro = int(START.timestamp() * 1e6) + (numbers * (step.total_seconds() * 1e6)).astype(np.int64)
    plans = pa.DictionaryArray.from_arrays(draw.integers(0, 4, count).astype(np.int8), ["free", "basic", "pro", "team"])
    truth = draw.normal(size=count)
    return pa.table(
        {
            "prediction_id": pc.cast(pa.array(numbers), pa.string()),
            "event_time": pa.array(micro, pa.timestamp("us", "UTC")),
            "model_version": pa.repeat("v1", count),
            "latency_ms": draw.gamma(4, 5, count),
            "prediction": truth + draw.normal(0, 0.3, count),
            **{f"f{i}": draw.normal(size=count) for i in range(FEATURES - 1)},
            "plan": plans.dictionary_decode(),
            "label": truth,
        }
    )


def fill(ws: LocalWorkspace) -> None:
    """Log the year, and label a tenth of it."""
    draw = np.random.default_rng(0)
    for first in range(0, ROWS, BLOCK):
        table = block(first, min(BLOCK, ROWS - first), draw)
        if first == 0:
            ws.reference("long", table)
        ws.log("long", table.drop_columns(["label"]))
        ws.core.replayed = START + timedelta(days=DAYS) * min(
            1, (first + BLOCK) / ROWS
        )  # rows and labels arrive as time goes by
        some = table.select(["prediction_id", "label", "event_time"]).slice(0, int(len(table) * LABELLED))
        ws.label("long", some)


def median(work: Callable[[], object], times: int = 5) -> float:
    """Return the median wall seconds of a call, the first one left out."""
    found = []
    for _ in range(times + 1):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found[1:])


def main() -> None:
    """Print seconds of each call, and of the page."""
    with tempfile.TemporaryDirectory() as folder:
        now = START + timedelta(days=DAYS + 1)
        with LocalWorkspace.open(Path(folder) / "home", now=lambda: now) as ws:
            ws.apply(DECLARATION)
            started = time.perf_counter()
            fill(ws)
            filled = time.perf_counter() - started
            started = time.perf_counter()
            ws.run()
            ran = time.perf_counter() - started
            ws.core.db.checkpoint()
            size = ws.core.home.database.stat().st_size
            print(
                f"{ROWS:,} rows logged and labelled at {ROWS / filled:,.0f} rows/s, {size / ROWS:.0f} bytes a row; run {ran:.1f} s"
            )

            def plain() -> object:
                with ws.core.db.cursor() as con:
                    return con.execute("SELECT count(*), max(_event_time) FROM log_long").fetchall()

            ours = {
                "models()": ws.models,
                "timeline(12)": lambda: ws.timeline(12),
                "alerts()": ws.alerts,
                "windows()": lambda: ws.windows("long"),
                "heatmap()": lambda: ws.heatmap("long"),
                "performance()": lambda: ws.performance("long"),
            }
            base = median(plain)
            print(f"{'SELECT count(*), max(_event_time)':<36} {base:8.3f} s")
            for name, call in ours.items():
                seconds = median(call)
                print(f"{name:<36} {seconds:8.3f} s {seconds / base:8.1f} times")
            page = median(lambda: [ws.models(), ws.timeline(12), ws.alerts()])
            print(f"{'what the overview page asks':<36} {page:8.3f} s")


if __name__ == "__main__":
    main()
