"""Outcome columns in SQL: what several classes and ranges of the label need, and what is kept of segments."""

from __future__ import annotations

import math
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from reference_data.profile import Layout, Profile
from storage.outcome_parts import CLASSES, with_parts
from storage.profiler import freeze_layout, outcome_columns, profile_rows
from storage.row_source import RowSource
from tests.support.profiles import profile_of, regression_outcomes, scored_outcomes

NAMES = ("it's", "b → c", "zz")
EXPRESSIONS = {"prediction": "guess", "label": "truth", "scores": "scores"}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def frozen(con: duckdb.DuckDBPyConnection, table: pa.Table, task: str, expressions: dict[str, str]) -> Profile:
    con.register("given", table)
    rows = RowSource(con, "SELECT * FROM given", expressions, timed=False)
    columns = [column for column, _ in outcome_columns(task, "scores" in expressions, "min")]  # type: ignore[arg-type]
    layout = with_parts(freeze_layout(con, rows.relation, expressions, columns), task, rows)  # type: ignore[arg-type]
    return profile_rows(con, rows.relation, expressions, layout)[1][0]


def assert_same(ours: Profile, columns: dict[str, np.ndarray]) -> None:
    """Compare with what NumPy makes of the same rows."""
    held = Layout(tuple(entry for entry in ours.layout.columns if entry.column.name in columns))
    theirs = profile_of(held, columns)
    for name in held.names:
        one, two = ours.column(name), theirs.column(name)
        assert one.cells.tolist() == two.cells.tolist(), name
        assert (int(one.missing), int(one.nan)) == (int(two.missing), 0) or one.mean is not None, name
        if one.mean is not None and int(one.valid):
            assert float(one.mean) == pytest.approx(float(two.mean)), name  # type: ignore[arg-type]
            assert float(np.asarray(one.m2)) == pytest.approx(float(np.asarray(two.m2)), abs=1e-9), name


def scored(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.multinomial(10, np.ones(3) / 3, n) / 10  # with many ties
    return np.asarray(NAMES)[scores.argmax(axis=1)], rng.choice(NAMES, n), scores


def table_of(guess: np.ndarray, truth: np.ndarray, scores: np.ndarray) -> pa.Table:
    maps = [list(zip(NAMES, row, strict=True)) for row in scores.tolist()]
    kind = pa.map_(pa.string(), pa.float64())
    return pa.table({"guess": guess, "truth": truth, "scores": pa.array(maps, kind)})


def test_several_classes_in_sql_are_what_numpy_makes_of_them(con: duckdb.DuckDBPyConnection) -> None:
    guess, truth, scores = scored(500, 1)
    ours = frozen(con, table_of(guess, truth, scores), "multiclass", EXPRESSIONS)
    order = np.argsort(NAMES)  # classes in the order of the alphabet
    columns = scored_outcomes(guess, truth, scores[:, order], [NAMES[place] for place in order])
    assert set(ours.layout.names) == set(columns)
    assert_same(ours, columns)


def test_rows_without_scores_are_missing_and_a_class_without_a_score_has_none(con: duckdb.DuckDBPyConnection) -> None:
    kind = pa.map_(pa.string(), pa.float64())
    maps = pa.array([[("a", 0.7), ("b", 0.2), ("c", 0.1)], None, [("a", 0.9)], [("b", 1.0)]], kind)
    table = pa.table({"guess": ["a", "a", "a", "b"], "truth": ["a", "a", "b", "c"], "scores": maps})
    ours = frozen(con, table, "multiclass", EXPRESSIONS)
    errors, ranks = ours.column("score error"), ours.column("label rank")
    assert int(errors.missing) == int(ranks.missing) == 1
    assert float(errors.mean) * 3 == pytest.approx((0.09 + 0.04 + 0.01) + (0.81 + 1) + (1 + 1))  # type: ignore[arg-type]
    assert ranks.cells.tolist()[:4] == [0, 1, 2, 0]
    own, rest = (ours.column(f"score of b {where}") for where in ("where it is the label", "elsewhere"))
    assert (int(own.valid), float(own.mean)) == (1, 0.0)  # type: ignore[arg-type]
    assert (int(rest.valid), float(rest.mean)) == (2, 0.6)  # type: ignore[arg-type]
    right = ours.column("score of right answers")
    assert (int(right.valid), float(right.mean)) == (1, 0.7)  # type: ignore[arg-type]


def test_more_classes_than_are_kept_one_by_one_have_none_of_their_own(con: duckdb.DuckDBPyConnection) -> None:
    names = [f"c{place:02}" for place in range(CLASSES + 1)]
    maps = pa.array([[(name, 1.0)] for name in names], pa.map_(pa.string(), pa.float64()))
    table = pa.table({"guess": names, "truth": names, "scores": maps})
    layout = frozen(con, table, "multiclass", EXPRESSIONS).layout
    assert "label rank" in layout.names
    assert layout.narrow() is layout


def test_errors_by_range_of_the_label_add_up(con: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(2)
    truth = rng.gamma(4, 40, 3000)
    guess = truth + rng.normal(2, 10, 3000)
    ours = frozen(
        con, pa.table({"guess": guess, "truth": truth}), "regression", {"prediction": "guess", "label": "truth"}
    )
    assert_same(ours, regression_outcomes(guess, truth))
    sizes = [entry for entry in ours.layout.columns if entry.of and entry.derive == "abs_error"]
    limits = [entry.of for entry in sizes]
    assert len(limits) == 5
    assert (limits[0][0], limits[-1][1]) == (-math.inf, math.inf)
    assert [low for low, _ in limits[1:]] == [high for _, high in limits[:-1]]
    for entry in sizes:
        low, high = (float(limit) for limit in entry.of)
        inside, part = (truth > low) & (truth <= high), ours.column(entry.column.name)
        assert int(part.valid) == inside.sum() > 300
        assert float(part.mean) == pytest.approx(np.abs(guess - truth)[inside].mean())  # type: ignore[arg-type]
        assert entry.bins.size == 1
        assert entry.column.unit == "min"


@pytest.mark.parametrize("labels", [[1.0, 1.0, 1.0], [None, None, None], [0.0, 1.0, float("nan")]])
def test_labels_without_a_spread_have_one_range(con: duckdb.DuckDBPyConnection, labels: list[float | None]) -> None:
    table = pa.table({"guess": [1.0, 2.0, 3.0], "truth": pa.array(labels, pa.float64())})
    layout = frozen(con, table, "regression", {"prediction": "guess", "label": "truth"}).layout
    ranges = [entry.of for entry in layout.columns if entry.derive == "error" and entry.of]
    assert ranges[0][0] == -math.inf
    assert ranges[-1][1] == math.inf
    assert Layout.from_dict(layout.to_dict()) == layout


def test_segments_are_kept_on_what_is_of_all_labels(con: duckdb.DuckDBPyConnection) -> None:
    guess, truth, scores = scored(60, 3)
    layout = frozen(con, table_of(guess, truth, scores), "multiclass", EXPRESSIONS).layout
    narrow = layout.narrow()
    assert set(layout.names) - set(narrow.names) == {
        f"score of {name} {where}" for name in NAMES for where in ("where it is the label", "elsewhere")
    }
    assert narrow.narrow() is narrow
