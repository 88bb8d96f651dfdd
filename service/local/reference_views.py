"""What references there are, what they are too small for, and how two of them differ."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from monitors.adequacy import shortcomings
from monitors.reference_diff import COMPARED_OUTCOMES, Difference, differences
from reference_data.profile import ColumnProfile, Layout
from service.local import segment_profiles
from service.local.convert import iso, number
from service.local.references import sample_path
from service.local.series import held_against
from service.workspace import NotFoundError
from storage.memory import in_memory
from storage.names import quote
from storage.profiler import profile_rows
from storage.row_source import registered
from storage.serving import profiled_versions
from storage.traffic import bucket_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from reference_data.windows import Window
    from service.data_views import ReferenceDiffRow, ReferenceView
    from service.local.core import Core

_ROWS = "kept_rows"
_LATEST = 30  # windows of the log that say how many rows a window usually has


def references(core: Core, model: str) -> list[ReferenceView]:
    """Return every reference, the latest first."""
    spec = core.spec(model)
    active = core.active_reference(model)
    users = _users(core, model)
    found: list[ReferenceView] = []
    for version in reversed(core.control.reference_versions(model)):
        held = core.control.reference(model, version)
        found.append(
            {
                "model": model,
                "version": version,
                "current": active is not None and active.version == version,
                "source": held.source,
                "created_at": iso(held.created_at, spec.zone),
                "period": [iso(held.period.start, spec.zone), iso(held.period.end, spec.zone)],
                "rows": held.rows,
                "labelled": 0 if held.outcomes is None else int(held.outcomes.rows.sum()),
                "columns": len(held.inputs.layout.columns),
                "used_by": users.get(version, []),
                "warnings": warnings_of(core, spec, held) + segment_profiles.remarks(core, spec, held),
            }
        )
    return found


def warnings_of(core: Core, spec: ModelSpec, reference: Reference) -> list[str]:
    """Return what a reference is too small for, in sentences."""
    window_spec = core.window_spec(spec.name)
    plain = spec.model_copy(update={"reference": type(spec.reference)()})
    ((whole, _),) = held_against(core, plain, reference, [window_spec.containing(reference.period.start)])
    usual = _usual_rows(core, spec, reference)
    return shortcomings(spec, reference, whole.calibration, window_spec, usual)


def _users(core: Core, model: str) -> dict[int, list[str]]:
    """Return the versions, registered ones and those seen in the log, that are held against each reference."""
    with core.db.cursor() as cursor:
        served = profiled_versions(cursor, model)
    users: dict[int, list[str]] = defaultdict(list)
    for version in dict.fromkeys([*served, *core.versions(model)]):
        held = core.reference_for(model, version)
        if held is not None:
            users[held.version].append(version)
    return users


def _usual_rows(core: Core, spec: ModelSpec, reference: Reference) -> float | None:
    """Return the median rows of the log's latest windows, None before there are any."""
    window_spec = core.window_spec(spec.name)
    rows: dict[Window, int] = defaultdict(int)
    with core.db.cursor() as cursor:
        for row in bucket_rows(cursor, spec.name, reference.version, "inputs"):
            if row.role == "serving":
                rows[window_spec.containing(row.start)] += row.rows
    latest = [rows[window] for window in sorted(rows)][-_LATEST - 1 : -1]  # the last one may still be open
    return float(np.median(latest)) if latest else None


# -- two of them -------------------------------------------------------------------------------------------------------
def reference_diff(core: Core, model: str, version: int, other: int) -> list[ReferenceDiffRow]:
    """Return what changed from reference ``version`` to ``other``, what moved most first.

    Both are counted in the cells of the older one: its own profile of all rows, and the rows kept of the newer one (all of them up to
    100,000, beyond that a sample that does not depend on order), profiled anew. Without those, the other way round.
    """
    spec = core.spec(model)
    first, second = _named(core, model, version), _named(core, model, other)
    older, newer = sorted((first, second), key=lambda held: held.version)
    shared = _shared(core, spec, older, newer)
    if shared is None:
        turned = _shared(core, spec, newer, older)
        shared = {} if turned is None else {name: (b, a) for name, (a, b) in turned.items()}
    if first.version > second.version:
        shared = {name: (b, a) for name, (a, b) in shared.items()}
    return [_row(found) for found in differences(first, second, shared, spec.monitor.tolerance)]


def _named(core: Core, model: str, version: int) -> Reference:
    known = core.control.reference_versions(model)
    if version not in known:
        there = ", ".join(map(str, known)) or "none yet; freeze one with `driftdeck reference`"
        raise NotFoundError(f"model {model!r} has no reference {version}; it has: {there}")
    return core.control.reference(model, version)


def _shared(
    core: Core, spec: ModelSpec, base: Reference, counted: Reference
) -> dict[str, tuple[ColumnProfile, ColumnProfile]] | None:
    """Return the columns of both on the cells of ``base``, None when the rows of ``counted`` are not kept."""
    path = sample_path(core, spec.name, counted.version)
    if not path.exists():
        return None
    table = pq.read_table(path)
    expressions = {name: quote(f"c{index}") for index, name in enumerate(table.column_names)}
    found: dict[str, tuple[ColumnProfile, ColumnProfile]] = {}
    with in_memory({_ROWS: table.rename_columns([f"c{index}" for index in range(table.num_columns)])}) as cursor:
        rows = registered(cursor, _ROWS, expressions, timed=False)
        parts = [(base.inputs, counted.inputs, rows.relation, tuple(expressions))]
        if base.outcomes is not None and counted.outcomes is not None and "label" in expressions:
            parts.append((base.outcomes, counted.outcomes, rows.labelled().relation, COMPARED_OUTCOMES))
        for ours, theirs, relation, names in parts:
            layout = _common(ours.layout, theirs.layout, names)
            _, profile = profile_rows(cursor, relation, expressions, layout)
            total = ours.total()
            found |= {name: (total.column(name), profile[0].column(name)) for name in layout.names}
    return found


def _common(ours: Layout, theirs: Layout, names: Collection[str]) -> Layout:
    """Return our cells of the columns that both have, of one type, and that can be counted anew."""
    types = {entry.column.name: (entry.column.type, entry.derive) for entry in theirs.columns}
    return Layout(
        tuple(
            entry
            for entry in ours.columns
            if entry.column.name in names and types.get(entry.column.name) == (entry.column.type, entry.derive)
        )
    )


def _row(found: Difference) -> ReferenceDiffRow:
    return {
        "column": found.column,
        "type": found.type,
        "change": found.change,
        "distance": number(found.distance),
        "significant": found.significant,
        "missing": [number(share) for share in found.missing],
        "mean": [number(mean) for mean in found.mean],
        "sentence": found.sentence,
    }
