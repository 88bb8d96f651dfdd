"""From a file to first readings, of a workspace that opens the folder and of one that speaks HTTP to its owner."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from service.local import LocalWorkspace, set_up
from service.setting_up_views import SetUpView
from service.workspace import ConflictError, NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import NOW, START, opened
from tests.support.homes import empty


@pytest.fixture(params=["local", "remote"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened(request.param, tmp_path / "home") as workspace:
        yield workspace


def rows(days: int = 40, a_day: int = 60) -> pd.DataFrame:
    dice = np.random.default_rng(3)
    n = days * a_day
    x = dice.normal(10, 2, n)
    return pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(n)],
            "timestamp": [(START + timedelta(days=days * i / n)).isoformat() for i in range(n)],
            "distance": x,
            "city": dice.choice(["Berlin", "Łódź", "O'Hare"], n),
            "predicted": (2 * x).round(2),
            "actual": (2 * x + dice.normal(0, 1, n)).round(2),
        }
    )


def dropped(folder: Path, frame: pd.DataFrame, name: str = "orders.csv") -> Path:
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def words(view: SetUpView) -> dict[str, str]:
    return {step["key"]: step["words"] for step in view["steps"]}


@pytest.mark.slow
def test_a_dropped_file_becomes_a_monitored_model(workspace: Workspace, tmp_path: Path) -> None:
    kept = workspace.keep_upload(dropped(tmp_path, rows()))
    assert kept["name"] == "orders.csv"
    found = workspace.propose(kept["id"], choices={"window": "1d"})
    assert (found["name"], found["task"], found["rows"], found["reference_windows"]) == (
        "orders",
        "regression",
        2400,
        14,
    )
    assert workspace.models() == []  # a proposal changes nothing
    assert workspace.setting_up(kept["id"])["state"] == "waiting"
    done = workspace.set_up(kept["id"], {"window": "1d"})
    assert (done["state"], done["model"], done["error"]) == ("done", "orders", None)
    assert [step["state"] for step in done["steps"]] == ["done"] * 6
    assert words(done)["log"] == "2,400 rows"
    assert words(done)["label"] == "2,400 labels"
    assert words(done)["run"].startswith("45 windows, ")  # and days without rows until today
    model = workspace.model("orders")
    assert model["rows"] == {"logs": 2400, "labels": 2400, "quarantined": 0}
    assert model["reference_rows"] == 14 * 60
    assert model["metric"] is not None
    assert workspace.drift_table("orders")
    assert done["toml"] is not None
    assert workspace.apply(done["toml"])["unchanged"] == ["models.orders"]  # the TOML is what stands
    declared = {view["name"]: view for view in workspace.declared()}
    assert declared["orders"]["kind"] == "model"
    assert workspace.set_up(kept["id"]) == done  # again: nothing happens
    with pytest.raises(NotFoundError, match="was set up, and is not kept any more"):
        workspace.propose(kept["id"])


@pytest.mark.slow
def test_a_file_without_times_ids_or_labels_is_set_up_too(workspace: Workspace, tmp_path: Path) -> None:
    frame = rows().drop(columns=["order_id", "timestamp", "actual"])
    kept = workspace.keep_upload(dropped(tmp_path, frame))
    done = workspace.set_up(kept["id"])
    assert words(done)["label"] == "none in the file"
    assert words(done)["log"] == "2,400 rows"
    windows = workspace.windows("orders")
    assert {window["rows"] for window in windows if window["rows"]} == {200}
    again = workspace.keep_upload(dropped(tmp_path, frame))
    every = workspace.set_up(again["id"], {"name": "all_of_it", "times": "none"})
    assert words(every)["log"] == "none: without times every row belongs to the reference"
    assert workspace.model("all_of_it")["reference_rows"] == 2400


@pytest.mark.slow
def test_what_cannot_be_is_refused_before_anything_is_set_up(workspace: Workspace, tmp_path: Path) -> None:
    path = dropped(tmp_path, rows(days=10))
    first = workspace.keep_upload(path)
    workspace.set_up(first["id"])
    second = workspace.keep_upload(path)
    assert workspace.propose(second["id"])["name"] == "orders_2"
    with pytest.raises(ConflictError, match="there is a model 'orders' already: give this one another name"):
        workspace.set_up(second["id"], {"name": "orders"})
    with pytest.raises(WorkspaceError, match="no column 'ghost'"):
        workspace.propose(second["id"], choices={"columns": {"ghost": {"role": "label"}}})
    assert [model["name"] for model in workspace.models()] == ["orders"]
    assert workspace.set_up(second["id"])["model"] == "orders_2"


@pytest.mark.slow
def test_files_that_cannot_be_read_say_so(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be read: No such file"):
        workspace.keep_upload(tmp_path / "nowhere.csv")
    with pytest.raises(WorkspaceError, match=r"nothing\.csv is empty"):
        workspace.keep_upload(io.BytesIO(b""), name="nothing.csv")
    for content in (b"PAR1 this is none PAR1", b"\x1f\x8b\x08 cut", b"a,b\n"):
        kept = workspace.keep_upload(io.BytesIO(content), name="odd.parquet")
        with pytest.raises(WorkspaceError, match=r"odd\.parquet"):
            workspace.propose(kept["id"])
    for name in ("0" * 16, "..%2F..", "nobody"):
        with pytest.raises(NotFoundError):
            workspace.setting_up(name)


def test_a_file_waits_a_day_and_few_wait_at_once(tmp_path: Path) -> None:
    now = [NOW]
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: now[0]) as workspace:
        first = workspace.keep_upload(io.BytesIO(b"a\n1\n"), name="a.csv")
        assert workspace.setting_up(first["id"])["state"] == "waiting"
        now[0] = NOW + timedelta(hours=25)
        later = []
        for _ in range(9):
            now[0] += timedelta(minutes=1)
            later.append(workspace.keep_upload(io.BytesIO(b"a\n1\n"), name="b.csv"))
        with pytest.raises(NotFoundError, match="Drop it again"):
            workspace.setting_up(first["id"])
        with pytest.raises(NotFoundError):
            workspace.setting_up(later[0]["id"])
        assert workspace.setting_up(later[-1]["id"])["state"] == "waiting"
        assert len(list((tmp_path / "home" / "uploads").iterdir())) == 8


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["log", "label", "reference", "run"])
def test_what_was_interrupted_goes_on_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        kept = workspace.keep_upload(dropped(tmp_path, rows(days=20)))
        with monkeypatch.context() as patched:
            whole = set_up._DO[broken]

            def dies(work: set_up._Work) -> str:
                whole(work)  # the work is done, and nobody hears of it
                raise WorkspaceError("the lights went out")

            patched.setitem(set_up._DO, broken, dies)
            with pytest.raises(
                WorkspaceError, match=r"the lights went out\. What stands: read the file, .*Repeat to go on"
            ):
                workspace.set_up(kept["id"])
        failed = workspace.setting_up(kept["id"])
        assert (failed["state"], failed["model"]) == ("failed", "orders")
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        done = workspace.set_up(kept["id"], {"name": "another"})  # what was begun goes on as it was planned
        assert (done["state"], done["model"]) == ("done", "orders")
        assert workspace.model("orders")["rows"] == {"logs": 1200, "labels": 1200, "quarantined": 0}
        assert len(workspace.references("orders")) == 1


@pytest.mark.slow
def test_the_dashboard_owns_what_it_set_up_and_commands_what_they_did(tmp_path: Path) -> None:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        for actor, name in (("dashboard", "a"), ("cli", "b")):
            kept = workspace.keep_upload(dropped(tmp_path, rows(days=10)))
            workspace.set_up(kept["id"], {"name": name}, actor=actor)
        assert {view["name"]: view["declared_in"] for view in workspace.declared()} == {"a": "dashboard", "b": "file"}
        assert [entry["actor"] for entry in workspace.audit() if entry["action"] == "set up"] == ["cli", "dashboard"]
