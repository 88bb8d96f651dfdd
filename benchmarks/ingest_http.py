"""Ingestion over HTTP into a real server, beside DuckDB's own INSERT … SELECT of the same Arrow data into the same table.

The server, the client and DuckDB's own turn are processes of their own. While JSON is posted, its events run on, monitors judge the hours
that they fill against three weeks of reference, and the overview and the model's page are read by API and drawn in one tab of Chromium, again
and again. ``python -m benchmarks ingest_http``; sizes by DRIFTDECK_BENCH_SECONDS (3) for each.
"""

import contextlib
import http.client
import io
import json
import math
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import _watch

SECONDS = float(os.environ.get("DRIFTDECK_BENCH_SECONDS", "3"))
START = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK, BLOCKS = 100_000, 6
WEEKS, AN_HOUR = 3, 60  # of the reference, and its rows in each hour
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"


# -- rows --------------------------------------------------------------------------------------------------------------
def features(columns: int) -> dict[str, str]:
    """Return the declared features: one in five is a category."""
    return {f"f{i}": "categorical" if i % 5 == 4 else "numeric" for i in range(columns)}


def block(number: int, rows: int, columns: int, step: float = 1.0) -> pa.Table:
    """Return predictions with ids of their own, ``step`` seconds apart; block -1 ends where block 0 begins."""
    draw = np.random.default_rng(number + 1)
    first = number * rows
    own = {
        "prediction_id": [f"{number}-{i}" for i in range(rows)],
        "event_time": pa.array(
            [START + timedelta(seconds=step * (first + i)) for i in range(rows)], pa.timestamp("us", "UTC")
        ),
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


def json_rows(number: int, rows: int, columns: int, step: float) -> list[dict]:
    """Return rows as a service would send them."""
    table = block(number, rows, columns, step)
    names = list(features(columns))
    inputs = table.select(names).to_pylist()
    own = table.drop_columns(names).to_pylist()
    return [
        {**row, "event_time": row["event_time"].isoformat(), "features": values}
        for row, values in zip(own, inputs, strict=True)
    ]


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
    call(http.client.HTTPConnection(*address), "/api/v1/apply", text.encode(), "application/toml")


def call(connection: http.client.HTTPConnection, path: str, body: bytes, kind: str, *, keyed: bool = False) -> dict:
    """Post a body, with an idempotency key of its own if ``keyed``; returns the answer, which must be a good one."""
    key = {"Idempotency-Key": uuid.uuid4().hex} if keyed else {}
    connection.request("POST", path, body, {"Content-Type": kind} | key)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in (200, 202):
        raise RuntimeError(f"{path}: {answer.status} {content[:300]!r}")
    return json.loads(content)


@dataclass(frozen=True)
class Posting:
    """Bodies of so many ``rows`` each, made by a function with arguments, for one model."""

    model: str
    rows: int
    make: tuple
    kind: str = "application/json"
    clients: int = 4
    keyed: bool = False

    def bodies(self) -> list[bytes]:
        """Return the bodies."""
        function, *arguments = self.make
        return function(*arguments)


def post_all(address: tuple[str, int], how: Posting, bodies: list[bytes]) -> tuple[float, list[float]]:
    """Post bodies from several clients; returns wall seconds and those of each answer."""
    waiting, lock, took = list(reversed(bodies)), threading.Lock(), []

    def client() -> None:
        connection = http.client.HTTPConnection(*address)
        while True:
            with lock:
                if not waiting:
                    return
                body = waiting.pop()
            began = time.perf_counter()
            found = call(connection, f"/api/v1/models/{how.model}/logs", body, how.kind, keyed=how.keyed)
            took.append(time.perf_counter() - began)
            if found["accepted"] != how.rows:
                raise RuntimeError(f"{found['accepted']} of {how.rows} rows were accepted")

    threads = [threading.Thread(target=client) for _ in range(how.clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if len(took) < len(bodies):
        raise RuntimeError("a client failed; its error stands above")
    return seconds, took


def _load(address: tuple[str, int], how: Posting, server_id: int) -> tuple[float, float, list[float]]:
    process = psutil.Process(server_id)
    bodies = how.bodies()
    first = len(bodies) // 10 + 1
    post_all(address, how, bodies[:first])
    before = cpu(process)
    seconds, took = post_all(address, how, bodies[first:])
    return seconds, cpu(process) - before, took


def apart(address: tuple[str, int], how: Posting, server_id: int) -> tuple[float, float, list[float]]:
    """Post from a process of its own; the first tenth of the bodies is not counted.

    Returns wall seconds, CPU seconds of the server in these, and the seconds of each answer.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_load, (address, how, server_id))


# -- what is measured --------------------------------------------------------------------------------------------------
def json_bodies(turn: int, count: int, rows: int, columns: int, step: float) -> list[bytes]:
    """Return batches with ids of their own; those of a turn go on in time where those of the turn before ended."""
    told = json_rows(turn, count * rows, columns, step)
    return [json.dumps({"rows": told[first : first + rows]}).encode() for first in range(0, len(told), rows)]


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

    def post(self, name: str, how: Posting) -> tuple[float, float]:
        """Post, and print what came of it; returns wall and CPU seconds of the server for 1,000 rows."""
        seconds, used, took = apart(self.address, how, self.process.pid)
        total = how.rows * len(took)
        p99 = statistics.quantiles(took, n=100)[98] if len(took) > 1 else took[0]
        print(
            f"{name:<47} {total / seconds:9,.0f} rows/s  p99 {1000 * p99:6,.0f} ms  "
            f"{total / used:9,.0f} rows per CPU second of the server"
        )
        return 1000 * seconds / total, 1000 * used / total

    def watched(self, name: str, model: str, rows: int, columns: int, step: float, rate: int, clients: int) -> None:
        """Post JSON, events ``step`` seconds apart: unwatched, then while the model is watched, with keys as the client does and without.

        So many bodies as SECONDS take at the ``rate`` that is wanted, in rows a second.
        """
        count = max(20, int(SECONDS * rate / rows))
        earlier, alone, keyed, plain = (
            Posting(model, rows, (json_bodies, turn, count, rows, columns, step), clients=clients) for turn in range(4)
        )
        freeze(self.address, model, columns)
        two_hours = math.ceil(2 * 3600 / (step * rows))  # so that the pages have something to show
        post_all(self.address, earlier, earlier.bodies()[-two_hours:])
        _watch.run(self.address, model)
        print(f"{name} ({rate:,} wanted)")
        self.post("  unwatched, with Idempotency-Key", replace(alone, keyed=True))
        with _watch.watched(self.address, model):
            self.post("  with Idempotency-Key", replace(keyed, keyed=True))
            self.post("  without", plain)


def freeze(address: tuple[str, int], model: str, columns: int) -> None:
    """Freeze a reference of the hours before the first event."""
    hours = WEEKS * 7 * 24
    rows = encoded(block(-1, hours * AN_HOUR, columns, 3600 / AN_HOUR), PARQUET)
    call(http.client.HTTPConnection(*address), f"/api/v1/models/{model}/references", rows, PARQUET)


def main() -> None:
    """Print each figure."""
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores shared by server, client and watchers; load before: {load:.1f}")
    with tempfile.TemporaryDirectory() as name, server(Path(name) / "home") as (address, process):
        declare(address, ("wide", 50), ("json10", 10), ("json50", 50), ("single", 10))
        figures = Figures(address, process)
        tables(Path(name), figures)
        figures.watched("JSON, 1,000 rows × 10 columns", "json10", 1000, 10, 1.0, 20_000, 4)
        figures.watched("JSON, 1,000 rows × 50 columns", "json50", 1000, 50, 3.6, 5_000, 4)
        figures.watched("JSON, single rows × 10 columns from 50 clients", "single", 1, 10, 36.0, 500, 50)


def tables(folder: Path, figures: Figures) -> None:
    """Measure Arrow and Parquet, and DuckDB's own turn between them."""
    arrow = figures.post("Arrow, blocks of 100,000 × 50", Posting("wide", BLOCK, (table_bodies, 0, ARROW), ARROW, 2))
    rows = BLOCK * (BLOCKS - 1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        wall, used = pool.apply(own_insert, (folder,))
    print(
        f"{'DuckDB, INSERT … SELECT of the same':<47} {rows / wall:9,.0f} rows/s  {rows / used:30,.0f} rows per CPU second"
    )
    parquet = figures.post("Parquet, the same", Posting("wide", BLOCK, (table_bodies, 50, PARQUET), PARQUET, 2))
    for what, at in (("wall", 0), ("CPU", 1)):
        own = 1000 * (wall, used)[at] / rows
        print(
            f"of INSERT … SELECT by {what} seconds: Arrow {own / arrow[at]:.2f}, Parquet {own / parquet[at]:.2f} (0.5 wanted)"
        )


if __name__ == "__main__":
    main()
