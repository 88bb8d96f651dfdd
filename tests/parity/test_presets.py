"""Our presets say what Evidently (asked here) and NannyML (asked by ``python -m benchmarks.peers expected nannyml``) say."""

import json
import math
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from benchmarks.peers.environments import pinned
from benchmarks.peers.expected import CASES, FIXTURE, frames
from monitors.comparison import CompareError, Comparison, compare
from monitors.presets import PresetComparison, presets
from monitors.presets._types import PresetColumn
from service.cli import app

WORDS = ["amber", "black", "cyan", "grey", "green", "ochre", "pink", "red", "teal", "white"]


def close(expected: object) -> object:
    """The same formulas on the same rows, to 1e-9: sums may run in another order."""
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


def under(comparison: Comparison, name: str) -> PresetColumn:
    column = comparison[name]
    assert isinstance(column, PresetColumn)
    return column


# ------------------------------------------------------------------------------------------------- NannyML
EXPECTED = json.loads(FIXTURE.read_text())


@pytest.mark.parametrize("case", CASES)
def test_nannyml_column_by_column_and_chunk_by_chunk(case: str) -> None:
    timestamp, chunk = CASES[case][4:6]
    ours = compare(*frames(case), preset="nannyml", timestamp=timestamp, chunk=chunk)
    theirs = EXPECTED["cases"][case]
    assert {column.column for column in ours.columns if column.error is None} == set(theirs)
    for name, expected in theirs.items():
        column = under(ours, name)
        assert [chunk.value for chunk in column.chunks] == close(expected["values"]), name
        assert column.checks[0].threshold == close(expected["threshold"]), name
        assert [chunk.drift for chunk in column.chunks] == list(map(bool, expected["alerts"])), name
        assert column.drift == any(expected["alerts"])
        assert column.drift == (column.checks[0].value > column.checks[0].threshold)


def test_the_fixture_is_of_the_release_that_the_preset_names() -> None:
    assert EXPECTED["version"] == presets()["nannyml"].version == pinned("nannyml")
    assert any(alert for case in EXPECTED["cases"].values() for column in case.values() for alert in column["alerts"])


def test_nannyml_chunks_without_values_and_columns_it_cannot_take() -> None:
    rng = np.random.default_rng(0)
    reference = pa.table(
        {
            "late": rng.normal(size=100),
            "infinite": np.where(np.arange(100) == 7, np.inf, rng.normal(size=100)),
            "empty": pa.nulls(100, pa.float64()),
            "word": ["a", "b"] * 50,
            "gone": rng.normal(size=100),
        }
    )
    current = pa.table(
        {
            "late": pa.array(rng.normal(size=20), mask=np.arange(20) < 10),
            "infinite": rng.normal(size=20),
            "empty": rng.normal(size=20),
            "word": np.arange(20),
        }
    )
    found = compare(reference, current, preset="nannyml", chunk="10 rows")
    assert math.isnan(under(found, "late").chunks[0].value)
    assert under(found, "late").chunks[0].drift is False
    assert found["late"].to_dict()["chunks"][0] == {"chunk": "[0:9]", "n": 10, "value": None, "drift": False}
    for name, word in {
        "infinite": "infinite",
        "empty": "no value",
        "word": "text",
        "gone": "only the reference",
    }.items():
        assert word in str(found[name].error)
    assert found.to_dict()["summary"]["dataset_drift"] is None


# ----------------------------------------------------------------------------------------------- Evidently
#: name -> rows of reference, rows of current, shift
SIZES = {
    "small": (400, 300, 0.0),
    "small and shifted": (400, 300, 0.4),
    "the last small one": (1000, 2000, 0.2),
    "the first large one": (1001, 200, 0.2),
    "large and shifted": (3000, 2500, 0.4),
    "asymptotic": (300, 12_000, 0.1),
}


