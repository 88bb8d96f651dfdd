"""What a channel reaches that is the operator's: the environment, secrets, this machine and its networks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reference_data.alerting import Channel

#: What services of Apprise take from a file (or from another address) that an address names.
FILES = frozenset({"template", "keyfile", "subfile", "pgppub", "pgpprv"})
_BY_HAND = "declare it with the command line: driftdeck apply FILE"


def problems(wanted: Mapping[str, Channel], there: Mapping[str, Channel]) -> list[str]:
    """Return what a caller who is not the operator may not declare, unless it is declared like that already.

    That is every change of a channel that reaches further than to a public address that the caller knows: neither the channel it becomes
    nor the one it was may, or a secret would be spent on an address of the caller's.
    """
    found = []
    for name, channel in wanted.items():
        before = there.get(name)
        if before == channel:
            continue
        reach = _reach(channel) or (None if before is None else _reach(before))
        if reach is not None:
            found.append(f"channels.{name}: {reach}; {_BY_HAND}")
    return found


def _reach(channel: Channel) -> str | None:
    if "${" in channel.model_dump_json():
        return "a variable of the environment, in an address or as a secret, is the operator's to give away"
    if channel.secret is not None:
        return "a secret signs what the operator vouches for"
    if channel.allow_private:
        return "allow_private lets a channel reach the machine of the service and its networks"
    if files := sorted(FILES & _asked(channel.url)):
        return f"{', '.join(files)} of an address sends what stands in a file of the service's machine"
    return None


def _asked(url: str) -> set[str]:
    return {
        key.strip().lower() for key, _ in parse_qsl(url.partition("?")[2].replace("?", "&"), keep_blank_values=True)
    }
