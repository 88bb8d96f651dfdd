"""Rankings and recommendations: what lists are worth, from a real workspace, beside scikit-learn and plain loops."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from service.workspace import WorkspaceError
from tests.support.tiny_workspace import LIVE, Tiny, tiny

K = 5
DECLARATION = f"""
[models.shelf]
task = "ranking"
query = "basket"
segments = ["shop"]
[models.shelf.features]
price = "numeric"
[models.shelf.context]
basket = "categorical"
shop = "categorical"
[models.shelf.monitor]
top = {K}
multivariate = []
"""


def day(number: int, lists: int = 40, *, good: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(number + 50)
    frames = []
    for place in range(lists):
        n = int(rng.integers(3, 13))
        price = rng.normal(size=n)
        relevance = np.clip(np.round(price + rng.normal(0, 0.8, n)), 0, 3)
        start = LIVE + timedelta(days=number, minutes=20 * place)
        frames.append(
            pd.DataFrame(
                {
                    "prediction_id": [f"{number}-{place}-{i}" for i in range(n)],
                    "event_time": [start + timedelta(seconds=i) for i in range(n)],
                    "basket": f"{number}-{place}",
                    "shop": "north" if place % 2 else "south",
                    "price": price,
                    "prediction": good * price + rng.normal(0, 0.1, n),
                    "label": relevance,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", DECLARATION) as opened:
        opened.workspace.reference("shelf", pd.concat([day(number) for number in range(-12, 0)]))
        yield opened


def send(shelf: Tiny, frame: pd.DataFrame) -> None:
    shelf.workspace.log("shelf", frame.drop(columns="label"))
    known = frame.dropna(subset="label")
    shelf.workspace.label("shelf", known[["prediction_id", "label"]])


def expected(frame: pd.DataFrame) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in ("ndcg", "p", "recall", "ap", "rr", "hit")}
    for _, rows in frame.groupby("basket"):
        ordered = rows.sort_values("prediction", ascending=False)
        gains = ordered["label"].fillna(0).to_numpy()
        relevant = gains > 0
        found["p"].append(relevant[:K].sum() / K)
        found["hit"].append(float(relevant[:K].any()))
        found["rr"].append(1 / (np.argmax(relevant) + 1) if relevant.any() else 0.0)
        if relevant.any():
            found["ndcg"].append(metrics.ndcg_score([gains], [ordered["prediction"]], k=K))
            found["recall"].append(relevant[:K].sum() / relevant.sum())
            found["ap"].append(metrics.average_precision_score(relevant, ordered["prediction"]))
    return {name: float(np.mean(values)) for name, values in found.items()}


@pytest.mark.slow
def test_metrics_are_those_of_the_lists(shelf: Tiny) -> None:
    frame = day(0)
    send(shelf, frame)
    shelf.clock.now = LIVE + timedelta(days=1.5)
    shelf.workspace.run("shelf")
    found: dict[str, Any] = {
        r["check"]: r for r in shelf.workspace.readings("shelf") if r["scope"] == "performance" and r["segment"] is None
    }
    theirs = expected(frame)
    names = {
        "ndcg": "ndcg", "precision_in_top": "p", "recall_in_top": "recall", "mean_average_precision": "ap",
        "mean_reciprocal_rank": "rr", "hit_rate": "hit",
    }  # fmt: skip
    assert {name: found[name]["value"] for name in names} == pytest.approx({n: theirs[key] for n, key in names.items()})
    assert all(found[name]["ci_lower"] < found[name]["value"] < found[name]["ci_upper"] for name in names)
    assert found["ndcg"]["verdict"] == "ok"
    assert shelf.workspace.metric_names("shelf")[0] == "ndcg"
    assert "NDCG at 5" in found["ndcg"]["sentence"]


@pytest.mark.slow
def test_a_value_that_comes_again_on_another_day_is_another_list(tmp_path: Path) -> None:
    def again(number: int) -> pd.DataFrame:  # a visitor, not a basket
        return day(number).assign(basket=lambda frame: frame["basket"].str.split("-").str[-1])

    with tiny(tmp_path / "home", DECLARATION) as opened:
        opened.workspace.reference("shelf", pd.concat([again(number) for number in range(-12, 0)]))
        for number in range(3):  # all three are profiled together, then the middle one alone
            send(opened, again(number))
        opened.clock.now = LIVE + timedelta(days=3.5)
        opened.workspace.run("shelf")

        def by_day() -> list[Any]:
            found = [r for r in opened.workspace.readings("shelf") if r["check"] == "ndcg" and r["segment"] is None]
            return [reading["value"] for reading in sorted(found, key=lambda r: r["window_start"])]

        theirs = [expected(again(number))["ndcg"] for number in range(3)]
        assert by_day() == pytest.approx(theirs)
        middle = again(1)
        opened.workspace.label("shelf", middle[["prediction_id"]].assign(label=middle["label"] + 1.0))
        opened.workspace.label("shelf", middle[["prediction_id", "label"]])
        opened.workspace.run("shelf")
        assert by_day() == pytest.approx(theirs)
        total = opened.workspace.core.active_reference("shelf").outcomes.total()  # type: ignore[union-attr]
        assert int(total.column("NDCG").valid) == sum(lists_with_relevant(again(number)) for number in range(-12, 0))


def lists_with_relevant(frame: pd.DataFrame) -> int:
    return int((frame.groupby("basket")["label"].max() > 0).sum())


@pytest.mark.slow
def test_rows_nobody_labelled_are_not_relevant_and_lists_without_labels_do_not_count(shelf: Tiny) -> None:
    frame = day(0)
    frame.loc[frame["label"] == 0, "label"] = np.nan  # only clicks are sent
    silent = set(frame.groupby("basket")["label"].count().loc[lambda n: n == 0].index)
    send(shelf, frame)
    shelf.clock.now = LIVE + timedelta(days=1.5)
    shelf.workspace.run("shelf")
    detail = shelf.workspace.performance_detail("shelf", LIVE, LIVE + timedelta(days=1))
    values = {metric["name"]: metric["value"] for metric in detail["metrics"]}
    theirs = expected(frame[~frame["basket"].isin(silent)])
    assert values["ndcg"] == pytest.approx(theirs["ndcg"])
    assert values["hit_rate"] == pytest.approx(theirs["hit"])


@pytest.mark.slow
def test_an_order_that_is_turned_round_pages(shelf: Tiny) -> None:
    for number in range(4):
        send(shelf, day(number, good=1.0 if number < 2 else -1.0))
    shelf.clock.now = LIVE + timedelta(days=4.5)
    shelf.workspace.run("shelf")
    pages = [alert for alert in shelf.workspace.alerts("shelf") if alert["severity"] == "page"]
    assert [alert["kind"] for alert in pages] in (["performance"], ["concept_drift"])
    assert pages[0]["window_start"].startswith(str((LIVE + timedelta(days=2)).date()))
    drifted = {r["column"] for r in shelf.workspace.readings("shelf") if r["column"] == "basket"}
    assert not drifted  # a name of lists is no input


def test_lists_need_a_ranking_and_a_column(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", "") as opened:
        with pytest.raises(WorkspaceError, match="ranks nothing"):
            opened.workspace.apply(DECLARATION.replace('"ranking"', '"regression"'))
        with pytest.raises(WorkspaceError, match="query 'cart' is not a column"):
            opened.workspace.apply(DECLARATION.replace('query = "basket"', 'query = "cart"'))


@pytest.mark.slow
def test_the_lists_of_a_segment_are_judged_and_named_as_the_cause(shelf: Tiny) -> None:
    for number in range(4):
        frame = day(number)
        bad = (frame["shop"] == "north") & (number >= 2)
        frame["prediction"] = np.where(bad, -frame["prediction"], frame["prediction"])
        send(shelf, frame)
    shelf.clock.now = LIVE + timedelta(days=4.5)
    shelf.workspace.run("shelf")
    inside = shelf.workspace.readings("shelf", check="ndcg", segment="shop=north")
    assert [r["verdict"] for r in inside][-2:] == ["critical", "critical"]
    page = next(alert for alert in shelf.workspace.alerts("shelf") if alert["severity"] == "page")
    assert page["causes"][0]["column"] == "shop"
    assert "NDCG at 5" in page["causes"][0]["sentence"]
    assert "at k" not in page["headline"]


@pytest.mark.slow
def test_a_ranking_has_no_estimates(shelf: Tiny) -> None:
    send(shelf, day(0))
    shelf.clock.now = LIVE + timedelta(days=1.5)
    shelf.workspace.run("shelf")
    assert shelf.workspace.estimates("shelf") == []
    assert shelf.workspace.concept("shelf") is None
