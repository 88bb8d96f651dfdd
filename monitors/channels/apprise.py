"""Anything Apprise can reach: mail, chat, pagers, phones."""

from __future__ import annotations

import logging
from html import escape
from typing import Any

from monitors.channels import ChannelError, ChannelKind, Limits, Message, place
from monitors.channels._addresses import guard

_TYPES = {"page": "failure", "warning": "warning", "notice": "info"}
#: What shows or writes something on this machine; everything else is checked when it connects.
_LOCAL = frozenset({"dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog", "file", "growl", "blink1"})
_ROOM, _SHARE = 40, 0.9  # characters that markup needs; of a text that is cut, which escaping makes longer
#: What connects from a thread of its own, where nothing is checked.
_APART = frozenset({"mqtt", "mqtts", "xmpp", "xmpps"})


def _plugin(address: str) -> Any:
    """Return Apprise's object for an address, None for one it does not know."""
    import apprise

    quiet()
    return apprise.Apprise.instantiate(address, suppress_exceptions=True)


def quiet() -> None:
    """Keep addresses, and so secrets, out of the log: Apprise and what it calls write them there."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def _scheme(address: str) -> str:
    return address.partition("://")[0].strip().lower()


def handles(address: str) -> bool:
    """Whether Apprise knows the address as one of its services."""
    return _scheme(address) in _LOCAL | _APART or _plugin(address) is not None


def takes_picture(address: str) -> bool:
    """Whether the service takes attachments."""
    plugin = None if _scheme(address) in _LOCAL else _plugin(address)
    return bool(plugin is not None and plugin.attachment_support)


def send(address: str, message: Message, limits: Limits) -> None:
    """Notify; Apprise says only whether it worked."""
    where = place(address)
    if _scheme(address) in _LOCAL:
        raise ChannelError(f"{where}: this shows or writes something on the machine of the service, and is refused")
    if _scheme(address) in _APART and not limits.allow_private:
        raise ChannelError(f"{where}: where this connects to cannot be checked; it needs allow_private = true")
    plugin = _plugin(address)
    if plugin is None:
        raise ChannelError(f"{where}: Apprise does not know this address; see its list of services")
    plugin.socket_connect_timeout = plugin.socket_read_timeout = limits.timeout
    plugin.redirects = False
    plugin.overflow_mode = "truncate"
    written = plugin.resolve_format(None).value
    words = _body(message, written, plugin.body_maxlen - len(message.title) - _ROOM)
    sent: dict[str, Any] = {"title": message.title, "notify_type": _TYPES.get(message.severity, "info")}
    if message.picture is not None and plugin.attachment_support:
        sent["attach"] = _attached(message.picture)
    try:
        with guard(where, allow_private=limits.allow_private, total=limits.total):
            worked = plugin.notify(body=words, body_format=written, **sent)
    except ChannelError:
        raise
    except Exception as error:
        raise ChannelError(f"{where}: {type(error).__name__}; check the address") from None
    if not worked:
        raise ChannelError(f"{where}: the service did not take the message; check the address and its permissions")


def _body(message: Message, written: str, longest: int) -> str:
    """Return the words in the format a service likes best; of what is too long for it the beginning, and the link."""
    link = "" if message.link is None else f"\n\n{message.link}"
    best = {"html": message.html, "markdown": message.markdown}.get(written) or _as(written, message.body + link)
    if len(best) <= longest:
        return best
    room = max(0, int(longest * _SHARE) - len(link))
    return _as(written, f"{message.body[:room]}…{link}")


def _as(written: str, text: str) -> str:
    return escape(text).replace("\n", "<br/>") if written == "html" else text


def _attached(picture: bytes) -> Any:
    from apprise import AppriseAttachment
    from apprise.attachment.memory import AttachMemory

    memory: Any = AttachMemory
    attachment = AppriseAttachment()
    attachment.add(memory(content=picture, name="chart.png", mimetype="image/png"))
    return attachment


CHANNEL = ChannelKind("apprise", handles, send, "mailtos://user:password@example.com", takes_picture=takes_picture)
