"""Ingestion over HTTP into a real server, beside DuckDB's own INSERT … SELECT of the same Arrow data into the same table.

The server, the client and DuckDB's own turn are processes of their own. While JSON is posted, another process reads what the dashboard
reads and lets the monitors run. ``python -m benchmarks ingest_http``; sizes by DRIFTDECK_BENCH_SECONDS (5) for each.
"""

import contextlib
import http.client
import io
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

SECONDS = float(os.environ.get("DRIFTDECK_BENCH_SECONDS", "5"))
START = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK, BLOCKS = 100_000, 6
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"


# -- rows --------------------------------------------------------------------------------------------------------------
def features(columns: int) -> dict[str, str]:
    """Return the declared features: one in five is a category."""
    return {f"f{i}": "categorical" if i % 5 == 4 else "numeric" for i in range(columns)}


def block(number: int, rows: int, columns: int) -> pa.Table:
    """Return predictions, one a second, with ids of their own."""
    draw = np.random.default_rng(number)
    first = number * rows
    own = {
        "prediction_id": [f"{number}-{i}" for i in range(rows)],
        "event_time": pa.array([START + timedelta(seconds=first + i) for i in range(rows)], pa.timestamp("us", "UTC")),
        "model_version": ["v1"] * rows,
        "latency_ms": draw.gamma(2.0, 2.0, rows),
        "prediction": draw.normal(size=rows),
    }
    words = np.array(["red", "green", "blue", "yellow", "black"])
    kinds = features(columns)
    return pa.table(
        own
        | {
            n: words[draw.integers(0, 5, rows)] if k == "categorical" else draw.normal(size=rows)
            for n, k in kinds.items()
        }
    )


def json_body(number: int, rows: int, columns: int) -> bytes:
    """Return a batch as a service would send it."""
    table = block(number, rows, columns)
    names = list(features(columns))
    inputs = table.select(names).to_pylist()
    own = table.drop_columns(names).to_pylist()
    told = [
        {**row, "event_time": row["event_time"].isoformat(), "features": values}
        for row, values in zip(own, inputs, strict=True)
    ]
    return json.dumps({"rows": told}).encode()


def encoded(table: pa.Table, kind: str) -> bytes:
    """Return the table as a body."""
    sink = io.BytesIO()
    if kind == PARQUET:
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


# -- the server, its callers -------------------------------------------------------------------------------------------
@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[tuple[str, int], psutil.Process]]:
    """Run ``driftdeck serve`` on a home of its own; gives its address and its process."""
    driftdeck = Path(sys.executable).parent / "driftdeck"
    command = [driftdeck, "--home", folder, "serve", "--port", "0"]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTDECK_")}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ours)
    try:
        said = []
        for line in process.stderr or ():
            said.append(line)
            if found := re.search(r"http://([\d.]+):(\d+)", line):
                yield (found[1], int(found[2])), psutil.Process(process.pid)
                break
        else:
            raise RuntimeError(f"the server did not start: {''.join(said)}")
    finally:
        process.terminate()
        process.wait()


def declare(address: tuple[str, int], *models: tuple[str, int]) -> None:
    """Declare models with so many columns."""
    text = ""
    for name, columns in models:
        text += f'[models.{name}]\ntask = "regression"\n[models.{name}.features]\n'
        text += "".join(f'{n} = "{k}"\n' for n, k in features(columns).items())
        text += f'[models.{name}.monitor]\nwindow = "1h"\ngrace = "0s"\n'
    call(http.client.HTTPConnection(*address), "POST", "/api/v1/apply", text.encode(), "application/toml")


