"""What a deletion finds beside rows that say whom they are about."""

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette

from service.api.app import api_routes
from service.local import LocalWorkspace
from service.settings import Settings
from storage import backup, log_queries
from storage.errors import StorageError
from storage.log_queries import export_parquet
from storage.mentions import mentions

NOW = datetime(2024, 7, 1, tzinfo=UTC)
DECLARED = """
[models.eta]
task = "regression"
id = "ride"
time = "at"
subject = "customer"
prediction = "guess"

[models.eta.features]
distance = "numeric"
"""
HASHED = DECLARED + '\n[models.eta.privacy]\ncustomer = "hash"\n'


def opened(home: Path, declared: str = DECLARED, now: datetime = NOW) -> LocalWorkspace:
    ws = LocalWorkspace.open(home, now=lambda: now)
    ws.apply(declared)
    return ws


def row(ride: str, customer: str | None, distance: Any = 1.0) -> dict[str, Any]:
    return {"ride": ride, "at": "2024-06-01", "guess": 1.0, "distance": distance, "customer": customer}


def held(ws: LocalWorkspace, sql: str) -> list[Any]:
    with ws.core.db.cursor() as con:
        return [found[0] for found in con.execute(sql).fetchall()]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("alice", "q9,2024-06-01,1,1,alice,extra", True),
        ("alice", '{"customer":"alice"}', True),
        ("alice", "malice,alice2,alice@x.com,alice-b", False),
        ("1", "2024-1-01 12:1,10,1.5,b-1,a+1", False),
        ("1", "a,1,b", True),
        ("1", '{"customer":1}', True),
        ('O\'H "x", é', 'a,"O\'H ""x"", é",b', True),
        ('O\'H "x", é', '{"c":"O\'H \\"x\\", \\u00e9"}', True),
        ("a.*", "abc", False),
    ],
)
def test_a_name_is_found_as_a_whole_token(name: str, text: str, found: bool) -> None:
    assert mentions(text, [name]) is found


