"""What a model hides never reaches the disk: not in the log, in labels, in quarantine, in references, in any file of the home."""

import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reference_data.declaration import ModelSpec
from service.local import LocalWorkspace, references
from service.workspace import ConflictError
from storage.errors import StorageError
from storage.privacy import hide, load_key, masked
from tests.support.homes import empty

NOW = datetime(2024, 3, 1, tzinfo=UTC)
KEY = bytes(range(32))
DECLARATION = """
[models.m]
task = "regression"
label = "truth"
subject = "person"
id = "pid"

[models.m.features]
size = "numeric"
plate = "categorical"
city = "categorical"
note = "text"

[models.m.privacy]
pid = "hash"
person = "hash"
plate = "hash"
note = "mask"
phone = "drop"
"""
SECRETS = ["secret-id", "Sabine Secret", "SEC-RET 12", "secret note", "0170-secret"]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as local:
        local.apply(DECLARATION)
        yield local


def row(**more: Any) -> dict[str, Any]:
    features = {"size": 1, "plate": "SEC-RET 12", "city": "Ulm", "note": "secret note 7", "phone": "0170-secret"}
    sent = {"pid": "secret-id", "event_time": "2024-02-01T00:00:00", "person": "Sabine Secret", "prediction": 2}
    return {**sent, **features, **more}


def logged(workspace: LocalWorkspace) -> list[dict[str, Any]]:
    with workspace.core.db.cursor() as con:
        return con.sql("SELECT * FROM log_m").to_arrow_table().to_pylist()


def refused(workspace: LocalWorkspace) -> list[dict[str, Any]]:
    with workspace.core.db.cursor() as con:
        return con.sql("SELECT * FROM quarantine ORDER BY row").to_arrow_table().to_pylist()


def refuse_traces(home: Path) -> None:
    """Fail if any file of the home holds a secret."""
    for path in home.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found = [secret for secret in SECRETS if secret.encode() in content]
        assert not found, (path, found)


def test_hidden_columns_are_stored_hidden(workspace: LocalWorkspace):
    assert workspace.log("m", [row()])["accepted"] == 1
    (found,) = logged(workspace)
    key = load_key(workspace.core.home.privacy_key)
    spec = workspace.core.spec("m")
    assert found["_id"] == hide(spec, "pid", "secret-id", key)
    assert found["_subject"] == hide(spec, "person", "Sabine Secret", key)
    assert found["plate"] == hide(spec, "plate", "SEC-RET 12", key)
    assert found["note"] == "aaaaaa aaaa 0"
    assert found["city"] == "Ulm"
    assert "phone" not in found
    assert len(found["plate"]) == 32


@pytest.mark.parametrize("form", ["rows", "nested", "arrow", "pandas", "csv"])
def test_every_form_of_rows_goes_through_the_same_door(workspace: LocalWorkspace, tmp_path: Path, form: str):
    flat = row()
    outer = ("pid", "event_time", "prediction")
    nested = {name: flat[name] for name in outer} | {
        "features": {name: value for name, value in flat.items() if name not in outer}  # the subject among them
    }
    pd.DataFrame([flat]).to_csv(tmp_path / "rows.csv", index=False)
    sent: dict[str, Any] = {
        "rows": [flat],
        "nested": [nested],
        "arrow": pa.Table.from_pylist([flat]),
        "pandas": pd.DataFrame([flat]),
        "csv": tmp_path / "rows.csv",
    }
    workspace.log("m", [row(pid="other")])
    workspace.log("m", sent[form])
    one, two = logged(workspace)
    apart = {"_id"}
    assert {name: value for name, value in one.items() if name not in apart} == {
        name: value for name, value in two.items() if name not in apart
    }


def test_labels_find_their_predictions_by_the_id_that_the_sender_knows(workspace: LocalWorkspace):
    workspace.log("m", [row()])
    workspace.label("m", [{"pid": "secret-id", "truth": 3}])
    found = workspace.rows("m", NOW - timedelta(days=60), NOW)
    assert [entry["label"] for entry in found["rows"]] == [3.0]


@pytest.mark.slow
def test_no_file_of_the_home_holds_a_hidden_value(tmp_path: Path):
    home = tmp_path / "home"
    with LocalWorkspace.open(home, now=lambda: NOW) as workspace:
        workspace.apply(DECLARATION)
        lines = tmp_path / "rows.csv"
        good = pd.DataFrame([row(pid=f"secret-id {n}", truth=1.0) for n in range(50)])
        good.to_csv(lines, index=False)
        with lines.open("a") as file:
            file.write(
                "secret-id x,not a time,Sabine Secret,2,not a number,SEC-RET 12,Ulm,secret note 7,0170-secret,1\n"
            )
            file.write('secret-id y,"Sabine Secret,SEC-RET 12,secret note 7,0170-secret\n')
        workspace.reference("m", lines)
        workspace.log("m", lines)
        workspace.log(
            "m",
            [
                row(),
                row(size="not a number"),
                row(plate={"a": "SEC-RET 12"}),
                row(note=["secret note"]),
                row(pid="secret-id" * 200),
                row(person="Sabine Secret" * 200),
                row(event_time=None),
                "Sabine Secret",
            ],
            key="once",
        )
        workspace.label("m", [{"pid": "secret-id", "truth": 1}, {"pid": "secret-id 2", "truth": "none"}], key="again")
        workspace.run("m")
        assert len(refused(workspace)) >= 8
        refuse_traces(home)
    refuse_traces(home)


