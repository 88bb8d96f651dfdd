"""No message goes where it must not: private, link-local and metadata addresses, however they are written, whoever looks them up."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from monitors import channels
from monitors.channels import ChannelError, Limits, Message
from monitors.channels._addresses import guard, is_public
from service.local.channel_reach import FILES
from tests.support.receivers import HttpReceiver, http_receiver

MESSAGE = Message("k", "t", "b")
CAREFUL = Limits(timeout=2, total=4)

HOSTS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "192.88.99.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "2130706433",
    "2852039166",
    "0x7f000001",
    "0x7f.0.0.1",
    "0xa9fea9fe",
    "0177.0.0.1",
    "017700000001",
    "0251.0376.0251.0376",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:10.0.0.1]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:db8::1]",
    "[2001:0:7f00:1::]",
    "[2001:0:0:0:0:0:80ff:fffe]",
    "[2606:4700::5efe:7f00:1]",
    "[100::1]",
    "[3fff::1]",
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "user@127.0.0.1",
    "example.com@127.0.0.1",
    "example.com:80@169.254.169.254",
    "127.0.0.1#@example.com",
    "127.0.0.1?@example.com",
    "127%2e0%2e0%2e1",
    "example.com\\@127.0.0.1",
]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What anybody in this process connected to."""
    made: list[Any] = []
    real = socket.socket.connect

    class Watched(socket.socket):
        def connect(self, address: Any) -> None:
            result = real(self, address)
            made.append(address)
            return result

    monkeypatch.setattr(socket, "socket", Watched)
    return made


def test_the_corpus_is_large_enough() -> None:
    assert len(set(HOSTS)) == len(HOSTS) >= 40


@pytest.mark.parametrize("host", HOSTS)
def test_a_webhook_never_reaches_a_private_place(host: str, connections: list[Any]) -> None:
    with pytest.raises(ChannelError, match=r"refused|cannot be found|not a valid address"):
        channels.send(f"http://{host}/latest/meta-data", MESSAGE, CAREFUL)
    assert connections == []


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("address", ["json://{}/x", "mailto://{}?from=a@example.com&to=b@example.com"])
def test_no_service_of_apprise_reaches_a_private_place(address: str, host: str, connections: list[Any]) -> None:
    with pytest.raises(
        ChannelError, match=r"refused|did not take|not know|no channel handles|cannot be found|check the address"
    ):
        channels.send(address.format(host), MESSAGE, CAREFUL)
    assert [each for each in connections if not is_public(str(each[0]))] == []


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101", "2002:101:101::1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as made:
        yield made


def test_a_name_that_changes_its_mind_is_asked_once(receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["93.184.215.14", "127.0.0.1", "127.0.0.1"])
    pinned: list[str] = []

    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        del host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    from monitors.channels import webhook

    def exchange(_method: str, url: Any, *_: Any) -> tuple[int, bytes]:
        pinned.append(url.host)
        return 204, b""

    monkeypatch.setattr(webhook, "_exchange", exchange)
    channels.send(f"http://rebind.example:{receiver.port}/", MESSAGE, CAREFUL)
    assert pinned == ["93.184.215.14"], "the address that was checked is the one that is connected to"
    assert next(answers) == "127.0.0.1", "and the name was looked up once"
    assert receiver.seen == []


def test_a_service_that_looks_up_by_itself_is_checked_when_it_connects(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host == "rebind.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    address = f"json://rebind.example:{receiver.port}/x"
    with pytest.raises(ChannelError, match=r"127\.0\.0\.1 belongs to this machine"):
        channels.send(address, MESSAGE, CAREFUL)
    assert receiver.seen == []
    channels.send(address, MESSAGE, Limits(allow_private=True))
    assert len(receiver.seen) == 1


@pytest.mark.parametrize("scheme", ["http", "json"])
def test_redirects_lead_nowhere(receiver: HttpReceiver, scheme: str) -> None:
    receiver.status = 302
    with pytest.raises(ChannelError, match=r"redirect|did not take"):
        channels.send(f"{scheme}://127.0.0.1:{receiver.port}/x", MESSAGE, Limits(allow_private=True))
    assert len(receiver.seen) == 1


@pytest.mark.parametrize(
    "address",
    [
        "syslog://",
        "dbus://",
        "gnome://",
        "macosx://",
        "windows://",
        "qt://",
        "kde://",
        "glib://",
        "file:///tmp/x",
        "growl://127.0.0.1",
    ],
)
def test_what_shows_or_writes_something_here_is_refused_even_if_private_is_allowed(address: str) -> None:
    with pytest.raises(ChannelError, match="on the machine of the service"):
        channels.send(address, MESSAGE, Limits(allow_private=True))


def test_a_guarded_delivery_starts_nothing_and_speaks_to_no_program_of_this_machine() -> None:
    import subprocess

    def start() -> None:
        subprocess.run(["true"], check=True)

    def speak() -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect("/nowhere")

    def datagram() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.sendto(b"x", ("127.0.0.1", 9))

    for forbidden in (start, speak, datagram):
        with (
            pytest.raises((ChannelError, PermissionError), match="refused"),
            guard("here", allow_private=False, total=9),
        ):
            forbidden()
    for forbidden in (start, speak):
        with (
            pytest.raises((ChannelError, PermissionError), match="refused"),
            guard("here", allow_private=True, total=9),
        ):
            forbidden()
    start()  # outside nothing is guarded


@pytest.mark.parametrize("address", ["mqtt://example.com/topic", "xmpps://user:pw@example.com"])
def test_what_connects_from_a_thread_of_its_own_needs_the_operators_word(address: str) -> None:
    with pytest.raises(ChannelError, match="cannot be checked"):
        channels.send(address, MESSAGE, CAREFUL)


def test_a_refusal_that_is_swallowed_is_told_all_the_same() -> None:
    def swallow() -> None:
        with guard("here", allow_private=False, total=9), suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=1)

    with pytest.raises(ChannelError, match="belongs to this machine"):
        swallow()


def test_what_an_address_may_name_of_files_is_known() -> None:
    import apprise

    plugins = apprise.Apprise().details()["schemas"]
    named = {key.lower() for plugin in plugins for key in plugin["details"]["args"]}
    assert {key for key in named if re.search(r"(?<!pro)file$|^template$|^pgp...$", key)} <= FILES
    assert "template" in named
