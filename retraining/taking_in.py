"""Models that were trained elsewhere: reading their files, and asking them about rows before anything relies on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_data.schema import Column, Task
from retraining import registry
from retraining.artefacts import Trust
from retraining.features import USABLE
from retraining.fitted import FittedModel
from retraining.probing import UNSEEN
from retraining.types import Predictions

if TYPE_CHECKING:
    import pandas as pd

#: What an MLflow folder may hold that is taken in, the safest first: flavour and the key that names the file.
_FLAVOURS = (("onnx", "data"), ("sklearn", "pickled_model"))
_ASKED = 50


class TakingInError(Exception):
    """A model cannot be taken in; the message says why, and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A stranger's model: the bytes to be registered, their format, and the estimator in them. ``libraries``: what it was made with."""

    data: bytes
    format: str
    suffix: str
    estimator: Any
    source: str
    libraries: dict[str, str]


def read(path: Path, trust: Trust) -> Taken:
    """Read a model's file or MLflow folder.

    Raises :class:`TakingInError` for what is no such thing, :class:`retraining.artefacts.ArtefactError` for what cannot be opened or
    may not be.
    """
    libraries: dict[str, str] = {}
    file = path
    if path.is_dir():
        file, libraries = _in_folder(path)
    kinds = [kind for kind in registry.formats().values() if kind.take is not None]
    found = next((kind for kind in kinds if file.suffix.lower() in kind.taken), None)
    if found is None or found.take is None or found.load is None:
        allowed = ", ".join(suffix for kind in kinds for suffix in kind.taken)
        raise TakingInError(
            f"{file} is of no format that is taken in; give a file that ends in {allowed}, or an MLflow model folder"
        )
    try:
        held = file.read_bytes()
    except OSError as error:
        raise TakingInError(f"{file} cannot be read: {error.strerror}") from error
    data = found.take(held, file, trust)
    if (
        registry.format_of(data, Path(f"model{found.suffix}")) is not found
    ):  # it would be opened as that, by other rules, from then on
        raise TakingInError(f"{file} is a {found.name} file and one of another format at once; save the model anew")
    return Taken(data, found.name, found.suffix, found.load(data, file, trust), path.name, libraries)


def _in_folder(path: Path) -> tuple[Path, dict[str, str]]:
    """Return the file that an MLflow folder's ``MLmodel`` names, and the libraries it was made with; MLflow itself is not needed."""
    import yaml

    try:
        said = yaml.safe_load((path / "MLmodel").read_text(encoding="utf-8"))
        flavours = dict(said["flavors"])
    except OSError:
        raise TakingInError(
            f"{path} holds no file MLmodel; give the folder that mlflow.….save_model has written"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise TakingInError(f"{path / 'MLmodel'} is not what MLflow writes: {error!r}") from None
    for name, key in _FLAVOURS:
        flavour = flavours.get(name)
        if isinstance(flavour, dict) and isinstance(flavour.get(key), str):
            file = (path / flavour[key]).resolve()
            if not file.is_relative_to(path.resolve()):
                raise TakingInError(
                    f"{path / 'MLmodel'} names the file {flavour[key]}, which lies outside of its folder"
                )
            versions = {key: flavour.get(key) for key in ("sklearn_version", "onnx_version")}
            made_with = versions | {"mlflow": said.get("mlflow_version")}
            return file, {key.removesuffix("_version"): str(value) for key, value in made_with.items() if value}
    raise TakingInError(
        f"{path} has the flavours {', '.join(flavours) or 'none'}; taken in are {', '.join(n for n, _ in _FLAVOURS)}"
    )


def fit_columns(estimator: Any, columns: Sequence[Column]) -> tuple[tuple[Column, ...], list[str]]:
    """Return the declared features that a model takes, in its order, and notes; raises :class:`TakingInError` when they do not fit.

    A model that knows no names is given all features in the order in which they are declared.
    """
    usable = {column.name: column for column in columns if column.role == "feature" and column.type in USABLE}
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = getattr(estimator, "columns", None)
        only = (
            names is not None and len(names) == len(usable) == 1
        )  # one input, one feature: whatever the input is called
        names = None if only else names
    width = getattr(estimator, "n_features_in_", None) or getattr(estimator, "width", None)
    if names is not None:
        lost = [str(name) for name in names if str(name) not in usable]
        if lost:
            raise TakingInError(
                f"the model takes the columns {lost}, which are no declared features; declared are {list(usable)}: "
                "declare them, or train the model on the declared names"
            )
        return tuple(usable[str(name)] for name in names), []
    if width is not None and width != len(usable):
        raise TakingInError(
            f"the model takes {width} columns without names, and {len(usable)} features are declared ({list(usable)}); "
            "train it on a frame with the declared names"
        )
    return tuple(usable.values()), [f"it knows no names and is given {list(usable)} in this order"]


def check(model: FittedModel, frame: pd.DataFrame, labels: Sequence[str]) -> tuple[Predictions, list[str]]:
    """Ask a model about real rows, and about what is bound to come: categories nobody has seen, missing values.

    Returns its answers for ``frame`` and notes. ``labels`` are the classes among the labels, if known. Raises
    :class:`TakingInError` for a model that cannot answer, or answers what the task has no use for.
    """
    found = _answers(model, frame, f"{len(frame):,} logged rows")
    _refuse_odd(found, model.task, labels)
    few = frame.iloc[:_ASKED]
    categories = [column.name for column in model.features if column.type == "categorical"]
    if categories:
        unseen = few.assign(**dict.fromkeys(categories, UNSEEN))
        _answers(
            model, unseen, f"a category it has not seen in {categories}", "; have its encoder pass unknown categories"
        )
    notes = []
    for column in model.features:
        try:
            _answers(model, few.assign(**{column.name: np.nan}), "")
        except TakingInError:
            notes.append(column.name)
    return found, [f"it cannot answer rows in which {notes} are missing"] if notes else []


def _answers(model: FittedModel, frame: pd.DataFrame, asked: str, hint: str = "") -> Predictions:
    try:
        return model.predict(frame)
    except Exception as error:  # a stranger's model raises what it likes
        types = {column.name: column.type for column in model.features}
        words = str(error).splitlines()[0][:300] if str(error) else ""
        raise TakingInError(
            f"the model cannot answer {asked}: {type(error).__name__}: {words}{hint}; it was given {types}"
        ) from error


def _refuse_odd(found: Predictions, task: Task, labels: Sequence[str]) -> None:
    if task == "regression":
        odd = int((~np.isfinite(found.predicted)).sum())
        if odd:
            raise TakingInError(
                f"the model answers {odd:,} of {len(found.predicted):,} logged rows with no finite number"
            )
        return
    known = found.classes or tuple(sorted({str(value) for value in found.predicted}))
    if labels and not set(known) & set(labels):
        raise TakingInError(
            f"the model answers {', '.join(map(repr, known[:10]))}, and the labels are {', '.join(map(repr, labels[:10]))}; "
            "train it on the labels as they are logged"
        )
    if task == "binary" and len(found.classes) > 2:
        raise TakingInError(
            f"the model knows {len(found.classes)} classes, and the task is binary; declare it as multiclass"
        )
