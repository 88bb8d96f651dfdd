"""What is declared of training: estimators, encodings, balance, searches, ensembles, and pipelines of one's own."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from reference_data.schema import Column
from reference_data.training import Retrain
from retraining import baselines, registry
from retraining.fitted import FittedModel
from retraining.search import combinations
from retraining.trainers.sklearn import TRAINER
from retraining.types import FitResult, Predictions, TrainingError, TrainRequest
from tests.support.training_rows import train_request

RIDGE, LOGISTIC = "sklearn.linear_model.Ridge", "sklearn.linear_model.LogisticRegression"
ATLANTIS = pd.DataFrame({"city": ["Atlantis"], "size": [20.0], "open": [True], "since": ["2021-01-01"]})


def fit(declared: dict[str, Any], task: str = "regression", **changes: Any) -> FitResult:
    retrain = Retrain.model_validate(declared)
    return TRAINER.fit(train_request(task, **({"training": retrain, "params": retrain.params} | changes)))


def model(found: FitResult, task: str = "regression") -> FittedModel:
    return FittedModel(found.estimator, found.features, task)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declared", "task", "words"),
    [
        ({"estimator": "sklearn.linear_model.Rigde"}, "regression", "the nearest are .*'sklearn.linear_model.Ridge'"),
        ({"estimator": LOGISTIC}, "regression", "cannot do task 'regression'; the nearest are"),
        ({"estimator": RIDGE, "params": {"alhpa": 1.0}}, "regression", "did you mean 'alpha'"),
        ({"estimator": RIDGE, "params": {"alpha": -1.0}}, "regression", "retrain.params: .*'alpha'"),
        ({"estimator": "subprocess.Popen"}, "regression", "is not allowed: it must be an estimator of scikit-learn"),
        ({"estimator": "sklearn.utils.discovery.all_estimators"}, "regression", "is not allowed"),
        ({"estimator": "sklearn.ensemble.StackingRegressor"}, "regression", "is made of other estimators"),
        ({"estimator": RIDGE, "balance": True}, "regression", "has none"),
        (
            {"estimator": "sklearn.neighbors.KNeighborsClassifier", "balance": True},
            "binary",
            "takes no weights of rows",
        ),
        ({"estimator": "mine:make"}, "regression", "put the module 'mine' there"),
        (
            {"params": {"max_iter": 3}, "ensemble": {"kind": "voting", "members": [RIDGE, RIDGE]}},
            "regression",
            "no member",
        ),
    ],
)
def test_what_cannot_be_is_said_with_what_can(declared: dict[str, Any], task: str, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        fit(declared, task)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"estimator": "Ridge"}, "is not understood"),
        ({"ensemble": {"kind": "voting", "members": [RIDGE]}}, "needs two members or more"),
        ({"ensemble": {"kind": "bagging", "members": [RIDGE, RIDGE]}}, "bagging repeats one estimator"),
        ({"search": {"alpha": []}}, "names no value to try"),
        ({"search": {"alpha": [1]}, "params": {"alpha": 1}}, "set by params and searched"),
        ({"trainer": "command"}, "needs a command"),
        ({"trainer": "sklearn", "command": ["x"]}, "are of the trainer 'command'"),
        ({"timeout": "0s"}, "no time to train"),
    ],
)
def test_declarations_that_contradict_themselves(declared: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Retrain.model_validate(declared)


def test_a_category_never_seen_is_the_mean_of_all_by_target_and_nothing_by_one_hot() -> None:
    one = fit({"estimator": RIDGE, "encoding": "one_hot"})
    encoded = one.estimator[0].transform(ATLANTIS[[c.name for c in one.features]].assign(open=1.0, since=1.6e9))
    assert np.asarray(encoded).ravel()[:3].tolist() == [0, 0, 0]
    target = fit({"estimator": RIDGE, "encoding": "target"})
    request = train_request()
    known = model(target).predict(ATLANTIS.assign(city="Rome")).predicted[0]
    prior = model(target).predict(ATLANTIS).predicted[0]
    assert known - prior == pytest.approx(10 * 2 / 3, abs=1.5)
    assert prior == pytest.approx(request.label.mean(), abs=1.5)


@pytest.mark.parametrize("estimator", [None, LOGISTIC, "sklearn.naive_bayes.GaussianNB"])
def test_rare_classes_count_alike_when_asked(estimator: str | None) -> None:
    """By class_weight or by weights of rows, whichever the estimator takes: the rare class is found more often."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=2000)})
    label = np.where(rows["x"] + rng.normal(size=2000) > 2.5, "yes", "no").astype(object)
    common = {
        "frame": rows,
        "label": label,
        "times": pd.date_range("2024-01-01", periods=2000, freq="min", tz="UTC"),
        "features": (Column("x", "numeric"),),
    }
    found = [
        (
            model(fit({"estimator": estimator, "balance": balance}, "binary", **common), "binary")
            .predict(rows)
            .predicted
            == "yes"
        ).mean()
        for balance in (False, True)
    ]
    assert found[1] > 2 * found[0]


