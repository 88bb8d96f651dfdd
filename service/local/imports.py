"""Taking in a model that was trained elsewhere: checked on rows, kept by its hash, with a reference of its own."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from reference_data.section import parse_duration
from retraining import registry, taking_in
from retraining.artefacts import ArtefactError
from retraining.fitted import FittedModel, ModelCard, positive_class
from retraining.job_rows import JobRows, read_rows, write_reference
from retraining.period import default_period
from retraining.taking_in import TakingInError
from retraining.types import Predictions, TrainingError
from retraining.validation import row_loss
from service.local import loop, mlflow_log, pruning, references
from service.local.choosing import next_version, trouble_since
from service.local.jobs import ACTIVE, settle
from service.local.registering import frozen_once
from service.workspace import ConflictError, WorkspaceError
from storage.errors import AlreadyExistsError
from storage.faults import fault_point
from storage.logs import export_parquet, label_span, latest_event_time

if TYPE_CHECKING:
    import pandas as pd

    from reference_data.declaration import ModelSpec
    from service import views
    from service.local.core import Core

#: Labelled rows from which a reference is made of them; fewer say too little of what is normal.
_FEWEST = 100
_CHECKED = 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LATEST = timedelta(days=28)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows to ask the model about; ``labelled`` where they are of the log and have labels."""

    frame: pd.DataFrame
    labelled: JobRows | None


def import_version(
    core: Core, model: str, path: Path, *, version: str | None, comment: str, actor: str
) -> views.VersionView:
    """Register the model in a file or MLflow folder of this machine; see :meth:`service.training.Training.import_version`."""
    spec = core.spec(model)
    _refuse_unready(core, spec, version)
    try:
        taken = taking_in.read(Path(path).expanduser(), core.trust())
        features, notes = taking_in.fit_columns(taken.estimator, spec.columns)
        fitted = FittedModel(taken.estimator, features, spec.task)
        with tempfile.TemporaryDirectory(prefix="import-", dir=core.home.spill) as folder:
            rows = _rows(core, spec, Path(folder) / "rows.parquet")
            labels = sorted(set(map(str, rows.labelled.label))) if rows.labelled and spec.task != "regression" else []
            _, more = taking_in.check(fitted, rows.frame.iloc[:_CHECKED], labels)
            found = fitted.predict(rows.labelled.frame) if rows.labelled else None
            sha256 = hashlib.sha256(taken.data).hexdigest()
            with core.mutex:
                name = _free_name(core, model, version)
                card = ModelCard(name, "", sha256, spec.task, features, _positive(spec, fitted))
                artefact = f"{model}-{name}-{sha256[:12]}{taken.suffix}"
                registry.write_atomically(core.home.artefacts / artefact, taken.data)
                fault_point("import.after_artefact")
                reference = None
                if found is not None and rows.labelled is not None:
                    reference = _reference(core, spec, rows.labelled, found, card, Path(folder) / "reference.parquet")
                fault_point("import.after_reference")
                notes += more if reference else [*more, "too few labelled rows for a reference of its own"]
                _record(core, spec, taken, card, artefact, reference, rows, found, notes, comment, actor)
                detail = {"sha256": sha256, "format": taken.format, "source": taken.source, "comment": comment}
                core.control.append_audit(actor, "import", f"{model}/{name}", detail, "workspace", core.now())
    except (TakingInError, ArtefactError, TrainingError) as error:
        raise WorkspaceError(f"{path} was not taken in: {error}") from error
    pruning.retain(core, model)
    mlflow_log.log_version(core, model, name)
    return loop.version_view(core, core.version(model, name), core.roles(model))


def _refuse_unready(core: Core, spec: ModelSpec, version: str | None) -> None:
    if not spec.features:
        raise WorkspaceError(
            f"model {spec.name!r} declares no features to ask a model with; declare them or freeze a reference first"
        )
    if spec.task == "none":
        raise WorkspaceError(f"model {spec.name!r} has task 'none'; declare what it predicts (task, prediction) first")
    if version is not None and not _NAME.fullmatch(version):
        raise WorkspaceError(
            f"version {version!r} is no name; write up to 64 letters, digits, '.', '_' and '-', such as v7"
        )
    settle(core, spec.name)
    _free_name(core, spec.name, version)


def _free_name(core: Core, model: str, version: str | None) -> str:
    """Return the new version's name; raises :class:`ConflictError` when it is taken, or promised to a job."""
    at_work = [job["id"] for job in core.control.jobs(model) if job["state"] in ACTIVE]
    if at_work:
        raise ConflictError(
            f"job {at_work[0]} of {model!r} is under way and will name a version; wait for it, or cancel it"
        )
    name = version or next_version(core, model)
    if name in core.versions(model):
        raise ConflictError(
            f"version {name!r} of model {model!r} is registered already; give another name with --version"
        )
    return name


