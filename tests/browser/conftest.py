"""A fake workspace that several files look at and nobody changes: served once for each worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.serving import PYTHON, free_port, process


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the fake with the demo's player. Whoever changes anything serves one of their own."""
    port = free_port()
    base, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("still") / "log"
    command = [PYTHON, "-m", "tests.support.serve_fake", "--port", str(port), "--demo"]
    with process(command, f"{base}/_stcore/health", log):
        yield base
