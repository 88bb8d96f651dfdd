"""Whatever a stranger hands in is read, or refused in words; never a traceback."""

import bz2
import gzip
import io
import json
import lzma
import random
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.file_formats import blocks
from storage.file_formats.column_types import type_text
from storage.files import FileError, FileTable, Reading, iter_batches, normalise, read_table


def _read(folder: Path, content: bytes | str, name: str = "data.csv", **options) -> FileTable:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, reading=Reading(**options))


PLAIN = {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,x\n2,y\n",
        b"a,b\r\n1,x\r\n2,y",
        b"a,b\r1,x\r2,y\r",
        b"\xef\xbb\xbfa,b\n1,x\n2,y\n",
        b"\n\na,b\n1,x\n\n2,y\n",
        b"a;b\n1;x\n2;y\n",
        b"a\tb\n1\tx\n2\ty\n",
        b"a|b\n1|x\n2|y\n",
        b"sep=;\r\na;b\r\n1;x\r\n2;y\r\n",
        b'"a","b"\n"1","x"\n"2","y"\n',
        b"a,b\n 1,x\n2 ,y\n",
        "a,b\n1,x\n2,y\n".encode("utf-16"),
        "a,b\n1,x\n2,y\n".encode("utf-16-le"),
        "a,b\n1,x\n2,y\n".encode("utf-32"),
        b"a,b\n1,x\x00\n2,y\n",
        gzip.compress(b"a,b\n1,x\n2,y\n", mtime=0),
        b'{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}\n',
        b'[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]',
        b'{"a": [1, 2], "b": ["x", "y"]}',
        b'{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}',
    ],
)
def test_the_same_table_in_many_clothes(tmp_path: Path, content: bytes) -> None:
    assert _read(tmp_path, content).table.to_pydict() == PLAIN
    batches = [part.table for part in iter_batches(tmp_path / "data.csv") if len(part.table)]
    assert pa.concat_tables(batches).to_pydict() == PLAIN


def test_parquet_arrow_and_feather(tmp_path: Path) -> None:
    table = pa.table(PLAIN)
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, str(tmp_path / "b"))
    with pa.ipc.new_file(tmp_path / "c.arrow", table.schema) as file:
        file.write_table(table)
    with pa.ipc.new_stream(tmp_path / "d.arrows", table.schema) as stream:
        stream.write_table(table)
    (tmp_path / "e.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    for path in sorted(tmp_path.iterdir()):
        assert read_table(path).table.to_pydict() == PLAIN, path.name
        assert [part.table.to_pydict() for part in iter_batches(path)] == [PLAIN], path.name


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        ("1,-2,3", pa.int64(), [1, -2, 3]),
        ("1,2.5,NA", pa.float64(), [1.0, 2.5, None]),
        ("inf,-inf,1e300", pa.float64(), [float("inf"), float("-inf"), 1e300]),
        ("99999999999999999999,1,", pa.float64(), [1e20, 1.0, None]),
        ("True,false,", pa.bool_(), [True, False, None]),
        (
            "2024-05-01,2024-05-02,",
            pa.timestamp("us"),
            [datetime.fromisoformat("2024-05-01"), datetime.fromisoformat("2024-05-02"), None],
        ),
        (
            "31/12/2024,01/02/2025",
            pa.timestamp("us"),
            [datetime.fromisoformat("2024-12-31"), datetime.fromisoformat("2025-02-01")],
        ),
        ("01.02.2024 13:45,NULL", pa.timestamp("us"), [datetime.fromisoformat("2024-02-01T13:45"), None]),
        ("1,2,x", pa.string(), ["1", "2", "x"]),
        ("NA,DE,", pa.string(), ["NA", "DE", None]),
        (",,", pa.null(), [None, None, None]),
    ],
)
def test_a_column_is_typed_by_all_of_its_values(column: str, kind: pa.DataType, values: list) -> None:
    cells = [cell or None for cell in column.split(",")]
    found, _ = type_text("x", pa.chunked_array([pa.array(cells, pa.string())]))
    assert (found.type, found.to_pylist()) == (kind, values)


