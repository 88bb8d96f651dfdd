"""What a run reads beside drift and performance: how rows arrive, what columns hold at all, own checks, fixed limits."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitors.blank import blank_of
from monitors.calibration import windows_per_year
from monitors.judge_quality import QUALITY_CHECKS, quality_readings, with_ranges
from monitors.judge_thresholds import limited_checks, unread, with_limits
from monitors.judge_traffic import COLUMNS, Traffic, arrival_readings, table_level
from monitors.reading_blocks import Readings
from monitors.types import Reading
from monitors.volume import season_of
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec
from service.local import own_checks
from storage.readings import checks_with, current_readings
from storage.repeats import latest_times, repeats
from storage.traffic import bucket_rows

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core

SERVING = "serving"
FROM_LOG = ("log", "training")  # sources of references that are part of the log itself
_FARTHEST = 20_000  # windows between a reference and the log, at most, for the one to say anything of the other
_log = logging.getLogger(__name__)


def with_quality(
    core: Core,
    spec: ModelSpec,
    reference: Reference,
    version: str,
    windows: Sequence[Window],
    inputs: Profile,
    readings: Readings,
) -> Readings:
    """Return all readings of windows that one version served: those given, those of this file, and the verdicts of fixed limits.

    ``inputs`` are the windows' profiles, (windows,). What goes wrong with one part becomes a reading that says so, and leaves the others.
    """
    if not windows:
        return readings
    window_spec = core.window_spec(spec.name)
    level = table_level(spec, windows_per_year(window_spec))
    blank = blank_of(reference, version, core.now())
    found = readings.where(lambda r: not (r.scope == "column" and r.check in QUALITY_CHECKS and r.segment is None))
    found = with_ranges(found, reference.inputs.total(), windows, inputs)
    try:
        found += _arrival(core, spec, window_spec, reference, windows, blank, level)
    except Exception as error:
        _log.exception("how rows of %s arrive could not be judged", spec.name)
        words = f"how rows arrive could not be judged: {error}"
        failed = replace(blank, check="row_volume", scope="traffic", unit="rows", verdict="error", error=words)
        found += [replace(failed, window=window, sentence=words) for window in windows]
    named = limited_checks(spec) | _told(core, spec, version, reference, windows)
    found += quality_readings(
        reference, window_spec, windows, inputs, blank, COLUMNS * level, least=spec.monitor.min_rows, named=named
    )
    found += unread(spec, found, reference, window_spec, windows, inputs, blank)
    own, ways = own_checks.readings(core, spec, reference, version, windows, inputs, blank, level)
    found += own
    return with_limits(spec, found, ways)


def _told(core: Core, spec: ModelSpec, version: str, reference: Reference, windows: Sequence[Window]) -> set[str]:
    """Return the checks of which a window was said to be wrong: late rows may have put it right, and that is to be said too."""
    with core.db.cursor() as cursor:
        return checks_with(
            cursor,
            spec.name,
            "warning",
            QUALITY_CHECKS,
            since=windows[0].start,
            until=windows[-1].end,
            model_version=version,
            reference_version=reference.version,
        )


# -- arrival -----------------------------------------------------------------------------------------------------------
def _arrival(
    core: Core,
    spec: ModelSpec,
    window_spec: WindowSpec,
    reference: Reference,
    windows: Sequence[Window],
    blank: Reading,
    level: float,
) -> Readings:
    season = season_of(window_spec)
    rows = _rows_by_window(core, spec, window_spec)
    begun = min(rows, default=windows[0])
    latest_rows = max(
        (window for window in rows if window.start < windows[0].start), default=begun
    )  # before any outage
    first = max(begun.start, latest_rows.start - (windows[0].end - windows[0].start) * season.reach)
    series = list(window_spec.between(first, windows[-1].end))
    counts = np.asarray([rows.get(window, 0) for window in series], dtype=np.int64)
    before, gap = _reference_rows(reference, window_spec, begun) if series[0] == begun else (counts[:0], 0)
    with core.db.cursor() as cursor:
        latest = _latest(core, spec, series, windows[0])
        again = repeats(cursor, spec.name, series)
    traffic = Traffic(series, counts, before, gap, latest, again)
    return arrival_readings(spec, window_spec, blank, traffic, set(windows), level)


def _rows_by_window(core: Core, spec: ModelSpec, window_spec: WindowSpec) -> dict[Window, int]:
    """Return the rows that were served in each window that has any, whichever version answered them."""
    active = core.active_reference(spec.name)
    if active is None:
        return {}
    with core.db.cursor() as cursor:
        buckets = bucket_rows(cursor, spec.name, active.version, "inputs")
    found: dict[Window, int] = {}
    for bucket in buckets:
        if bucket.role == SERVING and bucket.rows:
            window = window_spec.containing(bucket.start)
            found[window] = found.get(window, 0) + bucket.rows
    return found


def _reference_rows(reference: Reference, window_spec: WindowSpec, begun: Window) -> tuple[NDArray[np.int64], int]:
    """Return the rows of the reference's consecutive windows, and the windows between its end and the log's first; none if it says nothing.

    What is part of the log is counted there. Windows that its ends cut off are left out.
    """
    none = np.zeros(0, dtype=np.int64), 0
    if reference.source.startswith(FROM_LOG) or len(reference.buckets) < 2:
        return none
    sizes: dict[Window, int] = {}
    for bucket, rows in zip(reference.buckets, reference.inputs.rows.tolist(), strict=True):
        window = window_spec.containing(bucket)
        sizes[window] = sizes.get(window, 0) + rows
    series = list(window_spec.between(min(sizes).start, max(sizes).end))
    counts = np.asarray([sizes.get(window, 0) for window in series], dtype=np.int64)
    least = 0.5 * float(np.median(counts))
    since, until = int(counts[0] < least), len(counts) - int(counts[-1] < least)
    if until <= since or series[until - 1].end > begun.start:
        return none
    between = islice(window_spec.between(series[until - 1].end, begun.start), _FARTHEST + 1)
    gap = sum(window.start < begun.start for window in between)
    return none if gap > _FARTHEST else (counts[since:until], gap)


def _latest(core: Core, spec: ModelSpec, series: Sequence[Window], first: Window) -> dict[datetime, datetime]:
    """Return the latest event time up to the end of each window: of earlier windows from their readings, so the log is not read again."""
    ends = {window.start: window.end for window in series}
    with core.db.cursor() as cursor:
        stored = (
            current_readings(
                cursor, spec.name, since=series[0].start, until=first.start, check="freshness", scope="traffic"
            )
            if series[0].start < first.start
            else []
        )
        known = {
            row["window_start"]: ends[row["window_start"]] - timedelta(hours=row["value"])
            for row in stored
            if row["window_start"] in ends and row["value"] is not None
        }
        fresh = [window for window in series if window.start >= first.start or window.start not in known]
        known |= latest_times(cursor, spec.name, fresh)
    return dict(_carried(series, known))


def _carried(series: Sequence[Window], known: dict[datetime, datetime]) -> Iterator[tuple[datetime, datetime]]:
    latest: datetime | None = None
    for window in series:
        here = known.get(window.start)
        latest = here if latest is None or (here is not None and here > latest) else latest
        if latest is not None:
            yield window.start, latest
