"""Evidently's report for a window: rows written for a worker process, its page kept."""

from __future__ import annotations

import glob
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Literal

import pyarrow.parquet as pq

from monitors.evidently_report import ReportError, ReportJob, build_report
from service.local.convert import iso
from service.local.due import serving_stretches
from service.local.references import SAMPLE_ROWS, sample_path
from service.workspace import NotFoundError, WorkspaceError
from storage.row_source import logged_window
from storage.window_print import fingerprint

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from reference_data.windows import Window
    from service.local.core import Core
    from service.reporting_views import MakingView

_FRESH = 600.0  # seconds for which a report that was asked for stands, though rows may come all the time
_ONE = Lock()  # a report takes a core and gigabytes; who asks for the same one meanwhile finds it made


@dataclass(slots=True)
class Making:
    """A report that is being made beside whatever else goes on, or that could not be."""

    thread: Thread
    began: float = field(default_factory=time.monotonic)
    error: str | None = None
    done: Path | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a report is of, and where it stands once it is made of the rows that are there now."""

    spec: ModelSpec
    reference: Reference
    window: Window
    stem: str
    output: Path


def evidently(core: Core, model: str, window_start: datetime) -> Path:
    """Return the HTML of Evidently's report for the window that holds a time, made now unless it stands already.

    It is held against the reference of the version that served the window, as the window's readings are.
    """
    wanted = _wanted(core, model, window_start)
    with _ONE:
        standing = _standing(core, wanted)
        if standing is None:
            _make(core, wanted)
    return standing or wanted.output


def making(core: Core, model: str, window_start: datetime, *, start: bool) -> MakingView:
    """Say where a report stands; with ``start`` it is begun, in a thread, unless it stands or is being made."""
    wanted = _wanted(core, model, window_start)
    if _standing(core, wanted) is not None:
        return {"state": "ready", "seconds": None, "error": None}
    with core.mutex:
        under_way = core.making.get(wanted.stem)
        if start and (under_way is None or not under_way.thread.is_alive()):
            under_way = core.making[wanted.stem] = Making(Thread(target=_beside, args=(core, wanted), daemon=True))
            under_way.thread.start()
    if under_way is None or under_way.done is not None:
        return {"state": "none", "seconds": None, "error": None}
    state: Literal["failed", "making"] = "failed" if under_way.error is not None else "making"
    return {"state": state, "seconds": time.monotonic() - under_way.began, "error": under_way.error}


def _standing(core: Core, wanted: _Wanted) -> Path | None:
    """Return a report of the rows as they are, or the one that was made a moment ago because somebody asked for it."""
    if wanted.output.exists():
        return wanted.output
    made = core.making.get(wanted.stem)
    if made is None or made.done is None or time.monotonic() - made.began > _FRESH or not made.done.exists():
        return None
    done: Path = made.done
    return done


def _beside(core: Core, wanted: _Wanted) -> None:
    try:
        with _ONE:
            if not wanted.output.exists():
                _make(core, wanted)
        core.making[wanted.stem].done = wanted.output
    except Exception as error:  # whatever it was, whoever waits is told
        words = str(error) if isinstance(error, WorkspaceError) else f"{type(error).__name__}: {error}"
        core.making[wanted.stem].error = words


def _wanted(core: Core, model: str, window_start: datetime) -> _Wanted:
    spec = core.spec(model)
    window = core.window_spec(model).containing(window_start)
    served = [version for version, windows in serving_stretches(core, spec) if window in windows]
    reference = core.reference_for(model, served[0]) if served else core.active_reference(model)
    if reference is None or not sample_path(core, model, reference.version).exists():
        raise NotFoundError(
            f"model {model!r} has no reference to report against; freeze one with `driftdeck reference`"
        )
    with core.db.cursor() as cursor:
        rows = fingerprint(cursor, spec, window)
    stem = f"{model}-{reference.version}-{window.start:%Y%m%dT%H%M}"
    return _Wanted(spec, reference, window, stem, core.home.reports / f"{stem}-{rows}.html")


def _make(core: Core, wanted: _Wanted) -> None:
    spec, reference, window, output = wanted.spec, wanted.reference, wanted.window, wanted.output
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
    for stale in output.parent.glob(f"{glob.escape(wanted.stem)}-*.html"):
        if stale != output:  # made of rows that have changed since
            stale.unlink(missing_ok=True)
