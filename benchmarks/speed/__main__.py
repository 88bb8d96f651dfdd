"""``python -m benchmarks.speed``: see the package."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peers import PeerError, installed, measure, run_peer
from benchmarks.peers.environments import HERE
from benchmarks.peers.running import COMPILED, QUIET
from benchmarks.speed import data
from benchmarks.speed.inside import STORED

PARTS = ("start", "compare", "profile", "stored", "sizes")
PEERS = ("evidently", "nannyml", "whylogs", "alibi-detect", "frouros", "river")
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
SMALL = 50_000
COMMAND = [sys.executable, "-c", "from service.cli import main; main()"]
Row = dict[str, Any]


def _ours(arguments: Sequence[str | Path], times: int = 3) -> Row:
    """Return what a command of ours takes: medians of a few runs, the largest peak."""
    measure([*COMMAND, "--help"], environment=COMPILED)
    runs = [measure([*COMMAND, *arguments], environment=COMPILED) for _ in range(times)]
    if any(run.code for run in runs):
        raise SystemExit(f"driftdeck {' '.join(map(str, arguments))}: {runs[0].stderr[-2000:]}")
    return {
        "cpu": median(run.cpu_seconds for run in runs),
        "wall": median(run.wall_seconds for run in runs),
        "peak": max(run.peak_bytes for run in runs),
    }


def _peer(name: str, files: Sequence[str | Path]) -> Row:
    """Return what a peer takes on its defaults; Evidently comes with Driftdeck, so it needs no environment of its own."""
    if name == "evidently" and not installed(name):
        done = measure([sys.executable, HERE / "run_evidently.py", *files], environment=QUIET)
        if done.code:
            raise PeerError(done.stderr[-2000:])
        return {"cpu": done.cpu_seconds, "wall": done.wall_seconds, "peak": done.peak_bytes}
    found = run_peer(name, files)
    judged = [verdict for verdict in found["verdicts"] if verdict["error"] is None]
    columns = len({verdict["column"] for verdict in judged})
    note = "" if columns >= data.COLUMNS else f"only {columns} of {data.COLUMNS} columns"
    return {"cpu": found["cpu_seconds"], "wall": found["wall_seconds"], "peak": found["peak_bytes"], "note": note}


def compare(folder: Path, rows: int, peers: Sequence[str]) -> list[Row]:
    """Ours and the peers on the same two files."""
    files = _files(folder, rows)
    ours: Row = {"name": "driftdeck compare"} | _ours(["compare", *files])
    found = [ours]
    for name in peers:
        print(f"  {name} …", file=sys.stderr, flush=True)
        try:
            row = {"name": name} | _peer(name, ["--reference", files[0], "--current", files[1]])
        except PeerError as error:
            row = {"name": name, "note": str(error).strip().splitlines()[-1][:120]}
        found.append(row)
    for row in found:
        if "cpu" in row:
            row |= {"cpu_ratio": row["cpu"] / ours["cpu"], "peak_ratio": row["peak"] / ours["peak"]}
    return found


def sizes(folder: Path, rows: Sequence[int]) -> list[Row]:
    """Ours on files of growing length."""
    found = []
    for size in rows:
        files = _files(folder, size)
        row: Row = {"name": f"{size:,} rows"} | _ours(["compare", *files], times=1 if size > 1_000_000 else 3)
        found.append(row | {"per_million": row["cpu"] / size * 1e6})
        if size not in (SMALL, 1_000_000):
            for file in files:
                file.unlink()
    return found


def start(folder: Path) -> list[Row]:
    """The command itself, and on files of a thousand rows."""
    files = _files(folder, 1_000)
    found = [{"name": "--help"} | _ours(["--help"], times=5)]
    return [*found, {"name": "driftdeck compare, 1,000 rows"} | _ours(["compare", *files], times=5)]


def inside(folder: Path, rows: int, names: Sequence[str]) -> list[Row]:
    """What :mod:`benchmarks.speed.inside` measures."""
    found: list[Row] = []
    for name in names:
        done = measure([sys.executable, "-m", "benchmarks.speed.inside", name, folder, str(rows)])
        if done.code:
            raise SystemExit(f"{name}: {done.stderr[-2000:]}")
        figures: dict[str, float] = json.loads(done.stdout)
        for what, seconds in figures.items():
            source = "Parquet" if what.endswith("Parquet") else "its own table"
            base = figures.get(f"scan of {source}")
            found.append({"name": what, "cpu": seconds} | ({"scan_ratio": seconds / base} if base else {}))
    return found


def _files(folder: Path, rows: int) -> tuple[Path, Path]:
    named = folder / str(rows)
    named.mkdir(exist_ok=True)
    return data.write(named / "reference.parquet", 1, rows), data.write(named / "current.parquet", 2, rows)


_HEADS = {
    "name": "",
    "cpu": "CPU s",
    "wall": "wall s",
    "peak": "peak MB",
    "cpu_ratio": "× our CPU",
    "peak_ratio": "× our memory",
    "scan_ratio": "× the scan",
    "per_million": "CPU s per million rows",
    "evidently_ratio": "Evidently's CPU, times this",
    "note": "",
}


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key == "peak":
        return f"{value / 1e6:,.0f}"
    if key in ("cpu", "wall", "per_million"):
        return f"{value:.3f}" if value < 0.5 else f"{value:.2f}" if value < 20 else f"{value:,.0f}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def markdown(title: str, rows: Sequence[Row]) -> str:
    """Return rows as a table."""
    keys = [key for key in _HEADS if any(row.get(key) not in (None, "") for row in rows)]
    lines = [
        f"| {' | '.join(_HEADS[key] for key in keys)} |",
        f"| {' | '.join(['---'] + ['---:'] * (len(keys) - 1))} |",
    ]
    lines += [f"| {' | '.join(_cell(key, row.get(key)) for key in keys)} |" for row in rows]
    return "\n".join([f"**{title}**", "", *lines, ""])


def _beside_evidently(found: dict[str, list[Row]]) -> None:
    """Say how many times a stored window's CPU Evidently takes for the same rows, where both were measured in this run."""
    rows = [row for part in found.values() for row in part]
    theirs = next((row["cpu"] for row in rows if row["name"] == "evidently" and "cpu" in row), None)
    for row in rows:
        if theirs is not None and row["name"].startswith(STORED):
            row["evidently_ratio"] = theirs / row["cpu"]


