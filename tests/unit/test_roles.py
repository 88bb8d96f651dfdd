"""Every method and every route, held against who may do what."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service import roles
from service.identity import ROLES, Identity
from service.roles import RULES, limited
from service.workspace import ForbiddenError, NotFoundError, Workspace
from tests.support.guarded import BASE, Guarded, guarded

METHODS = {
    name
    for name in dir(Workspace)
    if not name.startswith("_") and callable(getattr(Workspace, name)) and name != "close"
}
#: What changes nothing although it is sent with POST: a viewer may.
READING_POSTS = {"/v1/compare", "/v1/models/{model}/rules/try", "/v1/models/{model}/reports/evidently"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("roles") / "home") as found:
        found.patience = 3600.0
        yield found


# -- the table -------------------------------------------------------------------------------------------------------------
def test_every_method_stands_in_the_table_and_nothing_else() -> None:
    assert set(RULES) == METHODS, "a new method of the workspace needs a line in service/roles.py"


def test_what_takes_an_actor_is_never_for_viewers() -> None:
    for name in METHODS:
        if "actor" in inspect.signature(getattr(Workspace, name)).parameters:
            assert RULES[name].scope != "read", name


def test_where_a_model_is_found_there_is_an_argument_for_it() -> None:
    for name, rule in RULES.items():
        given = set(inspect.signature(getattr(Workspace, name)).parameters)
        needed = {"model": {"model", "name"}, "silence": {"model"}, "whole": given, "list": given, "free": given}
        assert needed.get(rule.reach, {rule.reach}) & given, name


class Recorder:
    """A workspace that notes what reached it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            given = inspect.signature(getattr(Workspace, name)).bind(None, *args, **kwargs).arguments
            self.calls.append((name, dict(given)))
            return "" if name == "export" else []

        return call


def arguments(name: str) -> dict[str, Any]:
    parameters = list(inspect.signature(getattr(Workspace, name)).parameters.values())[1:]
    return {each.name: "eta" for each in parameters if each.default is each.empty}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_table_says_and_no_more(role: Any) -> None:
    least = {"read": "viewer", "log": "operator", "act": "operator", "admin": "admin"}
    for name, rule in RULES.items():
        recorder = Recorder()
        workspace = limited(recorder, Identity("somebody", role))
        may = ROLES.index(role) >= ROLES.index(least[rule.scope])
        if may:
            getattr(workspace, name)(**arguments(name))
            assert recorder.calls[-1][0] == name
        else:
            with pytest.raises(ForbiddenError, match="takes the role"):
                getattr(workspace, name)(**arguments(name))
            assert recorder.calls == []


def test_the_actor_is_who_signed_in_whatever_the_caller_says() -> None:
    for name in METHODS:
        if "actor" in inspect.signature(getattr(Workspace, name)).parameters:
            recorder = Recorder()
            workspace = limited(recorder, Identity("ada", "admin"))
            getattr(workspace, name)(**arguments(name), actor="cli")
            assert recorder.calls[-1][1]["actor"] == "ada", name


def test_what_reaches_out_is_declared_by_admins() -> None:
    operator = limited(Recorder(), Identity("ola", "operator"))
    operator.edit("model", "eta", {})
    for kind in ("channel", "source"):
        for call in (lambda kind=kind: operator.edit(kind, "x", {}), lambda kind=kind: operator.remove(kind, "x")):
            with pytest.raises(ForbiddenError, match="takes the role admin"):
                call()


def test_a_method_that_is_not_in_the_table_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "RULES", {name: rule for name, rule in RULES.items() if name != "models"})
    with pytest.raises(ForbiddenError, match="not in the table"):
        limited(Recorder(), Identity("ada", "admin")).models()


def test_there_is_no_way_around_the_proxy() -> None:
    workspace: Any = limited(Recorder(), Identity("ada", "admin"))
    for name in ("close", "_core", "__enter__"):
        with pytest.raises(AttributeError):
            getattr(workspace, name)


