"""Drift by column: the heat map, the table of one window, the page of one feature."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitors.registry import DECIDING
from reference_data.profile import ColumnProfile, Profile
from reference_data.windows import Window
from service.histograms import histogram
from service.local.convert import aware, iso, number, numbers, row_to_reading
from service.local.heat import STATES, kind_of, state_of
from service.local.recall import recalled
from service.local.series import held_against, load_series
from service.workspace import NotFoundError
from storage.readings import current_readings

if TYPE_CHECKING:
    from monitors.types import Reading
    from reference_data.reference import Reference
    from service import views
    from service.local.core import Core

SHOWN_OUTCOMES = ("error given inputs", "correct")  # outcome columns that stand for the rule from inputs to label


@recalled("judged")
def deciding(core: Core, model: str, since: datetime | None = None) -> list[Reading]:
    """Return the readings that carry the verdicts of all columns and windows (from ``since`` on), in order of time.

    The rule from inputs to label counts as harmful wherever the model was: its errors are what harm is made of.
    """
    with core.db.cursor() as cursor:
        rows = current_readings(cursor, model, check=DECIDING, since=since)
        measured = current_readings(cursor, model, scope="performance", verdict="critical", since=since)
    harm = {(row["model_version"], row["reference_version"], row["window_start"]) for row in measured}
    latest: dict[tuple[str | None, datetime], Reading] = {}
    for row in rows:
        reading = row_to_reading(row)
        if reading.column == "label":
            continue
        if reading.column in SHOWN_OUTCOMES:
            at = (reading.model_version, reading.reference_version, reading.window.start)
            reading = replace(reading, harmful=at in harm)
        key = (reading.column, reading.window.start)
        if key not in latest or reading.computed_at >= latest[key].computed_at:
            latest[key] = reading
    return sorted(latest.values(), key=lambda reading: reading.window.start)


def standing(core: Core, model: str, since: datetime | None = None) -> list[Reading]:
    """Return for each column and window the reading that says what is to be known of it: the deciding one, or what is wrong beside it.

    A column whose distribution holds may still miss values, leave its range or pass a fixed limit.
    """
    worse: dict[tuple[str | None, datetime, str, int], Reading] = {}
    for wrong in _wrong(core, model, since):
        worse.setdefault((wrong.column, wrong.window.start, wrong.model_version, wrong.reference_version), wrong)
    return [
        reading
        if reading.verdict == "drift" or reading.harmful
        else worse.get(
            (reading.column, reading.window.start, reading.model_version, reading.reference_version), reading
        )
        for reading in deciding(core, model, since)
    ]


@recalled("judged")
def _wrong(core: Core, model: str, since: datetime | None) -> list[Reading]:
    """Return what is wrong with columns beside the deciding readings, the worst kind first: few, asked by table and heat map alike."""
    with core.db.cursor() as cursor:
        rows = [
            row
            for kind in ("critical", "warning")
            for row in current_readings(cursor, model, scope="column", verdict=kind, since=since)
        ]
    return [replace(row_to_reading(row), significant=True, material=True) for row in rows]


@recalled("judged")
def heatmap(core: Core, model: str) -> list[views.HeatCell]:
    """Return the state of every column in every judged window."""
    spec = core.spec(model)
    return [
        {
            "column": reading.column or "",
            "kind": kind_of(reading.column or "", spec),
            "start": iso(reading.window.start, spec.zone),
            "state": state_of(reading),
            "value": number(reading.value),
            "threshold": number(reading.threshold),
        }
        for reading in standing(core, model)
    ]


def choose_window(core: Core, model: str, readings: list[Reading], start: datetime | None) -> Window:
    """Return the judged window that holds ``start``, the latest one with rows by default."""
    judged = sorted({reading.window for reading in readings})
    if not judged:
        raise NotFoundError(
            f"no window of {model!r} has been judged yet; log rows, freeze a reference, then `driftdeck run {model}`"
        )
    if start is None:
        filled = [reading.window for reading in readings if reading.verdict != "no_data"]
        return max(filled, default=judged[-1])
    moment = aware(start, core.spec(model).zone)
    for window in judged:
        if window.start <= moment < window.end:
            return window
    zone = core.spec(model).zone
    raise NotFoundError(
        f"no judged window of {model!r} holds {iso(moment, zone)}; "
        f"they run from {iso(judged[0].start, zone)} to {iso(judged[-1].end, zone)}"
    )


def reference_of(core: Core, reading: Reading) -> Reference:
    """Return the reference that a reading was judged against."""
    return core.control.reference(reading.model, reading.reference_version)


@recalled("judged")
def drift_table(core: Core, model: str, window_start: datetime | None) -> list[views.DriftRow]:
    """Return one row a column for a window, worst first."""
    spec = core.spec(model)
    readings = standing(core, model)
    window = choose_window(core, model, readings, window_start)
    history: dict[str, list[Reading]] = defaultdict(list)
    for reading in deciding(core, model):
        if reading.window <= window:
            history[reading.column or ""].append(reading)
    chosen = [reading for reading in readings if reading.window == window]
    if not chosen:
        return []
    reference = reference_of(core, chosen[0])
    ((held, _),) = held_against(core, spec, reference, [window])
    current = {
        part: load_series(core, reference, part, [window], version=chosen[0].model_version).profile
        for part in (("inputs", "outcomes") if reference.outcomes is not None else ("inputs",))
    }
    rows: list[views.DriftRow] = []
    for reading in chosen:
        name = reading.column or ""
        base, now = _column(held.reference, current, name)
        rows.append(
            {
                "column": name,
                "kind": kind_of(name, spec),
                "type": base.entry.column.type,
                "unit": base.entry.column.unit,
                "state": state_of(reading),
                "check": reading.check,
                "value": number(reading.value),
                "threshold": number(reading.threshold),
                "p_value": number(reading.p_value),
                "trend": numbers(
                    r.value for r in (history[name] if reading.check == DECIDING else _beside(core, reading))[-30:]
                ),
                "histogram": histogram(base, now),
                "sentence": reading.sentence,
            }
        )
    return sorted(rows, key=lambda row: (STATES.index(row["state"]), -(row["value"] or 0.0)))


def _beside(core: Core, reading: Reading) -> list[Reading]:
    """Return the readings of a check beside the deciding one, up to a window."""
    with core.db.cursor() as cursor:
        rows = current_readings(
            cursor, reading.model, check=reading.check, column=reading.column, until=reading.window.end
        )
    return [row_to_reading(row) for row in rows]


def _column(reference: Reference, current: dict[str, Profile], name: str) -> tuple[ColumnProfile, ColumnProfile]:
    part = "inputs" if name in reference.inputs.layout.names else "outcomes"
    whole = reference.inputs if part == "inputs" or reference.outcomes is None else reference.outcomes
    return whole.total().column(name), current[part][0].column(name)


def judged_readings(core: Core, model: str, column: str, window: Window) -> list[dict[str, Any]]:
    """Return every current reading of one column in one window, as rows."""
    with core.db.cursor() as cursor:
        rows = current_readings(cursor, model, column=column, since=window.start, until=window.end)
    return [row for row in rows if row["window_start"] == window.start]
