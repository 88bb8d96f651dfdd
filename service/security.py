"""Who may call: host and origin checks, who it is, and the headers every answer carries. HTTP and websocket alike."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.context import IDENTITY_HEADER
from service.identity import Identity
from service.proxies import Network, caller, networks
from service.settings import Settings, SettingsError
from service.sockets import watched
from service.throttle import GUESSABLE, TooManyTriesError

if TYPE_CHECKING:
    from service.sign_in import SignIn

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
COOKIE, SECURE_COOKIE = "driftdeck_session", "__Host-driftdeck_session"
PAGES = frozenset({"/sign-in", "/sign-in/oidc", "/sign-in/oidc/callback", "/sign-out"})
#: What anybody may ask for: watchers of the process, the pages of sign-in and what they are drawn with. Compared letter by letter.
_OPEN_PATHS = frozenset({"/healthz", "/readyz"}) | PAGES
_DRAWN_WITH = frozenset(
    f"/app/static/{name}" for name in ("fonts/ibm-plex-sans.woff2", "icon.png", "logo-dark.svg", "logo-light.svg")
)
_FEEDS = "/api/v1/feeds/"
_API = "/api/v1/"
_FOR_PROGRAMS = ("/api/", "/metrics", "/reports/")
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
_WHO = "send `Authorization: Bearer <token>`"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the guard lets through. ``secret`` is the process's own, known to whoever may read the home folder."""

    hosts: frozenset[str]
    any_address: bool = False  # listening everywhere: any literal address will do, names must be listed
    token: str | None = None
    secret: str | None = None
    sign_in: bool = False  # whoever calls has to be known
    https_host: str | None = None  # the name by which a proxy in front serves this process over https
    origins: frozenset[str] = frozenset()  # of pages that a proxy in front serves as ours, whatever Host it sends
    proxies: tuple[Network, ...] = ()  # that are believed who calls

    def is_secure(self, scope: Scope) -> bool:
        """Say whether the browser's side of a call is https."""
        if scope["scheme"] in {"https", "wss"}:
            return True
        host = Headers(scope=scope).get("host", "")
        return self.https_host is not None and _hostname(host) == self.https_host


def is_loopback(host: str) -> bool:
    """Return whether a process listening on ``host`` is out of reach of other machines."""
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def policy(settings: Settings, secret: str | None = None, *, has_admin: bool = False) -> Policy:
    """Return the policy of a process; ``has_admin``: a user is there who can sign in and make others.

    Raises :class:`SettingsError` where sign-in is needed and nobody could, or is turned off at an open address.
    """
    local = is_loopback(settings.host)
    if settings.sign_in == "off" and (not local or settings.token is not None):
        why = f"host {settings.host} can be reached from other machines" if not local else "a token is set"
        raise SettingsError(f"sign_in is off, but {why}: leave sign_in out, or listen on 127.0.0.1 without a token")
    needed = settings.sign_in == "on" or not local or settings.token is not None
    if needed and settings.token is None and not has_admin and settings.oidc_issuer is None:
        why = "sign_in is on" if local else f"host {settings.host} can be reached from other machines"
        raise SettingsError(
            f"{why}, and there is nobody yet who could sign in: add a user (driftdeck user add NAME --role admin), "
            "or set DRIFTDECK_TOKEN to a long random text" + ("" if local else ", or listen on 127.0.0.1")
        )
    host = settings.host.strip("[]").lower()
    try:
        any_address = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        any_address = False
    names = LOOPBACK_NAMES | {host} | set(settings.allowed_hosts)
    public = urlsplit(settings.public_url or "")
    https_host = public.hostname if public.scheme == "https" else None
    origins = {f"{scheme}://{name}" for name in settings.allowed_hosts for scheme in ("http", "https")}
    if public.netloc:
        origins.add(f"{public.scheme}://{public.netloc}".lower())
    proxies = networks(settings.trusted_proxies)
    return Policy(
        frozenset(names), any_address, settings.token, secret, needed, https_host, frozenset(origins), proxies
    )


