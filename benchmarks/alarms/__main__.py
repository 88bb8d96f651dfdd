"""The command line of the benchmark of alarms; see the package."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.alarms import report
from benchmarks.alarms.days import Cell, Drift
from benchmarks.alarms.generator import make
from benchmarks.alarms.ours import episodes
from benchmarks.alarms.protocol import FIRST_SEED, FULL, JITTER, SMALL, Size, delays, null_cells, wide_delays
from benchmarks.alarms.simulate import Workers, delay_row, null_row

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """What every part is told."""

    size: Size
    first: int
    workers: Workers
    cell: str | None
    work: Path | None = None  # where other tools' answers are kept
    notes: list[str] = field(default_factory=list)
    more: dict[str, list[Row]] = field(default_factory=dict)  # parts that come with others

    def seeds(self, count: int) -> range:
        return range(self.first, self.first + count)

    def wanted(self, name: str) -> bool:
        return self.cell is None or self.cell in name

    def say(self, row: Row) -> Row:
        """Show a row as soon as it is known."""
        shown = {key: value for key, value in row.items() if not isinstance(value, dict | list)}
        print("  " + ", ".join(f"{key} {value}" for key, value in shown.items()), file=sys.stderr, flush=True)
        return row


def null(setting: Setting) -> list[Row]:
    size = setting.size
    return [
        setting.say(null_row(cell, setting.seeds(size.models), size.weeks, setting.workers))
        for cell in null_cells()
        if setting.wanted(cell.name)
    ]


def delay(columns: int, setting: Setting) -> list[Row]:
    cases = delays() if columns == 20 else wide_delays()
    models = setting.size.drifts if columns == 20 else max(setting.size.drifts // 3, 5)
    return [
        setting.say(delay_row(case, columns, setting.seeds(models), setting.workers))
        for case in cases
        if setting.wanted(case.words)
    ]


def agree(setting: Setting) -> list[Row]:
    """Feed workspaces with rows; half of the models drift."""
    from benchmarks.alarms.workspace import agreement_row

    rows = []
    for seed in setting.seeds(setting.size.agreements):
        drift = Drift("normal_a", "location", 0.6, start=7) if seed % 2 else None
        model = make(Cell("100 rows, jitter 0.05", 100, JITTER), seed, 14, drift)
        rows.append(setting.say(agreement_row(model, episodes(model))))
    return rows


def real(setting: Setting) -> list[Row]:
    from benchmarks.alarms.real import A_DAY, shuffled_row

    size = setting.size
    return [
        setting.say(shuffled_row(name, setting.seeds(size.models), size.weeks, setting.workers))
        for name in A_DAY
        if setting.wanted(name)
    ]


def flights(setting: Setting) -> list[Row]:
    from benchmarks.alarms.real import flights_rows

    return [setting.say(row) for row in flights_rows()]


def streams(setting: Setting) -> list[Row]:
    from benchmarks.alarms.streams import stream_rows
    from benchmarks.peers import installed

    if not installed("river"):
        setting.notes.append("river is not installed (`python -m benchmarks.peers install river`): no streams")
        return []
    return [setting.say(row) for row in stream_rows(setting.seeds(setting.size.streams))]


def matters(setting: Setting) -> list[Row]:
    from benchmarks.alarms.matters import matters_rows

    seeds = setting.seeds(setting.size.harms)
    return [setting.say(row) for jitter in (0.0, JITTER) for row in matters_rows(seeds, setting.workers, jitter)]


def peers(setting: Setting) -> list[Row]:
    """Run other tools; their delays come as a part of their own."""
    from benchmarks.alarms.peers import Plan, run_peers

    size = setting.size
    plan = Plan(
        rows=size.peer_rows, quiet=range(FIRST_SEED["dev"], size.peers), drifting=setting.seeds(size.peer_drifts),
        ours=setting.seeds(size.models), weeks=size.weeks, folder=setting.work,
    )  # fmt: skip
    found = run_peers(plan, setting.workers, setting.say)
    setting.notes.extend(found["notes"])
    setting.more["peer_delays"] = found["peer_delays"]
    return list(found["peers"])


PARTS: dict[str, Callable[[Setting], list[Row]]] = {
    "null": null,
    "delay": partial(delay, 20),
    "wide": partial(delay, 200),
    "agree": agree,
    "real": real,
    "flights": flights,
    "streams": streams,
    "matters": matters,
    "peers": peers,
}


def _some(text: str, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
    return int(text)


def _names() -> list[str]:
    """Return what a part of a run is called by: cells of the null, changes, real tables."""
    from benchmarks.alarms.real import A_DAY

    changes = [case.words for case in (*delays(), *wide_delays())]
    return list(dict.fromkeys([*(cell.name for cell in null_cells()), *changes, *A_DAY]))


def run(arguments: Sequence[str]) -> int:
    """Run what is asked for, show it, and write it down; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alarms", description="False alarms and delays of alerts."
    )
    parser.add_argument("--full", action="store_true", help="the whole protocol: hours")
    parser.add_argument(
        "--seeds", choices=sorted(FIRST_SEED), default="dev", help="seeds to develop on, or to judge by"
    )
    parser.add_argument("--part", action="append", choices=list(PARTS), help="this part only; may be repeated")
    parser.add_argument("--cell", help="only cells and drifts whose name holds this text")
    parser.add_argument("--jobs", type=_some, default=2, help="processes")
    parser.add_argument("--models", type=_some, help="models a cell of the null, instead of the size's own")
    parser.add_argument("--weeks", type=_some, help="weeks of each of them")
    parser.add_argument(
        "--skip",
        type=partial(_some, least=0),
        default=0,
        help="leave out so many seeds: what was run before goes on from there",
    )
    parser.add_argument("--work", type=Path, help="keep rows and answers of other tools here, and go on from them")
    parser.add_argument("--json", type=Path, help="write the findings to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file, instead of showing them")
    asked = parser.parse_args(arguments)
    if asked.cell is not None and not any(asked.cell in name for name in _names()):
        parser.error(f"no cell and no drift is called {asked.cell!r}, or in part so; there are {'; '.join(_names())}")
    size = FULL if asked.full else SMALL
    if asked.models:
        size = replace(size, models=asked.models, drifts=asked.models, harms=asked.models)
    size = replace(size, weeks=asked.weeks or size.weeks)
    setting = Setting(size, FIRST_SEED[asked.seeds] + asked.skip, Workers(asked.jobs), asked.cell, asked.work)
    found: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.alarms", *arguments]),
        "date": datetime.now(UTC).date().isoformat(),
        "seeds": asked.seeds,
        "parts": {},
        "seconds": {},
        "notes": setting.notes,
    }
    for name in asked.part or PARTS:
        print(f"{name}:", file=sys.stderr, flush=True)
        started = time.perf_counter()
        rows = PARTS[name](setting)
        found["seconds"][name] = round(time.perf_counter() - started, 1)
        if rows:
            found["parts"][name] = rows
    found["parts"].update(setting.more)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    if asked.markdown:
        asked.markdown.write_text(report.markdown(found))
    else:
        print(report.markdown(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
