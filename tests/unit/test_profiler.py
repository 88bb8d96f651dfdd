"""Freezing and profiling in SQL, held against numpy, scikit-learn and plain Python."""

import hashlib
import math
from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, log_loss, mean_absolute_error, roc_auc_score

from reference_data.binning import nice_edges, nominal_bins, ordered_bins, score_bins
from reference_data.bins import Bins
from reference_data.profile import BinnedColumn, Layout
from reference_data.quantiles import quantiles, rebin
from reference_data.schema import Column
from storage.names import literal, number, physical_names, quote
from storage.profiler import freeze_layout, outcome_columns, profile_rows, sample_hash, sample_sql

ODD_NAMES = ["a", "A", "_id", "", 'q"uote', "semi;colon", "é 😀", "nul\0", "_c1", "select"]


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def engine():
    with duckdb.connect() as connection:
        yield connection


def profiled(
    con, columns: list[Column], data: Mapping[str, object], *, reference: Mapping[str, object] | None = None, **options
):
    """Freeze on ``reference`` (or the data itself) and profile ``data``; columns are found by position, whatever their names."""
    expressions = {name: quote(f"c{index}") for index, name in enumerate(data)}
    tables = [pa.table({f"c{i}": values for i, values in enumerate(d.values())}) for d in (reference or data, data)]
    con.register("frozen", tables[0])
    con.register("now", tables[1])
    layout = freeze_layout(con, "SELECT * FROM frozen", expressions, columns, **options)
    _, profile = profile_rows(con, "SELECT * FROM now", expressions, layout, **options)
    return profile[0]


# -- names -------------------------------------------------------------------------------------------------------------
def test_physical_names_are_safe_and_unique():
    physical = physical_names(ODD_NAMES)
    assert physical["a"] == "a"
    moved = physical_names(["first", *ODD_NAMES])
    for name in ("A", "_id", "", "nul\0", "_c1"):
        assert physical[name].startswith("_c")
        assert physical[name] == moved[name] != name  # whatever stands before it
    assert physical["é 😀"] == "é 😀"
    assert len({name.casefold() for name in physical.values()}) == len(ODD_NAMES)


def test_physical_names_make_a_table(con):
    fields = ", ".join(f"{quote(name)} INTEGER" for name in physical_names(ODD_NAMES).values())
    con.execute(f"CREATE TABLE t (_id VARCHAR, {fields})")
    assert len(con.execute("SELECT * FROM t").description) == len(ODD_NAMES) + 1


def test_a_name_with_nul_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_literal_reads_back_as_it_is(engine, text):
    assert engine.execute(f"SELECT {literal(text)}").fetchone() == (text,)


def test_a_number_reads_back_as_the_very_same_double(con):
    rng = np.random.default_rng(1)
    values = [
        *rng.normal(size=500),
        *np.exp(rng.uniform(-700, 700, 500)),
        0.0,
        -0.0,
        5e-324,
        1.7e308,
        0.1,
        1e22,
        math.inf,
    ]
    found = con.execute(f"SELECT [{', '.join(map(number, values))}]").fetchone()[0]
    assert [value.hex() for value in found] == [float(value).hex() for value in values]


# -- choosing cells ----------------------------------------------------------------------------------------------------
@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e12))
def test_nice_edges_cover_the_bulk_evenly(low, span):
    high = low + span
    edges = nice_edges(low, high)
    if high - low > 1e-6 * max(abs(low), 1e-300):  # enough digits to tell edges apart
        assert 12 <= len(edges) <= 50
        steps = np.diff(edges)
        slack = 1e-6 * steps.mean()
        assert edges[0] <= low + slack
        assert edges[-1] >= high - slack
        np.testing.assert_allclose(steps, steps.mean(), rtol=1e-3)


def test_round_numbers_are_round():
    assert nice_edges(0, 240) == [10.0 * i for i in range(25)]
    assert nice_edges(0.0, 0.6)[:5] == [0.0, 0.025, 0.05, 0.075, 0.1]
    assert nice_edges(5, 5) == nice_edges(0, math.inf) == nice_edges(0, 5e-324) == []


