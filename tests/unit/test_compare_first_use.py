"""What somebody meets who compares two files of their own for the first time."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from monitors.compare_inputs import CompareError
from monitors.compare_segments import compare_segments
from monitors.comparison import compare
from service.cli import app
from storage.files import Reading, iter_batches, read_table

DAYS = 30


def times(start: str, n: int, days: int = DAYS) -> pa.Array:
    """``n`` times spread evenly over ``days``."""
    step = days * 86_400_000_000 // n
    return pa.array(np.datetime64(start, "us") + np.arange(n) * np.timedelta64(step, "us"))


def table(seed: int, start: str, n: int = 3000, **columns: object) -> pa.Table:
    """A table with times, a number, and ``columns``."""
    rng = np.random.default_rng(seed)
    return pa.table({"at": times(start, n), "x": rng.normal(0, 1, n)} | columns)


# -- days that never varied -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("before", "after"), [(7, 8), (7.0, 6.0), ("a", "b"), (True, False), (0, 1e9)], ids=str)
def test_a_constant_that_changes_is_drift_with_times_and_without(before: object, after: object) -> None:
    left = table(1, "2026-01-01", k=[before] * 3000)
    right = table(2, "2026-02-01", k=[after] * 3000)
    for options in ({"timestamp": "at"}, {"columns": ["x", "k"]}):
        found = compare(left, right, **options)
        assert (found["k"].verdict, found["x"].verdict) == ("drift", "ok")
        assert found["k"].effect > 1


@pytest.mark.parametrize("rare", [1, 3, 30])
def test_a_constant_but_for_a_few_rows_is_as_good_as_one(rare: int) -> None:
    k = np.where(np.arange(3000) % (3000 // rare) == 7, 8.0, 7.0)
    left = table(1, "2026-01-01", k=k)
    assert compare(left, table(2, "2026-02-01", k=np.full(3000, 8.0)), timestamp="at")["k"].drift
    assert not compare(left, table(2, "2026-02-01", k=np.roll(k, 5)), timestamp="at")["k"].drift


def test_a_constant_that_stays_is_none() -> None:
    left, right = (table(1, day, k=[7] * 3000, s=["a"] * 3000) for day in ("2026-01-01", "2026-02-01"))
    assert not compare(left, right, timestamp="at").drift


# -- times as pandas writes them --------------------------------------------------------------------------------------
def test_times_with_nanoseconds_are_times(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "at,zoned\n2026-01-01 00:09:27.778609933,2026-01-01T00:09:27.778609933Z\n,\n2026-01-02 00:00:00,2026-01-02T00:00:00Z\n"
    )
    read = read_table(path)
    assert [str(kind) for kind in read.table.schema.types] == ["timestamp[us]", "timestamp[us, tz=UTC]"]
    assert read.table["at"][0].as_py() == datetime(2026, 1, 1, 0, 9, 27, 778609)  # noqa: DTZ001 - the file has no zone
    assert read.notes == []
    declared = next(iter_batches(path, reading=Reading(kinds={"at": "datetime", "zoned": "datetime"}))).table
    assert declared.column("at").type == pa.timestamp("us")


# -- too few rows -----------------------------------------------------------------------------------------------------
def test_too_few_rows_are_no_green_light(tmp_path: Path) -> None:
    for name, text in {"head": "x,k\n", "one": "x,k\n1,a\n", "many": "x,k\n" + "1,a\n2,b\n" * 50}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    files = {name: str(tmp_path / f"{name}.csv") for name in ("head", "one", "many")}
    run = CliRunner()
    for pair in (("head", "many"), ("many", "head")):
        done = run.invoke(app, ["compare", *(files[name] for name in pair)])
        assert done.exit_code == 2
        assert "no rows" in done.output
    done = run.invoke(app, ["compare", files["many"], files["one"], "--json", "--fail-on", "drift"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["verdict"] == "insufficient"
    assert {column["verdict"] for column in found["columns"]} == {"insufficient"}
    text = run.invoke(app, ["compare", files["many"], files["one"]]).stdout
    assert text.startswith("nothing can be told of 2 columns")
    assert json.loads(run.invoke(app, ["compare", files["many"], files["many"], "--json"]).stdout)["verdict"] == "ok"


def test_a_column_without_values_is_called_that() -> None:
    found = compare(
        table(1, "2026-01-01", e=pa.nulls(3000)), table(2, "2026-01-01", e=pa.nulls(3000)), columns=["x", "e"]
    )
    assert (found["e"].verdict, found["x"].verdict, found.verdict) == ("no_data", "ok", "ok")


# -- new values -------------------------------------------------------------------------------------------------------
def _cities(seed: int, start: str, share: float) -> pa.Table:
    rng = np.random.default_rng(seed)
    usual = np.char.add("c", np.minimum(rng.zipf(1.3, 3000), 1000).astype(str))
    return table(seed, start, city=np.where(rng.random(3000) < share, "new town", usual))


def test_one_frequent_new_value_counts_among_many_rare_ones() -> None:
    for seed in range(4):
        found = compare(_cities(seed, "2026-01-01", 0), _cities(seed + 50, "2026-02-01", 0.03), timestamp="at")
        assert found["city"].drift
        assert any(reason.startswith("new value 'new town'") for reason in found["city"].reasons)
    quiet = [compare(_cities(s, "2026-01-01", 0), _cities(s + 90, "2026-02-01", 0), timestamp="at") for s in range(8)]
    assert not any(found.drift for found in quiet)


def test_where_every_day_has_a_value_of_its_own_one_more_says_nothing() -> None:
    def promotions(start: str, days: int) -> pa.Table:
        n = 100 * days
        day = np.arange(n) // 100
        own = np.char.add(f"{start} ", day.astype(str))
        return pa.table({"at": times(start, n, days), "promo": np.where(np.arange(n) % 10 < 2, own, "none")})

    found = compare(promotions("2026-01-01", 40), promotions("2026-03-01", 5), timestamp="at")
    assert not any("new value '" in reason for reason in found["promo"].reasons)


# -- what is shown ----------------------------------------------------------------------------------------------------
def test_the_effect_is_told_of_a_moved_distribution_only() -> None:
    n = 3000
    gaps = np.where(np.random.default_rng(3).random(n) < 0.2, np.nan, np.random.default_rng(4).normal(0, 1, n))
    left = table(
        1, "2026-01-01", moved=np.random.default_rng(5).normal(0, 1, n), gaps=np.random.default_rng(6).normal(0, 1, n)
    )
    right = table(2, "2026-02-01", moved=np.random.default_rng(7).normal(0.5, 1, n), gaps=gaps)
    found = compare(left, right, columns=["x", "moved", "gaps"])
    assert [column.verdict for column in found.columns] == ["ok", "drift", "drift"]
    assert found["moved"].effect == pytest.approx(0.5, abs=0.1)
    assert [column.to_dict()["effect"] is None for column in found.columns] == [True, False, True]
    for column in found.columns:
        (deciding,) = (check for check in column.checks if check.check == "jensen_shannon")
        assert (deciding.value > deciding.threshold) == (column.column == "moved")


WORDS = ["good", "bad", "slow", "fast", "refund", "order", "late", "parcel", "thanks", "again", "broken", "fine"]


def _texts(seed: int, word: str) -> pa.Table:
    chosen = np.random.default_rng(seed).choice([w if w != "refund" else word for w in WORDS], (1000, 8))
    return pa.table({"note": [" ".join(row) for row in chosen]})


def test_texts_are_short_in_the_table_and_whole_in_json() -> None:
    found = compare(_texts(1, "refund"), _texts(2, "lawyer"))
    (line,) = (line for line in str(found).splitlines() if line.startswith("  note"))
    assert found["note"].drift
    assert "lawyer" in line
    assert len(line) < 170
    assert line.count("note") == 1
    assert "Out-of-vocabulary share is" in " ".join(found.to_dict()["columns"][0]["reasons"])


@pytest.mark.slow
def test_texts_need_no_classifier_unless_asked_for(tmp_path: Path) -> None:
    pq.write_table(_texts(1, "refund"), tmp_path / "a.parquet")
    pq.write_table(_texts(2, "lawyer"), tmp_path / "b.parquet")
    code = (
        "import sys; from monitors import compare; r = compare(*sys.argv[1:]);print(r.drift, 'sklearn' in sys.modules)"
    )
    files = [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
    asked = compare(*files, checks=["text_classifier"])["note"]
    assert "text_classifier" in {check.check for check in asked.checks}


# -- segments and indexes ---------------------------------------------------------------------------------------------
def test_segments_are_found_in_whatever_type_either_side_has() -> None:
    rng = np.random.default_rng(1)
    flag, plan = rng.random(2000) < 0.4, rng.choice(["a", "b"], 2000)
    left = pa.table({"flag": flag, "plan": plan, "x": rng.normal(0, 1, 2000)})
    right = left.set_column(0, "flag", pa.array(flag.astype(float)))
    found = compare_segments(left, right, "plan × flag")
    assert len(found.segments) == 4
    assert not any("are compared" in note for note in found.notes)
    dates = left.set_column(0, "flag", times("2026-01-01", 2000))
    with pytest.raises(CompareError, match=r"segment column 'flag': .* cannot be compared"):
        compare_segments(left, dates, "flag")


def test_what_pandas_wrote_of_an_index_is_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(100.0)})
    path, later = tmp_path / "a.parquet", tmp_path / "b.parquet"
    frame[frame.x != 3].to_parquet(path)
    frame[frame.x != 3].set_index(np.arange(99) ** 2).to_parquet(later)
    assert "__index_level_0__" in pq.read_schema(path).names
    found = compare(path, later)
    assert [column.column for column in found.columns] == ["x"]
    assert found.notes == (
        "'__index_level_0__' is left out: pandas wrote a frame's index there; declare it if it is a column of yours",
    )
    assert compare(path, later, columns=["__index_level_0__"]).drift
    blocks = list(iter_batches(path))
    assert [block.table.column_names for block in blocks] == [["x"]]
    assert len(blocks[0].notes) == 1
    declared = read_table(path, reading=Reading(kinds={"__index_level_0__": "numeric"}))
    assert declared.table.column_names == ["x", "__index_level_0__"]