def test_a_late_text_makes_the_whole_column_text_and_says_so(tmp_path: Path) -> None:
    read = _read(tmp_path, "a\n" + "1\n" * 200_000 + "oops\n")
    assert read.table["a"].type == pa.string()
    assert read.notes == ["column 'a' mixes 200,000 numbers with 1 other values, such as 'oops'; it is read as text"]


def test_decimal_commas_where_the_comma_does_not_separate(tmp_path: Path) -> None:
    assert _read(tmp_path, "a;b\n1,5;x\n1.002,25;y\n").table["a"].to_pylist() == [1.5, 1002.25]


def test_headers_with_spaces_quotes_duplicates_and_nothing(tmp_path: Path) -> None:
    read = _read(tmp_path, '" a b ","say ""hi""",a,a,,"two\nlines"\n1,2,3,4,5,6\n')
    assert read.table.column_names == ["a b", 'say "hi"', "a", "a_2", "column_5", "two\nlines"]
    assert read.table.to_pylist()[0]["two\nlines"] == 6
    assert "'a_2', 'column_5'" in read.notes[0]


def test_latin_letters_are_read_and_counted(tmp_path: Path) -> None:
    read = _read(tmp_path, "Stadt;Größe\nKöln;1\nMünchen – €;2\n".encode("cp1252"))
    assert read.table.to_pydict() == {"Stadt": ["Köln", "München – €"], "Größe": [1, 2]}
    assert "read as Windows-1252: 6" in read.notes[-1]
    declared = _read(tmp_path, "n\nKöln\n".encode("latin-1"), encoding="latin-1")
    assert declared.table["n"].to_pylist() == ["Köln"]


def test_ragged_lines_are_left_out_aloud(tmp_path: Path) -> None:
    read = _read(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert read.table.to_pydict() == {"a": [1, 7], "b": [2, 8]}
    assert "do not have 2 fields: 2 (such as '3')" in read.notes[0]


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest(tmp_path: Path) -> None:
    read = _read(tmp_path, 'a,b\n1,"x\n2,y\n3,"z"\n')
    assert read.table.to_pydict() == {"a": [1, 2, 3], "b": ['"x', "y", "z"]}
    assert "never closed" in " ".join(read.notes)


def test_an_index_without_a_name_and_names_without_values(tmp_path: Path) -> None:
    assert _read(tmp_path, "x,y\n1,2,3\n4,5,6\n").table.column_names == ["column_1", "x", "y"]
    read = _read(tmp_path, "a,b,c\n1,2\n3,4\n")
    assert read.table.to_pydict() == {"a": [1, 3], "b": [2, 4], "c": [None, None]}


def test_header_only_one_row_and_a_missing_value_in_a_single_column(tmp_path: Path) -> None:
    assert _read(tmp_path, "a,b").table.shape == (0, 2)
    assert _read(tmp_path, "a,b\n1,2").table.shape == (1, 2)
    assert _read(tmp_path, "a\n1\n\n3\n").table["a"].to_pylist() == [1, None, 3]


@pytest.mark.slow
def test_thousands_of_columns(tmp_path: Path) -> None:
    names = [f"column number {i}" for i in range(5000)]
    content = ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n"
    assert _read(tmp_path, content).table.shape == (1, 5000)


def test_json_lines_with_broken_lines_and_mixed_values(tmp_path: Path) -> None:
    read = _read(tmp_path, '{"a": 1, "b": [1]}\nbroken\n{"a": "x"}\n{"a": NaN, "c": 2}\n', "d.jsonl")
    assert read.table.to_pydict() == {"a": ["1", "x", "NaN"], "b": [[1.0], None, None], "c": [None, None, 2]}
    assert "not JSON objects: 1 (such as 'broken')" in read.notes[0]


def test_several_files_at_once(tmp_path: Path) -> None:
    for index, rows in enumerate(["1,x", "2.5,3", "y,4"]):
        (tmp_path / f"part{index}.csv").write_text(f"a,b\n{rows}\n")
    assert read_table(tmp_path / "part*.csv").table.to_pydict() == {"a": ["1", "2.5", "y"], "b": ["x", "3", "4"]}
    assert read_table(tmp_path / "part[12].csv").table["b"].to_pylist() == [3, 4]


def test_a_folder_is_read_without_its_bookkeeping(tmp_path: Path) -> None:
    for name in ("b.csv", "a.tsv", "_SUCCESS", ".hidden.csv", "readme.md", "deep/c.csv", "_temporary/d.csv"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"name\n{path.stem}\n")
    assert read_table(tmp_path / "in").table["name"].to_pylist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: pa.compress(data, "zstd", asbytes=True)]
)
def test_compressed_files_of_any_kind(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table(PLAIN), sink)
    for content in (b"a,b\n1,x\n2,y\n", sink.getvalue()):
        (tmp_path / "data").write_bytes(pack(content))
        assert read_table(tmp_path / "data").table.to_pydict() == PLAIN
        assert _joined(iter_batches(tmp_path / "data")) == PLAIN


