"""Sign-in at an OpenID Connect provider: the authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1).

Authlib and joserfc check what the provider says; they come with the extra ``oidc``.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import httpx

from service.identity import ROLES, Role
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service.settings import Settings

_LIFE = 600  # seconds in which somebody signs in at the provider
_LEEWAY = 60  # seconds that two clocks may differ by
_KEPT = 3600.0  # seconds for which what the provider says of itself is believed
_PATIENCE = httpx.Timeout(10.0)
_LARGEST = 1_000_000  # bytes of an answer
#: Signatures by the provider's private key; never a shared secret, never none.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_MISSING = "signing in at a provider needs Authlib: pip install 'driftdeck[oidc]'"


class ProviderError(WorkspaceError):
    """Signing in at the provider failed; the words are for the person, ``detail`` is for the log."""

    def __init__(self, words: str, detail: str = "") -> None:
        super().__init__(words)
        self.detail = detail or words


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that has begun in one browser, which carries it to and fro in a cookie."""

    state: str
    nonce: str
    verifier: str
    wanted: str
    redirect: str
    until: float


@dataclass(frozen=True, slots=True)
class Person:
    """Who the provider says somebody is, and the role that gives."""

    issuer: str
    subject: str
    name: str
    role: Role


def check(settings: Settings) -> None:
    """Raise :class:`WorkspaceError` for settings by which nobody could sign in."""
    if settings.oidc_issuer is None:
        return
    if settings.oidc_client_id is None or not settings.oidc_roles:
        lacks = "oidc_client_id" if settings.oidc_client_id is None else "oidc_roles (such as `mlops=admin,*=viewer`)"
        raise WorkspaceError(f"oidc_issuer is set, but {lacks} is not")
    if find_spec("authlib") is None or find_spec("joserfc") is None:
        raise WorkspaceError(_MISSING)


