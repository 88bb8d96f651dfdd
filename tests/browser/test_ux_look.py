"""What the UX points promise to the eye, in both themes and two widths; README.md of this folder says which test holds which point.

One browser for each look walks through the tests: the order in which pages are opened is that of a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.dashboard.wire import Session
from tests.browser.serving import PATIENCE, PYTHON, Visitor, free_port, process
from tests.browser.test_pages import GROUNDS

LOOKS = [("light", 1440), ("dark", 1440), ("light", 900), ("dark", 900)]
_READ = (
    "g => JSON.stringify({data: g.data.map(d => ({name: d.name || '', type: d.type, symbol: d.marker && d.marker.symbol})),"
    " words: (g.layout.annotations || []).map(a => a.text), range: g._fullLayout.xaxis.range,"
    " axes: [...new Set(g.data.map(d => d.xaxis || 'x'))], dashed: g.data.filter(d => d.line && d.line.dash).length})"
)
#: where on the page a curve has its point of a day
_POINT = """(g, [name, day]) => {
  const of = g._fullData.find(d => d.name.startsWith(name));
  const [x, y] = [g._fullLayout[of.xaxis.replace("x", "xaxis")], g._fullLayout[of.yaxis.replace("y", "yaxis")]];
  const place = [...of.x].findIndex(at => String(at).startsWith(day));
  const box = g.getBoundingClientRect();
  return [box.x + x._offset + x.d2p(of.x[place]), box.y + y._offset + y.d2p(of.y[place])];
}"""


@pytest.fixture(scope="module", params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def visitor(request: pytest.FixtureRequest, browser: Browser, still: str) -> Iterator[Visitor]:
    """One browser for each theme and width."""
    theme, width = request.param
    with Visitor(browser, still, theme=theme, width=width) as found:
        yield found


def figure(plot: Locator) -> dict[str, Any]:
    """Return what a drawn figure holds: names and kinds of its curves, its words, its axes."""
    expect(plot).to_be_visible(timeout=PATIENCE)
    found: dict[str, Any] = json.loads(plot.evaluate(_READ))
    return found


def figures(page: Page, names: str) -> list[dict[str, Any]]:
    """Return the figures with a curve whose name has ``names`` in it."""
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENCE)
    every = [figure(plot) for plot in page.locator(".js-plotly-plot").all()]
    return [one for one in every if any(names in curve["name"] for curve in one["data"])]


def over_time(page: Page, names: str) -> None:
    """Points 4 and 11 of the first chart with such a curve: threshold, band and marks."""
    one = figures(page, names)[0]
    assert any("natural variation" in curve["name"] for curve in one["data"])
    assert any(words.startswith("threshold ") for words in one["words"]), one["words"]
    assert "▲ alert" in one["words"]
    assert one["dashed"], "the threshold is a dashed line"


def fits(visitor: Visitor) -> None:
    """The page has its theme, does not scroll sideways, cuts none of its buttons off, and nothing went wrong."""
    page = visitor.page
    ground = page.locator("[data-testid=stApp]").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == GROUNDS[visitor.theme], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), page.url
    beyond = page.evaluate(
        "() => [...document.querySelectorAll('[data-testid=stMain] :is(button, input)')]"
        ".filter(e => e.checkVisibility() && e.getBoundingClientRect().right > window.innerWidth + 1).map(e => e.outerHTML.slice(0, 200))"
    )
    assert beyond == [], page.url
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert (visitor.errors, visitor.strangers, visitor.dialogs) == ([], [], [])


def test_26_the_first_sight_says_who_since_when_how_bad_what_changed_and_what_to_do(visitor: Visitor) -> None:
    page = visitor.open("/")
    headline = page.get_by_role("heading", level=1)
    expect(headline).to_have_text("2 of 8 models need you", timeout=PATIENCE)
    lead = page.locator(".st-key-lead")
    expect(lead).to_contain_text("▲ Page")
    expect(lead).to_contain_text("12.6 min a flight, against 7.62")
    expect(lead).to_contain_text("Likely cause")
    expect(lead).to_contain_text("Since 30 Apr 2013 (35 days)")
    expect(lead.get_by_role("link").first).to_be_visible()
    table = page.locator("[data-testid=stDataFrame]").first
    expect(table).to_be_visible(timeout=PATIENCE)
    places = [one.bounding_box() for one in (headline, lead, table)]
    tops = [place["y"] for place in places if place is not None]
    assert tops == sorted(tops)
    assert tops[-1] < 700, "the table begins on the first screen"
    fits(visitor)


def test_1_7_and_8_from_the_list_of_alerts_to_the_alert_and_the_plot_in_two_clicks(visitor: Visitor) -> None:
    page = visitor.open("/alerts")
    table = page.get_by_role("region", name="2 alerts, firing first").first
    expect(table).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("since Tue 30 Apr 2013 (35 days)").first).to_be_visible()
    fits(visitor)
    table.click(position={"x": 400, "y": 52})
    page.wait_for_url("**/alert?alert=a1**", timeout=PATIENCE)
    visitor.settled()
    expect(page.get_by_text("Page · firing").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Since Tue 30 Apr 2013").first).to_be_visible()
    expect(page.get_by_text("owner").first).to_be_visible()
    for gate in ("Significant", "Material", "Harmful"):
        expect(page.get_by_text(gate).first).to_be_visible(timeout=PATIENCE)
    over_time(page, "MAE")
    fits(visitor)
    for button, asked in (("Acknowledge", "Comment"), ("Silence…", "Why")):
        page.get_by_role("button", name=button).click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("textbox", name=asked)).to_be_visible(timeout=PATIENCE)
        if button == "Silence…":
            expect(dialog.get_by_text(re.compile("^Until "))).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0, timeout=PATIENCE)
    page.get_by_role("link", name="temp: reference against current").click()
    page.wait_for_url("**/feature?**column=temp**", timeout=PATIENCE)


def test_2_3_and_4_a_feature_names_statistic_threshold_its_origin_rows_windows_and_shares_its_bins(
    visitor: Visitor,
) -> None:
    page = visitor.open("/feature?model=air_time&column=temp")
    said = page.get_by_text("PSI 8.35, threshold 5.03 · reference 1 Jan – 4 Mar, 53,490 rows")
    expect(said.first).to_contain_text("current 28 May – 3 Jun, 5,960 rows", timeout=PATIENCE)
    expect(page.get_by_text("Threshold: 1 false alert a year over 15 columns").first).to_be_visible()
    for gate in ("✓ Significant", "✓ Material", "✕ not harmful"):
        expect(page.get_by_text(gate).first).to_be_visible()
    (shared,) = [one for one in figures(page, "5,960") if len(one["data"]) == 2]
    assert [curve["name"].split()[0] for curve in shared["data"]] == ["reference", "current"]
    assert shared["axes"] == ["x"], "both on one axis"
    over_time(page, "PSI")
    fits(visitor)


def test_4_5_11_13_18_and_23_a_models_kinds_of_drift_and_from_a_point_to_its_rows_in_two_clicks(
    visitor: Visitor,
) -> None:
    page = visitor.open("/model?model=air_time")
    expect(page.get_by_text("from file").first).to_be_visible()
    over_time(page, "realised MAE")
    panels = page.locator(".st-key-model_panels .js-plotly-plot")
    panels.scroll_into_view_if_needed()
    visitor.calm()
    page.mouse.click(*panels.evaluate(_POINT, ["realised MAE", "2013-05-03"]))  # the middle of its week
    page.wait_for_url("**window=2013-04-30**", timeout=PATIENCE)
    expect(page.get_by_text("Drift, week of 30 Apr 2013").first).to_be_visible(timeout=PATIENCE)
    page.get_by_text("Rows behind the week of 30 Apr 2013").first.click()
    expect(page.get_by_text("1 to 20 of 100,000 rows")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Page 5000")).to_be_visible()
    tiles = page.get_by_test_id("stMetric")
    for label, words in (("Data drift", "0 of 13"), ("Prediction drift", "Within"), ("Concept drift", "Harmful")):
        expect(tiles.filter(has_text=label)).to_contain_text(words, timeout=PATIENCE)
    expect(tiles.filter(has_text="Concept drift")).to_contain_text("98 % labels · lag 4.2 h")
    fits(visitor)


def test_6_a_segment_is_judged_by_itself_and_the_worst_stands_first(visitor: Visitor) -> None:
    page = visitor.open("/model?model=air_time&window=2013-04-30T00:00:00-04:00")
    expect(page.get_by_role("radio", name="All 15")).to_be_visible(timeout=PATIENCE)
    whose = page.get_by_role("combobox", name="Rows of")
    whose.scroll_into_view_if_needed()
    visitor.calm()
    whose.press("ArrowDown")
    page.get_by_role("option", name="carrier=B6", exact=True).click()
    page.wait_for_url("**segment=carrier%3DB6**", timeout=PATIENCE)
    expect(page.get_by_text("Only the rows of carrier=B6")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("radio", name="■ Material 1")).to_be_visible()
    page.get_by_text("By segment, week of 30 Apr 2013").click()
    worst = page.get_by_text("Most in carrier=B6: Inside carrier=B6, distance is 0.34 standard deviations higher")
    expect(worst).to_be_visible(timeout=PATIENCE)
    fits(visitor)


def test_4_6_10_and_11_scores_over_time_the_worst_segments_ranked_and_a_range_in_the_address(visitor: Visitor) -> None:
    page = visitor.open("/performance?model=air_time")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Performance", timeout=PATIENCE)
    over_time(page, "realised MAE")
    expect(page.get_by_text("Where it is worst").first).to_be_visible(timeout=PATIENCE)
    (worst,) = [one for one in figures(page, "reference") if "19.6" in one["words"]]
    values = [float(words) for words in worst["words"]]
    assert values == sorted(values, reverse=True)
    fits(visitor)
    every = page.get_by_role("radio", name="All", exact=True)
    expect(every).to_be_checked()
    expect(page.get_by_role("button", name="Custom")).to_be_visible()
    page.get_by_role("radio", name="30 d").locator("xpath=..").get_by_text("30 d").click()
    page.wait_for_url("**range=30d**", timeout=PATIENCE)
    page.go_back()
    expect(every).to_be_checked(timeout=PATIENCE)
    fits(visitor)


def test_9_no_data_and_insufficient_are_said_and_never_green(visitor: Visitor) -> None:
    page = visitor.open("/?health=no_data")
    expect(page.get_by_role("radio", name="○ No data 1")).to_be_checked(timeout=PATIENCE)
    expect(page.get_by_role("radio", name="◔ Insufficient 1")).to_be_visible()
    page.get_by_role("link", name="Open filler-04").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("filler-04", timeout=PATIENCE)
    expect(page.get_by_text("No data").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("✓ OK")).to_have_count(0)
    fits(visitor)


def test_12_retraining_asks_before_it_starts(visitor: Visitor) -> None:
    page = visitor.open("/retrain?model=air_time")
    page.get_by_role("button", name="Retrain…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Start training")).to_be_visible(timeout=PATIENCE)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_text("Job j1")).to_have_count(0)
    fits(visitor)


def test_17_a_page_of_six_charts_weighs_less_than_100_kilobytes(still: str) -> None:
    with Session(still) as session:
        drawn = session.draw("/performance?model=air_time")
        assert drawn.charts >= 6
        assert drawn.bytes < 100_000
        assert drawn.exceptions == ()


def test_14_an_empty_install_teaches_with_commands_to_copy(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [PYTHON, "-m", "tests.support.serve_fake", "--port", str(port), "--empty"]
    with process(command, f"{base}/_stcore/health", tmp_path / "log"):
        for theme, width in LOOKS:
            with Visitor(browser, base, theme=theme, width=width) as newcomer:
                page = newcomer.open("/")
                expect(page.get_by_role("heading", level=1)).to_have_text("No model yet", timeout=PATIENCE)
                expect(page.get_by_text("driftdeck demo").first).to_be_visible()
                assert page.get_by_test_id("stCode").count() >= 1
                fits(newcomer)
