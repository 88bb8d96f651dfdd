"""What is declared in a file, in a real browser: marked as such, and taken up anew without a restart."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.serving import DRIFTDECK, PATIENCE, Visitor, free_port, process

MODEL = """
[models.{name}]
task = "regression"
[models.{name}.features]
distance = "numeric"
"""


def test_a_changed_file_is_taken_up_without_a_restart_and_what_is_in_it_is_marked(
    browser: Browser, tmp_path: Path
) -> None:
    declared, port = tmp_path / "driftdeck.toml", free_port()
    declared.write_text(MODEL.format(name="first"), encoding="utf-8")
    base = f"http://127.0.0.1:{port}"
    command = [DRIFTDECK, "--home", str(tmp_path / "home"), "serve", "--port", str(port)]
    with (
        process([*command, "--declaration", str(declared)], f"{base}/healthz", tmp_path / "log") as running,
        Visitor(browser, base) as visitor,
    ):
        page = visitor.open("/model?model=second")
        expect(page.get_by_text(re.compile("no model .second", re.IGNORECASE)).first).to_be_visible(timeout=PATIENCE)
        declared.write_text(MODEL.format(name="first") + MODEL.format(name="second"), encoding="utf-8")
        heading = page.get_by_role("heading", level=1, name="second")
        for _ in range(30):  # the file is looked at every ten seconds
            page.wait_for_timeout(1_000)
            visitor.open("/model?model=second")
            if heading.count():
                break
        expect(heading).to_be_visible()
        expect(page.get_by_text("from file").first).to_be_visible(timeout=PATIENCE)
        assert running.poll() is None  # the same process
