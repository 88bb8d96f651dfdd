"""Preparation of features learned in one pass over parts of the rows: counts and moments, which add up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from reference_data.schema import Column
from reference_data.training import Encoding
from retraining.features import prepare
from retraining.preprocessing import MOST_CATEGORIES, Needs
from retraining.types import TrainRequest

#: Categories of a column that are counted; beyond, the rarest are forgotten now and then.
MOST_COUNTED = 50_000
#: Rows' worth of the mean of all that a category's mean label is drawn by.
PRIOR_ROWS = 20.0
_FOLDS = 5  # target encoders want to see a class so often
_ROWS, _MISSING = "\0rows", "\0missing"  # no logged text begins with NUL


@dataclass(slots=True)
class Seen:
    """What a pass has seen: moments of numbers and of the label, rows and label sums by category, labels by class.

    ``sums`` of a column: a frame by category with ``rows`` and one column a target (the label, or a class's share).
    """

    features: tuple[Column, ...]
    regression: bool
    rows: int = 0
    parts: int = 0
    numbers: StandardScaler = field(default_factory=StandardScaler)
    label: StandardScaler = field(default_factory=StandardScaler)
    classes: dict[str, int] = field(default_factory=dict)
    sums: dict[str, pd.DataFrame] = field(default_factory=dict)

    def add(self, part: TrainRequest) -> None:
        """Take in one part."""
        inputs = prepare(part.frame, self.features)
        self.rows, self.parts = self.rows + len(inputs), self.parts + 1
        if numeric := self.numeric:
            self.numbers.partial_fit(inputs[numeric])
        if self.regression:
            self.label.partial_fit(part.label.reshape(-1, 1).astype(np.float64))
        else:
            for name, count in zip(*np.unique(part.label.astype(str), return_counts=True), strict=True):
                self.classes[str(name)] = self.classes.get(str(name), 0) + int(count)
        for name in self.categorical:
            self._count(name, inputs[name], part.label)

    def _count(self, name: str, values: pd.Series[Any], label: NDArray[Any]) -> None:
        keys = values.fillna(_MISSING).to_numpy()
        targets = (
            pd.DataFrame({"label": label.astype(np.float64)})
            if self.regression
            else pd.get_dummies(label.astype(str), dtype=float)
        )
        found = targets.assign(**{_ROWS: 1.0}).groupby(keys).sum()
        total = found if name not in self.sums else self.sums[name].add(found, fill_value=0.0)
        if len(total) > 2 * MOST_COUNTED:
            total = total.nlargest(MOST_COUNTED, _ROWS)
        self.sums[name] = total

    @property
    def numeric(self) -> list[str]:
        """Features that are numbers, in order."""
        return [column.name for column in self.features if column.type != "categorical"]

    @property
    def categorical(self) -> list[str]:
        """Features that are categories, in order."""
        return [column.name for column in self.features if column.type == "categorical"]

    def categories(self, name: str, most: int) -> NDArray[Any]:
        """Return a column's categories, sorted; of more than ``most`` the most frequent. Never none at all."""
        rows = self.sums[name][_ROWS].drop(_MISSING, errors="ignore")
        return np.array(sorted(map(str, rows.nlargest(most).index)) or [_MISSING], dtype=object)

    def weights(self, label: NDArray[Any]) -> NDArray[np.float64]:
        """Return weights of rows with these labels by which classes count alike, as scikit-learn's ``balanced``."""
        each = {name: self.rows / (len(self.classes) * count) for name, count in self.classes.items()}
        return np.array([each[str(name)] for name in label])


def transformer(seen: Seen, encoding: Encoding, needs: Needs) -> ColumnTransformer:
    """Return the fitted preparation: as :func:`retraining.preprocessing.preprocessor`, from what a pass has seen.

    Missing numbers become the mean; missing categories are like unseen ones.
    """
    scale: list[tuple[str, Any]] = [("scale", StandardScaler())]
    blocks: list[tuple[str, Any, list[str]]] = []
    if seen.categorical:
        encoder = _encoder(seen, encoding)
        scaled = needs.scale and encoding != "one_hot"
        blocks.append(("categories", Pipeline([("encode", encoder), *scale]) if scaled else encoder, seen.categorical))
    if seen.numeric:
        impute = ("impute", SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True))
        numbers: Any = Pipeline([*scale, impute]) if needs.scale or needs.impute else "passthrough"
        blocks.append(("numbers", numbers, seen.numeric))
    return _with_state(ColumnTransformer(blocks, sparse_threshold=0.0), seen, encoding)


