"""Sources are the same at both doors: declared, run, listed, refused."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_data.declaration import Source
from reference_data.plugins import discover
from service.local import LocalWorkspace
from service.remote import RemoteWorkspace
from service.workspace import ConflictError, NotFoundError, Workspace, WorkspaceError
from storage.sources import SourceKind, source_kind
from tests.contract.test_workspace_contract import NOW, Owner
from tests.support.homes import empty
from tests.support.source_home import MODEL, Sqlite, csv, source

KINDS: dict[str, SourceKind] = discover("storage.sources", "SOURCE")
ADDRESS = "scheme://ada:l0velace@host/x"


@pytest.fixture(params=["local", "remote"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    if request.param == "local":
        with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as local:
            yield local
        return
    owner = Owner(tmp_path / "home")
    try:
        with RemoteWorkspace(owner.url, secret="local") as remote:
            yield remote
    finally:
        owner.stop()


@pytest.fixture
def shop(tmp_path: Path, workspace: Workspace) -> Sqlite:
    shop = Sqlite(tmp_path / "shop.db")
    query = source(sql="SELECT * FROM predictions", connection=shop.address, watermark="changed", schedule="0 2 * * *")
    workspace.apply(MODEL + query + source("files", read=str(tmp_path / "*.csv")))
    return shop


def test_a_source_is_run_and_tells_of_it(workspace: Workspace, shop: Sqlite, tmp_path: Path) -> None:
    assert [(view["name"], view["kind"], view["state"]) for view in workspace.sources()] == [
        ("files", "files", "waiting"),
        ("sales", "sql", "waiting"),
    ]
    assert workspace.source_runs("sales") == []
    shop.add(range(20))
    done = workspace.run_source("sales")
    assert (done["state"], done["rows"], done["accepted"], done["trigger"]) == ("done", 20, 20, "manual")
    assert workspace.source_runs("sales") == [done]
    assert workspace.sources()[1]["last_run"] == done
    csv(tmp_path / "more.csv", range(20, 25))
    assert workspace.run_source("files")["accepted"] == 5
    assert workspace.model("eta")["rows"]["logs"] == 25
    assert workspace.source_runs("sales", limit=1) == [done]


def test_a_run_that_fails_is_an_answer_and_a_source_that_is_not_there_an_error(
    workspace: Workspace, shop: Sqlite
) -> None:
    workspace.apply(source("broken", sql="SELECT * FROM nowhere", connection=shop.address, watermark="x"))
    failed = workspace.run_source("broken")
    assert failed["state"] == "failed"
    assert "no such table: nowhere" in str(failed["error"])
    for call in (lambda: workspace.run_source("salse"), lambda: workspace.source_runs("salse")):
        with pytest.raises(NotFoundError, match="there is no source 'salse'; this workspace has: broken, files, sales"):
            call()


def test_a_bad_declaration_is_refused_with_its_line(workspace: Workspace, shop: Sqlite) -> None:
    with pytest.raises(WorkspaceError, match=r"^line 3: sources\.x\.model: there is no model 'eat'"):
        workspace.apply(source("x", model="eat", read="a.csv"))


def test_two_runs_at_once_are_a_conflict(workspace: Workspace, shop: Sqlite, monkeypatch) -> None:
    from service.local import sources as runs

    shop.add(range(3))
    inside, free = threading.Event(), threading.Event()
    take = runs._append

    def slow(*arguments) -> None:
        inside.set()
        free.wait(20)
        take(*arguments)

    monkeypatch.setattr(runs, "_append", slow)
    thread = threading.Thread(target=workspace.run_source, args=("sales",))
    thread.start()
    try:
        assert inside.wait(20)
        with pytest.raises(ConflictError, match="'sales' is running since"):
            workspace.run_source("sales")
    finally:
        free.set()
        thread.join()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_of_place_says_what_it_reads_without_secrets(kind: SourceKind) -> None:
    rest = {} if kind.serves == "read" else {"connection": ADDRESS}
    told = {"read": ADDRESS, "kind": kind.name}.get(kind.serves, "thing")
    declared = Source.model_validate({"name": "x", "model": "m", kind.serves: told} | rest)
    assert source_kind(declared) is kind
    assert "l0velace" not in kind.place(declared)
    assert "host" in kind.place(declared)
    assert kind.words(declared, {}) is None
    assert kind.read.__doc__
