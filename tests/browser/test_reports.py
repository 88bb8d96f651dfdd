"""Files that a person takes away: tables and charts as shown, reports side by side, the week; nothing in them runs."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.serving import PATIENCE, PYTHON, Visitor, free_port, process
from tests.support.fake_workspace import MODEL, FakeWorkspace

THEMES = ("light", "dark")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    base, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("fake") / "log"
    with process([PYTHON, "-m", "tests.support.serve_fake", "--port", str(port)], f"{base}/_stcore/health", log):
        yield base


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    base, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("hostile") / "log"
    with process([PYTHON, "-m", "tests.browser.serve_hostile", "--port", str(port)], f"{base}/_stcore/health", log):
        yield base


def taken(page: Page, button: Locator, folder: Path) -> Path:
    with page.expect_download(timeout=PATIENCE) as found:
        button.click()
    path = folder / found.value.suggested_filename
    found.value.save_as(path)
    return path


def exported(page: Page, key: str, label: str, folder: Path) -> Path:
    """Open the Export of a table and take one of its files."""
    offered = page.get_by_role("button", name=label, exact=True)
    if not offered.is_visible():
        page.locator(f".st-key-{key}_export button").first.click()
    return taken(page, offered, folder)


# -- tables ------------------------------------------------------------------------------------------------------------
def test_a_table_can_be_had_as_three_files_with_the_numbers_on_screen(
    browser: Browser, fake: str, tmp_path: Path
) -> None:
    shown = {row["column"]: row["value"] for row in FakeWorkspace().drift_table(MODEL)}
    with Visitor(browser, fake) as visitor:
        page = visitor.open(f"/model?model={MODEL}")
        lines = list(csv.DictReader(io.StringIO(exported(page, "drift", "CSV", tmp_path).read_text("utf-8"))))
        assert {line["column"]: float(line["value"]) if line["value"] else None for line in lines} == shown
        rows = json.loads(exported(page, "drift", "JSON", tmp_path).read_text("utf-8"))
        assert {row["column"]: row["value"] for row in rows} == shown
        table = pq.read_table(exported(page, "drift", "Parquet", tmp_path))
        assert dict(zip(table["column"].to_pylist(), table["value"].to_pylist(), strict=True)) == shown
        assert visitor.errors == []
        assert visitor.strangers == []


def test_a_table_has_no_other_way_out(browser: Browser, fake: str) -> None:
    """Streamlit's own CSV leaves formulas working."""
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/")
        table = page.locator("[data-testid=stDataFrame]").first
        table.hover()
        expect(page.locator("[data-testid=stElementToolbar]").first).to_be_attached(timeout=PATIENCE)
        for button in page.get_by_role("button", name="Download as CSV").all():
            expect(button).to_be_hidden()


def test_formulas_of_strangers_are_text_in_a_spreadsheet(browser: Browser, hostile: str, tmp_path: Path) -> None:
    with Visitor(browser, hostile) as visitor:
        page = visitor.open(f"/model?model={MODEL}")
        path = exported(page, "drift", "CSV", tmp_path)
        cells = [cell for line in csv.reader(io.StringIO(path.read_text("utf-8"), newline="")) for cell in line]
        assert not any(cell.startswith(("=", "@", "\t", "\r")) for cell in cells)
        assert visitor.dialogs == []


# -- charts ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("theme", THEMES)
def test_a_chart_can_be_had_as_it_is_drawn(browser: Browser, fake: str, tmp_path: Path, theme: str) -> None:
    with Visitor(browser, fake, theme=theme) as visitor:
        page = visitor.open(f"/model?model={MODEL}")
        chart = page.locator(".st-key-model_panels")
        chart.hover()
        size = chart.locator("svg.main-svg").first.evaluate("e => [e.clientWidth, e.clientHeight]")
        png = taken(page, chart.get_by_role("button", name="Save this chart as PNG"), tmp_path)
        assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        picture = Image.open(png).convert("RGB")
        assert picture.size == (2 * size[0], 2 * size[1])
        assert picture.getpixel((2, 2)) == ((255, 255, 255) if theme == "light" else (14, 18, 24))
        assert len(picture.getcolors(maxcolors=2**24) or []) > 50
        svg = taken(page, chart.get_by_role("button", name="Save this chart as SVG"), tmp_path)
        drawn = ET.fromstring(svg.read_text("utf-8"))
        words = {"".join(each.itertext()).strip() for each in drawn.iter(f"{SVG}text")}
        on_screen = {
            text.strip()
            for text in chart.locator("svg.main-svg .xtick text, svg.main-svg .ytick text").all_text_contents()
        }
        assert {text for text in on_screen if text} <= words
        assert len(list(drawn.iter(f"{SVG}path"))) > 20
        assert drawn.find(f"{SVG}title") is not None
        assert "http" not in svg.read_text("utf-8").replace("http://www.w3.org/", "")
        assert visitor.errors == []
        assert visitor.strangers == []