def test_a_continuous_column_gets_both_kinds_of_edges(con):
    x = np.random.default_rng(2).normal(50, 10, 20_000)
    column = profiled(con, [Column("x", "numeric")], {"x": x}).column("x")
    bins = column.entry.bins
    below, above = bins.edges.index(np.nextafter(x.min(), -np.inf)), bins.edges.index(x.max())
    assert column.cells[: below + 1].sum() == column.cells[above + 1 :].sum() == 0
    assert bins.edges[0] < x.min() < x.max() < bins.edges[-1]
    assert set(np.quantile(x, np.arange(1, 20) / 20, method="inverted_cdf")) <= set(bins.edges)
    assert len(set(np.diff(bins.display))) == 1
    assert 54 <= len(bins.display) <= 120
    assert not bins.discrete


def test_what_leaves_the_range_is_seen_where_it_went(con):
    reference = {"x": np.linspace(10, 20, 1000)}
    column = profiled(con, [Column("x", "numeric")], {"x": [12.0, 21.5, 28.0, 500.0]}, reference=reference).column("x")
    edges = np.array([-np.inf, *column.entry.bins.edges, np.inf])
    held = [(low, high) for low, high, n in zip(edges, edges[1:], column.cells, strict=False) if n]
    assert [low < x <= high for (low, high), x in zip(held, (12.0, 21.5, 28.0, 500.0), strict=True)] == [True] * 4


def test_a_column_that_is_never_negative_has_no_negative_edges_but_one(con):
    bins = profiled(con, [Column("x", "numeric")], {"x": np.linspace(0, 1, 1000)}).column("x").entry.bins
    assert [edge for edge in bins.edges if edge < 0] == [np.nextafter(0.0, -1.0)]


@pytest.mark.parametrize("distinct", [1, 2, 32])
def test_few_values_have_a_cell_each(con, distinct):
    x = np.arange(400) % distinct * 1.5 - 7
    column = profiled(con, [Column("x", "numeric")], {"x": x}).column("x")
    assert column.entry.bins.discrete
    assert column.entry.bins.edges[1:] == tuple(sorted(set(x)))
    np.testing.assert_array_equal(column.cells, [0, *np.unique(x, return_counts=True)[1], 0])


def test_thirty_three_values_share_cells(con):
    assert not profiled(con, [Column("x", "numeric")], {"x": np.arange(3300.0) % 33}).column("x").entry.bins.discrete


@pytest.mark.parametrize("values", [[], [None, None], [math.nan, math.inf, None]])
def test_a_column_without_finite_values_has_one_cell(con, values):
    columns = [Column("x", "numeric"), Column("c", "categorical"), Column("t", "datetime"), Column("w", "text")]
    nothing = pa.array([None] * len(values), pa.string())
    empty = {"x": pa.array(values, pa.float64()), "c": nothing, "t": nothing.cast(pa.timestamp("us")), "w": nothing}
    full = {"x": [1.0, 2.0], "c": ["a", "b"], "t": pa.array([0, 1], pa.timestamp("us")), "w": ["", "abc"]}
    profile = profiled(con, columns, full, reference=empty)
    assert [profile.column(name).cells.tolist() for name in "xctw"] == [[2], [0, 2], [2], [2]]
    assert profile.column("x").mean == 1.5
    assert profile.column("w").maximum == 3


def test_values_outside_the_reference_fall_into_the_outer_cells(con):
    reference = {"x": np.linspace(0, 1, 1000)}
    cells = (
        profiled(con, [Column("x", "numeric")], {"x": [-5.0, 0.0, 1.0, 1.5, 9.0]}, reference=reference)
        .column("x")
        .cells
    )
    assert (cells[0], cells[1], cells[-1]) == (1, 1, 1)  # -5; 0, the minimum; 9, beyond the last edge
    assert cells.sum() == 5


