"""Spark ML on the declaration that scikit-learn is trained by, for rows beyond one machine; what it makes answers without Spark."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from reference_data.training import SparkPlan
from retraining import spark_models
from retraining.ageing import Ageing
from retraining.features import prepare
from retraining.parts import Parts, in_memory
from retraining.preprocessing import Needs, usable_features
from retraining.staging import Place, staged
from retraining.streamed import Seen, transformer
from retraining.types import FitResult, Report, Trainer, TrainingError, TrainRequest

#: Rows that are prepared and written at once; fewer than ``ONE_PARTITION`` stay together, which makes a run repeatable to the digit.
ROWS_AT_ONCE, ONE_PARTITION = 50_000, 200_000
#: Rows that the converted model must answer as Spark's own does, and how closely (scikit-learn's trees compare in 32 bits).
_CHECKED, _CLOSE = 200, 1e-3


@dataclass(frozen=True, slots=True)
class Kind:
    """One of Spark's estimators: its class, our names of its parameters, and how what it fits becomes scikit-learn's."""

    spark: str
    params: dict[str, str]
    convert: Callable[[Any, int, NDArray[Any] | None, Place], Any]
    linear: bool = False


_TREE = {"max_depth": "maxDepth", "min_samples_leaf": "minInstancesPerNode", "max_bins": "maxBins"}
_BOOST = _TREE | {"max_iter": "maxIter", "n_estimators": "maxIter", "learning_rate": "stepSize"}
_FOREST = _TREE | {"n_estimators": "numTrees", "max_iter": "numTrees"}
_LINEAR = {"max_iter": "maxIter", "tol": "tol", "l1_ratio": "elasticNetParam"}

_REGRESSION = {
    "HistGradientBoostingRegressor": Kind("regression.GBTRegressor", _BOOST, spark_models.boosting),
    "GradientBoostingRegressor": Kind("regression.GBTRegressor", _BOOST, spark_models.boosting),
    "RandomForestRegressor": Kind("regression.RandomForestRegressor", _FOREST, spark_models.forest),
    "DecisionTreeRegressor": Kind("regression.DecisionTreeRegressor", _TREE, spark_models.tree),
    "LinearRegression": Kind("regression.LinearRegression", _LINEAR, spark_models.linear, linear=True),
    "Ridge": Kind("regression.LinearRegression", _LINEAR | {"alpha": "regParam"}, spark_models.linear, linear=True),
}
_CLASSES = {
    "RandomForestClassifier": Kind("classification.RandomForestClassifier", _FOREST, spark_models.forest),
    "DecisionTreeClassifier": Kind("classification.DecisionTreeClassifier", _TREE, spark_models.tree),
    "LogisticRegression": Kind(
        "classification.LogisticRegression", _LINEAR | {"C": "regParam"}, spark_models.linear, linear=True
    ),
}
_BINARY = _CLASSES | {
    "HistGradientBoostingClassifier": Kind("classification.GBTClassifier", _BOOST, spark_models.boosting),
    "GradientBoostingClassifier": Kind("classification.GBTClassifier", _BOOST, spark_models.boosting),
}
_KINDS = {"regression": _REGRESSION, "binary": _BINARY, "multiclass": _CLASSES}
_DEFAULT = {
    "regression": "HistGradientBoostingRegressor",
    "binary": "HistGradientBoostingClassifier",
    "multiclass": "RandomForestClassifier",
}


def fit(request: TrainRequest) -> FitResult:
    """Fit rows in memory by Spark; errors as of :func:`fit_parts`."""
    return fit_parts(in_memory(request, ROWS_AT_ONCE), request, lambda _done, _words: None)


def fit_parts(parts: Parts, sample: TrainRequest, report: Report) -> FitResult:
    """Fit all rows of ``parts`` by Spark's counterpart of the declared estimator, on the master of ``retrain.spark``.

    The rows are prepared as for scikit-learn, part by part, and written to ``spark.staging``, which a cluster's workers must see; without
    it to the temporary folder. From there on they are Spark's: the driver gets a model back, and 200 rows to check it by. Raises :class:`TrainingError` for estimators and parameters that Spark has no counterpart of, and without Spark.
    """
    features, notes = usable_features(sample)
    name, kind = _kind(sample)
    seen = Seen(features, sample.task == "regression")
    ageing = Ageing(sample.training.half_life, sample.times.max())
    for part in parts:
        seen.add(part)
        ageing.add(part.times)
    report(0.1, f"{seen.rows:,} rows counted")
    needs = Needs(scale=kind.linear, impute=True, sparse=False, trees=not kind.linear)
    encode = transformer(seen, sample.training.encoding or "one_hot", needs)
    classes = None if seen.regression else np.array(sorted(seen.classes))
    params = _params(name, kind, sample, seen)
    with staged(sample.training.spark.staging) as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Spark's own, about pandas, which is not used with it
        first = _write(place, parts, seen, encode, classes, ageing, balance=sample.training.balance)
        report(0.4, f"Spark fits {kind.spark} to {seen.rows:,} rows")
        spark = session(sample.training.spark)
        frame = _assembled(spark, place, first.shape[1], seen.rows)
        more = {"weightCol": "weight"} if sample.training.balance or ageing.half_life is not None else {}
        fitted = _estimator(kind, params | more, sample.seed).fit(frame)
        model = kind.convert(fitted, first.shape[1], classes, place)
        _refuse_other_answers(model, fitted, frame, first, classes)
    notes.append(
        f"{seen.rows:,} rows, fitted by Spark's {kind.spark.partition('.')[2]} on {sample.training.spark.master}"
    )
    pipeline = Pipeline([("encode", encode), ("model", model)])
    details = {"parts": seen.parts, "rows": seen.rows, "how": f"Spark ML, {kind.spark}"}
    return FitResult(pipeline, features, params, tuple(notes), details)


def session(plan: SparkPlan) -> Any:
    """Return the one session of this process, on the declared master; raises :class:`TrainingError` where Spark cannot be started."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise TrainingError("the trainer 'spark' needs Spark: pip install 'driftdeck[spark]', and Java 17") from error
    builder = SparkSession.builder.master(plan.master).appName("driftdeck").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.sql.shuffle.partitions", "8")
    if plan.master.startswith("local"):
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    for name, value in plan.conf.items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except Exception as error:
        raise TrainingError(f"Spark could not be started on {plan.master!r} (it needs Java 17): {error}") from error
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _kind(sample: TrainRequest) -> tuple[str, Kind]:
    declared, known = sample.training, _KINDS[sample.task]
    if declared.ensemble is not None or declared.search:
        raise TrainingError("the trainer 'spark' does neither ensembles nor searches by declaration; leave them out")
    name = (declared.estimator or _DEFAULT[sample.task]).rpartition(".")[2]
    if name not in known or not (declared.estimator or "sklearn.").startswith("sklearn."):
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise TrainingError(
            f"Spark has no counterpart of {declared.estimator or name!r} for task {sample.task!r}; {hint}there are {', '.join(known)}"
        )
    return name, known[name]


