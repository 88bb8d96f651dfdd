"""Whose call it is that a proxy passes on: what X-Forwarded-For says counts only from a proxy that the operator trusts."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def networks(items: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks such as ``10.0.0.7`` and ``10.0.0.0/8``; raises :class:`ValueError` for anything else."""
    return tuple(ipaddress.ip_network(item.strip(), strict=False) for item in items if item.strip())


def caller(peer: str, forwarded: Sequence[str], trusted: Collection[Network]) -> str:
    """Return the address of whoever calls: ``peer``, or the right-most address of X-Forwarded-For (all its lines) that is no trusted proxy.

    Each proxy adds at the right whom it saw; what stands left of the first that is not trusted anybody may have written.
    """
    seen = peer
    entries = [entry.strip() for line in forwarded for entry in line.split(",")]
    while entries and _is_trusted(seen, trusted):
        found = _address(entries.pop())
        if found is None:  # no address: who wrote that has been lost, so the last one known counts
            return seen
        seen = str(found)
    return seen


def _is_trusted(text: str, trusted: Collection[Network]) -> bool:
    found = _address(text)
    return found is not None and any(found.version == network.version and found in network for network in trusted)


def _address(text: str) -> Address | None:
    """Read an address, with or without a port; an IPv4 one that was written as IPv6 is IPv4."""
    for bare in (text, text.rpartition(":")[0]):
        try:
            found = ipaddress.ip_address(bare.strip("[]").partition("%")[0])
        except ValueError:
            continue
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return mapped or found
    return None
