"""Two tables of a stranger: an answer, or an error in words, for every column; and chance is not called drift."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy import stats

import monitors
from monitors import compare
from monitors.compare_result import Comparison
from monitors.comparison import CompareError
from reference_data.default_checks import DEFAULT_CHECKS
from storage.files import FileError, read_table

KEYS = {"column", "type", "drift", "p_value", "effect", "checks", "missing_reference", "missing_current", "unseen"} | {
    "verdict",
    "error",
    "reasons",
    "notes",
}


def _sound(result: Comparison, names: list[str]) -> None:
    """Every column has an answer or an error, in order, and the whole is JSON."""
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    left_out = [each["column"] for each in found["left_out"]]
    assert [column["column"] for column in found["columns"]] == names
    assert found["drift"] == any(column["drift"] for column in found["columns"])
    for column in found["columns"]:
        assert column.keys() == KEYS
        assert column["drift"] == (column["verdict"] == "drift")
        assert column["drift"] or column["effect"] is None
        for check in column["checks"]:
            if check["check"] == "jensen_shannon" and None not in (check["value"], check["threshold"]):
                assert column["drift"] or check["value"] <= check["threshold"], "shown as beyond, and not as drift"
        if column["error"] is None:
            assert column["checks"]
            assert column["missing_reference"] is not None
        else:
            assert not column["drift"]
            assert len(column["error"]) > 10
            assert "Traceback" not in column["error"]
            assert "cannot be compared: " not in column["error"], "an engine's own words are a last resort"
    assert len(result.to_pandas()) == len(names) - len(left_out)
    assert "<script" not in result._repr_html_()
    assert str(result)


# -- a stranger's files -----------------------------------------------------------------------------------------------


def _rows(count: int) -> list[str]:
    return [f"{i},{'abc'[i % 3]},{i * 1.5},2024-05-{1 + i % 28:02d}" for i in range(count)]


def _csv(header: str, rows: list[str], end: str = "\n") -> bytes:
    return (end.join([header, *rows]) + end).encode()


HEADER = "id,kind,amount,day"
STRANGERS: dict[str, bytes] = {
    "plain": _csv(HEADER, _rows(60)),
    "crlf": _csv(HEADER, _rows(60), "\r\n"),
    "spaces and quotes": _csv('"my id"," kind ","amount ""gross""",day', _rows(60)),
    "a column more": _csv(HEADER + ",more", [row + ",1" for row in _rows(60)]),
    "a column less": _csv("id,kind", [f"{i},a" for i in range(60)]),
    "empty columns": _csv(HEADER, [f"{i},,," for i in range(60)]),
    "all null": _csv(HEADER, ["NULL,NA,nan,"] * 60),
    "constant": _csv(HEADER, ["1,a,1.0,2024-05-01"] * 60),
    "mixed types": _csv(HEADER, [f"{'x' if i % 2 else i},{i},{'n/k' if i == 7 else i},{i}" for i in range(60)]),
    "text for numbers": _csv(HEADER, [f"one{i},b,much{i},soon" for i in range(60)]),
    "latin": _csv(HEADER, [f"{i},ü,1.0,2024-05-01" for i in range(60)]).decode().encode("latin-1"),
    "utf-16": _csv(HEADER, _rows(60)).decode().encode("utf-16"),
    "bom": b"\xef\xbb\xbf" + _csv(HEADER, _rows(60)),
    "semicolons": _csv("id;kind;amount;day", [f"{i};a;{i},5;01.02.2024" for i in range(60)]),
    "duplicated header": _csv("id,id,,kind", _rows(60)),
    "emoji": _csv("id,kind 🎉,amount,day", [f"{i},🎈,1,2024-05-01" for i in range(60)]),
    "not finite": _csv(HEADER, [f"{['nan', 'inf', '-inf', '1'][i % 4]},a,inf,2024-05-01" for i in range(60)]),
    "huge": _csv(HEADER, [f"{10**i},a,{10.0 ** (i * 5)},1677-09-22" for i in range(60)]),
    "sql": _csv(HEADER, ["1,'; DROP TABLE reference; --,1,2024-05-01"] * 60),
    "html": _csv('id,kind,<script>alert(1)</script>,"c""0"', ["1,</td><script>alert(2)</script>,1,2"] * 60),
    "header only": _csv(HEADER, []),
    "one row": _csv(HEADER, _rows(1)),
    "ragged": _csv(HEADER, [*_rows(60), "1,2", "1,2,3,4,5"]),
    "many columns": _csv(
        ",".join(f"c{i}" for i in range(210)), [",".join("12345"[j % 5] for _ in range(210)) for j in range(40)]
    ),
    "json lines": b"\n".join(
        json.dumps({"id": i, "kind": ["a", 1][i % 2], "amount": {"x": 1}}).encode() for i in range(40)
    ),
}
UNREADABLE = {"empty": b"", "junk": bytes(range(256)) * 20, "zip": b"PK\x03\x04 whatever"}


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("strangers")
    for index, content in enumerate((STRANGERS | UNREADABLE).values()):
        (folder / f"{index}.csv").write_bytes(content)
    return {name: folder / f"{index}.csv" for index, name in enumerate(STRANGERS | UNREADABLE)}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "many columns" else ()) for name in STRANGERS]
)
def test_every_column_of_a_strangers_file_gets_an_answer_or_an_error(strangers: dict[str, Path], name: str) -> None:
    for left, right in ((name, "plain"), ("plain", name), (name, name)):
        sides = [read_table(strangers[side]).table.column_names for side in (left, right)]
        if not {*sides[0]} & {*sides[1]}:
            with pytest.raises(CompareError, match="no column in common"):
                compare(strangers[left], strangers[right])
            continue
        if "header only" in (left, right):
            with pytest.raises(CompareError, match="no rows, so there is nothing to compare"):
                compare(strangers[left], strangers[right])
            continue
        result = compare(strangers[left], strangers[right])
        _sound(result, list(dict.fromkeys(itertools.chain(*sides))))
        assert left != right or not result.drift, "nothing drifts against itself"


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_refused_by_name(strangers: dict[str, Path], name: str) -> None:
    for pair in ((strangers[name], strangers["plain"]), (str(strangers["plain"]), str(strangers[name]))):
        with pytest.raises(FileError, match=re.escape(str(strangers[name]))):
            compare(*pair)