def _mixed(rows: int, seed: int, shift: float, *, phrases: bool) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    known = WORDS[: 10 - int(10 * shift)]
    frame = pd.DataFrame(
        {
            "normal": rng.normal(shift, 1, rows),
            "skewed": rng.lognormal(shift, 1, rows),
            "constant": np.ones(rows),
            "few_whole": rng.integers(0, 4, rows),
            "ten_whole": rng.integers(0, 10, rows),
            "eleven_whole": rng.permutation(np.arange(rows) % 11),
            "many_whole": rng.integers(0, 400, rows),
            "zero_one": (rng.random(rows) < 0.3 + shift / 5).astype(int),
            "flag": rng.random(rows) < 0.4,
            "letter": rng.choice(list("abcde" if shift else "abcd"), rows),
            "two": rng.choice(["u", "v"], rows, p=[0.4 + shift / 5, 0.6 - shift / 5]),
            "many": rng.choice([f"v{i}" for i in range(60)], rows),
            "few_floats": rng.choice([0.5, 1.5, 2.5], rows),
            "two_floats": rng.choice([0.0, 1.0], rows),
            "when": pd.date_range("2024-01-01", periods=rows, freq="min"),
            "phrase": [f"{' '.join(rng.choice(known, 4))} {n}" for n in rng.integers(0, 10**6, rows)],
        }
    )
    frame["normal"] = frame["normal"].mask(rng.random(rows) < 0.1)
    frame["gaps"] = frame["few_whole"].astype(float).mask(rng.random(rows) < 0.1)
    frame["letter"] = frame["letter"].where(rng.random(rows) > 0.1, None)
    frame["same_everywhere"] = "x"
    return frame if phrases else frame.drop(columns="phrase")


