"""Rows that do not fit into memory: parts of a file, what adds up, and whether all of them help."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reference_data.training import Retrain
from retraining import job_files, job_rows, train_job
from retraining.features import prepare
from retraining.fitted import FittedModel
from retraining.parts import in_memory, of_file
from retraining.preprocessing import Needs, preprocessor
from retraining.streamed import Seen, transformer
from retraining.trainers.partitioned import TRAINER
from retraining.types import TrainingError
from tests.support.training_rows import START, frame, job, spec, train_request


def request(**declared):
    training = Retrain(trainer="partitioned", part_rows=400, **declared)
    return train_request(training=training, params=training.params)


def test_parts_of_a_file_are_the_labelled_rows_once_and_before_the_holdout(tmp_path):
    rows = frame()
    rows.loc[3, "label"] = np.nan
    twice = pd.concat([rows, rows.iloc[[7]].assign(_model_version="v2")]).sort_values(["_event_time", "_id"])
    twice.to_parquet(tmp_path / "rows.parquet", index=False)
    until = START + timedelta(days=14)
    parts = of_file(tmp_path / "rows.parquet", request(), 500, until)
    ids = [identity for part in parts for identity in part.frame.index]
    seen = pd.concat([part.frame for part in parts])
    labels = np.concatenate([part.label for part in parts])
    expected = rows[(rows["_event_time"] < until.replace(tzinfo=None)) & rows["label"].notna()]
    assert len(ids) == len(seen) == len(expected)
    np.testing.assert_array_equal(labels, expected["label"])
    assert len(list(parts)) > 0  # a second pass begins anew


@pytest.mark.parametrize("encoding", ["one_hot", "target", "ordinal"])
def test_a_preparation_learned_in_parts_is_that_of_all_rows(encoding):
    asking = request()
    features = tuple(column for column in asking.features if column.type != "text")
    seen = Seen(features, regression=True)
    for part in in_memory(asking, 300):
        seen.add(part)
    needs = Needs(scale=True, impute=True, sparse=False, trees=False)
    inputs = prepare(asking.frame, features)
    found = transformer(seen, encoding, needs).transform(inputs)
    whole = preprocessor(features, encoding, needs, "regression", 0).fit(inputs, asking.label).transform(inputs)
    np.testing.assert_allclose(
        found, whole, atol=0.05 if encoding == "target" else 1e-9
    )  # priors are weighed otherwise


@pytest.mark.parametrize(
    ("estimator", "how"),
    [
        ("sklearn.linear_model.SGDRegressor", "one estimator learned on"),
        ("sklearn.linear_model.Ridge", "their weights averaged"),
        ("sklearn.tree.DecisionTreeRegressor", "their predictions averaged"),
    ],
)
def test_how_parts_become_one_model(estimator, how):
    asking = request(estimator=estimator)
    result = TRAINER.fit(asking)
    assert how in result.details["how"]
    assert result.details["parts"] == 4
    found = FittedModel(result.estimator, result.features, "regression").predict(asking.frame)
    assert np.abs(found.predicted - asking.label).mean() < 2.5


def test_a_class_that_a_part_lacks_is_known_to_the_whole():
    asking = train_request("multiclass", training=Retrain(trainer="partitioned", part_rows=400))
    label = np.where(np.arange(1400) >= 1200, "new", asking.label).astype(object)
    result = TRAINER.fit(train_request("multiclass", training=asking.training, label=label))
    found = FittedModel(result.estimator, result.features, "multiclass").predict(asking.frame)
    assert found.classes == ("high", "low", "middle", "new")


def test_ensembles_are_not_of_parts():
    with pytest.raises(TrainingError, match="makes no ensembles by declaration"):
        TRAINER.fit(request(ensemble={"kind": "bagging"}))


@pytest.mark.slow
def test_a_job_judges_by_a_sample_and_says_whether_all_rows_help(tmp_path, monkeypatch):
    monkeypatch.setattr(train_job, "SAMPLE_ROWS", 700)
    declared = {"trainer": "partitioned", "part_rows": 500, "estimator": "sklearn.linear_model.Ridge"}
    folder = job(tmp_path / "job", frame(2800), spec(retrain=declared))
    assert train_job.run(folder) == 0, (folder / job_files.FAILURE).read_text()
    result = job_files.read_result(folder)
    assert 400 < result["rows"]["train"] < 700
    assert 2000 < result["training"]["rows"] < 2200  # three of the four weeks, all of them
    assert result["training"]["sample"]["rows"] == result["rows"]["train"]
    assert any("chosen by the hash of their ids" in note for note in result["notes"])
    assert any("of 2,800 rows" in note for note in result["notes"])


def test_a_sample_is_chosen_by_ids_not_by_place(tmp_path):
    rows = frame(2000)
    rows.to_parquet(tmp_path / "a.parquet", index=False)
    rows.sample(frac=1, random_state=1).to_parquet(tmp_path / "b.parquet", index=False)
    one, other = (job_rows.read_rows(Path(tmp_path, name), spec(), None, 500) for name in ("a.parquet", "b.parquet"))
    assert list(one.frame["_id"]) == list(other.frame["_id"])
    assert 400 < len(one.frame) < 600