def test_a_missing_file_is_refused_by_name(tmp_path: Path, strangers: dict[str, Path]) -> None:
    with pytest.raises(FileError, match=r"nothing\.csv"):
        compare(strangers["plain"], tmp_path / "nothing.csv")


# -- verdicts ---------------------------------------------------------------------------------------------------------


def _frame(seed: int, rows: int) -> pa.Table:
    """Twenty columns of all kinds."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {f"normal{i}": rng.normal(size=rows) for i in range(6)}
    columns |= {f"skewed{i}": rng.exponential(size=rows) for i in range(3)}
    columns |= {f"count{i}": rng.poisson(3, rows) for i in range(3)}
    columns |= {f"kind{i}": rng.choice(list("abcdef"), rows, p=[0.4, 0.3, 0.2, 0.05, 0.04, 0.01]) for i in range(3)}
    columns |= {f"many{i}": [f"v{value}" for value in rng.zipf(1.5, rows) % 300] for i in range(2)}
    columns |= {"even": [f"u{value}" for value in rng.integers(0, 60, rows)], "flag": rng.random(rows) < 0.2}
    columns["gaps"] = pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1)
    return pa.table(columns)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "count"), [((500, 500), 20), ((20, 20), 8), ((12, 1000), 8), ((1000, 12), 8)], ids=str
)
def test_chance_is_not_called_drift(sizes: tuple[int, int], count: int) -> None:
    """A table is flagged once in 100, and a p-value lies below any level no more often than that level says.

    Each bound is the binomial's 99.99 % quantile. It holds the p-values themselves to account: of 400 columns twice the
    expected share below 0.05 would be seen, of which the verdicts of 20 tables would tell nothing.
    """
    pairs = [(_frame(seed, sizes[0]), _frame(seed + 100_000, sizes[1])) for seed in range(count)]
    results = [compare(*pair) for pair in pairs]
    p = np.array([column.p_value for result in results for column in result.columns])
    assert len(p) == 20 * count
    assert sum(result.drift for result in results) <= stats.binom.ppf(0.9999, count, 0.01)
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).sum() <= stats.binom.ppf(0.9999, len(p), level), level
    assert p.min() < 0.2, "a test that never sees anything is none"


def _with(change: Callable[[np.random.Generator, int], object], rows: int = 1000) -> tuple[pa.Table, pa.Table]:
    """A table, and another like it whose column ``x`` alone is made by ``change``."""
    rng = np.random.default_rng(7)
    left, right = _frame(1, rows), _frame(2, rows)
    return left.append_column("x", pa.array(rng.normal(size=rows))), right.append_column(
        "x", pa.array(change(rng, rows))
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda rng, n: rng.normal(0.3, 1, n),
        lambda rng, n: rng.normal(0, 1.4, n),
        lambda rng, n: np.where(rng.random(n) < 0.12, np.nan, rng.normal(size=n)),
        lambda rng, n: np.where(rng.random(n) < 0.1, np.inf, rng.normal(size=n)),
        lambda rng, n: [None] * n,
        lambda rng, n: np.zeros(n),
    ],
    ids=["shifted", "wider", "nan", "infinite", "empty", "constant"],
)
def test_the_column_that_changed_is_found_and_no_other(change: Callable) -> None:
    result = compare(*_with(change))
    assert [column.column for column in result.columns if column.drift] == ["x"]
    assert result.drift
    assert result["x"].reasons


def test_a_change_of_categories_is_found() -> None:
    rng = np.random.default_rng(3)

    def table(shares: list[float]) -> pa.Table:
        return pa.table({"c": rng.choice(list("abcd"), 2000, p=shares)})

    usual = [0.5, 0.3, 0.2, 0.0]
    assert not compare(table(usual), table(usual)).drift
    moved = compare(table(usual), table([0.4, 0.4, 0.2, 0.0]))["c"]
    assert moved.drift
    assert moved.unseen == 0
    new = compare(table(usual), table([0.5, 0.27, 0.2, 0.03]))["c"]
    assert new.drift
    assert new.unseen == pytest.approx(0.03, abs=0.015)
    assert any("new values" in reason for reason in new.reasons)


def test_an_immaterial_change_is_no_drift_however_many_rows_show_it() -> None:
    rng = np.random.default_rng(0)
    tables = [pa.table({"x": rng.normal(shift, 1, 300_000)}) for shift in (0, 0.03)]
    column = compare(*tables)["x"]
    assert column.p_value < 1e-6
    assert not column.drift


def test_two_tiny_samples_get_no_verdict_but_a_note() -> None:
    result = compare(pa.table({"x": [1.0, 2.0, 3.0]}), pa.table({"x": [100.0, 200.0, 300.0]}))
    assert not result.drift
    assert result["x"].notes == ("only 3 rows on one side, too few for a verdict: 10 are needed",)
    assert result["x"].verdict == result.verdict == "insufficient"
    assert result.to_dict()["columns"][0]["verdict"] == "insufficient"
    assert "too few rows to tell" in str(result)
    assert "no drift" not in str(result)


def test_types_that_differ_are_brought_together_or_refused() -> None:
    n = 200
    left = pa.table(
        {
            "number": np.arange(n) % 90,
            "few": np.arange(n) % 3,
            "flag": [True, False] * (n // 2),
            "date": pa.array(np.arange(n) * 10**9, pa.timestamp("us")),
            "dates": pa.array(np.arange(n) * 10**9, pa.timestamp("us")),
            "words": np.arange(n) * 1.5,
        }
    )
    right = pa.table(
        {
            "number": ["oops" if i % 20 == 0 else str(i % 90) for i in range(n)],
            "few": ["abc"[i % 3] for i in range(n)],
            "flag": [i % 2 for i in range(n)],
            "date": np.arange(n),
            "dates": [f"1970-01-01 00:{i % 60:02d}:00" for i in range(n)],
            "words": [f"word {i}" for i in range(n)],
        }
    )
    result = compare(left, right)
    _sound(result, left.column_names)
    assert result["number"].notes == ("10 values of the current data are not numbers and count as missing",)
    assert result["number"].missing_current == pytest.approx(0.05)
    assert result["few"].type == "categorical"
    assert result["few"].drift
    assert result["flag"].notes == ("true and false are read as 1 and 0",)
    assert not result["flag"].drift
    assert result["dates"].error is None
    for name, words in {"date": "dates or times", "words": "such as 'word 0'"}.items():
        error = result[name].error
        assert error is not None
        assert words in error


# -- the timestamp ----------------------------------------------------------------------------------------------------


def _daily(seed: int, days: int, jitter: float, shift: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), 400)
    level = rng.normal(0, jitter, days)[day]
    return pa.table(
        {
            "when": pa.array(day * 86_400_000_000 + rng.integers(0, 86_400_000_000, len(day)), pa.timestamp("us")),
            "x": rng.normal(level + shift, 1),
            "c": np.where(rng.normal(level, 1) > 0.5, "high", "low"),
        }
    )


def test_a_timestamp_lets_the_days_of_the_reference_excuse_a_day() -> None:
    pairs = [(_daily(seed, 28, 0.3), _daily(seed + 1000, 1, 0.3)) for seed in range(8)]
    plain = sum(compare(*pair, columns=["x", "c"]).drift for pair in pairs)
    excused = [compare(*pair, timestamp="when") for pair in pairs]
    assert plain >= 4, "the variation between days looks like drift when nothing is known of it"
    assert sum(result.drift for result in excused) <= 1
    assert [column.column for column in excused[0].columns] == ["x", "c"]
    assert compare(pairs[0][0], _daily(5, 1, 0.3, shift=3.0), timestamp="when")["x"].drift


def test_a_reference_of_too_few_days_says_so() -> None:
    result = compare(_daily(1, 2, 0), _daily(2, 2, 0), timestamp="when")
    assert "spans 2 days, too few to measure variation between days" in " ".join(result["x"].notes)
    assert not result.drift


# -- inputs and outputs -----------------------------------------------------------------------------------------------


def test_every_kind_of_table_gives_the_same_answer(tmp_path: Path) -> None:
    left, right = _frame(1, 200), _frame(2, 200)
    pq.write_table(left, tmp_path / "left.parquet")
    expected = compare(left, right).to_dict()["columns"]
    with duckdb.connect() as connection:
        connection.register("current", right)
        sources = [
            (left.to_pandas(), right.to_pandas()),
            (pl.from_arrow(left), pl.from_arrow(right)),
            (pl.from_arrow(left).lazy(), right.to_batches()[0]),  # type: ignore[union-attr]
            (tmp_path / "left.parquet", connection.sql("SELECT * FROM current")),
            (str(tmp_path / "left.parquet"), right.to_pydict()),
        ]
        for pair in sources:
            assert compare(*pair).to_dict()["columns"] == expected


def test_a_data_frame_with_strange_names_and_mixed_values() -> None:
    frame = pd.DataFrame([[1, "a", None, 2.5]] * 30)
    frame.columns = pd.Index([0, "x", "x", ("a", "b")], dtype=object)
    frame["mixed"] = [1, "two", None] * 10
    result = compare(frame, frame)
    _sound(result, ["0", "x", "x_2", "a b", "mixed"])
    assert not result.drift


def test_checks_and_columns_can_be_chosen() -> None:
    left, right = _frame(1, 100), _frame(2, 100)
    result = compare(left, right, checks=["psi", "jensen_shannon"], columns=["kind0", "normal1"])
    assert [column.column for column in result.columns] == ["normal1", "kind0"]
    assert [[check.check for check in column.checks] for column in result.columns] == [["jensen_shannon", "psi"]] * 2
    all_of_them = {check.check for column in compare(left, right).columns for check in column.checks}
    assert all_of_them == set(DEFAULT_CHECKS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"checks": ["psy"]}, "checks .'psy'. are not known; there are .*chi_square"),
        ({"columns": ["y"]}, "columns .'y'. are on neither side; there are 'x', 'k'"),
        ({"timestamp": "y"}, "columns .'y'. are on neither side"),
        ({"timestamp": "x"}, "timestamp column 'x' is numeric"),
        ({"timestamp": "k"}, "timestamp column 'k': only the reference"),
        ({"alpha": 0}, "alpha 0 is not a probability"),
        ({"engine": "spark"}, "needs PySpark"),
        ({"engine": "abacus"}, "it is 'duckdb' or 'spark'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_in_words(options: dict, words: str) -> None:
    with pytest.raises(CompareError, match=words):
        compare(pa.table({"x": [1.0], "k": ["a"]}), pa.table({"x": [2.0]}), **options)


def test_what_is_no_table_is_refused() -> None:
    for thing in (3, None, [1, 2], object()):
        with pytest.raises(CompareError, match="is not a table"):
            compare(thing, pa.table({"x": [1]}))
    with pytest.raises(CompareError, match="neither side has any columns"):
        compare(pa.table({}), pa.table({}))
    with pytest.raises(CompareError, match="no column in common: the reference has 'x', the current data 'y'"):
        compare(pa.table({"x": [1]}), pa.table({"y": [1]}))


def test_it_draws_itself() -> None:
    left, right = _with(lambda rng, n: rng.normal(1, 1, n))
    page = compare(left, right)._repr_html_()
    assert page.count("<svg") == 21
    assert "1 of 21 columns drifted" in page
    text = str(compare(left, right))
    assert re.search(r"x +drift +p \S+ +effect \S+ +mean", text)


def test_importing_it_is_cheap_and_it_stays_a_function() -> None:
    code = "import sys; from monitors import compare; print(callable(compare), {'duckdb', 'pandas', 'scipy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True set()"
    compare(pa.table({"x": [1]}), pa.table({"x": [1]}))
    assert monitors.compare is compare


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.datetimes(), st.binary(max_size=3)
)
COLUMN = st.one_of(
    st.lists(st.one_of(st.none(), st.floats()), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.datetimes()), min_size=12, max_size=12),
    st.lists(VALUES, min_size=12, max_size=12),
)
FRAME = st.dictionaries(st.text(max_size=6), COLUMN, min_size=1, max_size=4)


@pytest.mark.slow
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking would take minutes
)
@given(left=FRAME, right=FRAME, other=COLUMN)
def test_random_frames_get_an_answer_or_an_error(left: dict, right: dict, other: list) -> None:
    right |= dict.fromkeys(list(left)[:1], other)  # a column of any types (a name may be made up for an empty one)
    left["held by both"] = right["held by both"] = other
    frames = [pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in side.items()}) for side in (left, right)]
    result = compare(*frames)
    json.dumps(result.to_dict(), allow_nan=False)
    assert len(result.columns) >= len(left)
    for column in result.columns:
        assert column.error is None or not column.error.startswith("cannot be compared: "), column.error
    assert not compare(frames[0], frames[0]).drift