def test_categories_are_ordered_by_frequency_then_name(con):
    values = ["b"] * 3 + ["a"] * 3 + ["c"] * 5 + [None]
    bins = profiled(con, [Column("c", "categorical")], {"c": values}).column("c").entry.bins
    assert bins == Bins("nominal", categories=("c", "a", "b"))


def test_a_column_of_very_many_values_keeps_fifty_and_remembers_ten_thousand(con):
    values = [f"v{i:06}" for i in range(12_000)] + ["v011999"]
    reference = {"c": values}
    column = profiled(
        con, [Column("c", "categorical")], {"c": ["v011999", "v000048", "v000049", "new", None]}, reference=reference
    ).column("c")
    bins = column.entry.bins
    assert (len(bins.categories), len(bins.known), bins.known_complete) == (50, 10_000, False)
    assert bins.categories[:2] == ("v011999", "v000000")
    assert (column.cells[0], column.cells[49], column.cells[-2], column.cells[-1]) == (
        1,
        1,
        2,
        0,
    )  # nobody can say "new"
    few = nominal_bins([str(i) for i in range(10_050)])
    assert (len(few.known), few.known_complete) == (10_000, True)


def test_a_known_value_is_other_and_a_new_one_unseen(con):
    reference = {"c": [f"v{i:03}" for i in range(200)]}
    cells = (
        profiled(con, [Column("c", "categorical")], {"c": ["v199", "new", "other", "unseen"]}, reference=reference)
        .column("c")
        .cells
    )
    assert (cells[-2], cells[-1]) == (1, 3)


def test_an_embedding_is_refused_in_words(con):
    with pytest.raises(ValueError, match="'e' is an embedding"):
        freeze_layout(con, "SELECT 1 AS e", {"e": "e"}, [Column("e", "embedding")])


def test_a_missing_expression_is_named(con):
    with pytest.raises(KeyError, match=r"'y' needs 'y', which is not in the data; it has 'x'"):
        freeze_layout(con, "SELECT 1 AS x", {"x": "x"}, [Column("y", "numeric")])


# -- profiling ---------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_more_columns_than_a_pass_takes_are_all_profiled(con):
    rng = np.random.default_rng(3)
    data: dict[str, object] = {f"x {i}": rng.normal(i, 1, 300) for i in range(95)}
    data |= {f"c {i}": rng.choice(["a", "b", f"only {i}"], 300) for i in range(85)}
    columns = [Column(name, "categorical" if name[0] == "c" else "numeric") for name in sorted(data)]
    profile = profiled(con, columns, data)
    for column in columns:
        part, values = profile.column(column.name), np.array(data[column.name])
        if column.type == "numeric":
            assert part.mean == pytest.approx(values.mean())
            assert part.std == pytest.approx(values.std(ddof=1))
            assert (part.minimum, part.maximum) == (values.min(), values.max())
        else:
            assert dict(zip(part.entry.bins.labels, part.cells, strict=True)) == {
                **{str(k): int(n) for k, n in zip(*np.unique(values, return_counts=True), strict=True)}, "other": 0, "unseen": 0
            }  # fmt: skip


def test_groups_come_in_order_with_null_first(con):
    layout = Layout((BinnedColumn(Column("x", "numeric"), Bins("ordered", edges=(0.0,))),))
    relation = "SELECT * FROM (VALUES ('b', 1, 1.0), (NULL, 2, -1.0), ('a', 2, NULL), ('a', 1, 0.0)) t(g, h, x)"
    keys, profile = profile_rows(con, relation, {"x": "x"}, layout, group=["g", "h"], where="h > 0")
    assert keys == [(None, 2), ("a", 1), ("a", 2), ("b", 1)]
    assert profile.column("x").cells.tolist() == [[1, 0], [1, 0], [0, 0], [0, 1]]
    assert profile_rows(con, relation, {"x": "x"}, layout, group=["g"], where="h > 9")[0] == []


