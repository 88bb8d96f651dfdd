"""Taking in what a training job has made: its artefact, its reference, its version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from retraining import job_files, registry
from service.local import mlflow_log, pruning, references
from service.local.promoting import promote
from service.local.study_records import STUDIES
from storage.faults import fault_point
from storage.names import SUBJECT

if TYPE_CHECKING:
    from pathlib import Path

    from reference_data.reference import Reference
    from service.local.core import Core


def register(core: Core, job: dict[str, Any], ended: Mapping[str, Any]) -> None:
    """Keep a finished job's artefact, freeze its reference, register its version: each step can be repeated, the last one counts.

    Of a study its findings are kept, with the job.
    """
    folder = core.home.jobs / job["id"]
    model, result = job["model"], job_files.read_result(folder)
    if job["kind"] != "retrain":
        core.control.append_job_event(job | dict(ended) | {STUDIES: {job["kind"]: result}})
        return
    artefact = f"{model}-{result['version']}-{result['card']['sha256'][:12]}.skops"
    registry.adopt(folder / job_files.ARTEFACT, core.home.artefacts / artefact, result["card"]["sha256"])
    fault_point("register.after_artefact")
    reference = frozen_once(core, model, f"training job {job['id']}", folder / job_files.REFERENCE)
    fault_point("register.after_reference")
    if result["version"] not in core.versions(model):
        core.control.put_version(
            {
                "version": result["version"],
                "model": model,
                "created_at": core.now().isoformat(),
                "created_by": job["requested_by"],
                "period": result["period"],
                "rows": result["rows"]["train"],
                "trainer": result["trainer"],
                "card": result["card"],
                "artefact": artefact,
                "reference_version": reference.version,
                "alert_id": job["alert_id"],
                "job_id": job["id"],
                "gate": result["gate"],
                "holdout": result["holdout"],
                "metrics": result["metrics"],
                "importance": result["importance"],
                "lineage": {
                    key: result[key]
                    for key in (
                        "query",
                        "code_sha256",
                        "environment",
                        "params",
                        "seed",
                        "data_sha256",
                        "libraries",
                        "notes",
                        "reason",
                        "seconds",
                        "baselines",
                        "training",
                    )
                    if key in result
                },
            }
        )
    fault_point("register.after_version")
    promote(core, job, result["version"])
    fault_point("register.after_promote")
    curve = result.get("learning_curve")
    made = {} if curve is None else {STUDIES: {"learning_curve": curve}}
    core.control.append_job_event(job | dict(ended) | {"version": result["version"]} | made)
    detail = {"job": job["id"], "sha256": result["card"]["sha256"], "gate": result["gate"]["verdict"]}
    detail |= once_more(core, job, result["card"]["sha256"])
    core.control.append_audit("driftdeck", "register", f"{model}/{result['version']}", detail, "workspace", core.now())
    pruning.retain(core, model)
    mlflow_log.log_version(core, model, result["version"])


def once_more(core: Core, job: Mapping[str, Any], sha256: str) -> dict[str, str]:
    """Return, of a job that was done again, which version was to be made again and whether the artefact is the same."""
    if not job.get("again"):
        return {}
    earlier = core.control.job(job["again"])["version"]
    record = core.versions(job["model"]).get(earlier or "")
    if record is None:
        return {"again": job["again"]}
    return {
        "again": job["again"],
        "same_as" if record["card"]["sha256"] == sha256 else "differs_from": record["version"],
    }


def frozen_once(core: Core, model: str, source: str, path: Path) -> Reference:
    """Freeze a reference from a version's rows in ``path``, or return the one that an earlier try has frozen from ``source``."""
    for number in reversed(core.control.reference_versions(model)):
        if (found := core.control.reference(model, number)).source == source:
            return found
    table = pq.read_table(path)
    times = table["_event_time"]
    if times.type.tz is None:  # a job's own times are UTC; a stranger's naive ones would be local
        at = table.column_names.index("_event_time")
        table = table.set_column(at, "_event_time", pc.assume_timezone(times, "UTC"))
    spec = core.spec(model)
    names = {
        "_id": spec.id or "prediction_id",
        "_event_time": spec.time or "event_time",
        "_model_version": "model_version",
    }
    names |= {"prediction": spec.prediction or "prediction", "label": spec.label or "label", "scores": "score"}
    if spec.subject is not None and spec.subject not in table.column_names:
        names[SUBJECT] = spec.subject  # so that a subject's rows are found in the sample that is kept, too
    table = table.rename_columns([names.get(name, name) for name in table.column_names])
    return references.freeze_logged(core, model, table, source=source)
