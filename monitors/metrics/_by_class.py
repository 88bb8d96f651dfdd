"""Areas under curves, one class against the rest, averaged over classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.metrics._intervals import Interval
from monitors.metrics._scores import Split, area_interval, class_splits, smaller_group
from reference_data.profile import Profile

Average = Literal["macro", "weighted"]
OfSplit = Callable[[Split], Values]


def over_classes(outcomes: Profile, area: OfSplit, average: Average) -> Values:
    """Average an area over the classes that occur (and do not fill a window); raises :class:`KeyError` without scores by class."""
    splits = class_splits(outcomes).values()
    areas = np.stack([area(split) for split in splits], axis=-1)
    weights = _weights(areas, [split.positives.valid for split in splits], average)
    return ratio((np.nan_to_num(areas) * weights).sum(axis=-1), weights.sum(axis=-1))


def error_over_classes(outcomes: Profile, area: OfSplit, error: OfSplit, average: Average) -> Values:
    """Return the standard error of :func:`over_classes`, as if the areas of every two of K classes had a correlation of 1 / (K - 1).

    So it is for two classes, whose areas are one and the same. For more it is not kept, for they rest on scores of the same rows; simulated,
    it is below that, so that intervals are rather too wide.
    """
    splits = class_splits(outcomes).values()
    areas = np.stack([area(split) for split in splits], axis=-1)
    errors = np.stack([error(split) for split in splits], axis=-1)
    weights = _weights(areas, [split.positives.valid for split in splits], average)
    own = ((np.nan_to_num(errors) * weights) ** 2).sum(axis=-1)
    shared = (np.nan_to_num(errors) * weights).sum(axis=-1) ** 2 - own
    between = 1 / max(len(splits) - 1, 1)
    return ratio(np.sqrt(own + between * shared), weights.sum(axis=-1))


def interval_over_classes(outcomes: Profile, area: OfSplit, error: OfSplit, average: Average) -> Interval:
    """Return the interval of the average on the scale of log odds."""
    least = np.stack([smaller_group(split) for split in class_splits(outcomes).values()], axis=-1).min(axis=-1)
    value = over_classes(outcomes, area, average)
    return area_interval(value, error_over_classes(outcomes, area, error, average), least)


def _weights(areas: Values, rows: list[np.typing.NDArray[np.int64]], average: Average) -> Values:
    counted = np.ones(areas.shape) if average == "macro" else np.stack(rows, axis=-1).astype(np.float64)
    return np.where(np.isnan(areas), 0.0, counted)
