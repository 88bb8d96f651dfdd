"""Sign-in as people meet it: two browsers, two roles, both themes, and a page that is open when its session ends."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from tests.browser.axe import findings, grave
from tests.browser.serving import DRIFTDECK, PATIENCE, ROOT, Visitor, free_port, process

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORDS = {name: f"{name} keeps a long secret" for name in ("ada", "ola", "vera")}
ROLES = {"ada": "admin", "ola": "operator", "vera": "viewer"}
DECLARATION = """
[models.eta]
task = "regression"
prediction = "guess"
label = "truth"
[models.eta.features]
distance = "numeric"

[channels.team]
url = "json://127.0.0.1:9/x"
"""


def run(home: Path, *words: str, given: str = "") -> str:
    done = subprocess.run(
        [DRIFTDECK, "--home", str(home), *words],
        input=given,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("sign-in")
    home, port = folder / "home", free_port()
    (folder / "driftdeck.toml").write_text(DECLARATION)
    run(home, "apply", str(folder / "driftdeck.toml"))
    for name, password in PASSWORDS.items():
        run(home, "user", "add", name, "--role", ROLES[name], "--password-stdin", given=password)
    (home / "settings.toml").write_text("sign_in = true\n")
    base = f"http://127.0.0.1:{port}"
    with process([DRIFTDECK, "--home", str(home), "serve", "--port", str(port)], f"{base}/healthz", folder / "log"):
        yield base, home


themes = pytest.mark.parametrize("visitor", ["light", "dark"], indirect=True)


@pytest.fixture
def visitor(request: pytest.FixtureRequest, browser: Browser, deck: tuple[str, Path]) -> Iterator[Visitor]:
    found = Visitor(browser, deck[0], theme=getattr(request, "param", "light"))
    yield found
    found.close()


def sign_in(visitor: Visitor, name: str, path: str = "/") -> Page:
    """Open a page, fill in the form by keyboard, and wait for the page."""
    page = visitor.page
    page.goto(visitor.base + path)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORDS[name])
    page.keyboard.press("Enter")
    return visitor.settled()


def test_a_viewer_looks_and_may_not_act(visitor: Visitor) -> None:
    page = sign_in(visitor, "vera", "/settings?section=users")
    assert page.url == visitor.base + "/settings?section=users"  # back to where they were going
    expect(page.get_by_text(re.compile("takes the role admin, and vera has viewer"))).to_be_visible(timeout=PATIENCE)
    visitor.open("/models")
    expect(page.get_by_text("eta").first).to_be_visible(timeout=PATIENCE)
    refused = page.evaluate(
        "fetch('/api/v1/models/eta/run', {method: 'POST'}).then(answer => Promise.all([answer.status, answer.json()]))"
    )
    assert refused[0] == 403
    assert "takes the role operator, and vera has viewer" in refused[1]["error"]
    assert visitor.strangers == []


def test_an_operator_acts_under_their_name_and_makes_no_users(visitor: Visitor, deck: tuple[str, Path]) -> None:
    page = sign_in(visitor, "ola")
    done = page.evaluate("fetch('/api/v1/models/eta/run', {method: 'POST'}).then(answer => answer.status)")
    assert done in {200, 409, 422}  # there may be nothing to judge, but it is theirs to ask for
    made = page.evaluate(
        "fetch('/api/v1/tokens', {method: 'POST', headers: {'content-type': 'application/json'}, "
        "body: JSON.stringify({name: 't', scopes: ['admin']})}).then(answer => answer.status)"
    )
    assert made == 403


def test_an_admin_makes_a_token_and_its_secret_is_shown_once(visitor: Visitor, deck: tuple[str, Path]) -> None:
    page = sign_in(visitor, "ada", "/settings?section=tokens")
    name = "made-by-ada"
    page.get_by_role("button", name="Create a token").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Name").press("Tab")
    dialog.get_by_role("button", name="Create", exact=True).click()
    secret = dialog.get_by_text(re.compile(r"^drift_[\w-]{43}$"))
    expect(secret).to_be_visible(timeout=PATIENCE)
    text = secret.inner_text()
    dialog.get_by_role("button", name="I have it").click()
    expect(dialog).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_text(name).first).to_be_visible()
    assert text not in page.content()
    visitor.open("/settings?section=audit")
    assert text not in page.content()


@themes
def test_signing_out_and_what_is_said_of_a_wrong_password(visitor: Visitor) -> None:
    page = sign_in(visitor, "ada")
    page.get_by_role("button", name="ada").click()
    expect(page.get_by_text("admin").first).to_be_visible()
    assert grave(visitor) == []
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You have signed out.")).to_be_visible(timeout=PATIENCE)
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is not right.")
    assert findings(page) == []
    expect(page.get_by_label("Password")).to_be_focused()


def test_a_page_that_is_open_stops_when_its_user_is_shut_out(visitor: Visitor, deck: tuple[str, Path]) -> None:
    opened: list[WebSocket] = []

    def noted(socket: WebSocket) -> None:  # Playwright takes no method of a list
        opened.append(socket)

    visitor.page.on("websocket", noted)
    page = sign_in(visitor, "vera", "/models")
    assert not opened[-1].is_closed()
    run(deck[1], "user", "set", "vera", "--disable")
    try:
        if not opened[-1].is_closed():
            opened[-1].wait_for_event("close", timeout=PATIENCE)
        page.goto(visitor.base + "/models")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=PATIENCE)
    finally:
        run(deck[1], "user", "set", "vera", "--enable")
