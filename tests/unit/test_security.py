"""Host, origin and token, over HTTP and websocket alike."""

import base64

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from service.security import Guard, Policy, doubts, is_loopback, policy
from service.settings import Settings, SettingsError

LOCAL = "http://127.0.0.1:8501"
STREAM = "ws://127.0.0.1:8501/stream"


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse({"actor": request.state.actor})


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json({"actor": websocket.state.actor})
    await websocket.close()


def client(rules: Policy, url: str = LOCAL) -> TestClient:
    routes = [
        Route("/", _echo, methods=["GET", "POST"]),
        Route("/healthz", _echo),
        WebSocketRoute("/stream", _socket),
    ]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Guard, policy=rules)]), url)


@pytest.fixture
def open_client() -> TestClient:
    return client(policy(Settings(), "local-secret"))


@pytest.fixture
def guarded() -> TestClient:
    return client(policy(Settings(token="sesame"), "local-secret"))


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost", "LOCALHOST:1", "[::1]:8501"])
def test_loopback_names_are_answered(open_client: TestClient, host: str) -> None:
    assert open_client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "10.0.0.1", "localhost@evil.example"]
)
def test_other_hosts_are_turned_away_in_words(open_client: TestClient, host: str) -> None:
    answer = open_client.get("/", headers={"host": host})
    assert answer.status_code == 400
    assert "allowed_hosts" in answer.json()["error"]


def test_a_configured_host_is_answered() -> None:
    rules = policy(Settings(allowed_hosts=("drift.example",)))
    assert client(rules).get("/", headers={"host": "drift.example:8501"}).status_code == 200


def test_listening_everywhere_answers_addresses_but_not_unlisted_names() -> None:
    everywhere = client(policy(Settings(host="0.0.0.0", token="t")))
    bearer = {"authorization": "Bearer t"}
    assert everywhere.get("/", headers={"host": "10.1.2.3:8501", **bearer}).status_code == 200
    assert everywhere.get("/", headers={"host": "evil.example", **bearer}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "file://127.0.0.1:8501"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_may_read_nothing_and_do_nothing(open_client: TestClient, headers: dict[str, str]) -> None:
    assert open_client.post("/", headers=headers).status_code == 403
    if "origin" in headers:
        with pytest.raises(WebSocketDisconnect) as closed, open_client.websocket_connect(STREAM, headers=headers):
            pass
        assert closed.value.code == 4403


@pytest.mark.parametrize(
    ("settings", "host", "origin", "status"),
    [
        (Settings(host="192.168.1.5", token="t"), "192.168.1.5:8501", "http://192.168.1.5:8501", 200),
        (Settings(host="192.168.1.5", token="t"), "192.168.1.5:8501", "http://192.168.1.5:8888", 403),
        (Settings(host="0.0.0.0", token="t"), "127.0.0.1:8501", "http://0.0.0.0:8888", 403),
        (Settings(allowed_hosts=("drift.example",)), "127.0.0.1:8501", "https://drift.example", 200),
        (Settings(allowed_hosts=("drift.example",)), "127.0.0.1:8501", "https://drift.example:8888", 403),
        (Settings(public_url="https://drift.example:8443"), "127.0.0.1:8501", "https://drift.example:8443", 200),
        (Settings(public_url="https://drift.example:8443"), "127.0.0.1:8501", "http://drift.example:8443", 403),
    ],
)
def test_another_port_of_the_same_machine_is_another_site(
    settings: Settings, host: str, origin: str, status: int
) -> None:
    headers = {"host": host, "origin": origin, "authorization": "Bearer t"}
    assert client(policy(settings)).post("/", headers=headers).status_code == status


@pytest.mark.parametrize("host", ["user@127.0.0.1", "127.0.0.1/x", "127.0.0.1?x", "127.0.0.1#x", "127.0.0.1:8501@x"])
def test_a_host_is_a_name_and_a_port_and_nothing_more(open_client: TestClient, host: str) -> None:
    assert open_client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("headers", [{}, {"origin": LOCAL}, {"sec-fetch-site": "same-origin"}])
def test_our_own_pages_and_programs_may_act(open_client: TestClient, headers: dict[str, str]) -> None:
    assert open_client.post("/", headers=headers).status_code == 200


def test_a_websocket_of_our_own_page_opens(open_client: TestClient) -> None:
    with open_client.websocket_connect(STREAM, headers={"origin": LOCAL}) as socket:
        assert socket.receive_json()["actor"].startswith("api@")


@pytest.mark.parametrize(
    "value",
    [None, "Bearer wrong", "Bearer", "Basic !!!", "Bearer séçret", "Basic " + base64.b64encode(b"x:no").decode()],
)
def test_without_the_token_nothing_is_answered(guarded: TestClient, value: str | None) -> None:
    headers = {} if value is None else {"authorization": value.encode("latin-1")}
    answer = guarded.get("/", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    with pytest.raises(WebSocketDisconnect) as closed, guarded.websocket_connect(STREAM, headers=headers):
        pass
    assert closed.value.code == 4401


def test_token_and_local_secret_open_and_name_the_actor(guarded: TestClient) -> None:
    assert guarded.get("/", headers={"authorization": "Bearer sesame"}).json()["actor"].startswith("token@")
    assert guarded.get("/", headers={"authorization": "Bearer local-secret"}).json() == {"actor": "cli"}


def test_basic_authentication_gives_no_cookie(guarded: TestClient) -> None:
    """Programs send it every time; browsers sign in, and get a session that ends."""
    basic = "Basic " + base64.b64encode(b"anyone:sesame").decode()
    answer = guarded.get("/", headers={"authorization": basic})
    assert answer.json()["actor"].startswith("token@")
    assert "set-cookie" not in answer.headers


def test_a_secret_that_is_not_set_opens_nothing() -> None:
    rules = Policy(frozenset({"127.0.0.1"}), token="sesame", secret=None, sign_in=True)
    assert client(rules).get("/", headers={"authorization": "Bearer "}).status_code == 401


def test_health_needs_no_token_but_a_known_host(guarded: TestClient) -> None:
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/healthz", headers={"host": "evil.example"}).status_code == 400


def test_every_answer_carries_the_headers(open_client: TestClient) -> None:
    for answer in (open_client.get("/"), open_client.get("/", headers={"host": "evil.example"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "drift.example"])
def test_an_open_address_needs_a_token(host: str) -> None:
    with pytest.raises(SettingsError, match="DRIFTDECK_TOKEN"):
        policy(Settings(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_addresses_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (Settings(), None),
        (Settings(allowed_hosts=("localhost",)), None),
        (Settings(allowed_hosts=("drift.example",)), "sign_in = on"),
        (Settings(public_url="https://drift.example"), "sign_in = on"),
        (Settings(host="0.0.0.0", token="sesame"), "can be guessed"),
        (Settings(host="0.0.0.0", token="8Yt4mVqkQ2xw7ZfB9sLd"), None),
    ],
)
def test_an_operator_is_told_of_what_is_open(settings: Settings, word: str | None) -> None:
    told = doubts(settings, policy(settings))
    assert (len(told) == 1 and word in told[0]) if word else told == []
