"""``driftdeck user`` and ``driftdeck token``."""

import io
import json
import sys
from pathlib import Path

import pytest

from service.cli import main


def call(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> tuple[int, str, str]:
    code = 0
    sys.argv = ["driftdeck", "--home", str(home), *words]
    try:
        main()
    except SystemExit as left:
        code = int(left.code or 0)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.slow
def test_users_by_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long enough password\n"))
    code, out, _ = call(capsys, home, "user", "add", "ada", "--role", "admin", "--password-stdin", "--json")
    assert (code, json.loads(out)["name"]) == (0, "ada")
    assert "long enough" not in out
    code, out, _ = call(capsys, home, "user", "list", "--json")
    assert [user["role"] for user in json.loads(out)] == ["admin"]
    code, _, err = call(capsys, home, "user", "add", "eve", "--role", "viewer")
    assert code == 2  # nobody is at a terminal, and an argument would be seen by others
    assert "--password-stdin" in err
    assert call(capsys, home, "user", "add", "eve", "--role", "root")[0] == 2
    assert call(capsys, home, "user", "set", "ada")[0] == 2
    code, _, err = call(capsys, home, "user", "set", "ada", "--disable")
    assert (code, "the only admin" in err) == (1, True)


@pytest.mark.slow
def test_a_tokens_secret_is_all_that_stands_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setattr(sys, "argv", sys.argv)
    code, out, err = call(capsys, home, "token", "create", "nightly", "--scope", "read", "--days", "30")
    assert code == 0
    assert out.startswith("drift_")
    assert len(out.split()) == 1
    assert "not shown again" in err
    code, listed, _ = call(capsys, home, "token", "list")
    assert out.strip() not in listed
    assert "active" in listed
    assert call(capsys, home, "token", "revoke", "nightly")[0] == 0
    assert json.loads(call(capsys, home, "token", "list", "--json")[1])[0]["state"] == "revoked"
