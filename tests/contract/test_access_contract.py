"""Users and tokens: the same through the folder and over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.workspace import ConflictError, NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, opened

PASSWORD = "a long enough password"


@pytest.fixture(params=["local", "remote"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened(request.param, tmp_path / "home") as workspace:
        workspace.apply(DECLARATION)
        yield workspace


@pytest.mark.slow
def test_users_are_added_changed_and_removed(workspace: Workspace) -> None:
    assert workspace.users() == []
    added = workspace.add_user("Ada", role="admin", password=PASSWORD)
    assert (added["name"], added["role"], added["signs_in"], added["disabled"]) == ("Ada", "admin", "password", False)
    with pytest.raises(ConflictError, match="driftdeck user set"):
        workspace.add_user("ADA", role="viewer", password=PASSWORD)
    workspace.add_user("vera@corp.example", role="viewer", password=PASSWORD)
    assert workspace.set_user("VERA@corp.example", role="operator", disabled=True)["disabled"]
    assert [(user["name"], user["role"]) for user in workspace.users()] == [
        ("Ada", "admin"),
        ("vera@corp.example", "operator"),
    ]
    workspace.remove_user("vera@corp.example")
    with pytest.raises(NotFoundError, match="there is: Ada"):
        workspace.remove_user("vera@corp.example")
    for change in ({"role": "viewer"}, {"disabled": True}):
        with pytest.raises(ConflictError, match="the only admin"):
            workspace.set_user("ada", **change)
    workspace.remove_user("ada")  # the last one of all may go: nobody is shut out by it
    actions = [entry["action"] for entry in workspace.audit(5)]
    assert actions == ["remove user", "remove user", "change user", "add user", "add user"]


@pytest.mark.parametrize("password", ["short", "a" * 30, "ada", "x" * 500])
def test_weak_passwords_are_refused_in_words(workspace: Workspace, password: str) -> None:
    with pytest.raises(WorkspaceError, match="password") as refused:
        workspace.add_user("ada", role="admin", password=password)
    assert password not in str(refused.value)


def test_tokens_are_made_listed_and_revoked(workspace: Workspace) -> None:
    made = workspace.create_token("nightly", scopes=["log", "read", "log"], models=["eta"], days=30)
    assert made["secret"].startswith("drift_")
    assert (made["token"]["scopes"], made["token"]["models"], made["token"]["state"]) == (
        ["read", "log"],
        ["eta"],
        "active",
    )
    assert made["token"]["expires_at"] == "2024-03-31T00:00:00+00:00"
    with pytest.raises(ConflictError, match="give another name"):
        workspace.create_token("nightly", scopes=["read"])
    assert workspace.revoke_token("nightly")["state"] == "revoked"
    assert workspace.revoke_token("nightly")["state"] == "revoked"
    with pytest.raises(ConflictError):
        workspace.create_token("nightly", scopes=["read"])  # what stands in the audit stays one token
    assert [token["name"] for token in workspace.tokens()] == ["nightly"]
    with pytest.raises(NotFoundError, match="there is: nightly"):
        workspace.revoke_token("others")


def test_what_no_token_can_be(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="there is no model"):
        workspace.create_token("t", scopes=["read"], models=["none"])
    with pytest.raises(WorkspaceError, match="admin is about every model"):
        workspace.create_token("t", scopes=["admin"], models=["eta"])
    for name in ("", "a b", "x" * 100, "<script>"):
        with pytest.raises(WorkspaceError):
            workspace.create_token(name, scopes=["read"])
    assert workspace.tokens() == []
