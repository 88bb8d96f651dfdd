"""What pages show of who may do what: users, tokens, the account, and buttons that a role may not press."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from service import context
from service.identity import Identity, Role
from service.views import DemoView
from tests.support.fake_workspace import FakeWorkspace

LONG = 60


class Known:
    """Sign-in with one person, or with nobody any more."""

    def __init__(self, who: Identity | None) -> None:
        self.who = who

    def identity(self, handle: str | None) -> Identity | None:
        del handle
        return self.who


@pytest.fixture
def workspace() -> Iterator[FakeWorkspace]:
    found = FakeWorkspace()
    context.set_workspace(found)
    yield found
    context.set_workspace(None)
    context.set_sign_in(None)


def signed_in(role: Role) -> None:
    context.set_sign_in(Known(Identity("ada <b>", role, how="session", key=1)))


def settings(section: str) -> AppTest:
    def page() -> None:
        from dashboard.app import main

        main("settings")

    test = AppTest.from_function(page, default_timeout=LONG)
    test.query_params["section"] = section
    return test.run()


def words(test: AppTest) -> str:
    return " ".join(str(each.value) for each in [*test.markdown, *test.caption, *test.error, *test.warning])


def test_users_are_listed_and_names_are_only_words(workspace: FakeWorkspace) -> None:
    test = settings("users")
    assert not test.exception
    assert "**ada**" in words(test)
    assert "\\<script\\>" in words(test)
    assert "disabled" in words(test)
    assert {"Change…", "Add a user…"} <= {button.label for button in test.button}


@pytest.mark.slow
def test_a_user_is_changed_in_the_dialog(workspace: FakeWorkspace) -> None:
    def dialog() -> None:
        from dashboard import state
        from dashboard.components import users

        users.change(state.workspace().users()[1])

    test = AppTest.from_function(dialog, default_timeout=LONG).run()
    test.radio(key="change_role").set_value("admin").run()
    test.button(key="change_confirm").click().run()
    assert workspace.users()[1]["role"] == "admin"
    test = AppTest.from_function(dialog, default_timeout=LONG).run()
    test.checkbox(key="change_remove").check().run()
    test.button(key="change_confirm").click().run()
    assert [user["name"] for user in workspace.users()] == ["ada", "<script>alert(1)</script>"]


@pytest.mark.slow
def test_tokens_are_listed_without_their_secrets_and_a_new_one_shows_its_own_once(workspace: FakeWorkspace) -> None:
    test = settings("tokens")
    assert not test.exception
    assert "**nightly**" in words(test)
    assert len([button for button in test.button if button.label == "Revoke…"]) == 2  # of three, one is revoked

    def dialog() -> None:
        from dashboard.components import tokens

        tokens.create(["air_time"])

    test = AppTest.from_function(dialog, default_timeout=LONG).run()
    test.text_input(key="token_name").set_value("job").run()
    test.button(key="token_confirm").click().run()
    test.run()
    assert [code.value for code in test.code] == ["drift_shown-once"]
    test.button(key="token_done").click().run()
    test.run()
    assert [code.value for code in test.code] == []


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("operator", False), ("admin", True)])
def test_users_are_for_admins(workspace: FakeWorkspace, role: Role, may: bool) -> None:
    signed_in(role)
    test = settings("users")
    assert not test.exception
    assert ("**ada**" in words(test)) is may
    assert ("takes the role admin" in words(test)) is not may


@pytest.mark.slow
def test_the_account_is_shown_where_somebody_signed_in_and_only_there(workspace: FakeWorkspace) -> None:
    assert "You may" not in words(settings("monitors"))
    signed_in("operator")
    test = settings("monitors")
    assert "**ada \\<b\\>** · operator" in words(test)
    assert "You may act on alerts" in words(test)


def test_a_page_whose_session_has_ended_shows_nothing(workspace: FakeWorkspace) -> None:
    context.set_sign_in(Known(None))
    test = settings("channels")
    assert "Your session has ended" in words(test)
    assert not test.button


@pytest.mark.parametrize(("role", "barred"), [("viewer", True), ("operator", False)])
def test_buttons_of_operators_are_disabled_for_viewers_with_the_reason(
    workspace: FakeWorkspace,
    role: Role,
    barred: bool,
) -> None:
    signed_in(role)
    test = settings("channels")
    tests = [button for button in test.button if button.label == "Send a test"]
    assert tests
    assert {button.disabled for button in tests} == {barred}
    assert all(("needs the role operator" in (button.help or "")) is barred for button in tests)
    new = next(button for button in test.button if button.label == "Add a channel…")
    assert new.disabled  # what reaches out is an admin's


class Player:
    """A demo that could be played on."""

    def __init__(self) -> None:
        self.played: list[str] = []

    def state(self) -> DemoView:
        return {
            "clock": "2013-04-10T00:00:00+00:00",
            "end": "2014-01-01T05:00:00+00:00",
            "playing": False,
            "until": "",
            "progress": 0.0,
            "step": "",
            "eta_seconds": None,
        }

    def play(self, until: str) -> None:
        self.played.append(until)


@pytest.mark.parametrize(("role", "plays"), [("viewer", False), ("operator", True)])
def test_the_demo_is_played_on_by_operators(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch, role: Role, plays: bool
) -> None:
    """A browser may send clicks of buttons that are disabled: what they do asks once more."""

    def page() -> None:
        from dashboard.components import demo

        demo.player()

    del workspace
    running = Player()
    context.set_demo(running)
    try:
        signed_in(role)
        test = AppTest.from_function(page, default_timeout=LONG).run()
        assert test.button(key="demo_end").disabled is not plays
        monkeypatch.setattr("dashboard.state.barred", lambda *_, **__: {})  # what a browser makes of it is its own
        test.run().button(key="demo_end").click().run()
        assert bool(running.played) is plays
    finally:
        context.set_demo(None)
