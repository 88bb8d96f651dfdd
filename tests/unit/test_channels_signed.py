"""Signed webhooks are verified by the code that the docs give to receivers, and what the docs say of addresses holds."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitors import channels
from monitors.channels import ChannelError, Limits, Message, channel_kind, without_secrets
from reference_data.alerting import Channel
from service.declaration_file import DeclarationError, parse
from tests.support.receivers import HttpReceiver, http_receiver

DOCS = (Path(__file__).parents[2] / "docs" / "channels.md").read_text()
AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
NOW = AT.timestamp()
MESSAGE = Message("a:firing:x:team", "Größe ↑", "It rose.", "page", data={"id": "a"})


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as made:
        yield made


@pytest.fixture(scope="module")
def is_genuine() -> Callable[..., bool]:
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL) if "is_genuine" in block)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/channels.md", "exec"), names)
    found: Callable[..., bool] = names["is_genuine"]
    return found


def test_a_signed_message_is_verified_by_the_code_of_the_docs(
    receiver: HttpReceiver, is_genuine: Callable[..., bool]
) -> None:
    channels.send(receiver.url, MESSAGE, Limits(allow_private=True, secret="s3cret", at=AT))
    (request,) = receiver.seen
    header = request.headers["X-Driftdeck-Signature"]
    assert is_genuine("s3cret", header, request.body, NOW)
    assert request.document["title"] == "Größe ↑"
    assert not is_genuine("other", header, request.body, NOW)
    assert not is_genuine("s3cret", header, request.body + b" ", NOW)
    assert not is_genuine("s3cret", header, request.body, NOW + 600)
    assert not is_genuine("s3cret", header.replace(str(int(NOW)), str(int(NOW) + 1)), request.body, NOW)
    for broken in ("", "t=,v1=", "v1=abc", "t=1e9", "nonsense"):
        assert not is_genuine("s3cret", broken, request.body, NOW)


def test_an_attempt_later_has_the_same_key_and_another_signature(receiver: HttpReceiver) -> None:
    for at in (AT, AT + timedelta(minutes=1)):
        channels.send(receiver.url, MESSAGE, Limits(allow_private=True, secret="s3cret", at=at))
    assert len(set(receiver.keys())) == 1
    assert len({request.headers["X-Driftdeck-Signature"] for request in receiver.seen}) == 2


def test_without_a_secret_nothing_is_signed_and_without_a_time_nothing_can_be(receiver: HttpReceiver) -> None:
    channels.send(receiver.url, MESSAGE, Limits(allow_private=True))
    assert "X-Driftdeck-Signature" not in receiver.seen[0].headers
    with pytest.raises(ValueError, match="needs the time"):
        channels.send(receiver.url, MESSAGE, Limits(allow_private=True, secret="s3cret"))


@pytest.mark.parametrize("address", ["http://{}/", "json://{}/", "mailto://{}?from=a@example.com&to=b@example.com"])
def test_who_answers_a_byte_at_a_time_is_cut_off(address: str) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def trickle() -> None:
            line, _ = listener.accept()
            with line:
                while not over.wait(0.05):
                    try:
                        line.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            url = address.format(f"127.0.0.1:{listener.getsockname()[1]}")
            with pytest.raises(ChannelError):
                channels.send(url, MESSAGE, Limits(timeout=5, total=0.4, allow_private=True))
        finally:
            over.set()
            thread.join()


def test_every_address_of_the_docs_is_one() -> None:
    table = DOCS.partition("## Where to")[2].partition("##")[0]
    addresses = [address for address in re.findall(r"`([a-z]+://[^`\s]+)`", table) if not address.endswith("://")]
    assert len(addresses) == 6
    samples = {
        "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#drift",
        "tgram": "tgram://123456789:AAFmyBotToken-abcdefghijklmnopqrstu/-1001234567890",
        "pagerduty": "pagerduty://0123456789abcdef0123456789abcdef@abcdefghijklmnopqrst",
    }
    for address in addresses:
        scheme = address.partition("://")[0]
        assert channel_kind(samples.get(scheme, address)).name == ("webhook" if scheme == "https" else "apprise")


def test_every_declaration_of_the_docs_is_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        assert parse(block, None).channels


def test_every_key_of_a_channel_is_in_the_docs() -> None:
    told = set(re.findall(r"`(\w+)`", DOCS.partition("## What every channel has")[2].partition("##")[0]))
    assert set(Channel.model_fields) - {"name"} <= told


def test_a_channel_that_is_called_is_told_of_nothing_unless_it_says_so() -> None:
    text = '[channels.alive]\nurl = "https://example.com/"\nheartbeat = "5m"\n'
    assert parse(text, None).channels["alive"].severity == ()
    assert parse(text + 'severity = ["page"]\n', None).channels["alive"].severity == ("page",)
    again = Channel.model_validate_json(parse(text, None).channels["alive"].model_dump_json())
    assert again.severity == ()


@pytest.mark.parametrize("key", ['secret = "x"', 'heartbeat = "5m"'])
def test_what_only_webhooks_have_is_refused_elsewhere(key: str) -> None:
    with pytest.raises(DeclarationError, match="only webhooks have that"):
        parse(f'[channels.chat]\nurl = "slack://a/b/c"\n{key}\n', None)
    for url in ("https://example.com/", "HTTP://example.com/", "${HOOK}"):
        assert parse(f'[channels.chat]\nurl = "{url}"\n{key}\n', None).channels
    with pytest.raises(DeclarationError, match="only webhooks have that"):
        parse(f'[channels.chat]\nurl = "${{HOOK}}"\n{key}\n', {"HOOK": "slack://a/b/c"})


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("at https://h.example/a/T0KEN?x=hush", ["https://h.example/a/T0KEN?x=hush"], "at …"),
        ("404 for /a/T0KEN", ["https://h.example/a/T0KEN?x=hush"], "404 for /a/…"),
        ("bad p%40ss for p@ssword", ["json://u:p%40ssword@h/"], "bad p%40ss for …"),
        ("the secret is s3cret", ["s3cret", None], "the secret is …"),
        ("https://h.example: answered 500", ["https://h.example/T0KEN"], "https://h.example: answered 500"),
    ],
)
def test_what_is_secret_is_blotted_out(text: str, secrets: list[str | None], shown: str) -> None:
    assert without_secrets(text, *secrets) == shown


def test_channels_cost_nothing_until_something_is_sent() -> None:
    code = (
        "import sys, monitors.channels as c; c.channel_kind('https://example.com/'); "
        "print([m for m in ('apprise', 'requests', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("written", ["text", "markdown", "html"])
def test_what_is_too_long_for_a_service_is_cut_and_keeps_its_link(written: str) -> None:
    from monitors.channels.apprise import _body

    words = "<b> & \n" * 2000
    message = Message(
        "k", "t", words, link="https://drift.example.com/alert?alert=a", markdown=words, html=f"<p>{words}</p>"
    )
    assert _body(message, written, 10**6) == (
        message.html
        if written == "html"
        else message.markdown
        if written == "markdown"
        else f"{words}\n\n{message.link}"
    )
    short = _body(message, written, 1000)
    assert short.endswith("https://drift.example.com/alert?alert=a")
    assert "<b>" not in short or written != "html"
    assert _body(message, written, 100).endswith("alert=a")


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("mailto://127.0.0.1?from=a@example.com&to=b@example.com", "html"),
        ("mailto://127.0.0.1?from=a@example.com&to=b@example.com&format=text", "text"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#drift", "markdown"),
        ("tgram://123456789:AAFmyBotToken-abcdefghijklmnopqrstu/-1001234567890", "html"),
        ("json://127.0.0.1/", "text"),
    ],
)
def test_every_service_gets_the_format_it_likes_best(
    address: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import apprise

    taken: list[dict[str, Any]] = []

    def notify(_self: object, **sent: Any) -> bool:
        taken.append(sent)
        return True

    monkeypatch.setattr(type(apprise.Apprise.instantiate(address)), "notify", notify)
    channels.send(
        address, Message("k", "t", "plain", markdown="**mark**", html="<p>html</p>"), Limits(allow_private=True)
    )
    assert taken[0]["body_format"] == written
    assert taken[0]["body"] == {"text": "plain", "markdown": "**mark**", "html": "<p>html</p>"}[written]
