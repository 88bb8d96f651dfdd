"""From logged columns to what an estimator takes: the same for training and for serving, and without state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reference_data.schema import Column
from reference_data.segments import PAIR, segment_columns

if TYPE_CHECKING:
    import pandas as pd  # loaded where there are frames: a workspace that is only looked at starts sooner

#: Column types that an estimator can be given; text and embeddings are left out, and the trainer says so.
USABLE: frozenset[str] = frozenset({"numeric", "categorical", "boolean", "datetime"})
_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}


def prepare(frame: pd.DataFrame, features: Sequence[Column]) -> pd.DataFrame:
    """Return ``features`` of ``frame``, in order, as float64 (numeric, boolean, datetime) or object (categorical).

    Booleans become 0 and 1, datetimes seconds since 1970 (naive ones are taken as UTC), categories text; whatever is
    missing, infinite or not readable as its type becomes NaN. Raises :class:`KeyError` naming a column that is not there.
    """
    import pandas as pd

    lost = [column.name for column in features if column.name not in frame.columns]
    if lost:
        raise KeyError(f"columns {lost} are not among the rows' columns {[str(name) for name in frame.columns]}")
    return pd.DataFrame({column.name: _convert(frame[column.name], column) for column in features}, index=frame.index)


def as_text(value: object) -> str:
    """Return a category or class as the log spells it: booleans as ``true`` and ``false``, the rest by :class:`str`."""
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def texts(values: pd.Series[Any]) -> NDArray[Any]:
    """Return categories as an object array of text, NaN where missing."""
    missing = values.isna().to_numpy()
    plain = values.astype(object).to_numpy(copy=True)
    plain[~missing] = [as_text(value) for value in plain[~missing]]
    plain[missing] = np.nan
    return np.asarray(plain, dtype=object)


def segment_texts(frame: pd.DataFrame, segments: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the values of each declared segment that the frame has the columns of, as :func:`texts`; of a pair ``UA × JFK``."""
    import pandas as pd

    found: dict[str, NDArray[Any]] = {}
    for name in segments:
        try:
            columns = segment_columns(name, frame.columns)
        except ValueError:
            continue
        one, *other = (texts(frame[column]) for column in columns)
        for two in other:
            known = ~(pd.isna(one) | pd.isna(two))
            one[known] = [PAIR.join(pair) for pair in zip(one[known], two[known], strict=True)]
            one[~known] = np.nan
        found[name] = one
    return found


def _convert(values: pd.Series[Any], column: Column) -> NDArray[Any]:
    if column.type == "categorical":
        return texts(values)
    if column.type == "datetime":
        return _epoch(values)
    if column.type == "boolean" and values.dtype != bool:
        return np.array([_TRUTH.get(as_text(value).lower(), np.nan) for value in values], dtype=np.float64)
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    numbers[~np.isfinite(numbers)] = np.nan
    return np.asarray(numbers)


def _epoch(values: pd.Series[Any]) -> NDArray[np.float64]:
    import pandas as pd

    times = pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601")
    seconds = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return np.asarray(seconds.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
