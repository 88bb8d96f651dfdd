"""Take a picture of every page, light and dark, wide and narrow: ``python -m tests.support.screenshots URL FOLDER``."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MAIN = "[data-testid=stMainBlockContainer]"
BUSY = "[data-testid=stApp]:not([data-test-script-state=notRunning]), [data-testid=stSkeleton], [data-testid=stStatusWidgetRunningIcon], [data-stale=true]"


def addresses(model: str, column: str, alert: str | None) -> dict[str, str]:
    """Return the pages by the name of their picture."""
    named = f"model={quote(model)}"
    pages = {
        "overview": "/",
        "models": "/models",
        "model": f"/model?{named}",
        "feature": f"/feature?{named}&column={quote(column)}",
        "performance": f"/performance?{named}",
        "alerts": "/alerts",
        "retrain": f"/retrain?{named}",
        "data": f"/data?{named}",
        "references": f"/references?{named}",
        "monitor": f"/monitor?{named}",
    }
    return pages if alert is None else {**pages, "alert": f"/alert?alert={quote(alert)}"}


def shoot(page: Page, address: str, target: Path, width: int) -> None:
    """Open an address, wait until it stands still, and write the whole page as a picture."""
    page.set_viewport_size({"width": width, "height": 1000})
    page.goto(address)
    page.locator("h1").first.wait_for(timeout=60_000)
    settle(page)
    height = page.locator(MAIN).evaluate("e => e.scrollHeight")
    page.set_viewport_size({"width": width, "height": max(700, int(height) + 80)})
    settle(page)
    page.screenshot(path=target)


def settle(page: Page) -> None:
    """Wait until nothing is loading and the height has stopped changing."""
    before = -1
    for _ in range(40):
        page.wait_for_timeout(500)
        height = page.locator(MAIN).evaluate("e => e.scrollHeight")
        if height == before and page.locator(BUSY).count() == 0:
            return
        before = height


def chromium(given: str | None) -> str | None:
    """Return the browser to use: the one given, the system's, or (None) Playwright's own."""
    return given or os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def main() -> None:
    """Read the command line and shoot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="air_time")
    parser.add_argument("--column", default="temp")
    parser.add_argument("--alert", help="the id of an alert; its page is left out without one")
    parser.add_argument("--width", type=int, action="append", help="1440 and 900 when not given")
    parser.add_argument("--chromium")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    pages = addresses(arguments.model, arguments.column, arguments.alert)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(arguments.chromium), args=FLAGS)
        for theme in ("light", "dark"):
            for width in arguments.width or (1440, 900):
                page = browser.new_context(color_scheme=theme).new_page()
                for name, path in pages.items():
                    target = arguments.folder / f"{name}_{theme}_{width}.png"
                    shoot(page, arguments.url.rstrip("/") + path, target, width)
                    print(target)
                page.context.close()


if __name__ == "__main__":
    main()
