"""Start a server in a process of its own, and watch a page as a careful visitor would."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
DRIFTDECK = str(Path(sys.executable).parent / "driftdeck")
PATIENCE = 30_000  # milliseconds that a loaded machine may take to draw a page
#: Streamlit asks for these beneath a page's own address first, is told 404, and finds them at the root
_PROBES = ("/_stcore/health", "/_stcore/host-config")
#: true once for a third of a second nothing has been computed, stale, or on its way from one look to another
_CALM = """() => {
  const app = document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]");
  const moving = document.getAnimations().some(one => one.playState === "running" && one.effect.getTiming().iterations !== Infinity);
  const calm = app && !moving && !document.querySelector("[data-stale=true], [data-testid=stSkeleton]");
  window.calmSince = calm ? window.calmSince ?? performance.now() : undefined;
  return calm && performance.now() - window.calmSince > 350;
}"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> Any:
    with urlopen(url, timeout=30) as answer:
        body = answer.read()
    return json.loads(body) if body[:1] in b"{[" else body.decode()


@contextmanager
def process(
    arguments: Sequence[str], url: str, log: Path, *, patience: float = 120
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block is left; the block begins when ``url`` answers."""
    with log.open("wb") as output:
        running = subprocess.Popen(list(arguments), cwd=ROOT, stdout=output, stderr=output)
        try:
            wait_for(url, running, log, patience)
            yield running
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def wait_for(url: str, running: subprocess.Popen[bytes], log: Path, patience: float) -> None:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if running.poll() is not None:
            break
        try:
            get(url)
        except (URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"{url} did not answer; the server said: {log.read_text(errors='replace')[-2000:]}")


class Visitor:
    """A page in a fresh browser, with everything noted that a page must not do."""

    def __init__(self, browser: Browser, base: str, *, theme: str = "light", width: int = 1440) -> None:
        self.base, self.theme = base, theme
        self.context = browser.new_context(
            color_scheme="dark" if theme == "dark" else "light", viewport={"width": width, "height": 1000}
        )
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.context.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type == "error" and not str(message.location.get("url", "")).endswith(_PROBES):
            self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != "127.0.0.1":
            self.strangers.append(request.url)

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.settled()

    def settled(self) -> Page:
        """Wait until the page has been drawn and nothing is being computed."""
        expect(self.page.locator("[data-testid=stMainBlockContainer]")).to_be_visible(timeout=PATIENCE)
        self.page.wait_for_selector(
            "[data-testid=stApp][data-test-script-state=notRunning] [data-testid=stMainBlockContainer] :is(h1, [data-testid=stAlert])",
            timeout=PATIENCE,
        )
        expect(self.page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=PATIENCE)
        return self.page

    def calm(self) -> Page:
        """Wait until the page stands still: nothing is drawn anew, faded or moving, and that for a moment on end."""
        page = self.settled()
        page.evaluate("() => { window.calmSince = undefined }")
        page.wait_for_function(_CALM, polling=100, timeout=PATIENCE)
        return page

    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    def close(self) -> None:
        self.context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