class Provider:
    """The provider of the settings."""

    def __init__(
        self, settings: Settings, now: Callable[[], datetime], client: Callable[[], httpx.Client] | None = None
    ) -> None:
        """``client`` makes what speaks HTTP to the provider."""
        self._settings, self._now = settings, now
        self._client = client or (lambda: httpx.Client(timeout=_PATIENCE, follow_redirects=False))
        self._key = secrets.token_bytes(32)
        self._told: tuple[float, dict[str, Any], Any] | None = None

    # -- the way there ---------------------------------------------------------------------------------------------------
    def begin(self, redirect: str, wanted: str) -> tuple[str, str]:
        """Return the provider's address to go to, and the cookie that the browser has to bring back."""
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        metadata, _ = self._provider()
        until = self._now().timestamp() + _LIFE
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        pending = Pending(state, nonce, verifier, wanted, redirect, until)
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": redirect,
            "scope": " ".join(dict.fromkeys(("openid", *self._settings.oidc_scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        address = metadata["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", self._sealed(pending)

    def _sealed(self, pending: Pending) -> str:
        body = base64.urlsafe_b64encode(json.dumps(asdict(pending)).encode()).decode()
        return f"{body}.{self._mark(body)}"

    def _mark(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), "sha256").hexdigest()

    def opened(self, cookie: str | None) -> Pending:
        """Return what a cookie holds; raises :class:`ProviderError` for one that is not ours, or too old."""
        body, _, mark = (cookie or "").rpartition(".")
        if not body or not hmac.compare_digest(mark.encode(), self._mark(body).encode()):
            raise ProviderError(
                "This sign-in did not begin in this browser. Begin again.", "no or a foreign state cookie"
            )
        pending = Pending(**json.loads(base64.urlsafe_b64decode(body)))
        if self._now().timestamp() > pending.until:
            raise ProviderError("That took too long. Begin again.", "the state cookie is too old")
        return pending

    # -- the way back ----------------------------------------------------------------------------------------------------
    def finish(self, answer: Mapping[str, str], pending: Pending) -> Person:
        """Return who has signed in, by the provider's answer; raises :class:`ProviderError`."""
        if not hmac.compare_digest(answer.get("state", "").encode(), pending.state.encode()):
            raise ProviderError("This sign-in did not begin in this browser. Begin again.", "another state")
        metadata, _ = self._provider()
        if answer.get("iss", metadata["issuer"]) != metadata["issuer"]:  # RFC 9207
            raise ProviderError("Another provider answered. Begin again.", "another issuer in the answer")
        if "error" in answer or not answer.get("code"):
            raise ProviderError("The provider did not let you in.", f"error {answer.get('error', 'no code')[:200]}")
        return self._person(self._claims(answer["code"], pending, metadata), metadata["issuer"])

    def _claims(self, code: str, pending: Pending, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Trade the code for an ID token, and return its claims once everything about it has been checked."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect,
            "code_verifier": pending.verifier,
            "client_id": str(self._settings.oidc_client_id),
        }
        secret, basic = self._settings.oidc_client_secret, None
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret is not None and "client_secret_basic" in methods:
            basic = httpx.BasicAuth(str(self._settings.oidc_client_id), secret)
        elif secret is not None:
            form["client_secret"] = secret
        tokens = self._ask("POST", metadata["token_endpoint"], data=form, auth=basic)
        try:
            token = self._decoded(str(tokens.get("id_token", "")))
            options = {
                "iss": {"essential": True, "value": metadata["issuer"]},
                "aud": {"essential": True, "value": self._settings.oidc_client_id},
                "nonce": {"essential": True, "value": pending.nonce},
            }
            params = {
                "nonce": pending.nonce,
                "client_id": self._settings.oidc_client_id,
                "access_token": tokens.get("access_token"),
            }
            CodeIDToken(token.claims, token.header, options, params).validate(int(self._now().timestamp()), _LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderError(
                "What the provider said cannot be trusted. Begin again.", f"id token: {error}"
            ) from None
        return dict(token.claims)

    def _decoded(self, id_token: str) -> Any:
        """Return an ID token whose signature is the provider's; its keys are asked for anew only if those that are known will not do."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            return jwt.decode(id_token, self._provider()[1], algorithms=_ALGORITHMS)
        except (JoseError, ValueError):  # the provider may have another key by now
            return jwt.decode(id_token, self._provider(afresh=True)[1], algorithms=_ALGORITHMS)

    def _person(self, claims: Mapping[str, Any], issuer: str) -> Person:
        email = claims.get("email")
        verified = isinstance(email, str) and claims.get("email_verified") is True
        domains = self._settings.oidc_domains
        if domains and not (verified and str(email).rpartition("@")[2].lower() in domains):
            raise ProviderError("Your e-mail address is not of a domain that is let in.", "domain not let in")
        role = self.role(claims)
        if role is None:
            raise ProviderError(
                "You are known at the provider, but no role is given to you here. Ask an admin.",
                "no role by the claims",
            )
        name = str(email) if verified else str(claims.get("preferred_username") or claims["sub"])
        return Person(issuer, str(claims["sub"]), name, role)

    def role(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the strongest role that the claims give, None when they give none."""
        value: Any = claims
        for step in self._settings.oidc_claim.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        held = {str(each) for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)}
        if self._settings.oidc_claim == "email" and claims.get("email_verified") is not True:
            held = set()
        given = {role for name, role in self._settings.oidc_roles if name == "*" or name in held}
        return next((role for role in reversed(ROLES) if role in given), None)

    # -- the provider ----------------------------------------------------------------------------------------------------
    def _provider(self, *, afresh: bool = False) -> tuple[dict[str, Any], Any]:
        """Return what the provider says of itself, and its keys."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        if self._told is not None and not afresh and time.monotonic() - self._told[0] < _KEPT:
            return self._told[1], self._told[2]
        issuer = str(self._settings.oidc_issuer)
        metadata = self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if str(metadata.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
            raise ProviderError(
                "The provider is not set up as it should be.", f"it calls itself {metadata.get('issuer')!r}"
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _safe(str(metadata.get(name, "")), name)
        try:
            keys = KeySet.import_key_set(self._ask("GET", metadata["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderError("The provider is not set up as it should be.", f"its keys: {error}") from None
        self._told = (time.monotonic(), metadata, keys)
        return metadata, keys

    def _ask(self, method: str, address: str, **request: Any) -> dict[str, Any]:
        try:
            with self._client() as client:
                answer = client.request(method, address, headers={"accept": "application/json"}, **request)
            found = answer.json() if answer.is_success and len(answer.content) <= _LARGEST else None
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderError(
                "The provider does not answer. Try again later.", f"{urlsplit(address).netloc}: {type(error).__name__}"
            ) from None
        if not isinstance(found, dict):
            detail = f"{urlsplit(address).netloc} answered {answer.status_code}"
            raise ProviderError("The provider did not let you in. Begin again.", detail)
        return found


def _safe(address: str, name: str) -> None:
    """Raise unless nobody on the way can read along: https, or this machine."""
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ProviderError("The provider is not set up as it should be.", f"its {name} is not an https address")