def test_lines_that_could_not_be_read_are_deleted_by_subject_and_by_id(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    lines = [
        "ride,at,guess,distance,customer",
        "q1,2024-06-01,1,1,alice",
        *[f"r{n},2024-06-01,1,1,bob" for n in range(9)],
    ]
    refused = [
        f"{ride},2024-06-01,1,1,{who},extra"
        for ride, who in [("q9", "alice"), ("q1", "x"), ("q8", "bob"), ("q7", "malice")]
    ]
    file.write_text("\n".join([*lines, *refused]) + "\n")
    with opened(tmp_path / "home") as ws:
        assert ws.log("eta", file)["rejected_rows"] == 4
        receipt = ws.erase("eta", "alice")
        assert receipt["deleted"]["quarantine"] == 2
        assert receipt["deleted"]["logs"] == 1
        assert held(ws, "SELECT content FROM quarantine ORDER BY row") == refused[2:]
        assert not any("refused rows" in words for words in receipt["kept"])


@pytest.mark.slow
def test_a_number_is_no_name_where_the_row_names_another(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as ws:
        ws.log("eta", [row("q1", "bob", "1 mile"), row("q2", "bob", "to alice"), row("q3", "1", "far")])
        assert ws.erase("eta", "1")["deleted"]["quarantine"] == 1
        assert ws.erase("eta", "alice")["deleted"]["quarantine"] == 1
        assert held(ws, "SELECT value FROM quarantine") == ["1 mile"]


def test_what_was_refused_of_a_hashed_subject_and_cannot_be_found_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("ride,at,guess,distance,customer\nq1,2024-06-01,1,1,alice\nq9,2024-06-01,1,1,alice,extra\n")
    with opened(tmp_path / "home", HASHED) as ws:
        ws.log("eta", file)
        receipt = ws.erase("eta", "alice")
        assert receipt["deleted"]["quarantine"] == 0
        assert any(words.startswith("1 refused rows of which neither") for words in receipt["kept"])


@pytest.mark.parametrize("declared", [DECLARED, HASHED])
def test_answers_that_are_kept_lose_the_rows_of_the_subject_and_no_others(tmp_path: Path, declared: str) -> None:
    sent = [row("q1", "1", "phone 555-1234"), row("q2", "bob", "1 mile"), row("q3", "2", "far"), row("q4", "1")]
    with opened(tmp_path / "home", declared) as ws:
        told = ws.log("eta", sent, key="k")
        assert [set(entry) & {"id", "subject"} for entry in told["rejected"]] == [set()] * 3
        assert ws.log("eta", sent, key="k") == told
        ws.erase("eta", "1")
        (kept,) = held(ws, "SELECT result FROM append_key")
        assert [entry["id"] for entry in json.loads(kept)["rejected"]] == ["q2", "q3"]
        again = ws.log("eta", sent, key="k")
        assert again["rejected"] == told["rejected"][1:]
        assert again["rejected_rows"] == 3


def test_a_restore_erases_who_is_named_by_a_refused_line_only(tmp_path: Path) -> None:
    from service.local import care

    file = tmp_path / "rows.csv"
    refused = ["q9,2024-06-01,1,1,alice,extra", "q8,2024-06-01,1,1,bob,extra"]
    file.write_text(
        "ride,at,guess,distance,customer\nq1,2024-06-01,1,1,bob\nq2,2024-06-01,1,1,bob\nq3,2024-06-01,1,1,bob\n"
        + "\n".join(refused)
    )
    with opened(tmp_path / "home") as ws:
        ws.log("eta", file)
        ws.backup(tmp_path / "b")
        assert ws.erase("eta", "alice")["deleted"]["quarantine"] == 1
    care.restore(tmp_path / "home", tmp_path / "b", lambda: NOW + timedelta(hours=1))
    with opened(tmp_path / "home") as ws:
        assert held(ws, "SELECT content FROM quarantine") == refused[1:]


def test_rows_of_a_training_job_are_deleted_after_they_have_left_the_log(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "jobs" / "j1"
    with opened(tmp_path / "home") as ws:
        ws.log("eta", [row("q1", "alice"), row("q2", "bob"), row("q3", "alice")])
        ws.label("eta", [{"ride": f"q{n}", "label": 1.0} for n in (1, 2, 3)])
        folder.mkdir()
        (folder / "request.json").write_text('{"model": "eta"}')
        period = (datetime(2024, 5, 1, tzinfo=UTC), NOW)
        assert export_parquet(ws.core.db, ws.core.spec("eta"), *period, folder / "rows.parquet") == 3
        pq.write_table(pa.table({"_id": ["q1", "q2"]}), folder / "reference.parquet")  # of an earlier version
        ws.core.db.write(lambda con: con.execute("DELETE FROM log_eta").fetchall())  # as retention does
        receipt = ws.erase("eta", "alice")
        assert receipt["deleted"]["logs"] == 0
        assert receipt["deleted"]["jobs"] == 2
        assert pq.read_table(folder / "rows.parquet")["_id"].to_pylist() == ["q2"]
        assert any(words.startswith("jobs/j1/reference.parquet") for words in receipt["kept"])


def test_a_backup_under_way_is_named_and_one_that_failed_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = backup.write_backup
    receipts: list[Any] = []

    def slow(*given: Any) -> Any:
        receipts.append(ws.erase("eta", "alice"))
        return write(*given)

    with opened(tmp_path / "home") as ws:
        ws.log("eta", [row("q1", "alice")])
        with pytest.raises(StorageError, match="in a folder that exists"):
            ws.backup(tmp_path / "nowhere" / "failed")
        monkeypatch.setattr(backup, "write_backup", slow)
        ws.backup(tmp_path / "under-way")
        monkeypatch.undo()
        (named,) = [words for words in receipts[0]["kept"] if "the backup" in words]
        assert f"{tmp_path / 'under-way'} that was begun at" in named
        assert "restored anywhere else it brings the rows back" in named
        (named,) = [words for words in ws.erase("eta", "alice")["kept"] if "the backup" in words]
        assert f"{tmp_path / 'under-way'} of 2024-07-01" in named


@pytest.mark.slow
def test_a_restore_says_whom_it_knows_and_where_it_cannot_know(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as ws:
        ws.log("eta", [row("q1", "alice"), row("q2", "bob")])
        first = ws.erase("eta", "bob")["id"]
        ws.backup(tmp_path / "b")
        ws.erase("eta", "alice")
    run = [
        sys.executable,
        "-c",
        "from service.cli import main; main()",
        "restore",
        str(tmp_path / "b"),
        "--home",
        str(tmp_path / "other"),
    ]
    told = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert f"applied: {first}\n" in told
    assert "whoever was erased elsewhere after 2024-07-01" in told
    with opened(tmp_path / "other") as ws:
        assert ws.erase("eta", "alice")["deleted"]["logs"] == 1


def test_a_subject_is_deleted_over_http_by_its_path(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as ws:
        ws.log("eta", [row("q1", "a/b ü"), row("q2", "bob")])
        http = TestClient(Starlette(routes=api_routes(ws, Settings())))
        answer = http.delete(f"/api/v1/models/eta/subjects/{quote('a/b ü')}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["deleted"]["logs"] == 1
        assert held(ws, "SELECT _id FROM log_eta") == ["q2"]
        assert http.get("/api/v1/erasures").json() == [answer.json()]
        assert http.delete("/api/v1/models/nobody/subjects/bob").status_code == 404


def test_repeats_of_a_long_ledger_are_counted_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_queries, "_LONG", 4)
    with opened(tmp_path / "home") as ws:
        spec = ws.core.spec("eta")

        def counted(values: list[tuple[int, float]]) -> int:
            ws.label("eta", [{"ride": f"q{n}", "label": value} for n, value in values])
            log_queries.count_repeats(ws.core.db, spec)
            with ws.core.db.cursor() as con:
                return log_queries.count_rows(con, spec).labels

        assert counted([(n, 1.0) for n in range(4)]) == 4  # not long yet: counted as they stand
        assert counted([(4, 1.0), (0, 2.0)]) == 5
        assert counted([(0, 3.0), (1, 3.0)]) == 5
        assert counted([(n, 4.0) for n in range(12)]) == 12
        for _ in range(3):  # at most twice the threshold at a time
            log_queries.count_repeats(ws.core.db, spec)
        assert counted([]) == 12
        assert held(ws, "SELECT repeats FROM label_repeats") == [held(ws, "SELECT count(*) FROM label_eta")[0] - 12]


def test_what_rows_lie_in_is_its_owners_only_in_an_existing_home_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with opened(home) as ws:
        ws.log("eta", [row(f"q{n}", "bob", float(n)) for n in range(40)])
        ws.label("eta", [{"ride": f"q{n}", "label": 1.0} for n in range(40)])
        ws.reference("eta", ("2024-05-31", "2024-06-03"))
        made = [home / "driftdeck.duckdb", home / "references" / "eta_1.parquet"]
        assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o600, 0o600]
        for path in made:
            path.chmod(0o644)
        for name in ("archives", "backups", "references"):
            (home / name).mkdir(exist_ok=True)
            (home / name).chmod(0o755)
    with opened(home) as ws:
        assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o600, 0o600]
        assert {stat.S_IMODE((home / name).stat().st_mode) for name in ("archives", "backups", "references")} == {0o700}
        made[0].chmod(0o640)
        wrong = [finding["advice"] for finding in ws.doctor() if finding["check"] == "permissions"]
        assert wrong == [f"chmod 600 {made[0]}"]
