"""Prediction and error by value of a column, against the same sums over plain rows; and the rows behind a bar."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reference_data.bins import Bins
from service.local import LocalWorkspace
from service.local.peer_rules import RULES
from service.local.relation import estimate
from storage.value_bars import Mean, bars_of, place_sql
from tests.support.homes import empty

START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=60)
DECLARATION = """
[models.eta]
task = "regression"
prediction = "guess"
label = "truth"

[models.eta.features]
distance = "numeric"
stops = "numeric"
city = "categorical"

[models.eta.monitor]
window = "1w"
multivariate = []
estimate = false

[models.late]
task = "binary"
positive = "yes"
prediction = "guess"
score = "score"
label = "truth"

[models.late.features]
distance = "numeric"

[models.late.monitor]
window = "1w"
multivariate = []
estimate = false
"""
ODD = 'O\'Hare {x} "y"'


def rows(days: int, start: datetime, *, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(int(start.timestamp()) % 1000)
    n = days * 40
    distance = rng.normal(10 + shift, 2, n)
    distance[::50] = np.nan
    city = rng.choice(["Ulm", ODD, "Łódź"], n).astype(object)
    if shift:
        city[:30] = "never before"
    guess = np.nan_to_num(distance, nan=10.0) * 2
    return pd.DataFrame(
        {
            "prediction_id": [f"{start:%j}-{i}" for i in range(n)],
            "event_time": [start + timedelta(minutes=36 * i) for i in range(n)],
            "model_version": "v0",
            "distance": distance,
            "stops": rng.integers(0, 3, n).astype(float),
            "city": city,
            "guess": guess,
            "truth": guess + rng.normal(0, 1, n),
        }
    )


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two models that were judged for two weeks after their reference, and the rows of the last week."""
    home: Path = tmp_path_factory.mktemp("bars") / "home"
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        ws.apply(DECLARATION)
        before, after = rows(35, START), rows(14, START + timedelta(days=35), shift=1.5)
        ws.reference("eta", before)
        ws.log("eta", after.drop(columns="truth"))
        ws.label("eta", after[["prediction_id", "truth"]])
        yes = [
            data.assign(score=1 / (1 + np.exp(10 - data["distance"].fillna(10))))
            .assign(guess=lambda d: np.where(d["score"] > 0.5, "yes", "no"))
            .assign(truth=lambda d: np.where(d["score"] > 0.4, "yes", "no"))
            for data in (before, after)
        ]
        ws.reference("late", yes[0])
        ws.log("late", yes[1].drop(columns="truth"))
        ws.label("late", yes[1][["prediction_id", "truth"]])
        ws.run()
        yield ws, before, after[after["event_time"] >= START + timedelta(days=42)], yes[1]


def _errors(ws: Any) -> list[int]:
    return [bar["error"]["n"] for bar in ws.relation("eta", "city")["bars"]]


def _by(view: Any) -> dict[str, Any]:
    return {bar["label"]: bar for bar in view["bars"]}


@pytest.mark.slow
def test_categories_have_their_rows_means_and_intervals(judged: Any) -> None:
    ws, before, now, _ = judged
    bars = _by(ws.relation("eta", "city"))
    for city in ("Ulm", ODD, "Łódź"):
        for kind, data in (("", now), ("_reference", before)):
            own = data[data["city"] == city]
            error = (own["guess"] - own["truth"]).abs()
            assert bars[city][f"error{kind}"]["n"] == len(own)
            assert bars[city][f"error{kind}"]["value"] == pytest.approx(error.mean())
            assert bars[city][f"prediction{kind}"]["value"] == pytest.approx(own["guess"].mean())
            half = bars[city][f"error{kind}"]["upper"] - error.mean()
            assert half == pytest.approx(error.std() / len(own) ** 0.5 * 1.97, rel=0.02)


def test_what_the_reference_never_held_is_a_bar_of_its_own(judged: Any) -> None:
    ws, _, _, _ = judged
    first = ws.relation("eta", "city", START + timedelta(days=35))
    assert _by(first)["unseen"]["n"] == 30
    assert _by(first)["unseen"]["n_reference"] == 0


