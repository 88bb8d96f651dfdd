"""Sign-in at a provider that this test runs on loopback, with keys of its own; and what a forger tries."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.testclient import TestClient

from service.oidc import Provider, check
from service.security import COOKIE
from service.settings import Settings, SettingsError, load
from service.workspace import WorkspaceError
from tests.support.guarded import BASE, Guarded, guarded

CLIENT, SECRET = "driftdeck", "the-client-secret"


class FakeProvider:
    """An OpenID Connect provider of one person; ``claims`` and the rest are what a test makes of them."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.signing: Any = self.key
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.challenges: dict[str, dict[str, str]] = {}
        self.now = 0.0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                answer = {"/.well-known/openid-configuration": provider.described, "/keys": provider.keys}.get(path)
                self._answer(404 if answer is None else 200, answer() if answer else {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                provider.asked.append(form | {"authorization": self.headers.get("authorization", "")})
                self._answer(*provider.token(form))

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        } | self.metadata

    def keys(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def authorize(self, address: str) -> str:
        """Return the code for which the person behind the browser was sent back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = query
        return code

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.challenges.pop(form.get("code", ""), None)
        if asked is None or create_s256_code_challenge(form.get("code_verifier", "")) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        claims = {
            "iss": self.issuer,
            "sub": "248289761001",
            "aud": CLIENT,
            "exp": int(self.now) + 300,
            "iat": int(self.now),
            "nonce": asked["nonce"],
            "email": "jane@corp.example",
            "email_verified": True,
            "groups": ["ml", "staff"],
        }
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return 200, {
            "id_token": jwt.encode(self.header, claims, self.signing, algorithms=["RS256", "HS256"]),
            "token_type": "Bearer",
        }

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    running = FakeProvider()
    try:
        yield running
    finally:
        running.stop()


SET: dict[str, Any] = {
    "oidc_client_id": CLIENT,
    "oidc_client_secret": SECRET,
    "oidc_roles": (("ml", "operator"), ("staff", "viewer")),
}


@pytest.fixture
def home(tmp_path: Path, provider: FakeProvider) -> Iterator[Guarded]:
    with guarded(tmp_path / "home", oidc_issuer=provider.issuer, **SET) as found:
        provider.now = found.clock().timestamp()
        yield found


def begun(home: Guarded, wanted: str = "/alerts") -> tuple[TestClient, dict[str, str], str]:
    """Return a browser that was sent to the provider, the query it was sent with, and the address."""
    client = home.client()
    sent = client.get("/sign-in/oidc", params={"next": wanted})
    assert sent.status_code == 303, sent.text
    return (
        client,
        {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["location"]).query).items()},
        sent.headers["location"],
    )


def come_back(home: Guarded, provider: FakeProvider, **more: str) -> tuple[TestClient, Any]:
    client, query, address = begun(home)
    answer = {"code": provider.authorize(address), "state": query["state"], **more}
    return client, client.get("/sign-in/oidc/callback", params=answer)


@pytest.mark.slow
def test_a_person_signs_in_and_the_claims_give_the_role(home: Guarded, provider: FakeProvider) -> None:
    client, query, address = begun(home)
    assert address.startswith(f"{provider.issuer}/authorize?")
    assert (query["client_id"], query["response_type"], query["code_challenge_method"]) == (CLIENT, "code", "S256")
    assert query["redirect_uri"] == f"{BASE}/sign-in/oidc/callback"
    assert "openid" in query["scope"].split()
    answer = {"code": provider.authorize(address), "state": query["state"]}
    back = client.get("/sign-in/oidc/callback", params=answer)
    assert (back.status_code, back.headers["location"]) == (303, "/alerts")
    assert client.get("/api/v1/me").json() == {
        "name": "jane@corp.example", "role": "operator", "scopes": ["read", "log", "act"], "models": None, "how": "session",
    }  # fmt: skip
    assert provider.asked[0]["authorization"].startswith(
        "Basic "
    )  # the secret goes to the provider's token endpoint only
    assert SECRET not in address
    again = client.get("/sign-in/oidc/callback", params=answer)
    assert again.status_code == 401  # code and cookie are of one use


@pytest.mark.slow
def test_the_next_sign_in_brings_the_role_along(home: Guarded, provider: FakeProvider) -> None:
    first, _ = come_back(home, provider)
    provider.claims = {"groups": "staff", "email": "married@corp.example"}
    second, _ = come_back(home, provider)
    for client in (first, second):
        assert (client.get("/api/v1/me").json()["name"], client.get("/api/v1/me").json()["role"]) == (
            "jane@corp.example",
            "viewer",
        )
    assert [user["signs_in"] for user in home.workspace.users()].count("provider") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another", "one"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"nbf": 9_999_999_999},
    ],
)
def test_claims_that_are_not_for_us_now_let_nobody_in(
    home: Guarded, provider: FakeProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    client, back = come_back(home, provider)
    assert back.status_code == 401
    assert "cannot be trusted" in back.text
    assert COOKIE not in client.cookies


@pytest.mark.slow
def test_another_signature_lets_nobody_in(home: Guarded, provider: FakeProvider) -> None:
    provider.signing = RSAKey.generate_key(2048, {"kid": "one"})
    assert come_back(home, provider)[1].status_code == 401
    # a shared secret that everybody knows: the provider's public key, or the client's secret
    for secret in (str(provider.key.as_dict(private=False)["n"]).encode(), SECRET.encode()):
        provider.header, provider.signing = {"alg": "HS256", "kid": "one"}, OctKey.import_key(secret)
        assert come_back(home, provider)[1].status_code == 401


@pytest.mark.slow
def test_an_unsigned_token_lets_nobody_in(
    home: Guarded, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsigned(header: Any, claims: Any, *_: Any, **__: Any) -> str:
        import base64

        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in ({"alg": "none"}, claims)
        ]
        return ".".join([*parts, ""])

    monkeypatch.setattr(jwt, "encode", unsigned)
    assert come_back(home, provider)[1].status_code == 401


@pytest.mark.slow
def test_a_provider_that_changed_its_key_is_asked_again(home: Guarded, provider: FakeProvider) -> None:
    assert come_back(home, provider)[1].status_code == 303
    provider.key = provider.signing = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    provider.header = {"alg": "RS256", "kid": "two"}
    assert come_back(home, provider)[1].status_code == 303


@pytest.mark.slow
def test_a_sign_in_that_began_elsewhere_is_not_finished_here(home: Guarded, provider: FakeProvider) -> None:
    """An attacker's own answer, brought to a victim's browser, would sign the victim in as the attacker."""
    _, query, address = begun(home)
    answer = {"code": provider.authorize(address), "state": query["state"]}
    assert home.client().get("/sign-in/oidc/callback", params=answer).status_code == 401
    victim, _, _ = begun(home)
    assert victim.get("/sign-in/oidc/callback", params=answer).status_code == 401
    for made_up in ("x", "x.y", "e30=.x", ""):
        forged = home.client()
        assert (
            forged.get(
                "/sign-in/oidc/callback", params=answer, headers={"cookie": f"driftdeck_provider={made_up}"}
            ).status_code
            == 401
        )


@pytest.mark.slow
def test_it_does_not_wait_for_ever_and_leads_nowhere_else(home: Guarded, provider: FakeProvider) -> None:
    client, query, address = begun(home, "https://evil.example/")
    answer = {"code": provider.authorize(address), "state": query["state"]}
    assert client.get("/sign-in/oidc/callback", params=answer).headers["location"] == "/"
    client, query, address = begun(home)
    home.clock.forward(minutes=11)
    assert (
        client.get(
            "/sign-in/oidc/callback", params={"code": provider.authorize(address), "state": query["state"]}
        ).status_code
        == 401
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [{"iss": "https://evil.example"}, {"error": "access_denied"}, {"code": ""}, {"state": ""}]
)
def test_answers_of_another_provider_or_of_none(home: Guarded, provider: FakeProvider, more: dict[str, str]) -> None:
    assert come_back(home, provider, **more)[1].status_code == 401


@pytest.mark.slow
def test_who_has_no_role_by_the_claims_stays_out(home: Guarded, provider: FakeProvider) -> None:
    for groups in ([], ["others"], None, {"ml": True}, 7):
        provider.claims = {"groups": groups}
        _, back = come_back(home, provider)
        assert back.status_code == 401
        assert "no role is given to you" in back.text


@pytest.mark.slow
def test_a_name_of_the_house_or_of_somebody_else_is_not_taken_over(home: Guarded, provider: FakeProvider) -> None:
    provider.claims = {"email": None, "preferred_username": "ada"}
    _, back = come_back(home, provider)
    assert back.status_code == 401
    assert "Another user has your name" in back.text
    for name in ("cli", "token@1", "<script>alert(1)</script>"):
        provider.claims = {"email": None, "preferred_username": name, "sub": name}
        client, _ = come_back(home, provider)
        assert client.get("/api/v1/me").json()["name"].startswith("provider-")
    provider.claims = {"email": "ada", "email_verified": False, "sub": "unverified"}
    client, _ = come_back(home, provider)
    assert client.get("/api/v1/me").json()["name"] == "unverified"


@pytest.mark.slow
def test_who_is_shut_out_here_stays_out(home: Guarded, provider: FakeProvider) -> None:
    client, _ = come_back(home, provider)
    home.workspace.set_user("jane@corp.example", disabled=True)
    assert client.get("/").status_code == 401
    assert come_back(home, provider)[1].status_code == 401
    assert home.enter(home.client(), "jane@corp.example", "").status_code == 401  # there is no password to guess


@pytest.mark.slow
@pytest.mark.parametrize(
    ("claims", "status"), [({}, 303), ({"email_verified": False}, 401), ({"email": "x@corp.example.evil"}, 401)]
)
def test_only_verified_addresses_of_our_domains(
    tmp_path: Path, provider: FakeProvider, claims: dict[str, Any], status: int
) -> None:
    with guarded(tmp_path / "home", oidc_issuer=provider.issuer, oidc_domains=("corp.example",), **SET) as found:
        provider.now, provider.claims = found.clock().timestamp(), claims
        assert come_back(found, provider)[1].status_code == status


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": None}],
)
def test_a_provider_that_is_not_what_it_should_be(
    home: Guarded, provider: FakeProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    answer = home.client().get("/sign-in/oidc")
    assert answer.status_code == 401
    assert "not set up as it should be" in answer.text


def test_a_provider_that_is_down_is_said_so(home: Guarded, provider: FakeProvider) -> None:
    home.clock.forward(seconds=1)
    provider.server.server_close()
    answer = home.client().get("/sign-in/oidc")
    assert (answer.status_code, "does not answer" in answer.text) == (401, True)


def test_the_claim_that_decides_may_lie_deep_and_the_strongest_role_counts() -> None:
    settings = Settings(oidc_claim="realm_access.roles", oidc_roles=(("boss", "admin"), ("*", "viewer")))
    provider = Provider(settings, lambda: None)  # type: ignore[arg-type, return-value]
    assert provider.role({"realm_access": {"roles": ["boss", "x"]}}) == "admin"
    assert provider.role({"realm_access": "boss"}) == "viewer"
    assert provider.role({}) == "viewer"
    by_address = Provider(Settings(oidc_claim="email", oidc_roles=(("a@x", "admin"),)), lambda: None)  # type: ignore[arg-type, return-value]
    assert by_address.role({"email": "a@x", "email_verified": True}) == "admin"
    assert by_address.role({"email": "a@x"}) is None


def test_settings_are_read_and_wrong_ones_said(tmp_path: Path) -> None:
    read = load(
        tmp_path, {}, {"DRIFTDECK_OIDC_ROLES": "*=viewer, mlops=admin", "DRIFTDECK_OIDC_DOMAINS": "Corp.example"}
    )
    assert read.oidc_roles == (("mlops", "admin"), ("*", "viewer"))
    assert read.oidc_domains == ("corp.example",)
    for name, value in (
        ("OIDC_ROLES", "mlops=root"),
        ("OIDC_ROLES", "mlops"),
        ("OIDC_ISSUER", "http://far.example"),
        ("SIGN_IN", "maybe"),
    ):
        with pytest.raises(SettingsError):
            load(tmp_path, {}, {f"DRIFTDECK_{name}": value})
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, {}, {"DRIFTDECK_OIDC_SCOPES": "openid"} | {"DRIFTDECK_OIDC_CLIENT_SECRETS": "s3cret"})
    assert "s3cret" not in str(refused.value)
    lacks: list[dict[str, Any]] = [{"oidc_roles": ()}, {"oidc_client_id": None}]
    for lacking in lacks:
        with pytest.raises(WorkspaceError, match="oidc_issuer is set, but"):
            check(replace(Settings(oidc_issuer="https://x", **SET), **lacking))


def test_what_the_provider_says_of_itself_is_asked_for_once_and_keys_again_when_they_change(
    home: Guarded, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    keys = provider.keys

    def counted() -> dict[str, Any]:
        asked.append("keys")
        return keys()

    monkeypatch.setattr(provider, "keys", counted)
    for _ in range(3):
        assert come_back(home, provider)[1].status_code == 303
    assert asked == ["keys"]
    provider.key = provider.signing = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    provider.header = {"alg": "RS256", "kid": "two"}
    assert come_back(home, provider)[1].status_code == 303
    assert asked == ["keys"] * 2
