"""Each page's script on a home that is served: seconds and kilobytes of a first visit and of rebuilds."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import psutil

from benchmarks.dashboard.serving import addresses, served
from benchmarks.dashboard.wire import Drawn, Session

TIMES, GOAL, SETTLE = 5, 1.0, 20.0


def measure(home: Path) -> None:
    """Serve the home and print the table."""
    with served(home) as (base, number):
        time.sleep(SETTLE)  # what is due when a service begins
        table(base, psutil.Process(number))


def table(base: str, server: psutil.Process) -> None:
    """Visit every page in one session, so often that a rebuild shows its usual cost; CPU seconds are all of the server's."""
    print(
        f"{'page':<14} {'first s':>8} {'rebuild s':>10} {'worst s':>8} {'CPU s':>7} {'kB':>7} {'sent kB':>8} {'charts':>7}"
    )
    for name, path in addresses(base).items():
        with Session(base) as session:
            first, before = session.draw(path), _cpu(server)
            again = [session.draw(path) for _ in range(TIMES)]
        print(_line(name, first, again, (_cpu(server) - before) / TIMES), flush=True)


def _cpu(server: psutil.Process) -> float:
    spent = server.cpu_times()
    return spent.user + spent.system


def _line(name: str, first: Drawn, again: list[Drawn], cpu: float) -> str:
    seconds = [drawn.seconds for drawn in again]
    middle = statistics.median(seconds)
    words = "  over a second" if middle > GOAL else ""
    failed = f"  {first.exceptions[0]}" if first.exceptions else ""
    return (
        f"{name:<14} {first.seconds:8.2f} {middle:10.2f} {max(seconds):8.2f} {cpu:7.2f} {again[-1].bytes / 1000:7.0f} "
        f"{again[-1].sent / 1000:8.0f} {again[-1].charts:7}{words}{failed}"
    )
