"""Two files that a stranger drops: what is found, what is refused in words, and what a hostile file cannot do."""

import gzip
import io
import json
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service import comparing_process, comparing_worker
from service.comparing_example import example_files
from service.comparing_process import compare_apart
from service.comparing_report import page
from service.comparing_views import FileComparison, GivenFile
from service.workspace import WorkspaceError

LIMIT = 8 * 2**20
HOSTILE = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "a\x00b", "\u202eevil", "x" * 5000]


def given(name: str, data: bytes | str) -> GivenFile:
    return GivenFile(name, data.encode() if isinstance(data, str) else data)


def parquet(table: pa.Table, name: str = "a.parquet") -> GivenFile:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return GivenFile(name, sink.getvalue())


def options(**how: Any) -> dict[str, Any]:
    return {"timestamp": None, "split": None, "alpha": 0.01, "preset": None, "together": False, **how}


def apart(*files: GivenFile, limit: int = LIMIT, seconds: float = 180, **how: Any) -> FileComparison:
    """Compare in a process of its own, as the service does."""
    sides = dict(zip(("reference", "current"), files, strict=False))
    return compare_apart(sides, options(**how), limit=limit, seconds=seconds)


def compared(*files: GivenFile, **how: Any) -> FileComparison:
    """Compare as that process does inside: a second less."""
    with tempfile.TemporaryDirectory(prefix="driftdeck-compare-") as folder:
        asked = {}
        for side, file in zip(("reference", "current"), files, strict=False):
            path = Path(folder) / f"{side}{comparing_process.ending(file.name)}"
            path.write_bytes(file.data)
            asked[side] = {"path": str(path), "name": file.name}
        found = comparing_worker.answer(asked, options(**how))
    if "error" in found:
        raise WorkspaceError(found["error"])
    return cast("FileComparison", json.loads(json.dumps(found["found"], allow_nan=False)))


def refused(*files: GivenFile, **how: Any) -> str:
    with pytest.raises(WorkspaceError) as caught:
        compared(*files, **how)
    return str(caught.value)


def numbers(shift: float = 0.0, seed: int = 1, n: int = 500) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "age": rng.normal(40 + shift, 5, n),
            "height": rng.normal(170, 8, n),
            "city": rng.choice(["Bonn", "Kiel", "Ulm"], n),
        }
    )


def test_what_changed_comes_first_and_is_said_in_one_sentence() -> None:
    found = compared(parquet(numbers(), "before.parquet"), parquet(numbers(4, seed=2), "after.parquet"))
    assert (found["verdict"], found["drift"], found["drifted"]) == ("drift", True, 1)
    first = found["columns"][0]
    assert (first["column"], first["verdict"]) == ("age", "drift")
    assert first["effect"] == pytest.approx(0.8, abs=0.15)  # 4 years, of which 5 are a standard deviation
    assert found["sentence"].startswith("1 of 3 columns changed beyond chance; the largest: age, mean 39.")
    assert [side["name"] for side in (found["reference"], found["current"])] == ["before.parquet", "after.parquet"]
    bars = first["histogram"]
    assert bars is not None
    assert len(bars["edges"]) == len(bars["reference"]) + 1
    assert sum(bars["reference"]) == pytest.approx(1)
    assert sum(bars["current"]) == pytest.approx(1)


def test_nothing_is_said_to_have_changed_when_nothing_has() -> None:
    rng = np.random.default_rng(3)
    tables = [pa.table({f"c{i}": rng.normal(size=400) for i in range(60)}) for _ in range(2)]
    found = compared(parquet(tables[0]), parquet(tables[1], "b.parquet"))
    assert found["drifted"] == 0
    assert found["sentence"] == "None of 60 columns changed beyond chance."