def _evidently(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[dict[str, dict], float, bool]:
    """Return what Evidently's own report says: {column: method, value, drift}, the share of columns, the verdict on the whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import Report
        from evidently.presets import DataDriftPreset

        found = Report([DataDriftPreset()], include_tests=True).run(current, reference).dict()
    failed = {test["name"].rpartition("column ")[2]: test["status"].value == "FAIL" for test in found["tests"]}
    columns, share = {}, math.nan
    for metric in found["metrics"]:
        config = metric["config"]
        if config["type"].endswith(":ValueDrift"):
            name = config["column"]
            columns[name] = {"method": config["method"], "value": float(metric["value"]), "drift": failed[name]}
        else:
            share = float(metric["value"]["share"])
    [whole] = [test["status"].value == "FAIL" for test in found["tests"] if test["name"].startswith("Share")]
    return columns, share, whole


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_evidently_column_by_column(size: str) -> None:
    n_reference, n_current, shift = SIZES[size]
    phrases = shift == 0.4  # one small reference and one large: Evidently trains its classifier three times over
    reference = _mixed(n_reference, 1, 0.0, phrases=phrases)
    current = _mixed(n_current, 2, shift, phrases=phrases)
    theirs, share, whole = _evidently(reference, current)
    ours = compare(reference, current, preset="evidently")
    assert isinstance(ours, PresetComparison)
    assert {column.column for column in ours.columns if column.error is None} == set(theirs)
    for name, expected in theirs.items():
        column = under(ours, name)
        assert column.method == expected["method"], name
        assert column.checks[0].value == close(expected["value"]), name
        assert column.drift == expected["drift"], name
    assert ours.share == pytest.approx(share)
    assert ours.whole == whole


@pytest.mark.slow
def test_evidently_infinite_and_partly_known_truth_values() -> None:
    rng = np.random.default_rng(4)
    reference = pd.DataFrame({"x": rng.normal(size=1500), "flag": rng.random(1500) < 0.5, "y": rng.normal(size=1500)})
    current = pd.DataFrame(
        {"x": rng.normal(size=500), "flag": rng.random(500) < 0.5, "y": rng.normal(0.5, 1, size=500)}
    )
    reference.loc[:20, "x"], current.loc[:90, "x"] = np.inf, -np.inf
    current["flag"] = current["flag"].astype(object).where(rng.random(500) < 0.9, None)
    theirs, _, _ = _evidently(reference, current)
    ours = compare(reference, current, preset="evidently")
    assert "flag" not in theirs
    assert "truth values" in str(ours["flag"].error)
    for name in ("x", "y"):
        assert ours[name].checks[0].value == close(theirs[name]["value"])
        assert ours[name].drift == theirs[name]["drift"]


def test_evidently_says_so_where_it_would_stop() -> None:
    reference = pa.table({"n": [1.0, 2.0], "empty": pa.nulls(2, pa.float64()), "word": ["a", "a"], "only": [1, 2]})
    current = pa.table({"n": ["a", "a"], "empty": [1.0, 2.0], "word": ["a", "a"], "new": [1, 2]})
    reference, current = (side.append_column("infinite", pa.array([np.inf, -np.inf])) for side in (reference, current))
    reference, current = (side.append_column("signs", pa.array(["?!", "!?"])) for side in (reference, current))
    found = compare(reference, current, preset="evidently")
    assert found["word"].checks[0].value == 1.0  # nothing but one value on both sides
    for name, word in {
        "n": "text",
        "empty": "no value",
        "only": "only the reference",
        "new": "only the current",
        "infinite": "no finite value",
        "signs": "empty vocabulary",
    }.items():
        assert word in str(found[name].error)
    assert found.to_dict()["summary"] == {"columns": 1, "drifted": 0, "share_drifted": 0.0, "dataset_drift": False}


@pytest.mark.parametrize("preset", ["evidently", "nannyml"])
def test_lists_are_left_out(preset: str) -> None:
    table = pa.table({"vector": [[1.0, 2.0]] * 30, "x": np.arange(30.0)})
    found = compare(table, table, preset=preset)
    assert "lists" in str(found["vector"].error)
    assert found["x"].error is None


# ------------------------------------------------------------------------------------------------ arguments
def _small() -> list[pa.Table]:
    rng = np.random.default_rng(1)
    when = pa.array(np.arange(60) * 3_600_000_000, pa.timestamp("us"))
    return [pa.table({"x": rng.normal(shift, 1, 60), "when": when}) for shift in (0, 3)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"preset": "deepchecks"}, "there are evidently, nannyml"),
        ({"chunk": "1d"}, "give one with preset"),
        ({"preset": "evidently", "chunk": "1d"}, "leave out chunk"),
        ({"preset": "nannyml", "chunk": "1d"}, "needs timestamp"),
        ({"preset": "nannyml", "chunk": "fortnight", "timestamp": "when"}, "1h, 1d, 1w, 1mo"),
        ({"preset": "nannyml", "timestamp": "x"}, "holds numbers"),
        ({"preset": "nannyml", "alpha": 0.05, "checks": ["psi"]}, "leave out checks and alpha"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_in_words(arguments: dict, words: str) -> None:
    with pytest.raises(CompareError, match=words):
        compare(*_small(), **arguments)


@pytest.mark.filterwarnings("error")
def test_values_near_the_largest_number_warn_of_nothing() -> None:
    rng = np.random.default_rng(1)
    reference, current = (pa.table({"x": rng.normal(size=200) * 1e200}) for _ in range(2))
    assert len(under(compare(reference, current, preset="nannyml"), "x").chunks) == 10


def test_too_few_rows_for_ten_chunks() -> None:
    reference, current = _small()
    with pytest.raises(CompareError, match="too few for 10 chunks"):
        compare(reference, current.slice(0, 9), preset="nannyml")


def test_the_command_line_answers_in_the_shape_of_compare(tmp_path) -> None:
    files = []
    for name, table in zip(("reference", "current"), _small(), strict=True):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        files.append(str(tmp_path / f"{name}.parquet"))
    run = CliRunner().invoke(
        app, ["--json", "compare", *files, "--preset", "nannyml", "--timestamp", "when", "--chunk", "1d"]
    )
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert (found["preset"], found["preset_version"], found["drift"]) == ("nannyml", "0.13.1", True)
    [column] = found["columns"]
    assert set(compare(*_small()).to_dict()["columns"][0]) < set(column)
    assert [chunk["chunk"] for chunk in column["chunks"]] == ["1970-01-01", "1970-01-02", "1970-01-03"]
    assert column["checks"][0]["value"] == max(chunk["value"] for chunk in column["chunks"])
    text = CliRunner().invoke(app, ["compare", *files, "--preset", "evidently", "--fail-on", "drift"])
    assert text.exit_code == 3, text.output
    assert "1 of 1 columns drifted as evidently 0.7.23 judges, which calls the whole drifted" in text.stdout
    same = CliRunner().invoke(app, ["compare", files[0], files[0], "--preset", "evidently"])
    assert "  same   " in same.stdout  # in the words of every comparison
