"""Checks of a team's own in a run: SQL aggregates of the declaration, and Python files in the home's folder ``checks``."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from monitors.calibration import windows_per_year
from monitors.home_checks import HomeCheck, home_readings, load_checks
from monitors.judge_custom import ENOUGH, FIRST, OwnCheck, Variation, custom_readings
from monitors.judge_thresholds import with_limits
from monitors.judge_traffic import CUSTOM, table_level
from monitors.types import Direction, Reading
from reference_data.declaration import CustomCheck, ModelSpec
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.windows import Window
from service.local.references import SAMPLE_ROWS, sample_path
from storage.custom_checks import CustomValue, logged_values, sampled_values
from storage.names import EVENT_TIME
from storage.readings import judged_windows
from storage.traffic import bucket_rows

if TYPE_CHECKING:
    from service.local.core import Core

FOLDER = "checks"
_log = logging.getLogger(__name__)


def readings(
    core: Core,
    spec: ModelSpec,
    reference: Reference,
    version: str,
    windows: Sequence[Window],
    inputs: Profile,
    blank: Reading,
    level: float,
) -> tuple[list[Reading], dict[str, Direction]]:
    """Return the readings of all own checks, and which way is worse of those that are files. One that fails says so, and nothing else fails."""
    files = load_checks(core.home.root / FOLDER)
    number = max(len(spec.monitor.custom) + len(files), 1)
    each = CUSTOM * level / number
    found = declared_readings(core, spec, spec.monitor.custom, reference, version, windows, blank, each)
    found += _file_readings(core, spec, files, reference, windows, inputs, blank, each)
    return found, {file.name: file.check.direction for file in files if file.check is not None}


def declared_readings(
    core: Core,
    spec: ModelSpec,
    checks: Mapping[str, CustomCheck],
    reference: Reference,
    version: str,
    windows: Sequence[Window],
    blank: Reading,
    level: float,
) -> list[Reading]:
    """Return the readings of SQL checks in windows that one version served, computed in one query."""
    if not checks or not windows:
        return []
    window_spec, sql = core.window_spec(spec.name), {name: check.sql for name, check in checks.items()}
    try:
        with core.db.cursor() as cursor:
            values = logged_values(cursor, spec, version, sql, windows)
        usual = _variations(core, spec, checks, reference)
    except Exception as error:
        _log.exception("own checks of %s could not be computed", spec.name)
        words = f"could not be computed: {type(error).__name__}"
        values, usual = {name: [CustomValue(math.nan, 0, words) for _ in windows] for name in checks}, {}
    found: list[Reading] = []
    for name, check in checks.items():
        limited = check.warning is not None or check.critical is not None
        own = OwnCheck(name, check.unit, check.direction, limited=limited)
        made = replace(blank, scope="custom", n_reference=reference.rows)
        found += custom_readings(
            own, windows, values[name], usual.get(name), window_spec, made, level=level, least=spec.monitor.min_rows
        )
    return found


def _file_readings(
    core: Core,
    spec: ModelSpec,
    files: Sequence[HomeCheck],
    reference: Reference,
    windows: Sequence[Window],
    inputs: Profile,
    blank: Reading,
    level: float,
) -> list[Reading]:
    found: list[Reading] = []
    for file in files:
        found += home_readings(
            file,
            reference,
            core.window_spec(spec.name),
            windows,
            inputs,
            blank,
            level=level,
            least=spec.monitor.min_rows,
        )
    return found


# -- what is usual -----------------------------------------------------------------------------------------------------
def _variations(
    core: Core, spec: ModelSpec, checks: Mapping[str, CustomCheck], reference: Reference
) -> dict[str, Variation]:
    """Return each check's values in the windows that say what is usual; kept once they are complete, for rows may leave the log."""
    found: dict[str, Variation] = {}
    missing: dict[str, str] = {}
    for name, check in checks.items():
        kept = core.control.get_setting(_key(spec, reference, name))
        if kept is not None and kept["sql"] == check.sql:
            found[name] = _from_json(kept)
        else:
            missing[name] = check.sql
    if not missing:
        return found
    for name, (variation, complete) in _measured(core, spec, missing, reference).items():
        found[name] = variation
        if complete:
            core.control.put_setting(_key(spec, reference, name), _to_json(variation, missing[name]))
    return found


def _measured(
    core: Core, spec: ModelSpec, sql: Mapping[str, str], reference: Reference
) -> dict[str, tuple[Variation, bool]]:
    """Return values by the best that is known: the reference's rows in the log, those kept of it, else the log's first windows."""
    window_spec = core.window_spec(spec.name)
    windows = sorted({window_spec.containing(bucket) for bucket in reference.buckets})
    of_reference = f"{len(windows)} windows of the reference"
    if reference.source.startswith("log") and len(windows) >= ENOUGH:
        with core.db.cursor() as cursor:
            values = logged_values(cursor, spec, None, sql, windows)
        if any(value.rows for value in next(iter(values.values()))):
            return {name: (_variation(windows, values[name], of_reference), True) for name in sql}
    path = sample_path(core, spec.name, reference.version)
    if len(windows) >= ENOUGH and reference.rows <= SAMPLE_ROWS and path.exists():
        table = pq.read_table(path)
        if EVENT_TIME in table.column_names:
            values = sampled_values(table, spec, sql, windows)
            able = {name for name in sql if sum(math.isfinite(value.value) for value in values[name]) >= ENOUGH}
            held = {name: (_variation(windows, values[name], of_reference), True) for name in able}
            rest = {name: text for name, text in sql.items() if name not in able}
            return held | (_of_log(core, spec, rest) if rest else {})
    return _of_log(core, spec, sql)


