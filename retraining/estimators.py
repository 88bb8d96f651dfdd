"""Estimators by their declared names: classes of scikit-learn, or functions of the operator's own, with parameters checked."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from reference_data.schema import Task
from reference_data.training import CODE_FOLDER
from retraining.types import TrainingError

#: Set here, so that a job can be repeated to the digit, keeps to its threads, and writes no files of its own.
OURS = frozenset({"random_state", "verbose", "warm_start", "n_jobs", "memory", "callbacks"})
#: Parts of scikit-learn that are no estimators for rows: they read files, or take other estimators.
_ELSEWHERE = ("sklearn.datasets", "sklearn.externals", "sklearn.experimental", "sklearn.utils", "sklearn.tests")
_INSTEAD = {"Regressor": "Classifier", "Classifier": "Regressor"}


def make(name: str, params: Mapping[str, Any], task: Task, seed: int, folder: Path | None) -> Any:
    """Return an estimator that is not fitted yet, by its declared name, with its parameters and the seed set.

    ``package.module:function`` is looked for in ``folder``. Raises :class:`TrainingError` with the nearest names there are.
    """
    estimator = _own(name, folder) if ":" in name else _class(name, task)()
    _refuse_other_task(name, estimator, task)
    return configured(estimator, params, seed, name)


def configured(estimator: Any, params: Mapping[str, Any], seed: int, name: str, ours: Iterable[str] = ()) -> Any:
    """Return ``estimator`` with parameters set, and the seed wherever it takes one.

    ``ours``: more parameters that cannot be set. Raises :class:`TrainingError` with the nearest parameter there is.
    """
    known = estimator.get_params()
    allowed = sorted(key for key in known if key.rpartition("__")[2] not in OURS | set(ours) and _settable(known[key]))
    for key in params:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, 1, 0.4)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise TrainingError(
                f"retrain.params {key!r} cannot be set for {name}; {hint}it takes {', '.join(allowed) or 'none'}"
            )
    seeds = {key: seed for key in known if key.rpartition("__")[2] == "random_state"}
    estimator.set_params(**(seeds | {key: _value(value) for key, value in params.items()}))
    return estimator


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _settable(value: Any) -> bool:
    """Whether a declaration could say such a value: other estimators and steps of pipelines it cannot."""
    return value is None or isinstance(value, bool | int | float | str | list | tuple)


def _class(name: str, task: Task) -> type[Any]:
    module, _, attribute = name.rpartition(".")
    if (
        not name.startswith("sklearn.")
        or name.startswith(_ELSEWHERE)
        or any(p.startswith("_") for p in name.split("."))
    ):
        raise TrainingError(
            f"retrain.estimator {name!r} is not allowed: it must be an estimator of scikit-learn, such as "
            f"{_example(task)!r}, or a function of your own, such as 'my_module:make_model'"
        )
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        found = None
    if not (isinstance(found, type) and issubclass(found, BaseEstimator) and found.__module__.startswith("sklearn.")):
        raise TrainingError(f"there is no estimator {name!r} in scikit-learn; {_nearest(attribute, task)}")
    if inspect.isabstract(found) or any(p.default is p.empty for p in _arguments(found)):
        raise TrainingError(
            f"retrain.estimator {name!r} is made of other estimators; declare retrain.ensemble, or write a function "
            "of your own: 'my_module:make_model'"
        )
    return found


def _arguments(found: type[Any]) -> list[inspect.Parameter]:
    kinds = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    return [p for p in inspect.signature(found).parameters.values() if p.kind not in kinds]


def _refuse_other_task(name: str, estimator: Any, task: Task) -> None:
    wanted = RegressorMixin if task == "regression" else ClassifierMixin
    if not hasattr(estimator, "fit") or not hasattr(estimator, "predict"):
        raise TrainingError(f"retrain.estimator {name!r} has no fit and predict: it learns nothing that could answer")
    other = ClassifierMixin if task == "regression" else RegressorMixin
    if isinstance(estimator, other) and not isinstance(estimator, wanted):
        raise TrainingError(
            f"retrain.estimator {name!r} cannot do task {task!r}; {_nearest(_twin(type(estimator).__name__), task)}"
        )


def _twin(attribute: str) -> str:
    return next((attribute.replace(one, two) for one, two in _INSTEAD.items() if one in attribute), attribute)


def _nearest(attribute: str, task: Task) -> str:
    """Name the estimators whose names come nearest, as they are declared."""
    from sklearn.utils import all_estimators

    kind = "regressor" if task == "regression" else "classifier"
    names = {name: _public(found) for name, found in all_estimators(type_filter=kind)}
    near = difflib.get_close_matches(attribute, names, 3, 0.4)
    return f"the nearest are {', '.join(repr(names[name]) for name in near)}" if near else f"one is {_example(task)!r}"


def _public(found: type[Any]) -> str:
    parts = [part for part in found.__module__.split(".") if not part.startswith("_")]
    return ".".join([*parts, found.__name__])


def _example(task: Task) -> str:
    return f"sklearn.ensemble.RandomForest{'Regressor' if task == 'regression' else 'Classifier'}"


# -- the operator's own ------------------------------------------------------------------------------------------------
def _own(name: str, folder: Path | None) -> Any:
    module, _, function = name.partition(":")
    make_model = own_function(module, function, folder)
    try:
        made = make_model()
    except Exception as error:
        raise TrainingError(f"{name} raised {type(error).__name__}: {error}") from error
    if not isinstance(made, BaseEstimator):
        raise TrainingError(f"{name} returned {type(made).__name__}; return an estimator of scikit-learn or a Pipeline")
    return made


def own_function(module: str, function: str, folder: Path | None) -> Callable[[], Any]:
    """Import ``module`` (dotted) from the operator's folder and return its function.

    Raises :class:`TrainingError` naming the folder, the file or the function that is not there.
    """
    if folder is None or not folder.is_dir():
        raise TrainingError(
            f"there is no folder {folder or CODE_FOLDER!r} in the home; put the module {module!r} there"
        )
    path = folder.joinpath(*module.split("."))
    if not path.with_suffix(".py").is_file() and not (path / "__init__.py").is_file():
        raise TrainingError(f"there is no module {module!r} in {folder}: put {path.with_suffix('.py').name} there")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # last, so that nothing of it hides what is installed
    importlib.invalidate_caches()
    try:
        loaded = importlib.import_module(module)
    except Exception as error:
        raise TrainingError(f"module {module!r} cannot be loaded: {type(error).__name__}: {error}") from error
    place = Path(getattr(loaded, "__file__", None) or "")
    if not place.is_relative_to(folder):
        raise TrainingError(f"module {module!r} has the name of something installed; give your module another name")
    found = getattr(loaded, function, None)
    if not callable(found):
        raise TrainingError(f"module {module!r} has no function {function!r}; define `def {function}(): …` in it")
    return found  # type: ignore[no-any-return]
