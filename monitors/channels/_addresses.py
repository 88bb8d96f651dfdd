"""Which addresses a message may be sent to: looked up once, checked, and connected to as they were checked."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from monitors.channels import ChannelError

_V4 = ipaddress.IPv4Network
_V6 = ipaddress.IPv6Network
#: Public by their number, and still of somebody's own network: protocol assignments, relays, and where Azure keeps its keys.
_NOT_PUBLIC = (_V4("192.0.0.0/24"), _V4("192.88.99.0/24"), _V4("168.63.129.16/32"), _V6("3fff::/20"))
_UNICAST, _NAT64 = _V6("2000::/3"), _V6("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)  # upper half of an interface's id whose lower half is an IPv4 address
#: What a guarded delivery may not do on this machine, whatever the library in between is talked into.
_RUNS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn"})
_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"})

_guarded: ContextVar[dict[str, Any] | None] = ContextVar("guarded", default=None)
_WATCHED = _CONNECTS | _RUNS
_installed = threading.Lock()
_hooks: list[object] = []


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
            refuse_private(address, where)
    return addresses


def refuse_private(address: str, where: str) -> None:
    """Raise :class:`ChannelError` for an address that is not on the public internet."""
    if not is_public(address):
        raise ChannelError(
            f"{where}: {address} belongs to this machine or a private network and is refused; if this receiver is meant, "
            "set allow_private = true for the channel and declare it with the command line: driftdeck apply FILE"
        )


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet.

    >>> is_public("93.184.215.14"), is_public("::ffff:10.0.0.1"), is_public("fe80::1%eth0")
    (True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if any(parsed in network for network in _NOT_PUBLIC if network.version == parsed.version):
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast
    inner = _inner(parsed)
    if inner is not None and not is_public(str(inner)):
        return False
    if parsed in _NAT64 or parsed.ipv4_mapped is not None:
        return True
    return parsed in _UNICAST and (parsed.is_global or inner is not None)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one leads to."""
    if address.teredo is not None:
        return address.teredo[1]
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return low
    return address.ipv4_mapped or address.sixtofour


@contextlib.contextmanager
def guard(where: str, *, allow_private: bool, total: float) -> Iterator[None]:
    """Check every connection that is made inside, at the moment it is: a name may mean something else by then.

    For libraries that look names up by themselves and connect in the thread (or with the context) of their caller. Nothing inside may
    start a program; sockets of this machine's own are refused always. After ``total`` seconds every connection is cut. Raises
    :class:`ChannelError` afterwards where the library swallowed the refusal.
    """
    with _installed:
        if not _hooks:
            sys.addaudithook(_watch)
            _hooks.append(_watch)
    held: list[socket.socket] = []
    state: dict[str, Any] = {"where": where, "allow_private": allow_private, "refused": None, "held": held}
    token = _guarded.set(state)
    timer = threading.Timer(total, cut, [held])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        _guarded.reset(token)
        for each in held:
            each.close()
    if state["refused"] is not None:
        raise ChannelError(str(state["refused"]))


def cut(held: list[socket.socket]) -> None:
    """End connections, whatever is waited for on them."""
    for each in held:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _WATCHED:
        return
    state = _guarded.get()
    if state is None:
        return
    try:
        _judge(event, arguments, str(state["where"]), allow_private=bool(state["allow_private"]))
    except ChannelError as refused:
        state["refused"] = refused
        raise PermissionError(str(refused)) from None  # as a network would: libraries close their sockets then
    if event == "socket.connect":  # a second handle: TLS takes the first one away
        state["held"].append(socket.socket(fileno=os.dup(arguments[0].fileno())))


def _judge(event: str, arguments: tuple[Any, ...], where: str, *, allow_private: bool) -> None:
    if event in _RUNS:
        raise ChannelError(f"{where}: this channel would start a program on this machine and is refused")
    target = arguments[1]
    if target is None and event == "socket.sendmsg":
        return  # over a connection that was checked when it was made
    if event == "socket.bind" and isinstance(target, tuple):
        return
    if not isinstance(target, tuple):
        raise ChannelError(f"{where}: this channel speaks to a program of this machine and is refused")
    if not allow_private:
        refuse_private(str(target[0]), where)
