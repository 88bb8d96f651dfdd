"""Evidently's report for a window: rows written for a worker process, its page kept."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from monitors.evidently_report import ReportError, ReportJob, build_report
from service.local.convert import iso
from service.local.references import SAMPLE_ROWS, sample_path
from service.workspace import NotFoundError, WorkspaceError
from storage.row_source import logged_window

if TYPE_CHECKING:
    from service.local.core import Core


def evidently(core: Core, model: str, window_start: datetime) -> Path:
    """Return the HTML of Evidently's report for the window that holds a time, made now unless it stands already."""
    spec = core.spec(model)
    window = core.window_spec(model).containing(window_start)
    reference = core.active_reference(model)
    if reference is None or not sample_path(core, model, reference.version).exists():
        raise NotFoundError(
            f"model {model!r} has no reference to report against; freeze one with `driftdeck reference`"
        )
    output = core.home.reports / f"{model}-{reference.version}-{window.start:%Y%m%dT%H%M}.html"
    if output.exists() and output.stat().st_mtime >= core.db.path.stat().st_mtime:
        return output
    current = output.with_suffix(".parquet")
    labelled = reference.outcomes is not None
    names = [column.name for column in spec.columns] + (["prediction", "label"] if labelled else [])
    with core.db.cursor() as cursor:
        rows = logged_window(cursor, spec, window).sample(names, SAMPLE_ROWS)
    if not rows.num_rows:
        raise NotFoundError(f"no row of {model!r} lies in the window from {iso(window.start, spec.zone)}")
    pq.write_table(rows, current)
    job = ReportJob(
        reference=sample_path(core, model, reference.version),
        current=current,
        output=output,
        title=f"{model}, {window.start.astimezone(spec.zone):%-d %B %Y}",
        task=spec.task,
        label="label" if labelled else None,
        prediction="prediction" if labelled else None,
        positive=spec.positive,
        types={column.name: column.type for column in spec.columns},
    )
    try:
        return build_report(job)
    except ReportError as error:
        raise WorkspaceError(str(error)) from None
    finally:
        current.unlink(missing_ok=True)
