"""Small uploads that are stored as one are answered as each would be by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.local import LocalWorkspace
from service.uploads import BrokenLine, Sent, Upload
from storage.errors import KeyReusedError
from storage.faults import VARIABLE, reset
from tests.support.homes import empty

DECLARATION = """
[models.loans]
task = "binary"
positive = "yes"
id = "loan"
features = { age = "numeric", plan = "categorical" }
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: datetime(2026, 11, 21, tzinfo=UTC)) as ws:
        ws.apply(DECLARATION)
        yield ws


def row(name: str, **changes: Any) -> dict[str, Any]:
    features = {"age": 31, "plan": "basic"}
    return {
        "prediction_id": name,
        "event_time": "2026-11-20T09:30:00Z",
        "features": features,
        "prediction": "yes",
    } | changes


def sent(*rows: Any, key: str | None = None, lines: list[int] | None = None) -> Sent:
    return Sent(Upload([*rows], f"digest of {rows}", lines), key)


def together(workspace: LocalWorkspace, *uploads: Sent) -> list[Any]:
    return [
        answer if isinstance(answer, Exception) else (answer["accepted"], answer["duplicates"], answer["rejected_rows"])
        for answer in workspace.log_together("loans", uploads)
    ]


def stored(workspace: LocalWorkspace, columns: str) -> list[tuple[Any, ...]]:
    with workspace.core.db.cursor() as con:
        return con.execute(f"SELECT {columns} FROM log_loans ORDER BY ALL").fetchall()


def test_names_and_scores_of_one_upload_do_not_change_how_another_is_read(workspace: LocalWorkspace) -> None:
    flat = {"loan": "flat", "event_time": "2026-11-20T09:30:00Z", "age": 40, "plan": "gold", "prediction": "no"}
    uploads = [sent(row("number", score=0.25)), sent(row("object", score={"yes": 0.75, "no": 0.25})), sent(flat)]
    assert together(workspace, *uploads) == [(1, 0, 0)] * 3
    assert stored(workspace, "_id, _score, age") == [
        ("flat", None, 40.0),
        ("number", 0.25, 31.0),
        ("object", 0.75, 31.0),
    ]


def test_refused_rows_go_back_to_who_sent_them(workspace: LocalWorkspace) -> None:
    bad = row("bad", features={"age": "old", "plan": "basic"})
    uploads = [sent(row("a")), sent(row("b"), bad), sent(BrokenLine("{", "no JSON"), row("c"), lines=[3, 7]), sent(7)]
    answers = workspace.log_together("loans", uploads)
    assert [a for a in answers if isinstance(a, Exception)] == []
    told = [
        [(r["row"], r.get("line"), r["field"]) for r in a["rejected"]] for a in answers if not isinstance(a, Exception)
    ]
    assert told == [[], [(1, None, "age")], [(0, 3, "line")], [(0, None, "row")]]
    assert stored(workspace, "_id") == [("a",), ("b",), ("c",)]
    assert sorted(str(entry["field"]) for entry in workspace.quarantine("loans")) == ["age", "line", "row"]


def test_a_key_is_answered_once_and_misused_fails_alone(workspace: LocalWorkspace) -> None:
    assert together(workspace, sent(row("a"), key="k")) == [(1, 0, 0)]
    again, misused, other = together(
        workspace, sent(row("a"), key="k"), sent(row("b"), key="k"), sent(row("a"), row("c"), key="other")
    )
    assert (again, type(misused), other) == ((1, 0, 0), KeyReusedError, (1, 1, 0))
    assert stored(workspace, "_id") == [("a",), ("c",)]


def test_all_are_told_when_nothing_could_be_written(workspace: LocalWorkspace, monkeypatch) -> None:
    together(workspace, sent(row("first")))
    reset()
    monkeypatch.setenv(VARIABLE, "writer.before_commit=enospc")
    answers = together(workspace, sent(row("a")), sent(row("b")))
    monkeypatch.delenv(VARIABLE)
    reset()
    kept = [(name,) for name, answer in zip("ab", answers, strict=True) if answer == (1, 0, 0)]
    assert stored(workspace, "_id") == [*kept, ("first",)]
