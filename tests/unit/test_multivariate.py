"""The numbers behind checks on rows, held against the libraries that have them, and their nulls."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler

from monitors.blank import blank_reading
from monitors.judge_rows import Asked, ReferenceRows, judge_rows, measure_natural, prepare, row_checks
from monitors.multivariate import _kernel, _vectors, embedding_centroid, out_of_vocabulary_share, pca_reconstruction
from monitors.multivariate._auc import auc
from monitors.multivariate._encoding import Encoder
from monitors.multivariate._types import RowsCheck, Sides
from monitors.multivariate._words import words
from monitors.natural import MOST_WINDOWS, HeldOut, Natural, among, judge_found, natural_variation
from reference_data.declaration import ModelSpec
from reference_data.schema import Column
from reference_data.windows import Window
from tests.support.tiny_workspace import START

RNG = np.random.default_rng
NOW = START + timedelta(days=40)


# -- the numbers -------------------------------------------------------------------------------------------------------
def test_the_reconstruction_error_is_that_of_scikit_learn() -> None:
    rng = RNG(0)
    mix = rng.normal(size=(8, 8))
    before, after = rng.normal(size=(3000, 8)) @ mix, rng.normal(size=(500, 8)) @ mix[::-1]
    scaler = StandardScaler().fit(before)
    pca = PCA(n_components=0.65, svd_solver="full").fit(scaler.transform(before))
    scaled = scaler.transform(after)
    wanted = np.linalg.norm(scaled - pca.inverse_transform(pca.transform(scaled)), axis=1).mean()
    names = tuple("abcdefgh")
    found = pca_reconstruction.compare(Sides(before, after, names, np.arange(8)), rng, True)
    assert found.value == pytest.approx(wanted, rel=1e-9)


def test_the_discrepancy_is_that_of_its_formula() -> None:
    rng = RNG(1)
    x, y = rng.normal(size=(60, 3)), rng.normal(0.5, 1, size=(40, 3))
    found, _, width = _kernel.discrepancy(x, y, RNG(0))
    xx, yy, xy = (rbf_kernel(a, b, gamma=1 / width) for a, b in ((x, x), (y, y), (x, y)))
    wanted = (xx.sum() - 60) / (60 * 59) + (yy.sum() - 40) / (40 * 39) - 2 * xy.mean()
    assert found.value == pytest.approx(wanted, rel=1e-9)
    kernel = rbf_kernel(np.concatenate([x, y]), gamma=1 / width)
    null = _kernel.shuffled(kernel, 60, RNG(7))
    order = RNG(7).permutation(100)
    mine = kernel[np.ix_(np.r_[order[:60], order[60:]], np.r_[order[:60], order[60:]])]
    assert null[0] == pytest.approx(_kernel.unbiased(mine, 60), abs=1e-12)


def test_the_area_is_that_of_scikit_learn() -> None:
    scores, label = RNG(2).integers(0, 9, 200).astype(float), RNG(3).random(200) < 0.4
    assert auc(scores, label) == pytest.approx(roc_auc_score(label, scores))


def test_the_centroids_null_has_the_moments_it_claims() -> None:
    values, expected, sd = [], [], []
    for seed in range(400):
        rng = RNG(seed)
        spread = np.array([3.0, 1.0, 0.3])
        found = embedding_centroid.compare(
            Sides(rng.normal(size=(300, 3)) * spread, rng.normal(size=(60, 3)) * spread), rng, False
        )
        values.append(found.value)
        expected.append(found.expected)
        sd.append(found.sd)
    assert np.mean(values) == pytest.approx(np.mean(expected), rel=0.05)
    assert np.std(values) == pytest.approx(np.mean(sd), rel=0.1)


def test_words_that_are_new_are_counted_and_those_of_one_text_are_not_named() -> None:
    before = np.array(["the train is late"] * 50, dtype=object)
    after = np.array(["the refund is late"] * 20 + ["the alice is late"], dtype=object)
    found = out_of_vocabulary_share.compare(Sides(before, after), RNG(0), True)
    assert found.value == pytest.approx(21 / 84)
    assert [driver.column for driver in found.drivers] == ["refund"]
    assert found.expected == 0


def test_words_of_any_script() -> None:
    assert words("Zug 42 fährt") == ["zug", "00", "fährt"]
    assert words("東京 tower") == ["東", "京", "tower"]


# -- encoding ----------------------------------------------------------------------------------------------------------
def test_inputs_of_every_type_become_one_matrix() -> None:
    n = 400
    rng = RNG(4)
    at = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(n)]  # noqa: DTZ001
    table = pa.table(
        {
            "number": pa.array([None if i % 10 == 0 else float(rng.normal()) for i in range(n)]),
            "wild": [1e300 if i == 0 else float(i % 7) for i in range(n)],
            "flag": pa.array([None if i == 1 else i % 3 == 0 for i in range(n)]),
            "few": pa.array([None if i == 2 else "abc"[i % 3] for i in range(n)]),
            "many": [f"v{int(rng.zipf(1.5)) % 60}" for _ in range(n)],
            "constant": ["x"] * n,
            "born": [moment - timedelta(days=float(rng.exponential(5))) for moment in at],
            "clock": at,
        }
    )
    kinds = ["numeric", "numeric", "boolean", "categorical", "categorical", "categorical", "datetime", "datetime"]
    columns = [Column(name, kind) for name, kind in zip(table.column_names, kinds, strict=True)]  # type: ignore[arg-type]
    times = pa.chunked_array([pa.array(at, pa.timestamp("us"))])
    encoder = Encoder.fit(table, columns, times)
    assert encoder.names == (
        "number",
        "flag",
        "few",
        "many",
        "born",
    )  # what does not vary, or only by the clock, is no input
    matrix = encoder(table, times)
    assert matrix.shape == (n, len(encoder.groups))
    assert np.isfinite(matrix).all()
    assert np.abs(matrix.mean(axis=0)).max() < 0.1
    totals = np.bincount(encoder.groups, matrix.var(axis=0))
    assert totals == pytest.approx([1] * 5, abs=0.2)  # no input weighs more than another, however many columns it has
    lacking = Encoder.fit(table, columns, None)
    assert "born" not in lacking.names


def test_a_new_category_is_far_from_the_frequent_ones() -> None:
    table = pa.table({"many": [f"v{i % 20 if i % 2 else 0}" for i in range(200)]})
    encoder = Encoder.fit(table, [Column("many", "categorical")], None)
    usual, new = encoder(pa.table({"many": ["v0", "stranger"]}))[:, 0]
    assert usual > 0 > new


# -- vectors -----------------------------------------------------------------------------------------------------------
def vectors_of(rows: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(rows, pa.list_(pa.float64()))])


def test_vectors_that_cannot_be_used_are_told_in_words() -> None:
    good, told = _vectors.vectors(vectors_of([[1.0, 2.0], None, [3.0, 4.0], [1.0], [np.nan, 1.0]]))
    assert good.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert told == "1 vectors have 1 numbers instead of 2; 1 vectors hold values that are no finite numbers"
    for rows, words_ in (
        ([None], "there are no vectors"),
        ([[1.0, 2.0, 3.0]], "vectors have 3 numbers where the reference has 2"),
        ([[np.nan, np.inf]], "hold values that are no finite numbers"),
        ([[]], "vectors have 0 numbers where the reference has 2"),
    ):
        with pytest.raises(ValueError, match=words_):
            _vectors.vectors(vectors_of(rows), 2)


# -- natural variation -------------------------------------------------------------------------------------------------
def days(rng: np.random.Generator, count: int, rows: int, jitter: float) -> list[np.ndarray]:
    return [rng.normal(size=(rows, 6)) + rng.normal(size=6) * jitter for _ in range(count)]


def held(check: RowsCheck, pieces: list[np.ndarray]) -> tuple[int, HeldOut]:
    def sides(place: int, rng: np.random.Generator) -> Sides:
        return replace(among(check, pieces)(place, rng), names=tuple("abcdef"), groups=np.arange(6))

    return len(pieces), sides


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pca_reconstruction", "mmd"])
@pytest.mark.parametrize("jitter", [0.0, 0.15])
def test_days_that_only_do_what_days_do_are_no_drift(name: str, jitter: float) -> None:
    check, names, groups = row_checks()[name], tuple("abcdef"), np.arange(6)
    p_values, drifted = [], 0
    for seed in range(4):
        rng = RNG([41, seed])
        pieces = days(rng, 14, 150, jitter)
        natural = natural_variation(check, *held(check, pieces), [seed])
        assert natural.windows == min(len(pieces), MOST_WINDOWS)
        for rows in days(rng, 6, 150, jitter):
            base = np.concatenate(pieces)[:500]
            judged = judge_found(check, check.compare(Sides(base, rows, names, groups), rng, False), natural)
            p_values.append(judged.p_value)
            drifted += judged.drifted
    assert drifted == 0
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_jitter_widens_what_is_usual() -> None:
    check = row_checks()["mmd"]
    calm, wild = (natural_variation(check, *held(check, days(RNG(5), 12, 200, jitter)), [1]) for jitter in (0.0, 0.3))
    assert wild.tau2 > calm.tau2
    assert wild.bias > calm.bias


def test_two_windows_are_too_few_to_measure() -> None:
    check = row_checks()["mmd"]
    assert natural_variation(check, *held(check, days(RNG(6), 2, 100, 0.1)), [1]).windows == 0


# -- categories of many values -----------------------------------------------------------------------------------------
def zipf(rng: np.random.Generator, day: int, n: int) -> list[str]:
    weight = 1 / np.arange(1, 5001) ** 0.8
    return [f"z{i}" for i in rng.choice(5000, n, p=weight / weight.sum())]


MANY: dict[str, Callable[[np.random.Generator, int, int], list[str]]] = {
    "zipf": zipf,
    "ids": lambda _, day, n: [f"{day}-{i}" for i in range(n)],
    "nearly ids": lambda rng, day, n: [f"{day}-{i}" for i in rng.integers(0, 20 * n, n)],
    "even": lambda rng, _, n: [f"v{i}" for i in rng.integers(0, 20, n)],
    "sessions": lambda rng, day, n: [f"{day}-{i}" for i in rng.integers(0, n // 4, n)],
}


@pytest.mark.slow
@pytest.mark.parametrize("check", ["domain_classifier", "mmd", "pca_reconstruction"])
@pytest.mark.parametrize("kind", MANY)
def test_values_that_are_new_in_every_window_are_no_drift(kind: str, check: str) -> None:
    spec = ModelSpec(name="m", task="none", features={"x": "numeric", "y": "numeric", "many": "categorical"})
    one, drifted, places = Asked(row_checks()[check], None), 0, []

    def rows(rng: np.random.Generator, day: int, n: int) -> pa.Table:
        x = rng.normal(size=n)
        return pa.table({"x": x, "y": x + rng.normal(size=n), "many": MANY[kind](rng, day, n)})

    for seed in range(3):
        rng = RNG([seed, 5])
        whole = pa.concat_tables([rows(rng, day, 150) for day in range(14)])
        ready = prepare(one, spec, ReferenceRows(whole, None, np.repeat(np.arange(14), 150)), 30)
        natural = measure_natural(one, ready, seed)
        for day in range(14, 17):
            reading = judge_rows(one, ready, natural, rows(rng, day, 150), None, 30, BLANK)
            drifted += reading.verdict == "drift"
            places.append(reading.p_value)
        if kind != "sessions" and check == "domain_classifier":
            assert judge_rows(one, ready, natural, turned(rows(rng, 20, 150)), None, 30, BLANK).verdict == "drift"
    assert drifted == 0
    assert np.median(places) > 0.1


def turned(table: pa.Table) -> pa.Table:
    """Turn a correlation round."""
    return table.set_column(1, "y", pc.negate(table["y"]))


# -- one window --------------------------------------------------------------------------------------------------------
SPEC = ModelSpec(
    name="m", task="none", features={"x": "numeric", "y": "numeric", "words": "text", "vector": "embedding"}
)
BLANK = blank_reading("m", "v1", (1, 500), Window(NOW, NOW + timedelta(days=1)), NOW, "multivariate")


def table(rng: np.random.Generator, n: int, size: int = 3) -> pa.Table:
    x = rng.normal(size=n)
    return pa.table(
        {
            "x": x,
            "y": x + rng.normal(0, 0.3, n),
            "words": [" ".join(rng.choice(["late", "train", "seat"], 6)) for _ in range(n)],
            "vector": vectors_of(rng.normal(size=(n, size)).tolist()),
        }
    )


def asked(check: str, column: str | None = None) -> Asked:
    chosen = next((c for c in SPEC.columns if c.name == column), None)
    return Asked(row_checks()[check], chosen)


@pytest.mark.parametrize(
    ("check", "column"),
    [("mmd", None), ("pca_reconstruction", None), ("text_classifier", "words"), ("embedding_mmd", "vector")],
)
def test_too_few_rows_are_insufficient_and_none_are_no_data(check: str, column: str | None) -> None:
    one = asked(check, column)
    reference = ReferenceRows(table(RNG(7), 500), None, np.repeat(np.arange(5), 100))
    ready = prepare(one, SPEC, reference, 30)
    natural = measure_natural(one, ready, 1)
    few = judge_rows(one, ready, natural, table(RNG(8), 12), None, 30, BLANK)
    assert (few.verdict, few.n) == ("insufficient", 12)
    assert few.sentence.startswith("12 rows are too few to judge")
    enough = judge_rows(one, ready, natural, table(RNG(9), 100), None, 30, BLANK)
    assert enough.verdict == "ok"
    assert (enough.scope, enough.column) == ("multivariate" if column is None else "column", column)
    assert enough == judge_rows(one, ready, natural, table(RNG(9), 100), None, 30, BLANK)


def test_a_column_that_is_wrong_is_a_reading_with_an_error() -> None:
    one = asked("embedding_centroid", "vector")
    ready = prepare(one, SPEC, ReferenceRows(table(RNG(7), 500), None, np.repeat(np.arange(5), 100)), 30)
    found = judge_rows(one, ready, Natural(0, 0, 0.0025, 0), table(RNG(8), 100, size=4), None, 30, BLANK)
    assert found.verdict == "error"
    assert found.error == "vectors have 4 numbers where the reference has 3"
    assert "Embedding centroid of vector cannot be said" in found.sentence


def test_a_reference_from_before_the_column_says_so() -> None:
    older = ReferenceRows(table(RNG(7), 100).drop_columns(["vector"]), None, np.zeros(100, dtype=np.intp))
    with pytest.raises(ValueError, match="frozen before vector was declared"):
        prepare(asked("embedding_mmd", "vector"), SPEC, older, 30)
