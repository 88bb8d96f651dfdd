"""What surrounds alerts in a real browser: silences, owners and comments, channels, the schedule and rules tried."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import PATIENCE, PYTHON, Visitor, free_port, get, process
from tests.support.alert_home import channel
from tests.support.receivers import HttpReceiver, http_receiver
from tests.support.served import COMMAND, EXAMPLES, clean, run

PLACES = {
    "/schedule": "2 of 6 schedules need a look",
    "/settings?section=channels": "Settings",
    "/settings?section=declared": "Settings",
    "/settings?section=audit": "Settings",
    "/monitor?model=air_time&rule=mae+%3E+12": "Monitor",
    "/alerts": "needs you",
    "/alert?alert=a1": "Flights arrive 14 minutes earlier",
}
GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(14, 18, 24)"}
REASON = "the airline moved its gates; ana looks at it"


def serving(module: str, folder: Path) -> Iterator[str]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with process([PYTHON, "-m", module, "--port", str(port)], f"{base}/_stcore/health", folder / "log"):
        yield base


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serving("tests.support.serve_fake", tmp_path_factory.mktemp("fake"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serving("tests.browser.serve_hostile", tmp_path_factory.mktemp("hostile"))


@dataclass
class Served:
    """A real workspace behind ``driftdeck serve``, and the receiver that its channel calls."""

    base: str
    receiver: HttpReceiver


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("real")
    home, port = folder / "home", free_port()
    with http_receiver() as receiver:
        declaration = folder / "driftdeck.toml"
        team = channel("team", receiver.url, severity=["page", "warning"])
        declaration.write_text((EXAMPLES / "driftdeck.toml").read_text() + team)
        training = folder / "training.csv"
        training.write_text(run([PYTHON, EXAMPLES / "churn_data.py"], clean()))
        for words in (["apply", declaration], ["reference", "churn", training]):
            run([COMMAND, "--home", home, *words], clean())
        base = f"http://127.0.0.1:{port}"
        command = [str(COMMAND), "--home", str(home), "serve", "--port", str(port)]
        with process(command, f"{base}/healthz", folder / "log"):
            yield Served(base, receiver)


def ended(real: Served, actor: str) -> None:
    """Wait until the one run that this person asked for is done."""
    end = time.monotonic() + PATIENCE / 1000
    while (states := [run["state"] for run in get(f"{real.base}/api/v1/runs") if run["actor"] == actor]) != ["done"]:
        assert states in ([], ["running"]), states
        assert time.monotonic() < end, states
        time.sleep(0.2)


def quiet(visitor: Visitor) -> None:
    """Say that the page did nothing it must not do."""
    expect(visitor.page.locator("[data-testid=stException]")).to_have_count(0)
    assert visitor.errors == []
    assert visitor.strangers == []


def harmless(visitor: Visitor) -> None:
    """Say that no hostile text became more than text."""
    page = visitor.page
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert page.evaluate("window.__pwned") is None, page.url
    bad = "img[src='x'], [onload], [onerror], a[href^='javascript']"
    assert page.locator(f":is([data-testid=stMain], [role=dialog]) :is({bad})").count() == 0, page.url
    assert visitor.dialogs == []
    assert visitor.strangers == []


def silenced(page: Page) -> None:
    """Silence the alert that is open, through the dialog."""
    page.get_by_role("button", name="Silence…").click()
    dialog = page.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name="Silence", exact=True)
    expect(confirm).to_be_disabled(timeout=PATIENCE)  # without a reason it cannot be done
    dialog.get_by_text("3 days", exact=True).click()
    expect(dialog.get_by_text("Until 7 Jun 2013")).to_be_visible(timeout=PATIENCE)
    why = dialog.get_by_role("textbox", name="Why")
    why.fill(REASON)
    why.press("Tab")
    expect(confirm).to_be_enabled(timeout=PATIENCE)
    confirm.click()
    expect(dialog).to_have_count(0, timeout=PATIENCE)


def test_an_alert_is_silenced_for_a_time_with_a_reason_and_speaks_again_when_told(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/alert?alert=a1")
        silenced(page)
        expect(page.get_by_text("Page · silenced")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("Silenced until 7 Jun 2013")).to_be_visible()
        expect(page.get_by_text(REASON)).to_be_visible()
        expect(page.get_by_role("button", name="Silence…")).to_be_disabled()
        page = visitor.open("/alerts")
        panel = page.locator("[class*='st-key-silences_panel']")
        expect(panel.get_by_text("Silences: 1 active")).to_be_visible(timeout=PATIENCE)
        expect(panel.get_by_text(REASON)).to_be_visible()
        page = visitor.open("/alert?alert=a1")
        page.get_by_role("button", name="End the silence").click()
        expect(page.get_by_text("Page · firing")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_role("button", name="Silence…")).to_be_enabled()
        quiet(visitor)


def test_all_of_a_kind_are_silenced_from_the_list_and_the_silence_ends_there(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/alerts")
        page.get_by_role("button", name="Silence…").click()
        dialog = page.get_by_role("dialog")
        column = dialog.get_by_role("textbox", name="Column (optional)")
        column.fill("wind_*")
        column.press("Tab")
        why = dialog.get_by_role("textbox", name="Why")
        why.fill("instruments are renewed")
        why.press("Tab")
        confirm = dialog.get_by_role("button", name="Silence", exact=True)
        expect(confirm).to_be_enabled(timeout=PATIENCE)
        confirm.click()
        expect(dialog).to_have_count(0, timeout=PATIENCE)
        expect(page.get_by_text("Silences: 1 active")).to_be_visible(timeout=PATIENCE)
        page = visitor.open("/alerts")
        panel = page.locator("[class*='st-key-silences_panel']")
        expect(panel.get_by_text("every model, column wind_*")).to_be_visible(timeout=PATIENCE)
        panel.get_by_role("button", name="End it").first.click()
        expect(page.get_by_text("Silences: 0 active")).to_be_visible(timeout=PATIENCE)
        quiet(visitor)


def test_somebody_takes_an_alert_and_comments_and_both_stand_in_a_fresh_browser(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/alert?alert=a1")
        page.get_by_role("button", name="Owner…").click()
        dialog = page.get_by_role("dialog")
        name = dialog.get_by_role("textbox", name="Owner")
        name.fill("ana")
        name.press("Tab")
        dialog.get_by_role("button", name="Assign").click()
        expect(page.locator(".st-key-alert_facts").get_by_text("owner ana")).to_be_visible(timeout=PATIENCE)
        said = page.locator(".st-key-alert_history")
        said.get_by_role("textbox").fill("new **gates** at JFK")
        said.get_by_role("button", name="Add comment").click()
        expect(said.get_by_text("new **gates** at JFK")).to_be_visible(timeout=PATIENCE)  # letter by letter
        expect(said.get_by_role("textbox")).to_have_value("")
        quiet(visitor)
    with Visitor(browser, fake) as fresh:
        page = fresh.open("/alert?alert=a1")
        expect(page.locator(".st-key-alert_facts").get_by_text("owner ana")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("new **gates** at JFK")).to_be_visible()


def test_what_was_given_up_is_sent_again(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/settings?section=channels")
        lost = page.locator(".st-key-dead_letters")
        expect(page.get_by_text("1 message was given up")).to_be_visible(timeout=PATIENCE)
        lost.get_by_role("button", name="Send again").click()
        expect(lost).to_have_count(0, timeout=PATIENCE)
        quiet(visitor)


def test_a_monitor_runs_now_shows_how_far_it_is_and_is_cancelled(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/schedule")
        page.get_by_role("button", name="Run now").first.click()
        expect(page.get_by_text("21 of 52 windows, about 14 s left")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_role("button", name="Run now").first).to_be_disabled()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("21 of 52 windows")).to_have_count(0, timeout=PATIENCE)
        expect(page.get_by_role("button", name="Run now").first).to_be_enabled(timeout=PATIENCE)
        quiet(visitor)


def test_a_rule_is_tried_and_its_address_shows_it_again(browser: Browser, fake: str) -> None:
    with Visitor(browser, fake) as visitor:
        page = visitor.open("/monitor?model=air_time")
        rule = page.get_by_role("textbox", name="Rule")
        rule.fill("mea > 12")
        rule.press("Enter")
        expect(page.get_by_text("did you mean 'mae'?")).to_be_visible(timeout=PATIENCE)
        rule.fill("mae > 12")
        rule.press("Enter")
        expect(page.get_by_text("It would have fired once since 1 Jan 2013.")).to_be_visible(timeout=PATIENCE)
        page.wait_for_url("**rule=mae**")
        address = page.url.removeprefix(fake)
        quiet(visitor)
    with Visitor(browser, fake) as fresh:
        page = fresh.open(address)
        expect(page.get_by_text("It would have fired once since 1 Jan 2013.")).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".st-key-rule_chart .js-plotly-plot")).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize(("theme", "width"), [("light", 900), ("dark", 1440)])
def test_nothing_is_wider_than_the_window_in_either_theme(browser: Browser, fake: str, theme: str, width: int) -> None:
    with Visitor(browser, fake, theme=theme, width=width) as visitor:
        for address, heading in PLACES.items():
            page = visitor.open(address)
            expect(page.get_by_role("heading", level=1)).to_contain_text(heading, timeout=PATIENCE)
            ground = page.locator("[data-testid=stApp]").evaluate("e => getComputedStyle(e).backgroundColor")
            assert ground == GROUNDS[theme], address
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
            for control in page.locator("[data-testid=stMain]").get_by_role("button").all():
                box = control.bounding_box()
                assert box is None or box["x"] + box["width"] <= width, (address, control.inner_text())
        quiet(visitor)


def test_hostile_words_execute_nothing_in_what_surrounds_alerts(browser: Browser, hostile: str) -> None:
    with Visitor(browser, hostile) as visitor:
        for address in ("/settings?section=declared", "/settings?section=audit", "/alerts", "/schedule"):
            visitor.open(address)
            harmless(visitor)
        page = visitor.open("/settings?section=channels")
        for button in page.get_by_role("button", name="Send a test").all():
            button.click()
            visitor.settled()
        expect(page.locator("[data-testid=stAlertContentError]").first).to_contain_text("<img", timeout=PATIENCE)
        harmless(visitor)
        page = visitor.open("/monitor?model=air_time&rule=%3Cimg%20src%3Dx%20onerror%3D%22window.__pwned%3D5%22%3E")
        chart = page.locator(".st-key-rule_chart .js-plotly-plot")
        expect(chart).to_be_visible(timeout=PATIENCE)
        chart.hover()
        page.get_by_text("What a rule may speak of").click()
        expect(page.locator(".st-key-rule_terms [data-testid=stDataFrame]")).to_be_visible(timeout=PATIENCE)
        harmless(visitor)
        page = visitor.open("/schedule")
        page.get_by_role("button", name="Run now").first.click()
        page.get_by_role("button", name="Cancel").click(timeout=PATIENCE)
        expect(page.locator("[data-testid=stToast]")).to_contain_text("<img", timeout=PATIENCE)
        harmless(visitor)


def test_a_real_channel_is_tested_and_says_when_it_does_not_get_through(browser: Browser, real: Served) -> None:
    with Visitor(browser, real.base) as visitor:
        page = visitor.open("/settings?section=channels")
        test = page.get_by_role("button", name="Send a test")
        test.click()
        expect(page.get_by_text("The test message was taken")).to_be_visible(timeout=PATIENCE)
        assert len(real.receiver.seen) == 1
        real.receiver.status = 403
        test.click()
        error = page.locator("[data-testid=stAlertContentError]")
        expect(error).to_contain_text("403", timeout=PATIENCE)
        assert "hush-hush" not in page.content()  # the address holds a secret
        assert "T0psecret" not in page.content()
        quiet(visitor)


def test_a_real_monitor_runs_when_told_and_a_real_rule_is_tried(browser: Browser, real: Served) -> None:
    with Visitor(browser, real.base) as visitor:
        page = visitor.open("/schedule")
        expect(page.get_by_text("every 15 minutes")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name="Run now").click()
        expect(page.get_by_role("button", name="Run now")).to_be_enabled(timeout=PATIENCE)
        ended(real, "dashboard")
        page = visitor.open("/monitor?model=churn")
        rule = page.get_by_role("textbox", name="Rule")
        rule.fill("roc_acu < 0.7")
        rule.press("Enter")
        expect(page.get_by_text("did you mean 'roc_auc'?")).to_be_visible(timeout=PATIENCE)
        rule.fill("rows > 10")
        rule.press("Enter")
        expect(page.get_by_text("There are no judged windows yet")).to_be_visible(timeout=PATIENCE)
        quiet(visitor)