# -- tokens of some models -------------------------------------------------------------------------------------------------
def test_a_token_of_one_model_knows_of_no_other(shared: Guarded) -> None:
    only = limited(
        shared.workspace, Identity("token:x", "operator", frozenset({"read", "log", "act"}), frozenset({"eta"}))
    )
    assert [model["name"] for model in only.models()] == ["eta"]
    assert {entry["model"] for entry in only.schedule()} <= {"eta"}
    assert [each["name"] for each in only.declared()] == ["eta"]
    assert only.model("eta")["name"] == "eta"
    for call in (
        lambda: only.model("fare"),
        lambda: only.log("fare", []),
        lambda: only.run("fare"),
        lambda: only.model("none"),
    ):
        with pytest.raises(NotFoundError):
            call()
    for refused in (only.export, only.run, lambda: only.silence(ends=shared.clock(), comment="x")):
        with pytest.raises(ForbiddenError, match="eta"):
            refused()


def test_what_is_named_by_its_number_is_looked_up() -> None:
    class Two(Recorder):
        def alert(self, alert_id: str) -> dict[str, str]:
            return {"id": alert_id, "model": "eta" if alert_id == "mine" else "fare"}

        def job(self, job_id: str) -> dict[str, str]:
            return self.alert(job_id)

        def sources(self) -> list[dict[str, str]]:
            return [{"name": "mine", "model": "eta"}, {"name": "theirs", "model": "fare"}]

        def silences(self, **_: Any) -> list[dict[str, str]]:
            return [{"id": "mine", "model": "eta"}, {"id": "theirs", "model": "*"}]

        def deliveries(self, **_: Any) -> list[dict[str, Any]]:
            return [{"id": "mine", "model": "eta"}, {"id": "theirs", "model": None}]

    only = limited(Two(), Identity("token:x", "operator", frozenset({"read", "act"}), frozenset({"eta"})))  # type: ignore[arg-type]
    for name in ("acknowledge", "comment", "cancel_job", "unsilence", "redeliver", "run_source", "alert_picture"):
        given = {**arguments(name)}
        key = next(iter(given))
        getattr(only, name)(**{**given, key: "mine"})
        with pytest.raises(NotFoundError) as refused:
            getattr(only, name)(**{**given, key: "theirs"})
        assert "fare" not in str(refused.value), "whose it is would be told"
    with pytest.raises(NotFoundError, match="theirs"):
        only.retrain("eta", alert_id="theirs")


# -- every route -----------------------------------------------------------------------------------------------------------
def calls(shared: Guarded) -> list[tuple[str, str]]:
    """Every route and method of the API."""
    shown = shared.api.openapi()["paths"]
    found = [(method.upper(), path.removeprefix("/api")) for path, methods in shown.items() for method in methods]
    found += [("GET", "/v1/demo"), ("POST", "/v1/demo/play")]
    assert len(found) > 90
    return found


def address(path: str) -> str:
    return "/api" + re.sub(r"\{[^}]+\}", "1", path.replace("{model}", "eta"))


def ask(client: TestClient, method: str, path: str, **more: Any) -> Any:
    return client.request(method, address(path), headers={"origin": BASE, **more.pop("headers", {})}, **more)


@pytest.mark.slow
def test_a_stranger_gets_nothing_from_any_route(shared: Guarded) -> None:
    client = shared.client()
    for method, path in calls(shared):
        assert ask(client, method, path).status_code == 401, (method, path)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "x"):
        assert client.request(method, "/api/v1/models", headers={"origin": BASE}).status_code == 401


