"""What every trainer in the folder must do, found by scanning: no list to keep."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reference_data.plugins import discover
from reference_data.schema import TASKS, Column
from reference_data.training import Retrain
from retraining import registry
from retraining.fitted import FittedModel
from retraining.types import Trainer, TrainRequest
from tests.support.training_rows import train_request

TRAINERS: dict[str, Trainer] = discover("retraining.trainers", "TRAINER")
CASES = [
    pytest.param(trainer, task, id=f"{name}-{task}", marks=pytest.mark.slow if name in {"spark", "command"} else ())
    for name, trainer in TRAINERS.items()
    for task in sorted(trainer.tasks)
]
NUMBERS = [case for case in CASES if str(case.id).endswith("-regression")]
HOSTILE = {
    "city": "'; DROP TABLE x; --",
    "size": 'a.b `c` "d"',
    "open": " x\n\t[<1>] ",
    "since": "größe · 大小",
    "remark": "label2",
}
SCRIPT = """
import json, os, sys
import pandas as pd, skops.io
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

data, out = sys.argv[1:]
rows, asked = pd.read_parquet(data), json.load(open(os.environ["DRIFTDECK_REQUEST"]))
kind = HistGradientBoostingRegressor if asked["task"] == "regression" else HistGradientBoostingClassifier
texts = [name for name, type in asked["features"].items() if type == "categorical"]
encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
columns = make_column_transformer((encode, texts), remainder="passthrough")
model = make_pipeline(columns, kind(random_state=asked["seed"], **asked["params"]))
model.fit(rows[list(asked["features"])], rows["label"])
skops.io.dump(model, os.path.join(out, "model.skops"))
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory) -> Path:
    """A home's folder of training code, with a script that any trainer may be declared with."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "train.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module", autouse=True)
def no_session_stays() -> Iterator[None]:
    yield
    from retraining.trainers import spark

    spark.stop()


def asked(trainer: Trainer, task, code: Path, **changes) -> TrainRequest:
    command = ["python", "train.py"] if trainer.name == "command" else []
    declared = Retrain(trainer=trainer.name, command=command, part_rows=500)
    return train_request(task, training=declared, folder=code, **changes)


@pytest.fixture(scope="module")
def kept() -> dict[str, tuple[TrainRequest, FittedModel]]:
    return {}


@pytest.fixture
def fitted(trainer, task, kept, code, request):
    """The request and what the trainer has made of it, once for all tests."""
    if trainer.name == "spark":
        request.getfixturevalue("java")
    key = f"{trainer.name}-{task}"
    if key not in kept:
        kept[key] = made(trainer, task, code)
    return kept[key]


def made(trainer: Trainer, task, code: Path) -> tuple[TrainRequest, FittedModel]:
    """A request and what the trainer makes of it."""
    request = asked(trainer, task, code)
    result = trainer.fit(request)
    return request, FittedModel(result.estimator, result.features, task)


def test_there_is_a_trainer_for_every_usual_task():
    assert {"regression", "binary", "multiclass"} <= set().union(*(trainer.tasks for trainer in TRAINERS.values()))


@pytest.mark.parametrize("trainer", TRAINERS.values(), ids=TRAINERS)
def test_it_says_what_it_is(trainer):
    assert trainer.summary.strip()
    assert trainer.tasks <= set(TASKS)
    assert 2 <= trainer.folds <= 5


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_it_learns_the_rule(trainer, task, fitted):
    request, model = fitted
    found = model.predict(request.frame)
    if task == "regression":
        assert (
            np.abs(found.predicted - request.label).mean()
            < 0.5 * np.abs(request.label - np.median(request.label)).mean()
        )
    else:
        most = pd.Series(request.label).value_counts(normalize=True).iloc[0]
        assert (found.predicted == request.label).mean() > (1 + most) / 2


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_probabilities_are_probabilities(trainer, task, fitted):
    request, model = fitted
    found = model.predict(request.frame.head(50))
    if task == "regression":
        assert found.scores is None
    elif found.scores is not None:
        assert found.classes == tuple(sorted(set(request.label)))
        assert found.scores.min() >= 0
        np.testing.assert_allclose(found.scores.sum(axis=1), 1)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_a_row_alone_is_answered_as_among_others(trainer, task, fitted):
    request, model = fitted
    together = model.predict(request.frame.head(7)).predicted
    alone = [model.predict(request.frame.iloc[row : row + 1]).predicted[0] for row in range(7)]
    if task == "regression":
        np.testing.assert_allclose(alone, together, rtol=1e-12)
    else:
        assert alone == list(together)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_two_runs_agree_to_the_digit(trainer, task, fitted, code):
    request, model = fitted
    _, again = made(trainer, task, code)
    np.testing.assert_array_equal(model.predict(request.frame).predicted, again.predict(request.frame).predicted)


@pytest.mark.slow
@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_the_artefact_is_stored_and_answers_the_same(trainer, task, fitted, tmp_path):
    request, model = fitted
    sha256 = registry.save(model.estimator, tmp_path / "model.skops")
    loaded = FittedModel(registry.load(tmp_path / "model.skops", sha256), model.features, task)
    np.testing.assert_array_equal(model.predict(request.frame).predicted, loaded.predict(request.frame).predicted)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_missing_and_unseen_values_are_answered(trainer, task, fitted):
    request, model = fitted
    row = {
        "city": ["Atlantis", None],
        "size": [np.nan, np.inf],
        "open": [None, True],
        "since": [None, "2021-01-01"],
        "remark": None,
    }
    found = model.predict(pd.DataFrame(row))
    assert len(found.predicted) == 2
    if task == "regression":
        assert np.isfinite(found.predicted).all()
    else:
        assert set(found.predicted) <= set(request.label)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_only_declared_features_are_used(trainer, task, fitted):
    request, model = fitted
    assert {column.name for column in model.features} <= {column.name for column in request.features}
    changed = request.frame.assign(prediction=None, _event_time=None, stranger=1)
    np.testing.assert_array_equal(model.predict(request.frame).predicted, model.predict(changed).predicted)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_no_rows_get_no_answers(trainer, task, fitted):
    request, model = fitted
    assert len(model.predict(request.frame.head(0)).predicted) == 0


@pytest.mark.parametrize(("trainer", "task"), NUMBERS)
def test_names_rows_with_gaps_and_a_column_of_nothing_are_no_matter(trainer, task, code, request):
    if trainer.name == "spark":
        request.getfixturevalue("java")
    plain = asked(trainer, task, code)
    rows = plain.frame.head(300).copy()
    rows.loc[rows.index[::7], ["city", "size"]] = None
    rows["open"] = None
    result = trainer.fit(
        asked(
            trainer,
            task,
            code,
            frame=rows.rename(columns=HOSTILE),
            label=plain.label[:300],
            times=plain.times[:300],
            features=tuple(Column(HOSTILE[column.name], column.type) for column in plain.features),
        )
    )
    model = FittedModel(result.estimator, result.features, task)
    found = model.predict(rows.rename(columns=HOSTILE)).predicted
    assert np.abs(found - plain.label[:300]).mean() < np.abs(plain.label[:300] - np.median(plain.label[:300])).mean()
