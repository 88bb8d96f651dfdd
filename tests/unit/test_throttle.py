"""Guessing passwords: by name, by address, by many at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.sign_in import SignInRefusedError
from service.throttle import Throttle
from tests.support.guarded import PASSWORDS, Guarded, guarded


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
