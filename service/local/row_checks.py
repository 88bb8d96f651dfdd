"""Rows as a whole, texts and embeddings: their samples drawn as windows close, their readings, and what the pages show of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitors.blank import blank_reading
from monitors.judge_rows import (
    Asked,
    Prepared,
    ReferenceRows,
    asked_of,
    failed,
    judge_rows,
    measure_natural,
    prepare,
    row_checks,
    suits,
    too_few,
)
from monitors.judge_vectors import judge_vectors
from monitors.natural import Natural
from reference_data.vector_moments import VectorMoments
from reference_data.windows import Window, WindowSpec
from service.local.convert import iso, number, row_to_reading
from service.local.recall import recalled
from service.local.references import sample_path
from service.local.series import held_against
from service.local.vector_checks import Sums, bring_up
from storage import row_samples
from storage.buckets import aware
from storage.due import snapshot
from storage.names import EVENT_TIME
from storage.readings import current_readings

if TYPE_CHECKING:
    from datetime import datetime

    from monitors.baseline import Baseline
    from monitors.types import Reading
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from service import views
    from service.local.core import Core
    from service.local.due import Stretch

_CHUNK = 31  # buckets whose samples are drawn at once
_REMEMBERED = 2000  # readings whose rows have not changed since, kept in memory
_SCHEME = 2  # of what is remembered of a reference: counted up when a check is computed otherwise


def row_readings(core: Core, spec: ModelSpec, stretch: Stretch) -> list[Reading]:
    """Read every check on rows on every window of a stretch: declared ones on all features together, and those of texts and embeddings.

    Draws the samples that are missing or older than their profile. A window whose rows have not changed since it was read in this process
    is not computed again. A model whose reference kept no rows has no such readings.
    """
    asked = asked_of(spec)
    if not asked or not stretch.windows or not sample_path(core, spec.name, stretch.reference.version).exists():
        return []
    every = core.window_spec(spec.name).bucket
    buckets = sorted({b for w in stretch.windows for b in every.between(w.start, w.end)})
    _draw(core, spec, stretch.reference, buckets)
    bring_up(core, spec, stretch.reference, buckets)
    found: list[Reading] = []
    for baseline, places in held_against(core, spec, stretch.reference, stretch.windows):
        against = _Against(core, spec, stretch.reference, baseline)
        for place in places:
            found += _window_readings(core, spec, stretch, stretch.windows[place], asked, against)
    return found


def _draw(core: Core, spec: ModelSpec, reference: Reference, buckets: Sequence[Window]) -> None:
    """Bring the stored samples of buckets up to their profiles."""
    most = row_samples.per_bucket(spec, core.window_spec(spec.name))
    with core.db.cursor() as cursor:
        due = row_samples.due(cursor, spec.name, reference.version, sorted(set(buckets)))
    for first in range(0, len(due), _CHUNK):
        chunk = due[first : first + _CHUNK]
        with snapshot(core.db) as cursor:
            drawn = row_samples.draw(cursor, spec, [window for window, _ in chunk], most)
        core.db.write(lambda con: row_samples.save(con, spec.name, chunk, drawn), about=spec.name)  # noqa: B023


def _window_readings(
    core: Core, spec: ModelSpec, stretch: Stretch, window: Window, asked: Sequence[Asked], against: _Against
) -> Iterator[Reading]:
    with core.db.cursor() as cursor:
        stored = row_samples.load(cursor, spec.name, window, versions=[stretch.version])
    sample = row_samples.merge([one for _, one in stored], row_samples.SAMPLE_ROWS)
    if sample is None:
        return
    reference = stretch.reference
    rows_of = reference.version, reference.rows
    blank = blank_reading(spec.name, stretch.version, rows_of, window, core.now(), "multivariate")
    known = _remembered(core)
    rows = hashlib.sha256(row_samples.to_bytes(sample)).hexdigest()
    for one in asked:
        sums = against.sums(one, window, stretch.version)
        key = (
            stretch.version,
            window,
            one.check.name,
            one.name,
            rows,
            sums if not isinstance(sums, VectorMoments) else hashlib.sha256(sums.to_bytes()).hexdigest(),
            spec.monitor.min_rows,
            spec.subject is None,
            against.key,
        )
        if key not in known:
            while len(known) >= _REMEMBERED:
                del known[next(iter(known))]
            known[key] = against.judge(one, sample, sums, blank)
        found = known[key]
        if found is not None:
            yield found


def _remembered(core: Core) -> dict[Any, Reading | None]:
    found: dict[Any, Reading | None] = core.db.memory.setdefault(("row readings", ""), {})
    return found


class _Against:
    """The rows that windows are held against, and what checks do between that reference's own windows."""

    def __init__(self, core: Core, spec: ModelSpec, reference: Reference, baseline: Baseline) -> None:
        self._core, self._spec, self._reference, self._baseline = core, spec, reference, baseline
        self._prepared: dict[tuple[str, str | None], tuple[Prepared, Natural] | str] = {}
        self._frozen = baseline.reference.period == reference.period
        windows = core.window_spec(spec.name)
        buckets = baseline.reference.buckets
        told = [
            _SCHEME, str(windows), windows.timezone, str(windows.anchor), spec.monitor.min_rows, len(buckets), str(buckets[0]),
            str(buckets[-1]), [(c.name, c.type) for c in spec.columns],
        ]  # fmt: skip
        self.key = f"{spec.name}/{reference.version}/{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}"
        self._sums = Sums(core, spec, reference, baseline, sample_path(core, spec.name, reference.version), self.key)

    def sums(self, asked: Asked, window: Window, version: str) -> VectorMoments | str | None:
        """Return the moments of all vectors of a window for a check that is computed from them, or in words why there are none."""
        if not asked.check.sums or asked.name is None:
            return None
        try:
            return self._sums.window(asked.name, window, version)
        except ValueError as problem:
            return str(problem)

    def judge(
        self, asked: Asked, sample: row_samples.Sample, sums: VectorMoments | str | None, blank: Reading
    ) -> Reading | None:
        """Return the reading of a window's sample, or of its sums; None of a check that says nothing of what the reference holds."""
        name = (asked.check.name, asked.name)
        least = self._spec.monitor.min_rows
        if isinstance(sums, VectorMoments):
            try:
                return judge_vectors(asked, *self._sums.against(asked), sums, least, blank)
            except ValueError as problem:
                sums = str(problem)
        if sample.table.num_rows < least and asked.check.suits is None:  # before anything costly
            return too_few(asked, blank, sample.table.num_rows, least)
        if name not in self._prepared:
            self._prepared[name] = self._prepare(asked)
        ready = self._prepared[name]
        if isinstance(ready, str):
            return failed(asked, blank, ready)
        if not suits(asked, ready[0]):
            return None
        reading = judge_rows(asked, *ready, sample.inputs, sample.times, least, blank)
        if sums and reading.value is not None:
            return replace(reading, sentence=f"{reading.sentence} From a sample of {reading.n:,} vectors: {sums}.")
        return reading

    def _prepare(self, asked: Asked) -> tuple[Prepared, Natural] | str:
        least = self._spec.monitor.min_rows
        try:
            frozen = prepare(asked, self._spec, self._frozen_rows(), least)
            natural = self._natural(asked, frozen)
            if self._frozen:
                return frozen, natural
            return prepare(asked, self._spec, self._rolling_rows(), least), natural
        except ValueError as problem:
            return str(problem)

    def _natural(self, asked: Asked, prepared: Prepared) -> Natural:
        """Return the natural variation, measured once for a reference and remembered in the home; a rolling baseline borrows it."""
        setting = f"row_null/{self.key}/{asked.check.name}/{asked.name or ''}"
        kept = self._core.control.get_setting(setting)
        if kept:
            return Natural(**json.loads(kept))
        measured = measure_natural(asked, prepared, self._reference.version)
        self._core.control.put_setting(setting, json.dumps(measured.to_dict()))
        return measured

    def _frozen_rows(self) -> ReferenceRows:
        path = sample_path(self._core, self._spec.name, self._reference.version)
        if not path.exists():
            raise ValueError("the rows of the reference were not kept; freeze a new one")
        buckets = self._baseline.reference.buckets if self._frozen else self._reference.buckets
        seasonal = len(buckets) < len(self._reference.buckets)
        table = _kept_rows(path, path.stat().st_mtime_ns)
        return _reference_rows(table, self._core.window_spec(self._spec.name), set(buckets) if seasonal else None)

    def _rolling_rows(self) -> ReferenceRows:
        latest = self._baseline.reference
        every = self._core.window_spec(self._spec.name).bucket
        _draw(self._core, self._spec, self._reference, [every.containing(bucket) for bucket in latest.buckets])
        with self._core.db.cursor() as cursor:
            stored = row_samples.load(cursor, self._spec.name, latest.period, versions=None)
        if not stored:
            raise ValueError("no rows of the stretch before are kept")
        table = pa.concat_tables(
            [one.table.slice(0, row_samples.SAMPLE_ROWS).drop_columns([row_samples.HASH]) for _, one in stored],
            promote_options="permissive",
        )
        return _reference_rows(table, self._core.window_spec(self._spec.name), None)