def test_without_groups_there_is_one_profile_even_of_nothing(con):
    layout = Layout((BinnedColumn(Column("c", "categorical"), Bins("nominal", categories=("a",))),))
    keys, profile = profile_rows(con, "SELECT 'a' AS c WHERE false", {"c": "c"}, layout)
    assert keys == [()]
    assert profile.counts.tolist() == [[0] * layout.n_counts]
    keys, profile = profile_rows(con, "SELECT 1", {}, Layout(()))
    assert (keys, profile.rows.tolist()) == ([()], [1])


def test_datetimes_are_seconds_and_texts_are_characters(con):
    times = pa.array([0, 86_400_000_000, None], pa.timestamp("us"))
    columns = [Column("t", "datetime"), Column("w", "text")]
    profile = profiled(con, columns, {"t": times, "w": ["é😀", "", None]})
    assert (profile.column("t").minimum, profile.column("t").maximum) == (0, 86_400)
    assert (profile.column("w").minimum, profile.column("w").maximum) == (0, 2)
    assert [profile.column(name).missing for name in "tw"] == [1, 1]


# -- outcomes ----------------------------------------------------------------------------------------------------------
def outcome_names(task, score):
    return [column.name for column, _ in outcome_columns(task, score)]


def test_each_task_has_its_outcomes():
    assert outcome_names("none", True) == []
    assert outcome_names("ranking", False) == ["label"]
    errors = ["error given inputs", "absolute error", "squared error", "percentage error"]
    assert outcome_names("regression", False) == ["label", *errors]
    assert outcome_names("multiclass", False) == ["label", "correct", "confusion"]
    scores = ["log loss", "score error", "label rank", "score of right answers", "score of wrong answers"]
    assert outcome_names("multiclass", True) == ["label", "correct", "confusion", *scores]
    assert outcome_names("binary", True)[3:] == ["log loss", "score of positives", "score of negatives"]


def test_regression_errors(con):
    rng = np.random.default_rng(4)
    label, guess = rng.normal(100, 30, 5000), rng.normal(100, 30, 5000)
    columns = [column for column, _ in outcome_columns("regression", False, "minutes")]
    profile = profiled(con, columns, {"prediction": guess, "label": label})
    assert profile.column("absolute error").mean == pytest.approx(mean_absolute_error(label, guess))
    assert profile.column("error given inputs").mean == pytest.approx((guess - label).mean())
    assert profile.column("error given inputs").entry.column.unit == "minutes"


def test_binary_outcomes_agree_with_scikit_learn(con):
    rng = np.random.default_rng(5)
    truth = rng.random(4000) < 0.3
    score = np.round(np.clip(rng.normal(np.where(truth, 0.6, 0.4), 0.2), 0, 1), 2)
    score[:2] = [0.0, 1.0]
    data = {"prediction": np.where(score > 0.5, "it's", "no"), "label": np.where(truth, "it's", "no"), "score": score}
    profile = profiled(con, [c for c, _ in outcome_columns("binary", True)], data, positive="it's")
    assert profile.column("log loss").mean == pytest.approx(log_loss(truth, score))
    confusion = dict(zip(profile.column("confusion").entry.bins.labels, profile.column("confusion").cells, strict=True))
    expected = confusion_matrix(truth, score > 0.5)
    names = ["no", "it's"]
    assert {
        f"{a} → {b}": int(expected[i, j]) for i, a in enumerate(names) for j, b in enumerate(names)
    }.items() <= confusion.items()
    assert profile.column("correct").cells.tolist() == [
        (truth != (score > 0.5)).sum(),
        (truth == (score > 0.5)).sum(),
        0,
        0,
    ]
    positives, negatives = profile.column("score of positives"), profile.column("score of negatives")
    assert positives.entry.bins == negatives.entry.bins == score_bins()
    assert (positives.valid, negatives.valid) == (truth.sum(), (~truth).sum())
    below = np.cumsum(negatives.cells) - negatives.cells
    area = (positives.cells * (below + negatives.cells / 2)).sum() / (positives.valid * negatives.valid)
    assert area == pytest.approx(roc_auc_score(truth, score), abs=2e-3)


