"""What a local workspace says of single columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitors.registry import DECIDING, concept_column
from reference_data.windows import Window
from service.local import relation as relations
from service.local.convert import aware
from service.local.heat import kind_of
from service.local.rows import MOST
from service.workspace import NotFoundError, WorkspaceError
from storage.column_rows import rows_of_bar
from storage.readings import current_readings
from storage.row_source import logged_window
from storage.value_bars import bars_of

if TYPE_CHECKING:
    from datetime import datetime

    from reference_data.profile import BinnedColumn
    from reference_data.reference import Reference
    from service import column_views, views
    from service.local.core import Core


def columns(core: Core, model: str) -> list[column_views.ColumnName]:
    """Return the columns that have a page: those that are profiled, and embeddings, which are judged by rows."""
    spec, reference = core.spec(model), core.active_reference(model)
    if reference is None:
        return []
    entries = {entry.column.name: entry.column for entry in reference.inputs.layout.columns if not entry.of}
    concept = concept_column(None if reference.outcomes is None else reference.outcomes.layout)
    if concept is not None and reference.outcomes is not None:
        entries[concept] = reference.outcomes.layout.entry(concept).column
    declared = {column.name: column for column in spec.columns}
    order = [*declared, *(name for name in entries if name not in declared)]
    return [
        {"name": name, "kind": kind_of(name, spec), "type": column.type, "unit": column.unit}
        for name in order
        if (column := entries.get(name, declared.get(name))) is not None
        and (name in entries or column.type == "embedding")
    ]


class LocalColumns:
    """See :class:`service.columns.Columns`."""

    core: Core

    def columns(self, model: str) -> list[column_views.ColumnName]:
        return columns(self.core, model)

    def relation(
        self, model: str, column: str, window_start: datetime | None = None
    ) -> column_views.RelationView | None:
        return relations.relation(self.core, model, column, window_start)

    def column_rows(
        self,
        model: str,
        column: str,
        since: datetime,
        until: datetime,
        *,
        place: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> views.RowPage:
        zone = self.core.spec(model).zone
        window = Window(aware(since, zone), aware(until, zone))
        return _rows(self.core, model, column, window, place, limit, offset)


def _rows(
    core: Core, model: str, column: str, window: Window, place: int | None, limit: int, offset: int
) -> views.RowPage:
    if not 1 <= limit <= MOST or offset < 0:
        raise WorkspaceError(f"limit {limit} and offset {offset}: a page has 1 to {MOST} rows and begins at 0 or later")
    spec, reference = core.spec(model), _judged_by(core, model, column, window) or core.active_reference(model)
    if reference is None:
        raise NotFoundError(f"model {model!r} has no reference, so its columns have no bars; freeze one")
    entry = _entry(reference, column)
    bars = bars_of(entry.bins)
    if place is not None and not 0 <= place < len(bars):
        raise NotFoundError(
            f"{column!r} has no bar {place}: the bars are 0 ({bars[0].label}) to {len(bars) - 1} ({bars[-1].label})"
        )
    positive = relations.positive_of(spec, reference)
    with core.db.cursor() as cursor:
        source = logged_window(cursor, spec, window)
        names, rows, total = rows_of_bar(source, entry, place, limit=limit, offset=offset, positive=positive)
    return {"columns": names, "rows": rows, "total": total, "offset": offset, "limit": limit}


def _judged_by(core: Core, model: str, column: str, window: Window) -> Reference | None:
    """Return the reference whose bars a page shows of a stretch; None where it was not judged."""
    with core.db.cursor() as cursor:
        rows = current_readings(cursor, model, check=DECIDING, column=column, since=window.start, until=window.end)
    return core.control.reference(model, rows[-1]["reference_version"]) if rows else None


def _entry(reference: Reference, column: str) -> BinnedColumn:
    for profile in (reference.inputs, reference.outcomes):
        if profile is not None and column in profile.layout.names:
            return profile.layout.entry(column)
    names = ", ".join(entry.column.name for entry in reference.inputs.layout.columns)
    raise NotFoundError(f"{column!r} has no bars; columns that have: {names}")
