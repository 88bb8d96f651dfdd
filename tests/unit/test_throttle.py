"""Guessing passwords and tokens: by name, by address, by many at once, through a proxy."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from httpx import Response
from starlette.testclient import TestClient

from service.proxies import caller, networks
from service.settings import SettingsError, load
from service.sign_in import SignInRefusedError
from service.throttle import Throttle
from tests.support.guarded import BASE, PASSWORDS, Guarded, guarded


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path / "home") as found:
        yield found


def test_guessing_slows_down_for_names_that_exist_and_that_do_not(own: Guarded) -> None:
    for name in ("vera", "nobody"):
        answers = [own.enter(own.client(), name, f"guess {n}").status_code for n in range(8)]
        assert answers[:5] == [401] * 5
        assert 429 in answers[5:]
    right = own.enter(own.client(), "vera", PASSWORDS["vera"])
    assert right.status_code == 429  # the right one is not even looked at
    assert int(right.headers["retry-after"]) >= 1


def test_an_address_that_has_to_wait_makes_no_user_wait(own: Guarded) -> None:
    for number in range(40):
        with pytest.raises(SignInRefusedError):
            own.known.with_password(f"nobody{number}", "a guess", "203.0.113.7")
    for _ in range(8):
        with pytest.raises(SignInRefusedError, match="Wait"):
            own.known.with_password("vera", "a guess", "203.0.113.7")
    assert own.known.with_password("vera", PASSWORDS["vera"], "203.0.113.8")


def test_addresses_of_one_ipv6_network_are_counted_together(own: Guarded) -> None:
    for number in range(21):
        with pytest.raises(SignInRefusedError):
            own.known.with_password(f"nobody{number}", "a guess", f"2001:db8:1:2::{number:x}")
    with pytest.raises(SignInRefusedError, match="Wait"):
        own.known.with_password("vera", PASSWORDS["vera"], "2001:db8:1:2:ffff::1")
    assert own.known.with_password("vera", PASSWORDS["vera"], "2001:db8:1:3::1")


def test_the_throttle_doubles_and_forgets() -> None:
    now = [0.0]
    throttle = Throttle(3, 60, lambda: now[0])
    assert [throttle.wait("a") for _ in range(3)] == [0, 0, 0]
    waits = []
    for _ in range(8):
        waits.append(throttle.wait("a"))
        now[0] += waits[-1]
        assert throttle.wait("a") == 0  # it has waited long enough: this try is made, and fails
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert throttle.wait("b") == 0
    now[0] += 60 + 2 * 60
    assert [throttle.wait("a") for _ in range(3)] == [0, 0, 0]  # forgotten
    throttle.passed("a")
    assert [throttle.wait("a") for _ in range(3)] == [0, 0, 0]


def test_tries_that_are_made_together_count_too() -> None:
    """Whoever sends a thousand passwords at once has no more tries than one after the other."""
    throttle = Throttle(5, 60, lambda: 0.0)
    assert sum(throttle.wait("a") == 0 for _ in range(1000)) == 5


# -- tokens ------------------------------------------------------------------------------------------------------------
LONG = "0123456789abcdefghij"
NEAR, FAR = ("203.0.113.7", 1), ("203.0.113.8", 1)


def ask(home: Guarded, token: str, place: tuple[str, int] = NEAR, forwarded: str = "", path: str = "/") -> Response:
    headers = {"authorization": f"Bearer {token}"} | ({"x-forwarded-for": forwarded} if forwarded else {})
    return TestClient(home.app, BASE, client=place).get(path, headers=headers)


def guess(home: Guarded, count: int, place: tuple[str, int] = NEAR, forwarded: str = "") -> list[int]:
    """Send so many tokens, each another one."""
    return [ask(home, f"guess {uuid4()}", place, forwarded).status_code for _ in range(count)]


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path / "home", token="sesame") as found:
        yield found


def test_guessing_a_token_slows_down_and_a_short_one_is_not_found_that_way(short: Guarded) -> None:
    answers = guess(short, 40)
    assert answers[:20] == [401] * 20
    assert set(answers[20:]) == {429}
    refused = ask(short, "sesame")
    assert refused.status_code == 429, "the right one is told from wrong ones no more"
    assert int(refused.headers["retry-after"]) >= 1
    assert "Wait" in refused.json()["error"]
    assert ask(short, "sesame", FAR).status_code == 200
    assert ask(short, "a guess", path="/healthz").status_code == 200
    short.clock.forward(seconds=2)
    assert ask(short, "sesame").status_code == 200


def test_a_token_that_is_right_is_not_locked_out(tmp_path: Path) -> None:
    with guarded(tmp_path / "home", token=LONG) as home:
        made = home.workspace.create_token("reader", scopes=["read"], actor="ada")["secret"]
        assert guess(home, 30)[-1] == 429
        assert ask(home, LONG).status_code == 200
        assert ask(home, made, path="/api/v1/models").status_code == 200
        assert ask(home, "process-secret").status_code == 200


def test_a_short_token_goes_on_where_it_has_opened_before(short: Guarded) -> None:
    assert ask(short, "sesame").status_code == 200
    assert guess(short, 30)[-1] == 429
    assert ask(short, "sesame").status_code == 200


def test_tokens_and_passwords_are_counted_together(own: Guarded) -> None:
    assert guess(own, 30)[-1] == 429
    with pytest.raises(SignInRefusedError, match="Wait"):
        own.known.with_password("vera", PASSWORDS["vera"], NEAR[0])
    assert own.known.with_password("vera", PASSWORDS["vera"], FAR[0])


def test_a_program_with_a_revoked_token_makes_nobody_wait(own: Guarded) -> None:
    assert {ask(own, "drift_revoked").status_code for _ in range(60)} == {401}
    assert own.known.with_password("vera", PASSWORDS["vera"], NEAR[0])


def test_a_token_in_the_address_of_a_feed_is_a_guess_too(own: Guarded) -> None:
    client = TestClient(own.app, BASE, client=NEAR)
    answers = [client.get(f"/api/v1/feeds/alerts.atom?token=guess{number}").status_code for number in range(25)]
    assert answers == [401] * 20 + [429] * 5


# -- proxies -----------------------------------------------------------------------------------------------------------
PROXY = ("10.0.0.7", 1)


def test_only_a_trusted_proxy_says_who_calls(tmp_path: Path) -> None:
    with guarded(tmp_path / "home", trusted_proxies=("10.0.0.0/8",)) as home:
        assert guess(home, 30, PROXY, "198.51.100.1, 203.0.113.7")[-1] == 429
        assert guess(home, 1, PROXY, "203.0.113.7, 203.0.113.8") == [401], "another caller"
        assert guess(home, 1, PROXY, "198.51.100.9, 203.0.113.7, 10.0.0.9") == [429], "through two of them"
        assert guess(home, 1, NEAR) == [429], "the same caller, without the proxy"
        assert guess(home, 30, FAR, "198.51.100.2")[-1] == 429
        assert guess(home, 1, FAR, "198.51.100.3") == [429], "who is no proxy changes its address by no header"


def test_without_trusted_proxies_the_header_is_not_read(own: Guarded) -> None:
    answers = [ask(own, f"guess {number}", PROXY, f"203.0.113.{number}").status_code for number in range(25)]
    assert answers[-1] == 429


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("10.0.0.7", [], "10.0.0.7"),
        ("10.0.0.7", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.7", ["203.0.113.7:4711"], "203.0.113.7"),
        ("10.0.0.7", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("::ffff:10.0.0.7", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("10.0.0.7", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.7", ["198.51.100.1, unknown"], "10.0.0.7"),
        ("10.0.0.7", ["198.51.100.1, unknown, 10.0.0.8"], "10.0.0.8"),
        ("10.0.0.7", ["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("testclient", ["198.51.100.1"], "testclient"),
        ("fd00::1", ["198.51.100.1"], "fd00::1"),
    ],
)
def test_who_calls_is_the_last_that_is_no_proxy_of_ours(peer: str, forwarded: list[str], found: str) -> None:
    assert caller(peer, forwarded, networks(["10.0.0.0/8"])) == found


def test_what_is_no_network_is_refused_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a list of addresses or networks"):
        load(tmp_path, {}, {"DRIFTDECK_TRUSTED_PROXIES": "10.0.0.7, proxy.example.com"})
    assert load(tmp_path, {}, {"DRIFTDECK_TRUSTED_PROXIES": "10.0.0.7,fd00::/8"}).trusted_proxies == (
        "10.0.0.7",
        "fd00::/8",
    )
