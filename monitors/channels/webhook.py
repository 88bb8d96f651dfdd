"""A JSON document posted to an HTTP address, signed where the channel has a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socket
import ssl
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import httpx

from monitors.channels import ChannelError, ChannelKind, Limits, Message, place, without_secrets
from monitors.channels._addresses import cut, public_addresses

SIGNATURE = "X-Driftdeck-Signature"
_SHOWN = 200  # bytes of an error answer that are quoted


def payload(message: Message) -> dict[str, object]:
    """Return the document that is posted."""
    document: dict[str, object] = {
        "id": message.key,
        "title": message.title,
        "body": message.body,
        "severity": message.severity,
        "link": message.link,
        "data": dict(message.data),
    }
    return document | ({"picture": message.picture_link} if message.picture_link else {})


def signature(secret: str, at: datetime, body: bytes) -> str:
    """Return ``t=<seconds since 1970>,v1=<hex>``: HMAC-SHA256 with ``secret`` over ``<t>.<body>``.

    A receiver computes it again from ``t`` and the body as it came, and refuses what is older than it likes.
    """
    stamp = int(at.timestamp())
    code = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"t={stamp},v1={code.hexdigest()}"


def handles(address: str) -> bool:
    """Whether the address is a plain HTTP one."""
    return address.lower().startswith(("http://", "https://"))


def send(address: str, message: Message, limits: Limits) -> None:
    """Post ``message``, to the very address that was checked, without following redirects; any answer but 2xx is an error."""
    content = json.dumps(payload(message), ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Idempotency-Key": message.key, "Content-Type": "application/json"}
    _request("POST", address, content, headers, limits)


def call(address: str, limits: Limits) -> None:
    """Ask for an address, as a sign of life; any answer but 2xx is an error."""
    _request("GET", address, b"", {}, limits)


def _request(method: str, address: str, content: bytes, headers: Mapping[str, str], limits: Limits) -> None:
    where = place(address)
    try:
        url = httpx.URL(address)
        host, port = url.host, url.port or (443 if url.scheme == "https" else 80)
    except (ValueError, httpx.InvalidURL):
        raise ChannelError(f"{where}: not a valid address; write https://host/path") from None
    if not host:
        raise ChannelError(f"{where}: names no host; write https://host/path")
    every = {**headers, "Host": url.netloc.decode("ascii"), "User-Agent": "driftdeck"}
    if limits.secret is not None:
        if limits.at is None:
            raise ValueError("a signed message needs the time at which it is signed")
        every[SIGNATURE] = signature(limits.secret, limits.at, content)
    addresses = public_addresses(host, port, where, allow_private=limits.allow_private)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses, and so secrets
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    status, said = 0, b""
    for last, pinned in ((number == len(addresses), address) for number, address in enumerate(addresses, 1)):
        try:
            status, said = _exchange(method, url.copy_with(host=pinned), host, content, every, limits)
            break
        except httpx.ConnectError as error:
            if last:
                raise ChannelError(f"{where}: ConnectError ({error}); check that the receiver is up") from None
        except httpx.HTTPError as error:
            raise ChannelError(f"{where}: {type(error).__name__} ({error}); check that the receiver is up") from None
    if 300 <= status < 400:
        raise ChannelError(
            f"{where}: answered with a redirect ({status}), which is not followed; give the final address"
        )
    if not 200 <= status < 300:
        text = without_secrets(" ".join(said.decode("utf-8", "replace").split()), address, limits.secret)
        raise ChannelError(
            f"{where}: answered {status} ({text or 'without a word'}); check the address and its permissions"
        )


@cache
def _tls() -> ssl.SSLContext:
    """Reading all certificates takes longer than a message."""
    return httpx.create_ssl_context(trust_env=False)


def _exchange(
    method: str, pinned: httpx.URL, host: str, content: bytes, headers: Mapping[str, str], limits: Limits
) -> tuple[int, bytes]:
    """Ask once; return the status and the beginning of what an error answer says.

    ``pinned`` was looked up once: a second look-up may give another answer. Whoever answers a byte at a time is cut off after ``total``.
    """
    held: list[socket.socket] = []

    def trace(event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            held.append(info["return_value"].get_extra_info("socket"))

    timer = threading.Timer(limits.total, cut, [held])
    timer.daemon = True
    timer.start()
    try:
        with (
            httpx.Client(timeout=limits.timeout, follow_redirects=False, trust_env=False, verify=_tls()) as client,
            client.stream(
                method,
                pinned,
                content=content,
                headers=dict(headers),
                extensions={"sni_hostname": host, "trace": trace},
            ) as answer,
        ):
            return answer.status_code, b"" if answer.is_success else next(answer.iter_bytes(_SHOWN), b"")
    finally:
        timer.cancel()


CHANNEL = ChannelKind("webhook", handles, send, "https://example.com/hook", call=call)