def test_viewers_change_nothing_by_any_route(shared: Guarded) -> None:
    """What needs a body is sent without one: whoever may not act is told so, or that the body is missing, and nothing happens."""
    client, before = shared.client("vera"), shared.workspace.audit(1)
    acting = [(method, path) for method, path in calls(shared) if method != "GET" and path not in READING_POSTS]
    refused = 0
    for method, path in acting:
        answer = ask(client, method, path)
        assert answer.status_code in {403, 422, 404}, (method, path, answer.status_code, answer.text)
        refused += answer.status_code == 403
    assert refused >= 20
    assert shared.workspace.audit(1) == before


BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/users"): {"name": "eve", "role": "admin", "password": "a long enough password"},
    ("PATCH", "/v1/users/{name}"): {"role": "admin"},
    ("POST", "/v1/tokens"): {"name": "t", "scopes": ["admin"]},
    ("POST", "/v1/models/{model}/deployments"): {"version": "v1"},
    ("POST", "/v1/models/{model}/logs"): {"rows": []},
    ("POST", "/v1/models/{model}/labels"): {"rows": []},
    ("POST", "/v1/models/{model}/predict"): {"datapoint": {"distance": 1}},
    ("POST", "/v1/models/{model}/erasures"): {"subject": "x"},
}


@pytest.mark.parametrize("name", ["vera", "ola"])
def test_with_a_right_body_it_is_no_different(shared: Guarded, name: str) -> None:
    client = shared.client(name)
    for (method, path), body in BODIES.items():
        wanted = (
            {403}
            if name == "vera" or "users" in path or "tokens" in path or "erasures" in path
            else {200, 404, 409, 422}
        )
        assert ask(client, method, path, json=body).status_code in wanted, (method, path)


def test_a_token_that_logs_can_do_that_and_nothing_else(shared: Guarded) -> None:
    headers = shared.bearer("log", models=["eta"])
    client = shared.client()
    logging = {"/v1/models/{model}/logs", "/v1/models/{model}/labels", "/v1/models/{model}/predict", "/v1/me"}
    logging |= {"/v1/models/{model}/loading"}
    for method, path in calls(shared):
        answer = ask(client, method, path, headers=headers)
        if path not in logging:
            assert answer.status_code in {403, 404, 415, 422}, (method, path, answer.status_code)
            assert answer.status_code != 404 or "demo" in path or "not found" in answer.text.lower(), (
                method,
                path,
                answer.text,
            )
    sent = client.post("/api/v1/models/eta/logs", json={"rows": []}, headers=headers)
    assert sent.status_code == 200
    assert client.post("/api/v1/models/fare/logs", json={"rows": []}, headers=headers).status_code == 404
    for path in ("/", "/alerts", "/metrics", "/api/docs", "/api/openapi.json", "/reports/evidently/eta/2024-01-01"):
        assert client.get(path, headers=headers).status_code == 403, path


def test_a_token_of_one_model_sees_it_alone_over_http(shared: Guarded) -> None:
    headers, client = shared.bearer("read", models=["eta"]), shared.client()
    assert [model["name"] for model in client.get("/api/v1/models", headers=headers).json()] == ["eta"]
    for method, path in calls(shared):
        if "{model}" in path and method == "GET":
            answer = client.get(address(path).replace("/eta", "/fare", 1), headers=headers)
            assert answer.status_code in {404, 403, 422}, (path, answer.text)
    for whole in ("/metrics", "/api/v1/declaration", "/api/v1/audit"):
        assert client.get(whole, headers=headers).status_code == 403, whole
    assert client.post("/api/v1/models/eta/logs", json={"rows": []}, headers=headers).status_code == 403


def test_tokens_expire_and_are_revoked_at_once(tmp_path: Path) -> None:
    with guarded(tmp_path / "home") as own:
        short, long = own.bearer("read", days=1), own.bearer("read")
        client = own.client()
        assert client.get("/api/v1/models", headers=short).status_code == 200
        own.clock.forward(hours=24)
        assert client.get("/api/v1/models", headers=short).status_code == 401
        assert client.get("/api/v1/models", headers=long).status_code == 200
        own.workspace.revoke_token("t1")
        assert client.get("/api/v1/models", headers=long).status_code == 401
        states = {token["name"]: token["state"] for token in own.workspace.tokens()}
        assert states == {"t0": "expired", "t1": "revoked"}


