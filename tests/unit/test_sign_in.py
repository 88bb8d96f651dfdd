"""Signing in and out in a browser, and what an attacker tries instead."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from service import passwords, sockets
from service.context import IDENTITY_HEADER
from service.security import COOKIE, SECURE_COOKIE, policy
from service.settings import Settings, SettingsError
from service.sign_in import ABSOLUTE, IDLE
from service.sign_in_page import local_path
from storage.control_access import has_admin
from tests.support.guarded import BASE, PASSWORDS, STREAM, Guarded, guarded

PAGE = {"accept": "text/html"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One home for whatever leaves it as it was."""
    with guarded(tmp_path_factory.mktemp("shared") / "home", token="the-operators-own-token") as found:
        found.patience = 3600.0  # tries of one test are none of the next
        yield found


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path / "home") as found:
        yield found


# -- in and out ------------------------------------------------------------------------------------------------------------
def test_a_browser_is_sent_to_sign_in_and_back(shared: Guarded) -> None:
    client = shared.client()
    sent = client.get("/alerts?model=eta&range=7d", headers=PAGE)
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=%2Falerts%3Fmodel%3Deta%26range%3D7d")
    page = client.get(sent.headers["location"])
    assert page.status_code == 200
    assert 'value="/alerts?model=eta&amp;range=7d"' in page.text
    entered = shared.enter(client, "Vera", PASSWORDS["vera"], next="/alerts?model=eta&range=7d")
    assert (entered.status_code, entered.headers["location"]) == (303, "/alerts?model=eta&range=7d")
    assert client.get("/alerts", headers=PAGE).text == "page of vera"
    assert client.get("/api/v1/me").json()["role"] == "viewer"


def test_a_program_is_told_in_words(shared: Guarded) -> None:
    for path in ("/", "/api/v1/models", "/metrics", "/reports/evidently/eta/2024-01-01", "/api/docs"):
        answer = shared.client().get(path)
        assert answer.status_code == 401, path
        assert "Authorization: Bearer" in answer.json()["error"]
    assert shared.client().get("/api/v1/models", headers=PAGE).status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(shared: Guarded) -> None:
    client = shared.client()
    cookie = shared.enter(client, "vera", PASSWORDS["vera"]).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "domain" not in cookie


def test_behind_https_the_cookie_is_bound_to_it_and_to_the_host(tmp_path: Path) -> None:
    with guarded(tmp_path / "home", public_url="https://drift.example", allowed_hosts=("drift.example",)) as found:
        client = found.client(base="http://drift.example")
        form = {"name": "vera", "password": PASSWORDS["vera"]}
        answer = client.post("/sign-in", data=form, headers={"origin": "https://drift.example"})
        assert answer.headers["set-cookie"].startswith(f"{SECURE_COOKIE}=")
        assert "secure" in answer.headers["set-cookie"].lower()
        secret = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
        assert client.get("/", headers={"cookie": f"{SECURE_COOKIE}={secret}"}).status_code == 200
        assert client.get("/", headers={"cookie": f"{COOKIE}={secret}"}).status_code == 401


def test_signing_out_ends_the_session_and_takes_a_post(own: Guarded) -> None:
    client = own.client("vera")
    held = client.cookies[COOKIE]
    assert client.get("/sign-out").status_code == 200
    assert client.get("/").status_code == 200  # the link alone did nothing
    assert client.post("/sign-out", headers={"origin": BASE}).headers["location"] == "/sign-in?out=1"
    assert COOKIE not in client.cookies
    assert own.client().get("/", headers={"cookie": f"{COOKIE}={held}"}).status_code == 401
    assert [entry["action"] for entry in own.workspace.audit(2)] == ["sign out", "sign in"]


def test_sessions_end_without_use_and_after_a_week(own: Guarded) -> None:
    client = own.client("vera")
    own.clock.forward(seconds=IDLE.total_seconds() - 1)
    assert client.get("/").status_code == 200
    own.clock.forward(seconds=IDLE.total_seconds())
    assert client.get("/").status_code == 401
    client, steps = own.client("vera"), int(ABSOLUTE / timedelta(hours=11))
    for _ in range(steps):
        own.clock.forward(hours=11)
        assert client.get("/").status_code == 200
    own.clock.forward(hours=11)
    assert client.get("/").status_code == 401


