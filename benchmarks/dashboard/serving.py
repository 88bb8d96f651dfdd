"""A home served by the product's own command for the length of a block, and the addresses of its pages."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from dashboard import registry

DEADLINE = 180.0  # seconds until the server answers


@contextmanager
def served(home: Path) -> Iterator[tuple[str, int]]:
    """Serve a home on a free port and give its address and the number of its process; raises :class:`RuntimeError` when it does not start."""
    endpoint = home / "endpoint.json"
    endpoint.unlink(missing_ok=True)
    command = [str(Path(sys.executable).with_name("driftdeck")), "--home", str(home), "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield _address(process, endpoint), process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)


def _address(process: subprocess.Popen[bytes], endpoint: Path) -> str:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}; what it said stands above")
        if endpoint.exists():
            base = str(json.loads(endpoint.read_text(encoding="utf-8"))["url"])
            try:
                ask(base, "health")
            except OSError:
                time.sleep(0.2)
                continue
            return base
        time.sleep(0.2)
    raise RuntimeError(f"the server did not answer within {DEADLINE:.0f} s")


def ask(base: str, path: str) -> Any:
    """Return what the API says; raises :class:`RuntimeError` when it refuses."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=DEADLINE)
    connection.request("GET", f"/api/v1/{path}")
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"GET {path}: {answer.status} {content[:300]!r}")
    return json.loads(content)


def addresses(base: str) -> dict[str, str]:
    """Return every page by its name, about the model in most trouble, its worst column and its first alert."""
    models = ask(base, "models")
    alerts = [alert for alert in ask(base, "alerts") if alert["state"] != "resolved"]
    model = alerts[0]["model"] if alerts else models[0]["name"]
    columns = [row["column"] for row in ask(base, f"models/{quote(model)}/drift") if row["kind"] == "feature"]
    about = {"model": model, "column": columns[0], "alert": alerts[0]["id"] if alerts else ""}
    return {
        page.name: "/" if page.name == "overview" else f"/{page.url_path}?{urlencode(about)}"
        for page in registry.discover()
    }