def test_a_mistake_the_reference_never_made_has_its_cell(con):
    reference = {"prediction": ["yes", "no"], "label": ["yes", "no"]}
    data = {"prediction": ["yes", "yes", None, "new"], "label": ["no", "yes", "no", "no"]}
    confusion = profiled(con, [Column("confusion", "categorical", "outcome")], data, reference=reference).column(
        "confusion"
    )
    cells = dict(zip(confusion.entry.bins.labels, confusion.cells, strict=True))
    assert cells == {"no → no": 0, "no → yes": 1, "yes → no": 0, "yes → yes": 1, "other": 0, "unseen": 1}
    assert confusion.missing == 1


def test_log_loss_of_many_classes_reads_the_label_s_own_score(con):
    con.execute(
        "CREATE TABLE rows AS SELECT * FROM (VALUES ('a', MAP {'a': 0.5e0, 'b': 0.5e0}), ('b', MAP {'a': 1e0, 'b': 0e0}), "
        "('zz', MAP {'a': 1e0, 'b': 0e0}), (NULL, MAP {'a': 1e0}), ('a', MAP {'a': 'nan'::DOUBLE})) t(label, scores)"
    )
    expressions = {"label": "label", "scores": "scores"}
    columns = [Column("log loss", "numeric", "outcome")]
    layout = freeze_layout(con, "SELECT * FROM rows", expressions, columns)
    part = profile_rows(con, "SELECT * FROM rows", expressions, layout)[1][0].column("log loss")
    assert [int(part.missing), int(part.nan), int(part.valid)] == [2, 1, 2]
    assert part.minimum == pytest.approx(-math.log(0.5))
    assert part.maximum == pytest.approx(-math.log(2**-52))


def test_scores_that_are_no_probabilities_get_cells_of_their_own(con):
    data = {"prediction": ["a"] * 200, "label": ["a", "b"] * 100, "score": np.linspace(-4, 4, 200)}
    profile = profiled(con, [c for c, _ in outcome_columns("binary", True)], data, positive="a")
    positives, negatives = profile.column("score of positives"), profile.column("score of negatives")
    assert positives.entry.bins == negatives.entry.bins
    edges = (-np.inf, *positives.entry.bins.edges, np.inf)
    held = np.flatnonzero(positives.cells + negatives.cells)
    assert -4.01 < edges[held[0]] < -4, "the lowest score begins a cell"
    assert edges[held[-1] + 1] == 4, "the highest score ends one"


def test_a_score_without_a_positive_class_is_refused_in_words(con):
    with pytest.raises(ValueError, match="declare `positive`"):
        profiled(
            con, [c for c, _ in outcome_columns("binary", True)], {"prediction": ["a"], "label": ["a"], "score": [0.5]}
        )


# -- reading cells -----------------------------------------------------------------------------------------------------
QS = [0.0, 0.05, 0.25, 0.5, 0.9, 0.99, 1.0]


@pytest.mark.parametrize("draw", ["normal", "exponential", "uniform"])
def test_quantiles_read_off_cells_are_close(con, draw):
    x = getattr(np.random.default_rng(6), draw)(size=20_000)
    column = profiled(con, [Column("x", "numeric")], {"x": x}).column("x")
    found = quantiles(column, QS)
    assert found[0] == x.min()
    assert found[-1] == x.max()
    np.testing.assert_allclose(np.searchsorted(np.sort(x), found[1:-1]) / len(x), QS[1:-1], atol=0.012)


def test_quantiles_of_few_values_are_these_values(con):
    x = np.repeat([1.0, 2.0, 5.0], [10, 30, 60])
    column = profiled(con, [Column("x", "numeric")], {"x": x}).column("x")
    assert quantiles(column, [0, 0.1, 0.11, 0.4, 0.41, 1]).tolist() == [1, 1, 2, 2, 5, 5]