def test_use_under_one_key_keeps_the_session_under_the_other(own: Guarded) -> None:
    """A page that is open all day uses its websocket; the cookie is looked at again only when another page is opened."""
    client = own.client("vera")
    who = own.known.by_cookie(client.cookies[COOKIE])
    assert who is not None
    for _ in range(3):
        own.clock.forward(hours=11)
        assert own.known.identity(own.known.handle(who)) is not None
    assert client.get("/").status_code == 200


def test_watching_a_session_does_not_keep_it_alive(own: Guarded) -> None:
    who = own.known.by_cookie(own.client("vera").cookies[COOKIE])
    assert who is not None
    handle = own.known.handle(who)
    for _ in range(3):
        own.clock.forward(hours=5)
        alive = own.known.lives(handle)
    assert not alive


@pytest.mark.parametrize(
    "change", [{"password": "another long password"}, {"disabled": True}, {"role": "operator"}, None]
)
def test_what_changes_of_a_user_counts_at_once(own: Guarded, change: dict | None) -> None:
    client = own.client("vera")
    assert client.get("/api/v1/me").json()["role"] == "viewer"
    if change is None:
        own.workspace.remove_user("vera")
    else:
        own.workspace.set_user("vera", **change)
    answer = client.get("/api/v1/me")
    if change == {"role": "operator"}:
        assert answer.json()["role"] == "operator"
    else:
        assert answer.status_code == 401


def test_ones_own_password(own: Guarded) -> None:
    here, elsewhere = own.client("vera"), own.client("vera")
    old = here.cookies[COOKIE]

    def change(present: str, new: str, again: str) -> int:
        form = {"password": present, "new": new, "again": again}
        return here.post("/sign-in/password", data=form, headers={"origin": BASE}).status_code

    assert change("wrong", "a new and longer one", "a new and longer one") == 400
    assert change(PASSWORDS["vera"], "a new and longer one", "another") == 400
    assert change(PASSWORDS["vera"], "short", "short") == 400
    assert change(PASSWORDS["vera"], "a new and longer one", "a new and longer one") == 303
    assert here.get("/").status_code == 200
    assert here.cookies[COOKIE] != old
    assert elsewhere.get("/").status_code == 401
    assert own.enter(own.client(), "vera", "a new and longer one").status_code == 303


