"""The real story on the real product: from the open alert to the rollback, by what a person sees and clicks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import grave
from tests.browser.serving import DRIFTDECK, PATIENCE, Visitor, free_port, get, process
from tests.support.demo_home import demo_home, wait_for_the_story

__all__ = ["demo_home"]  # played once for all

JOB, REPLAY = 180_000, 240_000  # on a machine that does other things beside
STORY = "4 Jun 2013 00:00"


@pytest.fixture(scope="module")
def demo(demo_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo that the product's own command made from nothing, opened again by it; its clock stands at 4 June 2013."""
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    base, log = f"http://127.0.0.1:{port}", folder / "log"
    command = [DRIFTDECK, "--home", str(demo_home(folder / "home")), "demo", "--port", str(port)]
    with process(command, f"{base}/healthz", log):
        wait_for_the_story(base, log)
        yield base


def _minutes(page: Page, label: str) -> float:
    """Return the number on a metric tile."""
    tile = page.get_by_test_id("stMetric").filter(has_text=label).first
    expect(tile).to_be_visible(timeout=PATIENCE)
    found = re.search(r"([−+]?\d+(?:\.\d+)?) min", tile.inner_text())
    assert found is not None, tile.inner_text()
    return float(found[1].replace("−", "-"))


@pytest.mark.timeout(1200)
def test_the_story_from_alert_to_rollback(browser: Browser, demo: str) -> None:
    with Visitor(browser, demo) as visitor:
        page = visitor.open("/")
        _overview_names_the_trouble(page)
        before = _alert_says_how_bad_and_why(visitor)
        _feature_shows_reference_against_current(visitor)
        _silenced_spoken_of_and_told_again(visitor)
        _retraining_is_confirmed_and_won(visitor)
        _promoted_on_a_persons_word(visitor)
        after = _error_falls_in_the_four_weeks_that_follow(visitor)
        assert after < 0.7 * before, (before, after)
        _rolled_back(visitor)
        assert visitor.errors == []
        assert visitor.strangers == []


def _overview_names_the_trouble(page: Page) -> None:
    expect(page.get_by_text(f"The clock stands at {STORY}")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_contain_text("needs you", timeout=PATIENCE)
    expect(page.get_by_text("Since 30 Apr 2013")).to_be_visible(timeout=PATIENCE)


def _alert_says_how_bad_and_why(visitor: Visitor) -> float:
    page = visitor.page
    page.get_by_role("link", name="Alerts", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 alerts need you", timeout=PATIENCE)
    visitor.settled().get_by_role("link", name=re.compile("min too high")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("min too high", timeout=PATIENCE)
    visitor.settled()
    expect(page.get_by_text("Page · firing")).to_be_visible()
    expect(page.get_by_text("Tue 30 Apr 2013")).to_be_visible()
    for gate in ("✓ Significant", "✓ Material", "✓ Harmful"):
        expect(page.get_by_text(gate)).to_be_visible()
    expect(page.get_by_text("The same inputs now lead to other labels")).to_be_visible()
    expect(page.get_by_role("button", name="Roll back…")).to_be_disabled()
    assert _minutes(page, "Bias") > 5
    assert grave(visitor) == []
    return _minutes(page, "MAE, last week")


def _feature_shows_reference_against_current(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("link", name=re.compile("reference against current")).first.click()
    page.wait_for_url("**/feature?**", timeout=PATIENCE)
    expect(page.get_by_text("Reference against current").first).to_be_visible(timeout=PATIENCE)
    visitor.settled()
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(re.compile(r"5,\d{3} rows|6,\d{3} rows")).first).to_be_visible()  # of a week since 30 April
    page.go_back()
    expect(page.get_by_text("Page · firing")).to_be_visible(timeout=PATIENCE)


def _silenced_spoken_of_and_told_again(visitor: Visitor) -> None:
    page = visitor.settled()
    page.get_by_role("button", name="Silence…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("3 days", exact=True).click()
    expect(dialog.get_by_text("Until 7 Jun 2013")).to_be_visible(timeout=PATIENCE)
    why = dialog.get_by_role("textbox", name="Why")
    why.fill("the airline moved its gates")
    why.press("Tab")
    dialog.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_text("Page · silenced")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="End the silence").click()
    expect(page.get_by_text("Page · firing")).to_be_visible(timeout=PATIENCE)
    said = visitor.settled().locator(".st-key-alert_history")
    said.get_by_role("textbox").fill("a new model is on its way")
    said.get_by_role("button", name="Add comment").click()
    expect(said.get_by_text("a new model is on its way")).to_be_visible(timeout=PATIENCE)
    expect(said.get_by_text("the airline moved its gates")).to_be_visible()


def _retraining_is_confirmed_and_won(visitor: Visitor) -> None:
    page = visitor.settled()
    page.get_by_role("button", name="Retrain…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("30 Apr – 3 Jun 2013")).to_be_visible(timeout=PATIENCE)
    dialog.get_by_role("button", name="Start training").dblclick()
    page.get_by_role("link", name="Follow it").click(timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile("A training job waits its turn|A new version is being trained"), timeout=PATIENCE
    )
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("v2 is trained and waits for you", timeout=JOB)
    visitor.settled()
    expect(page.get_by_text("v2 beats v1 on the same").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("exit code 0")).to_be_visible()
    assert grave(visitor) == []
    assert len(get(f"{visitor.base}/api/v1/models/air_time/versions")) == 2  # two clicks made one job


def _promoted_on_a_persons_word(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name="Promote v2 to champion…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("goes on beside it as a shadow")).to_be_visible(timeout=PATIENCE)
    assert grave(visitor) == []
    dialog.get_by_role("button", name="Promote v2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("v2 serves since 4 Jun 2013", timeout=PATIENCE)


def _error_falls_in_the_four_weeks_that_follow(visitor: Visitor) -> float:
    page = visitor.settled()
    page.get_by_role("button", name="4 weeks").click()
    expect(page.get_by_text("The clock stands at 2 Jul 2013 00:00")).to_be_visible(timeout=REPLAY)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "No job is running; v2 has served for 28 days", timeout=PATIENCE
    )
    expect(page.get_by_text("All versions on the same rows, week by week")).to_be_visible(timeout=PATIENCE)
    page = visitor.open("/model?model=air_time")
    return _minutes(page, "MAE")


def _rolled_back(visitor: Visitor) -> None:
    page = visitor.open("/retrain?model=air_time")
    page.get_by_role("button", name="Roll back to v1…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("answers again from now on")).to_be_visible(timeout=PATIENCE)
    assert grave(visitor) == []
    dialog.get_by_role("button", name="Roll back to v1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("v1 serves since 2 Jul 2013", timeout=PATIENCE)