@lru_cache(maxsize=4)
def _kept_rows(path: Path, written: int) -> pa.Table:
    """Return the rows kept of a reference: ``written`` tells a file that a deletion has changed from the one before."""
    del written
    return pq.read_table(path, partitioning=None)


def _reference_rows(table: pa.Table, windows: WindowSpec, buckets: set[datetime] | None) -> ReferenceRows:
    """Return rows with the place of each one's window, only those of some ``buckets`` if given (the starts of the reference's own)."""
    if EVENT_TIME not in table.column_names:
        return ReferenceRows(table, None, np.full(table.num_rows, -1, dtype=np.intp))
    times = table.column(EVENT_TIME)
    places, spans = np.full(table.num_rows, -1, dtype=np.intp), _spans(times, windows.bucket)
    kept = np.zeros(table.num_rows, dtype=bool)
    starts: dict[datetime, int] = {}
    for span, rows in spans:
        if buckets is None or span.start in buckets:
            kept[rows] = True
            places[rows] = starts.setdefault(windows.containing(span.start).start, len(starts))
    mask = pa.array(kept)
    return ReferenceRows(table.filter(mask), times.filter(mask), places[kept])


def _spans(times: pa.ChunkedArray, every: WindowSpec) -> list[tuple[Window, np.ndarray[Any, Any]]]:
    """Return the buckets of rows, each with the places of its rows."""
    at = times.cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
    order = np.argsort(at, kind="stable")
    found, first = [], 0
    while first < len(order):
        bucket = every.containing(aware(at[order[first]].item()))
        end = np.datetime64(bucket.end.replace(tzinfo=None), "us")
        last = int(np.searchsorted(at, end, side="left", sorter=order))
        found.append((bucket, order[first:last]))
        first = max(last, first + 1)
    return found


# -- what the pages show -----------------------------------------------------------------------------------------------
@recalled("judged")
def multivariate(core: Core, model: str) -> list[views.RowsReading]:
    """Return the readings of rows as a whole, of texts and of embeddings, in order of time."""
    zone = core.spec(model).zone
    checks = row_checks()
    with core.db.cursor() as cursor:
        rows = [row for name in checks for row in current_readings(cursor, model, check=name)]
    found = [row_to_reading(row) for row in rows]
    found.sort(key=lambda reading: (reading.window.start, reading.check, reading.column or ""))
    return [
        {
            "check": reading.check,
            "label": checks[reading.check].label,
            "column": reading.column,
            "window_start": iso(reading.window.start, zone),
            "window_end": iso(reading.window.end, zone),
            "model_version": reading.model_version,
            "reference_version": reading.reference_version,
            "value": number(reading.value),
            "usual": number(reading.reference_value),
            "threshold": number(reading.threshold),
            "p_value": number(reading.p_value),
            "n": reading.n,
            "verdict": reading.verdict,
            "unit": reading.unit,
            "drivers": [{"column": name, "share": share} for name, share in reading.drivers],
            "sentence": reading.sentence,
            "error": reading.error,
        }
        for reading in found
    ]
