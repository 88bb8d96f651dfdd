"""Every page in both themes: no error, no request that leaves, and to axe-core nothing serious, nothing critical.

Exceptions are faults of Streamlit's own elements, each with the reason; there is none of ours.
"""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dashboard import registry
from tests.browser.serving import PATIENCE, Visitor
from tests.browser.test_pages import GROUNDS, PAGES, address_of

GRAVE = ("serious", "critical")
#: What Streamlit draws by itself and leaves no way to mend: rule and part of the selector, with the reason.
STREAMLITS = {
    ("scrollable-region-focusable", "stHorizontalBlock"): (
        "a row of columns that does not wrap gets `overflow: auto`, and its Markdown hangs some pixels below its own box: nothing "
        "is hidden in it, and there is nothing to scroll to"
    ),
    (
        "color-contrast",
        "data-stale",
    ): "what is being drawn anew is faded for a moment, and has its contrast again after it",
}


def _still(visitor: Visitor) -> Page:
    """Wait until nothing on the page is faded: what is being drawn anew has little contrast for a moment."""
    page = visitor.settled()
    expect(page.locator("[data-stale=true]")).to_have_count(0, timeout=PATIENCE)
    return page


def _grave(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]} {node['failureSummary'][:200]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
        if not any(rule["id"] == name and part in str(node["target"]) for name, part in STREAMLITS)
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
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
            assert _grave(_still(visitor)) == [], f"{found.name}, {theme}"
            assert visitor.errors == [], f"{found.name}: {visitor.errors}"
        assert visitor.strangers == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dialogs_and_opened_panels_are_without_serious_findings(browser: Browser, still: str, theme: str) -> None:
    with Visitor(browser, still, theme=theme) as visitor:
        for button in ("Silence…", "Retrain…"):
            page = visitor.open("/alert?alert=a1")
            page.get_by_role("button", name=button).click()
            expect(page.get_by_role("dialog")).to_be_visible(timeout=PATIENCE)
            assert _grave(_still(visitor)) == [], f"{button}, {theme}"


def _reached(page: Page, presses: int) -> list[str]:
    """Press Tab so often, and return what had the focus each time: its words, and whether its outline or shadow showed.

    What is no stop of its own (tabIndex below 0) is the scrolled page itself, which Chromium lets be scrolled by keys.
    """
    found = []
    for _ in range(presses):
        page.keyboard.press("Tab")
        found.append(
            page.evaluate(
                "() => { const e = document.activeElement; const s = getComputedStyle(e);"
                " const seen = e.tabIndex < 0 || s.outlineStyle !== 'none' || s.boxShadow !== 'none' || e.matches(':focus-visible');"
                " return (seen ? 'seen ' : 'unseen ') + (e.innerText || e.getAttribute('aria-label') || e.tagName).slice(0, 80); }"
            )
        )
    return found


def test_the_keyboard_reaches_navigation_and_the_links_of_the_first_sight(browser: Browser, still: str) -> None:
    with Visitor(browser, still) as visitor:
        page = visitor.open("/")
        reached = _reached(page, 16)
        words = "\n".join(reached)
        for name in ("Alerts", "Models", "Settings", "Open the model"):
            assert name in words, f"{name!r} is not reached by Tab: {reached}"
        assert not [name for name in reached if name.startswith("unseen") and "BODY" not in name]


def test_every_button_of_an_alert_can_be_pressed_without_a_mouse(browser: Browser, still: str) -> None:
    with Visitor(browser, still) as visitor:
        page = visitor.open("/alert?alert=a1")
        page.get_by_role("button", name="Silence…").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible(timeout=PATIENCE)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0, timeout=PATIENCE)


def test_the_pages_under_test_are_all_pages() -> None:
    assert {page.name for page in PAGES} == {page.name for page in registry.discover()}
    assert len(PAGES) >= 16
