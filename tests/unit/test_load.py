"""Files into a model: what was loaded is not loaded again, bad lines are kept apart, and an error says what was kept."""

import gzip
import io
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.local import LocalWorkspace
from service.uploads import Upload
from service.workspace import ConflictError, Workspace
from storage.ahead import ahead
from storage.errors import KeyReusedError
from storage.file_formats import blocks
from storage.file_formats.table import unpack
from storage.files import FileError, FileTable, Reading, iter_batches
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
HEAD = "event_time,n,code,prediction\n"


@pytest.fixture
def ws(tmp_path: Path):
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        workspace.apply(DECLARATION)
        yield workspace


def lines(start: int, stop: int) -> str:
    return "".join(f"2026-02-01T00:{i // 60 % 60:02}:{i % 60:02}Z,{i},00{i},1.5\n" for i in range(start, stop))


def counts(answer: Any) -> tuple[int, int, int]:
    return answer["accepted"], answer["duplicates"], answer["rejected_rows"]


def logged(ws: LocalWorkspace) -> list[Any]:
    with ws.core.db.cursor() as con:
        return [row[0] for row in con.execute("SELECT n FROM log_m ORDER BY n").fetchall()]


def refused(ws: LocalWorkspace) -> list[tuple[Any, ...]]:
    with ws.core.db.cursor() as con:
        return con.execute("SELECT origin, line, field, error, content FROM quarantine ORDER BY line").fetchall()


def test_the_same_file_again_doubles_nothing_even_without_ids(ws: LocalWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + lines(0, 50))
    assert counts(ws.log("m", path)) == (50, 0, 0)
    path.touch()
    assert counts(ws.log("m", path)) == (0, 50, 0)
    assert logged(ws) == list(range(50))


def test_a_file_that_has_grown_brings_what_is_new(ws: LocalWorkspace, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 500)
    path = tmp_path / "a.csv"
    for stop, fresh in ((40, 40), (90, 50), (93, 3)):
        path.write_text(HEAD + lines(0, stop))
        assert counts(ws.log("m", path)) == (fresh, stop - fresh, 0)
    assert logged(ws) == list(range(93))


@pytest.mark.slow
def test_a_load_that_was_killed_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + lines(0, 400))
    code = (
        "import os, sys; from pathlib import Path; from service.local import LocalWorkspace; from storage.file_formats import blocks;"
        "blocks.SIZE = 2000; ws = LocalWorkspace.open(Path(sys.argv[1])); ws.apply(sys.argv[3]);"
        "ws.log('m', sys.argv[2], progress=lambda read, size, rows: rows > 150 and os._exit(9))"
    )
    home = tmp_path / "home"
    done = subprocess.run([sys.executable, "-c", code, str(home), str(path), DECLARATION], check=False)
    assert done.returncode == 9
    with LocalWorkspace.open(home, now=lambda: NOW) as ws, pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "SIZE", 2000)
        before = len(logged(ws))
        assert 150 < before < 400
        assert counts(ws.log("m", path)) == (400 - before, before, 0)
        assert logged(ws) == list(range(400))


def test_a_key_of_ones_own_names_the_blocks(ws: LocalWorkspace, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(HEAD + lines(0, 5))
    assert counts(ws.log("m", tmp_path / "a.csv", key="k")) == (5, 0, 0)
    ws.log("m", tmp_path / "b.csv", key="k")
    assert len(logged(ws)) == 5
    assert counts(ws.log("m", tmp_path / "*.csv", key="other")) == (10, 0, 0)


def test_a_load_begun_by_one_process_is_resumed_by_another_under_its_key(ws: LocalWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + lines(0, 5) + "broken\n")
    assert counts(ws.log("m", path, key="k")) == (5, 0, 1)
    block, *_ = iter_batches(path, reading=Reading(kinds=ws.loading("m")["kinds"]))
    sent = Upload(block.packed("a.csv", digest=block.digest()), "of the body as it was sent")
    assert counts(ws.log("m", sent, key="k/0")) == (5, 0, 1)  # the answer of then
    other = Upload(block.packed("a.csv", digest="of other rows"))
    with pytest.raises(KeyReusedError, match="the key 'k/0' came with other rows before"):
        ws.log("m", other, key="k/0")


def test_a_key_that_comes_again_with_another_file_says_so(ws: LocalWorkspace, tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 5)):
        (tmp_path / f"{name}.csv").write_text(HEAD + lines(first, first + 5))
    ws.log("m", tmp_path / "a.csv", key="k")
    with pytest.raises(KeyReusedError, match=r"b\.csv: the key 'k/0' came with other rows"):
        ws.log("m", tmp_path / "b.csv", key="k")
    mixed = pd.DataFrame({"event_time": "2024-01-01", "x": [1, "two"]})
    assert counts(ws.log("m", mixed, key="m"))[0] == counts(ws.log("m", mixed, key="m"))[0]
    with pytest.raises(KeyReusedError):
        ws.log("m", mixed[::-1], key="m")


