"""Checks of a team's own in a run: SQL aggregates of the declaration, and Python files in the home's folder ``checks``."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from monitors.blank import blank_of
from monitors.calibration import windows_per_year
from monitors.home_checks import HomeCheck, home_readings, load_checks
from monitors.judge_custom import ENOUGH, FIRST, OwnCheck, Variation, custom_readings, few_labels, usable
from monitors.judge_thresholds import with_limits
from monitors.judge_traffic import CUSTOM, table_level
from monitors.own_sql import OwnSql, Sums, own_sql
from monitors.types import Direction, Reading, Verdict
from reference_data.declaration import CustomCheck, ModelSpec
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.section import parse_duration
from reference_data.windows import Window
from service.local import service_health
from service.local.convert import reading_columns
from service.local.references import SAMPLE_ROWS, sample_path
from storage.custom_checks import CustomValue, latencies_logged, logged_values, sampled_values
from storage.names import EVENT_TIME
from storage.readings import append_readings, judged_windows
from storage.traffic import bucket_rows

if TYPE_CHECKING:
    from service.local.core import Core

FOLDER = "checks"
_PATIENCE = 10  # times the windows it takes that are looked at for those that are usable
Z95 = 1.959964  # of the normal distribution
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
    each = _each(spec, files, level)
    found = declared_readings(core, spec, own_sql(spec), reference, version, windows, blank, each)
    found += _file_readings(core, spec, files, reference, windows, inputs, blank, each)
    found += service_health.error_readings(core, spec, windows, blank, each)
    return found, {file.name: file.check.direction for file in files if file.check is not None}


def _each(spec: ModelSpec, files: Sequence[HomeCheck], level: float) -> float:
    """Return the level of one check: of the model's SQL ones, the home's files, and failed requests; ``level`` is that of the table."""
    told = sum(own.told for own in own_sql(spec).values())
    return CUSTOM * level / (told + len(files) + 1)


def declared_readings(
    core: Core,
    spec: ModelSpec,
    checks: Mapping[str, OwnSql],
    reference: Reference,
    version: str,
    windows: Sequence[Window],
    blank: Reading,
    level: float,
) -> list[Reading]:
    """Return the readings of SQL checks in windows that one version served, computed in one query."""
    if not checks or not windows:
        return []
    window_spec = core.window_spec(spec.name)
    checks = _with_something_to_say(core, spec, checks, windows)
    sql = {name: own.check.sql for name, own in checks.items()}
    sums = {
        f"{name} {i}": text for name, own in checks.items() for i, text in enumerate(own.sums)
    }  # no name holds a space
    try:
        with core.db.cursor() as cursor:
            values = logged_values(cursor, spec, version, sql | sums, windows)
        usual = _variations(core, spec, _worth_it(checks, values), reference)
    except Exception as error:
        _log.exception("own checks of %s could not be computed", spec.name)
        words = f"could not be computed: {type(error).__name__}"
        values, usual = {name: [CustomValue(math.nan, 0, words) for _ in windows] for name in [*sql, *sums]}, {}
    found: list[Reading] = []
    for name, own in checks.items():
        limited = not own.told or own.check.warning is not None or own.check.critical is not None
        kind = OwnCheck(
            name, own.check.unit, own.check.direction, limited=limited, changed=own.tolerance, title=own.title
        )
        made = replace(blank, n_reference=reference.rows)
        readings = custom_readings(
            kind, windows, values[name], usual.get(name), window_spec, made, level=level, least=spec.monitor.min_rows
        )
        parts = [values[f"{name} {i}"] for i in range(len(own.sums))]
        errors = [Sums(*(part[i].value for part in parts)).error if parts else math.nan for i in range(len(windows))]
        found += [_taken(own, *each) for each in zip(readings, errors, strict=True)]
    return [
        r for r in found if r.scope != "service" or math.isfinite(r.value)
    ]  # no row of a window may carry a latency


def _with_something_to_say(
    core: Core, spec: ModelSpec, checks: Mapping[str, OwnSql], windows: Sequence[Window]
) -> Mapping[str, OwnSql]:
    """Leave out latencies where no row of the windows carries one, as in most logs: they would have no readings."""
    try:
        with core.db.cursor() as cursor:
            if latencies_logged(cursor, spec.name, Window(windows[0].start, windows[-1].end)):
                return checks
    except Exception:  # an archived file may not be readable: each check says so itself
        return checks
    return {name: own for name, own in checks.items() if own.scope != "service"}


def _worth_it(checks: Mapping[str, OwnSql], values: Mapping[str, Sequence[CustomValue]]) -> dict[str, CustomCheck]:
    """Return the checks of which it is worth knowing what is usual: latencies only where there are some."""
    return {
        name: own.check
        for name, own in checks.items()
        if own.told and (own.scope != "service" or any(math.isfinite(value.value) for value in values[name]))
    }


def _taken(own: OwnSql, reading: Reading, error: float) -> Reading:
    """Return a reading in its own scope, with the interval of its value, as grave as was declared."""
    verdict: Verdict = "critical" if own.pages and reading.verdict == "warning" else reading.verdict
    low, high = reading.value - Z95 * error, reading.value + Z95 * error
    return replace(reading, scope=own.scope, verdict=verdict, ci_lower=low, ci_upper=high)


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
        held = _from_json(kept) if kept is not None and kept["sql"] == check.sql else None
        if held is not None and int(np.isfinite(held.values).sum()) >= ENOUGH:
            found[name] = held
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
    """Return values by the best that is known: the reference's rows in the log, those kept of it, else the log's first windows.

    And whether they will stay so: nothing failed, and no labels are waited for. Without :data:`ENOUGH` of them there are none.
    """
    window_spec = core.window_spec(spec.name)
    windows = sorted({window_spec.containing(bucket) for bucket in reference.buckets})
    found: dict[str, tuple[Variation, bool]] = {}
    if len(windows) < ENOUGH:
        return _of_log(core, spec, sql)
    if reference.source.startswith("log"):
        with core.db.cursor() as cursor:
            found = _of_reference(windows, logged_values(cursor, spec, None, sql, windows))
    path = sample_path(core, spec.name, reference.version)
    if reference.rows <= SAMPLE_ROWS and path.exists() and found.keys() != sql.keys():
        table = pq.read_table(path)
        if EVENT_TIME in table.column_names:
            rest = {name: text for name, text in sql.items() if name not in found}
            found |= _of_reference(windows, sampled_values(table, spec, rest, windows))
    return found | _of_log(core, spec, {name: text for name, text in sql.items() if name not in found})


def _of_reference(
    windows: Sequence[Window], values: Mapping[str, Sequence[CustomValue]]
) -> dict[str, tuple[Variation, bool]]:
    """Return what a reference's windows say of each check, where enough of them do."""
    found: dict[str, tuple[Variation, bool]] = {}
    for name, each in values.items():
        known = [value if usable(value, 1) else value._replace(value=math.nan) for value in each]
        if sum(math.isfinite(value.value) for value in known) >= ENOUGH:
            complete = not any(value.error or few_labels(value) for value in each)
            found[name] = _variation(windows, known, f"{len(windows)} windows of the reference"), complete
    return found


