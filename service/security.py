"""Who may call: host and origin checks, the token, and the headers every answer carries. HTTP and websocket alike."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.settings import Settings, SettingsError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
COOKIE = "driftdeck_session"
_OPEN_PATHS = frozenset({"/healthz", "/readyz"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Pages run Streamlit's own scripts and reach this service only: no font, script or statistic leaves the machine.
_PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; frame-src 'self' blob: data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": _PAGE_POLICY,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the guard lets through. ``secret`` is the process's own, known to whoever may read the home folder."""

    hosts: frozenset[str]
    any_address: bool = False  # listening everywhere: any literal address will do, names must be listed
    token: str | None = None
    secret: str | None = None

    @property
    def cookie(self) -> str:
        """The value a browser gets once it has shown the token."""
        return hmac.new((self.token or "").encode(), b"driftdeck session", hashlib.sha256).hexdigest()


def is_loopback(host: str) -> bool:
    """Return whether a process listening on ``host`` is out of reach of other machines."""
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def policy(settings: Settings, secret: str | None = None) -> Policy:
    """Return the policy of a process; raises :class:`SettingsError` for an open address without a token."""
    if not is_loopback(settings.host) and settings.token is None:
        raise SettingsError(
            f"host {settings.host} can be reached from other machines, so a token is needed: set DRIFTDECK_TOKEN "
            "to a long random text (callers send it as `Authorization: Bearer …`), or listen on 127.0.0.1"
        )
    host = settings.host.strip("[]").lower()
    try:
        any_address = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        any_address = False
    names = LOOPBACK_NAMES | {host} | set(settings.allowed_hosts)
    return Policy(frozenset(names), any_address, settings.token, secret)


class Guard:
    """ASGI middleware that turns away what the policy does not allow, and adds the security headers."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400, 401 or 403 in words, or pass the call on with ``state.actor`` set."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await self._refuse(scope, receive, send, *refusal)
            return
        actor = "open" if scope["path"] in _OPEN_PATHS else self._actor(scope, headers)
        if actor is None:
            await self._refuse(scope, receive, send, 401, "a token is needed: send `Authorization: Bearer <token>`")
            return
        scope.setdefault("state", {})["actor"] = actor
        show_cookie = self._policy.token is not None and _scheme(headers) == "basic"
        await self._app(scope, receive, self._with_headers(send, show_cookie=show_cookie))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        hosts = headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        if not self._knows(host):
            return 400, (
                f"host {host[:200]!r} is not one this service answers to; add it to the setting allowed_hosts "
                "(DRIFTDECK_ALLOWED_HOSTS) if it should be"
            )
        if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
                return None
            return 403, "another site may not act here (Sec-Fetch-Site)"
        if len(headers.getlist("origin")) == 1 and self._same_site(origin, host):
            return None
        return 403, f"origin {origin[:200]!r} may not act here; only pages of this service may"

    def _knows(self, host: str) -> bool:
        name = _hostname(host)
        if name is None:
            return False
        return name in self._policy.hosts or (self._policy.any_address and _is_address(name))

    def _same_site(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            return False
        # behind a proxy that rewrites Host, the public name is one of the configured ones
        return parts.netloc.lower() == host.lower() or (_hostname(parts.netloc) in self._policy.hosts - LOOPBACK_NAMES)

    def _actor(self, scope: Scope, headers: Headers) -> str | None:
        """Return who calls, or None when a token is needed and none was shown."""
        given = _credential(headers)
        if given is not None and _equal(given, self._policy.secret):
            return "cli"
        client = scope.get("client")
        where = client[0] if client else "unknown"
        if self._policy.token is None:
            return f"api@{where}"
        if given is not None and _equal(given, self._policy.token):
            return f"token@{where}"
        return f"session@{where}" if _equal(_cookie(headers), self._policy.cookie) else None

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, error: str) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4000 + status, "reason": error[:100]})
            return
        headers = _HEADERS | (
            {"www-authenticate": 'Basic realm="Driftdeck: the token is the password"'} if status == 401 else {}
        )
        await JSONResponse({"error": error}, status, headers)(scope, receive, send)

    def _with_headers(self, send: Send, *, show_cookie: bool) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if show_cookie:
                    headers.append("set-cookie", f"{COOKIE}={self._policy.cookie}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        return wrapped


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _scheme(headers: Headers) -> str:
    return headers.get("authorization", "").partition(" ")[0].lower()


def _credential(headers: Headers) -> str | None:
    """Return the bearer token, or the password of basic authentication, which browsers can send."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _cookie(headers: Headers) -> str | None:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


def _equal(given: str | None, expected: str | None) -> bool:
    if given is None or not expected:
        return False
    return hmac.compare_digest(given.encode(), expected.encode())
