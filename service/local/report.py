"""Evidently's report for a window: rows written for a worker process, its page kept."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from monitors.evidently_report import ReportError, ReportJob, build_report
from service.local.convert import iso
from service.local.due import serving_stretches
from service.local.references import SAMPLE_ROWS, sample_path
from service.workspace import NotFoundError, WorkspaceError
from storage.row_source import logged_window

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from reference_data.windows import Window
    from service.local.core import Core

_ONE = Lock()  # a report takes a core and gigabytes; who asks for the same one meanwhile finds it made


def evidently(core: Core, model: str, window_start: datetime) -> Path:
    """Return the HTML of Evidently's report for the window that holds a time, made now unless it stands already.

    It is held against the reference of the version that served the window, as the window's readings are.
    """
    spec = core.spec(model)
    window = core.window_spec(model).containing(window_start)
    served = [version for version, windows in serving_stretches(core, spec) if window in windows]
    reference = core.reference_for(model, served[0]) if served else core.active_reference(model)
    if reference is None or not sample_path(core, model, reference.version).exists():
        raise NotFoundError(
            f"model {model!r} has no reference to report against; freeze one with `driftdeck reference`"
        )
    output = core.home.reports / f"{model}-{reference.version}-{window.start:%Y%m%dT%H%M}.html"
    with _ONE:
        if not output.exists() or output.stat().st_mtime < _written(core):
            _make(core, spec, reference, window, output)
    return output


def _make(core: Core, spec: ModelSpec, reference: Reference, window: Window, output: Path) -> None:
    current = output.with_suffix(".parquet")
    labelled = reference.outcomes is not None
    names = [column.name for column in spec.columns] + (["prediction", "label"] if labelled else [])
    with core.db.cursor() as cursor:
        rows = logged_window(cursor, spec, window).sample(names, SAMPLE_ROWS)
    if not rows.num_rows:
        raise NotFoundError(f"no row of {spec.name!r} lies in the window from {iso(window.start, spec.zone)}")
    pq.write_table(rows, current)
    job = ReportJob(
        reference=sample_path(core, spec.name, reference.version),
        current=current,
        output=output,
        title=f"{spec.name}, {window.start.astimezone(spec.zone):%-d %B %Y}",
        task=spec.task,
        label="label" if labelled else None,
        prediction="prediction" if labelled else None,
        positive=spec.positive,
        types={column.name: column.type for column in spec.columns},
    )
    try:
        build_report(job)
    except ReportError as error:
        raise WorkspaceError(str(error)) from None
    finally:
        current.unlink(missing_ok=True)


def _written(core: Core) -> float:
    """Return when rows were written last: what is new stands in the write-ahead log, and not yet in the file."""
    log = core.db.path.with_name(f"{core.db.path.name}.wal")
    return max(path.stat().st_mtime for path in (core.db.path, log) if path.exists())