def _rows(core: Core, spec: ModelSpec, path: Path) -> _Rows:
    """Return labelled rows of the log, else its latest, else those kept of a reference; raises :class:`WorkspaceError` without any."""
    with core.db.cursor() as cursor:
        span, latest = label_span(cursor, spec), latest_event_time(cursor, spec)
    if span is not None:
        holdout = parse_duration(spec.retrain.holdout)
        period = default_period(trouble_since(core, spec.name), span[0], span[1], holdout, spec.timezone).window
        if export_parquet(core.db, spec, period.start, period.end, path):
            labelled = read_rows(path, spec, core.roles(spec.name).champion, references.SAMPLE_ROWS)
            return _Rows(labelled.frame, labelled)
    if latest is not None:
        after = latest + timedelta(microseconds=1)
        export_parquet(core.db, spec, after - _LATEST, after, path, labelled_only=False)
        return _Rows(pq.read_table(path).to_pandas(ignore_metadata=True), None)
    for number in reversed(core.control.reference_versions(spec.name)):
        kept = references.sample_path(core, spec.name, number)
        if kept.exists():
            return _Rows(pq.read_table(kept).to_pandas(ignore_metadata=True), None)
    raise ConflictError(
        f"model {spec.name!r} has no row to check a model on; freeze a reference (`driftdeck reference {spec.name} FILE`) or log rows first"
    )


def _positive(spec: ModelSpec, fitted: FittedModel) -> str | None:
    if spec.task != "binary":
        return None
    try:
        return positive_class(spec.positive, tuple(str(label) for label in fitted.estimator.classes_))
    except ValueError as error:
        raise TakingInError(f"{error}; declare one of the model's classes as positive") from error


def _reference(
    core: Core, spec: ModelSpec, rows: JobRows, found: Predictions, card: ModelCard, path: Path
) -> int | None:
    """Freeze the model's reference from labelled rows with its own answers (docs/decisions/0001); None for too few rows."""
    if len(rows.label) < _FEWEST:
        return None
    everything = np.arange(len(rows.label), dtype=np.intp)
    write_reference(path, rows, everything, found, spec, card.version, card.positive)
    return frozen_once(core, spec.name, f"imported {card.version} {card.sha256[:12]}", path).version


def _record(
    core: Core,
    spec: ModelSpec,
    taken: taking_in.Taken,
    card: ModelCard,
    artefact: str,
    reference: int | None,
    rows: _Rows,
    found: Predictions | None,
    notes: list[str],
    comment: str,
    actor: str,
) -> None:
    now = core.now().isoformat()
    period = [now, now]
    if rows.labelled is not None:
        period = [rows.labelled.times[place].isoformat() for place in (0, -1)]
    record: dict[str, Any] = {
        "version": card.version,
        "model": spec.name,
        "created_at": now,
        "created_by": actor,
        "period": period,
        "rows": 0,
        "trainer": "imported",
        "card": card.to_dict(),
        "artefact": artefact,
        "reference_version": reference,
        "alert_id": None,
        "job_id": None,
        "gate": {"rows": [], "verdict": "none", "sentence": _sentence(spec, rows.labelled, found), "method": ""},
        "holdout": None,
        "metrics": {},
        "importance": {},
        "lineage": {
            "origin": "imported",
            "format": taken.format,
            "source": taken.source,
            "reason": comment,
            "notes": notes,
            "params": {},
            "seed": None,
            "data_sha256": None,
            "libraries": taken.libraries,
            "baselines": {},
        },
    }
    try:
        core.control.put_version(record)
    except AlreadyExistsError as error:
        raise ConflictError(str(error)) from None


def _sentence(spec: ModelSpec, rows: JobRows | None, found: Predictions | None) -> str:
    """Say what the model is worth on the rows at hand, and that this is no gate: which rows it has learned from is not known."""
    words = "Trained elsewhere and not held against the champion"
    if rows is None or found is None:
        return f"{words}: no labelled row is there to judge it by."
    loss = float(row_loss(rows.label, found).mean())
    names = {"regression": "mean absolute error"}
    name = names.get(spec.task, "log loss" if found.scores is not None else "share of wrong classes")
    return f"{words}; on {len(rows.label):,} labelled rows, which it may have learned from, its {name} is {loss:.4g}."
