"""What NannyML's univariate drift calculator decides on its defaults.

Rows are cut into chunks: ten of equal size and what is left over, in order of the timestamp if there is one, or calendar periods. The
value of a chunk is the base-2 Jensen-Shannon distance to the *whole* reference: for numbers on the bins of Doane's rule over the
reference, for the rest on the reference's values, and what falls outside is one more cell, empty in the reference. A chunk alerts above the
mean plus three standard deviations of the values of the reference's own chunks. Missing values are dropped. A column drifts here when
any of its chunks alerts; the tool has no verdict on the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.compare_inputs import CompareError
from monitors.presets._types import (
    Chunk,
    Chunking,
    Preset,
    PresetColumn,
    PresetComparison,
    Request,
    each,
    judged,
    unjudged,
)
from monitors.presets._values import WORDS, Numbers, family, missing_share, numbers, read, tally
from storage.column_values import Columns

WIDTH = 3  # standard deviations
Measure = Callable[[pa.ChunkedArray], float]  # the rows of a chunk -> its distance to the reference; NaN without values


@dataclass(frozen=True, slots=True)
class _Cut:
    """The places of the rows of each chunk, and the names of the chunks."""

    keys: list[str]
    places: list[NDArray[np.int64]]


def judge(preset: Preset, asked: Request, notes: tuple[str, ...]) -> PresetComparison:
    """Judge every column in every chunk."""
    before = _cut(asked.reference, "the reference", asked.timestamp, asked.chunking)
    after = _cut(asked.current, "the current data", asked.timestamp, asked.chunking)
    columns = each(asked, lambda name: _column(asked, name, before, after))
    if len(before.keys) < 6:
        notes = (
            *notes,
            f"the reference has {len(before.keys)} chunks; a standard deviation of so few is a poor threshold",
        )
    return PresetComparison(
        asked.reference.rows,
        asked.current.rows,
        columns,
        float("nan"),
        notes,
        preset=preset.name,
        version=preset.version,
    )


def _cut(side: Columns, what: str, timestamp: str | None, chunking: Chunking) -> _Cut:
    order = np.arange(side.rows)
    times = None
    if timestamp is not None:
        times = _times(side, what, timestamp)
        order = np.argsort(times, kind="stable")
    if chunking.period is not None and times is not None:
        return _periods(times, order, chunking.period)
    size = chunking.rows or side.rows // (chunking.count or 10)
    if size == 0:
        raise CompareError(
            f"{what} has {side.rows} rows, too few for {chunking.count} chunks; give chunk, such as '1 row'"
        )
    starts = range(0, side.rows, size)
    places = [order[start : start + size] for start in starts]
    keys = [f"[{start}:{start + len(part) - 1}]" for start, part in zip(starts, places, strict=True)]
    return _Cut(keys, places)


def _times(side: Columns, what: str, timestamp: str) -> NDArray[np.datetime64]:
    values = read(side, timestamp)
    if values is None or family(values.type) != "time":
        found = "is not there" if values is None else f"holds {WORDS[family(values.type)]}"
        raise CompareError(f"timestamp column {timestamp!r} {found} in {what}; name a column of dates or times")
    return np.asarray(pc.cast(values, pa.timestamp("us")).to_numpy(zero_copy_only=False))


def _periods(times: NDArray[np.datetime64], order: NDArray[np.int64], period: str) -> _Cut:
    """Cut by hours, days, weeks from Monday to Sunday, or months; rows without a time are in none."""
    order = order[~np.isnat(times[order])]
    if period == "week":  # the epoch was a Thursday
        days = times[order].astype("datetime64[D]")
        labels = days - (days.astype(np.int64) + 3) % 7
    else:
        labels = times[order].astype(
            {"hour": "datetime64[h]", "day": "datetime64[D]", "month": "datetime64[M]"}[period]
        )
    starts, first = np.unique(labels, return_index=True)
    return _Cut([_key(start, period) for start in starts], np.split(order, first[1:]))


def _key(start: np.datetime64, period: str) -> str:
    if period == "hour":
        return str(start).replace("T", " ") + ":00"
    return f"{start}/{start + 6}" if period == "week" else str(start)


def _column(asked: Request, name: str, before: _Cut, after: _Cut) -> PresetColumn:
    reference, current = read(asked.reference, name), read(asked.current, name)
    if reference is None or current is None:
        held = "the reference" if current is None else "the current data"
        return unjudged(name, "numeric", f"only {held} has this column; NannyML stops at it")
    left, right = family(reference.type), family(current.type)
    kind = {"number": "numeric", "truth": "boolean", "time": "datetime"}.get(left, "categorical")
    if left == "time":
        return unjudged(name, kind, "NannyML leaves out dates and times")
    if "list" in (left, right):
        return unjudged(name, "embedding", "NannyML stops at lists")
    if reference.null_count == len(reference):
        return unjudged(name, kind, "the reference has no value in this column; NannyML stops at it")
    if right not in (left, "null") and {left, right} != {"number", "truth"}:
        return unjudged(
            name, kind, f"the reference holds {WORDS[left]}, the current data {WORDS[right]}; NannyML stops at it"
        )
    if left == "number" and not np.isfinite(numbers(reference)).all():
        return unjudged(name, kind, "the reference has infinite values; NannyML stops at them")
    measure = _on_bins(numbers(reference)) if left == "number" else _on_values(tally(reference))
    normal = np.array([measure(_rows(reference, part)) for part in before.places])
    threshold = float(np.nanmean(normal) + WIDTH * np.nanstd(normal))
    values = [measure(_rows(current, part)) for part in after.places]
    chunks = tuple(
        Chunk(key, len(part), value, value > threshold)
        for key, part, value in zip(after.keys, after.places, values, strict=True)
    )
    alerts = sum(chunk.drift for chunk in chunks)
    return PresetColumn(
        name,
        kind,
        alerts > 0,
        checks=judged(
            "jensen_shannon", float(np.nanmax(values)) if not np.isnan(values).all() else np.nan, threshold, "distance"
        ),
        missing_reference=missing_share(reference),
        missing_current=missing_share(current),
        reasons=(f"{alerts} of {len(chunks)} chunks alert",) if alerts else (),
        method="jensen_shannon",
        chunks=chunks,
    )


def _rows(values: pa.ChunkedArray, places: NDArray[np.int64]) -> pa.ChunkedArray:
    """Return the rows of a chunk; without a timestamp they lie side by side."""
    if len(places) and places[-1] - places[0] == len(places) - 1 and (np.diff(places) == 1).all():
        return values.slice(int(places[0]), len(places))
    return values.take(pa.array(places))


def _on_bins(reference: Numbers) -> Measure:
    with np.errstate(over="ignore"):  # of values beyond 1e154 the rule squares to infinity, there as here
        edges = np.histogram_bin_edges(reference, bins="doane")
    normal = np.histogram(reference, bins=edges)[0] / len(reference)

    def measure(rows: pa.ChunkedArray) -> float:
        found = numbers(rows)
        return _distance(normal, np.histogram(found, bins=edges)[0], len(found))

    return measure


def _on_values(reference: dict[object, int]) -> Measure:
    total = sum(reference.values())
    keys = list(reference)
    normal = np.array([reference[key] for key in keys]) / total

    def measure(rows: pa.ChunkedArray) -> float:
        found = tally(rows)
        return _distance(normal, np.array([found.get(key, 0) for key in keys]), sum(found.values()))

    return measure


def _distance(normal: Numbers, counts: NDArray[np.int64], rows: int) -> float:
    from scipy.spatial.distance import jensenshannon

    if rows == 0:
        return float("nan")
    shares = counts / rows
    if (outside := 1 - shares.sum()) > 0:
        shares, normal = np.append(shares, outside), np.append(normal, 0)
    return float(jensenshannon(normal, shares, base=2))


PRESET = Preset(
    name="nannyml",
    title="NannyML",
    version="0.13.1",
    definition="Jensen-Shannon distance of each chunk to the reference, above the mean + 3 standard deviations of the reference's chunks",
    citation="NannyML 0.13.1, UnivariateDriftCalculator (nannyml.readthedocs.io, Univariate Drift Detection)",
    chunked=True,
    judge=judge,
)