def _of_log(core: Core, spec: ModelSpec, sql: Mapping[str, str]) -> dict[str, tuple[Variation, bool]]:
    """Return values of the log's own first windows that have rows enough; complete when there are as many as it takes."""
    active = core.active_reference(spec.name)
    if active is None:
        return {}
    window_spec = core.window_spec(spec.name)
    rows: dict[Window, int] = {}
    with core.db.cursor() as cursor:
        for bucket in bucket_rows(cursor, spec.name, active.version, "inputs"):
            if bucket.role == "serving":
                window = window_spec.containing(bucket.start)
                rows[window] = rows.get(window, 0) + bucket.rows
        now = core.now()
        enough = [w for w in sorted(rows) if rows[w] >= spec.monitor.min_rows and w.end <= now][:FIRST]
        if not enough:
            return {}
        values = logged_values(cursor, spec, None, sql, enough)
    source = f"the log's own first {len(enough)} windows, for the reference's rows are not known"
    if len(enough) < FIRST:
        return {}
    return {name: (_variation(enough, values[name], source), True) for name in sql}


def _variation(windows: Sequence[Window], values: Sequence[CustomValue], source: str) -> Variation:
    return Variation(
        tuple(window.start for window in windows),
        np.asarray([value.value for value in values], dtype=np.float64),
        np.asarray([value.rows for value in values], dtype=np.int64),
        source,
    )


def _key(spec: ModelSpec, reference: Reference, name: str) -> str:
    return f"own_check/{spec.name}/{reference.version}/{name}"


def _to_json(variation: Variation, sql: str) -> dict[str, Any]:
    values = [value if math.isfinite(value) else None for value in variation.values.tolist()]
    starts = [start.isoformat() for start in variation.starts]
    return {"sql": sql, "starts": starts, "values": values, "rows": variation.rows.tolist(), "source": variation.source}


def _from_json(kept: Mapping[str, Any]) -> Variation:
    return Variation(
        tuple(datetime.fromisoformat(start) for start in kept["starts"]),
        np.asarray([math.nan if value is None else value for value in kept["values"]], dtype=np.float64),
        np.asarray(kept["rows"], dtype=np.int64),
        kept["source"],
    )


def blank_reading(spec: ModelSpec, reference: Reference, version: str, now: datetime) -> Reading:
    """Return a reading with what all of a version's readings have in common."""
    return Reading(
        model=spec.name, model_version=version, reference_version=reference.version, check="", scope="column", column=None,
        segment=None, window=reference.period, value=np.nan, reference_value=np.nan, threshold=np.nan, lower=np.nan, upper=np.nan,
        p_value=np.nan, effect=np.nan, n=0, n_reference=reference.rows, verdict="ok", significant=False, material=False,
        harmful=False, unit="", sentence="", computed_at=now,
    )  # fmt: skip


# -- declared later ----------------------------------------------------------------------------------------------------
def _digest(check: CustomCheck) -> str:
    """Return what tells one definition of a check from another."""
    return hashlib.sha256(json.dumps(check.model_dump(), sort_keys=True).encode()).hexdigest()[:16]


def backfill(
    core: Core, spec: ModelSpec, served: Callable[[], Sequence[tuple[str, Sequence[Window]]]]
) -> list[Reading]:
    """Return the readings of SQL checks that were declared, or changed, after their windows had been judged.

    ``served``: returns which version served which windows. Windows whose rows have left the log get no readings. What is past raises no
    alerts.
    """
    key = f"own_checks/{spec.name}"
    now = {name: _digest(check) for name, check in spec.monitor.custom.items()}
    before = core.control.get_setting(key, {})
    if now == before:
        return []
    new = {name: check for name, check in spec.monitor.custom.items() if before.get(name) != now[name]}
    window_spec = core.window_spec(spec.name)
    each = CUSTOM * table_level(spec, windows_per_year(window_spec)) / max(len(spec.monitor.custom), 1)
    found: list[Reading] = []
    for version, windows in served() if new else ():
        reference = core.reference_for(spec.name, version)
        if reference is None:
            continue
        with core.db.cursor() as cursor:
            judged = judged_windows(cursor, spec.name, version, reference.version, outcomes=(), without=())
        past = [window for window in windows if window.start in judged]
        blank = blank_reading(spec, reference, version, core.now())
        found += declared_readings(core, spec, new, reference, version, past, blank, each)
    core.control.put_setting(key, now)
    return with_limits(spec, [reading for reading in found if reading.n])
