"""Every page in both themes: no error, no request that leaves, and to axe-core nothing serious, nothing critical, without exception."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from dashboard import registry
from tests.browser.axe import grave
from tests.browser.serving import PATIENCE, Visitor
from tests.browser.test_pages import GROUNDS, PAGES, address_of

#: what opens what: address, the buttons of dialogs on it, the buttons of panels on it
OPENED = {
    "/alert?alert=a1": (("Acknowledge", "Silence…", "Owner…", "Retrain…"), ()),
    "/alerts": ((), ("Export",)),
    "/model?model=air_time": ((), ("Custom", "By segment", "Rows behind")),
    "/data?model=air_time": (("Repair…",), ("Latest runs",)),
    "/references?model=air_time": (("Freeze from the log…",), ()),
    "/monitor?model=air_time": (("Change…",), ("By column",)),
    "/settings?section=declared": (("Add a channel…", "Change…"), ("As TOML",)),
    "/settings?section=users": (("Add a user…", "Change…"), ()),
    "/settings?section=tokens": (("Create a token…", "Revoke…"), ()),
    "/setup": ((), ("Try it with example data",)),
}
themes = pytest.mark.parametrize("theme", ["light", "dark"])


@themes
@pytest.mark.parametrize("half", [0, 1])
def test_every_page_is_quiet_stays_at_home_and_has_no_serious_findings(
    browser: Browser, still: str, theme: str, half: int
) -> None:
    with Visitor(browser, still, theme=theme) as visitor:
        for found in PAGES[half::2]:
            page = visitor.open(address_of(found))
            ground = page.locator("[data-testid=stApp]").evaluate("e => getComputedStyle(e).backgroundColor")
            assert ground == GROUNDS[theme], found.name
            for plot in page.locator(".js-plotly-plot .main-svg:first-child").all():
                assert plot.evaluate("e => e.style.background") == ground, found.name
            expect(page.locator("[data-testid=stException]")).to_have_count(0)
            failed = 1 if found.name == "data" else 0  # the latest run of the fake's failing source says why
            expect(page.locator("[data-testid=stAlertContentError]")).to_have_count(failed)
            assert grave(visitor) == [], f"{found.name}, {theme}"
            assert visitor.errors == [], f"{found.name}: {visitor.errors}"
        assert visitor.strangers == []


@themes
def test_dialogs_and_opened_panels_are_without_serious_findings(browser: Browser, still: str, theme: str) -> None:
    with Visitor(browser, still, theme=theme) as visitor:
        for address, (dialogs, panels) in OPENED.items():
            page = visitor.open(address)
            openers = page.locator("[data-testid=stMain]").locator("button, summary")
            dialog = page.get_by_role("dialog")
            for name in dialogs:
                openers.filter(has_text=name).first.click()
                expect(dialog).to_be_visible(timeout=PATIENCE)
                assert grave(visitor) == [], f"{name}, {theme}"
                page.keyboard.press("Escape")
                expect(dialog).to_have_count(0, timeout=PATIENCE)
            for name in panels:  # they stay open, one after the other
                openers.filter(has_text=name).first.click()
            assert panels == () or grave(visitor) == [], f"{panels}, {theme}"
        assert (visitor.errors, visitor.strangers) == ([], [])


def test_the_pages_under_test_are_all_pages() -> None:
    assert {page.name for page in PAGES} == {page.name for page in registry.discover()}
    assert len(PAGES) >= 16