def numbered(seen: Seen) -> ColumnTransformer:
    """Return the fitted preparation of histogram boosting: as :func:`retraining.pipelines.numbered`."""
    encoder = OrdinalEncoder(
        categories=[seen.categories(name, MOST_CATEGORIES - 1) for name in seen.categorical],
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
    )
    table = ColumnTransformer(
        [("categories", encoder, seen.categorical)], remainder="passthrough", sparse_threshold=0.0
    )
    return _with_state(table, seen, "ordinal")


def _encoder(seen: Seen, encoding: Encoding) -> Any:
    most = MOST_COUNTED if encoding == "target" else MOST_CATEGORIES
    categories = [seen.categories(name, most) for name in seen.categorical]
    if encoding == "one_hot":
        return OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False)
    if encoding == "ordinal":
        return OrdinalEncoder(
            categories=categories, handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
        )
    kind = "continuous" if seen.regression else "binary" if len(seen.classes) == 2 else "multiclass"
    return TargetEncoder(categories=categories, target_type=kind)


def _with_state(table: ColumnTransformer, seen: Seen, encoding: Encoding) -> ColumnTransformer:
    """Fit ``table`` to a few made-up rows a class, and give its parts what the pass has learned instead."""
    classes: list[Any] = [*sorted(seen.classes), *([0.5, 1.5] if seen.regression else [])] * _FOLDS
    row = {c.name: [_MISSING if c.type == "categorical" else 0.0] * len(classes) for c in seen.features}
    for name in seen.categorical:  # encoders refuse what they do not know while they are fitted
        row[name] = [seen.categories(name, 1)[0]] * len(classes)
    frame = pd.DataFrame(row).astype(dict.fromkeys(seen.categorical, object))
    table.fit(frame, np.array(classes))
    fitted = table.named_transformers_
    if "numbers" in fitted and isinstance(fitted["numbers"], Pipeline) and "scale" in fitted["numbers"].named_steps:
        fitted["numbers"].steps[0] = ("scale", seen.numbers)
    part = fitted.get("categories")
    encoder = part[0] if isinstance(part, Pipeline) else part
    if encoding == "target" and encoder is not None:
        _give_means(encoder, seen)
    if isinstance(part, Pipeline):
        _give_scale(part[1], encoder, seen)
    return table


def _give_scale(scaler: StandardScaler, encoder: Any, seen: Seen) -> None:
    """Give the scaler the moments of what the encoder makes of the rows that the pass has seen."""
    given = getattr(encoder, "encodings_", None) or [np.arange(len(c), dtype=np.float64) for c in encoder.categories_]
    each = len(given) // len(seen.categorical)  # columns a feature: one, or one a class
    scaler.fit(np.zeros((1, len(given))))
    for place, values in enumerate(given):
        name, categories = seen.categorical[place // each], encoder.categories_[place // each]
        rows = seen.sums[name][_ROWS].reindex(categories, fill_value=0.0).to_numpy()
        if rows.sum() > 0:
            mean = np.average(values, weights=rows)
            spread = float(np.sqrt(np.average((values - mean) ** 2, weights=rows)))
            scaler.mean_[place], scaler.scale_[place] = mean, spread or 1.0
            scaler.var_[place] = spread**2


def _give_means(encoder: TargetEncoder, seen: Seen) -> None:
    """Give the encoder each category's mean label: (sum + m · mean of all) / (rows + m), m = ``PRIOR_ROWS`` (Micci-Barreca 2001)."""
    targets = ["label"] if seen.regression else sorted(seen.classes)
    if len(targets) == 2:
        targets = targets[1:]  # of two classes the second is the positive one
    means = {
        name: float(seen.label.mean_[0]) if seen.regression else seen.classes[name] / seen.rows for name in targets
    }
    encoder.target_mean_ = np.array(list(means.values())) if len(targets) > 1 else next(iter(means.values()))
    encoder.encodings_ = []
    for name, categories in zip(seen.categorical, encoder.categories_, strict=True):
        sums = seen.sums[name].reindex(categories, fill_value=0.0)
        for target, mean in means.items():
            drawn = (sums[target] + PRIOR_ROWS * mean) / (sums[_ROWS] + PRIOR_ROWS)
            encoder.encodings_.append(drawn.to_numpy(dtype=np.float64))
