"""Files as a source: each row once, however files come, grow, move and break."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pandas as pd
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer

from service.local import LocalWorkspace
from storage.faults import VARIABLE, reset
from storage.file_formats import blocks, delimited, encoding
from storage.file_formats.column_types import normalise
from storage.file_formats.table import FileTable, refusal
from storage.files import iter_batches
from storage.sources import files as sources_files
from storage.sources.files import part_of
from tests.support.homes import empty
from tests.support.source_home import MODEL, aged, csv, ids, logged, row, source


class Clock:
    """The real time, and a step ahead of it."""

    def __init__(self) -> None:
        self.step = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.step


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(tmp_path: Path, clock: Clock) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=clock) as opened:
        opened.apply(MODEL)
        yield opened


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def watch(workspace: LocalWorkspace, place: object, **declared) -> None:
    workspace.apply(source(read=str(place), **({"chunk_rows": 7} | declared)))


def test_a_folder_is_watched_and_every_file_taken_once(workspace: LocalWorkspace, drop: Path) -> None:
    watch(workspace, drop)
    assert workspace.run_source("sales")["rows"] == 0
    csv(drop / "a.csv", range(10))
    (drop / "day=2").mkdir()
    frame = pd.DataFrame([row(n)[:5] for n in range(10, 20)], columns=["pid", "at", "distance", "city", "guess"])
    frame.to_parquet(drop / "day=2" / "b.parquet")
    (drop / "c.csv.gz").write_bytes(gzip.compress(csv(drop / "c.csv.tmp", range(20, 25)).read_bytes()))
    for name in (".hidden.csv", "_SUCCESS.csv", "d.csv.part", "notes.md"):
        (drop / name).write_text("pid\nx\n")
    for path in drop.rglob("*.*"):
        aged(path, 3600)
    done = workspace.run_source("sales")
    assert (done["state"], done["position"], done["rows"], done["accepted"]) == ("done", "3 files", 25, 25)
    assert workspace.run_source("sales")["rows"] == 0
    csv(drop / "f.csv", range(25, 30))
    assert workspace.run_source("sales")["accepted"] == 5
    assert logged(workspace) == ids(range(30))


def test_a_pattern_and_a_single_file(workspace: LocalWorkspace, drop: Path) -> None:
    csv(drop / "a1.csv", range(5))
    csv(drop / "b1.csv", range(5, 10))
    watch(workspace, drop / "a*.csv")
    assert workspace.run_source("sales")["accepted"] == 5
    watch(workspace, drop / "b1.csv")
    assert workspace.run_source("sales")["accepted"] == 5
    watch(workspace, drop / "not-yet.csv")
    assert (workspace.run_source("sales")["state"], workspace.run_source("sales")["rows"]) == ("done", 0)
    watch(workspace, drop / "nowhere" / "x.csv")
    assert "there is no folder" in str(workspace.run_source("sales")["error"])


def test_a_file_that_grows_is_read_on(workspace: LocalWorkspace, drop: Path) -> None:
    watch(workspace, drop)
    file = csv(drop / "a.csv", range(10))
    assert workspace.run_source("sales")["rows"] == 10
    for low, high in ((10, 11), (11, 30), (30, 31)):
        csv(file, range(low, high), mode="a")
        assert workspace.run_source("sales")["rows"] == high - low
    assert logged(workspace) == ids(range(31))
    aged(file, 20)  # touched, not changed
    assert workspace.run_source("sales")["rows"] == 0


def test_a_file_is_left_alone_while_it_is_written(workspace: LocalWorkspace, drop: Path, clock: Clock) -> None:
    watch(workspace, drop)
    csv(drop / "a.csv", range(5), age=0)
    assert workspace.run_source("sales")["rows"] == 0
    clock.step = timedelta(seconds=10)
    assert workspace.run_source("sales")["rows"] == 5


def test_a_line_without_an_end_is_believed_after_a_while(workspace: LocalWorkspace, drop: Path) -> None:
    watch(workspace, drop)
    file = csv(drop / "a.csv", range(5), age=10)
    with file.open("a") as stream:
        stream.write("p5,2024-01-01 00:05:00,5.0,Łódź,1")
    aged(file, 10)
    first = workspace.run_source("sales")
    assert (first["rows"], first["position"]) == (5, "1 file, 1 of them not to the end")
    with file.open("a") as stream:
        stream.write("0.0")  # so it was not whole
    aged(file, 10)
    assert workspace.run_source("sales")["rows"] == 0
    aged(file, 100)
    assert workspace.run_source("sales")["rows"] == 1
    assert logged(workspace, "_prediction")[-1] == 10.0
    assert workspace.run_source("sales")["position"] == "1 file"


@pytest.mark.parametrize("age", [10, 3600])
def test_what_is_written_while_a_file_is_read_waits_for_the_next_run(
    workspace: LocalWorkspace, drop: Path, monkeypatch, age: int
) -> None:
    """The writer is in the middle of a line when the file is listed, and ends it between two blocks, with more behind it."""
    for module, name in ((blocks, "SIZE"), (delimited, "_SAMPLE"), (encoding, "_CHUNK")):
        monkeypatch.setattr(module, name, 20_000)  # so that the end is not read with the beginning
    watch(workspace, drop, chunk_rows=2000)
    file = csv(drop / "a.csv", range(3000))
    with file.open("a") as stream:
        stream.write("p3000,2024-01-03 02:00:00,30.0,Łódź,12")
    aged(file, age)
    written: list[str] = []

    def read_and_write(*args, **given):
        for block in iter_batches(*args, **given):
            yield block
            if not written:
                written.append("3.0\np3001,2024-01-03 02:01:00,31.0,Łódź,4")
                with file.open("a") as stream:
                    stream.write(written[0])

    monkeypatch.setattr(sources_files, "iter_batches", read_and_write)
    first = workspace.run_source("sales")
    assert (first["state"], first["rows"], first["position"]) == ("done", 3000, "1 file, 1 of them not to the end")
    with file.open("a") as stream:
        stream.write("0.0\n")
    aged(file, 10)
    assert workspace.run_source("sales")["rows"] == 2
    assert logged(workspace, "_prediction")[-2:] == [123.0, 40.0]
    assert (sorted(logged(workspace)), workspace.quarantine("eta")) == (sorted(ids(range(3002))), [])


def test_a_json_line_that_ends_inside_an_object_is_not_whole(workspace: LocalWorkspace, drop: Path) -> None:
    lines = [json.dumps(dict(zip(("pid", "at", "distance", "city", "guess"), row(n)[:5], strict=True))) for n in (0, 1)]
    file = drop / "a.jsonl"
    half = '{"extra": {"a": 1}'
    file.write_text(lines[0] + "\n" + half)
    aged(file, 10)
    watch(workspace, drop)
    assert workspace.run_source("sales")["rows"] == 1
    file.write_text(lines[0] + "\n" + half + ", " + lines[1][1:])
    aged(file, 10)
    assert workspace.run_source("sales")["rows"] == 1
    assert (logged(workspace), workspace.quarantine("eta")) == (ids(range(2)), [])


def test_a_file_with_other_content_is_read_anew(workspace: LocalWorkspace, drop: Path) -> None:
    watch(workspace, drop)
    csv(drop / "a.csv", range(10))
    workspace.run_source("sales")
    csv(drop / "a.csv", range(5, 20))
    done = workspace.run_source("sales")
    assert (done["rows"], done["accepted"], done["duplicates"]) == (15, 10, 5)


def test_a_run_that_failed_inside_a_file_goes_on_there(workspace: LocalWorkspace, drop: Path, monkeypatch) -> None:
    """Without ids, so that nothing but the position keeps rows from being doubled."""
    file = csv(drop / "a.csv", range(40))
    file.write_text("\n".join(line.partition(",")[2] for line in file.read_text().splitlines()) + "\n")
    aged(file, 3600)
    watch(workspace, drop)
    reset()
    monkeypatch.setenv(VARIABLE, "append.after_rows=error@4")
    assert workspace.run_source("sales")["rows"] == 21
    monkeypatch.delenv(VARIABLE)
    assert workspace.run_source("sales")["rows"] == 19
    assert logged(workspace, "distance") == [float(n) for n in range(40)]


def test_bad_lines_are_in_quarantine_with_file_and_line(workspace: LocalWorkspace, drop: Path) -> None:
    file = csv(drop / "a.csv", range(10))
    with file.open("a") as stream:
        stream.write("p10,only two\n")
        stream.write("p11,2024-01-01 00:11:00,far,Łódź,1\n")
    aged(file, 3600)
    watch(workspace, drop)
    done = workspace.run_source("sales")
    assert (done["rows"], done["accepted"], done["rejected"]) == (12, 10, 2)
    found = {(entry["line"], entry["field"]) for entry in workspace.quarantine("eta")}
    assert found == {(12, "line"), (13, "distance")}
    assert {entry["origin"] for entry in workspace.quarantine("eta")} == {f"source sales: {file}"}
    assert workspace.run_source("sales")["rows"] == 0


def test_a_broken_file_keeps_no_other_back(workspace: LocalWorkspace, drop: Path) -> None:
    (drop / "a.csv").write_bytes(b"PK\x03\x04 a workbook")
    aged(drop / "a.csv", 7200)
    csv(drop / "b.csv", range(5))
    watch(workspace, drop)
    failed = workspace.run_source("sales")
    assert (failed["state"], failed["accepted"]) == ("failed", 5)
    assert str(failed["error"]).startswith(f"{drop / 'a.csv'}: this is a zip archive")
    (drop / "a.csv").unlink()
    assert workspace.run_source("sales")["state"] == "done"


def test_encoding_delimiter_columns_and_transform(workspace: LocalWorkspace, drop: Path) -> None:
    lines = ["nr;at;km;Ort;guess", *(f"{n};2024-01-01 00:0{n}:00;{n};Łódź;1" for n in range(5))]
    (drop / "a.txt").write_bytes("\n".join([*lines, ""]).encode("cp1250"))
    aged(drop / "a.txt", 3600)
    watch(
        workspace,
        drop,
        encoding="cp1250",
        delimiter=";",
        columns={"nr": "pid", "km": "distance", "Ort": "city"},
        transform="SELECT * REPLACE (distance * 1000 AS distance) FROM rows WHERE pid <> '0'",
    )
    done = workspace.run_source("sales")
    assert (done["rows"], done["accepted"], done["error"]) == (5, 4, None)
    assert logged(workspace, "_id, distance, city")[0] == ("1", 1000.0, "Łódź")


@pytest.mark.slow
def test_an_object_store_is_watched_like_a_folder(workspace: LocalWorkspace, drop: Path, monkeypatch) -> None:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    monkeypatch.setenv("STORE_KEY", "sesame-open")
    try:
        there = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "eu-west-1"}
        store = boto3.client("s3", **there, aws_access_key_id="k", aws_secret_access_key="s")
        store.create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

        def put(name: str, numbers: range) -> None:
            store.put_object(Bucket="shop", Key=name, Body=csv(drop / "x.csv", numbers).read_bytes())

        put("sales/a.csv", range(10))
        options = {"endpoint_url": there["endpoint_url"], "key": "k", "secret": "${STORE_KEY}", "region": "eu-west-1"}
        watch(workspace, "s3://shop/sales/", options=options)
        assert workspace.run_source("sales")["accepted"] == 10
        assert workspace.run_source("sales")["rows"] == 0
        put("sales/b.csv", range(10, 20))
        put("sales/a.csv", range(12))  # an object that has grown
        done = workspace.run_source("sales")
        assert (done["rows"], done["accepted"]) == (12, 10)
        assert logged(workspace) == ids(range(20))
        assert "sesame" not in str(workspace.sources()) + workspace.export()
    finally:
        server.stop()


def test_parts_of_a_block_are_the_block() -> None:
    table, _ = normalise(pa.table({"a": [1, 2, 3, 4]}))
    block = FileTable(table, refused=[refusal(1, "x", "e", "f"), refusal(5, "y", "e", "f")], lines=range(10, 16))
    for cut in range(7):
        left, right = part_of(block, 0, cut), part_of(block, cut, 6)
        assert left.table["a"].to_pylist() + right.table["a"].to_pylist() == [1, 2, 3, 4]
        assert [entry["line"] for entry in left.all_refused([]) + right.all_refused([])] == [11, 15]
