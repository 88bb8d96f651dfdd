"""Datapoints are checked with words; artefacts are loaded once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reference_data.schema import Column
from retraining import registry
from retraining.fitted import ModelCard
from retraining.predictor import Predictor, read_datapoints
from retraining.trainers.sklearn import TRAINER
from retraining.types import Predictions
from tests.support.training_rows import train_request

COLUMNS = [
    Column("city", "categorical"),
    Column("size", "numeric"),
    Column("open", "boolean"),
    Column("since", "datetime"),
]


def card(tmp_path, version="v1", task="regression", **changes):
    result = TRAINER.fit(train_request(task, **changes))
    path = tmp_path / f"{version}.skops"
    return ModelCard(version, str(path), registry.save(result.estimator, path), task, result.features, "yes")


def test_datapoints_become_predictions(tmp_path):
    points: list[dict[str, Any]] = [
        {"city": "Rome", "size": 20, "open": True, "since": "2021-05-01"},
        {"city": "Oslo", "size": 20.0},
        {},
        {"city": None, "size": float("nan")},
    ]
    given = read_datapoints([*COLUMNS, Column("remark", "text")], points)
    assert given.errors == ()
    found = Predictor().predict(card(tmp_path), given.frame)
    assert found.predicted[0] - found.predicted[1] == pytest.approx(10, abs=3)
    assert np.isfinite(found.predicted).all()


@pytest.mark.slow
def test_a_binary_model_gives_the_probability_of_the_positive_class(tmp_path):
    given = read_datapoints([*COLUMNS, Column("remark", "text")], [{"size": 30}, {"size": 5}])
    model = card(tmp_path, task="binary")
    found = Predictor().predict(model, given.frame)
    score = found.score_of("yes")
    assert score is not None
    assert score[0] > 0.8 > 0.2 > score[1]
    assert found.predicted.tolist() == ["yes", "no"]


def test_an_unknown_class_is_named():
    found = Predictions(np.array(["a"], dtype=object), np.array([[0.5, 0.5]]), ("a", "b"))
    with pytest.raises(KeyError, match="class 'c' is not known to the model; it has 'a', 'b'"):
        found.score_of("c")


@pytest.mark.parametrize(
    ("point", "field", "words"),
    [
        ({"town": "Rome"}, "town", "unknown feature 'town'; the model has 'city', 'size', 'open', 'since'"),
        ({"size": "large"}, "size", "'size' is numeric; 'large' is not"),
        ({"size": "95"}, "size", "'size' is numeric; '95' is not"),
        ({"size": True}, "size", "'size' is numeric; True is not"),
        ({"size": [1]}, "size", "'size' is numeric; [1] is not"),
        ({"size": 10**400}, "size", "'size' is numeric; 1000"),
        ({"open": "maybe"}, "open", "'open' is boolean; 'maybe' is not"),
        ({"open": 2}, "open", "'open' is boolean; 2 is not"),
        ({"since": "yesterday-ish"}, "since", "'since' is datetime; 'yesterday-ish' is not"),
        ({"since": 5}, "since", "'since' is datetime; 5 is not"),
        ({"city": {"a": 1}}, "city", "'city' is categorical; {'a': 1} is not"),
        ([1, 2], "", "a datapoint is an object of feature names and values, not [1, 2]"),
    ],
)
def test_a_wrong_row_is_refused_in_words_and_the_others_stand(point, field, words):
    given = read_datapoints(COLUMNS, [{"size": 1}, point, {"size": 3}])
    (error,) = given.errors
    assert (error.row, error.field) == (1, field)
    assert error.error.startswith(words)
    assert given.positions == (0, 2)
    assert given.frame["size"].tolist() == [1, 3]


def test_every_wrong_field_is_told():
    given = read_datapoints(COLUMNS, [{"size": "a", "open": "b", "town": 1}])
    assert [error.field for error in given.errors] == ["size", "open", "town"]
    assert given.frame.empty


def test_naive_times_are_local():
    given = read_datapoints(
        COLUMNS, [{"since": "2021-07-01T12:00"}, {"since": datetime(2021, 7, 1, tzinfo=UTC)}], timezone="Europe/Rome"
    )
    assert given.frame["since"].tolist() == [pd.Timestamp("2021-07-01T10:00Z"), pd.Timestamp("2021-07-01T00:00Z")]


def test_no_rows_no_predictions(tmp_path):
    given = read_datapoints([*COLUMNS, Column("remark", "text")], [])
    assert len(Predictor().predict(card(tmp_path), given.frame).predicted) == 0


def test_artefacts_are_loaded_once_and_the_oldest_is_dropped(tmp_path, monkeypatch):
    cards = [card(tmp_path, f"v{number}", params={"max_iter": number}) for number in (1, 2, 3)]
    loads: list[str] = []
    load = registry.load

    def counted(path, sha256, trust):
        loads.append(path.stem)
        return load(path, sha256, trust)

    monkeypatch.setattr(registry, "load", counted)
    predictor, rows = Predictor(keep=2), train_request().frame.head(3)
    for which in (0, 0, 1, 0, 2, 0, 1):
        predictor.predict(cards[which], rows)
    assert loads == ["v1", "v2", "v3", "v2"]


def test_a_tampered_artefact_does_not_answer(tmp_path):
    model = card(tmp_path)
    with Path(model.path).open("ab") as file:
        file.write(b"x")
    with pytest.raises(registry.TamperedArtefactError):
        Predictor().predict(model, train_request().frame.head(3))


def test_a_card_survives_json(tmp_path):
    model = card(tmp_path)
    assert ModelCard.from_dict(model.to_dict()) == model
