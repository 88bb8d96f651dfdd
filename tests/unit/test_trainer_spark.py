"""Spark ML by the declaration that scikit-learn is trained by: what has a counterpart, and the same gate."""

import pytest

from reference_data.training import Retrain
from retraining import job_files, train_job
from retraining.trainers import spark
from retraining.types import TrainingError
from tests.support.training_rows import frame, job, spec, train_request


@pytest.mark.parametrize(
    ("declared", "task", "words"),
    [
        ({"estimator": "sklearn.linear_model.Rigde"}, "regression", "no counterpart of .*did you mean 'Ridge'"),
        ({"estimator": "sklearn.ensemble.HistGradientBoostingClassifier"}, "multiclass", "no counterpart of"),
        ({"estimator": "mine:Ridge"}, "regression", "no counterpart of"),
        (
            {"params": {"l2_regularization": 1.0}},
            "regression",
            "'l2_regularization' cannot be set .* it takes learning_rate",
        ),
        ({"ensemble": {"kind": "bagging"}}, "regression", "neither ensembles nor searches"),
    ],
)
def test_what_spark_has_no_counterpart_of(declared, task, words):
    training = Retrain(trainer="spark", **declared)
    with pytest.raises(TrainingError, match=words):
        spark.TRAINER.fit(train_request(task, training=training, params=training.params))


@pytest.mark.slow
def test_the_same_declaration_gives_the_same_gate(java, tmp_path):
    ridge = {"estimator": "sklearn.linear_model.Ridge", "params": {"alpha": 30.0}, "encoding": "one_hot"}
    found = {}
    for trainer in ("sklearn", "spark"):
        folder = job(tmp_path / trainer, frame(), spec(retrain={"trainer": trainer, **ridge}))
        assert train_job.run(folder) == 0, (folder / job_files.FAILURE).read_text()
        found[trainer] = job_files.read_result(folder)
    spark.stop()
    ours, theirs = (
        {
            line["name"]: (line["verdict"], line["challenger"])
            for line in found[name]["gate"]["rows"]
            if line["unit"] == "EUR"
        }
        for name in ("sklearn", "spark")
    )
    assert len(ours) > 4  # what costs (latency, size) is another matter
    assert theirs == {name: (verdict, pytest.approx(value, rel=0.01)) for name, (verdict, value) in ours.items()}
    assert found["sklearn"]["gate"]["verdict"] == found["spark"]["gate"]["verdict"]
    for name, value in found["sklearn"]["metrics"].items():
        if name.endswith("held out"):  # out of fold, Spark is asked for fewer stretches
            assert found["spark"]["metrics"][name] == pytest.approx(value, rel=0.01), name
