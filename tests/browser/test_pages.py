"""Every page on a fake workspace: deaf to hostile names, and restored by its address; test_axe.py holds that each is quiet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, expect

from dashboard import registry
from tests.browser.hostile_alerting import NAMES
from tests.browser.serve_hostile import COLUMN
from tests.browser.serving import PATIENCE, PYTHON, Visitor, free_port, process

PAGES = registry.discover()
FRONT = "overview"  # answers at the root, not under its name
GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(14, 18, 24)"}
ABOUT = {"model": "air_time", "alert": "a1", "column": "temp"}


def address_of(found: registry.Page, **about: str) -> str:
    return f"/{'' if found.name == FRONT else found.url_path}?{urlencode(ABOUT | about)}"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    base, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("fake") / "log"
    with process(
        [PYTHON, "-m", "tests.support.serve_fake", "--port", str(port), "--demo"], f"{base}/_stcore/health", log
    ):
        yield base


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    base, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("hostile") / "log"
    with process([PYTHON, "-m", "tests.browser.serve_hostile", "--port", str(port)], f"{base}/_stcore/health", log):
        yield base


def test_an_address_opens_its_page_on_a_server_nobody_has_visited(browser: Browser, fake: str) -> None:
    """Kept first: Streamlit treats a folder named pages in its old way until navigation has been drawn once."""
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/alerts?show=notice")
        expect(page.get_by_role("heading", level=1)).to_have_text("1 alert needs you", timeout=PATIENCE)
        expect(page.get_by_role("navigation").or_(page.get_by_role("banner")).first).to_contain_text("Overview")


def test_hostile_names_execute_nothing_on_any_page(browser: Browser, hostile: str) -> None:
    addresses = [address_of(found, column=COLUMN) for found in PAGES]
    addresses += [f"/model?{urlencode({'model': name})}" for name in NAMES]
    addresses += [
        f"/{page}?{key}={quote(name)}"
        for page, key, name in zip(
            ("alert", "retrain", "alerts", "model"), ("alert", "model", "show", "model"), NAMES, strict=True
        )
    ]
    with Visitor(browser, hostile) as visitor:
        for address in addresses:
            page = visitor.open(address)
            assert page.evaluate("window.__pwned") is None, address
            assert page.locator("[data-testid=stMain] img[src='x'], [data-testid=stMain] [onload]").count() == 0, (
                address
            )
            assert page.locator("[data-testid=stMain] a[href^='javascript']").count() == 0, address
        assert visitor.dialogs == []
        assert visitor.strangers == []


def test_hostile_names_execute_nothing_in_dialogs_hover_and_a_running_job(browser: Browser, hostile: str) -> None:
    with Visitor(browser, hostile) as visitor:
        page = visitor.open("/alert?alert=a1")
        expect(page.get_by_role("heading", level=1)).to_contain_text(NAMES[0])  # shown letter by letter
        for plot in page.locator(".js-plotly-plot").all():
            plot.hover()
        page.get_by_role("button", name="Retrain…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Start training").click()
        page.get_by_role("link", name="Follow it").click()
        expect(page.get_by_text("window.__pwned=2").first).to_be_visible(timeout=PATIENCE)  # the job's log
        expect(page.get_by_role("heading", level=1)).to_contain_text("v2 is trained", timeout=PATIENCE)
        visitor.settled().get_by_role("button", name="Promote v2").click()
        expect(dialog.get_by_role("button", name="Promote v2")).to_be_visible(timeout=PATIENCE)
        assert page.evaluate("window.__pwned") is None
        assert visitor.dialogs == []


def test_a_filter_stands_in_the_address_and_back_restores_the_one_before(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/alerts")
        expect(page.get_by_role("radio", name="Open 2")).to_be_checked(timeout=PATIENCE)
        page.get_by_text("● Notice 1").click()
        expect(page.get_by_role("radio", name="● Notice 1")).to_be_checked(timeout=PATIENCE)
        page.wait_for_url("**/alerts?show=notice")
        address = page.url.removeprefix(fake)
        page.go_back()
        expect(page.get_by_role("radio", name="Open 2")).to_be_checked(timeout=PATIENCE)
    with Visitor(browser, fake) as fresh:
        page = fresh.open(address)
        expect(page.get_by_role("radio", name="● Notice 1")).to_be_checked(timeout=PATIENCE)
        expect(page.get_by_role("region", name="1 alert,")).to_be_visible()


def test_the_time_range_is_restored_in_a_fresh_browser_and_carried_to_the_next_page(
    browser: Browser, fake: str
) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/model?model=air_time")
        page.get_by_role("radio", name="30 d").locator("xpath=..").get_by_text("30 d").click()
        page.wait_for_url("**range=30d**")
        address = page.url.removeprefix(fake)
    with Visitor(browser, fake) as fresh:
        page = fresh.open(address)
        expect(page.get_by_role("radio", name="30 d")).to_be_checked(timeout=PATIENCE)
        fresh.settled()
        page.get_by_role("link", name="Performance").first.click()
        page.wait_for_url("**/performance?**range=30d**", timeout=PATIENCE)


def test_a_click_on_a_row_opens_the_alert_and_one_more_reaches_the_columns_plot(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/alerts")
        table = page.get_by_role("region", name="2 alerts, firing first").first
        table.click(position={"x": 500, "y": 52})
        page.wait_for_url("**/alert?alert=a1**", timeout=PATIENCE)
        expect(page.get_by_role("heading", level=1)).to_contain_text(
            "Flights arrive 14 minutes earlier", timeout=PATIENCE
        )
        page.get_by_role("link", name="temp: reference against current").click()
        page.wait_for_url("**/feature?**column=temp**", timeout=PATIENCE)
        expect(page.get_by_text("Reference against current").first).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENCE)


def test_acknowledging_with_a_comment_changes_the_state_and_disables_the_button(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/alert?alert=a1")
        page.get_by_role("button", name="Acknowledge").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill("summer")
        dialog.get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_text("Page · acknowledged")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_role("button", name="Acknowledge")).to_be_disabled()


def test_a_double_click_starts_one_job_whose_progress_survives_a_reload(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/retrain?model=air_time")
        page.get_by_role("button", name="Retrain…").click()
        page.get_by_role("dialog").get_by_role("button", name="Start training").dblclick()
        expect(page.get_by_text("Job j1")).to_be_visible(timeout=PATIENCE)
        page.reload()
        expect(page.get_by_text("Job j1")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("exit code 0")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("Job j2")).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).to_contain_text(
            "v2 is trained and waits for you", timeout=PATIENCE
        )
        with page.expect_download() as download:
            page.get_by_role("button", name="Download log").click()
        assert "read 31,607 rows" in Path(download.value.path()).read_text()
