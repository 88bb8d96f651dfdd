"""Embeddings by means and covariances of all their rows: kept of references and of the log's buckets, and held against each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from monitors.judge_vectors import Against, NaturalSums, measure_natural_sums
from monitors.multivariate._vectors import vectors
from monitors.natural import Natural
from reference_data.vector_moments import VectorMoments, merged
from reference_data.windows import Window
from storage import reference_vectors, vector_moments
from storage.due import snapshot

if TYPE_CHECKING:
    from monitors.baseline import Baseline
    from monitors.judge_rows import Asked
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from reference_data.windows import WindowSpec
    from service.local.core import Core
    from storage.row_source import RowSource

_CHUNK = 31  # buckets whose vectors are summed up at once
_LEAST_ROWS = 100  # of a reference, to say how heavy the tails of its vectors are


class NotKeptError(ValueError):
    """There are no moments to go by; says in words why."""


def keep(core: Core, spec: ModelSpec, rows: RowSource, version: int, buckets: Sequence[datetime]) -> None:
    """Sum up the embeddings of a reference that is being frozen, beside its rows."""
    names = vector_moments.embeddings(spec)
    if not names:
        return
    windows = core.window_spec(spec.name)
    by_bucket = [windows.bucket.containing(start) for start in buckets]
    by_window = sorted({windows.containing(start) for start in buckets})
    found = {name: reference_vectors.measure(rows, name, by_bucket, by_window) for name in names}
    reference_vectors.write(_path(core, spec.name, version), found)


def bring_up(core: Core, spec: ModelSpec, reference: Reference, buckets: Sequence[Window]) -> None:
    """Bring the stored moments of buckets up to their profiles, a month at a time: each is a transaction of its own."""
    with core.db.cursor() as cursor:
        due = vector_moments.due(cursor, spec, reference.version, buckets)
    for first in range(0, len(due), _CHUNK):
        chunk = due[first : first + _CHUNK]
        with snapshot(core.db) as cursor:
            summed = vector_moments.measure(
                cursor, spec, [window for window, _ in chunk], vector_moments.embeddings(spec)
            )
        core.db.write(lambda con: vector_moments.save(con, spec, chunk, summed), about=spec.name)  # noqa: B023


class Sums:
    """What the reference of some windows holds of each embedding column, in sums."""

    def __init__(
        self, core: Core, spec: ModelSpec, reference: Reference, baseline: Baseline, sample: Path, key: str
    ) -> None:
        self._core, self._spec, self._reference, self._sample, self._key = core, spec, reference, sample, key
        self._frozen = baseline.reference.period == reference.period
        buckets = baseline.reference.buckets if self._frozen else reference.buckets
        self._starts = None if len(buckets) == len(reference.buckets) else frozenset(buckets)
        self._latest = baseline.reference.period
        self._known: dict[str, tuple[Against, NaturalSums]] = {}

    def window(self, column: str, window: Window, version: str) -> VectorMoments:
        """Return the moments of a window that a version served; raises :class:`NotKeptError`."""
        dimensions = self._of_reference(column).whole.dimensions
        with self._core.db.cursor() as cursor:
            found = vector_moments.load(cursor, self._spec.name, column, window, dimensions, versions=[version])
        if found is None:
            raise NotKeptError("none of the window's vectors has the length of the reference's")
        return found

    def against(self, asked: Asked) -> tuple[Against, NaturalSums]:
        """Return what windows are held against, and what the reference's own do; raises :class:`NotKeptError`."""
        column = asked.name or ""
        if column not in self._known:
            frozen = self._of_reference(column)
            natural = self._natural(asked, frozen)
            self._known[column] = (frozen if self._frozen else self._rolling(column, frozen)), natural
        return self._known[column]

    def _of_reference(self, column: str) -> Against:
        path = _path(self._core, self._spec.name, self._reference.version)
        stamps = (path.stat().st_mtime_ns if path.exists() else 0), self._sample.stat().st_mtime_ns
        windows = self._core.window_spec(self._spec.name)
        return _frozen(path, self._sample, stamps, column, self._starts, windows)

    def _rolling(self, column: str, frozen: Against) -> Against:
        every = self._core.window_spec(self._spec.name).bucket
        bring_up(self._core, self._spec, self._reference, list(every.between(self._latest.start, self._latest.end)))
        with self._core.db.cursor() as cursor:
            dimensions = frozen.whole.dimensions
            whole = vector_moments.load(cursor, self._spec.name, column, self._latest, dimensions, versions=None)
        if whole is None:
            raise NotKeptError("no vectors of the stretch before are kept")
        return Against.of(whole, frozen.chance.tails)

    def _natural(self, asked: Asked, frozen: Against) -> NaturalSums:
        """Return the natural variation, measured once for a reference and remembered in the home; a rolling baseline borrows it."""
        setting = f"row_null/{self._key}/{asked.check.name}/{asked.name}/all rows"
        kept = self._core.control.get_setting(setting)
        if kept:
            return NaturalSums(*(Natural(**part) for part in json.loads(kept)))
        least = max(self._spec.monitor.min_rows, 2)
        path = _path(self._core, self._spec.name, self._reference.version)
        windows = self._core.window_spec(self._spec.name)
        held = [one for one in _by_window(path, asked.name or "", self._starts, windows) if one.n >= least]
        timed = len(held) > 1
        measured = measure_natural_sums(asked.check, frozen, held if timed else [])
        self._core.control.put_setting(setting, json.dumps([asdict(measured.shares), asdict(measured.plain)]))
        return measured


def _path(core: Core, model: str, version: int) -> Path:
    return core.home.references / f"{model}_{version}.vectors"


def _by_window(path: Path, column: str, starts: frozenset[datetime] | None, windows: WindowSpec) -> list[VectorMoments]:
    """Return the moments of a reference's windows, of those alone that hold some buckets' ``starts``."""
    kept = reference_vectors.read(path, column)
    if kept.lacking:
        raise NotKeptError(kept.lacking)
    wanted = None if starts is None else {windows.containing(start).start for start in starts}
    groups: dict[datetime | None, list[VectorMoments]] = {}
    for held in kept.held:
        window = None if held.stretch is None else windows.containing(held.stretch.start)
        if window is not None and held.stretch is not None and held.stretch.end > window.end:
            raise NotKeptError("the reference kept them of longer windows than are judged now; freeze a new one")
        if window is None or wanted is None or window.start in wanted:
            groups.setdefault(None if window is None else window.start, []).append(held.moments)
    return [whole for group in groups.values() if (whole := merged(group)) is not None]


@lru_cache(maxsize=16)
def _frozen(
    path: Path,
    sample: Path,
    stamps: tuple[int, int],
    column: str,
    starts: frozenset[datetime] | None,
    windows: WindowSpec,
) -> Against:
    """Return what a reference holds; ``stamps`` tell files that were written anew."""
    del stamps
    whole = merged(_by_window(path, column, starts, windows))
    if whole is None or not whole.n:
        raise NotKeptError("the reference holds no vectors")
    try:
        rows = vectors(pq.read_table(sample, columns=[column], partitioning=None).column(column), whole.dimensions)[0]
    except (ValueError, KeyError):
        rows = np.zeros((0, whole.dimensions))
    return Against.of_rows(whole, rows) if len(rows) >= _LEAST_ROWS else Against.of(whole)