def _params(name: str, kind: Kind, sample: TrainRequest, seen: Seen) -> dict[str, Any]:
    """Spark's parameters from those of scikit-learn.

    Penalties are for the same optimum: scikit-learn's are of sums over rows, Spark's of means, and Spark's linear regression
    divides by the label's standard deviation.
    """
    unknown = sorted(sample.params.keys() - kind.params.keys())
    if unknown:
        raise TrainingError(
            f"retrain.params {', '.join(map(repr, unknown))} cannot be set for {name} by Spark; it takes {', '.join(sorted(kind.params))}"
        )
    found = {kind.params[key]: value for key, value in sample.params.items()}
    if name == "LogisticRegression":
        found["regParam"] = 1.0 / (float(str(sample.params.get("C", 1.0))) * seen.rows)
    if name == "Ridge":
        spread = float(seen.label.scale_[0])
        found["regParam"] = float(str(sample.params.get("alpha", 1.0))) / seen.rows * spread
    return found | ({"standardization": False} if kind.linear else {})


def _estimator(kind: Kind, params: dict[str, Any], seed: int) -> Any:
    import importlib

    module, _, name = kind.spark.partition(".")
    found = getattr(importlib.import_module(f"pyspark.ml.{module}"), name)
    if not kind.linear:
        params = {"seed": seed, **params}
    try:
        return found(featuresCol="features", labelCol="label", **params)
    except Exception as error:  # what Spark says of a value that is not allowed
        raise TrainingError(f"retrain.params: {error}") from error


