"""The two addresses between a browser and the provider: there, and back."""

from __future__ import annotations

import logging

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from service.oidc import Provider, ProviderError
from service.security import Policy, address
from service.settings import Settings
from service.sign_in import SignIn, SignInRefusedError
from service.sign_in_page import Pages, local_path

log = logging.getLogger(__name__)

CALLBACK = "/sign-in/oidc/callback"
_COOKIE, _FOR = "driftdeck_provider", "/sign-in/oidc"
_SECONDS = 600


class ProviderPages:
    """The handlers of the two addresses."""

    def __init__(self, known: SignIn, provider: Provider, pages: Pages, settings: Settings, rules: Policy) -> None:
        """``pages``: what draws the form when something goes wrong."""
        self._known, self._provider, self._pages = known, provider, pages
        self._settings, self._rules = settings, rules

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [Route(_FOR, self.there, methods=["GET"]), Route(CALLBACK, self.back, methods=["GET"])]

    async def there(self, request: Request) -> Response:
        """Send the browser to the provider."""
        wanted = local_path(request.query_params.get("next"))
        secure = self._rules.is_secure(request.scope)
        own = f"{'https' if secure else 'http'}://{request.headers['host']}"
        redirect = (self._settings.public_url or own) + CALLBACK
        try:
            target, cookie = await to_thread.run_sync(self._provider.begin, redirect, wanted)
        except ProviderError as error:
            return self._failed(request, error, wanted)
        answer = RedirectResponse(target, 303, {"cache-control": "no-store"})
        answer.set_cookie(_COOKIE, cookie, max_age=_SECONDS, path=_FOR, secure=secure, httponly=True, samesite="lax")
        return answer

    async def back(self, request: Request) -> Response:
        """Begin a session of whoever the provider says it is."""
        wanted = "/"
        try:
            pending = self._provider.opened(request.cookies.get(_COOKIE))
            wanted = local_path(pending.wanted)
            person = await to_thread.run_sync(self._provider.finish, dict(request.query_params), pending)
            secret = await to_thread.run_sync(self._known.with_person, person, address(request.scope))
        except (ProviderError, SignInRefusedError) as error:
            answer = self._failed(request, error, wanted)
        else:
            answer = await self._pages.welcome(request, secret, wanted)
        secure = self._rules.is_secure(request.scope)
        answer.delete_cookie(_COOKIE, path=_FOR, secure=secure, httponly=True, samesite="lax")
        return answer

    def _failed(self, request: Request, error: ProviderError | SignInRefusedError, wanted: str) -> Response:
        detail = error.detail if isinstance(error, ProviderError) else str(error)
        log.warning("a sign-in at the provider from %s failed: %s", address(request.scope), detail)
        return self._pages.page(wanted, str(error), status=401)
