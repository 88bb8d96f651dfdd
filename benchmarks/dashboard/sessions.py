"""Twenty visitors by websocket and five tabs of Chromium, while rows come in over HTTP: how long each page takes."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import queue
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from benchmarks._watch import FLAGS, chromium
from benchmarks.dashboard import home as made
from benchmarks.dashboard.serving import addresses, ask, served
from benchmarks.dashboard.wire import Session

SESSIONS, TABS, GOAL = 20, 5, 3.0
A_BATCH, EVERY = 100, 1.0  # rows of one request, seconds between two
READS = 10.0  # seconds that a person looks at a page before opening the next
PAGES = ("overview", "model", "alerts", "feature", "alert", "performance")
_DRAWN = "[data-testid=stApp][data-test-script-state=notRunning] [data-testid=stMainBlockContainer] h1"


@dataclass
class Loads:
    """Seconds of every page load, by page."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, page: str, seconds: float) -> None:
        """Note one load."""
        self.seconds.setdefault(page, []).append(seconds)

    def lines(self, title: str) -> list[str]:
        """Return a line for each page and one for all."""
        every = [value for values in self.seconds.values() for value in values]
        rows = [(title, every), *((f"  {page}", values) for page, values in self.seconds.items())]
        return [f"{name:<26} {len(v):6} {statistics.median(v):8.2f} {_p95(v):8.2f} {max(v):8.2f}" for name, v in rows]


def _p95(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.95))


def _visitor(base: str, paths: dict[str, str], place: int, start: Any, end: float, results: Any) -> None:
    """Open pages one after another, each visitor from another place in the list."""
    names = [name for name in PAGES if name in paths]
    with Session(base) as session:
        start.wait()
        turn, until = place, time.monotonic() + end
        time.sleep(READS * place / SESSIONS)
        while time.monotonic() < until:
            name = names[turn % len(names)]
            results.put(("websocket", name, session.draw(paths[name]).seconds))
            turn += 1
            time.sleep(READS)


def _visitors(base: str, paths: dict[str, str], start: Any, end: float, results: Any) -> None:
    """Twenty visitors as threads of one process: what they do is wait."""
    from threading import Thread

    threads = [Thread(target=_visitor, args=(base, paths, place, start, end, results)) for place in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _tabs(base: str, paths: dict[str, str], start: Any, end: float, results: Any) -> None:
    """Five tabs of one Chromium, each opening pages anew."""
    from playwright.sync_api import sync_playwright

    names = [name for name in PAGES if name in paths]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        pages = [browser.new_page() for _ in range(TABS)]
        start.wait()
        turn, until = 0, time.monotonic() + end
        while time.monotonic() < until:
            name, page = names[turn % len(names)], pages[turn % TABS]
            began = time.perf_counter()
            page.goto(base + paths[name])
            page.wait_for_selector(_DRAWN, timeout=60_000)
            results.put(("tab", name, time.perf_counter() - began))
            turn += 1
            time.sleep(READS / TABS)
        browser.close()


def _batch(story: made.Story, columns: int, number: int) -> bytes:
    """Return rows of this moment as the API takes them; nothing is wrong with them."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    table = made.rows(story, columns, start, 1, a_day=A_BATCH, wrong_from=start + timedelta(days=2))
    rows = table.drop_columns(["label", "event_time"]).to_pylist()
    for place, row in enumerate(rows):
        row |= {"prediction_id": f"live-{story.place}-{number}-{place}", "event_time": start.isoformat()}
    return json.dumps(rows).encode()


def _ingest(base: str, columns: int, models: int, start: Any, end: float, results: Any) -> None:
    """Post a batch a second, to one model after another."""
    every = [story for story in made.stories(models) if story.trouble not in ("empty", "silent")]
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
    start.wait()
    number, until = 0, time.monotonic() + end
    while time.monotonic() < until:
        story = every[number % len(every)]
        body = _batch(story, columns, number)
        began = time.perf_counter()
        connection.request(
            "POST", f"/api/v1/models/{quote(story.name)}/logs", body, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in (200, 201, 207):
            raise RuntimeError(f"logging for {story.name}: {answer.status} {said[:300]!r}")
        results.put(("ingest", f"{A_BATCH} rows", time.perf_counter() - began))
        number += 1
        time.sleep(max(0.0, EVERY - (time.perf_counter() - began)))


def measure(home: Path, seconds: float) -> None:
    """Serve the home and print p50, p95 and the worst of each page."""
    with served(home) as (base, _):
        _print(base, seconds)


def _print(base: str, seconds: float) -> None:
    models = ask(base, "models")
    columns = max(model["columns"] for model in models)
    width = _features(base, models)
    paths = addresses(base)
    with Session(base) as session:  # what a server does but once
        for path in paths.values():
            session.draw(path)
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    work: list[tuple[Callable[..., object], tuple[object, ...]]] = [
        (_visitors, (base, paths)),
        (_ingest, (base, width, len(models))),
    ]
    if chromium():
        work.append((_tabs, (base, paths)))
    processes = [context.Process(target=target, args=(*given, start, seconds, results)) for target, given in work]
    for process in processes:
        process.start()
    time.sleep(5)
    start.set()
    found: dict[str, Loads] = {}
    while any(process.is_alive() for process in processes) or not results.empty():
        try:
            who, page, took = results.get(timeout=1)
        except queue.Empty:
            continue
        found.setdefault(who, Loads()).add(page, took)
    if any(process.exitcode for process in processes):
        raise RuntimeError("a visitor failed; its error stands above")
    print(f"{len(models)} models × {columns} columns; {SESSIONS} sessions, {TABS} tabs, {seconds:.0f} s")
    print(f"{'':<26} {'times':>6} {'p50 s':>8} {'p95 s':>8} {'worst s':>8}")
    for who, loads in found.items():
        print("\n".join(loads.lines(who)), flush=True)


def _features(base: str, models: Sequence[dict[str, Any]]) -> int:
    """Return how many features each model has, from the first whose rows have been judged."""
    name = next(model["name"] for model in models if model["columns"])
    return sum(row["kind"] == "feature" for row in ask(base, f"models/{quote(name)}/drift"))
