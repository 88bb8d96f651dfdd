"""The page on data in a real browser: a source runs once a click, refused rows come by pages, hostile text is text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import PATIENCE, PYTHON, Visitor, free_port, process

HEADING = "Data of air_time"


def serving(module: str, log: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [PYTHON, "-m", module, "--port", str(port)]
    with process(command, f"{base}/_stcore/health", tmp_path_factory.mktemp(log) / "log"):
        yield base


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serving("tests.support.serve_fake", "fake", tmp_path_factory)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serving("tests.browser.serve_hostile", "hostile", tmp_path_factory)


def row(page: Page, source: str) -> int:
    """Return the place of a source in the table; the buttons stand in the same order."""
    texts = page.locator("[class*=st-key-source_]").all_inner_texts()
    return next(place for place, text in enumerate(texts) if source in text)


def button(page: Page, source: str):
    return page.locator(f".st-key-source_{row(page, source)}").get_by_role("button", name=re.compile("Run"))


def test_a_double_click_runs_a_source_once_and_tells_what_came(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/data?model=air_time")
        expect(page.get_by_role("heading", name=HEADING)).to_be_visible(timeout=PATIENCE)
        button(page, "nightly").dblclick()
        done = page.get_by_text("Done: 1,036 rows read")
        expect(done).to_be_visible(timeout=PATIENCE)
        expect(button(page, "nightly")).to_be_enabled(timeout=PATIENCE)
        place = page.locator(f".st-key-source_{row(page, 'nightly')}")
        place.get_by_text("Latest runs").click()
        expect(place.locator("[data-testid=stDataFrame]")).to_be_visible(timeout=PATIENCE)
        # a second run of the same source would have read one file's worth more
        expect(page.get_by_text("Done: 1,049 rows read")).to_have_count(0)
        assert visitor.errors == []
        assert visitor.strangers == []


def test_a_run_that_fails_says_why(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/data")
        button(page, "seats-backfill").click()
        expect(page.get_by_text("Done:")).to_be_visible(timeout=PATIENCE)
        button(page, "arrivals").click()
        expect(page.get_by_text("the database did not answer after 3 tries").first).to_be_visible(timeout=PATIENCE)
        assert visitor.errors == []


@pytest.mark.parametrize("width", [1440, 900])
def test_nothing_on_the_page_is_wider_than_the_window(browser: Browser, fake: str, width: int) -> None:
    with Visitor(browser, fake, width=width) as visitor:
        page = visitor.open("/data?model=air_time")
        expect(page.get_by_role("heading", name="Storage")).to_be_visible(timeout=PATIENCE)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for control in page.get_by_role("button", name=re.compile("^(Run now|Running)")).all():
            box = control.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width


def test_an_address_restores_model_range_and_page_in_a_fresh_browser(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/data?model=filler-05&range=30d")
        expect(page.get_by_role("heading", name="Data of filler-05")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("Nothing: every row that came was taken.")).to_be_visible(timeout=PATIENCE)


def test_hostile_text_executes_nothing_also_when_sources_run(browser: Browser, hostile: str) -> None:
    with Visitor(browser, hostile) as visitor:
        page = visitor.open("/data?model=air_time")
        expect(page.get_by_role("heading", name=HEADING)).to_be_visible(timeout=PATIENCE)
        button(page, "nightly").click()
        expect(page.locator("[data-testid=stAlertContentWarning]")).to_be_visible(timeout=PATIENCE)
        for opener in page.get_by_text("Latest runs").all():
            opener.click()
        visitor.calm()
        for plot in page.locator(".js-plotly-plot").all():
            plot.hover()
        assert page.evaluate("window.__pwned") is None
        assert page.locator("[data-testid=stMain] img[src='x'], [data-testid=stMain] [onload]").count() == 0
        assert page.locator("[data-testid=stMain] a[href^='javascript']").count() == 0
        assert visitor.dialogs == []
        assert visitor.strangers == []
