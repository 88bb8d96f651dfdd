"""Where alerts are sent. A file in this folder defines one way as ``CHANNEL``, a :class:`ChannelKind`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from reference_data.plugins import discover

_SHORTEST_SECRET = 4  # of the pieces of an address: what is shorter would blot out common words


class ChannelError(Exception):
    """A message that could not be delivered; the message says where to (never the whole address: it may hold a secret) and why."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``key`` is the same at every attempt, so that a receiver can drop repeats; ``data`` is for programs.

    ``body`` is plain text; ``markdown`` and ``html`` say the same where a service takes them, ``picture`` is a PNG. Empty: there is none.
    """

    key: str
    title: str
    body: str
    severity: str = "warning"
    link: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    markdown: str = ""
    html: str = ""
    picture: bytes | None = None
    picture_link: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a delivery may do, and what it is signed with.

    ``timeout`` seconds for each answer, ``total`` for all of it; ``allow_private`` lets it reach this machine and its networks;
    ``secret`` signs what is posted at the time ``at``.
    """

    timeout: float = 10.0
    total: float = 60.0
    allow_private: bool = False
    secret: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """One way to send. ``handles`` says, without sending, whether an address is its own; ``send`` raises :class:`ChannelError`.

    ``call`` reaches an address without a message, to say that all is well; None where that is not possible. ``takes_picture`` says
    whether pictures are sent along to an address.
    """

    name: str
    handles: Callable[[str], bool]
    send: Callable[[str, Message, Limits], None]
    example: str
    call: Callable[[str, Limits], None] | None = None
    takes_picture: Callable[[str], bool] = field(default=lambda _address: False)


def channel_kind(address: str) -> ChannelKind:
    """Return the kind of channel that handles ``address``; raises :class:`ChannelError` naming examples of what is possible."""
    kinds: dict[str, ChannelKind] = discover("monitors.channels", "CHANNEL")
    for kind in sorted(
        kinds.values(), key=lambda kind: kind.name != "webhook"
    ):  # the others are asked of what is no plain HTTP
        if kind.handles(address):
            return kind
    examples = ", ".join(kind.example for kind in kinds.values())
    raise ChannelError(f"{place(address)}: no channel handles this address; write one such as {examples}")


def send(address: str, message: Message, limits: Limits | None = None) -> None:
    """Deliver one message; raises :class:`ChannelError`."""
    channel_kind(address).send(address, message, limits or Limits())


def place(address: str) -> str:
    """Return what of an address may be shown: scheme and, of web addresses and mail, the host; all else may be a secret.

    >>> place("https://hooks.example.com/services/T0/secret?token=1"), place("slack://TokenA/TokenB")
    ('https://hooks.example.com', 'slack://…')
    """
    try:
        parts = urlsplit(address)
        if not parts.scheme:
            return "an address without a scheme"
        host = parts.hostname if parts.scheme in _HOST_IS_PLAIN else None
        return f"{parts.scheme}://{host or '…'}"
    except ValueError:
        return "a malformed address"


#: Schemes whose host is a host and no token.
_HOST_IS_PLAIN = frozenset(
    scheme + secure
    for scheme in ("http", "mailto", "json", "xml", "form", "gotify", "ntfy", "mmost", "rocket")
    for secure in ("", "s")
)


def without_secrets(text: str, *secrets: str | None) -> str:
    """Return ``text`` with addresses, the pieces they are made of, and other secrets blotted out.

    >>> without_secrets("404 for /services/T0AB/xyzzy", "https://hooks.example.com/services/T0AB/xyzzy")
    '404 for /…/…/…'
    """
    pieces: set[str] = set()
    for secret in filter(None, secrets):
        pieces.update(_pieces(secret) if "://" in secret else (secret,))
    for piece in sorted(pieces, key=len, reverse=True):
        text = text.replace(piece, "…")
    return text


def _pieces(address: str) -> Iterable[str]:
    yield address
    shown = place(address).partition("://")[2]
    rest = address.partition("://")[2]
    for piece in re.split(r"[/?&=#@:;,]", rest):
        for form in {piece, unquote(piece)}:
            if len(form) >= _SHORTEST_SECRET and form != shown and not form.isdigit():
                yield form
