"""What every trainer in the folder must do, found by scanning: no list to keep."""

import numpy as np
import pandas as pd
import pytest

from reference_data.plugins import discover
from reference_data.schema import TASKS
from retraining import registry
from retraining.fitted import FittedModel
from retraining.types import Trainer
from tests.support.training_rows import train_request

TRAINERS: dict[str, Trainer] = discover("retraining.trainers", "TRAINER")
CASES = [
    pytest.param(trainer, task, id=f"{name}-{task}")
    for name, trainer in TRAINERS.items()
    for task in sorted(trainer.tasks)
]


def fitted(trainer, task, **changes):
    request = train_request(task, **changes)
    result = trainer.fit(request)
    return request, FittedModel(result.estimator, result.features, task)


def test_there_is_a_trainer_for_every_usual_task():
    assert {"regression", "binary", "multiclass"} <= set().union(*(trainer.tasks for trainer in TRAINERS.values()))


@pytest.mark.parametrize("trainer", TRAINERS.values(), ids=TRAINERS)
def test_it_says_what_it_is(trainer):
    assert trainer.summary.strip()
    assert trainer.tasks <= set(TASKS)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_it_learns_the_rule(trainer, task):
    request, model = fitted(trainer, task)
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
def test_probabilities_are_probabilities(trainer, task):
    request, model = fitted(trainer, task)
    found = model.predict(request.frame.head(50))
    if task == "regression":
        assert found.scores is None
    elif found.scores is not None:
        assert found.classes == tuple(sorted(set(request.label)))
        assert found.scores.min() >= 0
        np.testing.assert_allclose(found.scores.sum(axis=1), 1)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_two_runs_agree_to_the_digit(trainer, task):
    request, model = fitted(trainer, task)
    _, again = fitted(trainer, task)
    np.testing.assert_array_equal(model.predict(request.frame).predicted, again.predict(request.frame).predicted)


@pytest.mark.slow
@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_the_artefact_is_stored_and_answers_the_same(trainer, task, tmp_path):
    request, model = fitted(trainer, task)
    sha256 = registry.save(model.estimator, tmp_path / "model.skops")
    loaded = FittedModel(registry.load(tmp_path / "model.skops", sha256), model.features, task)
    np.testing.assert_array_equal(model.predict(request.frame).predicted, loaded.predict(request.frame).predicted)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_missing_and_unseen_values_are_answered(trainer, task):
    request, model = fitted(trainer, task)
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
def test_only_declared_features_are_used(trainer, task):
    request, model = fitted(trainer, task)
    assert {column.name for column in model.features} <= {column.name for column in request.features}
    changed = request.frame.assign(prediction=None, _event_time=None, stranger=1)
    np.testing.assert_array_equal(model.predict(request.frame).predicted, model.predict(changed).predicted)


@pytest.mark.parametrize(("trainer", "task"), CASES)
def test_no_rows_get_no_answers(trainer, task):
    request, model = fitted(trainer, task)
    assert len(model.predict(request.frame.head(0)).predicted) == 0
