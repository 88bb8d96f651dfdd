"""``driftdeck reference`` and ``driftdeck references`` on a home of their own."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from service.cli import main
from tests.support.tiny_workspace import A_DAY, DECLARATION, REFERENCE_DAYS, rows


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def invoke(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["driftdeck", "--home", str(tmp_path / "home"), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), said.out, said.err)

    (tmp_path / "driftdeck.toml").write_text(DECLARATION)
    assert invoke("apply", str(tmp_path / "driftdeck.toml")).code == 0
    return invoke


@pytest.mark.slow
def test_references_are_made_listed_and_compared(run: Run, tmp_path: Path) -> None:
    assert run("references", "eta").out.startswith("no reference yet")
    rows(0, REFERENCE_DAYS).to_parquet(tmp_path / "all.parquet")
    made = run("reference", "eta", str(tmp_path / "all.parquet"))
    head, expected, *rest = made.out.splitlines(keepends=True)
    assert expected.startswith("In a year without change expect ")
    assert "is found within" in expected
    assert (made.code, "".join([head, *rest])) == (
        0,
        (
            f"reference 1 of eta: rows {REFERENCE_DAYS * A_DAY}, columns distance (numeric), city (categorical), prediction (numeric)\n"
            "rows that are logged already are held against it from the next run on: driftdeck run eta\n"
        ),
    )
    assert made.err.startswith("note: With 1,680 rows here and 60 in a window, a number must shift by about")
    rows(28, 3, shift=4.0).to_csv(tmp_path / "few.csv", index=False)
    few = run("reference", "eta", str(tmp_path / "few.csv"))
    assert "note: It holds 3 daily windows" in few.err
    listed = run("references", "eta")
    assert "in force" in listed.out
    assert "reference 2: It holds 3 daily windows" in listed.err
    views = json.loads(run("references", "eta", "--json").out)
    assert [view["version"] for view in views] == [2, 1]
    changed = run("references", "eta", "--diff", "1", "2").out
    assert "shifted" in changed
    assert "higher on average in reference 2 than in 1" in changed
    assert {row["column"] for row in json.loads(run("references", "eta", "--diff", "1", "2", "--json").out)} >= {"city"}
    missing = run("references", "eta", "--diff", "1", "7")
    assert (missing.code, missing.err) == (1, "driftdeck: model 'eta' has no reference 7; it has: 1, 2\n")


@pytest.mark.slow
def test_a_reference_comes_of_the_log_or_of_a_query(run: Run, tmp_path: Path) -> None:
    frame = rows(0, REFERENCE_DAYS)
    frame.drop(columns="truth").to_parquet(tmp_path / "log.parquet")
    assert run("log", "eta", str(tmp_path / "log.parquet")).code == 0
    window = json.loads(run("reference", "eta", "--since", "2024-01-01", "--until", "2024-01-15", "--json").out)
    assert window["rows"] == 14 * A_DAY
    assert any("performance" in words for words in window["warnings"])
    before = run("reference", "eta", "--before-deployment", "1w", "--of", "v0")
    assert (before.code, before.err) == (
        1,
        "driftdeck: there are no rows of 'eta' to freeze; check the times you gave\n",
    )
    untold = run("reference", "eta", "--training", "v0")
    assert (untold.code, "was not trained here" in untold.err) == (1, True)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        frame.assign(event_time=frame["event_time"].astype(str)).to_sql("sold", connection, index=False)
    query = json.loads(
        run("reference", "eta", f"sqlite:///{tmp_path / 'shop.db'}", "--sql", "SELECT * FROM sold", "--json").out
    )
    assert query["rows"] == REFERENCE_DAYS * A_DAY


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give one of DATA, --since and --until"),
        (("f.csv", "--training", "v1"), "not DATA with --training"),
        (("--since", "2024-01-01"), "give both --since and --until"),
        (("--of", "v1", "--training", "v1"), "--of goes with --before-deployment only"),
        (("--sql", "SELECT 1"), "--sql goes with DATA"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(run: Run, arguments: tuple[str, ...], words: str) -> None:
    outcome = run("reference", "eta", *arguments)
    assert outcome.code == 2
    assert words in " ".join(outcome.err.replace("│", " ").split())