def _of_log(core: Core, spec: ModelSpec, sql: Mapping[str, str]) -> dict[str, tuple[Variation, bool]]:
    """Return values of the log's own first windows that have rows, and labels, enough; none until there are as many as it takes."""
    active = core.active_reference(spec.name)
    if active is None or not sql:
        return {}
    window_spec, least = core.window_spec(spec.name), spec.monitor.min_rows
    closed = core.now() - parse_duration(spec.monitor.grace)
    rows: dict[Window, int] = {}
    found: dict[str, list[tuple[Window, CustomValue]]] = {name: [] for name in sql}
    with core.db.cursor() as cursor:
        for bucket in bucket_rows(cursor, spec.name, active.version, "inputs"):
            if bucket.role == "serving":
                window = window_spec.containing(bucket.start)
                rows[window] = rows.get(window, 0) + bucket.rows
        enough = [w for w in sorted(rows) if rows[w] >= least and w.end <= closed][: FIRST * _PATIENCE]
        for first in range(0, len(enough), FIRST):
            wanted = {name: text for name, text in sql.items() if len(found[name]) < FIRST}
            piece = enough[first : first + FIRST]
            values = logged_values(cursor, spec, None, wanted, piece) if wanted else {}
            for name, each in values.items():
                found[name] += [(w, value) for w, value in zip(piece, each, strict=True) if usable(value, least)]
    source = f"the log's own first {FIRST} windows, for the reference's rows are not known"
    made: dict[str, tuple[Variation, bool]] = {}
    for name, kept in found.items():
        if len(kept) >= FIRST:
            windows, firsts = zip(*kept[:FIRST], strict=True)
            made[name] = replace(_variation(windows, firsts, source), logged=True), True
    return made


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
    rows = variation.rows.tolist()
    return {
        "sql": sql,
        "starts": starts,
        "values": values,
        "rows": rows,
        "source": variation.source,
        "logged": variation.logged,
    }


def _from_json(kept: Mapping[str, Any]) -> Variation:
    return Variation(
        tuple(datetime.fromisoformat(start) for start in kept["starts"]),
        np.asarray([math.nan if value is None else value for value in kept["values"]], dtype=np.float64),
        np.asarray(kept["rows"], dtype=np.int64),
        kept["source"],
        kept.get("logged", kept["source"].startswith("the log's own")),
    )


# -- declared later ----------------------------------------------------------------------------------------------------
def _digest(check: CustomCheck) -> str:
    """Return what tells one definition of a check from another."""
    return hashlib.sha256(json.dumps(check.model_dump(), sort_keys=True).encode()).hexdigest()[:16]


def backfill(
    core: Core,
    spec: ModelSpec,
    served: Callable[[], Sequence[tuple[str, Sequence[Window]]]],
    due: Collection[tuple[str, Window]],
) -> int:
    """Append the readings of SQL checks that were declared, or changed, after their windows had been judged; returns how many.

    ``served``: returns which version served which windows; ``due``: which of them are to be judged anyway. Windows whose rows have
    left the log get no readings. What is past raises no alerts.
    """
    key = f"own_checks/{spec.name}"
    every = own_sql(spec)
    now = {name: _digest(own.check) for name, own in every.items()}
    before = core.control.get_setting(key, {})
    if now == before:
        return 0
    new = {name: own for name, own in every.items() if before.get(name) != now[name]}
    window_spec = core.window_spec(spec.name)
    files = load_checks(core.home.root / FOLDER)
    each = _each(spec, files, table_level(spec, windows_per_year(window_spec)))
    found: list[Reading] = []
    for version, windows in served() if new else ():
        reference = core.reference_for(spec.name, version)
        if reference is None:
            continue
        with core.db.cursor() as cursor:
            judged = judged_windows(cursor, spec.name, version, reference.version, outcomes=(), without=())
        past = [window for window in windows if window.start in judged and (version, window) not in due]
        blank = blank_of(reference, version, core.now())
        found += declared_readings(core, spec, new, reference, version, past, blank, each)
    readings = list(with_limits(spec, [reading for reading in found if reading.n]))
    append_readings(core.db, reading_columns(readings))
    core.control.put_setting(key, now)
    return len(readings)
