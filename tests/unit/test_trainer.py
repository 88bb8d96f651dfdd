"""The default trainer, honest predictions of training rows, importance, and the choice of a period."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from reference_data.schema import Column
from retraining.features import prepare
from retraining.fitted import FittedModel, positive_class
from retraining.period import default_period, split_by_time
from retraining.preprocessing import MOST_CATEGORIES
from retraining.trainers.sklearn import TRAINER
from retraining.types import Predictions, TrainingError
from retraining.validation import importance, out_of_fold, row_loss, time_blocks
from tests.support.training_rows import train_request

NEW_YORK = "America/New_York"
WEEK = timedelta(days=7)


def test_text_is_left_out_and_said_so():
    result = TRAINER.fit(train_request())
    assert [column.name for column in result.features] == ["city", "size", "open", "since"]
    assert any("'remark' is text" in note for note in result.notes)


def test_an_unknown_parameter_names_those_there_are():
    with pytest.raises(TrainingError, match=r"'depth' cannot be set.*max_depth, max_features, max_iter"):
        TRAINER.fit(train_request(params={"depth": 3}))


def test_what_makes_a_job_repeatable_cannot_be_set():
    with pytest.raises(TrainingError, match="'random_state' cannot be set"):
        TRAINER.fit(train_request(params={"random_state": 3}))


def test_a_parameter_out_of_range_is_named():
    with pytest.raises(TrainingError, match=r"retrain.params: .*learning_rate.*"):
        TRAINER.fit(train_request(params={"learning_rate": "fast"}))


def test_one_class_is_refused():
    request = train_request("binary")
    with pytest.raises(TrainingError, match="every one of the 1400 labels is 'no'"):
        TRAINER.fit(train_request("binary", label=np.full(len(request.label), "no", dtype=object)))


def test_nothing_to_train_on_is_refused():
    with pytest.raises(TrainingError, match="no feature to train on"):
        TRAINER.fit(train_request(features=(Column("remark", "text"),)))


def test_a_thousand_categories_are_told_apart_as_far_as_a_tree_can():
    rng = np.random.default_rng(1)
    number = np.minimum(rng.geometric(0.01, 5000), 999)
    request = train_request(
        frame=pd.DataFrame({"zip": number.astype(str)}),
        label=np.where(number < 50, 1.0, 5.0),
        times=pd.date_range("2024-01-01", periods=5000, freq="min", tz="UTC"),
        features=(Column("zip", "categorical"),),
    )
    assert len(set(number)) > MOST_CATEGORIES
    result = TRAINER.fit(request)
    found = FittedModel(result.estimator, result.features, "regression").predict(request.frame)
    assert np.abs(found.predicted - request.label).mean() < 0.5
    assert any("'zip' has" in note for note in result.notes)


def test_values_are_read_as_their_types():
    columns = [Column("n", "numeric"), Column("b", "boolean"), Column("d", "datetime"), Column("c", "categorical")]
    rows = pd.DataFrame(
        {
            "n": ["3", "x", None],
            "b": ["true", 0, None],
            "d": ["1970-01-01T00:01:00", "1970-01-01T01:00:00+01:00", None],
            "c": [1, True, None],
        },
        dtype=object,
    )
    found = prepare(rows, columns)
    np.testing.assert_array_equal(found["n"], [3, np.nan, np.nan])
    np.testing.assert_array_equal(found["b"], [1, 0, np.nan])
    np.testing.assert_array_equal(found["d"], [60, 0, np.nan])
    assert found["c"].tolist()[:2] == ["1", "true"]
    assert pd.isna(found["c"][2])


def test_a_missing_column_is_named():
    with pytest.raises(KeyError, match=r"columns \['n'\] are not among the rows' columns \['m'\]"):
        prepare(pd.DataFrame({"m": [1]}), [Column("n", "numeric")])


@pytest.mark.parametrize(
    ("declared", "classes", "expected"),
    [(None, ("no", "yes"), "yes"), ("no", ("no", "yes"), "no"), (None, ("a", "b", "c"), None)],
)
def test_the_positive_class(declared, classes, expected):
    assert positive_class(declared, classes) == expected


def test_a_positive_class_that_never_occurs_is_refused():
    with pytest.raises(ValueError, match="positive class 'maybe' is not among the labels 'no', 'yes'"):
        positive_class("maybe", ("no", "yes"))


# ------------------------------------------------------------------------------------------------ out of fold


@given(n=st.integers(5, 400), folds=st.integers(2, 5), spread=st.integers(1, 3000))
def test_stretches_are_contiguous_and_all_there(n, folds, spread):
    times = pd.DatetimeIndex([datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=i * spread) for i in range(n)])
    blocks = time_blocks(times, folds, NEW_YORK)
    assert sorted(set(blocks)) == list(range(folds))
    assert (np.diff(blocks) >= 0).all()


def test_a_day_is_never_split_between_stretches():
    times = pd.date_range("2024-03-01", periods=24 * 40, freq="h", tz=NEW_YORK)
    by_day = pd.Series(time_blocks(times.tz_convert("UTC"), 5, NEW_YORK)).groupby(times.date).nunique()
    assert by_day.max() == 1


def test_too_few_rows_for_the_stretches():
    with pytest.raises(TrainingError, match="3 labelled rows cannot be split into 5"):
        time_blocks(pd.date_range("2024-01-01", periods=3, tz="UTC"), 5, "UTC")


@pytest.mark.slow
def test_out_of_fold_predictions_are_honest():
    """Labels that are noise by day cannot be predicted out of fold, though in sample each day is learned by heart."""
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(30), 50)
    request = train_request(
        frame=pd.DataFrame({"day": day.astype(float)}),
        label=rng.normal(size=30)[day],
        times=pd.DatetimeIndex([datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=int(d)) for d in day]),
        features=(Column("day", "numeric"),),
        params={"max_iter": 100},
    )
    result = TRAINER.fit(request)
    in_sample = FittedModel(result.estimator, result.features, "regression").predict(request.frame)
    folds = out_of_fold(request, TRAINER.fit)
    assert row_loss(request.label, in_sample).mean() < 0.1
    assert row_loss(request.label, folds.predictions).mean() > 0.5


def test_each_fold_is_predicted_by_a_model_that_has_not_seen_it():
    request = train_request()
    seen: list[set[str]] = []

    def fit(part):
        seen.append(set(part.frame["_id"]))
        return TRAINER.fit(part)

    folds = out_of_fold(request, fit, 4)
    for number, ids in enumerate(seen):
        assert not ids & set(request.frame["_id"][folds.fold == number])
    held = np.flatnonzero(folds.fold == 3)
    np.testing.assert_array_equal(
        folds.last.predict(request.frame.iloc[held]).predicted, folds.predictions.predicted[held]
    )


@pytest.mark.slow
def test_a_class_that_a_fold_lacks_has_probability_zero_there():
    request = train_request("multiclass")
    label = np.where(np.arange(1400) < 1120, request.label, "new")  # the last fifth of the rows
    folds = out_of_fold(train_request("multiclass", label=label.astype(object)), TRAINER.fit)
    assert folds.predictions.classes == ("high", "low", "middle", "new")
    assert folds.predictions.scores is not None
    np.testing.assert_allclose(folds.predictions.scores.sum(axis=1), 1)
    first = folds.fold == folds.fold[1399]
    assert folds.predictions.scores[first, 3].max() < 0.5


def test_row_loss_is_log_loss():
    rng = np.random.default_rng(2)
    scores = rng.dirichlet([1, 1, 1], 200)
    label = rng.choice(["a", "b", "c"], 200).astype(object)
    found = Predictions(np.array(["a"] * 200, dtype=object), scores, ("a", "b", "c"))
    assert row_loss(label, found).mean() == pytest.approx(log_loss(label.astype(str), scores, labels=["a", "b", "c"]))


def test_row_loss_without_scores_counts_mistakes():
    found = Predictions(np.array(["a", "b"], dtype=object))
    assert row_loss(np.array(["a", "a"], dtype=object), found).tolist() == [0, 1]


def test_importance_finds_what_matters():
    request = train_request()
    result = TRAINER.fit(request.part(np.arange(1000)))
    model = FittedModel(result.estimator, result.features, "regression")
    shares = importance(model, request.part(np.arange(1000, 1400)))
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares) == ["city", "size", "open", "since", "remark"]
    assert shares["size"] > shares["city"] > 10 * max(shares["open"], shares["since"])
    assert shares["remark"] == 0


@pytest.mark.slow
def test_importance_of_nothing_is_shared_alike():
    request = train_request(label=np.ones(1400))
    result = TRAINER.fit(request)
    shares = importance(FittedModel(result.estimator, result.features, "regression"), request)
    assert set(shares.values()) == {0.2}


# ----------------------------------------------------------------------------------------------------- period


def eastern(month, day, hour=0):
    return datetime(2013, month, day, hour + 4, tzinfo=UTC)


def test_the_flights_alert_trains_on_what_came_since():
    period = default_period(eastern(4, 30), eastern(1, 1), eastern(6, 3, 19), WEEK, NEW_YORK)
    assert (period.window.start, period.window.end) == (eastern(4, 30), eastern(6, 4))
    assert "alert" in period.reason
    assert "30 April 2013" in period.reason


def test_a_young_alert_is_not_enough():
    period = default_period(eastern(5, 28), eastern(1, 1), eastern(6, 3, 19), WEEK, NEW_YORK)
    assert period.window.start == eastern(4, 9)  # eight weeks
    assert "too recent" in period.reason


def test_without_an_alert_the_most_recent_rows_or_all():
    recent = default_period(None, eastern(1, 1), eastern(6, 3), WEEK, NEW_YORK)
    assert recent.window.start == eastern(4, 9)
    everything = default_period(None, eastern(5, 20), eastern(6, 3), WEEK, NEW_YORK)
    assert everything.window.start == eastern(5, 20)
    assert everything.reason.startswith("all labelled rows")


def test_a_holdout_must_last():
    with pytest.raises(ValueError, match="is not a length of time"):
        default_period(None, eastern(5, 1), eastern(6, 3), timedelta(0))


def test_the_holdout_is_the_latest_week_by_the_local_calendar():
    times = pd.date_range("2013-04-30", "2013-06-03 23:00", freq="h", tz=NEW_YORK).tz_convert("UTC")
    split = split_by_time(times, eastern(6, 4), WEEK, NEW_YORK)
    assert times[split.held[0]] == eastern(5, 28)
    assert len(split.train) + len(split.held) == len(times)


def test_a_late_end_does_not_empty_the_holdout():
    times = pd.date_range("2013-04-30", "2013-06-03 23:00", freq="h", tz=NEW_YORK).tz_convert("UTC")
    split = split_by_time(times, datetime(2020, 1, 1, tzinfo=UTC), WEEK, NEW_YORK)
    assert times[split.held[0]] == eastern(5, 28)


def test_a_day_of_25_hours_does_not_shift_the_holdout():
    times = pd.date_range("2013-10-01", "2013-11-05 23:00", freq="h", tz=NEW_YORK).tz_convert("UTC")
    split = split_by_time(times, datetime(2020, 1, 1, tzinfo=UTC), WEEK, NEW_YORK)
    assert times[split.held[0]].tz_convert(NEW_YORK) == pd.Timestamp("2013-10-30", tz=NEW_YORK)


def test_a_short_period_keeps_a_fifth_of_its_rows():
    times = pd.date_range("2013-05-01", periods=10 * 24, freq="h", tz="UTC")
    split = split_by_time(times, datetime(2020, 1, 1, tzinfo=UTC), WEEK, "UTC")
    assert (len(split.train), len(split.held)) == (192, 48)
    assert "20 %" in split.reason


def test_without_holdout_all_rows_train():
    times = pd.date_range("2013-05-01", periods=100, freq="h", tz="UTC")
    split = split_by_time(times, datetime(2020, 1, 1, tzinfo=UTC), None, "UTC")
    assert (len(split.train), len(split.held)) == (100, 0)


@pytest.mark.parametrize("rows", [1, 20, 32])
def test_too_few_rows_say_how_many_are_needed(rows):
    times = pd.date_range("2013-05-01", periods=rows, freq="h", tz="UTC")
    with pytest.raises(TrainingError, match="at least 30 and 10 are needed"):
        split_by_time(times, datetime(2020, 1, 1, tzinfo=UTC), WEEK, "UTC")
