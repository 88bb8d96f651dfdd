"""Answering with registered versions: datapoints are checked, artefacts are loaded once."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_data.schema import Column
from retraining import registry
from retraining.artefacts import Trust
from retraining.features import as_text
from retraining.fitted import FittedModel, ModelCard
from retraining.types import Predictions

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one datapoint: its position, the field, and why in words."""

    row: int
    field: str
    error: str


@dataclass(frozen=True, slots=True, eq=False)
class Datapoints:
    """Datapoints as a frame with one column per input, and what was wrong with those that are not in it.

    ``positions`` are the places in the request of the frame's rows.
    """

    frame: pd.DataFrame
    positions: tuple[int, ...]
    errors: tuple[RowError, ...]


class Predictor:
    """Keeps the artefacts used last, by their hash; safe to call from several threads."""

    def __init__(self, keep: int = 8, trust: Callable[[], Trust] = Trust) -> None:
        """``trust`` says what the operator has turned on, whenever an artefact is opened."""
        self._keep, self.trust = keep, trust
        self._loaded: OrderedDict[str, FittedModel] = OrderedDict()
        self._lock = Lock()

    def predict(self, card: ModelCard, frame: pd.DataFrame) -> Predictions:
        """Predict the rows of ``frame`` with the version that ``card`` describes.

        Raises :class:`retraining.registry.ArtefactError` when the artefact cannot be trusted, :class:`KeyError` for a column
        that is not there.
        """
        return self.model(card).predict(frame)

    def model(self, card: ModelCard) -> FittedModel:
        """Return the model of ``card``, loading it when it is not held yet; same errors as :meth:`predict`."""
        with self._lock:
            if card.sha256 not in self._loaded:
                estimator = registry.load(Path(card.path), card.sha256, self.trust())
                self._loaded[card.sha256] = FittedModel(estimator, card.features, card.task)
            self._loaded.move_to_end(card.sha256)
            while len(self._loaded) > self._keep:
                self._loaded.popitem(last=False)
            return self._loaded[card.sha256]


def read_datapoints(
    columns: Sequence[Column], datapoints: Sequence[Mapping[str, Any]], *, timezone: str = "UTC"
) -> Datapoints:
    """Check datapoints against a model's inputs and set them out as a frame, one column per input.

    What a datapoint leaves out is missing; datetimes without an offset are in ``timezone``. A field that is not an input, or a value that is not of its type, makes the
    row an error and keeps it out of the frame; the others stand.
    """
    known = {column.name: column for column in columns}
    rows: list[dict[str, Any]] = []
    positions: list[int] = []
    errors: list[RowError] = []
    for position, datapoint in enumerate(datapoints):
        row: dict[str, Any] = dict.fromkeys(known)
        wrong = _read_row(known, datapoint, row, timezone)
        errors += [RowError(position, name, error) for name, error in wrong]
        if not wrong:
            rows.append(row)
            positions.append(position)
    import pandas as pd

    frame = pd.DataFrame({name: _series([row[name] for row in rows], known[name]) for name in known})
    return Datapoints(frame, tuple(positions), tuple(errors))


def _read_row(
    known: Mapping[str, Column], datapoint: object, row: dict[str, Any], timezone: str
) -> list[tuple[str, str]]:
    if not isinstance(datapoint, Mapping):
        return [("", f"a datapoint is an object of feature names and values, not {_shown(datapoint)}")]
    wrong: list[tuple[str, str]] = []
    for name, value in datapoint.items():
        if name not in known:
            wrong.append((str(name), f"unknown feature {name!r}; the model has {', '.join(map(repr, known))}"))
            continue
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        try:
            row[name] = _READERS.get(known[name].type, _text)(value, timezone)
        except (ValueError, TypeError, OverflowError):
            wrong.append((name, f"{name!r} is {known[name].type}; {_shown(value)} is not"))
    return wrong


def _number(value: object, _timezone: str) -> float:
    if isinstance(value, bool | str) and not isinstance(value, np.generic):
        raise TypeError
    return float(value)  # type: ignore[arg-type]


def _boolean(value: object, _timezone: str) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    raise TypeError


def _moment(value: object, timezone: str) -> pd.Timestamp:
    if not isinstance(value, str | datetime):
        raise TypeError
    import pandas as pd

    moment = pd.Timestamp(value)
    return (moment if moment.tzinfo else moment.tz_localize(timezone)).tz_convert("UTC")


def _text(value: object, _timezone: str) -> str:
    if isinstance(value, Mapping | list | tuple | set):
        raise TypeError
    return as_text(value)


_READERS: dict[str, Callable[[Any, str], Any]] = {"numeric": _number, "boolean": _boolean, "datetime": _moment}


def _series(values: list[Any], column: Column) -> pd.Series[Any]:
    import pandas as pd

    if column.type == "numeric":
        return pd.Series(values, dtype="float64")
    if column.type == "datetime":
        return pd.Series(pd.to_datetime(values, utc=True))
    return pd.Series(values, dtype=object)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