def _write(
    place: Place,
    parts: Parts,
    seen: Seen,
    encode: ColumnTransformer,
    classes: NDArray[Any] | None,
    ageing: Ageing,
    *,
    balance: bool,
) -> NDArray[np.float64]:
    """Write prepared rows as Parquet files: one column ``x<N>`` an input, ``label``, ``weight``; returns the first rows' inputs."""
    first, number = None, 0
    for part in parts:
        for piece in in_memory(part, ROWS_AT_ONCE):
            inputs = np.asarray(encode.transform(prepare(piece.frame, seen.features)), dtype=np.float64)
            label = (
                piece.label.astype(np.float64) if classes is None else np.searchsorted(classes, piece.label.astype(str))
            )
            weight = seen.weights(piece.label) if balance and classes is not None else np.ones(len(label))
            if (age := ageing.weights(piece.times)) is not None:
                weight = weight * age
            columns = {f"x{k}": inputs[:, k] for k in range(inputs.shape[1])}
            table = pa.table(columns | {"label": np.asarray(label, dtype=np.float64), "weight": weight})
            place.write(f"rows/part-{number:05d}.parquet", table)
            first, number = inputs[:_CHECKED] if first is None else first, number + 1
    assert first is not None
    return first


def _assembled(spark: Any, place: Place, width: int, rows: int) -> Any:
    from pyspark.ml.feature import VectorAssembler

    frame = spark.read.parquet(f"{place.uri}/rows")
    if rows <= ONE_PARTITION:
        frame = frame.coalesce(1)
    inputs = VectorAssembler(inputCols=[f"x{k}" for k in range(width)], outputCol="features")
    return inputs.transform(frame).select("features", "label", "weight")


def _refuse_other_answers(
    model: Any, fitted: Any, frame: Any, first: NDArray[np.float64], classes: NDArray[Any] | None
) -> None:
    """A model that answers otherwise than Spark's own is not handed out; a row that lies on a threshold may."""
    head = frame.limit(len(first)).select("features").collect()
    inputs = np.array([row["features"].toArray() for row in head])
    if classes is None:
        own = np.array([fitted.predict(row["features"]) for row in head])
        far = np.abs(model.predict(inputs) - own) > _CLOSE * (np.abs(own) + float(np.std(own)))
    else:
        own = np.array([fitted.predictProbability(row["features"]).toArray() for row in head])
        far = np.abs(model.predict_proba(inputs) - own).max(axis=1) > _CLOSE
    if far.mean() > 0.02:
        raise TrainingError(
            f"the model that was made of Spark's answers {far.sum()} of {len(far)} rows otherwise; this version of Spark stores "
            "models in another way: use the trainer 'partitioned', and report this"
        )


def stop() -> None:
    """End this process's session, where there is one."""
    with suppress(ImportError):
        from pyspark.sql import SparkSession

        active = SparkSession.getActiveSession()
        if active is not None:
            active.stop()


TRAINER = Trainer(
    name="spark",
    tasks=frozenset({"regression", "binary", "multiclass"}),
    summary="Spark ML, on this machine or on a cluster; what it makes answers without Spark",
    fit=fit,
    folds=2,
    fit_parts=fit_parts,
    weighs=True,
)