def test_refused_rows_can_be_found_by_their_hidden_id_and_subject(workspace: LocalWorkspace):
    answer = workspace.log("m", [row(size="x"), row(plate={}), row(event_time=None, person=None)])
    assert answer["rejected_rows"] == 3
    key, spec = load_key(workspace.core.home.privacy_key), workspace.core.spec("m")
    kept = refused(workspace)
    assert {entry["id"] for entry in kept} == {hide(spec, "pid", "secret-id", key)}
    assert [entry["subject"] for entry in kept] == [hide(spec, "person", "Sabine Secret", key)] * 2 + [None]
    assert [(entry["field"], entry["value"]) for entry in kept] == [
        ("size", "x"),
        ("plate", None),
        ("event_time", None),
    ]
    assert "(hidden)" in kept[1]["error"]


def test_dropped_columns_are_neither_inferred_nor_observed_and_hidden_ones_are_text(tmp_path: Path):
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        workspace.apply('[models.m]\ntask = "regression"\nprivacy = { phone = "drop", code = "hash" }\n')
        rows = [{"event_time": "2024-02-01", "phone": "0170", "code": n, "size": n, "prediction": 1} for n in range(40)]
        workspace.reference("m", rows)
        assert workspace.core.spec("m").features == {"code": "categorical", "size": "numeric"}
        workspace.log("m", rows)
        assert workspace.schema_events("m") == []
        assert {len(entry["code"]) for entry in logged(workspace)} == {32}


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "privacy.key"
    key = load_key(path)
    assert load_key(path) == key
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["privacy.key"]
    path.write_text("not a key")
    with pytest.raises(StorageError, match="backup"):
        load_key(path)


def test_rows_that_come_out_of_the_log_are_not_hidden_again(workspace: LocalWorkspace):
    workspace.log("m", [row(pid=f"p{i}") for i in range(50)])
    hidden = {entry["plate"] for entry in logged(workspace)}
    given = [row(pid=f"p{i}", plate=next(iter(hidden)), note="aaaaaa aaaa 0") for i in range(50)]
    table = pa.Table.from_pylist([{k: v for k, v in entry.items() if k != "phone"} for entry in given])
    made = references.freeze_logged(workspace.core, "m", table, source="training job 1")
    bins = next(entry.bins for entry in made.inputs.layout.columns if entry.column.name == "plate")
    assert hidden <= set(bins.categories)


@pytest.mark.parametrize("loss", ["gone", "another"])
def test_without_the_key_that_hashed_what_is_stored_nothing_is_taken(workspace: LocalWorkspace, loss: str):
    workspace.log("m", [row()])
    path = workspace.core.home.privacy_key
    path.unlink() if loss == "gone" else path.write_text("ab" * 32)
    with pytest.raises(ConflictError, match="put back the one of your latest backup"):
        workspace.log("m", [row(pid="another")])
    assert loss == "another" or not path.exists()
    assert len(logged(workspace)) == 1


def test_hashes_are_the_same_over_time_and_differ_between_homes():
    spec = ModelSpec(name="m", task="none", privacy={"a": "hash", "b": "hash", "c": "drop"})
    # as of: printf x | openssl dgst -sha256 -mac hmac -macopt hexkey:0001…1f
    assert hide(spec, "a", "x", KEY) == hide(spec, "b", "x", KEY) == "b3fb46c7f2e3cc97b59aa0d9eeb0fbc8"
    assert hide(spec, "a", "x", KEY[::-1]) != hide(spec, "a", "x", KEY)
    assert hide(spec, "open", "x", None) == "x"
    with pytest.raises(ValueError, match="key of the home"):
        hide(spec, "a", "x", None)
    with pytest.raises(ValueError, match="dropped"):
        hide(spec, "c", "x", KEY)


@given(st.text())
def test_a_mask_keeps_the_shape_and_nothing_else(value: str):
    shape = masked(value)
    assert len(shape) == len(value)
    assert masked(shape) == shape
    assert not any(c.isalpha() and c not in "aA" for c in shape)
    assert not any(c.isdigit() and c != "0" for c in shape)


def test_a_mask_in_words():
    assert masked("Łódź-42, ul. Żabia ½ 中 ٣ 😀") == "Aaaa-00, aa. Aaaaa 0 a 0 😀"


@pytest.mark.parametrize("name", ["event_time", "prediction", "label", "p_yes", "model_version", "latency_ms", "score"])
def test_what_everything_else_reads_cannot_be_hidden(name: str):
    with pytest.raises(ValidationError, match="cannot be hidden"):
        ModelSpec(name="m", task="binary", score={"yes": "p_yes"}, privacy={name: "hash"})


def test_an_id_is_hidden_under_its_own_name():
    with pytest.raises(ValidationError, match="'pid'"):
        ModelSpec(name="m", task="none", id="pid", privacy={"prediction_id": "hash"})
    assert json.loads(ModelSpec(name="m", task="none", privacy={"prediction_id": "hash"}).model_dump_json())["privacy"]
