"""Rows that explanations read: a sample of the reference's and one of a period's, inputs as the reference counts them, with their loss."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.registry import label_unit, positive_class
from monitors.sequence.baseline import loss_of
from monitors.why.rows import HUGE, Rows
from reference_data.profile import BinnedColumn
from reference_data.windows import Window
from service.local.references import sample_path
from service.local.segment_sample import sample_rows
from storage.buckets import aware
from storage.loss_rows import answered_by, foremost_version, loss_rows, rows_by_id
from storage.row_source import RowSource, logged_window

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from service.local.core import Core

ROWS = 20_000  # of either side, at most


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What there is to explain: labelled rows of a reference and of a period that one version served.

    ``ids`` and ``at`` (naive UTC): of the current rows. ``loss``: what rows are judged by, in ``unit``.
    """

    spec: ModelSpec
    reference: Reference
    version: str
    period: Window
    loss: str
    unit: str
    features: tuple[BinnedColumn, ...]
    context: tuple[BinnedColumn, ...]
    then: Rows
    now: Rows
    ids: tuple[str, ...]

    @property
    def entries(self) -> tuple[BinnedColumn, ...]:
        """Every column, features first."""
        return (*self.features, *self.context)


def study(core: Core, spec: ModelSpec, period: Window, *, version: str | None = None, most: int = ROWS) -> Study | None:
    """Read the rows of a period (of ``version``; left out: the one that answered most), and of its reference; None without labels on either side.

    At most ``most`` of either side, those whose ids hash lowest.
    """
    with core.db.cursor() as cursor:
        served = logged_window(cursor, spec, period)
        answered = version or foremost_version(served)
        reference = None if answered is None else core.reference_for(spec.name, answered)
        if reference is None or answered is None or reference.outcomes is None:
            return None
        path = sample_path(core, spec.name, reference.version)
        if not path.exists():
            return None
        with sample_rows(path) as kept:
            loss = _loss(reference, spec, kept)
            if loss is None or not {"label", "prediction"} <= kept.expressions.keys():
                return None
            entries = _entries(spec, reference, kept)
            positive = positive_class(spec, reference.outcomes.layout)
            outcome = reference.outcomes.layout.entry("correct" if loss == "error" else loss)
            then, _ = _rows(kept, entries, outcome, positive, most, ids=False)
        now, ids = _rows(answered_by(served, answered), entries, outcome, positive, most, ids=True)
    features = tuple(entry for entry in entries if entry.column.name in spec.features)
    unit = {"log loss": "nats", "error": "share"}.get(loss) or label_unit(spec, reference.outcomes.layout)
    return Study(
        spec, reference, answered, period, loss, unit, features, tuple(e for e in entries if e not in features),
        then, now, ids,
    )  # fmt: skip


def _loss(reference: Reference, spec: ModelSpec, kept: RowSource) -> str | None:
    """Return the loss that the kept rows can say; references of several classes from before scores were kept have answers only."""
    loss = loss_of(reference, spec.task)
    if loss == "log loss" and not {"score", "scores"} & kept.expressions.keys():
        return "error"
    return loss


def _entries(spec: ModelSpec, reference: Reference, kept: RowSource) -> tuple[BinnedColumn, ...]:
    """Return the inputs that both sides hold, as the reference counts them."""
    declared = {*spec.features, *spec.context}
    return tuple(
        entry
        for entry in reference.inputs.layout.columns
        if entry.column.name in declared and entry.column.name in kept.expressions
    )


def _rows(
    rows: RowSource,
    entries: tuple[BinnedColumn, ...],
    outcome: BinnedColumn,
    positive: str | None,
    most: int,
    *,
    ids: bool,
) -> tuple[Rows, tuple[str, ...]]:
    """Return labelled rows, and their ids if they have ``ids``."""
    table = loss_rows(rows, entries, outcome, positive, most, ids=ids)
    columns = {one.column.name: _values(table.column(place), one) for place, one in enumerate(entries)}
    day = table.column("day")
    days = None if day.null_count else day.to_numpy().astype(np.int64)
    found = Rows(columns, np.minimum(table.column("loss").to_numpy().astype(np.float64), HUGE), days)
    return found, tuple(table.column("id").to_pylist()) if ids else ()


def _values(column: pa.ChunkedArray, entry: BinnedColumn) -> NDArray[Any]:
    if entry.ordered:
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.array([*column.to_pylist(), None], dtype=object)[:-1]


def raw_rows(core: Core, spec: ModelSpec, period: Window, ids: list[str], version: str) -> dict[str, dict[str, Any]]:
    """Return rows of a period by id: their inputs as they were logged, ``prediction``, ``label`` and event time (aware UTC) under ``at``."""
    if not ids:
        return {}
    kept = [column.name for column in spec.columns if column.type != "embedding"]
    with core.db.cursor() as cursor:
        found = rows_by_id(answered_by(logged_window(cursor, spec, period), version), kept, ids)
    return {
        row[0]: {
            "at": aware(row[1]),
            "prediction": row[2],
            "label": row[3],
            "values": {
                name: aware(value) if isinstance(value, datetime) else value
                for name, value in zip(kept, row[4:], strict=True)
            },
        }
        for row in found
    }
