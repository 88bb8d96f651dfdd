"""A CSV of ``DRIFTDECK_BENCH_FILE_MB`` megabytes (default 200) through ``driftdeck log``: peak memory, and rows/s beside DuckDB's read_csv."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv as pacsv

CHUNK = 100_000
FEATURES = 6
START = np.datetime64("2026-01-01T00:00:00")


def rows(number: int) -> pa.Table:
    """Return the rows of one chunk: an id, a time, numbers, two categories and a prediction."""
    draw = np.random.default_rng(number)
    places = np.arange(number * CHUNK, (number + 1) * CHUNK)
    columns = {
        "prediction_id": np.char.add("p", places.astype(str)),
        "event_time": pa.array(START + places * np.timedelta64(1, "s"), pa.timestamp("s")),
        **{f"f{i}": draw.normal(size=CHUNK).round(4) for i in range(FEATURES)},
        "carrier": draw.choice(["AA", "UA", "DL", "0012"], CHUNK),
        "city": draw.choice(["Berlin", "Łódź", "New York"], CHUNK),
        "prediction": draw.normal(size=CHUNK).round(3),
    }
    return pa.table(columns)


def make(path: Path, megabytes: float) -> int:
    """Write a CSV of about this size; returns its rows."""
    number = 0
    with path.open("wb") as file:
        while file.tell() < megabytes * 1e6:
            pacsv.write_csv(rows(number), file, pacsv.WriteOptions(include_header=number == 0))
            number += 1
    return number * CHUNK


def watched(command: list[str]) -> tuple[float, int]:
    """Run a command; returns wall seconds and the peak of its resident memory in bytes."""
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        victim = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, victim.memory_info().rss)
            except psutil.Error:
                break
            threading.Event().wait(0.02)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    return time.perf_counter() - started, peak


def main() -> None:
    """Print peak memory and rows/s of both."""
    megabytes = float(os.environ.get("DRIFTDECK_BENCH_FILE_MB", "200"))
    program = [sys.executable, "-c", "from service.cli import main; main()"]
    with tempfile.TemporaryDirectory(dir=os.environ.get("DRIFTDECK_BENCH_FOLDER")) as folder:
        path, home = Path(folder) / "big.csv", ["--home", str(Path(folder) / "home")]
        features = "\n".join(f'f{i} = "numeric"' for i in range(FEATURES))
        declaration = Path(folder) / "driftdeck.toml"
        declaration.write_text(
            f'[models.m]\ntask = "regression"\n[models.m.features]\n{features}\ncarrier = "categorical"\ncity = "categorical"\n'
        )
        count = make(path, megabytes)
        subprocess.run([*program, *home, "apply", str(declaration)], check=True, stdout=subprocess.DEVNULL)
        ours, peak = watched([*program, *home, "log", "m", str(path), "--json"])
        again, _ = watched([*program, *home, "log", "m", str(path), "--json"])
        started = time.perf_counter()
        with duckdb.connect(str(Path(folder) / "plain.duckdb"), config={"memory_limit": "1GB"}) as plain:
            plain.execute(f"CREATE TABLE plain AS SELECT * FROM read_csv('{path}', types={{'carrier': 'VARCHAR'}})")
        theirs = time.perf_counter() - started
    print(f"{count:,} rows, {megabytes:,.0f} MB of CSV")
    print(f"driftdeck log          {ours:8.1f} s {count / ours:10,.0f} rows/s   peak memory {peak / 2**20:,.0f} MiB")
    print(f"  the same file again  {again:8.1f} s {count / again:10,.0f} rows/s")
    print(f"DuckDB's read_csv      {theirs:8.1f} s {count / theirs:10,.0f} rows/s")
    print(f"log runs at {theirs / ours:.2f} of read_csv (wall), with typing, ids held apart and commits every 16 MB")