def doubts(settings: Settings, rules: Policy) -> list[str]:
    """Return what an operator had better know of their settings, in words: nothing that forbids the start."""
    found = []
    public = urlsplit(settings.public_url or "").hostname
    elsewhere = (set(settings.allowed_hosts) | ({public} if public else set())) - LOOPBACK_NAMES
    if not rules.sign_in and elsewhere:
        found.append(
            f"this service answers to {', '.join(sorted(elsewhere))} and asks nobody who they are: whoever comes through a proxy "
            "may do everything; set sign_in = on"
        )
    if settings.token is not None and len(settings.token) < GUESSABLE and not is_loopback(settings.host):
        found.append(
            f"the token has {len(settings.token)} characters, so it can be guessed; take {GUESSABLE} random ones or more"
        )
    return found


class Guard:
    """ASGI middleware that turns away what the policy does not allow, and adds the security headers."""

    def __init__(self, app: ASGIApp, policy: Policy, sign_in: SignIn | None = None) -> None:
        """``sign_in``: users, tokens and sessions; without it the operator's token alone opens."""
        self._app, self._policy, self._sign_in = app, policy, sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 303, 400, 401, 403 or 429 in words, or pass the call on with ``state.identity`` and ``state.actor`` set."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        # what says who calls is written here and nowhere else
        scope["headers"] = [pair for pair in scope["headers"] if _name(pair[0]) != IDENTITY_HEADER]
        headers = Headers(scope=scope)
        if self._policy.proxies:
            scope["client"] = (caller(address(scope), headers.getlist("x-forwarded-for"), self._policy.proxies), 0)
        refusal = self._refusal(scope, headers)
        try:
            identity = None if refusal else await self._identity(scope, headers)
        except TooManyTriesError as error:
            await self._refuse(scope, receive, send, 429, str(error), wait=error.wait)
            return
        if identity is not None and refusal is None:
            refusal = _out_of_place(scope["path"], identity)
        if refusal is not None:
            await self._refuse(scope, receive, send, *refusal)
            return
        if identity is None:
            await self._stranger(scope, headers, receive, send)
            return
        scope.setdefault("state", {}).update(identity=identity, actor=identity.name)
        if scope["type"] == "websocket" and self._sign_in is not None:
            known = self._sign_in
            handle = known.handle(identity)
            scope["headers"] = [*scope["headers"], (IDENTITY_HEADER.encode(), handle.encode("latin-1"))]
            receive, send = watched(receive, send, lambda: known.lives(handle))
        await self._app(scope, receive, _with_headers(send, keep_pages=identity.how == "open"))

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
        # behind a proxy that rewrites Host; another port of the same machine is another site, whose pages browsers give our cookie
        return parts.netloc.lower() == host.lower() or origin.lower() in self._policy.origins

    async def _identity(self, scope: Scope, headers: Headers) -> Identity | None:
        """Return who calls, or None when that has to be known and is not; raises :class:`TooManyTriesError` of who guesses."""
        path, where = scope["path"], address(scope)
        in_address = _token_in_address(scope)
        given = _credential(headers)
        if given is not None and _equal(given, self._policy.secret):
            return Identity("cli", "admin", how="secret")
        if not self._policy.sign_in:
            return Identity(f"api@{where}", "admin")
        known = self._sign_in
        if given is not None and _equal(given, self._policy.token):
            if known is not None:
                known.operator(given, where)
            return Identity(f"token@{where}", "admin", how="operator")
        wait = 0.0
        if known is not None:
            found = None
            if given is not None:
                found = await to_thread.run_sync(known.by_token, given)
            elif in_address is not None:  # it lies in logs and histories: one that can do more than read opens nothing
                found = await to_thread.run_sync(known.by_token, in_address)
                found = found if found is not None and found.scopes == {"read"} else None
            else:
                found = await to_thread.run_sync(known.by_cookie, cookie(headers, secure=self._policy.is_secure(scope)))
            if found is not None:
                return found
            wrong = in_address if given is None else given
            wait = 0.0 if wrong is None else known.missed(wrong, where)
        if self._open_to_all(scope, path):
            return Identity("anonymous", "viewer", frozenset(), frozenset())
        if wait:
            raise TooManyTriesError(wait)
        return None

    @staticmethod
    def _open_to_all(scope: Scope, path: str) -> bool:
        if scope["type"] != "http":
            return False
        return path in _OPEN_PATHS or (path in _DRAWN_WITH and scope["method"] in {"GET", "HEAD"})

    async def _stranger(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Send a person to the page where they sign in; tell a program what it takes."""
        wants_page = scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        if self._sign_in is None or not wants_page or scope["path"].startswith("/api/v1"):
            challenge = headers.get("sec-fetch-mode") is None  # a browser would ask with a window of its own
            who = _WHO if self._sign_in is None else f"sign in at /sign-in, or {_WHO}"
            await self._refuse(scope, receive, send, 401, f"who calls has to be known: {who}", challenge=challenge)
            return
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"]) + (f"?{query}" if query else "")
        target = "/sign-in" if wanted == "/" else f"/sign-in?{urlencode({'next': wanted})}"
        answer = RedirectResponse(target, 303, {**_HEADERS, "cache-control": "no-store"})
        await answer(scope, receive, send)

    @staticmethod
    async def _refuse(
        scope: Scope,
        receive: Receive,
        send: Send,
        status: int,
        error: str,
        *,
        challenge: bool = True,
        wait: float = 0.0,
    ) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4000 + status, "reason": error[:100]})
            return
        headers = dict(_HEADERS)
        if wait:
            headers["retry-after"] = str(int(wait) + 1)
        if status == 401:
            headers["www-authenticate"] = (
                'Basic realm="Driftdeck: the token is the password"' if challenge else "Bearer"
            )
        answer: Response = JSONResponse({"error": error}, status, headers)
        await answer(scope, receive, send)


def _out_of_place(path: str, identity: Identity) -> tuple[int, str] | None:
    """Return why a program's token does not open a path: pages are for people, and what is outside of the API tells of everything."""
    if identity.how != "token" or path in _OPEN_PATHS | _DRAWN_WITH:
        return None
    if not path.startswith(_FOR_PROGRAMS):
        return 403, "a token is for programs; people sign in at /sign-in"
    if not path.startswith(_API) and "read" not in identity.scopes:
        return 403, f"{path[:200]} takes the scope read, and {identity.name} has {', '.join(sorted(identity.scopes))}"
    return None


def _with_headers(send: Send, *, keep_pages: bool) -> Send:
    """Add the headers; ``keep_pages``: a browser may keep a page, and show it once more after its user has signed out."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if not keep_pages and headers.get("content-type", "").startswith("text/html"):
                headers["cache-control"] = "no-store"
        await send(message)

    return wrapped


def address(scope: Scope) -> str:
    """Return the address that a call comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def cookie(headers: Headers, *, secure: bool) -> str | None:
    """Return what the session's cookie holds."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(SECURE_COOKIE if secure else COOKIE)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


def _name(raw: bytes) -> str:
    return raw.decode("latin-1").lower().replace("_", "-")


def _token_in_address(scope: Scope) -> str | None:
    """Take a feed's token out of the address, so that nobody behind the guard repeats it, and return it."""
    if scope["type"] != "http" or not scope["path"].startswith(_FEEDS) or b"token=" not in scope["query_string"]:
        return None
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    scope["query_string"] = urlencode([pair for pair in pairs if pair[0] != "token"]).encode()
    return next((value for name, value in pairs if name == "token"), None)


def _hostname(host: str) -> str | None:
    """Return the name in a Host header, None for anything more than a name and a port."""
    try:
        parts = urlsplit(f"//{host}")
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and "@" not in host else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _credential(headers: Headers) -> str | None:
    """Return the bearer token, or the password of basic authentication, which feed readers can send."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _equal(given: str | None, expected: str | None) -> bool:
    if given is None or not expected:
        return False
    return hmac.compare_digest(given.encode(), expected.encode())