def test_columns_are_mapped_and_names_that_do_not_fit_are_told(tmp_path: Path) -> None:
    reading = Reading(columns={"a": "x"})
    assert _read(tmp_path, "a,b\n1,2\n", columns={"a": "x"}).table.to_pydict() == {"x": [1], "b": [2]}
    assert _joined(iter_batches(tmp_path / "data.csv", reading=reading)) == {"x": [1], "b": [2]}
    with pytest.raises(FileError, match="no column 'c' to map; it has 'a', 'b'"):
        _read(tmp_path, "a,b\n1,2\n", columns={"c": "x"})
    with pytest.raises(FileError, match="'b' would be there twice"):
        list(iter_batches(tmp_path / "data.csv", reading=Reading(columns={"a": "b"})))


def test_declared_columns_are_read_as_what_they_are_declared(tmp_path: Path) -> None:
    kinds = {"code": "categorical", "n": "numeric", "when": "datetime", "ok": "boolean"}
    content = "code;n;when;ok;new\n007;1,5;31.12.2024;true;007\nNA;NA;x;no idea;8\n"
    table = _read(tmp_path, content, kinds=kinds).table
    assert table.to_pydict() == {
        "code": ["007", "NA"],
        "n": [1.5, None],
        "when": ["2024-12-31 00:00:00.000000", "x"],
        "ok": ["true", "no idea"],
        "new": [7, 8],
    }
    table = _read(tmp_path, content.replace("NA;NA", "NA;oops"), kinds=kinds).table
    assert table["n"].to_pylist() == ["1.5", "oops"]  # what can be read is, and the rest is there to be named


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("a,b\n1,2\n3\n4,5,6\n7,8\n", [(1, 3, "3", "1 fields, not 2"), (2, 4, "4,5,6", "3 fields, not 2")]),
        ("\n\na,b\n1,2\n\n3\n", [(1, 6, "3", "1 fields, not 2")]),
        ('a,b\n1,"x\ny"\n3\n4,5\n', [(1, 4, "3", "1 fields, not 2")]),
        ("a,b\r1,2\r3\r", [(1, 3, "3", "1 fields, not 2")]),
        ('{"a": 1}\n\nbroken\n[1]\n{"a": 2}\n', [(1, 3, "broken", "not JSON"), (2, 4, "[1]", "no object")]),
    ],
)
def test_lines_that_make_no_row_are_named(tmp_path: Path, text: str, refused: list) -> None:
    (tmp_path / "data.txt").write_bytes(text.encode())
    found = [entry for block in iter_batches(tmp_path / "data.txt") for entry in block.all_refused([])]
    assert [(entry["row"], entry["line"], entry["content"]) for entry in found] == [case[:3] for case in refused]
    assert all(case[3] in entry["error"] for case, entry in zip(refused, found, strict=True))