def test_bars_of_numbers_hold_what_lies_in_them_and_missing_ones_none(judged: Any) -> None:
    ws, before, now, _ = judged
    view = ws.relation("eta", "distance")
    bars = _by(view)
    assert bars["missing"]["n"] == int(now["distance"].isna().sum()) > 0
    assert bars["missing"]["place"] is None
    inner = [bar for bar in view["bars"] if bar["low"] is not None and bar["high"] is not None]
    assert len(inner) > 5
    for bar in inner:
        held = now["distance"].between(bar["low"], bar["high"], inclusive="right")
        assert bar["n"] == int(held.sum())
    assert sum(bar["n"] for bar in view["bars"]) == len(now) == view["n"]
    assert view["n_reference"] == len(before)


def test_the_histogram_and_the_partial_view_count_the_same_rows(judged: Any) -> None:
    ws, _, now, _ = judged
    for column in ("distance", "stops", "city"):
        bars = ws.feature("eta", column)["histogram"]
        counted = {bar["place"]: bar["n"] for bar in ws.relation("eta", column)["bars"]}
        valid = len(now) - counted.get(None, 0)
        for place, share in enumerate(bars["current"], start=bars.get("first", 0)):
            assert counted.get(place, 0) == pytest.approx(share * valid)


def test_a_binary_model_is_seen_by_its_score_and_its_share_of_wrong_answers(judged: Any) -> None:
    ws, _, _, rows_ = judged
    view = ws.relation("late", "distance")
    assert (view["prediction_name"], view["error_name"], view["error_unit"]) == (
        "mean score",
        "share of wrong answers",
        "share",
    )
    now = rows_[rows_["event_time"] >= START + timedelta(days=42)]
    bar = max(view["bars"], key=lambda one: one["n"])
    own = now[now["distance"].between(bar["low"], bar["high"], inclusive="right")]
    assert bar["prediction"]["value"] == pytest.approx(own["score"].mean())
    assert bar["error"]["value"] == pytest.approx((own["guess"] != own["truth"]).mean())
    assert 0 <= bar["error"]["lower"] <= bar["error"]["value"] <= bar["error"]["upper"] <= 1


@pytest.mark.slow
def test_late_labels_are_in_the_view_after_the_next_run(judged: Any, tmp_path: Path) -> None:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as ws:
        ws.apply(DECLARATION)
        ws.reference("eta", rows(35, START))
        after = rows(7, START + timedelta(days=35))
        ws.log("eta", after.drop(columns="truth"))
        ws.run("eta")
        assert sum(_errors(ws)) == 0
        ws.label("eta", after[["prediction_id", "truth"]])
        ws.run("eta")
        assert sum(_errors(ws)) == len(after)


def test_the_rows_behind_a_bar_are_those_that_were_counted(judged: Any) -> None:
    ws, _, now, _ = judged
    span = (START + timedelta(days=42), START + timedelta(days=49))
    for column in ("distance", "stops", "city"):
        for bar in ws.relation("eta", column)["bars"]:
            page = ws.column_rows("eta", column, *span, place=bar["place"], limit=5)
            assert page["total"] == bar["n"]
            assert page["columns"][:4] == ["prediction_id", "event_time", "model_version", column]
            assert len(page["rows"]) == min(5, bar["n"])
    place = _by(ws.relation("eta", "city"))["Ulm"]["place"]
    ulm = now[now["city"] == "Ulm"]["prediction_id"].tolist()
    pages = [ws.column_rows("eta", "city", *span, place=place, limit=30, offset=o)["rows"] for o in range(0, 120, 30)]
    assert [row["prediction_id"] for page in pages for row in page] == ulm[:120]
    beyond = ws.column_rows("eta", "city", *span, place=place, limit=5, offset=10_000)
    assert (beyond["rows"], beyond["total"]) == ([], len(ulm))


def test_columns_are_listed_as_declared_with_what_is_predicted(judged: Any) -> None:
    ws, *_ = judged
    assert [(c["name"], c["kind"]) for c in ws.columns("eta")] == [
        ("distance", "feature"),
        ("stops", "feature"),
        ("city", "feature"),
        ("prediction", "prediction"),
        ("error given inputs", "concept"),
    ]