def test_a_feed_may_have_its_token_in_the_address_if_it_only_reads(shared: Guarded) -> None:
    client = shared.client()
    for path in ("/api/v1/feeds/alerts.json", "/api/v1/feeds/alerts.atom", "/api/v1/feeds/schedule.ics"):
        for scopes, status in ((["read"], 200), (["read", "act"], 401), (["admin"], 401)):
            secret = shared.bearer(*scopes)["authorization"].partition(" ")[2]  # type: ignore[arg-type]
            answer = client.get(f"{path}?model=eta&token={secret}" if "ics" not in path else f"{path}?token={secret}")
            assert answer.status_code == status, (path, scopes, answer.text)
            assert secret not in answer.text
    only = shared.bearer("read")["authorization"].partition(" ")[2]
    for path in ("/api/v1/models", "/", "/metrics"):
        assert client.get(f"{path}?token={only}").status_code == 401
    assert client.post(f"/api/v1/run?token={only}", headers={"origin": BASE}).status_code == 401


def test_no_field_can_be_smuggled_in(shared: Guarded) -> None:
    client = shared.client("ada")
    body = {"name": "eve", "role": "viewer", "password": "a long enough password"}
    for more in ({"disabled": False}, {"created_by": "x"}, {"id": 1}, {"issuer": "x", "subject": "y"}):
        assert client.post("/api/v1/users", json={**body, **more}, headers={"origin": BASE}).status_code == 422
    for role in ("root", "ADMIN", "", None, ["admin"]):
        assert client.post("/api/v1/users", json={**body, "role": role}, headers={"origin": BASE}).status_code == 422
    assert client.patch("/api/v1/users/vera", json={"name": "ada"}, headers={"origin": BASE}).status_code == 422
    refused = client.post("/api/v1/users", json={**body, "password": "x" * 2000}, headers={"origin": BASE})
    assert "xxxx" not in refused.text


@pytest.mark.parametrize(
    "name", ["cli", "CLI", "dashboard", "token@127.0.0.1", "token:x", "a b", "", "<script>", "ｃｌｉ", "api@x", "a\nb"]
)
def test_no_user_can_be_called_what_rights_rest_on(shared: Guarded, name: str) -> None:
    body = {"name": name, "role": "viewer", "password": "a long enough password"}
    assert shared.client("ada").post("/api/v1/users", json=body, headers={"origin": BASE}).status_code == 422


def test_no_answer_and_no_audit_entry_holds_a_secret(shared: Guarded) -> None:
    client = shared.client("ada")
    body = {"name": "nora", "role": "viewer", "password": "a password to look for"}
    assert client.post("/api/v1/users", json=body, headers={"origin": BASE}).status_code == 201
    made = client.post("/api/v1/tokens", json={"name": "looked-for", "scopes": ["read"]}, headers={"origin": BASE})
    assert made.headers["cache-control"] == "no-store"
    secret = made.json()["secret"]
    told = "".join(client.get(f"/api/v1/{path}").text for path in ("users", "tokens", "audit"))
    assert secret not in told
    assert "look for" not in told
    assert "scrypt" not in told
    assert client.delete("/api/v1/users/nora", headers={"origin": BASE}).status_code == 204
    actors = [entry["actor"] for entry in shared.workspace.audit(3)]
    assert actors == ["ada", "ada", "ada"]


def test_the_last_admin_stays(shared: Guarded) -> None:
    client = shared.client("ada")
    for change in ({"role": "viewer"}, {"disabled": True}):
        assert client.patch("/api/v1/users/ada", json=change, headers={"origin": BASE}).status_code == 409
    assert client.delete("/api/v1/users/ada", headers={"origin": BASE}).status_code == 409
