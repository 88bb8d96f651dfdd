"""Without a mouse: Tab reaches all that can be used, each stop is seen, none is a trap, and none carries anybody away."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.serving import PATIENCE, Visitor

MOST = 150  # stops of one page
#: Notes what must be reached: visible, not disabled, a stop by itself; of radio buttons the chosen one stands for all (arrows lead on).
_EXPECTED = """() => {
  const stops = "a[href], button, input, select, textarea, summary, canvas[tabindex], [tabindex], [contenteditable=true]";
  const there = e => e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0 && !e.disabled && !e.closest("[inert], [aria-hidden=true]")
    && !(e.type === "radio" && !e.checked) && !(e.role === "radio" && e.ariaChecked !== "true");
  window.walk = {expected: [...document.querySelectorAll(stops)].filter(there), visited: [], unseen: []};
  return window.walk.expected.length;
}"""
#: Looks at the stop that has just been reached and, now that it is left, at the one before; true when the walk is over.
_STEP = """() => {
  const {walk} = window;
  document.getAnimations().forEach(one => { if (one.effect.getTiming().iterations !== Infinity) one.finish(); });
  const looks = e => {
    const found = [];
    for (let at = e, up = 0; at && up < (e.tagName === "CANVAS" ? 8 : 4); at = at.parentElement, up += 1) {
      const s = getComputedStyle(at);
      found.push(s.outline, s.boxShadow, s.borderColor, s.backgroundColor, s.textDecorationLine);
    }
    return found.join();
  };
  const named = e => e.outerHTML.slice(0, 200);
  if (walk.last && looks(walk.last) === walk.look) walk.unseen.push(named(walk.last));
  const now = document.activeElement;
  walk.over = now === document.body || now === walk.visited[0];
  if (walk.over) return true;
  if (walk.visited.includes(now)) throw new Error("reached twice: " + named(now));
  walk.visited.push(now);
  [walk.last, walk.look] = [now, looks(now)];
  return false;
}"""
_MISSED = "() => window.walk.expected.filter(e => e.isConnected && !window.walk.visited.includes(e)).map(e => e.outerHTML.slice(0, 200))"


def walk(visitor: Visitor) -> list[str]:
    """Press Tab from the top of the page until the keyboard leaves it, and return the words of the stops."""
    page = visitor.calm()
    address = page.url
    assert page.evaluate(_EXPECTED) > 10
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if page.evaluate(_STEP):
            break
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            visitor.calm()  # whatever the table does with the focus, it has done now
            assert page.url == address, "Tab has left the page"
    assert page.evaluate("window.walk.over"), f"the keyboard has not left the page after {MOST} stops"
    visitor.calm()
    assert page.url == address
    assert page.evaluate("window.walk.unseen") == [], "the focus is not seen on these"
    assert page.evaluate(_MISSED) == [], "Tab does not reach these"
    words: list[str] = page.evaluate(
        "window.walk.visited.map(e => (e.innerText || e.getAttribute('aria-label') || e.tagName).replace(/\\s+/g, ' '))"
    )
    return words


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 900)])
@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("/", ("Alerts", "Models", "Settings", "Open the model", "Export", "Another model?")),
        ("/alert?alert=a1", ("Acknowledge", "Silence…", "Owner…", "Retrain…", "temp: reference against current")),
    ],
)
def test_tab_reaches_every_stop_of_a_page_shows_it_and_goes_on(
    browser: Browser, still: str, address: str, named: tuple[str, ...], theme: str, width: int
) -> None:
    with Visitor(browser, still, theme=theme, width=width) as visitor:
        visitor.open(address)
        words = walk(visitor)
        for name in named:
            assert any(name in one for one in words), f"{name!r} is not among {words}"
        assert visitor.errors == []


def test_tab_passes_the_table_of_models_and_enter_goes_in(browser: Browser, still: str) -> None:
    with Visitor(browser, still) as visitor:
        page = visitor.open("/")
        page.get_by_role("textbox", name="Model or owner").focus()
        focused = page.locator("canvas[data-testid=data-grid-canvas]:focus")
        for _ in range(6):  # the buttons above the table come first
            page.keyboard.press("Tab")
            if focused.count():
                break
        expect(focused).to_have_count(1)
        visitor.calm()
        expect(page.get_by_role("heading", level=1)).to_have_text("2 of 8 models need you")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/model.*model=air_time"), timeout=PATIENCE)


def test_arrows_lead_from_one_choice_to_the_next(browser: Browser, still: str) -> None:
    with Visitor(browser, still) as visitor:
        page = visitor.open("/")
        page.get_by_role("radio", name="All 8").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("radio", name="▲ Page 1")).to_be_focused()


def test_every_button_of_an_alert_can_be_pressed_without_a_mouse(browser: Browser, still: str) -> None:
    with Visitor(browser, still) as visitor:
        page = visitor.open("/alert?alert=a1")
        for name in ("Acknowledge", "Silence…", "Owner…", "Retrain…"):
            button = page.get_by_role("button", name=name)
            button.focus()
            page.keyboard.press("Enter")
            dialog = page.get_by_role("dialog")
            expect(dialog).to_be_visible(timeout=PATIENCE)
            inside = dialog.locator(":focus")
            page.keyboard.press("Tab")
            expect(inside).to_have_count(1)
            page.keyboard.press("Escape")
            expect(dialog).to_have_count(0, timeout=PATIENCE)
