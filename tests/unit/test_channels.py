"""Messages reach a real receiver, with one key at every attempt, and never where they must not go."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from monitors import channels
from monitors.channels import ChannelError, ChannelKind, Limits, Message, channel_kind, place
from monitors.channels._addresses import public_addresses
from monitors.channels.webhook import payload
from monitors.outbox import Attempt, Backoff, attempt
from reference_data.plugins import discover

NOW = datetime(2024, 5, 1, tzinfo=UTC)
MESSAGE = Message("alert-7:firing:team", "Error rose", "air_time: 9 → 15 min", "page", "http://x/alerts/7", {"id": "7"})
HERE = Limits(timeout=10, allow_private=True)


class Receiver:
    """An HTTP server on loopback that records what comes and answers as told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], dict]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append((self.path, dict(self.headers.items()), json.loads(body)))
                self.send_response(receiver.status)
                if 300 <= receiver.status < 400:
                    self.send_header("location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"so it is")

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"http://localhost:{self.port}/hook?token=secret"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_every_channel_keeps_the_contract() -> None:
    kinds: dict[str, ChannelKind] = discover("monitors.channels", "CHANNEL")
    assert kinds.keys() >= {"apprise", "webhook"}
    for kind in kinds.values():
        assert channel_kind(kind.example) is kind, "an example must lead to its own channel"
        assert not kind.handles("no address at all")


def test_addresses_find_their_channel() -> None:
    assert channel_kind("https://example.com/hook").name == "webhook"
    assert channel_kind("mailto://user:password@gmail.com").name == "apprise"
    with pytest.raises(ChannelError, match=r"nowhere://…|nowhere://there.*no channel handles"):
        channel_kind("nowhere://there")


def test_a_webhook_gets_the_whole_message(receiver: Receiver) -> None:
    channels.send(receiver.url, MESSAGE, HERE)
    (path, headers, body), *_ = receiver.seen
    assert path == "/hook?token=secret"
    assert headers["Host"] == f"localhost:{receiver.port}"
    assert headers["Idempotency-Key"] == MESSAGE.key
    assert body == payload(MESSAGE)
    assert body["data"] == {"id": "7"}


def test_apprise_reaches_its_services(receiver: Receiver) -> None:
    channels.send(f"json://127.0.0.1:{receiver.port}/x", MESSAGE, HERE)
    assert receiver.seen[0][2]["title"] == "Error rose"
    assert MESSAGE.link is not None
    assert MESSAGE.link in receiver.seen[0][2]["message"]
    receiver.status = 500
    with pytest.raises(ChannelError, match="did not take the message"):
        channels.send(f"json://127.0.0.1:{receiver.port}/x", MESSAGE, HERE)


@pytest.mark.parametrize(("status", "words"), [(500, "answered 500 \\(so it is\\)"), (302, "redirect"), (404, "404")])
def test_any_other_answer_is_an_error_without_the_secret(receiver: Receiver, status: int, words: str) -> None:
    receiver.status = status
    with pytest.raises(ChannelError, match=words) as caught:
        channels.send(receiver.url, MESSAGE, HERE)
    assert "secret" not in str(caught.value)
    assert len(receiver.seen) == 1, "a redirect is not followed"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
        "[fd00::1]",
        "224.0.0.1",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f.1",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "json"])
def test_private_places_are_refused(scheme: str, host: str) -> None:
    with pytest.raises(ChannelError, match=r"refused|no channel handles|cannot be found"):
        channels.send(f"{scheme}://{host}:9/latest", MESSAGE, Limits(timeout=1))


def test_public_places_are_not() -> None:
    assert public_addresses("1.1.1.1", 443, "x", allow_private=False) == ["1.1.1.1"]
    with pytest.raises(ChannelError, match="refused"):
        public_addresses("127.0.0.1", 443, "x", allow_private=False)


def test_a_receiver_that_is_down_or_unknown_is_an_error(receiver: Receiver) -> None:
    receiver.close()
    with pytest.raises(ChannelError, match="ConnectError"):
        channels.send(receiver.url, MESSAGE, HERE)
    receiver.close = lambda: None  # type: ignore[method-assign]
    for address in ("http://", "http://[::1", "http://a..b/", "https://x:99999/"):
        with pytest.raises(ChannelError):
            channels.send(address, MESSAGE, HERE)


def test_only_scheme_and_host_of_an_address_are_shown() -> None:
    assert place("slack://botname@TokenA/TokenB/TokenC?x=1") == "slack://…"
    assert place("https://user:pw@example.com:8443/T0/secret#x") == "https://example.com"
    assert place("http://[broken") == "a malformed address"
    assert place("hello") == "an address without a scheme"


def test_what_went_wrong_is_told_and_tried_again() -> None:
    def refuse() -> None:
        raise ChannelError("x://b: answered 500")

    def break_down() -> None:
        raise ZeroDivisionError("oops")

    first = Backoff(jitter=0)
    assert attempt("a", 0, lambda: None, lambda: NOW, first) == Attempt("a", 1, NOW, "sent")
    refused = attempt("b", 0, refuse, lambda: NOW, first)
    assert (refused.outcome, refused.error, refused.retry_at) == (
        "retry",
        "x://b: answered 500",
        NOW + timedelta(seconds=30),
    )
    assert attempt("c", 4, break_down, lambda: NOW, first).error == "ZeroDivisionError: oops"


def test_waits_double_up_to_a_limit_and_then_it_is_given_up() -> None:
    rule = Backoff(first=timedelta(minutes=1), longest=timedelta(minutes=10), attempts=6, jitter=0)
    waits = [rule.wait(n) for n in range(1, 8)]
    assert [None if wait is None else wait / timedelta(minutes=1) for wait in waits] == [1, 2, 4, 8, 10, None, None]


def test_what_failed_together_does_not_come_back_together() -> None:
    rule = Backoff()
    waits = {rule.wait(5, f"message {n}") for n in range(100)}
    assert len(waits) == 100
    assert all(wait is not None and timedelta(minutes=6.4) <= wait <= timedelta(minutes=8) for wait in waits)
    assert rule.wait(5, "message 1") == rule.wait(5, "message 1")
    whole = [rule.wait(n, "m") for n in range(1, rule.attempts)]
    assert timedelta(hours=18) < sum((wait for wait in whole if wait is not None), timedelta()) < timedelta(hours=25)