def test_quantiles_keep_leading_axes_and_say_nan_for_nothing():
    layout = Layout((BinnedColumn(Column("x", "numeric"), Bins("ordered", edges=(0.0, 10.0))),))
    profile = layout.empty(2)
    profile.counts[1] = [4, 0, 0, 0, 0, 4, 0]
    profile.moments[1] = [5, 0, 2, 8]
    found = quantiles(profile.column("x"), [0.0, 0.5, 1.0])
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [2, 5, 8]
    with pytest.raises(ValueError, match="no quantiles"):
        quantiles(Layout((BinnedColumn(Column("c", "categorical"), Bins("nominal")),)).empty().column("c"), [0.5])


def test_bars_agree_with_numpy(con):
    x = np.random.default_rng(7).normal(50, 10, 20_000)
    column = profiled(con, [Column("x", "numeric")], {"x": x}).column("x")
    bars = rebin(column)
    counts, _ = np.histogram(-x, bins=[-np.inf, *(-np.array(bars.edges[1:-1]))[::-1], np.inf])  # upper-inclusive
    np.testing.assert_allclose(bars.shares, counts[::-1] / len(x))
    assert len(bars.edges) == len(bars.shares) + 1
    np.testing.assert_allclose(np.diff(bars.edges), np.diff(bars.edges)[0])


def test_bars_of_few_values_and_of_categories_have_names(con):
    data = {"x": [1.0, 2.5, 2.5, None], "c": ["a", "b", "b", None]}
    profile = profiled(con, [Column("x", "numeric"), Column("c", "categorical")], data)
    numbers, names = rebin(profile.column("x")), rebin(profile.column("c"))
    assert numbers.labels == ("below", "1", "2.5", "above")
    np.testing.assert_allclose(numbers.shares, [0, 1 / 3, 2 / 3, 0])
    assert names.labels == ("b", "a", "other", "unseen")
    np.testing.assert_allclose(names.shares, [2 / 3, 1 / 3, 0, 0])
    assert rebin(profile.layout.empty().column("x")).shares.sum() == 0


def test_score_bars_cover_zero_to_one():
    layout = Layout((BinnedColumn(Column("score", "numeric", "score"), score_bins()),))
    bars = rebin(layout.empty().column("score"))
    np.testing.assert_allclose(bars.edges, np.arange(51) / 50, atol=1e-12)


def test_a_column_of_one_value_and_a_far_one_still_has_bars(con):
    x = np.concatenate([np.zeros(1000), np.arange(1.0, 40)])
    column = profiled(con, [Column("x", "numeric")], {"x": x}).column("x")
    assert rebin(column).shares.sum() == pytest.approx(1)
    assert ordered_bins(3.0, 3.0, [3.0]).edges[-1] == 3.0


# -- sampling ----------------------------------------------------------------------------------------------------------
def test_the_sampling_hash_is_plain_md5(con):
    ids = ["a", "é😀", "", "it's"]
    con.register("ids", pa.table({"i": ids}))
    found = con.execute(f"SELECT {sample_hash('i')} FROM ids").fetchall()
    assert [row[0] for row in found] == [hashlib.md5(i.encode()).hexdigest() for i in ids]


def test_samples_merge_like_profiles(con):
    con.execute("CREATE TABLE t AS SELECT i, i % 3 AS part FROM range(1000) r(i)")
    whole = con.execute(sample_sql("SELECT * FROM t", "i", 50)).fetchall()
    parts = " UNION ALL ".join(f"({sample_sql(f'SELECT * FROM t WHERE part = {part}', 'i', 50)})" for part in range(3))
    assert con.execute(sample_sql(parts, "i", 50)).fetchall() == whole
    by_hand = sorted(range(1000), key=lambda i: hashlib.md5(str(i).encode()).hexdigest())[:50]
    assert [row[0] for row in whole] == by_hand
