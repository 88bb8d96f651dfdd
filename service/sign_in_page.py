"""The page where people sign in: rendered here, without a script, before anything of the dashboard is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from service.api.common import identity_of
from service.passwords import SHORTEST
from service.security import COOKIE, SECURE_COOKIE, Policy, address, cookie
from service.sign_in import ABSOLUTE, REFUSED, SignIn, SignInRefusedError
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service.settings import Settings

_LARGEST = 16_384  # bytes of a form
_AT_ONCE = 2  # passwords that are looked at together: each takes 32 MiB and a core
_NO_STORE = {"cache-control": "no-store"}
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_STYLE = """
@font-face{font-family:"Plex Sans";src:url(/app/static/fonts/ibm-plex-sans.woff2);font-weight:100 700}
:root{color-scheme:light dark;--ground:light-dark(#F5F6F8,#0E1218);--panel:light-dark(#FFFFFF,#171C25);
--text:light-dark(#161B26,#E7EAF0);--muted:light-dark(#59616F,#9AA3B2);--line:light-dark(#7C8594,#8A93A3);
--edge:light-dark(#DDE1E8,#2B3240);--accent:light-dark(#0065A8,#5BB3EE);--on:light-dark(#FFFFFF,#0E1218);
--bad:light-dark(#B3261E,#FF7768);--tint:light-dark(#FCE9E7,#3B1B1A)}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--text);
font:15px/1.5 "Plex Sans",system-ui,sans-serif}
main{width:100%;max-width:23rem;background:var(--panel);border:1px solid var(--edge);border-radius:8px;padding:1.75rem}
h1{font-size:1.25rem;font-weight:600;margin:1.25rem 0 .25rem}p{margin:0 0 1rem;color:var(--muted)}
label{display:block;font-weight:500;margin:.9rem 0 .3rem}
input{width:100%;font:inherit;color:inherit;background:var(--ground);border:1px solid var(--line);border-radius:6px;padding:.5rem .65rem}
button,.button{display:block;width:100%;font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer;
margin-top:1.25rem;padding:.55rem;border-radius:6px;border:1px solid var(--accent);background:var(--accent);color:var(--on)}
.second{background:none;color:var(--accent)}
:is(input,button,a,summary):focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.bad{color:var(--bad);background:var(--tint);border-radius:6px;padding:.6rem .75rem;margin:1rem 0}
.good{color:var(--text);border:1px solid var(--edge);border-radius:6px;padding:.6rem .75rem;margin:1rem 0}
details{margin-top:1.25rem;border-top:1px solid var(--edge);padding-top:.9rem}summary{cursor:pointer;color:var(--accent)}
.or{display:flex;align-items:center;gap:.75rem;margin:1.25rem 0 0;color:var(--muted)}
.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--edge)}
.dark{display:none}@media (prefers-color-scheme:dark){.dark{display:inline}.light{display:none}}
"""
_SIGNED_OUT = "You have signed out."


def sign_in_routes(known: SignIn | None, settings: Settings, rules: Policy) -> Sequence[BaseRoute]:
    """Return the pages of sign-in; where it is off they lead to the dashboard."""
    pages = Pages(known, settings, rules)
    provider: list[BaseRoute] = []
    if known is not None and settings.oidc_issuer is not None:
        from service.oidc import Provider, check
        from service.oidc_page import ProviderPages

        check(settings)
        provider = ProviderPages(known, Provider(settings, known.now), pages, settings, rules).routes()
    return [
        *provider,
        Route("/sign-in", pages.show, methods=["GET"]),
        Route("/sign-in", pages.enter, methods=["POST"]),
        Route("/sign-in/password", pages.ask_password, methods=["GET"]),
        Route("/sign-in/password", pages.change_password, methods=["POST"]),
        Route("/sign-out", pages.leave, methods=["POST"]),
        Route("/sign-out", pages.ask_to_leave, methods=["GET"]),
    ]


class Pages:
    """The handlers of the pages."""

    def __init__(self, known: SignIn | None, settings: Settings, rules: Policy) -> None:
        """``known``: None where sign-in is off."""
        self._known, self._settings, self._rules = known, settings, rules
        self._passwords: CapacityLimiter | None = None

    async def show(self, request: Request) -> Response:
        """Draw the form; whoever is signed in already goes on."""
        wanted = local_path(request.query_params.get("next"))
        if self._known is None:
            return _onward(wanted)
        held = cookie(request.headers, secure=self._rules.is_secure(request.scope))
        if await to_thread.run_sync(self._known.by_cookie, held) is not None:
            return _onward(wanted)
        return self.page(wanted, note=_SIGNED_OUT if "out" in request.query_params else "")

    async def enter(self, request: Request) -> Response:
        """Take the form: a name and a password, or the operator's token."""
        form = await _form(request)
        if form is None:
            return self.page("/", "That is not the form of this page. Fill it in once more.", status=400)
        wanted = local_path(form.get("next"))
        if self._known is None:
            return _onward(wanted)
        where = address(request.scope)
        if "token" in form:
            work = partial(self._known.with_token, form["token"], where)
        else:
            work = partial(self._known.with_password, form.get("name", ""), form.get("password", ""), where)
        try:
            secret = await to_thread.run_sync(work, limiter=self._limiter())
        except SignInRefusedError as refused:
            return self.page(
                wanted,
                str(refused),
                name=form.get("name", ""),
                with_token="token" in form,
                status=429 if refused.wait else 401,
                headers={"retry-after": str(int(refused.wait) + 1)} if refused.wait else {},
            )
        return await self.welcome(request, secret, wanted)

    async def welcome(self, request: Request, secret: str, wanted: str) -> Response:
        """Give a browser its new session, end the one it had, and send it on."""
        assert self._known is not None
        secure = self._rules.is_secure(request.scope)
        await to_thread.run_sync(self._known.end, cookie(request.headers, secure=secure), address(request.scope))
        answer = _onward(wanted)
        answer.set_cookie(
            SECURE_COOKIE if secure else COOKIE,
            secret,
            max_age=int(ABSOLUTE.total_seconds()),
            path="/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def ask_password(self, request: Request) -> Response:
        """Draw the form for another password."""
        del request
        return _onward("/") if self._known is None else self._password_page()

    async def change_password(self, request: Request) -> Response:
        """Change the password of whoever is signed in; their other browsers are signed out."""
        form = await _form(request) or {}
        if self._known is None:
            return _onward("/")
        if form.get("new") != form.get("again"):
            return self._password_page("The two new passwords are not the same.", 400)
        given = form.get("password", ""), form.get("new", "")
        work = partial(self._known.change_password, identity_of(request), *given, address(request.scope))
        try:
            secret = await to_thread.run_sync(work, limiter=self._limiter())
        except WorkspaceError as error:
            words = "That is not your present password." if str(error) == REFUSED else str(error)
            return self._password_page(words[:1].upper() + words[1:], 400)
        return await self.welcome(request, secret, "/")

    @staticmethod
    def _password_page(error: str = "", status: int = 200) -> Response:
        told = f'<div class="bad" role="alert">{escape(error)}</div>' if error else ""
        fields = "".join(
            f'<label for="{key}">{label}</label><input id="{key}" name="{key}" type="password" autocomplete="{kind}-password" '
            f'required maxlength="200"{focus}>'
            for key, label, kind, focus in (
                ("password", "Present password", "current", " autofocus"),
                ("new", f"New password, of {SHORTEST} characters or more", "new", ""),
                ("again", "New password once more", "new", ""),
            )
        )
        body = (
            f"<h1>Change password</h1><p>Other browsers in which you are signed in are signed out.</p>{told}"
            f'<form method="post" action="/sign-in/password">{fields}<button>Change password</button></form>'
            '<a class="button second" href="/">Back</a>'
        )
        return _document("Change password", body, status)

    async def leave(self, request: Request) -> Response:
        """End the session of this browser."""
        secure = self._rules.is_secure(request.scope)
        if self._known is None:
            return _onward("/")
        await to_thread.run_sync(self._known.end, cookie(request.headers, secure=secure), address(request.scope))
        answer = _onward("/sign-in?out=1")
        answer.delete_cookie(
            SECURE_COOKIE if secure else COOKIE, path="/", secure=secure, httponly=True, samesite="lax"
        )
        return answer

    async def ask_to_leave(self, request: Request) -> Response:
        """Draw the button: a link alone signs nobody out."""
        del request
        if self._known is None:
            return _onward("/")
        body = (
            '<h1>Sign out?</h1><p>Pages that are open in this browser stop working.</p><form method="post" action="/sign-out">'
            '<button>Sign out</button></form><a class="button second" href="/">Stay</a>'
        )
        return _document("Sign out", body)

    def page(
        self,
        wanted: str,
        error: str = "",
        *,
        note: str = "",
        name: str = "",
        with_token: bool = False,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Return the page with its form."""
        go_on = f'<input type="hidden" name="next" value="{escape(wanted)}">'
        told = f'<div class="bad" role="alert">{escape(error)}</div>' if error else ""
        told += f'<div class="good" role="status">{escape(note)}</div>' if note and not error else ""
        body = (
            f"<h1>Sign in</h1>{'' if told else '<p>Your name here is given by an admin.</p>'}{told}"
            f'<form method="post" action="/sign-in">{go_on}<label for="name">Name</label>'
            f'<input id="name" name="name" value="{escape(name[:200])}" autocomplete="username" autocapitalize="none" '
            f'spellcheck="false" required{"" if name else " autofocus"} maxlength="200">'
            '<label for="password">Password</label><input id="password" name="password" type="password" '
            f'autocomplete="current-password" required{" autofocus" if name else ""} maxlength="200">'
            "<button>Sign in</button></form>"
        )
        if self._settings.oidc_issuer is not None:
            provider = escape(urlsplit(self._settings.oidc_issuer).hostname or "the provider")
            link = escape(f"/sign-in/oidc?next={quote(wanted, safe='')}")
            body += f'<div class="or">or</div><a class="button second" href="{link}">Sign in with {provider}</a>'
        if self._rules.token is not None:
            body += (
                f"<details{' open' if with_token else ''}><summary>With the operator’s token</summary>"
                f'<form method="post" action="/sign-in">{go_on}<label for="token">Token (DRIFTDECK_TOKEN)</label>'
                '<input id="token" name="token" type="password" autocomplete="off" required maxlength="2000">'
                '<button class="second">Sign in with the token</button></form></details>'
            )
        return _document("Sign in", body, status, headers)

    def _limiter(self) -> CapacityLimiter:
        """Return what lets few passwords be looked at together; it belongs to the loop that serves."""
        if self._passwords is None:
            self._passwords = CapacityLimiter(_AT_ONCE)
        return self._passwords


def local_path(wanted: str | None) -> str:
    """Return where to go after signing in: a path of this service, whatever the address said; ``/`` for anything else."""
    path = wanted or "/"
    if not re.fullmatch(r"/(?![/\\])[\x21-\x7e]*", path) or "\\" in path:
        return "/"
    parts = urlsplit(path)
    return "/" if parts.scheme or parts.netloc or path.startswith(("/sign-", "/api/")) else path


def _onward(wanted: str) -> RedirectResponse:
    return RedirectResponse(wanted, 303, _NO_STORE)


async def _form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form, each once; None for anything else."""
    kind = Headers(scope=request.scope).get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            return None
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=8, errors="strict")
    except ValueError:
        return None
    return {name: values[-1] for name, values in fields.items()}


def _document(title: str, body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    logo = "".join(
        f'<img class="{theme}" src="/app/static/logo-{theme}.svg" alt="Driftdeck" height="24">'
        for theme in ("light", "dark")
    )
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Driftdeck</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/app/static/icon.png">'
        f"<style>{_STYLE}</style></head><body><main>{logo}{body}</main></body></html>"
    )
    return HTMLResponse(page, status, {**_NO_STORE, "content-security-policy": _POLICY, **(headers or {})})