def call(connection: http.client.HTTPConnection, method: str, path: str, body: bytes, kind: str) -> dict:
    """Return the answer, which must be a good one."""
    connection.request(method, path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in (200, 202):
        raise RuntimeError(f"{path}: {answer.status} {content[:300]!r}")
    return json.loads(content)


def post_all(
    address: tuple[str, int], path: str, bodies: list[bytes], kind: str, clients: int
) -> tuple[float, list[float]]:
    """Post bodies from so many clients; returns wall seconds and those of each answer."""
    waiting, lock, took = list(reversed(bodies)), threading.Lock(), []

    def client() -> None:
        connection = http.client.HTTPConnection(*address)
        while True:
            with lock:
                if not waiting:
                    return
                body = waiting.pop()
            began = time.perf_counter()
            call(connection, "POST", path, body, kind)
            took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, took


def _load(results: object, address: tuple[str, int], path: str, make: tuple, kind: str, clients: int) -> None:
    function, *arguments = make
    bodies = function(*arguments)
    post_all(address, path, bodies[: len(bodies) // 10 + 1], kind, clients)
    results.put(post_all(address, path, bodies[len(bodies) // 10 + 1 :], kind, clients))


def apart(address: tuple[str, int], path: str, make: tuple, kind: str, clients: int) -> tuple[float, list[float]]:
    """Post from a process of its own; the first tenth of the bodies is not counted."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_load, args=(results, address, path, make, kind, clients))
    process.start()
    found = results.get()
    process.join()
    return found


def _watch(address: tuple[str, int], model: str, stop: object) -> None:
    connection = http.client.HTTPConnection(*address)
    while not stop.is_set():
        for path in ("/api/v1/models", f"/api/v1/models/{model}", f"/api/v1/models/{model}/windows?limit=50"):
            connection.request("GET", path)
            connection.getresponse().read()
        call(connection, "POST", f"/api/v1/models/{model}/run", b"{}", "application/json")
        stop.wait(1.0)


@contextlib.contextmanager
def watched(address: tuple[str, int], model: str) -> Iterator[None]:
    """Have the dashboard's questions asked and the monitors run for the length of a block."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=_watch, args=(address, model, stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join()


# -- what is measured --------------------------------------------------------------------------------------------------
def json_bodies(count: int, rows: int, columns: int) -> list[bytes]:
    """Return batches with ids of their own."""
    return [json_body(number, rows, columns) for number in range(count)]


def single_bodies(count: int) -> list[bytes]:
    """Return rows one by one."""
    rows = json.loads(json_body(0, count, 10))["rows"]
    return [json.dumps({"rows": [row]}).encode() for row in rows]


def table_bodies(first: int, kind: str) -> list[bytes]:
    """Return blocks in a binary format."""
    return [encoded(block(first + number, BLOCK, 50), kind) for number in range(BLOCKS)]


def cpu(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and of those it started."""
    times = [part.cpu_times() for part in (process, *process.children())]
    return sum(part.user + part.system for part in times)


def own_insert(folder: Path) -> tuple[float, float]:
    """Insert the same blocks by DuckDB's own INSERT … SELECT, a transaction each, into the table that the server made.

    Returns wall and CPU seconds.
    """
    from reference_data.declaration import ModelSpec
    from storage.database import Database
    from storage.model_tables import ensure_model_tables

    spec = ModelSpec.model_validate({"name": "own", "task": "regression", "features": features(50)})
    with Database.open(folder / "own.duckdb", lambda: START) as db:
        db.write(lambda con: ensure_model_tables(con, spec))
    con = duckdb.connect(str(folder / "own.duckdb"))
    con.execute("SET wal_autocheckpoint = '1GB'")
    con.execute("SET TimeZone = 'UTC'")
    wall = used = 0.0
    columns = ", ".join(features(50))
    for number in range(BLOCKS):
        con.register("incoming", block(100 + number, BLOCK, 50))
        began, before = time.perf_counter(), time.process_time()
        con.execute(
            f"INSERT INTO log_own (_id, _event_time, _arrival_time, _model_version, _role, _latency_ms, _prediction, {columns}) "
            f"SELECT prediction_id, event_time, event_time, model_version, 'serving', latency_ms, prediction, {columns} FROM incoming"
        )
        if number:  # the first warms up, as over HTTP
            wall += time.perf_counter() - began
            used += time.process_time() - before
    con.close()
    return wall, used


@dataclass
class Figures:
    """Measures one thing after another against one server."""

    address: tuple[str, int]
    process: psutil.Process

    def post(self, name: str, model: str, rows: int, make: tuple, kind: str, clients: int) -> tuple[float, float]:
        """Post bodies of so many rows each and print what came of it; returns wall and CPU seconds of the server for 1,000 rows."""
        before = cpu(self.process)
        seconds, took = apart(self.address, f"/api/v1/models/{model}/logs", make, kind, clients)
        used = (
            (cpu(self.process) - before) * len(took) / (len(took) + len(took) // 9 + 1)
        )  # the first tenth is not counted
        total = rows * len(took)
        p99 = statistics.quantiles(took, n=100)[98] if len(took) > 1 else took[0]
        print(
            f"{name:<47} {total / seconds:9,.0f} rows/s  p99 {1000 * p99:6,.0f} ms  "
            f"{total / used:9,.0f} rows per CPU second of the server"
        )
        return 1000 * seconds / total, 1000 * used / total


def main() -> None:
    """Print each figure."""
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores shared by server, client and watcher; load before: {load:.1f}")
    with tempfile.TemporaryDirectory() as name, server(Path(name) / "home") as (address, process):
        declare(address, ("wide", 50), ("json10", 10), ("json50", 50), ("single", 10))
        figures = Figures(address, process)
        tables(Path(name), figures)
        for model, what, rows, make, clients in (
            (
                "json10",
                "JSON, 1,000 rows × 10 columns (20,000 wanted)",
                1000,
                (json_bodies, int(SECONDS * 20), 1000, 10),
                4,
            ),
            (
                "json50",
                "JSON, 1,000 rows × 50 columns (5,000 wanted)",
                1000,
                (json_bodies, int(SECONDS * 5), 1000, 50),
                4,
            ),
            ("single", "single rows from 50 clients (500 wanted)", 1, (single_bodies, int(SECONDS * 500)), 50),
        ):
            with watched(address, model):
                figures.post(what, model, rows, make, "application/json", clients)


def tables(folder: Path, figures: Figures) -> None:
    """Measure Arrow and Parquet, and DuckDB's own turn between them."""
    arrow = figures.post("Arrow, blocks of 100,000 × 50", "wide", BLOCK, (table_bodies, 0, ARROW), ARROW, 2)
    rows = BLOCK * (BLOCKS - 1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        wall, used = pool.apply(own_insert, (folder,))
    print(
        f"{'DuckDB, INSERT … SELECT of the same':<47} {rows / wall:9,.0f} rows/s  {rows / used:30,.0f} rows per CPU second"
    )
    parquet = figures.post("Parquet, the same", "wide", BLOCK, (table_bodies, 50, PARQUET), PARQUET, 2)
    for what, at in (("wall", 0), ("CPU", 1)):
        own = 1000 * (wall, used)[at] / rows
        print(
            f"of INSERT … SELECT by {what} seconds: Arrow {own / arrow[at]:.2f}, Parquet {own / parquet[at]:.2f} (0.5 wanted)"
        )


if __name__ == "__main__":
    main()
