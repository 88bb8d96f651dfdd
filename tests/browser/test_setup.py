"""The set-up in a real browser: a dropped file becomes a model with readings, in both themes, and a reload loses nothing."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import grave
from tests.browser.serving import DRIFTDECK, PATIENCE, Visitor, free_port, get, process

HOSTILE = "<img src=x onerror=alert(1)>"
MINUTES = 250_000  # milliseconds that a loaded machine may take to judge


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty home, served."""
    folder, port = tmp_path_factory.mktemp("set_up"), free_port()
    base = f"http://127.0.0.1:{port}"
    command = [DRIFTDECK, "--home", str(folder / "home"), "serve", "--port", str(port)]
    with process(command, f"{base}/healthz", folder / "log"):
        yield base


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen days of deliveries that end today, with a column whose name is an attack."""
    path = tmp_path_factory.mktemp("file") / "deliveries.csv"
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    dice, start = random.Random(4), midnight - timedelta(days=16)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order_id", "timestamp", "distance", HOSTILE, "city", "y_pred", "y_true"])
        for i in range(1600):
            km = dice.gauss(10, 2)
            at = (start + timedelta(minutes=i * 14.4)).isoformat()
            city = dice.choice(["Berlin", "Wien", "Zürich"])
            writer.writerow(
                [f"o{i}", at, f"{km:.3f}", dice.randrange(9), city, f"{2 * km:.2f}", f"{2 * km + dice.gauss(0, 1):.2f}"]
            )
    return path


def test_an_empty_home_leads_to_the_set_up_in_one_click(browser: Browser, served: str) -> None:
    with Visitor(browser, served) as visitor:
        for path in ("", "alerts", "data", "schedule", "settings", "retrain", "monitor"):
            page = visitor.open(f"/{path}")
            page.get_by_role("button", name="Set up a model").first.click()
            expect(page.get_by_role("heading", name="Set up a model")).to_be_visible(timeout=PATIENCE)
            expect(page.get_by_role("button", name="Try it with example data")).to_be_visible(timeout=PATIENCE)
            assert (visitor.errors, visitor.strangers) == ([], []), path


@pytest.mark.slow
@pytest.mark.timeout(600)  # it judges on a machine that may be busy
@pytest.mark.parametrize(("theme", "width", "name"), [("light", 1440, "in_light"), ("dark", 900, "in_dark")])
def test_a_dropped_file_ends_on_a_model_with_readings(
    browser: Browser, served: str, dropped: Path, theme: str, width: int, name: str
) -> None:
    with Visitor(browser, served, theme=theme, width=width) as visitor:
        page = visitor.open("/setup")
        page.locator("input[type=file]").set_input_files(str(dropped))
        expect(page.get_by_text("What was recognised")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("1,600 rows of 7 columns")).to_be_visible(timeout=PATIENCE)
        assert grave(visitor) == []
        field = page.get_by_label("Name", exact=True)
        field.fill(name)
        field.press("Enter")
        expect(page).to_have_url(re.compile(rf"[?&]name={name}(&|$)"), timeout=PATIENCE)
        visitor.settled()
        page.reload()  # everything chosen is in the address
        visitor.settled()
        expect(page.get_by_label("Name", exact=True)).to_have_value(name, timeout=PATIENCE)
        page.get_by_role("button", name="Set it up").click()
        expect(page.get_by_text("It goes on by itself")).to_be_visible(timeout=PATIENCE)
        page.reload()  # in the middle
        expect(page.get_by_text("First readings")).to_be_visible(timeout=MINUTES)
        visitor.settled()
        expect(page.get_by_text(f"[models.{name}]").first).to_be_visible(timeout=PATIENCE)
        assert grave(visitor) == []
        page.get_by_role("button", name="Open the model").click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=PATIENCE)
        visitor.settled()
        assert (visitor.errors, visitor.strangers, visitor.dialogs) == ([], [], [])
    model = get(f"{served}/api/v1/models/{name}")
    assert model["rows"] == {"logs": 1600, "labels": 1600, "quarantined": 0}
    assert model["last_run"] is not None
    assert len(get(f"{served}/api/v1/models/{name}/readings?limit=10")) == 10
