"""The page Compare in a real browser: two dropped files, the verdict a minute later, and names that run nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.browser.serving import PATIENCE, PYTHON, Visitor, free_port, process

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [PYTHON, "-m", "tests.support.serve_fake", "--port", str(port)]
    with process(command, f"{base}/_stcore/health", tmp_path_factory.mktemp("fake") / "log"):
        yield base


def csv(shift: float, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    rows = zip(rng.normal(40 + shift, 5, 400), rng.normal(170, 8, 400), rng.choice(["Bonn", "Kiel"], 400), strict=True)
    return (f"age,height,{HOSTILE}\n" + "".join(f"{a:.3f},{h:.3f},{c}\n" for a, h, c in rows)).encode()


def payload(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": data}


def drop(page: Page, place: int, name: str, data: bytes) -> None:
    page.locator("[data-testid=stFileUploader] input[type=file]").nth(place).set_input_files(payload(name, data))


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 900)])
def test_two_dropped_files_are_answered_in_a_sentence(browser: Browser, fake: str, theme: str, width: int) -> None:
    with Visitor(browser, fake, theme=theme, width=width) as visitor:
        page = visitor.open("/compare")
        drop(page, 0, "before.csv", csv(0, 1))
        expect(page.get_by_text("One file more, then the answer is here.")).to_be_visible(timeout=PATIENCE)
        drop(page, 1, f"{HOSTILE}.csv", csv(4, 2))
        expect(page.get_by_text("1 of 3 columns changed beyond chance; the largest: age, mean")).to_be_visible(
            timeout=PATIENCE
        )
        expect(page.get_by_text("before.csv: 400 rows against")).to_be_visible()
        expect(page.get_by_role("button", name="Export").first).to_be_visible()
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENCE)
        page.get_by_role("combobox", name="Column", exact=False).last.click()
        page.get_by_role("option", name=HOSTILE).click()
        expect(page.get_by_text("no change beyond chance").first).to_be_visible(timeout=PATIENCE)
        assert "column=%3Cimg" in page.url
        assert page.locator("img[src=x]").count() == 0
        assert visitor.dialogs == []
        assert visitor.errors == []
        assert visitor.strangers == []


def test_the_report_is_one_file_without_a_script(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/compare?example=flights")
        expect(page.get_by_text("6 of 15 columns changed beyond chance")).to_be_visible(timeout=PATIENCE)
        with page.expect_download(timeout=PATIENCE) as download:
            page.get_by_role("button", name="Report").click()
        report = download.value.path().read_text(encoding="utf-8")
        assert "6 of 15 columns changed beyond chance" in report
        assert report.count("<svg") == 15
        assert "<script" not in report
        assert visitor.errors == []


def test_a_file_that_cannot_be_read_is_told_in_words_and_the_page_lives_on(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/compare")
        drop(page, 0, "before.csv", csv(0, 1))
        drop(page, 1, "book.xlsx", b"PK\x03\x04" + b"\x00" * 500)
        expect(page.get_by_text("book.xlsx").last).to_be_visible(timeout=PATIENCE)
        expect(page.locator("[data-testid=stAlert]").get_by_text("a zip archive or an Excel workbook")).to_be_visible(
            timeout=PATIENCE
        )
        assert visitor.errors == []


def test_slices_come_back_from_their_address(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/compare?what=slices&model=air_time&left=reference&right=last%3A7d%2Cversion%3Av1")
        expect(page.get_by_text("Mean absolute error is 12.6 min where it was 8.31 min")).to_be_visible(
            timeout=PATIENCE
        )
        page.get_by_role("button", name="Swap sides").click()
        page.wait_for_url("**left=last*", timeout=PATIENCE)
        assert "right=reference" in page.url
        page.go_back()
        page.wait_for_url("**left=reference*", timeout=PATIENCE)
        assert visitor.errors == []
