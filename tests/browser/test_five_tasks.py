"""A stranger's five tasks on the real demo, by the shortest path: clicks are counted and seconds printed, what is seen is asserted.

Find the sick model, the date, and the cause; silence an alert; retrain and roll back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.serving import PATIENCE, Visitor
from tests.browser.test_story import JOB, demo
from tests.support.demo_home import demo_home

__all__ = ["demo", "demo_home"]  # the story's demo, served anew for this file


@dataclass
class Stranger:
    """Somebody who has never seen the product: every click of theirs counts."""

    page: Page
    clicks: int = 0
    done: list[str] = field(default_factory=list)

    def click(self, what: Locator) -> None:
        what.click(timeout=PATIENCE)
        self.clicks += 1

    @contextmanager
    def task(self, name: str, most: int) -> Iterator[None]:
        """Do a task in at most so many clicks; how long it took is printed."""
        self.clicks, began = 0, time.monotonic()
        yield
        self.done.append(f"{name}: {self.clicks} clicks, {time.monotonic() - began:.1f} s")
        assert self.clicks <= most, self.done[-1]


@pytest.mark.timeout(1200)
def test_a_stranger_does_five_tasks_by_the_shortest_path(browser: Browser, demo: str) -> None:
    with Visitor(browser, demo) as visitor:
        stranger = Stranger(visitor.open("/"))
        with stranger.task("find the sick model", 0):
            _who(stranger.page)
        with stranger.task("since when", 0):
            expect(stranger.page.locator(".st-key-lead")).to_contain_text("Since 30 Apr 2013", timeout=PATIENCE)
        with stranger.task("the cause", 1):
            _why(stranger)
        with stranger.task("silence the alert", 3):
            _silence(visitor, stranger)
        with stranger.task("retrain and roll back", 8):
            _retrain_and_roll_back(visitor, stranger)
        print("\n".join(["", *stranger.done]))
        assert visitor.errors == []


def _who(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text("needs you", timeout=PATIENCE)
    expect(page.locator(".st-key-lead")).to_contain_text("air_time", timeout=PATIENCE)


def _why(stranger: Stranger) -> None:
    stranger.click(stranger.page.locator(".st-key-lead").get_by_role("link", name=re.compile("Open the alert")))
    expect(stranger.page.get_by_role("heading", level=1)).to_contain_text("min too high", timeout=PATIENCE)
    expect(stranger.page.get_by_text("The same inputs now lead to other labels").first).to_be_visible(timeout=PATIENCE)


def _silence(visitor: Visitor, stranger: Stranger) -> None:
    page = visitor.settled()
    stranger.click(page.get_by_role("button", name="Silence…"))
    dialog = page.get_by_role("dialog")
    why = dialog.get_by_role("textbox", name="Why")
    why.fill("being looked at")
    why.press("Tab")
    stranger.click(dialog.get_by_role("button", name="Silence", exact=True))
    expect(page.get_by_text("Page · silenced")).to_be_visible(timeout=PATIENCE)


def _retrain_and_roll_back(visitor: Visitor, stranger: Stranger) -> None:
    page = visitor.settled()
    heading = page.get_by_role("heading", level=1)
    stranger.click(page.get_by_role("button", name="Retrain…"))
    stranger.click(page.get_by_role("dialog").get_by_role("button", name="Start training"))
    stranger.click(page.get_by_role("link", name="Follow it"))
    expect(heading).to_have_text("v2 is trained and waits for you", timeout=JOB)
    page = visitor.settled()
    stranger.click(page.get_by_role("button", name="Promote v2 to champion…"))
    stranger.click(page.get_by_role("dialog").get_by_role("button", name="Promote v2"))
    expect(heading).to_have_text(re.compile("v2 serves since"), timeout=PATIENCE)
    page = visitor.settled()
    stranger.click(page.get_by_role("button", name="Roll back to v1…"))
    stranger.click(page.get_by_role("dialog").get_by_role("button", name="Roll back to v1"))
    expect(heading).to_have_text(re.compile("v1 serves since"), timeout=PATIENCE)


@pytest.mark.timeout(1200)
def test_a_training_is_cancelled_and_says_so_after_a_reload(browser: Browser, demo: str) -> None:
    with Visitor(browser, demo) as visitor:
        page = visitor.open("/retrain?model=air_time")
        page.get_by_role("button", name="Retrain…").click()
        page.get_by_role("dialog").get_by_role("button", name="Start training").click()
        page.locator(".st-key-job_cancel button").click(timeout=PATIENCE)  # the dialog has a Cancel too
        expect(page.get_by_text("cancelled").first).to_be_visible(timeout=PATIENCE)
        page.reload()
        expect(page.get_by_text("cancelled").first).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".st-key-job_cancel")).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).not_to_contain_text("is training")
