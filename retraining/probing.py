"""Asking a fitted model about rows that nobody has seen: every category it knows, one it does not, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_data.schema import Column

if TYPE_CHECKING:
    import pandas as pd

#: A category that no model has learned.
UNSEEN = "driftdeck: never seen"


def categories_of(estimator: Any, features: Sequence[Column]) -> dict[str, list[str]]:
    """Return the categories that the encoders of a fitted pipeline know, by column; missing ones are left out."""
    names = [column.name for column in features]
    found: dict[str, list[str]] = {}
    for encoder, columns in encoders_of(estimator, names):
        for name, values in zip(columns, encoder.categories_, strict=False):
            found[name] = [str(value) for value in values if isinstance(value, str)]
    return found


def encoders_of(part: Any, columns: list[str]) -> Iterator[tuple[Any, list[str]]]:
    """Give the encoders of a pipeline with the columns they take."""
    if hasattr(part, "transformers_"):
        for _, inner, chosen in part.transformers_:
            if isinstance(inner, str):
                continue
            yield from encoders_of(
                inner, [columns[c] if isinstance(c, int | np.integer) and columns else str(c) for c in chosen]
            )
    elif hasattr(part, "steps"):
        yield from encoders_of(part.steps[0][1], columns)
    elif hasattr(part, "categories_"):
        yield part, columns


def probe_rows(estimator: Any, features: Sequence[Column], count: int = 256, *, missing: bool = True) -> pd.DataFrame:
    """Return ``count`` made-up rows of prepared columns, the same each time: known categories, unseen ones, numbers of all sizes.

    With ``missing``, one value of twenty is missing.
    """
    import pandas as pd

    random = np.random.default_rng(0)
    known = categories_of(estimator, features)
    columns: dict[str, Any] = {}
    for column in features:
        gone = random.random(count) < (0.05 if missing else 0.0)
        if column.type == "categorical":
            values = np.array([*known.get(column.name, []), UNSEEN], dtype=object)[
                random.integers(0, len(known.get(column.name, [])) + 1, count)
            ]
        elif column.type == "boolean":
            values = random.integers(0, 2, count).astype(np.float64)
        else:
            values = random.normal(size=count) * 10.0 ** random.integers(-1, 4, count)
        values[gone] = np.nan
        columns[column.name] = values
    return pd.DataFrame(columns)