# -- parts ---------------------------------------------------------------------------------------------------------


def test_intervals_are_students_for_numbers_and_wilsons_for_shares() -> None:
    three = estimate(Mean(3, 10.0, 2.0), share=False)
    assert three["upper"] == pytest.approx(10 + 4.302653 * 2 / 3**0.5)
    assert estimate(Mean(1, 10.0, None), share=False) == {"n": 1, "value": 10.0, "lower": None, "upper": None}
    assert estimate(Mean(0, None, None), share=True)["value"] is None
    none_of_ten = estimate(Mean(10, 0.0, 0.0), share=True)
    assert none_of_ten["lower"] == 0.0
    assert none_of_ten["upper"] == pytest.approx(0.27753, abs=1e-4)


def test_open_ends_are_named_in_words() -> None:
    bars = bars_of(Bins("ordered", edges=(0.0, 0.5, 1.0, 2.0), display=(0.0, 1.0, 2.0)))
    assert [bar.label for bar in bars] == ["up to 0", "0 to 1", "1 to 2", "over 2"]
    assert (bars[0].low, bars[-1].high) == (None, None)
    discrete = bars_of(Bins("ordered", edges=(0.9, 1.0, 3.0), display=(0.9, 1.0, 3.0)))
    assert [bar.label for bar in discrete] == ["below", "1", "3", "above"]


def test_names_of_categories_are_only_names_in_sql() -> None:
    evil = "'; DROP TABLE reading; --"
    sql, parameters = place_sql(Bins("nominal", categories=(evil,), known=("rare",)), '"c"')
    assert "'''; DROP TABLE reading; --'" in sql
    assert parameters == [["rare"]]
    assert place_sql(Bins("nominal", categories=("a",), known_complete=False), '"c"')[1] == []


# -- other tools ---------------------------------------------------------------------------------------------------


def test_every_rule_of_others_is_asked_of_this_window_alone_and_counts_what_it_would_flag(judged: Any) -> None:
    ws, *_ = judged
    peers = {p["rule"]: p for p in ws.feature("eta", "distance")["peers"]}
    assert list(peers) == ["Driftdeck", "PSI > 0.2", "KS p < 0.05", "Evidently's default", "NannyML's default"]
    assert len(peers) == len(RULES) + 1
    assert {p["verdict"] for p in peers.values()} == {"drift"}  # three quarters of a standard deviation
    assert peers["Evidently's default"]["statistic"] == "Wasserstein / std"
    assert peers["Evidently's default"]["value"] == pytest.approx(0.75, abs=0.15)
    assert (peers["KS p < 0.05"]["columns"], peers["PSI > 0.2"]["columns"]) == (3, 4)  # not of the city
    assert peers["PSI > 0.2"]["flagged"] >= 2  # distance, and the prediction that follows it
    city = {p["rule"]: p for p in ws.feature("eta", "city")["peers"]}
    assert "KS p < 0.05" not in city
    assert city["Evidently's default"]["statistic"] == "Jensen–Shannon (nats)"
    concept = ws.feature("eta", "error given inputs")["peers"]
    assert all("flagged" not in p for p in concept if p["rule"] != "Driftdeck")


def test_paired_quantiles_and_ridges_say_what_moved(judged: Any) -> None:
    ws, *_ = judged
    view = ws.feature("eta", "distance")
    middle = next(pair for pair in view["pairs"] if pair["p"] == 0.5)
    assert middle["current"] - middle["reference"] == pytest.approx(1.5, abs=0.4)
    assert [step["start"] for step in view["ridge"]] == [step["start"] for step in view["quantiles"]]
    for step in view["ridge"]:
        assert len(step["shares"]) == len(view["ridge_edges"]) - 1
        assert sum(step["shares"]) == pytest.approx(1.0 if step["n"] else 0.0, abs=0.01)
    assert any(step["n"] for step in view["ridge"])
    assert "pairs" not in ws.feature("eta", "city")
