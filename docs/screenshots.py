"""Take the README's pictures from the real demo, and every page of it in both themes: ``make screenshots``.

The demo is built in a folder of its own (about two minutes) and served on a free port, unless ``--url`` names one that is
served already. The README's pictures are 1440 pixels wide, with a palette of 256 colours, so that each stays below 400 kB;
all pages, at their full height, go to ``build/screenshots`` to be looked at. ``--big HOME`` takes those of a home of many
models instead, as ``python -m benchmarks.dashboard --part build`` makes one; ``make screenshots`` does both.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.dashboard.serving import addresses as every_address
from benchmarks.dashboard.serving import served
from tests.support.screenshots import FLAGS, MAIN, addresses, chromium, settle
from tests.support.screenshots import shoot as whole_page

IMAGES = Path(__file__).parent / "images"
EVERY_PAGE = Path(__file__).parents[1] / "build" / "screenshots"  # not kept: to be looked at
WIDTH, LOWEST, TALLEST = 1440, 700, 1300
MOST_BYTES = 400_000
DEADLINE = 600  # seconds for the demo to reach its clock on a slow machine
#: (page, theme): what the README shows.
SHOTS = [
    ("overview", "light"),
    ("overview", "dark"),
    ("alert", "light"),
    ("model", "dark"),
    ("feature", "light"),
    ("performance", "dark"),
    ("retrain", "light"),
]


@contextmanager
def served_demo() -> Iterator[str]:
    """Build the demo in a folder that is thrown away, serve it, and give its address."""
    with tempfile.TemporaryDirectory(prefix="driftdeck-pictures-") as home:
        command = [str(Path(sys.executable).with_name("driftdeck")), "--home", home, "demo", "--port", "0"]
        process = subprocess.Popen(command)
        try:
            yield _address(process, Path(home) / "endpoint.json")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)


def _address(process: subprocess.Popen[bytes], endpoint: Path) -> str:
    for _ in _moments():
        if process.poll() is not None:
            raise SystemExit(f"the demo ended with {process.returncode}; what it said stands above")
        if endpoint.exists():
            return str(json.loads(endpoint.read_text(encoding="utf-8"))["url"])
    raise SystemExit("the demo did not start in time")


def _moments() -> Iterator[None]:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        yield
        time.sleep(0.5)


def _get(url: str, path: str) -> object:
    with urllib.request.urlopen(f"{url}/api/v1{path}", timeout=60) as answer:
        return json.load(answer)


def story_alert(url: str) -> str:
    """Wait until the year has been played to its clock, and return the open page-severity alert."""
    for _ in _moments():
        found = _get(url, "/alerts")
        open_pages = [a["id"] for a in found if a["severity"] == "page" and a["state"] == "firing"]
        until = [m["data_until"] or "" for m in _get(url, "/models")]
        if open_pages and max(until) >= "2013-06-03":
            return open_pages[0]
    raise SystemExit("the demo has no open page; is it at 2013-06-04?")


def shrink(path: Path) -> None:
    """Write a picture again with as many colours as fit the size that is allowed."""
    picture = Image.open(path).convert("RGB")
    for colours in (256, 128, 64):
        picture.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return
    raise SystemExit(f"{path} has {path.stat().st_size:,} bytes; {MOST_BYTES:,} are allowed")


def shoot(url: str, alert: str, folder: Path, browser_path: str | None) -> None:
    """Write every picture of :data:`SHOTS`."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = addresses("air_time", "temp", alert)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(browser_path), args=FLAGS)
        for name, theme in SHOTS:
            page = browser.new_context(color_scheme=theme, viewport={"width": WIDTH, "height": LOWEST}).new_page()
            page.goto(url + pages[name])
            page.locator("h1").first.wait_for(timeout=60_000)
            settle(page)
            content = int(page.locator(MAIN).evaluate("e => e.scrollHeight"))
            page.set_viewport_size({"width": WIDTH, "height": min(max(LOWEST, content + 60), TALLEST)})
            settle(page)
            target = folder / f"{name}_{theme}.png"
            page.screenshot(path=target)
            page.context.close()
            shrink(target)
            print(f"{target} {target.stat().st_size // 1000} kB")


def every_page(url: str, folder: Path, browser_path: str | None) -> None:
    """Write a picture of every page, in both themes, at its full height."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(browser_path), args=FLAGS)
        for theme in ("light", "dark"):
            page = browser.new_context(color_scheme=theme).new_page()
            for name, path in every_address(url).items():
                whole_page(page, url + path, folder / f"{name}_{theme}.png", WIDTH)
            page.context.close()
    print(f"every page in both themes: {folder}")


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a demo that is served already, at 2013-06-04")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--chromium", default=os.environ.get("CHROMIUM"))
    parser.add_argument("--big", type=Path, metavar="HOME", help="a home of many models instead of the demo")
    given = parser.parse_args()
    if given.big is not None:
        with served(given.big) as (url, _):
            every_page(url, EVERY_PAGE / "big", given.chromium)
        return
    with nullcontext(given.url.rstrip("/")) if given.url else served_demo() as url:
        shoot(url, story_alert(url), given.folder, given.chromium)
        every_page(url, EVERY_PAGE / "flights", given.chromium)


if __name__ == "__main__":
    main()