def test_a_search_keeps_what_loses_least_and_tells_of_all() -> None:
    found = fit({"estimator": RIDGE, "search": {"alpha": [1e6, 1.0, 1e4]}})
    assert found.params["alpha"] == 1.0
    losses = {line["params"]["alpha"]: line["loss"] for line in found.details["search"]}
    assert losses[1.0] < losses[1e4] < losses[1e6]
    assert any("of 3 combinations" in note for note in found.notes)


def test_a_search_tries_no_more_than_it_may() -> None:
    values: dict[str, list[Any]] = {"a": list(range(10)), "b": list(range(10))}
    chosen = combinations(values, 7, 0)
    assert len(chosen) == 7
    assert len({(line["a"], line["b"]) for line in chosen}) == 7
    assert chosen == combinations(values, 7, 0)
    with pytest.raises(TrainingError, match="1,000,000 combinations"):
        combinations({name: list(range(100)) for name in "abc"}, 7, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ensemble", "task"),
    [
        ({"kind": "bagging", "count": 3}, "regression"),
        ({"kind": "boosting", "count": 5}, "regression"),
        ({"kind": "boosting", "count": 5}, "binary"),
        ({"kind": "voting", "members": [RIDGE, {"estimator": "sklearn.tree.DecisionTreeRegressor"}]}, "regression"),
        ({"kind": "voting", "members": [LOGISTIC, "sklearn.svm.LinearSVC"]}, "multiclass"),
        ({"kind": "stacking", "members": [LOGISTIC, "sklearn.naive_bayes.GaussianNB"]}, "multiclass"),
    ],
)
def test_ensembles_learn_are_stored_and_answer_the_same(ensemble: dict[str, Any], task: str, tmp_path: Any) -> None:
    found = fit({"ensemble": ensemble}, task)
    request = train_request(task)
    answers = model(found, task).predict(request.frame).predicted
    sha256 = registry.save(found.estimator, tmp_path / "m.skops")
    loaded = FittedModel(registry.load(tmp_path / "m.skops", sha256), found.features, task)  # type: ignore[arg-type]
    np.testing.assert_array_equal(answers, loaded.predict(request.frame).predicted)
    wrong = np.abs(answers - request.label).mean() / 12 if task == "regression" else (answers != request.label).mean()
    assert wrong < 0.35


def test_a_pipeline_of_ones_own(tmp_path: Any) -> None:
    (tmp_path / "houses").mkdir()
    (tmp_path / "houses" / "models.py").write_text(
        "from sklearn.compose import make_column_transformer\n"
        "from sklearn.linear_model import Ridge\n"
        "from sklearn.pipeline import make_pipeline\n"
        "def make_model():\n"
        "    return make_pipeline(make_column_transformer(('passthrough', ['size'])), Ridge())\n"
        "def broken():\n"
        "    raise OSError('no such thing')\n"
    )
    found = fit({"estimator": "houses.models:make_model", "params": {"ridge__alpha": 2.0}}, folder=tmp_path)
    assert found.params["ridge__alpha"] == 2.0
    assert model(found).predict(ATLANTIS).predicted[0] == pytest.approx(63, abs=3)
    for name, words in {"other": "no function 'other'", "broken": "raised OSError: no such thing"}.items():
        with pytest.raises(TrainingError, match=words):
            fit({"estimator": f"houses.models:{name}"}, folder=tmp_path)


def test_a_column_of_nothing_is_left_out() -> None:
    request = train_request()
    found = fit({}, frame=request.frame.assign(size=None))
    assert "size" not in [column.name for column in found.features]
    assert any("'size' has no value" in note for note in found.notes)


# --------------------------------------------------------------------------------------------------- baselines


def compared(early: TrainRequest, late: TrainRequest, found: Predictions) -> dict[str, Any]:
    return baselines.compare(late, found, baselines.answers(early, late))


def test_a_model_that_beats_every_baseline_and_one_that_does_not() -> None:
    request = train_request()
    early, late = request.part(np.arange(1000)), request.part(np.arange(1000, 1400))
    good = model(TRAINER.fit(early)).predict(late.frame)
    told = compared(early, late, Predictions(late.label.copy()))
    assert told["beats_all"]
    assert told["model"] == 0
    poor = compared(early, late, Predictions(np.zeros(400)))
    assert not poor["beats_all"]
    assert "does not beat always" in poor["sentence"]
    table = {line["name"]: line["loss"] for line in compared(early, late, good)["baselines"]}
    assert table["a linear model"] < 3 < min(loss for name, loss in table.items() if name != "a linear model")


def test_baselines_of_classes_are_compared_in_what_the_model_gives() -> None:
    request = train_request("binary")
    early, late = request.part(np.arange(1000)), request.part(np.arange(1000, 1400))
    classes = compared(early, late, Predictions(late.label.copy()))
    assert classes["loss"] == "share of wrong classes"
    fitted = TRAINER.fit(early)
    scores = compared(early, late, FittedModel(fitted.estimator, fitted.features, "binary").predict(late.frame))
    assert scores["loss"] == "log loss"