def test_the_keyboard_reaches_a_charts_buttons_and_nothing_moves(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open(f"/model?model={MODEL}")
        button = page.locator(".st-key-model_panels .chart-export button").first
        expect(button).to_be_attached(timeout=PATIENCE)
        group = page.locator(".st-key-model_panels .chart-export")
        before = page.locator(".st-key-model_panels").bounding_box()
        assert group.evaluate("e => getComputedStyle(e).opacity") == "0"
        button.focus()
        assert group.evaluate("e => getComputedStyle(e).opacity") == "1"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "SVG"
        assert page.locator(".st-key-model_panels").bounding_box() == before


def test_names_of_strangers_run_nothing_in_a_saved_chart(browser: Browser, hostile: str, tmp_path: Path) -> None:
    with Visitor(browser, hostile) as visitor:
        page = visitor.open(f"/model?model={MODEL}")
        chart = page.locator("[data-testid=stPlotlyChart]").first
        chart.hover()
        svg = taken(page, page.get_by_role("button", name="Save this chart as SVG").first, tmp_path)
        drawn = ET.fromstring(svg.read_text("utf-8"))
        assert not [
            each.tag for each in drawn.iter() if each.tag in (f"{SVG}script", f"{SVG}image", f"{SVG}foreignObject")
        ]
        assert not [name for each in drawn.iter() for name in each.attrib if name.lower().startswith("on")]
        assert visitor.dialogs == []


# -- reports -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 900)])
def test_a_report_is_read_in_the_page_and_taken_away(
    browser: Browser, fake: str, tmp_path: Path, theme: str, width: int
) -> None:
    with Visitor(browser, fake, theme=theme, width=width) as visitor:
        page = visitor.open(f"/model?model={MODEL}")
        page.get_by_role("link", name="Report").first.click()
        visitor.settled()
        expect(page.get_by_role("heading", level=1)).to_have_text("Report, week of 28 May 2013", timeout=PATIENCE)
        report = page.frame_locator("iframe").first
        expect(report.get_by_role("heading", level=1)).to_have_text("air_time, week of 28 May 2013", timeout=PATIENCE)
        expect(report.get_by_role("region", name="Drift by column")).to_contain_text("error given inputs")
        ground = report.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
        assert ground == ("rgb(255, 255, 255)" if theme == "light" else "rgb(14, 18, 24)")
        ours, theirs = (page.get_by_role("heading", name=name, exact=True) for name in ("Driftdeck", "Evidently"))
        heights = [each.evaluate("e => e.getBoundingClientRect().y") for each in (ours, theirs)]
        beside = abs(heights[0] - heights[1]) < 5
        assert beside == (width == 1440)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        path = exported(page, "ours", "HTML", tmp_path)
        assert path.read_text("utf-8").startswith("<!doctype html>")
        assert visitor.strangers == []


def test_a_report_runs_nothing_and_reaches_nobody(browser: Browser, fake: str) -> None:
    address = f"/api/v1/models/{MODEL}/report?format=html"
    with Visitor(browser, fake) as visitor:
        visitor.page.goto(visitor.base + address)
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("air_time, 1 Jan – 3 Jun 2013")
        assert visitor.page.locator("script").count() == 0
        assert visitor.dialogs == []
        assert visitor.strangers == []
        assert visitor.errors == []


def test_the_week_is_one_click_from_the_overview(browser: Browser, fake: str, tmp_path: Path) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/")
        page.get_by_role("link", name="The week in one page").click()
        visitor.settled()
        expect(page.get_by_role("heading", level=1)).to_have_text("27 May – 2 Jun 2013", timeout=PATIENCE)
        week = page.frame_locator("iframe").first
        expect(week.get_by_role("heading", name="Who needs somebody")).to_be_visible(timeout=PATIENCE)
        expect(week.get_by_role("region", name="Models in the week")).to_contain_text("<script>alert(1)</script>")
        path = exported(page, "week", "Markdown", tmp_path)
        assert path.read_text("utf-8").startswith("# Driftdeck, 27 May – 2 Jun 2013")
        page.get_by_role("button", name="Earlier week").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("20 May – 26 May 2013", timeout=PATIENCE)
        assert visitor.dialogs == []
        assert visitor.strangers == []
