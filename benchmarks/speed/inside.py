"""What is measured inside one process; run as ``python -m benchmarks.speed.inside NAME FOLDER ROWS``, prints one JSON object."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from benchmarks.peers import measure
from benchmarks.peers.running import COMPILED
from benchmarks.speed import data
from reference_data.schema import Column
from reference_data.windows import Window
from storage.names import quote
from storage.profiler import freeze_layout, profile_rows

DAYS, HISTORY, PER_DAY = 28, 90, 200
STORED = "a stored window against a stored reference"


def cpu(work: Callable[[], object], times: int = 3) -> float:
    """Return CPU seconds over all threads, the best of a few."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def profile(folder: Path, rows: int) -> dict[str, float]:
    """Profile the columns from Parquet and from a table, beside a sum or a maximum of each."""
    del rows
    path = folder / "current.parquet"
    numbers = [f"f{i}" for i in range(data.NUMERIC)] + [f"i{i}" for i in range(data.WHOLE)]
    texts = [f"c{i}" for i in range(data.NOMINAL)]
    columns = [Column(name, "numeric") for name in numbers] + [Column(name, "categorical") for name in texts]
    fields = {column.name: quote(column.name) for column in columns}
    sums = ", ".join([f"sum({name})" for name in numbers] + [f"max({name})" for name in texts])
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=folder) as scratch, duckdb.connect(str(Path(scratch) / "t.duckdb")) as con:
        con.execute(f"CREATE TABLE t AS SELECT *, row_number() OVER () % 24 AS hour FROM '{path}' ORDER BY hour")
        layout = freeze_layout(con, "SELECT * FROM t", fields, columns)
        for name, source in (("Parquet", f"'{path}'"), ("its own table", "t")):
            relation = f"SELECT * FROM {source}"
            found[f"scan of {name}"] = cpu(lambda s=source: con.execute(f"SELECT {sums} FROM {s}").fetchall())  # type: ignore[misc]
            found[f"profile of {name}"] = cpu(lambda r=relation: profile_rows(con, r, fields, layout))  # type: ignore[misc]
        found["24 profiles of its own table, by hour"] = cpu(
            lambda: profile_rows(con, "SELECT * FROM t", fields, layout, group=["hour"])
        )
    return found


def _workspace(folder: str, last_day: int, *, as_a_whole: bool = False) -> Any:
    from service.local import LocalWorkspace

    now = data.START + timedelta(days=last_day)
    features = [f'f{i} = "numeric"' for i in range(data.NUMERIC)] + [f'i{i} = "numeric"' for i in range(data.WHOLE)]
    features += [f'c{i} = "categorical"' for i in range(data.NOMINAL)]
    ws = LocalWorkspace.open(Path(folder) / "home", now=lambda: now)
    monitor = 'window = "1d"' if as_a_whole else 'window = "1d"\nmultivariate = []'
    ws.apply(f'[models.m]\ntask = "none"\n[models.m.monitor]\n{monitor}\n[models.m.features]\n' + "\n".join(features))
    return ws


def stored(folder: Path, rows: int) -> dict[str, float]:
    """Log a reference of four weeks and a window of ``rows`` rows; time the run that profiles and judges the window."""
    import pyarrow as pa

    found: dict[str, float] = {}
    for as_a_whole, words in ((False, "column by column"), (True, "and the rows as a whole")):
        with (
            tempfile.TemporaryDirectory(dir=folder) as scratch,
            _workspace(scratch, DAYS + 2, as_a_whole=as_a_whole) as ws,
        ):
            ws.reference("m", pa.concat_tables(data.logged(1, min(rows, 250_000), data.START, DAYS)))
            for table in data.logged(2, rows, data.START + timedelta(days=DAYS), 1):
                ws.log("m", table)
            ws.core.db.checkpoint()
            found[f"a window's rows profiled and judged, {words}"] = cpu(ws.run, times=1)
    return found


def judged(folder: Path, rows: int) -> dict[str, float]:
    """Store a reference and a window of ``rows`` rows each, those of the two files; time loading their profiles and judging, no row read.

    Once in a process that is up, and once as a whole process that imports, opens the workspace and judges.
    """
    import pyarrow as pa

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with _workspace(scratch, DAYS + 1) as ws:
            ws.reference("m", pa.concat_tables(data.logged(1, rows, data.START, DAYS)))
            for table in data.logged(2, rows, data.START + timedelta(days=DAYS), 1):
                ws.log("m", table)
            ws.run()
            readings = _judge(ws)
            found = {f"{STORED}: {len(readings)} readings": cpu(lambda: _judge(ws), times=5)}
        command = [sys.executable, "-m", "benchmarks.speed.inside", "again", scratch, str(rows)]
        runs = [measure(command, environment=COMPILED) for _ in range(3)]
        if any(run.code for run in runs):
            raise SystemExit(runs[0].stderr)
        return found | {f"{STORED}, the whole process": median(run.cpu_seconds for run in runs)}


def again(folder: Path, rows: int) -> dict[str, float]:
    """Open the workspace that :func:`judged` filled as the command line does, and judge its window once more."""
    from service.cli.lean import import_functions

    del rows
    import_functions()
    from service.local import LocalWorkspace

    with LocalWorkspace.open(folder / "home", now=lambda: data.START + timedelta(days=DAYS + 1)) as ws:
        return {"readings": float(len(_judge(ws)))}


def _judge(ws: Any) -> Sequence[Any]:
    """Load the profiles of the reference and of the day after it from the database, and judge; nothing is kept from one time to the next."""
    from service.local.due import Stretch
    from service.local.monitoring import judge_stretch

    start = data.START + timedelta(days=DAYS)
    window = Window(start, start + timedelta(days=1))
    found = judge_stretch(ws.core, ws.core.spec("m"), Stretch("", ws.core.reference_for("m", ""), [window]))
    if len({reading.column for reading in found}) < data.COLUMNS:
        raise SystemExit("not every column of the stored window was judged")
    return found


def history(folder: Path, rows: int) -> dict[str, float]:
    """Log a reference and 90 days; time reading all of their stored profiles and judging them."""
    import pyarrow as pa

    from service.local.due import Stretch, serving_stretches
    from service.local.monitoring import judge_stretch

    del rows
    with tempfile.TemporaryDirectory(dir=folder) as scratch, _workspace(scratch, DAYS + HISTORY + 1) as ws:
        ws.reference("m", pa.concat_tables(data.logged(1, DAYS * PER_DAY, data.START, DAYS)))
        for table in data.logged(2, HISTORY * PER_DAY, data.START + timedelta(days=DAYS), HISTORY):
            ws.log("m", table)
        ws.run()
        spec = ws.core.spec("m")
        ((version, windows),) = serving_stretches(ws.core, spec)
        stretch = Stretch(version, ws.core.reference_for("m", version), windows)
        found = judge_stretch(ws.core, spec, stretch)
        seconds = cpu(lambda: judge_stretch(ws.core, spec, stretch), times=20)
        return {f"{len(found):,} readings over {len(windows)} days of stored profiles": seconds}


def main(name: str, folder: str, rows: str) -> None:
    """Run one of the measurements."""
    work = {"profile": profile, "stored": stored, "judged": judged, "again": again, "history": history}[name]
    print(json.dumps(work(Path(folder), int(rows))))


if __name__ == "__main__":
    main(*sys.argv[1:])
