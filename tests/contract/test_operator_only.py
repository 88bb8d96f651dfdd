"""Over HTTP nobody declares what reads the owner's files and environment; the command line does."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.remote import RemoteWorkspace
from tests.contract.test_workspace_contract import Owner
from tests.support.source_home import MODEL, source

BYTES = source("y", read="/etc/passwd")
CHANNEL = '\n[channels.{name}]\nurl = "json://127.0.0.1/{path}"\n'


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    running = Owner(tmp_path / "home")
    try:
        yield running
    finally:
        running.stop()


def post(owner: Owner, text: str, token: str = "sesame") -> httpx.Response:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/toml"}
    return httpx.post(f"{owner.url}/api/v1/apply", content=text, headers=headers)


def test_sources_are_declared_by_the_command_line_only(owner: Owner) -> None:
    refused = post(owner, MODEL + BYTES)
    assert refused.status_code == 422
    assert "sources.y" in refused.json()["error"]
    assert "declare sources with the command line: driftdeck apply FILE" in refused.json()["error"]
    assert owner.workspace.sources() == []
    assert owner.workspace.models() == []  # all of it, or nothing
    with RemoteWorkspace(owner.url, secret="local") as remote:
        assert remote.apply(MODEL + BYTES)["created"] == ["models.eta", "sources.y"]


def test_a_source_that_is_as_it_was_may_stand_beside_other_news(owner: Owner) -> None:
    assert post(owner, MODEL + BYTES, "local").status_code == 200
    again = post(owner, MODEL.replace('city = "categorical"', 'city = "text"') + BYTES)
    assert (again.status_code, again.json()["unchanged"]) == (200, ["sources.y"])
    changed = post(owner, MODEL + source("y", read="/etc/shadow"))
    assert changed.status_code == 422
    assert owner.workspace.core.source("y").read == "/etc/passwd"


def test_a_channel_that_names_a_variable_is_the_operators_too(owner: Owner, monkeypatch) -> None:
    monkeypatch.setenv("HARVEST", "s3cret-value")
    sent = CHANNEL.format(name="theirs", path="${HARVEST}")
    assert post(owner, sent).status_code == 422
    assert post(owner, CHANNEL.format(name="plain", path="x")).status_code == 200
    assert post(owner, sent, "local").status_code == 200
    assert post(owner, sent).json()["unchanged"] == ["channels.theirs"]


def test_no_error_tells_a_caller_what_a_variable_holds(owner: Owner, monkeypatch) -> None:
    monkeypatch.setenv("HARVEST", "s3cret-value")
    wrong = MODEL.replace('"regression"', '"${HARVEST}"')
    answer = post(owner, wrong)
    assert answer.status_code == 422
    assert "s3cret-value" not in answer.text
    assert "task" in answer.text


@pytest.mark.parametrize(
    "declared",
    [
        'command = ["python", "train.py"]',
        'estimator = "mine.models:make"',
        'env = ["TEAM_CHAT"]',
        'spark = { staging = "/mnt/shared" }',
        'ensemble = { kind = "voting", members = ["sklearn.linear_model.Ridge", "mine:make"] }',
        'spark = { master = "spark://elsewhere:7077" }',
    ],
)
def test_training_code_is_declared_by_the_command_line_only(owner: Owner, declared: str) -> None:
    text = MODEL + f"[models.eta.retrain]\n{declared}\n"
    refused = post(owner, text)
    assert refused.status_code == 422
    assert "models.eta.retrain: code of one's own" in refused.json()["error"]
    assert owner.workspace.models() == []
    assert post(owner, text, "local").status_code == 200
    assert post(owner, text + "candidates = 3\n").json()["changed"] == ["models.eta"]  # what runs stays what it was
    again = text.replace("train.py", "x.py").replace("mine", "other").replace("elsewhere", "there")
    again = again.replace("TEAM_CHAT", "SHOP_DB").replace("/mnt/shared", "/mnt/other")
    assert post(owner, again).status_code == 422