def test_a_declaration_that_was_mended_is_tried_on_the_file_again(ws: LocalWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text((HEAD + lines(0, 3)).replace("event_time", "at"))
    assert counts(ws.log("m", path)) == (0, 0, 3)
    assert counts(ws.log("m", path, reading=Reading(columns={"at": "event_time"}))) == (3, 0, 0)
    assert counts(ws.log("m", path, reading=Reading(columns={"at": "event_time", "prediction": "was"}))) == (0, 3, 0)


def test_bad_lines_and_bad_values_are_kept_apart_with_their_place(ws: LocalWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + lines(0, 2) + "only,three,fields\n" + lines(2, 3) + "2026-02-01,oops,x,1\n" + lines(3, 4))
    answer = ws.log("m", path)
    assert counts(answer) == (4, 0, 2)
    assert [(entry["row"], entry["line"]) for entry in answer["rejected"]] == [(2, 4), (4, 6)]
    assert refused(ws) == [
        (str(path), 4, "line", "the line has 3 fields, not 4", "only,three,fields"),
        (
            str(path),
            6,
            "n",
            "'oops' is not a number",
            '{"event_time": "2026-02-01", "n": "oops", "code": "x", "prediction": 1.0}',
        ),
    ]
    assert counts(ws.log("m", path)) == (0, 4, 2)
    assert len(refused(ws)) == 2


def test_nothing_of_a_refused_line_is_kept_of_a_model_that_hides_columns(ws: LocalWorkspace, tmp_path: Path) -> None:
    ws.apply(DECLARATION + '\n[models.m.privacy]\ncode = "hash"\n')
    (tmp_path / "a.csv").write_text(HEAD + lines(0, 1) + "a,secret\n")
    ws.log("m", tmp_path / "a.csv")
    assert [row[-1] for row in refused(ws)] == [None]


def test_strict_keeps_nothing_of_a_file_with_one_bad_row(ws: LocalWorkspace, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 500)
    path = tmp_path / "a.csv"
    path.write_text(HEAD + lines(0, 60) + "bad\n")
    answer = ws.log("m", path, strict=True)
    assert counts(answer) == (0, 0, 1)
    assert answer["rejected"][0]["line"] == 62
    assert (answer["rejected"][0]["row"], logged(ws) if "log_m" in tables(ws) else [], refused(ws)) == (60, [], [])
    path.write_text(HEAD + lines(0, 60))
    assert counts(ws.log("m", path, strict=True)) == (60, 0, 0)


def tables(ws: LocalWorkspace) -> set[str]:
    with ws.core.db.cursor() as con:
        return {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def test_strict_standard_input_waits_in_the_home(ws: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, found in ((HEAD + lines(0, 3) + "bad\n", (0, 0, 1)), (HEAD + lines(0, 3), (3, 0, 0))):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert counts(ws.log("m", "-", strict=True)) == found
    assert not list(ws.core.home.spill.glob("load-*"))


def test_standard_input_is_new_each_time(ws: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((HEAD + lines(0, 3)).encode())))
        assert counts(ws.log("m", "-")) == (3, 0, 0)


@pytest.mark.slow
def test_an_error_in_the_midst_names_what_was_kept(ws: LocalWorkspace, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 2000)
    whole = gzip.compress((HEAD + lines(0, 2000)).encode(), mtime=0)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match="damaged or cut off") as caught:
        ws.log("m", path)
    kept = len(logged(ws))
    assert kept > 500
    assert f"{kept:,} rows before it are kept: the same command on the same file goes on from there" in str(
        caught.value
    )
    path.write_bytes(whole)
    assert counts(ws.log("m", path)) == (2000 - kept, kept, 0)
    assert logged(ws) == list(range(2000))


def test_codes_stay_what_they_are_in_log_and_reference(ws: LocalWorkspace, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + lines(0, 3))
    ws.log("m", tmp_path / "a.csv")
    with ws.core.db.cursor() as con:
        assert con.execute("SELECT code FROM log_m ORDER BY n").fetchall() == [("000",), ("001",), ("002",)]


def test_parquet_is_known_again_and_told_apart_when_written_anew(ws: LocalWorkspace, tmp_path: Path) -> None:
    times = pa.array([NOW] * 3, pa.timestamp("us", "UTC"))
    for value, found in ((1.0, (3, 0, 0)), (2.0, (3, 0, 0))):
        pq.write_table(
            pa.table({"event_time": times, "n": [value] * 3, "prediction": [1.0] * 3}), tmp_path / "a.parquet"
        )
        assert counts(ws.log("m", tmp_path / "a.parquet")) == found
        assert counts(ws.log("m", tmp_path / "a.parquet")) == (0, 3, 0)


def test_labels_come_from_files_too(ws: LocalWorkspace, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("row,label\na,1\nb,x\nc\n")
    answer = ws.label("m", tmp_path / "l.csv")
    assert counts(answer) == (1, 0, 2)
    assert [entry["line"] for entry in answer["rejected"]] == [3, 4]


def test_a_model_without_columns_is_told_so(ws: Workspace, tmp_path: Path) -> None:
    ws.apply('[models.bare]\ntask = "regression"\n')
    (tmp_path / "a.csv").write_text(HEAD + lines(0, 3))
    with pytest.raises(ConflictError, match="knows no columns yet"):
        ws.log("bare", tmp_path / "a.csv")


def test_a_packed_block_arrives_as_it_was_and_a_forged_one_not() -> None:
    refusals = [{"row": 1, "field": "line", "value": None, "error": "e", "expected": "x", "content": "c"}]
    block = FileTable(pa.table({"n": [1, 2]}), refused=refusals, lines=range(5, 8))
    sent = unpack(block.packed("a.csv"))
    assert sent is not None
    assert (sent.origin, sent.only_check, sent.block.lines, sent.block.refused) == (
        "a.csv",
        False,
        range(5, 8),
        refusals,
    )
    assert sent.block.table.equals(block.table)
    for rest in (b"[]", b"{}", b'{"refused": [{"row": 9}], "span": null}', b"\xff"):
        assert unpack(block.table.replace_schema_metadata({b"driftdeck.file": rest})) is None


def test_reading_ahead_hands_on_errors_and_stops_when_nobody_asks() -> None:
    closed: list[bool] = []

    def numbers():
        try:
            yield 1
            yield 2
            raise ValueError("three")
        finally:
            closed.append(True)

    seen: list[int] = []
    with pytest.raises(ValueError, match="three"):
        seen.extend(ahead(numbers()))
    some = ahead(numbers())
    assert next(some) == 1
    some.close()
    assert closed == [True, True]


@pytest.mark.slow
def test_a_large_file_needs_little_memory(tmp_path: Path) -> None:
    """Far less than its size: blocks come and go, and what waits in the write-ahead log is bounded."""
    path = tmp_path / "big.csv"
    block = lines(0, 4000).replace("\n", f",{'note ' * 80}\n")
    with path.open("w") as file:
        file.write(HEAD.replace("\n", ",note\n"))
        for _ in range(100):
            file.write(block)
    assert path.stat().st_size > 150e6
    code = (
        "import resource, sys; from service import open_workspace;"
        "ws = open_workspace(sys.argv[1], memory='100MB'); ws.apply(sys.argv[3]);"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "found = ws.log('m', sys.argv[2], key='k'); ws.close();"
        "print(found['accepted'], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "home"), str(path), DECLARATION]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    accepted, kilobytes = map(int, done.stdout.split())
    assert accepted == 400_000
    assert kilobytes < 450_000