@pytest.mark.parametrize(
    ("encoding", "content", "line"),
    [("utf-8", b"a,b\n1,x\n2,\xff\n3,z\n", 3), ("ascii", "a,b\nü,x\n1,y\n".encode(), 2)],
)
def test_bytes_that_the_declared_encoding_does_not_allow_are_a_refused_line(
    tmp_path: Path, encoding: str, content: bytes, line: int
) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    blocks = list(iter_batches(tmp_path / "data.csv", reading=Reading(encoding=encoding)))
    (entry,) = blocks[0].all_refused([])
    assert (entry["line"], entry["error"]) == (line, "the line holds bytes that the encoding does not allow")
    assert "\N{REPLACEMENT CHARACTER}" in entry["content"]
    assert blocks[0].records == content.count(b"\n") - 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "latin-1", "cp1252"])
def test_encodings_are_found_or_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "data.csv").write_bytes("Stadt,n\nKöln,1\nÅrhus,2\n".encode(encoding))
    for reading in (Reading(), Reading(encoding=encoding)):
        assert _joined(iter_batches(tmp_path / "data.csv", reading=reading)) == {
            "Stadt": ["Köln", "Århus"],
            "n": [1, 2],
        }


def test_blocks_are_cut_alike_each_time_and_outside_of_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 64)
    rows = [f'{i},"text {i}\nof two lines, and ""more"""' for i in range(50)]
    (tmp_path / "data.csv").write_text("a,b\n" + "\n".join(rows))
    found = [part for part in iter_batches(tmp_path / "data.csv") if part.records]
    assert len(found) > 20
    assert [part.mark for part in found] == [p.mark for p in iter_batches(tmp_path / "data.csv") if p.records]
    table = pa.concat_tables(part.table for part in found)
    assert table["a"].to_pylist() == list(range(50))
    assert table["b"][7].as_py() == 'text 7\nof two lines, and "more"'
    assert [part.first_line for part in found] == [2 + 2 * part.table["a"][0].as_py() for part in found]


def test_quotes_inside_fields_do_not_mislead_the_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 100)
    (tmp_path / "data.csv").write_text("size,n\n" + "".join(f'{i}" pipe,{i}\n' for i in range(100)))
    assert _joined(iter_batches(tmp_path / "data.csv"))["n"] == list(range(100))


def test_a_file_that_has_grown_is_cut_where_it_ended_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 100)
    path = tmp_path / "data.csv"
    path.write_text("n\n" + "".join(f"{i}\n" for i in range(60)))
    before = {part.mark for part in iter_batches(path) if part.records}
    with path.open("a") as file:
        file.write("".join(f"{i}\n" for i in range(60, 90)))
    again = [part for part in iter_batches(path, known=before) if part.records]
    assert before < {part.mark for part in again}
    fresh = [n for part in again if part.mark not in before for n in part.table["n"].to_pylist()]
    assert fresh == list(range(60, 90))


def test_what_was_read_before_a_cut_off_is_given_first(tmp_path: Path) -> None:
    content = "n\n" + "".join(f"{i}\n" for i in range(300_000))
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(content.encode(), mtime=0)[:-200_000])
    seen: list[int] = []
    parts = iter_batches(tmp_path / "data.csv.gz")
    with pytest.raises(FileError, match="damaged or cut off"):
        seen.extend(n for part in parts for n in part.table["n"].to_pylist())
    assert seen == list(range(len(seen)))
    assert len(seen) > 100_000


