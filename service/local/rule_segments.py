"""What rules and fixed limits need inside of segments: there, else, only what is wrong is kept of a window."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from monitors import explain
from monitors.blank import blank_of
from monitors.judge_segments import MISSING, SegmentDrift, found_readings
from monitors.judge_thresholds import with_limits
from monitors.reading_blocks import Readings
from monitors.registry import DECIDING, column_checks, column_values
from monitors.rule_asked import asked, named_segments
from monitors.types import Reading, Verdict
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.windows import Window
from service.local import segment_harm, segments

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core
    from service.local.due import Stretch

ROWS = "row_count"
_log = logging.getLogger(__name__)


def with_named(core: Core, spec: ModelSpec, stretch: Stretch, readings: Readings) -> Readings:
    """Return the readings with all of those segments that rules or fixed limits are about, and with the verdicts of these limits."""
    names = named_segments(spec)
    if not names:
        return readings
    found = Readings()
    for segment in names:
        found += inside(core, spec, stretch.reference, stretch.version, stretch.windows, segment, asked(spec, segment))
    new = {(r.window, r.scope, r.check, r.column, r.segment) for r in found}
    kept = [
        r for r in readings if r.segment is not None and (r.window, r.scope, r.check, r.column, r.segment) not in new
    ]
    whole = readings.where(lambda reading: reading.segment is None)
    whole += kept
    whole += with_limits(spec, found)
    return whole


def inside(
    core: Core,
    spec: ModelSpec,
    reference: Reference,
    version: str,
    windows: Sequence[Window],
    segment: str,
    named: frozenset[tuple[str, str | None]],
) -> list[Reading]:
    """Return the readings inside one segment of windows that one version served: rows, drift, missing values, the headline metric, and ``named`` checks."""
    blank = blank_of(reference, version, core.now())
    found: list[Reading] = []
    try:
        for drift in segments.judged(core, spec, reference, version, windows):
            found += found_readings(drift, blank, inside=segment)
            found += _counts(drift, blank, segment)
            found += _named(drift, blank, segment, named)
        found += segment_harm.inside_readings(core, spec, reference, version, windows, segment)
    except Exception as error:  # the rows as a whole are judged all the same
        _log.exception("segment %s of %s could not be read", segment, spec.name)
        words = f"{segment} could not be read: {error}"
        failed = replace(blank, check=DECIDING, segment=segment, verdict="error", error=words, sentence=words)
        found = [replace(failed, window=window) for window in windows]
    return found


def _counts(drift: SegmentDrift, blank: Reading, segment: str) -> Iterator[Reading]:
    """Yield how many rows each window has inside a segment."""
    place = next((j for j, pair in enumerate(drift.null.pairs) if pair.segment == segment), None)
    if place is None:
        return
    for i, window in enumerate(drift.windows):
        n = int(drift.rows[i, place])
        yield replace(
            blank, check=ROWS, scope="traffic", segment=segment, window=window, value=float(n), n=n, unit="rows",
            verdict="ok" if n else "no_data", sentence=f"In {segment}: {n:,} rows.",
        )  # fmt: skip


def _named(
    drift: SegmentDrift, blank: Reading, segment: str, named: frozenset[tuple[str, str | None]]
) -> Iterator[Reading]:
    """Yield the readings of column checks that are named, of the segment's own cells."""
    least = drift.spec.monitor.min_rows
    for j, pair in enumerate(drift.null.pairs):
        checks = {name for name, column in named if column in (None, pair.column)} - {DECIDING, MISSING}
        if pair.segment != segment or not checks:
            continue
        base: Profile = drift.null.total[pair.place]
        of, now = base.column(pair.column), drift.series[pair.place].column(pair.column)
        for check in column_checks(of.entry, checks).values():
            values = column_values(check, of, now)
            for i, (window, at) in enumerate(zip(drift.windows, drift.places, strict=True)):
                n = int(drift.n[i, j])
                verdict: Verdict = "ok" if n >= least else "insufficient" if n else "no_data"
                words = explain.measured(check, pair.column, float(values[at]), "")
                words = words if verdict == "ok" else explain.too_few(n, least, pair.column)
                yield replace(
                    blank, check=check.name, scope="column", column=pair.column, segment=segment, window=window,
                    value=float(values[at]), effect=float(values[at]), n=n, n_reference=int(of.valid), unit=check.unit,
                    verdict=verdict, sentence=f"In {segment}: {words}",
                )  # fmt: skip
