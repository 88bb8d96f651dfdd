"""Artefacts: whole or not there, opened only when untouched and harmless."""

import hashlib
import os
import pickle
from functools import partial

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler

from retraining import registry

X = np.random.default_rng(0).normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)


class Homemade(BaseEstimator):  # type: ignore[misc]
    """An estimator that is not scikit-learn's own."""


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(n_estimators=3),
        GradientBoostingClassifier(n_estimators=3),
        SGDClassifier(),
        KNeighborsRegressor(),
        make_pipeline(SplineTransformer(), SelectKBest(f_classif, k=2), MLPClassifier(max_iter=2000, tol=0.01)),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_of_scikit_learn_come_back_as_they_were(estimator, tmp_path):
    estimator.fit(X, Y)
    sha256 = registry.save(estimator, tmp_path / "deep" / "model.skops")
    loaded = registry.load(tmp_path / "deep" / "model.skops", sha256)
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.skops"]


@pytest.fixture
def artefact(tmp_path):
    path = tmp_path / "model.skops"
    return path, registry.save(LogisticRegression().fit(X, Y), path)


@pytest.mark.parametrize("place", [0, 100, -1])
def test_one_changed_byte_is_refused(artefact, place):
    path, sha256 = artefact
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(registry.TamperedArtefactError, match="changed since, and was not loaded"):
        registry.load(path, sha256)


def test_another_version_under_the_same_name_is_refused(artefact):
    path, sha256 = artefact
    registry.save(LogisticRegression(C=0.1).fit(X, Y), path)
    with pytest.raises(registry.TamperedArtefactError):
        registry.load(path, sha256)


def test_a_missing_artefact_is_named(tmp_path):
    with pytest.raises(registry.ArtefactError, match=r"gone\.skops cannot be read: No such file"):
        registry.load(tmp_path / "gone.skops", "0" * 64)


def test_a_pickle_is_not_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    path, data = tmp_path / "model.skops", pickle.dumps(Bomb())
    registry.write_atomically(path, data)
    with pytest.raises(registry.ArtefactError, match="is not a skops file"):
        registry.load(path, hashlib.sha256(data).hexdigest())
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (Homemade(), "Homemade"),
        (FunctionTransformer(partial(os.system, "true")), "system"),
        (make_pipeline(FunctionTransformer(np.load), LogisticRegression()), "load"),
    ],
)
def test_what_could_run_code_is_neither_stored_nor_loaded(estimator, named, tmp_path):
    path = tmp_path / "model.skops"
    with pytest.raises(registry.UntrustedArtefactError, match=named):
        registry.save(estimator, path)
    assert not path.exists()
    data = skops.io.dumps(estimator)
    registry.write_atomically(path, data)
    with pytest.raises(registry.UntrustedArtefactError, match=f"{named}.*only types of numpy, SciPy and scikit-learn"):
        registry.load(path, hashlib.sha256(data).hexdigest())


def test_adopting_copies_what_was_hashed(artefact, tmp_path):
    path, sha256 = artefact
    target = tmp_path / "home" / "models" / "v1.skops"
    for _ in range(2):
        registry.adopt(path, target, sha256)
    assert target.read_bytes() == path.read_bytes()
    path.write_bytes(b"other")
    with pytest.raises(registry.TamperedArtefactError):
        registry.adopt(path, target, sha256)
    assert registry.load(target, sha256).predict(X).shape == (80,)