def test_huge_row_groups_and_streams_come_in_small_batches(tmp_path: Path) -> None:
    table = pa.table({"n": range(200_000)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=200_000)
    with pa.OSFile(str(tmp_path / "b.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with pa.OSFile(str(tmp_path / "c.arrows"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    for name in ("a.parquet", "b.arrow", "c.arrows"):
        sizes = [part.records for part in iter_batches(tmp_path / name)]
        assert (sum(sizes), max(sizes)) == (200_000, 1 << 16), name


def test_progress_counts_bytes_and_rows_of_all_files(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("n\n1\n2\n")
    told: list[tuple[int, int, int]] = []
    list(iter_batches(tmp_path / "*.csv", progress=lambda *what: told.append(what)))
    assert told[-1] == (12, 12, 4)


def _joined(parts: Iterable[FileTable]) -> dict[str, list]:
    return pa.concat_tables(part.table for part in parts if part.table.num_rows).to_pydict()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a,b\n1,x\n2,y\n")))
    assert read_table("-").table.to_pydict() == PLAIN


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (random.Random(0).randbytes(4000), "this is not text"),
        (b"PK\x03\x04 rest", "an Excel workbook"),
        (b"PAR1 broken", "cannot be read"),
        (b"ARROW1 broken", "cannot be read"),
        (gzip.compress(b"a,b\n1,2\n" * 500, mtime=0)[:40], "damaged or cut off"),
        (b'[{"a": 1}', "not JSON"),
        (b'[{"a": 1}, 2]', "not a table"),
        (b"[]", "not a table"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(FileError, match=words) as caught:
        _read(tmp_path, content, "given.csv")
    assert "given.csv" in str(caught.value)
    with pytest.raises(FileError):
        list(iter_batches(tmp_path / "given.csv"))


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "here.csv").write_text("a\n1\n")
    (tmp_path / "empty").mkdir()
    for name, words in {
        "absent.csv": r"no file .*absent.csv.*'here.csv'",
        "*.parquet": "no file matches",
        "empty": "holds no data files",
        "nowhere/x.csv": "nor a folder",
        "x" * 300: "is not a file name|there is no file",
    }.items():
        with pytest.raises(FileError, match=words):
            read_table(tmp_path / name)


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    for options, words in (
        ({"encoding": "klingon"}, "'klingon' is not known"),
        ({"encoding": "ascii"}, "not ascii"),
        ({"delimiter": "ab"}, "delimiter 'ab' is not possible"),
    ):
        with pytest.raises(FileError, match=words):
            _read(tmp_path, "a,b\nü,1\n", **options)


def test_any_arrow_table_becomes_one_of_few_types() -> None:
    table = pa.table(
        {
            "small": pa.array([1, None], pa.int8()),
            "half": pa.array([1.5, None], pa.float32()),
            "money": pa.array([1, None], pa.decimal128(10, 2)),
            "dict": pa.array(["x", None]).dictionary_encode(),
            "day": pa.array([0, None], pa.date32()),
            "zoned": pa.array([0, None], pa.timestamp("ns", "Europe/Berlin")),
            "clock": pa.array([0, None], pa.time32("s")),
            "took": pa.array([1500, None], pa.duration("ms")),
            "bytes": pa.array([b"a\xff", None]),
            "list": pa.array([[1, 2], None]),
            "words": pa.array([["x"], None]),
            "large": pa.array(["x", None], pa.large_string()),
        }
    )
    found, notes = normalise(table)
    kinds = {
        pa.int64(),
        pa.float64(),
        pa.string(),
        pa.timestamp("us"),
        pa.timestamp("us", "UTC"),
        pa.list_(pa.float64()),
    }
    assert set(found.schema.types) <= kinds
    assert found["took"].to_pylist() == [1.5, None]
    assert found["list"].to_pylist() == [[1.0, 2.0], None]
    assert found["words"].to_pylist() == ['["x"]', None]
    assert all(column.null_count == 1 for column in found.columns)
    assert len(notes) == 4


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(st.binary(max_size=300), st.text(alphabet='ab,;"\n\r\t1.{}[]:é\0', max_size=120).map(str.encode))
)
def test_random_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    try:
        read = _read(tmp_path, content)
    except FileError:
        return
    assert len(set(read.table.column_names)) == read.table.num_columns > 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.fixed_dictionaries({"n": st.integers(-(2**53), 2**53), "s": st.text(min_size=1)}), min_size=1))
def test_json_lines_keep_every_value(tmp_path: Path, rows: list[dict]) -> None:
    clean = [{**row, "s": "t" + row["s"].replace("\0", "")} for row in rows]
    content = "\n".join(json.dumps(row) for row in clean)
    assert _read(tmp_path, content, "rows.jsonl").table.to_pylist() == clean
