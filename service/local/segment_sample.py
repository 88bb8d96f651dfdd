"""What the rows kept of a reference say of its segments: how good the model was in each, and of segments declared later their profiles."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.parquet as pq

from monitors.registry import metric_checks, metric_values, positive_class
from reference_data.declaration import ModelSpec
from reference_data.profile import BinnedColumn, Layout
from reference_data.reference import Reference
from reference_data.segments import Segments, spaces_of
from service.local.references import file_stamp, sample_path
from storage.derived import compile_value
from storage.memory import in_memory
from storage.profiler import profile_rows
from storage.row_source import RowSource, registered
from storage.segments import code_sql, with_times

if TYPE_CHECKING:
    from monitors.types import Check
    from service.local.core import Core

_ROWS = "reference_rows"


class Part(NamedTuple):
    """A segment: its name, the declared segment it belongs to, and its value there."""

    name: str
    space: str
    value: str


def metric_by_segment(core: Core, reference: Reference, check: Check) -> dict[Part, float]:
    """Return a metric by segment in the rows kept of a reference."""
    spec = core.spec(reference.model)
    path = sample_path(core, reference.model, reference.version)
    return _metrics(path, file_stamp(path), spec.model_dump_json(), reference, reference.segments, check)


@contextmanager
def sample_rows(path: Path, names: Collection[str] | None = None) -> Iterator[RowSource]:
    """Give the rows kept of a reference, by their logical names (all, or those of ``names``), with times if these were kept as well."""
    kept = None if names is None else [name for name in pq.read_schema(path).names if name in names]
    table = pq.read_table(path, columns=kept)
    renamed = table.rename_columns([f"c{index}" for index in range(table.num_columns)])
    expressions = {name: f"c{index}" for index, name in enumerate(table.column_names)}
    with in_memory({_ROWS: renamed}) as cursor:
        yield with_times(registered(cursor, _ROWS, expressions, timed=False))


def _within(layout: Layout, rows: RowSource, positive: str | None) -> Layout:
    """Return the outcomes that can be derived from the rows that were kept: scores of several classes were not."""

    def derived(entry: BinnedColumn) -> bool:
        try:
            compile_value(entry, rows.expressions, positive=positive)
        except (KeyError, ValueError):
            return False
        return True

    return Layout(tuple(entry for entry in layout.narrow().columns if derived(entry)))


@lru_cache(maxsize=32)
def _metrics(
    path: Path,
    written: tuple[int, int],  # noqa: ARG001  (a deletion writes the file anew)
    declared: str,
    reference: Reference,
    frozen: Segments | None,
    check: Check,
) -> dict[Part, float]:
    """References never change, so their rows are read once."""
    spec = ModelSpec.model_validate_json(declared)
    if reference.outcomes is None or not path.exists():
        return {}
    positive = positive_class(spec, reference.outcomes.layout)
    found: dict[Part, float] = {}
    with sample_rows(path) as rows:
        layout = _within(reference.outcomes.layout, rows, positive)
        if check.name not in metric_checks(spec, layout):
            return {}
        relation = rows.labelled().relation
        for space in spaces_of(spec.segments, reference.inputs.total(), frozen):
            if any(cut.column not in rows.expressions for cut in space.cuts):
                continue
            code = code_sql(space, reference.inputs.layout, rows.expressions)
            keys, profile = profile_rows(
                rows.cursor, relation, rows.expressions, layout, group=[code], positive=positive
            )
            for (member,), value in zip(keys, metric_values(spec, check, profile), strict=True):
                if not math.isnan(value):
                    found[Part(space.text(member), space.name, space.value(member))] = float(value)
    return found