def test_csv_json_lines_arrow_and_gzip_are_read_alike() -> None:
    rows = [(i * 37 % 200, i % 7) for i in range(200)]
    csv = "x;y\n" + "\n".join(f"{x};{y}" for x, y in rows)
    lines = "\n".join(f'{{"x": {x}, "y": {y}}}' for x, y in rows)
    sink = io.BytesIO()
    table = pa.table({"x": [x for x, _ in rows], "y": [y for _, y in rows]})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    forms = [given("a.csv", csv), given("a.jsonl", lines), given("a.arrow", sink.getvalue())]
    forms.append(given("a.csv.gz", gzip.compress(csv.encode())))
    for form in forms:
        found = compared(form, given("b.tsv", csv.replace(";", "\t")))
        assert {column["column"]: column["verdict"] for column in found["columns"]} == {"x": "ok", "y": "ok"}


def test_the_time_of_rows_is_found_and_its_days_are_not_taken_for_a_change() -> None:
    before, after = example_files()
    found = compared(before, after)
    assert found["timestamp"] == "sched"
    assert {column["column"] for column in found["columns"] if column["verdict"] == "drift"} < {
        column["column"] for column in compared(before, after, timestamp="")["columns"] if column["verdict"] == "drift"
    }
    temp = found["columns"][0]
    assert temp["column"] == "temp"
    assert {other["rule"] for other in temp["others"]} >= {"Driftdeck", "PSI > 0.2", "Evidently, defaults"}


def test_one_file_is_cut_in_the_middle_or_where_it_is_asked_for() -> None:
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - as files have it
    table = numbers(n=400).append_column("at", pa.array([start + timedelta(hours=i) for i in range(400)]))
    found = compared(parquet(table))
    assert (found["reference"]["rows"], found["current"]["rows"], found["split"]) == (200, 200, "2024-01-09T08:00:00")
    found = compared(parquet(table), split="2024-01-02")
    assert (found["reference"]["rows"], found["current"]["rows"]) == (24, 376)
    assert "no row of the file lies at or after" in refused(parquet(table), split="2025-01-01")
    assert "no row of the file lies before" in refused(parquet(table), split="2023-01-01")
    assert "is not an ISO 8601 time" in refused(parquet(table), split="soon")
    assert "has no column of dates or times to cut it at" in refused(parquet(numbers()))
    assert "'age' holds no times to cut the file at" in refused(parquet(table), timestamp="age")


