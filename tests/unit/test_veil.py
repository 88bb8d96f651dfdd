"""What those who look on are shown of what is declared: no address, password or secret of what reaches out."""

import tomllib
from pathlib import Path

import pytest

from service.declaration_file import parse
from service.identity import Identity
from service.roles import limited
from tests.support.guarded import guarded

SECRETS = ("PASS1", "PASS2", "PASS3", "PASS4", "PASS5", "PASS6", "PASS7")
TOML = """
[channels.hook]
url = "https://user:PASS1@example.com/hook/PASS2?token=PASS3"
severity = ["page"]
[channels.paged]
url = "${PAGER}"
severity = ["page"]
[sources.sales]
model = "eta"
sql = "SELECT * FROM sales"
connection = "postgresql://ada:PASS4@db:5432/sales?sslpassword=PASS5"
options = { key = "PASS6" }
[sources.bucket]
model = "eta"
read = "https://store.example.com/rows/*.csv?signature=PASS7"
"""
VIEWER, OPERATOR = Identity("vera", "viewer"), Identity("ola", "operator")
READS = Identity("token:r", "viewer", frozenset({"read"}), how="token")
ONE_MODEL = Identity("token:m", "operator", frozenset({"read", "act"}), frozenset({"eta"}), "token")


@pytest.mark.parametrize("who", [VIEWER, OPERATOR, READS], ids=["viewer", "operator", "read"])
def test_secrets_of_what_reaches_out_are_shown_to_admins_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: Identity
) -> None:
    monkeypatch.setenv("PAGER", "https://pager.example.com")
    with guarded(tmp_path / "home") as found:
        found.workspace.apply(found.workspace.export() + TOML, actor="cli")
        theirs, mine = limited(found.workspace, who), limited(found.workspace, Identity("ada", "admin"))
        whole, shown = mine.export(), theirs.export()
        for secret in SECRETS:
            assert secret in whole, "an admin's export can be applied again"
            assert secret not in shown, secret
            assert secret not in str(theirs.declared()), secret
        parse(shown, None)
        channels, sources = (tomllib.loads(shown)[section] for section in ("channels", "sources"))
        assert (channels["hook"]["url"], channels["paged"]["url"]) == ("https://example.com", "${PAGER}")
        assert sources["sales"]["connection"] == "postgresql://db:5432/sales"
        assert sources["bucket"]["read"] == "https://store.example.com/rows/*.csv"


def test_a_token_of_one_model_is_shown_no_secret_of_its_source_and_nothing_of_other_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "https://pager.example.com")
    with guarded(tmp_path / "home") as found:
        found.workspace.apply(found.workspace.export() + TOML, actor="cli")
        only = limited(found.workspace, ONE_MODEL)
        declared = only.declared()
        assert {each["name"] for each in declared} == {"eta", "sales", "bucket"}
        assert not [secret for secret in SECRETS if secret in str(declared)]
        assert set(only.health()) <= {"status", "now", "system_now"}
