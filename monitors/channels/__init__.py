"""Where alerts are sent. A file in this folder defines one way as ``CHANNEL``, a :class:`ChannelKind`."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from reference_data.plugins import discover


class ChannelError(Exception):
    """A message that could not be delivered; the message says where to (never the whole address: it may hold a secret) and why."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``key`` is the same at every attempt, so that a receiver can drop repeats; ``data`` is for programs."""

    key: str
    title: str
    body: str
    severity: str = "warning"
    link: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a delivery may do: ``timeout`` in seconds; ``allow_private`` lets it reach this machine and its networks."""

    timeout: float = 10.0
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """One way to send. ``handles`` says, without sending, whether an address is its own; ``send`` raises :class:`ChannelError`."""

    name: str
    handles: Callable[[str], bool]
    send: Callable[[str, Message, Limits], None]
    example: str


def channel_kind(address: str) -> ChannelKind:
    """Return the kind of channel that handles ``address``; raises :class:`ChannelError` naming examples of what is possible."""
    kinds: dict[str, ChannelKind] = discover("monitors.channels", "CHANNEL")
    for kind in kinds.values():
        if kind.handles(address):
            return kind
    examples = ", ".join(kind.example for kind in kinds.values())
    raise ChannelError(f"{place(address)}: no channel handles this address; write one such as {examples}")


def send(address: str, message: Message, limits: Limits | None = None) -> None:
    """Deliver one message; raises :class:`ChannelError`."""
    channel_kind(address).send(address, message, limits or Limits())


def place(address: str) -> str:
    """Return what of an address may be shown: scheme and host, without user, path and query, which hold secrets.

    >>> place("https://hooks.example.com/services/T0/secret?token=1")
    'https://hooks.example.com'
    """
    try:
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.hostname or '…'}" if parts.scheme else "an address without a scheme"
    except ValueError:
        return "a malformed address"


def public_addresses(host: str, port: int, where: str, *, allow_private: bool) -> list[str]:
    """Return the addresses of ``host``; raises :class:`ChannelError` if there are none, or if one is not on the public internet.

    Loopback, private, link-local (where clouds keep their credentials), multicast and reserved addresses are refused, also when
    wrapped in IPv6, unless ``allow_private``.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ChannelError(f"{where}: the host cannot be found ({error}); check its spelling and the network") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not allow_private:
        for address in addresses:
            if not _is_public(address):
                raise ChannelError(
                    f"{where}: {address} belongs to this machine or a private network and is refused; "
                    "allow private addresses for channels if this receiver is meant"
                )
    return addresses


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = None
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if parsed in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    real = inner or parsed
    return real.is_global and not real.is_multicast
