"""What Evidently's data drift preset decides on its defaults.

A column's kind comes from the current rows: floats are numerical; integers are, with more than ten values; text whose values mostly
occur once is text; the rest is categorical. The test comes from the reference: up to 1000 rows a p-value at 0.05 (two-sample K-S;
with at most five values in both sides, and for categories, chi-square; with two, a z-test of shares), above it a distance at 0.1
(Wasserstein in standard deviations of the reference; Jensen-Shannon with the natural logarithm for categories and few values). Missing
and infinite values are dropped. The size of the current side plays no part in the choice. The whole drifted when half of the columns did.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from monitors.presets._text import text_drift
from monitors.presets._types import Preset, PresetColumn, PresetComparison, Request, each, judged, unjudged
from monitors.presets._values import WORDS, Numbers, family, missing_share, numbers, read, side_by_side, tally

SMALL = 1000  # rows of reference up to which a test's p-value decides
LEVEL, DISTANCE, SHARE = 0.05, 0.1, 0.5
FEW_INTEGERS, FEW_VALUES = 10, 5

Found = tuple[str, str, float, float, str, bool]  # check, method, value, threshold, unit, drifted


def judge(preset: Preset, asked: Request, notes: tuple[str, ...]) -> PresetComparison:
    """Judge every column."""
    columns = each(asked, lambda name: _column(asked, name))
    drifted, of = sum(column.drift for column in columns), sum(column.error is None for column in columns)
    return PresetComparison(
        asked.reference.rows,
        asked.current.rows,
        columns,
        LEVEL,
        notes,
        preset=preset.name,
        version=preset.version,
        whole=bool(of) and drifted / of >= SHARE,
    )


def _column(asked: Request, name: str) -> PresetColumn:
    reference, current = read(asked.reference, name), read(asked.current, name)
    if reference is None or current is None:
        held = "the reference" if current is None else "the current data"
        return unjudged(name, "numeric", f"only {held} has this column; Evidently stops at it")
    left, right = family(reference.type), family(current.type)
    kind = {"truth": "boolean", "time": "datetime", "text": "categorical"}.get(right, "numeric")
    for side, values in (("the reference", reference), ("the current data", current)):
        if values.null_count == len(values):
            return unjudged(name, kind, f"{side} has no value in this column; Evidently stops at it")
    if "time" in (left, right):
        return unjudged(name, "datetime", "Evidently leaves out dates and times")
    if "list" in (left, right):
        return unjudged(name, "embedding", "Evidently leaves out lists")
    if right == "truth" and current.null_count:
        return unjudged(name, kind, "Evidently leaves out truth values when some are missing")
    if (left == "text") != (right == "text"):
        return unjudged(
            name, kind, f"the reference holds {WORDS[left]}, the current data {WORDS[right]}; Evidently stops at it"
        )
    check, method, value, threshold, unit, drift = _found(reference, current)
    return PresetColumn(
        name,
        "text" if check == "text_classifier" else kind,
        drift,
        p_value=value if unit == "p_value" else float("nan"),
        checks=judged(check, value, threshold, unit),
        missing_reference=missing_share(reference),
        missing_current=missing_share(current),
        method=method,
    )


def _found(reference: pa.ChunkedArray, current: pa.ChunkedArray) -> Found:
    if family(current.type) == "text":
        held = tally(current)
        if len(held) > 0.5 * sum(held.values()):
            return text_drift(reference.drop_null(), current.drop_null(), small=_small(reference))
        return _categories(tally(reference), held)
    left, right = (x[np.isfinite(x)] for x in (numbers(reference), numbers(current)))
    if not (len(left) and len(right)):
        raise ValueError("one side has no finite value; Evidently stops at it")
    values = len(np.unique(np.concatenate([left, right])))
    if values <= FEW_VALUES or _is_categorical(current):
        return _categories(tally(pa.chunked_array([left])), tally(pa.chunked_array([right])))
    return _kolmogorov_smirnov(left, right) if len(left) <= SMALL else _wasserstein(left, right)


def _small(reference: pa.ChunkedArray) -> bool:
    return bool(len(reference) - reference.null_count <= SMALL)


def _is_categorical(current: pa.ChunkedArray) -> bool:
    """Integers with few values, and truth values. Integers of which some are missing are floats to pandas."""
    whole = pa.types.is_boolean(current.type) or pa.types.is_integer(current.type)
    return bool(whole and not current.null_count and len(tally(current)) <= FEW_INTEGERS)


def _categories(left: dict[object, int], right: dict[object, int]) -> Found:
    reference, current = side_by_side(left, right)
    if reference.sum() > SMALL:
        from scipy.spatial.distance import jensenshannon

        value = float(jensenshannon(reference / reference.sum(), current / current.sum()))
        return "jensen_shannon", "Jensen-Shannon distance", value, DISTANCE, "distance", value >= DISTANCE
    if len(reference) > 2:
        return _chi_square(reference, current)
    return _z(reference, current)


def _chi_square(reference: Numbers, current: Numbers) -> Found:
    """Goodness of fit against the reference's shares, which are taken as exact."""
    from scipy.stats import chisquare

    with np.errstate(divide="ignore", invalid="ignore"):
        p = float(chisquare(current, reference * (current.sum() / reference.sum()))[1])
    return "chi_square", "chi-square p_value", p, LEVEL, "p_value", p < LEVEL


def _z(reference: Numbers, current: Numbers) -> Found:
    from scipy.special import ndtr

    p = 1.0
    if len(reference) > 1:
        n, m = reference.sum(), current.sum()
        pooled = (reference[1] + current[1]) / (n + m)
        z = (reference[1] / n - current[1] / m) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        p = float(2 * (1 - ndtr(abs(z))))
    return "z", "Z-test p_value", p, LEVEL, "p_value", p < LEVEL


def _kolmogorov_smirnov(reference: Numbers, current: Numbers) -> Found:
    from scipy.stats import ks_2samp

    p = float(ks_2samp(reference, current)[1])
    return "kolmogorov_smirnov", "K-S p_value", p, LEVEL, "p_value", p <= LEVEL


def _wasserstein(reference: Numbers, current: Numbers) -> Found:
    from scipy.stats import wasserstein_distance

    value = float(wasserstein_distance(reference, current)) / max(float(np.std(reference)), 0.001)
    method, unit = "Wasserstein distance (normed)", "standard deviations"
    return "wasserstein", method, value, DISTANCE, unit, value >= DISTANCE


PRESET = Preset(
    name="evidently",
    title="Evidently",
    version="0.7.23",
    definition="p-values at 0.05 up to 1000 rows of reference, distances at 0.1 above; drift of the whole at half of the columns",
    citation="Evidently 0.7.23, DataDriftPreset (docs.evidentlyai.com/metrics/customize_data_drift)",
    chunked=False,
    judge=judge,
)
