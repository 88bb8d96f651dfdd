"""The overview and the model page in a browser: one zoom for all panels, a range that can be shared, rows that open, nothing that jumps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.serving import PATIENCE, PYTHON, Visitor, free_port, process

MODEL = "/model?model=air_time"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    base, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("fake") / "log"
    serve = [PYTHON, "-m", "tests.support.serve_fake", "--port", str(port), "--extra", "49"]
    with process(serve, f"{base}/_stcore/health", log):
        yield base


def _panels(page: Page) -> Locator:
    chart = page.locator(".st-key-model_panels .js-plotly-plot")
    expect(chart.locator(".barlayer .point").first).to_be_attached(timeout=PATIENCE)
    return chart


def _range(chart: Locator) -> Any:
    return chart.evaluate("chart => chart._fullLayout.xaxis.range.map(String)")


def _drag(page: Page, chart: Locator) -> None:
    """Drag over a fifth of the performance panel."""
    box = chart.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] * 0.25
    page.mouse.move(box["x"] + box["width"] * 0.4, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=5)
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()


def test_one_zoom_moves_all_panels_and_a_double_click_comes_back(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        visitor.open("/")  # Streamlit must have drawn its navigation once
        page = visitor.open(MODEL)
        chart = _panels(page)
        chart.scroll_into_view_if_needed()
        whole = _range(chart)
        axes = chart.evaluate("chart => [...new Set(chart.data.map(trace => trace.xaxis || 'x'))]")
        assert axes == ["x"]
        _drag(page, chart)
        page.wait_for_function(
            "whole => document.querySelector('.st-key-model_panels .js-plotly-plot')._fullLayout.xaxis.range[0] !== whole",
            arg=whole[0],
        )
        first, last = _range(chart)
        assert whole[0] < first < last < whole[1]
        box = chart.bounding_box()
        assert box is not None
        page.mouse.dblclick(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.25)
        page.wait_for_function(
            "whole => document.querySelector('.st-key-model_panels .js-plotly-plot')._fullLayout.xaxis.range[0] === whole",
            arg=whole[0],
        )


def test_a_zoomed_range_is_kept_in_the_address_and_left_by_back(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open(MODEL)
        chart = _panels(page)
        chart.scroll_into_view_if_needed()
        keep = page.get_by_role("button", name="in the address")
        expect(page.locator("button.zoomed")).to_be_hidden()
        _drag(page, chart)
        expect(keep).to_be_visible(timeout=PATIENCE)
        keep.click()
        page.wait_for_url("**from=2013-*to=2013-*", timeout=PATIENCE)
        with Visitor(browser, fake) as fresh:
            fresh.open(page.url.removeprefix(fake))
            assert _range(_panels(fresh.page)) == _range(_panels(visitor.settled()))
        page.go_back()
        page.wait_for_url(lambda url: "from=" not in url, timeout=PATIENCE)


def test_a_tile_names_its_column_and_leads_to_it_at_its_window(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open(f"{MODEL}&window=2013-04-30T00:00:00-04:00")
        chart = _panels(page)
        chart.scroll_into_view_if_needed()
        place = chart.evaluate(
            """chart => {
              const trace = chart.data.findIndex(t => t.yaxis === 'y2' && String(t.hovertemplate).includes('harmful'));
              const tiles = [...chart.querySelectorAll('.barlayer .trace')];
              const red = tiles.find(e => getComputedStyle(e.querySelector('path')).fill === 'rgb(179, 38, 30)');
              const box = red.querySelector('.point').getBoundingClientRect();
              return trace < 0 ? null : [box.x + box.width / 2, box.y + box.height / 2];
            }"""
        )
        page.mouse.move(*place)
        expect(chart.locator(".hovertext").first).to_contain_text("error given inputs · 30 Apr 2013 · harmful")
        page.mouse.click(*place)
        page.wait_for_url("**/feature?*column=error*given*inputs*", timeout=PATIENCE)
        assert "window=2013-04-30" in page.url


def test_a_row_opens_beside_the_table_and_closes_without_moving_it(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open(f"{MODEL}&open=temp")
        detail = page.locator(".st-key-drift_detail")
        expect(detail).to_contain_text("temp", timeout=PATIENCE)
        expect(detail.locator(".js-plotly-plot")).to_be_visible(timeout=PATIENCE)
        close = detail.get_by_role("button", name="Close")
        close.scroll_into_view_if_needed()
        table = page.locator("[data-testid=stDataFrame]").first
        before = table.bounding_box()
        close.click()
        expect(detail).to_have_count(0, timeout=PATIENCE)
        page.wait_for_url(lambda url: "open=" not in url, timeout=PATIENCE)
        after = table.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["y"] - after["y"]) < 2


def test_the_drift_table_is_one_link_away(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open(MODEL)
        page.get_by_role("link", name="Drift table").click()
        expect(page.locator("#drift-table")).to_be_in_viewport(timeout=PATIENCE)
        assert len(visitor.context.pages) == 1  # in this tab


@pytest.mark.parametrize("width", [1440, 900])
def test_fifty_models_answer_without_scrolling(browser: Browser, fake: str, width: int) -> None:
    with Visitor(browser, fake, width=width) as visitor:
        page = visitor.open("/")
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.get_by_role("heading", level=1)).to_have_text("8 of 50 models need you", timeout=PATIENCE)
        box = page.locator("[data-testid=stDataFrame]").first.bounding_box()
        assert box is not None
        assert box["y"] < 400  # the rows in trouble stand in the first view
        assert page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth <= e.clientWidth")


def _places(page: Page) -> Any:
    """Return where the table stands and how high everything is."""
    table, whole = page.locator("[data-testid=stDataFrame]").first, page.locator("[data-testid=stMainBlockContainer]")
    expect(table).to_be_visible(timeout=PATIENCE)
    return table.bounding_box(), whole.evaluate("e => e.scrollHeight")


def test_fifty_models_hold_still(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as wide, Visitor(browser, fake, width=900) as narrow:
        before = []
        for visitor in (wide, narrow):
            page = visitor.open("/")
            before.append(_places(page))
            page.get_by_role("radio", name="Page 1").or_(page.get_by_role("button", name="Page 1")).first.click()
            page.wait_for_url("**/?*", timeout=PATIENCE)  # else there is nothing of ours to go back to
            visitor.settled()
            page.go_back()
            visitor.settled()
        narrow.page.wait_for_timeout(31_000)  # past a refresh
        assert [_places(visitor.page) for visitor in (wide, narrow)] == before