# -- attacks ---------------------------------------------------------------------------------------------------------------
def test_nothing_tells_whether_a_user_exists(shared: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same words, same status, same work: one scrypt of the same cost for each."""
    hashes: list[str] = []
    scrypt = passwords._scrypt

    def counted(password: str, salt: bytes, cost: passwords.Cost) -> bytes:
        hashes.append(str(cost))
        return scrypt(password, salt, cost)

    monkeypatch.setattr(passwords, "_scrypt", counted)
    answers = []
    passwords.nobodys()
    hashes.clear()
    for name in ("vera", "nobody"):
        answer = shared.enter(shared.client(), name, "not the password")
        answers.append((answer.status_code, answer.text.replace(name, "NAME")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    assert hashes[0] == hashes[1]
    assert len(hashes) == 2


def test_what_was_typed_as_a_name_is_not_kept(shared: Guarded) -> None:
    shared.enter(shared.client(), "my-secret-password-typed-too-early", "x")
    assert "my-secret" not in str(shared.workspace.audit(5))


def test_a_session_given_by_an_attacker_is_never_taken_up(own: Guarded) -> None:
    client = own.client()
    client.cookies.set(COOKIE, "chosen-by-somebody-else", domain="127.0.0.1")
    own.enter(client, "vera", PASSWORDS["vera"])
    secrets = {cookie.value for cookie in client.cookies.jar if cookie.name == COOKIE}
    assert own.known.by_cookie("chosen-by-somebody-else") is None
    assert any(own.known.by_cookie(secret) for secret in secrets)


def test_signing_in_ends_the_session_that_the_browser_had(own: Guarded) -> None:
    client = own.client("vera")
    before = client.cookies[COOKIE]
    assert own.enter(client, "ola", PASSWORDS["ola"]).status_code == 303
    assert own.known.by_cookie(before) is None
    assert client.get("/").text == "page of ola"


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_another_site_signs_nobody_in_or_out(shared: Guarded, headers: dict[str, str]) -> None:
    client = shared.client("vera")
    form = {"name": "ada", "password": PASSWORDS["ada"]}
    assert client.post("/sign-in", data=form, headers=headers).status_code == 403
    assert client.post("/sign-out", headers=headers).status_code == 403
    assert client.post("/sign-in/password", data={}, headers=headers).status_code == 403
    assert client.get("/").text == "page of vera"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n//evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/sign-out",
        "/sign-in?next=/sign-in",
        "/api/v1/backup",
        "",
        "/%0d%0aset-cookie:x=y" + "\r\nx: y",
    ],
)
def test_signing_in_leads_nowhere_else(wanted: str) -> None:
    assert local_path(wanted) == "/"


def test_what_is_a_path_here_is_kept() -> None:
    for wanted in ("/", "/alerts?model=a%2Fb&range=7d", "/feature?column=%3Cscript%3E"):
        assert local_path(wanted) == wanted


def test_the_page_runs_nothing_whatever_is_typed(shared: Guarded) -> None:
    page = shared.enter(shared.client(), '"><script>alert(1)</script>', "x", next='/"><script>alert(1)</script>')
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b'{"name": "ada", "password": "x"}', 400),
        ("application/x-www-form-urlencoded", b"name=" + b"a" * 20_000, 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(50)), 400),
        ("application/x-www-form-urlencoded", b"name=%ff&password=%ff", 400),
        ("application/x-www-form-urlencoded", b"", 401),
    ],
)
def test_odd_forms_are_turned_away(shared: Guarded, kind: str, body: bytes, status: int) -> None:
    answer = shared.client().post("/sign-in", content=body, headers={"origin": BASE, "content-type": kind})
    assert answer.status_code in {status, 429}


@pytest.mark.parametrize(
    "path",
    [
        "//healthz",
        "/healthz/",
        "/HEALTHZ",
        "/healthz/../api/v1/models",
        "/healthz%2f..%2fapi/v1/models",
        "//api/v1/models",
        "/API/v1/models",
        "/api//v1/models",
        "/api/v1/models/",
        "/api%2fv1%2fmodels",
        "/sign-in/../api/v1/models",
        "/sign-in/x",
        "/sign-in;/api/v1/models",
        "/app/static/../../api/v1/models",
        "/app/static/fonts",
        "/app/static/icon.png/../../../api/v1/models",
        "/_stcore/health",
        "/static/js/index.js",
    ],
)
def test_no_way_of_writing_a_path_gets_past(shared: Guarded, path: str) -> None:
    answer = shared.client().get(path)
    assert answer.status_code == 401, path
    post = shared.client().post(path, headers={"origin": BASE})
    assert post.status_code == 401, path


@pytest.mark.parametrize("value", ["", "x", "a" * 10_000, "é", "\x00", "null", "../../x", "%00"])
def test_made_up_cookies_and_tokens_open_nothing(shared: Guarded, value: str) -> None:
    raw = value.encode("utf-8")
    assert shared.client().get("/", headers=[(b"cookie", COOKIE.encode() + b"=" + raw)]).status_code == 401
    assert shared.client().get("/", headers=[(b"authorization", b"Bearer " + raw)]).status_code == 401


def test_what_is_kept_opens_nothing(own: Guarded) -> None:
    """Who reads the file finds digests: they are no cookie and no token."""
    client = own.client("ada")
    own.bearer("admin")
    kept = [
        row["digest"]
        for table in ("session", "token")
        for row in own.workspace.core.control._rows(f"SELECT digest FROM {table}")
    ]
    assert len(kept) == 2
    for digest in kept:
        assert own.client().get("/", headers={"cookie": f"{COOKIE}={digest}"}).status_code == 401
        assert own.client().get("/api/v1/models", headers={"authorization": f"Bearer {digest}"}).status_code == 401
    path = own.workspace.core.control.path
    whole = b"".join(file.read_bytes() for file in path.parent.glob("control.db*"))
    assert client.cookies[COOKIE].encode() not in whole
    assert all(password.encode() not in whole for password in PASSWORDS.values())


# -- the websocket ---------------------------------------------------------------------------------------------------------
def test_a_websocket_needs_the_cookie(shared: Guarded) -> None:
    for headers in (
        {"origin": BASE},
        {"origin": BASE, "cookie": f"{COOKIE}=x"},
        {"origin": BASE, IDENTITY_HEADER: "session/1/x"},
    ):
        with pytest.raises(WebSocketDisconnect) as closed, shared.client().websocket_connect(STREAM, headers=headers):
            pass
        assert closed.value.code == 4401


def test_who_is_behind_a_websocket_cannot_be_claimed(shared: Guarded) -> None:
    ada = shared.known.by_cookie(shared.client("ada").cookies[COOKIE])
    assert ada is not None
    forged = shared.known.handle(ada)  # even a true one of somebody else's
    names = [IDENTITY_HEADER, IDENTITY_HEADER.upper(), IDENTITY_HEADER.replace("-", "_")]
    headers = {"origin": BASE, **dict.fromkeys(names, forged)}
    with shared.client("vera").websocket_connect(STREAM, headers=headers) as socket:
        socket.send_text("run")
        assert socket.receive_json() == {"handles": 1, "name": "vera", "role": "viewer"}


def test_handles_are_signed(shared: Guarded) -> None:
    who = shared.known.by_cookie(shared.client("vera").cookies[COOKIE])
    assert who is not None
    handle = shared.known.handle(who)
    _, number, mark = handle.split("/")
    for made_up in (
        None,
        "",
        "/",
        f"session/{int(number) + 1}/{mark}",
        f"operator/x/{mark}",
        f"session/{number}/",
        "é/é/é",
    ):
        assert shared.known.identity(made_up) is None


@pytest.mark.parametrize("how", ["sign out", "password", "disabled", "removed", "time"])
def test_an_open_websocket_ends_with_its_session(own: Guarded, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(sockets.watched, "__defaults__", (0.05,))
    client = own.client("vera")
    with client.websocket_connect(STREAM, headers={"origin": BASE}) as socket:
        socket.send_text("run")
        assert socket.receive_json()["name"] == "vera"
        if how == "sign out":
            client.post("/sign-out", headers={"origin": BASE})
        elif how == "password":
            own.workspace.set_user("vera", password="another long password")
        elif how == "disabled":
            own.workspace.set_user("vera", disabled=True)
        elif how == "removed":
            own.workspace.remove_user("vera")
        else:
            own.clock.forward(hours=13)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4401


def test_a_websocket_whose_user_loses_a_role_acts_with_the_new_one(own: Guarded) -> None:
    with own.client("ola").websocket_connect(STREAM, headers={"origin": BASE}) as socket:
        own.workspace.set_user("ola", role="viewer")
        socket.send_text("run")
        assert socket.receive_json()["role"] == "viewer"


# -- the operator's token --------------------------------------------------------------------------------------------------
def test_the_operators_token_signs_in_on_the_page_and_another_one_ends_it(tmp_path: Path) -> None:
    with guarded(tmp_path / "home", token="one-token-that-is-long") as found:
        client = found.client()
        form = {"token": "one-token-that-is-long"}
        assert client.post("/sign-in", data={"token": "wrong"}, headers={"origin": BASE}).status_code == 401
        assert client.post("/sign-in", data=form, headers={"origin": BASE}).status_code == 303
        assert client.get("/api/v1/me").json() == {
            "name": "token", "role": "admin", "scopes": ["read", "log", "act", "admin"], "models": None, "how": "session",
        }  # fmt: skip
        held = client.cookies[COOKIE]
        again = Guarded(found.workspace, found.clock, Settings(sign_in="on", token="another-token-that-is-long"))
        assert again.client().get("/", headers={"cookie": f"{COOKIE}={held}"}).status_code == 401


def test_without_that_token_its_form_opens_nothing(own: Guarded) -> None:
    for given in ("", "None", "x"):
        answer = own.client().post("/sign-in", data={"token": given}, headers={"origin": BASE})
        assert answer.status_code == 401


# -- when it is needed -----------------------------------------------------------------------------------------------------
def test_nobody_is_left_without_a_way_in() -> None:
    with pytest.raises(SettingsError, match="driftdeck user add NAME --role admin"):
        policy(Settings(host="0.0.0.0"))
    with pytest.raises(SettingsError, match="driftdeck user add NAME --role admin"):
        policy(Settings(sign_in="on"))
    assert policy(Settings(host="0.0.0.0"), has_admin=True).sign_in
    assert policy(Settings(sign_in="on"), has_admin=True).sign_in
    assert not policy(Settings(), has_admin=True).sign_in


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0", "token": "t"}, {"token": "t"}, {"host": "10.0.0.1"}])
def test_it_is_not_turned_off_where_others_could_come(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="sign_in is off, but"):
        policy(Settings(sign_in="off", **settings), has_admin=True)


def test_a_file_is_asked_for_its_admin_before_anything_is_opened(own: Guarded, tmp_path: Path) -> None:
    path = own.workspace.core.control.path
    assert has_admin(path)
    assert not has_admin(tmp_path / "nowhere" / "control.db")
    assert not (tmp_path / "nowhere").exists()
