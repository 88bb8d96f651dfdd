"""A JSON document posted to an HTTP address."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from monitors.channels import ChannelError, ChannelKind, Limits, Message, place, public_addresses

_SHOWN = 200  # bytes of an error answer that are quoted


def payload(message: Message) -> dict[str, object]:
    """Return the document that is posted."""
    return {
        "id": message.key,
        "title": message.title,
        "body": message.body,
        "severity": message.severity,
        "link": message.link,
        "data": dict(message.data),
    }


def handles(address: str) -> bool:
    """Whether the address is a plain HTTP one."""
    return address.lower().startswith(("http://", "https://"))


def send(address: str, message: Message, limits: Limits) -> None:
    """Post ``message``, to the very address that was checked, without following redirects; any answer but 2xx is an error."""
    where = place(address)
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        url = httpx.URL(address)
    except (ValueError, httpx.InvalidURL) as error:
        raise ChannelError(f"{where}: not a valid address ({error}); write https://host/path") from None
    if not host:
        raise ChannelError(f"{where}: names no host; write https://host/path")
    addresses = public_addresses(host, port, where, allow_private=limits.allow_private)
    headers = {"Host": url.netloc.decode("ascii"), "Idempotency-Key": message.key, "User-Agent": "driftdeck"}
    pinned = url.copy_with(host=addresses[0])  # looked up once: a second look-up may give another answer
    try:
        with (
            httpx.Client(timeout=limits.timeout, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", pinned, json=payload(message), headers=headers, extensions={"sni_hostname": host}
            ) as answer,
        ):
            status = answer.status_code
            said = b"" if answer.is_success else next(answer.iter_bytes(_SHOWN), b"")
    except httpx.HTTPError as error:
        raise ChannelError(f"{where}: {type(error).__name__} ({error}); check that the receiver is up") from None
    if 300 <= status < 400:
        raise ChannelError(
            f"{where}: answered with a redirect ({status}), which is not followed; give the final address"
        )
    if not 200 <= status < 300:
        text = " ".join(said.decode("utf-8", "replace").split())
        raise ChannelError(
            f"{where}: answered {status} ({text or 'without a word'}); check the address and its permissions"
        )


CHANNEL = ChannelKind("webhook", handles, send, "https://example.com/hook")