def test_what_cannot_be_compared_is_refused_in_words_with_the_names_people_gave() -> None:
    good = parquet(numbers(), "good.parquet")
    assert "the two sides have no column in common" in refused(good, given("b.csv", "q,r\n" + "1,2\n" * 30))
    assert "empty.csv" in refused(good, given("empty.csv", ""))
    assert "head.csv has 3 columns and no rows" in refused(good, given("head.csv", "age,height,city\n"))
    assert "book.xlsx" in refused(good, given("book.xlsx", b"PK\x03\x04" + b"\x00" * 200))
    assert "torn.parquet" in refused(good, given("torn.parquet", good.data[: len(good.data) // 2]))
    found = compared(good, given("b.csv", "age,height,city\n" + "x,170,Bonn\n" * 40))
    age = next(column for column in found["columns"] if column["column"] == "age")
    assert age["verdict"] == "error"
    assert "holds text (such as 'x') where the other side holds numbers" in age["sentence"]


def test_more_columns_than_anybody_reads_are_refused_before_they_are_read() -> None:
    wide = ",".join(f"c{i}" for i in range(5000))
    words = "wide.csv has 5,000 columns, and 2,000 are compared here"
    assert words in refused(given("wide.csv", f"{wide}\n" + "1," * 4999 + "1\n"), parquet(numbers()))
    table = pa.table({f"c{i}": [1] for i in range(2001)})
    assert "2,001 columns" in refused(parquet(table), parquet(table))


def test_few_rows_are_insufficient_and_not_a_change() -> None:
    found = compared(parquet(numbers(n=5)), parquet(numbers(30, n=5)))
    assert {column["verdict"] for column in found["columns"]} == {"insufficient"}
    assert found["sentence"] == "Nothing can be told of 3 columns; 3 with too few rows to tell."


def test_another_tool_may_decide() -> None:
    found = compared(parquet(numbers()), parquet(numbers(4, seed=2)), preset="evidently")
    assert found["preset"] == "evidently"
    assert found["columns"][0]["column"] == "age"
    assert "as Evidently judges on its defaults" in found["sentence"]
    assert "preset" in refused(parquet(numbers()), parquet(numbers()), preset="nobody")


def test_hostile_names_are_only_text() -> None:
    names = [*HOSTILE, "plain"]
    rng = np.random.default_rng(5)
    values = {name: rng.choice(["<img src=x onerror=alert(1)>", "b"], 100) for name in names}
    found = compared(parquet(pa.table(values), '<b>"a".parquet'), parquet(pa.table(values), "../../b.parquet"))
    assert len(found["columns"]) == len(names)
    report = page(found)
    assert "<script" not in report
    assert "<img" not in report
    assert "<b>" not in report
    assert "default-src 'none'" in report


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 5000,
        b'a,b\n"never closed,1\n' + b"2,3\n" * 500,
        b"a,b\n" + b"\x00\xff\xfe,1\n" * 300,
        b"PAR1" + b"\xff" * 4000 + b"PAR1",
        b"ARROW1\x00\x00" + b"\xff" * 4000,
        b"[" * 100_000,
        b"\x1f\x8b\x08" + b"\x00" * 300,
    ],
)
def test_a_broken_file_gets_an_answer_or_words(data: bytes) -> None:
    good = parquet(pa.table({"a": list(range(100)), "b": ["x"] * 100}))
    try:
        said = compared(good, given("broken", data))["sentence"]
    except WorkspaceError as error:
        said = str(error)
    assert said
    assert "Traceback" not in said
    assert "driftdeck-compare-" not in said


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_gigabytes_harms_nothing() -> None:
    sink = io.BytesIO()
    part = pa.table({"a": np.zeros(4_000_000)})
    with pq.ParquetWriter(sink, part.schema, compression="zstd") as writer:
        for _ in range(60):  # 1.9 GB of zeros
            writer.write_table(part)
    bomb = GivenFile("bomb.parquet", sink.getvalue())
    assert len(bomb.data) < 2**21
    with pytest.raises(WorkspaceError, match="memory"):
        apart(bomb, bomb, limit=4 * 2**20)


@pytest.mark.slow
def test_a_wide_file_takes_no_more_than_it_needs() -> None:
    rng = np.random.default_rng(9)
    text = "\n".join(
        [",".join(f"c{i}" for i in range(1500)), *(",".join(map(str, row)) for row in rng.integers(0, 99, (40, 1500)))]
    )
    found = apart(given("a.csv", text), given("b.csv", text))
    assert found["sentence"] == "None of 1,500 columns changed beyond chance."


def test_files_beyond_the_limit_are_not_even_read() -> None:
    large = given("large.csv", "a\n" + "1\n" * 10_000)
    with pytest.raises(WorkspaceError, match="max_body_mb"):
        apart(large, large, limit=1000)


def test_a_comparison_that_takes_too_long_is_ended() -> None:
    with pytest.raises(WorkspaceError, match="were not compared within 0 s"):
        apart(parquet(numbers()), parquet(numbers()), seconds=0.01)


@pytest.mark.slow
def test_the_reader_learns_no_secrets_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("DRIFTDECK_TOKEN", "sesame")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: dict[str, Any] = {}
    start = subprocess.Popen

    def watched(*command: Any, **how: Any) -> Any:
        seen.update(how["env"])
        return start(*command, **how)

    monkeypatch.setattr(subprocess, "Popen", watched)
    found = apart(parquet(numbers()), parquet(numbers(4, seed=2), "after.parquet"))
    assert found["columns"][0]["column"] == "age"
    assert "sesame" not in seen.values()
    assert seen["PATH"]
    assert list(tmp_path.iterdir()) == []
