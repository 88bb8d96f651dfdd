"""Passwords and random secrets: what is kept of them, and how one is told from another."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from functools import cache

from service.workspace import WorkspaceError

SHORTEST, LONGEST = 12, 200
_SCHEME = "scrypt"
_MEMORY = 2**27  # bytes that one hash may take at most


@dataclass(frozen=True, slots=True)
class Cost:
    """Parameters of scrypt (RFC 7914): it takes 128·n·r bytes and about 3·n·r·p mixing steps."""

    n: int = 2**15
    r: int = 8
    p: int = 3


#: OWASP's second choice: 32 MiB, a quarter of a second. (Its first, 128 MiB, lets two sign-ins at once take a small machine's memory.)
COST = Cost()


def hashed(password: str) -> str:
    """Return ``scrypt$n$r$p$salt$hash`` of a password, with a salt of its own."""
    salt, cost = secrets.token_bytes(16), COST
    return "$".join((_SCHEME, str(cost.n), str(cost.r), str(cost.p), salt.hex(), _scrypt(password, salt, cost).hex()))


def matches(password: str, kept: str) -> bool:
    """Say whether a password is the one that was hashed; takes the same time whichever it is."""
    scheme, n, r, p, salt, digest = kept.split("$")
    if scheme != _SCHEME:
        raise ValueError(f"a password is kept as {scheme!r}, which this version does not know")
    found = _scrypt(password, bytes.fromhex(salt), Cost(int(n), int(r), int(p)))
    return hmac.compare_digest(found, bytes.fromhex(digest))


def outdated(kept: str) -> bool:
    """Say whether a hash was made with other parameters than are used now."""
    return kept.split("$")[:4] != [_SCHEME, str(COST.n), str(COST.r), str(COST.p)]


@cache
def nobodys() -> str:
    """Return what the password of a user who does not exist is held against: the same work for every name."""
    return hashed(secrets.token_urlsafe())


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    written = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(written, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=_MEMORY, dklen=32)


def accepted(password: str, name: str) -> str:
    """Return a new password; raises :class:`WorkspaceError` for one that is too short, too long, or the name itself."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WorkspaceError(
            f"the password has {len(password)} characters; choose one of {SHORTEST} to {LONGEST} (a few words will do)"
        )
    if password.casefold() == name.casefold() or len(set(password)) < 4:  # aaaa, abababab
        raise WorkspaceError("the password is the name, or too few different characters; choose another")
    return password


def secret() -> str:
    """Return 256 random bits as text: a session or a part of a token."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """Return what is kept of a random secret: SHA-256 is enough where there is nothing to guess."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
