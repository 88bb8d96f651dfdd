"""Refused rows on their way in after all: repaired, taken together or not at all, and never twice."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dashboard.components.repair import flattened, restored
from service.local import LocalWorkspace
from service.uploads import Upload
from service.workspace import NotFoundError, WorkspaceError
from storage.refused_content import MOST_CHARACTERS, as_content, as_row
from tests.support.homes import empty

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DECLARATION = """
[models.m]
task = "regression"
id = "row"

[models.m.features]
n = "numeric"
code = "categorical"
"""


@pytest.fixture
def ws(tmp_path: Path):
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        workspace.apply(DECLARATION)
        yield workspace


def row(number: int, n: object = 1.0) -> dict[str, Any]:
    return {
        "prediction_id": f"p{number}",
        "event_time": "2026-02-01T00:00:00Z",
        "features": {"n": n, "code": "a"},
        "prediction": 1.5,
    }


def logged(ws: LocalWorkspace) -> list[tuple[str, float]]:
    with ws.core.db.cursor() as con:
        return con.execute("SELECT _id, n FROM log_m ORDER BY _id").fetchall()


def send(ws: LocalWorkspace, *values: object) -> Any:
    return ws.log("m", Upload([row(number, n) for number, n in enumerate(values)]))


def test_a_repaired_row_is_taken_and_waits_no_longer(ws: LocalWorkspace) -> None:
    assert send(ws, 1.0, "oops", 2.0)["rejected_rows"] == 1
    (waiting,) = ws.quarantine("m")
    assert waiting["repairable"]
    sent = json.loads(waiting["content"] or "")
    assert sent == row(1, "oops")
    done = ws.repair("m", [{"ref": waiting["ref"], "row": row(1, 7)}])
    assert (done["accepted"], done["rejected"]) == (1, [])
    assert logged(ws) == [("p0", 1.0), ("p1", 7.0), ("p2", 2.0)]
    assert ws.quarantine("m") == []
    assert ws.quarantine_groups("m") == []
    assert ws.model("m")["rows"] == {"logs": 3, "labels": 0, "quarantined": 0}
    assert ws.audit(1)[0]["action"] == "repair"
    with pytest.raises(NotFoundError, match="it was repaired or removed meanwhile"):
        ws.repair("m", [{"ref": waiting["ref"], "row": row(1, 8)}])
    assert len(logged(ws)) == 3


def test_while_one_is_wrong_none_is_taken(ws: LocalWorkspace) -> None:
    send(ws, "a", "b")
    waiting = sorted(ws.quarantine("m"), key=lambda entry: entry["row"])
    repairs: Any = [
        {"ref": entry["ref"], "row": row(entry["row"], n)} for entry, n in zip(waiting, (3.0, "c"), strict=True)
    ]
    done = ws.repair("m", repairs)
    assert [(entry["row"], entry["field"]) for entry in done["rejected"]] == [(1, "n")]
    assert logged(ws) == []
    assert len(ws.quarantine("m")) == 2


def test_labels_are_repaired_too_and_apart(ws: LocalWorkspace) -> None:
    send(ws, 1.0, "x")
    ws.label("m", [{"prediction_id": "p0", "label": "many"}])
    label, log = sorted(ws.quarantine("m"), key=lambda entry: entry["kind"])
    with pytest.raises(WorkspaceError, match="repaired apart"):
        ws.repair("m", [{"ref": label["ref"], "row": {}}, {"ref": log["ref"], "row": {}}])
    fine: Any = {"prediction_id": "p0", "label": 3}
    assert ws.repair("m", [{"ref": next(e["ref"] for e in (label, log) if e["kind"] == "label"), "row": fine}])[
        "accepted"
    ]
    assert ws.model("m")["rows"]["labels"] == 1


def test_rows_of_tables_are_kept_whole_and_times_as_text(ws: LocalWorkspace) -> None:
    moment = datetime(2026, 2, 1, 5, tzinfo=UTC)
    ws.log("m", pa.table({"row": ["p0"], "event_time": [moment], "n": ["?"], "code": ["a"], "prediction": [1.0]}))
    (waiting,) = ws.quarantine("m")
    sent = json.loads(waiting["content"] or "")
    assert sent == {"row": "p0", "event_time": "2026-02-01T05:00:00+00:00", "n": "?", "code": "a", "prediction": 1.0}
    assert ws.repair("m", [{"ref": waiting["ref"], "row": sent | {"n": 4}}])["accepted"] == 1


def test_a_model_that_hides_columns_keeps_no_rows_to_repair(ws: LocalWorkspace) -> None:
    ws.apply(DECLARATION + '\n[models.m.privacy]\ncode = "hash"\n')
    send(ws, "oops")
    (waiting,) = ws.quarantine("m")
    assert (waiting["content"], waiting["repairable"]) == (None, False)


def test_nothing_and_the_same_row_twice_are_refused(ws: LocalWorkspace) -> None:
    send(ws, "oops")
    (waiting,) = ws.quarantine("m")
    with pytest.raises(WorkspaceError, match="a repair has 1 to 10,000 rows, not 0"):
        ws.repair("m", [])
    with pytest.raises(WorkspaceError, match="named twice"):
        ws.repair("m", [{"ref": waiting["ref"], "row": row(0)}] * 2)


def test_a_row_that_is_too_long_is_not_kept_and_a_line_is_no_row() -> None:
    assert as_content({"a": "x" * MOST_CHARACTERS}) is None
    assert as_content({}) is None
    assert as_row("only,three,fields") is None
    assert as_row("{broken") is None
    assert as_row(as_content({"a": [1, None, "é"]})) == {"a": [1, None, "é"]}


def test_only_what_was_edited_changes_and_keeps_its_type() -> None:
    sent = row(0, "12,5") | {"latency_ms": 3.5, "prediction": 2}
    flat = flattened(sent)
    shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in flat.items()}
    assert restored(sent, flat, shown) == sent
    edited = shown | {"features › n": "12.5", "prediction": "3", "latency_ms": None}
    assert restored(sent, flat, edited) == sent | {
        "features": {"n": "12.5", "code": "a"},
        "prediction": 3,
        "latency_ms": None,
    }
    assert restored({"n": 1}, {"n": 1}, {"n": "many"}) == {"n": "many"}