def _peers(text: str) -> list[str]:
    """Read ``--peers``: names of peers with commas between them, or ``none``."""
    names = [] if text.strip() == "none" else [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        named = ", ".join(map(repr, unknown))
        raise argparse.ArgumentTypeError(f"no peer is called {named}; choose from {', '.join(PEERS)}, or none")
    return names


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--small", action="store_true", help=f"{SMALL:,} rows, Evidently and NannyML")
    parser.add_argument("--peers", type=_peers, help=f"of {','.join(PEERS)}; none; all that are installed by default")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--folder", type=Path, help="where the files are kept; a temporary one by default")
    return parser.parse_args(argv)


def _chosen(asked: argparse.Namespace) -> list[str]:
    if asked.peers is not None:
        return list(asked.peers)
    names = PEERS[:2] if asked.small else PEERS
    return [name for name in names if name == "evidently" or installed(name)]


def run(argv: Sequence[str]) -> int:
    """Run what is asked for; returns the exit code."""
    asked = _arguments(argv)
    rows = SMALL if asked.small else asked.rows
    parts = asked.part or PARTS
    found: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("DRIFTDECK_BENCH_FOLDER")) as scratch:
        folder = asked.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for part in parts:
            print(f"{part} …", file=sys.stderr, flush=True)
            if part == "start":
                found["The command"] = start(folder)
            elif part == "compare":
                found[f"Two Parquet files of {rows:,} rows × {data.COLUMNS} columns"] = compare(
                    folder, rows, _chosen(asked)
                )
            elif part == "profile":
                home = _files(folder, rows)[0].parent
                found[f"Profiling {rows:,} rows × {data.COLUMNS} columns"] = inside(home, rows, ["profile"])
            elif part == "stored":
                found[f"A workspace, windows of {rows:,} rows"] = inside(folder, rows, ["stored", "judged", "history"])
            else:
                chosen = [size for size in SIZES if size <= max(2 * rows, 10_000_000 if not asked.small else 0)]
                found[f"driftdeck compare, {data.COLUMNS} columns"] = sizes(folder, chosen)
    _beside_evidently(found)
    text = "\n".join(markdown(title, part) for title, part in found.items())
    print(text)
    about = {"rows": rows, "at": datetime.now(UTC).isoformat(timespec="minutes"), "python": platform.python_version()}
    about |= {"processors": os.cpu_count() or 0, "machine": platform.machine()}
    if asked.json:
        asked.json.write_text(json.dumps({"about": about, "tables": found}, indent=2))
    if asked.markdown:
        asked.markdown.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
