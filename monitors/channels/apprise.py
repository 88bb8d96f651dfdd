"""Anything Apprise can reach: mail, chat, pagers, phones."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from monitors.channels import ChannelError, ChannelKind, Limits, Message, place, public_addresses

_PLAIN_HTTP = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})  # these post to any host they are given
_TYPES = {"page": "failure", "warning": "warning", "notice": "info"}


def _plugin(address: str) -> Any:
    import apprise

    return apprise.Apprise.instantiate(address, suppress_exceptions=True)


def handles(address: str) -> bool:
    """Whether Apprise knows the address as one of its services."""
    level = logging.getLogger("apprise").level
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses, and so secrets, that it does not know
    try:
        return _plugin(address) is not None
    finally:
        logging.getLogger("apprise").setLevel(level)


def send(address: str, message: Message, limits: Limits) -> None:
    """Notify; Apprise says only whether it worked."""
    where = place(address)
    parts = urlsplit(address)
    if parts.scheme.lower() in _PLAIN_HTTP and parts.hostname:
        public_addresses(parts.hostname, parts.port or 80, where, allow_private=limits.allow_private)
    plugin = _plugin(address)
    if plugin is None:
        raise ChannelError(f"{where}: Apprise does not know this address; see its list of services")
    plugin.socket_connect_timeout = plugin.socket_read_timeout = limits.timeout
    body = message.body if message.link is None else f"{message.body}\n\n{message.link}"
    try:
        worked = plugin.notify(body=body, title=message.title, notify_type=_TYPES.get(message.severity, "info"))
    except Exception as error:
        raise ChannelError(f"{where}: {type(error).__name__}; check the address") from None
    if not worked:
        raise ChannelError(f"{where}: the service did not take the message; check the address and its permissions")


CHANNEL = ChannelKind("apprise", handles, send, "mailtos://user:password@example.com")
