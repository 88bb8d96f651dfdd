"""What else a server does while rows come in: monitors judge, callers read what the pages show, one Chromium tab shows the pages.

Light on imports: each of the watchers is a process of its own.
"""

import contextlib
import http.client
import json
import multiprocessing
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

PAUSE = 1.0  # seconds between two runs, two readings of the pages, two pages drawn
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
#: what `dashboard/pages/overview.py` and `model.py` ask for, as routes
OVERVIEW = ("models", "timeline?limit=12", "alerts", "sources", "health")
MODEL = (
    "models/{}",
    "models/{}/windows",
    "models/{}/performance",
    "models/{}/drift",
    "models/{}/heatmap",
    "models/{}/markers",
)
_DRAWN = "[data-testid=stApp][data-test-script-state=notRunning] [data-testid=stMainBlockContainer] h1"

Address = tuple[str, int]


@dataclass
class Tally:
    """What the watchers did meanwhile."""

    windows: int = 0
    readings: int = 0
    runs: list[float] = field(default_factory=list)  # seconds of each
    reads: list[float] = field(default_factory=list)  # of both pages by API
    drawn: list[float] = field(default_factory=list)  # of each page in Chromium

    def words(self, browser: str | None) -> str:
        """Say it in one line; raises when the monitors had nothing to judge, or nothing was read."""
        if not self.windows or not self.readings or not self.reads or (browser and not self.drawn):
            raise RuntimeError(f"nothing was watched: {self}")
        tab = (
            f"{len(self.drawn)} pages drawn in Chromium ({_median(self.drawn)})"
            if browser
            else "no Chromium on the PATH"
        )
        return (
            f"  meanwhile (bodies being made, too) {len(self.runs)} runs judged {self.windows:,} windows in {self.readings:,} readings "
            f"({_median(self.runs)}); overview and model page by API {len(self.reads)} times ({_median(self.reads)}); {tab}"
        )


def _median(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):,.0f} ms"


def chromium() -> str | None:
    """Return the path of a Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _ask(connection: http.client.HTTPConnection, method: str, path: str) -> Any:
    connection.request(
        method, f"/api/v1/{path}", *((b"{}", {"Content-Type": "application/json"}) if method == "POST" else ())
    )
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
    return json.loads(content)


def run(address: Address, model: str) -> list[dict[str, Any]]:
    """Run a model's monitors."""
    runs: list[dict[str, Any]] = _ask(http.client.HTTPConnection(*address), "POST", f"models/{quote(model)}/run")
    return runs


def _monitors(address: Address, model: str, ready: Any, stop: Any, results: Any) -> None:
    tally = Tally()
    ready.release()
    while not stop.is_set():
        began = time.perf_counter()
        found = run(address, model)
        tally.runs.append(time.perf_counter() - began)
        tally.windows += sum(one["windows"] for one in found)
        tally.readings += sum(one["readings"] for one in found)
        stop.wait(PAUSE)
    results.put(tally)


def _reader(address: Address, model: str, ready: Any, stop: Any, results: Any) -> None:
    connection, tally = http.client.HTTPConnection(*address), Tally()
    paths = [path.format(quote(model)) for path in (*OVERVIEW, *MODEL)]
    while not stop.is_set():
        began = time.perf_counter()
        for path in paths:
            _ask(connection, "GET", path)
        tally.reads.append(time.perf_counter() - began)
        if len(tally.reads) == 1:
            ready.release()
        stop.wait(PAUSE)
    results.put(tally)


def _tab(address: Address, model: str, ready: Any, stop: Any, results: Any) -> None:
    from playwright.sync_api import sync_playwright

    base, tally, shown = f"http://{address[0]}:{address[1]}", Tally(), 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page()
        while not stop.is_set():
            began = time.perf_counter()
            page.goto(base + ("/overview", f"/model?model={quote(model)}")[shown % 2])
            page.wait_for_selector(_DRAWN, timeout=60_000)
            shown += 1
            if shown > 2:  # the first of each warm up
                tally.drawn.append(time.perf_counter() - began)
            if shown == 2:
                ready.release()
            stop.wait(PAUSE)
        browser.close()
    results.put(tally)


@contextlib.contextmanager
def watched(address: Address, model: str) -> Iterator[None]:
    """Have a model's monitors run and its pages read and drawn for the length of a block; prints what was done at its end."""
    context = multiprocessing.get_context("spawn")
    ready, stop, results = context.Semaphore(0), context.Event(), context.Queue()
    browser = chromium()
    targets = [_monitors, _reader, *([_tab] if browser else [])]
    processes = [context.Process(target=target, args=(address, model, ready, stop, results)) for target in targets]
    try:
        for process in processes:
            process.start()
        for _ in processes:
            if not ready.acquire(timeout=120):
                raise RuntimeError("a watcher did not start; its error stands above")
        yield
    finally:
        stop.set()
        for process in processes:
            process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError("a watcher failed; its error stands above")
    total = Tally()
    for tally in (results.get() for _ in processes):
        total.windows, total.readings = total.windows + tally.windows, total.readings + tally.readings
        total.runs, total.reads, total.drawn = (
            total.runs + tally.runs,
            total.reads + tally.reads,
            total.drawn + tally.drawn,
        )
    print(total.words(browser), flush=True)
